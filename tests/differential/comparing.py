"""Two outcomes of a case side by side: what must be the same, what may differ, and how a difference is shown."""

from __future__ import annotations

import re

from harness import Case, Outcome
from stream_peers import Seen

SLACK = (0.12, 0.3)  # seconds, and of the whole
WIDTH = 88


TIMERS = re.compile(r"(?<= )[-+]?\d+(?:/[-+]?\d+){2,4}(?= )")


def near(one: float, other: float) -> bool:
    """Are two times in seconds the same as far as a busy machine lets us see?"""
    return abs(one - other) <= SLACK[0] + SLACK[1] * max(one, other)


def same_line(theirs: str, ours: str) -> bool:
    """Are two log lines the same, timers apart which may differ a little?"""
    if TIMERS.sub("T", theirs, count=1) != TIMERS.sub("T", ours, count=1):
        return False
    one, other = TIMERS.search(theirs), TIMERS.search(ours)
    if one is None or other is None:
        return one is other
    pairs = [(int(a), int(b)) for a, b in zip(one[0].split("/"), other[0].split("/"), strict=False)]
    return all((a < 0) == (b < 0) and near(a / 1000, b / 1000) for a, b in pairs)


def same_seen(case: Case, theirs: Seen, ours: Seen, server: bool) -> bool:
    if case.bytes_exact and theirs.data != ours.data:
        return False
    if server:
        return not case.ends or theirs.end == ours.end
    return theirs.end == ours.end and near(theirs.seconds, ours.seconds)


def differing(case: Case, theirs: Outcome, ours: Outcome) -> list[str]:
    """What is not the same; nothing when all is."""
    found = []
    for name, one, other in (("clients", theirs.played.clients, ours.played.clients), ("servers", theirs.played.servers, ours.played.servers)):
        if len(one) != len(other) or not all(same_seen(case, a, b, name == "servers") for a, b in zip(one, other, strict=True)):
            found.append(name)
    if len(theirs.logs) != len(ours.logs) or not all(same_line(a, b) for a, b in zip(sorted(theirs.logs, key=no_timers), sorted(ours.logs, key=no_timers), strict=True)):
        found += ["logs"] * case.logs_exact
    if theirs.columns != ours.columns:
        found.append("columns")
    return found


def no_timers(line: str) -> str:
    return TIMERS.sub("T", line, count=1)


def transcript(outcome: Outcome, other: Outcome) -> list[str]:
    """What was seen, line by line; columns only where the programs differ."""
    lines = []
    for number, seen in enumerate(outcome.played.clients):
        lines += [f"client {number}: {seen.end} after {seen.seconds:.1f} s", *quoted(seen.data)]
    for number, seen in enumerate(outcome.played.servers):
        lines += [f"server connection {number}: {seen.end}", *quoted(seen.data)]
    lines += [f"log {line[at : at + WIDTH - 4]}" for line in outcome.logs for at in range(0, len(line), WIDTH - 4)]
    for row, columns in outcome.columns.items():
        others = other.columns.get(row, {})
        wrong = [f"{name}={value}" for name, value in columns.items() if others.get(name) != value]
        lines.append(f"{row}: {' '.join(wrong)}" if wrong else row)
    wrong = [f"{name}={value}" for name, value in outcome.info.items() if other.info.get(name) != value]
    return [*lines, f"info (of all cases of the moment): {' '.join(wrong)}"] if wrong else lines


def quoted(data: bytes) -> list[str]:
    text = repr(data[:1200])[2:-1].replace("\\n", "\\n\n").split("\n")
    lines = [line[at : at + WIDTH - 4] for line in text for at in range(0, max(1, len(line)), WIDTH - 4)]
    return [f"  {line}" for line in lines if line] + ([f"  ... {len(data)} bytes"] if len(data) > 1200 else [])


def side_by_side(theirs: Outcome, ours: Outcome) -> str:
    """Both transcripts, haproxy's on the left; lines that differ are marked."""
    left, right = transcript(theirs, ours), transcript(ours, theirs)
    rows = [f"   {'haproxy':<{WIDTH}}  pylb"]
    for at in range(max(len(left), len(right))):
        one, other = (side[at] if at < len(side) else "" for side in (left, right))
        rows.append(f"{' ' if one == other else '*'}  {one:<{WIDTH}}  {other}")
    return "\n".join(rows)


