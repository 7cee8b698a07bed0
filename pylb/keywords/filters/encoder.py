"""Encoder: gzip, deflate and raw-deflate in pieces, with a level that may change from piece to piece (RFC 1950 to 1952).

zlib's own wrappings sum up what passes one compressor, whose level stands; here each level has a compressor of its own. The one before ends on a whole
byte and is forgotten, and the next one refers to nothing that it has not seen itself, so what both made reads as one stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

# zlib takes 4 bytes for each of its window and 512 for each unit of its memory level: less than its defaults, since there is one for each response.
WINDOW, MEMORY = 13, 7
COMPRESSOR_SIZE = (1 << WINDOW + 2) + (1 << MEMORY + 9)
STORED = 0  # the level that costs no work


class Wrapping(NamedTuple):
    """What is around the compressed data: bytes before, and a sum over the payload and its size behind."""

    before: bytes
    sum: Callable[[bytes, int], int] | None = None
    start: int = 0
    behind: Callable[[int, int], bytes] = lambda total, size: b""


def gzip_end(total: int, size: int) -> bytes:
    return total.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def zlib_end(total: int, size: int) -> bytes:
    return total.to_bytes(4, "big")


WRAPPINGS = {
    "gzip": Wrapping(b"\x1f\x8b\x08\0\0\0\0\0\x04\x03", zlib.crc32, 0, gzip_end),
    "deflate": Wrapping(b"\x78\x01", zlib.adler32, 1, zlib_end),
    "raw-deflate": Wrapping(b""),
}


class Encoder:
    """One stream of compressed data."""

    __slots__ = ("begun", "engine", "level", "size", "total", "wrapping")

    def __init__(self, algorithm: str, level: int) -> None:
        self.wrapping = WRAPPINGS[algorithm]
        self.level = level
        self.engine: Any = _compressor(level)
        self.total, self.size = self.wrapping.start, 0
        self.begun = False

    def encode(self, data: bytes) -> bytes:
        """Take a piece; what has come out so far."""
        if self.wrapping.sum is not None:
            self.total = self.wrapping.sum(data, self.total)
        self.size += len(data)
        made: bytes = self.engine.compress(data)
        return self._begin() + made

    def flush(self) -> bytes:
        """All that has been taken can be read after this."""
        made: bytes = self.engine.flush(zlib.Z_SYNC_FLUSH)
        return self._begin() + made

    def set_level(self, level: int) -> None:
        """How hard to try with what follows; everything taken must have been flushed."""
        if level != self.level:
            self.level, self.engine = level, _compressor(level)

    def finish(self) -> bytes:
        """The end of the stream."""
        made: bytes = self.engine.flush()
        return self._begin() + made + self.wrapping.behind(self.total, self.size)

    def _begin(self) -> bytes:
        if self.begun:
            return b""
        self.begun = True
        return self.wrapping.before


def _compressor(level: int) -> Any:
    return zlib.compressobj(level, zlib.DEFLATED, -WINDOW, MEMORY)
