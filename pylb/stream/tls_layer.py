"""TLS between a transport and a mux: the mux sees a transport of plain text and does not know.

`TlsLayer` is the protocol of the real transport; `self` is also the transport that the mux above writes to. It moves bytes through
the sans-IO `wire.tls.Tls`, finishes the handshake, and tells the session what was agreed. Nothing here waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pylb.base.errors import TlsError
from pylb.base.timers import Deadline
from pylb.stream import linger

if TYPE_CHECKING:
    from pylb.base.freq import FreqCtr
    from pylb.proxy.counters import InfoCounters, ListenerCounters, ModuleCounters
    from pylb.stream.session import Session
    from pylb.wire.tls import Tls


PRE_SHARED_KEY = 41  # the extension with which a client of TLS 1.3 names sessions
TIMEOUT = "Timeout during SSL handshake"


class TlsTransport(asyncio.Transport):
    """The plain side of a TLS connection; also the protocol of the encrypted side (see the module's text)."""

    def __init__(self, tls: Tls, transport: asyncio.Transport, counters: InfoCounters) -> None:
        super().__init__()
        self._tls, self.transport, self._counters = tls, transport, counters
        self._protocol: asyncio.Protocol | None = None
        self._eof_sent = self._peer_done = False

    @property
    def tls(self) -> Tls:
        return self._tls

    # -- the transport that the mux sees
    def write(self, data: bytes) -> None:  # type: ignore[override]
        self._tls.send(data)
        pending = self._tls.pending()  # `push`, without the call
        if pending and not self.transport.is_closing():
            self._counters.bytes_out_total += len(pending) - len(data)  # the mux counts its bytes itself
            self.transport.write(pending)

    def push(self) -> None:
        """Send what TLS wants to have on the wire."""
        pending = self._tls.pending()
        if pending and not self.transport.is_closing():
            self._counters.bytes_out_total += len(pending)
            self.transport.write(pending)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self.transport.get_write_buffer_size()

    def write_eof(self) -> None:
        if not self._eof_sent:
            self._eof_sent = True
            self._tls.shutdown()
            self.push()

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if self._tls.handshake_done:
            self.write_eof()
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    # -- the protocol that the real transport sees
    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()


class TlsLayer(TlsTransport, asyncio.Protocol):
    """Both faces of one TLS connection. `ready` is called once when the handshake is done, `failed` once when it did not happen."""

    def __init__(
        self, tls: Tls, transport: asyncio.Transport, ready: Callable[[], None], failed: Callable[[str], None], counters: InfoCounters
    ) -> None:  # fmt: skip
        super().__init__(tls, transport, counters)
        self._ready: Callable[[], None] | None = ready
        self._failed = failed
        self._is_counted = False

    def count(self, now: float) -> None:
        """It counts as a TLS connection of the process from now on."""
        self.counted()
        counters = self._counters
        counters.ssl_connections += 1
        counters.ssl_connections_total += 1
        counters.ssl_rate.tick(now)

    def counted(self) -> None:
        """It counts as a TLS connection already, until it ends."""
        self._is_counted = True

    def start(self) -> None:
        """A client speaks first; a server waits."""
        self.push()

    def data_received(self, data: bytes) -> None:
        try:
            plain = self._tls.receive(data)
        except TlsError as error:
            self.push()
            self.fail(error.why)
            return
        if self._ready is not None or not plain:  # else nothing but an answer can be due, and that takes it along
            self.push()
        if self._ready is not None and self._tls.handshake_done:
            ready, self._ready = self._ready, None
            ready()
        if plain and self._protocol is not None:
            self._protocol.data_received(plain)
        if self._tls.eof and not self._peer_done:
            self.eof_received()

    def abandon(self) -> None:
        """End a handshake that nobody waits for any more: what becomes of it must not be taken for the next one's fate."""
        self._ready = None
        self.transport.abort()

    def fail(self, why: str) -> None:
        """TLS broke: before the handshake that is `failed`, afterwards a lost connection."""
        if self._ready is not None:
            self._ready = None
            self._failed(why)
        if not self.transport.is_closing():
            self.transport.close()

    def eof_received(self) -> bool:
        if self._peer_done:
            return True
        self._peer_done = True
        if self._ready is not None:
            self.fail(self._tls.cut_off())
            return False
        if self._protocol is not None:
            return bool(self._protocol.eof_received())
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_counted:
            self._counters.ssl_connections -= 1
        if self._ready is not None:
            self._ready = None
            self._failed(self._tls.cut_off(reset=exc is not None))
        if self._protocol is not None:
            self._protocol.connection_lost(exc)


def count_handshake(tls: Tls, of: tuple[ModuleCounters | ListenerCounters, ...], keys: FreqCtr, now: float) -> None:
    """A handshake is done. One that made a session also made keys; those that resumed one are counted apart."""
    if tls.facts.session_reused:
        for counters in of:
            counters.ssl_reused_sess += 1
        return
    keys.tick(now)
    for counters in of:
        counters.ssl_sess += 1


def count_lookup(tls: Tls, counters: InfoCounters) -> None:
    """Was a session looked up among those kept here, and found? (One that had expired passes for one that was not known.)"""
    facts, context, hello = tls.facts, tls.context, tls.facts.hello
    tickets = not context.options.no_tls_tickets
    if hello is None or not context.keeps_sessions or (facts.session_reused and tickets):
        return
    if not (hello.session_id if facts.version != "TLSv1.3" else PRE_SHARED_KEY in hello.extensions and not tickets):
        return
    counters.ssl_cache_lookups += 1
    counters.ssl_cache_misses += not facts.session_reused


class Unwanted(asyncio.Protocol):
    """What is left of a connection that came when there were `maxsslconn` already."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.end()


def accept_tls(session: Session, context: Any, transport: asyncio.Transport, start: Callable[[Session, asyncio.Transport], None]) -> None:
    """Do the handshake of a client's connection, then call `start` with the plain transport."""
    process, frontend, listener = session.process, session.frontend, session.listener
    limit = process.config.global_.maxsslconn
    if 0 < limit <= process.counters.ssl_connections:
        transport.set_protocol(Unwanted(session))
        transport.abort()
        return
    from pylb.wire.tls import Tls  # where there is a TlsContext it is loaded

    tls = Tls.server(context)
    began = process.clock.now()
    deadline = Deadline(process.loop, lambda: give_up(TIMEOUT))

    def ready() -> None:
        deadline.close()
        session.tls = tls
        session.handshake_ms = int((process.clock.now() - began) * 1000)
        count_handshake(tls, (frontend.counters, listener.counters), process.counters.ssl_frontend_keys, process.clock.now())
        count_lookup(tls, process.counters)
        start(session, layer)

    def failed(why: str) -> None:
        deadline.close()
        session.tls = tls  # for what the log tells of the ClientHello
        if why != TIMEOUT:
            frontend.counters.ssl_failed_handshake += 1
            listener.counters.ssl_failed_handshake += 1
        if why != "Connection closed during SSL handshake" or frontend.logs_null:
            session.log_error(why)
        if layer._protocol is None:
            session.end()
        linger.close(transport, process.loop, frontend.timeout_client)

    def give_up(why: str) -> None:
        layer.fail(why)

    layer = TlsLayer(tls, transport, ready, failed, process.counters)
    transport.set_protocol(layer)
    deadline.at = began + frontend.timeout_client
    layer.count(began)
    listener.limit_handshakes(began)
