"""WorldNet: `Net` in memory. Listeners with their queues, handshakes, datagrams, watches and holds of a World.

A connection is three messages: the SYN finds the listener (or a fault, or a full queue: then it is sent again later), the SYN-ACK
establishes the connecting end, whose ACK puts the other end into the listener's queue. Cancelling before that leaves no trace.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pylb.base.net import (
    CONNECT,
    LISTEN,
    Connecting,
    ConnectOptions,
    Datagrams,
    Endpoint,
    Hangup,
    Hold,
    Keepalive,
    ListenError,
    Listening,
    ListenOptions,
    ProtocolFactory,
    Watch,
)
from pylb.lab.pipe import Pipe

if TYPE_CHECKING:
    from pylb.lab.world import World

Received = Callable[[bytes, Endpoint | None], None]
SYN_RETRIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # Linux sends a SYN again after these waits, then gives up


def raw(endpoint: Endpoint) -> Any:
    """An endpoint as get_extra_info shows it."""
    if endpoint.kind == "ipv6":
        return (endpoint.host, endpoint.port, 0, 0)
    return (endpoint.host, endpoint.port) if endpoint.is_ip else endpoint.host


class WorldListening:
    """A listener: its queue of established connections, and who takes them."""

    def __init__(self, world: World, endpoint: Endpoint, factory: ProtocolFactory, options: ListenOptions) -> None:
        self._world, self.endpoint, self._factory, self._options = world, endpoint, factory, options
        self.queue: deque[Pipe] = deque()
        self.accepting = False
        self.suspended = False
        self.embryonic = 0  # handshakes under way: they count as queued
        world.listeners[endpoint] = self

    def pause(self) -> None:
        self.accepting = False

    def suspend(self) -> None:
        self.close()
        self.suspended = True

    def resume(self) -> None:
        if self.suspended:
            self.suspended = False
            self._world.listeners[self.endpoint] = self
        if not self.accepting and self._world.listeners.get(self.endpoint) is self:
            self.accepting = True
            self._world.call_soon(self._accept_one)

    def close(self) -> None:
        self.pause()
        if self._world.listeners.get(self.endpoint) is self:
            del self._world.listeners[self.endpoint]
        while self.queue:
            self.queue.popleft().reset()

    def fileno(self) -> int:
        return -1

    @property
    def full(self) -> bool:
        return len(self.queue) + self.embryonic > self._options.backlog

    def established(self, pipe: Pipe) -> None:
        """A handshake is complete."""
        self.embryonic -= 1
        if self._world.listeners.get(self.endpoint) is not self:
            pipe.reset()
            return
        self.queue.append(pipe)
        if self.accepting:
            self._world.call_soon(self._accept_one)

    def _accept_one(self) -> None:
        """One connection per turn of the loop, as uvloop accepts."""
        if self.accepting and self.queue:
            pipe = self.queue.popleft()
            self._world.call_soon(pipe.attach, self._factory())
            if self.queue:
                self._world.call_soon(self._accept_one)


class WorldConnecting:
    """SYN, SYN-ACK, ACK."""

    def __init__(
        self, world: World, endpoint: Endpoint, factory: ProtocolFactory, failed: Callable[[OSError], None], options: ConnectOptions
    ) -> None:
        self._world, self._endpoint, self._factory, self._options = world, endpoint, factory, options
        self._failed: Callable[[OSError], None] | None = failed
        self._link = world.links.get(endpoint, world.link)
        self._retries = iter(SYN_RETRIES)
        self._reserved: WorldListening | None = None
        world.connecting[self] = None
        self._timer = world.call_later(self._link.latency, self._syn)

    def __repr__(self) -> str:
        return f"Connecting({self._endpoint})"

    def cancel(self) -> None:
        self._failed = None
        self._timer.cancel()
        self._world.connecting.pop(self, None)
        if self._reserved is not None:
            self._reserved.embryonic -= 1
            self._reserved = None

    def settle(self) -> None:
        if not self._world.hasty:
            return
        self._timer.cancel()
        self._syn()
        if self._reserved is not None:
            self._timer.cancel()
            self._established(self._reserved)

    def _later(self, delay: float, call: Callable[..., None], *arguments: Any) -> None:
        self._timer = self._world.call_later(delay, call, *arguments)

    def _syn(self) -> None:
        endpoint, listening = self._endpoint, self._world.find_listener(self._endpoint)
        if endpoint in self._world.failing:
            number = self._world.failing[endpoint]
        elif listening is None:
            number = errno.ECONNREFUSED if endpoint.kind != "unix" else errno.ENOENT
        elif listening.full:
            number = None if endpoint.is_ip else errno.EAGAIN
        else:
            self._reserved = listening
            listening.embryonic += 1
            self._later(self._link.latency, self._established, listening)
            return
        if number is not None:
            self._later(self._link.latency, self._fail, number)
            return
        wait = next(self._retries, None)
        if wait is None:
            self._fail(errno.ETIMEDOUT)
        else:
            self._later(wait, self._syn)

    def _fail(self, number: int) -> None:
        failed = self._failed
        self.cancel()
        if failed is not None:
            failed(OSError(number, os.strerror(number)))

    def _established(self, listening: WorldListening) -> None:
        self._reserved = None
        self.cancel()
        here = Pipe(self._world, self._link, self._source(), raw(self._endpoint))
        there = Pipe(self._world, self._link, raw(self._endpoint), here.get_extra_info("sockname"))
        here.peer, there.peer = there, here
        here.options = {"connect": self._options}
        self._world.pipes[here] = self._world.pipes[there] = None
        there.on_accepted = listening.established
        here.acknowledge()
        here.attach(self._factory())

    def _source(self) -> Any:
        if not self._endpoint.is_ip:
            return ""
        source = self._options.source or Endpoint(self._endpoint.kind, "127.0.0.1" if self._endpoint.kind == "ipv4" else "::1")
        low = self._options.source_ports[0] if self._options.source_ports else 0
        return raw(replace(source, port=source.port or low or self._world.new_port()))


class WorldDatagrams:
    """One datagram socket; a datagram to where nobody listens is lost."""

    def __init__(self, world: World, remote: Endpoint | None, local: Endpoint | None, received: Received | None) -> None:
        self._world, self._remote, self._received = world, remote, received
        self.endpoint = local or Endpoint("ipv4", "127.0.0.1")
        if self.endpoint.is_ip and self.endpoint.port == 0:
            self.endpoint = replace(self.endpoint, port=world.new_port())
        if self.endpoint in world.datagram_ends:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        world.datagram_ends[self.endpoint] = self
        world.open_datagrams[self] = None

    def send(self, data: bytes, peer: Endpoint | None = None) -> bool:
        target = peer or self._remote
        if target is None or self not in self._world.open_datagrams:
            return False
        self._world.call_later(self._world.link.latency, self._arrive, target, bytes(data))
        return True

    def close(self) -> None:
        self._world.open_datagrams.pop(self, None)
        if self._world.datagram_ends.get(self.endpoint) is self:
            del self._world.datagram_ends[self.endpoint]

    def _arrive(self, target: Endpoint, data: bytes) -> None:
        end = self._world.datagram_ends.get(target)
        if end is not None and end._received is not None:
            end._received(data, self.endpoint)


class _WorldFile:
    def __init__(self, descriptor: int, lines: list[bytes]) -> None:
        self.endpoint = Endpoint.descriptor(descriptor)
        self._lines = lines

    def send(self, data: bytes, peer: Endpoint | None = None) -> bool:
        self._lines.append(data)
        return True

    def close(self) -> None: ...


class _WorldWatch:
    def __init__(self, pipe: Pipe, on_hangup: Callable[[Hangup], None]) -> None:
        self._pipe, self._seen, self._on_hangup = pipe, set[Hangup](), on_hangup
        pipe.on_hangup = self._happened
        for hangup in pipe.hangups_so_far():
            pipe.world.call_soon(self._happened, hangup)

    def _happened(self, hangup: Hangup) -> None:
        if self._pipe.on_hangup == self._happened and hangup not in self._seen:
            self._seen.add(hangup)
            self._on_hangup(hangup)

    def cancel(self) -> None:
        if self._pipe.on_hangup == self._happened:
            self._pipe.on_hangup = None


class _WorldProbe(asyncio.Protocol):
    """Resets a connection as soon as it is there."""

    def __init__(self, reached: Callable[[], None]) -> None:
        self._reached = reached

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        pipe_of(transport).reset()
        self._reached()


class _WorldHold:
    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        pipe.held = True

    def release(self) -> None:
        self._pipe.held = False


def pipe_of(transport: Any) -> Pipe:
    """The connection itself, under whatever layers (TLS) lie on it."""
    while not isinstance(transport, Pipe):
        transport = transport.transport
    return transport


class WorldNet:
    """`Net` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def listen(
        self, endpoint: Endpoint, factory: ProtocolFactory, options: ListenOptions = LISTEN, *, paused: bool = False
    ) -> Listening:
        if endpoint.is_ip and endpoint.port == 0:
            endpoint = replace(endpoint, port=self._world.new_port())
        if endpoint in self._world.listeners:
            raise ListenError(f"cannot bind socket ({os.strerror(errno.EADDRINUSE)})", errno.EADDRINUSE)
        listening = WorldListening(self._world, endpoint, factory, options)
        if not paused:
            listening.resume()
        return listening

    def connect(
        self, endpoint: Endpoint, factory: ProtocolFactory, failed: Callable[[OSError], None], options: ConnectOptions = CONNECT
    ) -> Connecting:
        return WorldConnecting(self._world, endpoint, factory, failed, options)

    def probe(
        self, endpoint: Endpoint, reached: Callable[[], None], failed: Callable[[OSError], None], options: ConnectOptions = CONNECT
    ) -> Connecting:
        return self.connect(endpoint, lambda: _WorldProbe(reached), failed, options)

    def abort_with_reset(self, transport: asyncio.Transport) -> None:
        pipe_of(transport).reset()

    def forget(self, transport: asyncio.Transport) -> None:
        pipe = pipe_of(transport)
        pipe.cut()
        pipe.abort()

    def set_nodelay(self, transport: asyncio.Transport, on: bool) -> None:
        pipe_of(transport).options["nodelay"] = on

    def set_quickack(self, transport: asyncio.Transport, on: bool) -> None:
        pipe_of(transport).options["quickack"] = on

    def set_keepalive(self, transport: asyncio.Transport, keepalive: Keepalive) -> None:
        pipe_of(transport).options["keepalive"] = keepalive

    def set_user_timeout(self, transport: asyncio.Transport, milliseconds: int) -> None:
        pipe_of(transport).options["user_timeout"] = milliseconds

    def set_mark(self, transport: asyncio.Transport, mark: int) -> None:
        pipe_of(transport).options["mark"] = mark

    def set_tos(self, transport: asyncio.Transport, tos: int) -> None:
        pipe_of(transport).options["tos"] = tos

    def watch(self, transport: asyncio.Transport, on_hangup: Callable[[Hangup], None]) -> Watch:
        return _WorldWatch(pipe_of(transport), on_hangup)

    def hold(self, transport: asyncio.Transport) -> Hold:
        return _WorldHold(pipe_of(transport))

    def is_fresh(self, transport: asyncio.Transport) -> bool:
        return pipe_of(transport).is_fresh()

    def original_destination(self, transport: asyncio.Transport) -> tuple[str, int] | None:
        return None

    def tcp_info(self, transport: asyncio.Transport) -> bytes | None:
        return None

    def datagrams(
        self,
        remote: Endpoint | None = None,
        *,
        local: Endpoint | None = None,
        received: Received | None = None,
        options: ListenOptions = LISTEN,
    ) -> Datagrams:
        return WorldDatagrams(self._world, remote, local, received)

    def file(self, descriptor: int) -> Datagrams:
        return _WorldFile(descriptor, self._world.files.setdefault(descriptor, []))
