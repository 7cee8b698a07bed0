"""Stick tables: the same requests and the same commands to haproxy and to pylb; answers, dumps and messages must be the same."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import HAPROXY, body, mask, needs_haproxy
from table_cases import BASE, CONFIG, LINES, PLAYS, SECTIONS, STICK_LINES, TABLE_LINES, TARGETS

pytestmark = needs_haproxy
PYLB = (sys.executable, "-m", "pylb")
COUNT = len(TARGETS)


class Program:
    """One of the two, with one listening socket for each section of CONFIG and a stats socket."""

    def __init__(self, command: tuple[str, ...], directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        host = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.2"
        listeners = [socket.create_server((host, 0)) for _ in range(COUNT)]
        self.addresses = dict(zip(TARGETS, (one.getsockname() for one in listeners), strict=True))
        text = CONFIG.replace("DIR", str(directory))
        for name, one in zip(TARGETS, listeners, strict=True):
            text = text.replace(f"FD_{name}\n", f"fd@{one.fileno()}\n")
        (directory / "cfg").write_text(text)
        self.errors = directory / "stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, "-db", "-f", str(directory / "cfg")], pass_fds=[one.fileno() for one in listeners], stdout=errors, stderr=errors
            )
        for one in listeners:
            one.close()
        self.await_start()

    def await_start(self) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.command("show info"):
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise AssertionError(self.errors.read_text("latin-1"))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def command(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(5)
            one.connect(str(self.directory / "stats"))
            one.sendall(line.encode("latin-1") + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode("latin-1")

    def play(self, steps: tuple[str | bytes | float, ...]) -> list[str]:
        """Commands begin with ``>``, requests name the section and the target, bytes go as they are to the last section."""
        seen: list[str] = []
        clients: dict[str, socket.socket] = {}
        for step in steps:
            if isinstance(step, float):
                time.sleep(step)
            elif isinstance(step, bytes):
                name, _, data = step.partition(b" ")
                seen.append(self.raw(name.decode(), data, clients))
            elif step.startswith(">"):
                self.settle(clients)
                seen.append(step + "\n" + shown(self.command(step[1:])))
            elif step == "close":
                close(clients)
            else:
                name, target, *more = step.split(" ", 2)
                headers = "".join(f"{line}\r\n" for line in more[0].split("|")) if more else ""
                seen.append(f"{step}: " + self.raw(name, f"GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode("latin-1"), clients))
        close(clients)
        return [one.replace(str(self.directory), "DIR") for one in seen]

    def settle(self, clients: dict[str, socket.socket]) -> None:
        """Let the program notice what has been closed."""
        time.sleep(0.03)

    def raw(self, name: str, data: bytes, clients: dict[str, socket.socket]) -> str:
        """Send bytes on the kept connection to a section; what comes back, in short."""
        client = clients.get(name)
        if client is None:
            client = clients[name] = socket.create_connection(self.addresses[name], timeout=2)
        try:
            client.sendall(data)
            if not data:
                return ""
            answer = receive(client)
        except OSError as error:
            return type(error).__name__
        if not answer or b"onnection: close" in answer:
            clients.pop(name).close()
        if not answer.startswith(b"HTTP"):
            return answer.decode("latin-1")
        if b"# HELP" in answer:
            return "\n".join(line for line in answer.decode("latin-1").split("\n") if "sticktable" in line)
        head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        return re.sub("599[0-9]{3}|600000", "N", " ".join([head[0].split(" ")[1], *[line for line in head if line.startswith("x-")]]))


def receive(client: socket.socket) -> bytes:
    """One response, or the end."""
    data = b""
    while True:
        piece = client.recv(65536)
        data += piece
        head, end, rest = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        whole = rest.endswith(b"0\r\n\r\n") if b"ransfer-encoding: chunked" in head else len(rest) >= int(length[1] if length else 0)
        if not piece or (end and whole) or not data.startswith(b"HTTP"):
            return data


def close(clients: dict[str, socket.socket]) -> None:
    for one in clients.values():
        one.close()
    clients.clear()


def shown(text: str) -> str:
    """An answer without addresses of entries and without the milliseconds."""
    text = re.sub(r"0x[0-9a-f]+: ", "ENTRY: ", text)
    return re.sub(r"exp=[1-9]\d*", "exp=N", text)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    directory = tmp_path_factory.mktemp("t")
    made: list[Program] = []
    try:
        made.append(Program((HAPROXY,), directory / "h"))
        made.append(Program(PYLB, directory / "p"))
        yield made[0], made[1]
    finally:
        for one in made:
            one.stop()


@pytest.mark.parametrize("name", PLAYS)
def test_tables_act_alike(programs: tuple[Program, Program], name: str) -> None:
    theirs, ours = (one.play(PLAYS[name]) for one in programs)
    for table in ("a", "arr", "bin", "str", "six", "none", "int"):
        for one in programs:
            one.command(f"clear table {table}")
    assert ours == theirs
    assert "pylb bug" not in programs[1].errors.read_text("latin-1")


# -- messages about configurations

SNIPPETS = [
    *((line, "tables") for line in TABLE_LINES),
    *((line, "rules") for line in LINES),
    *((line, "stick") for line in STICK_LINES),
    *((text, "sections") for text in SECTIONS),
]


def around(line: str, kind: str) -> str:
    """A whole configuration."""
    text = "global\n stats socket /nonexistent/s\ndefaults d\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
    if kind == "sections":
        return "global\n stats socket /nonexistent/s\n" + line
    if kind == "tables":
        return text + f"backend b\n {line}\n"
    head = "backend b\n" if kind == "stick" else "listen b\n bind 127.0.0.1:1\n"
    return text + f"{head} {line}\n server s 127.0.0.1:2\n{BASE}"


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """What both say of each snippet; pylb reads them all in one process."""
    directory = tmp_path_factory.mktemp("c")
    theirs = {}
    for number, (line, kind) in enumerate(SNIPPETS):
        path = directory / f"{number}.cfg"
        path.write_text(around(line, kind))
        result = subprocess.run([HAPROXY, "-c", "-f", str(path)], capture_output=True, text=True, check=False)
        theirs[line, kind] = [*body(mask(result.stderr)), str(result.returncode)]
    asked = subprocess.run([sys.executable, "-c", READER, str(directory), str(len(SNIPPETS))], capture_output=True, text=True, check=True)
    ours = [part.split("\n") for part in asked.stderr.split("\0")]
    return {snippet: (theirs[snippet], body(mask("\n".join(ours[number])))) for number, snippet in enumerate(SNIPPETS)}


READER = """
import sys
from pylb import keywords
keywords.load()
from pylb.config.report import Report
from pylb.config.sections import read_config
for number in range(int(sys.argv[2])):
    config = read_config([f"{sys.argv[1]}/{number}.cfg"], Report(), {})
    print(int(config is None), end="\\0", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize(("line", "kind"), SNIPPETS)
def test_messages_are_the_same(verdicts: dict[tuple[str, str], tuple[list[str], list[str]]], line: str, kind: str) -> None:
    theirs, ours = verdicts[line, kind]
    assert ours == theirs
