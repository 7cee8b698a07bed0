"""Microseconds of Python per request, without kernel and event loop:
`python -m benchmarks.inprocess [--config FILE] [--seconds S] [--connections C] [--new] [--body N] [--json]`.

The objects are those of the real program, made by `process.build` from a configuration; requests are handed to the protocols of client
connections, responses to those of server connections, by plain calls. Each round feeds one request to every connection, then one response
to every server connection that was asked; only these calls are timed, what comes out is checked in between. A batch of rounds is timed by
the thread's CPU clock; the least of many batches is what the code costs when nothing disturbs it, and repeats within a few percent
even on a busy machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.still import StillLoop, StillNet, Wire
from pylb import keywords
from pylb.base.clock import Clock
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.process import build, wiring
from pylb.proxy.process import Process

ROUNDS = 25  # in a batch
WARM_UP = 100  # rounds
REQUEST = b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"  # what wrk sends
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CONFIGURATION = """
global
    log 127.0.0.1:514 local0
defaults
    mode http
    log global
    option httplog
    timeout client 20s
    timeout server 20s
    timeout connect 1s
frontend fe
    bind 127.0.0.1:8080
    acl admin path_beg /admin
    acl token hdr_len(x-auth-token) gt 4
    http-request set-header x-admin 1 if admin
    http-request set-header x-forwarded-proto http if token
    default_backend be
backend be
    balance leastconn
    server s1 127.0.0.1:8081
    server s2 127.0.0.1:8082
    server s3 127.0.0.1:8083
"""


@dataclass(slots=True)
class Result:
    """Microseconds of the thread's CPU per request."""

    least: float
    median: float
    batches: int
    requests: int
    log_lines: int
    last_line: str


class Bench:
    """A process made from `text` whose first listener is spoken to over `connections` connections; `new`: a new one for each request."""

    def __init__(self, text: str = CONFIGURATION, connections: int = 20, *, new: bool = False, request: bytes = REQUEST, body: int = 2) -> None:
        self.loop: Any = StillLoop()
        self.net: Any = StillNet(self.loop)
        self.process = self._build(text)
        self.endpoint = next(iter(self.net.factories))
        self.request, self.body = request, b"o" * body
        self.response = RESPONSE % body + self.body
        self.new, self.connections = new, connections
        self.clients: list[Wire] = [] if new else self.connect()
        self.requests = 0

    def _build(self, text: str) -> Process:
        keywords.load()
        printed: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "haproxy.cfg")
            path.write_text(text)
            config = read_config([str(path)], Report(write=printed.append), {})
        if config is None:
            raise SystemExit("".join(printed))
        config.global_.maxconn = config.global_.maxconn or 10000
        process = build.build(config, self.loop, Clock(self.loop.time), self.net, pid=1)
        wiring.connect_servers(process)
        build.listen(process)
        return process

    def connect(self) -> list[Wire]:
        """All clients."""
        return [self.net.accept(self.endpoint) for _ in range(self.connections)]

    def round(self) -> int:
        """One request on each connection; nanoseconds of CPU that pylb took."""
        request, response, turn, clock = self.request, self.response, self.loop.turn, time.thread_time_ns
        begun = clock()
        clients = self.connect() if self.new else self.clients
        for wire in clients:
            wire.feed(request)
        turn()
        taken = clock() - begun
        asked = [wire for wire in self.net.servers if wire.written]
        for wire in asked:
            wire.take()
        begun = clock()
        for wire in asked:
            wire.feed(response)
        turn()
        taken += clock() - begun
        self._check(clients)
        if self.new:
            begun = clock()
            for wire in clients:
                wire.lose()
            turn()
            taken += clock() - begun
        self._bury()
        self.requests += len(clients)
        return taken

    def _check(self, clients: list[Wire]) -> None:
        for wire in clients:
            answer = wire.take()
            if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(b"\r\n\r\n" + self.body):
                raise SystemExit(f"wrong answer: {answer[:200]!r}")

    def _bury(self) -> None:
        """Server connections that pylb has closed."""
        closed = [wire for wire in self.net.servers if not wire.open]
        for wire in closed:
            wire.lose()
            self.net.servers.remove(wire)

    def warm_up(self) -> None:
        """Reach the steady state, as a worker does: what exists then is not looked at by the collector."""
        for _ in range(WARM_UP):
            self.round()
        gc.collect()
        gc.freeze()

    def batch(self, rounds: int = ROUNDS) -> float:
        """Microseconds per request of so many rounds."""
        return sum(self.round() for _ in range(rounds)) / 1000 / (rounds * self.connections)

    def measure(self, seconds: float, progress: Callable[[float], None] | None = None) -> Result:
        """Batches for so long, at least three."""
        self.warm_up()
        ends_at, batches = time.monotonic() + seconds, list[float]()
        while len(batches) < 3 or time.monotonic() < ends_at:
            batches.append(self.batch())
            if progress is not None:
                progress(batches[-1])
        lines = [line for door in self.net.doors for line in door.kept]
        sent = sum(door.sent for door in self.net.doors)
        return Result(min(batches), median(batches), len(batches), self.requests, sent, lines[-1].decode("latin-1").strip() if lines else "")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inprocess", description="microseconds of Python per request, without kernel and loop")
    parser.add_argument("--config", type=Path, help="a configuration whose first listener speaks plain HTTP; default: that of the budget")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--new", action="store_true", help="a new client connection for each request")
    parser.add_argument("--body", type=int, default=2, help="bytes of the response's body")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    chosen = parser.parse_args()
    text = chosen.config.read_text() if chosen.config else CONFIGURATION
    result = Bench(text, chosen.connections, new=chosen.new, body=chosen.body).measure(chosen.seconds)
    if chosen.json:
        print(json.dumps(asdict(result), indent=1))
    else:
        print(f"{result.least:.2f} us of Python per request at least, {result.median:.2f} in the median of {result.batches} batches")
        print(f"{result.log_lines} log lines for {result.requests} requests, the last: {result.last_line}")


if __name__ == "__main__":
    main()
