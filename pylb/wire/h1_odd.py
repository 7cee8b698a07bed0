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

from pylb.wire import h1_state
from pylb.wire.authority import check_connect, settle_authority
from pylb.wire.h1_fields import Fields
from pylb.wire.h1_state import InvalidMessage, Oddity, Standing
from pylb.wire.headers import BLANKS, Headers
from pylb.wire.message import Framing, Request, Response

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
LONGEST_NAME = 255  # HAProxy's internal form has one byte for it
ANY_NAME = re.compile(rb"[^:\n]*")
TARGET = re.compile(rb"[!\"$-~]*")
LAX_TARGET = re.compile(rb"[!-~\x80-\xff]*")
VERSION = re.compile(rb"[A-Z0-9/.]*")
DIGITS = re.compile(rb"[0-9]*")
TEXT = re.compile(rb"[^\r\n]*")
SOME_BLANKS = re.compile(rb"[ \t]*")
REQUEST_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
ANY_VERSION = re.compile(rb"[A-Z0-9/.]{4}/([0-9])\.([0-9])")
WEBSOCKET_KEY = 24  # bytes
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
    """A position in a buffer that holds the beginning of a message, and where HAProxy's parser would stand there."""

    def __init__(self, buf: bytes, limits: Limits, request: bool) -> None:
        self.buf, self.limits, self.request = buf, limits, request
        self.lax, self.at = limits.accept_invalid, 0
        self.state = h1_state.RQBEFORE if request else h1_state.RPBEFORE
        self.flags = h1_state.ALWAYS if request else h1_state.ALWAYS | h1_state.IS_RESPONSE
        self.seen: Fields | None = None
        self.value_at = -1  # of the last field
        self.has_long_name = False
        self.odd_at = -1  # the first byte that only `lax` lets pass
        self.edits: list[tuple[int, bytes]] = []

    def fail(self, at: int, why: str, status: int = 0) -> InvalidMessage:
        return InvalidMessage(status or (400 if self.request else 502), at, why, self.standing(), tuple(self.edits))

    def fail_where_odd(self, why: str, status: int = 0) -> InvalidMessage:
        """A message that is wrong as a whole: the byte to blame is the first odd one, if there was any."""
        return self.fail(self.odd_at if self.odd_at >= 0 else self.at, why, status)

    def fail_too_big(self) -> InvalidMessage:
        """It was understood, but there is no room for what was understood."""
        if self.state == h1_state.DONE:
            self.state = h1_state.DATA
        if not self.has_long_name:
            self.flags &= ~h1_state.SIZE_KNOWN
        return self.fail(self.at, "head too large")

    def refuse(self, why: str) -> InvalidMessage:
        """The parser has nothing against it, but it is not wanted."""
        bad = self.fail(-1, why)
        bad.oddity = self.oddity()
        return bad

    def standing(self) -> Standing:
        fields = self.seen
        if fields is None:
            return Standing(self.state, self.flags)
        length = fields.length or 0
        length -= (length >> 63) << 64  # HAProxy's numbers have a sign
        return Standing(self.state, self.flags | fields.flags(), length, length)

    def odd(self, at: int) -> None:
        """This byte passes, but is captured."""
        if self.odd_at < 0:
            self.odd_at = at

    def oddity(self) -> Oddity | None:
        return Oddity(self.odd_at, self.standing(), tuple(self.edits)) if self.odd_at >= 0 else None

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

    def end_of_line(self, after_cr: str, broken: str = "") -> bool:
        """Step over CR LF or a bare LF, if it is here. The states are those between CR and LF, and when something else follows CR."""
        byte = self.peek()
        if byte == CR:
            self.state = after_cr
            if self.at + 1 >= len(self.buf):
                raise Incomplete
            if self.buf[self.at + 1] != LF:
                self.state = broken or after_cr
                raise self.fail(self.at + 1, "CR without LF")
            self.at += 2
            return True
        self.at += byte == LF
        return byte == LF

    def before(self, after_cr: str) -> None:
        """Step over blank lines before a start line."""
        state = self.state
        while self.end_of_line(after_cr):
            self.state = state

    def blanks(self, why: str, state: str) -> None:
        """Step over the blanks that must separate two words of a start line."""
        if self.peek() not in BLANKS:
            raise self.fail(self.at, why)
        self.state = state
        self.run(SOME_BLANKS)

    def line_must_end(self, why: str, after_cr: str) -> None:
        at = self.at
        if not self.end_of_line(after_cr):
            raise self.fail(at, why)

    def fields(self, trailers: bool = False) -> Fields:
        """All header fields (or trailers) and the empty line."""
        fields = self.seen = Fields(self.request, self.fail, trailers)
        count = 0
        self.state = h1_state.HDR_FIRST
        while not self.end_of_line(h1_state.LAST_LF):
            name = self.name()
            at, value = self.value()
            self.value_at = at
            count += 1
            if count > self.limits.max_headers:
                raise self.fail(self.at, "too many headers")
            before = len(fields.headers)
            fields.add(name, value, at)
            if name == b"connection" and len(fields.headers) > before:
                self.edits.append((at, fields.headers[-1][1]))
        self.state = h1_state.LAST_LF
        if count >= self.limits.max_headers:
            raise self.fail(self.at, "too many headers")
        return fields

    def name(self) -> bytes:
        """A field's name; steps over the colon."""
        self.state = h1_state.HDR_NAME
        start = self.at
        name = self.run(ANY_NAME if self.lax else TOKEN)
        if self.at == start or self.buf[self.at] != COLON:
            raise self.fail(self.at, "invalid header name")
        self.has_long_name = self.has_long_name or len(name) > LONGEST_NAME
        if self.lax:
            token = TOKEN.match(name)
            if token is not None and token.end() < len(name):
                self.odd(start + token.end())
        self.at += 1
        return name.lower()

    def value(self) -> tuple[int, bytes]:
        """A field's value, unfolded, and where it begins. The line is over only when the next one does not continue it."""
        start, folds = -1, list[tuple[int, bytes]]()
        while True:
            if start < 0:
                self.state = h1_state.HDR_L1_SP
                self.run(SOME_BLANKS)
                if self.peek() not in (CR, LF):
                    start = self.at
            empty_at = self.at
            self.state = h1_state.HDR_L1_SP if start < 0 else h1_state.HDR_VAL
            self.run(TEXT)
            end = self.at
            if start >= 0:
                self.edits += folds
                folds.clear()
            self.line_must_end("invalid header value", h1_state.HDR_L1_LF if start < 0 else h1_state.HDR_L2_LF)
            self.state = h1_state.HDR_L1_LWS if start < 0 else h1_state.HDR_L2_LWS
            if self.peek() not in BLANKS:
                break
            folds.append((end, b" " * (self.at - end)))
        self.edits += folds
        self.state = h1_state.HDR_L2_LWS
        if start < 0:
            return empty_at, b""
        text = self.buf[start:end]
        if LF in text:
            text = text.replace(b"\r", b" ").replace(b"\n", b" ")
        return start, text.rstrip(BLANKS)

    def too_big(self, words: tuple[bytes, ...], headers: Headers) -> bool:
        """Would HAProxy's internal form of this head leave no room for rewriting?"""
        if self.has_long_name:
            return True
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
            raise reader.fail(window, "head too large") from None
        return None


