"""What each kind of object counts; attribute names are the column names of `show stat` (management.txt 9.1) where a column exists.

A `listen` section has a FrontendCounters and a BackendCounters. Current values (scur, qcur, open connections) and rates live here too,
because they are written as often as counters, but clearing leaves them alone, as `clear counters all` does in HAProxy.

Invariants: numbers only; `*_max` fields follow their gauge through `peak`;
rates remember their own highest value; moments are the loop's seconds, NEVER when it did not happen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from pylb.base.freq import PERIOD, Average, FreqCtr

NEVER: Final = -1.0
OUTPUT_UNIT: Final = 32  # bytes; HAProxy measures the rate of its output in these

# On which objects of a stream `stream.count(name)` adds; the backend and the server only once the stream has one.
COUNTED_ON: Final[dict[str, tuple[str, ...]]] = {
    "dreq": ("frontend", "listener", "backend"),
    "dresp": ("frontend", "listener", "backend", "server"),
    "ereq": ("frontend", "listener"),
    "econ": ("backend", "server"),
    "eresp": ("backend", "server"),
    "wretr": ("backend", "server"),
    "wredis": ("backend", "server"),
    "cli_abrt": ("backend", "server"),
    "srv_abrt": ("backend", "server"),
    "wrew": ("frontend", "listener", "backend", "server"),
    "eint": ("frontend", "listener", "backend", "server"),
    "intercepted": ("frontend",),
    "dcon": ("frontend", "listener"),
    "dses": ("frontend", "listener"),
    "connect": ("backend", "server"),
    "reuse": ("backend", "server"),
    "hrsp_1xx": ("frontend", "backend", "server"),
    "hrsp_2xx": ("frontend", "backend", "server"),
    "hrsp_3xx": ("frontend", "backend", "server"),
    "hrsp_4xx": ("frontend", "backend", "server"),
    "hrsp_5xx": ("frontend", "backend", "server"),
    "hrsp_other": ("frontend", "backend", "server"),
}

# Not counters of events: what `clear counters all` keeps.
GAUGES: Final = frozenset(
    {"scur", "qcur", "rate", "conn_rate", "req_rate", "h1_open_connections", "h1_open_streams", "h2_open_connections", "h2_backend_open_streams"}
    | {"idle_conn_cur", "safe_conn_cur", "used_conn_cur", "need_conn_est"}
)


@dataclass(slots=True)
class ModuleCounters:
    """What the TLS layer and the HTTP/1 and HTTP/2 muxes count on a frontend or backend."""

    ssl_sess: int = 0
    ssl_reused_sess: int = 0
    ssl_failed_handshake: int = 0
    h2_headers_rcvd: int = 0
    h2_data_rcvd: int = 0
    h2_settings_rcvd: int = 0
    h2_rst_stream_rcvd: int = 0
    h2_goaway_rcvd: int = 0
    h2_detected_conn_protocol_errors: int = 0
    h2_detected_strm_protocol_errors: int = 0
    h2_rst_stream_resp: int = 0
    h2_goaway_resp: int = 0
    h2_open_connections: int = 0
    h2_backend_open_streams: int = 0
    h2_total_connections: int = 0
    h2_backend_total_streams: int = 0
    h1_open_connections: int = 0
    h1_open_streams: int = 0
    h1_total_connections: int = 0
    h1_total_streams: int = 0
    h1_bytes_in: int = 0
    h1_bytes_out: int = 0
    h1_spliced_bytes_in: int = 0
    h1_spliced_bytes_out: int = 0


@dataclass(slots=True)
class FrontendCounters(ModuleCounters):
    """Of a frontend: sessions are what passed `tcp-request connection`, connections are what was accepted."""

    scur: int = 0
    smax: int = 0
    stot: int = 0
    bin: int = 0
    bout: int = 0
    dreq: int = 0
    dresp: int = 0
    ereq: int = 0
    rate: FreqCtr = field(default_factory=FreqCtr)
    hrsp_1xx: int = 0
    hrsp_2xx: int = 0
    hrsp_3xx: int = 0
    hrsp_4xx: int = 0
    hrsp_5xx: int = 0
    hrsp_other: int = 0
    req_rate: FreqCtr = field(default_factory=FreqCtr)
    req_tot: int = 0
    comp_in: int = 0
    comp_out: int = 0
    comp_byp: int = 0
    comp_rsp: int = 0
    conn_rate: FreqCtr = field(default_factory=FreqCtr)
    conn_tot: int = 0
    intercepted: int = 0
    dcon: int = 0
    dses: int = 0
    wrew: int = 0
    cache_lookups: int = 0
    cache_hits: int = 0
    eint: int = 0

    def request_came(self, now: float) -> None:
        """A request was read: total and rate."""
        self.req_tot += 1
        rate = self.req_rate
        if now - rate.since >= PERIOD:
            rate.tick(now)
            return
        rate.current += 1  # what `tick` does within a period, without the call
        if rate.current > rate.highest:
            rate.highest = rate.current

    def open_connection(self, now: float) -> None:
        """A connection was accepted: total, rate, current and highest."""
        self.conn_tot += 1
        self.conn_rate.tick(now)
        self.scur += 1
        if self.scur > self.smax:
            self.smax = self.scur

    def open_session(self, now: float) -> None:
        """A connection passed the connection and session rules: total and rate."""
        self.stot += 1
        self.rate.tick(now)


@dataclass(slots=True)
class ListenerCounters:
    """Of a `bind` address; shown under `option socket-stats`."""

    scur: int = 0
    smax: int = 0
    stot: int = 0
    bin: int = 0
    bout: int = 0
    dreq: int = 0
    dresp: int = 0
    ereq: int = 0
    dcon: int = 0
    dses: int = 0
    wrew: int = 0
    eint: int = 0
    ssl_sess: int = 0
    ssl_reused_sess: int = 0
    ssl_failed_handshake: int = 0


@dataclass(slots=True)
class TrafficCounters(ModuleCounters):
    """What backends and servers count alike. (Muxes count on the backend: a server's h1 and h2 cells stay 0.)"""

    qcur: int = 0
    qmax: int = 0
    scur: int = 0
    smax: int = 0
    stot: int = 0
    bin: int = 0
    bout: int = 0
    dresp: int = 0
    econ: int = 0
    eresp: int = 0
    wretr: int = 0
    wredis: int = 0
    chkdown: int = 0
    lbtot: int = 0
    rate: FreqCtr = field(default_factory=FreqCtr)
    hrsp_1xx: int = 0
    hrsp_2xx: int = 0
    hrsp_3xx: int = 0
    hrsp_4xx: int = 0
    hrsp_5xx: int = 0
    hrsp_other: int = 0
    req_tot: int = 0
    cli_abrt: int = 0
    srv_abrt: int = 0
    lastsess: float = NEVER
    qtime: Average = field(default_factory=Average)
    ctime: Average = field(default_factory=Average)
    rtime: Average = field(default_factory=Average)
    ttime: Average = field(default_factory=Average)
    wrew: int = 0
    connect: int = 0
    reuse: int = 0
    eint: int = 0

    def session_started(self, now: float) -> None:
        """A stream was given to this object: total and rate."""
        self.stot += 1
        rate = self.rate
        if now - rate.since >= PERIOD:
            rate.tick(now)
            return
        rate.current += 1  # what `tick` does within a period, without the call
        if rate.current > rate.highest:
            rate.highest = rate.current

    def queued(self) -> None:
        """A stream joined the queue."""
        self.qcur += 1
        if self.qcur > self.qmax:
            self.qmax = self.qcur

    def enter(self) -> None:
        """A stream occupies the object."""
        self.scur += 1
        if self.scur > self.smax:
            self.smax = self.scur

    def leave(self) -> None:
        """The stream is gone."""
        self.scur -= 1

    def observe_times(self, queue: int, connect: int, response: int, total: int, http: bool) -> None:
        """The four times of a finished stream in milliseconds; `req_tot` (HTTP) or `lbtot` count it already."""
        samples = self.samples(http)
        self.qtime.add(queue, samples)
        self.ctime.add(connect, samples)
        self.rtime.add(response, samples)
        self.ttime.add(total, samples)

    def samples(self, http: bool) -> int:
        """How many streams the averages rest on."""
        return self.req_tot if http else self.lbtot


Times = tuple[int, int, int, int, int]  # queue, connect, response, total in milliseconds; how many streams there had been


def fold_times(counters: TrafficCounters, times: list[Times]) -> None:
    """Take the times of finished streams into the averages: they are collected first, since only readers of statistics need them."""
    averages = (counters.qtime, counters.ctime, counters.rtime, counters.ttime)
    if not times:
        return
    *columns, samples = zip(*times, strict=True)
    for average, values in zip(averages, columns, strict=True):
        if average.total or any(values):  # nothing but zeros changes nothing
            average.add_all(values, samples)
    times.clear()


@dataclass(slots=True)
class ServerCounters(TrafficCounters):
    """Of one server; connections of its pool by how they may be reused."""

    chkfail: int = 0
    hanafail: int = 0
    idle_conn_cur: int = 0
    safe_conn_cur: int = 0
    used_conn_cur: int = 0
    need_conn_est: int = 0


@dataclass(slots=True)
class BackendCounters(TrafficCounters):
    """Of a backend: its own sums, not those of its servers."""

    dreq: int = 0
    comp_in: int = 0
    comp_out: int = 0
    comp_byp: int = 0
    comp_rsp: int = 0
    cache_lookups: int = 0
    cache_hits: int = 0
    intercepted: int = 0


@dataclass(slots=True)
class InfoCounters:
    """Of the process, for `show info`."""

    connections: int = 0  # CurrConns
    connections_total: int = 0
    requests_total: int = 0
    ssl_connections: int = 0
    ssl_connections_total: int = 0
    conn_rate: FreqCtr = field(default_factory=FreqCtr)
    sess_rate: FreqCtr = field(default_factory=FreqCtr)
    ssl_rate: FreqCtr = field(default_factory=FreqCtr)
    ssl_frontend_keys: FreqCtr = field(default_factory=FreqCtr)
    ssl_backend_keys: FreqCtr = field(default_factory=FreqCtr)
    ssl_cache_lookups: int = 0
    ssl_cache_misses: int = 0
    compress_in: FreqCtr = field(default_factory=FreqCtr)
    compress_out: FreqCtr = field(default_factory=FreqCtr)
    bytes_out_total: int = 0  # but for those of HTTP/1, which `Process.bytes_out` adds
    bytes_out_seen: int = 0  # of all, when `bytes_out` was last told of them
    bytes_out: FreqCtr = field(default_factory=FreqCtr)  # in units of OUTPUT_UNIT
    spliced_bytes_out_total: int = 0
    dropped_logs: int = 0
    received_logs: int = 0
    failed_resolutions: int = 0
    debug_commands: int = 0
    streams: int = 0
    cli_connections: int = 0  # to stats sockets, open now
    active_peers: int = 0
    connected_peers: int = 0
    cpu_used: float = 0.0  # CPU seconds at the last look of Idle_pct
    cpu_seen: float = 0.0  # when that was
    idle_percent: int = 100

    def idle(self, now: float) -> int:
        """Percent of the time since the last look (at least a second ago) that the process did not use the CPU."""
        used, elapsed = time.process_time() - self.cpu_used, now - self.cpu_seen
        if elapsed >= 1.0:
            self.cpu_used, self.cpu_seen = time.process_time(), now
            self.idle_percent = max(0, min(100, round(100 - 100 * used / elapsed)))
        return self.idle_percent


class Clearing(NamedTuple):
    """What `clear counters` does to the cells of one kind of object; there may be thousands, so it is found out once."""

    peaks: tuple[str, ...]  # cells that are a greatest value
    meters: Callable[[Any], tuple[Any, ...]]  # cells that remember one
    averages: tuple[str, ...]
    totals: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]  # of the totals
    empty: tuple[Any, ...]  # what they hold before anything was counted


