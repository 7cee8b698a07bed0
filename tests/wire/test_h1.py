"""The HTTP/1 reader and writer by themselves: both paths agree, cuts do not matter, and h11 is the referee of the rest."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liberties import LAXER, STRICTER
from odd_requests import ODD_REQUESTS, get
from odd_responses import ODD_RESPONSES

from pylb.base.errors import BadMessage
from pylb.wire.h1 import (
    Limits,
    outgoing_request_head,
    outgoing_response_head,
    read_request,
    read_response,
    render_request,
    render_response,
)
from pylb.wire.h1_odd import read_odd_request
from pylb.wire.h1_odd_response import read_odd_response
from pylb.wire.headers import Headers
from pylb.wire.message import Request, Response

LIMITS = Limits()
Outcome = tuple[object, ...] | None


def facts(message: Request | Response) -> Outcome:
    """All attributes of a message."""
    return tuple(getattr(message, name) for name in message.__slots__ if name != "known")


def request_outcome(raw: bytes, read: object = read_request) -> Outcome:
    try:
        got = read(raw, LIMITS)  # type: ignore[operator]
    except BadMessage as bad:
        return bad.status, bad.position
    return got and (facts(got[0]), got[1])


def response_outcome(raw: bytes, method: bytes, read: object = read_response) -> Outcome:
    try:
        got = read(raw, method, LIMITS)  # type: ignore[operator]
    except BadMessage as bad:
        return bad.status, bad.position
    return got and (facts(got[0]), got[1])


@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_both_paths_agree_on_requests(name: str) -> None:
    raw = ODD_REQUESTS[name]
    assert request_outcome(raw) == request_outcome(raw, read_odd_request)


@pytest.mark.parametrize("name", ODD_RESPONSES)
def test_both_paths_agree_on_responses(name: str) -> None:
    request, raw, _ = ODD_RESPONSES[name]
    method = request.split(b" ")[0]
    assert response_outcome(raw, method) == response_outcome(raw, method, read_odd_response)


TOKENS = st.text("abcXYZ-09", min_size=1, max_size=9).map(str.encode)
VALUES = st.binary(max_size=20).map(lambda data: data.translate(None, b"\r\n"))
SPECIAL = st.sampled_from(
    [
        (b"Content-Length", b"5"), (b"content-length", b"0"), (b"Host", b"x"), (b"HOST", b"X"), (b"Connection", b"close"), (b"Connection", b"Keep-Alive"),
        (b"connection", b"foo, close"), (b"Transfer-Encoding", b"chunked"), (b"Upgrade", b"foo"), (b"Connection", b"upgrade"), (b"Expect", b"100-continue"),
    ]
)  # fmt: skip
FIELDS = st.lists(st.one_of(st.tuples(TOKENS, VALUES), SPECIAL), max_size=6)


@given(FIELDS, st.sampled_from([b"GET / HTTP/1.1", b"PUT / HTTP/1.0", b"OPTIONS * HTTP/1.1", b"GET http://x:80/ HTTP/1.1"]), st.sampled_from([b"\r\n", b"\n"]))
@settings(max_examples=200, deadline=None)
def test_both_paths_agree_on_any_fields(fields: list[tuple[bytes, bytes]], line: bytes, end: bytes) -> None:
    raw = end.join([line, *[name + b":" + value for name, value in fields], b"", b""])
    outcome = request_outcome(raw)
    assert outcome == request_outcome(raw, read_odd_request)
    response = raw.replace(line, b"HTTP/1.1 200 OK")
    assert response_outcome(response, b"GET") == response_outcome(response, b"GET", read_odd_response)


@pytest.mark.parametrize("name", [name for name, raw in ODD_REQUESTS.items() if len(raw) < 300])
def test_any_cut_gives_the_same_request(name: str) -> None:
    raw = ODD_REQUESTS[name]
    whole = request_outcome(raw)
    first = next((outcome for end in range(len(raw) + 1) if (outcome := request_outcome(raw[:end])) is not None), None)
    assert first == whole


@pytest.mark.parametrize("name", [name for name, case in ODD_RESPONSES.items() if len(case[1]) < 300])
def test_any_cut_gives_the_same_response(name: str) -> None:
    request, raw, _ = ODD_RESPONSES[name]
    method = request.split(b" ")[0]
    first = next((outcome for end in range(len(raw) + 1) if (outcome := response_outcome(raw[:end], method)) is not None), None)
    assert first == response_outcome(raw, method)


def h11_accepts(raw: bytes) -> bool | None:
    """h11's verdict on a request's head; None when it waits for more."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
    connection.receive_data(raw)
    try:
        return True if isinstance(connection.next_event(), h11.Request) else None
    except h11.RemoteProtocolError:
        return False


@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_h11_agrees_but_for_the_liberties(name: str) -> None:
    outcome = request_outcome(ODD_REQUESTS[name])
    mine = None if outcome is None else len(outcome) == 2 and isinstance(outcome[0], tuple)
    if mine is None or (referee := h11_accepts(ODD_REQUESTS[name])) is None:
        return
    listed = name in LAXER or name in STRICTER
    assert (mine != referee) == listed, f"pylb {mine}, h11 {referee}, listed {listed}"
    if listed:
        assert mine == (name in LAXER)


def test_liberties_name_requests() -> None:
    assert {*LAXER, *STRICTER} <= {*ODD_REQUESTS}


def request_of(raw: bytes) -> Request:
    got = read_request(raw, LIMITS)
    assert got is not None
    return got[0]


def test_render_round_trip() -> None:
    raw = b"POST /a?b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
    assert render_request(request_of(raw)) == raw
    assert render_request(Request(b"GET", b"/")) == b"GET / HTTP/1.1\r\n\r\n"
    assert render_response(Response(200, b"OK", headers=Headers([(b"a", b"b")]))) == b"HTTP/1.1 200 OK\r\na: b\r\n\r\n"


def test_connection_to_a_server() -> None:
    assert outgoing_request_head(request_of(get()), close=True).endswith(b"host: x\r\nconnection: close\r\n\r\n")
    old = request_of(get(line=b"GET / HTTP/1.0"))
    assert outgoing_request_head(old, close=False).endswith(b"connection: keep-alive\r\n\r\n")
    assert b"connection" not in outgoing_request_head(old, close=True)
    upgrade = request_of(get(b"Connection: Upgrade", b"Upgrade: foo"))
    assert outgoing_request_head(upgrade, close=True).count(b"connection") == 1
    wrote = request_of(get())
    wrote.headers.add(b"connection", b"foo,close")
    assert outgoing_request_head(wrote, close=False).endswith(b"connection: foo\r\nconnection: close\r\n\r\n")


def test_connection_to_a_client() -> None:
    response = Response(200, b"OK", 11, Headers([(b"content-length", b"0")]))
    assert b"connection" not in outgoing_response_head(response, 11, close=False)
    assert b"\r\nconnection: close\r\n" in outgoing_response_head(response, 11, close=True)
    assert b"\r\nconnection: keep-alive\r\n" in outgoing_response_head(response, 10, close=False)
    response.version = 10
    assert b"\r\nconnection: keep-alive\r\n" in outgoing_response_head(response, 11, close=False)
    assert b"connection" not in outgoing_response_head(response, 11, close=True)
