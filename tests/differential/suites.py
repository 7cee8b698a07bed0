"""Tables of cases, played before both programs once per run of the tests, whoever asks first.

    SUITE = Suite("name", CASES, ACCEPTED)

    @pytest.mark.parametrize("name", SUITE.names())
    def test_same(name: str) -> None:
        SUITE.check(name)
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from certificates import make_bundle
from comparing import differing, side_by_side
from harness import Case, Outcome, Rig
from oracle import HAPROXY

COMMANDS = {"theirs": [HAPROXY], "ours": [sys.executable, "-m", "pylb"]}
ROUNDS = ((18, 1.0), (5, 1.5), (2, 2.5), (1, 3.0))  # how many cases at a time, and how patiently
KEPT = 4096  # bytes of a connection that are kept once it was compared


@dataclass
class Played:
    """What is left when a suite was played: the last outcomes of each case with haproxy and pylb, how they differ, and more that was asked for."""

    outcomes: dict[str, tuple[Outcome, Outcome]] = field(default_factory=dict)
    differences: dict[str, str] = field(default_factory=dict)
    printed: tuple[str, ...] = ()
    asked: tuple[Any, ...] = ()


@dataclass(eq=False)
class Suite:
    """Cases that are served by one start of each program. `accepted`: known differences, with the reason why they stand; one that is gone must leave the table."""

    name: str
    cases: Sequence[Case]
    accepted: Mapping[str, str] = field(default_factory=dict)
    head: str = ""  # more lines of the global section
    mask: Callable[[bytes], bytes] = bytes  # hides in what clients receive what differs from run to run
    sizes: frozenset[str] = frozenset()  # columns, and lines of `show info`, of which is compared only whether there is anything
    ask: Callable[[Rig], Any] = lambda rig: None  # what else to find out before the programs end

    def names(self) -> list[Any]:
        """Parameters for a test; strictly expected to fail where a difference is accepted."""
        assert set(self.accepted) <= {case.name for case in self.cases}
        return [
            pytest.param(case.name, marks=pytest.mark.xfail(strict=True, reason=self.accepted[case.name])) if case.name in self.accepted else case.name for case in self.cases
        ]

    def check(self, name: str) -> None:
        difference = self.played.differences.get(name)
        assert not difference, difference

    @cached_property
    def played(self) -> Played:
        """Play everything; what differs is played again by fresh programs with more patience and less company: loaded machines make differences of their own."""
        played, tries = Played(), {case.name: Tries(case) for case in self.cases}
        todo = list(self.cases)
        for together, patience in ROUNDS:
            with self.rigs(todo) as rigs, ThreadPoolExecutor(2) as pool:
                apart = {*self.accepted, *(case.name for case in todo if not case.statistics)}
                theirs, ours = pool.map(lambda rig: rig.play_all(todo, together, patience, apart), rigs)  # noqa: B023
                if len(todo) == len(self.cases):
                    played.printed, played.asked = tuple(rig.said() for rig in rigs), tuple(self.ask(rig) for rig in rigs)
            for case in todo:
                tries[case.name].add(self._masked(theirs[case.name]), self._masked(ours[case.name]))
                played.outcomes[case.name] = short(theirs[case.name]), short(ours[case.name])
            wrong = {case.name for case in todo if tries[case.name].wrong()}
            todo = [case for case in todo if case.name in wrong and case.name not in self.accepted]
            if not todo:
                break
        played.differences = {name: shown for name, one in tries.items() if (shown := one.shown())}
        return played

    @contextmanager
    def rigs(self, cases: Sequence[Case]) -> Iterator[list[Rig]]:
        """Both programs, before origins of their own."""
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as directory, ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            bundle = Path(directory) / "bundle.pem"
            make_bundle(bundle, ["a.example"])
            made = [pool.submit(Rig, command, cases, Path(directory) / name, bundle, self.head) for name, command in COMMANDS.items()]
            for one in made:
                if one.exception() is None:
                    stack.callback(one.result().stop)
            yield [one.result() for one in made]  # raises what kept a program from starting

    def _masked(self, outcome: Outcome) -> Outcome:
        outcome.played.clients = [replace(one, data=self.mask(one.data)) for one in outcome.played.clients]
        for row in (*outcome.columns.values(), outcome.info):
            row.update({name: "some" for name in self.sizes if row.get(name, "0") not in ("", "0")})
        return outcome


class Tries:
    """All outcomes of a case. Where events race, each program has several; one that both have is enough."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.theirs: list[Outcome] = []
        self.ours: list[Outcome] = []

    def add(self, theirs: Outcome, ours: Outcome) -> None:
        self.theirs.append(theirs)
        self.ours.append(ours)

    def wrong(self) -> list[str]:
        """What differs, in the best pair of outcomes. What is counted for all cases together can only be compared within a round."""
        best = min((differing(self.case, one, other) for one in self.theirs for other in self.ours), key=len)
        info = [] if not self.case.statistics or any(one.info == other.info for one, other in zip(self.theirs, self.ours, strict=True)) else ["info"]
        return best + info

    def shown(self) -> str:
        wrong = self.wrong()
        return f"{self.case.name}: {', '.join(wrong)} differ\n{side_by_side(self.theirs[-1], self.ours[-1])}" if wrong else ""


def short(outcome: Outcome) -> Outcome:
    """An outcome without the bulk of big transfers."""
    clients, servers = ([replace(one, data=one.data[:KEPT]) for one in many] for many in (outcome.played.clients, outcome.played.servers))
    return replace(outcome, played=replace(outcome.played, clients=clients, servers=servers))
