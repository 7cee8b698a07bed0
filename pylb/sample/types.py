"""Types of samples and the compiled forms of the language (configuration.txt 7.1, 7.3.1).

A sample is a plain Python value whose type says its HAProxy type: bool BOOL, int SINT, IPv4Address IPV4, IPv6Address IPV6,
`bytes` STR, `Binary` (a bytes) BIN, `Method` (a bytes) METH; None is "no sample".
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Any


class Type(Enum):
    """HAProxy's sample types."""

    ANY = "any"
    BOOL = "boolean"
    SINT = "integer"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    ADDR = "address"
    STR = "string"
    BIN = "binary"
    METH = "method"


class Binary(bytes):
    """A sample of type BIN."""

    __slots__ = ()


class Method(bytes):
    """A sample of type METH."""

    __slots__ = ()


Value = bool | int | IPv4Address | IPv6Address | bytes


class Phase(IntFlag):
    """When a sample can be had, and where an expression or rule stands (HAProxy's validity table, in six steps)."""

    SESSION = 1  # addresses, counters: from the accepted connection on
    CONTENT = 2  # bytes of the request as they arrive (tcp-request content)
    REQUEST = 4  # the parsed HTTP request
    SERVER = 8  # a server is known / connected
    RESPONSE = 16  # the parsed HTTP response (or response bytes)
    LOG = 32  # at the end
    CHECK = 64  # inside a health check
    CONFIG = 128  # while the configuration is read, process-wide
    ANYTIME = 255


Expr = Callable[[Any], "Value | None"]  # the argument is a Stream (or a Session where no stream exists yet)
Test = Callable[[Any, bool], "bool | None"]  # second argument: is this all the data there will be? None: not yet known
Holds = Callable[[Any], bool]  # a test of a message that is complete
Text = Callable[[Any], str]
