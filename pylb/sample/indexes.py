"""One index per pattern list and way of matching: how a value is looked up among many patterns.

Every index offers `test` (does any pattern match, for ACLs) and `find` (the entry of the first that does, for maps), both
plain functions that are replaced when the patterns change. Exact strings, prefixes, networks and single numbers are found by
hashing, substrings by one regular expression, everything else by trying one pattern after the other in the order they were given.
The patterns of a rule itself, which hardly ever change, can also be written into the function of its rule set (`write`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Any

from pylb.base.errors import Alert
from pylb.sample.code import Writer
from pylb.sample.types import Value

Finder = Callable[[Any], "Entry | None"]
FEW = 16  # patterns that may stand in a function's text
MOST_IN_REGEX = 1000


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
    affix = ""  # the method of bytes that tests for any of these patterns

    def __init__(self, ignore_case: bool = False) -> None:
        self.ignore_case = ignore_case
        self.keys: list[tuple[Any, Entry]] = []
        self.test: Callable[[Any], bool] = _never
        self.find: Finder = _nothing
        self.watchers: set[Callable[[], None]] = set()  # to be called when the patterns have changed

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
        self.changed()
        if not self.keys:
            self.test, self.find = _never, _nothing
            return
        self.find = find = self.finder()
        self.test = self.tester() or (lambda value: find(value) is not None)
        if self.ignore_case and self.method not in CASE_BLIND:
            self.test, self.find = _lowered(self.test), _lowered(self.find)

    def changed(self) -> None:
        """Tell who wrote the patterns into a text."""
        for watcher in self.watchers:
            watcher()

    def write(self, writer: Writer, value: str) -> str:
        """`test` of a value as text, with the patterns as they are now if they are few."""
        if not self.keys:
            return "False"
        text = self.written(writer, value) if len(self.keys) <= FEW else None
        return text or f"{writer.name(self, self.method)}.test({value})"

    def written(self, writer: Writer, value: str) -> str | None:
        """The same for few patterns, if there is a short form; `value` is a name."""
        return None

    def lowered(self, value: str) -> str:
        """A value as text, made ready for keys in lower case if they are."""
        return f"{value}.lower()" if self.ignore_case else value

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

    def written(self, writer: Writer, value: str) -> str:
        keys = tuple(self.table)
        return f"{self.lowered(value)} == {writer.literal(keys[0])}" if len(keys) == 1 else f"{self.lowered(value)} in {writer.literal(keys)}"

    def add(self, entry: Entry) -> None:
        """Large lists grow without being built again."""
        key = self.key(entry.text)
        self.keys.append((key, entry))
        if len(self.keys) > 2:
            self.changed()
            self.table.setdefault(key, entry)
        else:
            self.rebuild()


def affix_test(affix: str, keys: Iterable[bytes]) -> Callable[[bytes], bool]:
    """Does a value begin (or end) with any of the keys? Many keys of few lengths are hashed."""
    known = frozenset(keys)
    lengths = sorted({len(key) for key in known})
    if len(known) < 8 * len(lengths) or affix == "endswith":
        return methodcaller(affix, tuple(known))

    def begins(value: bytes) -> bool:
        for length in lengths:  # noqa: SIM110 - any() over a generator costs twice as much
            if value[:length] in known:
                return True
        return False

    return begins


class Beginning(Index):
    """``-m beg``: the longest prefix wins, or the first one when case is ignored."""

    method, affix = "beg", "startswith"

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
        return affix_test(self.affix, [key for key, _ in self.keys])

    def written(self, writer: Writer, value: str) -> str:
        keys = tuple(key for key, _ in self.keys)
        return f"{self.lowered(value)}.startswith({writer.literal(keys if len(keys) > 1 else keys[0])})"

    def matches(self, value: bytes, key: bytes) -> bool:
        return value.startswith(key)


class Ending(Index):
    """``-m end``."""

    method, affix = "end", "endswith"

    def tester(self) -> Callable[[Any], bool]:
        return affix_test(self.affix, [key for key, _ in self.keys])

    def written(self, writer: Writer, value: str) -> str:
        keys = tuple(key for key, _ in self.keys)
        return f"{self.lowered(value)}.endswith({writer.literal(keys if len(keys) > 1 else keys[0])})"

    def matches(self, value: bytes, key: bytes) -> bool:
        return value.endswith(key)


class Substring(Index):
    """``-m sub``."""

    method = "sub"

    def tester(self) -> Callable[[Any], bool] | None:
        if len(self.keys) == 1:
            only = self.keys[0][0]
            return lambda value: only in value
        return self.search() if len(self.keys) <= MOST_IN_REGEX else None

    def search(self) -> Callable[[Any], bool]:
        """All patterns as one regular expression, made when it is asked for the first time: patterns may come in hundreds."""
        keys = [key for key, _ in self.keys]
        regex: re.Pattern[bytes] | None = None

        def found(value: bytes) -> bool:
            nonlocal regex
            if regex is None:
                regex = re.compile(b"|".join(map(re.escape, keys)))
            return regex.search(value) is not None

        return found

    def written(self, writer: Writer, value: str) -> str | None:
        return f"{writer.literal(self.keys[0][0])} in {self.lowered(value)}" if len(self.keys) == 1 else None

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

    def lowered(self, value: str) -> str:
        return value


def read_hex(text: str) -> bytes:
    """Bytes written in hexadecimal, with HAProxy's complaints."""
    if len(text) % 2:
        raise Alert("an even number of hex digit is expected")
    for character in text:
        if character not in "0123456789abcdefABCDEF":
            raise Alert(f"an hex digit is expected (found '{character}')")
    return bytes.fromhex(text)


CASE_BLIND = frozenset(("reg", "bin", "int", "ip", "len"))
