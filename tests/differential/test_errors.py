"""`show errors` of haproxy and of pylb after the same messages: the whole text, but for when, from which port and as which event."""

from __future__ import annotations

import functools
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from error_cases import KINDS, LABELS, cases
from harness import Case, Rig
from oracle import HAPROXY, needs_haproxy

pytestmark = needs_haproxy
CASES = cases()
COMMANDS = {"haproxy": [HAPROXY], "pylb": [sys.executable, "-m", "pylb"]}
PART = 500  # cases that a pair of programs plays: more would be long in starting
TRIES = ((10, 1.0), (5, 2.0), (2, 3.0))  # so many cases side by side, with so much patience: a loaded machine makes differences that nobody made

MASKS = (
    (re.compile(r"^ \n\[\d+/\w+/\d+:[\d:.]+\]"), "[DATE]"),
    (re.compile(r"event #\d+"), "event #N"),  # cases are played side by side
    (re.compile(r"src (127[\d.]+):\d+"), r"src \1:PORT"),
    (re.compile(r"\(#\d{2,}\)"), "(#PROXY)"),  # its number depends on how many cases are played again
)

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED: dict[str, str] = {}

Told = dict[str, list[str]]  # by case: the captures of its proxies


class Errors:
    """What both programs have told; cases that differ are played again, by fresh programs."""

    def __init__(self, directory: Path) -> None:
        self.told: dict[str, Told] = {name: {} for name in COMMANDS}
        self.uncaptured = dict.fromkeys(COMMANDS, 0)  # events that later ones of the same proxy have replaced
        self.rigs: list[Rig] = []  # of the last part, still running
        for number, start in enumerate(range(0, len(CASES), PART)):
            stop(self.rigs)
            part = CASES[start : start + PART]
            self.rigs = self.play(directory / str(number), part, *TRIES[0])
            for name, rig in zip(COMMANDS, self.rigs, strict=True):
                self.uncaptured[name] += events(rig) - sum(len(self.told[name][case.name]) for case in part)
        for number, (together, patience) in enumerate(TRIES[1:]):
            todo = [case for case in CASES if len({str(told[case.name]) for told in self.told.values()}) > 1]
            if todo:
                stop(self.play(directory / f"again{number}", todo, together, patience))

    def play(self, directory: Path, cases: Sequence[Case], together: int, patience: float) -> list[Rig]:
        directory.mkdir()
        with ThreadPoolExecutor(2) as pool:
            rigs = list(pool.map(lambda name: Rig(COMMANDS[name], cases, directory / name), COMMANDS))
            texts = pool.map(functools.partial(played, cases=cases, together=together, patience=patience), rigs)
        for name, told in zip(COMMANDS, texts, strict=True):
            self.told[name].update({case.name: told.get(case.name, []) for case in cases})
        return rigs

    def differing(self, kind: str) -> dict[str, str]:
        """Cases of a kind that are not told alike, with both texts."""
        theirs, ours = self.told.values()
        wrong = {}
        for name, label in LABELS.items():
            if name.startswith(kind) and theirs[name] != ours[name]:
                wrong[label] = f"{label}\n--- haproxy\n{''.join(theirs[name])[:1500]}\n--- pylb\n{''.join(ours[name])[:1500]}"
        return wrong


def events(rig: Rig) -> int:
    found = re.search(r"\] : (\d+)", rig.command("show errors -1 response"))
    assert found is not None
    return int(found[1])


def stop(rigs: list[Rig]) -> None:
    for rig in rigs:
        rig.stop()


def settled(rig: Rig) -> None:
    """Wait until the program has read what clients sent before they left: only our own connection is open then."""
    deadline = time.monotonic() + 10
    while int(rig.command("show info").partition("\nCurrConns: ")[2].partition("\n")[0]) > 1:
        assert time.monotonic() < deadline, "connections of clients that have left stay"
        time.sleep(0.05)


def played(rig: Rig, cases: Sequence[Case], together: int, patience: float) -> Told:
    """Play everything; the captures of each case, frontend and backend."""
    with ThreadPoolExecutor(together) as pool:
        list(pool.map(lambda case: rig.play(case, patience), cases))
    settled(rig)
    told: Told = {}
    for text in re.split(r"(?m)^(?= \n\[)", rig.command("show errors"))[1:]:
        found = re.search(r" [fb]_(\w+) \(#\d+\): invalid", text)
        assert found is not None
        for pattern, mask in MASKS:
            text = pattern.sub(mask, text)
        told.setdefault(found[1], []).append(text)
    return told


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Errors]:
    one = Errors(tmp_path_factory.mktemp("errors"))
    yield one
    stop(one.rigs)


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_same_captures(errors: Errors, kind: str) -> None:
    wrong = errors.differing(kind)
    known = {label for name, label in LABELS.items() if name.startswith(kind) and label in ACCEPTED}
    assert set(wrong) == known, "\n\n".join(text for label, text in wrong.items() if label not in known)[:20000]


def test_most_cases_are_captured(errors: Errors) -> None:
    assert sum(map(bool, errors.told["haproxy"].values())) > len(CASES) // 2


def test_as_many_events(errors: Errors) -> None:
    """An odd head with a broken body is two events."""
    theirs, ours = errors.uncaptured.values()
    assert ours == theirs


@pytest.mark.parametrize("side", ["request", "response", "bogus", ""])
@pytest.mark.parametrize("which", ["-1", "id", "f_", "b_"])
def test_what_is_asked_for(errors: Errors, which: str, side: str) -> None:
    """By the number or the name of a proxy, of frontends and backends."""
    name = next(reversed(LABELS))
    texts = []
    for rig in errors.rigs:
        found = re.search(rf"frontend f_{name} \(#(\d+)\)", rig.command(f"show errors f_{name}"))
        number = found[1] if found else "0"
        text = rig.command(f"show errors {number if which == 'id' else which if which == '-1' else which + name} {side}")
        texts.append([re.sub(r"\[[^]]+\]|event #\d+|:\d+$", "", line) for line in text.splitlines() if re.match(r"\[|Total|No such|Unknown", line)])
    theirs, ours = texts
    assert len(ours) == len(theirs)
    assert which == "-1" or sorted(ours) == sorted(theirs)
