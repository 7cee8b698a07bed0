"""The connection of a health check: TCP, a PROXY header, TLS, then bytes both ways; every wait ends at a moment in time.

HAProxy ends these connections with RST, so that neither side keeps a TIME_WAIT, unless a `connect` step says `linger`.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, cast

from pylb.base.net import Connecting, ConnectOptions, Endpoint
from pylb.base.timers import EARLY
from pylb.stream.tls_layer import TlsLayer, count_handshake

if TYPE_CHECKING:
    from pylb.proxy.counters import BackendCounters, TrafficCounters
    from pylb.proxy.process import Process
    from pylb.wire.tls_context import TlsContext

FROM_THE_NETWORK = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ECONNRESET))
OF_OURS = frozenset((errno.EAGAIN, errno.EADDRINUSE, errno.EADDRNOTAVAIL))
SOCKS_ANSWER, SOCKS_GRANTED = 8, 0x5A
PROXY_V2_LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"


class CheckFailed(Exception):
    """The check's verdict is already known: a status of the health machine, the words for the log, and a code."""

    def __init__(self, status: str, text: str = "", code: int = 0) -> None:
        super().__init__(status, text)
        self.status, self.text, self.code = status, text, code


class CheckBroken(CheckFailed):
    """The connection failed, or the time was up: `tcp-check` says at which step."""


