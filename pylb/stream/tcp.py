"""TcpStream: the relay of one TCP connection (mode tcp). `run` is its life; everything about choosing a server is shared with HTTP."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from pylb.base.timers import NEVER
from pylb.stream import connect, persist, rules, sticking, tracking, upgrade
from pylb.stream import request as request_steps
from pylb.stream.driver import Stream
from pylb.stream.kill import NOWHERE
from pylb.stream.verdict import Answer, Stop, Verdict

if TYPE_CHECKING:
    from pylb.stream.mux_tcp import ClientTcp
    from pylb.stream.session import Session

BUFFER = 16384 - 1024  # what may arrive before there is a server to take it


class TcpStream(Stream):
    """One relay. `request_complete`: the client sent FIN; `response_complete`: the server did."""

    __slots__ = ("holding", "late", "upgraded")

    front: ClientTcp

    def __init__(self, session: Session, front: ClientTcp) -> None:
        super().__init__(session, front, None, session.accepted + session.handshake_ms / 1000, session.accepted + session.handshake_ms / 1000)
        self.keep_server = False
        self.late: Stop | None = None  # the client was too slow for `tcp-request content`
        self.upgraded = False  # it goes on as HTTP
        self.holding = False  # the server's bytes wait for `tcp-response content`

    def __repr__(self) -> str:
        return f"TcpStream({self.session!r} {self.backend and self.backend.name} {self.when})"

    async def run(self) -> None:
        """Rules, backend, rules, server, then bytes both ways until both sides have ended."""
        try:
            self.client_expire = self.process.clock.now() + self.frontend.timeout_client
            verdict = await self.content_rules(self.frontend) if self.frontend.tcp_request_content else None
            if verdict is not Verdict.UPGRADE:
                request_steps.switch(self)  # type: ignore[arg-type]
            if verdict is Verdict.UPGRADE or self.backend.is_http:  # type: ignore[union-attr]
                self.upgrade()
                return
            self.in_time()
            assert self.backend is not None
            if self.backend.tcp_request_content and self.backend is not self.frontend.own_backend:
                await self.content_rules(self.backend)
                self.in_time()
            if self.backend.persists:
                persist.designate(self)
                persist.read_rdp_cookie(self)
                persist.stick(self)
            await connect.assign(self)
            await connect.establish(self)  # type: ignore[arg-type]
            if self.backend.stick_rules:
                sticking.store(self)
            if self.backend.tcp_response_content:
                await self.response_rules(self.backend)
            else:
                self.relay()
            await self.wait("D", self.both_ended)
        except Stop as stop:
            self.end_early(stop)
        except Answer:
            self.end_early(Stop("P", "R"))
        except Exception:  # noqa: BLE001 - as in HttpStream.run
            self.process.message(3, "pylb bug:\n" + traceback.format_exc())
            self.end_early(Stop("I", self.when))
        finally:
            if self.upgraded:
                self.coroutine = None
                upgrade.upgrade(self)
            else:
                self.finish()

    def in_time(self) -> None:
        """A client that was too slow for the rules ends here, where it counts."""
        if self.late is not None:
            self.frontend.count_refused(self.session.listener, "ereq")
            if self.backend is not None:
                self.backend.counters.cli_abrt += 1
            raise self.late

    def upgrade(self) -> None:
        """Go on as HTTP; too late for that, nothing more is said, not even in the log."""
        if self.late is not None:
            self.dont_log, self.bytes_in = True, 0
        self.in_time()
        self.upgraded = True

    async def content_rules(self, face: Any) -> Verdict | None:
        """`tcp-request content`, within `inspect-delay`."""
        try:
            verdict = await rules.run_content_rules(self, face.tcp_request_content, face.inspect_delay, self.request_progress)
        except Stop as stop:
            if stop.who != "c":
                raise
            self.failure, self.late = None, stop  # what is there must do, and then it ends
            _, verdict = await rules.one_pass(self, face.tcp_request_content, True)
        if verdict is Verdict.REJECT:
            self.frontend.count_refused(self.session.listener, "dreq")
            raise Stop("P", "R", 0)
        return verdict

    async def response_rules(self, backend: Any) -> None:
        """`tcp-response content`: with a delay the client's bytes go on meanwhile, and the server's wait."""
        delay = backend.response_inspect_delay
        self.holding = True
        if delay:
            self.relay()
        verdict = await rules.run_content_rules(self, backend.tcp_response_content, delay, self.response_progress, "D")
        if verdict is Verdict.REJECT:
            self.count("dresp")
            raise Stop("P", "D", 0)
        if not delay:
            self.relay()
        self.holding = False
        for data in self.inbox_response:
            self.front.send_data(data)
        self.inbox_response = ()
        if verdict is Verdict.CLOSE:
            self.back.kill()
            self.response_complete = True
            self.front.half_close()
            return
        if self.response_complete:
            self.front.half_close()

    def response_progress(self) -> tuple[int, bool]:
        """How much of the server's bytes is there, and whether that is all there will be."""
        size = sum(map(len, self.inbox_response))
        return size, self.response_complete or size >= BUFFER

    def relay(self) -> None:
        """The server is there: pass on what has come, and everything from now on."""
        self.uploading = self.tunnel = True
        self.time_data = self.ms_since(self.idle_from)
        if self.inbox_request:
            self.back.send_data(b"".join(self.inbox_request))
        self.inbox_request, self.inbox_size = (), 0
        self.front.resume()
        self.touch()
        if self.request_complete:
            self.response_complete |= self.back.half_close()
        if self.frontend.log_asap:
            self.time_close = self.ms_since(self.idle_from)
            self.log()

    def both_ended(self) -> bool:
        return self.request_complete and self.response_complete and not self.front.blocked and not self.back.blocked

    def touch(self, of_client: bool = True, of_server: bool = True) -> None:
        """Something moved: both sides' patience starts anew, or only that of the side that moved it under `option independent-streams`
        (`timeout tunnel` replaces both once a server is there)."""
        now = self.process.clock.now()
        backend, frontend = self.backend, self.frontend
        if not self.uploading or backend is None:
            self.client_expire = NEVER if self.request_complete else now + frontend.timeout_client
            return
        tunnel = backend.timeout_tunnel
        client = frontend.timeout_client_fin if self.response_complete else frontend.timeout_client
        server = backend.timeout_server_fin if self.request_complete else backend.timeout_server
        client_stuck, server_stuck = self.front.blocked, self.back.blocked  # who does not read is waited for, not the other one
        if of_client and not client_stuck:
            self.client_expire = NEVER if server_stuck else now + (tunnel if tunnel != NEVER else client)
        if of_server and not server_stuck:
            self.server_expire = NEVER if client_stuck else now + (tunnel if tunnel != NEVER else server)

    # -- events
    def on_request_data(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self.frontend.counts_at_once:
            self.count_bytes()
        self.touch(of_server=self.backend is None or not self.backend.independent_streams)
        if self.uploading:
            self.back.send_data(data)
            return
        self.inbox_request = [*self.inbox_request, data]
        self.inbox_size += len(data)
        if self.inbox_size >= BUFFER:
            self.front.pause()
        self.wake()

    def on_client_eof(self) -> None:
        self.request_complete = True
        self.touch()
        if self.uploading:
            self.response_complete |= self.back.half_close()
        elif self.when == "C" and not self.inbox_size:
            self.stop(Stop("C", "C"))  # there is nothing to connect for
        elif self.backend is not None and "abortonclose" in self.backend.settings.options:
            self.stop(Stop("C", self.when))
        self.arm_and_wake()

    def on_client_gone(self, reset: bool) -> None:
        if self.coroutine is not None:
            self.stop(Stop("C", "D" if reset and self.backend is not None else self.when))

    def on_connected(self, back: Any) -> None:
        self.connecting = None
        self.back = back
        self.wake()

    def on_connect_failed(self, error: OSError) -> None:
        self.connecting = None
        self.connect_error = error
        self.wake()

    def on_response_data(self, data: bytes) -> None:
        self.bytes_out += len(data)
        if self.frontend.counts_at_once:
            self.count_bytes()
        self.touch(of_client=not self.frontend.independent_streams)
        if self.holding:
            self.inbox_response = [*self.inbox_response, data]
            self.wake()
            return
        self.front.send_data(data)

    def on_server_eof(self) -> None:
        self.response_complete = True
        self.touch()
        if not self.holding:
            self.request_complete |= self.front.half_close()
        self.arm_and_wake()

    def on_server_gone(self, reset: bool) -> None:
        if self.coroutine is None:
            return
        self.server_gone = True
        if reset or not self.response_complete:
            self.stop(Stop("S", "D"))

    def arm_and_wake(self) -> None:
        if self.coroutine is not None:
            self.arm()
            self.wake()

    def on_client_blocked(self) -> None:
        self.back.pause()
        if not self.back.blocked:
            self.server_expire = NEVER
        self.arm_and_wake()

    def on_client_writable(self) -> None:
        if self.back is not None:
            self.touch()
            self.back.resume()
        self.arm_and_wake()

    def on_server_blocked(self) -> None:
        self.front.pause()
        if not self.front.blocked:
            self.client_expire = NEVER
        self.arm_and_wake()

    def on_server_writable(self) -> None:
        self.touch()
        self.front.resume()
        self.arm_and_wake()

    # -- the end
    def flush(self) -> None:
        """Bytes are never held back in TCP mode."""

    def request_progress(self) -> tuple[int, bool]:
        """How much of the client's bytes is there, and whether that is all there will be."""
        return self.inbox_size, self.request_complete or self.inbox_size >= BUFFER

    def kill(self, who: str) -> None:
        """End it from outside; without a server it goes on, and only its log line tells."""
        self.killer = who
        if self.back is not None:
            self.stop(Stop(who, NOWHERE))

    def end_early(self, stop: Stop) -> None:
        self.termination = stop.who + (stop.when or self.when)
        if self.backend is not None and stop.who in ("C", "c") and (self.uploading or stop.when == "D"):
            self.count("cli_abrt")
        elif self.backend is not None and stop.who in ("S", "s") and self.uploading:
            self.count("srv_abrt")
            if stop.who == "S":
                self.count("eresp")
        if stop.who in ("c", "s", "P", self.killer) and self.back is not None:
            self.back.close()  # with FIN: who waits too long is not reset

    def refused_by_mux(self) -> None:
        """After an upgrade no request came of the bytes; the HTTP mux has said so and will close."""
        self.termination = "PR"
        self.front.gone = True
        self.frontend.counters.ereq += 1
        if self.backend is not None:
            self.backend.counters.cli_abrt += 1
            connect.release(self)
            self.backend = None
        self.bytes_in = 0
        self.finish()

    def finish(self) -> None:
        self.time_close = self.ms_since(self.idle_from)
        if self.killer:
            self.termination = self.killer + self.termination[1]
        connect.release(self)
        if not self.frontend.logs_null and not self.bytes_in and not self.bytes_out:
            self.dont_log = True
        self.account()
        if self.process.tables is not None:
            tracking.count_bytes(self, self.now)
        self.log()
        if self.tracked is not None:
            tracking.release(self, self.now)
        self.coroutine = None
        self.front.deadline.close()
        if not self.front.gone:
            self.front.close()

    def account(self) -> None:
        """The sums added once, at the end."""
        holders: list[Any] = [self.frontend.counters, self.session.listener.counters]
        if self.backend is not None:
            holders.append(self.backend.counters)
        if self.server is not None:
            holders.append(self.server.counters)
        for counters in holders:
            counters.bin += self.bytes_in - self.counted_in
            counters.bout += self.bytes_out - self.counted_out
        if self.backend is not None and self.server is not None and self.time_queue >= 0:
            times = (
                max(0, self.time_queue - max(0, self.time_request)),
                max(0, self.time_connect - self.time_queue),
                max(0, self.time_data - self.time_connect),
                self.time_close,
            )
            self.backend.counters.observe_times(*times, http=False)
            self.server.counters.observe_times(*times, http=False)
