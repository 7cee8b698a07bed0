"""HTTP/1 heads: bytes to messages and back, the codec of HAProxy's H1 multiplexer.

Reading: one strict pattern covers the heads that clients and servers really send; whatever it does not cover, incomplete heads included, goes to
`h1_odd`, which knows HAProxy's verdict on each. Both give the same message where both apply (tests hold them to it).

What HAProxy does to connection-level fields, and this module with it:
- on reading: `close` and `keep-alive` vanish from `connection` (an empty one vanishes whole), so rules never see them; the peer's wish is kept in
  `keep_alive`. A content-length beside a transfer-encoding vanishes, and the client's connection then ends after the answer. Repeated equal
  `host` and `content-length` fields become one. `upgrade` vanishes from a request with a body. 1xx and 204 responses lose their framing fields.
- on writing: `te` is reduced to `trailers` or dropped; `connection: close` is added last to an HTTP/1.1 message that ends its connection, and
  `connection: keep-alive` to an older one that does not. `keep-alive`, `proxy-connection`, `trailer` and `transfer-encoding` pass untouched.
- the start line keeps the version of who sent it up to 1.1; whatever is above leaves as 1.1.
"""

from __future__ import annotations

import re

from pylb.wire.h1_fields import clean_connection, says_chunked
from pylb.wire.h1_odd import read_odd_request
from pylb.wire.h1_odd_response import read_odd_response
from pylb.wire.h1_reader import Limits
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request, Response

__all__ = [
    "H2_PREFACE", "Limits", "forced_close", "outgoing_request_head", "outgoing_response_head", "read_request", "read_response", "render_request",
    "render_response",
]  # fmt: skip

H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_FIELDS = rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,255}+: ?+(?![ \t])[^\r\n]*+(?<![ \t])\r\n)*+)\r\n"
REQUEST = re.compile(rb"([A-Z]++) (/[!\"$-~]*+) HTTP/1\.([01])\r\n" + _FIELDS)
RESPONSE = re.compile(rb"HTTP/1\.([01]) ([2-5][0-9][0-9]) ([!-~\x80-\xff][^\r\n]*+)\r\n" + _FIELDS)
REQUEST_LINE = re.compile(rb"((?!CONNECT |PRI )[A-Z]++) (/[!\"$-~]*+) HTTP/1\.1\r\n")
RESPONSE_LINE = re.compile(rb"HTTP/1\.1 ((?!204|304)[2-5][0-9][0-9]) ([!-~\x80-\xff][^\r\n]*+)\r\n")
FIELD = re.compile(rb"([^:]++): ?+([^\r]*+)\r\n")  # for text that _FIELDS has judged

CHUNKED, CLOSE, TUNNEL = Framing.CHUNKED, Framing.CLOSE, Framing.TUNNEL  # looking them up in their class costs ten times as much
ODD_METHODS = frozenset((b"CONNECT", b"PRI"))
ODD_IN_REQUESTS = frozenset((b"upgrade", b"expect"))
SINGLE = (b"host", b"content-length", b"transfer-encoding", b"connection")
CHUNKED_LINE = b"transfer-encoding: chunked\r\n"
FIXED_COST = 97  # of a head in HAProxy's internal form beyond 4 bytes a field, see h1_reader


class Known:
    """What a block of header fields means. Peers repeat their blocks on every message of a connection, so they are kept a while."""

    __slots__ = ("fields_size", "framing", "headers", "keep_alive", "length", "lines", "simple", "size", "tail")

    def __init__(self, headers: Headers, framing: Framing, length: int, keep_alive: bool) -> None:
        self.headers, self.framing, self.length, self.keep_alive = headers.copy(), framing, length, keep_alive
        self.size = 4 * len(headers) + FIXED_COST
        self.fields_size = fields_size(headers)
        odd = framing is CHUNKED or headers.contains(b"te") or headers.contains(b"connection")
        self.lines = None if odd else _lines(headers)  # how the block leaves when no rule changed it
        self.tail = b"" if self.lines is None else self.lines + b"\r\n"
        self.simple = not odd and keep_alive  # nothing about the connection or the body needs a thought


