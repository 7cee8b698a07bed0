"""The same expressions and conditions on the same requests, in HAProxy and in pylb."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pylb.config.model import Config, Place, User, Userlist
from pylb.sample.condition import compile_condition
from pylb.sample.logformat import compile_log_format
from tests.sample import fake
from tests.sample.cases import BODIES, CONDITIONS, FILES, REQUESTS, VALUES

HAPROXY = shutil.which("haproxy")
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
ROWS = [("value", name, text) for name, texts in VALUES.items() for text in texts]
ROWS += [("test", name, text) for name, texts in CONDITIONS.items() for text in texts]
HEAD = """\
defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 1s
userlist ul
 group g1 users user
 group g2
 user user insecure-password pa:ss
frontend f
 bind 127.0.0.1:%d
 http-request wait-for-body time 1s if { req.hdr(content-length) -m found }
"""


def with_files(text: str, folder: Path) -> str:
    for name in FILES:
        text = text.replace(name, str(folder / name))
    return text


def protected(word: str) -> str:
    """A word as the configuration must spell it."""
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


def rules(number: int, kind: str, text: str) -> str:
    """The rules that answer one row."""
    chosen = f"{{ req.hdr(x-case) {number} }}"
    answer = " http-request return status 200 content-type text/plain"
    if kind == "value":
        return f'{answer} lf-string "<%[{protected(text)}]>" if {chosen}\n'
    text = text.replace("\\", "\\\\")
    return f"{answer} string <1> if {chosen} {text}\n{answer} string <0> if {chosen}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Referee:
    """A running HAProxy and a kept-alive connection to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        for name, content in FILES.items():
            (folder / name).write_text(content)
        config = HEAD % self.port + "".join(with_files(rules(number, kind, text), folder) for number, (kind, _, text) in enumerate(ROWS))
        (folder / "haproxy.cfg").write_text(config)
        self.process = subprocess.Popen(
            [HAPROXY or "", "-db", "-f", str(folder / "haproxy.cfg")], stderr=subprocess.PIPE, env={**os.environ, "PYLB_TEST": "from env"}
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    assert self.process.stderr is not None
                    pytest.exit(self.process.stderr.read().decode())
                time.sleep(0.02)

    def ask(self, number: int, name: str) -> tuple[bytes, Any, bytes]:
        """HAProxy's answer to a row, the client's address, and the request as sent."""
        request = REQUESTS[name] + b"X-Case: %d\r\n\r\n" % number + BODIES.get(name, b"")
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(request)
            data, source = b"", client.getsockname()
            while b"\r\n\r\n" not in data:
                piece = client.recv(65536)
                if not piece:
                    break
                data += piece
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0")
            while len(body) < length:
                body += client.recv(65536)
        return body, source, request

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def referee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Referee]:
    running = Referee(tmp_path_factory.mktemp("referee"))
    yield running
    running.stop()


def evaluate(kind: str, text: str, request: bytes, source: Any, port: int, folder: Path) -> bytes:
    """pylb's answer to a row."""
    stream = fake.stream(request, source, ("127.0.0.1", port))
    stream.process.config = Config(userlists={"ul": Userlist("ul", Place("x", 1), {"user": User("user", "pa:ss", True, {"g1"})}, {"g1", "g2"})})
    stream.process.clock.moment = time.time()
    context = fake.context()
    if kind == "value":
        return compile_log_format(f"<%[{text}]>", context)(stream).encode("latin-1")
    return b"<1>" if compile_condition(["if", *text.split()], {}, context)(stream, True) else b"<0>"


@pytest.mark.parametrize(("number", "kind", "name", "text"), [(number, *row) for number, row in enumerate(ROWS)], ids=lambda value: str(value))
def test_same_answer(referee: Referee, monkeypatch: pytest.MonkeyPatch, number: int, kind: str, name: str, text: str) -> None:
    monkeypatch.setenv("PYLB_TEST", "from env")
    theirs, source, request = referee.ask(number, name)
    text = with_files(text, referee.folder)
    ours = evaluate(kind, text, request, source, referee.port, referee.folder)
    assert ours == theirs
