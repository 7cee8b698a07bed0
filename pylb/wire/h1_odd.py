"""The slow path of the HTTP/1 reader: heads that the fast pattern of `h1` does not cover, with HAProxy's verdict on each.

It reads like HAProxy's parser: strictly from left to right, so that the first broken byte decides, a prefix of a message is judged like the whole,
and the reported position is the one of `show errors`. Bare LF, blank lines before the start line, runs of blanks in it, folded values and any byte
but CR and LF in values pass; names must be tokens; `content-length`, `transfer-encoding`, `connection` and `host` are understood as they come (`h1_fields`),
versions, CONNECT targets, authorities and transfer encodings are judged when the head is complete (configuration.txt `option
accept-invalid-http-request`; RFC 9112 sections 2 to 7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pylb.base.errors import BadMessage
from pylb.wire.authority import check_connect, settle_authority
from pylb.wire.h1_fields import Fields
from pylb.wire.headers import BLANKS, Headers
from pylb.wire.message import Framing, Request, Response

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
LONGEST_NAME = 255
ANY_NAME = re.compile(rb"[^:\n]*")
TARGET = re.compile(rb"[!\"$-~]*")
LAX_TARGET = re.compile(rb"[!-~\x80-\xff]*")
VERSION = re.compile(rb"[A-Z0-9/.]*")
DIGITS = re.compile(rb"[0-9]*")
TEXT = re.compile(rb"[^\r\n]*")
SOME_BLANKS = re.compile(rb"[ \t]*")
REQUEST_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
ANY_VERSION = re.compile(rb"[A-Z0-9/.]{4}/([0-9])\.([0-9])")
CR, LF, COLON = 0x0D, 0x0A, 0x3A

# What a block and a start line cost in HAProxy's internal representation: a head must fit in `bufsize - maxrewrite` with these.
BUFFER_COST, BLOCK_COST, START_LINE_COST = 40, 8, 28
RAW_COST = 64  # a raw head must fit in a buffer less this


@dataclass(slots=True)
class Limits:
    """What a head may measure: `tune.bufsize`, `tune.maxrewrite`, `tune.http.maxhdr`, and `option accept-invalid-http-*`."""

    bufsize: int = 16384
    maxrewrite: int = 1024
    max_headers: int = 101
    accept_invalid: bool = False


class Incomplete(Exception):
    """The bytes so far are a valid beginning."""


class Reader:
    """A position in a buffer that holds the beginning of a message."""

    def __init__(self, buf: bytes, limits: Limits, request: bool) -> None:
        self.buf, self.limits, self.request = buf, limits, request
        self.lax, self.at = limits.accept_invalid, 0

    def fail(self, at: int, why: str) -> BadMessage:
        return BadMessage(400 if self.request else 502, at, why)

    def peek(self) -> int:
        """The byte here; Incomplete at the end."""
        if self.at >= len(self.buf):
            raise Incomplete
        return self.buf[self.at]

    def run(self, pattern: re.Pattern[bytes]) -> bytes:
        """The longest run of `pattern` from here, which must have ended."""
        found = pattern.match(self.buf, self.at)
        assert found is not None
        self.at = found.end()
        self.peek()
        return found[0]

    def end_of_line(self) -> bool:
        """Step over CR LF or a bare LF, if it is here."""
        byte = self.peek()
        if byte == CR:
            if self.at + 1 >= len(self.buf):
                raise Incomplete
            if self.buf[self.at + 1] != LF:
                raise self.fail(self.at + 1, "CR without LF")
            self.at += 2
            return True
        self.at += byte == LF
        return byte == LF

    def before(self) -> None:
        """Step over blank lines before a start line."""
        while self.end_of_line():
            pass

    def blanks(self, why: str) -> None:
        """Step over the blanks that must separate two words of a start line."""
        if self.peek() not in BLANKS:
            raise self.fail(self.at, why)
        self.run(SOME_BLANKS)

    def line_must_end(self, why: str) -> None:
        at = self.at
        if not self.end_of_line():
            raise self.fail(at, why)

    def fields(self, trailers: bool = False) -> Fields:
        """All header fields (or trailers) and the empty line."""
        fields = Fields(self.request, trailers)
        count = 0
        while not self.end_of_line():
            name = self.name()
            at, value = self.value()
            count += 1
            if count > self.limits.max_headers:
                raise self.fail(self.at, "too many headers")
            fields.add(name, value, at)
        if count >= self.limits.max_headers:
            raise self.fail(self.at, "too many headers")
        return fields

    def name(self) -> bytes:
        """A field's name; steps over the colon. HAProxy has one byte for its length."""
        start = self.at
        name = self.run(ANY_NAME if self.lax else TOKEN)
        if self.at == start or self.buf[self.at] != COLON or len(name) > LONGEST_NAME:
            raise self.fail(self.at, "invalid header name")
        self.at += 1
        return name.lower()

    def value(self) -> tuple[int, bytes]:
        """A field's value, unfolded, and where it begins. The line is over only when the next one does not continue it."""
        start = -1
        while True:
            if start < 0:
                self.run(SOME_BLANKS)
                if self.peek() not in (CR, LF):
                    start = self.at
            empty_at = self.at
            self.run(TEXT)
            end = self.at
            self.line_must_end("invalid header value")
            if self.peek() not in BLANKS:
                break
        if start < 0:
            return empty_at, b""
        text = self.buf[start:end]
        if LF in text:
            text = text.replace(b"\r", b" ").replace(b"\n", b" ")
        return start, text.rstrip(BLANKS)

    def too_big(self, words: tuple[bytes, ...], headers: Headers) -> bool:
        """Would HAProxy's internal form of this head leave no room for rewriting?"""
        cost = START_LINE_COST + BLOCK_COST + sum(map(len, words)) + BLOCK_COST + 1
        cost += sum([len(name) + len(value) + BLOCK_COST for name, value in headers])
        return cost > self.limits.bufsize - self.limits.maxrewrite - BUFFER_COST


