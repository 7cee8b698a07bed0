"""Fetches of connections: addresses, ports, errors, protocol versions, kernel facts (configuration.txt 7.3.3)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.sample.casts import to_bytes
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

AnyAddress = IPv4Address | IPv6Address
TCP_INFO_FIELDS = {  # offset in struct tcp_info of Linux
    "fc_unacked": 24, "fc_sacked": 28, "fc_lost": 32, "fc_retrans": 36, "fc_fackets": 40, "fc_rtt": 68, "fc_rttvar": 72, "fc_reordering": 88,
}  # fmt: skip
ERRORS = {0: "Success"}
PORT, PORT_TEXT = "(int(s.session.{0}[1]) if s.session.{0}[0] else None)", "(str(s.session.{0}[1]) if s.session.{0}[0] else '')"
SOURCE_PORT, SOURCE_PORT_TEXT = PORT.format("source"), PORT_TEXT.format("source")
DESTINATION_PORT, DESTINATION_PORT_TEXT = PORT.format("destination"), PORT_TEXT.format("destination")


@lru_cache(maxsize=8192)
def address(text: str) -> AnyAddress | None:
    """An address of a connection; None for unix sockets."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def address_text(text: str) -> str:
    """The same as log-formats show it."""
    found = address(text)
    return "" if found is None else to_bytes(found).decode()


@lru_cache(maxsize=1024)
def is_local(text: str) -> bool | None:
    """Does this address belong to this machine? Binding to it tells."""
    found = address(text)
    if found is None:
        return None
    family = socket.AF_INET if found.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((text, 0))
        except OSError:
            return False
    return True


@fetch("fc_src", type=Type.IPV4, source=Source.CLIENT_ADDRESS, inline="{address}(s.session.source[0])", text="{address_text}(s.session.source[0])")
@fetch("src", type=Type.IPV4, source=Source.CLIENT_ADDRESS, inline="{address}(s.session.source[0])", text="{address_text}(s.session.source[0])")
def source(stream: Stream) -> AnyAddress | None:
    """Address of the client."""
    return address(stream.session.source[0])


@fetch("fc_src_port", type=Type.SINT, source=Source.CLIENT_ADDRESS, inline=SOURCE_PORT, text=SOURCE_PORT_TEXT)
@fetch("src_port", type=Type.SINT, source=Source.CLIENT_ADDRESS, inline=SOURCE_PORT, text=SOURCE_PORT_TEXT)
def source_port(stream: Stream) -> int | None:
    """Port of the client."""
    host, port = stream.session.source
    return int(port) if host else None


@fetch("fc_src_is_local", type=Type.BOOL, source=Source.CLIENT_ADDRESS)
@fetch("src_is_local", type=Type.BOOL, source=Source.CLIENT_ADDRESS)
def source_is_local(stream: Stream) -> bool | None:
    """Does the client connect from this machine?"""
    return is_local(stream.session.source[0])


@fetch("fc_dst", type=Type.IPV4, source=Source.CLIENT_ADDRESS, inline="{address}(s.session.destination[0])", text="{address_text}(s.session.destination[0])")
@fetch("dst", type=Type.IPV4, source=Source.CLIENT_ADDRESS, inline="{address}(s.session.destination[0])", text="{address_text}(s.session.destination[0])")
def destination(stream: Stream) -> AnyAddress | None:
    """Address the client connected to."""
    return address(stream.session.destination[0])


@fetch("fc_dst_port", type=Type.SINT, source=Source.CLIENT_ADDRESS, inline=DESTINATION_PORT, text=DESTINATION_PORT_TEXT)
@fetch("dst_port", type=Type.SINT, source=Source.CLIENT_ADDRESS, inline=DESTINATION_PORT, text=DESTINATION_PORT_TEXT)
def destination_port(stream: Stream) -> int | None:
    """Port the client connected to."""
    host, port = stream.session.destination
    return int(port) if host else None


@fetch("fc_dst_is_local", type=Type.BOOL, source=Source.CLIENT_ADDRESS)
@fetch("dst_is_local", type=Type.BOOL, source=Source.CLIENT_ADDRESS)
def destination_is_local(stream: Stream) -> bool | None:
    """Did the client connect to an address of this machine?"""
    return is_local(stream.session.destination[0])


@fetch("fc_http_major", type=Type.SINT, source=Source.CLIENT_ADDRESS)
def client_http_major(stream: Stream) -> int:
    """Major version of HTTP between client and us: 1, or 2."""
    return int(getattr(getattr(stream, "front", None), "http_major", 1))


