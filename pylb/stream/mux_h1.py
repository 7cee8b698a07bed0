"""The HTTP/1 mux: bytes of a connection to requests and responses of its stream, and back (HAProxy's mux_h1).

A ClientH1 carries one stream at a time: it reads a head, makes a Stream, feeds it the body, keeps what follows (pipelining) until
the stream has ended, then reads the next head in a loop, never by recursion. A ServerH1 is the same towards a server; between two
streams it lies in the server's pool. Neither ever decides anything about a request; both only turn bytes into events and verbs into bytes.

Invariants: `buffer` holds bytes not yet understood; while `stream` is None on a client nothing but the head timeouts run;
everything written in one event leaves in one `transport.write` (`flush`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from pylb.base.errors import BadMessage
from pylb.base.timers import NEVER, Deadline
from pylb.stream.stream import HttpStream
from pylb.wire.body import BodyReader, CloseReader, chunk, last_chunk, reader_for
from pylb.wire.h1 import Limits, outgoing_request_head, outgoing_response_head, read_request, read_response
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request, Response
from pylb.wire.replies import raw_error_reply

if TYPE_CHECKING:
    from pylb.proxy.server import Server
    from pylb.stream.session import Session

HIGH_WATER = 65536  # bytes unsent on one side before the other side is paused
NO_TRAILERS = Headers()


class H1(asyncio.Protocol):
    """What both sides share: the buffers, body framing on the way out, and backpressure."""

    __slots__ = ("blocked", "buffer", "chunked", "out", "paused", "reader", "transport")

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = b""
        self.out: list[bytes] = []
        self.reader: BodyReader | None = None
        self.chunked = False
        self.blocked = False  # our peer does not read: more than HIGH_WATER bytes wait
        self.paused = False  # we do not read from our peer

    def send_data(self, data: bytes) -> None:
        """A piece of the body."""
        self.out.append(chunk(data) if self.chunked else data)

    def send_end(self, trailers: Headers = NO_TRAILERS) -> None:
        """The body is complete."""
        if self.chunked:
            self.out.append(last_chunk(trailers))
            self.chunked = False

    def flush(self) -> None:
        """Let everything said since the last flush leave in one write."""
        out = self.out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            if not self.transport.is_closing():
                self.count_out(len(data))
                self.transport.write(data)

    def count_out(self, size: int) -> None:
        """Add to the byte counts of this side."""

    def pause(self) -> None:
        """Stop reading from the peer."""
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read from the peer again."""
        if self.paused:
            self.paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()


