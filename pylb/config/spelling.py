"""The `did you mean 'x' maybe ?` of HAProxy's alerts.

A word's fingerprint counts its letters' neighbours: which character follows which, and which occur at all. Letters count
without case, digits are all alike; separators count as what stands before and behind a word. The nearest fingerprint wins (the first of equals) when
its distance is at most twice the length of either word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

DIGIT, EDGE, OTHER = 27, 28, 29

Fingerprint = Counter[tuple[int, int]]


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` that `word` looks like, None when none is near enough."""
    wanted = fingerprint(word)
    best, nearest = None, 2 * len(word) + 1
    for candidate in known:
        distance = difference(wanted, fingerprint(candidate))
        if distance < nearest:
            best, nearest = candidate, distance
    return best if best is not None and nearest <= 2 * len(best) else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of the alert, "" when there is nothing to suggest."""
    best = suggest(word, known)
    return f"; did you mean '{best}' maybe ?" if best else ""


def fingerprint(word: str) -> Fingerprint:
    """How often each character class follows each; (0, class) says that the class occurs."""
    counts: Fingerprint = Counter()
    previous = EDGE
    for character in word.lower():
        code = _class(character)
        counts[0, code] = 1
        counts[previous, code] += 1
        previous = code
    counts[previous, EDGE] += 1
    return counts


def difference(one: Fingerprint, other: Fingerprint) -> int:
    """How much two fingerprints differ."""
    return sum(abs(one[key] - other[key]) for key in one.keys() | other.keys())


def _class(character: str) -> int:
    if "a" <= character <= "z":
        return ord(character) - 96
    if character in "-._":
        return EDGE
    return DIGIT if character.isdigit() else OTHER
