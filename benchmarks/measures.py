"""What is measured of one program in one round. Each measure returns named numbers; `cost` is the one that is compared."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import load, memory
from benchmarks.load import Loaded
from benchmarks.place import BULK, Place
from benchmarks.programs import PROGRAMS, Program
from benchmarks.running import Broken, python, running, start, stop, usage

if TYPE_CHECKING:
    from benchmarks.rows import Row

Values = dict[str, float]
SETTLE = 3.0  # seconds until checks are spread over their interval
STEADY_CONNECTIONS = 64
SHOWING_RATE = 300.0  # requests a second while statistics are shown


class CannotDo(Exception):
    """The program has nothing like what the row wants."""


@dataclass(slots=True)
class Run:
    """One program, one row, one place."""

    program: Program
    row: Row
    place: Place

    def command(self) -> list[str]:
        command = self.program.command(self.row.shape, self.place)
        if command is None:
            raise CannotDo(self.program.name)
        return command

    @property
    def url(self) -> str:
        return f"http{'s' if self.row.shape.tls else ''}://127.0.0.1:{self.place.front}/index.html"

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """The program serves while the block lasts."""
        with running(self.command(), [self.place.front], self.place.tested, self.place.directory / "output") as process:
            yield process


@contextmanager
def ahead(run: Run, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Where that is allowed, let the program, the origin and the clients started meanwhile run before all others (real-time priority): waiting
    for a processor that somebody else has is not the program's latency."""
    pids = (process.pid, run.place.origin, os.getpid())
    try:
        schedule(pids, os.SCHED_RR, 1)
        yield
    finally:
        schedule(pids, os.SCHED_OTHER, 0)


def schedule(pids: Iterable[int], policy: int, priority: int) -> None:
    """Change how processes are scheduled, if we may."""
    with contextlib.suppress(PermissionError, ProcessLookupError):
        for pid in pids:
            os.sched_setscheduler(pid, policy, os.sched_param(priority))


def under_load(run: Run, seconds: float) -> Loaded:
    """The row's load for about so long."""
    row, place = run.row, run.place
    if row.shape.bulk:
        transfers = max(4, round(place.scaled(row.rate_of_bulk) * seconds))
        return load.bulk(place.front, row.connections, transfers, BULK, bool(row.shape.tls), place.others)
    if row.shape.full:
        return load.handshakes(run.url, place.scaled(row.connections), seconds, place.others)
    return load.wrk(run.url, place.scaled(row.connections), seconds, place.others, row.headers)


def cpu(run: Run) -> Values:
    """Microseconds of CPU per request (large bodies: milliseconds per transfer of 10 MiB in both directions)."""
    with run.serving() as process:
        under_load(run, min(1.0, run.place.seconds))
        before, begun = usage(process.pid), time.monotonic()
        loaded = under_load(run, run.place.seconds)
        taken, used = time.monotonic() - begun, usage(process.pid).since(before)
    unit = (1e3 if run.row.shape.bulk else 1e6) / loaded.requests
    values = {"cost": used.total * unit, "user": used.user * unit, "system": used.system * unit, "rate": loaded.rate, "busy": used.total / taken}
    return values | {f"p{share}": value for share, value in loaded.latency.items()}


def idle_memory(run: Run) -> Values:
    """Bytes of private memory for each idle connection that has served a request."""
    row, place = run.row, run.place
    with run.serving() as process:
        return {"cost": memory.cost(process.pid, place.front, place.scaled(row.connections), memory.client_context() if row.shape.tls else None)}


def saturation(run: Run) -> float:
    """Requests a second with which pylb would fill a processor, by its CPU per request (what it reaches beside other programs says nothing)."""
    place = run.place
    if "saturation" not in place.remembered:
        place.remembered["saturation"] = 1e6 / cpu(Run(PROGRAMS["pylb"], run.row, place))["cost"]
    return place.remembered["saturation"]


def latency(run: Run) -> Values:
    """Microseconds within which 99 of 100 requests are answered at half the rate that pylb can serve; the median of windows of half a second."""
    rate = saturation(run) / 2
    with run.serving() as process, ahead(run, process):
        before = usage(process.pid)
        loaded = load.steady(run.place.front, rate, run.place.seconds, STEADY_CONNECTIONS, run.place.others)
        used = usage(process.pid).since(before)
    busy = used.total / (loaded.seconds + min(0.5, run.place.seconds))
    return {"cost": loaded.latency["99"], "rate": rate, "busy": busy} | {f"p{share}": value for share, value in loaded.latency.items()}


