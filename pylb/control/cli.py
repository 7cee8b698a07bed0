"""The stats socket: listeners, and the protocol of its connections (management.txt 9.3; framing as observed).

Commands end at a newline or at a semicolon; a backslash protects the next character. A command whose last characters are `<<` has a payload: the lines up
to an empty one. Without `prompt` a connection answers all it has received, then closes; text without its newline waits for more and is dropped when
the peer finishes. Every answer is followed by an empty line, with `prompt` by the prompt.

Answers leave as the client reads them: a connection that is not read stops producing, and one that produces much works in turns (`base.turns`).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, cast

from pylb.base.net import ListenOptions
from pylb.base.timers import NEVER, Deadline
from pylb.control.interpreter import Cli
from pylb.control.registry import Level

if TYPE_CHECKING:
    from pylb.config import model
    from pylb.proxy.process import Process

FIRST = 0.0005  # seconds of work when something has come: enough for most answers, little for many clients at once
TURN = 0.002  # seconds of work in a turn
PIECE = 16384  # characters gathered before they are written
COMMAND_END = re.compile(rb"(?:[^\\;\n]|\\.)*?[;\n]", re.DOTALL)
PROMPT, END, MORE = "\n> ", "\n", "+ "


class CliListener:
    """One `stats socket`. `number` counts them from 1, as `show cli sockets` and the session list do."""

    def __init__(self, process: Process, settings: model.StatsSocket, number: int) -> None:
        self.process, self.settings, self.number = process, settings, number
        self.connections: set[Connection] = set()
        self.ended = False
        bind = settings.bind
        options = ListenOptions(backlog=bind.backlog or process.config.global_.stats_maxconn, mode=bind.mode, uid=bind.uid, gid=bind.gid, v6only=bind.v6only)
        self.listening = process.net.listen(bind.address.endpoint(), lambda: Connection(self), options)

    @property
    def maxconn(self) -> int:
        """How many connections all stats sockets may have (`stats maxconn`), or this one alone (`maxconn`)."""
        return self.settings.bind.maxconn or self.process.config.global_.stats_maxconn

    def opened(self, connection: Connection) -> None:
        """A connection was accepted: count it, and accept no more when there are too many."""
        self.connections.add(connection)
        counters = self.process.counters
        counters.connections_total += 1
        counters.requests_total += 1
        counters.cli_connections += 1
        if len(self.connections) >= self.maxconn:
            self.listening.pause()

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        self.process.counters.cli_connections -= 1
        if not self.ended and len(self.connections) < self.maxconn:
            self.listening.resume()

    def close(self) -> None:
        """Stop listening and end the conversations."""
        self.ended = True
        self.listening.close()
        for connection in list(self.connections):
            connection.abort()


class Connection(asyncio.Protocol):
    """One client of the stats socket."""

    def __init__(self, listener: CliListener) -> None:
        settings, process = listener.settings, listener.process
        self.listener = listener
        self.loop = process.loop
        level = Level[settings.bind.level.upper()]
        self.cli = Cli(process, level, settings.bind.severity_output, process.config.global_.stats_timeout / 1000)
        self.cli.number = listener.number
        self.cli.more = self.go_on_waiting
        self.limit = process.config.global_.bufsize
        self.transport: asyncio.Transport | None = None
        self.received = bytearray()
        self.pieces: Iterator[str | None] | None = None  # the rest of the answer being sent
        self.waiting = False  # for more of the answer to happen; whatever the client says ends it
        self.command = ""  # the one that waits for its payload
        self.payload: list[str] | None = None
        self.answered = self.peer_done = self.paused = self.scheduled = False
        self.deadline = Deadline(self.loop, self.abort)

    # -- events of the transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.listener.opened(self)
        self.touch()

    def data_received(self, data: bytes) -> None:
        self.touch()
        if self.waiting:
            self.stop_waiting("")
            return
        self.received += data
        self.advance()

    def eof_received(self) -> bool:
        self.peer_done = True
        if self.waiting:
            self.stop_waiting(END)
            return True
        self.advance()
        return True

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.touch()
        self.advance()

    def stop_waiting(self, last: str) -> None:
        """The client has seen enough: its last words are not looked at, and the conversation is over."""
        self.waiting = False
        assert self.transport is not None
        self.say(last)
        self.transport.close()

    def go_on_waiting(self) -> None:
        """There is more to say."""
        if self.waiting:
            self.waiting = False
            self.later()

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(self.pieces, Generator):
            self.pieces.close()  # readers of rings let go
        self.transport, self.pieces = None, None
        self.deadline.close()
        self.listener.closed(self)

    def touch(self) -> None:
        """Something moved: the time of silence begins again."""
        timeout = self.cli.timeout
        self.deadline.at = self.loop.time() + timeout if timeout else NEVER

    def abort(self) -> None:
        """Silent for too long, or the process ends."""
        if self.transport is not None:
            self.transport.abort()

    # -- from bytes to answers
    def advance(self, most: float = FIRST) -> None:
        """Go on for `most` seconds, or as far as possible: finish the answer under way, take the next command."""
        if self.scheduled:
            return
        until = time.monotonic() + most
        while self.transport is not None and not self.transport.is_closing() and not self.paused and not self.waiting:
            if self.pieces is None and not self.take():
                self.rest()
                return
            if self.pieces is not None:
                self.send(until)
            if time.monotonic() > until:
                self.later()
                return

    def later(self) -> None:
        """Go on after the others had their turn."""
        self.scheduled = True
        self.listener.process.turns.ask(self.go_on)

    def go_on(self) -> None:
        self.scheduled = False
        self.advance(TURN)

    def rest(self) -> None:
        """Nothing can be done with what has been received: wait for more, or close."""
        assert self.transport is not None
        done = self.answered and not self.cli.interactive and not self.received and self.payload is None
        if done or self.peer_done or len(self.received) > self.limit:
            self.transport.close()

    def take(self) -> bool:
        """Take one command, or one line of a payload, from what has been received. False: there is none that is complete."""
        if self.payload is not None:
            return self.take_payload()
        match = COMMAND_END.match(self.received)
        if match is None:
            return False
        line = bytes(match.group(0)[:-1])
        del self.received[: match.end()]
        text = line.removesuffix(b"\r").decode("latin-1")
        if text.endswith("<<"):
            self.command, self.payload = text[:-2], []
            if self.cli.interactive:
                self.pieces = iter((MORE,))
            return True
        self.execute(text, None)
        return True

    def take_payload(self) -> bool:
        """One line of the payload; the empty one has the command executed."""
        assert self.payload is not None
        line, newline, _ = bytes(self.received).partition(b"\n")
        if not newline:
            return False
        del self.received[: len(line) + 1]
        if line not in (b"", b"\r"):
            self.payload.append(line.decode("latin-1") + "\n")
            if sum(map(len, self.payload)) > self.limit:
                self.abort()
            elif self.cli.interactive:
                self.pieces = iter((MORE,))
            return True
        payload, self.payload = "".join(self.payload), None
        self.execute(self.command, payload)
        return True

    def execute(self, line: str, payload: str | None) -> None:
        """Run a command; its answer is sent by `advance`."""
        pieces = self.cli.run(line, payload)
        self.answered = True
        if self.cli.ended:
            assert self.transport is not None
            self.transport.close()
        self.pieces = self.framed(pieces)

    def framed(self, pieces: Iterable[str | None]) -> Iterator[str | None]:
        """The answer, then what ends it."""
        yield from pieces
        yield PROMPT if self.cli.interactive else END

    def send(self, until: float) -> None:
        """Write pieces of the answer until it ends, enough is written, or the time is up."""
        assert self.transport is not None and self.pieces is not None
        gathered: list[str] = []
        size = 0
        for piece in self.pieces:
            if piece is None:
                self.waiting = True
                self.deadline.at = NEVER
                break
            gathered.append(piece)
            size += len(piece)
            if size >= PIECE or time.monotonic() > until:
                break
        else:
            self.pieces = None
        if size:
            self.say("".join(gathered))
            self.touch()

    def say(self, text: str) -> None:
        """Text to the client."""
        assert self.transport is not None
        data = text.encode("latin-1", "replace")
        self.listener.process.counters.bytes_out_total += len(data)
        self.transport.write(data)
