"""`help`, and what is said about words that are no command: the list of those that look most like them.

Words are compared by fingerprint: how often each letter follows each, and which letters occur; digits are all alike, everything else counts as a word's
edge. The words that a command has in common with what was typed are left out; of the commands with the most words in common the five nearest are
listed, unless they are too far from it or much farther than the nearest one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pylb.base.registry import Entry
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
EDGE, DIGIT = 28, 27

# Commands at the same distance: those that HAProxy looks at first are listed. Found by asking it.
WALK: Final = (
    "abort ssl ca-file", "abort ssl cert", "abort ssl crl-file", "add ssl crt-list", "clear counters", "commit ssl ca-file", "commit ssl cert",
    "commit ssl crl-file", "del ssl cert", "del ssl crl-file", "del ssl crt-list", "del ssl ca-file", "disable agent",
    "disable dynamic-cookie backend", "disable health", "disable server", "enable dynamic-cookie backend", "enable health", "enable server",
    "new ssl ca-file", "new ssl cert", "new ssl crl-file", "set dynamic-cookie-key backend", "set maxconn frontend", "set maxconn global",
    "set maxconn server", "set severity-output", "set ssl ca-file", "set ssl cert", "set ssl ocsp-response", "set ssl tls-key", "set ssl crl-file",
    "show cli sockets", "show schema json", "show sess", "show info", "add server", "del server", "clear table", "get weight", "set timeout",
    "operator", "show activity", "show resolvers", "show ssl ca-file", "show ssl cert", "show ssl crt-list", "show ssl ocsp-response",
    "show ssl providers", "show ssl crl-file", "show startup-logs", "show stat", "enable agent", "set server", "set weight", "set rate-limit",
    "set table", "show peers", "show servers conn", "show servers state", "show table", "show env", "enable frontend", "show cli level", "show fd",
    "show backend", "show tls-keys", "show version", "show errors", "get var", "show cache", "show events", "shutdown frontend", "show libs",
    "show threads", "add acl", "commit acl", "get acl", "prepare acl", "show acl", "add map", "commit map", "del map", "get map", "set map",
    "show map", "show profiling", "show trace", "shutdown session", "shutdown sessions server", "user", "disable frontend", "clear acl", "del acl",
    "clear map", "prepare map", "show pools", "show tasks", "trace", "set profiling",
)  # fmt: skip
RANKS: Final = {name: rank for rank, name in enumerate(WALK)}

Fingerprint = Counter[tuple[int, int]]


def listed(modes: Collection[str]) -> list[Entry[Command]]:
    """The commands that help shows, in order; those of a mode only while it is on."""
    shown = [entry for entry in command if "usage" in entry.facts and entry.facts.get("mode") in (None, *modes)]
    return sorted(shown, key=lambda entry: entry.name.split())


def lines(entries: list[Entry[Command]]) -> Iterator[str]:
    """One line per command, then those that are always there."""
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
    if words and words[0] in ("help", "prompt", "quit"):
        return []
    common = max((common_words(words, entry) for entry in entries), default=0)
    candidates = [entry for entry in entries if common_words(words, entry) == common]
    return nearest(words[common:], common, candidates) or candidates


def common_words(words: list[str], entry: Entry[Command]) -> int:
    """With how many equal words both begin."""
    own = entry.name.split()
    count = 0
    while count < min(len(own), len(words)) and own[count] == words[count]:
        count += 1
    return count


def nearest(words: list[str], common: int, candidates: list[Entry[Command]]) -> list[Entry[Command]]:
    """Of the candidates those whose remaining words are spelt most like these, in the order of help."""
    if not words:
        return []
    wanted, length = fingerprint(words), sum(map(len, words))
    scored = []
    for entry in candidates:
        rest = entry.name.split()[common:]
        distance = difference(wanted, fingerprint(rest))
        if distance < 5 * (length + sum(map(len, rest))) // 2:
            scored.append((distance, RANKS.get(entry.name, len(RANKS)), entry.name))
    best = sorted(scored)[:BEST]
    names = {name for distance, _, name in best if distance <= 5 * best[0][0] // 2}
    return [entry for entry in candidates if entry.name in names]


def fingerprint(words: Sequence[str]) -> Fingerprint:
    """(letter, next) -> how often; (0, letter) -> 1 when the letter occurs."""
    counts: Fingerprint = Counter()
    for word in words:
        previous = EDGE
        for character in word.lower():
            code = ord(character) - 96 if "a" <= character <= "z" else DIGIT if "0" <= character <= "9" else EDGE
            counts[0, code] = 1
            counts[previous, code] += 1
            previous = code
        counts[previous, EDGE] += 1
    return counts


def difference(one: Fingerprint, other: Fingerprint) -> int:
    """How much two fingerprints differ."""
    return sum(abs(one[key] - other[key]) for key in one.keys() | other.keys())