def request_standing(head: bytes, limits: Limits) -> Standing:
    """How the parser sees a request whose head was accepted."""
    reader = Reader(head, limits, request=True)
    reader.lax = True
    _request(reader)
    return reader.standing()


def _request(reader: Reader) -> tuple[Request, int]:
    reader.before(h1_state.RQBEFORE_CR)
    start = reader.at
    if TOKEN.match(reader.buf, start, start + 1)[0]:  # type: ignore[index]  # it matches everywhere
        reader.state = h1_state.RQMETH
    method = reader.run(TOKEN)
    if reader.at == start:
        raise reader.fail(start, "invalid method")
    _no_old_request(reader, lax=False)
    reader.blanks("invalid method", h1_state.RQMETH_SP)
    _no_old_request(reader, lax=False)
    reader.state = h1_state.RQURI
    target_at = reader.at
    target = reader.run(LAX_TARGET if reader.lax else TARGET)
    if reader.lax:
        plain = TARGET.match(target)
        if plain is not None and plain.end() < len(target):
            reader.odd(target_at + plain.end())
    old = _no_old_request(reader, lax=reader.lax)
    if not old:
        reader.blanks("invalid URI", h1_state.RQURI_SP)
        old = _no_old_request(reader, lax=reader.lax)
    if old:
        return _old_request(reader, method, target)
    reader.state = h1_state.RQVER
    version_at = reader.at
    version = reader.run(VERSION)
    _line_end_after_version(reader, version)
    fields = reader.fields()
    target = _settle_target(reader, method, target, target_at, fields)
    number = _version(version)
    _stand_at_body(reader, number, fields)
    if fields.encoded and not fields.chunked:
        raise reader.fail(reader.at, "chunked is not the last transfer-encoding")
    if not reader.lax and not REQUEST_VERSION.fullmatch(version):
        raise reader.fail(version_at, "invalid version")
    request = _finish_request(reader, method, target, number, fields)
    if reader.too_big((method, request.target, version), fields.headers):
        raise reader.fail_too_big()
    if method.lower() == b"pri":
        raise reader.refuse("PRI is reserved to HTTP/2")
    request.odd = reader.oddity()
    return request, reader.at


