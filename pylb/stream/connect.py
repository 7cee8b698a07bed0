"""How a request gets to a server: choice, queue, connection, retries, redispatch (configuration.txt 4.2 `retries`, `option redispatch`).

A stream holds at most three things here, and `release` gives back all of them on every path: a place in a queue, a slot on a
server (`served`), a connection. Whoever gives a slot back serves the queues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.net import CannotBind
from pylb.base.timers import NEVER
from pylb.proxy.balance import Full
from pylb.proxy.balance.base import ALL_FULL
from pylb.proxy.process import ALERT, EMERG
from pylb.stream import persist
from pylb.stream.verdict import Stop
from pylb.wire.h1_leaving import AS_IT_CAME, settle_request

if TYPE_CHECKING:
    from pylb.proxy.proxy import Backend
    from pylb.proxy.server import Server
    from pylb.stream.stream import HttpStream

PAUSE = 1.0  # seconds between two attempts on one server that refused


# -- a slot on a server
def assign_at_once(stream: Any) -> bool:
    """Give the stream a server and a slot when that needs no waiting, as nearly always."""
    backend: Backend = stream.backend
    if stream.wanted is not None or stream.session.private_pools:
        return False
    server = backend.balancer.pick(stream, stream.avoid)
    if server is None or server is ALL_FULL or (server.maxconn and server.full()):
        return False
    take(stream, server)
    if stream.time_queue < 0:
        stream.time_queue = stream.time_request
    return True


async def assign(stream: Any) -> None:
    """Give the stream a server and a slot on it, through a queue when all slots are taken."""
    backend: Backend = stream.backend
    if stream.server is not None and stream.server_slot:
        return
    wanted = stream.wanted or kept_server(stream)
    if stream.wanted is not None and overcrowded(stream, stream.wanted):
        wanted = None
    server = wanted or backend.balancer.pick(stream, stream.avoid)
    if server is None:
        backend.counters.econ += 1
        raise Stop("S", "C", 503)
    if isinstance(server, Full):
        await wait_in_queue(stream, backend, None)
    elif server.full():
        await wait_in_queue(stream, backend, server)
    else:
        take(stream, server, balanced=wanted is None)
    if stream.time_queue < 0:
        stream.time_queue = stream.ms_since(stream.idle_from)


def overcrowded(stream: Any, server: Server) -> bool:
    """Is the queue of the designated server full (`maxqueue`)? Then `option redispatch` sends the stream elsewhere."""
    if not server.maxqueue or len(server.queue) < server.maxqueue or not server.full():
        return False
    if stream.forced or not stream.backend.redispatch_after:
        stream.server = server
        count_on(stream.backend, server, "econ")
        raise Stop("S", "Q", 503)
    persist.unbind(stream)
    went_elsewhere(stream, server)
    return True


def kept_server(stream: Any) -> Server | None:
    """The server to which the session still has a connection of its own, if it shall stay there (`option prefer-last-server`, 401, 407)."""
    backend: Backend = stream.backend
    session = stream.session.session
    if not session.private_pools or not (session.authenticating or backend.prefers_last_server):
        return None
    for pool in session.private_pools:
        server: Server = pool.server
        if server.backend is backend and session in pool.private and server.is_usable():
            limit = backend.longest_queue
            if session.authenticating or limit < 0 or not server.full() or len(server.queue) + 1 < limit:
                return server
    return None


def take(stream: Any, server: Server, balanced: bool = True) -> None:
    """A slot on `server` belongs to the stream from now on; `balanced`: the algorithm chose it."""
    stream.server = server
    stream.server_slot = True
    server.take()
    if balanced and server is not stream.avoid:
        server.counters.lbtot += 1
        stream.backend.counters.lbtot += 1
    now = stream.now if stream.running else stream.process.clock.now()
    server.counters.lastsess = stream.backend.counters.lastsess = now


async def wait_in_queue(stream: Any, backend: Backend, server: Server | None) -> None:
    """Wait for a slot; `timeout queue` and the client's patience limit it."""
    queue = backend.queue if server is None else server.queue
    queue_of = backend if server is None else server
    stream.server = server
    clock = stream.process.clock
    place = stream.place = queue.push(stream, (stream.priority_class, clock.now() + stream.priority_offset / 1000))
    stream.queue_ahead = (place.ahead + 1, 0) if server is not None else (0, place.ahead + 1)
    queue_of.counters.queued()
    stream.step_expire = stream.process.clock.now() + backend.timeout_queue
    try:
        await stream.wait("Q", lambda: stream.server_slot or place.queue is None)
    except Stop as stop:
        stream.time_queue = stream.ms_since(stream.idle_from)
        if stop.who in ("s", "S"):
            backend.counters.econ += 1
            if server is not None:
                server.counters.econ += 1
            raise Stop("s", "Q", 503) from None
        raise
    finally:
        stream.step_expire = NEVER
        queue_of.counters.qcur -= 1
        if not stream.server_slot:
            queue.leave(place)
        stream.place = None
    if not stream.server_slot:  # thrown out of a server's queue: choose again
        persist.unbind(stream)
        stream.server = None
        await assign(stream)


