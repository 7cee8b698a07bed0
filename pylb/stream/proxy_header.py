"""The PROXY protocol on connections: read before TLS and the mux on the client's side, written first on the server's side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pylb.base.errors import BadMessage
from pylb.base.timers import Deadline
from pylb.wire import proxy_protocol as proxy

if TYPE_CHECKING:
    from pylb.config import model
    from pylb.proxy.counters import InfoCounters
    from pylb.stream.session import Session

GoOn = Callable[["Session", asyncio.Transport], None]


class ProxyReader(asyncio.Protocol):
    """Reads the header a client's connection must begin with (`accept-proxy`, `expect-proxy layer4`), then steps aside."""

    def __init__(self, session: Session, transport: asyncio.Transport, go_on: GoOn) -> None:
        self.session, self.transport, self._go_on = session, transport, go_on
        self.data = b""
        self.done = False
        process = session.process
        self._began = process.clock.now()
        self._deadline = Deadline(process.loop, lambda: self.fail(proxy.TIMEOUT))
        self._deadline.at = self._began + session.frontend.timeout_client

    def data_received(self, data: bytes) -> None:
        self.data = data
        try:
            found = proxy.read_header(data)
        except BadMessage as bad:
            self.fail(bad.why)
            return
        if found is None:
            self.fail(proxy.TRUNCATED)  # HAProxy wants the whole header in the first bytes it sees
        else:
            self.accept(*found)

    def accept(self, header: proxy.ProxyHeader, size: int) -> None:
        """The header is there: the session is the one it speaks of."""
        self.done = True
        self._deadline.close()
        session = self.session
        session.proxy_header = header
        if header.source is not None and header.destination is not None:
            session.source, session.destination = header.source, header.destination
        session.handshake_ms = int((session.process.clock.now() - self._began) * 1000)
        self._go_on(session, self.transport)
        rest = self.data[size:]
        if rest and not self.transport.is_closing():
            cast(asyncio.Protocol, self.transport.get_protocol()).data_received(rest)

    def fail(self, why: str) -> None:
        """There will be no header: say so in the log, and close."""
        self.done = True
        self._deadline.close()
        self.session.log_error(why)
        if not self.transport.is_closing():
            self.session.process.net.abort_with_reset(self.transport)

    def eof_received(self) -> bool:
        if not self.done:
            quiet = not self.data and not self.session.frontend.logs_null
            if quiet:
                self.done = True
            else:
                self.fail(proxy.TRUNCATED if self.data else proxy.CLOSED)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.close()
        self.session.end()


class Introduced(asyncio.Protocol):
    """A connection to a server that begins with a header; whatever speaks next takes over at once."""

    def __init__(self, header: bytes, inner: asyncio.Protocol, counters: InfoCounters) -> None:
        self._header, self._inner, self._counters = header, inner, counters

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        transport.write(self._header)
        self._counters.bytes_out_total += len(self._header)
        transport.set_protocol(self._inner)
        self._inner.connection_made(transport)


def introduction(settings: model.Server, stream: Any) -> bytes:
    """The header for a stream's server: who the client is (`send-proxy`, `send-proxy-v2`, `proxy-v2-options`)."""
    session = stream.session
    if settings.send_proxy == "v1":
        return proxy.write_v1(session.source, session.destination)
    wanted = set(settings.proxy_v2_options)
    if settings.send_proxy in ("v2-ssl", "v2-ssl-cn"):
        wanted.add("ssl")
    if settings.send_proxy == "v2-ssl-cn":
        wanted.add("cert-cn")
    return proxy.write_v2(session.source, session.destination, list(values(session, stream, wanted)), "crc32c" in wanted)


def values(session: Session, stream: Any, wanted: set[str]) -> list[tuple[int, bytes]]:
    """The TLVs asked for, of what is known."""
    found: list[tuple[int, bytes]] = []
    facts = session.tls.facts if session.tls is not None else None
    header = session.proxy_header
    if facts is not None and facts.alpn:
        found.append((proxy.ALPN, facts.alpn.encode()))
    if "authority" in wanted:
        name = header.authority if header is not None and header.authority else facts.sni.encode() if facts is not None and facts.sni else b""
        if name:
            found.append((proxy.AUTHORITY, name))
    if "unique-id" in wanted and stream.frontend.unique_id_format is not None:
        found.append((proxy.UNIQUE_ID, stream.make_unique_id().encode("latin-1")))
    if "ssl" in wanted:
        found.append((proxy.SSL, tls_value(facts, wanted) if facts is not None else bytes(5)))
    return found


def tls_value(facts: Any, wanted: set[str]) -> bytes:
    """The TLV about the client's TLS."""
    flags = proxy.CLIENT_SSL
    certificate = facts.peer_certificate
    if certificate:
        flags |= proxy.CLIENT_CERTIFICATE_SESSION if facts.session_reused else proxy.CLIENT_CERTIFICATE | proxy.CLIENT_CERTIFICATE_SESSION
    body = bytes((flags,)) + (0 if facts.verify_result == 0 and certificate else 1).to_bytes(4, "big")
    body += proxy.value(proxy.SSL_VERSION, facts.version.encode())
    if "cert-cn" in wanted and certificate:
        body += proxy.value(proxy.SSL_NAME, common_name(certificate))
    if "ssl-cipher" in wanted:
        body += proxy.value(proxy.SSL_CIPHER, facts.cipher.encode())
    return body


def common_name(certificate: bytes) -> bytes:
    """The subject's common name of a DER certificate."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value).encode() if names else b""
