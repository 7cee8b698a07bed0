"""Cookie persistence before haproxy and before pylb: bytes to clients and servers, letters in logs, counters, columns, messages, commands."""

from __future__ import annotations

import csv
import io
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from config.both import haproxy_says, pylb_says
from cookie_cases import GROUPS
from cookie_snippets import SNIPPETS
from harness import Rig
from oracle import HAPROXY, needs_haproxy
from suites import Suite

from pylb.stream.persist import read_date

pytestmark = needs_haproxy
COMMANDS = ([HAPROXY], [sys.executable, "-m", "pylb"])
DATE = re.compile(rb"(?<=\|)[A-Za-z0-9+/]{5}(?=[|;])")


def undated(data: bytes) -> bytes:
    """Dates of today's visit are masked: the programs need not make it in the same four seconds."""
    return DATE.sub(lambda found: b"TODAY" if abs(read_date(found[0]) - time.time()) < 90 else found[0], data)


def cookies(rig: Rig) -> list[tuple[str, str, str]]:
    """The `cookie` column of `show stat`."""
    return sorted((row["# pxname"], row["svname"], row["cookie"]) for row in csv.DictReader(io.StringIO(rig.command("show stat -1 6 -1"))))


SUITES = {group: Suite(group, cases, mask=undated, ask=cookies) for group, cases in GROUPS.items()}


@pytest.mark.parametrize(("group", "name"), [(group, case.name) for group, cases in GROUPS.items() for case in cases])
def test_same(group: str, name: str) -> None:
    SUITES[group].check(name)


def test_column() -> None:
    theirs, ours = SUITES["queues"].played.asked
    assert ours == theirs
    assert any(value == "SRV" for _, _, value in ours)


# -- messages
@pytest.mark.parametrize("text", SNIPPETS)
def test_messages(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.cfg").write_bytes(text.encode())
    assert pylb_says(tmp_path, ["t.cfg"]) == haproxy_says(tmp_path, ["t.cfg"])


# -- cookies made from addresses
DYNAMIC = """
global
 stats socket {dir}/stats level admin
defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 1s
listen l
 bind {dir}/l
 cookie SRV insert indirect dynamic
 dynamic-cookie-key mykey
 server s1 127.9.0.1:80
 server s2 [::1]:80
 server s3 /tmp/x
 server s4 127.9.0.1:81 cookie own
 server s5 127.9.0.1
listen m
 bind {dir}/m
 cookie SRV insert indirect dynamic
 server s1 127.9.0.1:80
listen n
 bind {dir}/n
 cookie SRV rewrite
 dynamic-cookie-key mykey
 server s1 127.9.0.1:80
"""
CHANGES = (
    "set server l/s1 addr 127.9.0.2",
    "set dynamic-cookie-key backend m kk",
    "enable dynamic-cookie backend n",
    "disable dynamic-cookie backend l",
    "set server l/s2 addr 127.9.0.7 port 99",
    "set dynamic-cookie-key backend l kk",
    "enable dynamic-cookie backend l",
    "set dynamic-cookie-key backend zz k",
    "set dynamic-cookie-key backend l",
    "set dynamic-cookie-key backend",
    "enable dynamic-cookie backend",
    "disable dynamic-cookie backend zz",
    "enable dynamic-cookie l",
    "help enable dynamic-cookie",
)


def ask(path: Path, line: str) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(str(path))
        one.sendall(line.encode() + b"\n")
        return b"".join(iter(lambda: one.recv(65536), b"")).decode()


def dynamic_cookies(command: Sequence[str], directory: Path) -> list[str]:
    """What the program says to each command, and all cookies after it."""
    directory.mkdir()
    (directory / "cfg").write_text(DYNAMIC.format(dir=directory))
    with (directory / "errors").open("wb") as errors:
        process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], stdout=errors, stderr=errors)
    try:
        deadline = time.monotonic() + 20
        while not (directory / "stats").exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        said = []
        for line in ("show info", *CHANGES):
            answer = ask(directory / "stats", line) if line != "show info" else ""
            rows = csv.DictReader(io.StringIO(ask(directory / "stats", "show stat")))
            said.append(f"{line}: {answer}{[(row['# pxname'], row['svname'], row['cookie']) for row in rows]}")
        return said
    finally:
        process.kill()
        process.wait()


def test_dynamic(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda pair: dynamic_cookies(pair[0], tmp_path / pair[1]), zip(COMMANDS, ("theirs", "ours"), strict=True))
    assert ours == theirs