def serve_queues(server: Server) -> None:
    """`server` has a slot free: give it to who waits longest, in its own queue or its backend's."""
    while not server.is_full():
        waiting: Any = server.next_waiting()
        if waiting is None:
            return
        take(waiting, server, balanced=False)
        server.backend.process.loop.call_soon(waiting.wake)


def release(stream: Any) -> None:
    """Give back whatever is held; harmless when nothing is."""
    if stream.connecting is not None:
        stream.connecting.cancel()
        stream.connecting = None
    back = stream.back
    if back is not None:
        stream.back = None
        back.detach(stream.keep_server and stream.response_complete and stream.request_complete and not stream.tunnel)
    if stream.server_slot:
        drop_slot(stream)
    if not stream.released and stream.backend is not None:
        stream.released = True
        stream.backend.counters.scur -= 1


def drop_slot(stream: Any) -> None:
    """Give back the slot on the server, if there is one."""
    if stream.server_slot:
        stream.server_slot = False
        server: Server = stream.server
        server.drop()
        if server.queue.places.entries or server.backend.queue.places.entries:
            server.backend.process.loop.call_soon(serve_queues, server)  # after this stream's log line


# -- a connection
def reuse(stream: HttpStream) -> bool:
    """Take a connection of the pool, if there is one that this stream may have."""
    server = stream.server
    assert server is not None and stream.backend is not None
    pooled = server.pool.get(stream)
    if pooled is None:
        return False
    stream.reused = True
    server.counters.session_started(stream.now)
    server.counters.reuse += 1
    stream.backend.counters.reuse += 1
    stream.back = pooled
    pooled.attach(stream)
    stream.time_connect = stream.time_queue
    return True


async def establish(stream: HttpStream) -> None:
    """Have a connection to the stream's server: a pooled one, or a new one after as many attempts as `retries` allows."""
    while True:
        server = stream.server
        assert server is not None
        began = stream.process.clock.now()
        await attempt(stream, server)
        if stream.back is not None:
            connected(stream)
            return
        await after_failure(stream, server, began)
        if stream.server is not server and reuse(stream):
            return


async def attempt(stream: Any, server: Server) -> None:
    """One attempt to connect; `stream.back` or `stream.connect_error` tells how it went."""
    if stream.connecting is None:  # else the express lane has begun it
        begin_attempt(stream, server)
    if stream.back is not None:
        return
    stream.step_expire = stream.process.clock.now() + stream.backend.timeout_connect
    try:
        await stream.wait("C", lambda: stream.back is not None or stream.connect_error is not None)
    except Stop as stop:
        if stop.who != "s":
            raise
        stream.failure = None
        stream.connecting.cancel()
        stream.connecting = None
        stream.connect_error = TimeoutError("connect")
    finally:
        stream.step_expire = NEVER
        if stream.back is None:
            count_connection(server, -1)


def begin_attempt(stream: Any, server: Server) -> None:
    """Begin to connect; a server that answers at once has `stream.back` set already."""
    backend: Backend = stream.backend
    stream.connect_error = None
    if stream.reused:  # a request is sent again, whose first connection was one of the pool
        count_on(backend, server, "reuse")
    else:
        stream.count("connect")
    assert server.connect is not None
    server.counters.session_started(stream.process.clock.now())
    count_connection(server, 1)
    stream.connecting = server.connect(stream)
    stream.when = "C"
    stream.connecting.settle()


def count_connection(server: Server, change: int) -> None:
    """A connection to the server, with its stream, exists from its beginning on, whether it succeeds or not."""
    server.counters.used_conn_cur += change
    if change > 0:
        server.pool.note_use()
    if not server.backend.is_http:
        return
    counters = server.backend.counters
    counters.h1_open_connections += change
    counters.h1_open_streams += change
    if change > 0:
        counters.h1_total_connections += 1
        counters.h1_total_streams += 1


def connected(stream: Any) -> None:
    """A connection is there."""
    stream.server.connection_made()
    stream.time_connect = stream.ms_since(stream.idle_from)


