"""How streams end before their time: aborts, timeouts, refusals, queues, retries; the termination letters of configuration.txt 8.5."""

from __future__ import annotations

from harness import OK, Case
from stream_http_cases import BIG, CONNECT, SWITCH, WEBSOCKET, answer, chunked, get, post
from stream_peers import BODY, CLOSE, FIN, NOTIFY, RST, Answers, Idle, Script, Size, Until, turns

HEAD = b"GET / HTTP/1.1\r\nHost: a"
HALF = post(body=b"abc", length=10)
PART: Script = (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc", 0.8, b"d" * 17)
THINKS: Script = (BODY, 0.8, OK)
FULL = "maxconn 1"
LEAVING: dict[str, tuple[Script, dict[str, object]]] = {
    "head": ((HEAD,), {}),
    "nothing": ((), {}),
    "idle": ((get("/1"), Answers(1), 0.05), {"logs": 1}),
    "second_head": ((get("/1"), Answers(1), HEAD), {"logs": 2}),
    "upload": ((HALF,), {"origin": THINKS}),
    "upload_chunked": ((chunked(chunks=b"5\r\nhello\r\n"),), {"origin": THINKS}),
    "waiting": ((get("/1"),), {"origin": THINKS}),
    "response": ((get("/1"), Until(b"abc")), {"origin": PART}),
    "download": ((get("/1"), Size(1000)), {"origin": (BODY, answer(body=BIG * 8), 0.5), "statistics": False, "bytes_exact": False, "logs_exact": False, "window": 4096}),
    "connect": ((get("/1"),), {"address": "{silent}", "back": "timeout connect 400ms\nretries 0"}),
    "retry_pause": ((get("/1"),), {"address": "{refused}", "back": "timeout connect 400ms\nretries 1"}),
    "queue": ((0.25, get("/1")), {"origin": (BODY, 0.8, OK), "server": FULL, "others": ((get("/2"),),), "logs": 2}),
    "upgrade": ((get(headers=WEBSOCKET), Until(b"\r\n\r\n")), {"origin": (BODY, SWITCH, 1.0)}),
}
PHASES = {"head": "head", "nothing": "head", "second_head": "head", "upload_chunked": "upload", "download": "response", "retry_pause": "connect", "upgrade": "response"}
HOW: dict[str, Script] = {"fin": (Idle(0.1), FIN, 0.4), "rst": (Idle(0.1), RST), "close": (Idle(0.1), CLOSE)}


def leaving(state: str, how: str, name: str = "leave", **more: object) -> Case:
    """The client goes away in some state."""
    script, settings = LEAVING[state]
    merged: dict[str, object] = {"answers": 0, "logs": 1, "patience": 0.4, **settings, **more}
    if (state, how) == ("response", "rst"):  # noticed by HAProxy at once or with the next write, as it happens
        merged.update(logs_exact=False, statistics=False, ends=False, logs=0)
    merged["client"] = (*script, *HOW[how])
    merged["covers"] = f"client {how.upper()}/{PHASES.get(state, state)}" if how != "close" else ""
    if settings.get("back") and more.get("back"):
        merged["back"] = f"{settings['back']}\n{more['back']}"
    return Case(f"{name}_{state}_{how}", **merged)  # type: ignore[arg-type]


CLIENT_LEAVES = [
    *[leaving(state, how) for state in LEAVING for how in HOW],
    *[leaving(state, how, "abortonclose", back="option abortonclose") for state in ("waiting", "queue", "connect", "retry_pause", "response", "upload") for how in ("fin", "rst")],
    *[leaving(state, how, "abort", listen=True, back="option abortonclose") for state in ("waiting", "queue", "connect", "retry_pause", "response", "upload") for how in ("fin", "rst")],
    *[leaving(state, how, "tls_leave", tls=True) for state in LEAVING if state not in ("nothing", "download") for how in ("fin", "rst")],
    *[Case(f"tls_notify_{state}", (*LEAVING[state][0], 0.1, NOTIFY, 0.3), answers=0, patience=0.4, tls=True, **{"logs": 1, **LEAVING[state][1]}) for state in ("head", "waiting", "response")],  # type: ignore[arg-type]
]

SERVER_LEAVES = [
    Case(f"server_{'tls_' if tls else ''}{how.lower()}_{state}", client, origin=(*script, how, 0.3), answers=1, logs=1, patience=0.4, server_tls=tls, ends=not tls, covers=f"server {how}/{phase}")
    for state, phase, client, script in (
        ("accept", "waiting", (get("/1"),), ()),
        ("head", "waiting", (get("/1"),), (BODY,)),
        ("half_head", "waiting", (get("/1"),), (BODY, b"HTTP/1.1 200 O", 0.05)),
        ("response", "response", (get("/1"),), (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc", 0.1)),
        ("chunks", "response", (get("/1"),), (BODY, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0.1)),
        ("upload", "upload", (HALF,), (Until(b"abc"),)),
        ("upload_early", "upload", (HALF, 0.2), (Until(b"abc"), answer("403 No"))),
    )
    for how in (FIN, RST)
    for tls in (False, True)
] + [
    Case("server_tls_until_close", (get("/1"),), origin=(BODY, answer(length=False, body=b"abc"), 0.05, NOTIFY, FIN), patience=0.4, server_tls=True, ends=False),
    Case("server_tls_until_cut", (get("/1"),), origin=(BODY, answer(length=False, body=b"abc"), 0.05, FIN), patience=0.4, server_tls=True, ends=False),
    Case("server_not_tls", (get("/1"),), back="retries 0", server="ssl verify none", origin={b"hello": (b"HTTP/1.0 400 Bad\r\n\r\n", CLOSE)}, ends=False, covers="garbage/connect"),
    Case("client_not_tls", (b"GET / HTTP/1.0\r\n\r\n", 0.2), bind="ssl crt {bundle}", answers=0, logs=1, patience=0.3, covers="garbage/head"),
]

TIMEOUTS = [
    Case("timeout_request_nothing", (0.6,), "timeout http-request 200ms", answers=0, logs=1, patience=0.4),
    Case("timeout_request_nothing_null", (0.6,), "timeout http-request 200ms\noption dontlognull", answers=0, logs=0, patience=0.4),
    Case("timeout_request_probes", (0.6,), "timeout http-request 200ms\noption http-ignore-probes", answers=0, logs=0, patience=0.4),
    Case("timeout_request_head", (HEAD, 0.6), "timeout http-request 200ms", answers=0, logs=1, patience=0.4, covers="timeout/head"),
    Case("timeout_request_head_client", (HEAD, 0.6), "timeout client 200ms", answers=0, logs=1, patience=0.4),
    Case("timeout_client_nothing", (0.6,), "timeout client 200ms", answers=0, logs=1, patience=0.4),
    Case("timeout_request_second", (get("/1"), Answers(1), HEAD, 0.6), "timeout http-request 200ms", answers=0, logs=2, patience=0.4, covers="timeout/head"),
    Case("timeout_keep_alive", (get("/1"), Answers(1), 0.6), "timeout http-keep-alive 200ms", logs=1, patience=0.4, covers="timeout/idle"),
    Case("timeout_keep_alive_default", (get("/1"), Answers(1), 0.6), "timeout http-request 200ms", logs=1, patience=0.4),
    Case("timeout_keep_alive_client", (get("/1"), Answers(1), 0.6), "timeout client 200ms", logs=1, patience=0.4, covers="timeout/idle"),
    Case("timeout_one_byte", tuple(item for byte in b"GET / HTTP/1.1\r\n" for item in (bytes([byte]), 0.05)), "timeout http-request 300ms", answers=0, logs=1, patience=0.4),
    Case("timeout_one_byte_lives", tuple(item for byte in get("/1") for item in (bytes([byte]), 0.02)), "timeout client 300ms", answers=1, logs=1),
    Case("timeout_client_upload", (HALF, 0.8), "timeout client 200ms", origin=(BODY, 1.0), answers=0, logs=1, patience=0.4, covers="timeout/upload"),
    Case("timeout_client_upload_early", (HALF, 0.8), "timeout client 200ms", origin=(answer("403 No"), 1.0), answers=0, logs=1, patience=0.4, covers="timeout/upload"),
    Case("timeout_request_upload", (HALF, 0.8), "timeout http-request 200ms", origin=(BODY, 1.0), answers=0, logs=1, patience=0.4),
    Case("timeout_buffer_request", (HALF, 0.8), "timeout http-request 200ms\noption http-buffer-request", answers=0, logs=1, patience=0.4),
    Case("timeout_client_download", (get("/1"), Idle(0.9), 0.3), "timeout client 300ms", origin=(BODY, answer(body=BIG * 16), 1.0), window=4096, answers=0, logs=1, statistics=False, bytes_exact=False, logs_exact=False, patience=0.3, ends=False, covers="timeout/response"),
    Case("timeout_server", (get("/1"),), back="timeout server 200ms", origin=(BODY, 1.0), covers="timeout/waiting"),
    Case("timeout_server_post", (post(),), back="timeout server 200ms", origin=(BODY, 1.0)),
    Case("timeout_server_upload", (HALF, 0.5), back="timeout server 200ms", origin=(BODY, 1.0), answers=0, logs=1, covers="timeout/upload"),
    Case("timeout_server_half_head", (get("/1"),), back="timeout server 200ms", origin=(BODY, b"HTTP/1.1 200 OK\r\n", 1.0), covers="timeout/waiting"),
    Case("timeout_server_response", (get("/1"), 0.5), back="timeout server 200ms", origin=PART, answers=0, logs=1, covers="timeout/response"),
    Case("timeout_server_until_close", (get("/1"), 0.5), back="timeout server 200ms", origin=(BODY, answer(length=False, body=b"abc"), 1.0), answers=0, logs=1, covers="timeout/response"),
    Case("timeout_server_slow_upload", (post(body=BIG * 8),), back="timeout server 300ms", origin=(Idle(1.0),), server_window=4096, patience=1.2, statistics=False, bytes_exact=False),
    Case("timeout_server_kept", (get("/1"), Answers(1), 0.4, get("/2")), back="timeout server 200ms"),
    Case("timeout_connect", (get("/1"),), back="timeout connect 200ms\nretries 0", address="{silent}", covers="timeout/connect"),
    Case("timeout_connect_retries", (get("/1"),), back="timeout connect 150ms\nretries 2", address="{silent}"),
    Case("timeout_queue", (0.25, get("/1")), back="timeout queue 200ms", server=FULL, origin=(BODY, 0.6, OK), others=((get("/2"),),), covers="timeout/queue"),
    Case("timeout_queue_connect", (0.25, get("/1")), back="timeout connect 200ms", server=FULL, origin=(BODY, 0.6, OK), others=((get("/2"),),), covers="timeout/queue"),
    Case("timeout_client_fin", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), FIN, 0.8), "timeout client-fin 200ms", back="timeout tunnel 2s", origin=(BODY, SWITCH, 1.5), answers=0, logs=1, patience=0.3),
    Case("timeout_server_fin", (get(headers=WEBSOCKET), Until(b"\r\n\r\n"), FIN, 0.8), back="timeout server-fin 200ms\ntimeout tunnel 2s", origin=(BODY, SWITCH, 1.5), answers=0, logs=1, patience=0.3),
    Case("timeout_connect_tunnel", (CONNECT, Until(b"\r\n\r\n"), 0.6), back="timeout tunnel 200ms", origin=(answer("200 Fine", length=False, body=b""),), answers=0, logs=1, patience=0.3, ends=False),
    Case("timeout_set_server", (get("/1"),), back="http-request set-timeout server 200ms", origin=(BODY, 1.0)),
    Case("timeout_tls_handshake", (0.5,), "timeout client 200ms", bind="ssl crt {bundle}", answers=0, logs=1, patience=0.4, covers="timeout/head"),
    Case("timeout_client_queue", (0.2, HALF, 0.7), "timeout client 200ms", "timeout queue 500ms", server=FULL, origin=(BODY, 0.9, OK), others=((get("/2"),),), answers=0, logs=2, patience=0.3),
    Case("timeout_client_connect", (HALF, 0.7), "timeout client 200ms", "timeout connect 500ms\nretries 0", address="{silent}", answers=0, logs=1, patience=0.3),
    Case("timeout_client_tarpit", (HALF, 0.8), "timeout client 200ms\ntimeout tarpit 500ms\nhttp-request tarpit", answers=0, logs=1, patience=0.3),
    Case("timeout_server_informed", (get("/1"),), back="timeout server 500ms", origin=(BODY, 0.3, b"HTTP/1.1 100 Continue\r\n\r\n", 0.3, OK)),
    Case("timeout_page", (get("/1"),), back="timeout server 100ms\nerrorfile 504 /dev/null", origin=(BODY, 1.0), logs=1, answers=1, patience=0.5),
]

RETRIES = [
    Case("refused", (get("/1"), Answers(1), get("/2")), back="retries 0", address="{refused}", covers="server RST/connect"),
    Case("refused_once", (get("/1"),), back="retries 1", address="{refused}"),
    Case("refused_default", (get("/1"),), address="{refused}", patience=5.0, logs=1),
    Case("refused_pause", (get("/1"),), back="retries 2\ntimeout connect 300ms", address="{refused}"),
    Case("refused_post", (post(),), back="retries 0", address="{refused}"),
    Case("refused_upload", (HALF, 0.2), back="retries 0", address="{refused}", answers=1, logs=1),
    Case("refused_close", (get("/1", "Connection: close\r\n"),), back="retries 0", address="{refused}"),
    Case("redispatch", (get("/1"),), back="option redispatch\nretries 2", address="{refused}", servers=("s2 {origin}",)),
    Case("redispatch_1", (get("/1"),), back="option redispatch 1\nretries 2", address="{refused}", servers=("s2 {origin}",)),
    Case("redispatch_minus", (get("/1"),), back="option redispatch -1\nretries 2\nbalance source", address="{refused}", servers=("s2 {refused}",)),
    Case("redispatch_not", (get("/1"),), back="retries 1", address="{refused}", servers=("s2 {origin}",)),
    Case("redispatch_leastconn", (get("/1"),), back="option redispatch\nretries 2\nbalance leastconn", address="{refused}", servers=("s2 {origin}",)),
    Case("redispatch_first", (get("/1"),), back="option redispatch 1\nretries 2\nbalance first", address="{refused}", servers=("s2 {origin}",)),
    Case("redispatch_all_refused", (get("/1"),), back="option redispatch\nretries 3", address="{refused}", servers=("s2 {refused}",)),
    Case("redispatch_timeout", (get("/1"),), back="option redispatch\nretries 2\ntimeout connect 150ms", address="{silent}", servers=("s2 {origin}",)),
    Case("redispatch_disabled", (get("/1"),), back="option redispatch\nretries 1", address="{refused}", servers=("s2 {origin} disabled",)),
    Case("backup", (get("/1"),), server="disabled", servers=("s2 {origin} backup",)),
    Case("use_server", (get("/1"),), back="use-server s2 if { path /1 }\nretries 0", servers=("s2 {refused}",)),
    Case("retry_empty", (get("/die"), Answers(1), get("/2")), back="retry-on empty-response", origin={b"/die": turns((BODY, CLOSE), (BODY, OK))}),
    Case("retry_empty_exhausted", (get("/die"), Answers(1)), back="retry-on empty-response\nretries 2", origin={b"/die": (BODY, CLOSE)}),
    Case("retry_503", (get("/die"), Answers(1)), back="retry-on 503", origin={b"/die": turns((BODY, answer("503 Busy")), (BODY, OK))}),
    Case("retry_503_exhausted", (get("/die"), Answers(1)), back="retry-on 503\nretries 1", origin={b"/die": (BODY, answer("503 Busy"))}),
    Case("retry_junk", (get("/die"), Answers(1)), back="retry-on junk-response", origin={b"/die": turns((BODY, b"junk\r\n\r\n"), (BODY, OK))}, ends=False),
    Case("retry_timeout", (get("/die"), Answers(1)), back="retry-on response-timeout\ntimeout server 200ms", origin={b"/die": turns((BODY, 0.8), (BODY, OK))}),
    Case("retry_post", (post("/die"), Answers(1)), back="retry-on empty-response", origin={b"/die": turns((BODY, CLOSE), (BODY, OK))}),
    Case("retry_redispatch", (get("/die"), Answers(1)), back="retry-on empty-response\noption redispatch 1", origin={b"*": (BODY, CLOSE)}, servers=("s2 {origin2}",)),
]

QUEUES = [
    Case("queue_serves", (0.25, get("/1")), server=FULL, origin=(BODY, 0.3, OK), others=((get("/2"),),)),
    Case("queue_of_three", (0.25, get("/1")), server=FULL, origin=(BODY, 0.2, OK), others=((get("/2"),), (0.4, get("/3")), (0.55, get("/4")))),
    Case("queue_two_servers", (0.25, get("/1")), server=FULL, origin=(BODY, 0.3, OK), servers=("s2 {origin2} maxconn 1",), origin2=(BODY, 0.5, OK), others=((get("/2"),), (0.05, get("/3")))),
    Case("queue_keep_alive", (get("/1"), Answers(1), 0.3, get("/2")), server=FULL, others=((0.1, get("/3")),)),
    Case("queue_maxqueue", (0.25, get("/1")), server=f"{FULL} maxqueue 1", origin=(BODY, 0.5, OK), others=((get("/2"),), (0.37, get("/3"))), back="option redispatch"),
    Case("queue_priority", (0.25, get("/1")), back="http-request set-priority-class int(-10) if { path /3 }", server=FULL, origin=(BODY, 0.2, OK), others=((get("/2"),), (0.4, get("/3")))),
    Case("queue_tcp", (0.25, b"one", 0.6), tcp=True, server=FULL, origin=(Until(b"o"), b"hello", 0.2, CLOSE), others=((b"two", 0.5),), answers=0, logs=2, patience=0.3),
    Case("frontend_maxconn", (0.25, get("/1")), "maxconn 1", others=((get("/2"), 0.4, CLOSE),), logs=2),
    Case("frontend_maxconn_fin", (0.25, get("/1", "Connection: close\r\n")), "maxconn 1", others=((get("/2"), Answers(1), 0.3, FIN, 0.1),), logs=2),
    Case("bind_maxconn", (0.25, get("/1")), bind="maxconn 1", others=((get("/2"), 0.4, CLOSE),), logs=2),
    Case("fullconn", (get("/1"),), back="fullconn 10", server="minconn 1 maxconn 5"),
]

RULES_END = [
    Case("deny_upload", (HALF, 0.2), "http-request deny", answers=1, logs=1),
    Case("deny_upload_tls", (HALF, 0.2), "http-request deny", answers=1, logs=1, tls=True),
    Case("deny_upload_later_tls", (HALF, 0.2, b"abc", 0.2), "http-request deny", answers=1, logs=1, tls=True),
    Case("deny_big_upload_tls", (post(body=BIG), 0.2), "http-request deny", answers=1, logs=1, statistics=False, bytes_exact=False, tls=True),
    Case("deny_big_upload", (post(body=BIG), 0.2), "http-request deny", answers=1, logs=1, statistics=False, bytes_exact=False),
    Case("reject_connection", (Idle(0.1),), "tcp-request connection reject", answers=0, logs=0, patience=0.2),
    Case("reject_session", (Idle(0.1),), "tcp-request session reject", answers=0, logs=0, patience=0.2),
    Case("reject_content", (get("/1"), 0.2), "tcp-request content reject", answers=0, logs=1, patience=0.2),
    Case("deny_response", (get("/1"), Answers(1), get("/2")), back="http-response deny"),
    Case("tarpit_leave", (get("/1"), 0.1, FIN, 0.5), "timeout tarpit 300ms\nhttp-request tarpit", answers=0, logs=1, patience=0.3),
    Case("tarpit_abort_fin", (get("/1"), 0.1, FIN, 0.5), "timeout tarpit 400ms\nhttp-request tarpit", "option abortonclose", listen=True, answers=0, logs=1, patience=0.3),
    Case("tarpit_abort_rst", (get("/1"), 0.1, RST), "timeout tarpit 400ms\nhttp-request tarpit", "option abortonclose", listen=True, answers=0, logs=1),
    Case("reject_server", (get("/1"), 0.2), back="tcp-response content reject", answers=0, logs=1, patience=0.3, ends=False),  # HAProxy sends FIN and RST at once: the server may see either
    Case("close_server", (get("/1"), 0.2), back="tcp-response content close", origin=(BODY, 0.1, OK), answers=1, logs=1, patience=0.3),
    Case("return_response", (get("/1"), Answers(1), get("/2")), back="http-response return status 403 content-type text/plain string hi"),
    Case("redirect_response", (get("/1"), Answers(1), get("/2")), back="http-response redirect location /x"),
    Case("redirect", (get("/1"), Answers(1), get("/2")), "http-request redirect location /x"),
    Case("return_close", (get("/1", "Connection: close\r\n"),), "http-request return status 200 content-type text/plain string hi"),
    Case("post_metrics", (post("/metrics?scope=global"), Answers(1), get("/metrics?scope=global"), Answers(2)), "http-request use-service prometheus-exporter if { path /metrics }", bytes_exact=False, statistics=False, logs_exact=False),
    Case("stats_page", (get("/s;csv", "Connection: close\r\n"),), "stats enable\nstats uri /s\nstats scope .", bytes_exact=False, statistics=False, answers=0, patience=0.4, logs=1, logs_exact=False),
]

CASES = [*CLIENT_LEAVES, *SERVER_LEAVES, *TIMEOUTS, *RETRIES, *QUEUES, *RULES_END]