class CheckConnection(asyncio.Protocol):
    """One connection. What goes wrong is a CheckBroken."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.transport: asyncio.Transport | None = None  # where plain bytes go: `wire`, or TLS over it
        self.wire: asyncio.Transport | None = None
        self.received = bytearray()
        self.at_eof = False
        self.error = ""  # why the connection broke, in the system's words
        self.secure = False
        self._is_ip = True
        self._layer: TlsLayer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._connecting: Connecting | None = None
        self._failure: CheckBroken | None = None
        self._counters: BackendCounters | None = None  # where HTTP is counted

    # -- opening
    async def open(self, endpoint: Endpoint, options: ConnectOptions, ends_at: float, proxy: str | None = None, socks: Endpoint | None = None) -> None:
        """Connect, perhaps by way of the SOCKS4 proxy `socks`, and send a PROXY header (`v1` or `v2`) first where one is wanted."""
        nearest = socks or endpoint
        self._is_ip = nearest.is_ip
        self._connecting = self.process.net.connect(nearest, lambda: self, self._refused, options)
        if not await self.wait(lambda: self.wire is not None, ends_at):
            raise CheckBroken("L4TOUT")
        if socks is not None:
            await self._ask_socks(endpoint, ends_at)
        if proxy is not None:
            self.send(PROXY_V2_LOCAL if proxy.startswith("v2") or self.wire is None else proxy_v1(self.wire))

    async def probe(self, endpoint: Endpoint, options: ConnectOptions, ends_at: float) -> None:
        """Connect, and that is all."""
        self._is_ip = endpoint.is_ip
        self._connecting = self.process.net.probe(endpoint, self._reached, self._refused, options)
        if not await self.wait(lambda: self.at_eof, ends_at):
            raise CheckBroken("L4TOUT")

    def _reached(self) -> None:
        self.at_eof = True
        self._wake()

    async def _ask_socks(self, endpoint: Endpoint, ends_at: float) -> None:
        """Have a SOCKS4 proxy connect to the server."""
        self.send(b"\x04\x01" + endpoint.port.to_bytes(2, "big") + IPv4Address(endpoint.host).packed + b"HAProxy\0")
        while len(self.received) < SOCKS_ANSWER:
            if self.at_eof:
                raise CheckBroken("SOCKERR", "SOCKS4 Proxy read error during handshake")
            if not await self.more(ends_at):
                raise CheckBroken("L7TOUT")
        if self.received[1] != SOCKS_GRANTED:
            raise CheckBroken("SOCKERR", "SOCKS4 Proxy deny the request")
        del self.received[:SOCKS_ANSWER]

    async def handshake(self, context: TlsContext, sni: str | None, alpn: list[str] | None, ends_at: float, of: tuple[TrafficCounters, ...] = ()) -> None:
        """Put TLS on the connection; it is counted as those of traffic are, and for `of`."""
        from pylb.wire.tls import Tls  # where there is a TlsContext it is loaded

        assert self.wire is not None
        self.transport = None
        layer = self._layer = TlsLayer(Tls.client(context, sni=sni, alpn=alpn), self.wire, self._secured, self._insecure, self.process.counters)
        layer.set_protocol(self)
        layer.counted()
        self.process.counters.ssl_connections += 1
        self.process.counters.ssl_connections_total += 1
        self.wire.set_protocol(layer)
        layer.start()
        if not await self.wait(lambda: self.transport is not None, ends_at):
            raise CheckBroken("L6TOUT")
        self.secure = True
        count_handshake(layer.tls, of, self.process.counters.ssl_backend_keys, self.process.clock.now())

    def count_on(self, counters: BackendCounters) -> None:
        """This one speaks HTTP/1: it counts among the backend's, from the attempt to connect until `close`."""
        self._counters = counters
        counters.h1_open_connections += 1
        counters.h1_total_connections += 1
        counters.h1_open_streams += 1
        counters.h1_total_streams += 1

    def _refused(self, error: OSError) -> None:
        """The peer's refusals are problems of layer 4; what the system refuses at once is called a general error, for want of resources of ours."""
        why = os.strerror(error.errno) if error.errno else str(error)
        if self._is_ip and error.errno in FROM_THE_NETWORK:
            self._failure = CheckBroken("L4CON", why)
        else:
            ours = not self._is_ip or error.errno in OF_OURS
            self._failure = CheckBroken("SOCKERR" if ours else "L4CON", f"General socket error ({why})")
        self._wake()

    def _secured(self) -> None:
        self.transport = self._layer
        self._wake()

    def _insecure(self, why: str) -> None:
        self._failure = CheckBroken("L6RSP", why)
        self._wake()

    # -- talking
    def send(self, data: bytes) -> None:
        """Send bytes, if somebody is still there."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)
            if self._counters is not None:
                self._counters.h1_bytes_out += len(data)
            else:
                self.process.counters.bytes_out_total += len(data)

    async def more(self, ends_at: float) -> bool:
        """Wait for further bytes or the end of the connection; False when the time is up."""
        have = len(self.received)
        return await self.wait(lambda: len(self.received) > have or self.at_eof or bool(self.error), ends_at)

    async def wait(self, ready: Callable[[], bool], ends_at: float) -> bool:
        """Wait until `ready()` holds; False when it does not in time."""
        loop = self.process.loop
        while not ready():
            if self._failure is not None:
                raise self._failure
            if loop.time() >= ends_at - EARLY:
                return False
            waiter = self._waiter = loop.create_future()
            timer = loop.call_at(ends_at, self._wake)
            try:
                await waiter
            finally:
                self._waiter = None
                timer.cancel()
        return True

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self, *, linger: bool = False) -> None:
        """End the connection: with RST, or with FIN (`linger`, after which TLS says goodbye too)."""
        if self._counters is not None:
            self._counters.h1_open_connections -= 1
            self._counters.h1_open_streams -= 1
            self._counters = None
        if self.wire is None:
            if self._connecting is not None:
                self._connecting.cancel()
        elif not self.wire.is_closing():
            if linger:
                (self.transport or self.wire).close()
            else:
                self.process.net.abort_with_reset(self.wire)

    # -- the protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = self.transport = cast(asyncio.Transport, transport)
        self._wake()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self._counters is not None:
            self._counters.h1_bytes_in += len(data)
        self._wake()

    def eof_received(self) -> bool:
        self.at_eof = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        number = getattr(exc, "errno", None)
        if exc is not None:
            self.error = os.strerror(number) if number else str(exc)
        self.at_eof = True
        self._wake()


def proxy_v1(transport: asyncio.Transport) -> bytes:
    """The PROXY line of our own connection."""
    source, destination = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    if not isinstance(source, tuple) or not isinstance(destination, tuple):
        return b"PROXY UNKNOWN\r\n"
    family = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {family} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()
