"""One index per pattern list and way of matching: how a value is looked up among many patterns.

Every index offers `test` (does any pattern match, for ACLs) and `find` (the entry of the first that does, for maps), both
plain functions that are replaced when the patterns change. Exact strings, prefixes, networks and single numbers are found by
hashing, everything else by trying one pattern after the other in the order they were given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Any

from pylb.base.errors import Alert
from pylb.sample.types import Value

Finder = Callable[[Any], "Entry | None"]


class Entry:
    """One line of a pattern list: the pattern as written and, in maps, what it maps to."""

    __slots__ = ("text", "sample", "value", "generation", "number", "line")

    def __init__(self, text: str, sample: str | None, generation: int, number: int) -> None:
        self.text = text
        self.sample = sample
        self.value: dict[str, Value] = {}  # the sample by output type, filled by maps
        self.generation = generation
        self.line = 0  # of the file it was read from
        self.number = number  # stands for the address HAProxy shows as identifier

    def __repr__(self) -> str:
        return f"Entry({self.text!r}" + (f" -> {self.sample!r})" if self.sample is not None else ")")


class Index:
    """The base of all indexes: remembers keys in order, and asks the subclass to make the two functions."""

    method = "str"

    def __init__(self, ignore_case: bool = False) -> None:
        self.ignore_case = ignore_case
        self.keys: list[tuple[Any, Entry]] = []
        self.test: Callable[[Any], bool] = _never
        self.find: Finder = _nothing

    def key(self, text: str) -> Any:
        """What a pattern's text is compared as; raises Alert when it is no such pattern."""
        raw = text.encode("utf-8", "surrogateescape")
        return raw.lower() if self.ignore_case else raw

    def load(self, entries: Iterable[Entry]) -> None:
        """Hold these entries instead of any before."""
        self.keys = [(self.key(entry.text), entry) for entry in entries]
        self.rebuild()

    def add(self, entry: Entry) -> None:
        self.keys.append((self.key(entry.text), entry))
        self.rebuild()

    def remove(self, entry: Entry) -> None:
        self.keys = [pair for pair in self.keys if pair[1] is not entry]
        self.rebuild()

    def rebuild(self) -> None:
        """Make `test` and `find` for the present keys."""
        if not self.keys:
            self.test, self.find = _never, _nothing
            return
        self.find = find = self.finder()
        self.test = self.tester() or (lambda value: find(value) is not None)
        if self.ignore_case and self.method not in CASE_BLIND:
            self.test, self.find = _lowered(self.test), _lowered(self.find)

    def finder(self) -> Finder:
        """The function behind `find`: here, the first pattern for which `matches` holds."""
        pairs, matches = tuple(self.keys), self.matches

        def scan(value: Any) -> Entry | None:
            for key, entry in pairs:
                if matches(value, key):
                    return entry
            return None

        return scan

    def tester(self) -> Callable[[Any], bool] | None:
        """A faster function for `test`, if there is one."""
        return None

    def matches(self, value: Any, key: Any) -> bool:
        """Does the pattern with this key match the value?"""
        raise NotImplementedError


def _never(value: Any) -> bool:
    return False


def _nothing(value: Any) -> None:
    return None


