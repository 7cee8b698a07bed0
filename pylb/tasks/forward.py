"""Forwarding the events of a ring to a server over TCP (configuration.txt 3.9 `server`, `log tcp@`).

One Forwarder per server keeps a connection open as long as the process runs. It stands where a stream stands for the connection's
mux; what the server says is read and forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.timers import NEVER
from pylb.tasks.sinks import Reader, Ring

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server

PAUSE = 1.0  # seconds between two attempts to connect
HELD = 65536  # bytes written at once


class Forwarder:
    """The way of events to one server."""

    termination = "--"  # as streams have it: nothing ends early here
    request_complete = response_complete = False

    def __init__(self, ring: Ring, server: Server) -> None:
        self.process: Process = server.backend.process
        self.session = self  # where the client came to: nowhere
        self.destination = self.source = ("", 0)
        self.proxy_header = self.tls = None
        self._server = server
        self._octets = server.settings.log_proto == "octet-count"
        self._back: Any = None
        self._connecting: Any = None
        self._timer: Any = None
        self._closed = False
        self._ring = ring
        self._reader: Reader | None = None  # from the first connection on: until then nothing is held back for the server

    def start(self) -> None:
        """Connect."""
        self._timer = None
        server = self._server
        assert server.connect is not None
        self._connecting = server.connect(self)
        self._later(server.backend.timeout_connect, self._give_up)

    def pump(self) -> None:
        """Send what the server takes."""
        back, reader = self._back, self._reader
        if reader is None or back is None or back.blocked:
            return
        pieces, size = [], 0
        for event in reader.events():
            pieces.append(b"%d %b" % (len(event), event) if self._octets else event + b"\n")
            size += len(event)
            if size >= HELD:
                break
        if pieces:
            back.send_data(b"".join(pieces))
            if size >= HELD:
                self.process.loop.call_soon(self.pump)

    def close(self) -> None:
        """End."""
        self._closed = True
        if self._reader is not None:
            self._reader.close()
        self._cancel_timer()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._back is not None:
            self._back.kill()

    def _later(self, seconds: float, action: Any) -> None:
        self._cancel_timer()
        if seconds != NEVER:
            self._timer = self.process.loop.call_later(seconds, action)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """`timeout connect`."""
        self._connecting.cancel()
        self.on_connect_failed(TimeoutError("connect"))

    def _leave(self) -> None:
        """`timeout server`: it takes nothing."""
        self._timer = None
        self._back.kill()

    # -- events of the mux
    def on_connected(self, back: Any) -> None:
        self._cancel_timer()
        self._connecting, self._back = None, back
        self._since = self.process.clock.now()
        if self._reader is None:
            self._reader = Reader(self._ring, self.pump)
        self.pump()

    def on_connect_failed(self, error: OSError) -> None:
        self._connecting = None
        if not self._closed:
            self._later(PAUSE, self.start)

    def on_response_data(self, data: bytes) -> None:
        """Nobody listens to what log servers say."""

    def on_server_eof(self) -> None:
        self._back.kill()

    def on_server_gone(self, reset: bool) -> None:
        self._back = None
        if not self._closed:
            lived = self.process.clock.now() - self._since
            self._later(0.0 if lived >= PAUSE else PAUSE, self.start)

    def on_server_blocked(self) -> None:
        self._later(self._server.backend.timeout_server, self._leave)

    def on_server_writable(self) -> None:
        self._cancel_timer()
        self.pump()
