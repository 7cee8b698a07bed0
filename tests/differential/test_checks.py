"""Health checks of HAProxy and of pylb before the same servers: bytes sent, how connections end, messages, logs, statistics.

Each program meets its own copy of every scripted server; what one run shows must be what the other shows. Ports, process ids, dates, measured
milliseconds and random bytes are masked; counts of connections depend on the moment of looking, so that only what both saw is compared.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import check_cases
from certificates import make_bundle, make_ca
from oracle import HAPROXY, needs_haproxy
from scripted import Case, Outcome, play

pytestmark = needs_haproxy
HEAD = " external-check\n insecure-fork-wanted\n"
PROGRAM = """#!/bin/sh
case "$HAPROXY_PROXY_NAME" in
 x_one) exit 1;;
 x_three) exit 3;;
 x_sleep) exec sleep 9;;
 x_kill) kill -9 $$;;
 x_term) kill -15 $$;;
esac
[ "$HAPROXY_SERVER_NAME $HAPROXY_SERVER_ID $1 $2" = "s 1 NOT_USED NOT_USED" ]
"""
GROUPS: dict[str, tuple[Sequence[Case], float]] = {
    "requests": ([*check_cases.FORMS, *check_cases.TLS, *check_cases.ODD], 1.0),
    "verdicts": (check_cases.VERDICTS, 1.2),
    "conversations": ([*check_cases.RAW, *check_cases.KINDS, *check_cases.MORE], 1.2),
    "agents": (check_cases.AGENTS, 1.0),
    "external": (check_cases.EXTERNAL, 0.9),
    "changes": (check_cases.CHANGES, 2.6),
}


def prepare(directory: Path) -> Path:
    """What one program finds in its directory."""
    directory.mkdir()
    make_bundle(directory / "server.pem", ["localhost"], make_ca())
    (directory / "server.pem.ca").write_bytes(make_ca("somebody else").certificate_pem)
    program = directory / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return directory


def masked(data: bytes) -> bytes:
    """Bytes without ports, times and TLS."""
    data = re.sub(rb"(PROXY TCP4 \S+ \S+) \d+ \d+", rb"\1 P P", data)
    data = re.sub(rb"port=\d+", b"port=P", data)
    data = re.sub(rb"(?s)^\x04\x01..", b"SOCKS4 ", data)
    data = re.sub(rb"(?s)\x16\x03\x01.*", b"TLS", data)
    return re.sub(rb"(?s)(\x75\x03\x00).{4}(HAPR)", rb"\1TIME\2", data)


def facts(case: Case, mine: Outcome, other: Outcome) -> dict[str, object]:
    """What of `mine` can be compared with `other`."""
    connections = max(1, min(len(mine.received), len(other.received)) - 1)  # the last one may still be under way
    lines = min(len(mine.lines), len(other.lines))
    logged = min(len(mine.logged), len(other.logged))
    shown: dict[str, object] = {"lines": mine.lines[:lines], "logged": mine.logged[:logged], "columns": mine.columns}
    if case.compare_bytes:
        shown["received"] = [masked(data) for data in mine.received[:connections]]
        shown["ends"] = mine.ends[:connections]
        shown["agent"] = mine.agent_received[:1]
    return shown


def differences(cases: Sequence[Case], directory: Path, seconds: float, head: str) -> dict[str, str]:
    """What differs, by case."""
    directory.mkdir()
    stages = [(prepare(directory / "haproxy"), [HAPROXY]), (prepare(directory / "pylb"), [sys.executable, "-m", "pylb"])]
    theirs, ours = play(cases, stages, seconds, head)
    wrong = {}
    for case in cases:
        expected, found = facts(case, theirs[case.name], ours[case.name]), facts(case, ours[case.name], theirs[case.name])
        if expected != found:
            wrong[case.name] = "\n".join(f"{name}: {expected[name]}\n  not {found[name]}" for name in expected if expected[name] != found[name])
    return wrong


@pytest.mark.parametrize("group", GROUPS)
def test_checks_are_those_of_haproxy(tmp_path: Path, group: str) -> None:
    """A busy machine may make either program time out: what differs is tried again, twice."""
    cases, seconds = GROUPS[group]
    wrong: dict[str, str] = {}
    for turn in range(3):
        wrong = differences(cases, tmp_path / str(turn), seconds, HEAD if group == "external" else "")
        cases = [case for case in cases if case.name in wrong]
        if not cases:
            return
    pytest.fail("\n".join(f"{name} {what}" for name, what in wrong.items()))
