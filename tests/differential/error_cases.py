"""Messages that end in `show errors`, or might: the odd ones of the wire's tables, broken bodies, full buffers, and pairs of fields that are odd together.

Not here: trailers whose names are no names (HAProxy's verdict on them depends on an earlier message), and servers that leave at once (whether their FIN
had come is in the flags).
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from harness import OK, Case
from stream_peers import Answers, Script, Until

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))

from odd_requests import HEADERS, HOSTS, ODD_REQUESTS, START_LINES, get, post
from odd_responses import ODD_RESPONSES

LAX_REQUEST, LAX_RESPONSE = "option accept-invalid-http-request", "option accept-invalid-http-response"
HEAD = Until(b"\r\n\r\n")
GET = get()
CHUNKED = post(b"Transfer-Encoding: chunked")
CHUNKED_ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BAD = b"x y: z\r\n"
FULL = 16320  # bytes of a buffer that holds no more
WEBSOCKET = b"Connection: upgrade\r\nUpgrade: websocket\r\n"

Named = tuple[str, dict[str, object]]


def asks(name: str, *script: object, **more: object) -> Named:
    """A client's script, before an origin that answers every head."""
    return name, {"client": script, "origin": (HEAD, OK, 0.3), **more}


def answers(name: str, *script: object, client: Script = (GET, 0.1), **more: object) -> Named:
    """An origin's script after the request's head."""
    return name, {"client": client, "origin": (HEAD, *script, 0.3), **more}


def with_odd_field(raw: bytes) -> bytes:
    """Whatever else is odd about it: a message with a field that only the options accept."""
    line, end, rest = raw.partition(b"\n")
    return line + end + b"a b: c\r\n" + rest


def odd_messages() -> Iterator[Named]:
    for name, raw in ODD_REQUESTS.items():
        yield asks(f"strict: {name}", raw)
        yield asks(f"lax, with an odd field: {name}", with_odd_field(raw), front=LAX_REQUEST)
    for name, raw in {**START_LINES, **HOSTS, **HEADERS}.items():
        yield asks(f"lax: {name}", raw, front=LAX_REQUEST)
    for name, (request, raw, _) in ODD_RESPONSES.items():
        yield answers(f"strict response: {name}", raw, client=(request, 0.1))
        if raw:
            yield answers(f"lax response, with an odd field: {name}", with_odd_field(raw), client=(request, 0.1), back=LAX_RESPONSE)


# -- heads that fill the buffer: the last byte that fits is this one
FIELD_STATES = {
    "name": b"abc", "colon": b"abc:", "blank": b"abc: ", "cr": b"abc: \r", "crlf": b"abc: \r\n", "fold": b"abc: \r\n ", "value": b"abc: d",
    "value cr": b"abc: d\r", "value crlf": b"abc: d\r\n", "value fold": b"abc: d\r\n  ", "folded value": b"abc: d\r\n  e", "last cr": b"a: b\r\n\r",
}  # fmt: skip
LINE_STATES = {
    "method": (b"G", b"G", b""), "blank after method": (b"G", b"G", b" "), "uri": (b"GET ", b"/", b""), "blank after uri": (b"GET ", b"/", b" "),
    "version": (b"GET ", b"/", b" H"), "end": (b"GET ", b"/", b" HTTP/1.1\r"), "first field": (b"GET ", b"/", b" HTTP/1.1\r\n"), "before": (b"", b"\n", b""),
    "before, cr": (b"", b"\n", b"\r"), "0.9": (b"GET ", b"/", b"\r"),
}  # fmt: skip
ANSWER_STATES = {
    "version": (b"", b"H", b""), "blank after version": (b"HTTP/1.1", b" ", b""), "code": (b"HTTP/1.1", b" ", b"2"),
    "blank after code": (b"HTTP/1.1", b" ", b"200 "), "reason": (b"HTTP/1.1 200 ", b"O", b""), "end": (b"HTTP/1.1 200 ", b"O", b"\r"),
    "first field": (b"HTTP/1.1 200 ", b"O", b"\r\n"), "before": (b"", b"\n", b""), "before, cr": (b"", b"\n", b"\r"),
}  # fmt: skip


