"""`load-server-state-from-file`: the states that servers start in, and what both programs say of them.

Each table of lines is one file for one backend with a server per line. Compared are `show servers state` (times to within two seconds), the
status and weight of `show stat`, and the messages.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from oracle import HAPROXY, mask, needs_haproxy
from waiting import wait_until

pytestmark = needs_haproxy

COLUMNS = "addr op admin uweight iweight since status result health check agent forced_backend forced_server name port record ssl check_port check_addr agent_addr agent_port"
USUAL = dict(zip(COLUMNS.split(), "127.0.0.1 2 0 10 10 100 1 0 4 0 0 0 0 - 1000 - 0 0 - - 0".split(), strict=True))
HEAD = "1\n# be_id be_name srv_id srv_name ...\n"
CHECKED = "check inter 600s rise 5 fall 7"
AGENT = f"{CHECKED} agent-check agent-port 9 agent-inter 600s"
CONFIG = """
global
 stats socket {directory}/stats level admin
 {globals}
defaults
 mode http
 timeout connect 1s
 timeout client 1s
 timeout server 1s
 load-server-state-from-file {where}
backend first
 server checked 127.0.0.1:9 check inter 600s
backend b1
{words}
"""
Rows = Sequence[tuple[str, dict[str, object]]]

OPERATION: Rows = [
    (f"weight 10 {words}", {"op": op, "admin": admin, "check": 6 if "check" in words else 0, "status": 15, "result": 3})
    for words in ("", "disabled", CHECKED, f"{CHECKED} disabled") for op in range(4) for admin in (0, 1, 4, 5, 8, 9, 12)
]  # fmt: skip
HEALTH: Rows = [(f"weight 10 {CHECKED}", {"op": op, "check": 6, "status": 15, "result": 3, "health": health}) for op in range(4) for health in (0, 2, 5, 7, 11, 99)]
TABLES: dict[str, Rows] = {
    "operation": OPERATION,
    "health": HEALTH,
    "weight": [("weight 10", {"uweight": uweight, "iweight": iweight}) for uweight, iweight in ((5, 10), (0, 10), (256, 10), (257, 10), (5, 11), (-1, 10), ("x", 10))],
    "slowstart": [("weight 10 slowstart 100s", {"op": op, "since": since}) for op in range(4) for since in (0, 50, 200)],
    "checks": [(f"weight 10 {CHECKED}", {"check": check, "admin": admin}) for check in (0, 2, 6, 7, 14, 15, 16) for admin in (0, 1)],
    "agents": [(f"weight 10 {AGENT}", {"check": 6, "agent": agent}) for agent in (0, 2, 6, 18, 22, 30, 32)],
    "flags": [("weight 10", {"admin": admin}) for admin in (2, 3, 16, 24, 32, 36, 40, 64, 72, 96, 128)],
    "ports": [("weight 10", {"port": port}) for port in (0, 999, 65535, 65536, "x", "+5", "-")],
    "addresses of checks": [
        (f"weight 10 {CHECKED}", {"check": 6, "check_port": port, "check_addr": addr})
        for port, addr in ((5, "-"), (0, "127.0.0.3"), (70000, "-"), ("x", "-"), (5, "x"), (0, "::1"))
    ],
    "addresses of agents": [
        (f"weight 10 {AGENT}", {"check": 6, "agent": 22, "agent_port": port, "agent_addr": addr}) for port, addr in ((10, "127.0.0.5"), (0, "-"), ("x", "-"), (9, "x"))
    ],
    "tls": [("weight 10 ssl verify none", {"ssl": ssl}) for ssl in (0, 1, "x")] + [("weight 10", {"ssl": 1})],
    "forced numbers": [("weight 10 id 77", {}), ("weight 10", {"forced_backend": 1}), ("weight 10", {"forced_server": 1}), ("weight 10", {"forced_server": 2})],
    "what cannot be": [("weight 10", {name: value}) for name in COLUMNS.split()[1:13] for value in ("x", 999)],
    "all wrong": [("weight 10", dict.fromkeys(COLUMNS.split()[1:13], "x") | {"port": 70000, "name": "n" * 300})],
    "tracking": [(CHECKED, {"op": 0, "check": 6}), ("track s1", {"op": 0}), ("track s1", {"op": 2}), ("track s1", {"op": 2, "admin": 8}), ("backup", {"op": 0})],
    "tracking what drains": [(CHECKED, {"check": 6, "admin": 8}), ("track s1", {"admin": 16}), ("track s1", {"admin": 0})],
    "tracking what is away": [(CHECKED, {"check": 6, "op": 2, "admin": 1}), ("track s1", {"op": 0, "admin": 2}), ("backup", {"op": 3})],
}

LINE = "3 b1 1 s1 127.0.0.1 2 8 5 10 100 1 0 4 0 0 0 0 - 1001 - 0 0 - - 0\n"
OTHER = LINE.replace("1 s1", "2 s2").replace("1001", "1002")
FILES = {
    "empty": "", "version 2": f"2\n{LINE}", "version 01": f"01\n{LINE}", "version with a blank": f"1 \n{LINE}", "CRLF": HEAD.replace("\n", "\r\n") + LINE,
    "no header": f"1\n{LINE}", "other number": HEAD + LINE.replace("3 b1", "9 b1"), "other server number": HEAD + LINE.replace("1 s1", "9 s1"),
    "other backend": HEAD + LINE.replace("b1", "zz"), "other server": HEAD + LINE.replace("s1", "zz"), "twice": HEAD + LINE + LINE.replace(" 8 5 ", " 0 7 "),
    "short": HEAD + OTHER + "# words\n\n1 2 3\n" + LINE, "nineteen fields": HEAD + " ".join(LINE.split()[:19]) + "\n", "twenty fields": HEAD + " ".join(LINE.split()[:20]) + "\n",
    "more fields": HEAD + LINE[:-1] + " 1 2\n", "cut": HEAD + LINE[:-1], "comment": f"{HEAD}#{LINE}", "blanks": HEAD + "  " + LINE.replace(" ", " \t"),
    "blank lines": f"{HEAD}\n\n{LINE}\n",
}  # fmt: skip


@contextmanager
def started(command: Sequence[str], config: str, directory: Path) -> Iterator[tuple[str, str, Path]]:
    """`show servers state`, `show stat` and where the messages go."""
    (directory / "cfg").write_text(config.replace("{directory}", str(directory)))
    errors = directory / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], stdout=stderr, stderr=stderr)
    try:
        wait_until(lambda: ask(directory, "show info"), process, errors, 20)
        yield ask(directory, "show servers state b1"), ask(directory, "show stat b1 4 -1"), errors
    finally:
        process.kill()
        process.wait()


def ask(directory: Path, line: str) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(str(directory / "stats"))
        one.sendall(line.encode() + b"\n")
        return b"".join(iter(lambda: one.recv(65536), b"")).decode("latin-1")


def seen(command: Sequence[str], config: str, directory: Path) -> tuple[list[list[str]], list[tuple[str, ...]], list[str]]:
    """All that is compared."""
    with started(command, config, directory) as (states, statistics, errors):
        rows = [line.split() for line in states.splitlines()[2:] if line]
        for row in rows:
            row[9] = "now" if abs(int(row[9])) <= 2 else "about 100" if abs(int(row[9]) - 100) <= 2 else f"about {(int(row[9]) + 5) // 10}0"
        shown = [(cells[1], cells[17], cells[18]) for cells in (line.split(",") for line in statistics.splitlines()[1:]) if len(cells) > 18]
        # "first" is only there to be the first to be checked
        said = [line for line in mask(errors.read_text("latin-1")).splitlines() if "[NOTICE]" not in line and "first" not in line]
    return rows, shown, [line.replace(str(directory), "DIR") for line in said]


def both(config: str, tmp_path: Path, files: dict[str, str]) -> list[object]:
    commands = {"theirs": [HAPROXY], "ours": [sys.executable, "-m", "pylb"]}
    for name in commands:
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda item: seen(item[1], config, tmp_path / item[0]), commands.items()))


@pytest.mark.parametrize("name", TABLES)
def test_same_states(name: str, tmp_path: Path) -> None:
    rows = [(words, {**USUAL, "port": 1000 + number, **given}) for number, (words, given) in enumerate(TABLES[name], 1)]
    if "result" not in dict(TABLES[name][0][1]) and any("check " in words for words, _ in rows):
        rows = [(words, {**given, "status": 6, "result": 3}) for words, given in rows]
    text = HEAD + "".join(f"3 b1 {number} s{number} {' '.join(map(str, given.values()))}\n" for number, (_, given) in enumerate(rows, 1))
    words = "".join(f" server s{number} 127.0.0.1:{1000 + number} {words}\n" for number, (words, _) in enumerate(rows, 1))
    config = CONFIG.replace("{globals}", "server-state-file {directory}/states").replace("{where}", "global").replace("{words}", words)
    theirs, ours = both(config, tmp_path, {"states": text})
    assert ours == theirs


@pytest.mark.parametrize("where", ["global", "local"])
@pytest.mark.parametrize("name", FILES)
def test_same_files(name: str, where: str, tmp_path: Path) -> None:
    config = CONFIG.replace("{globals}", "server-state-base {directory}\n server-state-file b1").replace("{where}", where)
    config = config.replace("{words}", " server s1 127.0.0.1:1001 weight 10\n server s2 127.0.0.1:1002 weight 10\n")
    theirs, ours = both(config, tmp_path, {"b1": FILES[name]})
    assert ours == theirs


PLACES = {
    "no file": ("server-state-base {directory}", "local", ""),
    "no base": ("", "local", " server-state-file-name {directory}/named\n"),
    "named": ("server-state-base {directory}", "local", " server-state-file-name named\n"),
    "by backend": ("server-state-base {directory}", "local", " server-state-file-name use-backend-name\n"),
    "a directory": ("server-state-base /", "local", " server-state-file-name tmp\n"),
    "no global file": ("server-state-file /nowhere/states", "global", ""),
    "global unset": ("", "global", ""),
    "none": ("server-state-file {directory}/named", "none", ""),
    "too long": (f"server-state-base /{'x' * 5000}", "local", ""),
}


@pytest.mark.parametrize("name", PLACES)
def test_same_places(name: str, tmp_path: Path) -> None:
    globals_, where, words = PLACES[name]
    config = CONFIG.replace("{globals}", globals_).replace("{where}", where).replace("{words}", f"{words} server s1 127.0.0.1:1001 weight 10\n")
    theirs, ours = both(config, tmp_path, {"named": HEAD + LINE})
    assert ours == theirs


NAMED = [(methods, addr) for methods in ("", "last,libc", "libc,last", "libc", "last", "last,none", "last,127.0.0.8") for addr in ("127.0.0.9", "-")]


@pytest.mark.parametrize(("methods", "addr"), NAMED)
def test_same_addresses_of_names(methods: str, addr: str, tmp_path: Path) -> None:
    """`init-addr last`: the address that the name had. Without any, both refuse to start."""
    server = f" server s1 localhost:1001 weight 10 {f'init-addr {methods}' if methods else ''}\n"
    config = CONFIG.replace("{globals}", "server-state-file {directory}/states").replace("{where}", "global").replace("{words}", server)
    text = HEAD + LINE.replace(" 2 8 ", " 2 0 ").replace("127.0.0.1", addr).replace(" - 1001", " localhost 1001")
    if (methods, addr) == ("last", "-"):
        said = []
        for name, command in (("theirs", [HAPROXY]), ("ours", [sys.executable, "-m", "pylb"])):
            (tmp_path / name).mkdir()
            (tmp_path / name / "states").write_text(text)
            (tmp_path / name / "cfg").write_text(config.replace("{directory}", str(tmp_path / name)))
            result = subprocess.run([*command, "-c", "-f", str(tmp_path / name / "cfg")], capture_output=True, check=False)
            said.append((result.returncode, re.findall(r"config : (.*)", result.stderr.decode().replace(str(tmp_path / name), "DIR"))))
        assert said[0] == said[1]
        assert said[0][0] == 1
        return
    theirs, ours = both(config, tmp_path, {"states": text})
    assert ours == theirs


def test_checking_says_it_too(tmp_path: Path) -> None:
    """`-c` tells what a start would do with the states."""
    said = []
    (tmp_path / "states").write_text(HEAD + LINE + OTHER.replace(" 2 8 ", " 0 0 "))
    words = " server s1 127.0.0.1:1001 weight 10\n server s2 127.0.0.1:1002 weight 10\n"
    config = CONFIG.replace("{globals}", "server-state-file {directory}/states").replace("{where}", "global").replace("{words}", words)
    (tmp_path / "cfg").write_text(config.replace("{directory}", str(tmp_path)))
    for command in ([HAPROXY], [sys.executable, "-m", "pylb"]):
        result = subprocess.run([*command, "-c", "-f", str(tmp_path / "cfg")], capture_output=True, check=False)
        said.append((result.returncode, result.stdout.decode(), re.findall(r"config : (.*)", result.stderr.decode())))
    assert said[1] == said[0]
    assert "remains in forced drain mode" in said[0][2][0]
