"""The driver of streams: a coroutine that is resumed by hand, its deadlines, its log line; what HTTP and TCP streams share.

A stream waits in one place (`await stream.wait(...)`); events set state that stays true (`request_complete`, `failure`, ...) and
call `wake`, which resumes the coroutine directly: no task, no future, no loop turn in between. Three deadlines may run at once
(client, server, step); the earliest that fires says who was too slow.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from pylb.base.timers import NEVER
from pylb.stream import connect
from pylb.stream.verdict import Stop

if TYPE_CHECKING:
    from pylb.proxy.proxy import Backend, Frontend
    from pylb.proxy.server import Server
    from pylb.stream.filters import Filter
    from pylb.stream.session import Session
    from pylb.wire.headers import Headers
    from pylb.wire.message import Request

NO_TIMEOUTS: dict[str, float] = {}


@types.coroutine
def suspend() -> Generator[None, None, None]:
    """Give control back to whoever woke the stream."""
    yield


class Stream:
    """What HTTP and TCP streams share: the driver, the deadlines, the log."""

    __slots__ = (
        "__dict__", "back", "backend", "bytes_in", "bytes_out", "client_expire", "cookie_captured_request", "cookie_captured_response",
        "cookie_state", "corked", "coroutine", "dont_log", "forwarding", "front", "frontend", "head_sent", "headers", "idle_from", "in_express",
        "inbox_response", "keep_client", "keep_server", "lenient", "logged", "now", "number", "own_timeouts", "process", "queue_ahead",
        "redispatched", "released", "request", "request_began", "request_complete", "request_line", "response", "response_complete",
        "response_trailers", "retried", "reused", "running", "server", "server_expire", "server_slot", "session", "status", "termination",
        "time_close", "time_connect", "time_data", "time_queue", "time_request", "unsure", "uploading", "when",
    )  # fmt: skip; "__dict__" is for what is below

    # What most streams never write is no slot but a default of the class: making and freeing a stream costs half as much.
    applet_name: str | None = None
    avoid: Server | None = None
    calls = cpu_ns = 0  # how often it was resumed, and how long that took, when it is measured
    captures_request: list[bytes | None] | None = None
    captures_response: list[bytes | None] | None = None
    connect_error: OSError | None = None
    connecting: Any = None
    counted_in = counted_out = 0  # bytes that are in the statistics already (`option contstats`)
    failure: Stop | None = None
    filters: tuple[Filter, ...] = ()
    inbox_request: Sequence[bytes] = ()
    inbox_size = 0
    last_rule: Any = None
    unhurried: Sequence[str] = ()  # states in which the client's timeout does not count
    killer = ""  # the letter of who killed it
    log_level = 6
    no_replay = False  # `disable-l7-retry`
    cookie_dates = (0, 0)  # of the last visit and the first one, as the persistence cookie says
    direct = False  # the server was designated (cookie, use-server): no free redispatch
    forced = ignored = False  # `force-persist`, `ignore-persist`
    place: Any = None
    priority_class = priority_offset = 0
    current_rule: Any = None  # the one that waits
    tarpitted = False
    waits_until = NEVER  # how long rules may wait, for who looks in
    streamless = False  # it only stands for bytes that never became a stream, in the log
    server_gone = False
    step_expire = NEVER
    stick_stores: list[Any] | None = None  # keys that shall lead to the server that answers
    tracked: list[Any] | None = None  # what stick counters hold
    tunnel = False
    unique_id: str | None = None
    variables: dict[str, Any] | None = None
    wanted: Server | None = None  # the server that was designated

    def __init__(self, session: Session, front: Any, request: Request | None, idle_from: float, began: float) -> None:
        process = session.process
        self.session = session
        self.front = front
        self.process = process
        self.request: Any = request
        self.headers: Any = None if request is None else request.headers
        self.response: Any = None
        self.request_line: bytes | None = None
        self.frontend: Frontend = session.frontend
        self.backend: Backend | None = None
        self.server: Server | None = None
        self.back: Any = None
        self.idle_from = idle_from
        self.request_began = self.now = began  # `now`: when the coroutine was resumed; it has one time for all it does
        self.bytes_in = self.bytes_out = 0
        self.client_expire = self.server_expire = NEVER
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.when = "R"
        self.inbox_response: Sequence[bytes] = ()
        self.keep_client = self.keep_server = True
        self.in_express = self.corked = self.running = self.uploading = self.request_complete = self.response_complete = False
        self.reused = self.logged = self.unsure = self.server_slot = False
        self.lenient = False  # `strict-mode off`, until the rule set ends
        self.released = False  # what it held of its backend
        self.time_request = self.time_queue = self.time_connect = self.time_data = self.time_close = self.status = -1
        self.termination = self.cookie_state = "--"
        self.queue_ahead = (0, 0)
        self.retried = 0
        self.redispatched = self.dont_log = self.forwarding = self.head_sent = False
        self.response_trailers: Headers | None = None
        self.cookie_captured_request: bytes | None = None
        self.cookie_captured_response: bytes | None = None
        self.own_timeouts = NO_TIMEOUTS  # `set-timeout`: "server", "tunnel"
        self.number = process.counters.requests_total
        process.counters.requests_total += 1

    # -- being driven
    def start(self) -> None:
        """Begin; returns when the stream waits for the first time or has ended."""
        self.coroutine = self.run()
        if self.process.measure is not None:
            self.coroutine = self.process.measure(self, self.coroutine)
        self.resume()

    async def run(self) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        """Something changed: let the coroutine look again. Harmless while it runs or when it has ended."""
        if self.coroutine is not None and not self.running:
            self.resume()
            if not self.corked:
                self.flush()

    def resume(self) -> None:
        self.running = True
        self.now = self.process.clock.now()
        try:
            self.coroutine.send(None)  # type: ignore[union-attr]
        except StopIteration:
            self.coroutine = None
        finally:
            self.running = False

    def stop(self, stop: Stop) -> None:
        """End the stream early, wherever it waits."""
        if self.failure is None:
            self.failure = stop
            self.wake()

    def kill(self, who: str) -> None:
        """End it from outside; `who` is the first letter of its termination."""
        raise NotImplementedError

    async def wait(self, when: str, until: Callable[[], bool]) -> None:
        """The only place to wait: until `until()` holds. `when` is the second termination letter meanwhile; raises Stop."""
        self.when = when
        while not until():
            if self.failure is not None:
                raise self.failure
            self.arm()
            await suspend()

    def step_timer(self, moment: float) -> None:
        """Be woken at `moment`, to look again."""
        self.process.loop.call_later(max(0.0, moment - self.process.clock.now()), self.wake)

    def flush(self) -> None:
        """Let what was said to either side leave."""
        raise NotImplementedError

    def uncork(self) -> None:
        """The event that corked the stream is over."""
        self.corked = False
        self.flush()

    # -- time
    def arm(self) -> None:
        """Have the connection's timer look at the earliest of the three deadlines."""
        earliest = self.client_expire
        if self.server_expire < earliest:
            earliest = self.server_expire
        if self.step_expire < earliest:
            earliest = self.step_expire
        self.front.deadline.at = earliest

    def on_deadline(self) -> None:
        """The timer fired; deadlines may have moved since it was armed."""
        now = self.process.clock.now() + 0.0005
        if self.client_expire <= now and self.client_expire <= self.server_expire:
            self.client_expire = NEVER
            if self.when in self.unhurried:
                self.arm()
            else:
                self.stop(Stop("c", self.when))
        elif self.step_expire <= now or self.server_expire <= now:
            self.step_expire = self.server_expire = NEVER
            self.stop(Stop("s", self.when))
        else:
            self.arm()

    def ms_since(self, moment: float) -> int:
        """Whole milliseconds from `moment` to now."""
        return int((self.process.clock.now() - moment) * 1000)

    def server_timeout(self) -> float:
        """`timeout server`, or what `set-timeout` said for this stream."""
        timeout: float = self.backend.timeout_server  # type: ignore[union-attr]
        return self.own_timeouts.get("server", timeout) if self.own_timeouts else timeout

    def set_timeout(self, which: str, seconds: float) -> None:
        """Another timeout for this stream only (`set-timeout`)."""
        self.own_timeouts = {**self.own_timeouts, which: seconds}

    def private_session(self) -> Session:
        """A view of the session that only this stream has: `set-src` and its relatives change nothing for later requests."""
        session = self.session
        if session.session is session:
            if session.variables is None:
                session.variables = {}
            self.session = copy(session)
        return self.session

    # -- counting
    def count(self, name: str) -> None:
        """Add one to the counter on every object of this stream that has it."""
        self.frontend.count(self.session.listener, self.backend, self.server, name)

    def count_bytes(self) -> None:
        """`option contstats`: bytes are in the statistics as soon as they have come."""
        size_in, size_out = self.bytes_in - self.counted_in, self.bytes_out - self.counted_out
        self.counted_in, self.counted_out = self.bytes_in, self.bytes_out
        for holder in (self.frontend, self.session.listener, self.backend, self.server):
            if holder is not None:
                holder.counters.bin += size_in
                holder.counters.bout += size_out

    def announce(self) -> None:
        """The line of a proxy without a log format, when the stream begins (configuration.txt 8.2.1)."""
        frontend, session = self.frontend, self.session
        if frontend.send_log is not None:
            host, port = session.source
            way = f"from {host}:{port} to {session.destination[0]}:{session.destination[1]}" if host else f"to unix:{session.listener.id}"
            frontend.send_log(6, f"Connect {way} ({frontend.name}/{'HTTP' if frontend.is_http else 'TCP'})")

    def log(self, form: Callable[[Any], str] | None = None) -> None:
        """One line, unless options say otherwise (configuration.txt 8.3); `form`: not in the usual format."""
        frontend = self.frontend
        send = frontend.send_log
        if send is None or frontend.log_line is None or self.logged or self.dont_log:
            return
        level = self.log_level
        if frontend.logs_selectively:
            normal = self.termination[0] in "-L" and self.status < 500 and not self.retried
            if normal and not frontend.logs_normal:
                return
            if not normal and frontend.log_separate_errors and level == 6:
                level = 3
        self.logged = True
        line = (form or frontend.log_line)(self)
        if frontend.structured_data is None:
            send(level, line)
        else:
            send(level, line, frontend.structured_data(self))
        frontend.log_count += 1

    def release(self) -> None:
        """Give back whatever is held of the server and the queue."""
        connect.release(self)