def full(start: bytes, filler: bytes, end: bytes) -> bytes:
    return start + filler * (FULL - len(start) - len(end)) + end + b"x" * 2000


def full_buffers() -> Iterator[Named]:
    for name, end in FIELD_STATES.items():
        yield asks(f"full: {name}", full(GET[:-2] + b"p: ", b"v", b"\r\n" + end))
        yield answers(f"full response: {name}", full(b"HTTP/1.1 200 OK\r\np: ", b"v", b"\r\n" + end))
    for name, (start, filler, end) in LINE_STATES.items():
        yield asks(f"full line: {name}", full(start, filler, end))
    for name, (start, filler, end) in ANSWER_STATES.items():
        yield answers(f"full line of a response: {name}", full(start, filler, end))
    large = b"x: " + b"v" * 15600 + b"\r\n"
    for name, lines in {"plain": b"", "length": b"Content-Length: 5\r\n", "chunked": b"Transfer-Encoding: chunked\r\n"}.items():
        yield asks(f"too large: {name}", b"POST / HTTP/1.1\r\nHost: x\r\n" + lines + large + b"\r\nhello")
        yield answers(f"too large response: {name}", b"HTTP/1.1 200 OK\r\n" + lines + large + b"\r\nhello")
    for name, data in {"late": large + BAD, "late, with more behind": large + BAD + b"\r\n" + b"m" * 3000, "early": BAD + large * 2}.items():
        yield asks(f"bad field {name}", b"GET / HTTP/1.1\r\nHost: x\r\n" + data + b"\r\n")
        yield answers(f"bad field of a response {name}", b"HTTP/1.1 200 OK\r\n" + data + b"\r\n")
    yield asks("odd, with a long body", post(BAD[:-2], b"Content-Length: 20000", body=b"b" * 20000), front=LAX_REQUEST)


# -- broken chunks
CHUNKS = {
    "size": b"x\r\n", "second size": b"2\r\nhi\r\nzz\r\n", "no line end": b"2\r\nhixx\r\n", "cr without lf": b"2\r\nhi\rx\r\n", "too big": b"123456789abcdef01\r\nhi",
    "cr in extension": b"2;a\rb\r\nhi\r\n", "cr after size": b"2\rx", "encoding in trailers": b"0\r\ntransfer-encoding: gzip\r\n\r\n",
    "bad length in trailers": b"0\r\ncontent-length: x\r\n\r\n",
}  # fmt: skip
BROKEN = b"2\r\nhi\r\nzz\r\n"
OPTIONS = {
    "httpclose": {"front": "option httpclose"}, "httpclose behind": {"back": "option httpclose"}, "server-close": {"back": "option http-server-close"},
    "pretending": {"back": "option http-server-close\noption http-pretend-keepalive"}, "no reuse": {"back": "http-reuse never"},
    "retries": {"back": "retry-on all-retryable-errors"}, "listen": {"listen": True},
}  # fmt: skip


