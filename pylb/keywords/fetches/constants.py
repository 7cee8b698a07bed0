"""Fetches that need no traffic: constants, environment, time, randomness, variables (configuration.txt 7.3.2)."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.keywords.logvariables import make_unique_id
from pylb.sample.casts import wrap
from pylb.sample.context import CompileContext
from pylb.sample.indexes import read_hex
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Method, Type, Value
from pylb.sample.validity import Source
from pylb.sample.variables import Variable

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

UNITS = {"": 1, "s": 1, "ms": 1000, "us": 1_000_000}


def raw(text: str) -> bytes:
    """An argument as the bytes it was written with."""
    return text.encode("latin-1") if all(ord(c) < 256 for c in text) else text.encode("utf-8", "surrogateescape")


@fetch("always_true", type=Type.BOOL, source=Source.CONSTANT, inline="True")
def always_true(stream: Stream) -> bool:
    """True."""
    return True


@fetch("always_false", type=Type.BOOL, source=Source.CONSTANT, inline="False")
def always_false(stream: Stream) -> bool:
    """False."""
    return False


@fetch("bool", type=Type.BOOL, source=Source.CONSTANT, args="string", factory=True)
def boolean(context: CompileContext, text: str) -> Callable[[Any], bool]:
    """A boolean constant."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise Alert("Expects 'true', 'false', '0' or '1'")
    value = text.lower() in ("true", "1")
    return lambda stream: value


@fetch("int", type=Type.SINT, source=Source.CONSTANT, args="integer", factory=True)
def integer(context: CompileContext, number: int) -> Callable[[Any], int]:
    """An integer constant."""
    value = wrap(number)
    return lambda stream: value


@fetch("str", type=Type.STR, source=Source.CONSTANT, args="string", factory=True)
def string(context: CompileContext, text: str) -> Callable[[Any], bytes]:
    """A string constant."""
    value = raw(text)
    return lambda stream: value


@fetch("bin", type=Type.BIN, source=Source.CONSTANT, args="string", factory=True)
def binary(context: CompileContext, text: str) -> Callable[[Any], bytes]:
    """A binary constant, written in hexadecimal."""
    value = Binary(read_hex(text))
    return lambda stream: value


@fetch("ipv4", type=Type.IPV4, source=Source.CONSTANT, args="IPv4 address", factory=True)
def ipv4(context: CompileContext, address: IPv4Address) -> Callable[[Any], IPv4Address]:
    """An IPv4 constant."""
    return lambda stream: address


@fetch("ipv6", type=Type.IPV6, source=Source.CONSTANT, args="IPv6 address", factory=True)
def ipv6(context: CompileContext, address: IPv6Address) -> Callable[[Any], IPv6Address]:
    """An IPv6 constant."""
    return lambda stream: address


@fetch("meth", type=Type.METH, source=Source.CONSTANT, args="string", factory=True)
def method_constant(context: CompileContext, text: str) -> Callable[[Any], bytes]:
    """A method constant."""
    value = Method(raw(text))
    return lambda stream: value


@fetch("env", type=Type.STR, source=Source.CONSTANT, args="string", factory=True)
def environment(context: CompileContext, name: str) -> Callable[[Any], bytes | None]:
    """An environment variable, as it is when the configuration is read."""
    found = os.environ.get(name)
    value = None if found is None else os.fsencode(found)
    return lambda stream: value


def _inline_variable(context: CompileContext, name: str, default: str | None = None) -> tuple[str, dict[str, Any]] | None:
    """`var` as text: of an HTTP stream's own scopes."""
    variable = Variable(name)
    scope = variable.written_scope()
    if scope is None or default:
        return None
    return f"(None if {scope} is None else {scope}.get({{name}}))", {"name": variable.name}


@fetch("var", type=Type.ANY, source=Source.CONSTANT, args="string[,string]", factory=True, inline=_inline_variable)
def variable_value(context: CompileContext, name: str, default: str | None = None) -> Callable[[Any], Value | None]:
    """A variable, or the default when it is not set."""
    get = Variable(name).getter()
    if not default:
        return get
    fallback = raw(default)

    def with_default(stream: Stream) -> Value | None:
        value = get(stream)
        return fallback if value is None else value

    return with_default


@fetch("date", type=Type.SINT, source=Source.CONSTANT, args="[integer,string]", factory=True)
def date(context: CompileContext, offset: int | None = None, unit: str | None = None) -> Callable[[Any], int]:
    """The time since 1970 in seconds, or in the unit given; the offset is in that unit."""
    if (unit or "") not in UNITS:
        raise Alert(f"expects 's', 'ms' or 'us', got '{unit}'")
    factor, added = UNITS[unit or ""], offset or 0
    return lambda stream: int(stream.process.clock.wall() * factor) + added


@fetch("date_us", type=Type.SINT, source=Source.CONSTANT)
def date_us(stream: Stream) -> int:
    """The microseconds of the current second."""
    return int(stream.process.clock.wall() * 1_000_000) % 1_000_000


@fetch("rand", type=Type.SINT, source=Source.CONSTANT, args="[integer]")
def rand(stream: Stream, limit: int | None = None) -> int:
    """A random number below the limit (below 2^32 without one)."""
    if limit is not None and limit <= 0:
        return 0 if limit == 0 else wrap(random.getrandbits(32))
    return random.randrange(limit or 1 << 32)


@fetch("uuid", type=Type.STR, source=Source.CONSTANT, args="[integer]", factory=True)
def make_uuid(context: CompileContext, version: int | None = None) -> Callable[[Any], bytes]:
    """A random UUID (RFC 4122, version 4)."""
    if version not in (None, 0, 4):
        raise Alert(f"Unsupported UUID version: '{version}'")
    return lambda stream: str(uuid.uuid4()).encode()


@fetch("hostname", type=Type.STR, source=Source.CONSTANT, factory=True)
def hostname(context: CompileContext) -> Callable[[Any], bytes]:
    """The name of this machine."""
    name = os.uname().nodename.encode()
    return lambda stream: name


@fetch("nbproc", type=Type.SINT, source=Source.CONSTANT)
def number_of_processes(stream: Stream) -> int:
    """Always one."""
    return 1


@fetch("proc", type=Type.SINT, source=Source.CONSTANT)
def process_number(stream: Stream) -> int:
    """Always one."""
    return 1


@fetch("thread", type=Type.SINT, source=Source.CONSTANT)
def thread_number(stream: Stream) -> int:
    """The worker, counted from zero."""
    return 0


@fetch("stopping", type=Type.BOOL)
def stopping(stream: Stream) -> bool:
    """Is the process about to stop?"""
    return bool(stream.process.stopping)


@fetch("unique-id", type=Type.STR, source=Source.CONSTANT)
def unique_id(stream: Stream) -> bytes | None:
    """The stream's unique id, when the frontend has a format for one."""
    text = make_unique_id(stream)
    return None if text is None else text.encode("latin-1")


@fetch("wait_end", type=Type.BOOL, volatile=True)
def wait_end(stream: Stream) -> bool | None:
    """True at the end of content inspection, not yet known before it."""
    if getattr(stream, "request", None) is not None:
        return True
    stream.unsure = True
    return None
