"""The running program as the rest of pylb sees it: its objects, its clock, its network, and the doors that the floors above fill in.

One Process exists per worker. Streams, checks and commands reach everything from here by attributes; nothing is global.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pylb.base.clock import Clock
from pylb.base.net import Net
from pylb.base.turns import Turns
from pylb.proxy.counters import OUTPUT_UNIT, InfoCounters
from pylb.proxy.table import make_tables

if TYPE_CHECKING:
    import asyncio

    from pylb.config.model import Config
    from pylb.proxy.proxy import Backend, Frontend
    from pylb.proxy.server import Server

# Syslog levels as HAProxy uses them.
EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)


def _drop(level: int, text: str) -> None:
    """Where messages go before the loggers are up: nowhere."""


TAINTED_BY_FILES, TAINTED_BY_EXPERTS, TAINTED_BY_EXPERIMENTS = 1, 4, 8  # `Tainted`: what was used of what makes a report worthless


class Process:
    """What runs: configuration, clock, network, frontends and backends by name, and process-wide counts.

    `message` prints a line like HAProxy's `[WARNING]  (pid) : text`; `log` sends one to the targets of `global`.
    """

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, clock: Clock, net: Net, pid: int) -> None:
        self.config, self.loop, self.clock, self.net, self.pid = config, loop, clock, net, pid
        self.turns = Turns(loop)
        self.frontends: dict[str, Frontend] = {}
        self.backends: dict[str, Backend] = {}
        self.proxies: list[Frontend | Backend] = []  # in the order of `show stat`: a listen's frontend comes before its backend
        self.counters = InfoCounters()
        self.variables: dict[str, Any] = {}  # proc.*
        self.tables = make_tables(config)  # stick tables by name; None: there are none
        self.started = clock.now()
        self.started_wall = clock.wall()
        self.sinks: dict[str, Any] = {}  # of events, by name
        self.resolvers: dict[str, Any] = {}  # who asks name servers, by the names of `resolvers` sections
        self.maxconn = config.global_.maxconn
        self.node = config.global_.node or ""
        self.description = config.global_.description or ""
        self.version = ""
        self.stopping = False
        self.starters: list[Callable[[], None]] = []  # what begins when the process serves
        self.closers: list[Callable[[], None]] = []  # what was opened and wants to be closed in the end
        self.connections = 0  # client connections open now
        self.unstoppable_jobs = 0  # the connection to a master
        self.sessions: set[Any] = set()  # the client side muxes, for `show sess` and `shutdown sessions`
        self.waiting: list[Any] = []  # listeners paused because `maxconn` of the process was reached
        self.listings: list[int] = []  # of streams (`show sess`): how many streams there had been at each
        self.compressors = 0  # responses being compressed now
        self.captured = 0  # invalid messages so far
        self.profiler: Any = None  # `stream.profiling`
        self.measure: Callable[[Any, Any], Any] | None = None  # given a stream and its coroutine: what measures its steps
        self.check_told = False  # a condition that is told of once was met
        self.tainted = TAINTED_BY_FILES if config.global_.experimental_used else 0
        self.message: Callable[[int, str], None] = _drop
        self.log: Callable[[int, str], None] = _drop
        self.startup_logs = ""
        self.watch_pool: Callable[[Server], None] = lambda server: None  # connections begin to lie idle there: see to it that some are closed in time
        self.serve_statistics: Callable[[Any, Any], Awaitable[None]] | None = None  # answers a request for a statistics page, or lets it pass
        self.on_idle: Callable[[], None] | None = None  # called when a stopping process has lost its last connection

    def opened(self, now: float) -> None:
        """A client connection was accepted."""
        self.connections += 1
        counters = self.counters
        counters.connections += 1
        counters.connections_total += 1
        counters.conn_rate.tick(now)

    def bytes_out(self) -> int:
        """Bytes sent so far to clients, servers and users of the stats sockets. The muxes' own counts are added up here rather than kept twice."""
        return self.counters.bytes_out_total + sum(face.counters.h1_bytes_out for face in self.proxies)

    def measure_output(self, now: float) -> None:
        """Let the rate of bytes sent know what was sent since the last look."""
        counters = self.counters
        units = (self.bytes_out() - counters.bytes_out_seen) // OUTPUT_UNIT
        counters.bytes_out_seen += units * OUTPUT_UNIT
        counters.bytes_out.tick(now, units)

    def closed(self) -> None:
        """A client connection ended: let one paused listener accept again, or report that a stopping process is idle."""
        self.connections -= 1
        self.counters.connections -= 1
        if self.waiting and self.connections < self.maxconn:
            self.waiting.pop(0).resume_if_allowed()
        if self.stopping and not self.connections and self.on_idle is not None:
            self.on_idle()
