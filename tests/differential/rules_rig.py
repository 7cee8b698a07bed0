"""One program (haproxy or pylb) with a frontend and a backend for each case, between scripted clients and a scripted origin.

All listening sockets are inherited, logs come by datagrams to a unix socket, statistics from the page: no port is chosen. Cases are
played one after the other, so whatever arrives at the origin or in the log belongs to the case being played.
"""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waiting import hang_up, readable, wait_until

HOST = "Host: a.example\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Origin: one\r\n\r\nhello"
COUNTERS = (
    "stot bin bout dreq dresp ereq econ eresp wretr wredis cli_abrt srv_abrt hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other"
    " req_tot lbtot intercepted dcon dses wrew eint conn_tot"
).split()


@dataclass
class Case:
    """One frontend and backend, and what is said to them. A float in `send` is a pause; `answers`: so many responses are awaited."""

    name: str
    front: str = ""
    back: str = ""
    send: Sequence[bytes | float] = ()
    origin: bytes = OK
    tcp: bool = False
    answers: int | None = None
    logs: int | None = None
    hang_up: bool = False  # the origin closes after its answer
    greeting: bytes = b""  # what the origin says first
    patience: float = 1.0
    more: str = ""  # further sections
    count: bool = True  # compare the counters
    log_format: str = ""
    server: str = ""
    listen: bool = False  # one section with both faces
    racy: bool = False  # how it ends, and what the server gets, depends on who is faster


def get(target: str = "/", headers: str = "", method: str = "GET", version: str = "1.1", body: str = "") -> bytes:
    """A request."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/{version}\r\n{HOST}{headers}{length}\r\n{body}".encode("latin-1")


def each(prefix: str, front: str, *targets: str) -> Case:
    """The same rules asked for several targets on one connection."""
    return Case(prefix, front, send=[get(target) for target in targets])


def head(status: str, headers: str = "", body: str = "") -> bytes:
    """A response."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1")


@dataclass
class Outcome:
    """What could be seen of one case."""

    client: bytes = b""
    closed: str = ""
    server: list[bytes] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    counters: dict[str, dict[str, str]] = field(default_factory=dict)


