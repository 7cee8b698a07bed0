"""What actions share: the rule sets they stand in, log-formats as bytes, substitutions, and what happens when a rewrite fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.proxy.ruleset import ROOMY
from pylb.sample.code import Writer, WrittenBytes
from pylb.sample.expression import Expression
from pylb.sample.logformat import LogFormat
from pylb.sample.validity import Checkpoint, available, needs
from pylb.stream.verdict import Stop
from pylb.wire.message import Response

if TYPE_CHECKING:
    from pylb.stream.driver import Stream
    from pylb.stream.session import Session

REQUEST = ("http-request",)
BOTH = ("http-request", "http-response")
HTTP = ("http-request", "http-response", "http-after-response")
RESPONSE = ("http-response", "http-after-response")
TCP = ("tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content")
SESSION = ("tcp-request connection", "tcp-request session")
CONTENT = ("tcp-request content", "tcp-response content")

Bytes = WrittenBytes
Substitute = Callable[[Any, bytes], "bytes | None"]
REFERENCE = re.compile(rb"\\(?:([0-9])|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
LONELY = re.compile(rb"(?<!\\)(?:\\\\)*\\\Z")  # a backslash with nothing behind it
USUAL = 512


def is_stream(subject: Stream | Session) -> TypeGuard[Stream]:
    """Do the rules run for a stream? Before there is one they run for the session."""
    return subject.session is not subject


class BadTemplate(ValueError):
    """A replacement ends in the middle of an escape: the rewrite fails."""


def constant(data: bytes) -> Bytes:
    """The same bytes for every stream."""
    return WrittenBytes(lambda stream: data, lambda writer: writer.literal(data), data)


def as_bytes(text: LogFormat) -> Bytes:
    """A compiled log-format that gives bytes; a text without variables is computed once."""
    fixed = text.constant
    if fixed is not None:
        return constant(fixed.encode("latin-1"))
    call = text.call

    def write(writer: Writer) -> str:
        encoded = f"({text.write(writer)}).encode('latin-1')"
        return writer.repeat(encoded) if text.stable else encoded

    return WrittenBytes(lambda stream: call(stream).encode("latin-1"), write)


def bytes_of(args: Args, complaint: str = "") -> Bytes:
    """The next word as a log-format that gives bytes."""
    return as_bytes(args.log_format(complaint=complaint))


def only(args: Args, complaint: str) -> None:
    """Refuse a word that does not begin the condition, with the complaint about the number of arguments."""
    if args.peek() is not None and not args.at_condition():
        raise Alert(complaint)


def substitution(regex: re.Pattern[bytes], template: Bytes) -> Substitute:
    r"""A function that gives the template, with its \0 to \9 filled in, for a text that matches; None: no match."""

    def substitute(stream: Stream, text: bytes) -> bytes | None:
        found = regex.search(text)
        if found is None:
            return None
        return expand(template(stream), found)

    return substitute


def expand(template: bytes, found: re.Match[bytes]) -> bytes:
    r"""`template` with \0 ... \9 replaced by the groups of `found`, \xHH by that byte, \ before anything else dropped."""
    if b"\\" not in template:
        return template

    def one(escape: re.Match[bytes]) -> bytes:
        digit, code, other = escape.groups()
        if code is not None:
            return bytes((int(code, 16),))
        if digit is None:
            return other or b""
        return found.group(int(digit)) or b"" if int(digit) <= found.re.groups else b""

    if LONELY.search(template):
        raise BadTemplate
    return REFERENCE.sub(one, template)


def sample(args: Args, name: str = "", where: Checkpoint | None = None) -> Expression:
    """The next expression, which must have a value at this place (or at `where`); `name` is what a complaint calls it."""
    expression = args.expression()
    if not available(expression.source, args.context().where() if where is None else where):
        name = name or args.at(args.index - 1)
        raise Alert(f"fetch method '{name}' extracts information from '{needs(expression.source)}', none of which is available here")
    return expression


# -- rewrites that do not fit
def fits(stream: Stream, more: int) -> bool:
    """Does the message that is being edited still fit its buffer with so many bytes more?"""
    headers = stream.headers
    message = stream.request if headers is stream.request.headers else stream.response
    limits = stream.front.limits
    if more <= USUAL and (message is None or message.head_size < ROOMY):
        return True
    held = sum([len(name) + len(value) for name, value in headers]) + 8 * len(headers)
    return bool(held + more + stream.inbox_size < limits.bufsize)


def require_room(stream: Stream, message: Response, body: bytes, who: str, when: str) -> None:
    """An answer that does not fit a buffer is an internal error instead."""
    size = sum([len(name) + len(value) for name, value in message.headers]) + len(body)
    if size >= stream.front.limits.bufsize:
        stream.count("eint")
        raise Stop(who, when, 500)


def refuse_rewrite(stream: Stream, ruleset: str) -> None:
    """A rewrite failed: count it, and unless `strict-mode off` stands before, end with an internal error."""
    stream.count("wrew")
    if stream.lenient:
        return
    stream.count("eint")
    raise Stop("P", "R" if ruleset == "http-request" else "H", 500)
