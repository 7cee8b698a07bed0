"""`show errors` of haproxy and of pylb after the same messages: the whole text, but for when, from which port and as which event."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from error_cases import KINDS, LABELS, cases
from harness import Pair, Rig
from oracle import HAPROXY, needs_haproxy

pytestmark = needs_haproxy
CASES = cases()

MASKS = (
    (re.compile(r"^ \n\[\d+/\w+/\d+:[\d:.]+\]"), "[DATE]"),
    (re.compile(r"event #\d+"), "event #N"),  # cases are played side by side
    (re.compile(r"src (127[\d.]+):\d+"), r"src \1:PORT"),
)

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED: dict[str, str] = {}


class Errors:
    """What both programs had to tell after all cases."""

    def __init__(self, pair: Pair) -> None:
        self.rigs = pair.rigs
        with ThreadPoolExecutor(2) as pool:
            self.told = list(pool.map(played, self.rigs))

    def differing(self, kind: str) -> dict[str, str]:
        """Cases of a kind that are not told alike, with both texts."""
        theirs, ours = self.told
        wrong = {}
        for name, label in LABELS.items():
            one, other = (told.get(name, []) for told in (theirs, ours))
            if name.startswith(kind) and one != other:
                wrong[label] = f"{label}\n--- haproxy\n{''.join(one)[:1500]}\n--- pylb\n{''.join(other)[:1500]}"
        return wrong


def played(rig: Rig) -> dict[str, list[str]]:
    """Play everything; the captures of each case, frontend and backend."""
    rig.play_all(CASES, 10, 1.0)
    told: dict[str, list[str]] = {}
    for text in re.split(r"(?m)^(?= \n\[)", rig.command("show errors"))[1:]:
        found = re.search(r" [fb]_(\w+) \(#\d+\): invalid", text)
        assert found is not None
        for pattern, mask in MASKS:
            text = pattern.sub(mask, text, count=1)
        told.setdefault(found[1], []).append(text)
    return told


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Errors]:
    pair = Pair(CASES, tmp_path_factory.mktemp("errors"), ([HAPROXY], [sys.executable, "-m", "pylb"]))
    try:
        yield Errors(pair)
    finally:
        pair.stop()


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_same_captures(errors: Errors, kind: str) -> None:
    wrong = errors.differing(kind)
    known = {label for name, label in LABELS.items() if name.startswith(kind) and label in ACCEPTED}
    assert set(wrong) == known, "\n\n".join(text for label, text in wrong.items() if label not in known)[:20000]


def test_most_cases_are_captured(errors: Errors) -> None:
    assert len(errors.told[0]) > len(CASES) // 2


def test_as_many_events(errors: Errors) -> None:
    totals = [re.search(r"\] : (\d+)", rig.command("show errors -1 response")) for rig in errors.rigs]
    assert totals[0] is not None and totals[1] is not None
    assert totals[1][1] == totals[0][1]


@pytest.mark.parametrize("side", ["request", "response", "bogus", ""])
@pytest.mark.parametrize("which", ["-1", "id", "f_", "b_"])
def test_what_is_asked_for(errors: Errors, which: str, side: str) -> None:
    """By the number or the name of a proxy, of frontends and backends."""
    name = next(name for name, label in LABELS.items() if label == "listen: chunk of a response")
    texts = []
    for rig in errors.rigs:
        found = re.search(rf"frontend f_{name} \(#(\d+)\)", rig.command(f"show errors f_{name}"))
        number = found[1] if found else "0"
        text = rig.command(f"show errors {number if which == 'id' else which if which == '-1' else which + name} {side}")
        texts.append([re.sub(r"\[[^]]+\]|event #\d+|:\d+$", "", line) for line in text.splitlines() if re.match(r"\[|Total|No such|Unknown", line)])
    theirs, ours = texts
    assert sorted(ours) == sorted(theirs)
