"""Configuration files -> lines of words, after the conditional blocks (configuration.txt 2.1 to 2.4, management.txt 3).

Lines that cannot be read are reported and passed over; a broken block structure or an ``.alert`` ends the reading (`Abort`).
Text is latin-1, a character per byte, so that whatever a file contains comes through unharmed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NoReturn, Protocol

from pylb.base.errors import Alert
from pylb.config.conditions import BadCondition, Facts, evaluate
from pylb.config.words import BadLine, TooManyWords, point_at, split_words

MAX_DEPTH = 100
MAX_FATAL_LINES = 50
EXTENSION = ".cfg"


class Abort(Alert):
    """An error that ends the reading at once; it was reported when its text is empty."""


class Reports(Protocol):
    """What lines can say by themselves."""

    def warning(self, text: str) -> None: ...
    def notice(self, text: str) -> None: ...
    def diag(self, text: str) -> None: ...


class Reading(Protocol):
    """What `read_lines` needs of the reading it belongs to."""

    @property
    def env(self) -> MutableMapping[str, str]: ...
    @property
    def errors(self) -> int: ...
    @property
    def report(self) -> Reports: ...
    def fail(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something: at least one word."""

    file: str
    number: int
    words: tuple[str, ...]
    raw: str = ""


def find_files(paths: Sequence[str]) -> list[str]:
    """The files that the command line means: of a directory, the visible ``.cfg`` files in byte order. Raises Alert."""
    found: list[str] = []
    for path in paths:
        try:
            found += _directory(path) if os.path.isdir(path) else [_existing(path)]
        except OSError as error:
            raise Alert(f"Cannot open configuration file/directory {path} : {os.strerror(error.errno or 0)}") from None
    return found


def _directory(path: str) -> list[str]:
    names = (entry.name for entry in os.scandir(path) if entry.is_file() and entry.name.endswith(EXTENSION) and not entry.name.startswith("."))
    return [f"{path}/{name}" for name in sorted(names, key=os.fsencode)]


def _existing(path: str) -> str:
    os.stat(path)
    return path


