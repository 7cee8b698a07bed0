"""Addresses and networks as patterns: ``-m ip`` (configuration.txt 7.1.6).

Networks are kept by mask, so a lookup costs one hash per distinct mask, and the most specific network wins.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address

from pylb.base.errors import Alert
from pylb.sample.indexes import Entry, Finder, Index

FOUR_IN_SIX = 0xFFFF << 32


class Networks(Index):
    """``-m ip``: addresses and networks; the most specific network wins."""

    method = "ip"

    def key(self, text: str) -> tuple[int, int, int]:
        return read_network(text)

    def finder(self) -> Finder:
        four = _masks([pair for pair in self.keys if pair[0][0] == 4])
        six = _masks([pair for pair in self.keys if pair[0][0] == 6])

        def lookup(value: IPv4Address | IPv6Address) -> Entry | None:
            if value.version == 4:
                number = int(value)
                found = _search(four, number)
                return found or (_search(six, FOUR_IN_SIX | number) if six else None)
            number = int(value)
            found = _search(six, number)
            if found is not None or not four:
                return found
            inside = _embedded(number)
            return None if inside is None else _search(four, inside)

        return lookup


MaskTable = tuple[tuple[int, dict[int, Entry]], ...]


def _masks(pairs: list[tuple[tuple[int, int, int], Entry]]) -> MaskTable:
    """Networks by mask, the longest first."""
    by_mask: dict[int, dict[int, Entry]] = {}
    for (_, address, mask), entry in pairs:
        by_mask.setdefault(mask, {}).setdefault(address & mask, entry)
    return tuple(sorted(by_mask.items(), key=lambda item: -item[0]))


def _search(tables: MaskTable, number: int) -> Entry | None:
    for mask, networks in tables:
        entry = networks.get(number & mask)
        if entry is not None:
            return entry
    return None


def _embedded(number: int) -> int | None:
    """The IPv4 address inside an IPv6 one: mapped, compatible or 6to4."""
    if number >> 32 in (0xFFFF, 0):
        return number & 0xFFFFFFFF
    return number >> 80 & 0xFFFFFFFF if number >> 112 == 0x2002 else None


def read_network(text: str, resolve: bool = True) -> tuple[int, int, int]:
    """Version, address and mask of ``1.2.3.4``, ``10/8``, ``1.2.3.4/255.0.0.0``, ``::1/64`` or, if allowed, a host name."""
    address, slash, mask = text.partition("/")
    parsed = _six(address, mask, slash) if ":" in address else _four(address, mask, slash, resolve)
    if parsed is None:
        raise Alert(f"'{text}' is not a valid IPv4 or IPv6 address")
    return parsed


def _six(address: str, mask: str, slash: str) -> tuple[int, int, int] | None:
    try:
        number = int(IPv6Address(address)) if "%" not in address else None
    except ValueError:
        return None
    bits = 128 if not slash else int(mask) if mask.isdigit() else 999
    if number is None or bits > 128:
        return None
    return 6, number, ((1 << bits) - 1) << (128 - bits)


def _four(address: str, mask: str, slash: str, resolve: bool) -> tuple[int, int, int] | None:
    number = _short_four(address)
    if number is None and resolve:
        number = _resolved(address)
    bits = _four_mask(mask) if slash else 0xFFFFFFFF
    return None if number is None or bits is None else (4, number, bits)


def _short_four(text: str) -> int | None:
    """Dotted IPv4 in which zero bytes before the last may be left out: ``10.12`` is 10.0.0.12."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4 or not all(part.isdigit() and int(part) < 256 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if len(numbers) == 1:
        numbers.append(0)
    numbers[-1:-1] = [0] * (4 - len(numbers))
    return int.from_bytes(bytes(numbers), "big")


def _four_mask(text: str) -> int | None:
    if text.isdigit() and int(text) <= 32:
        bits = int(text)
        return ((1 << bits) - 1) << (32 - bits)
    try:
        return int(IPv4Address(text))
    except ValueError:
        return None


def _resolved(name: str) -> int | None:
    """The IPv4 address of a host name, as the system resolves it."""
    if not name or not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        return None
    try:
        return int(IPv4Address(socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0]))
    except (OSError, UnicodeError):
        return None
