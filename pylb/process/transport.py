"""Stream sockets without uvloop's transports: one epoll descriptor, one Python object per connection.

For a connection of one request uvloop's ways cost more than its bytes do: a Server that asks for both addresses, a coroutine to adopt
a connected socket, a poll handle to make and close. Here a connection is a socket, an entry in a table and one epoll_ctl.

Registrations are edge-triggered and stay as they are: pausing is a flag, and whoever stopped reading before the socket was empty
reads again without being told (`_missed`). A read that was shorter than asked for has emptied the socket, unless the peer has hung up.
Invariant: `handlers` has a descriptor exactly as long as it is open here.
"""

from __future__ import annotations

import asyncio
import select
import socket
from _socket import socket as Socket  # the standard library's wrapper costs as much again as the system call
from collections.abc import Callable, Iterable
from typing import Any, cast

READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
WRITABLE = select.EPOLLOUT | select.EPOLLET
BOTH = READABLE | WRITABLE
HANGUP = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
INPUT = select.EPOLLIN
INCOMING = INPUT | HANGUP
OUTGOING = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
AT_ONCE = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
MOST = 262144  # bytes read at once: far more than a buffer, so that a message that came whole is seen whole
USUAL = 65536  # bytes asked for where no more is expected, without the way through `space`
MOST_READS = 8  # before others have their turn
MOST_PIECES = 256  # of one sendmsg
HIGH_WATER = 65536
EMPTY = b""

Handler = Callable[[int], None]


