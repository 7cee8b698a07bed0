"""Configurations and messages of the fuzz tests: valid, odd and broken ones, drawn from a seeded generator."""

from __future__ import annotations

import random
from zlib import crc32

Random = random.Random


def generator(seed: int, *names: object) -> Random:
    """The dice of one participant."""
    return random.Random(":".join(map(str, (seed, *names))))


# -- configurations
RULES = """
    http-request deny if { path_beg /deny }
    http-request return status 200 content-type text/plain string hello if { path_beg /return }
    http-request redirect location /elsewhere if { path_beg /redirect }
    http-request tarpit if { path_beg /tarpit }
    http-request reject if { path_beg /reject }
    http-request silent-drop if { path_beg /drop }
    http-request set-src hdr(x-src) if { path_beg /src }
    http-request wait-for-body time 2s if { path_beg /wait }
    http-request set-header x-added yes
    http-response set-header x-seen yes
    http-response deny if { status 418 }
    http-after-response set-header x-after yes
"""


def configuration(dice: Random, mode: str, servers: int) -> str:
    """A whole configuration."""
    lines = ["global", "    log 10.9.9.9:514 local0", f"    maxconn {dice.choice((3, 1000, 1000, 1000))}", "defaults", f"    mode {mode}", "    log global"]
    lines.append(f"    option {'httplog' if mode == 'http' else 'tcplog'}")
    for name in ("client", "server", "connect", "queue"):
        lines.append(f"    timeout {name} {dice.choice((300, 1000, 2000, 5000))}ms")
    for name in ("http-request", "http-keep-alive", "tarpit", "client-fin", "server-fin", "tunnel"):
        if dice.random() < 0.4:
            lines.append(f"    timeout {name} {dice.choice((200, 700, 3000))}ms")
    lines.append(f"    retries {dice.randrange(4)}")
    options = ["redispatch", "abortonclose"]
    if mode == "http":
        options += ["http-buffer-request", "forwardfor", "http-ignore-probes", "http-pretend-keepalive", "independent-streams", "dontlognull"]
        if dice.random() < 0.3:
            lines.append(f"    retry-on {dice.choice(('all-retryable-errors', 'empty-response 503 500', 'conn-failure response-timeout junk-response'))}")
        lines.append(f"    http-reuse {dice.choice(('never', 'safe', 'aggressive', 'always'))}")
        if dice.random() < 0.5:
            lines.append(f"    option {dice.choice(('http-server-close', 'httpclose', 'http-keep-alive'))}")
    lines += [f"    option {name}" for name in options if dice.random() < 0.3]
    lines += ["frontend fe", "    bind 10.0.0.1:80", "    default_backend be"]
    if dice.random() < 0.2:
        lines.append(f"    maxconn {dice.choice((2, 5))}")
    if dice.random() < 0.3:
        lines += ["    tcp-request inspect-delay 800ms", f"    tcp-request content accept if {'HTTP' if mode == 'http' else '{ req.len gt 5 }'}"]
    if mode == "http" and dice.random() < 0.7:
        lines += [RULES, "    monitor-uri /alive", "    stats enable", "    stats uri /stats"]
    if dice.random() < 0.1:
        lines.append(f"    rate-limit sessions {dice.choice((1, 3))}")
    lines += ["backend be", f"    balance {dice.choice(('roundrobin', 'leastconn', 'source', 'first', 'random', 'static-rr'))}"]
    if dice.random() < 0.1:
        lines.append("    tcp-response content accept")
    if mode == "http" and dice.random() < 0.3:
        lines.append("    http-request set-timeout server 400ms if { path_beg /hurry }")
    for number in range(servers):
        words = [f"    server s{number} 10.0.1.{number}:80"]
        words += [f"maxconn {dice.randrange(1, 4)}"] if dice.random() < 0.5 else []
        words += ["check inter 700ms fall 2 rise 1"] if dice.random() < 0.2 else []
        words += ["on-marked-down shutdown-sessions"] if dice.random() < 0.3 else []
        words += [f"pool-max-conn {dice.randrange(3)}"] if dice.random() < 0.2 else []
        words += ["send-proxy"] if dice.random() < 0.1 else []
        words += ["slowstart 3s"] if dice.random() < 0.1 else []
        words += ["max-reuse 2"] if dice.random() < 0.1 else []
        words += ["backup"] if number and dice.random() < 0.15 else []
        lines.append(" ".join(words))
    return "\n".join(lines)


