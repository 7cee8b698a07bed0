"""What haproxy and pylb tell of the cost of streams. Times are the machine's; what can be compared is where there are any, and how they fit together.

HAProxy's latency is the time between waking a stream and running it, which is none here: it is left out.
"""

from __future__ import annotations

import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import OK, Case, Rig
from oracle import HAPROXY, needs_haproxy
from stream_peers import BODY

pytestmark = needs_haproxy

COMMANDS = {"theirs": [HAPROXY], "ours": [sys.executable, "-m", "pylb"]}
COSTS = "%[cpu_calls]|%[cpu_ns_tot]|%[cpu_ns_avg]"
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
CASES = [
    Case("first", front=f'http-request return status 200 content-type text/plain lf-string "{COSTS}"'),
    Case("whole", back=f"http-response set-header x-cost {COSTS}\n", origin=(BODY, OK)),
    Case("no_stream", front="tcp-request connection set-var(sess.a) cpu_calls\nhttp-request return status 200 hdr x-cost %[var(sess.a)]"),
]
ASKED = [
    *("show profiling status", "show profiling all", "show profiling tasks", "show profiling memory", "show profiling", "show profiling 3", "show profiling byaddr"),
    *("show profiling bogus", "show profiling status 5", "set profiling", "set profiling foo on", "set profiling tasks", "set profiling tasks foo"),
    *("set profiling memory", "set profiling memory on", "operator;set profiling tasks on", "user;show profiling", "help set profiling"),
]
ROW = re.compile(r"^  process_stream {11} *\d+(?: +(?:\d+\.\d+(?:ns|us|ms)|-)){4}$", re.M)


def ask(rig: Rig, name: str) -> str:
    with socket.create_connection(rig.addresses[name], timeout=10) as client:
        client.sendall(GET)
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def table(text: str) -> str:
    """Without the rows of functions that only HAProxy has, and without figures."""
    lines = [line for line in text.split("\n") if not line.startswith("  ") or line.startswith(("  process_stream", "  function", "  set"))]
    return "\n".join(ROW.sub("  process_stream", line) for line in lines)


def seen(rig: Rig) -> list[object]:
    found: list[object] = [ask(rig, "first"), ask(rig, "no_stream")]
    cost = re.search(r"x-cost: (\d+)\|(\d+)\|(\d+)", ask(rig, "whole"))
    assert cost is not None
    calls, total, average = map(int, cost.groups())
    found.append((calls > 1, total > 0, average == total // calls))
    return found + [(line, table(rig.command(line))) for line in ASKED]


def both(directory: Path, head: str, *before: str) -> list[list[object]]:
    def one(name: str) -> list[object]:
        rig = Rig(COMMANDS[name], CASES, directory / name, head=head)
        try:
            return [rig.command(line) for line in before] + seen(rig)
        finally:
            rig.stop()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, COMMANDS))


@pytest.mark.parametrize("mode", ["", "on", "auto", "off"])
def test_configured(tmp_path: Path, mode: str) -> None:
    theirs, ours = both(tmp_path, f" profiling.tasks {mode}\n" if mode else "")
    assert ours == theirs


@pytest.mark.parametrize("mode", ["on", "auto", "off"])
def test_switched(tmp_path: Path, mode: str) -> None:
    theirs, ours = both(tmp_path, "", f"set profiling tasks {mode}")
    assert ours == theirs


def test_requests_in_the_express_lane_are_measured_while_it_is_on(tmp_path: Path) -> None:
    """No fetch asks for figures: only `set profiling` does."""
    rig = Rig(COMMANDS["ours"], [Case("plain", origin=(BODY, OK))], tmp_path / "ours")
    try:
        assert ROW.search(rig.command("show profiling")) is None
        ask(rig, "plain")
        rig.command("set profiling tasks on")
        ask(rig, "plain")
        assert ROW.search(rig.command("show profiling")) is not None
        rig.command("set profiling tasks off;set profiling tasks on;set profiling tasks off")
        ask(rig, "plain")
        assert ROW.search(rig.command("show profiling")) is None
    finally:
        rig.stop()
