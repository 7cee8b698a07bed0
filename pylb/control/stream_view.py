"""What `show sess` tells of a stream: HAProxy's flags and states, from what the stream is doing.

HAProxy keeps these numbers in channels, stream connectors and transactions, which pylb does not have; each follows from where the
stream stands, and from what has come and gone of its messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pylb.base.timers import NEVER
from pylb.wire.message import Framing

RULES, QUEUE, CONNECT, WAITING, ANSWERED, TUNNEL, RELAY = range(7)  # where a stream stands; from WAITING on it has a server
STATES = {RULES: ("INI", 0), QUEUE: ("QUE", 2), CONNECT: ("CON", 5)}  # of the connector to the server
ESTABLISHED = ("EST", 8)

METHODS = (b"OPTIONS", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT")
SAFE = (b"GET", b"HEAD")
EVERYTHING = -1  # to be forwarded
ASSIGNED, HAS_BACKEND, FORCED, CURRENT, REDISPATCHED, IGNORED, REPEATABLE, IS_HTTP = 0x2, 0x8, 0x10, 0x40, 0x100, 0x200, 0x400, 0x800
COUNTED, CHUNKS, MEASURED, VERSION_11, BODILESS, UPGRADED = 0x1, 0x2, 0x4, 0x8, 0x40, 0x80  # flags of messages
CACHEABLE, TARPIT, SWITCHED = 0x3000, 0x10, 0x8000  # flags of transactions


@dataclass(slots=True)
class Channel:
    """One direction: flags, analysers, what is to be forwarded, what has come, deadlines, what the buffer holds."""

    flags: int
    analysers: int = 0
    forward: int = 0
    total: int = 0
    analysis_ends: float = NEVER
    read_ends: float = NEVER
    write_ends: float = NEVER
    held: int = 0
    going_out: bool = False  # what is held only waits for the other side


@dataclass(slots=True)
class Connector:
    """One side: the connector's flags and those of its end point; of a connection flags, state of its descriptor, subscriptions."""

    flags: int = 0
    end_flags: int = 0
    connection_flags: int = 0x300
    descriptor_state: int = 121
    subscribed: int = 1


def where(stream: Any) -> int:
    """What the stream is doing."""
    if stream.place is not None:
        return QUEUE
    if stream.connecting is not None:
        return CONNECT
    if stream.back is None:
        return RULES
    if stream.request is None:
        return RELAY
    if stream.response is None:
        return WAITING
    return TUNNEL if stream.tunnel or stream.response.framing is Framing.CLOSE else ANSWERED


def stream_flags(stream: Any) -> int:
    """The flags of the stream."""
    at, request = where(stream), stream.request
    parts = (
        (ASSIGNED | CURRENT, at >= CONNECT),
        (HAS_BACKEND, stream.backend is not None),
        (1, stream.direct),
        (FORCED, stream.forced),
        (IGNORED, stream.ignored),
        (REDISPATCHED, stream.redispatched),
        (IS_HTTP, request is not None),
        (REPEATABLE, request is not None and request.method in SAFE),
    )
    return sum(flag for flag, holds in parts if holds)


def request_channel(stream: Any) -> Channel:
    """From the client to the server."""
    at = where(stream)
    channel = tcp_request(stream, at) if stream.request is None else http_request(stream, at)
    channel.total = stream.bytes_in
    return channel


def tcp_request(stream: Any, at: int) -> Channel:
    if at == RULES:
        return Channel(0, 0x22, analysis_ends=stream.waits_until, read_ends=stream.client_expire, held=stream.inbox_size)
    if at < RELAY:
        return Channel(0x808000, forward=EVERYTHING, held=stream.inbox_size, going_out=True)
    if stream.request_complete:
        return Channel(0x84A020, forward=EVERYTHING)
    return Channel(0x848000, forward=EVERYTHING, read_ends=stream.client_expire)


def http_request(stream: Any, at: int) -> Channel:
    complete = stream.request_complete
    if at == RULES:
        expires = stream.client_expire if not complete else NEVER
        if stream.tarpitted:
            return Channel(0x40400000, 0x200, analysis_ends=stream.waits_until)
        return Channel(0x40400000 if complete else 0x400000, 0x30, analysis_ends=stream.waits_until, read_ends=expires, held=stream.bytes_in)
    if at < WAITING:
        return Channel(0x4DC00000 if complete else 0xDC00000, 0x8000, 0 if complete else EVERYTHING, held=stream.bytes_in, going_out=True)
    if stream.tunnel:
        return Channel(0x8C48000, forward=EVERYTHING, read_ends=stream.client_expire)
    if at == TUNNEL:
        return Channel(0x48C48000, forward=EVERYTHING)
    return Channel(0x49C40080, 0x8000) if complete else Channel(0xC40080, 0x8000, EVERYTHING)