def _line_end_after_version(reader: Reader, version: bytes) -> None:
    """HAProxy understands the version when it has seen what follows the line's CR."""
    after = reader.at + (reader.buf[reader.at] == CR)
    if reader.buf[reader.at] in (CR, LF) and after < len(reader.buf) and _is_new(version):
        reader.flags |= h1_state.VERSION_11
    reader.line_must_end("invalid version", h1_state.RQLINE_END)


def _is_new(version: bytes) -> bool:
    """1.1 or more, of whatever protocol."""
    found = ANY_VERSION.fullmatch(version)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 1)


def _old_request(reader: Reader, method: bytes, target: bytes) -> tuple[Request, int]:
    """HTTP/0.9: there is nothing but the line."""
    reader.state = h1_state.DONE
    reader.flags |= h1_state.SIZE_KNOWN
    request = Request(method, target, 10, Headers(), keep_alive=False, head_size=reader.at)
    request.odd = reader.oddity()
    return request, reader.at


def _no_old_request(reader: Reader, lax: bool) -> bool:
    """Does the line end where a version should follow (HTTP/0.9)? An error unless `lax`."""
    at = reader.at
    state = reader.state
    if not reader.end_of_line(h1_state.RQLINE_END, broken=h1_state.LAST_LF):
        reader.state = state
        return False
    if not lax:
        reader.state = h1_state.DATA
        raise reader.fail(at, "no version")
    return True


def _version(text: bytes) -> int:
    """A message's version as major * 10 + minor; what is none counts as 1.0."""
    found = ANY_VERSION.fullmatch(text)
    return int(found[1]) * 10 + int(found[2]) if found else 10


def _settle_target(reader: Reader, method: bytes, target: bytes, at: int, fields: Fields) -> bytes:
    """Judge the authority of the target against the host field; default ports are dropped from both (RFC 9110 4.2.3, 7.1)."""
    if method == b"CONNECT":
        if not check_connect(target):
            if not reader.lax:
                raise reader.fail(at, "invalid authority")
            reader.odd(at)
    elif target[:1] in (b"/", b"*"):
        return target
    settled = settle_authority(method, target, fields.headers.get(b"host"))
    if settled is None:
        if reader.lax:
            reader.odd(fields.host_at if method == b"CONNECT" else reader.value_at)  # HAProxy blames the last field
            return target
        raise reader.fail(fields.host_at, "host and authority differ")
    target, host = settled
    if host is not None:
        fields.headers[:] = [(name, host) if name == b"host" else (name, value) for name, value in fields.headers]
    return target


