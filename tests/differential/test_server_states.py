"""Administrative and operational changes by commands: the same log lines, levels, states and counts as the real thing."""

from __future__ import annotations

import random
import re
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from oracle import needs_haproxy
from running import Running, running

from pylb.config import model
from pylb.proxy.server import link_tracking

sys.path.insert(0, str(Path(__file__).parents[1]))
from farm import farm, record, server

pytestmark = needs_haproxy

COMMANDS = ["state maint", "state ready", "state drain", "health up", "health down", "health stopping", "weight 0", "weight 5", "weight 100%"]

FARM = """\
backend b
 log 127.0.0.1:{log} local0
 server s1 127.0.0.1:1 weight 10
 server s2 127.0.0.1:1 track c/c1
 server s3 127.0.0.1:1 backup
 server s4 127.0.0.1:1 disabled check inter 10m
 server s5 127.0.0.1:1 track b/s4 slowstart 100s weight 50
backend c
 log 127.0.0.1:{log} local0
 server c1 127.0.0.1:1 check inter 10m
backend b2
 log 127.0.0.1:{log} local0
 server t1 127.0.0.1:1 track b/s2
 server t2 127.0.0.1:1 track b/s2 backup
"""


def our_farm() -> dict[str, Any]:
    checked = {"check": model.Check(enabled=True)}
    servers = {
        "b": [
            server("s1", weight=10),
            server("s2", track="c/c1"),
            server("s3", backup=True),
            server("s4", disabled=True, **checked),
            server("s5", track="b/s4", slowstart=100_000, weight=50),
        ],
        "c": [server("c1", check=model.Check(enabled=True))],
        "b2": [server("t1", track="b/s2"), server("t2", track="b/s2", backup=True)],
    }
    backends = {name: farm(members, name) for name, members in servers.items()}
    link_tracking(backends)
    for backend in backends.values():
        for one in backend.servers:
            one.check.enabled = False  # as `disable health`: no check may interfere
    return backends


class Log:
    """A syslog receiver."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def lines(self, theirs: Running) -> list[tuple[int, str]]:
        """Level and text of what was logged up to now; a marker of our own says when that is all."""
        self.socket.sendto(b"<0>]: end", ("127.0.0.1", self.port))
        found = []
        while True:
            data = self.socket.recv(65536).decode()
            level, text = re.match(r"<(\d+)>.*?\]: (.*)", data, re.DOTALL).groups()  # type: ignore[union-attr]
            if text == "end":
                return found
            found.append((int(level) & 7, text.strip()))


def their_state(theirs: Running) -> dict[str, Any]:
    """What two dumps say of every server and backend."""
    state: dict[str, Any] = {}
    head, *rows = [line.split(",") for line in theirs.command("show stat").splitlines() if line]
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        if cells["svname"] == "BACKEND":
            state[cells["# pxname"]] = (cells["act"], cells["bck"], cells["chkdown"])
        else:
            state[f"{cells['# pxname']}/{cells['svname']}"] = [cells["status"], cells["weight"], cells["throttle"]]
    for line in theirs.command("show servers state").splitlines()[2:]:
        if cells_ := line.split():
            state[f"{cells_[1]}/{cells_[3]}"] += [cells_[5], cells_[6], cells_[7], cells_[12], cells_[13]]
    return state


def our_state(backends: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, backend in backends.items():
        for one in backend.servers:
            shown = (one.status_text, -(-one.eweight // 16), one.throttle(0.0) or "")
            dumped = (int(one.state), one.admin, one.uweight, one.check.health, one.check.state_mask)
            state[f"{name}/{one.name}"] = [str(value) for value in (*shown, *dumped)]
        state[name] = (str(backend.active), str(backend.backup), str(backend.counters.chkdown))
    return state


@pytest.mark.parametrize("seed", range(4))
def test_same_words_and_states(seed: int, tmp_path: Path) -> None:
    dice, log = random.Random(seed), Log()
    with running(tmp_path, 0, lambda theirs: FARM.format(log=log.port)) as theirs:
        for name in ("c/c1", "b/s4"):
            theirs.command(f"disable health {name}")
        deadline = time.monotonic() + 5
        while len(log.lines(theirs)) and time.monotonic() < deadline:
            time.sleep(0.01)
        backends = our_farm()
        history: list[str] = []
        for _ in range(50):
            backend = dice.choice(list(backends.values()))
            one, command = dice.choice(backend.servers), dice.choice(COMMANDS)
            what, value = command.split()
            if what == "health" and one.tracked is not None:
                continue
            seen = record(*backends.values())
            history.append(f"{one.name} {command}")
            theirs.command(f"set server {backend.name}/{one.name} {command}")
            {"state": one.command_state, "health": one.command_health, "weight": one.set_weight}[what](value, 0.0)
            assert [(line.level, line.for_log) for change in seen for line in change.lines] == log.lines(theirs), history
            assert {name: state for name, state in their_state(theirs).items() if name.split("/")[0] in backends} == our_state(backends), history
