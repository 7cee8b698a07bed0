"""`show sess`: streams brought to the same states in haproxy and in pylb; all lines about them must be the same, but for addresses."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import make_bundle
from oracle import HAPROXY, needs_haproxy
from waiting import hang_up, wait_until

pytestmark = needs_haproxy
PROGRAMS = ((HAPROXY,), (sys.executable, "-m", "pylb"))
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: ws\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class State:
    """A stream in a frontend of its own: what the client sends, then what the server does."""

    name: str
    request: bytes
    response: bytes = b""
    front: str = ""
    back: str = ""
    tcp: bool = False
    before: bytes = b""  # on a connection of its own, to take the server
    half: bool = False  # the client has said all
    deaf: bool = False  # the server does not accept


def post(path: str, framing: str, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode() + body


STATES = [
    State("waiting", GET),
    State("answered", GET, OK + b"Content-Length: 1000\r\n\r\nabc"),
    State("chunked", GET, OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    State("until_close", GET, OK + b"\r\nabc"),
    State("old", b"GET /x HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    State("upgrade", b"GET /x HTTP/1.1\r\nHost: a\r\n" + UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE + b"abc"),
    State("upload", post("/x", "Content-Length: 100", b"abc")),
    State("chunked_upload", post("/x", "Transfer-Encoding: chunked", b"3\r\nabc\r\n")),
    State("head", GET.replace(b"GET", b"HEAD")),
    State("put", post("/x", "Content-Length: 3", b"abc").replace(b"POST", b"PUT")),
    State("rules", post("/x", "Content-Length: 100", b"abc"), front="http-request wait-for-body time 20s"),
    State("tarpit", GET, front="timeout tarpit 15s\n http-request tarpit"),
    State("tls", GET, front="TLS"),
    State("queue", GET, back="maxconn 1", before=GET),
    State("connect", GET, deaf=True),
    State("tcp_connect", b"abc", deaf=True, tcp=True),
    State("inspect", b"abc", front="tcp-request inspect-delay 20s\n tcp-request content accept if { req.len gt 1000 }", tcp=True),
    State("relay", b"hello", tcp=True),
    State("half", b"hello", tcp=True, half=True),
    State("listen_named", GET, front="NAMED"),
]


class Program:
    """One of the two, with a server that does what the state wants."""

    def __init__(self, command: tuple[str, ...], directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        make_bundle(directory / "cert.pem", ["x"])
        self.accepted: list[socket.socket] = []
        self.kept: list[socket.socket] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()
        self.fill_deaf()
        self.listeners = {state.name: socket.create_server(("127.0.0.1", 0)) for state in STATES}
        self.addresses = {name: one.getsockname() for name, one in self.listeners.items()}
        (directory / "cfg").write_text(self.config())
        fds = [one.fileno() for one in self.listeners.values()]
        self.errors = directory / "stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], pass_fds=fds, stdout=errors, stderr=errors)
        for one in self.listeners.values():
            one.close()
        self.until(lambda: bool(self.ask("show info")))

    def accept(self) -> None:
        while True:
            try:
                self.accepted.append(self.server.accept()[0])
            except OSError:
                return

    def fill_deaf(self) -> None:
        """A listener whose queue is full: connections to it stay under way."""
        self.deaf = socket.socket()
        self.deaf.bind(("127.0.0.1", 0))
        self.deaf.listen(0)
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.deaf.getsockname())
            self.kept.append(one)

    def config(self) -> str:
        text = f"global\n nbthread 1\n stats socket {self.directory}/cli level admin\n"
        text += "defaults\n timeout client 50s\n timeout server 40s\n timeout connect 25s\n timeout queue 30s\n mode http\n"
        for state in STATES:
            words = {"TLS": f" ssl crt {self.directory}/cert.pem", "NAMED": " name here"}.get(state.front, "")
            front = "" if words else f" {state.front}\n"
            mode = " mode tcp\n" if state.tcp else ""
            port = (self.deaf if state.deaf else self.server).getsockname()[1]
            text += f"frontend {state.name}\n{mode} bind fd@{self.listeners[state.name].fileno()}{words}\n{front} default_backend b_{state.name}\n"
            text += f"backend b_{state.name}\n{mode} server s1 127.0.0.1:{port} {state.back}\n"
        return text

    def until(self, met: Callable[[], bool]) -> None:
        wait_until(met, self.process, self.errors)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        hang_up(self.server)
        self.deaf.close()

    def ask(self, line: str) -> str:
        """What the stats socket answers."""
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(5)
            one.connect(str(self.directory / "cli"))
            one.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode("latin-1")

    def enter(self, state: State) -> None:
        """Bring a stream there."""
        if state.before:
            self.send(state, state.before)
        reached = len(self.accepted)
        client = self.send(state, state.request)
        served = not (state.deaf or state.back or state.name in ("rules", "tarpit", "inspect"))
        if served:
            self.until(lambda: len(self.accepted) > reached)
        if state.response:
            self.accepted[-1].sendall(state.response)
            client.recv(65536)
        if state.half:
            self.accepted[-1].recv(65536)
            client.shutdown(socket.SHUT_WR)
            self.accepted[-1].recv(65536)
        time.sleep(0.1)

    def send(self, state: State, data: bytes) -> socket.socket:
        client = socket.create_connection(self.addresses[state.name])
        if state.front == "TLS":
            import ssl

            client = ssl._create_unverified_context().wrap_socket(client)
        self.kept.append(client)
        client.sendall(data)
        return client

    def about(self, name: str, command: str) -> str:
        """What is said of the last stream in a frontend."""
        pieces = re.split(r"(?m)^(?=0x)", self.ask(command))
        return masked([piece for piece in pieces if f"frontend={name} " in piece or f" fe={name} " in piece][-1])


def masked(text: str) -> str:
    """Without what differs from run to run: addresses, dates, descriptors, and how often a task ran."""
    text = re.sub(r"0x[0-9a-f]{9,}", "PTR", text)
    text = re.sub(r"\[\d\d/\w+/\d{4}[^\]]*\]", "[DATE]", text)
    text = re.sub(r" addr=unix:1$| addr=127\.0\.0\.1:\d+", " addr=ADDR", text, flags=re.MULTILINE)  # while it connects, pylb cannot tell from where
    text = re.sub(r"127\.0\.0\.1:\d+", "ADDR", text)
    text = re.sub(r"\[[^\]]*/cfg:", "[cfg:", text)
    return re.sub(r"\b(fd|fd\.state|calls|rate|id|age|epoch)=\S+", r"\1=N", text)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    directory = tmp_path_factory.mktemp("sessions")
    programs = [Program(command, directory / name) for command, name in zip(PROGRAMS, ("theirs", "ours"), strict=True)]
    for state in STATES:
        for program in programs:
            program.enter(state)
    yield programs[0], programs[1]
    for program in programs:
        program.stop()


@pytest.mark.parametrize("command", ["show sess", "show sess all"])
@pytest.mark.parametrize("name", [state.name for state in STATES])
def test_same_lines(both: tuple[Program, Program], name: str, command: str) -> None:
    theirs, ours = both
    found, expected = ours.about(name, command), theirs.about(name, command)
    seconds = [[int(number) for number in re.findall(r"\b(\d+)s\b", text)] for text in (found, expected)]
    assert re.sub(r"\b\d+s\b", "TIME", found) == re.sub(r"\b\d+s\b", "TIME", expected)
    assert seconds[0] == pytest.approx(seconds[1], abs=3)


def test_one_stream(both: tuple[Program, Program]) -> None:
    said = []
    for program in both:
        line = next(line for line in program.ask("show sess").splitlines() if " fe=relay " in line)
        said.append(masked(program.ask(f"show sess {line.partition(':')[0]}")))
    assert re.sub(r"\b\d+s\b", "TIME", said[1]) == re.sub(r"\b\d+s\b", "TIME", said[0])


def test_no_such_stream(both: tuple[Program, Program]) -> None:
    assert both[1].ask("show sess 0x1") == both[0].ask("show sess 0x1")
    names = [re.findall(r" fe=(\S+) ", program.ask("show sess 0")) for program in both]
    assert names[1] == names[0]


def test_the_conversation_itself(both: tuple[Program, Program]) -> None:
    said = [masked(re.split(r"(?m)^(?=0x)", program.ask("show sess all"))[-1]).partition("  req=")[0] for program in both]  # buffers come and go
    assert re.sub(r" exp=\S+", "", said[1]) == re.sub(r" exp=\S+", "", said[0])
