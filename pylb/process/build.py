"""From a Config to the objects that run: frontends, backends, servers, listeners, loggers, in the order of the configuration."""

from __future__ import annotations

import asyncio
import os
import socket

from pylb.base.address import Address
from pylb.base.clock import Clock
from pylb.base.net import ListenError, ListenOptions, Net
from pylb.config import model
from pylb.config.tls import store_of
from pylb.process.binding import listen_options
from pylb.process.forwarding import Forwarding
from pylb.proxy.balance.direct import Direct
from pylb.proxy.listener import Listener
from pylb.proxy.process import Process
from pylb.proxy.proxy import Backend, Frontend
from pylb.proxy.server import Server, build_servers, link_tracking
from pylb.sample.context import CompileContext
from pylb.sample.logformat import CLF_LOG, HTTP_LOG, HTTPS_LOG, TCP_LOG, LogFormat, compile_log_format
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint
from pylb.stream.dial import attach
from pylb.stream.profiling import Profiler
from pylb.stream.session import Acceptor
from pylb.tasks.logger import Loggers
from pylb.wire.h1 import Limits
from pylb.wire.tls_options import SPOKEN

WANTED = Address("ipv4", "0.0.0.0", relative=True)
OPTION_FORMATS = (("httpslog", HTTPS_LOG), ("httplog clf", CLF_LOG), ("httplog", HTTP_LOG), ("tcplog", TCP_LOG))


class StartError(Exception):
    """The program cannot start; the text is HAProxy's alert."""


def build(config: model.Config, loop: asyncio.AbstractEventLoop, clock: Clock, net: Net, *, tag: str = "haproxy", pid: int | None = None) -> Process:
    """Everything that runs, not listening yet."""
    process = Process(config, loop, clock, net, os.getpid() if pid is None else pid)
    process.node = config.global_.node or socket.gethostname()
    for settings in config.proxies:
        frontend = make_frontend(process, settings) if settings.is_frontend else None
        if settings.is_backend:
            backend = make_backend(process, settings)
            if frontend is not None:
                frontend.own_backend = backend
    link_tracking(process.backends)
    for frontend in process.frontends.values():
        name = frontend.settings.default_backend
        frontend.default_backend = process.backends.get(name) if name else None
    if has_pages(config):
        from pylb.control.http_services import serve_statistics  # with all that draws pages

        process.serve_statistics = serve_statistics
    for variable, value_of in config.global_.set_variables:
        value = value_of(Nobody(process))
        if value is not None:
            process.variables[variable] = value
    if config.patterns is not None:
        config.patterns.number_lists()
    forwarding = Forwarding(process)
    loggers = Loggers(process, config.global_.log_tag or tag, forwarding.implicit_ring)
    connect_loggers(process, loggers)
    process.profiler = Profiler(process)
    process.starters.append(forwarding.start)
    process.closers.append(forwarding.close)
    process.closers.append(loggers.close)
    if config.resolvers:
        from pylb.tasks.server_names import start_resolvers  # few have names to resolve

        start_resolvers(process)
    return process


def has_pages(config: model.Config) -> bool:
    """Does any proxy show a statistics page, or a service?"""
    return any(proxy.statistics is not None or any(rule.action == "use-service" for rule in proxy.http_request) for proxy in config.proxies)


class Nobody:
    """What the expressions of the `global` section are about: the process alone."""

    def __init__(self, process: Process) -> None:
        self.process, self.session = process, self
        self.variables: dict[str, object] | None = None
        self.unsure = False