async def after_failure(stream: Any, server: Server, began: float) -> None:
    """An attempt failed: try again on the same server after a pause, or on another one, or give up with 503."""
    backend: Backend = stream.backend
    server.connection_failed()
    if isinstance(stream.connect_error, CannotBind):
        tell_of_binding(stream, backend, server)
    timed_out = isinstance(stream.connect_error, TimeoutError)
    if stream.retried >= backend.retries or not backend.reconnects:
        give_up(stream, server, timed_out)
    stream.retried += 1
    if may_redispatch(stream, backend):
        drop_slot(stream)
        stream.server, stream.avoid = None, server
        if backend.serves_in_turn and backend.balancer.active == 1 and not timed_out:
            await rest(stream, min(PAUSE, backend.timeout_connect) - (stream.process.clock.now() - began))
        persist.unbind(stream)
        stream.time_queue = -1
        await assign(stream)
        if stream.server is not server:
            went_elsewhere(stream, server)
            return
        timed_out = True  # the same one again: there was a pause already, or none is needed
    count_on(backend, server, "wretr")
    if not timed_out:
        server.counters.scur -= 1  # the slot stays taken, but nothing goes on with the server
        try:
            await rest(stream, min(PAUSE, backend.timeout_connect) - (stream.process.clock.now() - began))
        finally:
            server.counters.scur += 1


def tell_of_binding(stream: Any, backend: Backend, server: Server) -> None:
    """The address that `source` wants is not ours: everybody is told, each time."""
    source = server.settings.source or backend.settings.source
    text = f"Cannot bind to {'tproxy ' if 'usesrc' in source else ''}source address before connect() for backend {backend.name}."
    stream.process.message(ALERT, f"{text} Aborting.")
    if backend.send_log is not None:
        backend.send_log(EMERG, text)


def went_elsewhere(stream: Any, server: Server) -> None:
    """The stream goes to another server than the one it was to have."""
    stream.redispatched = True
    persist.moved(stream)
    count_on(stream.backend, server, "wredis")


def count_on(backend: Backend, server: Server, name: str) -> None:
    setattr(backend.counters, name, getattr(backend.counters, name) + 1)
    setattr(server.counters, name, getattr(server.counters, name) + 1)


def give_up(stream: Any, server: Server, timed_out: bool) -> None:
    """No attempt is left."""
    count_on(stream.backend, server, "econ")
    raise Stop("s" if timed_out else "S", "C", 503)


def may_redispatch(stream: Any, backend: Backend) -> bool:
    """Does this retry go to another server? On the retries `option redispatch` names, and always where the algorithm is a round robin
    over more than one server, since then no server was wanted in particular."""
    after = backend.redispatch_after
    if not after or stream.forced:
        return False
    if backend.serves_in_turn and backend.balancer.active > 1 and not stream.direct:
        return True
    interval = after if after > 0 else backend.retries + 1 + after
    return interval != 0 and stream.retried % interval == 0


async def rest(stream: Any, seconds: float) -> None:
    """Wait before the next attempt on a server that just refused."""
    if seconds <= 0:
        return
    ends_at = stream.process.clock.now() + seconds
    handle = stream.process.loop.call_later(seconds, stream.wake)
    try:
        await stream.wait("C", lambda: stream.process.clock.now() >= ends_at - 0.001)
    finally:
        handle.cancel()


# -- the request on the connection
def send_request(stream: HttpStream) -> None:
    """The head, what has come of the body, and its end if it is there."""
    back = stream.back
    backend = stream.backend
    assert back is not None and backend is not None
    if backend.name_header is not None and stream.server is not None:
        stream.request.headers.set(backend.name_header, stream.server.name.encode())
    if backend.replays:
        keep(stream)
    request = stream.request
    leaving = AS_IT_CAME[request.framing]
    if stream.frontend.reframes_requests or backend.reframes_requests:
        leaving = settle_request(request)
        stream.keep_server = stream.keep_server and not leaving.ends
    back.send_head(request, leaving.ends or (not stream.keep_server and not backend.pretends_keepalive), leaving)
    stream.uploading = True
    if stream.inbox_request:
        back.send_data(b"".join(stream.inbox_request))
        stream.inbox_request = ()
        stream.inbox_size = 0
        stream.front.resume()
    if stream.request_complete:
        back.send_end(stream.request_trailers)
    else:
        stream.client_expire = NEVER  # the rest of the body has the server's time until there is a response
    stream.server_expire = stream.now + stream.server_timeout()


def keep(stream: HttpStream) -> None:
    """The request is about to be sent for the first time: keep its body if it may be sent again."""
    limits = stream.front.limits
    fits = stream.request.head_size + stream.inbox_size <= limits.bufsize - limits.maxrewrite
    if stream.kept is None and fits and stream.request_complete and not stream.no_replay:
        stream.kept = b"".join(stream.inbox_request)
        stream.bytes_out_before = stream.bytes_out


def end_upload(stream: HttpStream) -> None:
    """The request is whole on the server's side."""
    if stream.tunnel:
        stream.back.half_close()
    else:
        stream.back.send_end(stream.request_trailers)
    if not stream.response_complete:
        timeout = stream.tunnel_timeout() if stream.tunnel else stream.server_timeout()
        stream.server_expire = stream.process.clock.now() + timeout
