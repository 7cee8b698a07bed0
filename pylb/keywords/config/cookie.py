"""`cookie` and `persist`: what ties clients to servers (configuration.txt 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable

from pylb.base import units
from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword

WORDS = "'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr'"
FLAGS = ("rewrite", "insert", "prefix", "indirect", "nocache", "postonly", "preserve", "httponly", "secure", "dynamic")
MOST = 2_147_483_647
RDP_COOKIE = re.compile(r"rdp-cookie\(([^)]+)\)")
USAGE = (
    "<name> [rewrite|insert|prefix] [indirect] [nocache] [postonly] [preserve] [httponly] [secure] [domain <domain>]*"
    " [maxidle <idle>] [maxlife <life>] [dynamic] [attr <value>]*"
)


@keyword("cookie", sections=PROXY, face="backend", usage=USAGE)
def cookie(proxy: model.Proxy, args: Args) -> None:
    """The cookie that says which server a client belongs to, and how it gets to the client."""
    new = model.PersistenceCookie(args.word("'cookie' expects <cookie_name> as argument.").encode("latin-1", "replace"))
    flags: set[str] = set()
    while word := args.next():
        if word in FLAGS:
            flags.add(word)
        elif word in VALUES:
            VALUES[word](new, args)
        else:
            raise Alert(f"'cookie' supports {WORDS} options.")
    new.flags = frozenset(flags)
    proxy.cookie = new
    _check(flags)


def _check(flags: set[str]) -> None:
    """Modes that exclude each other."""
    if len(flags & {"rewrite", "insert", "prefix"}) > 1:
        raise Alert("cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.")
    if {"rewrite", "indirect"} <= flags:
        raise Alert("cookie 'rewrite' and 'indirect' modes are incompatible.")
    if "preserve" in flags and not flags & {"insert", "indirect"}:
        raise Alert("cookie 'preserve' requires at least 'insert' or 'indirect'.")


def _word(args: Args, complaint: str) -> str:
    """The next word; what is wrong with words of options is said in a form of its own."""
    word = args.next()
    if not word:
        raise BareAlert(f"{args.where}: {complaint}")
    return word


def _domain(new: model.PersistenceCookie, args: Args) -> None:
    text = _word(args, "'domain' expects <domain> as argument.")
    if "." not in text:
        args.report.warning(
            f"{args.where}: domain '{text}' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3)."
        )
    odd = next((letter for letter in text if not (letter.isascii() and (letter.isalnum() or letter in "-._"))), None)
    if odd is not None:
        raise BareAlert(f"{args.where}: character '{odd}' is not permitted in domain name '{text}'.")
    new.domains.append(text.encode("latin-1", "replace"))


def _attribute(new: model.PersistenceCookie, args: Args) -> None:
    text = _word(args, "'attr' expects <value> as argument.")
    odd = next((letter for letter in text if letter == ";" or letter < " " or letter == "\x7f"), None)
    if odd is not None:
        raise BareAlert(f"{args.where}: character '%x{ord(odd):02X}' is not permitted in attribute value.")
    new.attributes.append(text.encode("latin-1", "replace"))


def _seconds(args: Args, name: str, what: str) -> int:
    text = _word(args, f"'{name}' expects <{what}> in seconds as argument.")
    try:
        return units.parse_duration(text, "s") // 1000
    except units.TimerOverflow:
        raise BareAlert(f"{args.where}: timer overflow in argument <{text}> to <{name}>, maximum value is 2147483647 s (~68 years).")
    except units.BadNumber as error:
        raise BareAlert(f"{args.where}: unexpected character '{error.character}' in argument to <{name}>.")


def _maxidle(new: model.PersistenceCookie, args: Args) -> None:
    new.maxidle = _seconds(args, "maxidle", "idletime")


def _maxlife(new: model.PersistenceCookie, args: Args) -> None:
    new.maxlife = _seconds(args, "maxlife", "lifetime")


VALUES: dict[str, Callable[[model.PersistenceCookie, Args], None]] = {
    "domain": _domain,
    "attr": _attribute,
    "maxidle": _maxidle,
    "maxlife": _maxlife,
}


@keyword("persist", sections=PROXY, usage="rdp-cookie[(<name>)]")
def persist(proxy: model.Proxy, args: Args) -> None:
    """Persistence by the cookie of remote desktop clients."""
    method = args.word("missing persist method.")
    if not method.startswith("rdp-cookie"):
        raise Alert("unknown persist method.")
    named = RDP_COOKIE.match(method)
    if method != "rdp-cookie" and not named:
        raise Alert("persist rdp-cookie(name)' requires an rdp cookie name.")
    proxy.extra["persist rdp-cookie"] = named[1] if named else "msts"
