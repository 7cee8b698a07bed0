"""Fetches of frontends, backends and servers: names, numbers, states, loads (configuration.txt 7.3.2 and 7.3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.sample.arguments import Named
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

Count = Callable[[Any], int]
NEVER = float("inf")


def named(kind: str, context: CompileContext, name: Named) -> Callable[[Any], Any]:
    """How to find the object a name stands for: the proxy itself when the name is empty."""
    wanted = name.name or (context.proxy.name if context.proxy is not None else "")
    return lambda stream: getattr(stream.process, kind)[wanted]


def server_named(context: CompileContext, name: Named) -> Callable[[Any], Any]:
    """How to find a server, ``backend/server`` or one of the proxy itself."""
    backend, slash, server = name.name.rpartition("/")
    owner = backend if slash else (context.proxy.name if context.proxy is not None else "")
    return lambda stream: stream.process.backends[owner].servers_by_name[server]


def usable(backend: Any) -> list[Any]:
    """The servers that count: active ones, or the backups when no active one is up."""
    up = [server for server in backend.servers if server.usable]
    active = [server for server in up if not server.backup]
    return active or up


def session_rate(counters: Any, name: str, stream: Stream) -> int:
    """A rate counter's value now."""
    return int(getattr(counters, name).value(stream.process.clock.now()))


# -- backends


def _backend_fetch(name: str, measure: Callable[[Any, Any], int], manual: str) -> None:
    """A number measured on a backend."""

    def factory(context: CompileContext, backend: Named) -> Count:
        find = named("backends", context, backend)
        return lambda stream: measure(find(stream), stream)

    factory.__doc__ = manual
    fetch(name, type=Type.SINT, args="backend", factory=True)(factory)


def queued(backend: Any, stream: Stream) -> int:
    """Streams waiting in the backend and at its servers."""
    return len(backend.queue) + sum(len(server.queue) for server in backend.servers)


def average_queue(backend: Any, stream: Stream) -> int:
    """Waiting streams for each usable server, rounded up."""
    count = len(usable(backend))
    waiting = queued(backend, stream)
    return (waiting + count - 1) // count if count else waiting


def free_connections(backend: Any, stream: Stream) -> int:
    """Free slots of all usable servers; -1 when one has no limit."""
    total = 0
    for server in usable(backend):
        if not server.maxconn:
            return -1
        total += max(0, server.maxconn - server.counters.scur)
    return total


def connection_slots(backend: Any, stream: Stream) -> int:
    """Free connections and queue places of all usable servers; -1 when one has no limit."""
    total = 0
    for server in usable(backend):
        if not server.maxconn or not server.maxqueue:
            return -1
        total += server.maxconn - server.counters.scur + server.maxqueue - len(server.queue)
    return max(0, total)


_backend_fetch("avg_queue", average_queue, "Streams in the backend's queues for each usable server.")
_backend_fetch("be_conn", lambda backend, stream: backend.counters.scur, "Streams of the backend.")
_backend_fetch("be_conn_free", free_connections, "Free connections of the backend's servers.")
_backend_fetch("be_sess_rate", lambda backend, stream: session_rate(backend.counters, "rate", stream), "Streams per second.")
_backend_fetch("connslots", connection_slots, "Free connections and queue places.")
_backend_fetch("nbsrv", lambda backend, stream: len(usable(backend)), "Usable servers.")
_backend_fetch("queue", queued, "Streams in the backend's queues.")


@fetch("be_id", type=Type.SINT, source=Source.BACKEND)
def backend_id(stream: Stream) -> int | None:
    """The backend's number."""
    backend = stream.backend
    return None if backend is None else int(backend.id)


@fetch("be_name", type=Type.STR, source=Source.BACKEND)
def backend_name(stream: Stream) -> bytes | None:
    """The backend's name."""
    backend = stream.backend
    return None if backend is None else str(backend.name).encode()


def milliseconds(seconds: float) -> int | None:
    """A timeout; None when there is none."""
    return None if seconds == NEVER or seconds <= 0 else round(seconds * 1000)


def _timeout(name: str, attribute: str, owner: str, source: Source) -> None:
    """A timeout of the frontend or backend in milliseconds."""

    def timeout(stream: Stream) -> int | None:
        """The timeout in milliseconds."""
        proxy = getattr(stream, owner)
        return None if proxy is None else milliseconds(getattr(proxy, attribute))

    fetch(name, type=Type.SINT, source=source)(timeout)


_timeout("be_server_timeout", "timeout_server", "backend", Source.BACKEND)
_timeout("be_tunnel_timeout", "timeout_tunnel", "backend", Source.BACKEND)
_timeout("cur_server_timeout", "timeout_server", "backend", Source.BACKEND)
_timeout("cur_tunnel_timeout", "timeout_tunnel", "backend", Source.BACKEND)
_timeout("fe_client_timeout", "timeout_client", "frontend", Source.FRONTEND)


# -- frontends


