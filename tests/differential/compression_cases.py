"""Compression: which requests and responses it is for, what becomes of heads, payloads and counters. Most cases are many exchanges on one connection."""

from __future__ import annotations

import random
import re
import zlib
from itertools import chain

from harness import Case
from stream_http_cases import answer, get
from stream_peers import BODY, CLOSE, Answers, Command, Script

TEXT = b"hello world " * 40
NOISE = random.Random(5).randbytes(200_000)
PLAIN, HTML, CSS = ("Content-Type: text/plain\r\n", "Content-Type: text/html\r\n", "Content-Type: text/css\r\n")
GZIP = "Accept-Encoding: gzip\r\n"
GZ = "compression algo gzip"
LOG = 'log-format "%f %ST %B %ts %[res.comp]/%[res.comp_algo]"'
WINDOWS = {b"gzip": (31,), b"deflate": (15, -15)}


def chunks(body: bytes, size: int = 7777, trailers: bytes = b"") -> bytes:
    """A body in chunks."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


def in_chunks(body: bytes, headers: str = PLAIN, trailers: bytes = b"") -> bytes:
    return answer(headers=f"{headers}Transfer-Encoding: chunked\r\n", body=chunks(body, trailers=trailers), length=False)


def talk(name: str, exchanges: list[tuple[bytes, bytes]], front: str = GZ, back: str = "", **more: object) -> Case:
    """Requests on one connection, each after the answer to the one before; `{}` in a request is its number."""
    client = chain.from_iterable((request.replace(b"{}", b"%03d" % at), Answers(at + 1)) for at, (request, _) in enumerate(exchanges))
    origin = {b"/%03d" % at: (BODY, response) for at, (_, response) in enumerate(exchanges)}
    return Case(name, tuple(client), f"{LOG}\n{front}", back, origin=origin, **more)  # type: ignore[arg-type]


def asking(fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    return get("/{}", fields, method, version)


def codings(*values: str) -> list[tuple[bytes, bytes]]:
    """Requests with these fields, all for the same text."""
    return [(asking(f"Accept-Encoding: {value}\r\n"), answer(headers=PLAIN, body=TEXT)) for value in values]


def fields(*headers: str) -> list[tuple[bytes, bytes]]:
    """Responses with these fields, all asked for with gzip."""
    return [(asking(GZIP), answer(headers=one, body=TEXT)) for one in headers]


def statuses(*lines: str) -> list[tuple[bytes, bytes]]:
    return [(asking(GZIP), answer(line, PLAIN, TEXT)) for line in lines]


WEIGHTS = (
    *("", "gzip", "GZIP", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.001", "gzip;q=0.5", "gzip;q=1.5", "gzip;q=x", "gzip;q=", "gzip;Q=0", "gzip ;q=0", "gzip; q=0"),
    *("gzip;q =0", "gzip;q= 0", "gzip;\tq=0", "gzip;x=1;q=0", "gzip;q=0;x=1", "gzip;x", "*", "*;q=0", "*;q=0.5,gzip;q=0", "gzip;q=0,*", "*;q=0,gzip", "deflate"),
    *("identity", "x-gzip", "gzipx", '"gzip"', "gzip gzip", ",gzip", ";q=0", "gzip, deflate", "deflate;q=1.0,gzip;q=0.1", "deflate\r\nAccept-Encoding: gzip"),
)
RIVALS = (
    *("gzip,deflate", "deflate,gzip", "gzip;q=0.5,deflate;q=0.5", "deflate;q=0.5,gzip;q=0.6", "*", "*,gzip;q=0", "*;q=0.3,gzip;q=0.2", "identity", "br"),
    *(f"deflate;q=0.5,gzip;q={weight}" for weight in ("1.", "0.", "0.05", ".5", "00.5", "0.5", "0.51", "0.501", "0.5001", "0.499", "2", "-1")),
    *("gzip;q=0,deflate;q=0", "identity;q=0.5,gzip;q=0.4", "gzip;q=0.4,identity;q=0.3", "identity;q=0"),
)
AGENTS = (
    *("Mozilla/4", "mozilla/4.0", "xMozilla/4", "Mozilla/40", "Mozilla/3.0", "Mozilla/5.0", "Mozilla/4.0 MSIE 7.0", "Mozilla/4.0 xxxxxxxxxxxxxxx MSIE 8.0"),
    *(f"Mozilla/4.0 (compatible; {version})" for version in ("MSIE 5.0", "MSIE 6.0", "MSIE 7.0", "MSIE 9", "MSIE 10.0", "MSIE A.0", "MSIE :.0", "MSIE  7.0", "msie 7.0")),
    *(f"Mozilla/4.0 (compatible; MSIE {more})" for more in ("6.0; Windows NT 5.1; SV1", "5.0; Windows NT 5.1; SV1", "6.0; SV1", "6.0; Windows NT 5.1; .NET; SV1")),
    *("Mozilla/4.0 (compatible; MSIE 7", "Mozilla/4.0 (compatible; MSIE ", "Mozilla/4.0 (compatible, MSIE 7.0", "x\r\nUser-Agent: Mozilla/4.0", "Mozilla/4.0\r\nUser-Agent: x"),
)
TAGS = (
    *('"abc"', 'W/"abc"', 'w/"abc"', "abc", '"abc', '""', '"', 'W/""', 'W/"', 'W/"abc', "W/abc", "W/", "W", "", '"a"b"', '"abc" x', '"a", "b"', '"a,b"', '"a"\r\nETag: "b"'),
)
REST = (
    *("", "Content-Type: multipart/x\r\n", "Content-Type: MULTIPART/x\r\n", "Content-Type: multipartx\r\n", f"{PLAIN}Content-Type: multipart/x\r\n"),
    *(f"Content-Encoding: {coding}\r\n" for coding in ("gzip", "identity", "")),
    *(f"Cache-Control: {word}\r\n" for word in ("no-transform", "public, no-transform", "NO-TRANSFORM", "no-transform=1", "xno-transform", "public\r\nCache-Control: no-transform")),
    *(f"Vary: {word}\r\n" for word in ("Accept-Encoding", "accept-encoding", "*", "Origin", "Origin, Accept-Encoding", "A\r\nVary: B")),
    *("Pragma: no-transform\r\n", "Trailer: x\r\n", "Connection: close\r\n", "Content-MD5: xx\r\n", "Accept-Ranges: bytes\r\n", "Content-Range: bytes 1-2/3\r\n"),
)
TYPES = ("text/html", "TEXT/plain", "text/plain; charset=utf-8", "text/plainx", "text/plai", "text", "", "text/css, text/plain", "text/css\r\nContent-Type: text/plain")
TYPED = [*fields(*(f"Content-Type: {word}\r\n" for word in TYPES)), *fields("")]
RULES = [*fields(PLAIN, f'{PLAIN}ETag: "old"\r\n', HTML), (asking(GZIP), in_chunks(b"hello", "")), *codings("", "deflate")]
EMPTY = in_chunks(b"")
SHAPES = [
    (asking(GZIP), answer(headers=PLAIN, body=b"")),
    (asking(GZIP), answer(headers=PLAIN, body=b"x")),
    (asking(GZIP), EMPTY),
    (asking(GZIP), in_chunks(TEXT, "")),
    (asking(GZIP), answer(headers="Transfer-Encoding: chunked\r\nX: y\r\n", body=chunks(TEXT), length=False)),
    (asking(GZIP), in_chunks(TEXT, trailers=b"X-T: 1\r\n")),
    (asking(GZIP), answer(headers=PLAIN, body=TEXT * 2000)),
    (asking(GZIP), answer(headers=PLAIN, body=NOISE)),
    (asking(GZIP), in_chunks(NOISE)),
    (asking(GZIP), b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(headers=PLAIN, body=TEXT)),
    (asking(GZIP, "POST"), answer(headers=PLAIN, body=TEXT)),
    (asking(GZIP), answer(headers=PLAIN, body=TEXT, version="1.0")),
    (asking(GZIP + "Connection: keep-alive\r\n", version="1.0"), answer(headers=PLAIN, body=TEXT)),
    (asking(GZIP, "HEAD"), answer(headers=PLAIN, body=TEXT)),
]

# Words in the frontend, in the backend, and in both.
PLACES = {
    "backend": ("", GZ),
    "two": (GZ, "compression algo deflate"),
    "two_types": (f"{GZ}\ncompression type text/plain", f"{GZ}\ncompression type text/html"),
    "type_behind": (GZ, "compression type text/plain"),
    "type_before": (f"{GZ}\ncompression type text/html", GZ),
    "offload": (f"{GZ}\ncompression offload", ""),
    "offload_behind": (GZ, "compression offload"),
    "offload_only": ("compression offload", ""),
    "type_only": ("compression type text/plain", ""),
    "filter_only": ("filter compression", ""),
    "filter_before": ("filter compression", GZ),
    "filter_behind": (GZ, "filter compression"),
    "two_identities": ("compression algo identity", "compression algo identity"),
}
CHANGES = {
    "tag": 'http-response set-header ETag "\\"new\\""',
    "more_tags": 'http-response add-header ETag "\\"new\\""',
    "bad_tag": "http-response set-header ETag bad",
    "coding": "http-response set-header Content-Encoding br",
    "no_length": "http-response del-header Content-Length",
    "no_chunks": "http-response del-header Transfer-Encoding",
    "status": "http-response set-status 404",
    "type": "compression type text/plain\nhttp-response set-header Content-Type text/plain",
    "type_late": "compression type text/plain\nhttp-after-response set-header Content-Type text/plain",
    "fetches": "http-response set-header X-Comp %[res.comp],%[res.comp_algo]\nhttp-after-response set-header X-After %[res.comp],%[res.comp_algo],%[res.hdr(content-encoding)]",
    "conditions": "http-response set-header X-Yes 1 if { res.comp } { res.comp_algo gzip }",
    "late_removal": "http-after-response del-header Content-Encoding\nhttp-after-response del-header Vary",
    "asks_itself": "http-request set-header Accept-Encoding gzip",
    "asks_not": "http-request del-header Accept-Encoding",
    "returns": "http-request return status 200 content-type text/plain string hellohellohellohello",
    "returns_late": "http-response return status 200 content-type text/plain string hellohellohellohello",
    "denies": "http-response deny",
}
CUT: Script = (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0.1, CLOSE)
BROKEN: Script = (BODY, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0.1, b"zz\r\n")
SLOW: Script = (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0.2, b"world")
SLOW_CHUNKS: Script = (BODY, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0.2, b"5\r\nworld\r\n", 0.1, b"0\r\n\r\n")
UNTIL_CLOSE: Script = (BODY, answer(headers=PLAIN, body=TEXT, length=False), CLOSE)
ONCE = (get("/", GZIP),)

CASES = [
    talk("weights", codings(*WEIGHTS)),
    talk("no_field", [(asking(""), answer(headers=PLAIN, body=TEXT))]),
    *(
        talk(f"rivals_{name}", codings(*RIVALS), f"compression algo {words}")
        for name, words in {"gd": "gzip deflate", "dg": "deflate gzip", "gi": "gzip identity", "ig": "identity gzip", "i": "identity", "d": "deflate", "r": "raw-deflate"}.items()
    ),
    talk("rivals_dr", codings("deflate", "raw-deflate", "*"), "compression algo deflate raw-deflate"),
    talk("rivals_rd", codings("deflate", "raw-deflate", "*"), "compression algo raw-deflate\ncompression algo deflate"),
    talk("agents", [(asking(f"{GZIP}User-Agent: {agent}\r\n"), answer(headers=PLAIN, body=TEXT)) for agent in AGENTS]),
    talk("agent_identity", [(asking("User-Agent: Mozilla/4.0\r\n"), answer(body=TEXT))], "compression algo identity"),
    talk("tags", fields(*(f"ETag: {tag}\r\n" for tag in TAGS))),
    talk("fields", fields(*REST)),
    talk("statuses", statuses(*(f"{code} X" for code in (200, 201, 202, 203, 205, 206, 300, 301, 400, 404, 500)))),
    talk("no_content", [(asking(GZIP), b"HTTP/1.1 204 X\r\n\r\n"), (asking(GZIP), b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n")]),
    talk("types", TYPED, f"{GZ}\ncompression type text/html text/plain"),
    talk("types_twice", TYPED, f"{GZ}\ncompression type text/html\ncompression type Text/PLAIN"),
    *(talk(f"shapes_{name}", SHAPES, f"compression algo {algo}") for name, algo in (("gzip", "gzip"), ("identity", "identity"))),
    *(talk(f"shapes_{name}", [(one.replace(b"gzip", b"deflate"), two) for one, two in SHAPES if two != EMPTY], f"compression algo {name.replace('_', '-')}") for name in ("deflate", "raw_deflate")),
    *(talk(f"place_{name}", [*fields(PLAIN, HTML, CSS), *codings("deflate", "gzip,deflate", "br", "gzip;q=0")], *words) for name, words in PLACES.items()),
    talk("listen", [*fields(PLAIN), *codings("", "deflate")], listen=True),
    *(talk(f"rule_{name}", RULES, f"{GZ}\n{words}") for name, words in CHANGES.items()),
    talk("rule_fetches_behind", RULES, "http-response set-header X-Comp %[res.comp],%[res.comp_algo]", GZ),
    talk("empty_deflate", [(asking("Accept-Encoding: deflate\r\n"), EMPTY)], "compression algo deflate"),
    Case("old_client", (get("/", GZIP, version="1.0"),), f"{LOG}\n{GZ}"),
    Case("offload_old_client", (get("/", GZIP, version="1.0"),), f"{LOG}\n{GZ}\ncompression offload"),
    Case("cut", ONCE, f"{LOG}\n{GZ}", origin=CUT),
    Case("broken", ONCE, f"{LOG}\n{GZ}", origin=BROKEN),
    Case("slow", ONCE, f"{LOG}\n{GZ}", origin=SLOW),
    Case("slow_chunks", ONCE, f"{LOG}\n{GZ}", origin=SLOW_CHUNKS),
    Case("slow_identity", ONCE, f"{LOG}\ncompression algo identity", origin=SLOW_CHUNKS),
    Case("until_close", ONCE, f"{LOG}\n{GZ}", origin=UNTIL_CLOSE),
    Case("no_server", ONCE, f"{LOG}\n{GZ}", address="{refused}"),
    Case("junk", ONCE, f"{LOG}\n{GZ}", origin=(BODY, b"junk\r\n\r\n")),
    Case("upgrade", (get("/", f"{GZIP}Connection: upgrade\r\nUpgrade: x\r\n"), 0.2, b"abc"), f"{LOG}\n{GZ}", answers=1, origin=(BODY, b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")),
]
# The limit is the process's, so nothing else is played before these programs.
LIMITED = [
    Case(
        "rate",
        (get("/1", GZIP), Answers(1), get("/2", GZIP), Answers(2), Command("set rate-limit http-compression global 100"), get("/3", GZIP)),
        f"{LOG}\n{GZ}",
        origin=(BODY, answer(body=TEXT * 20)),
    )
]


def decoded(data: bytes) -> bytes:
    """What a client received, with compressed bodies as it understands them: how they are cut into chunks and encoded is each program's own choice."""
    out, at = [], 0
    for head in re.finditer(rb"HTTP/1\.1 \d+ [^\r\n]*\r\n(?:[^\r\n]+\r\n)*transfer-encoding: chunked\r\n(?:[^\r\n]+\r\n)*\r\n", data):
        if head.start() < at:
            continue
        coding = re.search(rb"content-encoding: (gzip|deflate)\r\n\r\n", head[0])
        body, whole, end = unchunked(data, head.end())
        out += [data[at : head.end()], decompressed(body, coding[1], whole) if coding else body, b"<whole>" if whole else b"<cut>"]
        at = end
    return b"".join(out) + data[at:]


def unchunked(data: bytes, at: int) -> tuple[bytes, bool, int]:
    """A body, whether its last chunk is there, and where that ends: its trailers follow."""
    body = []
    while (line := re.compile(rb"([0-9a-fA-F]+)\r\n").match(data, at)) is not None:
        size, at = int(line[1], 16), line.end()
        if not size:
            return b"".join(body), True, at
        body.append(data[at : at + size])
        at += size + 2
    return b"".join(body), False, len(data)


def decompressed(body: bytes, coding: bytes, whole: bool) -> bytes:
    """The payload; of one that was cut only how it begins, since a program may have held some of it back."""
    for window in WINDOWS[coding]:
        reader = zlib.decompressobj(window)
        try:
            text = reader.decompress(body)
        except zlib.error:
            continue
        return b"<%d>%s" % (window, text if whole and reader.eof else text[:1])
    return b"<garbage>"
