"""Rings: the same requests logged to rings by haproxy and by pylb; what `show events` says and what log servers get must be the same."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oracle import HAPROXY, needs_haproxy
from waiting import hang_up, readable, wait_until

pytestmark = needs_haproxy
PROGRAMS = ((HAPROXY,), (sys.executable, "-m", "pylb"))
LOGS = ("left", "plain", "short", "big", "small", "cut", "local", "host", "modern", "tagged", "held")
CONFIG = """
global
 nbthread 1
 log-tag haproxy
 stats socket DIR/cli level admin
 log ring@plain local0
ring plain
 description "what happened"
ring short
 maxlen 30
ring big
 size 40000
 maxlen 20000
ring small
 format short
 maxlen 900
ring cut
 format raw
ring local
 format local
 maxlen 60
ring host
 format rfc3164
ring modern
 format rfc5424
ring tagged
 format priority
ring held
 server s1 DIR/nobody
 timeout connect 1s
 timeout server 1s
ring octets
 server s1 DIR/octets log-proto octet-count
 timeout connect 1s
 timeout server 1s
ring left
 server s1 DIR/left
 timeout connect 1s
 timeout server 1s
ring lines
 format iso
 server s1 DIR/lines
 timeout connect 1s
 timeout server 1s
defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 1s
 log-format "%HM %HPO %HQ"
frontend all
 http-request return status 200
 bind fd@LISTENER
 log ring@plain local0
 log ring@buf0 local1
 log ring@short local2
 log ring@big len 30000 local3
 log ring@small len 2000 local3 notice
 log ring@small len 2000 local3 debug crit
 log ring@cut len 100 local4
 log ring@local format iso local4
 log ring@host local5
 log ring@modern local6
 log ring@tagged local7
 log ring@held daemon
 log ring@octets user
 log ring@left daemon
 log ring@lines mail
 log uxst@DIR/implicit local0
 log uxst@DIR/implicit2 len 80 format rfc5424 local0
 log-format-sd '[a@1 b="%HM"]'
"""


class Program:
    """One of the two, with log servers."""

    def __init__(self, command: tuple[str, ...], directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.listening: list[socket.socket] = []
        self.received: dict[str, bytes] = {}
        for name in ("octets", "lines", "implicit", "implicit2"):
            self.serve(name)
        self.serve("left", leaves=True)
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        (directory / "cfg").write_text(CONFIG.replace("DIR", str(directory)).replace("LISTENER", str(listener.fileno())))
        self.errors = directory / "stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], pass_fds=[listener.fileno()], stdout=errors, stderr=errors)
        listener.close()
        self.until(lambda: bool(self.ask("show info")))

    def serve(self, name: str, leaves: bool = False) -> None:
        """A log server that keeps what it gets, or leaves for good after the first bytes."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.directory / name))
        listener.listen(5)
        self.received[name] = b""
        self.listening.append(listener)

        def run() -> None:
            while True:
                try:
                    one, _ = listener.accept()
                except OSError:
                    return
                while data := one.recv(65536):
                    self.received[name] += data
                    if leaves:
                        (self.directory / name).unlink()
                        listener.close()
                        one.close()
                        return

        threading.Thread(target=run, daemon=True).start()

    def until(self, met: Callable[[], bool]) -> None:
        wait_until(met, self.process, self.errors)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for one in self.listening:
            hang_up(one)

    def connect(self) -> socket.socket:
        """A conversation."""
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(5)
        one.connect(str(self.directory / "cli"))
        return one

    def ask(self, line: str) -> str:
        """What the stats socket answers."""
        with self.connect() as one:
            one.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode("latin-1")

    def get(self, *targets: str) -> None:
        """Requests on one connection, each answered."""
        with socket.create_connection(self.address, timeout=5) as client:
            for target in targets:
                client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                data = b""
                while b"\r\n\r\n" not in data:
                    data += client.recv(65536)

    def masked(self, text: str) -> str:
        """Without dates, pids and directories; the file's name is the same."""
        text = text.replace(str(self.directory), "DIR").replace(str(self.process.pid), "PID")
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+\d\d:\d\d", "DATE", text)
        return re.sub(r"\b[A-Z][a-z][a-z] +\d+ \d\d:\d\d:\d\d\b", "DATE", text)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    """Both programs after the same requests."""
    directory = tmp_path_factory.mktemp("rings")
    programs = [Program(command, directory / name) for command, name in zip(PROGRAMS, ("theirs", "ours"), strict=True)]
    for one in programs:
        one.get("/first")
        one.until(lambda one=one: not (one.directory / "left").exists())  # type: ignore[misc]
        time.sleep(0.3)  # until the program has noticed, so that it keeps what that server has not seen
        one.get("/second?" + "x" * 80, *(f"/{number}?{'y' * 950}" for number in range(30)), "/long?" + "z" * 3000)
        one.until(lambda one=one: all(data.count(b"/long") == 1 for name, data in one.received.items() if name != "left"))  # type: ignore[misc]
    yield programs[0], programs[1]
    for one in programs:
        one.stop()


