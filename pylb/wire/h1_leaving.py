"""How a message leaves when it cannot simply leave as it came: its framing, judged by the fields that are in its head at the end.

Rules may write or remove what says how long a body is, and give a response a status that has no body. HAProxy's multiplexer looks at each field as it
writes it, and so does this module:
- a content-length that is no number, or another than the one before it, is left out; so is any but 0 on a request that came without a body;
- a transfer-encoding beside a content-length, on a message without a body or on one older than HTTP/1.1, ends the connection;
- the body leaves in chunks if the transfer-encoding says so; else as it is if there is a length, if its end is that of the connection, or if the
  message is older than HTTP/1.1; else in chunks that the multiplexer announces itself;
- a length written after `transfer-encoding: chunked` counts too: a body that does not keep to it is an error.
"""

from __future__ import annotations

from typing import NamedTuple

from pylb.wire.body import CHUNKS, ENDLESS_CHUNKS, NOTHING, BodyWriter, MeasuredWriter
from pylb.wire.h1_fields import parse_length, says_chunked
from pylb.wire.headers import BLANKS, Headers
from pylb.wire.message import Framing, Request, Response

NONE, LENGTH, CHUNKED, CLOSE, TUNNEL = Framing


class Leaving(NamedTuple):
    """How a message leaves."""

    framing: Framing
    writer: BodyWriter | None  # None: the body passes as it is
    ends: bool = False  # the connection serves no other


BODILESS = frozenset((204, 304))
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
AS_IT_CAME = {framing: Leaving(framing, CHUNKS if framing is CHUNKED else None) for framing in Framing}


def is_plain(message: Request | Response) -> bool:
    """Do the fields say, in the plainest way, what they said when the message came? Nearly all do, whatever else rules have changed."""
    headers, came = message.headers, message.framing
    names = dict(headers)
    if len(names) != len(headers) and sum(name in FRAMING for name, _ in headers) > 1:
        return False
    length, coding = names.get(b"content-length"), names.get(b"transfer-encoding")
    if came is CHUNKED:
        return coding == b"chunked" and length is None and message.version >= 11
    if coding is not None or (length is None and came is LENGTH):
        return False
    return length is None or length == b"%d" % message.length


class Judged(NamedTuple):
    """What the fields of a head say."""

    length: int | None
    measured: bool  # the body has to keep to the length
    encoded: bool
    chunked: bool


def judge(headers: Headers, length: int | None) -> Judged:
    """What the fields say, `length` being what is known already; those that HAProxy would not write are removed."""
    kept = list[tuple[bytes, bytes]]()
    measured = encoded = chunked = False
    for name, value in headers:
        if name == b"content-length":
            stated = one_length(value)
            if stated is None or length not in (None, stated):
                continue
            length, measured = stated, True
        elif name == b"transfer-encoding":
            encoded, chunked = True, not chunked and says_chunked(value)  # HAProxy does not understand who says it twice
            if chunked:
                measured = False
        kept.append((name, value))
    if len(kept) != len(headers):
        headers[:] = kept
    return Judged(length, measured, encoded, chunked)


def one_length(value: bytes) -> int | None:
    """The length that a field states, perhaps several times."""
    lengths = {parse_length(word.strip(BLANKS)) for word in value.split(b",")}
    return lengths.pop() if len(lengths) == 1 else None


def settle_request(request: Request) -> Leaving:
    """How a request leaves that rules have seen."""
    came = request.framing
    if came is TUNNEL or is_plain(request):
        return AS_IT_CAME[came]
    judged = judge(request.headers, 0 if came is NONE else None)
    ends = judged.encoded and (judged.length is not None or request.version < 11)
    return settle(request, judged, ends)


def settle_response(response: Response, method: bytes) -> Leaving:
    """How a response leaves that rules have seen, or whose status is odd; `method` is that of the request."""
    status, came = response.status, response.framing
    if (came is LENGTH or came is CHUNKED) and status >= 200 and status not in BODILESS and method != b"HEAD" and is_plain(response):
        return AS_IT_CAME[came]
    to_head, endless = method == b"HEAD", came is CLOSE or came is TUNNEL
    if came is TUNNEL and (status < 100 or status == 101 or (method == b"CONNECT" and status < 300)):
        return AS_IT_CAME[came]
    if status < 200 or status == 204:  # neither a length nor an encoding is told
        response.known = None
        if status < 100:
            return AS_IT_CAME[LENGTH]
        if status == 204:
            return Leaving(CLOSE if endless and not to_head else NONE, NOTHING)
        return Leaving(NONE, None if status == 101 else MeasuredWriter(0), True)
    judged = judge(response.headers, None)
    ends = judged.encoded and (judged.length is not None or response.version < 11)
    if to_head or status == 304:
        return Leaving(CLOSE if endless and not to_head else NONE, NOTHING, ends)
    return settle(response, judged, ends)


def settle(message: Request | Response, judged: Judged, ends: bool) -> Leaving:
    """How the body leaves, as the fields have it."""
    came, endless = message.framing, message.framing in (CLOSE, TUNNEL)
    writer: BodyWriter | None = None
    framing = CLOSE if endless else LENGTH
    if judged.chunked or not (endless or message.version < 11 or judged.length is not None):
        framing, writer = (CLOSE, ENDLESS_CHUNKS) if endless else (CHUNKED, CHUNKS)
    if judged.measured and (came is not LENGTH or judged.length != message.length or writer is not None):
        writer = MeasuredWriter(judged.length or 0, writer)
    return Leaving(framing, writer, ends or endless)
