"""RealNet: `Net` over uvloop (or asyncio) and real sockets.

Theory of operation. What uvloop cannot do is done beside it with the same descriptor:

- a listening socket is ours and is kept; accepting is a Server over a dup of it, so that pausing (closing the Server) leaves
  the kernel's queue alone. uvloop runs `create_server(sock=...)` to its end at once, so no task is needed;
- an outgoing socket is made, bound and connected by us and handed over when it is connected;
- uvloop closes a connection at the first failed write, even when the peer's last words are still unread: `hold` keeps a dup of
  the descriptor and reads them before connection_lost is passed on;
- a paused transport leaves the poller: `watch` has one epoll descriptor of its own, itself watched by the loop.

Invariant: every descriptor made here is owned by exactly one object (socket, Server, transport, _Hold) and closed by it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, cast

from pylb.base.net import (
    CONNECT,
    LISTEN,
    CannotBind,
    Connecting,
    ConnectOptions,
    Datagrams,
    Endpoint,
    Hangup,
    Hold,
    Keepalive,
    Listening,
    ListenOptions,
    ProtocolFactory,
    Watch,
)
from pylb.process import sockets
from pylb.process.datagrams import DatagramSocket, FileWriter
from pylb.process.watcher import SocketWatch, Watcher

POLL_IDLE = select.POLLIN | select.POLLRDHUP | select.POLLHUP | select.POLLERR
TCP_INFO_SIZE = 256
DRAIN_CHUNK = 262144


def socket_of(transport: asyncio.Transport) -> Any:
    """The transport's socket-like object, or None once it is closed."""
    sock = transport.get_extra_info("socket")
    return sock if sock is not None and sock.fileno() >= 0 else None


def finish_now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing: create_server over a ready socket (stock asyncio yields once)."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def os_error(number: int) -> OSError:
    """An error as the system names it."""
    return OSError(number, os.strerror(number))


