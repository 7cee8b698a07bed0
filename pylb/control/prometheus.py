"""The Prometheus exporter (`http-request use-service prometheus-exporter`): the same rows as `show stat`, one metric after the other.

Metrics come in the order of `show info`, then of the columns of `show stat` for frontends, listeners, backends and servers, then of stick tables; the
samples of one metric stand together, objects in the configuration's order. A value an object does not have is NaN. The query may choose: `scope=`
(global, frontend, listener, backend, server, sticktable, `*`, nothing; may be repeated) and `no-maint`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from pylb.base.freq import TIME_SAMPLES
from pylb.control import stats
from pylb.control.stats_page import MOST, Answer, gather, path_of
from pylb.proxy.fields import FIELDS, Field, Row, Value
from pylb.proxy.info import read_info
from pylb.wire.replies import error_body

if TYPE_CHECKING:
    from pylb.proxy.process import Process

SCOPES: Final = ("global", "frontend", "listener", "backend", "server", "sticktable")
KIND_NAMES: Final = (("F", "frontend"), ("L", "listener"), ("B", "backend"), ("S", "server"))
LINES: Final = 200  # samples to a text
SERVER_STATES: Final = ("DOWN", "UP", "MAINT", "DRAIN", "NOLB")
CHECK_STATES: Final = (
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
)  # fmt: skip

TIMES: Final = frozenset(
    {"qtime", "ctime", "rtime", "ttime", "qtime_max", "ctime_max", "rtime_max", "ttime_max", "check_duration"}  # milliseconds, exported as seconds
)

AVERAGES: Final = frozenset({"qtime", "ctime", "rtime", "ttime"})

# Where the exporter's help differs from the column's description.
HELP: Final = {
    "status": "Current status of the service, per state label value.",
    "check_status": "Status of last health check, per state label value.",
    "check_code": "layer5-7 code, if available of the last health check.",
    "check_duration": "Total duration of the latest server health check, in seconds.",
    "qtime": "Avg. queue time for last 1024 successful connections.",
    "ctime": "Avg. connect time for last 1024 successful connections.",
    "rtime": "Avg. response time for last 1024 successful connections.",
    "ttime": "Avg. total time for last 1024 successful connections.",
    "qtime_max": "Maximum observed time spent in the queue",
    "ctime_max": "Maximum observed time spent waiting for a connection to complete",
    "rtime_max": "Maximum observed time spent waiting for a server response",
    "ttime_max": "Maximum observed total request+response time (request+queue+connect+response+processing)",
}

HTTP_ONLY: Final = frozenset(
    {"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "cache_lookups", "cache_hits", "intercepted", "req_rate_max", "req_tot"}
    | {"comp_in", "comp_out", "comp_byp", "comp_rsp"}
)
CHECKED_ONLY: Final = frozenset({"check_status", "check_code", "check_duration"})

Sample = tuple[str, str]  # labels after the object's own, value


@dataclass(slots=True)
class Table:
    """A stick table as the exporter shows it."""

    name: str
    type: str
    size: int
    used: int


@dataclass(slots=True)
class Wanted:
    """What the query asks for."""

    scopes: tuple[str, ...] = SCOPES
    no_maintenance: bool = False

    @classmethod
    def parse(cls, target: bytes) -> Wanted | None:
        """Read the query; None when it is wrong."""
        query = path_of(target).partition(b"#")[0].partition(b"?")[2]
        wanted, scopes = cls(), None
        for pair in query.split(b"&"):
            name, has_value, value = pair.partition(b"=")
            if unquote_to_bytes(name) == b"no-maint":
                wanted.no_maintenance = True
            elif unquote_to_bytes(name) == b"scope":
                chosen = unquote_to_bytes(value).decode("latin-1")
                if not has_value or chosen not in ("", "*", *SCOPES):
                    return None
                scopes = () if not chosen else SCOPES if chosen == "*" else (*(scopes or ()), chosen)
        if scopes is not None:
            wanted.scopes = scopes
        return wanted


def handle(process: Process, method: bytes, uri: bytes, tables: Iterable[Table] = ()) -> Answer:
    """Answer a request; every method is good. The body is always announced as chunked, to HEAD too."""
    wanted = Wanted.parse(uri)
    if wanted is None:
        page = error_body(400)
        headers = [(b"content-length", b"%d" % len(page)), (b"cache-control", b"no-cache"), (b"content-type", b"text/html")]
        return 400, headers, iter((page,))
    headers = [(b"cache-control", b"no-cache"), (b"content-type", b"text/plain; version=0.0.4")]
    return 200, headers, iter(()) if method == b"HEAD" else gather(exposition(process, wanted, tables), most=1)


def exposition(process: Process, wanted: Wanted, tables: Iterable[Table] = ()) -> Iterator[str]:
    """The text, metric by metric."""
    if "global" in wanted.scopes:
        yield from process_metrics(process)
    rows = []
    for row in stats.rows(process, stats.Filter()):
        rows.append(row)
        if len(rows) % MOST == 0:
            yield ""  # nothing to say yet, but this was work
    yield from object_metrics(rows, wanted)
    if "sticktable" in wanted.scopes:
        yield from table_metrics(list(tables))


def head(name: str, description: str, kind: str = "") -> str:
    """The two comment lines before a metric's samples."""
    kind = kind or ("counter" if name.endswith("_total") else "gauge")
    return f"# HELP haproxy_{name} {description}\n# TYPE haproxy_{name} {kind}\n"


