"""The express lane: the exchange that nearly all are, in two straight functions beside the life of a request in `stream.py`.

A request without a body arrives whole on a connection that serves no other, a pooled connection to its server is idle, and the answer arrives
whole: then nothing waits, and there is nothing to wait with. `take` does the steps of `HttpStream.run` up to the sending of the request, `finish`
those from the response's head to the end, with no coroutine and hardly a call.

Whatever is less common leaves the lane: `HttpStream.enter` starts the coroutine at the step that the stream has reached, and from there on all is
as if it had run from the start. Both roads count, log and send the same; tests/world/test_express.py plays each exchange on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.proxy.balance.base import ALL_FULL
from pylb.stream import connect
from pylb.stream import request as request_steps
from pylb.stream.response import RESPONSE_LINE, account, count_status
from pylb.stream.rules import run_now
from pylb.stream.stream import PREPARED, RULED, SENT, SWITCHED, HttpStream
from pylb.wire.h1 import REQUEST_LINE, known_requests, known_responses, outgoing_request_head
from pylb.wire.h1 import RESPONSE_LINE as STATUS_LINE
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request, Response

if TYPE_CHECKING:
    from pylb.stream.mux_h1_client import ClientH1
    from pylb.stream.mux_h1_server import ServerH1

NO_BODY = Framing.NONE
ODD_METHODS = frozenset((b"HEAD", b"CONNECT"))
CHALLENGES = frozenset((b"401", b"407"))
LONGEST = 16384  # bytes of a response: far below what makes a connection blocked


# -- the request
def take(front: ClientH1, data: bytes) -> bool:
    """Serve the request that `data` is; False: it is not for the lane, and nothing was done."""
    line = REQUEST_LINE.match(data)
    if line is None:
        return False
    start = line.end()
    known = known_requests.get(data[start:])
    session = front.session
    if known is None or not known.simple or known.framing is not NO_BODY or len(data) + known.size > front.room or session.private_pools:
        return False
    method, target = line.groups()
    frontend, process = front.frontend, session.process
    front.request_began = now = process.clock.now()
    counters = frontend.counters
    counters.h1_open_streams += 1
    counters.h1_total_streams += 1
    counters.request_came(now)
    session.requests += 1
    process.counters.requests_total += 1
    request = Request(method, target, 11, Headers(known.headers), NO_BODY, 0, True, None, False, len(data), known)
    stream = front.stream = HttpStream(session, front, request, front.idle_from, now)
    stream.request_complete = stream.corked = stream.running = True
    if frontend.keeps_request_line:
        stream.request_line = data[: min(start - 2, frontend.longest_line)]
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
    server = backend.balancer.pick(stream, None)
    if server is None or server is ALL_FULL or (server.maxconn and server.full()):
        return leave(stream, PREPARED)
    connect.take(stream, server)
    stream.time_queue = stream.time_request
    pooled = server.pool.get(stream) if server.in_express else None
    if pooled is None:
        return leave(stream, PREPARED)
    send(stream, pooled, data[:start] + known.tail if request.target is target and request.headers == known.headers else None)
    return True


def send(stream: HttpStream, back: ServerH1, head: bytes | None) -> None:
    """Have the connection for the stream, and send its request: as it is in `head`, or rendered anew since a rule changed it."""
    server, backend, front, request, now = back.server, stream.backend, stream.front, stream.request, stream.now
    own, totals = server.counters, back.counters
    stream.time_connect = stream.time_queue
    stream.reused = True
    own.session_started(now)
    own.reuse += 1
    totals.reuse += 1
    stream.back = back
    back.stream = stream
    totals.h1_open_streams += 1
    totals.h1_total_streams += 1
    own.used_conn_cur = used = own.used_conn_cur + 1
    if used > server.pool.highest_used:
        server.pool.note_use()
    back.requests += 1
    back.request_method = request.method
    back.upgrade = None
    if head is None:
        head = outgoing_request_head(request, close=False)
    if not back.transport.is_closing():
        totals.h1_bytes_out += len(head)
        back.transport.write(head)
    stream.when = "H"
    stream.uploading = stream.in_express = True
    stream.server_expire = expire = now + stream.server_timeout() if stream.own_timeouts else now + backend.timeout_server
    deadline = front.deadline
    deadline.moment = expire
    if expire < deadline.armed_for:
        deadline.arm(expire)
    stream.corked = stream.running = False
    if front.out:
        front.flush()


def leave(stream: HttpStream, step: int, so_far: Any = None) -> bool:
    """Go on as any other stream does, from `step`."""
    stream.enter(step, so_far)
    stream.uncork()
    return True


# -- the response
def finish(stream: HttpStream, back: ServerH1, data: bytes) -> bool:
    """Answer the client with the response that `data` is, and end the stream; False: it is not for the lane, which the stream has left."""
    line = STATUS_LINE.match(data)
    if line is not None:
        front, start = stream.front, line.end()
        size = data.find(b"\r\n\r\n", start - 2) + 4
        known = known_responses.get(data[start:size])
        if (
            known is not None and known.simple and size + known.length == len(data) <= LONGEST and size + known.size <= back.room
            and back.request_method not in ODD_METHODS and line[1] not in CHALLENGES and not back.buffer
            and not (front.gone or front.at_eof or front.blocked or stream.frontend.stopped or stream.process.stopping)
        ):  # fmt: skip
            stream.status = int(line[1])
            stream.bytes_out = RESPONSE_LINE + len(line[2]) + known.fields_size + known.length
            if stream.frontend.logs_response:
                stream.response = Response(stream.status, line[2], 11, Headers(known.headers), known.framing, known.length, True, None, size, known)
            out = data[:start] + known.tail + data[size:]
            front.counters.h1_bytes_out += len(out)
            front.transport.write(out)
            end(stream, back)
            return True
    stream.enter(SENT)
    return False


def end(stream: HttpStream, back: ServerH1) -> None:
    """The client has its answer: give back the connection and the slot, count, log, and let the client's connection go on."""
    front, server, backend = stream.front, back.server, stream.backend
    stream.now = now = stream.process.clock.now()
    stream.time_data = stream.time_close = int((now - stream.idle_from) * 1000)
    # `connect.release`
    stream.back = back.stream = None
    own, totals, counters = server.counters, back.counters, front.counters
    totals.h1_open_streams -= 1
    server.pool.put(back)
    own.used_conn_cur -= 1
    stream.server_slot = stream.in_express = False
    server.drop(stream)
    if server.queue.places.entries or backend.queue.places.entries:
        stream.process.loop.call_soon(connect.serve_queues, server)
    totals.scur -= 1
    # `response.account`
    own.req_tot += 1
    count_status(own, stream.status)
    account(stream)
    stream.log()
    # `ClientH1.finished`
    front.stream = None
    counters.h1_open_streams -= 1
    front.idle_from = now
    front.has_served = True
    deadline = front.deadline
    deadline.moment = idle_until = now + front.frontend.timeout_idle
    if idle_until < deadline.armed_for:
        deadline.arm(idle_until)
    if front.buffer:
        stream.process.loop.call_soon(front.continue_reading)