def read_odd_request(buf: bytes, limits: Limits) -> tuple[Request, int] | None:
    """A request's head, however odd, and its size; None when it is not complete."""
    window = limits.bufsize - RAW_COST
    reader = Reader(buf[:window] if len(buf) > window else buf, limits, request=True)
    try:
        return _request(reader)
    except Incomplete:
        if len(buf) >= window:
            raise BadMessage(400, window, "head too large") from None
        return None


def _request(reader: Reader) -> tuple[Request, int]:
    reader.before()
    start = reader.at
    method = reader.run(TOKEN)
    if reader.at == start:
        raise reader.fail(start, "invalid method")
    _no_old_request(reader, lax=False)
    reader.blanks("invalid method")
    _no_old_request(reader, lax=False)
    target_at = reader.at
    target = reader.run(LAX_TARGET if reader.lax else TARGET)
    old = _no_old_request(reader, lax=reader.lax)
    if not old:
        reader.blanks("invalid URI")
        old = _no_old_request(reader, lax=reader.lax)
    if old:
        return Request(method, target, 10, Headers(), keep_alive=False, head_size=reader.at), reader.at
    version_at = reader.at
    version = reader.run(VERSION)
    reader.line_must_end("invalid version")
    fields = reader.fields()
    number = _version(reader, version, version_at)
    target = _settle_target(reader, method, target, target_at, fields)
    request = _finish_request(reader, method, target, number, fields)
    if reader.too_big((method, request.target, version), fields.headers):
        raise reader.fail(reader.at, "head too large")
    if method.lower() == b"pri":
        raise BadMessage(400, -1, "PRI is reserved to HTTP/2")
    return request, reader.at


def _no_old_request(reader: Reader, lax: bool) -> bool:
    """Does the line end where a version should follow (HTTP/0.9)? An error unless `lax`."""
    at = reader.at
    if not reader.end_of_line():
        return False
    if not lax:
        raise reader.fail(at, "no version")
    return True


def _version(reader: Reader, text: bytes, at: int) -> int:
    """A request's version as major * 10 + minor."""
    found = (ANY_VERSION if reader.lax else REQUEST_VERSION).fullmatch(text)
    if found:
        return int(found[1]) * 10 + int(found[2])
    if reader.lax:
        return 10
    raise reader.fail(at, "invalid version")


def _settle_target(reader: Reader, method: bytes, target: bytes, at: int, fields: Fields) -> bytes:
    """Judge the authority of the target against the host field; default ports are dropped from both (RFC 9110 4.2.3, 7.1)."""
    if method == b"CONNECT":
        if not check_connect(target) and not reader.lax:
            raise reader.fail(at, "invalid authority")
    elif target[:1] in (b"/", b"*"):
        return target
    settled = settle_authority(method, target, fields.headers.get(b"host"))
    if settled is None:
        if reader.lax:
            return target
        raise reader.fail(fields.host_at, "host and authority differ")
    target, host = settled
    if host is not None:
        fields.headers[:] = [(name, host) if name == b"host" else (name, value) for name, value in fields.headers]
    return target


def _finish_request(reader: Reader, method: bytes, target: bytes, version: int, fields: Fields) -> Request:
    """Framing, persistence and upgrade of a request whose head is complete."""
    if method == b"CONNECT":  # what follows is the tunnel's
        fields.headers.remove(b"content-length")
        fields.length = None
    length = fields.length or 0
    if version < 11 and method in (b"GET", b"HEAD", b"DELETE") and (fields.chunked or length):
        raise BadMessage(413, reader.at, "payload in an HTTP/1.0 request without one")
    keep_alive = not fields.close and (version >= 11 or fields.keep)
    if fields.encoded:
        if not fields.chunked:
            raise reader.fail(reader.at, "chunked is not the last transfer-encoding")
        if fields.other_codings:
            raise BadMessage(422, reader.at, "unknown transfer-encoding")
        keep_alive = keep_alive and version >= 11 and fields.length is None
        fields.headers.remove(b"content-length")
    framing = Framing.CHUNKED if fields.chunked else Framing.LENGTH if length else Framing.NONE
    request = Request(method, target, version, fields.headers, framing, length if framing == Framing.LENGTH else 0, keep_alive, head_size=reader.at)
    expect = fields.headers.get(b"expect")
    request.expect_continue = expect is not None and expect.lower() == b"100-continue" and version >= 11
    if fields.upgrade:
        _settle_upgrade(reader, request)
    return request


