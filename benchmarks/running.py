"""What the benchmarks share: free ports, the two programs, their origin servers, and what Linux tells of a process in /proc."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 15.0  # seconds for a program to begin serving
TICK = os.sysconf("SC_CLK_TCK")


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def commands(config: Path) -> dict[str, list[str]]:
    """How to run each program in the foreground; HAProxy only where it is installed."""
    found = {"pylb": [sys.executable, "-m", "pylb", "-db", "-f", str(config)]}
    haproxy = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if haproxy is not None:
        found["haproxy"] = [haproxy, "-db", "-f", str(config)]
    return found


@contextmanager
def running(command: Sequence[str], ports: Sequence[int], cpus: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on `ports`, kept on `cpus`; it ends with the block."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        os.sched_setaffinity(process.pid, cpus)
        for port in ports:
            wait_for(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when `port` accepts connections."""
    ends_at = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > ends_at:
                raise SystemExit(f"{process.args!r} does not serve") from None
            time.sleep(0.05)


def processors() -> tuple[set[int], set[int]]:
    """Where the measured program runs, and where everything else does: not on the same processor if there are two."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[-1]}, set(allowed[:-1]) or {allowed[0]}


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time of a process, in seconds."""

    total: float  # exact
    user: float  # of the two, only their proportion can be trusted: they are counted in ticks
    system: float

    def since(self, before: Usage) -> Usage:
        """What was used after `before`; user and system share the exact total in the proportion of their ticks."""
        total, user, system = self.total - before.total, self.user - before.user, self.system - before.system
        ticks = user + system
        return Usage(total, total * user / ticks, total * system / ticks) if ticks else Usage(total, 0.0, 0.0)


def usage(pid: int) -> Usage:
    """What /proc says now: the scheduler's nanoseconds, and ticks of user and system time."""
    exact = sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Usage(exact, int(fields[11]) / TICK, int(fields[12]) / TICK)


def resident(pid: int) -> int:
    """Bytes of memory that belong to the process alone: private pages, not those it shares with files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no RssAnon in /proc")
