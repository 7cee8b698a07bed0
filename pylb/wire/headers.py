"""Header fields of one message: an ordered list of (name, value) pairs, as HAProxy's internal representation (HTX) keeps them.

Invariants: names are lower case; values carry no surrounding blanks; the order is that of arrival, additions come last.
A list of pairs beats a dictionary here: heads have about ten fields, most are only passed on, and repeated names keep their places.
"""

from __future__ import annotations

from collections.abc import Iterator

Pair = tuple[bytes, bytes]
BLANKS = b" \t"


class Headers(list[Pair]):
    """The header fields (or trailers) of a message. Every `name` argument is expected in lower case."""

    __slots__ = ()

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field called `name`, whole (not split at commas)."""
        for key, value in self:
            if key == name:
                return value
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        """The values of all fields called `name`, whole, in order (HAProxy's `req.fhdr` view)."""
        return [value for key, value in self if key == name]

    def contains(self, name: bytes) -> bool:
        """Is there a field called `name`?"""
        for key, _ in self:  # noqa: SIM110 - any() over a generator costs twice as much
            if key == name:
                return True
        return False

    def add(self, name: bytes, value: bytes) -> None:
        """Append one field; others of the same name stay."""
        self.append((name, value))

    def set(self, name: bytes, value: bytes) -> None:
        """Remove every field called `name`, then append one (`http-request set-header`)."""
        self.remove(name)
        self.append((name, value))

    def remove(self, name: bytes) -> int:  # type: ignore[override]
        """Remove every field called `name` and say how many there were."""
        if not self.contains(name):
            return 0
        before = len(self)
        self[:] = [pair for pair in self if pair[0] != name]
        return before - len(self)

    def values_split(self, name: bytes) -> Iterator[bytes]:
        """Each comma-separated value of each field called `name` (HAProxy's `req.hdr` view)."""
        for key, value in self:
            if key == name:
                yield from split_values(value)

    def copy(self) -> Headers:
        """A list of its own with the same pairs."""
        return Headers(self)


def split_values(value: bytes) -> Iterator[bytes]:
    """The elements of a list-valued field (RFC 9110 5.6.1): commas inside quoted strings do not separate, blanks around are dropped."""
    if b"," not in value:
        yield value.strip(BLANKS)
        return
    start = 0
    for end in value_ends(value):
        yield value[start:end].strip(BLANKS)
        start = end + 1


def value_ends(value: bytes) -> Iterator[int]:
    """The offset of each separating comma, then that of the end."""
    if b'"' not in value:
        at = value.find(b",")
        while at >= 0:
            yield at
            at = value.find(b",", at + 1)
    else:
        yield from _quoted_ends(value)
    yield len(value)


def _quoted_ends(value: bytes) -> Iterator[int]:
    """`value_ends` where quotes occur: inside them a comma is text and a backslash hides the next byte."""
    quoted = escaped = False
    for at, byte in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped = byte == 0x5C
            quoted = byte != 0x22
        elif byte == 0x22:
            quoted = True
        elif byte == 0x2C:
            yield at
