"""The steps of a request before it has a server: rules of both proxies, the choice of the backend, what is added on the way out.

Order as in HAProxy: monitor-uri, captures, `tcp-request content`, `http-request`, the stats page, `redirect`; then the backend is
chosen and its rules run likewise; then forwardfor, originalto and the unique id.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pylb.base.freq import PERIOD
from pylb.base.timers import NEVER
from pylb.stream import filters, local, persist, rules, scruples
from pylb.stream.verdict import Answer, Stop, Verdict
from pylb.wire import cookies
from pylb.wire.message import Framing

if TYPE_CHECKING:
    from pylb.config.model import ForwardFor
    from pylb.proxy.proxy import Backend, Face, Frontend
    from pylb.proxy.ruleset import Switch
    from pylb.stream.stream import HttpStream

TUNNEL = Framing.TUNNEL


async def frontend_rules(stream: HttpStream) -> None:
    """Everything the frontend has to say about the request."""
    frontend = stream.frontend
    if frontend.tcp_request_content and not stream.passed:
        await tcp_content_rules(stream, frontend)
    stream.count_request()
    look(stream)
    await face_rules(stream, frontend)


def look(stream: HttpStream) -> None:
    """What happens before any HTTP rule: monitor-uri, captures, the line for the log."""
    frontend = stream.frontend
    if frontend.monitor_uri is not None and stream.request.target == frontend.monitor_uri:
        monitor(stream)
    if frontend.request_captures:
        capture_request(stream)
    if frontend.cookie_capture is not None:
        prefix, exact, length = frontend.cookie_capture
        cookie = cookies.capture(stream.request.headers, prefix, exact)
        stream.cookie_captured_request = cookie[:length] if cookie else None
    if frontend.keeps_request_line:
        stream.request_line = stream.request.line()[: frontend.longest_line]
    if frontend.logs_request:
        stream.log()
        stream.logged = True  # or kept back for good


async def face_rules(stream: HttpStream, face: Face) -> None:
    """One proxy's rules on the request."""
    if face.buffers_request and not stream.request_complete:
        await buffer_body(stream, face)
    if face.http_request:
        await after_rules(stream, rules.run_now(stream, face.http_request))
    if face.restricts_names:
        scruples.restrict_names(stream, face.restricts_names)
    if face.statistics is not None:
        await statistics(stream, face)
    if face.redirects:
        await rules.run_rules(stream, face.redirects)


async def after_rules(stream: HttpStream, result: Verdict | rules.Pending | None) -> None:
    """What `http-request` rules came to at once; it may be that they have to wait."""
    if await rules.finish_rules(stream, result, "R") is Verdict.CLOSE:
        raise Stop("P", "R", 0)


async def buffer_body(stream: HttpStream, face: Face) -> None:
    """`option http-buffer-request`: rules begin when the body is there, or as much of it as the buffer takes."""
    stream.ask_for_body()
    stream.body_expire = stream.request_began + face.timeout_http_request
    stream.client_expire = min(stream.body_expire, stream.process.clock.now() + stream.frontend.timeout_client)
    try:
        await stream.wait("R", lambda: stream.request_complete or stream.inbox_full)
        stream.body_expire = NEVER
    except Stop as stop:
        if stop.who == "c":
            stream.frontend.count_refused(stream.session.listener, "ereq")
        raise


async def tcp_content_rules(stream: HttpStream, face: Face) -> None:
    """`tcp-request content` of an HTTP proxy: the head is there, so only body bytes may still be missing."""
    verdict = await rules.run_content_rules(stream, face.tcp_request_content, face.inspect_delay, stream.request_progress)
    if verdict is Verdict.REJECT:
        stream.frontend.count_refused(stream.session.listener, "dreq")
        if stream.backend is None:
            stream.request_line = b"<BADREQ>"  # HAProxy has not looked at the request yet
        raise Stop("P", "R", 0)


def monitor(stream: HttpStream) -> None:
    """`monitor-uri`: answer in the name of the load balancer, 503 when a `monitor fail` condition holds; never logged."""
    stream.dont_log = True
    failed = any(test(stream, True) for test in stream.frontend.monitor_fail)
    response, body = local.error_of(stream, 503 if failed else 200)
    raise Answer(response, body, who="L", when="R", status=503 if failed else 200)


