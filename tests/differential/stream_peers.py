"""Scripted ends of connections: clients that speak, pause, half-close and reset, and origins that do the same from the other side.

A script is a sequence of steps. Bytes are sent. A float waits so many seconds while reading, `Idle` without reading. `ANSWERS(n)` and `Until(text)` wait for
what arrives. BODY (origins) waits for the rest of the request. FIN finishes sending, CLOSE leaves, RST resets, NOTIFY is TLS's close_notify.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from waiting import hang_up

FIN, RST, CLOSE, BODY, NOTIFY = "FIN", "RST", "CLOSE", "BODY", "NOTIFY"
PATIENCE = 4.0


@dataclass(frozen=True)
class Idle:
    """Do not even read."""

    seconds: float


@dataclass(frozen=True)
class Answers:
    """Wait until so many responses are complete."""

    count: int


@dataclass(frozen=True)
class Until:
    """Wait until this text has arrived."""

    text: bytes


@dataclass(frozen=True)
class Size:
    """Wait until so many bytes have arrived."""

    count: int


@dataclass(frozen=True)
class Command:
    """A client's script tells the stats socket this; `{session}`: each of the case's streams, `{f}` and `{b}`: its proxies."""

    line: str


Step = bytes | float | str | Idle | Answers | Until | Size | Command
Script = Sequence[Step]


@dataclass(frozen=True)
class Turns:
    """The first visit gets the first script, and so on; the last one is for all others."""

    scripts: tuple[Script, ...]


def turns(*scripts: Script) -> Turns:
    return Turns(scripts)


Behaviour = Script | Turns


@dataclass
class Seen:
    """One connection as one end saw it."""

    data: bytes = b""
    end: str = "open"  # FIN, RST, open; "ours" when the script ended it
    seconds: float = 0.0  # when it ended, since the connection was made


def await_socket(one: socket.socket, events: int, seconds: float) -> int:
    """Which events came in time (`select` ends at 1,024 descriptors)."""
    poll = select.poll()
    poll.register(one, events)
    found = poll.poll(seconds * 1000)
    return found[0][1] if found else 0


class Pipe:
    """A connected socket, plain or TLS, with what was received on it."""

    def __init__(self, raw: socket.socket, tls: ssl.SSLContext | None = None, server: bool = False) -> None:
        self.raw, self.seen, self.born = raw, Seen(), time.monotonic()
        raw.setblocking(False)
        if raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_side=server, server_hostname=None) if tls is not None else None
        self.over = False
        self.notified = False
        if self.tls is not None:
            self._handshake()

    def _handshake(self) -> None:
        assert self.tls is not None
        deadline = time.monotonic() + PATIENCE
        while not self.over and time.monotonic() < deadline:
            try:
                self.tls.do_handshake()
                self._push(self.outgoing.read())
                self._decrypt()  # the first request may have come with the last message
                return
            except ssl.SSLWantReadError:
                self._push(self.outgoing.read())
                self._read_raw(0.5)
            except ssl.SSLError as error:
                self._push(self.outgoing.read())
                self._end(f"TLS {error.reason}")

    def _end(self, how: str) -> None:
        if not self.over:
            self.over = True
            self.seen.end, self.seen.seconds = how, time.monotonic() - self.born

    def _push(self, data: bytes) -> None:
        """Write all, reading meanwhile what arrives; a peer that takes nothing any more ends the attempt."""
        view, deadline = memoryview(data), time.monotonic() + PATIENCE
        while view and time.monotonic() < deadline:
            try:
                view = view[self.raw.send(view) :]
            except BlockingIOError:
                if await_socket(self.raw, select.POLLOUT if self.over else select.POLLIN | select.POLLOUT, 0.5) & select.POLLIN:
                    self.receive(0)
            except OSError:
                return

    def send(self, data: bytes) -> None:
        if self.tls is None:
            self._push(data)
            return
        try:
            self.tls.write(data)
        except ssl.SSLError:
            return
        self._push(self.outgoing.read())

    def _read_raw(self, seconds: float) -> bool:
        """Take in what is there on the wire; False: nothing came in time, or the end."""
        if self.over or not await_socket(self.raw, select.POLLIN, max(0.0, seconds)):
            return False
        try:
            data = self.raw.recv(262144)
        except BlockingIOError:
            return False
        except OSError:
            self._end("RST")
            return False
        if not data:
            self._end(("notify+" if self.notified else "") + "FIN")
            return False
        if self.tls is None:
            self.seen.data += data
        else:
            self.incoming.write(data)
        return True

    def receive(self, seconds: float) -> bool:
        """Wait at most so long for bytes; False: nothing came, or the end."""
        if not self._read_raw(seconds):
            return False
        self._decrypt()
        return True

    def _decrypt(self) -> None:
        while self.tls is not None:
            try:
                data = self.tls.read(262144)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:
                self.notified = True
                break
            if not data:
                self.notified = True
                break
            self.seen.data += data

    def listen_for(self, seconds: float) -> None:
        """Read for so long, or until the end."""
        deadline = time.monotonic() + seconds
        while not self.over and (left := deadline - time.monotonic()) > 0:
            self.receive(left)

    def await_data(self, complete: object, patience: float = PATIENCE) -> None:
        """Read until a condition holds, the end, or patience ends."""
        deadline = time.monotonic() + patience
        while not complete() and not self.over and (left := deadline - time.monotonic()) > 0:  # type: ignore[operator]
            self.receive(left)

    def finish(self) -> None:
        try:
            self.raw.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def notify(self) -> None:
        assert self.tls is not None
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self._push(self.outgoing.read())

    def close(self, reset: bool = False) -> None:
        """Leave; how it ended stays known if the peer was first."""
        if reset:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end("ours")
        self.raw.close()

    def step(self, step: Step) -> bool:
        """One step that both ends know; False: we left. Bytes for a peer that has closed are not sent."""
        if isinstance(step, bytes):
            if not self.over:
                self.send(step)
        elif isinstance(step, float):
            self.listen_for(step)
        elif isinstance(step, Idle):
            time.sleep(step.seconds)
        elif isinstance(step, Until):
            self.await_data(lambda: step.text in self.seen.data)
        elif isinstance(step, Answers):
            self.await_data(lambda: complete_answers(self.seen.data) >= step.count)
        elif isinstance(step, Size):
            self.await_data(lambda: len(self.seen.data) >= step.count)
        elif step == FIN:
            self.finish()
        elif step == NOTIFY:
            self.notify()
        elif step in (RST, CLOSE):
            self.close(step == RST)
            return False
        else:
            raise ValueError(step)
        return True


class Origin:
    """One server's address: plays a behaviour per request target (HTTP) or per connection (TCP)."""

    def __init__(self, host: str, behaviours: Mapping[bytes, Behaviour], tcp: bool, tls: ssl.SSLContext | None = None, window: int = 0) -> None:
        self.behaviours, self.tcp, self.tls = behaviours, tcp, tls
        self.listener = socket.socket()
        if window:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.listener.bind((host, 0))
        self.listener.listen(128)
        self.pipes: list[Pipe] = []
        self.visits: dict[bytes, int] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return "%s:%d" % self.listener.getsockname()

    def stop(self) -> None:
        hang_up(self.listener)
        for pipe in self.pipes:
            hang_up(pipe.raw)

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            pipe = Pipe(raw, self.tls, server=True)
            self.pipes.append(pipe)
            if self.tcp:
                self._play(pipe, self._script(b"*"), len)
            elif self._play(pipe, self._script(b"hello"), len):
                self._requests(pipe)
            while not pipe.over:
                pipe.receive(5.0)
            pipe.raw.close()
        except (OSError, ValueError):
            pass  # the play is over: our socket was closed

    def _script(self, key: bytes) -> Script:
        behaviour = self.behaviours.get(key, ())
        if isinstance(behaviour, Turns):
            visit = self.visits[key] = self.visits.get(key, -1) + 1
            return behaviour.scripts[min(visit, len(behaviour.scripts) - 1)]
        return behaviour

    def _requests(self, pipe: Pipe) -> None:
        at = 0
        while True:
            pipe.await_data(lambda: b"\r\n\r\n" in pipe.seen.data[at:], 3600)  # noqa: B023
            if pipe.over:
                return
            head = pipe.seen.data[at:].lstrip(b"\r\n").partition(b"\r\n")[0].split(b" ")
            target = head[1] if len(head) > 1 else b""
            key = next((one for one in sorted(self.behaviours, key=len, reverse=True) if one != b"hello" and target.startswith(one)), b"*")
            start = at
            if not self._play(pipe, self._script(key), lambda data: request_end(data, start)):  # noqa: B023
                return
            pipe.await_data(lambda: request_end(pipe.seen.data, start) >= 0, 3600)  # noqa: B023
            at = request_end(pipe.seen.data, start)
            if at < 0:
                return

    @staticmethod
    def _play(pipe: Pipe, script: Script, end: object) -> bool:
        for step in script:
            if step == BODY:
                pipe.await_data(lambda: end(pipe.seen.data) >= 0, 10.0)  # type: ignore[operator]
            elif not pipe.step(step):
                return False
        return True