def _finish_request(reader: Reader, method: bytes, target: bytes, version: int, fields: Fields) -> Request:
    """Framing, persistence and upgrade of a request whose head is complete."""
    keep_alive = not fields.close and (version >= 11 or fields.keep) and not (fields.encoded and (version < 11 or fields.length is not None))
    if method == b"CONNECT":  # what follows is the tunnel's
        fields.headers.remove(b"content-length")
        fields.length, fields.ends_chunked = None, False
    length = fields.length or 0
    chunked = fields.chunked and method != b"CONNECT"
    _stand_whole(reader, chunked, length)
    upgrade = fields.upgrade
    fields.upgrade = upgrade and not chunked and not length
    if version < 11 and method in (b"GET", b"HEAD", b"DELETE") and (chunked or length):
        raise reader.fail_where_odd("payload in an HTTP/1.0 request without one", 413)
    if fields.encoded:
        if fields.other_codings:
            raise reader.fail_where_odd("unknown transfer-encoding", 422)
        fields.headers.remove(b"content-length")
    framing = Framing.CHUNKED if chunked else Framing.LENGTH if length else Framing.NONE
    request = Request(method, target, version, fields.headers, framing, length if framing == Framing.LENGTH else 0, keep_alive, head_size=reader.at)
    expect = fields.headers.get(b"expect")
    request.expect_continue = expect is not None and expect.lower() == b"100-continue" and version >= 11
    if upgrade:
        _settle_upgrade(reader, fields, request)
    return request


def _stand_at_body(reader: Reader, version: int, fields: Fields) -> None:
    """The parser's view when the fields are read: an encoding rules out a length, and both together a second message."""
    reader.state = h1_state.CHUNK_SIZE if fields.ends_chunked else h1_state.DATA
    if fields.encoded:
        if version < 11 or fields.length is not None:
            reader.flags |= h1_state.SAYS_CLOSE
        fields.length_counts = False


def _stand_whole(reader: Reader, chunked: bool, length: int) -> None:
    """The parser's view when it is known where the message ends."""
    reader.flags |= h1_state.SIZE_KNOWN
    reader.state = h1_state.CHUNK_SIZE if chunked else h1_state.DATA if length else h1_state.DONE


def _settle_upgrade(reader: Reader, fields: Fields, request: Request) -> None:
    """An upgrade excludes a body: then it is forgotten. A websocket needs its key (RFC 6455 4.1)."""
    if request.framing != Framing.NONE:
        request.headers.remove(b"upgrade")
        return
    wanted = request.headers.get_all(b"upgrade")
    request.upgrade = b", ".join(wanted) or None
    if fields.websocket and WEBSOCKET_KEY not in map(len, request.headers.get_all(b"sec-websocket-key")):
        raise reader.fail_where_odd("websocket without key")


def read_odd_response(buf: bytes, request_method: bytes, limits: Limits, upgrade: bytes | None) -> tuple[Response, int] | None:
    """A response's head, however odd, and its size; None when it is not complete."""
    window = limits.bufsize - RAW_COST
    reader = Reader(buf[:window] if len(buf) > window else buf, limits, request=False)
    reader.flags |= ASKED_WITH.get(request_method, 0)
    try:
        return _response(reader, request_method, upgrade)
    except Incomplete:
        if len(buf) >= window:
            raise reader.fail(window, "head too large") from None
        return None


def response_standing(head: bytes, request_method: bytes, limits: Limits) -> Standing:
    """How the parser sees a response whose head was accepted."""
    reader = Reader(head, limits, request=False)
    reader.lax = True
    _response(reader, request_method, b"")
    return reader.standing()


ASKED_WITH = {b"HEAD": h1_state.TO_HEAD, b"CONNECT": h1_state.TO_CONNECT}


def _response(reader: Reader, request_method: bytes, upgrade: bytes | None) -> tuple[Response, int]:
    reader.before(h1_state.RPBEFORE_CR)
    start = reader.at
    if TOKEN.match(reader.buf, start, start + 1)[0]:  # type: ignore[index]  # it matches everywhere
        reader.state = h1_state.RPVER
    version = reader.run(VERSION)
    if reader.at == start:
        raise reader.fail(start, "invalid version")
    if _is_new(version) and reader.buf[reader.at] in BLANKS:
        reader.flags |= h1_state.VERSION_11
    reader.blanks("invalid version", h1_state.RPVER_SP)
    if reader.buf[reader.at] in (CR, LF):
        raise reader.fail(reader.at, "no status")
    code, reason = _status(reader)
    fields = reader.fields()
    if not reader.lax and not ANY_VERSION.fullmatch(version):
        reader.state = h1_state.DATA
        raise reader.fail(start, "invalid version")
    response = Response(int(code), reason, _version(version), fields.headers, head_size=reader.at)
    _finish_response(reader, response, fields, request_method, upgrade)
    if reader.too_big((version, code, reason), fields.headers):
        raise reader.fail_too_big()
    response.odd = reader.oddity()
    return response, reader.at


