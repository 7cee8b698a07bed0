"""What the benchmarks share: free ports, programs kept on a processor, and what Linux tells of a process in /proc."""

from __future__ import annotations

import os
import resource
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
PATIENCE = 20.0  # seconds for a program to begin serving, and to end
TICK = os.sysconf("SC_CLK_TCK")
DESCRIPTORS = 24000  # that a program may need


class Broken(Exception):
    """A program did not do what it was measured for."""


def which(name: str) -> str | None:
    """Where a program is installed, also those of the system."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def raise_limits() -> None:
    """Let this process and its children have as many descriptors as the largest row needs, as far as the system allows."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most), most))


def processors() -> tuple[set[int], set[int]]:
    """Where the measured program runs, and where everything else does: not on the same processor if there are two."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[-1]}, set(allowed[:-1]) or {allowed[0]}


def start(command: Sequence[str], cpus: set[int], output: Path | None = None) -> subprocess.Popen[bytes]:
    """A program that stays on `cpus` from its first instruction on; what it prints goes to `output`."""
    sink = output.open("wb") if output is not None else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, preexec_fn=lambda: os.sched_setaffinity(0, cpus)
        )
    finally:
        if output is not None:
            sink.close()  # type: ignore[union-attr]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it, by force where asking is not enough."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(command: Sequence[str], ports: Sequence[int], cpus: set[int], output: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on `ports`, kept on `cpus`; it ends with the block."""
    process = start(command, cpus, output)
    try:
        for port in ports:
            wait_for(port, process, output)
        yield process
    finally:
        stop(process)


def wait_for(port: int, process: subprocess.Popen[bytes], output: Path | None = None, look: float = 0.02) -> None:
    """Return when `port` accepts connections."""
    ends_at = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > ends_at:
                said = output.read_text(errors="replace")[-500:] if output is not None else ""
                raise Broken(f"{process.args!r} does not serve {said}") from None
            time.sleep(look)


def children(pid: int) -> list[int]:
    """The processes that it started, and theirs."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in path.read_text().split():
            found += [int(word), *children(int(word))]
    return found


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time of a process with its children, in seconds."""

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
    exact = user = system = 0.0
    for one in [pid, *children(pid)]:
        exact += sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{one}/task").glob("*/schedstat")) / 1e9
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        user, system = user + int(fields[11]) / TICK, system + int(fields[12]) / TICK
    return Usage(exact, user, system)


def resident(pid: int) -> int:
    """Bytes of memory that belong to the process alone: private pages, not those it shares with files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise Broken("no RssAnon in /proc")


def python(module: str, *words: object) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-m", module, *map(str, words)]