class Origin:
    """Answers each request head (in TCP cases: the first bytes) with the script of the case being played."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.case: Case | None = None
        self.received: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        case = self.case
        number, pending = -1, b""
        try:
            if case is not None and case.greeting:
                connection.sendall(case.greeting)
            while data := connection.recv(65536):
                if number < 0 or self.case is not case:
                    case, number = self.case, len(self.received)
                    self.received.append(b"")
                self.received[number] += data
                pending += data
                while case is not None and case.origin and (case.tcp or b"\r\n\r\n" in pending):
                    pending = b"" if case.tcp else self._after_request(pending, connection)
                    connection.sendall(case.origin)
                    if case.hang_up:
                        connection.shutdown(socket.SHUT_RDWR)
                        return
                    if not pending or b"\r\n\r\n" not in pending:
                        break
        except OSError:
            pass
        finally:
            connection.close()

    def _after_request(self, pending: bytes, connection: socket.socket) -> bytes:
        """What follows the first request with its body."""
        head, _, rest = pending.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        return rest[int(length[1]) :] if length else (b"" if b"chunked" in head else rest)


class Rig:
    """Starts the program with all cases and plays them."""

    def __init__(self, command: Sequence[str], cases: Sequence[Case], directory: Path) -> None:
        directory.mkdir()
        self.cases, self.directory = cases, directory
        host = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.1"  # whoever guesses ports guesses them at 127.0.0.1
        self.listeners = [socket.create_server((host, 0)) for _ in range(len(cases) + 1)]
        self.origin = Origin(directory / "origin")
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(str(directory / "log"))
        self.log.settimeout(1)
        (directory / "cfg").write_text(self.config())
        self.errors = directory / "stderr"
        fds = [one.fileno() for one in self.listeners]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], pass_fds=fds, stdout=errors, stderr=errors)
        self.addresses = [one.getsockname() for one in self.listeners]
        for one in self.listeners:
            one.close()
        self.await_start()

    def config(self) -> str:
        """All sections."""
        text = (
            f"global\n nbthread 1\n expose-experimental-directives\n log-tag haproxy\n log {self.directory}/log len 8192 local0\n"
            "defaults named\n mode http\n log global\n option httplog\n timeout connect 2s\n timeout client 2s\n timeout server 2s\n"
            " timeout tarpit 60ms\n retries 0\n http-reuse never\n"
            f"frontend page\n bind fd@{self.listeners[-1].fileno()}\n stats enable\n stats uri /s\n no log\n"
            " http-request return status 200 content-type text/plain lf-string %[src],%[src_port] if { path /src } { src_port 20567:20570 }\n"
            " http-request return status 200 content-type text/plain lf-string %[src] if { path /src }\n"
        )
        for case, listener in zip(self.cases, self.listeners, strict=False):
            style = " mode tcp\n option tcplog\n" if case.tcp else ""
            style += f" log-format {case.log_format}\n" if case.log_format else ""
            front, back = lines(case.front), lines(case.back)
            kind = "listen" if case.listen else "frontend"
            text += f"{kind} {case.name}\n{style} bind fd@{listener.fileno()}\n{front}"
            if not case.listen:
                text += f" default_backend be_{case.name}\nbackend be_{case.name}\n" + (" mode tcp\n" if case.tcp else "")
            text += f"{back} server s1 unix@{self.directory}/origin {case.server}\n{case.more}"
        host, port = self.listeners[-1].getsockname()
        return text.replace("DIR/", f"{self.directory.parent}/").replace("LOG_SOCKET", f"{self.directory}/log").replace("PAGE_HOST", host).replace("PAGE_PORT", str(port))

    def await_start(self) -> None:
        wait_until(self.statistics, self.process, self.errors)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        hang_up(self.origin.listener)
        self.log.close()

    def statistics(self) -> dict[tuple[str, str], dict[str, str]]:
        with socket.create_connection(self.addresses[-1], timeout=3) as client:
            client.sendall(b"GET /s;csv HTTP/1.0\r\n\r\n")
            head, _, body = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")
        text = (dechunked(body) if b"chunked" in head else body).decode("latin-1")
        if not text.startswith("# pxname"):
            raise OSError(text)
        return {(row["# pxname"], row["svname"]): row for row in csv.DictReader(io.StringIO(text))}

    def play(self) -> dict[str, Outcome]:
        """All cases in turn, then their counters."""
        outcomes = {case.name: self.play_one(case, self.addresses[at]) for at, case in enumerate(self.cases)}
        time.sleep(0.05)
        rows = self.statistics()
        for case in self.cases:
            back = case.name if case.listen else f"be_{case.name}"
            for row in ((case.name, "FRONTEND"), (back, "s1"), (back, "BACKEND")):
                if case.count and not case.racy:
                    outcomes[case.name].counters[row[1]] = {name: rows[row].get(name, "") for name in COUNTERS}
        return outcomes

    def play_one(self, case: Case, address: tuple[str, int]) -> Outcome:
        self.drain()
        self.origin.case, self.origin.received = case, []
        outcome = Outcome()
        wanted = case.answers if case.answers is not None else sum(1 for item in case.send if isinstance(item, bytes))
        with socket.create_connection(address) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, item in enumerate(case.send):
                if isinstance(item, float):
                    self.receive(client, outcome, item, 10**6)
                    continue
                try:
                    client.sendall(item)
                except OSError:
                    break
                if not case.tcp and number < len(case.send) - 1 and isinstance(case.send[number + 1], bytes):
                    self.receive(client, outcome, case.patience, sum(1 for one in case.send[: number + 1] if isinstance(one, bytes)))
                    self.take_logs(outcome)
            self.receive(client, outcome, case.patience, wanted)
        self.collect_logs(case, outcome, wanted)
        if case.racy:
            outcome.closed = ""
            time.sleep(0.03)
        else:
            outcome.server = [one for one in self.origin.received if one]
        return outcome

    def receive(self, client: socket.socket, outcome: Outcome, patience: float, wanted: int) -> None:
        """Read until so many responses are complete, the end, or patience ends."""
        deadline = time.monotonic() + patience
        while not outcome.closed and complete(outcome.client) < wanted:
            ready = readable(client, deadline - time.monotonic())
            if not ready:
                return
            try:
                data = client.recv(65536)
            except OSError:
                outcome.closed = "reset"
                return
            outcome.client += data
            if not data:
                outcome.closed = "fin"

    def collect_logs(self, case: Case, outcome: Outcome, wanted: int) -> None:
        expected = case.logs if case.logs is not None else max(1, wanted)
        while len(outcome.logs) < expected:
            try:
                outcome.logs.append(mask(self.log.recv(65536).decode("latin-1")))
            except TimeoutError:
                return

    def take_logs(self, outcome: Outcome) -> None:
        """What has come so far: a unix socket queues no more than ten messages."""
        while readable(self.log, 0):
            outcome.logs.append(mask(self.log.recv(65536).decode("latin-1")))

    def drain(self) -> None:
        """Forget log lines that nobody waited for."""
        while readable(self.log, 0):
            self.log.recv(65536)


def dechunked(data: bytes) -> bytes:
    """A chunked body's payload."""
    pieces = []
    while data:
        size, _, data = data.partition(b"\r\n")
        pieces.append(data[: int(size, 16)])
        data = data[int(size, 16) + 2 :]
    return b"".join(pieces)


def lines(text: str) -> str:
    """Lines of a section, indented."""
    return "".join(f" {line.strip()}\n" for line in text.splitlines() if line.strip())


def complete(data: bytes) -> int:
    """How many final responses are whole, as far as their length is announced."""
    count = 0
    while True:
        head, empty, rest = data.partition(b"\r\n\r\n")
        if not empty:
            return count
        if re.match(rb"HTTP/1\.\d 1\d\d", head):
            data = rest
            continue
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        if length is None or len(rest) < int(length[1]) or re.search(rb"\r\nconnection: close", head):
            return count
        data = rest[int(length[1]) :]
        count += 1


def mask(line: str) -> str:
    """A log line without what differs from run to run: pid, dates, ports, measured times."""
    line = re.sub(r"^<(\d+)>\w+ +\d+ [\d:]+ \S+\[\d+\]: ", r"<\1>", line)
    line = re.sub(r"\[\d+/\w+/\d+:[\d:.]+\]", "[DATE]", line)
    line = re.sub(r"^(<\d+>)?127\.0\.0\.1:\d+", r"\g<1>CLIENT", line)
    line = re.sub(r"^(<\d+>\S+) \[", r"\1 [", line)

    def timers(found: re.Match[str]) -> str:
        return "/".join(one if one == "-1" else "N" for one in found[0].split("/"))

    return re.sub(r"(?<= )-?\d+/-?\d+/-?\d+(?:/-?\d+/\+?\d+)?(?= )", timers, line, count=1)