MOST_KNOWN, LONGEST_KNOWN = 512, 2048
known_requests: dict[bytes, Known] = {}
known_responses: dict[bytes, Known] = {}
seen_once: set[bytes] = set()


def remember(known: dict[bytes, Known], block: bytes, headers: Headers, framing: Framing, length: int, keep_alive: bool) -> None:
    """Keep the meaning of a block when it comes for the second time: many differ with each message. Tables are bounded by starting again."""
    if len(block) > LONGEST_KNOWN:
        return
    if block not in seen_once:
        if len(seen_once) >= MOST_KNOWN:
            seen_once.clear()
        seen_once.add(block)
        return
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[block] = Known(headers, framing, length, keep_alive)


def read_request(buf: bytes, limits: Limits) -> tuple[Request, int] | None:
    """The request at the start of `buf` and the size of its head; None when more bytes are needed; raises BadMessage."""
    line = REQUEST_LINE.match(buf)
    if line is not None:
        start = line.end()
        size = buf.find(b"\r\n\r\n", start - 2) + 4
        known = known_requests.get(buf[start:size])
        if known is not None and size + known.size <= limits.bufsize - limits.maxrewrite:
            method, target = line.groups()
            return Request(method, target, 11, Headers(known.headers), known.framing, known.length, known.keep_alive, None, False, size, known), size
    return _read_request(buf, limits)


def _read_request(buf: bytes, limits: Limits) -> tuple[Request, int] | None:
    found = REQUEST.match(buf)
    if found is None:
        return read_odd_request(buf, limits)
    method, target, minor, text = found.groups()
    headers = Headers([(name.lower(), value) for name, value in FIELD.findall(text)])
    table = dict(headers)
    size = found.end()
    if (
        method in ODD_METHODS
        or not ODD_IN_REQUESTS.isdisjoint(table)
        or (len(table) != len(headers) and _repeats_single(headers))
        or not _fits(size, len(headers), limits)
    ):
        return read_odd_request(buf, limits)
    keep_alive = minor == b"1"
    if b"connection" in table:
        word = table[b"connection"].lower()
        if word == b"close":
            keep_alive = False
        elif word == b"keep-alive":
            keep_alive = True
        else:
            return read_odd_request(buf, limits)
        list.remove(headers, (b"connection", table[b"connection"]))
    length, framing = 0, Framing.NONE
    if b"content-length" in table or b"transfer-encoding" in table:
        understood = _plain_framing(table, minor)
        if understood is None:
            return read_odd_request(buf, limits)
        framing, length = understood
    if minor == b"1":
        remember(known_requests, buf[found.start(4) : size], headers, framing, length, keep_alive)
    return Request(method, target, 11 if minor == b"1" else 10, headers, framing, length, keep_alive, None, False, size), size


def read_response(buf: bytes, request_method: bytes, limits: Limits) -> tuple[Response, int] | None:
    """The response at the start of `buf` and the size of its head; None when more bytes are needed; raises BadMessage."""
    line = RESPONSE_LINE.match(buf)
    if line is not None and request_method != b"HEAD" and request_method != b"CONNECT":
        start = line.end()
        size = buf.find(b"\r\n\r\n", start - 2) + 4
        known = known_responses.get(buf[start:size])
        if known is not None and size + known.size <= limits.bufsize - limits.maxrewrite:
            code, reason = line.groups()
            return Response(int(code), reason, 11, Headers(known.headers), known.framing, known.length, known.keep_alive, None, size, known), size
    return _read_response(buf, request_method, limits)