class _Listening:
    """One listening socket; `_server` accepts from a dup of it and exists only while we accept."""

    def __init__(self, loop: asyncio.AbstractEventLoop, asked: Endpoint, sock: socket.socket, factory: ProtocolFactory, backlog: int) -> None:
        self._loop, self._sock, self._factory, self._backlog = loop, sock, factory, backlog
        self._server: asyncio.Server | None = None
        self._in_factory = False
        self._asked, self._suspended = asked, False
        # a unix socket was renamed after bind: the kernel knows it by its temporary name
        self.endpoint = asked if asked.kind == "unix" else sockets.endpoint_of(sock.family, sock.getsockname())

    @property
    def accepting(self) -> bool:
        return self._server is not None

    def pause(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        if self._in_factory:  # the connection being accepted would be closed with the Server; nothing else is accepted before then
            self._loop.call_soon(server.close)
        else:
            server.close()

    def suspend(self) -> None:
        self.pause()
        if self._asked.is_ip and self._sock.fileno() >= 0:
            self._sock.shutdown(socket.SHUT_RD)
            self._suspended = True

    def resume(self) -> None:
        if self._server is not None or self._sock.fileno() < 0:
            return
        if self._suspended:
            sockets.listen_again(self._sock, self._backlog)
            self._suspended = False
        create: Any = self._loop.create_unix_server if self._sock.family == socket.AF_UNIX else self._loop.create_server
        self._server = finish_now(create(self._accept, sock=self._sock.dup(), backlog=self._backlog))

    def close(self) -> None:
        self.pause()
        self._sock.close()

    def fileno(self) -> int:
        return self._sock.fileno()

    def _accept(self) -> asyncio.Protocol:
        self._in_factory = True
        try:
            return self._factory()
        finally:
            self._in_factory = False


class _Arrival(asyncio.Protocol):
    """The first protocol of an outgoing connection: connection_made is when it is known whether somebody still wants it."""

    def __init__(self, arrived: Callable[[asyncio.Transport], None]) -> None:
        self._arrived = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrived(cast(asyncio.Transport, transport))


class _Connecting:
    """One outgoing connection until its transport exists."""

    def __init__(self, loop: asyncio.AbstractEventLoop, factory: ProtocolFactory, failed: Callable[[OSError], None]) -> None:
        self._loop, self._factory = loop, factory
        self._failed: Callable[[OSError], None] | None = failed
        self._sock: socket.socket | None = None
        self._adoption: Coroutine[Any, Any, Any] | None = None
        self._cancelled = False
        self._is_ip = True

    def begin(self, endpoint: Endpoint, options: ConnectOptions) -> None:
        self._is_ip = endpoint.is_ip
        try:
            self._sock, number = sockets.open_connecting(endpoint, options)
        except OSError as error:
            self._loop.call_soon(self._fail_with, error if isinstance(error, CannotBind) else os_error(error.errno or errno.EIO))
            return
        if number == errno.EALREADY:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        elif number:
            self._loop.call_soon(self._fail, number)
        else:
            self._adopt(self._sock)

    def cancel(self) -> None:
        """Give up. A transport that is being made is let be until it is: uvloop would call on it when it is gone."""
        self._failed = None
        self._cancelled = True
        self._drop()

    def _drop(self, *, reset: bool = False) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._loop.remove_writer(sock.fileno())
            if reset and self._is_ip:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.RESET_ON_CLOSE)
            sock.close()

    def _fail(self, number: int) -> None:
        self._fail_with(os_error(number))

    def _fail_with(self, error: OSError) -> None:
        self._drop()
        failed, self._failed = self._failed, None
        if failed is not None:
            failed(error)

    def _writable(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._loop.remove_writer(sock.fileno())
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(number)
        else:
            self._adopt(sock)

    def _adopt(self, sock: socket.socket) -> None:
        """Give the connected socket to a transport; the loop's coroutine ends after connection_made."""
        self._sock = None
        create: Any = self._loop.create_connection if self._is_ip else self._loop.create_unix_connection
        self._adoption = create(lambda: _Arrival(self._arrive), sock=sock)
        self._step()

    def _arrive(self, transport: asyncio.Transport) -> None:
        if self._cancelled:  # meanwhile; uvloop survives neither a coroutine that is closed under way nor a transport that is closed in this callback
            self._loop.call_soon(transport.abort)
            return
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _step(self, _: object = None) -> None:
        if self._adoption is None:
            return
        try:
            waiter = self._adoption.send(None)
        except StopIteration:
            self._adoption = None
        except OSError as error:
            self._adoption = None
            self._fail(error.errno or errno.EIO)
        else:
            waiter.add_done_callback(self._step)


class _Probe(_Connecting):
    """A connection that is over as soon as it is there, and never was a transport."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reached: Callable[[], None], failed: Callable[[OSError], None]) -> None:
        super().__init__(loop, asyncio.Protocol, failed)
        self._reached = reached

    def _adopt(self, sock: socket.socket) -> None:
        self._drop(reset=True)
        self._loop.call_soon(self._succeed)

    def _succeed(self) -> None:
        if self._failed is not None:  # not cancelled meanwhile
            self._failed = None
            self._reached()


class _Closed:
    """A watch or hold on a transport that is gone already."""

    def cancel(self) -> None: ...

    def release(self) -> None: ...


class _Hold(asyncio.Protocol):
    """Stands before a transport's protocol during an upload; see `Net.hold`."""

    def __init__(self, transport: asyncio.Transport, sock: Any) -> None:
        self._transport = transport
        self._protocol = cast(asyncio.Protocol, transport.get_protocol())
        self._dup: socket.socket | None = sock.dup()
        self.data_received = self._protocol.data_received  # type: ignore[method-assign]
        self.eof_received = self._protocol.eof_received  # type: ignore[method-assign]
        self.pause_writing = self._protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = self._protocol.resume_writing  # type: ignore[method-assign]
        transport.set_protocol(self)

    def connection_lost(self, exc: Exception | None) -> None:
        protocol = self._protocol
        if exc is not None:
            self._drain(protocol)
        self.release()
        protocol.connection_lost(exc)

    def release(self) -> None:
        dup, self._dup = self._dup, None
        if dup is None:
            return
        dup.close()
        if self._transport.get_protocol() is self:
            self._transport.set_protocol(self._protocol)

    def _drain(self, protocol: asyncio.Protocol) -> None:
        while self._dup is not None:
            try:
                data = self._dup.recv(DRAIN_CHUNK, socket.MSG_DONTWAIT)
            except OSError:
                return
            if not data:
                return
            protocol.data_received(data)


class RealNet:
    """`Net` on the operating system. `close` frees the descriptors of its own; connections and listeners are their owners' care."""

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: Callable[[Endpoint], socket.socket | None] | None = None) -> None:
        """`opened` hands out sockets that listen already."""
        self._loop = loop
        self._opened = opened or (lambda endpoint: None)
        self._watcher: Watcher | None = None
        self._idle = select.poll()

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def listen(
        self,
        endpoint: Endpoint,
        factory: ProtocolFactory,
        options: ListenOptions = LISTEN,
        *,
        paused: bool = False,
        sock: socket.socket | None = None,
    ) -> Listening:
        """`sock`: a socket that `open_listener` made before this loop existed; it is ours from now on."""
        listening = _Listening(self._loop, endpoint, sock or self._opened(endpoint) or sockets.open_listener(endpoint, options), factory, options.backlog)
        if not paused:
            listening.resume()
        return listening

    def connect(
        self, endpoint: Endpoint, factory: ProtocolFactory, failed: Callable[[OSError], None], options: ConnectOptions = CONNECT
    ) -> Connecting:
        connecting = _Connecting(self._loop, factory, failed)
        connecting.begin(endpoint, options)
        return connecting

    def probe(
        self, endpoint: Endpoint, reached: Callable[[], None], failed: Callable[[OSError], None], options: ConnectOptions = CONNECT
    ) -> Connecting:
        probing = _Probe(self._loop, reached, failed)
        probing.begin(endpoint, options)
        return probing

    def abort_with_reset(self, transport: asyncio.Transport) -> None:
        sock = socket_of(transport)
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.RESET_ON_CLOSE)
        transport.abort()

    def forget(self, transport: asyncio.Transport) -> None:
        sock = socket_of(transport)
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, sockets.TCP_REPAIR, 1)
            except OSError:
                sock.setsockopt(*sockets.hop_limit_option(sock.family == socket.AF_INET6), 1)
        self.abort_with_reset(transport)

    def set_nodelay(self, transport: asyncio.Transport, on: bool) -> None:
        self._set(transport, socket.IPPROTO_TCP, socket.TCP_NODELAY, int(on))

    def set_quickack(self, transport: asyncio.Transport, on: bool) -> None:
        self._set(transport, socket.IPPROTO_TCP, socket.TCP_QUICKACK, int(on))

    def set_keepalive(self, transport: asyncio.Transport, keepalive: Keepalive) -> None:
        sock = socket_of(transport)
        if sock is not None and sock.family != socket.AF_UNIX:
            sockets.enable_keepalive(sock, keepalive)

    def set_user_timeout(self, transport: asyncio.Transport, milliseconds: int) -> None:
        self._set(transport, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)

    def set_mark(self, transport: asyncio.Transport, mark: int) -> None:
        self._set(transport, socket.SOL_SOCKET, socket.SO_MARK, mark)

    def set_tos(self, transport: asyncio.Transport, tos: int) -> None:
        sock = socket_of(transport)
        if sock is not None:
            self._set(transport, *sockets.tos_option(sock.family == socket.AF_INET6), tos)

    def _set(self, transport: asyncio.Transport, level: int, name: int, value: int) -> None:
        """Options are wishes: a socket that is closing, or of another family, ignores them, as HAProxy ignores setsockopt's result."""
        sock = socket_of(transport)
        if sock is not None:
            try:
                sock.setsockopt(level, name, value)
            except OSError:
                pass

    def watch(self, transport: asyncio.Transport, on_hangup: Callable[[Hangup], None]) -> Watch:
        sock = socket_of(transport)
        if sock is None:
            return _Closed()
        if self._watcher is None:
            self._watcher = Watcher(self._loop)
        return SocketWatch(self._watcher, sock.fileno(), on_hangup)

    def hold(self, transport: asyncio.Transport) -> Hold:
        sock = socket_of(transport)
        return _Closed() if sock is None else _Hold(transport, sock)

    def is_fresh(self, transport: asyncio.Transport) -> bool:
        sock = socket_of(transport)
        if sock is None or transport.is_closing():
            return False
        descriptor = sock.fileno()
        self._idle.register(descriptor, POLL_IDLE)
        events = self._idle.poll(0)
        self._idle.unregister(descriptor)
        return not events

    def original_destination(self, transport: asyncio.Transport) -> tuple[str, int] | None:
        sock = socket_of(transport)
        if sock is None or sock.family != socket.AF_INET:
            return None
        try:
            raw = sock.getsockopt(socket.IPPROTO_IP, sockets.SO_ORIGINAL_DST, 16)
        except OSError:
            return None
        return socket.inet_ntoa(raw[4:8]), struct.unpack("!H", raw[2:4])[0]

    def tcp_info(self, transport: asyncio.Transport) -> bytes | None:
        sock = socket_of(transport)
        if sock is None or sock.family == socket.AF_UNIX:
            return None
        return cast(bytes, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE))

    def datagrams(
        self,
        remote: Endpoint | None = None,
        *,
        local: Endpoint | None = None,
        received: Callable[[bytes, Endpoint | None], None] | None = None,
        options: ListenOptions = LISTEN,
    ) -> Datagrams:
        return DatagramSocket(self._loop, remote, local, received, options)

    def file(self, descriptor: int) -> Datagrams:
        return FileWriter(descriptor)
