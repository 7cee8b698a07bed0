"""How a stream's connection to a server is made: address, TLS, and the mux on top."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

from pylb.base.address import SOURCE, Address, parse_address
from pylb.base.net import Connecting, ConnectOptions, Endpoint, Keepalive
from pylb.config.tls import store_of
from pylb.stream.mux_h1_server import ServerH1
from pylb.stream.mux_tcp import ServerTcp
from pylb.stream.proxy_header import Introduced, introduction
from pylb.stream.tls_layer import TlsLayer, count_handshake
from pylb.stream.verdict import Stop
from pylb.wire.tls_options import SPOKEN

if TYPE_CHECKING:
    from pylb.proxy.counters import TrafficCounters
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server
    from pylb.wire.tls_context import TlsContext

UNSPECIFIED = ("0.0.0.0", "::")
Borrow = Callable[[Any], "Endpoint | None"]


class NoSource(Exception):
    """The header that `usesrc` names has no such value."""


def attach(server: Server) -> None:
    """From now on connections to the server are opened as its settings say."""
    dialer = Dialer(server)
    server.connect, server.readdressed = dialer.connect, dialer.settle_identity
    dialer.settle_identity()


class Dialer:
    """Opens connections to one server."""

    __slots__ = ("_borrow", "_lends_client", "_options", "_server", "_tls")

    def __init__(self, server: Server) -> None:
        settings, proxy, process = server.settings, server.backend.settings, server.backend.process
        self._server = server
        self._tls: TlsContext | None = None
        if settings.ssl and settings.tls is not None:
            from pylb.wire.tls_context import TlsContext  # heavy, and only for TLS

            spoken = SPOKEN if proxy.mode == "http" else None
            verify = process.config.global_.ssl_server_verify
            self._tls = TlsContext.for_server(settings.tls, store_of(process.config), spoken=spoken, default_verify=verify, kept=server.tls_session)
        source = settings.source or proxy.source or {}
        self._borrow = borrower(source.get("usesrc"), server.backend.is_http)
        self._lends_client = source.get("usesrc") in ("client", "clientip")
        address, ports = bound_address(source.get("address"))
        self._options = ConnectOptions(
            source=address,
            source_ports=ports,
            keepalive=keepalive(proxy.extra, "srvtcpka") if "srvtcpka" in proxy.options else None,
            tfo=settings.tfo,
            user_timeout=settings.tcp_user_timeout,
            interface=source.get("interface") or settings.interface,
        )

    @property
    def differs(self) -> bool:
        """Do connections depend on the streams they are opened for?"""
        settings, address = self._server.settings, self._server.address
        open_address = address.is_ip and (address.relative or address.host in UNSPECIFIED)
        return settings.sni is not None or bool(settings.send_proxy) or self._borrow is not None or open_address

    def settle_identity(self) -> None:
        """Have the pool ask for it, or not; to be called again when the server has another address."""
        self._server.pool.identity = self.identity if self.differs else None

    def identity(self, stream: Any) -> Hashable:
        """All that a connection owes to its stream: only streams for which it would be the same may have it later (`http-reuse`)."""
        settings = self._server.settings
        try:
            source: Any = stream.session.source if self._lends_client else self._borrow and self._borrow(stream)
        except NoSource:
            source = None
        return self.endpoint(stream), self.server_name(stream), source, introduction(settings, stream) if settings.send_proxy else b""

    def connect(self, stream: Any) -> Connecting:
        """Begin to connect; the stream hears `on_connected` or `on_connect_failed`."""
        server, net = self._server, self._server.backend.process.net
        mux: ServerH1 | ServerTcp = ServerH1(stream, server) if server.backend.is_http else ServerTcp(stream, server)
        endpoint = self.endpoint(stream)
        first: asyncio.Protocol = mux
        if self._tls is not None:
            counters = (server.counters, server.backend.counters)
            first = shake = Handshake(server.backend.process, self._tls, mux, self.server_name(stream), stream.on_connect_failed, counters)
        if server.settings.send_proxy:
            first = Introduced(introduction(server.settings, stream), first, server.backend.process.counters)
        options = self.options(stream)
        if self._tls is None:
            return net.connect(endpoint, lambda: first, stream.on_connect_failed, options)
        shake.begin()
        shake.connecting = net.connect(endpoint, lambda: first, shake.refused, options)
        return shake

    def options(self, stream: Any) -> ConnectOptions:
        """How to connect for this stream: with `usesrc` from an address that need not be ours."""
        try:
            borrowed = self._borrow(stream) if self._borrow is not None else None
        except NoSource:
            stream.backend.counters.econ += 1
            stream.server.counters.econ += 1
            raise Stop("I", "C", 500) from None
        return self._options if borrowed is None else replace(self._options, source=borrowed, source_ports=None, transparent=True)

    def endpoint(self, stream: Any) -> Endpoint:
        """Where to connect to; parts that the `server` line leaves open are the client's destination."""
        address = self._server.address
        if not address.is_ip:
            return address.endpoint()
        host, port = stream.session.destination
        port = port + address.port if address.relative else address.port
        unspecified = address.host in UNSPECIFIED and host
        return Endpoint.tcp(host if unspecified else address.host, port)

    def server_name(self, stream: Any) -> str | None:
        """The SNI to send: the value of `sni <expression>` for this stream."""
        expression = self._server.settings.sni
        value = expression(stream) if expression is not None else None
        return value.decode("latin-1") if isinstance(value, bytes) and value else None


