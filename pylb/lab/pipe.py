"""Pipe: one end of an in-memory TCP connection, seen as an `asyncio.Transport`, behaving as uvloop over Linux does.

Each end has an unlimited write buffer (pause_writing above its high-water mark, as real transports), then the window: bytes on the
wire or arrived and unread, at most `window`. What travels is a queue of items (the handshake's ACK, bytes, FIN, RST) that arrive in order, one
timer each, `latency` (and the bandwidth's time) later.

As in Linux and uvloop:
- closing with unread bytes, or receiving bytes after having closed, answers with RST;
- a paused end notices neither FIN nor RST until it reads or writes; a reset found by a write loses what was unread, unless held;
- bytes that came before a RST are read first; `write` on a closed end raises RuntimeError, on a closing one does nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from pylb.base.net import Hangup

if TYPE_CHECKING:
    from pylb.lab.world import World



class Signal(Enum):
    """What travels besides bytes."""

    ACK = auto()  # the last step of the handshake
    FIN = auto()
    RST = auto()


Item = bytes | Signal


@dataclass(frozen=True, slots=True)
class Link:
    """The quality of the network between two ends."""

    latency: float = 0.001
    window: int = 262144  # bytes sent and not yet read by the application behind the peer
    bandwidth: float | None = None  # bytes per second; None: no limit
    segment: int = 65536  # bytes arrive in pieces of at most this many


class Pipe(asyncio.Transport):
    """One end; `peer` is the other. An end without a protocol (not yet accepted) behaves as a paused one."""

    def __init__(self, world: World, link: Link, local: Any, remote: Any) -> None:
        super().__init__({"sockname": local, "peername": remote})
        self.world, self.link = world, link
        self.peer: Pipe | None = None
        self.options: dict[str, Any] = {}  # what was set with Net.set_*: tests look at it
        self.held = False
        self.on_hangup: Callable[[Hangup], None] | None = None
        self.on_accepted: Callable[[Pipe], None] | None = None
        self._protocol: Any = None
        self._local, self._remote = local, remote
        self._outgoing: deque[bytes] = deque()
        self._outgoing_size = 0
        self._low, self._high = 16384, 65536
        self._writing_paused = False
        self._wire: deque[Item] = deque()
        self._unread = 0  # bytes of ours on the wire or in the peer's inbox
        self._wire_free_at = 0.0
        self._inbox: deque[Item] = deque()
        self._reading = True
        self._pumping = False
        self._eof_wanted = self._fin_sent = self._fin_read = False
        self._closing = self._closed = self._lost = False
        self._error: OSError | None = None
        self._cut = False

    def __repr__(self) -> str:
        return f"Pipe({self._local} -> {self._remote}{' closing' if self._closing else ''} out={self._outgoing_size} unread={self._unread})"

    # ---- asyncio.Transport: reading

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._closing:
            self._reading = True
            self._pump_soon()

    # ---- asyncio.Transport: writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._lost:
            raise RuntimeError(f"unable to perform operation on {self!r}; the handler is closed")
        if self._eof_wanted:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._closing:
            return
        if self._error is not None:
            self.world.call_soon(self._write_failed)
            return
        self._outgoing.append(bytes(data))
        self._outgoing_size += len(data)
        self._flush()
        if self._outgoing_size > self._high and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if self._lost:
            raise RuntimeError(f"unable to perform operation on {self!r}; the handler is closed")
        if not self._eof_wanted and not self._closing:
            self._eof_wanted = True
            self._flush()

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self._outgoing_size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high if high is not None else 65536 if low is None else 4 * low
        self._low = low if low is not None else self._high // 4

    # ---- asyncio.Transport: ending

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._closing, self._reading = True, False
        if not self._outgoing:
            self._finish(None)

    def abort(self) -> None:
        self._outgoing.clear()
        self._outgoing_size = 0
        self._finish(None)

    def reset(self) -> None:
        """Abort with RST; bytes of ours that have not arrived are lost."""
        if not self._closed:
            self._wire = deque(item for item in self._wire if item is Signal.ACK)
            self._send(Signal.RST)
            self._fin_sent = True
        self.abort()

    def cut(self) -> None:
        """The cable breaks: from now on nothing arrives at either end, and nobody is told."""
        self._cut = True
        if self.peer is not None:
            self.peer._cut = True

    # ---- being connected

    def attach(self, protocol: asyncio.BaseProtocol) -> None:
        """The application takes this end: connection_made now, bytes that wait already right after."""
        self._protocol = protocol
        protocol.connection_made(self)
        self._pump_soon()

    def acknowledge(self) -> None:
        """The connecting end is established: the accepting end hears so before anything else."""
        self._send(Signal.ACK)

    def is_fresh(self) -> bool:
        return not (self._closing or self._inbox or self._fin_read or self._error)

    def hangups_so_far(self) -> list[Hangup]:
        """What `watch` tells at once."""
        seen = [Hangup.FIN] if Signal.FIN in self._inbox or self._fin_read else []
        return [*seen, Hangup.RESET] if self._error is not None else seen

    # ---- sending

    def _flush(self) -> None:
        while self._outgoing and (room := self.link.window - self._unread) > 0:
            data = self._outgoing[0]
            size = min(room, self.link.segment, len(data))
            self._outgoing[0] = data[size:]
            if not self._outgoing[0]:
                self._outgoing.popleft()
            self._outgoing_size -= size
            self._unread += size
            self._send(data[:size])
        if self._outgoing:
            return
        if self._closing:
            self._finish(None)
        elif self._eof_wanted and not self._fin_sent:
            self._fin_sent = True
            self._send(Signal.FIN)

    def _send(self, item: Item) -> None:
        leaves = max(self.world.time(), self._wire_free_at)
        if self.link.bandwidth is not None and isinstance(item, bytes):
            leaves += len(item) / self.link.bandwidth
        self._wire_free_at = leaves
        self._wire.append(item)
        self.world.call_at(leaves + self.link.latency, self._arrive)

    def _arrive(self) -> None:
        if self._wire and self.peer is not None:
            item = self._wire.popleft()
            if not self._cut:
                self.peer._take(item)

    def consumed(self, size: int) -> None:
        """The application behind the peer has read `size` bytes of ours; the window's news travels back."""
        self._unread -= size
        if self._outgoing:
            self.world.call_later(self.link.latency, self._window_opened)

    def _window_opened(self) -> None:
        if self._lost or self._cut:
            return
        self._flush()
        if self._writing_paused and self._outgoing_size <= self._low and not self._closing:
            self._writing_paused = False
            self._protocol.resume_writing()

    # ---- receiving

    def _take(self, item: Item) -> None:
        if item is Signal.ACK:
            accepted, self.on_accepted = self.on_accepted, None
            if accepted is not None:
                accepted(self)
            return
        if self._closed:
            if isinstance(item, bytes):
                self._send(Signal.RST)
            return
        if item is Signal.RST:
            self._error = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self._tell(Hangup.RESET)
            if self._closing:
                self._finish(self._error)
            elif self._outgoing and not self._can_deliver():  # the poller waits for room to write, and hears of it
                self.world.call_soon(self._write_failed)
        else:
            self._inbox.append(item)
            if item is Signal.FIN:
                self._tell(Hangup.FIN)
        self._pump()

    def _tell(self, hangup: Hangup) -> None:
        if self.on_hangup is not None:
            self.on_hangup(hangup)

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            self.world.call_soon(self._pump)

    def _pump(self) -> None:
        """Deliver what has arrived while the application reads."""
        self._pumping = False
        while self._inbox and self._can_deliver():
            item = self._inbox.popleft()
            if isinstance(item, bytes):
                self._deliver(item)
            else:
                self._fin_read = True
                if not self._protocol.eof_received():
                    self.close()
        if self._error is not None and self._can_deliver():
            self._finish(self._error)

    def _can_deliver(self) -> bool:
        return self._protocol is not None and self._reading and not self._closing and not self._fin_read

    def _deliver(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.consumed(len(data))
        self._protocol.data_received(data)

    # ---- the end

    def _write_failed(self) -> None:
        if self._closed:
            return
        while self.held and self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, bytes):
                self._deliver(item)
        self._finish(self._error)

    def _finish(self, error: OSError | None) -> None:
        if self._closed:
            return
        self._closing = self._closed = True
        self._reading = False
        self._outgoing.clear()
        self._outgoing_size = 0
        unread = any(isinstance(item, bytes) for item in self._inbox)
        self._inbox.clear()
        if self._error is None and (unread or not self._fin_sent):
            self._send(Signal.RST if unread else Signal.FIN)
        self._fin_sent = True
        self.world.call_soon(self._say_lost, error)

    def _say_lost(self, error: OSError | None) -> None:
        self._lost = True
        self.on_hangup = None
        self.world.pipes.pop(self, None)
        if self._protocol is not None:
            self._protocol.connection_lost(error)
