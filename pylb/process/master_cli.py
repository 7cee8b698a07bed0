"""The master's command line (`-S`; management.txt 9.4): its own few commands, and the way to the worker's (`@1 show info`).

A prefix says who a command is for: `@master` or `@0`, `@1` the worker, `@!pid`; alone on a line it holds for what follows. A command for the
worker travels over a connection of its own, and its answer is passed on as it comes. A worker that does not exist ends the conversation.
Without `prompt` an answer ends with an empty line and the connection stays open until the client finishes; level and modes go with each command.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from pylb.config import model
from pylb.control.interpreter import split_words
from pylb.control.registry import Level
from pylb.process.link import pack
from pylb.process.master_commands import answer, own

if TYPE_CHECKING:
    from pylb.process.master import Child, Master

LIMIT = 16384  # bytes of a command that has no end
# commands about the conversation, and who may give them
LOWEST = {"user": Level.USER, "operator": Level.OPERATOR, "expert-mode": Level.ADMIN, "experimental-mode": Level.ADMIN}


def commands() -> set[str]:
    """Everything that can be said to the master."""
    return {"help", "prompt", "quit", *LOWEST, *(entry.name for entry in own if not entry.facts.get("planned"))}


class MasterListener:
    """The socket of `-S` and its conversations."""

    def __init__(self, master: Master, bind: model.Bind, listening: socket.socket) -> None:
        self.master, self.bind, self.listening = master, bind, listening
        self.conversations: set[Conversation] = set()
        master.loop.add_reader(listening.fileno(), self.accept)

    def accept(self) -> None:
        """Somebody wants to talk."""
        try:
            sock, _ = self.listening.accept()
        except OSError:
            return
        sock.setblocking(False)
        create = self.master.loop.create_unix_connection if sock.family == socket.AF_UNIX else self.master.loop.create_connection
        self.master.loop.create_task(create(lambda: Conversation(self), sock=sock))

    def close(self) -> None:
        """The master leaves."""
        self.master.loop.remove_reader(self.listening.fileno())
        self.listening.detach() if self.bind.address.kind == "fd" else self.listening.close()


class Answer(asyncio.Protocol):
    """A command on its way through the worker: what comes back goes to the conversation, its end makes the conversation go on."""

    def __init__(self, conversation: Conversation, command: bytes) -> None:
        self.conversation, self.command = conversation, command
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.command)
        self.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        self.conversation.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.conversation.answered()


class Conversation(asyncio.Protocol):
    """One client of the master's command line."""

    def __init__(self, listener: MasterListener) -> None:
        self.listener, self.master = listener, listener.master
        self.level = Level[listener.bind.level.upper()]
        self.modes: set[str] = set()
        self.prompting = False
        self.target: Child | None = None  # who commands without a prefix are for; None: the master
        self.received = bytearray()
        self.payload: bytes | None = None  # a command for the worker whose payload has not ended
        self.receiver: Child | None = None  # the one that it is for
        self.waiting: Answer | None = None
        self.peer_done = False
        self.transport: asyncio.Transport | None = None

    # -- events
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.listener.conversations.add(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.advance()

    def eof_received(self) -> bool:
        self.peer_done = True
        self.advance()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.listener.conversations.discard(self)
        if self.waiting is not None and self.waiting.transport is not None:
            self.waiting.transport.abort()

    def pause_writing(self) -> None:
        if self.waiting is not None and self.waiting.transport is not None:
            self.waiting.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.waiting is not None and self.waiting.transport is not None:
            self.waiting.transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def say(self, text: str) -> None:
        """An answer of the master itself."""
        self.write(text.encode("latin-1", "replace") + b"\n")

    def prompt(self) -> None:
        """Show whose turn it is, and who will be listening."""
        if self.prompting:
            letters = "".join(letter for letter, mode in (("x", "experimental"), ("e", "expert")) if mode in self.modes)
            name = "master" if self.target is None else str(self.target.pid)
            self.write(f"{name}{f'({letters})' if letters else ''}> ".encode())

    def end(self) -> None:
        if self.transport is not None:
            self.transport.close()

    # -- from bytes to commands
    def advance(self) -> None:
        """Carry out what has arrived, one command after the other."""
        while self.waiting is None and self.transport is not None and not self.transport.is_closing():
            if not (self.take_payload() if self.payload is not None else self.take_command()):
                if self.peer_done or len(self.received) > LIMIT:
                    self.end()
                return

    def take_command(self) -> bool:
        """Take the next command; False: there is none that is complete."""
        end = command_end(self.received)
        if end < 0:
            return False
        line = bytes(self.received[:end]).removesuffix(b"\r").decode("latin-1")
        del self.received[: end + 1]
        self.execute(line.strip(" \t"))
        return True

    def take_payload(self) -> bool:
        """Take one line of a payload; the empty one has the command sent."""
        assert self.payload is not None and self.receiver is not None
        end = self.received.find(b"\n")
        if end < 0:
            return False
        line = bytes(self.received[: end + 1])
        del self.received[: end + 1]
        self.payload += line
        if line.strip():
            self.write(b"+ " if self.prompting else b"")
            return True
        command, self.payload = self.payload, None
        self.relay(self.receiver, command)
        return True

    def execute(self, line: str) -> None:
        """Find out who a command is for, and have it carried out."""
        receiver = self.target
        if line.startswith("@"):
            prefix, _, line = line.partition(" ")
            line = line.strip(" \t")
            found = self.find(prefix)
            if isinstance(found, str):
                self.write(f"Can't find the target PID matching the prefix '{found}'\n".encode("latin-1", "replace"))
                self.end()
                return
            receiver = found
            if not line:
                self.target = receiver
                self.prompt()
                return
        elif self.keep(line):
            self.prompt()
            return
        if receiver is not None:
            self.relay_or_collect(receiver, line)
        else:
            self.obey(line)

    def find(self, prefix: str) -> Child | str | None:
        """The worker of a prefix, None for the master, the prefix itself when there is no such process."""
        child = self.master.child
        if prefix in ("@master", "@0"):
            return None
        if child is not None and prefix in ("@1", f"@!{child.pid}"):
            return child
        return prefix

    def keep(self, line: str) -> bool:
        """Commands about the conversation itself, whoever the others are for: obeyed without an answer. True: it was one."""
        words = split_words(line)
        name = words[0] if words else ""
        if name == "prompt":
            self.prompting = not self.prompting
        elif name == "quit":
            self.prompt()
            self.end()
            self.prompting = False
        elif name in LOWEST and self.level < LOWEST[name]:
            self.write(b"Permission denied!\n")
            self.end()
            self.prompting = False
        elif name in ("user", "operator"):
            self.level = LOWEST[name]
        elif name in LOWEST:
            (self.modes.add if words[1:2] == ["on"] else self.modes.discard)(name.removesuffix("-mode"))
        else:
            return False
        return True

    # -- the worker's commands
    def relay_or_collect(self, receiver: Child, line: str) -> None:
        """Send a command to the worker, with its payload if it has one."""
        if line.endswith("<<"):
            self.payload, self.receiver = line.encode("latin-1") + b"\n", receiver
            self.write(b"+ " if self.prompting else b"")
        else:
            self.relay(receiver, line.encode("latin-1") + b"\n")

    def relay(self, receiver: Child, command: bytes) -> None:
        """Hand the worker one end of a connection, and listen on the other."""
        ours, theirs = socket.socketpair()
        self.waiting = Answer(self, command)
        try:
            socket.send_fds(receiver.link, [pack(self.level, self.modes)], [theirs.fileno()])
        except OSError:
            self.waiting = None
            ours.close()
            self.end()
            return
        finally:
            theirs.close()
        ours.setblocking(False)
        answer = self.waiting
        self.master.loop.create_task(self.master.loop.create_unix_connection(lambda: answer, sock=ours))

    def answered(self) -> None:
        """The worker's answer is complete."""
        self.waiting = None
        self.prompt()
        self.advance()

    # -- the master's own commands
    def obey(self, line: str) -> None:
        """Carry out a command of the master."""
        self.say(answer(self, split_words(line)))
        self.prompt()


def command_end(data: bytearray) -> int:
    """Where the first command ends: at a newline, or at a semicolon without a backslash; -1 when it does not."""
    protected = False
    for place, byte in enumerate(data):
        if protected:
            protected = False
        elif byte == 0x5C:
            protected = True
        elif byte in b"\n;":
            return place
    return -1