def process_metrics(process: Process) -> Iterator[str]:
    """Those of `show info`."""
    for line in read_info(process):
        if not line.field.prometheus:
            continue
        name, labels = "process_" + line.field.prometheus, ""
        value = "NaN" if line.value is None else str(line.value)
        if line.field.prometheus == "build_info":
            labels, value = f'{{version="{line.value}"}}', "1"
        yield f"{head(name, line.field.description, line.field.metric)}haproxy_{name}{labels} {value}\n"


def object_metrics(rows: list[Row], wanted: Wanted) -> Iterator[str]:
    """Those of `show stat`, kind after kind."""
    for kind, kind_name in KIND_NAMES:
        if kind_name not in wanted.scopes:
            continue
        of_kind = [row for row in rows if row.kind == kind and not (wanted.no_maintenance and row.text("status").startswith("MAINT"))]
        servers = servers_of_backends(rows) if kind == "B" else {}
        for column in FIELDS:
            if column.is_exported(kind):
                yield from column_metric(column, kind_name, of_kind, servers)


def servers_of_backends(rows: list[Row]) -> dict[int, list[Row]]:
    """The rows of servers, by their backend's number."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        if row.kind == "S":
            found.setdefault(row.proxy_id, []).append(row)
    return found


def column_metric(column: Field, kind_name: str, rows: list[Row], servers: dict[int, list[Row]]) -> Iterator[str]:
    """One metric with its samples, many to a text; the classes of responses are one metric with several columns."""
    name = f"{kind_name}_{column.prometheus}"
    aggregate = AGGREGATES.get(column.name)
    first = head(name, HELP.get(column.name, column.description)) if not column.name.startswith("hrsp_") or column.name == "hrsp_1xx" else ""
    lines = [first]
    for row in rows:
        if column.name in HTTP_ONLY and row.text("mode") != "http" or column.name in CHECKED_ONLY and row["check_status"] is None:
            continue
        samples_ = aggregate(row, servers.get(row.proxy_id, [])) if aggregate is not None else samples(column, row)
        lines += [f"haproxy_{name}{{{owner(row)}{labels}}} {value}\n" for labels, value in samples_]
        if len(lines) >= LINES:
            yield "".join(lines)
            first, lines = "", []
    if lines != [first]:
        yield "".join(lines)


def owner(row: Row) -> str:
    """The labels that name the object."""
    proxy = f'proxy="{row.text("pxname")}"'
    if row.kind in "SL":
        return f'{proxy},{"server" if row.kind == "S" else "listener"}="{row.text("svname")}"'
    return proxy


def samples(column: Field, row: Row) -> Iterator[Sample]:
    """The samples of one object: one, or one per state."""
    if column.name == "status":
        return states(STATES_OF[row.kind], state_of(row))
    if column.name == "check_status":
        return states(CHECK_STATES, row.text("check_status").removeprefix("* "))
    if column.name.startswith("hrsp_"):
        return iter(((f',code="{column.name.removeprefix("hrsp_")}"', row.text(column.name)),))
    value = long_average(row, column.name) if column.name in AVERAGES else row[column.name]
    if column.name == "check_code":
        value = value or 0
    if value is None:
        return iter((("", "NaN"),))
    return iter((("", f"{int(value) / 1000:f}" if column.name in TIMES else str(value)),))


def long_average(row: Row, name: str) -> Value:
    """A time over the whole window, however few samples there were: smaller than `show stat` says at first."""
    return None if row.owner is None else int(getattr(row.owner.counters, name).value(TIME_SAMPLES))


STATES_OF: Final = {"F": ("DOWN", "UP"), "L": ("WAITING", "OPEN", "FULL"), "B": ("DOWN", "UP"), "S": SERVER_STATES}


def states(names: Iterable[str], current: str) -> Iterator[Sample]:
    """1 for the current state, 0 for the others."""
    return ((f',state="{name}"', "1" if name == current else "0") for name in names)


def state_of(row: Row) -> str:
    """The state among those the exporter knows."""
    status = row.text("status")
    if row.kind == "F":
        return "DOWN" if status == "STOP" else "UP"
    if row.kind == "S":
        return next((state for state in SERVER_STATES if status.startswith(state)), "UP")
    return status


def server_states(row: Row, servers: list[Row]) -> Iterator[Sample]:
    """How many servers of the backend are in each state."""
    counts = Counter(state_of(server) for server in servers)
    return ((f',state="{name}"', str(counts[name])) for name in SERVER_STATES if servers)


def check_states(row: Row, servers: list[Row]) -> Iterator[Sample]:
    """How many servers of the backend had each result at their last check."""
    counts = Counter(server.text("check_status").removeprefix("* ") for server in servers)
    return ((f',state="{name}"', str(counts[name])) for name in CHECK_STATES if servers)


AGGREGATES: Final[dict[str, Callable[[Row, list[Row]], Iterator[Sample]]]] = {
    "agg_server_status": server_states,
    "agg_server_check_status": server_states,
    "agg_check_status": check_states,
}


def table_metrics(tables: list[Table]) -> Iterator[str]:
    """Size and use of stick tables."""
    for name, description, attribute in (
        ("sticktable_size", "Stick table size.", "size"),
        ("sticktable_used", "Number of entries used in this stick table.", "used"),
    ):
        lines = (f'haproxy_{name}{{name="{table.name}",type="{table.type}"}} {getattr(table, attribute)}\n' for table in tables)
        if tables:
            yield head(name, description) + "".join(lines)
