"""PROXY protocol headers before haproxy and before pylb: what clients may begin with, what servers are told."""

from __future__ import annotations

import pytest
from harness import OK, Case
from oracle import needs_haproxy
from stream_peers import CLOSE, FIN, Answers, Command
from suites import Suite

from pylb.wire.proxy_protocol import AUTHORITY, NOOP, SIGNATURE, write_v2

pytestmark = needs_haproxy

EXPECT = "tcp-request connection expect-proxy layer4\n http-request set-header x-src %[src]:%[src_port]\n http-request set-header x-dst %[dst]:%[dst_port]"
TOLD = b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
A, B = ("192.0.2.1", 4711), ("198.51.100.2", 443)


def said(name: str, *sent: bytes | float | str, front: str = EXPECT, answers: int = 1, **more: object) -> Case:
    """A client that begins with these bytes."""
    return Case(name, client=(*sent, Answers(answers), CLOSE), front=front, origin=(OK,), answers=answers, **more)  # type: ignore[arg-type]


IN = [
    said("v1-tcp4", b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n" + GET),
    said("v1-in-pieces", b"PROXY TCP4 192.0.2.1 ", 0.05, b"198.51.100.2 4711 443\r\n", 0.05, GET),
    said("v1-tcp6", b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n" + GET),
    said("v2", write_v2(A, B) + GET),
    said("v2-with-values", write_v2(A, B, [(NOOP, b"abc"), (AUTHORITY, b"a.example")]) + GET),
    said("v2-authority", write_v2(A, B, [(AUTHORITY, b"a.example")]) + GET, front=EXPECT + "\n http-request set-header x-name %[fc_pp_authority]"),
    said("no-header", GET, answers=0),
    said("v1-without-addresses", b"PROXY TCP4\r\n" + GET, answers=0),
    said("v1-bare-line-feed", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + GET, answers=0),
    said("v1-bad-address", b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n" + GET, answers=0),
    said("v2-bad-version", SIGNATURE + b"\x11\x11\0\x0c" + bytes(12) + GET, answers=0),
    said("v2-too-short", SIGNATURE + b"\x21\x11\0\x04" + bytes(4) + GET, answers=0),
    said("closed-at-once", FIN, answers=0),
    said("closed-in-the-middle", b"PROXY TCP4 192", 0.05, FIN, answers=0),
]
OUT = [
    Case("out-" + "-".join(words.replace(",", " ").split()), client=(TOLD, GET, Answers(1), CLOSE), front=EXPECT, server=words, origin=(OK,), answers=1)
    for words in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c", "send-proxy-v2-ssl", "send-proxy-v2 proxy-v2-options authority,ssl")
]
PER_REQUEST = GET.replace(b" / ", b" /%d ")
OTHER = (0.35, PER_REQUEST % 3, Answers(1), 0.1)


def twice(name: str, words: str, form: str, front: str = EXPECT) -> Case:
    """Two requests of one client, then one of another: which connections to the server are used again?"""
    first = (TOLD, PER_REQUEST % 1, Answers(1), 0.05, PER_REQUEST % 2, Answers(2), 0.5)
    return Case(name, first, f"{front}\n unique-id-format {form}", "http-reuse always", words, others=((*OTHER[:1], TOLD, *OTHER[1:]),), answers=2, logs=3)


UNIQUE = "send-proxy-v2 proxy-v2-options unique-id"
SHARED = [
    twice("unique-id-same", UNIQUE, "same"),
    twice("unique-id-of-request", UNIQUE, "%{+Q}r"),
    twice("unique-id-used-before", UNIQUE, "%{+Q}r", front=f"{EXPECT}\n http-request set-header x-id %[unique-id]"),
    twice("unique-id-not-told", "send-proxy-v2", "%{+Q}r"),
    Case(
        "addr-of-anybody",
        (b"PROXY UNKNOWN\r\n", GET, Answers(1), Command("set server {b}/s1 addr 0.0.0.0"), 0.1, GET, Answers(2), 0.5),
        back="http-reuse always\nretries 0",
        bind="accept-proxy",
        others=((0.4, b"PROXY TCP4 192.0.2.1 127.0.0.99 1 2\r\n", GET, Answers(1)),),
        logs=3,
    ),
]
CASES = [*IN, *OUT, *SHARED]
SUITE = Suite("proxy-headers", CASES)


@pytest.mark.parametrize("name", SUITE.names())
def test_same(name: str) -> None:
    SUITE.check(name)