def _lowered(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: function(value.lower())


class Exact(Index):
    """``-m str``: the whole value."""

    method = "str"

    def finder(self) -> Finder:
        table: dict[bytes, Entry] = {}
        for key, entry in self.keys:
            table.setdefault(key, entry)
        self.table = table
        return table.get

    def tester(self) -> Callable[[Any], bool]:
        if len(self.table) == 1:
            (only,) = self.table
            return lambda value: bool(value == only)
        return self.table.__contains__

    def add(self, entry: Entry) -> None:
        """Large lists grow without being built again."""
        key = self.key(entry.text)
        self.keys.append((key, entry))
        if len(self.keys) > 2:
            self.table.setdefault(key, entry)
        else:
            self.rebuild()


class Beginning(Index):
    """``-m beg``: the longest prefix wins, or the first one when case is ignored."""

    method = "beg"

    def finder(self) -> Finder:
        if self.ignore_case:
            return super().finder()
        table: dict[bytes, Entry] = {}
        for key, entry in self.keys:
            table.setdefault(key, entry)
        lengths = tuple(sorted({len(key) for key in table}, reverse=True))

        def longest(value: bytes) -> Entry | None:
            for length in lengths:
                entry = table.get(value[:length])
                if entry is not None:
                    return entry
            return None

        return longest

    def tester(self) -> Callable[[Any], bool]:
        prefixes = tuple(key for key, _ in self.keys)
        return methodcaller("startswith", prefixes)

    def matches(self, value: bytes, key: bytes) -> bool:
        return value.startswith(key)


class Ending(Index):
    """``-m end``."""

    method = "end"

    def tester(self) -> Callable[[Any], bool]:
        suffixes = tuple(key for key, _ in self.keys)
        return methodcaller("endswith", suffixes)

    def matches(self, value: bytes, key: bytes) -> bool:
        return value.endswith(key)


class Substring(Index):
    """``-m sub``."""

    method = "sub"

    def tester(self) -> Callable[[Any], bool] | None:
        if len(self.keys) == 1:
            only = self.keys[0][0]
            return lambda value: only in value
        return None

    def matches(self, value: bytes, key: bytes) -> bool:
        return key in value


def contains_word(value: bytes, word: bytes, delimiters: bytes) -> bool:
    """Does `word`, delimiters around it taken off, stand in `value` between delimiters or the ends?"""
    word = word.strip(delimiters)
    if not word:
        return False
    at = value.find(word)
    while at >= 0:
        end = at + len(word)
        if (at == 0 or value[at - 1] in delimiters) and (end == len(value) or value[end] in delimiters):
            return True
        at = value.find(word, at + 1)
    return False


class Directory(Index):
    """``-m dir``: whole components of a path."""

    method = "dir"

    def matches(self, value: bytes, key: bytes) -> bool:
        return contains_word(value, key, b"/?")


class Domain(Index):
    """``-m dom``: whole components of a host name or URL."""

    method = "dom"

    def matches(self, value: bytes, key: bytes) -> bool:
        return contains_word(value, key, b"/?.:")


class Regex(Index):
    """``-m reg``: searched anywhere in the value."""

    method = "reg"

    def key(self, text: str) -> re.Pattern[bytes]:
        from pylb.sample.regexes import compile_regex

        return compile_regex(text, self.ignore_case)

    def tester(self) -> Callable[[Any], bool] | None:
        if len(self.keys) == 1:
            search = self.keys[0][0].search
            return lambda value: search(value) is not None
        return None

    def matches(self, value: bytes, key: re.Pattern[bytes]) -> bool:
        return key.search(value) is not None


class Bytes(Exact):
    """``-m bin``: hexadecimal digits."""

    method = "bin"

    def key(self, text: str) -> bytes:
        return read_hex(text)


def read_hex(text: str) -> bytes:
    """Bytes written in hexadecimal, with HAProxy's complaints."""
    if len(text) % 2:
        raise Alert("an even number of hex digit is expected")
    for character in text:
        if character not in "0123456789abcdefABCDEF":
            raise Alert(f"an hex digit is expected (found '{character}')")
    return bytes.fromhex(text)


class Numbers(Index):
    """``-m int``: numbers and ranges, either end of which may be open."""

    method = "int"

    def key(self, text: str) -> tuple[int | None, int | None]:
        return read_range(text)

    def finder(self) -> Finder:
        if all(low is not None and low == high for (low, high), _ in self.keys):
            table: dict[int, Entry] = {}
            for (low, _), entry in self.keys:
                table.setdefault(low, entry)
            return table.get
        return super().finder()

    def tester(self) -> Callable[[Any], bool] | None:
        if len(self.keys) != 1:
            return None
        (low, high), _ = self.keys[0]
        if low is None:
            return lambda value: value <= high
        if high is None:
            return lambda value: value >= low
        return lambda value: low <= value <= high

    def matches(self, value: int, key: tuple[int | None, int | None]) -> bool:
        low, high = key
        return (low is None or value >= low) and (high is None or value <= high)


NUMBER = re.compile(r"[+-]?\d+\Z")


def read_range(text: str, kind: str = "number", read: Callable[[str], int | None] | None = None) -> tuple[int | None, int | None]:
    """A number, ``low:high``, ``low:`` or ``:high``. A dash does like a colon, so that ``-7`` is all up to 7."""
    number = read or _read_number
    first, colon, second = text.partition(":" if ":" in text else "-")
    if not colon:
        value = number(text)
        if value is None:
            raise Alert(f"'{text}' is not a {kind}")
        return value, value
    low, high = (number(part) if part else None for part in (first, second))
    bad = (low is None and (first or not second)) or (second and high is None) or (low is not None and high is not None and low > high)
    if bad:
        raise Alert(f"'{text}' is not a valid {kind} range")
    return low, high


def _read_number(text: str) -> int | None:
    if not NUMBER.match(text):
        return None
    value = int(text)
    return value if -(1 << 63) <= value < 1 << 63 else None


def read_dotted(text: str) -> int | None:
    """A version such as ``3.1`` as HAProxy holds it: major above 65536, minor below."""
    major, _, minor = text.partition(".")
    if not major.isdigit() or (minor and not minor.isdigit()):
        return None
    return (int(major) << 16) + int(minor or "0")


class Versions(Numbers):
    """Ranges of dotted numbers, for the versions of TLS records."""

    def key(self, text: str) -> tuple[int | None, int | None]:
        return read_range(text, "dotted number", read_dotted)


class Lengths(Numbers):
    """``-m len``: the value's length."""

    method = "len"

    def rebuild(self) -> None:
        super().rebuild()
        test, find = self.test, self.find
        if self.keys:
            self.test = lambda value: test(len(value))
            self.find = lambda value: find(len(value))


CASE_BLIND = frozenset(("reg", "bin", "int", "ip", "len"))
