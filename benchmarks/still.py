"""A network and a loop that do nothing: what pylb's own code costs when neither the kernel nor an event loop is there.

`Wire` is a transport that only keeps what is written to it; `StillNet` connects at once and never fails; `StillLoop` keeps calls for
the driver to make and never lets a timer fire. Everything that pylb calls for each request is a builtin here (`list.append`,
attribute look-ups), so that next to nothing of what is measured is this file.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from pylb.base.net import CONNECT, LISTEN, ConnectOptions, Endpoint, ListenOptions, ProtocolFactory

CLIENT = ("127.0.0.1", 50000)


class Nothing:
    """A timer, watch, hold or connection attempt that never does anything."""

    def cancel(self) -> None: ...

    def settle(self) -> None: ...

    def release(self) -> None: ...


NOTHING = Nothing()


class StillLoop:
    """Runs nothing by itself, and is only as much of an event loop as requests need."""

    def __init__(self) -> None:
        self.ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.time = time.monotonic

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        self.ready.append((callback, args))
        return NOTHING

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        return NOTHING

    call_at = call_later

    def turn(self) -> None:
        """Make the calls that wait, and those that they cause."""
        while self.ready:
            callback, args = self.ready.popleft()
            callback(*args)


class Wire(asyncio.Transport):
    """One end of a connection. `written` is what pylb wrote; `feed` is the protocol's way of taking bytes."""

    def __init__(self, local: tuple[str, int], remote: tuple[str, int]) -> None:
        super().__init__({"sockname": local, "peername": remote})
        self.written: list[bytes] = []
        self.write = self.written.append  # type: ignore[assignment]
        self.writelines = self.written.extend  # type: ignore[assignment]
        self.ended: list[bool] = []
        self.is_closing = self.ended.__len__  # type: ignore[assignment]
        self.feed: Callable[[bytes], None] = self._nobody

    def _nobody(self, data: bytes) -> None:
        raise AssertionError("nobody reads here")

    def take(self) -> bytes:
        """What was written since the last look."""
        data = b"".join(self.written)
        self.written.clear()
        return data

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol: Any = protocol
        buffered = isinstance(protocol, asyncio.BufferedProtocol)
        self.feed = self._fill if buffered else getattr(protocol, "data_received", self._nobody)

    def _fill(self, data: bytes) -> None:
        """What a loop does for a protocol with a buffer of its own."""
        while data:
            buffer = self._protocol.get_buffer(len(data))
            size = min(len(buffer), len(data))
            buffer[:size], data = data[:size], data[size:]
            self._protocol.buffer_updated(size)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    @property
    def open(self) -> bool:
        return not self.ended

    def close(self) -> None:
        self.ended.append(True)

    abort = close

    def lose(self) -> None:
        """Tell the protocol that the connection is gone."""
        self.close()
        self._protocol.connection_lost(None)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_reading(self) -> bool:
        return self.open

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def write_eof(self) -> None: ...

    def can_write_eof(self) -> bool:
        return True


class Door:
    """Where datagrams vanish; the last one can be looked at."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.kept: deque[bytes] = deque(maxlen=1)
        self.sent = 0

    def send(self, data: bytes, peer: Endpoint | None = None) -> bool:
        self.sent += 1
        self.kept.append(data)
        return True

    def close(self) -> None: ...


class Listening:
    """Accepts what the driver gives it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint, self.accepting = endpoint, True

    def pause(self) -> None:
        self.accepting = False

    suspend = pause

    def resume(self) -> None:
        self.accepting = True

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1


class StillNet:
    """`pylb.base.net.Net` without a network. `servers` are the connections that pylb opened, `doors` its log targets."""

    def __init__(self, loop: StillLoop) -> None:
        self._loop = loop
        self.factories: dict[Endpoint, ProtocolFactory] = {}
        self.servers: list[Wire] = []
        self.doors: list[Door] = []

    def listen(self, endpoint: Endpoint, factory: ProtocolFactory, options: ListenOptions = LISTEN, *, paused: bool = False) -> Listening:
        self.factories[endpoint] = factory
        return Listening(endpoint)

    def accept(self, endpoint: Endpoint) -> Wire:
        """A client has connected."""
        wire, protocol = Wire((endpoint.host, endpoint.port), CLIENT), self.factories[endpoint]()
        wire.set_protocol(protocol)
        protocol.connection_made(wire)
        return wire

    def connect(self, endpoint: Endpoint, factory: ProtocolFactory, failed: Callable[[OSError], None], options: ConnectOptions = CONNECT) -> Nothing:
        self._loop.call_soon(self._connected, endpoint, factory)
        return NOTHING

    def _connected(self, endpoint: Endpoint, factory: ProtocolFactory) -> None:
        wire, protocol = Wire(CLIENT, (endpoint.host, endpoint.port)), factory()
        self.servers.append(wire)
        wire.set_protocol(protocol)
        protocol.connection_made(wire)

    def abort_with_reset(self, transport: Any) -> None:
        transport.abort()

    forget = abort_with_reset

    def datagrams(self, remote: Endpoint | None = None, *, local: Endpoint | None = None, received: Any = None, options: ListenOptions = LISTEN) -> Door:
        self.doors.append(Door(remote or local or Endpoint.tcp("127.0.0.1", 0)))
        return self.doors[-1]

    def file(self, descriptor: int) -> Door:
        self.doors.append(Door(Endpoint.descriptor(descriptor)))
        return self.doors[-1]

    def watch(self, transport: Any, on_hangup: Any) -> Nothing:
        return NOTHING

    def hold(self, transport: Any) -> Nothing:
        return NOTHING

    def is_fresh(self, transport: Any) -> bool:
        return bool(transport.open)

    def original_destination(self, transport: Any) -> None:
        return None

    tcp_info = original_destination

    def _set(self, transport: Any, value: Any) -> None: ...

    set_nodelay = set_quickack = set_keepalive = set_user_timeout = set_mark = set_tos = _set