class ClientH1(H1):
    """The client's side."""

    __slots__ = ("at_eof", "busy", "deadline", "frontend", "gone", "idle_from", "limits", "request_began", "session", "stream", "waits_for_head")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.frontend = session.frontend
        self.stream: HttpStream | None = None
        self.limits: Limits = session.frontend.limits
        self.at_eof = False
        self.busy = False  # the loop over pipelined requests is running
        self.gone = False
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
        self.frontend.counters.h1_bytes_in += len(data)
        stream = self.stream
        if stream is None:
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
        process = self.session.process
        self.busy = True
        while self.buffer and self.stream is None and not self.gone and not self.transport.is_closing():
            now = process.clock.now()
            if not self.waits_for_head:
                self.waits_for_head = True
                self.session.requests += 1
                self.request_began = now
                timeout = self.frontend.timeout_http_request
                self.deadline.at = now + (timeout if timeout != NEVER else self.frontend.timeout_client)
            try:
                got = read_request(self.buffer, self.limits)
            except BadMessage as bad:
                self.busy = False
                self.refuse(bad)
                return
            if got is None:
                self.pause_if_full()
                break
            self.waits_for_head = False
            request, used = got
            rest = self.buffer[used:]
            self.buffer = b""
            self.begin(request, rest)
        self.busy = False
        if self.stream is None and self.at_eof and not self.gone:
            self.end_of_requests()

    def begin(self, request: Request, rest: bytes) -> None:
        """A whole head was read: its stream begins, and takes what is there of the body."""
        self.deadline.at = NEVER
        self.reader = None if request.framing is Framing.NONE else reader_for(request, self.limits)
        stream = self.stream = HttpStream(self.session, self, request, self.idle_from, self.request_began)
        stream.corked = True
        if self.reader is None:
            self.buffer = rest
            stream.request_complete = True
        stream.start()
        if self.reader is not None and self.stream is stream:
            self.read_body(stream, rest)
        elif self.reader is not None:
            self.buffer = rest
        stream.uncork()

    def read_body(self, stream: HttpStream, data: bytes) -> None:
        """Body bytes to the stream; what follows the body stays in the buffer."""
        assert self.reader is not None
        try:
            payload, finished, rest = self.reader.feed(data)
        except BadMessage as bad:
            self.reader = None
            stream.on_bad_request_body(bad)
            return
        if payload:
            stream.on_request_data(payload)
        if finished:
            trailers = self.reader.trailers
            self.reader = None
            self.buffer = rest
            stream.on_request_end(trailers)

    def eof_received(self) -> bool:
        self.at_eof = True
        if self.stream is None:
            self.read_requests() if self.buffer else self.end_of_requests()
        elif self.reader is not None:
            self.stream.on_client_eof()
        else:
            self.stream.on_client_half_closed()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.deadline.close()
        self.frontend.counters.h1_open_connections -= 1
        self.session.process.sessions.discard(self)
        stream = self.stream
        if stream is not None:
            stream.on_client_gone()
        elif self.waits_for_head and not self.at_eof:
            self.log_without_stream("C", "R", 400)
        self.session.end()

    # -- requests that never became one
    def refuse(self, bad: BadMessage) -> None:
        """The head is not HTTP as HAProxy understands it."""
        frontend = self.frontend
        frontend.invalid_request = frontend.capture_error(self.session.source, None, None, self.buffer, bad)
        self.count_bad_request()
        self.answer_and_close(bad.status, "P", "R")

    def count_bad_request(self) -> None:
        counters = self.frontend.counters
        counters.ereq += 1
        self.session.listener.counters.ereq += 1
        counters.req_tot += 1
        counters.req_rate.tick(self.session.process.clock.now())

    def answer_and_close(self, status: int, who: str, when: str) -> None:
        """An error answer to bytes that never became a request, its log line, and the end of the connection."""
        self.waits_for_head = False
        counters = self.frontend.counters
        counters.hrsp_4xx += 1
        self.out.append(self.frontend.error_files.get(status) or raw_error_reply(status))
        self.log_without_stream(who, when, status)
        self.buffer = b""
        self.flush()
        self.transport.close()

    def log_without_stream(self, who: str, when: str, status: int) -> None:
        HttpStream.log_refused(self.session, self.idle_from, max(self.request_began, self.idle_from), who, when, status)

    def end_of_requests(self) -> None:
        """The client will send nothing more and no request is being served."""
        if self.waits_for_head or not self.session.requests:
            if not self.buffer and not self.frontend.logs_null:
                self.transport.close()
                return
            self.count_bad_request()
            self.answer_and_close(400, "C", "R")
        else:
            self.transport.close()

    def on_deadline(self) -> None:
        if self.stream is not None:
            self.stream.on_deadline()
        elif self.waits_for_head or not self.session.requests:
            self.on_head_timeout()
        else:
            self.transport.close()

    def on_head_timeout(self) -> None:
        """No complete request in time: 408, or silence under `option http-ignore-probes` and for empty ones under dontlognull."""
        if not self.buffer and "http-ignore-probes" in self.frontend.settings.options:
            self.transport.close()
            return
        if not self.buffer and not self.frontend.logs_null:
            self.out.append(self.frontend.error_files.get(408) or raw_error_reply(408))
            self.flush()
            self.transport.close()
            return
        self.count_bad_request()
        self.answer_and_close(408, "c", "R")

    # -- verbs of the stream
    def send_informational(self, response: Response) -> None:
        """A 1xx on its way to the final response."""
        self.out.append(outgoing_response_head(response, 11, close=False))

    def send_head(self, response: Response, close: bool) -> None:
        """The head of the final response."""
        self.chunked = response.framing is Framing.CHUNKED
        stream = self.stream
        version = stream.request.version if stream is not None else 11
        self.out.append(outgoing_response_head(response, version, close=close))

    def count_out(self, size: int) -> None:
        self.frontend.counters.h1_bytes_out += size

    def finished(self, keep: bool) -> None:
        """The stream is over: wait for the next request, or close."""
        self.stream = None
        self.chunked = False
        if self.reader is not None:
            keep = False
            self.reader = None
        if self.gone:
            return
        if not keep or (self.at_eof and not self.buffer):
            self.flush()
            self.transport.close()
            return
        now = self.session.process.clock.now()
        self.idle_from = now
        self.resume()
        self.deadline.at = now + self.frontend.timeout_idle
        if self.frontend.process.stopping and not self.buffer:
            self.flush()
            self.transport.close()

    def continue_reading(self) -> None:
        """Called from the loop after a stream ended outside `data_received`: serve what was pipelined."""
        if self.stream is None and self.buffer and not self.gone:
            self.read_requests()

    def start_tunnel(self) -> None:
        """Bytes pass as they are from here on; those that came early go first."""
        self.reader = CloseReader()
        self.chunked = False
        early, self.buffer = self.buffer, b""
        assert self.stream is not None
        if early:
            self.read_body(self.stream, early)
        if self.at_eof:
            self.stream.on_client_eof()

    def abort_body(self, stream: HttpStream) -> None:
        """The response cannot be completed: what was sent must not look whole."""
        self.flush()
        self.transport.close()

    def stop_when_idle(self) -> None:
        """The process is stopping: close now if no request is being served, else after it."""
        if self.stream is None and not self.buffer:
            self.transport.close()

    def kill(self) -> None:
        """End the connection with RST."""
        self.session.process.net.abort_with_reset(self.session.transport)

    # -- backpressure
    def pause_writing(self) -> None:
        self.blocked = True
        if self.stream is not None:
            self.stream.on_client_blocked()

    def resume_writing(self) -> None:
        self.blocked = False
        if self.stream is not None:
            self.stream.on_client_writable()

    def pause_if_full(self) -> None:
        if len(self.buffer) > 4 * self.limits.bufsize:
            self.pause()


