"""One conversation on a stats socket, without its connection: level, modes, and the way from a line to an answer (management.txt 9.3).

`Cli.run` takes one command, as it stood between two semicolons or newlines, with its payload. What it answers is text in pieces; prompts and framing are
the connection's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.control.registry import ERROR, SEVERITIES, Answer, Level, Message, Refusal, find
from pylb.control.usage import unknown
from pylb.proxy.process import TAINTED_BY_EXPERIMENTS, TAINTED_BY_EXPERTS

if TYPE_CHECKING:
    from pylb.proxy.process import Process

MOST_WORDS = 64
DENIED = "Permission denied\n"
MODES = ("expert", "experimental")
TAINTED = {"expert": TAINTED_BY_EXPERTS, "experimental": TAINTED_BY_EXPERIMENTS}


class Cli:
    """What commands see of the conversation they are part of."""

    def __init__(self, process: Process, level: Level = Level.ADMIN, severity_output: str = "none", timeout: float = 10.0) -> None:
        self.process = process
        self.level = level
        self.severity_output = severity_output  # none, number, string
        self.interactive = False
        self.ended = False  # `quit`
        self.modes: set[str] = set()  # expert, experimental
        self.timeout = timeout  # seconds of silence before the connection is closed
        self.payload: str | None = None  # of the command being run; None: it has none
        self.number = 1  # of the stats socket
        self.line = ""  # the command being run
        self.stream_number = process.counters.requests_total  # a conversation is a stream to HAProxy; its listener counts it
        self.since = process.clock.wall()
        self.more: Callable[[], None] = lambda: None  # called when a waiting answer can go on

    @property
    def now(self) -> float:
        """The process's time."""
        return self.process.clock.now()

    def run(self, line: str, payload: str | None = None) -> Iterable[str | None]:
        """Carry one command out."""
        self.line, self.payload = line, payload
        try:
            answer = self.dispatch(split_words(line))
        except Refusal as refusal:
            answer = Message(refusal.severity, refusal.text)
        except Alert as alert:
            answer = Message(ERROR, f"{alert}\n")
        if isinstance(answer, Message):
            return (self.with_severity(answer),)
        return (answer or "",) if answer is None or isinstance(answer, str) else answer

    def dispatch(self, words: list[str]) -> Answer:
        """Find the command, see whether it is allowed, call it."""
        found = find(words)
        if found is None:
            return unknown(words, self.modes)
        entry, arguments = found
        mode = entry.facts.get("mode")
        if mode is not None and mode not in self.modes:
            raise Refusal(f"This command is restricted to {mode} mode only.\n")
        self.require(entry.facts.get("level", Level.USER))
        if mode is not None:
            self.process.tainted |= TAINTED[mode]
        return entry.function(self, arguments)

    def require(self, level: Level) -> None:
        """Refuse what the conversation's level does not allow."""
        if self.level < level:
            raise Refusal(DENIED)

    def with_severity(self, message: Message) -> str:
        """The text as `set severity-output` wants it."""
        if self.severity_output == "none":
            return message.text
        shown = SEVERITIES[message.severity] if self.severity_output == "string" else message.severity
        return f"[{shown}]: {message.text}"


def split_words(line: str) -> list[str]:
    """Words between blanks; a backslash takes what follows as it is, a NUL ends the line."""
    words: list[str] = []
    word: str | None = None
    position = 0
    line = line.partition("\0")[0]
    while position < len(line):
        character = line[position]
        if character == "\\":
            position += 1
            word = (word or "") + line[position : position + 1]
        elif character in " \t":
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + character
        position += 1
    if word is not None:
        words.append(word)
    return words[:MOST_WORDS]
