"""Odd requests and responses: the running haproxy and pylb's reader say the same, and forward the same head."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from odd_requests import ODD_REQUESTS
from odd_responses import ODD_RESPONSES
from rig import HAPROXY, Rig

from pylb.base.errors import BadMessage
from pylb.wire.h1 import H2_PREFACE, Limits, forced_close, outgoing_request_head, outgoing_response_head, read_request, read_response

pytestmark = pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")
LIMITS = Limits()

# Where pylb differs on purpose, with the reason.
EXCUSED_REQUESTS = {"h2 preface": "a multiplexer switches to HTTP/2 before it reads a request"}
EXCUSED_LAX = {
    "10.1": "an odd version passes as 1.0; HAProxy repeats its text",
    "1.10": "an odd version passes as 1.0; HAProxy repeats its text",
    "1.": "an odd version passes as 1.0; HAProxy repeats its text",
    "RTSP/1.0": "an odd protocol leaves as HTTP",
    "FOO/1.1": "an odd protocol leaves as HTTP",
    "no slash": "an odd protocol leaves as HTTP",
}
EXCUSED_RESPONSES = {
    "start: RTSP": "an odd protocol leaves as HTTP",
    "start: status 20": "a status leaves with three digits",
    "start: status 0": "a status leaves with three digits",
    "start: status 0200": "a status leaves with three digits",
}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.stop()


@pytest.fixture(scope="module")
def lax_rig() -> Iterator[Rig]:
    rig = Rig(frontend="option accept-invalid-http-request")
    yield rig
    rig.stop()


def judge_request(raw: bytes, limits: Limits) -> tuple[int, object, bytes | None]:
    """Status, position or persistence, and the head that is forwarded."""
    try:
        got = read_request(raw, limits)
    except BadMessage as bad:
        return bad.status, bad.position, None
    if got is None:
        return 408, None, None
    request, _ = got
    return 200, request.keep_alive, outgoing_request_head(request, close=False)


def compare_requests(rig: Rig, limits: Limits, excused: dict[str, str], positions: bool) -> None:
    wrong = []
    for name, raw in ODD_REQUESTS.items():
        if name in excused:
            continue
        seen = rig.exchange(raw, errors=True)
        head = seen.server.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if seen.server else None
        status, detail, mine = judge_request(raw, limits)
        if (status, mine) != (seen.status, head):
            wrong.append(f"{name}: {status} {mine!r}, not {seen.status} {head!r}")
        elif status == 200 and detail is seen.closed and b"CONNECT" not in raw:
            wrong.append(f"{name}: keep_alive is {detail}")
        elif positions and status not in (200, 408) and detail != (seen.error[1] if seen.error else -1):
            wrong.append(f"{name}: position {detail}, not {seen.error}")
    assert not wrong, "\n".join(wrong)


def test_requests(rig: Rig) -> None:
    compare_requests(rig, LIMITS, EXCUSED_REQUESTS, positions=True)


def test_requests_when_invalid_ones_are_accepted(lax_rig: Rig) -> None:
    compare_requests(lax_rig, Limits(accept_invalid=True), {**EXCUSED_REQUESTS, **EXCUSED_LAX}, positions=False)


def judge_response(request_raw: bytes, raw: bytes, hang_up: bool) -> tuple[int, object, bytes]:
    """Status, position, and all heads that are forwarded until the final one."""
    got = read_request(request_raw, LIMITS)
    assert got is not None
    request, _ = got
    heads = b""
    try:
        while True:
            answer = read_response(raw, request.method, LIMITS)
            if answer is None:
                return 502 if hang_up else 504, None, b""
            response, size = answer
            if response.status == 101 and (response.upgrade is None or request.upgrade is None):
                return 502, None, b""  # the stream's verdict
            raw = raw[size:]
            heads += outgoing_response_head(response, request.version, not request.keep_alive)
            if not 102 <= response.status < 200 and response.status != 100:
                return response.status, forced_close(response), heads
    except BadMessage as bad:
        return bad.status, bad.position, b""


def test_responses(rig: Rig) -> None:
    wrong = []
    for name, (request, raw, hang_up) in ODD_RESPONSES.items():
        if name in EXCUSED_RESPONSES:
            continue
        seen = rig.exchange(request, raw, hang_up, errors=True, enough=0.5)
        status, detail, heads = judge_response(request, raw, hang_up)
        if status in (502, 504) and not heads:
            if seen.status != status or not seen.client.startswith(b"HTTP/1.1 %d " % status):
                wrong.append(f"{name}: {status}, not {seen.status}")
            elif detail is not None and detail != (seen.error[1] if seen.error else -1):
                wrong.append(f"{name}: position {detail}, not {seen.error}")
        elif not seen.client.startswith(heads):
            wrong.append(f"{name}: {heads!r}, not {seen.client[:300]!r}")
    assert not wrong, "\n".join(wrong)


PERSISTENCE = """start: plain|start: 1.0|start: 2.0|hops: keep-alive from 1.0|hops: close|hops: close, keep-alive|body: chunked and length|body: chunked
body: length and chunked|body: 204|body: 304 chunked|body: HEAD chunked|body: HEAD without length|body: chunked from 1.0|body: HEAD from 1.0"""


@pytest.mark.parametrize("name", PERSISTENCE.replace("\n", "|").split("|"))
def test_connections_to_servers_live_on(rig: Rig, name: str) -> None:
    request, raw, _ = ODD_RESPONSES[name]
    got = read_response(raw, request.split(b" ")[0], LIMITS)
    assert got is not None
    assert rig.server_connection_survives(request, raw) == got[0].keep_alive


def test_table_is_big_enough() -> None:
    assert len(ODD_REQUESTS) >= 120
    assert len(ODD_RESPONSES) >= 60
    assert H2_PREFACE in ODD_REQUESTS.values()
