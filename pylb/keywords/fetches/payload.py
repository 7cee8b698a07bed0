"""Fetches of bytes as they arrive: payload, lengths, TLS and RDP in plain TCP (configuration.txt 7.3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert, BadMessage
from pylb.keywords.fetches.message import answered, received
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Phase, Type
from pylb.sample.validity import Source
from pylb.wire import rdp
from pylb.wire.hello import ClientHello, hello_type, read_client_hello

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

REQUEST, RESPONSE = Source.REQUEST_BUFFER, Source.RESPONSE_BUFFER
Bytes = Callable[[Any], bytes]


def ended(stream: Stream, bytes_of: Bytes) -> bool:
    """Has everything arrived that will?"""
    return bool(getattr(stream, "request_complete" if bytes_of is received else "response_complete", False))


def is_raw(stream: Stream) -> bool:
    """Are there bytes at all? In HTTP they have become messages, and these fetches see nothing."""
    return getattr(stream, "request", None) is None


def length_of(bytes_of: Bytes) -> Callable[[Any], int | None]:
    def length(stream: Stream) -> int | None:
        """How many bytes are waiting to be forwarded."""
        if not is_raw(stream):
            return None
        stream.unsure = not ended(stream, bytes_of)
        return len(bytes_of(stream))

    return length


for _name in ("req.len", "req_len"):
    fetch(_name, type=Type.SINT, source=REQUEST, volatile=True)(length_of(received))
fetch("res.len", type=Type.SINT, source=RESPONSE, volatile=True)(length_of(answered))


def cut(stream: Stream, bytes_of: Bytes, offset: int, length: int) -> bytes | None:
    """Bytes at an offset; length 0 means all there are, which may still grow."""
    data = bytes_of(stream)
    more = not ended(stream, bytes_of)
    if length == 0:
        stream.unsure = more
        return Binary(data[offset:]) if len(data) > offset else None
    if len(data) < offset + length:
        stream.unsure = more
        return None
    return Binary(data[offset : offset + length])


def payload_factory(side: Bytes | None) -> Callable[..., Callable[[Any], bytes | None]]:
    def factory(context: CompileContext, offset: int, length: int) -> Callable[[Any], bytes | None]:
        """`length` bytes at `offset`; length 0: all bytes."""
        bytes_of = side or (answered if context.phase == Phase.RESPONSE else received)
        return lambda stream: cut(stream, bytes_of, offset, length) if is_raw(stream) else None

    return factory


def announced_factory(side: Bytes | None) -> Callable[..., Callable[[Any], bytes | None]]:
    def factory(context: CompileContext, offset: int, length: int, second: str | None = None) -> Callable[[Any], bytes | None]:
        """Bytes whose length is announced by `length` bytes at `offset`; they begin behind it, or where the third argument says."""
        if offset < 0:
            raise Alert("invalid payload offset")
        if length <= 0:
            raise Alert("payload length must be > 0")
        relative, start = _second_offset(second, offset + length)
        bytes_of = side or (answered if context.phase == Phase.RESPONSE else received)

        def announced(stream: Stream) -> bytes | None:
            if not is_raw(stream):
                return None
            number = cut(stream, bytes_of, offset, length)
            if number is None:
                return None
            size = int.from_bytes(number, "big")
            return cut(stream, bytes_of, offset + length + start if relative else start, size) if size else None

        return announced

    return factory


def _second_offset(text: str | None, behind: int) -> tuple[bool, int]:
    """Where announced bytes begin: relative to the length field when signed."""
    if not text:
        return False, behind
    try:
        number = int(text)
    except ValueError:
        raise Alert("payload offset2 is not a number") from None
    relative = text[0] in "+-"
    if (behind + number if relative else number) < 0:
        raise Alert("invalid offset2")
    return relative, number


for _name, _side, _source in (("req.payload", received, REQUEST), ("res.payload", answered, RESPONSE), ("payload", None, REQUEST | RESPONSE)):
    fetch(_name, type=Type.BIN, source=_source, args="integer,integer", factory=True, volatile=True)(payload_factory(_side))
    fetch(_name + "_lv", type=Type.BIN, source=_source, args="integer,integer[,string]", factory=True, volatile=True)(announced_factory(_side))


# -- TLS without being its end


def client_hello(stream: Stream) -> ClientHello | None:
    """The ClientHello a client sent to a plain listener; marks the stream unsure until it is complete."""
    if not is_raw(stream):
        return None
    try:
        found = read_client_hello(received(stream))
    except BadMessage:
        return None
    if found is None:
        stream.unsure = not ended(stream, received)
    return found


def hello_type_of(bytes_of: Bytes) -> Callable[[Any], int | None]:
    def kind(stream: Stream) -> int | None:
        """Type of the handshake message: 1 ClientHello, 2 ServerHello."""
        if not is_raw(stream):
            return None
        data = bytes_of(stream)
        try:
            found = hello_type(data)
        except BadMessage:
            return None
        if found is None and len(data) < 6:
            stream.unsure = not ended(stream, bytes_of)
        return found

    return kind


for _name in ("req.ssl_hello_type", "req_ssl_hello_type"):
    fetch(_name, type=Type.SINT, source=REQUEST, volatile=True)(hello_type_of(received))
for _name in ("res.ssl_hello_type", "rep_ssl_hello_type"):
    fetch(_name, type=Type.SINT, source=RESPONSE, volatile=True)(hello_type_of(answered))


@fetch("req_ssl_sni", type=Type.STR, source=REQUEST, volatile=True)
@fetch("req.ssl_sni", type=Type.STR, source=REQUEST, volatile=True)
def hello_server_name(stream: Stream) -> bytes | None:
    """The server name in the ClientHello."""
    hello = client_hello(stream)
    return None if hello is None else hello.server_name


@fetch("req.ssl_alpn", type=Type.STR, source=REQUEST, volatile=True)
def hello_protocols(stream: Stream) -> bytes | None:
    """The protocols offered in the ClientHello, separated by commas."""
    hello = client_hello(stream)
    return b",".join(hello.alpn) if hello is not None and hello.alpn else None


@fetch("req_ssl_ver", type=Type.SINT, source=REQUEST, volatile=True)
@fetch("req.ssl_ver", type=Type.SINT, source=REQUEST, volatile=True)
def hello_version(stream: Stream) -> int | None:
    """The version of the ClientHello: major above 65536, minor below."""
    hello = client_hello(stream)
    if hello is None:
        return None
    version = max(hello.versions, default=hello.version) if hello.versions else hello.version
    return (version >> 8 << 16) + (version & 255)


@fetch("req.ssl_ec_ext", type=Type.BOOL, source=REQUEST, volatile=True)
def hello_has_groups(stream: Stream) -> bool | None:
    """Does the ClientHello name elliptic curves?"""
    hello = client_hello(stream)
    return None if hello is None else 10 in hello.extensions


@fetch("req.ssl_st_ext", type=Type.SINT, source=REQUEST, volatile=True)
def hello_ticket(stream: Stream) -> int | None:
    """0: no session ticket extension, 1: there is one. Its emptiness (2 stands for a ticket) is not looked at."""
    hello = client_hello(stream)
    return None if hello is None else int(35 in hello.extensions)


# -- RDP


@fetch("rdp_cookie", type=Type.STR, source=REQUEST, args="[string]", volatile=True)
@fetch("req.rdp_cookie", type=Type.STR, source=REQUEST, args="[string]", volatile=True)
def rdp_cookie(stream: Stream, name: str | None = None) -> bytes | None:
    """The RDP cookie of that name, or any."""
    if not is_raw(stream):
        return None
    try:
        return rdp.rdp_cookie(received(stream), (name or "").encode("latin-1"))
    except rdp.Incomplete:
        stream.unsure = not ended(stream, received)
        return None


@fetch("rdp_cookie_cnt", type=Type.SINT, source=REQUEST, args="[string]", volatile=True)
@fetch("req.rdp_cookie_cnt", type=Type.SINT, source=REQUEST, args="[string]", volatile=True)
def rdp_cookie_count(stream: Stream, name: str | None = None) -> int:
    """1 when there is such an RDP cookie, else 0."""
    return int(rdp_cookie(stream, name) is not None)
