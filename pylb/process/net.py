"""RealNet: `Net` over uvloop (or asyncio) and real sockets.

Theory of operation. The loop has the timers and the turns; the sockets are ours:

- connections over TCP and unix sockets are `transport.SocketTransport`, whose sockets have one epoll descriptor, itself watched by
  the loop; listening sockets lie there as long as they accept, so that pausing leaves the kernel's queue alone;
- a connection ends at the first failed write, even when the peer's last words are still unread: `hold` keeps a dup of
  the descriptor and reads them before connection_lost is passed on;
- a paused transport does not look: `watch` has an epoll descriptor of its own.

Invariant: every descriptor made here is owned by exactly one object (socket, transport, _Hold) and closed by it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
from _socket import socket as Socket
from collections.abc import Callable
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
from pylb.process.transport import WRITABLE, Poller, SocketTransport
from pylb.process.watcher import SocketWatch, Watcher

POLL_IDLE = select.POLLIN | select.POLLRDHUP | select.POLLHUP | select.POLLERR
TCP_INFO_SIZE = 256
DRAIN_CHUNK = 262144
MOST_ACCEPTED = 64  # before others have their turn
OUT_OF_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
RESPITE = 0.1  # seconds without accepting when there is nothing to accept with


def socket_of(transport: asyncio.Transport) -> Any:
    """The transport's socket-like object, or None once it is closed."""
    sock = transport.get_extra_info("socket")
    return sock if sock is not None and sock.fileno() >= 0 else None


def os_error(number: int) -> OSError:
    """An error as the system names it."""
    return OSError(number, os.strerror(number))


class _Listening:
    """One listening socket; the poller has it only while we accept."""

    def __init__(self, poller: Poller, asked: Endpoint, sock: socket.socket, factory: ProtocolFactory, backlog: int) -> None:
        self._poller, self._sock, self._factory, self._backlog = poller, sock, factory, backlog
        self._asked, self._suspended = asked, False
        self.accepting = False
        self._family = int(sock.family)
        self._retry: asyncio.TimerHandle | None = None
        # a unix socket was renamed after bind: the kernel knows it by its temporary name
        self.endpoint = asked if asked.kind == "unix" else sockets.endpoint_of(sock.family, sock.getsockname())
        self._names = {"sockname": sock.getsockname()} if sockets.has_one_address(sock) else {}
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is accepted inherits it

    def pause(self) -> None:
        if self.accepting:
            self.accepting = False
            self._poller.remove(self._sock.fileno())

    def suspend(self) -> None:
        self.pause()
        if self._asked.is_ip and self._sock.fileno() >= 0:
            self._sock.shutdown(socket.SHUT_RD)
            self._suspended = True

    def resume(self) -> None:
        if self.accepting or self._sock.fileno() < 0:
            return
        if self._suspended:
            sockets.listen_again(self._sock, self._backlog)
            self._suspended = False
        self.accepting = True
        self._poller.add(self._sock.fileno(), select.EPOLLIN, self._accept)

    def close(self) -> None:
        self.pause()
        self._sock.close()

    def fileno(self) -> int:
        return self._sock.fileno()

    def _accept(self, events: int) -> None:
        """Somebody waits. Connections that have ended in this turn are let go first: they count until then."""
        self._poller.loop.call_soon(self._take_in)

    def _take_in(self) -> None:
        """Accept who waits."""
        if not self.accepting:
            return
        poller, family, accept = self._poller, self._family, self._sock._accept  # type: ignore[attr-defined]
        for _ in range(MOST_ACCEPTED):
            try:
                descriptor, peer = accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_RESOURCES:
                    raise
                self.pause()
                poller.loop.call_later(RESPITE, self.resume)
                return
            sock = Socket(family, sockets.NON_BLOCKING_STREAM, 0, descriptor)
            transport = SocketTransport(poller, sock, {"peername": peer, **self._names})
            transport.begin(self._factory())
            transport.look()
            if not self.accepting:
                return


