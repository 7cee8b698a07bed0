"""Numbers and ranges of them as patterns: ``-m int``, ``-m len`` and the versions of TLS records (configuration.txt 7.1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base.errors import Alert
from pylb.sample.code import Writer
from pylb.sample.indexes import Entry, Finder, Index


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

    def written(self, writer: Writer, value: str) -> str | None:
        if len(self.keys) != 1:
            return None
        (low, high), _ = self.keys[0]
        if low == high:
            return f"{value} == {low}"
        return f"{value} <= {high}" if low is None else f"{value} >= {low}" if high is None else f"{low} <= {value} <= {high}"

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

    def written(self, writer: Writer, value: str) -> str | None:
        return super().written(writer, f"len({value})")
