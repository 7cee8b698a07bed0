"""ServerH1: the server's side of the HTTP/1 mux. Between two streams it lies in the server's pool."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pylb.base.errors import BadMessage
from pylb.stream import error_capture, express
from pylb.stream.mux_h1 import H1, HIGH_WATER, NO_TRAILERS
from pylb.stream.stream import HttpStream
from pylb.stream.verdict import Stop
from pylb.wire.body import ChunkedReader, CloseReader, reader_for
from pylb.wire.h1 import outgoing_request_head, read_response
from pylb.wire.h1_fields import adjust_case
from pylb.wire.h1_leaving import Leaving
from pylb.wire.message import Framing, Request, Response

if TYPE_CHECKING:
    from pylb.proxy.counters import BackendCounters
    from pylb.proxy.server import Server

NO_BODY, LENGTH, CHUNKED, CLOSE = Framing.NONE, Framing.LENGTH, Framing.CHUNKED, Framing.CLOSE


class ServerH1(H1):
    """The server's side: one connection to a server, with a stream or idle in the pool."""

    __slots__ = (
        "closing", "established", "identity", "interim", "limits", "polite", "private", "process", "request_method",
        "requests", "reusable", "room", "server", "source_session", "stream",
    )  # fmt: skip

    counters: BackendCounters

    def __init__(self, stream: HttpStream, server: Server) -> None:
        super().__init__(server.backend.counters)
        self.server = server
        self.process = stream.process
        self.source_session = stream.session.session
        self.stream: HttpStream | None = stream
        self.limits = stream.backend_limits()
        self.room = self.limits.bufsize - self.limits.maxrewrite
        self.requests = 0
        self.reusable = True
        self.interim = False  # a 1xx has come
        self.private = False  # its server knows who speaks on it
        self.closing = False
        self.polite = False  # is left with FIN, not RST: a body broke its framing
        self.request_method = b"GET"
        self.established = False
        identity = server.pool.identity
        self.identity = identity(stream) if identity is not None else None  # what it owes to its first stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass
        self.transport = transport
        self.established = True
        transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        if self.stream is not None:
            self.stream.on_connected(self)

    def count_stream(self) -> None:
        """One more stream has this connection."""
        server, counters = self.server, self.counters
        counters.h1_open_streams += 1
        counters.h1_total_streams += 1
        server.counters.used_conn_cur = used = server.counters.used_conn_cur + 1
        if used > server.pool.highest_used:
            server.pool.note_use()

    # -- verbs of the stream
    def attach(self, stream: HttpStream) -> None:
        """Leave the pool and serve `stream`."""
        self.stream = stream
        self.count_stream()

    def send_head(self, request: Request, close: bool, leaving: Leaving) -> None:
        """The request's head; the response is read with its method in mind."""
        self.requests += 1
        self.interim = False
        self.request_method = request.method
        self.writer = leaving.writer
        head, case = outgoing_request_head(request, close, leaving.framing), self.server.backend.case_of_names
        self.out.append(head if case is None else adjust_case(head, case))

    def case_of_names(self) -> dict[bytes, bytes] | None:
        return self.server.backend.case_of_names

    def on_wrong_length(self) -> None:
        stream = self.stream
        if stream is not None:
            for name in ("eint", "eresp", "srv_abrt"):
                stream.count(name)
            stream.stop(Stop("I", "H", 500))

    def detach(self, keep: bool) -> None:
        """The stream is over: back to the pool if the connection can serve another one, else close it."""
        if self.out:
            self.flush()
        stream, self.stream = self.stream, None
        if stream is not None and not stream.request_complete and stream.response_complete:
            self.polite = True
        self.writer = None
        self.counters.h1_open_streams -= 1
        if self.transport.is_closing():
            pass
        elif keep and self.reusable and not self.buffer and self.reader is None:
            if self.paused:
                self.resume()
            pool = self.server.pool
            if self.private:
                pool.put_private(self)
            else:
                pool.put(self)
            if self.private or pool.mode == "never":
                self.source_session.private_pools.add(pool)
        else:
            self.kill()
        self.server.counters.used_conn_cur -= 1

    def kill(self) -> None:
        """Close with RST, as HAProxy does when it leaves a server first (no TIME_WAIT on our side). What is unsent is dropped: nobody wants it."""
        if not self.transport.is_closing():
            self.closing = True
            if not self.polite:
                self.process.net.abort_with_reset(self.transport)
            elif self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

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
        self.writer = None

    # -- bytes in
    def data_received(self, data: bytes) -> None:
        self.counters.h1_bytes_in += len(data)
        stream = self.stream
        if stream is None:
            self.server.pool.remove(self)
            self.kill()
            return
        if stream.in_express and express.finish(stream, self, data):
            return
        stream.corked = True
        if self.reader is not None:
            self.read_body(stream, data)
        else:
            self.buffer = self.buffer + data if self.buffer else data
            self.read_head(stream)
        stream.uncork()

    def read_head(self, stream: HttpStream) -> None:
        """Informational heads, then the final one, then what is there of its body. Nothing of it passes when a part is broken."""
        informational: list[Response] = []
        whole, limits = self.buffer, self.limits if not self.interim else replace(self.limits, accept_invalid=False)
        while self.buffer:
            data, self.buffer = self.buffer, b""
            if stream.response is not None:
                self.reusable = False  # bytes nobody asked for
                return
            try:
                got = read_response(data, self.request_method, limits)
            except BadMessage as bad:
                self.reusable = False
                error_capture.bad_response(stream, self, whole, bad, len(whole) - len(data))
                stream.on_bad_response(bad)
                return
            if got is None:
                self.buffer = data
                break
            response, used = got
            if response.odd is not None:
                error_capture.odd_response(stream, self, whole, response.odd, len(whole) - len(data))
            if response.status >= 200 or response.status == 101 or response.status < 100:
                if response.framing is CHUNKED:
                    self.head = data[:used]
                self.take_response(stream, response, data[used:], whole, informational)
                return
            self.buffer = data[used:]
            self.interim = True
            limits = replace(limits, accept_invalid=False)  # HAProxy forgets the option after a 1xx
            informational.append(response)
        for response in informational:
            stream.on_informational(response)

    def take_response(self, stream: HttpStream, response: Response, rest: bytes, whole: bytes, informational: list[Response]) -> None:
        if not response.keep_alive or response.framing is CLOSE:
            self.reusable = False
        payload, finished, left = b"", True, rest
        trailers = NO_TRAILERS
        if response.framing is LENGTH and len(rest) == response.length:
            payload, left = rest, b""  # all of it, as with most small answers
        elif response.framing is not NO_BODY:
            reader = reader_for(response, self.limits)
            try:
                payload, finished, left = reader.feed(rest) if rest else (b"", False, b"")
            except BadMessage as bad:
                self.reusable = False
                error_capture.bad_response_body(stream, self, whole, bad, len(whole) - len(rest))
                stream.on_bad_response(bad)
                return
            if finished:
                trailers = reader.trailers
            else:
                self.reader = reader
        if left:
            self.reusable = False  # bytes nobody asked for
        for before in informational:
            stream.on_informational(before)
        stream.on_response(response, payload, trailers if finished else None)

    def read_body(self, stream: HttpStream, data: bytes) -> None:
        assert self.reader is not None
        try:
            payload, finished, rest = self.reader.feed(data)
        except BadMessage as bad:
            self.reusable = False
            self.polite = True
            if isinstance(self.reader, ChunkedReader):
                error_capture.bad_response_body(stream, self, self.reader.pending + data, bad)
            self.reader = None
            stream.on_bad_response_body()
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
        self.polite = True  # the server left first
        stream = self.stream
        if stream is None:
            self.server.pool.remove(self)
            return False
        stream.corked = True
        if not stream.response_complete or stream.tunnel or stream.request_complete:
            self.at_eof(stream, reset=False)
        stream.uncork()
        return stream.response_complete and not stream.request_complete and not stream.tunnel  # the upload goes on

    def at_eof(self, stream: HttpStream, reset: bool) -> None:
        """No more bytes from the server: the end of an until-close body, or the loss of the response."""
        if isinstance(self.reader, CloseReader) and not reset:
            self.reader = None
            stream.on_response_end(NO_TRAILERS)
        else:
            stream.on_server_gone(reset)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.established:
            return  # TLS has told it already
        self.established = False
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
