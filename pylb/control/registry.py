"""The commands of the stats socket: the registry that leaves fill, what a command may answer, and how one is found.

A command is found by its first words ("set server", "show ssl cert"); what follows are its arguments. It answers with text, with a Message (text with a
severity, which `set severity-output` shows), or with an iterable of texts that leave as the client reads them. A refusal is an exception with HAProxy's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from pylb.base.registry import Entry, Registry

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

ERROR: Final = 3
WARNING: Final = 4
NOTICE: Final = 5
INFO: Final = 6
SEVERITIES: Final = {0: "emerg", 1: "alert", 2: "crit", ERROR: "err", WARNING: "warning", NOTICE: "notice", INFO: "info", 7: "debug"}


class Level(IntEnum):
    """What a connection may do; `level` of the stats socket, lowered by `user` and `operator`."""

    USER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class Refusal(Exception):
    """The command cannot be carried out; the text is what the user gets, newline included where HAProxy sends one."""

    def __init__(self, text: str, severity: int = ERROR) -> None:
        super().__init__(text)
        self.text, self.severity = text, severity


@dataclass(frozen=True, slots=True)
class Message:
    """An answer with a severity."""

    severity: int
    text: str


class Words(list[str]):
    """The arguments of a command: those that are absent are empty."""

    def at(self, index: int) -> str:
        """The word at `index`, "" behind the last."""
        return self[index] if index < len(self) else ""


Answer = str | Message | Iterable[str] | Iterable[str | None] | None
Command = Callable[["Cli", Words], Answer]

command: Registry[Command] = Registry("command")


def find(words: list[str]) -> tuple[Entry[Command], Words] | None:
    """The command that these words begin with, and its arguments."""
    for length in range(min(5, len(words)), 0, -1):
        entry = command.get(" ".join(words[:length]))
        if entry is not None:
            return entry, Words(words[length:])
    return None
