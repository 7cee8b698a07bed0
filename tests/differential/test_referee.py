"""Thirty odd requests: HAProxy's verdict on each is pylb's (RFC 9112 leaves room, and HAProxy uses it in its own way)."""

from __future__ import annotations

import re

import pytest
from harness import Case
from oracle import needs_haproxy
from suites import Suite

pytestmark = needs_haproxy
HOST = b"Host: a\r\n"


def head(*lines: bytes, first: bytes = b"GET / HTTP/1.1", body: bytes = b"") -> bytes:
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n" + body


POST = b"POST / HTTP/1.1"
ODD: dict[str, tuple[bytes, int]] = {
    "plain": (head(b"Host: a"), 200),
    "old_keep_alive": (head(b"Connection: keep-alive", first=b"GET / HTTP/1.0"), 200),
    "no_host": (head(b"X: y"), 200),
    "bare_lf": (b"GET / HTTP/1.1\nHost: a\n\n", 200),
    "leading_crlf": (b"\r\n" + head(b"Host: a"), 200),
    "space_before_colon": (head(b"Host : a"), 400),
    "folded": (head(b"Host: a", b"X: b", b" c"), 200),
    "length_twice_same": (head(b"Host: a", b"Content-Length: 2", b"Content-Length: 2", first=POST, body=b"hi"), 200),
    "length_twice_other": (head(b"Host: a", b"Content-Length: 2", b"Content-Length: 3", first=POST, body=b"hi"), 400),
    "length_plus": (head(b"Host: a", b"Content-Length: +2", first=POST, body=b"hi"), 400),
    "length_and_chunked": (head(b"Host: a", b"Content-Length: 2", b"Transfer-Encoding: chunked", first=POST, body=b"2\r\nhi\r\n0\r\n\r\n"), 200),
    "gzip_chunked": (head(b"Host: a", b"Transfer-Encoding: gzip, chunked", first=POST, body=b"2\r\nhi\r\n0\r\n\r\n"), 422),
    "chunked_gzip": (head(b"Host: a", b"Transfer-Encoding: chunked, gzip", first=POST, body=b"2\r\nhi\r\n0\r\n\r\n"), 400),
    "identity": (head(b"Host: a", b"Transfer-Encoding: identity", first=POST), 400),
    "nul": (head(b"Host: a", b"X: a\0b"), 200),
    "control": (head(b"Host: a", b"X: a\x01b"), 200),
    "high_byte_in_value": (head(b"Host: a", b"X: \xe9"), 200),
    "high_byte_in_target": (head(b"Host: a", first=b"GET /\xe9 HTTP/1.1"), 400),
    "lower_case_method": (head(b"Host: a", first=b"get / HTTP/1.1"), 200),
    "two_spaces": (head(b"Host: a", first=b"GET  / HTTP/1.1"), 200),
    "version_12": (head(b"Host: a", first=b"GET / HTTP/1.2"), 200),
    "version_20": (head(b"Host: a", first=b"GET / HTTP/2.0"), 200),
    "version_09": (b"GET /\r\n\r\n", 400),
    "empty_name": (head(b"Host: a", b": x"), 400),
    "no_colon": (head(b"Host: a", b"abc"), 400),
    "two_hosts": (head(b"Host: a", b"Host: b"), 400),
    "absolute_other_host": (head(b"Host: b", first=b"GET http://a/ HTTP/1.1"), 400),
    "long_header": (head(b"Host: a", b"X: " + b"a" * 20000), 400),
    "chunk_extension": (head(b"Host: a", b"Transfer-Encoding: chunked", first=POST, body=b"2;a=b\r\nhi\r\n0\r\n\r\n"), 200),
    "chunk_bare_lf": (head(b"Host: a", b"Transfer-Encoding: chunked", first=POST, body=b"2\nhi\r\n0\r\n\r\n"), 200),
    "tab_after_method": (head(b"Host: a", first=b"GET\t/ HTTP/1.1"), 200),
    "lower_case_version": (head(b"Host: a", first=b"GET / http/1.1"), 400),
    "underscore_name": (head(b"Host: a", b"a_b: c"), 200),
    "no_target": (head(b"Host: a", first=b"GET HTTP/1.1"), 400),
}  # fmt: skip
CASES = [Case(name, (data,), answers=1, logs=1, statistics=False) for name, (data, _) in ODD.items()]


SUITE = Suite("referee", CASES)


def status(data: bytes) -> int:
    found = re.match(rb"HTTP/1\.\d (\d+)", data)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("name", list(ODD))
def test_verdict(name: str) -> None:
    theirs, ours = (status(outcome.played.clients[0].data) for outcome in SUITE.played.outcomes[name])
    assert (theirs, ours) == (ODD[name][1], ODD[name][1]), SUITE.played.differences.get(name)
