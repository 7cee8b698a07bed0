"""Where the columns of `show stat` come from: one reading per column and kind of object, over the run-time objects.

A column that is a counter is read from the object's counters under its own name; the others have a function here. A reading that returns None
makes an empty cell. Presence follows HAProxy: response codes only in HTTP mode, failures and down times of checks only where checks are
configured, the last check's facts only while checks run, addresses and cookies only for those allowed to see legends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pylb.proxy import weights
from pylb.proxy.fields import FIELDS, HTTP_ONLY, INDEX, TYPE_NUMBERS, Row, Value, empty_values
from pylb.proxy.health import FIRST_WITH_CODE, STATUSES, Health

if TYPE_CHECKING:
    from pylb.base.address import Address
    from pylb.proxy.listener import Listener
    from pylb.proxy.proxy import Backend, Frontend
    from pylb.proxy.server import Server


@dataclass(slots=True)
class View:
    """When one looks (the loop's seconds), and what may be seen: `legends` are addresses, cookies and algorithms."""

    now: float
    legends: bool = True
    counts: bool = False  # the status of backends tells how many of their servers are up: where servers are left out

    def since(self, moment: float) -> int:
        """Whole seconds, as HAProxy subtracts them."""
        return max(0, int(self.now) - int(moment))


Reading = Callable[[Any, View], Value]

# -- readings several kinds share


def own(name: str) -> Reading:
    """The counter of that name."""
    return lambda thing, view: int(getattr(thing.counters, name))


def rate(name: str) -> Reading:
    """Events over the last second."""
    return lambda thing, view: int(getattr(thing.counters, name).value(view.now))


def highest(name: str) -> Reading:
    """The greatest value a rate or an average has seen."""
    return lambda thing, view: int(getattr(thing.counters, name).highest)


def average(name: str) -> Reading:
    """One of the four times, over the last requests."""
    return lambda thing, view: int(getattr(thing.counters, name).value(thing.counters.samples(is_http(thing))))


def is_http(thing: Any) -> bool:
    """Does the object speak HTTP? A server does when its backend does."""
    return bool(getattr(thing, "backend", thing).is_http)


def last_session(thing: Any, view: View) -> int:
    moment = thing.counters.lastsess
    return -1 if moment < 0 else view.since(moment)


def address_text(address: Address | None) -> str | None:
    """`ip:port`, `[ip]:port`, `unix`; None while a name is not resolved."""
    if address is None or address.kind == "name":
        return None
    return str(address) if address.is_ip else "unix"


def whole(effective_weight: int) -> int:
    """A weight of the balancer in the user's units, rounded up."""
    return -(-effective_weight // weights.FULL)


# -- listeners


def listener_status(listener: Listener, view: View) -> str:
    if listener.maxconn and listener.counters.scur >= listener.maxconn:
        return "FULL"
    return "WAITING" if listener.waiting else "OPEN"


# -- backends


def sharing(backend: Backend) -> list[Server]:
    """The servers that share the load now: the usable active ones, else the first usable backup or all of them."""
    usable = [server for server in backend.servers if server.usable]
    active = [server for server in usable if not server.backup]
    return active or (usable if backend.settings.has("allbackups") else usable[:1])


def backend_status(backend: Backend, view: View) -> str:
    """UP or DOWN; where servers are left out, with how many are not stopped and how many there are."""
    running = sum(not server.is_stopped for server in backend.servers)
    return f"{backend.state_text} ({running}/{len(backend.servers)})" if view.counts else backend.state_text


def backend_downtime(backend: Backend, view: View) -> int | None:
    if not backend.servers:
        return None
    gone = 0 if backend.balancer is not None and backend.balancer.total_weight else view.since(backend.last_change)
    return int(backend.down_time) + gone


def backend_cookie(backend: Backend, view: View) -> str | None:
    cookie = backend.settings.cookie
    if cookie is None or not view.legends:
        return None
    name: bytes = cookie.name
    return name.decode("latin-1")


def algorithm(backend: Backend, view: View) -> str | None:
    if not view.legends:
        return None
    return backend.settings.balance.algorithm if backend.settings.balance is not None else "roundrobin"


# -- servers


def checks_of(server: Server) -> bool:
    """Is a health check configured?"""
    return server.check.configured


def agents_of(server: Server) -> bool:
    """Is an agent check configured?"""
    return server.agent.configured


def when_checked(reading: Reading) -> Reading:
    """Only where a health check is configured, even while it is disabled."""
    return lambda server, view: reading(server, view) if checks_of(server) else None


def server_downtime(server: Server, view: View) -> int:
    return int(server.down_time) + (view.since(server.last_change) if server.is_stopped else 0)


def tracked_name(server: Server, view: View) -> str | None:
    tracked = server.tracked
    return None if tracked is None else f"{tracked.backend.name}/{tracked.name}"


def server_cookie(server: Server, view: View) -> str | None:
    return server.cookie.decode("latin-1") if view.legends and server.cookie else None


def probe(which: str, reading: Callable[[Health], Value]) -> Reading:
    """A fact of the check or the agent, while it runs."""

    def read(server: Server, view: View) -> Value:
        checker: Health = getattr(server, which)
        return reading(checker) if checker.enabled and not checker.paused else None

    return read


def probe_code(checker: Health) -> int | None:
    return checker.code if STATUSES[checker.status][0] >= FIRST_WITH_CODE else None


def probe_duration(checker: Health) -> int | None:
    """Milliseconds; an unknown duration is -1, which HAProxy shows as the greatest number."""
    return None if checker.status in ("UNK", "INI") else checker.duration % 2**64


PROBE: Final[dict[str, Callable[[Health], Value]]] = {
    "status": lambda checker: ("* " if checker.running else "") + checker.status,
    "code": probe_code,
    "duration": probe_duration,
    "desc": lambda checker: STATUSES[checker.status][1],
    "rise": lambda checker: checker.rise,
    "fall": lambda checker: checker.fall,
    "health": lambda checker: checker.health,
}

RATES: Final[dict[str, Reading]] = {"rate": rate("rate"), "rate_max": highest("rate")}

TRAFFIC: Final[dict[str, Reading]] = {
    **RATES,
    **{name: average(name) for name in ("qtime", "ctime", "rtime", "ttime")},
    **{f"{name}_max": highest(name) for name in ("qtime", "ctime", "rtime", "ttime")},
    "qcur": lambda thing, view: len(thing.queue),
    "qmax": lambda thing, view: int(thing.queue.peak),
    "lastchg": lambda thing, view: view.since(thing.last_change),
    "lastsess": last_session,
}

SPECIAL: Final[dict[str, dict[str, Reading]]] = {
    "F": {
        **RATES,
        "slim": lambda frontend, view: int(frontend.maxconn or frontend.process.config.global_.maxconn or frontend.process.maxconn),
        "status": lambda frontend, view: frontend.state_text,
        "rate_lim": lambda frontend, view: int(frontend.rate_limit_sessions),
        "req_rate": rate("req_rate"),
        "req_rate_max": highest("req_rate"),
        "conn_rate": rate("conn_rate"),
        "conn_rate_max": highest("conn_rate"),
    },
    "L": {
        "slim": lambda listener, view: int(listener.maxconn),
        "status": listener_status,
        "addr": lambda listener, view: address_text(listener.bind.address) if view.legends else None,
    },
    "S": {
        **TRAFFIC,
        "slim": lambda server, view: server.maxconn or None,
        "status": lambda server, view: server.status_text,
        "weight": lambda server, view: whole(server.eweight),
        "uweight": lambda server, view: int(server.uweight),
        "act": lambda server, view: int(not server.backup),
        "bck": lambda server, view: int(server.backup),
        "chkfail": when_checked(own("chkfail")),
        "chkdown": when_checked(own("chkdown")),
        "downtime": when_checked(server_downtime),
        "qlimit": lambda server, view: server.maxqueue or None,
        "throttle": lambda server, view: server.throttle(view.now),
        "tracked": tracked_name,
        "addr": lambda server, view: address_text(server.address) if view.legends else None,
        "cookie": server_cookie,
        "hanafail": lambda server, view: server.counters.hanafail if server.settings.observe != "none" else None,
        "srv_icur": lambda server, view: server.counters.idle_conn_cur + server.counters.safe_conn_cur,
        "src_ilim": lambda server, view: None if server.settings.pool_max_conn < 0 else server.settings.pool_max_conn,
        "last_chk": probe("check", lambda checker: checker.text),
        "last_agt": probe("agent", lambda checker: checker.text),
        **{f"check_{name}": probe("check", reading) for name, reading in PROBE.items()},
        **{f"agent_{name}": probe("agent", reading) for name, reading in PROBE.items()},
    },
    "B": {
        **TRAFFIC,
        "slim": lambda backend, view: max(1, int(backend.full_connections)),
        "status": backend_status,
        "weight": lambda backend, view: whole(backend.balancer.total_weight) if backend.balancer is not None else 0,
        "uweight": lambda backend, view: sum(server.uweight for server in sharing(backend)),
        "act": lambda backend, view: backend.balancer.active if backend.balancer is not None else 0,
        "bck": lambda backend, view: backend.balancer.backups if backend.balancer is not None else 0,
        "downtime": backend_downtime,
        "cookie": backend_cookie,
        "algo": algorithm,
        "agg_server_status": lambda backend, view: 0,  # exported through Prometheus only, one value per state
        "agg_server_check_status": lambda backend, view: 0,
        "agg_check_status": lambda backend, view: 0,
    },
}

COMMON: Final = ("pxname", "svname", "pid", "iid", "sid", "type", "mode")


def _plan(kind: str, http: bool) -> tuple[tuple[int, Reading], ...]:
    """Position and reading of every column this kind of object has, in this mode."""
    special = SPECIAL[kind]
    plan = []
    for position, column in enumerate(FIELDS):
        if kind not in column.objects or column.name in COMMON:
            continue
        if not http and (column.name in HTTP_ONLY or (column.name == "req_tot" and kind != "F")):
            continue
        plan.append((position, special.get(column.name) or own(column.name)))
    return tuple(plan)


PLANS: Final = {(kind, http): _plan(kind, http) for kind in "FLSB" for http in (False, True)}


def read_row(kind: str, thing: Any, proxy: Any, name: str, number: int, view: View) -> Row:
    """The row of one object."""
    values = empty_values()
    for column, value in zip(COMMON, (proxy.name, name, 1, proxy.id, number, TYPE_NUMBERS[kind], proxy.settings.mode), strict=True):
        values[INDEX[column]] = value
    for position, reading in PLANS[kind, proxy.is_http]:
        values[position] = reading(thing, view)
    return Row(kind, proxy.id, number, values, thing)


def frontend_row(frontend: Frontend, view: View) -> Row:
    """The FRONTEND line."""
    return read_row("F", frontend, frontend, "FRONTEND", 0, view)


def listener_rows(frontend: Frontend, view: View) -> Iterable[Row]:
    """A line per address, under `option socket-stats`."""
    return (read_row("L", listener, frontend, listener.name, listener.id, view) for listener in frontend.listeners)


def server_row(server: Server, view: View) -> Row:
    """The line of one server."""
    server.fold_times()
    return read_row("S", server, server.backend, server.name, server.id, view)


def backend_row(backend: Backend, view: View) -> Row:
    """The BACKEND line."""
    backend.fold_times()
    return read_row("B", backend, backend, "BACKEND", 0, view)
