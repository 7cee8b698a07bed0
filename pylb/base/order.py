"""Values kept in the order of an integer key, first-in first among equals: what HAProxy expects of its elastic binary trees.

Round robin, least connections and the queues rest on the second half of that contract: a value that is taken out and put back under the same key
goes behind those that stayed. Farms have tens of servers and queues are mostly appended to, so a sorted list with binary search beats a tree.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Entry = tuple[int, int, Any]  # key, serial number, value: compared in this order, and no two serial numbers are equal

SMALL = 12


class Ordered(Generic[T]):
    """A sorted sequence; `add` returns the entry by which the value is taken out again."""

    __slots__ = ("entries", "serial")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.serial = 0

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[T]:
        return (entry[2] for entry in self.entries)

    def add(self, key: int, value: T) -> Entry:
        """Put `value` behind all values whose key is not greater."""
        self.serial += 1
        entry = (key, self.serial, value)
        insort(self.entries, entry)
        return entry

    def remove(self, entry: Entry) -> None:
        """Take out what `add` returned; it must be here."""
        entries = self.entries
        if len(entries) < SMALL:
            entries.remove(entry)  # finds it by identity: faster than a search while there are few
        else:
            del entries[bisect_left(entries, entry)]

    def move(self, entry: Entry, key: int) -> Entry:
        """`remove` and `add` in one call: leastconn does this twice per request."""
        entries = self.entries
        if len(entries) < SMALL:
            entries.remove(entry)
        else:
            del entries[bisect_left(entries, entry)]
        self.serial += 1
        moved = (key, self.serial, entry[2])
        insort(entries, moved)
        return moved

    def __contains__(self, entry: Entry) -> bool:
        index = bisect_left(self.entries, entry)
        return index < len(self.entries) and self.entries[index] is entry

    def first(self) -> T | None:
        """The value with the lowest key, the oldest of its equals."""
        entries = self.entries
        return entries[0][2] if entries else None

    def pop(self) -> T:
        """Take the first value out."""
        value: T = self.entries.pop(0)[2]
        return value
