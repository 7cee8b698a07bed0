"""A running haproxy between a scripted client and a scripted origin: the oracle of the differential tests of wire/.

All sockets are inherited or unix sockets in a temporary directory, so there is no port to choose. One exchange at a time.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from waiting import hang_up

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

CONFIG = """
global
    stats socket {dir}/stats level admin
    {global_}
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server {wait}
    timeout http-request {wait}
    timeout http-keep-alive 2s
    retries 0
frontend fe
    bind fd@{fd}
    {frontend}
    default_backend be
backend be
    http-reuse never
    {backend}
    server s1 unix@{dir}/origin
"""


@dataclass
class Exchange:
    """What went over the wires of one exchange."""

    client: bytes = b""  # what the client received
    closed: bool = False  # haproxy closed the client's connection
    server: bytes = b""  # what the origin received
    error: tuple[str, int] | None = None  # side and position in `show errors`

    @property
    def status(self) -> int:
        """The last non-interim status the client saw, 0 when there is none."""
        found = re.match(rb"HTTP/1\.\d (\d+)", self.client)
        return int(found[1]) if found else 0


@dataclass
class Origin:
    """Accepts one connection at a time; answers `script` once the end of a request's head has come."""

    listener: socket.socket
    script: bytes = OK
    hang_up: bool = False  # close after the answer
    received: bytes = b""
    idle: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.idle.clear()
            try:
                self._converse(connection)
            except OSError:
                pass
            connection.close()
            self.idle.set()

    def _converse(self, connection: socket.socket) -> None:
        answered = False
        while data := connection.recv(65536):
            self.received += data
            if not answered and b"\r\n\r\n" in self.received:
                answered = True
                connection.sendall(self.script)
                if self.hang_up:
                    connection.shutdown(socket.SHUT_WR)


class Rig:
    """Starts haproxy and talks through it."""

    def __init__(self, frontend: str = "", backend: str = "", global_: str = "", wait: str = "300ms") -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="rig"))
        listener = socket.create_server(("127.0.0.1", 0))
        self.seen = -1
        self.address = listener.getsockname()
        upstream = socket.socket(socket.AF_UNIX)
        upstream.bind(str(self.dir / "origin"))
        upstream.listen(16)
        self.origin = Origin(upstream)
        self.origin.idle.set()
        threading.Thread(target=self.origin.serve, daemon=True).start()
        config = CONFIG.format(dir=self.dir, fd=listener.fileno(), frontend=frontend, backend=backend, global_=global_, wait=wait)
        (self.dir / "cfg").write_text(config)
        self.process = subprocess.Popen(
            [HAPROXY, "-db", "-f", str(self.dir / "cfg")], pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL, stderr=(self.dir / "log").open("wb")
        )
        listener.close()
        self._await_start()

    def _await_start(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                said = (self.dir / "log").read_text()
                self.stop()
                raise RuntimeError(said)
            try:
                self.cli("show info")
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("haproxy does not answer on its stats socket")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        hang_up(self.origin.listener)
        shutil.rmtree(self.dir, ignore_errors=True)

    def cli(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.dir / "stats"))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")

    def exchange(self, sent: bytes, script: bytes = OK, hang_up: bool = False, enough: float = 1.0, half_close: bool = False, errors: bool = False) -> Exchange:
        """Send, gather what comes until haproxy closes or an answer is complete, then leave."""
        self.origin.idle.wait(5)
        self.origin.script, self.origin.hang_up, self.origin.received = script, hang_up, b""
        result = Exchange()
        with socket.create_connection(self.address) as client:
            client.settimeout(enough)
            client.sendall(sent)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            try:
                while not self._complete(result.client, sent):
                    data = client.recv(65536)
                    if not data:
                        result.closed = True
                        break
                    result.client += data
            except TimeoutError:
                pass
            except ConnectionError:
                result.closed = True
        self._settle()
        result.server = self.origin.received
        if errors:
            result.error = self._error()
        return result

    def server_connection_survives(self, sent: bytes, script: bytes) -> bool:
        """Does haproxy keep its connection to the origin after this answer, while the client stays?"""
        self.origin.idle.wait(5)
        self.origin.script, self.origin.hang_up, self.origin.received = script, False, b""
        with socket.create_connection(self.address) as client:
            client.settimeout(2)
            client.sendall(sent)
            client.recv(65536)
            return not self.origin.idle.wait(0.1)

    @staticmethod
    def _complete(data: bytes, sent: bytes) -> bool:
        """Is this the whole of an answer that does not end with the connection?"""
        head, empty, body = data.partition(b"\r\n\r\n")
        if not empty or re.match(rb"HTTP/1\.\d 1", head):
            return False
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        return length is not None and not re.search(rb"connection: close", head) and (sent.startswith(b"HEAD") or len(body) >= int(length[1]))

    def _settle(self) -> None:
        """Wait until the origin's side has ended too."""
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            if self.origin.idle.wait(0.05):
                return

    def _error(self) -> tuple[str, int] | None:
        """The side and position of the last invalid message, when there is a new one."""
        found = re.findall(r"invalid (request|response)\n.*?event #(\d+).*?error at position (\d+)", self.cli("show errors"), re.DOTALL)
        fresh = [each for each in found if int(each[1]) > self.seen]
        self.seen = max([self.seen, *(int(each[1]) for each in fresh)])
        return (fresh[-1][0], int(fresh[-1][2])) if fresh else None
