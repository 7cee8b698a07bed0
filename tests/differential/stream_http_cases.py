"""Lives of HTTP/1 requests: connections kept and closed on both sides, bodies in every framing, responses of every kind."""

from __future__ import annotations

from harness import OK, Case
from stream_peers import BODY, CLOSE, FIN, RST, Answers, Idle, Script, Size, Until, turns

HOST = b"Host: a.example\r\n"


def get(target: str = "/", headers: str = "", method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    return f"{method} {target} HTTP/{version}\r\nHost: a.example\r\n{headers}\r\n".encode("latin-1")


def post(target: str = "/", body: bytes = b"hello", headers: str = "", version: str = "1.1", length: int | None = None) -> bytes:
    return f"POST {target} HTTP/{version}\r\nHost: a.example\r\n{headers}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode("latin-1") + body


def chunked(target: str = "/", chunks: bytes = b"5\r\nhello\r\n0\r\n\r\n", headers: str = "") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: a.example\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode("latin-1") + chunks


def answer(status: str = "200 OK", headers: str = "", body: bytes = b"hello", version: str = "1.1", length: bool = True) -> bytes:
    """A response of a server."""
    size = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/{version} {status}\r\n{size}{headers}\r\n".encode("latin-1") + body


BIG = bytes(range(256)) * 4000  # 1 MB
CLOSED: Script = (BODY, answer(headers="Connection: close\r\n"), CLOSE)
UNTIL_CLOSE: Script = (BODY, answer(length=False, body=b"until the end"), CLOSE)
CHUNKS = b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n"
CHUNKED: Script = (BODY, answer(headers="Transfer-Encoding: chunked\r\n", body=CHUNKS, length=False))
TRAILED: Script = (BODY, answer(headers="Transfer-Encoding: chunked\r\nTrailer: X-T\r\n", body=b"5\r\nhello\r\n0\r\nX-T: 1\r\nx-u: 2\r\n\r\n", length=False))
KEPT = (get("/1"), Answers(1), 0.03, get("/2"), Answers(2), 0.03, get("/3"))

# Which connections are kept: every option in the frontend with every option in the backend.
MODES = {"ka": "", "sc": "option http-server-close", "cl": "option httpclose", "kk": "option http-keep-alive"}
MODE_CASES = [Case(f"mode_{f}_{b}", KEPT, MODES[f], MODES[b]) for f in MODES for b in MODES if (f, b) != ("kk", "kk")]

KEEPALIVE = [
    *MODE_CASES,
    Case("listen_kept", KEPT, listen=True),
    Case("listen_close", KEPT, "option httpclose", listen=True, logs=1),
    Case("client_asks_close", (get("/1"), Answers(1), get("/2", "Connection: close\r\n"), Answers(2), get("/3")), logs=2),
    Case("client_asks_close_list", (get("/2", "Connection: foo, close\r\nFoo: 1\r\n"),)),
    Case("client_keep_alive_header", (get("/1", "Connection: keep-alive\r\nKeep-Alive: 5\r\n"), Answers(1), get("/2", "Proxy-Connection: close\r\n"))),
    Case("old_client", (get("/1", version="1.0"),)),
    Case("old_client_kept", (get("/1", "Connection: keep-alive\r\n", version="1.0"), Answers(1), get("/2", "Connection: Keep-Alive\r\n", version="1.0"), Answers(2), get("/3", version="1.0"))),
    Case("old_client_chunked", (get("/1", version="1.0"),), origin=CHUNKED, patience=0.3),
    Case("old_client_chunked_kept", (get("/1", "Connection: keep-alive\r\n", version="1.0"),), origin=CHUNKED, patience=0.3),
    Case("old_client_until_close", (get("/1", version="1.0"),), origin=UNTIL_CLOSE, patience=0.3),
    Case("old_server", (get("/1"), Answers(1), get("/2")), origin=(BODY, answer(version="1.0"), CLOSE)),
    Case("old_server_kept", (get("/1"), Answers(1), get("/2")), origin=(BODY, answer(version="1.0", headers="Connection: keep-alive\r\n"))),
    Case("old_server_no_length", (get("/1"),), origin=(BODY, answer(version="1.0", length=False), CLOSE), patience=0.4),
    Case("old_both", (get("/1", version="1.0"),), origin=(BODY, answer(version="1.0"), CLOSE)),
    Case("server_closes", (get("/1"), Answers(1), get("/2")), origin=CLOSED),
    Case("server_closes_silently", (get("/1"), Answers(1), 0.2, get("/2")), origin=(BODY, OK, FIN)),
    Case("server_says_close_only", (get("/1"), Answers(1), get("/2")), origin=(BODY, answer(headers="Connection: close\r\n"))),
    Case("server_keep_alive_header", (get("/1"),), origin=(BODY, answer(headers="Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n"))),
    Case("pipelined", (get("/1") + get("/2") + get("/3"),)),
    Case("pipelined_bodies", (post("/1") + chunked("/2") + get("/3"),)),
    Case("pipelined_close_between", (get("/1") + get("/2", "Connection: close\r\n") + get("/3"),), answers=2, logs=2),
    Case("pipelined_then_fin", (get("/1") + get("/2"), FIN)),
    Case("pipelined_garbage", (get("/1") + b"nonsense\r\n\r\n",), answers=2, logs=2, covers="garbage/idle"),
    Case("pipelined_slow", (get("/1") + get("/2"), 0.1, get("/3")), origin={b"/1": (BODY, 0.2, OK)}),
    Case("crlf_between", (get("/1") + b"\r\n" + get("/2"), Answers(2), b"\r\n", get("/3"))),
    Case("slow_head", (b"GET / HT", 0.05, b"TP/1.1\r\nHo", 0.05, b"st: a\r\n\r", 0.05, b"\n"), answers=1, logs=1),
    Case("two_connections", (get("/1"), Answers(1), 0.3), others=((0.15, get("/2"), Answers(1)),)),
    Case("default_abort_kept", (get("/1"), FIN)),
    Case("server_name", (get("/1"),), back="http-send-name-header x-server"),
    Case("forwardfor", (get("/1", "X-Forwarded-For: 1.2.3.4\r\n"),), "option forwardfor", "option originalto"),
    Case("no_server", (get("/1"), Answers(1), get("/2")), address=""),
    Case("keep_alive_after_503", (get("/1"), Answers(1), get("/2")), server="disabled"),
    Case("prefer_last_server", KEPT, back="option prefer-last-server"),
    Case("abs_uri", (get("http://a.example/x"),)),
    Case("accept_invalid", (b"GET / HTTP/1.1\r\nHost: a\r\nX\x01Y: b\r\n\r\n",), "option accept-invalid-http-request"),
    Case("no_delay", (get("/1"),), back="option http-no-delay"),
    Case("tcp_smart", (get("/1"),), "option tcp-smart-accept", "option tcp-smart-connect"),
    Case("use_proxy_header", (get("/1", "Proxy-Connection: keep-alive\r\n", version="1.0"),), "option http-use-proxy-header"),
    Case("pretend_keepalive", KEPT, "option httpclose", "option http-pretend-keepalive", logs=1),
    Case("pretend_keepalive_sc", KEPT, "option http-server-close", "option http-pretend-keepalive"),
]

# Whose connections may be used again.
REUSE_TWO = ((0.3, get("/b1"), Answers(1), 0.1, get("/b2"), Answers(2)),)
REUSE = [
    *[
        Case(f"reuse_{mode}_{b or 'ka'}", (get("/a1"), Answers(1), get("/a2"), Answers(2), 0.6), back=f"http-reuse {mode}\n{MODES[b] if b else ''}", others=REUSE_TWO)
        for mode in ("never", "safe", "aggressive", "always")
        for b in ("", "sc")
    ],
    Case("reuse_first_only", (get("/a1"), Answers(1), 0.5), back="http-reuse aggressive", others=((0.2, get("/b1")),)),
    Case("reuse_first_only_always", (get("/a1"), Answers(1), 0.5), back="http-reuse always", others=((0.2, get("/b1")),)),
    Case("reuse_max", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3"), Answers(3), get("/4")), server="max-reuse 1"),
    Case("reuse_none", (get("/1"), Answers(1), get("/2")), server="pool-max-conn 0"),
    Case("reuse_purge_off", (get("/1"), Answers(1), get("/2")), server="pool-purge-delay 0"),
    Case("reuse_after_client_left", (get("/1"), Answers(1), CLOSE), others=((0.3, get("/2")),), back="http-reuse always"),
    Case("reuse_never_after_client_left", (get("/1"), Answers(1), CLOSE), others=((0.3, get("/2")),), back="http-reuse never"),
    Case("reuse_parallel", (get("/slow"), Answers(1), get("/2"), Answers(2)), others=((0.1, get("/3"), Answers(1), 0.5, get("/4")),), origin={b"/slow": (BODY, 0.4, OK)}, back="http-reuse always"),
    Case("reuse_post", (post("/1"), Answers(1), post("/2"))),
    Case("reuse_after_error", (get("/1"), Answers(1), get("/2")), origin=(BODY, answer("500 Oops"))),
    Case("reuse_pool_dies_idle", (get("/die"), Answers(1), 0.3, get("/2")), origin={b"/die": (BODY, OK, 0.1, CLOSE)}, covers="server FIN/idle"),
    Case("reuse_pool_dies_idle_rst", (get("/die"), Answers(1), 0.3, get("/2")), origin={b"/die": (BODY, OK, 0.1, RST)}, covers="server RST/idle"),
    Case("reuse_pool_talks_idle", (get("/talk"), Answers(1), 0.3, get("/2")), origin={b"/talk": (BODY, OK, 0.1, b"garbage")}, covers="garbage/idle"),
    Case("reuse_dies_under_request", (get("/1"), Answers(1), get("/die")), origin={b"/die": (BODY, CLOSE)}, logs=2, answers=1),
    Case("reuse_dies_under_request_rst", (get("/1"), Answers(1), get("/die")), origin={b"/die": (BODY, RST)}, logs=2, answers=1),
    Case("reuse_dies_under_post", (get("/1"), Answers(1), post("/die")), origin={b"/die": (BODY, CLOSE)}, logs=2, answers=1),
    Case("reuse_dies_first_request", (get("/1"), Answers(1), 0.5), others=((0.2, get("/die")),), back="http-reuse always", origin={b"/die": (BODY, CLOSE)}, logs=2),
    Case("reuse_dies_retry", (get("/1"), Answers(1), get("/die")), back="retry-on empty-response conn-failure", origin={b"/die": turns((BODY, CLOSE), (BODY, OK))}),
    Case("reuse_dies_retry_all", (get("/1"), Answers(1), get("/die")), back="retry-on all-retryable-errors", origin={b"/die": turns((BODY, CLOSE), (BODY, OK))}),
    Case("reuse_garbage_under_request", (get("/1"), Answers(1), get("/x"), Answers(2), get("/2")), origin={b"/x": (BODY, b"garbage\r\n\r\n")}),
]

BODIES = [
    Case("post_length", (post(),)),
    Case("post_empty", (post(body=b""),)),
    Case("post_chunked", (chunked(),)),
    Case("post_chunked_empty", (chunked(chunks=b"0\r\n\r\n"),)),
    Case("post_chunked_trailers", (chunked(chunks=b"5\r\nhello\r\n0\r\nX-T: 1\r\nx-U:2\r\n\r\n", headers="Trailer: X-T\r\n"),)),
    Case("post_chunked_pieces", (chunked(chunks=b"5\r\nhel"), 0.1, b"lo\r", 0.1, b"\n3;a=b\r\nabc\r\n0", 0.1, b"\r\n\r\n"), answers=1, bytes_exact=False),
    Case("post_chunked_bad_size", (chunked(chunks=b"5x\r\nhello\r\n0\r\n\r\n"),), covers="garbage/upload"),
    Case("post_chunked_bad_size_later", (chunked(chunks=b"5\r\nhello\r\n"), 0.1, b"zz\r\n"), answers=1, covers="garbage/upload"),
    Case("post_chunked_no_crlf", (chunked(chunks=b"5\r\nhelloXX0\r\n\r\n"),)),
    Case("post_both_framings", (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",)),
    Case("post_slow", (post(body=b"", length=6), 0.1, b"abc", 0.1, b"def"), answers=1),
    Case("post_old", (post(version="1.0"),)),
    Case("post_old_no_length", (b"POST / HTTP/1.0\r\nHost: a\r\n\r\nbody",), logs=1),
    Case("get_with_body", (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",)),
    Case("put_delete_options", (post().replace(b"POST", b"PUT"), Answers(1), get(method="DELETE"), Answers(2), get("*", method="OPTIONS"), Answers(3), get(method="TRACE"), Answers(4), get(method="PROPFIND"))),
    Case("head", (get(method="HEAD"), 0.1, get("/2")), origin={b"*": (BODY, answer(body=b"")), b"/2": (BODY, OK)}, answers=2),
    Case("head_with_length", (get("/h", method="HEAD"), 0.15, get("/2")), origin={b"/h": (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")}, answers=0),
    Case("head_chunked", (get("/h", method="HEAD"), 0.15, get("/2")), origin={b"/h": (BODY, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")}, answers=0),
    Case("head_no_length", (get("/h", method="HEAD"), 0.15, get("/2")), origin={b"/h": (BODY, b"HTTP/1.1 200 OK\r\n\r\n")}, answers=0),
    Case("head_with_body", (get("/h", method="HEAD"), 0.15, get("/2")), origin={b"/h": (BODY, OK)}, answers=0),
    Case("response_204", (get("/n"), Answers(1), get("/2")), origin={b"/n": (BODY, b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")}),
    Case("response_204_length", (get("/n"), Answers(1), get("/2")), origin={b"/n": (BODY, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")}),
    Case("response_204_chunked", (get("/n"), 0.1, get("/2")), origin={b"/n": (BODY, b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")}),
    Case("response_304", (get("/n"), Answers(1), get("/2")), origin={b"/n": (BODY, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\nETag: a\r\n\r\n")}),
    Case("response_304_old", (get("/n"), Answers(1), get("/2")), origin={b"/n": (BODY, b"HTTP/1.1 304 Not Modified\r\n\r\n")}),
    Case("response_205", (get("/n"), Answers(1), get("/2")), origin={b"/n": (BODY, b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n")}),
    Case("response_codes", tuple(item for n, code in enumerate((200, 201, 206, 301, 404, 418, 500, 599, 600, 999)) for item in (get(f"/{code}"), Answers(n + 1))),
         origin={f"/{code}".encode(): (BODY, answer(f"{code} Some reason")) for code in (200, 201, 206, 301, 404, 418, 500, 599, 600, 999)}),
    Case("response_no_reason", (get(),), origin=(BODY, b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")),
    Case("response_chunked", (get("/1"), Answers(1), get("/2")), origin=CHUNKED),
    Case("response_chunked_pieces", (get("/1"),), origin=(BODY, answer(headers="Transfer-Encoding: chunked\r\n", length=False, body=b""), 0.1, b"5\r\nhel", 0.1, b"lo\r\n0\r", 0.1, b"\n\r\n"), bytes_exact=False),
    Case("response_trailers", (get("/1"), Answers(1), get("/2")), origin=TRAILED),
    Case("response_until_close", (get("/1"),), origin=UNTIL_CLOSE),
    Case("response_until_close_slow", (get("/1"),), origin=(BODY, answer(length=False, body=b"one"), 0.1, b"two", 0.1, CLOSE)),
    Case("response_until_rst", (get("/1"),), origin=(BODY, answer(length=False, body=b"one"), 0.1, RST), patience=0.5),
    Case("response_empty", (get("/1"), Answers(1), get("/2")), origin=(BODY, answer(body=b""))),
    Case("response_big", (get("/big"), Answers(1), get("/2")), origin={b"/big": (BODY, answer(body=BIG))}),
    Case("response_big_slow_reader", (get("/big"), Idle(0.4), Answers(1), get("/2")), origin={b"/big": (BODY, answer(body=BIG))}, window=4096),
    Case("response_big_chunked", (get("/big"),), origin={b"/big": (BODY, answer(headers="Transfer-Encoding: chunked\r\n", length=False, body=b"fa000\r\n" + BIG + b"\r\n0\r\n\r\n"))}, bytes_exact=False, statistics=False),
    Case("response_big_until_close", (get("/big"),), origin={b"/big": (BODY, answer(length=False, body=BIG), CLOSE)}),
    Case("post_big", (post(body=BIG),)),
    Case("post_big_slow_server", (post("/slow", body=BIG),), origin={b"/slow": (Idle(0.4), BODY, OK)}, server_window=4096),
    Case("both_big", (post("/big", body=BIG),), origin={b"/big": (BODY, answer(body=BIG))}),
    Case("extra_bytes_after", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, OK + b"surplus")}),
    Case("extra_response", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, OK + OK)}),
    Case("server_speaks_first", (get("/1"), Answers(1), get("/2")), origin={b"hello": (b"garbage\r\n\r\n",)}, ends=False, statistics=False),
    Case("server_answers_first", (get("/1"), Answers(1), 0.1), origin={b"hello": (OK,), b"/1": ()}),
    Case("slow_response_head", (get("/1"),), origin=(BODY, b"HTTP/1.1 2", 0.05, b"00 OK\r\nConte", 0.05, b"nt-Length: 2\r\n\r", 0.05, b"\nok")),
    Case("bad_response", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, b"hello world\r\n\r\n")}, covers="garbage/waiting"),
    Case("bad_response_version", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, b"HTTP/3.1 200 OK\r\n\r\n")}),
    Case("bad_response_header", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, b"HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n")}),
    Case("bad_response_lengths", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")}),
    Case("bad_response_chunk", (get("/1"), 0.3), origin={b"/1": (BODY, answer(headers="Transfer-Encoding: chunked\r\n", length=False, body=b"5\r\nhello\r\nzz\r\n"))}, patience=0.3, covers="garbage/response"),
    Case("bad_response_chunk_later", (get("/1"), 0.3), origin={b"/1": (BODY, answer(headers="Transfer-Encoding: chunked\r\n", length=False, body=b"5\r\nhello\r\n"), 0.1, b"zz\r\n")}, patience=0.3, covers="garbage/response"),
    Case("response_too_big", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, b"HTTP/1.1 200 OK\r\nX: " + b"a" * 17000 + b"\r\n\r\n")}, statistics=False, covers="oversize/waiting"),
    Case("response_many_headers", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 120 + b"\r\n")}),
    Case("request_too_big", (b"GET / HTTP/1.1\r\nX: " + b"a" * 17000 + b"\r\n\r\n",), answers=1, logs=1, statistics=False, covers="oversize/head"),
    Case("request_many_headers", (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 120 + b"\r\n",), answers=1, logs=1),
    Case("request_garbage", (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",), answers=1, logs=1, covers="garbage/head"),
    Case("request_09", (b"GET /\r\n",), answers=1, logs=1),
    Case("unfinished_response_length", (get("/1"),), origin=(BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", CLOSE), patience=0.5),
    Case("unfinished_response_chunked", (get("/1"),), origin=(BODY, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE), patience=0.5),
    Case("unfinished_response_head", (get("/1"),), origin=(BODY, b"HTTP/1.1 200 OK\r\nContent-Len", CLOSE)),
]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WEBSOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Established\r\n\r\n"
CONNECT = b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"
SPECIAL = [
    Case("expect", (post(headers="Expect: 100-continue\r\n", body=b"", length=5), Until(b"100"), b"hello", Answers(1)), origin=(CONTINUE, BODY, OK)),
    Case("expect_unanswered", (post(headers="Expect: 100-continue\r\n"), Answers(1), get("/2"))),
    Case("expect_refused", (post(headers="Expect: 100-continue\r\n", body=b"", length=5), Answers(1), 0.1), origin=(answer("417 No", "Connection: close\r\n"), CLOSE)),
    Case("expect_old", (post(headers="Expect: 100-continue\r\n", version="1.0"),)),
    Case("informational", (get("/1"), Answers(1), get("/2")), origin=(BODY, CONTINUE + OK)),
    Case("informational_garbage", (get("/1"),), origin=(BODY, CONTINUE + CONTINUE + b"garbage\r\n\r\n")),
    Case("informational_garbage_later", (get("/1"),), origin=(BODY, CONTINUE, 0.1, b"garbage\r\n\r\n"), answers=2),
    Case("informational_bad_chunk", (get("/1"),), origin=(BODY, CONTINUE + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
    Case("status_50", (get("/1"), Answers(1), 0.1), origin=(BODY, b"HTTP/1.1 050 X\r\nContent-Length: 2\r\n\r\n", 0.1, b"ab"), logs=1, patience=0.4),
    Case("status_50_empty", (get("/1"), Answers(1), 0.1), origin=(BODY, b"HTTP/1.1 050 X\r\nContent-Length: 0\r\n\r\n"), logs=1, patience=0.4),
    Case("informational_103", (get("/1"), Answers(1), get("/2")), origin=(BODY, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.05, OK)),
    Case("informational_many", (get("/1"),), origin=(BODY, CONTINUE * 3, 0.05, CONTINUE, 0.05, OK)),
    Case("informational_old", (get("/1", version="1.0"),), origin=(BODY, CONTINUE + OK)),
    Case("informational_then_close", (get("/1"),), origin=(BODY, CONTINUE, 0.05, CLOSE), answers=1),
    Case("early_response", (post(body=b"abc", length=10), Answers(1), 0.1, b"defghij", 0.1), origin=(answer("200 Early"), 0.3)),
    Case("early_response_close", (post(body=b"abc", length=10), Answers(1), 0.2), origin=(answer("413 Big", "Connection: close\r\n"), CLOSE)),
    Case("early_response_close_more", (post(body=b"abc", length=10), Answers(1), 0.1, b"defg", 0.1, b"hij", 0.1), origin=(answer("413 Big", "Connection: close\r\n"), CLOSE)),
    Case("early_response_timeout", (post(body=b"abc", length=10), Answers(1), 0.8), "timeout client 300ms", origin=(answer("413 Big", "Connection: close\r\n"), CLOSE)),
    Case("early_response_upload", (post(body=BIG), Answers(1), 0.1), origin=(Size(20000), answer("413 Big", "Connection: close\r\n"), FIN, 0.3), bytes_exact=False, statistics=False, ends=False),
    Case("early_response_client_stops", (post(body=b"abc", length=10), Answers(1), FIN, 0.2), origin=(answer("200 Early"), 0.5), ends=False),
    Case("upgrade", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), b"ping", Until(b"pong"), b"bye"), origin=(BODY, SWITCH, Until(b"ping"), b"pong", Until(b"bye"), b"done", CLOSE), answers=0, patience=1.0),
    Case("upgrade_early_bytes", (get(headers=WEBSOCKET) + b"early", Until(b"\r\n\r\n"), b"ping", Until(b"pong")), origin=(BODY, SWITCH + b"first", Until(b"ping"), b"pong", CLOSE), answers=0, patience=0.5),
    Case("upgrade_refused", (get(headers=WEBSOCKET), Answers(1), get("/2")), origin=(BODY, OK)),
    Case("upgrade_client_fin", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), b"ping", FIN, 0.3), origin=(BODY, SWITCH, Until(b"ping"), 0.15, b"late", CLOSE), answers=0, patience=0.3),
    Case("upgrade_client_rst", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), b"ping", 0.1, RST), origin=(BODY, SWITCH, 1.0), answers=0),
    Case("upgrade_server_fin", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), 0.2, b"late", 0.1), origin=(BODY, SWITCH, 0.05, FIN, 0.5), answers=0, patience=0.3),
    Case("upgrade_server_rst", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), 0.3), origin=(BODY, SWITCH, 0.1, RST), answers=0, patience=0.3),
    Case("upgrade_timeout", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), 1.0), front="timeout client 300ms", back="timeout server 400ms", origin=(BODY, SWITCH), answers=0, patience=0.5),
    Case("upgrade_timeout_tunnel", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), 0.3, b"x", 1.2), front="timeout client 200ms", back="timeout server 200ms\ntimeout tunnel 500ms", origin=(BODY, SWITCH), answers=0, patience=0.5, ends=False),
    Case("upgrade_unasked", (get("/1"), 0.2), origin=(BODY, SWITCH, 0.1), answers=0, patience=0.3),
    Case("connect", (CONNECT, Until(b"\r\n\r\n"), b"ping", Until(b"pong"), 0.1), origin=(CONNECTED, Until(b"ping"), b"pong", CLOSE), answers=0, patience=0.5),
    Case("connect_refused", (CONNECT, Answers(1), get("/2")), origin={b"h:": (answer("403 No"),), b"/2": (BODY, OK)}, answers=2),
    Case("connect_client_fin", (CONNECT, Until(b"\r\n\r\n"), b"ping", FIN, 0.3), origin=(CONNECTED, Until(b"ping"), 0.1, b"late", CLOSE), answers=0, patience=0.3),
    Case("monitor", (get("/up"), Answers(1), get("/up")), "monitor-uri /up", logs=0),
    Case("null", (0.1, CLOSE), answers=0, logs=1),
    Case("null_fin", (FIN, 0.2), answers=0, logs=1, patience=0.2),
    Case("null_dontlog", (FIN, 0.2), "option dontlognull", answers=0, logs=0, patience=0.2),
    Case("dontlog_normal", (get("/1"), Answers(1), get("/bad")), "option dontlog-normal", origin={b"/bad": (BODY, b"x\r\n\r\n")}, logs=1),
    Case("log_separate", (get("/1"), Answers(1), get("/bad")), "option log-separate-errors", origin={b"/bad": (BODY, b"x\r\n\r\n")}),
    Case("logasap", (get("/1"),), "option logasap", origin=(BODY, answer(body=b"x" * 100))),
    Case("log_default", (get("/1"), Answers(1), get("/2")), plain_log=True),
    Case("clf", (get("/1"),), "option httplog clf"),
    Case("captures", (get("/1", "X-A: value\r\n"),), "capture request header x-a len 3\ncapture response header x-origin len 10"),
    Case("tls_get", (get("/1"), Answers(1), get("/2")), tls=True),
    Case("tls_server", (get("/1"), Answers(1), get("/2")), server_tls=True),
    Case("tls_both_post", (post("/1", body=BIG), Answers(1), get("/2")), tls=True, server_tls=True, statistics=False),
]

CASES = [*KEEPALIVE, *REUSE, *BODIES, *SPECIAL]
