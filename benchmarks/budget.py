"""CPU per request of pylb beside HAProxy: `python -m benchmarks.budget [--rounds N] [--seconds S] [--connections C] [--json]`.

Both run in turn on the same configuration (one thread, httplog to a UDP sink, two ACLs, leastconn, three origins) under the same load
over keep-alive connections. What counts is CPU time, which the kernel accounts per process: a busy machine makes runs longer, not dearer
(caches and clock rates still move the numbers by some percent, hence turns and medians). The budget is a ratio of total CPU time.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import load
from benchmarks.running import commands, free_ports, processors, running, usage

BUDGET = 2.0
LOOK = 0.004  # seconds between two looks of the sink
CONFIGURATION = """
global
    nbthread 1
    log 127.0.0.1:{sink} local0
defaults
    mode http
    log global
    option httplog
    timeout client 20s
    timeout server 20s
    timeout connect 1s
frontend fe
    bind 127.0.0.1:{front}
    acl admin path_beg /admin
    acl token hdr_len(x-auth-token) gt 4
    http-request set-header x-admin 1 if admin
    http-request set-header x-forwarded-proto http if token
    default_backend be
backend be
    balance leastconn
    server s1 127.0.0.1:{origins[0]}
    server s2 127.0.0.1:{origins[1]}
    server s3 127.0.0.1:{origins[2]}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU per request."""

    user: float
    system: float
    total: float


@dataclass(slots=True)
class Result:
    """What was measured; `ratio` is absent without HAProxy."""

    costs: dict[str, Cost]
    ratio: float | None
    requests: int
    lines: int
    load: str


@contextmanager
def sink() -> Iterator[tuple[int, list[int]]]:
    """A UDP socket that takes log lines and counts them. It looks now and then: waking a reader for every line would be charged to the sender."""
    counted = [0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.setblocking(False)
        over = threading.Event()

        def take() -> None:
            while not over.wait(LOOK):
                try:
                    while sock.recv(4096):
                        counted[0] += 1
                except BlockingIOError:
                    pass

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield sock.getsockname()[1], counted
        finally:
            over.set()
            thread.join()


def measure(rounds: int, seconds: float, connections: int) -> Result:
    """Run the programs in turn and take the medians."""
    tested, others = processors()
    front, *origins = free_ports(4)
    runs: dict[str, list[Cost]] = {}
    requests = 0
    with tempfile.TemporaryDirectory() as directory, sink() as (sink_port, counted):
        config = Path(directory, "budget.cfg")
        config.write_text(CONFIGURATION.format(sink=sink_port, front=front, origins=origins))
        with running([sys.executable, "-m", "benchmarks.origin", *map(str, origins)], origins, others):
            for turn in range(rounds):
                for name, command in sorted(commands(config).items()):
                    cost, answered = one_run(command, front, seconds, connections, tested, others)
                    runs.setdefault(name, []).append(cost)
                    requests += answered
                    print(f"{turn + 1}/{rounds} {line(name, cost)}", file=sys.stderr, flush=True)
        lines = counted[0]
    costs = {name: typical(list_of) for name, list_of in runs.items()}
    ratio = costs["pylb"].total / costs["haproxy"].total if "haproxy" in costs else None
    return Result(costs, ratio, requests, lines, load.generator())


def one_run(command: list[str], front: int, seconds: float, connections: int, tested: set[int], others: set[int]) -> tuple[Cost, int]:
    """One program, warmed up, under load."""
    with running(command, [front], tested) as process:
        load.run(front, connections, min(1.0, seconds), others)
        before = usage(process.pid)
        answered = load.run(front, connections, seconds, others)
        used = usage(process.pid).since(before)
    return Cost(*(1e6 * value / answered for value in (used.user, used.system, used.total))), answered


def typical(costs: list[Cost]) -> Cost:
    """The medians."""
    return Cost(median(cost.user for cost in costs), median(cost.system for cost in costs), median(cost.total for cost in costs))


def line(name: str, cost: Cost) -> str:
    """One row of the report."""
    return f"{name:8} {cost.user:6.1f} user + {cost.system:6.1f} system = {cost.total:6.1f} us of CPU per request"


def main() -> None:
    """Measure and report; the exit status is 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budget", description="CPU per request of pylb beside HAProxy")
    parser.add_argument("--rounds", type=int, default=5, help="how many times each program runs")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each run takes")
    parser.add_argument("--connections", type=int, default=20, help="keep-alive connections at once")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    chosen = parser.parse_args()
    result = measure(chosen.rounds, chosen.seconds, chosen.connections)
    if chosen.json:
        print(json.dumps(asdict(result), indent=1))
    else:
        for name, cost in sorted(result.costs.items()):
            print(line(name, cost))
        if result.ratio is not None:
            print(f"ratio of totals {result.ratio:.2f}; the budget is {BUDGET}")
    raise SystemExit(1 if result.ratio is not None and result.ratio > BUDGET else 0)


if __name__ == "__main__":
    main()