def _status(reader: Reader) -> tuple[bytes, bytes]:
    """Status code and reason of a status line; steps over its end."""
    start = reader.at
    reader.state = h1_state.RPCODE
    code = reader.run(DIGITS)
    if reader.at == start:
        raise reader.fail(start, "invalid status")
    reason = b""
    if reader.buf[reader.at] not in (CR, LF):
        reader.blanks("invalid status", h1_state.RPCODE_SP)
        reader.state = h1_state.RPREASON
        reason = reader.run(TEXT)
    reader.line_must_end("invalid reason", h1_state.RPLINE_END)
    return code, reason


def _finish_response(reader: Reader, response: Response, fields: Fields, request_method: bytes, upgrade: bytes | None) -> None:
    """Framing, persistence and upgrade of a response whose head is complete (RFC 9112 6.3)."""
    stated = fields.length
    framing = response.framing = response_framing(response.status, request_method, fields)
    _stand_at_response(reader, response, fields, request_method)
    asks_upgrade = fields.upgrade
    if response.status != 101:
        fields.upgrade = fields.websocket = False
    if fields.other_codings:
        raise reader.fail_where_odd("unknown transfer-encoding")
    if asks_upgrade:
        response.upgrade = b", ".join(fields.headers.get_all(b"upgrade"))
    if response.status == 101:
        _settle_switch(reader, fields, upgrade)
    if fields.encoded:
        fields.headers.remove(b"content-length")
    if response.status < 200:
        fields.headers.remove(b"content-length")
        fields.headers.remove(b"transfer-encoding")
    response.length = 0 if fields.encoded else stated or 0
    persistent = response.version >= 11 or (fields.keep and not fields.chunked)
    contradictory = fields.encoded and stated is not None  # RFC 9112 6.3: the connection does not survive it
    response.keep_alive = persistent and not fields.close and not contradictory and framing not in (Framing.CLOSE, Framing.TUNNEL)


def _stand_at_response(reader: Reader, response: Response, fields: Fields, request_method: bytes) -> None:
    """The parser's view once the framing is known. Where there can be no body nothing is left of what announced it."""
    _stand_at_body(reader, response.version, fields)
    status = response.status
    if request_method == b"HEAD" or 100 <= status < 200 or status in (204, 304) or (request_method == b"CONNECT" and 200 <= status < 300):
        fields.length, fields.ends_chunked = None, False
        _stand_whole(reader, False, 0)
    elif fields.ends_chunked or (fields.length is not None and not fields.encoded):
        _stand_whole(reader, fields.ends_chunked, fields.length or 0)


def _settle_switch(reader: Reader, fields: Fields, upgrade: bytes | None) -> None:
    """A 101 must have been asked for and must say `connection: upgrade`; a websocket needs its accept (RFC 6455 4.2.2)."""
    if not fields.upgrade or upgrade is None:
        raise reader.refuse("switch of protocols that was not asked for")
    if fields.websocket and not fields.headers.contains(b"sec-websocket-accept"):
        raise reader.fail_where_odd("websocket without accept")


def response_framing(status: int, request_method: bytes, fields: Fields) -> Framing:
    """How a response's body ends (RFC 9112 6.3), in order of precedence."""
    if status == 101 or (request_method == b"CONNECT" and 200 <= status < 300) or (status < 100 and not fields.chunked):
        return Framing.TUNNEL
    if request_method == b"HEAD" or 100 <= status < 200 or status in (204, 304):
        return Framing.NONE
    if fields.chunked:
        return Framing.CHUNKED
    if fields.length is None or fields.encoded:
        return Framing.CLOSE
    return Framing.LENGTH if fields.length else Framing.NONE
