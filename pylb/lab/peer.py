"""Peer: one end of a connection for scripts: send, receive, expect, close, reset. Works over any `Net`.

A peer reads eagerly into `buffer` unless told to `stop_reading`. Every wait has a limit, in the loop's time (virtual in a
World), after which TimeoutError says what had been received.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

from pylb.base.net import CONNECT, ConnectOptions, Endpoint, Net


class Peer(asyncio.Protocol):
    """One connection; made by `dial`, or by a listener as its protocol factory."""

    def __init__(self, net: Net, loop: asyncio.AbstractEventLoop, patience: float = 60.0) -> None:
        self.net, self._loop, self.patience = net, loop, patience
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.total = 0  # bytes ever received
        self.ended = False  # FIN seen
        self.lost = False
        self.error: Exception | None = None  # of connection_lost
        self.can_write = True
        self._changed: set[asyncio.Future[None]] = set()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._wake()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.total += len(data)
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return True

    def pause_writing(self) -> None:
        self.can_write = False

    def resume_writing(self) -> None:
        self.can_write = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost, self.error = True, exc
        self._wake()

    def _wake(self) -> None:
        waiting, self._changed = self._changed, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until `ready` holds."""
        limit = self._loop.time() + self.patience
        while not ready():
            future = self._loop.create_future()
            self._changed.add(future)
            timer = self._loop.call_at(limit, self._wake)
            try:
                await future
            finally:
                timer.cancel()
            if not ready() and self._loop.time() >= limit:
                raise TimeoutError(f"waited {self.patience:g} s for {what}; received so far: {bytes(self.buffer[-2000:])!r}")

    # ---- scripts

    async def connected(self) -> None:
        await self.until(lambda: self.transport is not None, "the connection")

    async def send(self, data: bytes) -> None:
        """Send, and wait while more than the transport's high-water mark is unsent. Raises ConnectionError when the connection is gone."""
        if self.transport is None or self.transport.is_closing():
            raise self._broken()
        self.transport.write(data)
        await self.until(lambda: self.can_write or self.lost, "the peer to read")
        if self.lost:
            raise self._broken()

    async def recv(self) -> bytes:
        """What has been received, at least one byte; b"" after the peer's FIN. Raises ConnectionError after a reset."""
        await self.until(lambda: bool(self.buffer) or self.ended or self.lost, "bytes")
        return self._take(len(self.buffer)) if self.buffer else self._nothing()

    async def expect(self, pattern: bytes | re.Pattern[bytes]) -> bytes:
        """Receive up to and with the first match of `pattern` (bytes: literally). Raises ConnectionError when it cannot come any more."""
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        await self.until(lambda: wanted.search(self.buffer) is not None or self.ended or self.lost, repr(pattern))
        found = wanted.search(self.buffer)
        if found is None:
            raise ConnectionError(f"the connection ended before {pattern!r}; received: {bytes(self.buffer)!r}")
        return self._take(found.end())

    async def exactly(self, size: int) -> bytes:
        """Receive `size` bytes."""
        await self.until(lambda: len(self.buffer) >= size or self.ended or self.lost, f"{size} bytes")
        if len(self.buffer) < size:
            raise ConnectionError(f"the connection ended {size - len(self.buffer)} bytes too early")
        return self._take(size)

    async def rest(self) -> bytes:
        """Everything until the peer's FIN. Raises ConnectionError after a reset."""
        await self.until(lambda: self.ended or self.lost, "the end")
        return self._take(len(self.buffer)) + self._nothing()

    async def gone(self) -> Exception | None:
        """Wait for connection_lost; its error."""
        await self.until(lambda: self.lost, "the connection to be lost")
        return self.error

    def write_eof(self) -> None:
        """Send FIN, go on reading."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close with RST."""
        if self.transport is not None:
            self.net.abort_with_reset(self.transport)

    def stop_reading(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def start_reading(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()

    def _take(self, size: int) -> bytes:
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def _nothing(self) -> bytes:
        if self.error is not None:
            raise self._broken()
        return b""

    def _broken(self) -> ConnectionError:
        return self.error if isinstance(self.error, ConnectionError) else ConnectionError("the connection is closed")


async def dial(net: Net, endpoint: Endpoint, options: ConnectOptions = CONNECT, patience: float = 60.0) -> Peer:
    """A connected peer; raises the OSError of a failed connection, or TimeoutError after `patience` seconds."""
    loop = asyncio.get_running_loop()
    peer = Peer(net, loop, patience)
    failure: list[OSError] = []

    def failed(error: OSError) -> None:
        failure.append(error)
        peer.connection_lost(error)

    connecting = net.connect(endpoint, lambda: peer, failed, options)
    try:
        await peer.until(lambda: peer.transport is not None or peer.lost, f"the connection to {endpoint}")
    except BaseException:
        connecting.cancel()
        raise
    if failure:
        raise failure[0]
    return peer
