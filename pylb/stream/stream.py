"""HttpStream: one request and its response. `run` is the life of a request; read it first.

Decisions wait (in `run`), payload never does: bodies pass through `on_request_data` and `on_response_data` as plain calls from mux
to mux. An early end is an exception spelt in HAProxy's two letters (`Stop("C", "Q")`: the client gave up, in the queue); the log
prints them.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from pylb.base.errors import BadMessage
from pylb.base.timers import NEVER
from pylb.stream import connect, filters, kill, replay, scruples, tracking
from pylb.stream import request as request_steps
from pylb.stream import response as response_steps
from pylb.stream.applet import Served
from pylb.stream.driver import Stream, suspend
from pylb.stream.rules import run_now, run_rules
from pylb.stream.verdict import Answer, Stop
from pylb.wire.h1 import fields_size
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request, Response

if TYPE_CHECKING:
    from pylb.proxy.ruleset import RuleSet
    from pylb.stream.mux_h1_client import ClientH1
    from pylb.stream.session import Session
    from pylb.wire.h1 import Limits

START, RULED, SWITCHED, PREPARED, SENT = range(5)  # steps of a stream's life at which its coroutine may begin
HTX_REQUEST_LINE = 29  # HAProxy counts bytes of its internal form: a start line's record, the version and the end-of-headers mark
NO_HEADERS = Headers()
CHUNKED = Framing.CHUNKED


def request_size(request: Request) -> int:
    """Bytes of the head as HAProxy counts them."""
    known = request.known
    fields = known.fields_size if known is not None else fields_size(request.headers)
    return HTX_REQUEST_LINE + len(request.method) + len(request.target) + fields


class HttpStream(Stream):
    """One HTTP request and its response."""

    __slots__ = ()

    front: ClientH1
    request: Request
    response: Response | None
    headers: Headers
    applet: Any = None
    body_expire = NEVER  # until when rules wait for the body
    bytes_out_before = 0  # `bytes_out` when the request was first sent
    client_half_closed = invalid_body = invalid_request = False
    forsaken = server_reset = False  # the server died under a request that can be repeated: it is as if it had never been
    hints = NO_HEADERS  # fields of the 103 being made (`early-hint`)
    passed = False  # `tcp-request content` rules of the frontend ran for the raw stream it was before (`upgrade`)
    kept: bytes | None = None  # the body of a request that may be sent again (`retry-on`)
    request_trailers: Headers | None = None
    wrong_length = False  # the body was not as long as rules have said
    unhurried = ("Q", "C")  # there is no server that could take the rest of its body
    request_variables: dict[str, Any] | None = None
    response_variables: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"HttpStream({self.request.line().decode('latin-1')!r} {self.frontend.name}/{self.backend and self.backend.name} {self.when})"

    # -- the life of a request, top to bottom
    async def run(self, step: int = START, so_far: Any = None) -> None:
        """Each line is one of HAProxy's analysers; every way out passes `finish`. A stream that leaves the express lane begins at a later
        step, with what the rules came to or raised."""
        try:
            try:
                frontend = self.frontend
                if step == START:
                    if frontend.announces:
                        self.announce()
                    if not self.request_complete:
                        self.client_expire = self.now + frontend.timeout_client
                    if frontend.has_slow_rules:
                        await request_steps.frontend_rules(self)
                    elif (result := self.begin()) is not None:
                        await request_steps.after_rules(self, result)
                elif isinstance(so_far, Exception):
                    raise so_far
                elif step == RULED:
                    await request_steps.after_rules(self, so_far)
                backend = request_steps.switch(self) if self.backend is None else self.backend
                if step < PREPARED:
                    if backend.has_request_rules and backend is not frontend.own_backend:
                        await request_steps.backend_rules(self, backend)
                    request_steps.prepare(self)
                while not self.response:
                    await self.exchange()
                if backend.has_response_rules or frontend.has_response_rules:
                    await response_steps.apply_rules(self)
                response_steps.forward(self)
                if not self.transferred():
                    await self.wait("D", self.transferred)
                if self.wrong_length:
                    raise self.failure  # type: ignore[misc]
            except Answer as answer:
                await response_steps.reply(self, answer)
            except Served:
                pass
        except Stop as stop:
            await response_steps.end_early(self, stop)
        except Exception:  # noqa: BLE001 - the one place: a bug must neither kill the process nor leave the client waiting
            self.process.message(3, "pylb bug:\n" + traceback.format_exc())
            await response_steps.end_early(self, Stop("I", self.when))
        finally:
            self.finish()

    def begin(self) -> Any:
        """What a frontend does whose rules nearly always end at once; gives what they came to when it is not yet their end."""
        self.count_request()
        request_steps.look(self)
        return run_now(self, self.frontend.http_request) if self.frontend.http_request else None

    def count_request(self) -> None:
        """Count the request on the frontend; what `tcp-request content` rejects is none."""
        self.frontend.counters.request_came(self.now)
        if self.process.tables is not None:
            tracking.count(self, tracking.REQUEST, self.now)

    async def exchange(self) -> None:
        """Send the request to a server and wait for the head of its response; without one when it shall be tried again."""
        try:
            if not self.server_slot and not connect.assign_at_once(self):
                await connect.assign(self)
            if self.server.settings.redir is not None:  # type: ignore[union-attr]
                scruples.redirect(self, self.server)  # type: ignore[arg-type]
            if self.back is None and (self.connecting is not None or not connect.reuse(self)):
                await connect.establish(self)
            if self.backend.tcp_response_content:  # type: ignore[union-attr]
                await response_steps.content_rules(self)
            if not self.uploading:
                connect.send_request(self)
            self.when = "H"
            while self.response is None:  # `wait`, without its coroutine
                if self.failure is not None:
                    raise self.failure
                self.arm()
                await suspend()
            if self.kept is not None and replay.after_response(self):
                await replay.again(self)
            else:
                response_steps.head_received(self)
                if self.response.status == 101 and (self.response.upgrade is None or self.request.upgrade is None):
                    self.response = None
                    raise Stop("P", "H", 502)  # a switch that nobody asked for
        except Stop as stop:
            if stop.who == "s" and self.back is not None and self.back.blocked:
                raise Stop("s", "D", 0) from None  # it was not its answer that was late: the server does not take the request
            if not self.uploading or not response_steps.may_go_again(self, stop):
                raise
            await replay.again(self)

    def enter(self, step: int, so_far: Any = None) -> None:
        """Leave the express lane: the coroutine takes over at `step`."""
        self.in_express = False
        self.coroutine = self.run(step, so_far)
        self.resume()

    def wake(self) -> None:
        if self.in_express:
            self.enter(SENT)
        super().wake()

    def transferred(self) -> bool:
        """Have both directions ended?"""
        return self.response_complete and (self.request_complete or (self.tunnel and self.server_gone)) and not self.front.blocked

    def finish(self) -> None:
        """The end of every stream: give everything back, log, and let the connection go on."""
        self.time_close = int((self.now - self.idle_from) * 1000)
        connect.release(self)
        response_steps.account(self)
        if self.killer:
            self.termination = self.killer + self.termination[1]
        if self.process.tables is not None:
            tracking.count_bytes(self, self.now)
        self.log()
        if self.filters:
            filters.release(self)
        if self.tracked is not None:
            tracking.release(self, self.now)
        front, self.coroutine = self.front, None
        front.finished(self.keep_client and self.request_complete and not self.tunnel)
        if not self.corked:
            front.flush()
        if front.buffer and not front.busy:
            self.process.loop.call_soon(front.continue_reading)

    def flush(self) -> None:
        front, back = self.front, self.back
        if front.out:
            front.flush()
        if back is not None and back.out:
            back.flush()

    def request_progress(self) -> tuple[int, bool]:
        """How much of the body is there, and whether that is all there will be."""
        return self.inbox_size, self.request_complete

    def progress(self) -> tuple[int, bool]:
        return self.request_progress()

    def hint(self, name: bytes, value: bytes, last: bool) -> None:
        """One more field of a 103, which leaves with the last one (`early-hint`)."""
        self.hints = Headers([*self.hints, (name, value)])
        if last:
            response, self.hints = Response(103, b"Early Hints", headers=self.hints), NO_HEADERS
            if self.request.version >= 11:
                response_steps.inform(self, response)

    def ask_for_body(self) -> None:
        """Rules want the body: a client that waits for a 100 before it sends one gets it from us."""
        request = self.request
        if request.expect_continue and not self.inbox_size:
            request.expect_continue = False
            request.headers.remove(b"expect")
            if request.version >= 11:
                response_steps.inform(self, Response(100, b"Continue"))
                self.front.flush()

    @property
    def inbox_full(self) -> bool:
        """Has as much of the body arrived as is kept for rules to look at?"""
        limits = self.front.limits
        return self.inbox_size >= limits.bufsize - limits.maxrewrite

    async def apply(self, rule_set: RuleSet) -> None:
        """Run a rule set of its own."""
        await run_rules(self, rule_set)

    def make_unique_id(self) -> str:
        """The stream's unique id, made once (`unique-id-format`)."""
        if self.unique_id is None:
            form = self.frontend.unique_id_format
            self.unique_id = form(self) if form is not None else ""
        return self.unique_id

    def backend_limits(self) -> Limits:
        """Reader limits for the response."""
        assert self.backend is not None
        return self.backend.limits

    # -- events of the client's side
    def on_request_data(self, data: bytes) -> None:
        """A piece of the request's body."""
        self.bytes_in += len(data)
        if self.frontend.counts_at_once:
            self.count_bytes()
        if self.uploading:
            if self.forwarding:
                self.client_expire = self.process.clock.now() + self.frontend.timeout_client
            self.upload(data)
            return
        self.client_expire = self.process.clock.now() + self.frontend.timeout_client
        if self.body_expire < self.client_expire:
            self.client_expire = self.body_expire
        self.inbox_request = [*self.inbox_request, data]
        self.inbox_size += len(data)
        if self.inbox_size >= self.front.limits.bufsize - self.front.limits.maxrewrite:
            self.front.pause()
            self.client_expire = NEVER
        self.wake()

    def upload(self, data: bytes) -> None:
        """Hand body bytes to the server's side."""
        if self.server_gone or self.back is None:
            return
        self.back.send_data(data)
        if self.tunnel:
            self.touch_tunnel(of_server=not self.backend.independent_streams)  # type: ignore[union-attr]
        elif self.server_expire != NEVER:
            self.server_expire = self.process.clock.now() + self.server_timeout()

    def on_request_end(self, trailers: Headers) -> None:
        """The request is complete."""
        self.request_complete = True
        self.request_trailers = trailers
        if self.request.framing is CHUNKED:
            self.bytes_in += 1 + fields_size(trailers)
        self.client_expire = NEVER
        if self.uploading and not self.server_gone and self.back is not None:
            connect.end_upload(self)
        self.wake()

    def on_bad_request_body(self) -> None:
        """The body breaks its framing."""
        self.keep_client = False
        self.invalid_request = True
        self.frontend.counters.ereq += 1
        self.session.listener.counters.ereq += 1
        if self.back is not None:
            self.back.polite = True
        self.stop(Stop("P", self.when, 400))

    def on_client_eof(self) -> None:
        """The client closed its half before its request was complete."""
        self.keep_client = False
        if self.tunnel:
            self.on_request_end(Headers())
            return
        self.stop(self.abort())

    def on_client_half_closed(self) -> None:
        """The client will send nothing after this request; it may still read the response."""
        self.client_half_closed = True
        if self.frontend.notices_aborts and self.backend is not None and "abortonclose" in self.backend.settings.options:
            self.stop(Stop("C", "D" if self.forwarding else self.when))
        elif self.when == "T":
            self.wake()

    def kill(self, who: str) -> None:
        """End it from outside, as far as it has come."""
        kill.kill(self, who)

    def on_client_gone(self) -> None:
        """The client's connection is lost."""
        self.keep_client = False
        if self.request_complete and self.when in "QCH" and not self.forwarding and not self.frontend.notices_aborts:
            return  # HAProxy notices when it answers
        if self.when == "T":  # it has its answer now
            self.client_half_closed = True
            self.wake()
            return
        self.stop(self.abort())

    def abort(self) -> Stop:
        """The client gave up: while its body went to a server, or by a reset once a server has it all, that counts as transfer, and nothing is answered."""
        uploading = self.uploading and not self.request_complete
        transfer = uploading or (self.front.gone and self.when == "H")
        return Stop("C", "D" if transfer else self.when, 0 if transfer or self.front.gone else None)

    def on_client_blocked(self) -> None:
        """The client reads slower than the server sends."""
        self.client_expire = self.process.clock.now() + self.frontend.timeout_client
        if self.back is not None and not self.response_complete:
            self.server_expire = NEVER
            self.back.pause()
        self.arm()

    def on_client_writable(self) -> None:
        self.client_expire = NEVER if self.request_complete else self.process.clock.now() + self.frontend.timeout_client
        if self.back is not None and not self.response_complete:
            self.server_expire = self.process.clock.now() + (self.tunnel_timeout() if self.tunnel else self.server_timeout())
            self.back.resume()
        if self.applet is not None:
            self.applet.on_writable()
        self.arm()
        self.wake()

    # -- events of the server's side
    def on_connected(self, back: Any) -> None:
        self.connecting = None
        self.back = back
        self.wake()
        if self.killer:
            self.process.loop.call_soon(kill.strike, self)

    def on_connect_failed(self, error: OSError) -> None:
        self.connecting = None
        self.connect_error = error
        self.wake()

    def on_informational(self, response: Response) -> None:
        """A 1xx before the final response; the server counts it like a response."""
        assert self.server is not None
        counters = self.server.counters
        counters.req_tot += 1
        response_steps.count_status(counters, response.status)
        self.server_expire = self.process.clock.now() + self.server_timeout()
        response_steps.inform(self, response)

    def on_response(self, response: Response, payload: bytes, trailers: Headers | None) -> None:
        """The head of the final response, what came with it of the body, and the trailers if that is already all."""
        self.response = response
        if payload:
            self.bytes_out += len(payload)
            self.inbox_response = (payload,)
        if trailers is not None:
            self.end_response(trailers)
        self.wake()

    def on_bad_response(self, bad: BadMessage) -> None:
        """The server's bytes are not HTTP."""
        self.stop(Stop("P", "H", bad.status))

    def on_bad_response_body(self) -> None:
        """The response's body breaks its framing: an invalid response, not an aborted one."""
        self.server_gone = self.invalid_body = True
        self.stop(Stop("S", "D"))

    def on_response_data(self, data: bytes) -> None:
        """A piece of the response's body."""
        self.bytes_out += len(data)
        if self.frontend.counts_at_once:
            self.count_bytes()
        if self.tunnel:
            self.touch_tunnel(of_client=not self.frontend.independent_streams)
        else:
            self.server_expire = self.process.clock.now() + self.server_timeout()
        if self.forwarding:
            filters.pass_on(self, data, False) if self.filters else self.front.send_data(data)
            return
        self.inbox_response = [*self.inbox_response, data]
        self.inbox_size += len(data)
        if self.inbox_size >= self.front.limits.bufsize:
            self.back.pause()
        self.wake()

    def on_response_end(self, trailers: Headers) -> None:
        """The response is complete."""
        self.end_response(trailers)
        if self.forwarding:
            if self.filters:
                filters.pass_on(self, b"", True)
            self.front.send_end(trailers)
        self.wake()

    def end_response(self, trailers: Headers) -> None:
        """Nothing more will come from the server."""
        self.response_complete = True
        self.response_trailers = trailers
        if self.response is not None and self.response.framing is CHUNKED and not self.response.length:
            self.bytes_out += 1 + fields_size(trailers)  # HAProxy counts the end mark of bodies that came in chunks
        self.server_expire = NEVER

    def on_server_gone(self, reset: bool) -> None:
        """The server's connection ended before the response did."""
        if self.server_gone:
            return
        self.server_gone = True
        self.server_reset = reset
        if self.response_complete:
            if not self.request_complete:  # nobody takes the rest, but the client may finish
                self.server_expire = NEVER
                self.client_expire = self.process.clock.now() + self.frontend.timeout_client
                self.front.resume()
                self.arm()
            self.wake()
        elif self.tunnel and not reset:
            self.keep_client = False
            self.on_response_end(Headers())
        elif reset and self.uploading and not self.request_complete and self.response is None:
            self.stop(Stop("S", "D", 0))
        else:
            if self.back is not None and not self.request_complete:
                self.back.polite = True
            self.stop(Stop("S", "D" if self.response is not None else "H"))

    def on_server_blocked(self) -> None:
        """The server reads slower than the client sends."""
        self.client_expire = NEVER
        if self.server_expire == NEVER:  # it has answered already
            self.server_expire = self.process.clock.now() + self.server_timeout()
        self.front.pause()
        self.arm()

    def on_server_writable(self) -> None:
        if self.response_complete:
            self.server_expire = NEVER
        if not self.request_complete:
            self.client_expire = self.process.clock.now() + self.frontend.timeout_client
        self.front.resume()
        self.wake()

    def touch_tunnel(self, of_client: bool = True, of_server: bool = True) -> None:
        """Something moved in a tunnel: both sides' patience starts anew, or only that of the side that moved it under
        `option independent-streams`; `timeout tunnel` replaces it where it is set."""
        now, backend = self.process.clock.now(), self.backend
        assert backend is not None
        tunnel = self.own_timeouts.get("tunnel", backend.timeout_tunnel)
        if of_client:
            patience = self.frontend.timeout_client_fin if self.response_complete else self.frontend.timeout_client
            self.client_expire = now + (tunnel if tunnel != NEVER else patience)
        if of_server:
            patience = backend.timeout_server_fin if self.request_complete else self.server_timeout()
            self.server_expire = now + (tunnel if tunnel != NEVER else patience)

    def tunnel_timeout(self) -> float:
        """`timeout tunnel` where it is set, of the backend first; else the server's."""
        assert self.backend is not None
        tunnel = self.own_timeouts.get("tunnel", self.backend.timeout_tunnel)
        return tunnel if tunnel != NEVER else self.server_timeout()

    @classmethod
    def log_refused(cls, session: Session, idle_from: float, began: float, who: str, when: str, status: int) -> None:
        """The line of bytes that never became a request: `<BADREQ>`, with the letters of its end."""
        if session.frontend.send_log is None:
            return
        stream = cls(session, None, Request(b"", b"<BADREQ>", 11), idle_from, began)
        stream.streamless = True
        stream.request_line = b"<BADREQ>"
        stream.status, stream.termination = status, who + when
        stream.time_close = stream.ms_since(idle_from)
        stream.log(session.frontend.error_log_format)
