"""Actions on the connection: addresses, marks, priorities and timeouts (configuration.txt 4.2 `http-request set-src`, `set-tos`, `set-timeout`)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from pylb.base import units
from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import BOTH, CONTENT, REQUEST, TCP, is_stream, sample
from pylb.sample.casts import cast_between, possible
from pylb.sample.expression import Expression
from pylb.sample.types import Expr, Type
from pylb.sample.validity import Checkpoint
from pylb.stream.registry import action

if TYPE_CHECKING:
    from pylb.stream.driver import Stream
    from pylb.stream.session import Session

REQUEST_SIDE = ("http-request", "tcp-request connection", "tcp-request session", "tcp-request content")
INTEGER = "expects exactly 1 argument (integer/hex value)"


# -- addresses
@action("set-src", rulesets=REQUEST_SIDE, usage="<expr>")
def set_src(args: Args) -> Run:
    """Take another address for the client's; its port stays."""
    return change_address(args, "source")


@action("set-dst", rulesets=REQUEST_SIDE, usage="<expr>")
def set_dst(args: Args) -> Run:
    """Take another address for the one the client connected to; the port stays."""
    return change_address(args, "destination")


@action("set-src-port", rulesets=REQUEST_SIDE, usage="<expr>")
def set_src_port(args: Args) -> Run:
    """Take another port for the client's."""
    return change_port(args, "source")


@action("set-dst-port", rulesets=REQUEST_SIDE, usage="<expr>")
def set_dst_port(args: Args) -> Run:
    """Take another port for the one the client connected to."""
    return change_port(args, "destination")


def of_request(args: Args) -> Checkpoint:
    """Where the addresses of a stream may come from, whatever rule set it is."""
    assert args.proxy is not None
    front = Checkpoint(0) if args.lacks("frontend") else Checkpoint.FRONTEND_REQUEST_HEADERS
    return front if args.lacks("backend") else front | Checkpoint.BACKEND_REQUEST_HEADERS


def converted(expression: Expression, wanted: Type) -> Expr:
    """An expression, cast to a type."""
    if not possible(expression.type, wanted):
        return lambda stream: None
    cast = cast_between(expression.type, wanted)
    call = expression.call

    def value(stream: Stream) -> Any:
        found = call(stream)
        return found if found is None or cast is None else cast(found)

    return value


def change_address(args: Args, attribute: str) -> Run:
    """Replace the address and keep the port."""
    value = converted(sample(args, where=of_request(args)), Type.ADDR)

    def run(stream: Stream) -> None:
        found = value(stream)
        if isinstance(found, IPv4Address | IPv6Address):
            session = own_session(stream)
            setattr(session, attribute, (str(found), getattr(session, attribute)[1]))

    return run


def change_port(args: Args, attribute: str) -> Run:
    """Replace the port and keep the address; a unix socket gets the address 0.0.0.0."""
    value = converted(sample(args, where=of_request(args)), Type.SINT)

    def run(stream: Stream) -> None:
        found = value(stream)
        if isinstance(found, int):
            session = own_session(stream)
            setattr(session, attribute, (getattr(session, attribute)[0] or "0.0.0.0", found & 0xFFFF))

    return run


def own_session(stream: Stream | Session) -> Session:
    """The session to change: the connection's before there is a stream, else a view of it that only this stream has."""
    return stream.private_session() if is_stream(stream) else stream.session


# -- the socket
@action("set-mark", rulesets=(*BOTH, *TCP), usage="<mark>")
def set_mark(args: Args) -> Run:
    """Mark the packets to the client (SO_MARK); without the privilege nothing happens."""
    mark = whole(args)

    def run(stream: Stream) -> None:
        session = stream.session
        session.process.net.set_mark(session.transport, mark)

    return run


@action("set-tos", rulesets=(*BOTH, *TCP), usage="<tos>")
def set_tos(args: Args) -> Run:
    """Set the TOS byte of packets to the client."""
    tos = whole(args)

    def run(stream: Stream) -> None:
        session = stream.session
        session.process.net.set_tos(session.transport, tos)

    return run


@action("set-nice", rulesets=(*BOTH, *CONTENT), usage="<nice>")
def set_nice(args: Args) -> Run:
    """The weight of this stream's task among others: one event loop serves all in turn, so the number is read and has no effect."""
    args.word("expects exactly 1 argument (integer value)")
    return lambda stream: None


def whole(args: Args) -> int:
    """A number, decimal or hexadecimal."""
    text = args.word(INTEGER)
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    known = "0123456789abcdefABCDEF" if digits is not text else "0123456789"
    rest = digits.lstrip(known) if digits is not text else text.lstrip(known)
    if rest:
        raise Alert(f"invalid character starting at '{rest}' (integer/hex value expected)")
    return int(digits or "0", 16 if digits is not text else 10) & 0xFFFFFFFF


# -- priorities in queues
@action("set-priority-class", rulesets=("http-request", "tcp-request content"), usage="<expr>")
def set_priority_class(args: Args) -> Run:
    """The class decides first who leaves a queue: the lowest value."""
    return priority(args, "priority_class", 2047)


@action("set-priority-offset", rulesets=("http-request", "tcp-request content"), usage="<expr>")
def set_priority_offset(args: Args) -> Run:
    """Within a class, as if the stream had come so many milliseconds later."""
    return priority(args, "priority_offset", 524287)


def priority(args: Args, attribute: str, bound: int) -> Run:
    value = converted(sample(args, args.at(args.index - 1)), Type.SINT)

    def run(stream: Stream) -> None:
        found = value(stream)
        if isinstance(found, int):
            setattr(stream, attribute, max(-bound, min(bound, found)))

    return run


# -- timeouts
@action("set-timeout", rulesets=REQUEST, usage="{ server | tunnel } { <timeout> | <expr> }")
def set_timeout(args: Args) -> Run:
    """Another timeout for this stream only, fixed or computed (in milliseconds)."""
    which, text = args.next(), args.at(args.index)
    if not which or not text:
        raise Alert("expects exactly 2 arguments")
    assert args.proxy is not None
    if args.lacks("backend"):
        raise Alert(f"proxy '{args.proxy.name}' has no backend capability")
    if which not in ("server", "tunnel"):
        raise Alert(f"'set-timeout' rule supports 'server'/'tunnel' (got '{which}')")
    value = milliseconds(args, which)

    def run(stream: Stream) -> None:
        found = value(stream)
        if isinstance(found, int) and found > 0:
            stream.set_timeout(which, found / 1000)

    return run


def milliseconds(args: Args, which: str) -> Callable[[Any], Any]:
    """A fixed time or, where the word is no time, an expression."""
    text = args.at(args.index)
    try:
        fixed = units.parse_duration(text)
    except units.TimerOverflow:
        raise Alert(
            f"timer overflow in argument '{text}' to rule 'set-timeout {which}' (maximum value is 2147483647 ms or ~24.8 days)"
        ) from None
    except units.BadNumber as error:
        try:
            return converted(args.expression(), Type.SINT)
        except Alert:
            raise Alert(f"unexpected character '{error.character}' in rule 'set-timeout {which}'") from None
    if not fixed:
        raise Alert(f"null value is not valid for a 'set-timeout {which}' rule")
    args.index += 1
    return lambda stream: fixed
