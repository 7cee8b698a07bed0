"""Where the time of a request goes: `python -m benchmarks.profile [--config FILE] [--seconds S] [--functions N] [--python-only] [--json]`.

Two measurements, put together:

1. pylb serves wrk on a real loop (left out with `--python-only`, or without wrk). /proc tells user and system time per request.
2. The same configuration without kernel and loop (`benchmarks.inprocess`) tells what of the user time is pylb's Python: the rest is the event
   loop, its transports and the interpreter's way to system calls. While it runs, a timer interrupts it some thousand times a second at random
   moments and notes where it is; the Python time is shared out in proportion. (A tracing profiler would make small functions look dear.)

A sample belongs to the floor of the innermost function that has one: `base/` and builtins belong to whoever called them.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pylb
from benchmarks import inprocess
from benchmarks.measures import Run, cpu
from benchmarks.place import place
from benchmarks.programs import PROGRAMS
from benchmarks.rows import chosen
from benchmarks.running import ROOT as HERE
from benchmarks.running import which

ROOT = str(Path(pylb.__file__).parent) + "/"
EVERY = 0.0003  # seconds between samples, about
TRANSPORT = "transport, loop (uvloop, C)"
FLOORS = (  # the longest prefix that fits decides
    ("wire/", "wire: heads, bodies, TLS"),
    ("stream/mux", "stream: muxes"),
    ("stream/express", "stream: express lane"),
    ("stream/", "stream: driver, steps of a request"),
    ("stream/rules", "rules, samples"),
    ("sample/", "rules, samples"),
    ("keywords/", "rules, samples"),
    ("proxy/", "balance, servers, pools"),
    ("proxy/counters", "counters"),
    ("proxy/table", "counters"),
    ("base/freq", "counters"),
    ("base/timers", "timers"),
    ("sample/logformat", "log"),
    ("keywords/logvariables", "log"),
    ("tasks/", "log"),
)
GENERATED = {"line": "log", "run_rules": "rules, samples", "choose_backend": "rules, samples"}  # functions made at start from text, by name


def floor_of(code: CodeType) -> str | None:
    """The floor that a function belongs to; None: its caller's."""
    file = code.co_filename
    if not file.startswith(ROOT):
        return GENERATED.get(code.co_name) if file.startswith("<") else None
    found = max((entry for entry in FLOORS if file.startswith(ROOT + entry[0])), key=lambda entry: len(entry[0]), default=None)
    return found[1] if found else None


@dataclass(slots=True)
class Samples:
    """Where a program was whenever the timer looked."""

    floors: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)

    def look(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler. Nothing is noted outside the calls into pylb."""
        innermost, floor = frame, None
        while frame is not None and floor is None:
            floor = floor_of(frame.f_code)
            frame = frame.f_back
        if floor is not None and innermost is not None:
            self.floors[floor] += 1
            code = innermost.f_code
            self.functions[f"{code.co_filename.removeprefix(ROOT).removeprefix(str(HERE) + '/')}:{code.co_firstlineno} {code.co_qualname}"] += 1
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.5, 1.5) * EVERY)


@dataclass(slots=True)
class Profile:
    """Microseconds per request."""

    floors: dict[str, float]
    functions: dict[str, float]
    python: float  # the sum of the floors that are Python
    samples: int
    user: float | None = None
    system: float | None = None
    haproxy: float | None = None


def sampled(text: str, seconds: float) -> Profile:
    """The Python part: unsampled batches tell how long a request takes, sampled ones where."""
    bench = inprocess.Bench(text)
    least = bench.measure(seconds / 2).least
    seen = Samples()
    before = signal.signal(signal.SIGALRM, seen.look)
    signal.setitimer(signal.ITIMER_REAL, EVERY)
    try:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            bench.batch()
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # a last look would wind up the timer again
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    total = sum(seen.floors.values()) or 1
    floors = {name: least * count / total for name, count in seen.floors.most_common()}
    return Profile(floors, {name: least * count / total for name, count in seen.functions.most_common()}, least, total)


def served(profile: Profile, seconds: float) -> None:
    """Add what a real process uses, and HAProxy beside it: the configuration of the budget."""
    row = chosen("get")[0]
    with place(seconds) as here:
        values = cpu(Run(PROGRAMS["pylb"], row, here))
        profile.user, profile.system = values["user"], values["system"]
        if which("haproxy"):
            profile.haproxy = cpu(Run(PROGRAMS["haproxy"], row, here))["cost"]
    profile.floors[TRANSPORT] = max(0.0, profile.user - profile.python)


def text_of(profile: Profile, functions: int) -> str:
    """For reading."""
    lines = ["us per request"]
    whole = sum(profile.floors.values())
    lines += [f"{value:8.2f} {value / whole:5.0%}  {name}" for name, value in sorted(profile.floors.items(), key=lambda item: -item[1])]
    lines.append(f"{whole:8.2f}        user time, {profile.python:.2f} of it pylb's Python ({profile.samples} samples)")
    if profile.system is not None and profile.user is not None:
        lines.append(f"{profile.system:8.2f}        system time")
        lines.append(f"{profile.user + profile.system:8.2f}        total" + (f", HAProxy {profile.haproxy:.2f}" if profile.haproxy else ""))
    lines.append(f"\nThe {functions} dearest functions, without what they call (C functions belong to their caller):")
    lines += [f"{value:8.2f} {value / profile.python:5.0%}  {name}" for name, value in list(profile.functions.items())[:functions]]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="where the time of a request goes")
    parser.add_argument("--config", type=Path, help="a configuration whose first listener speaks plain HTTP (only its Python is measured)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of sampling, and of each run under load")
    parser.add_argument("--python-only", action="store_true", help="leave out the runs under load")
    parser.add_argument("--functions", type=int, default=25, help="how many functions to show")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asked = parser.parse_args()
    profile = sampled(asked.config.read_text() if asked.config else inprocess.CONFIGURATION, asked.seconds)
    if asked.config is None and not asked.python_only and which("wrk"):
        served(profile, asked.seconds)
    told: dict[str, Any] = asdict(profile)
    print(json.dumps(told, indent=1) if asked.json else text_of(profile, asked.functions))


if __name__ == "__main__":
    main()