def _frontend_fetch(name: str, measure: Callable[[Any, Any], int], manual: str) -> None:
    """A number measured on a frontend."""

    def factory(context: CompileContext, frontend: Named) -> Count:
        find = named("frontends", context, frontend)
        return lambda stream: measure(find(stream), stream)

    factory.__doc__ = manual
    fetch(name, type=Type.SINT, args="frontend", factory=True)(factory)


_frontend_fetch("fe_conn", lambda frontend, stream: frontend.counters.scur, "Connections of the frontend.")
_frontend_fetch("fe_req_rate", lambda frontend, stream: session_rate(frontend.counters, "req_rate", stream), "Requests per second.")
_frontend_fetch("fe_sess_rate", lambda frontend, stream: session_rate(frontend.counters, "rate", stream), "Sessions per second.")


@fetch("fe_id", type=Type.SINT, source=Source.FRONTEND)
def frontend_id(stream: Stream) -> int:
    """The frontend's number."""
    return int(stream.frontend.id)


@fetch("fe_name", type=Type.STR, source=Source.FRONTEND)
def frontend_name(stream: Stream) -> bytes:
    """The frontend's name."""
    return str(stream.frontend.name).encode()


@fetch("fe_defbe", type=Type.STR, source=Source.FRONTEND)
def default_backend(stream: Stream) -> bytes | None:
    """The name of the frontend's default backend."""
    name = stream.frontend.settings.default_backend
    return None if name is None else str(name).encode()


@fetch("dst_conn", type=Type.SINT, source=Source.LISTENER)
def listener_connections(stream: Stream) -> int:
    """Connections of the listener."""
    return int(stream.session.listener.counters.scur)


@fetch("so_id", type=Type.SINT, source=Source.LISTENER)
def listener_id(stream: Stream) -> int:
    """The listener's number."""
    return int(stream.session.listener.id)


@fetch("so_name", type=Type.STR, source=Source.LISTENER)
def listener_name(stream: Stream) -> bytes | None:
    """The listener's name, when it was given one."""
    name = stream.session.listener.bind.name
    return None if name is None else str(name).encode()


# -- servers


def _server_fetch(name: str, measure: Callable[[Any, Any], Any], manual: str, type: Type = Type.SINT) -> None:
    """Something measured on a server."""

    def factory(context: CompileContext, server: Named) -> Callable[[Any], Any]:
        find = server_named(context, server)
        return lambda stream: measure(find(stream), stream)

    factory.__doc__ = manual
    fetch(name, type=type, args="server", factory=True)(factory)


def server_free(server: Any, stream: Stream) -> int:
    """Free slots of a server; -1 when it has no limit."""
    return max(0, server.maxconn - server.counters.scur) if server.maxconn else -1


def effective_weight(server: Any, stream: Stream) -> int:
    """The weight in force, in the units of the configuration."""
    return (int(server.eweight) + 15) // 16


_server_fetch("srv_conn", lambda server, stream: server.counters.scur, "Streams of the server.")
_server_fetch("srv_conn_free", server_free, "Free connections of the server.")
_server_fetch("srv_is_up", lambda server, stream: server.state.name != "STOPPED", "Is the server up?", Type.BOOL)
_server_fetch("srv_iweight", lambda server, stream: server.iweight, "The server's weight in the configuration.")
_server_fetch("srv_queue", lambda server, stream: len(server.queue), "Streams waiting for the server.")
_server_fetch("srv_sess_rate", lambda server, stream: session_rate(server.counters, "rate", stream), "Streams per second.")
_server_fetch("srv_uweight", lambda server, stream: server.uweight, "The server's weight as set.")
_server_fetch("srv_weight", effective_weight, "The server's weight in force.")


@fetch("srv_id", type=Type.SINT, source=Source.SERVER)
def server_id(stream: Stream) -> int | None:
    """The server's number."""
    server = stream.server
    return None if server is None else int(server.id)


@fetch("srv_name", type=Type.STR, source=Source.SERVER)
def server_name(stream: Stream) -> bytes | None:
    """The server's name."""
    server = stream.server
    return None if server is None else str(server.name).encode()


# -- this stream


@fetch("prio_class", type=Type.SINT)
def priority_class(stream: Stream) -> int:
    """The class set by `http-request set-priority-class`."""
    return int(getattr(stream, "priority_class", 0))


@fetch("prio_offset", type=Type.SINT)
def priority_offset(stream: Stream) -> int:
    """The offset set by `http-request set-priority-offset`."""
    return int(getattr(stream, "priority_offset", 0))


@fetch("last_rule_file", type=Type.STR)
def last_rule_file(stream: Stream) -> bytes | None:
    """The file of the last rule that ended a rule set."""
    rule = getattr(stream, "last_rule", None)
    return None if rule is None else str(rule.place.file).encode()


@fetch("last_rule_line", type=Type.SINT)
def last_rule_line(stream: Stream) -> int | None:
    """The line of the last rule that ended a rule set."""
    rule = getattr(stream, "last_rule", None)
    return None if rule is None else int(rule.place.line)
