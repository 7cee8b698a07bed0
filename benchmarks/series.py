"""Alternating runs: round by round, row by row, program by program, until all rounds are done or the time is up."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.measures import CannotDo, Run, Values
from benchmarks.place import Place
from benchmarks.programs import PROGRAMS
from benchmarks.rows import TWO, Row
from benchmarks.running import Broken

TOLD = ("cost", "rate", "busy", "p99", "wall", "took", "alone", "worst", "slow")  # while it runs; JSON has everything


@dataclass(slots=True)
class Found:
    """All values of one row: program -> one entry for each round."""

    row: Row
    values: dict[str, list[Values]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def typical(self, program: str, name: str = "cost") -> float | None:
        """The median."""
        values = [one[name] for one in self.values.get(program, []) if name in one]
        return median(values) if values else None

    def ratio(self, program: str) -> float | None:
        """The program's median over HAProxy's."""
        mine, other = self.typical(program), self.typical("haproxy")
        return mine / other if mine is not None and other else None

    def compared(self) -> float | None:
        """What the goal speaks of."""
        return self.typical("pylb") if self.row.absolute else self.ratio("pylb")

    def met(self) -> bool | None:
        """None: there is no goal, or nothing to compare with."""
        value = self.compared()
        return None if self.row.goal is None or value is None else value <= self.row.goal

    @property
    def rounds(self) -> int:
        return len(self.values.get("pylb", []))


@dataclass(slots=True)
class Series:
    """What is to be done, and what was found."""

    place: Place
    rows: Sequence[Row]
    programs: Sequence[str]
    rounds: int
    minutes: float | None = None
    peer_rounds: int = 99  # of programs that no goal speaks of
    found: dict[str, Found] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    unfinished: bool = False

    def run(self) -> None:
        """Do it."""
        self.left_out = {name: why for name in self.programs if (why := PROGRAMS[name].missing())}
        self.found = {row.name: Found(row) for row in self.rows}
        steps = list(self._steps())
        begun = time.monotonic()
        for number, (turn, row, name) in enumerate(steps, 1):
            gone = time.monotonic() - begun
            if self.minutes is not None and gone > self.minutes * 60:
                self.unfinished = True
                say(f"the time is up after {number - 1} of {len(steps)} steps")
                return
            left = gone / (number - 1) * (len(steps) - number + 1) if number > 1 else 0.0
            told = self._step(row, name)
            say(f"[{number}/{len(steps)}, {left / 60:.0f} min left] round {turn + 1}: {row.name:16} {name:9} {told}")

    def _steps(self) -> Iterator[tuple[int, Row, str]]:
        for turn in range(self.rounds):
            for row in self.rows:
                if turn < row.rounds:
                    names = [name for name in self.programs if name in row.programs and name not in self.left_out]
                    names = [name for name in names if name in TWO or turn < self.peer_rounds]
                    for name in names if turn % 2 == 0 else reversed(names):  # nobody always runs first
                        yield turn, row, name

    def _step(self, row: Row, name: str) -> str:
        found = self.found[row.name]
        if name in found.failed:
            return "left out: " + found.failed[name]
        run = Run(PROGRAMS[name], row, self.place)
        try:
            try:
                values = row.measure(run)
            except (Broken, OSError) as error:
                say(f"{row.name} of {name}: {str(error)[:300]}; once more")  # on a busy machine a client may not get to run in time
                values = row.measure(run)
        except CannotDo:
            found.failed[name] = "has nothing like it"
            return found.failed[name]
        except (Broken, OSError) as error:
            found.failed[name] = str(error)[:300]
            return found.failed[name]
        found.values.setdefault(name, []).append(values)
        return ", ".join(f"{key} {value:.4g}" for key, value in values.items() if key in TOLD) + f" ({row.unit})"


def say(text: str) -> None:
    """Progress goes to where errors go."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Circumstances:
    """What a number depends on."""

    when: str
    system: str
    python: str
    processors: int
    load_before: float
    load_after: float = 0.0
    steal: float = 0.0  # share of the processors' time that the host took for others
    foreign: float = 0.0  # processors that other processes kept busy


@contextmanager
def circumstances() -> Iterator[Circumstances]:
    """What they were while the block lasted."""
    seen = Circumstances(
        datetime.now(UTC).isoformat(timespec="seconds"), f"{platform.system()} {platform.release()}", platform.python_version(),
        os.cpu_count() or 1, os.getloadavg()[0],
    )  # fmt: skip
    before, begun, mine = ticks(), time.monotonic(), own_time()
    yield seen
    after = [later - earlier for earlier, later in zip(before, ticks(), strict=True)]
    busy = (sum(after) - after[3] - after[4] - after[7]) / os.sysconf("SC_CLK_TCK")
    seen.steal = after[7] / (sum(after) or 1)
    seen.foreign = max(0.0, busy - (own_time() - mine)) / (time.monotonic() - begun)
    seen.load_after = os.getloadavg()[0]


def ticks() -> list[int]:
    """user nice system idle iowait irq softirq steal, of all processors."""
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def own_time() -> float:
    """CPU seconds of this process and the children it has waited for."""
    return sum(os.times()[:4])