async def statistics(stream: HttpStream, face: Face) -> None:
    """The stats page, when the URI is its own."""
    serve = stream.process.serve_statistics
    if serve is not None:
        await serve(stream, face)


def capture_request(stream: HttpStream) -> None:
    """`capture request header`: the last value of each, cut to its length."""
    headers = stream.request.headers
    slots = stream.frontend.request_captures
    captured = stream.captures_request = stream.captures_request or [None] * len(slots)
    for number, slot in enumerate(slots):
        values = headers.get_all(slot.header) if slot.header is not None else []
        if values:
            captured[number] = values[-1][: slot.length]


# -- the choice of the backend
def switch(stream: HttpStream) -> Backend:
    """`use_backend` rules in order, then `default_backend`, then the proxy's own servers when it is a `listen`."""
    frontend = stream.frontend
    switching = frontend.switch_rules
    backend = (chosen_backend(stream, switching) if switching is not None else None) or frontend.default_backend or frontend.own_backend
    if backend is None:
        stream.time_request = stream.ms_since(stream.idle_from)
        raise Stop("S", "C", 503)
    set_backend(stream, backend)
    if backend.persists:
        persist.entered(stream)
    return backend


def chosen_backend(stream: HttpStream, switching: Switch) -> Backend | None:
    """What the first `use_backend` rule that holds names; a name that does not exist is as if no rule held."""
    name = switching.run(stream)
    return None if name is None else stream.process.backends.get(name)


def set_backend(stream: Any, backend: Backend) -> None:
    """The stream belongs to `backend` from here on, and counts there."""
    stream.backend = backend
    counters, now = backend.counters, stream.now
    counters.stot += 1
    rate = counters.rate
    if now - rate.since < PERIOD:  # `session_started`, without the call
        rate.current = seen = rate.current + 1
        if seen > rate.highest:
            rate.highest = seen
    else:
        rate.tick(now)
    counters.scur = current = counters.scur + 1
    if current > counters.smax:
        counters.smax = current
    if not backend.is_http and stream.request is not None:  # HTTP has no way to servers that do not speak it
        raise Answer(None, who="I", when="R", status=500)


async def backend_rules(stream: HttpStream, backend: Backend) -> None:
    """Everything the backend has to say about the request."""
    if backend.tcp_request_content:
        await tcp_content_rules(stream, backend)
    await face_rules(stream, backend)


# -- what goes out
def prepare(stream: HttpStream) -> None:
    """The last changes to the request: forwardfor, originalto, unique id, and how both connections go on."""
    frontend, backend, request = stream.frontend, stream.backend, stream.request
    assert backend is not None
    stream.time_request = int((stream.now - stream.idle_from) * 1000)
    if frontend.adds_fields or backend.adds_fields:
        add_fields(stream, frontend, backend)
    if backend.persists:
        persist.read_request(stream)
    if frontend.filters or backend.filters:
        filters.attach(stream, frontend, backend)
    stream.keep_client = request.keep_alive and not frontend.closes_clients
    keeps = frontend.connection_modes[backend.settings.connection_mode] == "http-keep-alive"
    stream.keep_server = keeps and request.framing is not TUNNEL


def add_fields(stream: HttpStream, frontend: Frontend, backend: Backend) -> None:
    """Header fields that options ask for."""
    if frontend.unique_id_header is not None and frontend.unique_id_format is not None:
        stream.request.headers.add(frontend.unique_id_header, stream.make_unique_id().encode("latin-1"))
    forward = backend.forwardfor or frontend.forwardfor
    if forward is not None:
        add_address(stream, forward, frontend.forwardfor, stream.session.source[0])
    original = backend.originalto or frontend.originalto
    if original is not None:
        add_address(stream, original, frontend.originalto, stream.session.destination[0])


def add_address(stream: HttpStream, chosen: ForwardFor, of_frontend: ForwardFor | None, host: str) -> None:
    """Append the address to the configured header unless it is excepted, or already there and every proxy says `if-none`."""
    if not host:
        return
    headers = stream.request.headers
    if chosen.if_none and (of_frontend is None or of_frontend.if_none) and headers.contains(chosen.header):
        return
    for options in (chosen, of_frontend):
        if options is not None and options.except_network is not None and ip_address(host) in options.except_network:
            return
    headers.add(chosen.header, host.encode())
