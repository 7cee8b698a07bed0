"""haproxy or pylb with name servers of the test's own: what it logs, and what its commands say."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

from oracle import HAPROXY
from waiting import wait_until

PROGRAMS = ((HAPROXY,), (sys.executable, "-m", "pylb"))

HEAD = """
global
 nbthread 1
 log-tag haproxy
 log {log} local0
 stats socket {directory}/cli level admin
defaults
 log global
 timeout connect 1s
 timeout server 1s
 timeout client 1s
"""
CLIENTS = """
listen clients
 bind fd@{listener}
 server none 127.0.0.1:1
"""


class Program:
    """One of the two, with its log."""

    def __init__(self, command: tuple[str, ...], directory: Path, config: str, clients: str = CLIENTS) -> None:
        directory.mkdir()
        self.directory = directory
        self.log = socket.socket(type=socket.SOCK_DGRAM)
        self.log.bind(("127.0.0.1", 0))
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._collect)
        self._reader.start()
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        head = (HEAD + clients).format(directory=directory, log="{}:{}".format(*self.log.getsockname()), listener=listener.fileno())
        (directory / "cfg").write_text(head + config)
        self.errors = directory / "stderr"
        with self.errors.open("wb") as errors:
            arguments = [*command, "-db", "-f", str(directory / "cfg")]
            self.process = subprocess.Popen(arguments, pass_fds=[listener.fileno()], stdout=errors, stderr=errors)
        listener.close()

    def _collect(self) -> None:
        while data := self.log.recv(65536):
            level, text = re.match(r"<(\d+)>.*?\]: (.*)", data.decode(), re.DOTALL).groups()  # type: ignore[union-attr]
            self.lines.append(f"{level} {text.strip()}")

    def command(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(self.directory / "cli"))
            one.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode()

    def states(self, backend: str) -> list[str]:
        """The state file's lines, without the time since the last change."""
        lines = [line.split() for line in self.command(f"show servers state {backend}").splitlines()[2:]]
        return [" ".join(words[:9] + words[10:]) for words in lines if words]

    def wait(self, met: object) -> None:
        wait_until(met, self.process, self.errors)  # type: ignore[arg-type]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.log.getsockname())
        self._reader.join()
        self.log.close()


def counted(said: str) -> int:
    """Answers that are counted, each in one counter."""
    return sum(int(number) for name, number in re.findall(r"(\w+): +(\d+)", said) if name not in ("sent", "update"))
