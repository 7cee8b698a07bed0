"""Keeping invalid messages for `show errors`: what HAProxy's buffer held of them, and the flags of its H1 connections and streams.

HAProxy reads a first time up to the room that rewriting leaves, and up to a full buffer when a head needs more; what lies beyond is not captured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.base.errors import BadMessage
from pylb.proxy.errors import Captured, ErrorCapture
from pylb.wire.h1_odd import request_standing
from pylb.wire.h1_odd_response import response_standing
from pylb.wire.h1_reader import RAW_COST, Limits
from pylb.wire.h1_state import TRAILERS, InvalidMessage, Oddity, Standing, edited

if TYPE_CHECKING:
    from pylb.proxy.proxy import Face
    from pylb.proxy.server import Server
    from pylb.stream.mux_h1_client import ClientH1
    from pylb.stream.mux_h1_server import ServerH1
    from pylb.stream.stream import HttpStream

NO_STREAM, WITH_STREAM, TO_SERVER, FULL = 0x100, 0x2200, 0x8000_2200, 0x20  # of connections
WANTS_KEEP_ALIVE, WANTS_CLOSE, NOT_FIRST, NO_BODY, BROKEN, HEAD_SENT, TUNNEL = 0x10, 0x40, 0x80, 0x100, 0x800, 0x4000, 0x20_0000  # of streams
OF_METHOD: Final = {b"HEAD": NO_BODY, b"CONNECT": TUNNEL}


def held(data: bytes, limits: Limits, position: int) -> tuple[bytes, int]:
    """What of `data`, a head to begin with, HAProxy's buffer held when it came to `position`, and the flag of a full one."""
    first, most = limits.bufsize - limits.maxrewrite, limits.bufsize - RAW_COST
    if len(data) <= first or position < first:
        return data[:first], 0
    return data[:most], FULL if len(data) >= most else 0


def late(data: bytes, limits: Limits, bad: InvalidMessage) -> tuple[bytes, InvalidMessage]:
    """The same for a body, which HAProxy reads in pieces of a buffer that it has dealt with by then."""
    most = limits.bufsize - RAW_COST
    done = bad.position // most * most if bad.standing.state != TRAILERS else 0
    return data[done:], InvalidMessage(bad.status, bad.position - done, bad.why, bad.standing)


def keep(face: Face, source: tuple[str, int], other: Face | None, server: Server | None, message: Captured) -> ErrorCapture:
    """The next capture of the process."""
    process = face.process
    capture = ErrorCapture(
        process.captured, process.clock.wall(), source, (other.name, other.id) if other is not None else ("<NONE>", -1),
        (server.name, server.id) if server is not None else ("<NONE>", -1), message,
    )  # fmt: skip
    process.captured += 1
    return capture


# -- requests
def bad_request(mux: ClientH1, data: bytes, bad: BadMessage) -> None:
    """A request that never became one. What is refused though the parser likes it is captured only if it was odd besides."""
    assert isinstance(bad, InvalidMessage)
    if bad.position >= 0:
        request(mux, data, bad, BROKEN)
    elif bad.oddity is not None:
        request(mux, data, bad.oddity)


def bad_request_body(mux: ClientH1, stream: HttpStream, data: bytes, bad: BadMessage) -> None:
    """A body that breaks its framing after its request had begun; `data` is what had not been understood before."""
    head = request_standing(mux.head, mux.limits)
    request(mux, *late(data, mux.limits, in_body(bad, head, len(mux.head))), BROKEN, stream)


def request(mux: ClientH1, data: bytes, found: InvalidMessage | Oddity, flag: int = 0, stream: HttpStream | None = None) -> None:
    """A request that is invalid, or odd and accepted."""
    frontend, session = mux.frontend, mux.session
    text, full = held(data, mux.limits, found.position)
    flags = flag | (NOT_FIRST if session.requests > 1 else 0) | (HEAD_SENT if stream is not None and stream.head_sent else 0)
    flags |= WANTS_KEEP_ALIVE if stream is None or stream.request.keep_alive else WANTS_CLOSE
    connection = NO_STREAM if stream is None else WITH_STREAM
    message = Captured(edited(text, found.edits), mux.consumed, found.position, connection | full, flags, found.standing)
    frontend.invalid_request = keep(frontend, session.source, stream.backend if stream is not None else None, None, message)


# -- responses
def bad_response(stream: HttpStream, back: ServerH1, data: bytes, bad: BadMessage, start: int) -> None:
    """A response that never became one."""
    assert isinstance(bad, InvalidMessage)
    if bad.position >= 0:
        response(stream, back, data, bad, BROKEN, start)
    elif bad.oddity is not None:
        response(stream, back, data, bad.oddity, 0, start)


def bad_response_body(stream: HttpStream, back: ServerH1, data: bytes, bad: BadMessage, start: int = 0) -> None:
    """A body that begins at `start` breaks its framing."""
    head = response_standing(back.head, back.request_method, back.limits)
    found = in_body(bad, head, len(back.head), start)
    response(stream, back, *((data, found) if start else late(data, back.limits, found)), BROKEN)


def response(stream: HttpStream, back: ServerH1, data: bytes, found: InvalidMessage | Oddity, flag: int = 0, start: int = 0) -> None:
    """A response that is invalid, or odd and accepted; it begins at `start` in what came."""
    backend = back.server.backend
    text, full = held(data, back.limits, found.position)
    flags = flag | HEAD_SENT | OF_METHOD.get(back.request_method, 0) | (NOT_FIRST if back.requests > 1 else 0)
    flags |= WANTS_KEEP_ALIVE if stream.keep_server else WANTS_CLOSE
    message = Captured(edited(text, found.edits, start), 0, found.position, TO_SERVER | full, flags, found.standing)
    backend.invalid_response = keep(backend, stream.session.source, stream.frontend, back.server, message)


# -- bodies
def in_body(bad: BadMessage, head: Standing, head_size: int, start: int = 0) -> InvalidMessage:
    """The error of a body that begins at `start` in what came, with all that is known of its message. Trailers are blamed where the body began."""
    assert isinstance(bad, InvalidMessage)
    where = bad.standing
    position = head_size if where.state == TRAILERS else start + bad.position
    left = 0 if where.body else head.chunk  # until a chunk has come this is the length that the encoding ruled out
    return InvalidMessage(bad.status, position, bad.why, Standing(where.state, head.flags, left, head.body + where.body))
