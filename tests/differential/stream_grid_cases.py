"""What may befall a stream in each phase, on plain connections and over TLS: the cells of the grid (grid.py) that no older case covers."""

from __future__ import annotations

from collections.abc import Iterator

from harness import OK, Case
from stream_end_cases import FULL, HALF, HEAD
from stream_http_cases import BIG, answer, chunked, get, post
from stream_peers import BODY, FIN, RST, Answers, Until

HUGE = "X: " + "a" * 15900 + "\r\n"  # with the rest of a head it is more than a buffer holds beside its reserve
SILENT = {"address": "{silent}", "back": "timeout connect 300ms\nretries 0"}
QUEUED = {"server": FULL, "origin": {b"/2": (BODY, 0.6, OK)}, "others": ((get("/2"),),), "logs": 2}
HALF_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc"
CHUNKED_PART = answer(headers="Transfer-Encoding: chunked\r\n", length=False, body=b"5\r\nhello\r\n")


def of_client(name: str, covers: str, *client: object, **more: object) -> Iterator[Case]:
    """What a client does, plain and over TLS."""
    for tls in (False, True):
        yield Case(f"grid_{name}{'_tls' if tls else ''}", client, covers=covers, tls=tls, **more)  # type: ignore[arg-type]


def of_server(name: str, covers: str, *client: object, **more: object) -> Iterator[Case]:
    """What a server does, plain and over TLS."""
    for tls in (False, True):
        yield Case(f"grid_{name}{'_tls' if tls else ''}", client, covers=covers, server_tls=tls, ends=not tls, **more)  # type: ignore[arg-type]


def leaves(how: str) -> Iterator[Case]:
    """A server that goes away while its connection is not, or not yet, at work for the request at hand."""
    event, idle = f"server {how}", {b"/1": (BODY, OK, 0.1, how)}
    yield from of_server(f"server_{how.lower()}_head", f"{event}/head", get("/1"), Answers(1), HEAD, 0.25, b"\r\n\r\n", origin=idle, answers=2, logs=2)
    yield from of_server(f"server_{how.lower()}_idle", f"{event}/idle", get("/1"), Answers(1), 0.25, get("/2"), origin=idle)
    yield from of_server(f"server_{how.lower()}_queue", f"{event}/queue", 0.25, get("/1"), server=FULL, origin={b"/2": (BODY, 0.5, how)}, others=((get("/2"),),), logs=2)
    shake = {"server": "ssl verify none", "origin": {b"hello": (Until(b"\x16"), how, 0.3)}, "back": "retries 0", "ends": False, "bytes_exact": False, "logs": 1, "patience": 0.5}
    yield Case(f"grid_server_{how.lower()}_handshake", (get("/1"),), covers=f"{event}/connect", **shake)  # type: ignore[arg-type]


CASES = [
    *leaves(FIN),
    *leaves(RST),
    Case("grid_server_fin_at_once", (get("/1"),), origin={b"hello": (FIN, 0.3)}, patience=0.5, ends=False, covers="server FIN/connect"),
    Case("grid_refused_tls", (get("/1"),), back="retries 0", address="{refused}", server_tls=True, covers="server RST/connect"),
    *of_client("timeout_head", "timeout/head", HEAD, 0.6, front="timeout http-request 200ms", answers=0, logs=1, patience=0.4),
    *of_client("timeout_queue", "timeout/queue", 0.25, get("/1"), back="timeout queue 200ms", **QUEUED),
    *of_client("timeout_upload", "timeout/upload", HALF, 0.8, front="timeout client 200ms", origin=(BODY, 1.0), answers=0, logs=1, patience=0.4),
    *of_client("timeout_idle", "timeout/idle", get("/1"), Answers(1), 0.6, front="timeout http-keep-alive 200ms", logs=1, patience=0.4),
    *of_server("timeout_waiting", "timeout/waiting", get("/1"), back="timeout server 200ms", origin=(BODY, 1.0)),
    *of_server("timeout_response", "timeout/response", get("/1"), 0.5, back="timeout server 200ms", origin=(BODY, HALF_BODY, 1.0), answers=0, logs=1),
    Case("grid_timeout_handshake", (get("/1"),), back="timeout connect 200ms\nretries 0", server="ssl verify none", origin={b"hello": (1.0,)}, ends=False, bytes_exact=False, covers="timeout/connect"),
    *of_client("oversize_head", "oversize/head", get("/1", HUGE), answers=1, logs=1),
    *of_client("oversize_queue", "oversize/queue", 0.25, post("/1", BIG[:60000]), **QUEUED),
    *of_client("oversize_connect", "oversize/connect", post("/1", BIG), statistics=False, **SILENT),
    *of_client("oversize_upload", "oversize/upload", chunked(chunks=b"5\r\nhello\r\nfffffffffffffffff\r\n"), 0.1, answers=1, logs=1),
    *of_client("oversize_surplus", "oversize/upload", post("/1", b"hello" + b"x" * 15900, length=5), answers=2, logs=2),
    *of_client("oversize_idle", "oversize/idle", get("/1"), Answers(1), 0.1, get("/2", HUGE), answers=2, logs=2),
    *of_server("oversize_waiting", "oversize/waiting", get("/1"), Answers(1), get("/2"), origin={b"/1": (BODY, answer(headers=HUGE))}),
    *of_server("oversize_response", "oversize/response", get("/1"), 0.3, origin={b"/1": (BODY, CHUNKED_PART, 0.1, b"fffffffffffffffff\r\n")}, patience=0.3),
    *of_server("oversize_kept", "oversize/response", get("/1"), Answers(1), 0.1, get("/2"), origin={b"/1": (BODY, OK + b"x" * 15000)}),
    *of_client("garbage_head", "garbage/head", b"\x00\x01garbage\r\n\r\n", answers=1, logs=1),
    *of_client("garbage_queue", "garbage/queue", 0.25, get("/1") + b"\x01\r\n\r\n", answers=2, **{**QUEUED, "logs": 3}),
    *of_client("garbage_connect", "garbage/connect", get("/1") + b"\x01\r\n\r\n", answers=1, logs=2, **SILENT),
    *of_client("garbage_upload", "garbage/upload", chunked(chunks=b"5\r\nhello\r\n"), 0.1, b"zz\r\n", answers=1, logs=1),
    *of_client("garbage_idle", "garbage/idle", get("/1"), Answers(1), 0.1, b"\x01\r\n\r\n", answers=2, logs=2),
    *of_server("garbage_waiting", "garbage/waiting", get("/1"), Answers(1), get("/2"), origin={b"/1": (BODY, b"garbage\r\n\r\n")}),
    *of_server("garbage_response", "garbage/response", get("/1"), 0.3, origin={b"/1": (BODY, CHUNKED_PART, 0.1, b"zz\r\n")}, patience=0.3),
    *of_server("garbage_lying", "garbage/idle", get("/1"), Answers(1), 0.2, get("/2"), origin={b"/1": (BODY, OK, 0.1, b"garbage")}),
]