def _settle_upgrade(reader: Reader, request: Request) -> None:
    """An upgrade excludes a body: then it is forgotten. A websocket needs its key (RFC 6455 4.1)."""
    if request.framing != Framing.NONE:
        request.headers.remove(b"upgrade")
        return
    wanted = request.headers.get_all(b"upgrade")
    request.upgrade = b", ".join(wanted) or None
    if names_websocket(request.headers) and not request.headers.get(b"sec-websocket-key"):
        raise reader.fail(reader.at, "websocket without key")


def names_websocket(headers: Headers) -> bool:
    """Is websocket among the protocols of `upgrade`?"""
    return any(word.lower() == b"websocket" for word in headers.values_split(b"upgrade"))


def read_odd_response(buf: bytes, request_method: bytes, limits: Limits, upgrade: bytes | None) -> tuple[Response, int] | None:
    """A response's head, however odd, and its size; None when it is not complete."""
    window = limits.bufsize - RAW_COST
    reader = Reader(buf[:window] if len(buf) > window else buf, limits, request=False)
    try:
        return _response(reader, request_method, upgrade)
    except Incomplete:
        if len(buf) >= window:
            raise BadMessage(502, window, "head too large") from None
        return None


def _response(reader: Reader, request_method: bytes, upgrade: bytes | None) -> tuple[Response, int]:
    reader.before()
    start = reader.at
    version = reader.run(VERSION)
    if reader.at == start:
        raise reader.fail(start, "invalid version")
    reader.blanks("invalid version")
    if reader.buf[reader.at] in (CR, LF):
        raise reader.fail(reader.at, "no status")
    code, reason = _status(reader)
    fields = reader.fields()
    found = ANY_VERSION.fullmatch(version)
    if not found:
        raise reader.fail(start, "invalid version")
    response = Response(int(code), reason, int(found[1]) * 10 + int(found[2]), fields.headers, head_size=reader.at)
    _finish_response(reader, response, fields, request_method, upgrade)
    if reader.too_big((version, code, reason), fields.headers):
        raise reader.fail(reader.at, "head too large")
    return response, reader.at


def _status(reader: Reader) -> tuple[bytes, bytes]:
    """Status code and reason of a status line; steps over its end."""
    start = reader.at
    code = reader.run(DIGITS)
    if reader.at == start:
        raise reader.fail(start, "invalid status")
    reason = b""
    if reader.buf[reader.at] not in (CR, LF):
        reader.blanks("invalid status")
        reason = reader.run(TEXT)
    reader.line_must_end("invalid reason")
    return code, reason


def _finish_response(reader: Reader, response: Response, fields: Fields, request_method: bytes, upgrade: bytes | None) -> None:
    """Framing, persistence and upgrade of a response whose head is complete (RFC 9112 6.3)."""
    if fields.other_codings:
        raise reader.fail(reader.at, "unknown transfer-encoding")
    if fields.upgrade:
        response.upgrade = b", ".join(fields.headers.get_all(b"upgrade"))
    if response.status == 101:
        _settle_switch(reader, response, fields, upgrade)
    contradictory = fields.encoded and fields.length is not None  # RFC 9112 6.3: the connection does not survive it
    if fields.encoded:
        fields.headers.remove(b"content-length")
        fields.length = None
    response.framing = response_framing(response.status, request_method, fields)
    if response.status < 200:
        fields.headers.remove(b"content-length")
        fields.headers.remove(b"transfer-encoding")
    response.length = fields.length or 0
    persistent = response.version >= 11 or (fields.keep and not fields.chunked)
    response.keep_alive = persistent and not fields.close and not contradictory and response.framing not in (Framing.CLOSE, Framing.TUNNEL)


def _settle_switch(reader: Reader, response: Response, fields: Fields, upgrade: bytes | None) -> None:
    """A 101 must have been asked for and must say `connection: upgrade`; a websocket needs its accept (RFC 6455 4.2.2)."""
    if not fields.upgrade or upgrade is None:
        raise BadMessage(502, -1, "switch of protocols that was not asked for")
    if names_websocket(fields.headers) and not fields.headers.contains(b"sec-websocket-accept"):
        raise reader.fail(reader.at, "websocket without accept")


def response_framing(status: int, request_method: bytes, fields: Fields) -> Framing:
    """How a response's body ends (RFC 9112 6.3), in order of precedence."""
    if status == 101 or (request_method == b"CONNECT" and 200 <= status < 300) or (status < 100 and not fields.chunked):
        return Framing.TUNNEL
    if request_method == b"HEAD" or 100 <= status < 200 or status in (204, 304):
        return Framing.NONE
    if fields.chunked:
        return Framing.CHUNKED
    if fields.length is None:
        return Framing.CLOSE
    return Framing.LENGTH if fields.length else Framing.NONE
