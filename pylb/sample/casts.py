"""Casts between sample types: the table that says which converter may follow what, and how a value becomes another type.

A missing entry of `CASTS` means that HAProxy refuses the combination while reading the configuration; a cast that gives None at
run time means the value has no form in that type (a word that is no number), and the expression then has no sample.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from pylb.sample.types import Binary, Method, Type, Value

Cast = Callable[[Any], "Value | None"]
WORD, HALF = 1 << 64, 1 << 63
LEADING_NUMBER = re.compile(rb"[+-]?\d+")
MAPPED = 0xFFFF << 32
CONTROLS = {code: f"%{code:02X}" for code in [*range(9), *range(10, 32), 127]}


def wrap(number: int) -> int:
    """A number as a signed 64-bit one, which is what HAProxy computes with."""
    return number if -HALF <= number < HALF else (number + HALF) % WORD - HALF


def keep(value: Value) -> Value:
    return value


def int_to_bool(value: int) -> bool:
    return value != 0


def bool_to_int(value: int) -> int:
    return int(value)


def int_to_str(value: int) -> bytes:
    return b"%d" % value


def int_to_bin(value: int) -> Binary:
    return Binary((value % WORD).to_bytes(8, "big"))


def int_to_ipv4(value: int) -> IPv4Address:
    return IPv4Address(value & 0xFFFFFFFF)


def int_to_ipv6(value: int) -> IPv6Address:
    return IPv6Address(MAPPED | (value & 0xFFFFFFFF))


def ipv4_to_int(value: IPv4Address) -> int:
    return int(value)


def ipv4_to_ipv6(value: IPv4Address) -> IPv6Address:
    return IPv6Address(MAPPED | int(value))


def ipv6_to_ipv4(value: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped, compatible or 6to4 address."""
    number = int(value)
    if number >> 32 in (0xFFFF, 0):
        return IPv4Address(number & 0xFFFFFFFF)
    if number >> 112 == 0x2002:
        return IPv4Address(number >> 80 & 0xFFFFFFFF)
    return None


def address_to_str(value: IPv4Address | IPv6Address) -> bytes:
    if isinstance(value, IPv4Address):
        return str(value).encode()
    return socket.inet_ntop(socket.AF_INET6, value.packed).encode()


def address_to_bin(value: IPv4Address | IPv6Address) -> Binary:
    return Binary(value.packed)


def str_to_int(value: bytes) -> int | None:
    """The number a string begins with, 0 when it begins otherwise; an empty string has none."""
    if not value:
        return None
    match = LEADING_NUMBER.match(value)
    return 0 if match is None else max(-HALF, min(HALF - 1, int(match.group())))


def str_to_bool(value: bytes) -> bool | None:
    number = str_to_int(value)
    return None if number is None else number != 0


def str_to_ipv4(value: bytes) -> IPv4Address | None:
    try:
        return IPv4Address(value.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError):
        return None


def str_to_ipv6(value: bytes) -> IPv6Address | None:
    try:
        text = value.decode("ascii")
        return None if "%" in text else IPv6Address(text)
    except (AddressValueError, UnicodeDecodeError):
        return None


def str_to_address(value: bytes) -> IPv4Address | IPv6Address | None:
    return str_to_ipv4(value) or str_to_ipv6(value)


def bin_to_str(value: bytes) -> bytes:
    """Binary data as a string ends at its first null byte."""
    return bytes(value.partition(b"\0")[0])


def to_method(value: bytes) -> Method:
    return Method(value)


def to_plain(value: bytes) -> bytes:
    return bytes(value)


def to_binary(value: bytes) -> Binary:
    return Binary(value)


