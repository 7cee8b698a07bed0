"""Odd responses, each with a name: (request, response, does the origin hang up after it)."""

from __future__ import annotations

Case = tuple[bytes, bytes, bool]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET10 = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
GET10_KEEP = b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
GET_CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD10 = b"HEAD / HTTP/1.0\r\nHost: x\r\n\r\n"
CONNECT = b"CONNECT x:81 HTTP/1.1\r\nHost: x:81\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
POST_EXPECT = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
CHUNKS = b"2\r\nhi\r\n0\r\n\r\n"
EMPTY = b"Content-Length: 0"


def answer(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    """A response whose start line, fields and body are given."""
    return line + b"\r\n" + b"".join(each + b"\r\n" for each in lines) + b"\r\n" + body


def to_get(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK", body: bytes = b"", hang_up: bool = False) -> Case:
    return GET, answer(*lines, line=line, body=body), hang_up


def start(line: bytes) -> Case:
    return to_get(EMPTY, line=line)


def status(code: int, *lines: bytes, request: bytes = GET, body: bytes = b"", hang_up: bool = False) -> Case:
    return request, answer(*lines, line=b"HTTP/1.1 %d X" % code, body=body), hang_up


OK = answer(EMPTY)

START_LINES: dict[str, Case] = {
    "plain": start(b"HTTP/1.1 200 OK"),
    "1.0": start(b"HTTP/1.0 200 OK"),
    "1.0 hang up": to_get(EMPTY, line=b"HTTP/1.0 200 OK", hang_up=True),
    "1.2": start(b"HTTP/1.2 200 OK"),
    "2.0": start(b"HTTP/2.0 200 OK"),
    "0.9": start(b"HTTP/0.9 200 OK"),
    "10.1": start(b"HTTP/10.1 200 OK"),
    "1.": start(b"HTTP/1. 200 OK"),
    "http": start(b"http/1.1 200 OK"),
    "HTTQ": start(b"HTTQ/1.1 200 OK"),
    "RTSP": start(b"RTSP/1.0 200 OK"),
    "ICY": start(b"ICY 200 OK"),
    "no reason": start(b"HTTP/1.1 200"),
    "blank reason": start(b"HTTP/1.1 200 "),
    "blanks in reason": start(b"HTTP/1.1 200   Very   OK  "),
    "tab before reason": start(b"HTTP/1.1 200\tOK"),
    "control in reason": start(b"HTTP/1.1 200 O\x01K"),
    "NUL in reason": start(b"HTTP/1.1 200 O\x00K"),
    "high byte in reason": start(b"HTTP/1.1 200 \xc3\xa9"),
    "CR in reason": start(b"HTTP/1.1 200 O\rK"),
    "two blanks": start(b"HTTP/1.1  200 OK"),
    "tab after version": start(b"HTTP/1.1\t200 OK"),
    "no status": start(b"HTTP/1.1 OK"),
    "no status at all": start(b"HTTP/1.1"),
    "version and blank": start(b"HTTP/1.1 "),
    "status 20": start(b"HTTP/1.1 20 OK"),
    "status 2000": start(b"HTTP/1.1 2000 OK"),
    "status 0": start(b"HTTP/1.1 0 OK"),
    "status 000": start(b"HTTP/1.1 000 OK"),
    "status 099": start(b"HTTP/1.1 099 OK"),
    "status 600": start(b"HTTP/1.1 600 OK"),
    "status 999": start(b"HTTP/1.1 999 OK"),
    "status 0200": start(b"HTTP/1.1 0200 OK"),
    "status 2x0": start(b"HTTP/1.1 2x0 OK"),
    "status -20": start(b"HTTP/1.1 -20 OK"),
    "status 200x": start(b"HTTP/1.1 200x OK"),
    "leading CRLF": (GET, b"\r\n" + OK, False),
    "leading LF": (GET, b"\n\n" + OK, False),
    "leading blank": (GET, b" " + OK, False),
    "bare LF": (GET, OK.replace(b"\r\n", b"\n"), False),
    "no reason, bare LF": (GET, b"HTTP/1.1 200\nContent-Length: 0\n\n", False),
    "garbage": (GET, b"hello\r\n\r\n", True),
    "binary": (GET, b"\x00\x01\x02\r\n\r\n", True),
    "html": (GET, b"<html>hello</html>\r\n", True),
    "nothing": (GET, b"", True),
    "half a head": (GET, b"HTTP/1.1 200 OK\r\nContent-Le", True),
    "silence": (GET, b"", False),
    "half and silence": (GET, b"HTTP/1.1 200 OK\r\n", False),
}

HEADERS: dict[str, Case] = {
    "space before colon": to_get(EMPTY, b"a : b"),
    "tab before colon": to_get(EMPTY, b"a\t: b"),
    "no colon": to_get(EMPTY, b"abc"),
    "empty name": to_get(EMPTY, b": b"),
    "odd name": to_get(EMPTY, b"a(b: c"),
    "high name": to_get(EMPTY, b"a\xe9: c"),
    "upper": to_get(EMPTY, b"X-Foo: Bar"),
    "empty value": to_get(EMPTY, b"a:"),
    "folded": to_get(EMPTY, b"a: b", b" c"),
    "first folded": to_get(b" a: b", EMPTY),
    "NUL": to_get(EMPTY, b"a: b\x00c"),
    "high value": to_get(EMPTY, b"a: \xe9"),
    "CR in value": to_get(EMPTY, b"a: b\rc"),
    "CR CR LF": to_get(EMPTY, b"a: b\r"),
    "100 headers": to_get(*[b"h%d: v" % number for number in range(99)], EMPTY),
    "101 headers": to_get(*[b"h%d: v" % number for number in range(100)], EMPTY),
    "102 headers": to_get(*[b"h%d: v" % number for number in range(101)], EMPTY),
    "head of 15200": to_get(b"a: " + b"v" * 15150, EMPTY),
    "head of 15600": to_get(b"a: " + b"v" * 15550, EMPTY),
    "head of 20000": to_get(b"a: " + b"v" * 20000, EMPTY),
    "two cookies": to_get(EMPTY, b"Set-Cookie: a=b", b"Set-Cookie: c=d"),
    "host in response": to_get(EMPTY, b"Host: x", b"Host: y"),
}

BODIES: dict[str, Case] = {
    "length": to_get(b"Content-Length: 2", body=b"hi"),
    "length too long": to_get(b"Content-Length: 3", body=b"hi", hang_up=True),
    "length too short": to_get(b"Content-Length: 1", body=b"hi"),
    "until close": to_get(body=b"hi", hang_up=True),
    "until close 1.0": to_get(body=b"hi", hang_up=True, line=b"HTTP/1.0 200 OK"),
    "until close 1.0 to 1.0": (GET10, b"HTTP/1.0 200 OK\r\n\r\nhi", True),
    "until close to 1.0": (GET10, answer(body=b"hi"), True),
    "until close to 1.0 keep": (GET10_KEEP, answer(body=b"hi"), True),
    "until close with close": to_get(b"Connection: close", body=b"hi", hang_up=True),
    "chunked": to_get(b"Transfer-Encoding: chunked", body=CHUNKS),
    "chunked to 1.0": (GET10, answer(b"Transfer-Encoding: chunked", body=CHUNKS), False),
    "chunked to 1.0 keep": (GET10_KEEP, answer(b"Transfer-Encoding: chunked", body=CHUNKS), False),
    "chunked from 1.0": to_get(b"Transfer-Encoding: chunked", body=CHUNKS, line=b"HTTP/1.0 200 OK"),
    "chunked from 1.0 with length": to_get(b"Transfer-Encoding: chunked", b"Content-Length: 2", body=CHUNKS, line=b"HTTP/1.0 200 OK"),
    "chunked and length": to_get(b"Transfer-Encoding: chunked", b"Content-Length: 2", body=CHUNKS),
    "length and chunked": to_get(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=CHUNKS),
    "chunked twice": to_get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS),
    "gzip": to_get(b"Transfer-Encoding: gzip", body=b"hi", hang_up=True),
    "gzip and length": to_get(b"Transfer-Encoding: gzip", b"Content-Length: 2", body=b"hi", hang_up=True),
    "gzip, chunked": to_get(b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "chunked, gzip": to_get(b"Transfer-Encoding: chunked, gzip", body=CHUNKS),
    "identity": to_get(b"Transfer-Encoding: identity", body=b"hi", hang_up=True),
    "identity and length": to_get(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"hi", hang_up=True),
    "empty encoding": to_get(b"Transfer-Encoding:", body=b"hi", hang_up=True),
    "length twice": to_get(b"Content-Length: 2", b"Content-Length: 2", body=b"hi"),
    "length list": to_get(b"Content-Length: 2, 2", body=b"hi"),
    "length differs": to_get(b"Content-Length: 2", b"Content-Length: 3", body=b"hi!"),
    "length bad": to_get(b"Content-Length: x", body=b"hi"),
    "length empty": to_get(b"Content-Length:", body=b"hi"),
    "length plus": to_get(b"Content-Length: +2", body=b"hi"),
    "HEAD": (HEAD, answer(b"Content-Length: 5"), False),
    "HEAD without length": (HEAD, answer(), False),
    "HEAD chunked": (HEAD, answer(b"Transfer-Encoding: chunked"), False),
    "HEAD 1.0": (HEAD10, answer(b"Content-Length: 5"), False),
    "HEAD from 1.0": (HEAD, b"HTTP/1.0 200 OK\r\n\r\n", True),
    "204": status(204),
    "204 with length": status(204, b"Content-Length: 0"),
    "204 with body": status(204, b"Content-Length: 2", body=b"hi"),
    "204 chunked": status(204, b"Transfer-Encoding: chunked"),
    "304": status(304),
    "304 with length": status(304, b"Content-Length: 5"),
    "304 chunked": status(304, b"Transfer-Encoding: chunked"),
    "205": status(205, EMPTY),
    "404 without length": status(404, body=b"hi", hang_up=True),
    "100 then 200": (POST_EXPECT, b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False),
    "100 with header": (POST_EXPECT, b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n" + OK, False),
    "100 with length": (POST_EXPECT, b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + OK, False),
    "100 chunked": (POST_EXPECT, b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n" + OK, False),
    "100 with close": (POST_EXPECT, b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n" + OK, False),
    "100 from 1.0": (POST_EXPECT, b"HTTP/1.0 100 Continue\r\n\r\n" + OK, False),
    "100 to 1.0": (GET10, b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False),
    "100 to 1.0 keep": (GET10_KEEP, b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False),
    "103 then 200": (GET, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, False),
    "102 twice then 200": (GET, b"HTTP/1.1 102 P\r\n\r\n" * 2 + OK, False),
    "199 then 200": (GET, b"HTTP/1.1 199 P\r\n\r\n" + OK, False),
    "101 unasked": status(101, b"Upgrade: foo", b"Connection: upgrade"),
    "101": status(101, b"Upgrade: foo", b"Connection: upgrade", request=UPGRADE, body=b"hi", hang_up=True),
    "101 without upgrade": status(101, b"Connection: upgrade", request=UPGRADE, body=b"hi", hang_up=True),
    "101 without connection": status(101, b"Upgrade: foo", request=UPGRADE, body=b"hi", hang_up=True),
    "101 with length": status(101, b"Upgrade: foo", b"Connection: upgrade", b"Content-Length: 2", request=UPGRADE, body=b"hi", hang_up=True),
    "101 chunked": status(101, b"Upgrade: foo", b"Connection: upgrade", b"Transfer-Encoding: chunked", request=UPGRADE, body=b"hi", hang_up=True),
    "101 other": status(101, b"Upgrade: bar", b"Connection: upgrade", request=UPGRADE, body=b"hi", hang_up=True),
    "101 websocket without accept": status(101, b"Upgrade: websocket", b"Connection: upgrade", request=WEBSOCKET, body=b"hi", hang_up=True),
    "101 websocket": status(
        101, b"Upgrade: websocket", b"Connection: upgrade", b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", request=WEBSOCKET, body=b"hi", hang_up=True
    ),
    "101 with keep-alive": status(101, b"Upgrade: foo", b"Connection: keep-alive, upgrade", request=UPGRADE, body=b"hi", hang_up=True),
    "upgrade refused": (UPGRADE, OK, False),
    "upgrade refused with upgrade": (UPGRADE, answer(EMPTY, b"Upgrade: foo", b"Connection: upgrade"), False),
    "upgrade offered": to_get(EMPTY, b"Upgrade: h2c", b"Connection: upgrade"),
    "426": status(426, EMPTY, b"Upgrade: foo", b"Connection: upgrade"),
    "CONNECT 200": (CONNECT, answer(body=b"hi"), True),
    "CONNECT 200 with length": (CONNECT, answer(b"Content-Length: 2", body=b"hi"), True),
    "CONNECT 200 chunked": (CONNECT, answer(b"Transfer-Encoding: chunked", body=CHUNKS), True),
    "CONNECT 204": (CONNECT, answer(line=b"HTTP/1.1 204 X", body=b"hi"), True),
    "CONNECT 403": (CONNECT, answer(b"Content-Length: 2", line=b"HTTP/1.1 403 X", body=b"hi"), False),
    "CONNECT 200 close": (CONNECT, answer(b"Connection: close", body=b"hi"), True),
}

HOPS: dict[str, Case] = {
    "close": to_get(EMPTY, b"Connection: close"),
    "keep-alive": to_get(EMPTY, b"Connection: keep-alive", b"Keep-Alive: timeout=5"),
    "close, keep-alive": to_get(EMPTY, b"Connection: close, keep-alive"),
    "close to 1.0 keep": (GET10_KEEP, answer(EMPTY, b"Connection: close"), False),
    "plain to 1.0": (GET10, OK, False),
    "plain to 1.0 keep": (GET10_KEEP, OK, False),
    "plain to close": (GET_CLOSE, OK, False),
    "keep-alive to close": (GET_CLOSE, answer(EMPTY, b"Connection: keep-alive"), False),
    "keep-alive from 1.0": to_get(EMPTY, b"Connection: keep-alive", line=b"HTTP/1.0 200 OK"),
    "plain 1.0 to 1.0 keep": (GET10_KEEP, answer(EMPTY, line=b"HTTP/1.0 200 OK"), False),
    "keep-alive 1.0 to 1.0 keep": (GET10_KEEP, answer(EMPTY, b"Connection: keep-alive", line=b"HTTP/1.0 200 OK"), False),
    "tokens": to_get(EMPTY, b"Connection: foo, close,bar", b"foo: x"),
    "proxy-connection": to_get(EMPTY, b"Proxy-Connection: close"),
    "trailer": to_get(b"Trailer: x", b"Transfer-Encoding: chunked", body=b"0\r\nX: y\r\n\r\n"),
    "trailer to 1.0": (GET10, answer(b"Trailer: x", b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\nX: y\r\n\r\n"), False),
    "te": to_get(EMPTY, b"TE: gzip"),
    "date and server": to_get(EMPTY, b"Date: Mon, 01 Jan 2024 00:00:00 GMT", b"Server: z"),
}

ODD_RESPONSES: dict[str, Case] = {
    f"{kind}: {name}": case
    for kind, table in {"start": START_LINES, "headers": HEADERS, "body": BODIES, "hops": HOPS}.items()
    for name, case in table.items()
}