def make_frontend(process: Process, settings: model.Proxy) -> Frontend:
    """A frontend with its listeners."""
    frontend = Frontend(process, settings)
    process.frontends[settings.name] = frontend
    process.proxies.append(frontend)
    frontend.limits = limits(process.config.global_, "accept-invalid-http-request" in settings.options)
    for number, bind in enumerate(settings.binds, 1):
        listener = Listener(frontend, bind, number)
        if bind.ssl and bind.tls is not None:
            from pylb.wire.tls_context import TlsContext  # heavy, and only for TLS

            listener.tls = TlsContext.for_bind(
                bind.tls, store_of(process.config), spoken=spoken(settings), crt_base=process.config.global_.crt_base,
                lifetime=process.config.global_.ssl_lifetime, keeps_sessions=process.config.global_.ssl_cachesize > 0,
                keeps_secrets=process.config.global_.ssl_keylog, capture_size=process.config.global_.ssl_capture_size,
            )  # fmt: skip
        frontend.listeners.append(listener)
    return frontend


def make_backend(process: Process, settings: model.Proxy) -> Backend:
    """A backend with its servers and its balancer."""
    backend = Backend(process, settings)
    process.backends[settings.name] = backend
    process.proxies.append(backend)
    backend.limits = limits(process.config.global_, "accept-invalid-http-response" in settings.options)
    settings.balance = settings.balance or model.Balance()
    build_servers(backend, process.clock.now())
    direct = direct_place(backend)
    if direct is not None:
        backend.balancer = Direct(backend, direct)
    for server in (*backend.servers, *([direct] if direct is not None else [])):
        attach(server)
    return backend


def direct_place(backend: Backend) -> Server | None:
    """Where everything goes under `dispatch`, or under `option transparent`: to the address that the client wanted."""
    settings = backend.settings
    address = settings.extra.get("dispatch") or (WANTED if "transparent" in settings.options else None)
    return None if address is None else Server(backend, model.Server("<NOSRV>", address, settings.place), 0, backend.process.clock.now())


def spoken(settings: model.Proxy) -> tuple[str, ...] | None:
    """The ALPN names that may be offered: in TCP mode whatever the peers agree on is none of our business."""
    return SPOKEN if settings.mode == "http" else None


def limits(settings: model.Global, accept_invalid: bool) -> Limits:
    """What a message may measure."""
    return Limits(settings.bufsize, settings.maxrewrite, settings.max_headers, accept_invalid)


def connect_loggers(process: Process, loggers: Loggers) -> None:
    """Give every proxy its targets: its own, and those of `global` under `log global`."""
    config = process.config
    everywhere = loggers.logger(config.global_.log)
    if everywhere is not None:
        process.log = everywhere
    for face in process.proxies:
        settings = face.settings
        first = settings.extra.get("log global at", 0)  # `log global` keeps its place among the others
        targets = [*settings.log[:first], *(config.global_.log if settings.log_global else []), *settings.log[first:]]
        face.send_log = loggers.logger(targets, settings.log_tag)
        if isinstance(face, Frontend):
            chosen = chosen_format(process, settings)
            face.settle(chosen)


def chosen_format(process: Process, settings: model.Proxy) -> LogFormat | None:
    """The format of a frontend's log lines: its own, or the one its option names; None: only connections are logged."""
    if settings.log_format is not None:
        own: LogFormat = settings.log_format
        return own
    for option, text in OPTION_FORMATS:
        if option in settings.options:
            context = CompileContext(
                place=settings.place, proxy=settings, config=process.config, phase=Phase.LOG, report=None, usage="log-format", checkpoints=Checkpoint.LOG
            )
            return compile_log_format(text, context, log=True)
    return None


# -- sockets
def listen(process: Process) -> None:
    """Have every listener accept; raises StartError when a socket that was not opened before cannot be."""
    for frontend in process.frontends.values():
        for listener in frontend.listeners:
            if frontend.settings.disabled:
                continue
            try:
                listener.listening = process.net.listen(listener.bind.address.endpoint(), lambda at=listener: Acceptor(at), options(listener))  # type: ignore[misc]
            except ListenError as error:
                raise StartError(f"Starting {'proxy' if frontend.own_backend else 'frontend'} {frontend.name}: {error.why} [{listener.bind.text}]") from None


def options(listener: Listener) -> ListenOptions:
    """How this bind line wants its socket."""
    frontend = listener.frontend
    return listen_options(listener.bind, frontend.settings.backlog or frontend.maxconn or 1024, reuse_port=True)