_T = Type
CASTS: dict[tuple[Type, Type], Cast] = {
    (_T.BOOL, _T.SINT): bool_to_int,
    (_T.BOOL, _T.STR): int_to_str,
    (_T.BOOL, _T.BIN): int_to_bin,
    (_T.SINT, _T.BOOL): int_to_bool,
    (_T.SINT, _T.ADDR): int_to_ipv4,
    (_T.SINT, _T.IPV4): int_to_ipv4,
    (_T.SINT, _T.IPV6): int_to_ipv6,
    (_T.SINT, _T.STR): int_to_str,
    (_T.SINT, _T.BIN): int_to_bin,
    (_T.IPV4, _T.BOOL): ipv4_to_int,
    (_T.IPV4, _T.SINT): ipv4_to_int,
    (_T.IPV4, _T.ADDR): keep,
    (_T.IPV4, _T.IPV6): ipv4_to_ipv6,
    (_T.IPV4, _T.STR): address_to_str,
    (_T.IPV4, _T.BIN): address_to_bin,
    (_T.IPV6, _T.ADDR): keep,
    (_T.IPV6, _T.IPV4): ipv6_to_ipv4,
    (_T.IPV6, _T.STR): address_to_str,
    (_T.IPV6, _T.BIN): address_to_bin,
    (_T.STR, _T.BOOL): str_to_bool,
    (_T.STR, _T.SINT): str_to_int,
    (_T.STR, _T.ADDR): str_to_address,
    (_T.STR, _T.IPV4): str_to_ipv4,
    (_T.STR, _T.IPV6): str_to_ipv6,
    (_T.STR, _T.BIN): to_binary,
    (_T.STR, _T.METH): to_method,
    (_T.BIN, _T.STR): bin_to_str,
    (_T.BIN, _T.METH): to_method,
    (_T.METH, _T.STR): to_plain,
    (_T.METH, _T.BIN): to_binary,
}

ADDRESSES = frozenset((Type.ADDR, Type.IPV4, Type.IPV6))  # a fetch of IPv4 addresses gives IPv6 ones on IPv6 connections
FROM_ANY_ADDRESS: dict[Type, Cast] = {Type.STR: address_to_str, Type.BIN: address_to_bin}
TYPE_OF: dict[type, Type] = {
    bool: Type.BOOL,
    int: Type.SINT,
    IPv4Address: Type.IPV4,
    IPv6Address: Type.IPV6,
    bytes: Type.STR,
    Binary: Type.BIN,
    Method: Type.METH,
}


def possible(given: Type, wanted: Type) -> bool:
    """May a word that wants `wanted` follow one that gives `given`?"""
    if given is wanted or Type.ANY in (given, wanted):
        return True
    if given is Type.ADDR:
        return wanted in (Type.IPV4, Type.IPV6, Type.STR, Type.BIN, Type.SINT, Type.BOOL)
    return (given, wanted) in CASTS


def cast_value(value: Value, wanted: Type) -> Value | None:
    """A value as another type, by the type it really has."""
    given = TYPE_OF[type(value)]
    if given is wanted or wanted is Type.ANY:
        return value
    cast = CASTS.get((given, wanted))
    return None if cast is None else cast(value)


def cast_between(given: Type, wanted: Type) -> Cast | None:
    """The function that casts, or None when nothing needs to be done. Types only known at run time are looked at then."""
    if given is wanted or wanted is Type.ANY:
        return None
    if given in ADDRESSES and wanted in FROM_ANY_ADDRESS:
        return FROM_ANY_ADDRESS[wanted]
    if given in ADDRESSES or given is Type.ANY:
        return lambda value: cast_value(value, wanted)
    cast = CASTS[given, wanted]
    return None if cast is keep else cast


def to_bytes(value: Value) -> bytes:
    """A value as HAProxy writes it into strings: what headers, logs and keys get."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return b"%d" % value
    return address_to_str(value)


def to_text(value: Value) -> str:
    """A value as text; strings end at their first null byte."""
    text = to_bytes(value).decode("latin-1")
    return text if "\0" not in text else text.partition("\0")[0]


def shown(value: Value | None) -> str:
    """A value as rules write it into texts: control characters as codes; nothing for none."""
    if value is None:
        return ""
    text = to_text(value)
    return text if text.isprintable() else text.translate(CONTROLS)


def logged(value: Value | None) -> str:
    """A value as logs show it: as it is, a dash for none."""
    return "-" if value is None else to_text(value) or "-"