def keepalive(extra: dict[str, Any], name: str) -> Keepalive:
    """The probes of TCP keep-alive as `clitcpka-*` or `srvtcpka-*` want them."""
    return Keepalive(count=extra.get(f"{name}-cnt"), idle=extra.get(f"{name}-idle"), interval=extra.get(f"{name}-intvl"))


def bound_address(address: Address | None) -> tuple[Endpoint | None, tuple[int, int] | None]:
    """What `source` says: an address, perhaps with a port, or with ports of which the first free one is taken."""
    if address is None or not address.is_ip:
        return None, None
    if address.port_high > address.port:
        return address.with_port(0).endpoint(), (address.port, address.port_high)
    return address.endpoint(), None


def borrower(usesrc: str | None, http: bool) -> Borrow | None:
    """The address that `usesrc` lends to connections, as a function of the stream."""
    if not usesrc:
        return None
    if usesrc == "client":
        return lambda stream: Endpoint.tcp(*stream.session.source) if stream.session.source[0] else None
    if usesrc == "clientip":
        return lambda stream: Endpoint.tcp(stream.session.source[0], 0) if stream.session.source[0] else None
    if not usesrc.startswith("hdr_ip("):
        fixed = parse_address(usesrc, SOURCE).endpoint()
        return lambda stream: fixed
    name, _, occurrence = usesrc[len("hdr_ip(") :].rstrip(")").partition(",")
    return from_header(name.strip().lower().encode(), int(occurrence or -1)) if http else None


def from_header(name: bytes, occurrence: int) -> Borrow:
    """An address in a request header. Who sends none cannot be served; what is no address stands for our own."""

    def find(stream: Any) -> Endpoint | None:
        values = list(stream.request.headers.values_split(name))
        try:
            host = values[occurrence - 1 if occurrence > 0 else occurrence].decode("latin-1").strip()
            ip_address(host)
        except IndexError:
            raise NoSource from None
        except ValueError:
            return None
        return Endpoint.tcp(host, 0)

    return find


class Handshake(asyncio.Protocol):
    """A TCP connection on its way to be a TLS connection: first the connect, then the handshake; `cancel` ends either."""

    def __init__(
        self, process: Process, context: TlsContext, mux: asyncio.Protocol, server_name: str | None, failed: Callable[[OSError], None],
        counters: tuple[TrafficCounters, ...] = (),
    ) -> None:  # fmt: skip
        self._process = process
        self._counters = counters  # of handshakes, whatever becomes of them
        self._context, self._mux, self._name, self._failed = context, mux, server_name, failed
        self.connecting: Connecting | None = None
        self._layer: TlsLayer | None = None

    def begin(self) -> None:
        """It counts as a TLS connection before there is any."""
        counters = self._process.counters
        counters.ssl_connections += 1
        counters.ssl_connections_total += 1

    def refused(self, error: OSError) -> None:
        """There is no connection."""
        self._process.counters.ssl_connections -= 1
        self._failed(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        from pylb.wire.tls import Tls  # where there is a TlsContext it is loaded

        tls = Tls.client(self._context, sni=self._name)
        layer = self._layer = TlsLayer(tls, transport, self._ready, self._lost, self._process.counters)
        layer.counted()
        transport.set_protocol(layer)
        layer.start()

    def _ready(self) -> None:
        layer, self._layer = self._layer, None
        assert layer is not None
        count_handshake(layer.tls, self._counters, self._process.counters.ssl_backend_keys, self._process.clock.now())
        layer.set_protocol(self._mux)
        self._mux.connection_made(layer)

    def _lost(self, why: str) -> None:
        self._layer = None
        for counters in self._counters:
            counters.ssl_failed_handshake += 1
        self._failed(ConnectionError(why))

    def settle(self) -> None:
        """Begin the handshake at once if there is something to begin it on."""
        if self.connecting is not None:
            self.connecting.settle()

    def cancel(self) -> None:
        """Give up."""
        if self._layer is not None:
            self._layer.abandon()
            self._layer = None
        elif self.connecting is not None:
            self._process.counters.ssl_connections -= 1
            self.connecting.cancel()
