"""The steps of a response: waiting for its head, the rules on it, sending it on; local answers; early ends; the final accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.base.timers import NEVER
from pylb.proxy.health import LOST_RESPONSES
from pylb.stream import connect, local, rules
from pylb.stream.verdict import Again, Answer, Stop, Verdict
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Response

if TYPE_CHECKING:
    from pylb.stream.stream import HttpStream

# What the client is told when a stream ends before a response was begun, by the two letters; absent: silence.
STATUS_OF = {
    ("c", "R"): 408, ("c", "H"): 408, ("c", "D"): 408, ("C", "R"): 400, ("C", "D"): 400, ("C", "H"): 400,
    ("s", "Q"): 503, ("s", "C"): 503, ("S", "C"): 503, ("S", "Q"): 503, ("s", "H"): 504, ("S", "H"): 502, ("P", "H"): 502, ("P", "R"): 400,
    ("R", "C"): 503, ("L", "H"): 502, ("K", "C"): 503,
    ("S", "D"): 502, ("s", "D"): 504, ("I", "R"): 500, ("I", "H"): 500, ("I", "C"): 500, ("I", "D"): 500, ("I", "Q"): 500,
}  # fmt: skip

CLASS_OF = ("hrsp_other", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx")


def class_of(status: int) -> str:
    """The counter of a status' class."""
    return CLASS_OF[status // 100] if 100 <= status < 600 else "hrsp_other"


async def receive_head(stream: HttpStream) -> None:
    """Send the request and wait for the final response's head."""
    connect.send_request(stream)
    try:
        await stream.wait("H", lambda: stream.response is not None)
    except Stop as stop:
        response_lost(stream, stop)
        raise
    backend, server = stream.backend, stream.server
    assert backend is not None and stream.response is not None and server is not None
    stream.time_data = stream.ms_since(stream.idle_from)
    response = stream.response
    stream.status = response.status
    stream.bytes_out += size_of(response)
    name = class_of(response.status)
    setattr(server.counters, name, getattr(server.counters, name) + 1)
    server.counters.req_tot += 1
    server.observed(response.status)


def size_of(response: Response) -> int:
    """Bytes of the head as HAProxy counts them."""
    size = 32 + len(response.reason)
    for name, value in response.headers:
        size += len(name) + len(value)
    return size


def response_lost(stream: HttpStream, stop: Stop) -> None:
    """No response came: count whose fault it was, and whether the request may go once more or must end in silence."""
    if stop.who in ("S", "s", "P"):
        stream.count("eresp")
        assert stream.server is not None
        stream.server.observed(0, LOST_RESPONSES[stop.who])
        if may_replay(stream, stop):
            stream.failure = None
            raise Again from None
        if stop.who == "S" and stream.reused and stream.session.requests > 1:
            stream.dont_log = True  # the client will see a closed connection and send the request again by itself
            stream.keep_client = False
            stop.status = 0


def may_replay(stream: HttpStream, stop: Stop) -> bool:
    """Layer-7 retries are for `retry-on` conditions other than a failed connection."""
    return False


async def respond(stream: HttpStream) -> None:
    """Run the rules on the response and send its head; its body follows by itself."""
    response, backend, frontend = stream.response, stream.backend, stream.frontend
    assert response is not None and backend is not None
    stream.headers = response.headers
    if response.framing is Framing.CLOSE or response.framing is Framing.TUNNEL:
        stream.keep_client = False
    if frontend.response_captures:
        capture_response(stream)
    if backend.http_response:
        await response_rules(stream, backend.http_response)
    if frontend.http_response and frontend.own_backend is not backend:
        await response_rules(stream, frontend.http_response)
    await send_response(stream, response)
    if response.status == 101 or response.framing is Framing.TUNNEL:
        start_tunnel(stream)
    for data in stream.inbox_response:
        stream.front.send_data(data)
    stream.inbox_response = ()
    stream.forwarding = True
    if stream.response_complete:
        stream.front.send_end(stream.response_trailers or Headers())
    elif stream.back is not None:
        stream.back.resume()


async def response_rules(stream: HttpStream, rule_set: rules.Rules) -> None:
    if await rules.run_rules(stream, rule_set, "H") is Verdict.CLOSE:
        raise Stop("P", "H", 502)


async def send_response(stream: HttpStream, response: Response) -> None:
    """`http-after-response` rules, then the head leaves."""
    backend, frontend = stream.backend, stream.frontend
    if backend is not None and backend.http_after_response:
        await rules.run_rules(stream, backend.http_after_response, "H")
    if frontend.http_after_response and (backend is None or frontend.own_backend is not backend):
        await rules.run_rules(stream, frontend.http_after_response, "H")
    stream.status = response.status
    stream.head_sent = True
    stream.front.send_head(response, not stream.keep_client)


def inform(stream: HttpStream, response: Response) -> None:
    """A 1xx goes straight on; 1.0 clients would not understand it."""
    stream.bytes_out += size_of(response)
    if stream.request.version >= 11:
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
    stream.client_expire = NEVER
    stream.server_expire = stream.process.clock.now() + stream.tunnel_timeout()
    stream.back.start_tunnel()
    stream.front.start_tunnel()


# -- answers of our own
async def reply(stream: HttpStream, answer: Answer) -> None:
    """Answer in a server's place: after a tarpit's delay, through `http-after-response`, whole."""
    if answer.tarpit:
        await hold(stream)
    if stream.time_request < 0 and not answer.tarpit:
        stream.time_request = stream.ms_since(stream.idle_from)
    connect.release(stream)
    response = answer.response
    stream.termination = answer.who + answer.when
    stream.response = response
    stream.headers = response.headers
    stream.keep_client = stream.keep_client and stream.request.keep_alive and not answer.tarpit
    stream.count("intercepted") if answer.who == "L" else None
    stream.bytes_out += size_of(response) + len(answer.body)
    await send_response(stream, response)
    if answer.body and stream.request.method != b"HEAD":
        stream.front.send_data(answer.body)
    stream.front.send_end()
    stream.response_complete = True
    if not stream.request_complete:
        stream.keep_client = False


async def hold(stream: HttpStream) -> None:
    """`tarpit`: keep the client waiting; it may only give up."""
    seconds = (stream.backend or stream.frontend).timeout_tarpit
    ends_at = stream.process.clock.now() + seconds
    handle = stream.process.loop.call_later(seconds, stream.wake)
    stream.client_expire = NEVER
    try:
        await stream.wait("T", lambda: stream.process.clock.now() >= ends_at - 0.001)
    finally:
        handle.cancel()


# -- ends
def end_early(stream: HttpStream, stop: Stop) -> None:
    """A stream ended before its time: its letters, and an error message if the client has not seen a response yet."""
    when = stop.when or stream.when
    stream.termination = stop.who + when
    abort_counts(stream, stop.who)
    if stream.head_sent or stream.front.gone:
        stream.keep_client = False
        if not stream.front.gone and not stream.front.transport.is_closing():
            stream.front.flush()
            stream.front.abort_body(stream)
        return
    status = stop.status if stop.status is not None else STATUS_OF.get((stop.who, when), 0)
    if not status:
        stream.keep_client = False
        return
    if stream.time_request < 0 and stop.who not in ("c", "C", "P"):
        stream.time_request = stream.ms_since(stream.idle_from)
    response, body = local.error_of(stream, status)
    stream.status = status
    stream.keep_client = stream.keep_client and stream.request.keep_alive and stream.request_complete and stop.who not in ("c", "C")
    stream.bytes_out += size_of(response) + len(body)
    stream.head_sent = True
    stream.front.send_head(response, not stream.keep_client)
    if stream.request.method != b"HEAD":
        stream.front.send_data(body)
    stream.front.send_end()


def abort_counts(stream: HttpStream, who: str) -> None:
    """Aborted transfers are counted by who aborted them, once there is a backend."""
    if stream.backend is None:
        return
    if who in ("C", "c"):
        stream.count("cli_abrt")
    elif who in ("S", "s") and stream.response is not None:
        stream.count("srv_abrt")


def account(stream: HttpStream) -> None:
    """The sums that are added once, at the end of a stream."""
    frontend, backend, server = stream.frontend, stream.backend, stream.server
    size_in, size_out = stream.bytes_in, stream.bytes_out
    name = class_of(stream.status)
    counters = frontend.counters
    counters.bin += size_in
    counters.bout += size_out
    setattr(counters, name, getattr(counters, name) + 1)
    listener = stream.session.listener.counters
    listener.bin += size_in
    listener.bout += size_out
    if backend is None:
        return
    totals = backend.counters
    totals.bin += size_in
    totals.bout += size_out
    totals.req_tot += 1
    setattr(totals, name, getattr(totals, name) + 1)
    if server is not None and stream.time_queue >= 0:
        server.counters.bin += size_in
        server.counters.bout += size_out
        times = (
            max(0, stream.time_queue - max(0, stream.time_request)),
            max(0, stream.time_connect - stream.time_queue),
            max(0, stream.time_data - stream.time_connect),
            stream.time_close - max(0, int((stream.request_began - stream.idle_from) * 1000)),
        )
        server.counters.observe_times(*times, http=True)
        totals.observe_times(*times, http=True)
