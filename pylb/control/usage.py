"""`help` and what is said about commands that do not exist: the list of those that look most like it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from pylb.base.registry import Entry
from pylb.config.spelling import difference, fingerprint
from pylb.control.registry import INFO, Message, command

if TYPE_CHECKING:
    from pylb.control.registry import Command

UNKNOWN: Final = "Unknown command. Please enter one of the following commands only:\n"
SIMILAR: Final = "Unknown command, but maybe one of the following ones is a better match:\n"
VALID: Final = "The following commands are valid at this level:\n"
ALWAYS: Final = (
    ("help [<command>]", "list matching or all commands"),
    ("prompt", "toggle interactive mode with prompt"),
    ("quit", "disconnect"),
)
BEST: Final = 5  # how many similar ones are listed


def listed(modes: Collection[str]) -> list[Entry[Command]]:
    """The commands that help shows, in order; those of a mode only while it is on."""
    shown = [entry for entry in command if "usage" in entry.facts and entry.facts.get("mode") in (None, *modes)]
    return sorted(shown, key=lambda entry: entry.name.split())


def lines(entries: list[Entry[Command]]) -> Iterator[str]:
    for entry in entries:
        yield usage_line(entry.facts["usage"], entry.facts["help"])
    for usage, text in ALWAYS:
        yield usage_line(usage, text)


def usage_line(usage: str, text: str) -> str:
    return f"  {usage:<40}: {text}\n"


def unknown(words: list[str], modes: Collection[str]) -> Message:
    """The answer to what is no command."""
    chosen = similar(words, listed(modes))
    return Message(INFO, (SIMILAR if words else UNKNOWN) + "".join(lines(chosen)))


def help_text(words: list[str], modes: Collection[str]) -> Message:
    """The answer to `help [words]`."""
    return Message(INFO, VALID + "".join(lines(similar(words, listed(modes)))))


def similar(words: list[str], entries: list[Entry[Command]]) -> list[Entry[Command]]:
    """All of them when nothing is asked for; those that begin with the same words; of these, the ones spelt most like it."""
    if not words:
        return entries
    common = max((common_words(words, entry) for entry in entries), default=0)
    candidates = [entry for entry in entries if common_words(words, entry) >= common]
    if common >= len(words):
        return candidates
    return nearest(words, common, candidates)


def common_words(words: list[str], entry: Entry[Command]) -> int:
    """With how many equal words both begin."""
    own = entry.name.split()
    count = 0
    while count < min(len(own), len(words)) and own[count] == words[count]:
        count += 1
    return count


def nearest(words: list[str], common: int, candidates: list[Entry[Command]]) -> list[Entry[Command]]:
    wanted = fingerprint(" ".join(words[common:]))
    scored = [(difference(wanted, fingerprint(" ".join(entry.name.split()[common:]))), entry) for entry in candidates]
    best = sorted(scored, key=lambda pair: pair[0])[:BEST]
    return [entry for entry in candidates if any(entry is chosen for _, chosen in best)]
