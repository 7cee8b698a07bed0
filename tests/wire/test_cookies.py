"""Cookies found in fields, against the running haproxy where it is installed."""

from __future__ import annotations

import os
import re

import pytest
from rig import HAPROXY, Rig

from pylb.wire.cookies import capture, cookies, request_cookies, response_cookies
from pylb.wire.headers import Headers

needs_haproxy = pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")

FIELDS = [
    b"a=1", b"b=2; a=1", b"a=1; a=2", b"a = 1 ; b=2", b'a="x;y"; b=3', b"a", b"a=", b"a=; b=2", b"a= ; b=2", b'a=""; b=2', b"b; a=1", b"b, a=1", b"a=1,2",
    b"a=1;b=2", b" a=1 2 ; c", b"xa=1; a=2", b"A=1", b"$Version=1; a=1; $Path=/", b";;a=1", b"=x; a=1", b"a==1", b'a="x\\"y"', b'a="x\\";y";z', b"a=b=c",
    b'b="a=1"; a=2', b'b="; a=1; a=2', b"a=1;", b"a=\tx\t;", b"a=1, a=2", b"b c=1; a=2", b"a b=1; a=2", b'a=x"y;z"; b', b'a=x "y;z" ; b', b"a;=1; a=3",
    b'"a"=1', b"a \t=1", b'b=\\"; a=2', b'a="x"y; b', b"b=2,a=;a=4", b"a=1;;;", b",a=1", b'"b;a=1"; a=2', b'b"=1;a=2"; a=3',
]  # fmt: skip
SET_FIELDS = [
    [b"a=1"], [b"a=1; Path=/; b=2"], [b"b=1; a=2"], [b"a = 1 ; x"], [b'a="1;2"; x'], [b"b=1, a=2"], [b"b=1", b"a=2"], [b"a=1", b"a=2"], [b"a"], [b"a="],
    [b"x=1; path=/, a=3; path=/"], [b"a=1,2; x"], [b'b="x,a=9"; y'], [b"b=1; expires=Wed, 01 Jan 2020, a=4"], [b"a=x y; q"], [b"a=; Path=/"],
    [b'b; x=", a=2'], [b'b=1; x="q, a=2", a=3'], [b"b; a=1, a=2"],
]  # fmt: skip


def summary(named: list[bytes], every: list[bytes]) -> dict[bytes, bytes]:
    """What haproxy reports of the same cookies: the last called `a`, how many, the first of all, how many."""
    return {
        b"last": named[-1] if named else b"",
        b"count": b"%d" % len(named),
        b"first": every[0] if every else b"",
        b"all": b"%d" % len(every),
    }


def fetches(side: str) -> dict[str, str]:
    return {"last": f"{side}.cook(a)", "count": f"{side}.cook_cnt(a)", "first": f"{side}.cook()", "all": f"{side}.cook_cnt()"}


def reported(data: bytes) -> dict[bytes, bytes]:
    return dict(re.findall(rb"x-(\w+): \[(.*)\]\r\n", data))


@needs_haproxy
def test_request_cookies() -> None:
    rig = Rig(frontend="http-request return status 200 " + " ".join(f'hdr x-{key} "[%[{word}]]"' for key, word in fetches("req").items()))
    try:
        for text in FIELDS:
            headers = Headers([(b"cookie", text.strip())])
            mine = summary(list(request_cookies(headers, b"a")), list(request_cookies(headers)))
            assert reported(rig.exchange(b"GET / HTTP/1.1\r\nCookie: %s\r\n\r\n" % text).client) == mine, text
    finally:
        rig.stop()


@needs_haproxy
def test_response_cookies() -> None:
    rig = Rig(frontend="\n    ".join(f'http-response set-header x-{key} "[%[{word}]]"' for key, word in fetches("res").items()))
    try:
        for texts in SET_FIELDS:
            headers = Headers([(b"set-cookie", text) for text in texts])
            mine = summary(list(response_cookies(headers, b"a")), list(response_cookies(headers)))
            script = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%s\r\n" % b"".join(b"Set-Cookie: %s\r\n" % text for text in texts)
            assert reported(rig.exchange(b"GET / HTTP/1.1\r\n\r\n", script).client) == mine, texts
    finally:
        rig.stop()


def test_places() -> None:
    text = b'x=1 ; a = "2;3" ; b=4'
    for cookie in cookies(text):
        assert text[cookie.value_start : cookie.value_end] == cookie.value
        assert text[cookie.start :].startswith(cookie.name)
    assert [text[cookie.end : cookie.end + 1] for cookie in cookies(text)] == [b";", b";", b""]


def test_capture() -> None:
    headers = Headers([(b"cookie", b"b=1; ASPSESSIONID=x y; a=2"), (b"set-cookie", b"a = 5; path=/")])
    assert capture(headers, b"ASP", exact=False) == b"ASPSESSIONID=x y"
    assert capture(headers, b"ASP", exact=True) is None
    assert capture(headers, b"a", exact=True, response=True) == b"a = 5"
