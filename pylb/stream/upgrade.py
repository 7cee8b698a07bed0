"""From TCP to HTTP/1 on one connection: `tcp-request content switch-mode http`, and frontends in mode tcp with backends in mode http.

The connection gets the HTTP mux, which reads again what has come so far. The stream of the raw bytes becomes that of the first
request: what rules have set and tracked goes on with it, and rules that have run do not run again. What makes no request ends the
raw stream. Later requests on the connection are streams like any other, for which all rules of the frontend run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.stream.mux_h1_client import ClientH1
from pylb.stream.stream import HttpStream

if TYPE_CHECKING:
    from pylb.stream.tcp import TcpStream
    from pylb.wire.message import Request

KEPT = (
    *("backend", "captures_request", "captures_response", "log_level", "own_timeouts", "priority_class", "priority_offset"),
    *("tracked", "unique_id", "variables"),
)


def upgrade(raw: TcpStream) -> None:
    """Give the connection of a TCP stream to an HTTP mux."""
    front, session = raw.front, raw.session
    front.deadline.close()
    session.process.sessions.discard(front)
    mux = UpgradedH1(raw)
    transport = front.transport
    transport.set_protocol(mux)
    mux.connection_made(transport)
    front.resume()
    if front.gone:
        mux.connection_lost(None)
        return
    if raw.inbox_request:
        mux.data_received(b"".join(raw.inbox_request))
    if raw.request_complete:
        mux.eof_received()


class UpgradedStream(HttpStream):
    """A request on a connection of a TCP frontend."""

    __slots__ = ()

    def __init__(self, front: UpgradedH1, request: Request, idle_from: float, began: float) -> None:
        super().__init__(front.session, front, request, idle_from, began)
        raw, front.raw = front.raw, None
        if raw is not None:
            self.session = raw.session
            self.passed = True
            for name in KEPT:
                setattr(self, name, getattr(raw, name))

    def announce(self) -> None:
        """The raw stream has been announced."""
        if not self.passed:
            super().announce()


class UpgradedH1(ClientH1):
    """The client's side of such a connection; `raw`: the stream that has no request yet."""

    __slots__ = ("raw",)

    def __init__(self, raw: TcpStream) -> None:
        super().__init__(raw.session.session)
        self.raw: TcpStream | None = raw

    def make_stream(self, request: Request) -> HttpStream:
        return UpgradedStream(self, request, self.idle_from, self.request_began)

    def log_without_stream(self, who: str, when: str, status: int) -> None:
        """No request came of it: the raw stream ends, by the proxy's will whatever the reason."""
        raw, self.raw = self.raw, None
        if raw is None:
            super().log_without_stream("P", "R", status)
        else:
            raw.refused_by_mux()