def first_answer(run: Run) -> Values:
    """Milliseconds from the start of the program to the first answer; where that is allowed, the program runs before all others."""
    place, command = run.place, run.command()
    begun = time.perf_counter()
    process = start(command, place.tested, place.directory / "output")
    schedule([process.pid], os.SCHED_RR, 1)
    try:
        while True:
            try:
                memory.open_one(place.front, None).close()
                return {"cost": (time.perf_counter() - begun) * 1e3}
            except OSError:
                if process.poll() is not None or time.perf_counter() - begun > 20:
                    raise Broken(f"{run.program.name} does not start: {(place.directory / 'output').read_text()[-500:]}") from None
                time.sleep(0.001)
    finally:
        stop(process)


CHECKING = {"haproxy": ["-c"], "pylb": ["-c"], "nginx": ["-t", "-q"]}


def check(run: Run) -> Values:
    """Milliseconds of CPU for `-c` on a large configuration."""
    command = [word for word in run.command() if word != "-db"] + CHECKING[run.program.name]
    begun = time.perf_counter()
    process = start(command, run.place.tested, run.place.directory / "output")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Broken(f"{run.program.name}: {(run.place.directory / 'output').read_text()[-500:]}")
    return {"cost": (used.ru_utime + used.ru_stime) * 1e3, "wall": (time.perf_counter() - begun) * 1e3, "peak": used.ru_maxrss * 1024.0}


def checks(run: Run) -> Values:
    """Milliseconds of CPU for each second of checking many servers."""
    with run.serving() as process:
        time.sleep(min(SETTLE, run.place.seconds))
        before, begun = usage(process.pid), time.monotonic()
        time.sleep(run.place.seconds)
        taken, used = time.monotonic() - begun, usage(process.pid).since(before)
    return {"cost": used.total / taken * 1e3, "user": used.user / taken * 1e3, "system": used.system / taken * 1e3}


def statistics_shown(run: Run) -> Values:
    """The longest wait in milliseconds of a request in half a second (the median of those) while `show stat` is asked for all the time; `alone`
    is the same before that, `worst` the longest of all."""
    place, path = run.place, str(run.place.directory / "admin.sock")
    with run.serving() as process, ahead(run, process):
        before = load.steady(place.front, SHOWING_RATE, place.seconds, STEADY_CONNECTIONS, place.others)
        with asking(path) as asked:
            loaded = load.steady(place.front, SHOWING_RATE, place.seconds, STEADY_CONNECTIONS, place.others)
    if not asked:
        raise Broken(f"{run.program.name} showed no statistics")
    return {
        "cost": loaded.latency["100"] / 1e3, "alone": before.latency["100"] / 1e3, "worst": loaded.worst / 1e3, "worst_alone": before.worst / 1e3,
        "slow": float(loaded.slow), "slow_alone": float(before.slow), "p50": loaded.latency["50"], "p99": loaded.latency["99"],
        "shown": float(len(asked)), "took": statistics.median(asked) * 1e3,
    }  # fmt: skip


@contextmanager
def asking(path: str, pause: float = 0.2) -> Iterator[list[float]]:
    """Ask for statistics again and again; the list has how long each answer took."""
    over, took = threading.Event(), list[float]()

    def ask() -> None:
        schedule([0], os.SCHED_OTHER, 0)  # who reads statistics must not be in the way of who measures: 0 is this thread
        while not over.wait(pause):
            begun, last = time.perf_counter(), b""
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                sock.sendall(b"show stat\n")
                while piece := sock.recv(1 << 18):
                    last = piece
            if last.endswith(b"\n\n"):
                took.append(time.perf_counter() - begun)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def in_process(run: Run) -> Values:
    """Microseconds of pylb's Python for each request, without kernel and loop."""
    if run.program.name != "pylb":
        raise CannotDo(run.program.name)
    told = json.loads(load.client(python("benchmarks.inprocess", "--json", "--seconds", run.place.seconds), run.place.tested, 60 + run.place.seconds))
    return {"cost": told["least"], "median": told["median"]}


Measure = Callable[[Run], Values]
