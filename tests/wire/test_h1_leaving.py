"""How messages leave whose heads rules have changed: a table of the fields, the head and the body on the wire."""

from __future__ import annotations

import pytest

from pylb.wire.body import BodyWriter, WrongLength
from pylb.wire.h1 import outgoing_request_head, outgoing_response_head
from pylb.wire.h1_leaving import settle_request, settle_response
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request, Response

NONE, LENGTH, CHUNKED, CLOSE, TUNNEL = Framing
FIVE, NINE, TE, GZIP, SHUT = "content-length: 5", "content-length: 9", "transfer-encoding: chunked", "transfer-encoding: gzip", "connection: close"
PLAIN, CHUNK = b"hello", b"5\r\nhello\r\n0\r\n\r\n"

# How it came, the fields after the rules; the fields that leave, the body.
REQUESTS = {
    "length": (LENGTH, [FIVE], [FIVE], PLAIN),
    "no length": (LENGTH, [], [TE], CHUNK),
    "no number": (LENGTH, ["content-length: x"], [TE], CHUNK),
    "longer": (LENGTH, [NINE], [NINE], PLAIN),
    "shorter": (LENGTH, ["content-length: 3"], None, None),
    "twice": (LENGTH, ["content-length: 5, 5"], ["content-length: 5, 5"], PLAIN),
    "two lengths in one": (LENGTH, ["content-length: 5, 6"], [TE], CHUNK),
    "two lengths": (LENGTH, [FIVE, NINE], [FIVE], PLAIN),
    "length and chunked": (LENGTH, [FIVE, TE], [FIVE, TE, SHUT], CHUNK),
    "chunked and length": (CHUNKED, [TE, NINE], [TE, NINE, SHUT], CHUNK),
    "chunked and its length": (CHUNKED, [TE, FIVE], None, None),
    "length for chunked": (CHUNKED, [FIVE], [FIVE], PLAIN),
    "chunked unsaid": (CHUNKED, [], [TE], CHUNK),
    "chunked, then gzip": (CHUNKED, [TE, GZIP], [TE, GZIP, TE], CHUNK),
    "gzip and length": (LENGTH, [FIVE, GZIP], [FIVE, GZIP, SHUT], PLAIN),
    "length without body": (NONE, [FIVE], [], b""),
    "no length without body": (NONE, ["content-length: 0"], ["content-length: 0"], b""),
    "chunked without body": (NONE, [TE], [TE, SHUT], b"0\r\n\r\n"),
}


def sent(writer: BodyWriter | None, body: bytes) -> bytes:
    return body if writer is None else (writer.data(body) if body else b"") + writer.end(Headers())


def fields(texts: list[str]) -> Headers:
    return Headers([(name.encode(), value.encode()) for name, _, value in (text.partition(": ") for text in texts)])


def lines(head: bytes) -> list[str]:
    return head.decode().split("\r\n")[1:-2]


@pytest.mark.parametrize("name", REQUESTS)
def test_request(name: str) -> None:
    came, given, left, body = REQUESTS[name]
    request = Request(b"POST", b"/", 11, fields(given), came, 5 if came is LENGTH else 0)
    leaving = settle_request(request)
    payload = b"" if came is NONE else PLAIN
    if left is None:
        with pytest.raises(WrongLength):
            sent(leaving.writer, payload)
        return
    assert lines(outgoing_request_head(request, leaving.ends, leaving.framing)) == left
    assert sent(leaving.writer, payload) == body


# Version, status, how it came, the fields after the rules; the fields that leave, the body, and whether the connection ends.
RESPONSES = {
    "length": (11, 200, LENGTH, [FIVE], [FIVE], PLAIN, False),
    "old, no length": (10, 200, LENGTH, [], ["connection: keep-alive"], PLAIN, False),
    "old, chunked": (10, 200, CHUNKED, [TE], [TE], CHUNK, True),
    "until the end": (11, 200, CLOSE, [], [SHUT], PLAIN, True),
    "until the end, with a length": (11, 200, CLOSE, [FIVE], [FIVE, SHUT], PLAIN, True),
    "until the end, in chunks": (11, 200, CLOSE, [TE], [TE, SHUT], b"5\r\nhello\r\n", True),
    "no content any more": (11, 204, LENGTH, [FIVE], [], b"", False),
    "not modified any more": (11, 304, LENGTH, [FIVE], [FIVE], b"", False),
    "below 100": (11, 50, CHUNKED, [TE], [], PLAIN, False),
    "content of a 204": (11, 200, NONE, [], [TE], b"0\r\n\r\n", False),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_response(name: str) -> None:
    version, status, came, given, left, body, ends = RESPONSES[name]
    response = Response(status, b"X", version, fields(given), came, 5 if came is LENGTH else 0)
    leaving = settle_response(response, b"GET")
    assert lines(outgoing_response_head(response, 11, leaving.ends, leaving.framing)) == left
    assert sent(leaving.writer, b"" if came is NONE else PLAIN) == body
    assert leaving.ends == ends


def test_answers_to_head_have_no_body() -> None:
    response = Response(200, b"OK", 11, fields([NINE, TE]), NONE)
    leaving = settle_response(response, b"HEAD")
    assert sent(leaving.writer, PLAIN) == b"" and leaving.ends


def test_tunnels_stay_tunnels() -> None:
    assert settle_request(Request(b"CONNECT", b"a:1", framing=TUNNEL)).framing is TUNNEL
    assert settle_response(Response(200, b"OK", framing=TUNNEL), b"CONNECT").framing is TUNNEL
    assert settle_response(Response(101, b"Switching", framing=TUNNEL), b"GET").framing is TUNNEL
