"""Applets: answers that pylb makes itself, in pieces, in a server's place (the stats page, the Prometheus exporter).

A Service is a function of the stream that gives a Response and an iterator of body pieces; `serve` sends it with the client's
backpressure: the next piece is made when the one before has left, and others have had their turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pylb.stream import connect, filters
from pylb.stream import response as response_steps
from pylb.wire.message import Framing, Response

if TYPE_CHECKING:
    from pylb.stream.stream import HttpStream


class Served(Exception):
    """The stream was answered by an applet; nothing is left to do."""


AT_ONCE = 0.005  # seconds of work before others have their turn: a page of usual size is whole by then, and a client that leaves early has it


@dataclass(slots=True)
class Reply:
    """What a service answers with; `server` is the name the log shows in the server's place, e.g. `<STATS>`."""

    response: Response
    pieces: Iterator[bytes]  # each is little work to make; an empty one only has taken time
    server: str


async def next_turn(stream: HttpStream) -> None:
    """Wait until the client has read enough, and for a turn."""
    come: list[bool] = []

    def go_on() -> None:
        come.append(True)
        stream.wake()

    stream.process.turns.ask(go_on)
    await stream.wait("D", lambda: bool(come) and not stream.front.blocked)


async def serve(stream: HttpStream, reply: Reply) -> None:
    """Send a service's reply; ends with `Served`, and the stream with `LR`."""
    stream.time_request = stream.ms_since(stream.idle_from)
    stream.time_queue = stream.time_connect = stream.time_data = stream.time_request
    connect.release(stream)
    stream.applet_name = reply.server
    stream.termination = "LR"
    stream.response = reply.response
    stream.headers = reply.response.headers
    stream.keep_client = stream.keep_client and stream.request.keep_alive
    stream.count("intercepted")
    if stream.backend is None and stream.frontend.own_backend is not None:
        stream.frontend.own_backend.counters.lastsess = stream.process.clock.now()
    stream.bytes_out += response_steps.size_of(reply.response)
    if reply.response.framing is Framing.CLOSE:
        stream.keep_client = False
    if stream.frontend.filters or (stream.backend is not None and stream.backend.filters):
        filters.attach(stream, stream.frontend, stream.backend)
        filters.on_response(stream, reply.response)
    await response_steps.send_response(stream, reply.response, of_applet=True)
    until = time.monotonic() + AT_ONCE
    for piece in reply.pieces:
        stream.bytes_out += len(piece)
        if piece and stream.request.method != b"HEAD":
            filters.pass_on(stream, piece, False)
            stream.front.flush()
        if stream.front.blocked or time.monotonic() >= until:
            await next_turn(stream)
    if stream.request.method != b"HEAD":
        filters.pass_on(stream, b"", True)
        stream.front.send_end()
    stream.response_complete = True
    raise Served