def request_end(data: bytes, start: int) -> int:
    """Where the request that begins at `start` ends; -1: not yet."""
    at = data.find(b"\r\n\r\n", start)
    if at < 0:
        return -1
    head, body = data[start:at].lower(), at + 4
    if b"transfer-encoding: chunked" in head:
        found = re.compile(rb"(?:^|\r\n)0+\r\n(?:[^\r\n]+\r\n)*\r\n").search(data, max(body - 2, 0))
        return found.end() if found else -1
    length = re.search(rb"\r\ncontent-length: *(\d+)", head)
    end = body + (int(length[1]) if length else 0)
    return end if len(data) >= end else -1


def complete_answers(data: bytes) -> int:
    """How many final responses are whole, as far as their framing says."""
    count = at = 0
    while True:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return count
        head, body = data[at:end].lower(), end + 4
        found = re.match(rb"http/1\.\d (\d+)", head)
        status = int(found[1]) if found else 0
        if 100 <= status < 200 and status != 101:
            at = body
            continue
        length = re.search(rb"\r\ncontent-length: *(\d+)", head)
        if status in (204, 304, 101):
            at = body
        elif b"transfer-encoding: chunked" in head:
            last = re.compile(rb"(?:^|\r\n)0+\r\n(?:[^\r\n]+\r\n)*\r\n").search(data, body - 2)
            if last is None:
                return count
            at = last.end()
        elif length is None or len(data) < body + int(length[1]):
            return count
        else:
            at = body + int(length[1])
        count += 1


@dataclass
class Played:
    """What the ends of one case saw."""

    clients: list[Seen] = field(default_factory=list)
    servers: list[Seen] = field(default_factory=list)


def play_client(
    address: tuple[str, int], script: Script, answers: int, patience: float, linger: float, tls: ssl.SSLContext | None, window: int, command: Callable[[str], None]
) -> Seen:
    """One client's whole life; at its end it waits for its answers, then a little for the end of the connection, then leaves."""
    raw = socket.socket()
    if window:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    script = list(script)
    while script and isinstance(script[0], float):
        time.sleep(script.pop(0))  # type: ignore[arg-type]
    raw.connect(address)
    pipe = Pipe(raw, tls)
    for step in script:
        if isinstance(step, Command):
            command(step.line)
        elif not pipe.step(step):
            return pipe.seen
    if answers:
        pipe.await_data(lambda: complete_answers(pipe.seen.data) >= answers, patience)
    elif patience != PATIENCE:
        pipe.listen_for(patience)
    pipe.listen_for(linger)
    if not pipe.over:
        pipe.seen.seconds = 0.0
        pipe.raw.close()
        pipe.seen.end = "open"
    return pipe.seen