class _Connecting:
    """One outgoing connection until its transport exists."""

    __slots__ = ("_connected", "_endpoint", "_factory", "_failed", "_is_ip", "_poller", "_sock", "_watched")

    def __init__(self, poller: Poller, factory: ProtocolFactory, failed: Callable[[OSError], None]) -> None:
        self._poller, self._factory = poller, factory
        self._failed: Callable[[OSError], None] | None = failed
        self._sock: Socket | None = None
        self._watched = self._connected = False

    def begin(self, endpoint: Endpoint, options: ConnectOptions) -> None:
        self._is_ip, self._endpoint, poller = endpoint.is_ip, endpoint, self._poller
        try:
            self._sock, number = sockets.open_connecting(endpoint, options)
        except OSError as error:
            poller.loop.call_soon(self._fail_with, error if isinstance(error, CannotBind) else os_error(error.errno or errno.EIO))
            return
        if number == errno.EALREADY:
            self._watched = True
            poller.add(self._sock.fileno(), WRITABLE, self._writable)
        elif number:
            poller.loop.call_soon(self._fail_with, os_error(number))
        else:
            self._connected = True
            poller.loop.call_soon(self._arrive)

    def cancel(self) -> None:
        """Give up."""
        self._failed = None
        self._drop()

    def settle(self) -> None:
        if self._connected:
            self._arrive()

    def _drop(self, *, reset: bool = False) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._poller.handlers.pop(sock.fileno(), None)
            if reset and self._is_ip:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.RESET_ON_CLOSE)
            sock.close()

    def _fail_with(self, error: OSError) -> None:
        self._drop()
        failed, self._failed = self._failed, None
        if failed is not None:
            failed(error)

    def _writable(self, events: int) -> None:
        sock = self._sock
        assert sock is not None
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or sock.connect_ex(sockets.raw_address(self._endpoint))
        if number in (errno.EALREADY, errno.EINPROGRESS):
            return  # the event was of a socket that had this number before
        if number and number != errno.EISCONN:
            self._fail_with(os_error(number))
        else:
            self._arrive()

    def _arrive(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:  # not cancelled meanwhile
            SocketTransport(self._poller, sock, {"peername": sockets.raw_address(self._endpoint)}).begin(self._factory(), self._watched)


class _Probe(_Connecting):
    """A connection that is over as soon as it is there, and never was a transport."""

    __slots__ = ("_reached",)

    def __init__(self, poller: Poller, reached: Callable[[], None], failed: Callable[[OSError], None]) -> None:
        super().__init__(poller, asyncio.Protocol, failed)
        self._reached = reached

    def cancel(self) -> None:
        self._failed = None
        self._drop(reset=True)

    def _arrive(self) -> None:
        if self._sock is not None:
            self._drop(reset=True)
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
        self._dup: socket.socket | None = socket.socket(fileno=os.dup(sock.fileno()))
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
        self._poller: Poller | None = None
        self._idle = select.poll()

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._poller is not None:
            self._poller.close()
            self._poller = None

    def _poll(self) -> Poller:
        if self._poller is None:
            self._poller = Poller(self._loop)
        return self._poller

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
        listening = _Listening(self._poll(), endpoint, sock or self._opened(endpoint) or sockets.open_listener(endpoint, options), factory, options.backlog)
        if not paused:
            listening.resume()
        return listening

    def connect(
        self, endpoint: Endpoint, factory: ProtocolFactory, failed: Callable[[OSError], None], options: ConnectOptions = CONNECT
    ) -> Connecting:
        connecting = _Connecting(self._poll(), factory, failed)
        connecting.begin(endpoint, options)
        return connecting

    def probe(
        self, endpoint: Endpoint, reached: Callable[[], None], failed: Callable[[OSError], None], options: ConnectOptions = CONNECT
    ) -> Connecting:
        probing = _Probe(self._poll(), reached, failed)
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
