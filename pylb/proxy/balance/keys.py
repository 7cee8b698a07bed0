"""What the hash algorithms hash: one key function per word of `balance`, built once from its arguments.

A key is bytes for the hash function, an int that is a hash already (source addresses), or None: this stream has no such key and is served in turn.
Sources: configuration.txt 4.2 `balance`; where the manual is silent, behaviour observed from outside.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pylb.wire import rdp

Key = bytes | int | None
KeyFunction = Callable[[Any], Key]


def fold(address: bytes) -> int:
    """An address as one number: its 32-bit words, xored. The hash function of `hash-type` plays no part."""
    value = 0
    for start in range(0, len(address), 4):
        value ^= int.from_bytes(address[start : start + 4], "big")
    return value


def source_key(arguments: dict[str, Any]) -> KeyFunction:
    """The client's address; a unix socket has none."""

    def key(stream: Any) -> Key:
        source = stream.session.source
        if source is None:
            return None
        text = source[0]
        return fold(socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text))

    return key


def path_of(target: bytes) -> bytes:
    """The target from the first slash of its path on."""
    if target[:1] == b"/":
        return target
    authority = target.find(b"://")
    slash = target.find(b"/", authority + 3 if authority >= 0 else 0)
    return target[slash:] if slash >= 0 else b""


def to_depth(target: bytes, depth: int) -> bytes:
    """The target up to, and without, its slash number `depth` + 1."""
    at = -1
    for _ in range(depth + 1):
        at = target.find(b"/", at + 1)
        if at < 0:
            return target
    return target[:at]


def uri_key(arguments: dict[str, Any]) -> KeyFunction:
    """The URI up to its question mark, or `whole`, or `path-only`; cut after `len` bytes and at `depth` directories."""
    length, depth = arguments.get("len") or 0, arguments.get("depth") or 0
    whole, path_only = bool(arguments.get("whole")), bool(arguments.get("path-only"))

    def key(stream: Any) -> Key:
        if stream.request is None:
            return None
        target: bytes = stream.request.target
        if path_only:
            target = path_of(target)
        if length:
            target = target[:length]
        if not whole:
            target = target.partition(b"?")[0]
        return to_depth(target, depth) if depth else target

    return key


def parameter(query: bytes, name: bytes) -> bytes | None:
    """The value of the first `name=value` among parameters separated by ampersands, as it stands."""
    for part in query.split(b"&"):
        if part.startswith(name) and part[len(name) : len(name) + 1] == b"=":
            return part[len(name) + 1 :]
    return None


def received(stream: Any) -> bytes:
    """What has arrived of the body, or of the connection's bytes in TCP mode."""
    inbox = stream.inbox_request
    return b"".join(inbox) if isinstance(inbox, list) else bytes(inbox)


def url_parameter_key(arguments: dict[str, Any]) -> KeyFunction:
    """A parameter of the query string or, with `check_post`, else of a POST's body."""
    name, check_post = as_bytes(arguments["name"]), bool(arguments.get("check_post"))

    def key(stream: Any) -> Key:
        request = stream.request
        if request is None:
            return None
        found = parameter(request.target.partition(b"?")[2], name)
        if found is None and check_post and request.method == b"POST":
            found = parameter(received(stream), name)
        return found

    return key


def domain_of(host: bytes) -> bytes:
    """The label before the last dot ("1wt" of haproxy.1wt.eu); a name without such a label stays whole."""
    end = host.rfind(b".", 1)
    if end < 0:
        return host
    start = end - 1
    while start > 0 and host[start - 1] != 0x2E:
        start -= 1
    return host[start:end]


def header_key(arguments: dict[str, Any]) -> KeyFunction:
    """The first value of the first header of that name; with `use_domain_only` its main domain."""
    name, domain_only = as_bytes(arguments["name"]).lower(), bool(arguments.get("use_domain_only"))

    def key(stream: Any) -> Key:
        if stream.request is None:
            return None
        value = next(iter(stream.request.headers.values_split(name)), None)
        if not value:
            return None
        return domain_of(value) if domain_only else value

    return key


def rdp_cookie_key(arguments: dict[str, Any]) -> KeyFunction:
    """The RDP cookie ("mstshash" unless named) that opens a remote desktop connection."""
    name = as_bytes(arguments.get("name") or "mstshash")

    def key(stream: Any) -> Key:
        try:
            return rdp.rdp_cookie(received(stream), name) or None
        except rdp.Incomplete:
            return None

    return key


def as_bytes(name: str | bytes) -> bytes:
    return name.encode("latin-1") if isinstance(name, str) else name


def expression_key(arguments: dict[str, Any]) -> KeyFunction:
    """Any sample expression, its value in the binary form of its type."""
    expression = arguments["expression"]
    evaluate = getattr(expression, "call", expression)
    return lambda stream: as_binary(evaluate(stream))


def as_binary(value: Any) -> bytes | None:
    """A sample in the form that hashing sees: numbers take eight bytes, addresses four or sixteen."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, IPv4Address | IPv6Address):
        return value.packed
    return (int(value) & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