def response_channel(stream: Any) -> Channel:
    """From the server to the client."""
    at, blocked = where(stream), stream.front.blocked
    if at < WAITING:
        return Channel(0x80000000)
    if at == WAITING:
        return Channel(0x80400000, 0x1400000, read_ends=stream.server_expire)
    flags, analysers = {ANSWERED: (0x80040000, 0x4000000), TUNNEL: (0x88048000, 0)}.get(at, (0x80048000 if stream.bytes_out else 0x80008000, 0))
    channel = Channel(flags, analysers, EVERYTHING, stream.bytes_out, read_ends=stream.server_expire)
    if blocked:
        channel.flags, channel.read_ends, channel.write_ends = flags | 0x30202, NEVER, stream.client_expire
    return channel


def client_connector(stream: Any) -> Connector:
    """The client's side."""
    at = where(stream)
    if stream.request is None:
        half = stream.request_complete
        connector = Connector(0, 0x02848001 if half else 0x028C0001, 0x40300 if half else 0x300, 1122 if half else 121, 0 if half else 1)
    elif stream.tunnel:
        connector = Connector(0, 0x02840001)
    elif stream.request_complete:
        connector = Connector(0x80 if at in (QUEUE, CONNECT, WAITING, ANSWERED) else 0, 0x02804001, descriptor_state=120)
    else:
        connector = Connector(0, 0x02800001 if stream.request.framing is Framing.CHUNKED else 0x02840001)
    if at in (QUEUE, CONNECT):
        connector.flags |= 0x200
    if stream.front.blocked:
        connector.end_flags, connector.subscribed, connector.descriptor_state = connector.end_flags & ~0x800000, 3, 110
    return connector


def server_connector(stream: Any) -> Connector:
    """The server's side."""
    at = where(stream)
    http = stream.request is not None
    flags = 0x11 if http and at != RULES and (stream.request_complete or stream.tunnel) else 0x1
    if at < CONNECT:
        return Connector(flags, 0x10, subscribed=0)
    base = 0x300 if http else 0x10000300
    if at == CONNECT:
        return Connector(flags, 0x1 if http else 0xC0001, base | 0x400000, 10010, 2)
    if not http:
        half = stream.request_complete
        return Connector(flags, 0x028C0401 if half else 0x028C0001, base | (0x80000 if half else 0), 10121 if stream.bytes_out else 10421)
    if stream.front.blocked:
        return Connector(flags | 0x200, 0x009C0001, base, 10122, 0)
    counted = at == TUNNEL or (at == ANSWERED and stream.response.framing is Framing.LENGTH)
    return Connector(flags, 0x02840001 if counted else 0x02800001, base, 10421 if at == WAITING else 10121)


# -- the transaction
def transaction_flags(stream: Any) -> int:
    """The flags of the HTTP transaction."""
    if stream.tunnel:
        return SWITCHED
    return (CACHEABLE if stream.request.method in SAFE else 0) | (TARPIT if stream.tarpitted else 0)


def method_number(method: bytes) -> int:
    return METHODS.index(method) if method in METHODS else len(METHODS)


def status(stream: Any) -> int:
    """What the client will be told, as far as that is known."""
    if stream.tarpitted:
        return 500
    return stream.response.status if stream.response is not None else -1


def request_state(stream: Any) -> str:
    if stream.tunnel:
        return "MSG_TUNNEL"
    if where(stream) == RULES and stream.request_complete:
        return "MSG_BODY"
    return "MSG_DONE" if stream.request_complete else "MSG_DATA"


def response_state(stream: Any) -> str:
    if stream.response is None:
        return "MSG_RPBEFORE"
    return "MSG_TUNNEL" if where(stream) == TUNNEL else "MSG_DONE" if stream.response_complete else "MSG_DATA"


def message_flags(message: Any, tunnel: bool) -> int:
    """The flags of a request or a response; 0 while there is none."""
    if message is None:
        return 0
    framing = {Framing.LENGTH: COUNTED | MEASURED, Framing.CHUNKED: CHUNKS | MEASURED, Framing.CLOSE: 0}.get(message.framing, BODILESS | MEASURED)
    if tunnel:
        framing = BODILESS | MEASURED | UPGRADED
    return framing | (VERSION_11 if message.version >= 11 else 0)
