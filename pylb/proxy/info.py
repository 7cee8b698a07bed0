"""The process in numbers: THE table of `show info`, in HAProxy 2.6's order, and where each value comes from.

Names, descriptions and tags are interface, to the byte. A value of None leaves the line out; the position numbers stay, so that typed output
numbers the lines as HAProxy built without zlib does. With `float`, rates and ages are shown with the part after the point.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pylb.base import version
from pylb.proxy.counters import OUTPUT_UNIT
from pylb.proxy.fields import STR, U32, U64
from pylb.proxy.readings import agents_of, checks_of

if TYPE_CHECKING:
    from pylb.proxy.counters import InfoCounters
    from pylb.proxy.process import Process

InfoValue = int | float | str | None
Reader = Callable[["InfoView"], InfoValue]

RESERVED_SOCKETS: Final = 10  # descriptors HAProxy sets aside for itself
SOCKETS_PER_THREAD: Final = 3  # its poller and the pipe that wakes it


@dataclass(slots=True)
class InfoView:
    """What a reading looks at: the process at one moment."""

    process: Process
    now: float

    @property
    def counters(self) -> InfoCounters:
        return self.process.counters

    @property
    def uptime(self) -> float:
        return self.now - self.process.started


@dataclass(frozen=True, slots=True)
class InfoField:
    """One line: `prometheus` is the metric without `haproxy_process_`; `float_tags` are its tags where `float` makes it one."""

    name: str
    tags: str
    type: str
    read: Reader | None
    description: str
    prometheus: str = ""
    metric: str = ""
    float_tags: str = ""


@dataclass(frozen=True, slots=True)
class InfoLine:
    """One line with its value."""

    position: int
    field: InfoField
    value: InfoValue

    @property
    def type(self) -> str:
        return "flt" if isinstance(self.value, float) else self.field.type

    @property
    def tags(self) -> str:
        return self.field.float_tags if isinstance(self.value, float) else self.field.tags


def read_info(process: Process, floats: bool = False) -> Iterator[InfoLine]:
    """Every line, those without a value included."""
    view = InfoView(process, process.clock.now())
    for position, line in enumerate(INFO):
        value = None if line.read is None else line.read(view)
        if isinstance(value, float) and not floats:
            value = int(value)
        yield InfoLine(position, line, value)


def constant(value: InfoValue) -> Reader:
    """What pylb has only one of, or none: a program without pools or pipes never fails to allocate one."""
    return lambda view: value


def tainted(view: InfoView) -> InfoValue:
    """What was used that makes the process's reports worthless, as flags."""
    return f"{view.process.tainted:#x}" if view.process.tainted else "0"


def count(name: str) -> Reader:
    """A counter of the process."""
    return lambda view: int(getattr(view.counters, name))


def rate(name: str) -> Reader:
    """A rate, with its fraction."""
    return lambda view: float(getattr(view.counters, name).exact(view.now))


def highest(name: str) -> Reader:
    """The greatest value a rate has reached."""
    return lambda view: int(getattr(view.counters, name).highest)


def limit(name: str) -> Reader:
    """A limit of the `global` section."""
    return lambda view: int(getattr(view.process.config.global_, name))


def threads(view: InfoView) -> int:
    return view.process.config.global_.nbthread or 1


