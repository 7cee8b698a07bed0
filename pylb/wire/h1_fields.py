"""Header fields that HTTP/1 framing depends on, understood one after the other as HAProxy's parser meets them.

Invariant: what is kept in `headers` is what rules will see: one host, one content-length, `connection` without `close` and `keep-alive`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pylb.base.errors import BadMessage
from pylb.wire import h1_state
from pylb.wire.headers import BLANKS, Headers


@dataclass(slots=True)
class Fields:
    """Header fields as they are understood one after the other."""

    request: bool
    fail: Callable[[int, str], BadMessage]  # an error at an offset, and why
    trailers: bool = False  # `connection` means nothing in them
    headers: Headers = field(default_factory=Headers)
    length: int | None = None
    length_counts: bool = True  # no transfer-encoding has ruled it out
    encoded: bool = False  # a transfer-encoding was seen
    chunked: bool = False  # one of its codings is chunked
    ends_chunked: bool = False  # the last one is
    other_codings: bool = False
    close: bool = False
    keep: bool = False
    upgrade: bool = False
    websocket: bool = False  # is among the protocols of the last `upgrade`
    host_at: int = -1

    def add(self, name: bytes, value: bytes, at: int) -> None:
        """Understand and keep one field whose value begins at offset `at`."""
        understand = UNDERSTAND.get(name)
        kept = value if understand is None else understand(self, value, at)
        if kept is not None:
            self.headers.append((name, kept))

    def flags(self) -> int:
        """What has been understood, as `show errors` shows it."""
        flags = (self.length is not None and self.length_counts) * h1_state.HAS_LENGTH | self.ends_chunked * h1_state.ENDS_CHUNKED
        flags |= self.encoded * h1_state.HAS_ENCODING
        flags |= self.chunked * h1_state.CODED_CHUNKED | self.other_codings * h1_state.CODED_OTHERWISE
        flags |= self.websocket * h1_state.TO_WEBSOCKET
        return flags | self.close * h1_state.SAYS_CLOSE | self.keep * h1_state.SAYS_KEEP_ALIVE | self.upgrade * h1_state.SAYS_UPGRADE

    def content_length(self, value: bytes, at: int) -> bytes | None:
        """One length, however often it is said. HAProxy blames the last word that it liked."""
        known, offset = self.length, at
        for word in value.split(b","):
            length = parse_length(word.strip(BLANKS))
            if length is None or self.length not in (None, length):
                raise self.fail(at, "invalid content-length")
            self.length, at = length, offset + len(word) - len(word.lstrip(BLANKS))
            offset += len(word) + 1
        return value.rpartition(b",")[2].strip(BLANKS) if known is None else None

    def transfer_encoding(self, value: bytes, at: int) -> bytes:
        self.encoded, self.ends_chunked, found = True, False, codings(value)
        for coding in found:
            self._coding(coding, at)
        self.ends_chunked = found[-1:] == [b"chunked"]
        return value

    def _coding(self, coding: bytes, at: int) -> None:
        if coding == b"chunked":
            if self.chunked:
                raise self.fail(at, "chunked twice")
            self.chunked = True
            return
        if self.chunked and self.request:
            raise self.fail(at, "chunked is not the last transfer-encoding")
        self.other_codings = True

    def connection(self, value: bytes, _at: int) -> bytes | None:
        if self.trailers:
            return value
        kept, words = clean_connection(value)
        self.close |= b"close" in words
        self.keep |= b"keep-alive" in words
        self.upgrade |= b"upgrade" in words
        return kept or None

    def protocols(self, value: bytes, _at: int) -> bytes:
        self.websocket = any(word.strip(BLANKS).lower() == b"websocket" for word in value.split(b","))
        return value

    def host(self, value: bytes, at: int) -> bytes | None:
        if not self.request:
            return value
        if self.host_at < 0:
            self.host_at = at
            return value
        first = self.headers.get(b"host")
        if first is None or first.lower() != value.lower():
            raise self.fail(at, "hosts differ")
        return None


NAME_IN_HEAD = re.compile(rb"(?<=\n)[^:\r\n]+(?=:)")
UNDERSTAND = {
    b"content-length": Fields.content_length,
    b"transfer-encoding": Fields.transfer_encoding,
    b"connection": Fields.connection,
    b"host": Fields.host,
    b"upgrade": Fields.protocols,
}


def adjust_case(head: bytes, case: dict[bytes, bytes]) -> bytes:
    """A head whose fields are written as `case` says (`h1-case-adjust`), for peers that know capitals only."""
    return NAME_IN_HEAD.sub(lambda found: case.get(found[0], found[0]), head)


def codings(value: bytes) -> list[bytes]:
    """The codings of a transfer-encoding; a comma at its end is none."""
    found = [word.strip(BLANKS).lower() for word in value.split(b",")] if value else []
    if len(found) > 1 and not found[-1]:
        found.pop()
    return found


def says_chunked(value: bytes) -> bool:
    """Is the last coding of a transfer-encoding `chunked`?"""
    return value == b"chunked" or codings(value)[-1:] == [b"chunked"]


def parse_length(text: bytes) -> int | None:
    """One content-length. HAProxy's check lets some numbers beyond 63 bits wrap; here every number that it accepts has its meaning modulo 2^64."""
    if not text.isdigit() or not text.isascii():
        return None
    value = 0
    for byte in text:
        tens = value * 10
        if tens >= 1 << 64:
            return None
        value = tens + byte - 0x30
        if _signed(value) < _signed(tens):
            return None
        value &= (1 << 64) - 1
    return value


def _signed(value: int) -> int:
    """The low 64 bits of `value` as a signed number."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def clean_connection(value: bytes) -> tuple[bytes, set[bytes]]:
    """A `connection` field without its `close` and `keep-alive`, and all its words in lower case.

    What precedes the first removed word stays byte for byte; what follows is joined with bare commas, as HAProxy does when it edits in place.
    """
    words, kept, at = set[bytes](), b"", 0
    while at < len(value):
        comma = value.find(b",", at)
        end = len(value) if comma < 0 else comma
        word = value[at:end].strip(BLANKS)
        words.add(word.lower())
        if word.lower() not in (b"close", b"keep-alive"):
            if at == 0 or (len(kept) == at - 1 and value.startswith(kept)):
                kept = value[:end]
            else:
                kept = kept + b"," + word if kept else word
        at = end + 1
    return kept, words
