"""A real HAProxy with an origin behind it: every server is an address of 127.0.1.0/24, and the answer says which one was asked."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from oracle import HAPROXY
from waiting import wait_until


def free_ports(count: int) -> list[int]:
    """Ports nobody uses, all different."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Running:
    """HAProxy with `count` frontends' ports, an origin port and a stats socket."""

    def __init__(self, directory: Path, count: int, proxies: Callable[[Running], str]) -> None:
        *self.ports, self.origin = free_ports(count + 1)
        self.socket = str(directory / "socket")
        self.errors = directory / "stderr"
        config = directory / "haproxy.cfg"
        config.write_text(
            f"global\n stats socket {self.socket} level admin\n nbthread 1\n"
            "defaults\n mode http\n timeout client 20s\n timeout server 20s\n timeout connect 5s\n http-reuse always\n"
            f"frontend origin\n bind 0.0.0.0:{self.origin}\n http-request return status 200 content-type text/plain lf-string %[dst]\n" + proxies(self)
        )
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen([HAPROXY, "-db", "-f", str(config)], stderr=errors, stdout=errors)
        wait_until(self._accepts, self.process, self.errors, 5)

    def _accepts(self) -> bool:
        socket.create_connection(("127.0.0.1", self.origin)).close()
        return True

    def command(self, line: str) -> str:
        """What the stats socket answers."""
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(self.socket)
            one.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode()

    def server_lines(self, number: int, weights: list[int], backups: set[int] | frozenset[int] = frozenset(), more: str = "") -> str:
        """The `listen` section number `number` with servers s1, s2, ..."""
        lines = [f" server s{n} 127.0.1.{n}:{self.origin} weight {weight}{' backup' if n in backups else ''}{more}\n" for n, weight in enumerate(weights, 1)]
        return f"listen l{number}\n bind 127.0.0.1:{self.ports[number]}\n" + "".join(lines)


@contextmanager
def running(directory: Path, count: int, proxies: Callable[[Running], str]) -> Iterator[Running]:
    """HAProxy while the block runs. Ports are chosen before they are bound, so losing one to somebody else is answered with other ones."""
    for attempts_left in range(4, -1, -1):
        try:
            one = Running(directory, count, proxies)
            break
        except AssertionError as error:
            if "in use" not in str(error) or not attempts_left:
                raise
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


class Client:
    """One keep-alive connection; requests go out in batches."""

    def __init__(self, port: int, source: str = "127.0.0.1", preface: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), source_address=(source, 0), timeout=10)
        self.file = self.socket.makefile("rb")
        self.preface = preface  # goes out with the first request: alone it would wait for an acknowledgement

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends with a reset: thousands of clients would leave as many ports behind that nobody can bind for a minute."""
        self.file.close()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def servers(self, requests: list[tuple[str, str]]) -> list[int]:
        """The ids of the servers that these requests, targets with header lines, got; 0: none. A refusal ends the connection."""
        ids: list[int] = []
        for start in range(0, len(requests), 50):
            batch = requests[start : start + 50]
            self.socket.sendall(self.preface + "".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n" for target, headers in batch).encode())
            self.preface = b""
            for _ in batch:
                ids.append(self._answer())
                if not ids[-1]:
                    return ids
        return ids

    def _answer(self) -> int:
        status, body = self.answer()
        return int(body.split(b".")[3]) if b" 200 " in status else 0

    def answer(self) -> tuple[bytes, bytes]:
        """The status line and body of the next response."""
        status, length = self.file.readline(), 0
        while (line := self.file.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        return status, self.file.read(length)
