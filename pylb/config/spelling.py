"""The `did you mean 'x' maybe ?` of HAProxy's alerts.

A word's fingerprint counts its letters' neighbours: which character follows which, and which occur at all. Letters count
without case, digits are all alike, and so are all other characters. The nearest fingerprint wins (the first of equals) when
its squared distance is at most twice the length of either word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

DIGIT, BEGIN, OTHER, END = 27, 28, 29, 30

Fingerprint = Counter[tuple[int, int]]


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` that `word` looks like, None when none is near enough."""
    wanted = fingerprint(word)
    best, nearest = None, 2 * len(word) + 1
    for candidate in known:
        distance = difference(wanted, fingerprint(candidate))
        if distance < nearest and distance <= 2 * len(candidate):
            best, nearest = candidate, distance
    return best


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of the alert, "" when there is nothing to suggest."""
    best = suggest(word, known)
    return f"; did you mean '{best}' maybe ?" if best else ""


def fingerprint(word: str) -> Fingerprint:
    """How often each character class follows each; (0, class) says that the class occurs."""
    counts: Fingerprint = Counter()
    previous = BEGIN
    for character in word.lower():
        code = _class(character)
        counts[0, code] = 1
        counts[previous, code] += 1
        previous = code
    counts[previous, END] += 1
    return counts


def difference(one: Fingerprint, other: Fingerprint) -> int:
    """The squared distance of two fingerprints."""
    return sum((one[key] - other[key]) ** 2 for key in one.keys() | other.keys())


def _class(character: str) -> int:
    if "a" <= character <= "z":
        return ord(character) - 96
    return DIGIT if character.isdigit() else OTHER