@pytest.mark.parametrize(
    "line",
    [
        "show events",
        *[f"show events {name}" for name in (*LOGS, "buf0", "octets", "ring#1")],
        *["show events nosuch", "show events stdout", "show events plain -n", "show events plain -x", "show events plain -n x", "show events plain x"],
        *["help show events", "show events stderr -w"],
    ],
)
def test_what_is_shown(both: tuple[Program, Program], line: str) -> None:
    theirs, ours = both
    assert ours.masked(ours.ask(line)) == theirs.masked(theirs.ask(line))


@pytest.mark.parametrize("name", ["octets", "lines", "implicit", "implicit2"])
def test_what_servers_get(both: tuple[Program, Program], name: str) -> None:
    theirs, ours = both
    assert ours.masked(ours.received[name].decode()) == theirs.masked(theirs.received[name].decode())


def received(one: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    data = b""
    while not enough(data) and readable(one, 5) and (piece := one.recv(65536)):
        data += piece
    return data


@pytest.mark.parametrize("options", ["-w -n", "-wn", "-nw"])
@pytest.mark.parametrize("last", [b"\n", b"show info\n", None])
def test_waiting_for_events(both: tuple[Program, Program], options: str, last: bytes | None) -> None:
    seen = []
    for program in both:
        with program.connect() as one:
            one.sendall(f"show events short {options}\n".encode())
            time.sleep(0.05)
            program.get("/new1", "/new2")
            data = received(one, lambda data: data.count(b"\n") >= 2)
            one.sendall(last) if last is not None else one.shutdown(socket.SHUT_WR)
            seen.append(data + received(one, lambda data: False))
    assert seen[1] == seen[0]


def test_prompt_and_waiting(both: tuple[Program, Program]) -> None:
    seen = []
    for program in both:
        with program.connect() as one:
            one.sendall(b"prompt\nshow events short -w -n\n")
            time.sleep(0.05)
            program.get("/new3")
            data = received(one, lambda data: b"new3" in data)
            one.sendall(b"\n")
            seen.append(data + received(one, lambda data: False))
    assert seen[1] == seen[0]


@pytest.mark.parametrize("address", ["ring@nosuch", "ring@"])
def test_unknown_rings_are_found_at_start(tmp_path: Path, address: str) -> None:
    path = tmp_path / "cfg"
    path.write_text(
        f"global\n log {address} local0\ndefaults\n timeout client 1s\nfrontend f\n bind {tmp_path}/s\n log global\nfrontend g\n bind {tmp_path}/t\n log {address} local1\n"
    )
    said = []
    for command in PROGRAMS:
        result = subprocess.run([*command, "-db", "-f", str(path)], capture_output=True, text=True, timeout=20, check=False)
        lines = re.sub(r"\(\d+\)", "(PID)", result.stderr).splitlines()
        said.append((result.returncode, [line for line in lines if "NOTICE" not in line]))
    assert said[1] == said[0]


@pytest.mark.parametrize("length", ["", "len 80", "len 81", "len 2000"])
@pytest.mark.parametrize("form", ["", "format raw", "format rfc5424"])
def test_descriptors(tmp_path: Path, length: str, form: str) -> None:
    seen = []
    for number, command in enumerate(PROGRAMS):
        listener = socket.create_server(("127.0.0.1", 0))
        out = (tmp_path / f"out{number}").open("w+b")
        text = (
            f"global\n log-tag haproxy\ndefaults\n timeout client 1s\n mode http\nfrontend f\n bind fd@{listener.fileno()}\n log fd@{out.fileno()} {length} {form} local0\n"
            " http-request return status 200\n log-format %HP%B\n"
        )
        (tmp_path / "cfg").write_text(text)
        process = subprocess.Popen([*command, "-db", "-f", str(tmp_path / "cfg")], pass_fds=[listener.fileno(), out.fileno()], stderr=subprocess.DEVNULL)
        with socket.create_connection(listener.getsockname(), timeout=15) as client:
            client.sendall(b"GET /" + b"y" * 1500 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(65536)
            client.sendall(b"GET /short HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(65536)
        listener.close()
        deadline = time.monotonic() + 10
        while (tmp_path / f"out{number}").read_bytes().count(b"\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.wait()
        out.close()
        lines = (tmp_path / f"out{number}").read_text().replace(str(process.pid), "P" * len(str(process.pid)))
        seen.append([(len(line), re.sub(r"(DATE )|\d{4}-\S+", "DATE", re.sub(r"\w{3} +\d+ \d\d:\d\d:\d\d", "DATE", line))) for line in lines.split("\n")])
    assert seen[1] == seen[0]
