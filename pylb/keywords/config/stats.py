"""`stats` of proxies: the statistics page (configuration.txt 4.2)."""

from __future__ import annotations

import string
from collections.abc import Callable

from pylb.base import units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword
from pylb.keywords.config.rules import enter, http_rule, no_operation

SUPPORTED = "'admin', 'uri', 'realm', 'auth', 'scope', 'enable', 'hide-version', 'show-node', 'show-desc' or 'show-legends'."
NODE = frozenset(string.ascii_letters + string.digits + "-_.")


@keyword("stats", sections=PROXY, usage="<word> [<arguments>]")
def stats(proxy: model.Proxy, args: Args) -> None:
    """Turn the statistics page on and shape it."""
    name = args.at(1)
    if not name:
        raise BareAlert(f"{args.where}: missing keyword in 'stats', expects {SUPPORTED}")
    word = WORDS.get(name)
    if word is None:
        raise BareAlert(f"{args.where}: unknown stats parameter '{name}', expects {SUPPORTED}")
    args.index = 2
    word(proxy, args)


def page(proxy: model.Proxy) -> model.Statistics:
    """The proxy's page, made at first mention."""
    if proxy.statistics is None:
        proxy.statistics = model.Statistics()
    return proxy.statistics


def _enable(proxy: model.Proxy, args: Args) -> None:
    page(proxy)


def _uri(proxy: model.Proxy, args: Args) -> None:
    page(proxy).uri = args.word("'uri' needs an URI prefix.").encode("latin-1", "replace")


def _realm(proxy: model.Proxy, args: Args) -> None:
    page(proxy).realm = args.word("'realm' needs an realm name.").encode("latin-1", "replace")


def _auth(proxy: model.Proxy, args: Args) -> None:
    user, _, password = args.word("'auth' needs a user:password account.").partition(":")
    page(proxy).users.append((user.encode("latin-1", "replace"), password.encode("latin-1", "replace")))


def _scope(proxy: model.Proxy, args: Args) -> None:
    page(proxy).scope.append(args.word("'scope' needs a proxy name."))


def _refresh(proxy: model.Proxy, args: Args) -> None:
    text = args.at(2)
    if not text:
        raise BareAlert(f"{args.where}: unexpected character '\0' in argument to stats refresh interval.")
    try:
        page(proxy).refresh = units.parse_duration(text, "s") // 1000
    except units.BadNumber as error:
        raise BareAlert(f"{args.where}: unexpected character '{error.character}' in argument to stats refresh interval.")


def _show_node(proxy: model.Proxy, args: Args) -> None:
    name = args.at(2)
    if not NODE.issuperset(name):
        raise BareAlert(
            f"{args.where}: 'stats show-node' invalid node name - should be a string"
            "with digits(0-9), letters(A-Z, a-z), hyphen(-) or underscode(_)."
        )
    page(proxy).node = name or args.config.global_.node or ""


def _show_desc(proxy: model.Proxy, args: Args) -> None:
    text = " ".join(args.rest())
    if not text and not args.config.global_.description:
        args.report.warning(f"{args.where}: 'show-desc' requires a parameter or 'desc' to be set in the global section.")
    page(proxy).description = text or args.config.global_.description


def _admin(proxy: model.Proxy, args: Args) -> None:
    if args.in_defaults:
        raise BareAlert(f"{args.where}: 'stats admin' not allowed in 'defaults' section.")
    if not args.at_condition():
        raise Alert("'stats admin' requires either 'if' or 'unless' followed by a condition.")
    enter(args, "http-request")
    try:
        test = args.condition()
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(f"error detected while parsing a 'stats admin' rule : {error}.")
    page(proxy).admin_rules.append(test)


def _http_request(proxy: model.Proxy, args: Args) -> None:
    if args.in_defaults:
        raise BareAlert(f"{args.where}: 'stats' not allowed in 'defaults' section.")
    no_operation(page(proxy).http_request, args, "stats", "")
    rule = http_rule(proxy, args, "http-request", 2)
    page(proxy).http_request.append(rule)


def _show(slot: str) -> Callable[[model.Proxy, Args], None]:
    def show(proxy: model.Proxy, args: Args) -> None:
        setattr(page(proxy), slot, True)

    return show


WORDS: dict[str, Callable[[model.Proxy, Args], None]] = {
    "admin": _admin,
    "uri": _uri,
    "realm": _realm,
    "auth": _auth,
    "scope": _scope,
    "enable": _enable,
    "refresh": _refresh,
    "hide-version": _show("hide_version"),
    "show-legends": _show("show_legends"),
    "show-modules": _show("show_modules"),
    "show-node": _show_node,
    "show-desc": _show_desc,
    "http-request": _http_request,
}