class Poller:
    """Which sockets have something to tell. The loop watches its descriptor."""

    __slots__ = ("_epoll", "change", "handlers", "loop", "space", "watch")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self._epoll = loop, select.epoll()
        self.handlers: dict[int, Handler] = {}
        self.space = memoryview(bytearray(MOST))  # to read into: an object of this size for each read would cost more than the read
        self.watch, self.change = self._epoll.register, self._epoll.modify
        loop.add_reader(self._epoll.fileno(), self._ready)

    def add(self, descriptor: int, events: int, handler: Handler) -> None:
        self.handlers[descriptor] = handler
        self.watch(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Of a descriptor that stays open; closing one needs no more than being struck from `handlers`."""
        if self.handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        self.loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self.handlers.clear()

    def _ready(self) -> None:
        self._dispatch(self._epoll.poll(0))

    def _dispatch(self, happened: Iterable[tuple[int, int]]) -> None:
        """Each edge is told once: what an exception leaves over is told in the next turn."""
        find, left = self.handlers.get, iter(happened)
        handler: Handler | None = None
        try:
            for descriptor, events in left:
                handler = find(descriptor)
                if handler is not None:
                    handler(events)
                    handler = None
        finally:
            if handler is not None and isinstance(owner := getattr(handler, "__self__", None), SocketTransport):
                owner.abort()  # its protocol has a bug: as uvloop does, rather than to leave it with an edge that was told
            rest = list(left)
            if rest:
                self.loop.call_soon(self._dispatch, rest)


class SocketTransport(asyncio.Transport):
    """One connected socket."""

    __slots__ = (
        "_bulky", "_data_received", "_descriptor", "_eof", "_eof_wanted", "_high", "_low", "_missed", "_names", "_poller", "_protocol", "_receive",
        "_receive_into", "_send", "_sock", "_stalled", "_unsent", "_unsent_size", "closing", "paused",
    )  # fmt: skip

    def __init__(self, poller: Poller, sock: Socket, names: dict[str, Any]) -> None:
        """`names`: what is known already of "peername" and "sockname"."""
        self._poller, self._sock, self._names = poller, sock, names
        self._descriptor, self._receive, self._receive_into, self._send = sock.fileno(), sock.recv, sock.recv_into, sock.send
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4
        self._unsent: list[memoryview] | None = None
        self._unsent_size = 0
        self.closing = self.paused = self._bulky = self._eof = self._eof_wanted = self._missed = self._stalled = False

    def begin(self, protocol: asyncio.Protocol, known: bool = False) -> None:
        """Tell the protocol, then read. `known`: the poller has the descriptor already."""
        self.set_protocol(protocol)
        if known:
            self._poller.handlers[self._descriptor] = self._happened
            self._poller.change(self._descriptor, READABLE)
        else:
            self._poller.add(self._descriptor, READABLE, self._happened)
        protocol.connection_made(self)

    # -- about it
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)
        self._data_received = self._protocol.data_received

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self._sock
        if name not in self._names and name in ("peername", "sockname"):
            self._look_up(name)
        return self._names.get(name, default)

    def _look_up(self, name: str) -> None:
        try:
            self._names[name] = self._sock.getpeername() if name == "peername" else self._sock.getsockname()
        except OSError:
            pass  # it is not connected any more

    def is_closing(self) -> bool:
        return self.closing

    # -- reading
    def is_reading(self) -> bool:
        return not (self.paused or self.closing or self._eof)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        if self._missed:
            self._poller.loop.call_soon(self._catch_up)

    def _catch_up(self) -> None:
        if self._missed and not self.paused:
            self._missed = False
            self._happened(select.EPOLLIN | select.EPOLLRDHUP)

    def look(self) -> None:
        """Read what has come with the connection, as HAProxy does: who refuses it then closes a socket that is empty, with FIN and not RST."""
        self._happened(select.EPOLLIN)

    def _happened(self, events: int) -> None:
        if events == INPUT and self._unsent is None and not (self.paused or self.closing or self._eof or self._bulky):
            try:
                data = self._receive(USUAL, AT_ONCE)
            except BlockingIOError:
                return
            except OSError as error:
                self._break(error)
                return
            if 0 < len(data) < USUAL:  # nearly always: all there is, and nothing else happened
                self._data_received(data)
                if self.paused:
                    self._missed = True
                return
            if data:
                self._bulky = True
                self._data_received(data + self._more())
        if self._unsent is not None and events & OUTGOING:
            self._send_unsent()
        if self.paused:
            self._missed = True
        elif events & INCOMING:
            self._read(events & HANGUP != 0)

    def _more(self) -> bytes:
        """What has come besides a usual piece, up to the most."""
        space = self._poller.space[USUAL:]
        try:
            return bytes(space[: self._receive_into(space, len(space), AT_ONCE)])
        except OSError:
            return b""  # nothing, or an error that the next read meets

    def _read(self, to_the_end: bool) -> None:
        poller = self._poller
        for _ in range(MOST_READS):
            if self.closing or self._eof:
                return
            try:
                size = self._receive_into(poller.space, MOST, AT_ONCE)
            except BlockingIOError:
                return
            except OSError as error:
                self._break(error)
                return
            if not size:
                self._end_of_file()
                return
            self._bulky = size > USUAL
            self._data_received(bytes(poller.space[:size]))
            if self.paused:
                self._missed = True
                return
            if size < MOST and not to_the_end:
                return
        self._missed = True
        poller.loop.call_soon(self._catch_up)

    def _end_of_file(self) -> None:
        self._eof = True
        if not self._protocol.eof_received():
            self.close()

    # -- writing
    def write(self, data: Any) -> None:
        if self.closing:
            if self._descriptor < 0:
                raise RuntimeError("the connection is lost")
            return
        if self._unsent is None:
            try:
                sent = self._send(data, AT_ONCE)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(error)
                return
            if sent == len(data):
                return
            self._unsent = []
            self._poller.change(self._descriptor, BOTH)
            data = memoryview(bytes(data))[sent:]
        self._unsent.append(memoryview(bytes(data)) if not isinstance(data, memoryview) else data)
        self._unsent_size += len(data)
        if self._unsent_size > self._high and not self._stalled:
            self._stalled = True
            self._protocol.pause_writing()

    def _send_unsent(self) -> None:
        unsent = self._unsent
        assert unsent is not None
        while unsent:
            try:
                sent = self._sock.sendmsg(unsent[:MOST_PIECES], (), AT_ONCE)
            except BlockingIOError:
                break
            except OSError as error:
                self._break(error)
                return
            self._unsent_size -= sent
            gone = 0
            while gone < len(unsent) and sent >= len(unsent[gone]):
                sent -= len(unsent[gone])
                gone += 1
            del unsent[:gone]
            if sent:
                unsent[0] = unsent[0][sent:]
        if not unsent:
            self._all_sent()
        if self._stalled and self._unsent_size <= self._low:
            self._stalled = False
            self._protocol.resume_writing()

    def _all_sent(self) -> None:
        self._unsent = None
        if self.closing:
            self._poller.loop.call_soon(self._lose, None)
            return
        self._poller.change(self._descriptor, READABLE)
        if self._eof_wanted:
            self._shut_down()

    def get_write_buffer_size(self) -> int:
        return self._unsent_size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH_WATER if high is None else high
        self._low = self._high // 4 if low is None else low

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._eof_wanted:
            self._eof_wanted = True
            if self._unsent is None:
                self._shut_down()

    def _shut_down(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer was faster, with a reset

    # -- ends
    def close(self) -> None:
        if not self.closing:
            self.closing = True
            if self._unsent is None:
                self._poller.loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self._break(None)

    def _break(self, error: OSError | None) -> None:
        """The end, without what is unsent."""
        if not self.closing or self._unsent is not None:
            self.closing = True
            self._unsent, self._unsent_size = None, 0
            self._poller.loop.call_soon(self._lose, error)

    def _lose(self, error: OSError | None) -> None:
        if (error is not None or self._eof) and "sockname" not in self._names:  # the log may want it later
            self._look_up("sockname")
        try:
            self._protocol.connection_lost(error)
        finally:
            self._poller.handlers.pop(self._descriptor, None)
            self._descriptor = -1
            self._sock.close()