class ServerH1(H1):
    """The server's side: one connection to a server, with a stream or idle in the pool."""

    __slots__ = ("closing", "established", "limits", "process", "request_method", "requests", "reusable", "server", "source_session", "stream", "upgrade")

    def __init__(self, stream: HttpStream, server: Server) -> None:
        super().__init__()
        self.server = server
        self.process = stream.process
        self.source_session = stream.session
        self.stream: HttpStream | None = stream
        self.limits = stream.backend_limits()
        self.requests = 0
        self.reusable = True
        self.closing = False
        self.request_method = b"GET"
        self.upgrade: bytes | None = None
        self.established = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        self.transport = transport
        self.established = True
        transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        counters = self.server.backend.counters
        counters.h1_open_connections += 1
        counters.h1_total_connections += 1
        self.server.counters.used_conn_cur += 1
        if self.stream is not None:
            self.stream.on_connected(self)

    # -- verbs of the stream
    def attach(self, stream: HttpStream) -> None:
        """Leave the pool and serve `stream`."""
        self.stream = stream
        self.server.counters.used_conn_cur += 1

    def send_head(self, request: Request, close: bool) -> None:
        """The request's head; the response is read with its method in mind."""
        self.requests += 1
        self.request_method = request.method
        self.upgrade = request.upgrade
        self.chunked = request.framing is Framing.CHUNKED
        self.out.append(outgoing_request_head(request, close=close))

    def count_out(self, size: int) -> None:
        self.server.backend.counters.h1_bytes_out += size

    def detach(self, keep: bool) -> None:
        """The stream is over: back to the pool if the connection can serve another one, else close it."""
        self.stream = None
        self.chunked = False
        self.server.counters.used_conn_cur -= 1
        if self.transport.is_closing():
            return
        if keep and self.reusable and not self.buffer and self.reader is None:
            self.resume()
            pool = self.server.pool
            pool.put(self)
            if pool.mode == "never":
                self.source_session.private_pools.add(pool)
        else:
            self.kill()

    def kill(self) -> None:
        """Close with RST, as HAProxy does when it leaves a server first (no TIME_WAIT on our side)."""
        if not self.transport.is_closing():
            self.closing = True
            self.process.net.abort_with_reset(self.transport)

    def close(self) -> None:
        """What the pool calls to be rid of an idle connection."""
        self.kill()

    def half_close(self) -> None:
        """A tunnel's client has finished: nothing more will be sent."""
        self.flush()
        if not self.transport.is_closing():
            self.transport.write_eof()

    def start_tunnel(self) -> None:
        """Bytes pass as they are from here on."""
        self.reader = CloseReader()
        self.chunked = False

    # -- bytes in
    def data_received(self, data: bytes) -> None:
        self.server.backend.counters.h1_bytes_in += len(data)
        stream = self.stream
        if stream is None:
            self.server.pool.remove(self)
            self.kill()
            return
        stream.corked = True
        if self.reader is not None:
            self.read_body(stream, data)
        else:
            self.buffer = self.buffer + data if self.buffer else data
            self.read_head(stream)
        stream.uncork()

    def read_head(self, stream: HttpStream) -> None:
        """Informational heads, then the final one, then what is there of its body."""
        while self.buffer:
            if stream.response is not None:
                self.reusable = False  # bytes nobody asked for
                self.buffer = b""
                return
            try:
                got = read_response(self.buffer, self.request_method, self.limits, self.upgrade)
            except BadMessage as bad:
                self.reusable = False
                stream.on_bad_response(bad, self.buffer)
                return
            if got is None:
                return
            response, used = got
            rest = self.buffer[used:]
            self.buffer = rest
            if response.status < 200 and response.status != 101:
                stream.on_informational(response)
                continue
            self.buffer = b""
            self.take_response(stream, response, rest)
            return

    def take_response(self, stream: HttpStream, response: Response, rest: bytes) -> None:
        if not response.keep_alive or response.framing is Framing.CLOSE:
            self.reusable = False
        reader = self.reader = None if response.framing is Framing.NONE else reader_for(response, self.limits)
        stream.on_response(response)
        if self.stream is not stream or self.reader is not reader:
            return
        if self.reader is None:
            self.buffer = rest
            if rest:
                self.reusable = False
            stream.on_response_end(NO_TRAILERS)
        else:
            self.read_body(stream, rest)

    def read_body(self, stream: HttpStream, data: bytes) -> None:
        assert self.reader is not None
        try:
            payload, finished, rest = self.reader.feed(data)
        except BadMessage:
            self.reusable = False
            self.reader = None
            stream.on_server_gone(reset=False)
            return
        if payload:
            stream.on_response_data(payload)
        if finished and self.reader is not None:
            trailers = self.reader.trailers
            self.reader = None
            if rest:
                self.reusable = False
            stream.on_response_end(trailers)

    def eof_received(self) -> bool:
        self.reusable = False
        stream = self.stream
        if stream is None:
            self.server.pool.remove(self)
            return False
        stream.corked = True
        self.at_eof(stream, reset=False)
        stream.uncork()
        return False

    def at_eof(self, stream: HttpStream, reset: bool) -> None:
        """No more bytes from the server: the end of an until-close body, or the loss of the response."""
        if isinstance(self.reader, CloseReader) and not reset:
            self.reader = None
            stream.on_response_end(NO_TRAILERS)
        else:
            stream.on_server_gone(reset)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.backend.counters.h1_open_connections -= 1
        stream, self.reusable = self.stream, False
        if stream is None:
            self.server.pool.remove(self)
        elif not self.closing:
            stream.corked = True
            self.at_eof(stream, reset=exc is not None)
            stream.uncork()
        self.closing = True

    # -- backpressure
    def pause_writing(self) -> None:
        self.blocked = True
        if self.stream is not None:
            self.stream.on_server_blocked()

    def resume_writing(self) -> None:
        self.blocked = False
        if self.stream is not None:
            self.stream.on_server_writable()
