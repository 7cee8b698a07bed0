"""The express lane: the exchange that nearly all are, in two straight functions beside the life of a request in `stream.py`.

A request without a body arrives whole on a connection that serves no other, a pooled connection to its server is idle or a new one is there at once,
and the answer arrives whole: then nothing waits, and there is nothing to wait with. `take` does the steps of `HttpStream.run` up to the sending of the
request, `finish` those from the response's head to the end, with no coroutine and hardly a call.

Whatever is less common leaves the lane: `HttpStream.enter` starts the coroutine at the step that the stream has reached, and from there on all is
as if it had run from the start. Both roads count, log and send the same; tests/world/test_express.py plays each exchange on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.errors import BadMessage
from pylb.base.freq import PERIOD
from pylb.proxy.balance.base import ALL_FULL
from pylb.stream import connect
from pylb.stream import request as request_steps
from pylb.stream.response import MOST_TIMES, RESPONSE_LINE, count_status, fold_times
from pylb.stream.rules import run_now
from pylb.stream.stream import HTX_REQUEST_LINE, PREPARED, RULED, SENT, SWITCHED, HttpStream
from pylb.wire.h1 import REQUEST_LINE, fields_size, known_requests, known_responses, outgoing_request_head, outgoing_response_head, read_response
from pylb.wire.h1 import RESPONSE_LINE as STATUS_LINE
from pylb.wire.h1_leaving import FRAMING
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request

if TYPE_CHECKING:
    from pylb.proxy.proxy import Backend
    from pylb.proxy.server import Server
    from pylb.stream.mux_h1_client import ClientH1
    from pylb.stream.mux_h1_server import ServerH1

NO_BODY, LENGTH = Framing.NONE, Framing.LENGTH
ODD_METHODS = frozenset((b"HEAD", b"CONNECT"))
CHALLENGES = frozenset((401, 407))
LONGEST = 16384  # bytes of a response: far below what makes a connection blocked, when nothing else waits on it


# -- the request
def take(front: ClientH1, data: bytes) -> bool:
    """Serve the request that `data` is, if its fields are known from earlier ones; False: nothing was done."""
    line = REQUEST_LINE.match(data)
    if line is None:
        return False
    start = line.end()
    known = known_requests.get(data[start:])
    if known is None or not known.simple or known.framing is not NO_BODY or len(data) + known.size > front.room or front.session.private_pools:
        return False
    # `ClientH1.read_requests`
    counters = front.counters
    counters.h1_open_streams += 1
    counters.h1_total_streams += 1
    front.session.requests += 1
    front.request_began = now = front.now()
    method, target = line.groups()
    go(front, Request(method, target, 11, Headers(known.headers), NO_BODY, 0, True, None, False, len(data), known), data, start, now)
    return True


def suits(request: Request) -> bool:
    """May this request, which came whole and alone, take the lane?"""
    return (
        request.framing is NO_BODY and request.version == 11 and request.upgrade is None
        and not request.expect_continue and request.method != b"CONNECT"
    )  # fmt: skip


def go(front: ClientH1, request: Request, data: bytes, start: int, now: float) -> None:
    """Do what rules say and send the request to a server. `data` is the whole head, its fields begin at `start`; it began to come earlier if in pieces."""
    known, target, method = request.known, request.target, request.method
    # `Stream.count_request`
    counters = front.counters
    counters.req_tot += 1
    rate = counters.req_rate
    if now - rate.since < PERIOD:
        rate.current = seen = rate.current + 1
        if seen > rate.highest:
            rate.highest = seen
    else:
        rate.tick(now)
    stream = front.stream = HttpStream(front.session, front, request, front.idle_from, front.request_began)
    stream.now = now
    stream.bytes_in = HTX_REQUEST_LINE + len(method) + len(target) + (fields_size(request.headers) if known is None else known.fields_size)
    stream.request_complete = stream.corked = stream.running = True
    frontend = front.frontend
    if frontend.keeps_request_line:
        stream.request_line = request.line()[: frontend.longest_line] if known is None else data[: min(start - 2, frontend.longest_line)]
    try:
        if frontend.http_request and (result := run_now(stream, frontend.http_request)) is not None:
            return leave(stream, RULED, result)
        backend = request_steps.switch(stream)
    except Exception as end:  # noqa: BLE001 - whatever ends the request early, the coroutine has the place for it
        return leave(stream, RULED, end)
    if not backend.in_express:
        return leave(stream, SWITCHED)
    stream.time_request = int((now - stream.idle_from) * 1000)
    if frontend.adds_fields or backend.adds_fields:
        request_steps.add_fields(stream, frontend, backend)
    stream.keep_client = request.keep_alive and not frontend.closes_clients
    stream.keep_server = frontend.connection_modes[backend.settings.connection_mode] == "http-keep-alive"
    back = choose(stream, backend)
    if back is None:
        return leave(stream, PREPARED)
    close = not stream.keep_server and not backend.pretends_keepalive
    if frontend.reframes_requests and states_framing(request.headers):
        return leave(stream, PREPARED)
    same_line = request.target is target and request.method is method
    untouched = same_line and not close and known is not None and known.tail and request.headers == known.headers
    send(stream, back, data[:start] + known.tail if untouched else outgoing_request_head(request, close=close))  # type: ignore[union-attr]
    return None


def states_framing(headers: Headers) -> bool:
    """Does a field say how long a body is, though there is none?"""
    return any(name in FRAMING for name, _ in headers)


def choose(stream: HttpStream, backend: Backend) -> ServerH1 | None:
    """A slot on a server and a connection to it; None when either has to be waited for."""
    balancer = backend.balancer
    server = balancer.pick(stream, None)
    if server is None or server is ALL_FULL or (server.maxconn and server.full()):
        return None
    # `connect.take`
    own, totals = server.counters, backend.counters
    stream.server, stream.server_slot, stream.time_queue = server, True, stream.time_request
    server.served += 1
    own.scur = current = own.scur + 1
    if current > own.smax and server.settings.redir is None:
        own.smax = current
    balancer.taken(server)
    own.lbtot += 1
    totals.lbtot += 1
    own.lastsess = totals.lastsess = stream.now
    if not server.in_express:
        return None
    back: ServerH1 | None = server.pool.get(stream)
    if back is not None:
        borrow(stream, server, back)
        return back
    connect.begin_attempt(stream, server)
    if stream.back is not None:
        connect.connected(stream)
    return stream.back  # type: ignore[no-any-return]


def borrow(stream: HttpStream, server: Server, back: ServerH1) -> None:
    """Take a connection of the pool (`connect.reuse`)."""
    own, totals, now = server.counters, back.counters, stream.now
    stream.time_connect = stream.time_queue
    stream.reused = True
    own.stot += 1
    rate = own.rate
    if now - rate.since < PERIOD:
        rate.current = seen = rate.current + 1
        if seen > rate.highest:
            rate.highest = seen
    else:
        rate.tick(now)
    own.reuse += 1
    totals.reuse += 1
    stream.back = back
    back.stream = stream
    totals.h1_open_streams += 1
    totals.h1_total_streams += 1
    own.used_conn_cur = used = own.used_conn_cur + 1
    if used > server.pool.highest_used:
        server.pool.note_use()


def send(stream: HttpStream, back: ServerH1, head: bytes) -> None:
    """Send the request (`connect.send_request`)."""
    server, front, now, totals = back.server, stream.front, stream.now, back.counters
    back.requests += 1
    back.request_method = stream.request.method
    back.interim = False
    if not back.transport.is_closing():
        totals.h1_bytes_out += len(head)
        back.transport.write(head)
    stream.when = "H"
    stream.uploading = stream.in_express = True
    stream.server_expire = expire = now + (stream.server_timeout() if stream.own_timeouts else server.backend.timeout_server)
    deadline = front.deadline
    deadline.moment = expire
    if expire < deadline.armed_for:
        deadline.arm(expire)
    stream.corked = stream.running = False
    if front.out:
        front.flush()


def leave(stream: HttpStream, step: int, so_far: Any = None) -> None:
    """Go on as any other stream does, from `step`."""
    stream.enter(step, so_far)
    stream.uncork()


# -- the response
def finish(stream: HttpStream, back: ServerH1, data: bytes) -> bool:
    """Answer the client with the response that `data` is, and end the stream; False: it is not for the lane, which the stream has left."""
    line, front = STATUS_LINE.match(data), stream.front
    if (
        line is None or back.request_method in ODD_METHODS or back.buffer or len(data) > LONGEST
        or front.transport.is_closing() or front.at_eof or front.frontend.stopped or stream.process.stopping
        or front.transport.get_write_buffer_size()  # a client that does not read
    ):  # fmt: skip
        stream.enter(SENT)
        return False
    start = line.end()
    size = data.find(b"\r\n\r\n", start - 2) + 4
    known = known_responses.get(data[start:size])
    if known is None or not stream.keep_client or not stream.keep_server:
        return finish_unknown(stream, back, data)
    stream.status = status = int(line[1])
    if not known.simple or size + known.length != len(data) or size + known.size > back.room or status in CHALLENGES:
        stream.enter(SENT)
        return False
    stream.bytes_out += RESPONSE_LINE + len(line[2]) + known.fields_size + known.length
    end(stream, back, data[:start] + known.tail + data[size:])
    return True


def finish_unknown(stream: HttpStream, back: ServerH1, data: bytes) -> bool:
    """The same for a response whose fields were not seen before, or whose connections end with it."""
    try:
        got = read_response(data, back.request_method, back.limits)
    except BadMessage:
        got = None
    if got is None or got[0].status < 200:
        stream.enter(SENT)
        return False
    response, size = got
    whole = response.framing is LENGTH and size + response.length == len(data) or response.framing is NO_BODY and size == len(data)
    odd = response.odd is not None or response.written
    if not whole or odd or (stream.keep_server and not response.keep_alive) or response.version != 11 or response.status in CHALLENGES:
        stream.enter(SENT)
        return False
    stream.status = response.status
    stream.bytes_out += RESPONSE_LINE + len(response.reason) + fields_size(response.headers) + len(data) - size
    end(stream, back, outgoing_response_head(response, 11, close=not stream.keep_client) + data[size:])
    return True


def end(stream: HttpStream, back: ServerH1, answer: bytes) -> None:
    """Answer the client, give back the connection and the slot, count, log, and let the client's connection go on."""
    front, server, process = stream.front, back.server, stream.process
    front.counters.h1_bytes_out += len(answer)
    front.transport.write(answer)
    if stream.request_variables is not None:  # the request is over, and so are its variables
        stream.request_variables = None
    stream.now = now = front.now()
    stream.time_data = stream.time_close = total = int((now - stream.idle_from) * 1000)
    # `connect.release`
    stream.back = back.stream = None
    counters, totals, own = front.counters, back.counters, server.counters
    totals.h1_open_streams -= 1
    if stream.keep_server:
        server.pool.put(back)
    else:
        back.kill()
    own.used_conn_cur -= 1
    stream.server_slot = stream.in_express = False
    server.served -= 1
    own.scur -= 1
    backend = server.backend
    backend.balancer.dropped(server)
    if server.queue.places.entries or backend.queue.places.entries:
        process.loop.call_soon(connect.serve_queues, server)
    totals.scur -= 1
    account(stream, server, total)
    stream.log()
    # `ClientH1.finished`
    front.stream = None
    counters.h1_open_streams -= 1
    if not stream.keep_client:
        front.leave()
        return
    front.idle_from = now
    front.has_served = True
    deadline = front.deadline
    deadline.moment = idle_until = now + front.frontend.timeout_idle
    if idle_until < deadline.armed_for:
        deadline.arm(idle_until)
    if front.buffer:
        process.loop.call_soon(front.continue_reading)


def account(stream: HttpStream, server: Server, total: int) -> None:
    """The sums that are added at the end of a stream (`response.account`), and its times."""
    backend = server.backend
    counters, totals, own = stream.frontend.counters, backend.counters, server.counters
    size_in, size_out, listener = stream.bytes_in, stream.bytes_out, stream.session.listener.counters
    counters.bin += size_in
    counters.bout += size_out
    listener.bin += size_in
    listener.bout += size_out
    totals.bin += size_in
    totals.bout += size_out
    totals.req_tot += 1
    own.bin += size_in
    own.bout += size_out
    own.req_tot += 1
    if 200 <= stream.status < 300:
        counters.hrsp_2xx += 1
        totals.hrsp_2xx += 1
        own.hrsp_2xx += 1
    else:
        for each in (counters, totals, own):
            count_status(each, stream.status)
    connecting, answering = stream.time_connect - stream.time_queue, total - stream.time_connect
    idle = int((stream.request_began - stream.idle_from) * 1000)
    server.times.append((0, connecting, answering, total - idle, own.req_tot))
    backend.times.append((0, connecting, answering, total - idle, totals.req_tot))
    if len(backend.times) >= MOST_TIMES:
        fold_times(backend)
