"""The connection of one health check: TCP, then TLS where the check wants it, then bytes both ways with a deadline."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, cast

from pylb.base.net import Connecting
from pylb.stream.tls_layer import TlsLayer
from pylb.wire.tls import Tls
from pylb.wire.tls_context import TlsContext

if TYPE_CHECKING:
    from pylb.proxy.server import Server


class CheckFailed(Exception):
    """The check's verdict is already known: a status of the health machine, a code, and the words for the log."""

    def __init__(self, status: str, text: str = "", code: int = 0) -> None:
        super().__init__(status, text)
        self.status, self.text, self.code = status, text, code


class CheckConnection(asyncio.Protocol):
    """One attempt's connection. Every wait has its own limit; what went wrong is a CheckFailed."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.process = server.backend.process
        self.transport: asyncio.Transport | None = None
        self.wire: asyncio.Transport | None = None
        self.received = b""
        self.at_eof = False
        self.lost: Exception | None = None
        self._changed = asyncio.Event()
        self._connecting: Connecting | None = None
        self._failure: CheckFailed | None = None

    # -- opening
    async def open(self, seconds: float) -> None:
        """Connect and, where wanted, do the TLS handshake."""
        settings = self.server.settings.check
        address = settings.address or self.server.address
        port = settings.port or (settings.address.port if settings.address is not None and settings.address.port else self.server.address.port)
        if address.is_ip:
            address = address.with_port(port)
        clock = self.process.clock
        ends_at = clock.now() + seconds
        self._connecting = self.process.net.connect(address.endpoint(), lambda: self, self._refused)
        await self._until(lambda: self.wire is not None, ends_at - clock.now(), "L4TOUT")
        if settings.tls is not None:
            await self._handshake(ends_at - clock.now())

    async def _handshake(self, seconds: float) -> None:
        check = self.server.settings.check
        assert check.tls is not None and self.process.config.certificates is not None and self.wire is not None
        context = TlsContext.for_server(check.tls, self.process.config.certificates)
        self.transport = None
        layer = TlsLayer(Tls.client(context, sni=check.sni, alpn=list(check.alpn) or None), self.wire, self._secured, self._insecure)
        layer.set_protocol(self)
        self._layer = layer
        self.wire.set_protocol(layer)
        layer.start()
        await self._until(lambda: self.transport is not None, seconds, "L6TOUT")

    def _refused(self, error: OSError) -> None:
        self._failure = CheckFailed("L4CON", os.strerror(error.errno) if error.errno else str(error))
        self._changed.set()

    def _secured(self) -> None:
        self.transport = self._layer
        self._changed.set()

    def _insecure(self, why: str) -> None:
        self._failure = CheckFailed("L6RSP", why)
        self._changed.set()

    # -- talking
    def send(self, data: bytes) -> None:
        """Send bytes, if somebody is still there."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    async def more(self, seconds: float) -> bool:
        """Wait for further bytes; False when there will be none. Raises CheckFailed L7TOUT."""
        have = len(self.received)
        await self._until(lambda: len(self.received) > have or self.at_eof or self.lost is not None, seconds, "L7TOUT")
        return len(self.received) > have

    async def _until(self, ready: object, seconds: float, status: str) -> None:
        """Wait until `ready()` holds; CheckFailed with `status` when it takes too long."""
        assert callable(ready)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                while not ready():
                    if self._failure is not None:
                        raise self._failure
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise CheckFailed(status) from None

    def close(self) -> None:
        """End the connection with RST."""
        if self.wire is None:
            if self._connecting is not None:
                self._connecting.cancel()
        elif not self.wire.is_closing():
            self.process.net.abort_with_reset(self.wire)

    # -- the protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = self.transport = cast(asyncio.Transport, transport)
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.at_eof = True
        self._changed.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc or ConnectionError("closed")
        self.at_eof = self.at_eof or exc is None
        self._changed.set()
