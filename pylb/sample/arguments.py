"""Arguments of fetches and converters: ``(integer,string[,table])`` as declared, ``(1,'a b')`` as written.

The list is read a second time after the line was split into words, so quotes and backslashes work inside it too
(configuration.txt 2.2): quotes protect commas and parentheses; outside single quotes a backslash makes quotes, blanks, line ends and itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from pylb.base.errors import Alert

INTEGER = re.compile(r"[+-]?\d+\Z")
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"', " ": " "}


class BadArguments(Alert):
    """What is wrong with an argument list, and at which argument (counted from one)."""

    def __init__(self, position: int, text: str) -> None:
        super().__init__(text)
        self.position = position


@dataclass(frozen=True, slots=True)
class Named:
    """A name that is resolved once all was read: of a proxy, a server, a table or a userlist."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of a word's arguments, and how many of them must be given."""

    types: tuple[str, ...]
    mandatory: int


@lru_cache(maxsize=256)
def signature(declared: str) -> Signature:
    """Read a declaration such as ``integer,string[,integer]``."""
    before, _, _ = declared.partition("[")
    mandatory = len([word for word in before.split(",") if word])
    types = tuple(word for word in declared.replace("[", ",").replace("]", ",").split(",") if word)
    return Signature(types, mandatory)


def read_arguments(text: str, start: int, declared: str) -> tuple[list[Any], int]:
    """The arguments at `text[start:]` and where they end. Optional ones left out are None at the end of the list."""
    expected = signature(declared)
    values: list[Any] = []
    at = start
    if text[start : start + 1] == "(":
        at, values = _read_list(text, start + 1, expected)
    return _complete(values, expected), at


def _read_list(text: str, at: int, expected: Signature) -> tuple[int, list[Any]]:
    """Between the parentheses."""
    values: list[Any] = []
    for position, kind in enumerate(expected.types):
        if text[at : at + 1] == ")" and position == 0:
            break
        word, at = read_word(text, at)
        values.append(_value(word, kind, position, position < expected.mandatory))
        if text[at : at + 1] != ",":
            break
        if position + 1 < len(expected.types):
            at += 1
    if text[at : at + 1] != ")":
        rest = text[at:]
        raise BadArguments(max(1, len(values)), f"expected ')' before '{rest}'" if rest else "expected ')'")
    return at + 1, values


def read_word(text: str, at: int) -> tuple[str, int]:
    """One argument, up to an unprotected comma or closing parenthesis."""
    out: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'" and text[at + 1 : at + 2] in ESCAPES:
            out.append(ESCAPES[text[at + 1]])
            at += 2
            continue
        if quote:
            if character == quote:
                quote = ""
            else:
                out.append(character)
        elif character in "'\"":
            quote = character
        elif character in ",)":
            break
        else:
            out.append(character)
        at += 1
    return "".join(out), at


def _complete(values: list[Any], expected: Signature) -> list[Any]:
    """Fill in what was left out, or say what is missing."""
    for position in range(len(values), len(expected.types)):
        kind = expected.types[position]
        if position >= expected.mandatory:
            values.append(None)
        elif values and position:
            raise BadArguments(position + 1, f"missing arguments (got {position}/{expected.mandatory}), type '{kind}' expected")
        else:
            values.append(_value("", kind, position, True))
    return values


def _value(word: str, kind: str, position: int, mandatory: bool) -> Any:
    """One argument as its type; an empty optional one counts as left out."""
    if kind in NAMES:
        return Named(kind, word)
    if kind in ("string", "regex"):
        return word if word or mandatory else (None if kind == "regex" else "")
    if not word:
        if not mandatory:
            return None
        raise BadArguments(position + 1, f"expected type '{kind}' at position {position + 1}, but got nothing")
    value = READERS[kind](word)
    if value is None:
        raise BadArguments(position + 1, f"failed to parse '{word}' as type '{kind}' at position {position + 1}")
    return value


def _integer(word: str) -> int | None:
    return int(word) if INTEGER.match(word) else None


def _ipv4(word: str) -> IPv4Address | None:
    try:
        return IPv4Address(word)
    except AddressValueError:
        return None


def _ipv6(word: str) -> IPv6Address | None:
    try:
        return None if "%" in word else IPv6Address(word)
    except AddressValueError:
        return None


def _mask(word: str, width: int, address: Callable[[str], Any]) -> int | None:
    """A mask as a number: from a count of bits or from an address."""
    if word.isdigit():
        bits = int(word)
        return ((1 << bits) - 1) << (width - bits) if bits <= width else None
    parsed = address(word)
    return None if parsed is None else int(parsed)


def _field_path(word: str) -> tuple[int, ...] | None:
    """A path of Protocol Buffers field numbers, ``1.2.3``."""
    parts = word.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else None


NAMES = frozenset(("frontend", "backend", "table", "server", "user list"))
READERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "IPv4 address": _ipv4,
    "IPv6 address": _ipv6,
    "IPv4 mask": lambda word: _mask(word, 32, _ipv4),
    "IPv6 mask": lambda word: _mask(word, 128, _ipv6),
    "Protocol buffers field number": _field_path,
}
