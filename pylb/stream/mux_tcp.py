"""The TCP mux: bytes of a connection, as they are, to and from the stream (HAProxy's mux_pt)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from pylb.base.net import Hangup
from pylb.base.timers import Deadline
from pylb.stream import linger
from pylb.stream.tcp import TcpStream
from pylb.stream.tls_layer import TlsLayer

if TYPE_CHECKING:
    from pylb.proxy.server import Server
    from pylb.stream.session import Session

HIGH_WATER = 65536


class Tcp(asyncio.Protocol):
    """What both sides share."""

    __slots__ = ("blocked", "gone", "lingering", "paused", "sent_eof", "stream", "transport")

    transport: asyncio.Transport
    stream: TcpStream

    def __init__(self) -> None:
        self.blocked = self.gone = self.paused = self.sent_eof = False
        self.lingering: linger.Lingering | None = None

    def send_data(self, data: bytes) -> None:
        """Pass bytes on."""
        if not self.transport.is_closing():
            self.stream.process.counters.bytes_out_total += len(data)
            self.transport.write(data)

    def half_close(self) -> bool:
        """Nothing more will be sent this way; True: nor will anything come, since a TLS connection ends as a whole, and any under
        `option nolinger`."""
        whole = isinstance(self.transport, TlsLayer) or not self.lingers()
        if not self.sent_eof and not self.transport.is_closing():
            self.sent_eof = True
            if not self.lingers():
                self.kill()
            elif whole:
                self.transport.close()
            else:
                self.transport.write_eof()
        return whole

    def lingers(self) -> bool:
        """Does the connection end as TCP means it to, not with RST?"""
        return True

    def kill(self) -> None:
        """End the connection with RST."""

    def flush(self) -> None:
        """Nothing is ever held back."""

    def pause(self) -> None:
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def close(self) -> None:
        """Send what is still to be sent, then close; at once when the peer has had its chance to read."""
        stream = self.stream
        if stream.termination[0] in "cs":
            self.transport.abort()
        else:
            self.lingering = linger.close(self.transport, stream.process.loop, self.patience()) or self.lingering

    def lost(self) -> None:
        """The connection is no more."""
        self.gone = True
        if self.lingering is not None:
            self.lingering.end()

    def patience(self) -> float:
        """How long the peer may take nothing of what is left."""
        raise NotImplementedError


class ClientTcp(Tcp):
    """The client's side; its one stream begins with the connection."""

    __slots__ = ("deadline", "session")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        self.transport = transport
        transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        session = self.session
        session.process.sessions.add(self)
        self.stream = TcpStream(session, self)
        if session.frontend.announces:
            self.stream.announce()
        self.deadline = Deadline(session.process.loop, self.stream.on_deadline)
        session.process.loop.call_soon(self.stream.start)

    def data_received(self, data: bytes) -> None:
        self.stream.on_request_data(data)

    def eof_received(self) -> bool:
        self.stream.on_client_eof()
        return True

    def on_hangup(self, how: Hangup) -> None:
        """Seen while reading is paused."""
        if how is Hangup.RESET:
            self.stream.on_client_gone(reset=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self.session.process.sessions.discard(self)
        self.stream.on_client_gone(reset=exc is not None)
        self.deadline.close()
        self.session.end()

    def pause_writing(self) -> None:
        self.blocked = True
        self.stream.on_client_blocked()

    def resume_writing(self) -> None:
        self.blocked = False
        self.stream.on_client_writable()

    def patience(self) -> float:
        return self.session.frontend.timeout_client_fin

    def stop_when_idle(self) -> None:
        """The process is stopping: a relay goes on until its ends have had enough."""

    def lingers(self) -> bool:
        return self.session.frontend.lingers

    def kill(self) -> None:
        """End the connection with RST."""
        self.session.process.net.abort_with_reset(self.session.transport)


class ServerTcp(Tcp):
    """The server's side."""

    __slots__ = ("server",)

    def __init__(self, stream: TcpStream, server: Server) -> None:
        super().__init__()
        self.stream, self.server = stream, server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        self.transport = transport
        transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        self.stream.on_connected(self)

    def data_received(self, data: bytes) -> None:
        self.stream.on_response_data(data)

    def eof_received(self) -> bool:
        self.stream.on_server_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self.stream.on_server_gone(reset=exc is not None)

    def pause_writing(self) -> None:
        self.blocked = True
        self.stream.on_server_blocked()

    def resume_writing(self) -> None:
        self.blocked = False
        self.stream.on_server_writable()

    def patience(self) -> float:
        return self.server.backend.timeout_server_fin

    def lingers(self) -> bool:
        return self.server.backend.lingers

    def detach(self, keep: bool) -> None:
        """The stream is over."""
        self.server.counters.used_conn_cur -= 1
        if not self.transport.is_closing():
            if self.sent_eof and self.stream.response_complete:
                self.close()
            else:
                self.kill()

    def kill(self) -> None:
        """Close with RST: a server that is left first must not leave us in TIME_WAIT."""
        if not self.transport.is_closing():
            self.stream.process.net.abort_with_reset(self.transport)