def read_lines(path: str, reading: Reading, section: Callable[[], str] = str, facts: Facts | None = None) -> Iterator[Line]:
    """The lines of one file. `section` tells the current section's name, for the pseudo-variable ``.SECTION``."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Abort(f"Could not open configuration file {path} : {os.strerror(error.errno or 0)}") from None
    return _FileReader(path, reading, section, facts or Facts(reading.env)).lines(data.decode("latin-1"))


class Block(Enum):
    """Where an ``.if`` block stands."""

    TAKEN = 1  # lines count
    DONE = 2  # a branch was taken, the others are passed over
    WAITING = 3  # no branch was taken so far
    OUTSIDE = 4  # the whole block is in lines that do not count
    ELSE_TAKEN = 5
    ELSE_DONE = 6


COUNTING = (Block.TAKEN, Block.ELSE_TAKEN)


@dataclass(slots=True)
class _FileReader:
    """Reads one file; `blocks` are the open ``.if`` blocks, outermost first."""

    path: str
    reading: Reading
    section: Callable[[], str]
    facts: Facts
    number: int = 0
    blocks: list[Block] = field(default_factory=list)

    @property
    def where(self) -> str:
        return f"parsing [{self.path}:{self.number}]: "

    def fail(self, text: str) -> None:
        self.reading.fail(self.where + text)

    def lines(self, text: str) -> Iterator[Line]:
        """Lines with words, directives obeyed."""
        fatal, errors = 0, self.reading.errors
        for raw in self.raw_lines(text):
            fatal += self.reading.errors > errors
            errors = self.reading.errors
            if fatal >= MAX_FATAL_LINES:
                self.fail(f"too many fatal errors ({MAX_FATAL_LINES}), stopping now.")
                break
            words = self.words(raw)
            if not words or not self.counts(words):
                continue
            if words[0].startswith("."):
                if not self.say(words):
                    break
                continue
            yield Line(self.path, self.number, tuple(words), raw)
        if self.blocks:
            self.fail("non-terminated '.if' block.")
            raise Abort("")

    def raw_lines(self, text: str) -> Iterator[str]:
        """Lines without their end. One that a NUL cuts short is read up to there and is the last."""
        pieces = text.split("\n")
        unfinished = pieces.pop()
        for index, piece in enumerate(pieces):
            self.number += 1
            visible, nul, _ = piece.partition("\0")
            yield visible
            if nul:
                last = index == len(pieces) - 1 and not unfinished
                self.truncated(visible) if last else self.fail(f"Stray NUL character at position {len(visible) + 1}.")
                return
        if unfinished:
            self.number += 1
            visible = unfinished.partition("\0")[0]
            yield visible
            self.truncated(visible)

    def truncated(self, visible: str) -> None:
        self.fail(f"Missing LF on last line, file might have been truncated at position {len(visible) + 1}.")

    def words(self, raw: str) -> list[str]:
        """The words of a line; mistakes are reported, and such a line has none."""
        if not raw or raw.isspace():
            return []
        try:
            return split_words(raw, self.env() if "$" in raw else {})
        except (BadLine, TooManyWords) as error:
            self.fail(str(error))
            return []

    def env(self) -> Mapping[str, str]:
        here = {".FILE": self.path, ".LINE": str(self.number), ".SECTION": self.section()}
        return _Environment(here, self.reading.env)

    def counts(self, words: list[str]) -> bool:
        """Obey the directives of blocks; whether the line is to be looked at after that."""
        directive = DIRECTIVES.get(words[0])
        if directive is None:
            return not self.blocks or self.blocks[-1] in COUNTING
        directive(self, words)
        return False

    def open_block(self, words: list[str]) -> None:
        """``.if <condition>``"""
        if len(self.blocks) >= MAX_DEPTH - 1:
            self.abort(f"too many nested '.if', max is {MAX_DEPTH}.")
        if self.blocks and self.blocks[-1] not in COUNTING:
            self.blocks.append(Block.OUTSIDE)
        else:
            self.blocks.append(Block.TAKEN if self.decide(words) else Block.WAITING)

    def next_branch(self, words: list[str]) -> None:
        """``.elif <condition>``"""
        state = self.state(words[0])
        if state in (Block.ELSE_TAKEN, Block.ELSE_DONE):
            self.abort("'.elif' after '.else' is not permitted.")
        if state is Block.TAKEN:
            self.blocks[-1] = Block.DONE
        elif state is Block.WAITING and self.decide(words):
            self.blocks[-1] = Block.TAKEN

    def last_branch(self, words: list[str]) -> None:
        """``.else``"""
        self.alone(words)
        state = self.state(words[0])
        if state in (Block.ELSE_TAKEN, Block.ELSE_DONE):
            self.abort("'.else' after '.else' is not permitted.")
        self.blocks[-1] = Block.ELSE_TAKEN if state is Block.WAITING else Block.ELSE_DONE

    def close_block(self, words: list[str]) -> None:
        """``.endif``"""
        self.alone(words)
        self.state(words[0])
        self.blocks.pop()

    def state(self, directive: str) -> Block:
        if not self.blocks:
            self.abort(f"lone '{directive}' with no matching '.if'.")
        return self.blocks[-1]

    def alone(self, words: list[str]) -> None:
        """A directive without arguments; the blocks that are open are mentioned too."""
        if len(words) > 1 and words[1]:
            self.fail(f"Unexpected argument '{words[1]}' for '{words[0]}'.")
            self.abort("non-terminated '.if' block." if self.blocks else "")

    def decide(self, words: list[str]) -> bool:
        """The condition behind `words[0]`."""
        text = " ".join(words[1:])
        try:
            return evaluate(text, self.facts)
        except BadCondition as error:
            shown = point_at(f"{words[0]} {text}", len(words[0]) + 1 + error.position)
            self.abort(f"{error} in '{words[0]}' at position {error.position + 1}:\n{shown}")

    def abort(self, text: str) -> NoReturn:
        if text:
            self.fail(text)
        raise Abort("")

    def say(self, words: list[str]) -> bool:
        """The directives that only speak; False when reading cannot go on."""
        if words[0] not in MESSAGES:
            self.fail(f"unknown directive '{words[0]}'.")
            self.abort("non-terminated '.if' block." if self.blocks else "")
        if len(words) > 2 and words[2]:
            self.fail(f"Unexpected argument '{words[2]}' for '{words[0]}'. Use quotes if the message should contain spaces.")
            return True
        text = f"'{words[1] if len(words) > 1 else ''}'."
        if words[0] == ".alert":
            self.abort(text)
        MESSAGES[words[0]](self.reading.report, self.where + text)
        return True


class _Environment(Mapping[str, str]):
    """Pseudo-variables, then the environment with values as files have them: a character per byte."""

    def __init__(self, here: Mapping[str, str], env: Mapping[str, str]) -> None:
        self.here, self.env = here, env

    def __getitem__(self, name: str) -> str:
        return self.here[name] if name in self.here else os.fsencode(self.env[name]).decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return iter((*self.here, *self.env))

    def __len__(self) -> int:
        return len(self.here) + len(self.env)


DIRECTIVES: dict[str, Callable[[_FileReader, list[str]], None]] = {
    ".if": _FileReader.open_block,
    ".elif": _FileReader.next_branch,
    ".else": _FileReader.last_branch,
    ".endif": _FileReader.close_block,
}
MESSAGES: dict[str, Callable[[Reports, str], None]] = {
    ".diag": lambda report, text: report.diag(text),
    ".notice": lambda report, text: report.notice(text),
    ".warning": lambda report, text: report.warning(text),
    ".alert": lambda report, text: None,
}
