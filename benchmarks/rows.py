"""The rows: what is measured, on which configuration, under which load, and how good it shall be. One table, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks import measures
from benchmarks.measures import Measure
from benchmarks.place import Place
from benchmarks.programs import Shape

EVERYBODY = ("haproxy", "pylb", "nginx", "aiohttp", "twisted", "mitmproxy")
BALANCERS = ("haproxy", "pylb", "nginx")
TWO = ("haproxy", "pylb")
MAP_ENTRIES = 10000


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `goal` is a ratio to HAProxy, or with `absolute` the value itself; None: only reported."""

    name: str
    title: str
    shape: Shape
    measure: Measure = measures.cpu
    goal: float | None = None
    absolute: bool = False
    unit: str = "us"
    programs: tuple[str, ...] = BALANCERS
    connections: int = 20
    rate_of_bulk: int = 20  # transfers a second, about
    headers: tuple[str, ...] = ()
    group: str = ""  # of a curve; x is where on it
    x: int = 0
    rounds: int = 99  # at most: what hardly varies or takes long need not be repeated


# -- configurations
def many_rules(place: Place) -> str:
    """50 rules, 200 ACL entries (paths, networks, agents), a map of 10,000 hosts that chooses the backend."""
    files = {
        "paths": [f"/closed/{number}/" for number in range(100)],
        "networks": [f"10.{number}.0.0/16" for number in range(50)],
        "agents": [f"robot-{number}" for number in range(50)],
        "hosts": [f"host-{number}.example.org be" for number in range(MAP_ENTRIES - 1)] + ["known.example.org be"],
    }
    for name, lines in files.items():
        (place.directory / name).write_text("\n".join(lines) + "\n")
    rules = [
        f"acl closed path_beg -f {place.directory}/paths",
        f"acl internal src -f {place.directory}/networks",
        f"acl robot hdr_sub(user-agent) -f {place.directory}/agents",
        "http-request deny if closed !internal",
        "http-request deny deny_status 429 if robot",
        *(f"http-request set-header x-section-{number} {number} if {{ path_beg /section/{number}/ }}" for number in range(18)),
        *(f"http-request deny if {{ path_end .forbidden{number} }}" for number in range(10)),
        *(f"http-request set-var(txn.v{number}) path,lower" for number in range(5)),
        *(f"http-request del-header x-internal-{number}" for number in range(10)),
        *(f"http-request set-header x-seen-{number} %[src]:%[dst_port]" for number in range(5)),
        f"use_backend %[req.hdr(host),lower,map({place.directory}/hosts)]",
    ]
    return "\n".join("    " + rule for rule in rules) + "\n"


def some_rules(count: int) -> Shape:
    """So many rules whose condition is false."""
    return Shape(rules=lambda place: "".join(f"    http-request set-header x-{number} v if {{ path_beg /nowhere/{number}/ }}\n" for number in range(count)))


def many_backends(backends: int, servers: int, words: str = "") -> Shape:
    """Further backends with so many servers each."""

    def more(place: Place) -> str:
        lines = []
        for number in range(backends):
            lines.append(f"backend b{number}\n    balance roundrobin")
            lines += [f"    server s{one} 127.0.0.1:{place.origins[one % 3]} {words}" for one in range(servers)]
        return "\n".join(lines) + "\n"

    return Shape(more=more)


def with_statistics(backends: int, servers: int) -> Shape:
    """The same with a stats socket, beside the statistics of which requests are served."""
    plain = many_backends(backends, servers)

    def more(place: Place) -> str:
        assert plain.more is not None
        return f"global\n    stats socket {place.directory}/admin.sock level admin\n" + plain.more(place)

    return Shape(more=more)


def curve(group: str, title: str, points: Iterable[int], programs: tuple[str, ...] = TWO) -> list[Row]:
    """Rows that differ in one number."""
    rows = []
    for x in points:
        shapes = {"connections": Shape(), "servers": Shape(servers=x), "rules": some_rules(x)}
        connections = x if group == "connections" else 20
        rows.append(Row(f"{group}-{x}", title.format(x), shapes[group], programs=programs, connections=connections, group=group, x=x, rounds=2))
    return rows


