"""A lab in a process of its own, and the second terminal beside it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 20.0  # seconds that anything may take on a busy machine


def until(ready: Callable[[], object], what: str) -> object:
    """Poll; the first true answer."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        answer = ready()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited too long for {what}")


def pylb(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `pylb ...` to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "pylb", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refuses(host: str, port: int) -> bool:
    """Does nobody listen there?"""
    with socket.socket() as one:
        return one.connect_ex((host, port)) != 0


class Playing:
    """A running lab."""

    def __init__(self, directory: Path, arguments: list[str]) -> None:
        self.directory = directory
        self.output = directory.parent / "output"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with self.output.open("ab") as output:
            command = [sys.executable, "-m", "pylb", "lab", "--directory", str(directory), *arguments]
            self.process = subprocess.Popen(command, cwd=directory.parent, env=environment, stdout=output, stderr=output)

    def order(self, *words: str) -> str:
        """What an order from the second terminal prints; it must succeed."""
        result = pylb("lab", "--directory", str(self.directory), *words)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        return result.stdout

    def ask(self, command: str) -> str:
        """What the load balancer's stats socket answers."""
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(LIMIT)
            one.connect(str(self.directory / "haproxy.sock"))
            one.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode()

    def states(self) -> dict[str, str]:
        """backend/server -> status."""
        try:
            rows = [line.split(",") for line in self.ask("show stat").splitlines()]
        except OSError:
            assert self.process.poll() is None, self.output.read_text()
            return {}
        return {f"{row[0]}/{row[1]}": row[17] for row in rows if len(row) > 17 and row[1].startswith("controller")}

    def wait_for(self, server: str, status: str) -> None:
        until(lambda: self.states().get(server) == status, f"{server} {status}")

    def wait_until_up(self) -> dict[str, str]:
        """Every server UP, and the banner printed."""

        def ready() -> dict[str, str] | None:
            states = self.states()
            return states if states and set(states.values()) == {"UP"} and "Ctrl-C ends the lab" in self.output.read_text() else None

        states = until(ready, "all servers UP")
        assert isinstance(states, dict)
        return states

    def faces(self) -> dict[str, str]:
        """Service -> URL, as the status says."""
        lines = [line.split("  ") for line in self.order("status").splitlines()[1:]]
        parts = [[part.strip() for part in line if part.strip()] for line in lines]
        return {part[0]: part[1] for part in parts}

    def get(self, url: str) -> tuple[bytes, bytes]:
        """Status line and body of a request through the load balancer; over TLS, the certificate must be right."""
        scheme, _, rest = url.partition("://")
        host, _, port = rest.rstrip("/").partition(":")
        with socket.create_connection((host, int(port)), timeout=LIMIT) as plain:
            connection: socket.socket = plain
            if scheme == "https":
                context = ssl.create_default_context(cafile=str(self.directory / "lab.crt"))
                connection = context.wrap_socket(plain, server_hostname=host)
            connection.sendall(b"GET / HTTP/1.1\r\nhost: lab\r\nuser-agent: test\r\nconnection: close\r\n\r\n")
            head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
            connection.close()
            return head.split(b"\r\n")[0], body

    def balancer_pid(self) -> int:
        return int(next(line for line in self.ask("show info").splitlines() if line.startswith("Pid:")).split()[1])

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT)


@contextmanager
def playing(tmp_path: Path, *arguments: str) -> Iterator[Playing]:
    """A lab while the block runs. Paths of unix sockets are short, hence not below tmp_path."""
    with tempfile.TemporaryDirectory(prefix="lab") as short:
        lab = Playing(Path(short) / "lab", list(arguments))
        try:
            yield lab
        finally:
            if lab.process.poll() is None:
                lab.interrupt()