def _read_response(buf: bytes, request_method: bytes, limits: Limits) -> tuple[Response, int] | None:
    found = RESPONSE.match(buf)
    if found is None or request_method == b"CONNECT":
        return read_odd_response(buf, request_method, limits)
    minor, code, reason, text = found.groups()
    headers = Headers([(name.lower(), value) for name, value in FIELD.findall(text)])
    table = dict(headers)
    size = found.end()
    if (len(table) != len(headers) and _repeats_single(headers)) or not _fits(size, len(headers), limits):
        return read_odd_response(buf, request_method, limits)
    keep_alive = minor == b"1"
    if b"connection" in table:
        word = table[b"connection"].lower()
        if word == b"close":
            keep_alive = False
        elif word == b"keep-alive":
            keep_alive = True
        else:
            return read_odd_response(buf, request_method, limits)
        list.remove(headers, (b"connection", table[b"connection"]))
    length, framing = 0, Framing.CLOSE
    if b"content-length" in table or b"transfer-encoding" in table:
        understood = _plain_framing(table, minor)
        if understood is None:
            return read_odd_response(buf, request_method, limits)
        framing, length = understood
    status = int(code)
    if status == 304 or status == 204 or request_method == b"HEAD":
        framing = Framing.NONE
    elif framing is CLOSE:
        keep_alive = False
    elif minor == b"1":
        remember(known_responses, buf[found.start(4) : size], headers, framing, length, keep_alive)
    return Response(status, reason, 11 if minor == b"1" else 10, headers, framing, length, keep_alive, None, size), size


def _repeats_single(headers: Headers) -> bool:
    """Does a field that HAProxy understands come more than once?"""
    names = [name for name, _ in headers]
    return any(names.count(name) > 1 for name in SINGLE)


def _fits(size: int, count: int, limits: Limits) -> bool:
    """Is a head within the limits for sure? (The slow path knows exactly.)"""
    return count < limits.max_headers and size + 4 * count + FIXED_COST <= limits.bufsize - limits.maxrewrite


def _plain_framing(table: dict[bytes, bytes], minor: bytes) -> tuple[Framing, int] | None:
    """Framing and length when they are stated in the plainest way, else None."""
    if minor != b"1":
        return None
    coding, stated = table.get(b"transfer-encoding"), table.get(b"content-length")
    if coding is not None:
        return (Framing.CHUNKED, 0) if coding == b"chunked" and stated is None else None
    if stated is None or not stated.isdigit() or len(stated) > 18:
        return None
    length = int(stated)
    return (Framing.LENGTH if length else Framing.NONE), length


def render_request(request: Request) -> bytes:
    """The head as it stands, nothing added."""
    version = b"HTTP/1.1" if request.version >= 11 else b"HTTP/%d.%d" % divmod(request.version, 10)
    return b"%s %s %s\r\n%s\r\n" % (request.method, request.target, version, _lines(request.headers))


def render_response(response: Response) -> bytes:
    """The head as it stands, nothing added."""
    version = b"HTTP/1.1" if response.version >= 11 else b"HTTP/%d.%d" % divmod(response.version, 10)
    return b"%s %s %s\r\n%s\r\n" % (version, response.code(), response.reason, _lines(response.headers))


def fields_size(headers: list[tuple[bytes, bytes]]) -> int:
    """Bytes of names and values, as HAProxy counts them."""
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    return size


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"\r\n".join(map(b": ".join, headers)) + b"\r\n" if headers else b""


