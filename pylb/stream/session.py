"""Session: one client connection, from its acceptance to its end.

Life: `Acceptor` (the first protocol on every accepted connection) makes the Session, runs `tcp-request connection` rules, lets the
TLS layer do its handshake where the `bind` line says so, runs `tcp-request session` rules, and hands the connection to a mux.
What is logged once per connection (addresses, handshake time, TLS facts) lives here; a session also stands in for the stream
in rules that run before one exists (`session.session is session`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from pylb.base.clock import log_date
from pylb.stream import tracking
from pylb.stream.driver import Stream
from pylb.stream.proxy_header import ProxyReader
from pylb.stream.tls_layer import accept_tls
from pylb.stream.verdict import Stop, Verdict

if TYPE_CHECKING:
    from pylb.config.model import Rule
    from pylb.proxy.listener import Listener
    from pylb.wire.proxy_protocol import ProxyHeader

HostPort = tuple[str, int]

ERROR_NUMBERS = {"Connection closed during SSL handshake": 24, "Timeout during SSL handshake": 26, "SSL handshake failure": 34}


class Session:
    """One client connection."""

    __slots__ = (
        "accepted",  # when, on the process's clock; for later requests of a kept-alive connection the mux moves it
        "accepted_wall",
        "backend",
        "closed",
        "destination",
        "error",  # the number of what ended it before it had a stream, for `fc_err`
        "error_text",
        "expects_proxy",  # `tcp-request connection expect-proxy`
        "frontend",
        "handshake_ms",  # TLS and PROXY protocol; 0 when there is none
        "hello",  # TLS: the parsed ClientHello
        "listener",
        "authenticating",  # a server asked who it is: its requests go to that server as long as they can
        "private_pools",  # where connections wait that only this session may use
        "process",
        "proxy_header",  # what a PROXY protocol header said
        "request",
        "requests",  # how many requests were begun on it
        "response",
        "server",
        "session",
        "source",  # (address, port); address "" for unix sockets
        "stream",
        "tracked",  # what stick counters hold
        "tls",  # wire.tls.Tls, None on plain connections
        "transport",
        "unsure",
        "variables",
    )

    def __init__(self, listener: Listener, transport: asyncio.Transport) -> None:
        frontend = listener.frontend
        self.session = self
        self.listener, self.frontend, self.process, self.transport = listener, frontend, frontend.process, transport
        self.backend = self.server = self.request = self.response = None
        self.stream: Any = None
        self.source = host_port(transport.get_extra_info("peername"))
        self.destination = host_port(transport.get_extra_info("sockname"))
        clock = frontend.process.clock
        self.accepted = clock.now()
        self.accepted_wall = clock.wall_at(self.accepted)
        self.handshake_ms = 0
        self.requests = 0
        self.private_pools: set[Any] = set()
        self.authenticating = False
        self.expects_proxy = False
        self.error, self.error_text = 0, ""
        self.proxy_header: ProxyHeader | None = None
        self.tls: Any = None
        self.hello: Any = None
        self.variables: dict[str, Any] | None = None
        self.tracked: list[Any] | None = None
        self.unsure = False
        self.closed = False

    def __repr__(self) -> str:
        return f"Session({self.source[0]}:{self.source[1]} -> {self.frontend.name})"

    def begin(self) -> None:
        """Its rules passed it, the handshakes are done: from here on it counts as a session."""
        now = self.process.clock.now()
        self.frontend.counters.open_session(now)
        self.listener.counters.stot += 1
        self.process.counters.sess_rate.tick(now)
        if self.tracked is not None:
            tracking.count(self, tracking.SESSION, now)
        self.listener.limit_sessions(now)

    def end(self) -> None:
        """The connection is gone. Safe to call twice."""
        if not self.closed:
            self.closed = True
            if self.tracked is not None:
                tracking.release(self, self.process.clock.now())
            for pool in self.private_pools:
                pool.session_ended(self)
            self.listener.closed()

    def log_error(self, text: str) -> None:
        """A connection that ended before it became a session with streams: HAProxy's short error line (configuration.txt 8.2.5)."""
        frontend = self.frontend
        if frontend.send_log is None:
            return
        self.error, self.error_text = ERROR_NUMBERS.get(text, 0), text
        level = 3 if frontend.log_separate_errors else 6
        if frontend.error_log_format is not None:
            stream: Any = Stream(self, None, None, self.accepted, self.accepted)
            stream.termination, stream.status = "PR", 0
            frontend.send_log(level, frontend.error_log_format(stream))
            return
        host = f"{self.source[0]}:{self.source[1]}" if self.source[0] else f"unix:{self.source[1]}"
        frontend.send_log(level, f"{host} [{log_date(self.accepted_wall)}] {frontend.name}/{self.listener.bind.name or self.listener.id}: {text}")


def host_port(name: Any) -> HostPort:
    """A socket name as (address, port); ("", 0) for unix sockets."""
    if isinstance(name, tuple) and len(name) >= 2:
        return name[0], name[1]
    return "", 0


def passes(rules: tuple[Rule, ...], subject: Any, refused: str) -> bool:
    """Run rules that can neither wait nor answer (`tcp-request connection`, `session`); False: the connection is refused."""
    for rule in rules:
        if rule.test is not None and not rule.test(subject, True):
            continue
        try:
            verdict = rule.run(subject)
        except Stop:
            return False
        if verdict is Verdict.REJECT:
            subject.frontend.count_refused(subject.listener, refused)
            return False
        if verdict is not None:
            break
    return True


class Acceptor(asyncio.Protocol):
    """What every accepted connection meets first; it steps aside once the session may begin."""

    __slots__ = ("listener", "session")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.session: Session | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        self.listener.opened()
        session = self.session = Session(self.listener, transport)
        frontend = session.frontend
        if frontend.tcp_request_connection and not passes(frontend.tcp_request_connection, session, "dcon"):
            frontend.process.net.abort_with_reset(transport)
            return
        if frontend.keepalive is not None:
            session.process.net.set_keepalive(transport, frontend.keepalive)
        if self.listener.bind.accept_proxy or session.expects_proxy:
            transport.set_protocol(ProxyReader(session, transport, start_session))
        else:
            start_session(session, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.session is not None:
            self.session.end()


def start_session(session: Session, transport: asyncio.Transport) -> None:
    """The addresses are known: do the TLS handshake where the `bind` line says so, then give the connection to a mux."""
    context = session.listener.tls
    if context is None:
        start_mux(session, transport)
    else:
        accept_tls(session, context, transport, start_mux)


class Refused(asyncio.Protocol):
    """What is left of a connection that `tcp-request session` refused."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.end()


def start_mux(session: Session, transport: asyncio.Transport) -> None:
    """The connection is ready (plain text from here on): run `tcp-request session`, then let the mux of the frontend's mode have it.

    `transport` is the connection's own or the TLS layer's; both are told that their protocol is now the mux.
    """
    from pylb.stream.mux_h1_client import ClientH1
    from pylb.stream.mux_tcp import ClientTcp

    frontend = session.frontend
    mux: asyncio.Protocol = ClientH1(session) if frontend.is_http else ClientTcp(session)
    if frontend.tcp_request_session and not passes(frontend.tcp_request_session, session, "dses"):
        transport.set_protocol(Refused(session))
        transport.abort()
        return
    session.begin()
    transport.set_protocol(mux)
    mux.connection_made(transport)
