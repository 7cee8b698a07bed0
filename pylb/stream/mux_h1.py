"""The HTTP/1 mux, what both sides share: buffers, body framing on the way out, backpressure (HAProxy's mux_h1).

Its two sides are `mux_h1_client.ClientH1` and `mux_h1_server.ServerH1`. Neither ever decides anything about a request; both only
turn bytes into events of their stream and the stream's verbs into bytes.

Invariants: `buffer` holds bytes not yet understood; everything written in one event leaves in one `transport.write` (`flush`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pylb.wire.body import NOTHING, BodyReader, BodyWriter, WrongLength
from pylb.wire.h1_fields import adjust_case
from pylb.wire.headers import Headers

if TYPE_CHECKING:
    from pylb.proxy.counters import ModuleCounters

HIGH_WATER = 65536  # bytes unsent on one side before the other side is paused
NO_TRAILERS = Headers()


class H1(asyncio.Protocol):
    """What both sides share: the buffers, body framing on the way out, and backpressure."""

    __slots__ = ("blocked", "buffer", "counters", "head", "out", "paused", "reader", "transport", "writer")

    transport: asyncio.Transport

    def __init__(self, counters: ModuleCounters) -> None:
        self.counters = counters  # of the frontend or backend
        self.buffer = b""
        self.out: list[bytes] = []
        self.reader: BodyReader | None = None
        self.head = b""  # of the message whose chunked body is read
        self.writer: BodyWriter | None = None  # puts the body that leaves into its form; None: it has it
        self.blocked = False  # our peer does not read: more than HIGH_WATER bytes wait
        self.paused = False  # we do not read from our peer

    def send_data(self, data: bytes) -> None:
        """A piece of the body."""
        if self.writer is None:
            self.out.append(data)
            return
        try:
            self.out.append(self.writer.data(data))
        except WrongLength:
            self.break_off()

    def send_end(self, trailers: Headers | None = None) -> None:
        """The body is complete."""
        writer, self.writer = self.writer, None
        if writer is None:
            return
        try:
            tail = writer.end(trailers or NO_TRAILERS)
        except WrongLength:
            self.break_off()
            return
        case = self.case_of_names() if trailers else None
        self.out.append(tail if case is None else adjust_case(tail, case))

    def break_off(self) -> None:
        """The body is not what its head says: what was about to leave does not, nor anything more of it."""
        self.out.clear()
        self.writer = NOTHING
        self.on_wrong_length()

    def on_wrong_length(self) -> None:
        """The stream of the message cannot go on."""
        raise NotImplementedError

    def case_of_names(self) -> dict[bytes, bytes] | None:
        """How this side's peer wants the names of fields written; None: as they are."""
        return None

    def flush(self) -> None:
        """Let everything said since the last flush leave in one write."""
        out = self.out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            transport = self.transport
            if not transport.is_closing():
                self.counters.h1_bytes_out += len(data)
                transport.write(data)

    def pause(self) -> None:
        """Stop reading from the peer."""
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read from the peer again."""
        if self.paused:
            self.paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()