def broken_bodies() -> Iterator[Named]:
    hello = b"5\r\nhello\r\n"
    for name, data in CHUNKS.items():
        yield asks(f"chunk with its head: {name}", CHUNKED + data)
        yield asks(f"chunk alone: {name}", CHUNKED, 0.1, data, origin=(0.5,))
        yield asks(f"chunk after one: {name}", CHUNKED + hello, 0.1, data, origin=(0.5,))
        yield asks(f"chunk after a part: {name}", CHUNKED + b"a\r\nhello", 0.1, b"hello\r\n" + data, origin=(0.5,))
        yield answers(f"chunk of a response with its head: {name}", CHUNKED_ANSWER + data)
        yield answers(f"chunk of a response alone: {name}", CHUNKED_ANSWER, 0.1, data, client=(GET, 0.3))
        yield answers(f"chunk of a response after one: {name}", CHUNKED_ANSWER + hello, 0.1, data, client=(GET, 0.3))
    for name, more in OPTIONS.items():
        yield answers(f"{name}: chunk of a response", CHUNKED_ANSWER + BROKEN, **more)
        yield answers(f"{name}: chunk of a response, later", CHUNKED_ANSWER, 0.1, BROKEN, client=(GET, 0.3), **more)
        yield asks(f"{name}: chunk", CHUNKED, 0.1, BROKEN, **{"origin": (0.5,), **more})
        yield asks(f"{name}: chunk of a second request", GET, Answers(1), CHUNKED, 0.1, BROKEN, **more)
        yield answers(f"{name}: response", b"HTTP/1.1 200 OK\r\n" + BAD + b"\r\n", **more)
        yield asks(f"{name}: request", get(BAD[:-2]), **more)
    for name, line in {"close": b"Connection: close\r\n", "length": b"Content-Length: 5\r\n"}.items():
        yield asks(f"chunk after {name}", CHUNKED.replace(b"Host", line + b"Host"), 0.1, b"zz\r\n", origin=(0.5,))
    for name, line in {"1.0": b"HTTP/1.0", "1.0, kept": b"HTTP/1.0\r\nConnection: keep-alive"}.items():
        yield asks(f"chunk of {name}", CHUNKED.replace(b"HTTP/1.1", line), 0.1, b"zz\r\n", origin=(0.5,))
    for name, line in {"close": b"1.1\r\nConnection: close", "length": b"1.1\r\nContent-Length: 5", "1.0": b"1.0", "1.0 kept": b"1.0\r\nConnection: keep-alive"}.items():
        yield asks(f"chunk with its head and {name}", CHUNKED.replace(b"1.1", line) + b"zz\r\n")
        yield answers(f"chunk of a response with {name}", CHUNKED_ANSWER.replace(b"1.1", line) + b"zz\r\n")
        yield answers(f"chunk of a response with {name}, later", CHUNKED_ANSWER.replace(b"1.1", line), 0.1, b"zz\r\n", client=(GET, 0.3))
    yield asks("chunks beyond a buffer", CHUNKED, 0.1, hello * 2000 + b"zz\r\n", origin=(0.5,))
    yield asks("chunks beyond a buffer, with their head", CHUNKED + hello * 2000 + b"zz\r\n", origin=(0.5,))
    yield answers("chunks of a response beyond a buffer", CHUNKED_ANSWER, 0.1, hello * 2000 + b"zz\r\n", client=(GET, 0.3))
    for name, data in {"extension": b"5;" + b"e" * 16330 + b"\r\n", "trailers": b"0\r\na: " + b"v" * 16330 + b"\r\n\r\n"}.items():
        yield asks(f"{name} larger than a buffer", CHUNKED, 0.1, data, origin=(0.5,))
        yield asks(f"{name} larger than a buffer, after a chunk", CHUNKED, 0.1, hello + data, origin=(0.5,))
        yield answers(f"{name} of a response larger than a buffer", CHUNKED_ANSWER, 0.1, data, client=(GET, 0.3))
        if name == "extension":  # HAProxy moves trailers to the front of the buffer, and counts its wrap from there
            yield asks(f"{name} larger than a buffer, with its head", CHUNKED + data, origin=(0.5,))
            yield answers(f"{name} of a response larger than a buffer, with its head", CHUNKED_ANSWER + data, client=(GET, 0.3))
    yield asks("size in pieces", CHUNKED, 0.1, b"5\r\nhel", 0.1, b"lo\r\n1", 0.1, b"2z\r\n", origin=(0.5,))
    yield asks("line end in pieces", CHUNKED, 0.1, b"5\r\nhello\r", 0.1, b"z\r\n", origin=(0.5,))
    yield asks("odd, then a broken chunk", CHUNKED.replace(b"Host", BAD + b"Host") + BROKEN, front=LAX_REQUEST)