def outgoing_request_head(request: Request, close: bool, framing: Framing | None = None) -> bytes:
    """The head for a server; `close`: this connection serves no other request (`option httpclose`, `http-server-close`, a request that cannot persist).
    `framing`: how the body leaves, if not as it came."""
    known = request.known
    headers: list[tuple[bytes, bytes]] = request.headers
    if framing is None:
        framing = request.framing
    if known is not None and not close and known.lines is not None and framing is known.framing and headers == known.headers:
        return b"%s %s HTTP/1.1\r\n%s\r\n" % (request.method, request.target, known.lines)
    names = dict(headers)
    upgrade = False
    if b"te" in names:
        headers = _trailers_only(headers)
    if b"connection" in names:
        headers, words = _settled(headers)
        upgrade, close = b"upgrade" in words, close or b"close" in words
    if (framing is CHUNKED and request.version < 11) or (request.method == b"CONNECT" and b"transfer-encoding" in names):
        close = True
    if upgrade:
        connection = b""
    elif request.version >= 11:
        connection = b"connection: close\r\n" if close else b""
    else:
        connection = b"" if close else b"connection: keep-alive\r\n"
    if framing is CHUNKED and not _announces_chunks(headers, names):
        connection += CHUNKED_LINE
    version = b"HTTP/1.1" if request.version >= 11 else b"HTTP/%d.%d" % divmod(request.version, 10)
    return b"%s %s %s\r\n%s%s\r\n" % (request.method, request.target, version, _lines(headers), connection)


def outgoing_response_head(response: Response, client_version: int, close: bool, framing: Framing | None = None) -> bytes:
    """The head for a client that spoke `client_version`; `close`: its connection ends after this answer (`forced_close` says when it must).
    `framing`: how the body leaves, if not as it came."""
    known = response.known
    headers: list[tuple[bytes, bytes]] = response.headers
    if framing is None:
        framing = response.framing
    if known is not None and not close and client_version >= 11 and known.lines is not None and framing is known.framing and headers == known.headers:
        return b"HTTP/1.1 %d %s\r\n%s\r\n" % (response.status, response.reason, known.lines)
    names = dict(headers)
    if b"te" in names:
        headers = _trailers_only(headers)
    if response.status == 204 or response.status < 200:  # below 100 a length that was stated holds and is not told
        headers = [pair for pair in headers if pair[0] not in (b"content-length", b"transfer-encoding")]
    if b"connection" in names:
        headers, words = _settled(headers)
        close = close or b"close" in words
    if response.status < 200 or framing is TUNNEL:
        connection = b""
    elif close or framing is CLOSE or (framing is CHUNKED and response.version < 11):
        connection = b"connection: close\r\n" if response.version >= 11 else b""
    else:
        connection = b"connection: keep-alive\r\n" if client_version < 11 or response.version < 11 else b""
    if framing is CHUNKED and not _announces_chunks(headers, names):
        connection += CHUNKED_LINE
    version = b"HTTP/1.1" if response.version >= 11 else b"HTTP/%d.%d" % divmod(response.version, 10)
    return b"%s %s %s\r\n%s%s\r\n" % (version, response.code(), response.reason, _lines(headers), connection)


def _announces_chunks(headers: list[tuple[bytes, bytes]], names: dict[bytes, bytes]) -> bool:
    """Do the fields say already that the body comes in chunks, and say it once?"""
    stated = names.get(b"transfer-encoding")
    if stated is None or (stated == b"chunked" and len(names) == len(headers)):
        return stated is not None
    return says_chunked(stated) and sum(says_chunked(value) for name, value in headers if name == b"transfer-encoding") == 1


def forced_close(response: Response) -> bool:
    """Must the client's connection end after this response, because only that ends its body?"""
    return response.framing is CLOSE or (response.framing is CHUNKED and response.version < 11)


def _settled(headers: list[tuple[bytes, bytes]]) -> tuple[list[tuple[bytes, bytes]], set[bytes]]:
    """The fields with every `connection` cleaned (rules may have written one), and its words."""
    kept, words = list[tuple[bytes, bytes]](), set[bytes]()
    for name, value in headers:
        if name == b"connection":
            value, more = clean_connection(value)
            words |= more
            if not value:
                continue
        kept.append((name, value))
    return kept, words


def _trailers_only(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """HAProxy passes no coding of `te` on but `trailers`, and that only where it stands alone between commas."""
    kept = []
    for name, value in headers:
        if name == b"te":
            if b"trailers" not in [word.lstrip(b" \t") for word in value.split(b",")]:
                continue
            value = b"trailers"
        kept.append((name, value))
    return kept
