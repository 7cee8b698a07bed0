"""Keeping invalid messages for `show errors`: what HAProxy's buffer held of them, and the flags of its H1 connections and streams.

HAProxy reads a first time up to the room that rewriting leaves, and up to a full buffer when a head needs more; what lies beyond is not captured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pylb.base.errors import BadMessage
from pylb.proxy.errors import NOBODY, Captured, ErrorCapture
from pylb.wire.h1_odd import request_standing
from pylb.wire.h1_odd_response import response_standing
from pylb.wire.h1_reader import RAW_COST, Limits
from pylb.wire.h1_state import SAYS_CLOSE, TRAILERS, InvalidMessage, Oddity, Standing, edited

if TYPE_CHECKING:
    from pylb.proxy.proxy import Face
    from pylb.proxy.server import Server
    from pylb.stream.mux_h1_client import ClientH1
    from pylb.stream.mux_h1_server import ServerH1
    from pylb.stream.stream import HttpStream

NO_STREAM, WITH_STREAM, TO_SERVER, FULL = 0x100, 0x2200, 0x8000_2200, 0x20  # of connections
WANTS_KEEP_ALIVE, WANTS_CLOSE, NOT_FIRST, NO_BODY, BROKEN, HEAD_SENT, TUNNEL = 0x10, 0x40, 0x80, 0x100, 0x800, 0x4000, 0x20_0000  # of streams
OF_METHOD: Final = {b"HEAD": NO_BODY, b"CONNECT": TUNNEL}


@dataclass(frozen=True, slots=True)
class View:
    """What HAProxy's buffer held when its parser came to the offending byte."""

    data: bytes
    position: int
    consumed: int = 0
    full: int = 0  # the flag of a full buffer


def of_head(data: bytes, limits: Limits, position: int) -> View:
    """`data` begins with the head, or with what came before it."""
    first, most = limits.bufsize - limits.maxrewrite, limits.bufsize - RAW_COST
    if len(data) <= first or position < first:
        return View(data[:first], position)
    return View(data[:most], position, 0, FULL if len(data) >= most else 0)


def of_body(data: bytes, limits: Limits, bad: InvalidMessage, head_size: int, start: int) -> View:
    """`data` begins with what had not been understood before, and the body with its byte `start`. Trailers are blamed where the body began."""
    most, in_trailers = limits.bufsize - RAW_COST, bad.standing.state == TRAILERS
    position = head_size if in_trailers else start + bad.position
    if bad.overflow >= 0:
        begin = start + bad.overflow
        return View(data[begin : begin + most], head_size if in_trailers else 0, begin, FULL)
    if start:
        return of_head(data, limits, position)
    done = bad.position // most * most  # it reads a body in pieces of a buffer
    return View(data[done:], position if in_trailers else position - done)


def keep(face: Face, source: tuple[str, int], other: Face | None, server: Server | None, message: Captured) -> ErrorCapture:
    """The next capture of the process."""
    process = face.process
    capture = ErrorCapture(
        process.captured, process.clock.wall(), source, (other.name, other.id) if other is not None else NOBODY,
        (server.name, server.id) if server is not None else NOBODY, message,
    )  # fmt: skip
    process.captured += 1
    return capture


def in_body(head: Standing, bad: InvalidMessage) -> Standing:
    """What the head has told stays, also the length that the encoding ruled out."""
    where = bad.standing
    return Standing(where.state, head.flags, head.chunk, head.body + where.body)


# -- requests
def bad_request(mux: ClientH1, data: bytes, bad: BadMessage) -> None:
    """A request that never became one. What is refused though the parser likes it is captured only if it was odd besides."""
    assert isinstance(bad, InvalidMessage)
    if bad.position >= 0:
        odd_request(mux, data, bad, BROKEN)
    elif bad.oddity is not None:
        odd_request(mux, data, bad.oddity)


def odd_request(mux: ClientH1, data: bytes, found: InvalidMessage | Oddity, flag: int = 0) -> None:
    """A request whose head was odd, but accepted."""
    view = of_head(data, mux.limits, found.position)
    keep_request(mux, replace(view, data=edited(view.data, found.edits)), found.standing, flag)


def bad_request_body(mux: ClientH1, data: bytes, bad: BadMessage, stream: HttpStream | None, start: int = 0) -> None:
    """A body that breaks its framing, with its head or after its request has begun."""
    assert isinstance(bad, InvalidMessage)
    view = of_body(data, mux.limits, bad, len(mux.head), start)
    head = request_standing(mux.head, mux.limits)
    keep_request(mux, view, in_body(head, bad), BROKEN, stream, closes=bool(head.flags & SAYS_CLOSE))


def keep_request(mux: ClientH1, view: View, standing: Standing, flag: int, stream: HttpStream | None = None, closes: bool = False) -> None:
    """`closes`: what its head says, and HAProxy has taken note of it."""
    frontend, session = mux.frontend, mux.session
    flags = flag | (NOT_FIRST if session.requests > 1 else 0) | (HEAD_SENT if stream is not None and stream.head_sent else 0)
    flags |= WANTS_CLOSE if closes or (stream is not None and not stream.request.keep_alive) else WANTS_KEEP_ALIVE
    connection = view.full | (NO_STREAM if stream is None else WITH_STREAM)
    message = Captured(view.data, mux.consumed + view.consumed, view.position, connection, flags, standing)
    frontend.invalid_request = keep(frontend, session.source, stream.backend if stream is not None else None, None, message)


# -- responses
def bad_response(stream: HttpStream, back: ServerH1, data: bytes, bad: BadMessage, start: int) -> None:
    """A response that never became one; it begins at `start` in what came."""
    assert isinstance(bad, InvalidMessage)
    if bad.position >= 0:
        odd_response(stream, back, data, bad, start, BROKEN)
    elif bad.oddity is not None:
        odd_response(stream, back, data, bad.oddity, start)


def odd_response(stream: HttpStream, back: ServerH1, data: bytes, found: InvalidMessage | Oddity, start: int, flag: int = 0) -> None:
    """A response whose head was odd, but accepted."""
    view = of_head(data, back.limits, found.position)
    keep_response(stream, back, replace(view, data=edited(view.data, found.edits, start)), found.standing, flag)


def bad_response_body(stream: HttpStream, back: ServerH1, data: bytes, bad: BadMessage, start: int = 0) -> None:
    """A body that begins at `start` breaks its framing."""
    assert isinstance(bad, InvalidMessage)
    view = of_body(data, back.limits, bad, len(back.head), start)
    head = response_standing(back.head, back.request_method, back.limits)
    keep_response(stream, back, view, in_body(head, bad), BROKEN, closes=bool(head.flags & SAYS_CLOSE))


def keep_response(stream: HttpStream, back: ServerH1, view: View, standing: Standing, flag: int, closes: bool = False) -> None:
    backend = back.server.backend
    flags = flag | HEAD_SENT | OF_METHOD.get(back.request_method, 0) | (NOT_FIRST if back.requests > 1 else 0)
    flags |= WANTS_CLOSE if closes or not stream.keep_server else WANTS_KEEP_ALIVE
    message = Captured(view.data, view.consumed, view.position, TO_SERVER | view.full, flags, standing)
    backend.invalid_response = keep(backend, stream.session.source, stream.frontend, back.server, message)