def uptime_text(view: InfoView) -> str:
    minutes, seconds = divmod(int(view.uptime), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours // 24}d {hours % 24}h{minutes:02d}m{seconds:02d}s"


def started(view: InfoView) -> float:
    return view.process.started_wall


def listeners(view: InfoView) -> int:
    """Addresses listened on, stats sockets included."""
    proxies = view.process.frontends.values()
    return sum(listener.listening is not None for proxy in proxies for listener in proxy.listeners) + len(view.process.config.global_.stats_sockets)


def jobs(view: InfoView) -> int:
    """What keeps the process from ending: connections, those of the stats socket too, and listeners."""
    return view.process.connections + view.counters.cli_connections + listeners(view)


def sockets(view: InfoView) -> int:
    """The descriptors HAProxy would plan for: two per connection, one per listener and check, two per agent, `stats maxconn`, and its reserve."""
    process = view.process
    settings = process.config.global_
    if settings.planned_sockets:
        return settings.planned_sockets
    fixed = RESERVED_SOCKETS + SOCKETS_PER_THREAD * threads(view) + len(settings.stats_sockets)
    if settings.stats_sockets:
        fixed += settings.stats_maxconn
    bound = sum(len(proxy.listeners) for proxy in process.frontends.values())
    probes = sum(checks_of(server) + 2 * agents_of(server) for proxy in process.backends.values() for server in proxy.servers)
    return 2 * process.maxconn + 2 * settings.maxpipes + fixed + bound + probes


def descriptors(view: InfoView) -> int:
    """`ulimit-n`, or what is planned for."""
    return view.process.config.global_.ulimit_n or sockets(view)


def memory_limit(view: InfoView) -> int:
    """Megabytes; 0: none."""
    return view.process.config.global_.memory_limit


def tls_reuse(view: InfoView) -> float:
    """Percent of TLS connections of clients that resumed a session, over the last second."""
    all_, new = view.counters.ssl_rate.exact(view.now), view.counters.ssl_frontend_keys.exact(view.now)
    return 100.0 * (all_ - new) / all_ if all_ > new else 0.0


def compression_limit(view: InfoView) -> int:
    """Bytes per second; `maxcomprate` has kilobytes."""
    return view.process.config.global_.maxcomprate * 1024 & 0xFFFFFFFF


def tasks(view: InfoView) -> int:
    """asyncio's tasks and the streams, which are coroutines driven by hand."""
    return len(asyncio.all_tasks(view.process.loop)) + view.counters.streams


def idle(view: InfoView) -> int:
    return view.counters.idle(view.now)


def output_rate(view: InfoView) -> int:
    view.process.measure_output(view.now)
    return view.counters.bytes_out.value(view.now) * OUTPUT_UNIT


def memory(view: InfoView) -> int:
    """Resident bytes: pylb has no pools, what it holds is what the system gave it."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # chroot: no /proc
        return 0


def memory_megabytes(view: InfoView) -> int:
    return memory(view) >> 20


def peers(view: InfoView) -> int:
    """Peers this process keeps a session to."""
    return view.counters.active_peers


def connected_peers(view: InfoView) -> int:
    """Peers whose session is established."""
    return view.counters.connected_peers


# fmt: off
INFO: Final[tuple[InfoField, ...]] = (
    InfoField("Name", "POS", STR, constant("HAProxy"), "Product name"),
    InfoField("Version", "POS", STR, constant(version.VERSION), "Product version"),
    InfoField("Release_date", "POS", STR, constant(version.DATE), "Date of latest source code update"),
    InfoField("Nbthread", "CGS", U32, threads, "Number of started threads (global.nbthread)", "nbthread"),
    InfoField("Nbproc", "CGS", U32, constant(1), "Number of started worker processes (historical, always 1)", "nbproc"),
    InfoField("Process_num", "KGP", U32, constant(1), "Relative worker process number (1)", "relative_process_id"),
    InfoField("Pid", "SGP", U32, lambda v: v.process.pid, "This worker process identifier for the system"),
    InfoField("Uptime", "MDP", STR, uptime_text, "How long ago this worker process was started (days+hours+minutes+seconds)"),
    InfoField("Uptime_sec", "MDP", U32, lambda v: v.uptime, "How long ago this worker process was started (seconds)", "uptime_seconds", float_tags="MDP"),
    InfoField("Memmax_MB", "CLP", U32, memory_limit, "Worker process's hard limit on memory usage in MB (-m on command line)"),
    InfoField("PoolAlloc_MB", "MGP", U32, memory_megabytes, "Amount of memory allocated in pools (in MB)"),
    InfoField("PoolUsed_MB", "MGP", U32, memory_megabytes, "Amount of pool memory currently used (in MB)"),
    InfoField("PoolFailed", "MCP", U32, constant(0), "Number of failed pool allocations since this worker was started", "pool_failures_total"),
    InfoField("Ulimit-n", "CLP", U32, descriptors, "Hard limit on the number of per-process file descriptors", "max_fds"),
    InfoField("Maxsock", "CLP", U32, sockets, "Hard limit on the number of per-process sockets", "max_sockets"),
    InfoField(
        "Maxconn", "CLP", U32, lambda v: v.process.maxconn,
        "Hard limit on the number of per-process connections (configured or imposed by Ulimit-n)", "max_connections",
    ),
    InfoField(
        "Hard_maxconn", "CLP", U32, lambda v: v.process.config.global_.maxconn or v.process.maxconn,
        "Hard limit on the number of per-process connections (imposed by Memmax_MB or Ulimit-n)", "hard_max_connections",
    ),
    InfoField("CurrConns", "MGP", U32, lambda v: v.process.connections, "Current number of connections on this worker process", "current_connections"),
    InfoField("CumConns", "MCP", U32, count("connections_total"), "Total number of connections on this worker process since started", "connections_total"),
    InfoField("CumReq", "MCP", U32, count("requests_total"), "Total number of requests on this worker process since started", "requests_total"),
    InfoField(
        "MaxSslConns", "MMP", U32, limit("maxsslconn"),
        "Hard limit on the number of per-process SSL endpoints (front+back), 0=unlimited", "max_ssl_connections",
    ),
    InfoField(
        "CurrSslConns", "MGP", U32, count("ssl_connections"),
        "Current number of SSL endpoints on this worker process (front+back)", "current_ssl_connections",
    ),
    InfoField(
        "CumSslConns", "MCP", U32, count("ssl_connections_total"),
        "Total number of SSL endpoints on this worker process since started (front+back)", "ssl_connections_total",
    ),
    InfoField("Maxpipes", "CLP", U32, limit("maxpipes"), "Hard limit on the number of pipes for splicing, 0=unlimited", "max_pipes"),
    InfoField("PipesUsed", "MGP", U32, constant(0), "Current number of pipes in use in this worker process", "pipes_used_total"),
    InfoField("PipesFree", "MGP", U32, constant(0), "Current number of allocated and available pipes in this worker process", "pipes_free_total"),
    InfoField(
        "ConnRate", "MRP", U32, rate("conn_rate"),
        "Number of front connections created on this worker process over the last second", "current_connection_rate", float_tags="MRP",
    ),
    InfoField("ConnRateLimit", "CLP", U32, limit("maxconnrate"), "Hard limit for ConnRate (global.maxconnrate)", "limit_connection_rate"),
    InfoField(
        "MaxConnRate", "MMP", U32, highest("conn_rate"),
        "Highest ConnRate reached on this worker process since started (in connections per second)", "max_connection_rate",
    ),
    InfoField(
        "SessRate", "MRP", U32, rate("sess_rate"),
        "Number of sessions created on this worker process over the last second", "current_session_rate", float_tags="MRP",
    ),
    InfoField("SessRateLimit", "CLP", U32, limit("maxsessrate"), "Hard limit for SessRate (global.maxsessrate)", "limit_session_rate"),
    InfoField(
        "MaxSessRate", "MRP", U32, highest("sess_rate"),
        "Highest SessRate reached on this worker process since started (in sessions per second)", "max_session_rate",
    ),
    InfoField(
        "SslRate", "MRP", U32, rate("ssl_rate"),
        "Number of SSL connections created on this worker process over the last second", "current_ssl_rate", float_tags="MRP",
    ),
    InfoField("SslRateLimit", "CLP", U32, limit("maxsslrate"), "Hard limit for SslRate (global.maxsslrate)", "limit_ssl_rate"),
    InfoField(
        "MaxSslRate", "MMP", U32, highest("ssl_rate"),
        "Highest SslRate reached on this worker process since started (in connections per second)", "max_ssl_rate",
    ),
    InfoField(
        "SslFrontendKeyRate", "MGP", U32, rate("ssl_frontend_keys"),
        "Number of SSL keys created on frontends in this worker process over the last second", "current_frontend_ssl_key_rate", float_tags="MRP",
    ),
    InfoField(
        "SslFrontendMaxKeyRate", "MMP", U32, highest("ssl_frontend_keys"),
        "Highest SslFrontendKeyRate reached on this worker process since started (in SSL keys per second)", "max_frontend_ssl_key_rate",
    ),
    InfoField(
        "SslFrontendSessionReuse_pct", "MGP", U32, tls_reuse,
        "Percent of frontend SSL connections which did not require a new key", "frontend_ssl_reuse", float_tags="MRP",
    ),
    InfoField(
        "SslBackendKeyRate", "MRP", U32, rate("ssl_backend_keys"),
        "Number of SSL keys created on backends in this worker process over the last second", "current_backend_ssl_key_rate", float_tags="MRP",
    ),
    InfoField(
        "SslBackendMaxKeyRate", "MMP", U32, highest("ssl_backend_keys"),
        "Highest SslBackendKeyRate reached on this worker process since started (in SSL keys per second)", "max_backend_ssl_key_rate",
    ),
    InfoField(
        "SslCacheLookups", "MCP", U32, count("ssl_cache_lookups"),
        "Total number of SSL session ID lookups in the SSL session cache on this worker since started", "ssl_cache_lookups_total",
    ),
    InfoField(
        "SslCacheMisses", "MCP", U32, count("ssl_cache_misses"),
        "Total number of SSL session ID lookups that didn't find a session in the SSL session cache on this worker since started", "ssl_cache_misses_total",
    ),
    InfoField(
        "CompressBpsIn", "MRP", U32, rate("compress_in"),
        "Number of bytes submitted to the HTTP compressor in this worker process over the last second", "http_comp_bytes_in_total", float_tags="MRP",
    ),
    InfoField(
        "CompressBpsOut", "MRP", U32, rate("compress_out"),
        "Number of bytes emitted by the HTTP compressor in this worker process over the last second", "http_comp_bytes_out_total", float_tags="MRP",
    ),
    InfoField(
        "CompressBpsRateLim", "CLP", U32, compression_limit,
        "Limit of CompressBpsOut beyond which HTTP compression is automatically disabled", "limit_http_comp",
    ),
    InfoField(
        "ZlibMemUsage", "MGP", U32, None,
        "Amount of memory currently used by HTTP compression on the current worker process (in bytes)", "current_zlib_memory",
    ),
    InfoField(
        "MaxZlibMemUsage", "CLP", U32, None,
        "Limit on the amount of memory used by HTTP compression above which it is automatically disabled (in bytes, see global.maxzlibmem)", "max_zlib_memory",
    ),
    InfoField("Tasks", "MGP", U32, tasks, "Total number of tasks in the current worker process (active + sleeping)", "current_tasks"),
    InfoField("Run_queue", "MGP", U32, constant(0), "Total number of active tasks+tasklets in the current worker process", "current_run_queue"),
    InfoField("Idle_pct", "MaP", U32, idle, "Percentage of last second spent waiting in the current worker thread", "idle_time_percent"),
    InfoField("node", "COS", STR, lambda v: v.process.node or os.uname().nodename, "Node name (global.node)"),
    InfoField("description", "COS", STR, lambda v: v.process.description or None, "Node description (global.description)"),
    InfoField("Stopping", "MGP", U32, lambda v: int(v.process.stopping), "1 if the worker process is currently stopping, otherwise zero", "stopping"),
    InfoField(
        "Jobs", "MGP", U32, jobs,
        "Current number of active jobs on the current worker process (frontend connections, master connections, listeners)", "jobs",
    ),
    InfoField(
        "Unstoppable Jobs", "MGP", U32, lambda v: v.process.unstoppable_jobs,
        "Current number of unstoppable jobs on the current worker process (master connections)", "unstoppable_jobs",
    ),
    InfoField("Listeners", "MGP", U32, listeners, "Current number of active listeners on the current worker process", "listeners"),
    InfoField("ActivePeers", "MGP", U32, peers, "Current number of verified active peers connections on the current worker process", "active_peers"),
    InfoField(
        "ConnectedPeers", "MGP", U32, connected_peers,
        "Current number of peers having passed the connection step on the current worker process", "connected_peers",
    ),
    InfoField("DroppedLogs", "MGP", U32, count("dropped_logs"), "Total number of dropped logs for current worker process since started", "dropped_logs_total"),
    InfoField(
        "BusyPolling", "MGP", U32, lambda v: int(v.process.config.global_.busy_polling),
        "1 if busy-polling is currently in use on the worker process, otherwise zero (config.busy-polling)", "busy_polling_enabled",
    ),
    InfoField(
        "FailedResolutions", "MGP", U32, count("failed_resolutions"),
        "Total number of failed DNS resolutions in current worker process since started", "failed_resolutions", metric="counter",
    ),
    InfoField(
        "TotalBytesOut", "MGP", U64, lambda view: view.process.bytes_out(),
        "Total number of bytes emitted by current worker process since started", "bytes_out_total",
    ),
    InfoField(
        "TotalSplicdedBytesOut", "MGP", U64, count("spliced_bytes_out_total"),
        "Total number of bytes emitted by current worker process through a kernel pipe since started", "spliced_bytes_out_total",
    ),
    InfoField(
        "BytesOutRate", "MRP", U64, output_rate,
        "Number of bytes emitted by current worker process over the last second", "bytes_out_rate",
    ),
    InfoField("DebugCommandsIssued", "MGP", U32, count("debug_commands"), "Number of debug commands issued on this process (anything > 0 is unsafe)"),
    InfoField(
        "CumRecvLogs", "MCP", U32, count("received_logs"),
        "Total number of log messages received by log-forwarding listeners on this worker process since started", "recv_logs_total",
    ),
    InfoField("Build info", "POS", STR, constant(version.VERSION), "Build info", "build_info"),
    InfoField(
        "Memmax_bytes", "CLP", U32, lambda view: memory_limit(view) << 20, "Worker process's hard limit on memory usage in byes (-m on command line)",
        "max_memory_bytes",
    ),  # fmt: skip
    InfoField("PoolAlloc_bytes", "MGP", U64, memory, "Amount of memory allocated in pools (in bytes)", "pool_allocated_bytes"),
    InfoField("PoolUsed_bytes", "MGP", U64, memory, "Amount of pool memory currently used (in bytes)", "pool_used_bytes"),
    InfoField("Start_time_sec", "MDP", U32, started, "Start time in seconds", "start_time_seconds", float_tags="MDP"),
    InfoField("Tainted", "SGP", STR, tainted, "Experimental features used"),
)
# fmt: on
