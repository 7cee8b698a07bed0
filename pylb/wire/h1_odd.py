"""The slow path of the HTTP/1 reader: requests that the fast pattern of `h1` does not cover, with HAProxy's verdict on each.

Blank lines before the start line and runs of blanks in it pass; versions, CONNECT targets, authorities and transfer encodings are judged when the head is
complete (configuration.txt `option accept-invalid-http-request`).
"""

from __future__ import annotations

import re

from pylb.wire import h1_state
from pylb.wire.authority import check_connect, settle_authority
from pylb.wire.h1_fields import Fields
from pylb.wire.h1_reader import CR, LF, RAW_COST, TOKEN, VERSION, Incomplete, Limits, Reader, is_new, version_number
from pylb.wire.h1_state import Standing
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request

TARGET = re.compile(rb"(?:[$-\xa3]{4})*+[!\"$-~]*+")  # HAProxy begins by looking at four bytes at once, and not closely
LAX_TARGET = re.compile(rb"(?:[$-\xa3]{4})*+[!-~\x80-\xff]*+")
REQUEST_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
WEBSOCKET_KEY = 24  # bytes


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
    _, method = reader.first_word(TOKEN, "invalid method", h1_state.RQBEFORE_CR, h1_state.RQMETH)
    _no_old_request(reader, False)
    reader.blanks("invalid method", h1_state.RQMETH_SP)
    _no_old_request(reader, False)
    reader.state = h1_state.RQURI
    target_at = reader.at
    target = reader.run(LAX_TARGET if reader.lax else TARGET)
    if reader.lax:
        plain = TARGET.match(target)
        if plain is not None and plain.end() < len(target):
            reader.odd(target_at + plain.end())
    may_be_old = reader.lax and method == b"GET"
    blamed = target_at if method == b"CONNECT" and not reader.lax and not check_connect(target) else -1
    old = _no_old_request(reader, may_be_old, blamed)
    if not old:
        reader.blanks("invalid URI", h1_state.RQURI_SP)
        old = _no_old_request(reader, may_be_old, blamed)
    if old:
        return _old_request(reader, method, target)
    reader.state = h1_state.RQVER
    version_at = reader.at
    version = reader.run(VERSION)
    _line_end_after_version(reader, version)
    fields = reader.fields()
    target = _settle_target(reader, method, target, target_at, fields)
    number = version_number(version)
    reader.stand_at_body(number, fields)
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
    if reader.buf[reader.at] in (CR, LF) and after < len(reader.buf) and is_new(version):
        reader.flags |= h1_state.VERSION_11
    reader.line_must_end("invalid version", h1_state.RQLINE_END)


def _old_request(reader: Reader, method: bytes, target: bytes) -> tuple[Request, int]:
    """HTTP/0.9: there is nothing but the line."""
    reader.state = h1_state.DONE
    reader.flags |= h1_state.SIZE_KNOWN
    request = Request(method, target, 10, Headers(), keep_alive=False, head_size=reader.at)
    request.odd = reader.oddity()
    return request, reader.at


def _no_old_request(reader: Reader, may_be: bool, blamed: int = -1) -> bool:
    """Does the line end where a version should follow (HTTP/0.9)? An error unless it may be; `blamed`: an authority that is none."""
    at = reader.at
    state = reader.state
    if not reader.end_of_line(h1_state.RQLINE_END, broken=h1_state.LAST_LF):
        reader.state = state
        return False
    if not may_be:
        reader.state = h1_state.DATA if blamed < 0 else h1_state.LAST_LF
        raise reader.fail(at if blamed < 0 else blamed, "no version")
    return True


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
    reader.stand_whole(chunked, length)
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


def _settle_upgrade(reader: Reader, fields: Fields, request: Request) -> None:
    """An upgrade excludes a body: then it is forgotten. A websocket needs its key (RFC 6455 4.1)."""
    if request.framing != Framing.NONE:
        request.headers.remove(b"upgrade")
        return
    wanted = request.headers.get_all(b"upgrade")
    request.upgrade = b", ".join(wanted) or None
    if fields.websocket and WEBSOCKET_KEY not in map(len, request.headers.get_all(b"sec-websocket-key")):
        raise reader.fail_where_odd("websocket without key")