# -- messages
PATHS = ("", "", "", "", "/deny", "/return", "/redirect", "/tarpit", "/reject", "/wait", "/drop", "/hurry", "/src", "/stats", "/alive")
ODD_LINES = (
    b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip, chunked\r\n", b"content-length: 7, 7\r\n", b" folded\r\n",
    b"connection: close\r\n", b"connection: keep-alive\r\n", b"expect: 100-continue\r\n", b"x: " + b"v" * 20000 + b"\r\n", b"bad name: 1\r\n", b"\x00: 1\r\n",
    b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"cookie: a=b\r\n", b"host: again\r\n", b"y: " + b"w" * 9000 + b"\r\n",
)  # fmt: skip


def body_of(dice: Random) -> bytes:
    """A body: mostly small, sometimes larger than every buffer."""
    return b"%c" % dice.randrange(97, 123) * dice.choice((0, 1, 10, 10, 1000, 17000, 70000, 400000))


def chunked(dice: Random, body: bytes) -> bytes:
    pieces = []
    while body:
        size = dice.choice((1, 10, 5000, 100000)) if len(body) < 2000 else dice.choice((5000, 100000))
        piece, body = body[:size], body[size:]
        pieces.append(b"%x%s\r\n%s\r\n" % (len(piece), dice.choice((b"", b"", b";ext=1")), piece))
    return b"".join(pieces) + dice.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\ntrailer: 1\r\n\r\n"))


def framed(dice: Random, body: bytes, close: bool) -> tuple[bytes, bytes]:
    """The header lines that announce a body, and the body on the wire."""
    kind = dice.randrange(3 if close else 2)
    if kind == 0:
        return b"content-length: %d\r\n" % len(body), body
    return (b"transfer-encoding: chunked\r\n", chunked(dice, body)) if kind == 1 else (b"", body)


def mutate(dice: Random, data: bytes) -> bytes:
    """Break some bytes, mostly near the beginning."""
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(min(len(changed), dice.choice((20, 200, 100000)))) if changed else 0
        match dice.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del changed[at : at + dice.randrange(1, 20)]
            case 2:
                changed[at:at] = dice.choice((b"\r\n", b"\n", b"\x00", b" ", b"content-length: 3\r\n", b"A" * 3000))
            case _:
                del changed[at:]
    return bytes(changed)


def request(dice: Random, name: str) -> bytes:
    """One request; `name` is in its path."""
    method = dice.choice((b"GET", b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"))
    target = f"{dice.choice(PATHS)}/{name}".encode() if method != b"CONNECT" else f"{name}:443".encode()
    version = b"1.1" if dice.random() < 0.85 else b"1.0"
    fields, body = b"host: a\r\n", b""
    if method in (b"POST", b"PUT"):
        line, body = framed(dice, body_of(dice), False)
        fields += line
    for _ in range(dice.randrange(3) if dice.random() < 0.3 else 0):
        fields += dice.choice(ODD_LINES)
    return b"%s %s HTTP/%s\r\n%s\r\n%s" % (method, target, version, fields, body)


def requests(dice: Random, name: str) -> bytes:
    """What a client sends at once: a request, several, broken ones or garbage."""
    draw = dice.random()
    if draw < 0.04:
        return dice.randbytes(dice.choice((1, 100, 40000)))
    data = b"".join(request(dice, f"r{crc32(f'{name}.{number}'.encode()):08x}") for number in range(dice.choice((1, 1, 1, 1, 2, 5))))
    return mutate(dice, data) if draw < 0.16 else data


def response(dice: Random, method: bytes) -> tuple[bytes, bool]:
    """One response, and whether the connection must end after it."""
    status = dice.choice((200, 200, 200, 200, 204, 304, 404, 418, 500, 503, 101))
    close = dice.random() < 0.2
    fields, body = framed(dice, body_of(dice), close)
    if status in (204, 304, 101):
        fields, body = b"", b""
    if status == 101:
        fields = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    if method == b"HEAD" and dice.random() < 0.9:
        body = b""
    if dice.random() < 0.1:
        fields += dice.choice(ODD_LINES)
    if close and dice.random() < 0.5:
        fields += b"connection: close\r\n"
    first = dice.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")) if dice.random() < 0.1 else b""
    return first + b"HTTP/1.%d %d Reason\r\n%s\r\n%s" % (dice.random() < 0.9, status, fields, body), close
