"""ClientH1: the client's side of the HTTP/1 mux.

It reads a head, makes a stream, feeds it the body, keeps what follows (pipelining) until the stream has ended, then reads the next
head in a loop, never by recursion. While no stream is there nothing but the head timeouts run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from pylb.base.errors import BadMessage
from pylb.base.timers import NEVER, Deadline
from pylb.stream import error_capture, express, linger, tracking
from pylb.stream.mux_h1 import H1, HIGH_WATER
from pylb.stream.stream import HttpStream, request_size
from pylb.stream.verdict import Stop
from pylb.wire.body import ChunkedReader, CloseReader, reader_for
from pylb.wire.h1 import Limits, outgoing_response_head, read_request
from pylb.wire.h1_fields import adjust_case
from pylb.wire.h1_leaving import Leaving
from pylb.wire.message import Framing, Request, Response
from pylb.wire.replies import raw_error_reply

if TYPE_CHECKING:
    from pylb.proxy.counters import FrontendCounters
    from pylb.stream.session import Session

DISCARD, DISCARD_TLS = 1.0, 0.01  # seconds for which a client may go on sending what nobody wants; over TLS HAProxy takes only what is there already
NO_BODY, CHUNKED = Framing.NONE, Framing.CHUNKED


class ClientH1(H1):
    """The client's side."""

    __slots__ = (
        "at_eof", "busy", "consumed", "deadline", "discarding", "express", "frontend", "gone", "has_left", "has_served",
        "idle_from", "limits", "lingering", "now", "request_began", "room", "session", "stream", "waits_for_head",
    )  # fmt: skip

    counters: FrontendCounters

    def __init__(self, session: Session) -> None:
        super().__init__(session.frontend.counters)
        self.session = session
        self.frontend = session.frontend
        self.stream: HttpStream | None = None
        self.limits: Limits = session.frontend.limits
        self.now = session.process.clock.now
        self.room = self.limits.bufsize - self.limits.maxrewrite
        self.express = session.frontend.in_express
        self.at_eof = False
        self.consumed = 0  # bytes of earlier requests that came with those in the buffer
        self.lingering: linger.Lingering | None = None
        self.busy = False  # the loop over pipelined requests is running
        self.gone = False
        self.discarding = self.has_left = False  # everything is said; what the client still sends is not read
        self.has_served = False  # a request at least
        self.waits_for_head = False  # the first bytes of a request have come, the rest has not

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        self.transport = transport
        session, process = self.session, self.session.process
        transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        counters = self.frontend.counters
        counters.h1_open_connections += 1
        counters.h1_total_connections += 1
        process.sessions.add(self)
        self.idle_from = self.request_began = session.accepted + session.handshake_ms / 1000
        self.deadline = Deadline(process.loop, self.on_deadline)
        self.deadline.at = process.clock.now() + self.frontend.timeout_head

    # -- bytes in
    def data_received(self, data: bytes) -> None:
        if self.discarding:
            return
        self.counters.h1_bytes_in += len(data)
        stream = self.stream
        if not self.buffer:
            self.consumed = 0
        if stream is None:
            if self.express and not self.buffer and express.take(self, data):
                return
            self.buffer = self.buffer + data if self.buffer else data
            self.read_requests()
        elif self.reader is not None:
            stream.corked = True
            self.read_body(stream, data)
            stream.uncork()
            if self.stream is None:
                self.read_requests()
        else:
            self.buffer += data
            if len(self.buffer) >= self.limits.bufsize:
                self.pause()

    def read_requests(self) -> None:
        """Begin a stream for each request in the buffer, until one is incomplete or still being served."""
        self.busy = True
        while self.buffer and self.stream is None and not self.gone and not self.transport.is_closing():
            if not self.waits_for_head:
                self.waits_for_head = True
                counters = self.frontend.counters  # a message has begun; `finished` and `answer_and_close` end it
                counters.h1_open_streams += 1
                counters.h1_total_streams += 1
                self.session.requests += 1
                self.request_began = self.frontend.process.clock.now()
            data, self.buffer = self.buffer, b""
            try:
                got = read_request(data, self.limits)
            except BadMessage as bad:
                self.buffer = data
                self.busy = False
                error_capture.bad_request(self, data, bad)
                self.refuse(bad)
                return
            if got is None:
                self.buffer = data
                self.await_head()
                break
            self.waits_for_head = False
            request, used = got
            if request.odd is not None:
                error_capture.odd_request(self, data, request.odd)
            self.begin(request, data, used)
        self.busy = False
        if self.at_eof and self.stream is None and not self.gone:
            self.end_of_requests()

    def await_head(self) -> None:
        """A part of a head is there: the rest has `timeout http-request`, from the first byte on."""
        timeout = self.frontend.timeout_http_request
        self.deadline.at = self.request_began + timeout if timeout != NEVER else self.session.process.clock.now() + self.frontend.timeout_client
        if len(self.buffer) > 4 * self.limits.bufsize:
            self.pause()
        else:
            super().resume()

    def begin(self, request: Request, data: bytes, used: int) -> None:
        """A whole head was read: its stream begins, and takes what is there of the body."""
        if self.express and used == len(data) and express.suits(request) and not self.session.private_pools:
            express.go(self, request, data, data.find(b"\n") + 1, self.frontend.process.clock.now())
            return
        rest, later = data[used:], b""
        if request.framing is CHUNKED:
            self.head = data[:used]
            first = self.limits.bufsize - self.limits.maxrewrite  # HAProxy has read no more when it judges the head
            rest, later = data[used:first], data[first:]
            if not self.well_begun(data[:first], used):
                return
        self.consumed += used
        stream = self.stream = self.make_stream(request)
        stream.bytes_in = request_size(request)
        stream.corked = True
        if request.framing is NO_BODY:
            self.buffer = rest
            stream.request_complete = True
        else:
            self.reader = reader_for(request, self.limits)
            self.read_body(stream, rest)  # rules see what came with the head
            if self.paused and self.reader is not None and not stream.inbox_full:
                self.resume()
        stream.start()
        if later:
            self.go_on(stream, later)
        stream.uncork()

    def make_stream(self, request: Request) -> HttpStream:
        """The stream of a request."""
        return HttpStream(self.session, self, request, self.idle_from, self.request_began)

    def go_on(self, stream: HttpStream, data: bytes) -> None:
        """What came after the part that was judged with the head."""
        if self.stream is stream and isinstance(self.reader, ChunkedReader):
            self.consumed *= bool(self.reader.buf)
            self.read_body(stream, data)
        elif not self.discarding:
            self.buffer += data

    def well_begun(self, data: bytes, used: int) -> bool:
        """Is what came of a chunked body with the head right? Otherwise the request is as bad as if its head were."""
        try:
            ChunkedReader(limits=self.limits).feed(data[used:])
        except BadMessage as bad:
            self.buffer, self.waits_for_head = data, True
            error_capture.bad_request_body(self, data, bad, None, used)
            self.refuse(bad)
            return False
        return True

    def read_body(self, stream: HttpStream, data: bytes) -> None:
        """Body bytes to the stream; what follows the body stays in the buffer."""
        reader = self.reader
        assert reader is not None
        try:
            payload, finished, rest = reader.feed(data)
        except BadMessage as bad:
            self.reader = None
            if isinstance(reader, ChunkedReader):
                error_capture.bad_request_body(self, reader.pending + data, bad, stream)
            stream.on_bad_request_body()
            return
        inside, stream.running = stream.running, True  # the rules see data and end together
        if payload:
            stream.on_request_data(payload)
        if finished:
            self.reader = None
            self.buffer = rest
            self.consumed += len(data) - len(rest)
            stream.on_request_end(reader.trailers)
        stream.running = inside
        stream.wake()

    def eof_received(self) -> bool:
        self.at_eof = True
        if self.discarding:
            return False
        if self.stream is None:
            self.read_requests() if self.buffer else self.end_of_requests()
        elif self.reader is not None:
            self.stream.on_client_eof()
        else:
            self.stream.on_client_half_closed()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        stream = self.stream
        if stream is not None:
            stream.on_client_gone()
        elif not self.at_eof and not self.has_left and (self.waits_for_head or not self.session.requests):
            self.count_bad_request()
            self.frontend.counters.hrsp_4xx += 1
            if self.buffer or self.frontend.logs_null:
                self.log_without_stream("C", "R", 400)
        if self.stream is None:
            self.depart()

    def depart(self) -> None:
        """The connection is gone and no stream is left that would not know yet."""
        if self.session.closed:
            return
        self.deadline.close()
        if self.lingering is not None:
            self.lingering.end()
        counters = self.frontend.counters
        counters.h1_open_connections -= 1
        if self.waits_for_head:
            counters.h1_open_streams -= 1
        self.session.process.sessions.discard(self)
        self.session.end()

    # -- requests that never became one
    def refuse(self, bad: BadMessage) -> None:
        """The head is not HTTP as HAProxy understands it."""
        self.count_bad_request()
        self.answer_and_close(bad.status, "P", "R")

    def count_bad_request(self) -> None:
        counters = self.frontend.counters
        counters.ereq += 1
        self.session.listener.counters.ereq += 1
        counters.req_tot += 1
        counters.req_rate.tick(self.session.process.clock.now())
        if self.session.tracked is not None:
            tracking.count(self.session, tracking.BAD_REQUEST, self.session.process.clock.now())

    def answer_and_close(self, status: int, who: str, when: str, quiet: bool = False) -> None:
        """An error answer to bytes that never became a request, its log line, and the end of the connection."""
        counters = self.frontend.counters
        if self.waits_for_head:
            self.waits_for_head = False
            counters.h1_open_streams -= 1
        counters.hrsp_4xx += 1
        if self.frontend.error_files.get(status) != b"":  # an empty page silences; others are for whole requests
            self.out.append(raw_error_reply(status))
        if not quiet:
            self.log_without_stream(who, when, status)
        self.buffer = b""
        self.flush()
        self.leave()

    def log_without_stream(self, who: str, when: str, status: int) -> None:
        HttpStream.log_refused(self.session, self.idle_from, max(self.request_began, self.idle_from), who, when, status)

    def end_of_requests(self) -> None:
        """The client will send nothing more and no request is being served."""
        if not self.buffer and "http-ignore-probes" in self.frontend.settings.options:
            self.leave()
        elif self.waits_for_head or not self.session.requests:
            self.count_bad_request()
            self.answer_and_close(400, "C", "R", quiet=not self.buffer and not self.frontend.logs_null)
        else:
            self.leave()

    def on_deadline(self) -> None:
        if self.stream is not None:
            self.stream.on_deadline()
        elif self.discarding:
            self.leave()
        elif self.waits_for_head or not self.session.requests:
            self.on_head_timeout()
        else:
            self.leave()

    def on_head_timeout(self) -> None:
        """No complete request in time: 408, or silence under `option http-ignore-probes` and for empty ones under dontlognull."""
        if not self.buffer and "http-ignore-probes" in self.frontend.settings.options:
            self.leave()
            return
        self.count_bad_request()
        self.answer_and_close(408, "c", "R", quiet=not self.buffer and not self.frontend.logs_null)

    # -- verbs of the stream
    def send_informational(self, response: Response) -> None:
        """A 1xx on its way to the final response."""
        head = outgoing_response_head(response, 11, False)
        self.out.append(head if self.frontend.case_of_names is None else adjust_case(head, self.frontend.case_of_names))

    def send_head(self, response: Response, close: bool, leaving: Leaving) -> None:
        """The head of the final response."""
        self.writer = leaving.writer
        stream = self.stream
        version = stream.request.version if stream is not None else 11
        head = outgoing_response_head(response, version, close, leaving.framing)
        self.out.append(head if self.frontend.case_of_names is None else adjust_case(head, self.frontend.case_of_names))

    def on_wrong_length(self) -> None:
        stream = self.stream
        if stream is not None and stream.failure is None:
            stream.failure, stream.wrong_length, stream.keep_client = Stop("C", "D", 0), True, False
            stream.process.loop.call_soon(stream.wake)  # what came with these bytes of the server is still to be taken in

    def case_of_names(self) -> dict[bytes, bytes] | None:
        return self.frontend.case_of_names

    def finished(self, keep: bool) -> None:
        """The stream is over: wait for the next request, or close."""
        self.stream = None
        self.writer = None
        self.frontend.counters.h1_open_streams -= 1
        unread, self.reader = self.reader is not None, None
        if self.gone:
            self.depart()
            return
        if unread and not self.at_eof and not self.blocked and not self.transport.is_closing():
            self.flush()
            self.discard()
            return
        if not keep or (self.at_eof and not self.buffer):
            self.flush()
            self.leave()
            return
        now = self.session.process.clock.now()
        self.idle_from = now
        self.has_served = True
        self.resume()
        self.deadline.at = now + self.frontend.timeout_idle
        if self.frontend.process.stopping and not self.buffer and "idle-close-on-response" not in self.frontend.settings.options:
            self.flush()
            self.leave()

    def discard(self) -> None:
        """Close our half only, for a while: with the whole, what the client still sends would be met by a reset, and the answer lost."""
        self.discarding = self.has_left = True
        self.resume()
        self.transport.write_eof()
        grace = DISCARD if self.session.tls is None else DISCARD_TLS
        self.deadline.at = self.session.process.clock.now() + min(grace, self.frontend.timeout_client)

    def continue_reading(self) -> None:
        """Called from the loop after a stream ended outside `data_received`: serve what was pipelined."""
        if self.stream is None and self.buffer and not self.gone:
            self.read_requests()

    def start_tunnel(self) -> None:
        """Bytes pass as they are from here on; those that came early go first."""
        self.reader = CloseReader()
        self.writer = None
        early, self.buffer = self.buffer, b""
        assert self.stream is not None
        if early:
            self.read_body(self.stream, early)
        if self.at_eof:
            self.stream.on_client_eof()

    def abort_body(self, stream: HttpStream) -> None:
        """The response cannot be completed: what was sent must not look whole. A client that was too slow has had its chance."""
        self.flush()
        if stream.termination[0] == "c":
            self.transport.abort()
        else:
            self.leave()

    def stop_when_idle(self) -> None:
        """The process is stopping: close now if no request is being served, else after it; `option idle-close-on-response` lets one more come."""
        if "idle-close-on-response" in self.frontend.settings.options:
            return
        if self.stream is None and not self.buffer and self.has_served:
            self.leave()

    def leave(self) -> None:
        """Close when everything has been sent, or the client has not read for too long."""
        self.has_left = True
        self.lingering = linger.close(self.transport, self.session.process.loop, self.frontend.timeout_client_fin) or self.lingering

    def kill(self) -> None:
        """End the connection with RST."""
        self.session.process.net.abort_with_reset(self.session.transport)

    # -- backpressure
    def resume(self) -> None:
        """Read again, unless so many pipelined requests are here already that each of them would let as many more in."""
        if self.paused and len(self.buffer) < self.limits.bufsize:
            super().resume()

    def pause_writing(self) -> None:
        self.blocked = True
        if self.stream is not None:
            self.stream.on_client_blocked()

    def resume_writing(self) -> None:
        self.blocked = False
        if self.stream is not None:
            self.stream.on_client_writable()