CLOSE = ("Connection: close",)
RULES_HEADERS = ("Host: known.example.org", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) browser")

ROWS = (
    Row("get", "small GET, keep-alive, httplog, 2 ACLs, leastconn", Shape(), goal=1.5, programs=EVERYBODY),
    Row("get-tls", "the same over TLS 1.3", Shape(tls="ecdsa"), goal=1.5, programs=(*BALANCERS, "aiohttp")),
    Row("handshake-ecdsa", "full TLS handshake + 1 request, ECDSA P-256", Shape(tls="ecdsa", close=True, full=True), goal=1.5, connections=50),
    Row("handshake-rsa", "full TLS handshake + 1 request, RSA-2048", Shape(tls="rsa", close=True, full=True), goal=1.15, connections=50),
    Row("new", "new connections for each request, both sides", Shape(close=True), goal=1.8, headers=CLOSE,
        programs=(*BALANCERS, "twisted")),
    Row("bulk", "10 MiB bodies both directions", Shape(bulk=True), goal=0.9, unit="ms", connections=4, rate_of_bulk=60, programs=(*BALANCERS, "aiohttp")),
    Row("bulk-tls", "10 MiB bodies both directions over TLS", Shape(bulk=True, tls="ecdsa"), goal=1.1, unit="ms", connections=4,
        programs=(*BALANCERS, "aiohttp")),
    Row("tcp-bulk", "tcp relay, 10 MiB both directions", Shape(bulk=True, tcp=True), goal=0.9, unit="ms", connections=4, rate_of_bulk=60),
    Row("tcp-ping", "tcp relay, ping-pong", Shape(tcp=True), goal=1.4),
    Row("rules", "50 rules, 200 ACL entries, a 10,000 entry map", Shape(rules=many_rules), goal=2.0, programs=TWO, headers=RULES_HEADERS),
    Row("memory", "memory per idle connection, 5,000 plain", Shape(), measures.idle_memory, goal=4096, absolute=True, unit="B",
        programs=EVERYBODY, connections=5000, rounds=1),
    Row("memory-tls", "memory per idle connection, 5,000 TLS", Shape(tls="ecdsa"), measures.idle_memory, goal=1.5, unit="B", connections=5000, rounds=1),
    Row("latency", "p99 latency at half of pylb's saturation", Shape(), measures.latency, goal=2.0,
        programs=(*BALANCERS, "aiohttp")),
    Row("start", "start to first answer", Shape(), measures.first_answer, goal=300, absolute=True, unit="ms", programs=EVERYBODY),
    Row("check", "-c on 1,000 backends with 10,000 servers", many_backends(1000, 10), measures.check, goal=10, unit="ms", programs=TWO),
    Row("checks", "2,000 servers checked every second", many_backends(20, 100, "check inter 1s"), measures.checks, goal=3.0, unit="ms/s", programs=TWO),
    Row("show-stat", "longest wait during show stat with 10,000 servers", with_statistics(100, 100), measures.statistics_shown, goal=20,
        absolute=True, unit="ms", programs=TWO),
    Row("python", "pylb's Python for a small GET, without kernel and loop", Shape(), measures.in_process, programs=("pylb",), rounds=3),
    *curve("connections", "small GET over {} connections", (1, 10, 100, 1000), programs=BALANCERS),
    *curve("servers", "small GET, {} servers", (1, 10, 100, 1000)),
    *curve("rules", "small GET, {} more rules", (0, 10, 100, 500)),
)  # fmt: skip


def chosen(names: str) -> list[Row]:
    """The rows named, in the order of the table; a curve by its name or that of a point. Empty: all."""
    wanted = [name for name in names.split(",") if name]
    known = {row.name for row in ROWS} | {f"{row.group}-*" for row in ROWS if row.group}
    for name in wanted:
        if name not in known:
            raise SystemExit(f"no row {name!r}; there are {', '.join(sorted(known))}")
    return [row for row in ROWS if not wanted or row.name in wanted or f"{row.group}-*" in wanted]
