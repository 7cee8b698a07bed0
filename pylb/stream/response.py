"""The steps of a response: waiting for its head, the rules on it, sending it on; local answers; early ends; the final accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.timers import NEVER
from pylb.proxy.health import LOST_RESPONSES, READ_ERROR
from pylb.stream import connect, filters, kill, local, persist, replay, rules, scruples, sticking, tracking
from pylb.stream.verdict import Answer, Stop, Verdict
from pylb.wire import cookies
from pylb.wire.h1 import fields_size
from pylb.wire.h1_leaving import AS_IT_CAME, Leaving, settle_response
from pylb.wire.message import Framing, Response

if TYPE_CHECKING:
    from pylb.proxy.proxy import Backend
    from pylb.proxy.ruleset import RuleSet
    from pylb.proxy.server import Server
    from pylb.stream.stream import HttpStream

# What the client is told when a stream ends before a response was begun, by the two letters; absent: silence.
STATUS_OF = {
    ("c", "R"): 408, ("c", "H"): 408, ("c", "D"): 408, ("C", "R"): 400, ("C", "D"): 400, ("C", "H"): 400,
    ("s", "Q"): 503, ("s", "C"): 503, ("S", "C"): 503, ("S", "Q"): 503, ("s", "H"): 504, ("S", "H"): 502, ("P", "H"): 502, ("P", "R"): 400,
    ("R", "C"): 503, ("L", "H"): 502, ("K", "C"): 503, ("K", "H"): 502,
    ("S", "D"): 502, ("s", "D"): 504, ("I", "R"): 500, ("I", "H"): 500, ("I", "C"): 500, ("I", "D"): 500, ("I", "Q"): 500,
}  # fmt: skip

MOST_TIMES = 512  # of finished streams, before they are taken into the averages
SIGNED = 1 << 15  # HAProxy logs a status beyond as a negative number
RESPONSE_LINE = 32  # bytes of a start line's record with the end-of-headers mark
CONNECTION_CLOSE = 15  # bytes of that header, which HAProxy's pages carry when they end the connection
CLOSE, TUNNEL = Framing.CLOSE, Framing.TUNNEL
CLASS_OF = ("hrsp_other", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx")


def class_of(status: int) -> str:
    """The counter of a status' class."""
    return CLASS_OF[status // 100] if 100 <= status < 600 else "hrsp_other"


def head_received(stream: HttpStream) -> None:
    """The final response's head is here: count it."""
    server, response = stream.server, stream.response
    assert response is not None and server is not None
    stream.time_data = int((stream.now - stream.idle_from) * 1000)
    status = response.status
    stream.status = status if status < SIGNED else status - 2 * SIGNED
    if stream.process.tables is not None:
        tracking.count_status(stream, status, stream.now)
        if stream.backend.stick_rules:  # type: ignore[union-attr]
            sticking.store(stream)
    if stream.request_variables is not None:  # the request is over, and so are its variables
        stream.request_variables = None
    known = response.known
    stream.bytes_out += RESPONSE_LINE + len(response.reason) + known.fields_size if known is not None else size_of(response)
    counters = server.counters
    counters.req_tot += 1
    if 200 <= status < 300:
        counters.hrsp_2xx += 1
    else:
        count_status(counters, status)
    if status in (401, 407):
        note_challenge(stream, response)
    if server.settings.observe != "none":
        server.observed(response.status)
    if stream.filters:
        filters.on_response(stream, response)


def note_challenge(stream: HttpStream, response: Response) -> None:
    """The client is asked who it is: it stays with the server; schemes that authenticate connections have theirs for themselves."""
    stream.session.session.authenticating = True
    name = b"www-authenticate" if response.status == 401 else b"proxy-authenticate"
    if any(value[:9].lower() == b"negotiate" or value[:4].lower() == b"ntlm" for value in response.headers.get_all(name)):
        stream.back.private = True


async def content_rules(stream: HttpStream) -> None:
    """`tcp-response content` of an HTTP proxy. Without a delay they are decided before the server has said anything."""
    backend = stream.backend
    assert backend is not None
    delay = backend.response_inspect_delay
    if delay:
        connect.send_request(stream)
    verdict = await rules.run_content_rules(stream, backend.tcp_response_content, delay, lambda: (0, stream.response is not None), "H")
    if verdict in (Verdict.REJECT, Verdict.CLOSE) and not delay:
        connect.send_request(stream)  # it was on its way
    if verdict is Verdict.REJECT:
        stream.back.polite = True
        stream.count("dresp")
        raise Stop("P", "D", 0)
    if verdict is Verdict.CLOSE:
        raise Stop("S", "H", 502)


def count_status(counters: Any, status: int) -> None:
    """Count a response by its class."""
    if 200 <= status < 300:
        counters.hrsp_2xx += 1
    else:
        name = class_of(status)
        setattr(counters, name, getattr(counters, name) + 1)


def size_of(response: Response) -> int:
    """Bytes of the head as HAProxy counts them."""
    return RESPONSE_LINE + len(response.code()) - 3 + len(response.reason) + fields_size(response.headers)


def may_go_again(stream: HttpStream, stop: Stop) -> bool:
    """No response came: count whose fault it was. True: the request goes to a server once more; it may also have to end in silence."""
    if stop.who in ("S", "s", "P") and not stream.invalid_request and stop.when != "D":
        if stream.kept is not None and replay.after_loss(stream, stop):
            if stop.who == "P" or stream.server_reset:
                stream.count("eresp")
            if stop.who == "P" and stream.back is not None:
                stream.back.polite = True
            return True
        repeatable = stop.who == "S" and stream.session.requests > 1
        if not repeatable and stream.process.tables is not None:
            tracking.count(stream, tracking.FAILURE, stream.process.clock.now())
        if not repeatable or stream.server_reset:
            stream.count("eresp")
        if not repeatable and stream.server_reset:
            stream.count("eresp")  # once for the lost connection, once for the response that never began
        assert stream.server is not None
        stream.server.observed(0, READ_ERROR if stop.who == "S" and stream.server_reset else LOST_RESPONSES[stop.who])
        if repeatable:
            if stream.server_reset:
                stream.count("srv_abrt")
            stream.dont_log = stream.forsaken = True  # the client will see a closed connection and send the request again by itself
            stream.keep_client = False
            stop.status = 0
    return False


async def apply_rules(stream: HttpStream) -> None:
    """The rules on the response: the backend's first."""
    response, backend, frontend = stream.response, stream.backend, stream.frontend
    assert response is not None and backend is not None
    stream.headers = response.headers
    if frontend.response_captures:
        capture_response(stream)
    if frontend.cookie_capture is not None:
        prefix, exact, length = frontend.cookie_capture
        cookie = cookies.capture(response.headers, prefix, exact, response=True)
        stream.cookie_captured_response = cookie[:length] if cookie else None
    if backend.http_response:
        await response_rules(stream, backend.http_response)
    if frontend.http_response and frontend.own_backend is not backend:
        await response_rules(stream, frontend.http_response)
    suspect = backend.checks_cacheability and scruples.sets_cookie(response.headers)  # our own cookie is no reason, and may forbid caching
    if backend.cookie is not None:
        persist.write_response(stream)
    if suspect:
        scruples.check_cacheability(stream)
    await after_response(stream)


def forward(stream: HttpStream) -> None:
    """Send the response's head; its body follows by itself."""
    response = stream.response
    assert response is not None
    front, framing = stream.front, response.framing
    if framing is CLOSE or framing is TUNNEL or stream.frontend.stopped:
        stream.keep_client = False
    stream.head_sent = True
    if stream.filters:
        filters.on_head(stream, response)
    leaving = how_it_leaves(stream, response)
    front.send_head(response, not stream.keep_client, leaving)
    if stream.frontend.log_asap:
        stream.time_close = stream.ms_since(stream.idle_from)
        stream.logged = False  # what logs its request logs it once more
        stream.log()
    if leaving.framing is TUNNEL:
        start_tunnel(stream)
    if stream.filters:
        filters.pass_on(stream, b"".join(stream.inbox_response), stream.response_complete)
    else:
        for data in stream.inbox_response:
            front.send_data(data)
    stream.inbox_response = ()
    stream.forwarding = True
    if front.gone:
        raise Stop("C", "D", 0)
    if not stream.request_complete and not stream.tunnel:
        stream.client_expire = stream.process.clock.now() + stream.frontend.timeout_client
    if stream.response_complete:
        front.send_end(stream.response_trailers)
    elif stream.back is not None:
        stream.back.resume()


def how_it_leaves(stream: HttpStream, response: Response) -> Leaving:
    """How the body leaves: as it came, unless rules may have changed what its head says of it, or its status or version are odd."""
    backend, frontend = stream.backend, stream.frontend
    reframes = frontend.reframes_responses or (backend is not None and backend.reframes_responses)
    if not reframes and response.version >= 11 and response.status >= 100:
        return AS_IT_CAME[response.framing]
    leaving = settle_response(response, stream.request.method)
    if leaving.ends:
        stream.keep_client = False
    return leaving


async def response_rules(stream: HttpStream, rule_set: RuleSet) -> None:
    if await rules.run_rules(stream, rule_set, "H") is Verdict.CLOSE:
        raise Stop("P", "H", 502)


async def send_response(stream: HttpStream, response: Response, status: int | None = None, of_applet: bool = False) -> None:
    """`http-after-response` rules, then the head leaves. `status` is what is logged, the response's own by default. What applets say passes filters."""
    stream.status = response.status if status is None else status
    await after_response(stream)
    stream.head_sent = True
    if stream.frontend.stopped:
        stream.keep_client = False
    if of_applet:
        filters.on_head(stream, response)
    else:
        stream.bytes_out += size_of(response)
    leaving = how_it_leaves(stream, response)
    stream.front.send_head(response, not stream.keep_client, leaving)


async def after_response(stream: HttpStream) -> None:
    """`http-after-response` rules, on every response to the client, our own included."""
    backend, frontend = stream.backend, stream.frontend
    if backend is not None and backend.http_after_response:
        await rules.run_rules(stream, backend.http_after_response, "H")
    if frontend.http_after_response and (backend is None or frontend.own_backend is not backend):
        await rules.run_rules(stream, frontend.http_after_response, "H")
    if b"close" in (stream.headers.get(b"connection") or b"").lower():
        stream.keep_client = False


def inform(stream: HttpStream, response: Response) -> None:
    """A 1xx goes straight on."""
    stream.bytes_out += size_of(response)
    stream.front.send_informational(response)


def capture_response(stream: HttpStream) -> None:
    """`capture response header`: the last value of each, cut to its length."""
    assert stream.response is not None
    captured: list[bytes | None] = []
    for slot in stream.frontend.response_captures:
        values = stream.response.headers.get_all(slot.header) if slot.header is not None else []
        captured.append(values[-1][: slot.length] if values else None)
    stream.captures_response = captured


def start_tunnel(stream: HttpStream) -> None:
    """From here on bytes pass both ways as they are (101, CONNECT)."""
    stream.tunnel = True
    stream.keep_client = stream.keep_server = False
    stream.request_complete = stream.response_complete = False
    stream.touch_tunnel()
    stream.back.start_tunnel()
    stream.front.start_tunnel()


# -- answers of our own
async def reply(stream: HttpStream, answer: Answer) -> None:
    """Answer in a server's place: after a tarpit's delay, through `http-after-response`, whole."""
    if answer.tarpit:
        await hold(stream)
        stream.time_queue = stream.ms_since(stream.idle_from)
    elif stream.time_request < 0 and answer.who != "I":
        stream.time_request = stream.ms_since(stream.idle_from)
    if answer.when == "H":
        stream.time_data = -1
    elif answer.who == "P":
        persist.refused(stream)
    stream.termination = answer.who + answer.when
    if answer.who == "P" and answer.when != "H" and stream.process.tables is not None:
        tracking.count(stream, tracking.ERROR, stream.now)
    stream.count("intercepted") if answer.who == "L" and stream.backend in (None, stream.frontend.own_backend) and stream.server is None else None
    stream.keep_client = stream.keep_client and stream.request.keep_alive and stream.request_complete and not stream.frontend.closes_clients
    await answer_with(stream, answer.response, answer.body, answer.status)
    if stream.front.gone:
        stream.bytes_out = stream.counted_out


async def answer_with(stream: HttpStream, response: Response | None, body: bytes, status: int) -> None:
    """Send a whole response of our own, or nothing but the end of the connection."""
    connect.release(stream)
    if response is None:
        stream.status = status
        stream.keep_client = False
        return
    stream.response = response
    stream.headers = response.headers
    if not response.keep_alive or response.framing is CLOSE:
        stream.keep_client = False
        stream.bytes_out += CONNECTION_CLOSE
    silent = stream.request.method == b"HEAD"
    await send_response(stream, response, status)
    stream.request_variables = None
    if body and not silent:
        stream.bytes_out += len(body)
        stream.front.send_data(body)
    stream.front.send_end()
    stream.response_complete = True


async def hold(stream: HttpStream) -> None:
    """`tarpit`: keep the client waiting, unless it gives up or is too slow with its body."""
    seconds = (stream.backend or stream.frontend).timeout_tarpit
    if seconds == NEVER:  # neither `timeout tarpit` nor `timeout connect`: HAProxy does not wait then
        seconds = 0.0
    if not stream.request_complete:
        seconds = min(seconds, stream.frontend.timeout_client)
    ends_at = stream.waits_until = stream.process.clock.now() + seconds
    stream.tarpitted = True
    handle = stream.process.loop.call_later(seconds, stream.wake)
    stream.client_expire = NEVER
    try:
        await stream.wait("T", lambda: stream.client_half_closed or stream.process.clock.now() >= ends_at - 0.001)
    finally:
        handle.cancel()


# -- ends
async def end_early(stream: HttpStream, stop: Stop) -> None:
    """A stream ended before its time: its letters, and an error message if the client has not seen a response yet."""
    when = stop.when or stream.when
    if stream.killer and when == "R":
        stop = Stop(stream.killer, when := kill.NOWHERE, 0)
        stream.time_request = stream.ms_since(stream.idle_from)
    stream.termination = stop.who + when
    abort_counts(stream, stop.who, when)
    if stop.who in ("c", stream.killer) and stream.back is not None:
        stream.back.polite = True
    if stream.front.gone and stop.who != "C":
        stream.count("cli_abrt")
    if stream.head_sent or (stream.front.gone and stop.who == "C"):
        stream.keep_client = False
        if not stream.front.gone and not stream.front.transport.is_closing():
            stream.front.flush()
            stream.front.abort_body(stream)
        return
    status = stop.status if stop.status is not None else STATUS_OF.get((stop.who, when), 0)
    if not status:
        stream.keep_client = False
        return
    if stream.time_request < 0 and stop.who not in ("c", "C", "P", "I"):
        stream.time_request = stream.ms_since(stream.idle_from)
    if when == "H":
        stream.time_data = -1
    response, body = local.error_of(stream, status)
    stream.keep_client = stream.keep_client and stream.request.keep_alive and stream.request_complete and stop.who not in ("c", "C")
    await answer_with(stream, response, body, status)


def abort_counts(stream: HttpStream, who: str, when: str) -> None:
    """Aborted transfers are counted by who aborted them, once there is a backend."""
    if stream.backend is None:
        return
    if who == "C" and when in "QC" and (stream.connecting is not None or not stream.front.gone):
        return  # HAProxy does not count who leaves before there is a server, but for resets while nothing is being tried
    if who in ("C", "c"):
        stream.count("cli_abrt")
    elif who in ("S", "s") and (stream.response is not None or when == "D"):
        if who == "S":
            stream.count("eresp")
        if not stream.invalid_body:
            stream.count("srv_abrt")


def account(stream: HttpStream) -> None:
    """The sums that are added once, at the end of a stream."""
    frontend, backend, server, status = stream.frontend, stream.backend, stream.server, stream.status
    size_in, size_out = stream.bytes_in - stream.counted_in, stream.bytes_out - stream.counted_out
    counters = frontend.counters
    counters.bin += size_in
    counters.bout += size_out
    good = 200 <= status < 300
    if good:
        counters.hrsp_2xx += 1
    elif status and not stream.forsaken:  # HAProxy takes 0 for no status
        count_status(counters, status)
    listener = stream.session.listener.counters
    listener.bin += size_in
    listener.bout += size_out
    if backend is None:
        if frontend.own_backend is not None:  # a `listen` has its bytes on both faces, and on the server that a refused request's cookie named
            frontend.own_backend.counters.bin += size_in
            frontend.own_backend.counters.bout += size_out
        if server is not None:
            server.counters.bin += size_in
            server.counters.bout += size_out
        return
    totals = backend.counters
    totals.bin += size_in
    totals.bout += size_out
    if status and not stream.forsaken:
        totals.req_tot += 1
        if good:
            totals.hrsp_2xx += 1
        else:
            count_status(totals, status)
    if server is not None:
        own = server.counters
        own.bin += size_in
        own.bout += size_out
        if stream.time_queue < 0:
            return
        note_times(stream, backend, server)


def note_times(stream: HttpStream, backend: Backend, server: Server) -> None:
    """Milliseconds in the queue, connecting, until the response, and in all: they are taken into the averages later, many at once."""
    request, queue, connected, data = stream.time_request, stream.time_queue, stream.time_connect, stream.time_data
    waited = queue - request if queue > request >= 0 else 0
    connecting = connected - queue if connected > queue else 0
    answering = data - connected if data > connected else 0
    idle = int((stream.request_began - stream.idle_from) * 1000)
    total = stream.time_close - idle if idle > 0 else stream.time_close
    of_backend, of_server = backend.times, server.times
    of_backend.append((waited, connecting, answering, total, backend.counters.req_tot))
    of_server.append((waited, connecting, answering, total, server.counters.req_tot))
    if len(of_backend) >= MOST_TIMES:
        fold_times(backend)


def fold_times(backend: Backend) -> None:
    """Take the times that have gathered into the averages, of the backend and of its servers."""
    backend.fold_times()
    for server in backend.servers:
        server.fold_times()