# -- conversations
def conversations() -> Iterator[Named]:
    bad, odd = get(BAD[:-2]), b"HTTP/1.1 200 OK\r\n" + BAD + b"Content-Length: 5\r\n\r\nhello"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    yield asks("pipelined", GET + bad)
    yield asks("pipelined, fourth", GET * 3 + bad)
    yield asks("kept", GET, Answers(1), bad)
    yield asks("kept, in pieces", GET + bad[:30], Answers(1), 0.1, bad[30:])
    yield asks("in pieces", bad[:10], 0.1, bad[10:])
    yield asks("after a length", post(b"Content-Length: 5", body=b"hello") + bad)
    yield asks("after a length in pieces", post(b"Content-Length: 5", body=b"he"), 0.1, b"llo" + bad, origin=(HEAD, 0.15, OK, 0.3))
    yield asks("after chunks", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + bad)
    yield asks("after a local answer", GET + bad, front="http-request return status 200")
    yield asks("odd and incomplete", bad[:-2], front=LAX_REQUEST)
    yield asks("odd, second", GET + bad, front=LAX_REQUEST)
    yield asks("odd, more behind", bad + GET, front=LAX_REQUEST)
    yield asks("odd, then fatal", get(BAD[:-2], b"d: e\rf"), front=LAX_REQUEST)
    for name, client in {"HEAD": get(line=b"HEAD / HTTP/1.1"), "1.0": get(line=b"GET / HTTP/1.0"), "CONNECT": get(line=b"CONNECT x:80 HTTP/1.1")}.items():
        yield answers(f"response to {name}", odd, client=(client, 0.1))
        yield answers(f"odd response to {name}", odd, client=(client, 0.1), back=LAX_RESPONSE)
        yield answers(f"broken chunk to {name}", CHUNKED_ANSWER + BROKEN, client=(client, 0.1))
    second: Script = (GET, Answers(1), get(line=b"GET /2 HTTP/1.1"), 0.1)
    yield asks("second response", *second, origin={b"/": (HEAD, OK), b"/2": (Until(b"/2"), odd, 0.3)})
    yield asks("odd second response", *second, origin={b"/": (HEAD, OK), b"/2": (Until(b"/2"), odd, 0.3)}, back=LAX_RESPONSE)
    for name, back in {"strict": "", "lax": LAX_RESPONSE}.items():
        yield answers(f"{name}: 100, then this", interim + odd, back=back)
        yield answers(f"{name}: 100, later this", interim, 0.1, odd, client=(GET, 0.3), back=back)
        yield answers(f"{name}: 100, then an odd 103", interim + b"HTTP/1.1 103 E\r\n" + BAD + b"\r\n", back=back)
        yield answers(f"{name}: odd version", b"HTTP/10.1 200 OK\r\nContent-Length: 0\r\n\r\n", back=back)
        yield answers(f"{name}: no version", b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n", back=back)
    yield answers("100, then a broken chunk", interim + CHUNKED_ANSWER + BROKEN)
    yield answers("odd response to a long upload", odd, client=(post(b"Content-Length: 10", body=b"abc"), 0.1), back=LAX_RESPONSE)
    yield answers("junk, tried again", b"junk\r\n\r\n", client=(GET, 0.3), back="retry-on junk-response\nretries 2")


# -- what is shown of the bytes
def texts() -> Iterator[Named]:
    lines = {
        "every kind of byte": [b"a: \\\t\x1b\x00\x7f\xff\x80\x07\x0b'\""],
        "wrapped": [b"a: " + b"x" * 66 + b"\\" * 3 + b"\t" * 70 + b"\xff" * 40],
        "just not wrapped": [b"a: " + b"x" * size for size in (63, 64, 65, 66)],
        "folded": [b"a: b\r\n c\r\n\t d"],
        "folded and fatal": [b"a: b\r\n c\rd"],
        "connection": [b"Connection: close, a, b"],
        "two of connection": [b"Connection: close, a", b"Connection: keep-alive,  b ,c"],
        "folded connection": [b"Connection: close,\r\n a, b"],
        "long name": [b"n" * 255 + b": x", b"n" * 256 + b": y"],
        "list of lengths": [b"Content-Length: 7, 7"],
    }
    for name, fields in lines.items():
        yield asks(f"text: {name}", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(fields) + b"\r\n" + BAD + b"\r\n")
        yield asks(f"text without a fault: {name}", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(fields) + b"\r\n\r\n")
    for name, raw in {"crlf": b"\r\n\r\n", "many": b"\r\n" * 300}.items():
        yield asks(f"text after {name}", raw + b"GET / HTTP/1.1\r\n" + BAD + b"\r\n")
    for target in (b"/%sab", b"/abc%s", b"/abc%sdef", b"/abcd%sef", b'/"ab%scde', b"http://%s/abc", b"h%stp://x/", b"%s"):
        for byte in (b"\x7f", b"\x80", b"\xa3", b"\xa4", b"#"):
            raw = get(line=b"GET " + target.replace(b"%s", byte) + b" HTTP/1.1")
            yield asks(f"target {target!r} with {byte!r}", raw)
            yield asks(f"lax: target {target!r} with {byte!r}", raw, front=LAX_REQUEST)
    for line in (b"POST /", b"HEAD /", b"get /", b"GET x", b"GET http://y/", b"GET /a\x9fbcd", b"CONNECT x", b"CONNECT x:80", b"123 0HTTP/1.1"):
        yield asks(f"old: {line!r}", line + b"\r\n")
        yield asks(f"lax, old: {line!r}", line + b"\r\n", front=LAX_REQUEST)
    for version in (b"ABCDEFGH", b"HTTP/2X0", b"........", b"HTTP.1.1", b"12345678"):
        yield asks(f"version {version!r}", b"GET / " + version + b"\r\n" + BAD + b"\r\n")
    for line in (b"Connection: upgrade\r\n", b""):
        yield answers(f"websocket unasked: {line!r}", b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n" + line + b"\r\n")
        yield answers(f"foo unasked: {line!r}", b"HTTP/1.1 101 X\r\nUpgrade: foo\r\n" + line + b"n" * 256 + b": x\r\n\r\n")
    yield answers("bad version of a switch", b"HTTP0.1 101 X\r\nUpgrade: foo\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n")
    yield asks("no end of line", b"GET / HTTP/1.1\r\nb c: d")
    for size in (23, 24, 25, 48):
        yield asks(f"websocket key of {size}", b"GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: " + b"x" * size + b"\r\n" + WEBSOCKET + b"\r\n")


# -- two odd fields at once: which is blamed, and what the parser had understood by then
FIELDS = (
    b"x y: z", b"Content-Length: 5", b"Content-Length: 6", b"Content-Length: 2, 2, 3", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip",
    b"Connection: close, a", b"Connection: keep-alive", b"Connection: upgrade\r\nUpgrade: foo", b"a: b\r\n c", b"a: b\rc", b"Host: y", b": x",
    b"Sec-WebSocket-Key: x\r\nUpgrade: websocket",
)  # fmt: skip
LINES = (b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"GET http://x/ HTTP/1.1", b"CONNECT x:80 HTTP/1.1", b"GET http://y/ HTTQ/1.1")
STATUS_LINES = (b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 304 X", b"HTTP/1.1 100 X")


def pairs() -> Iterator[Named]:
    for number, (one, other) in enumerate(itertools.permutations(FIELDS, 2)):
        line, lax = LINES[number % len(LINES)], number % 3
        raw = b"\r\n".join((line, b"Host: x", one, other, b"", b""))
        yield asks(f"pair {number} {'lax' if lax else 'strict'}: {raw!r}", raw, front=LAX_REQUEST if lax else "")
        line = STATUS_LINES[number % len(STATUS_LINES)]
        raw = b"\r\n".join((line, one, other, b"", b""))
        request = get(line=b"HEAD / HTTP/1.1") if number % 2 else GET
        yield answers(f"pair {number} {'lax' if lax else 'strict'}: {raw!r}", raw, client=(request, 0.1), back=LAX_RESPONSE if lax else "")


def both_sides() -> Iterator[Named]:
    """One proxy with two captures; it is the last case."""
    bad: Script = (HEAD, b"HTTP/1.1 200 OK\r\n" + BAD + b"\r\n", 0.3)
    yield asks("both sides", GET, Until(b"</html>"), get(BAD[:-2]), origin=bad, listen=True, front=LAX_REQUEST)


KINDS = (odd_messages, full_buffers, broken_bodies, conversations, texts, pairs, both_sides)
LABELS: dict[str, str] = {}  # of cases, by their short names


def cases() -> list[Case]:
    """All of them; what else they do to the programs is compared elsewhere."""
    made = []
    for kind in KINDS:
        for label, settings in kind():
            name = f"{kind.__name__}_{len(made)}"
            LABELS[name] = label
            made.append(Case(name, **{"answers": 0, "logs": 0, "statistics": False, "patience": 0.2, "linger": 0.0, "settle": 0.0, **settings}))  # type: ignore[arg-type]
    return made
