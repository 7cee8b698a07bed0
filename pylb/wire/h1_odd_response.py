"""The slow path of the HTTP/1 reader for responses (see `h1_odd` for requests)."""

from __future__ import annotations

import re

from pylb.wire import h1_state
from pylb.wire.h1_fields import Fields
from pylb.wire.h1_reader import ANY_VERSION, CR, LF, RAW_COST, TEXT, VERSION, Incomplete, Limits, Reader, is_new, version_number
from pylb.wire.h1_state import Standing
from pylb.wire.headers import BLANKS
from pylb.wire.message import Framing, Response

DIGITS = re.compile(rb"[0-9]*")
STATUS_BITS = 0xFFFF  # HAProxy has no more for a status


def read_odd_response(buf: bytes, request_method: bytes, limits: Limits) -> tuple[Response, int] | None:
    """A response's head, however odd, and its size; None when it is not complete."""
    window = limits.bufsize - RAW_COST
    reader = Reader(buf[:window] if len(buf) > window else buf, limits, request=False)
    reader.flags |= ASKED_WITH.get(request_method, 0)
    try:
        return _response(reader, request_method)
    except Incomplete:
        if len(buf) >= window:
            raise reader.fail(window, "head too large") from None
        return None


def response_standing(head: bytes, request_method: bytes, limits: Limits) -> Standing:
    """How the parser sees a response whose head was accepted."""
    reader = Reader(head, limits, request=False)
    reader.lax = True
    _response(reader, request_method)
    return reader.standing()


ASKED_WITH = {b"HEAD": h1_state.TO_HEAD, b"CONNECT": h1_state.TO_CONNECT}


def _response(reader: Reader, request_method: bytes) -> tuple[Response, int]:
    start, version = reader.first_word(VERSION, "invalid version", h1_state.RPBEFORE_CR, h1_state.RPVER)
    if is_new(version) and reader.buf[reader.at] in BLANKS:
        reader.flags |= h1_state.VERSION_11
    reader.blanks("invalid version", h1_state.RPVER_SP)
    if reader.buf[reader.at] in (CR, LF):
        raise reader.fail(reader.at, "no status")
    code, reason = _status(reader)
    fields = reader.fields()
    number = version_number(version)
    reader.stand_at_body(number, fields)
    if not reader.lax and not ANY_VERSION.fullmatch(version):
        raise reader.fail(start, "invalid version")
    response = Response(int(code) & STATUS_BITS, reason, number, fields.headers, head_size=reader.at)
    response.written = code if len(code) != 3 else b""
    _finish_response(reader, response, fields, request_method)
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


def _finish_response(reader: Reader, response: Response, fields: Fields, request_method: bytes) -> None:
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
        _judge_switch(reader, fields)
    if fields.encoded:
        fields.headers.remove(b"content-length")
    response.length = 0 if fields.encoded else stated or 0
    persistent = response.version >= 11 or (fields.keep and not fields.chunked)
    contradictory = fields.encoded and stated is not None  # RFC 9112 6.3: the connection does not survive it
    response.keep_alive = persistent and not fields.close and not contradictory and framing not in (Framing.CLOSE, Framing.TUNNEL)


def _stand_at_response(reader: Reader, response: Response, fields: Fields, request_method: bytes) -> None:
    """The parser's view once the framing is known. Where there can be no body nothing is left of what announced it."""
    status = response.status
    if request_method == b"HEAD" or 100 <= status < 200 or status in (204, 304) or (request_method == b"CONNECT" and 200 <= status < 300):
        fields.length, fields.ends_chunked = None, False
        reader.stand_whole(False, 0)
    elif fields.ends_chunked or (fields.length is not None and not fields.encoded):
        reader.stand_whole(fields.ends_chunked, fields.length or 0)


def _judge_switch(reader: Reader, fields: Fields) -> None:
    """A websocket needs its accept (RFC 6455 4.2.2)."""
    if fields.websocket and fields.upgrade and not fields.headers.contains(b"sec-websocket-accept"):
        raise reader.fail_where_odd("websocket without accept")


def response_framing(status: int, request_method: bytes, fields: Fields) -> Framing:
    """How a response's body ends (RFC 9112 6.3), in order of precedence."""
    if status == 101 or (request_method == b"CONNECT" and 200 <= status < 300):
        return Framing.TUNNEL
    if request_method == b"HEAD" or 100 <= status < 200 or status in (204, 304):
        return Framing.NONE
    if fields.chunked:
        return Framing.CHUNKED
    if fields.length is None or fields.encoded:
        return Framing.CLOSE if status >= 100 else Framing.TUNNEL
    return Framing.LENGTH if fields.length else Framing.NONE
