"""Starting haproxy or pylb as a process of its own, and talking to it: free ports, polling with a deadline, masked output."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
START = "import sys; sys.argv[0] = 'haproxy'; from pylb.main import entry; entry()"
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PATIENCE = 20.0  # seconds

DEFAULTS = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
"""


def command(name: str) -> list[str]:
    """How the program is started; both are called haproxy."""
    if name == "pylb":
        return [sys.executable, "-c", START]
    if HAPROXY is None:
        pytest.skip("haproxy is not installed")
    return ["haproxy"]


def until(condition: Callable[[], object], what: str = "a condition") -> None:
    """Wait for something that will be so soon."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.01)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def alive(pid: int) -> bool:
    """Does the process exist, and has it not ended?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """The processes that a process has started and not yet buried."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def listens_to(pid: int, number: signal.Signals) -> bool:
    """Has the process a handler for the signal, and does not hold it back?"""
    facts = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Sig"))
    bit = 1 << (number - 1)
    return bool(int(facts["SigCgt"], 16) & bit) and not int(facts["SigBlk"], 16) & bit


def waits_only(pid: int) -> bool:
    """Is this haproxy's master after it has started itself again?"""
    return b"HAPROXY_MWORKER_WAIT_ONLY=1" in Path(f"/proc/{pid}/environ").read_bytes()


class Program:
    """One started program. Its configuration lies in `directory`, its stats socket too."""

    def __init__(
        self, name: str, directory: Path, config: str, *arguments: str, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = (),
        prefix: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        (directory / "cfg").write_text(config)
        self.name, self.directory = name, directory
        self.output = b""
        self.process = subprocess.Popen(
            [*prefix, *command(name), *arguments, "-f", "cfg"], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}, pass_fds=pass_fds,
        )  # fmt: skip
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while piece := os.read(self.process.stdout.fileno(), 65536):
            self.output += piece

    @property
    def pid(self) -> int:
        return self.process.pid

    def serves(self, port: int) -> None:
        """Wait until it listens."""
        until(lambda: connects(port) or self.process.poll() is not None, f"port {port}")
        assert self.process.poll() is None, self.output.decode()

    def says(self, text: str) -> None:
        """Wait until it has printed this."""
        until(lambda: text in self.text() or self.process.poll() is not None, repr(text))
        assert text in self.text()

    def text(self) -> str:
        return self.output.decode("latin-1")

    def worker(self) -> int:
        """The pid of the one worker of a master that is ready; haproxy's starts itself again first, and is deaf meanwhile."""
        self.says("Loading success.")
        until(lambda: listens_to(self.pid, signal.SIGTERM) and (self.name == "pylb" or waits_only(self.pid)), "the master's signals")
        worker = children(self.pid)[0]
        until(lambda: listens_to(worker, signal.SIGUSR1), "the worker's signals")
        return worker

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals | None = None) -> int:
        """The exit status, after a signal if one is given, and when nobody holds its output any more."""
        if number is not None:
            self.tell(number)
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        assert not self.reader.is_alive(), "somebody still holds the output"
        return status

    def masked(self) -> str:
        """What it printed, with pids replaced by the order in which they appear."""
        seen: dict[str, str] = {}
        return re.sub(r"(?<=\()\d+(?=\) (?::|forked|exited))", lambda match: seen.setdefault(match[0], f"PID{len(seen) + 1}"), self.text())

    def kill(self) -> None:
        for pid in [*children(self.pid), self.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def started(name: str, directory: Path, config: str, *arguments: str, **how: Any) -> Iterator[Program]:
    """A program that is gone at the end, whatever happens; `how` is what Program takes beside."""
    program = Program(name, directory, config, *arguments, **how)
    try:
        yield program
    finally:
        program.kill()


def connects(port: int) -> bool:
    """Does somebody listen there?"""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def get(port: int, path: str = "/") -> bytes:
    """The whole answer to a request of HTTP/1.0."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return received(sock)


def ask(path: Path, line: str) -> str:
    """The answer of a command line on a unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        sock.sendall(f"{line}\n".encode())
        sock.shutdown(socket.SHUT_WR)
        return received(sock).decode("latin-1")


def received(sock: socket.socket) -> bytes:
    """Everything up to the end."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data