@cache
def clearing(kind: type[Any]) -> Clearing:
    """How the cells of a class are cleared."""
    cells = {cell.name: default(cell) for cell in fields(kind)}
    meters = [name for name, value in cells.items() if hasattr(value, "highest")]
    totals = [name for name, value in cells.items() if name not in GAUGES and not hasattr(value, "highest")]
    return Clearing(
        tuple(name for name in ("smax", "qmax") if name in cells),
        together(meters),
        tuple(name for name in meters if name not in GAUGES and not hasattr(cells[name], "tick")),
        tuple(totals),
        together(totals),
        tuple(cells[name] for name in totals),
    )


def together(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """These attributes of an object, in one call."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda holder: tuple(getattr(holder, name) for name in names)


def clear_highest(counters: Any) -> None:
    """`clear counters`: forget the greatest values, keep the totals."""
    plan = clearing(counters.__class__)
    for name in plan.peaks:
        setattr(counters, name, 0)
    for meter in plan.meters(counters):
        meter.highest = 0


def clear_all(counters: Any) -> None:
    """`clear counters all`: every total starts again; what is going on now stays."""
    clear_highest(counters)
    plan = clearing(counters.__class__)
    for name in plan.averages:
        getattr(counters, name).total = 0
    values = plan.values(counters)
    if values == plan.empty:
        return
    for name, value, empty in zip(plan.totals, values, plan.empty, strict=True):
        if value != empty:
            setattr(counters, name, empty)


def default(cell: Field[Any]) -> Any:
    """What a cell holds before anything was counted."""
    if cell.default is not MISSING:
        return cell.default
    return cell.default_factory() if cell.default_factory is not MISSING else 0
