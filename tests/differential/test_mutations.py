"""Mutated messages: whatever bytes come, pylb's verdict is HAProxy's, and neither a traceback nor a descriptor nor a wedged connection is left.

The generator is seeded. `PYLB_MUTATIONS` sets how many are played (the default fits continuous integration).
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from oracle import HAPROXY, needs_haproxy
from waiting import hang_up, readable

pytestmark = needs_haproxy
COUNT = int(os.environ.get("PYLB_MUTATIONS", "1500"))
SEED = 26
BATCH = 40  # connections at once
REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nX-Empty:\r\n\r\n",
    b"GET http://a.example/p?q=1#f HTTP/1.1\r\nHost: a.example\r\nCookie: a=b; c=d\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;e=1\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nX: " + b"v" * 60 + b"\r\n\r\n",
    b"HEAD /h HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nX-Folded: a\r\n b\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\nExpect: 100-continue\r\n\r\n",
)
RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;e=1\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno",
    b"HTTP/1.1 302 Found\r\nLocation: /x\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 204 No Content\r\nX: " + b"v" * 60 + b"\r\n\r\n",
)
PIECES = (b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b"0", b"9", b"-1", b";", b",", b"HTTP/1.1", b"chunked", b"Content-Length: 3\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"%00", b"//", b"A" * 300)  # fmt: skip
CONFIG = """global
 nbthread 1
 maxconn 3000
 stats socket {directory}/stats level admin
defaults
 mode http
 log {directory}/log local0
 option httplog
 timeout connect 2s
 timeout client 400ms
 timeout server 400ms
 retries 0
 http-reuse never
frontend fe
 bind fd@{number}
 default_backend be
backend be
 server s1 {origin}
"""


def mutate(source: random.Random, message: bytes) -> bytes:
    """One to three small changes: a byte changed, removed or doubled, a piece inserted, a span cut or repeated, letters in another case."""
    data = bytearray(message)
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        at = source.randrange(len(data)) if data else 0
        kind = source.randrange(8)
        if kind == 0 and data:
            data[at] = source.randrange(256)
        elif kind == 1 and data:
            del data[at]
        elif kind == 2 and data:
            data.insert(at, data[at])
        elif kind == 3:
            data[at:at] = source.choice(PIECES)
        elif kind == 4:
            del data[at : at + source.randrange(1, 6)]
        elif kind == 5:
            data[at:at] = data[at : at + source.randrange(1, 20)]
        elif kind == 6:
            data[at : at + 8] = bytes(data[at : at + 8]).swapcase()
        else:
            lines = bytes(data).split(b"\r\n")
            line = source.randrange(len(lines))
            lines.insert(source.randrange(len(lines) + 1), lines[line])
            data = bytearray(b"\r\n".join(lines))
    return bytes(data)


def mutations(count: int) -> list[tuple[bytes, bytes]]:
    """Pairs of a request and the response it gets; one of them is mutated, two times in three the request."""
    source = random.Random(SEED)
    made = []
    for number in range(count):
        if number % 3:
            made.append((mutate(source, source.choice(REQUESTS)), RESPONSES[0]))
        else:
            made.append((b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number, mutate(source, source.choice(RESPONSES))))
    return made


TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Where HAProxy does not agree with itself, or with anybody: by what the message looks like.
EXCUSED = {
    "names of trailers that are no tokens pass or not, from run to run": re.compile(rb"(?is)transfer-encoding.*\r?\n0+[^\n]*\n(?!\r?\n|(?:" + TOKEN + rb":[^\n]*\n)+\r?\n)"),
}


def excused(pair: tuple[bytes, bytes]) -> bool:
    """Is the verdict on one of the two messages no question of right and wrong?"""
    return any(pattern.search(message) for pattern in EXCUSED.values() for message in pair)


class Origin:
    """Answers any head with the response of the mutation being played (found by the server connection's order of arrival)."""

    def __init__(self, host: str) -> None:
        self.listener = socket.create_server((host, 0), backlog=512)
        self.answers: dict[bytes, bytes] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        seen = b""
        try:
            one.settimeout(3)
            while b"\r\n\r\n" not in seen and (data := one.recv(65536)):
                seen += data
            if seen:
                target = seen.split(b" ", 2)[1]
                one.sendall(self.answers.get(target, RESPONSES[0]))
                while one.recv(65536):
                    pass
        except (OSError, IndexError):
            pass
        finally:
            one.close()


class Program:
    """One load balancer before an origin of its own."""

    def __init__(self, command: list[str], directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.host = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.2"
        self.origin = Origin(self.host)
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(str(directory / "log"))
        self.log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        listener = socket.create_server((self.host, 0), backlog=512)
        self.address = listener.getsockname()
        origin = "%s:%d" % self.origin.listener.getsockname()
        (directory / "cfg").write_text(CONFIG.format(directory=directory, number=listener.fileno(), origin=origin))
        with (directory / "stderr").open("wb") as errors:
            self.process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], pass_fds=[listener.fileno()], stdout=errors, stderr=errors)
        listener.close()
        self.letters: list[str] = []
        threading.Thread(target=self._read_log, daemon=True).start()
        deadline = time.monotonic() + 15
        while not (directory / "stats").exists():
            assert self.process.poll() is None and time.monotonic() < deadline, (directory / "stderr").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        hang_up(self.origin.listener)
        self.log.close()

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def exchange(self, request: bytes) -> tuple[int, bytes, str]:
        """What a client sees: status, all bytes, and how it ended."""
        seen, deadline = b"", time.monotonic() + 3
        with socket.create_connection(self.address) as client:
            client.settimeout(3)
            try:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                while data := client.recv(65536):
                    seen += data
                    if time.monotonic() > deadline:
                        return status(seen), seen, "wedged"
            except TimeoutError:
                return status(seen), seen, "wedged"
            except OSError:
                return status(seen), seen, "reset"
        return status(seen), seen, "closed"

    def play(self, made: list[tuple[bytes, bytes]]) -> list[tuple[int, bytes, str]]:
        outcomes: list[tuple[int, bytes, str]] = []
        for start in range(0, len(made), BATCH):
            batch = made[start : start + BATCH]
            for request, response in batch:
                if response is not RESPONSES[0]:
                    self.origin.answers[request.split(b" ", 2)[1]] = response
            with ThreadPoolExecutor(8) as pool:
                outcomes += pool.map(lambda pair: self.exchange(pair[0]), batch)
        return outcomes

    def _read_log(self) -> None:
        while True:
            try:
                if not readable(self.log, 5):
                    continue
                line = self.log.recv(65536)
            except (OSError, ValueError):
                return
            found = re.search(rb" (\S{4}) \d+/\d+/\d+/\d+/\+?\d+ \d+/\d+ ", line)
            if found:
                self.letters.append(found[1].decode())


