"""Cases of the comparison with haproxy: connections of TCP frontends that become HTTP."""

from __future__ import annotations

from rules_rig import Case, get

T = "mode tcp\n"
NUMBERS = "log-format %[var(txn.a)],%B,%U,%ts,%tsc,%ac.%fc,%b/%s,%f,%lc,%rc\n"
FREE = "log-format %B,%ts,%b/%s,%ST\n"
INSPECT = T + "tcp-request inspect-delay 500ms\n"
SWITCH = INSPECT + "tcp-request content switch-mode http if HTTP\n"
ALWAYS = T + "tcp-request content switch-mode http\n"
LATE = "timeout client 250ms\n"
HUGE = "tcp-request content accept if { req.len gt 100 }\n"
BAD = b"GET / HTTP/1.1\r\nBad Name: b\r\n\r\n"
HALF = b"GET / HT"
TWO = [get("/a"), get("/b")]
BY_RULE = [
    Case("sw", SWITCH + "http-request set-header X-A b", send=TWO, logs=2),
    Case("sw_raw", SWITCH, send=[b"\x00\x01hello"], back="mode tcp", patience=0.7, logs=1),
    Case("sw_raw_http", SWITCH, send=[b"\x00\x01hello"], patience=0.7, logs=1),
    Case("sw_tcp_backend", SWITCH + "log-format %B,%ts,%b/%s", send=[get("/a")], back="mode tcp", logs=1),
    Case("sw_partial", INSPECT + "tcp-request content switch-mode http if { req.len gt 3 }", send=[HALF, 0.1, b"TP/1.1\r\nHost: a\r\n\r\n"], logs=1),
    Case("sw_always", ALWAYS, send=[HALF, 0.1, b"TP/1.1\r\nHost: a\r\n\r\n"], logs=1),
    Case("sw_rules_behind", SWITCH + NUMBERS + "tcp-request content set-var(txn.a) str(x)", send=TWO, logs=2),
    Case("sw_rules_before", ALWAYS.replace("tcp-r", "tcp-request content set-var(txn.a) str(x)\ntcp-r", 1) + NUMBERS, send=TWO, logs=2),
    Case("sw_body", SWITCH + NUMBERS, send=[get("/a", method="POST", body="abc"), get("/b")], logs=2),
    Case("sw_pipelined", SWITCH + NUMBERS, send=[get("/a") + get("/b")], answers=2, logs=2),
    Case("sw_10", SWITCH, send=[get(version="1.0", headers="Connection: keep-alive\r\n"), get("/b", version="1.0")], logs=2),
    Case(
        "sw_all_rules",
        SWITCH + "http-request set-header X-F 1\nhttp-response set-header X-R 2\nhttp-after-response set-header X-AR 2\n"
        "option forwardfor except 127.0.0.1\noption httpclose",
        send=[get(), get()],
        logs=2,
    ),
    Case("sw_redirect", SWITCH + "redirect location /x if { path /b }", send=TWO, logs=2),
    Case("sw_deny", SWITCH + "errorfile 403 DIR/e200\nhttp-request deny if { path /b }", send=TWO, logs=2),
    Case("sw_monitor", SWITCH + "monitor-uri /b", send=TWO, logs=2),
    Case("sw_captures", SWITCH + "capture request header host len 10\ncapture response header x-origin len 3\nlog-format %hr,%hs", send=TWO, logs=2),
    Case("sw_unique_id", SWITCH + "unique-id-format %ci\nunique-id-header X-U", send=TWO, logs=2),
    Case("sw_dynamic", SWITCH + "use_backend %[path,lower,regsub(/,be_)] if { path /sw_dynamic }", send=[get("/sw_dynamic"), get()], logs=2),
    Case(
        "sw_session_variables",
        SWITCH + "tcp-request session set-var(sess.s) str(s)\nhttp-request set-header X-F %[var(sess.s)]%[var(txn.t)]\n"
        "tcp-request content set-var(txn.t) str(t)",
        send=TWO,
        logs=2,
    ),
    Case("sw_in_http", "tcp-request content switch-mode http\ntcp-request content set-var(txn.t) str(t)\nhttp-request set-header X-F a%[var(txn.t)]", send=TWO),
]
BY_BACKEND = [
    Case("up", T, send=TWO, back="http-request set-header X-A b", logs=2),
    Case("up_front_rules", T + "http-request set-header X-F 1", send=TWO, logs=2),
    Case("up_tcplog", T + "option tcplog", send=TWO, logs=2),
    Case("up_close", T, send=[get("/a", headers="Connection: close\r\n")]),
    Case("up_10", T, send=[get("/a", version="1.0")]),
    Case("up_deny", T, send=[get("/a")], back="http-request deny"),
    Case("up_body", T + NUMBERS, send=[get("/a", method="POST", body="abc")]),
    Case("up_pipelined", T + NUMBERS, send=[get("/a") + get("/b")], answers=2, logs=2),
    Case(
        "up_some",
        INSPECT + "use_backend be_up_http if HTTP\ntcp-request content accept if { req.len gt 0 }",
        send=[get("/a")],
        back="mode tcp",
        more="backend be_up_http\n mode http\n http-request return status 201\n",
    ),
    Case("http_to_tcp", FREE + "use_backend %[str(be_up_tcp)]", send=[get()], logs=1, more="backend be_up_tcp\n mode tcp\n server s 127.0.0.1:1\n"),
]
ENDS = [
    Case("up_garbage", T, send=[b"hello\r\n\r\n"], logs=1),
    Case("up_bad_second", T, send=[get(), BAD], logs=2),
    Case("up_nothing", T, send=[0.05], logs=1, answers=0, patience=0.05),
    Case("up_idle", T + LATE, send=[0.05], logs=1, answers=1),
    Case("up_half", T + LATE, send=[HALF], logs=1, answers=1),
    Case("sw_bad", SWITCH, send=[BAD], logs=1),
    Case("sw_bad_second", ALWAYS, send=[get(), BAD], logs=2),
    Case("sw_nothing", ALWAYS, send=[0.05], logs=1, answers=0, patience=0.0),
    Case("sw_idle", LATE + ALWAYS, send=[0.5], logs=1, answers=1),
    Case("sw_half", LATE + ALWAYS, send=[HALF], logs=1, answers=1),
    Case("sw_idle_second", LATE + ALWAYS, send=[get(), 0.5], logs=1, answers=2),
    Case("sw_half_second", LATE + ALWAYS, send=[get(), HALF], logs=2, answers=3),
    Case("late_nothing", LATE + SWITCH, send=[0.05], logs=0, answers=1),
    Case("late_half", LATE + SWITCH, send=[b"GET / HTTP/1.1\r\nHost"], logs=0, answers=1),
    Case("late_switch", LATE + INSPECT + HUGE + "tcp-request content switch-mode http", send=[b"hello"], logs=0, answers=1),
    Case("late_tcp", LATE + INSPECT + HUGE, back="mode tcp", send=[b"hello"], answers=1),
    Case("late_tcp_reject", LATE + INSPECT + HUGE + "tcp-request content reject", back="mode tcp", send=[b"hello"], answers=1),
    Case("late_tcp_backend", LATE + T, back=INSPECT + HUGE + "tcp-request content reject", send=[b"hello"], answers=1),
]
UPGRADES = [*BY_RULE, *BY_BACKEND, *ENDS]