@fetch("bc_http_major", type=Type.SINT, source=Source.SERVER_ADDRESS)
def server_http_major(stream: Stream) -> int | None:
    """Major version of HTTP between us and the server."""
    back = stream.back
    return None if back is None else int(getattr(back, "http_major", 1))


@fetch("fc_rcvd_proxy", type=Type.BOOL, source=Source.CLIENT_ADDRESS)
def received_proxy(stream: Stream) -> bool:
    """Did the client send a PROXY header?"""
    return getattr(stream.session, "proxy_header", None) is not None


def _proxy_fact(stream: Stream, name: str) -> bytes | None:
    found: bytes | None = getattr(getattr(stream.session, "proxy_header", None), name, None)
    return found


@fetch("fc_pp_authority", type=Type.STR, source=Source.CLIENT_ADDRESS)
def proxy_authority(stream: Stream) -> bytes | None:
    """The authority in the PROXY header."""
    return _proxy_fact(stream, "authority")


@fetch("fc_pp_unique_id", type=Type.STR, source=Source.CLIENT_ADDRESS)
def proxy_unique_id(stream: Stream) -> bytes | None:
    """The unique id in the PROXY header."""
    return _proxy_fact(stream, "unique_id")


@fetch("fc_err", type=Type.SINT, source=Source.CLIENT_ADDRESS)
def client_error(stream: Stream) -> int:
    """Number of the error of the client's connection, 0 for none."""
    return int(getattr(stream.session, "error", 0))


@fetch("fc_err_str", type=Type.STR, source=Source.CLIENT_ADDRESS)
def client_error_text(stream: Stream) -> bytes | None:
    """The error of the client's connection in words."""
    return str(ERRORS.get(client_error(stream)) or getattr(stream.session, "error_text", "")).encode()


@fetch("bc_err", type=Type.SINT, source=Source.SERVER_ADDRESS)
def server_error(stream: Stream) -> int:
    """Number of the error of the server's connection, 0 for none."""
    return int(getattr(stream.back, "error", 0))


@fetch("bc_err_str", type=Type.STR, source=Source.SERVER_ADDRESS)
def server_error_text(stream: Stream) -> bytes | None:
    """The error of the server's connection in words."""
    return str(ERRORS.get(server_error(stream)) or getattr(stream.back, "error_text", "")).encode()


def server_socket(stream: Stream, name: str) -> tuple[str, int] | None:
    """`peername` or `sockname` of the connection to the server."""
    transport = getattr(getattr(stream, "back", None), "transport", None)
    found = None if transport is None else transport.get_extra_info(name)
    return found if isinstance(found, tuple) else None


def _server_address(name: str, which: str) -> None:
    """Address and port of one end of the connection to the server."""

    def end_address(stream: Stream) -> AnyAddress | None:
        """Address of one end of the connection to the server."""
        found = server_socket(stream, which)
        return None if found is None else address(found[0])

    def end_port(stream: Stream) -> int | None:
        """Port of one end of the connection to the server."""
        found = server_socket(stream, which)
        return None if found is None else int(found[1])

    fetch(name, type=Type.ADDR, source=Source.SERVER_ADDRESS)(end_address)
    fetch(name + "_port", type=Type.SINT, source=Source.SERVER_ADDRESS)(end_port)


_server_address("bc_dst", "peername")
_server_address("bc_src", "sockname")


def _tcp_info(name: str, offset: int) -> None:
    """A number that the kernel keeps about the client's connection."""

    def factory(context: CompileContext, unit: str | None = None) -> Callable[[Any], int | None]:
        """A kernel fact of the client's connection; times in milliseconds or in `us`."""
        if unit not in (None, "", "ms", "us"):
            raise Alert("no such unit")
        divisor = 1000 if name in ("fc_rtt", "fc_rttvar") and unit != "us" else 1

        def read(stream: Stream) -> int | None:
            value = tcp_info(stream, offset)
            return None if value is None else value // divisor

        return read

    fetch(name, type=Type.SINT, source=Source.CLIENT_ADDRESS, args="[string]", factory=True)(factory)


def tcp_info(stream: Stream, offset: int) -> int | None:
    """A field of the kernel's `tcp_info` of the client's connection."""
    sock = stream.session.transport.get_extra_info("socket")
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except (OSError, AttributeError):
        return None
    return int(struct.unpack_from("=I", data, offset)[0]) if len(data) >= offset + 4 else None


for _name, _offset in TCP_INFO_FIELDS.items():
    _tcp_info(_name, _offset)
