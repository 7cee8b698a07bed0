"""`option` and `no option`: one table says which faces an option has and how it is refused (configuration.txt 4.2).

Plain options are either set or not; the others have a function each. `mode="http"` options are dropped, with a warning, from
proxies that are not in HTTP mode (see `config.link`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from pylb.base.errors import Alert
from pylb.base.registry import Registry
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.plain_options import PLAIN, Plain
from pylb.config.registry import PROXY, keyword
from pylb.config.spelling import did_you_mean

NO_EFFECT = {
    "disable-h2-upgrade": "there is no HTTP/2 yet to upgrade to",
    "http-no-delay": "Nagle's algorithm is always off, and nothing that can leave is ever held back",
    "http-pretend-keepalive": "requests to servers never say that they are the last one",
    "splice-auto": "nothing is spliced: bytes arrive all the same",
    "splice-request": "nothing is spliced: bytes arrive all the same",
    "splice-response": "nothing is spliced: bytes arrive all the same",
    "tcp-smart-accept": "delayed acknowledgements are the kernel's business",
    "tcp-smart-connect": "delayed acknowledgements are the kernel's business",
}
REMOVED = {
    "http_proxy": "option 'http_proxy' is not supported any more since HAProxy 2.5. This option stopped working in HAProxy 1.9 and usually had nasty"
    " side effects. It can be more reliably implemented with combinations of 'http-request set-dst' and 'http-request set-uri', and even"
    " 'http-request do-resolve' if DNS resolution is desired.",
    "http-tunnel": "option 'http-tunnel' is not supported any more since HAProxy 2.1, please just remove it, it shouldn't be needed.",
    "forceclose": "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use 'option httpclose' if absolutely needed.",
}
SUGGESTED = (  # what HAProxy proposes beside the plain ones, its misspelling included
    *("httpclose", "http-server-close", "http-keep-alive", "redispatch", "httplog", "tcplog", "tcpka", "httpchk", "ssl-hello-chk"),
    *("smtpchk", "pgsql-check", "redis-check", "mysql-check", "ldap-check", "spop-check", "tcp-check", "external-check"),
    *("forwardfor", "original-to"),
)
CONNECTION_MODES = ("httpclose", "http-server-close", "http-keep-alive")

option: Registry[Callable[[model.Proxy, Args], None]] = Registry("option")


@keyword("option", sections=PROXY, usage="<name> [<arguments>]")
def option_keyword(proxy: model.Proxy, args: Args) -> None:
    """Set, or with `no` unset, one option."""
    name = args.at(1)
    args.index = 2
    if not name:
        raise BareAlert(f"{args.where}: 'option' expects an option name.")
    if args.negated == "default" and (name in PLAIN or name in CONNECTION_MODES):
        raise Alert(f"'option {name}' cannot handle unexpected argument '{name}'.")
    if name in PLAIN:
        _plain(proxy, args, name, PLAIN[name])
    elif name in REMOVED and not args.negated:
        raise BareAlert(f"{args.where}: {REMOVED[name]}")
    elif name in CONNECTION_MODES:
        _connection_mode(proxy, args, name)
    elif name == "redispatch":
        _redispatch(proxy, args)
    elif args.negated:
        raise BareAlert(f"{args.where}: negation/default is not supported for option '{name}'.")
    else:
        _other(proxy, args, name)


def _plain(proxy: model.Proxy, args: Args, name: str, fact: Plain) -> None:
    args.end(f"option {name}")
    if fact.face and args.lacks(fact.face):
        args.warn(f"'{name}' ignored because {proxy.label} has no {fact.face} capability.")
        return
    proxy.options.discard(name)
    proxy.no_options.discard(name)
    if args.negated is None:
        proxy.options.add(name)
    elif args.negated == "no":
        proxy.no_options.add(name)


def _connection_mode(proxy: model.Proxy, args: Args, name: str) -> None:
    """The three ways to end a transaction exclude each other; `no` goes back to keep-alive."""
    args.end(f"option {name}")
    if args.negated is None:
        proxy.connection_mode = name
        proxy.options.difference_update(CONNECTION_MODES)
        proxy.options.add(name)
    elif proxy.connection_mode == name:
        proxy.connection_mode = "http-keep-alive"
        proxy.options.discard(name)


def _redispatch(proxy: model.Proxy, args: Args) -> None:
    """Leave the server that persistence names after some failed attempts."""
    if args.lacks("backend"):
        args.warn(f"'redispatch' ignored because {proxy.label} has no backend capability.")
        return
    if args.negated:
        proxy.options.discard("redispatch")
        proxy.redispatch_after = 0
        return
    proxy.options.add("redispatch")
    proxy.redispatch_after = leading_integer(args.at(2)) if args.at(2) else -1
    if not proxy.redispatch_after:
        proxy.options.discard("redispatch")


def _other(proxy: model.Proxy, args: Args, name: str) -> None:
    entry = option.get(name)
    if entry is None:
        raise Alert(f"unknown option '{name}'" + (did_you_mean(name, (*PLAIN, *SUGGESTED)) or "."))
    face = entry.facts.get("face")
    if face and args.lacks(face):
        args.warn(f"'{name}' ignored because {proxy.label} has no {face} capability.")
        return
    entry.function(proxy, args)


def _log_style(name: str, apply: Callable[[model.Proxy, Args], None]) -> None:
    """Register one of the options that choose a ready-made log format."""

    def choose(proxy: model.Proxy, args: Args) -> None:
        """A ready-made log format."""
        apply(proxy, args)
        proxy.options.difference_update(("httplog", "tcplog", "httpslog", "httplog clf"))
        proxy.log_format_source = None
        proxy.extra["log-format place"] = args.place
        proxy.options.add(f"{name} clf" if name == "httplog" and args.at(2) == "clf" else name)
        if proxy.kind == "backend":
            args.warn(f"{proxy.label} : 'option {name}' directive is ignored in backends.")
            proxy.options.difference_update(("httplog", "tcplog", "httpslog", "httplog clf"))

    option.add(name, choose, {})


def _httplog(proxy: model.Proxy, args: Args) -> None:
    if args.at(2) and args.at(2) != "clf":
        raise Alert("keyword 'httplog' only supports option 'clf'.")
    if args.at(2):
        args.index = 3
        args.end("option httplog")


_log_style("httplog", _httplog)
_log_style("tcplog", lambda proxy, args: args.end("option tcplog"))
_log_style("httpslog", lambda proxy, args: None)


@option("tcpka")
def tcpka(proxy: model.Proxy, args: Args) -> None:
    """TCP keep-alive on both sides."""
    args.end("option tcpka")
    proxy.options |= {name for name, face in (("clitcpka", "frontend"), ("srvtcpka", "backend")) if not args.lacks(face)}


@option("http-restrict-req-hdr-names")
def http_restrict_req_hdr_names(proxy: model.Proxy, args: Args) -> None:
    """What happens to header names with characters outside ``[a-zA-Z0-9-]``."""
    if not args.at(2):
        raise Alert("missing parameter. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.")
    if args.at(2) not in ("preserve", "reject", "delete"):
        raise Alert(
            f"invalid parameter '{args.at(2)}'. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option."
        )
    args.at_most(2)
    proxy.extra["http-restrict-req-hdr-names"] = args.at(2)


def _client_header(args: Args, name: str, header: bytes, words: tuple[str, ...], supported: str) -> model.ForwardFor:
    """The arguments of `option forwardfor` and `option originalto`."""
    wanted = model.ForwardFor(header.lower())
    while (word := args.next()) in words and word:
        if word == "if-none":
            wanted.if_none = True
        elif word == "header":
            wanted.header = args.word(f"'option {name} header' expects <header_name> as argument.").lower().encode()
        else:
            wanted.except_network = network(args.next(), f"'option {name} except' expects <address>[/mask] as argument.")
    if word:
        raise Alert(f"'option {name}' only supports optional values: {supported}.")
    return wanted


def network(text: str, complaint: str) -> Any:
    """An IPv4 or IPv6 network; host bits are cleared."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Alert(complaint)


@option("forwardfor")
def forwardfor(proxy: model.Proxy, args: Args) -> None:
    """Add the client's address to the request (`X-Forwarded-For`)."""
    words = ("except", "header", "if-none")
    proxy.forwardfor = _client_header(args, "forwardfor", b"X-Forwarded-For", words, "'except', 'header' and 'if-none'")
    proxy.options.add("forwardfor")


@option("originalto")
def originalto(proxy: model.Proxy, args: Args) -> None:
    """Add the address the client connected to (`X-Original-To`)."""
    proxy.originalto = _client_header(args, "originalto", b"X-Original-To", ("except", "header"), "'except' and 'header'")
    proxy.options.add("originalto")