def status(data: bytes) -> int:
    """The final status; 0 when there is none."""
    found = re.match(rb"(?:HTTP/1\.\d 1(?!01)\d\d [^\n]*\r\n(?:[^\n]+\r\n)*\r\n)*HTTP/1\.\d (\d+)", data)
    return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Program], list[list[tuple[int, bytes, str]]], list[int]]]:
    directory = tmp_path_factory.mktemp("mutations")
    programs = [Program([HAPROXY], directory / "theirs"), Program([sys.executable, "-m", "pylb"], directory / "ours")]
    try:
        for program in programs:
            program.exchange(REQUESTS[0])
        time.sleep(0.3)
        before = [program.descriptors() for program in programs]
        made = mutations(COUNT)
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda program: program.play(made), programs))
        yield programs, outcomes, before
    finally:
        for program in programs:
            program.stop()


Played = tuple[list[Program], list[list[tuple[int, bytes, str]]], list[int]]


def test_same_verdicts(played: Played) -> None:
    made = mutations(COUNT)
    programs, (theirs, ours), _ = played
    wrong = []
    for pair, one, other in zip(made, theirs, ours, strict=True):
        if excused(pair) or one[0] == other[0] or "wedged" in (one[2], other[2]):
            continue
        again = [program.exchange(pair[0])[0] for program in programs]  # alone: a busy machine makes timeouts
        if again[0] != again[1]:
            wrong.append(f"haproxy {again[0]}, pylb {again[1]}: {pair[0]!r} -> {pair[1]!r}")
    assert not wrong, f"{len(wrong)} of {len(made)}\n" + "\n".join(wrong[:20])


def test_many_are_accepted(played: Played) -> None:
    theirs = played[1][0]
    assert sum(outcome[0] in (200, 204, 302, 404) for outcome in theirs) >= 0.3 * len(theirs)


def test_nothing_is_wedged(played: Played) -> None:
    _, (theirs, ours), _ = played
    assert [number for number, outcome in enumerate(ours) if outcome[2] == "wedged" and theirs[number][2] != "wedged"] == []


def test_no_internal_errors(played: Played) -> None:
    program = played[0][1]
    assert len(program.letters) > COUNT * 0.8  # some mutations are no message at all
    assert [letters for letters in program.letters if letters[0] == "I"] == []
    said = (program.directory / "stderr").read_text("latin-1")
    assert "Traceback" not in said and "bug" not in said, said


def test_no_descriptor_is_left(played: Played) -> None:
    program, before = played[0][1], played[2][1]
    deadline = time.monotonic() + 6
    while program.descriptors() > before + 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert program.descriptors() <= before + 2
    assert program.process.poll() is None
