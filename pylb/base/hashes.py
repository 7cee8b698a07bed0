"""The hash functions of `hash-type` and of the converters of the same names.

All of them turn bytes into an unsigned 32-bit number. Invariant: what they return for a given input is part of the interface, since two load
balancers in front of one farm of caches must agree on it (configuration.txt, `hash-type`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

MASK = 0xFFFFFFFF

HashFunction = Callable[[bytes], int]


def sdbm(data: bytes) -> int:
    """The string hash of the sdbm library: each step multiplies by 65599."""
    value = 0
    for byte in data:
        value = (value * 65599 + byte) & MASK
    return value


def djb2(data: bytes) -> int:
    """Bernstein's string hash: start at 5381, each step multiplies by 33."""
    value = 5381
    for byte in data:
        value = (value * 33 + byte) & MASK
    return value


def wt6(data: bytes) -> int:
    """Two mixed words that swap places after rotations whose widths depend on the data."""
    low, high, turn_high, turn_low = 0xA53C965A, 0x5CA6953A, 6, 18
    for byte in data:
        low = ~(low ^ byte) & MASK
        high = ~(high + byte) & MASK
        low, high = _rotate(high, turn_high), _rotate(low, turn_low)
        mixed = ((low >> 16) ^ high) & 0xFFFF
        turn_high, turn_low = mixed & 31, mixed >> 11
    return low ^ high


def crc32(data: bytes) -> int:
    """The CRC of Ethernet, gzip and PNG."""
    return zlib.crc32(data)


def avalanche(value: int) -> int:
    """Jenkins' six-step integer hash, then an odd multiplier that spreads the result over all bits."""
    value = (value + 0x7ED55D16 + (value << 12)) & MASK
    value = value ^ 0xC761C23C ^ (value >> 19)
    value = (value + 0x165667B1 + (value << 5)) & MASK
    value = ((value + 0xD3A2646C) ^ (value << 9)) & MASK
    value = (value + 0xFD7046C5 + (value << 3)) & MASK
    value = value ^ 0xB55A4F09 ^ (value >> 16)
    return (value * 3221225473) & MASK


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & MASK


FUNCTIONS: dict[str, HashFunction] = {"sdbm": sdbm, "djb2": djb2, "wt6": wt6, "crc32": crc32}
