"""Cases of the comparison with haproxy: variables, logs, backends, error pages, bodies, TCP rule sets. `DIR` holds maps and lists."""

from __future__ import annotations

from rules_rig import Case, get, head

CONDITIONS = [
    *[(condition, "int(1)", "int(2)") for condition in ("ifexists", "ifnotexists", "ifset", "ifnotset", "ifgt", "iflt")],
    *[(condition, "str(a)", "str()") for condition in ("ifempty", "ifnotempty")],
]
VARIABLES = [
    Case(
        "set_var",
        "http-request set-var(txn.a) path\n"
        "http-request set-var(req.b) int(5)\n"
        "http-request set-var(sess.c) req.hdr(x),lower\n"
        "http-request set-var(txn.d) src\n"
        "http-request set-header V %[var(txn.a)]|%[var(req.b),add(1)]|%[var(sess.c)]|%[var(txn.d)]|\n"
        "http-response set-header V %[var(txn.a)]|%[var(req.b)]|%[var(sess.c)]|",
        send=[get("/one", "X: ABC\r\n"), get("/two")],
    ),
    Case("set_var_fmt", 'http-request set-var-fmt(txn.a) "%[path]-%[method]"\nhttp-request set-header V %[var(txn.a)]', send=[get("/one")]),
    Case(
        "unset_var",
        "http-request set-var(txn.a) path\nhttp-request unset-var(txn.a) if { path /u }\nhttp-request set-header V <%[var(txn.a)]>",
        send=[get("/u"), get("/v")],
    ),
    *[
        Case(
            f"var_{condition}",
            f"http-request set-var(txn.a) {first} if {{ path /set }}\n"
            f"http-request set-var(txn.a,{condition}) {second}\n"
            f"http-request set-header V <%[var(txn.a)]>",
            send=[get("/set"), get("/unset")],
        )
        for condition, first, second in CONDITIONS
    ],
    Case(
        "var_kept",
        "http-request set-var(txn.a) req.hdr(x)\nhttp-request set-var(txn.a) req.hdr(y)\nhttp-request set-header V <%[var(txn.a)]>",
        send=[get(headers="X: 1\r\n"), get(headers="Y: 2\r\n"), get()],
    ),
    Case("var_proc", "http-request set-var(proc.n) path if { path /n }\nhttp-request set-header V <%[var(proc.n)]>", send=[get("/x"), get("/n"), get("/y")]),
    Case("var_res", back="http-response set-var(res.a) res.hdr(x-origin)\nhttp-response set-header V %[var(res.a)]", send=[get()]),
    Case("var_bool", "http-request set-var(txn.a) bool(true)\nhttp-request set-header V %[var(txn.a)] if { var(txn.a) -m bool }", send=[get()]),
    Case(
        "maps",
        "http-request set-map(DIR/map) %[req.hdr(k)] %[req.hdr(v)] if { req.hdr(v) -m found }\n"
        "http-request del-map(DIR/map) %[req.hdr(d)] if { req.hdr(d) -m found }\n"
        "http-request set-header M <%[path,map_str(DIR/map,none)]>",
        send=[get("/a"), get("/a", "K: /a\r\nV: new\r\n"), get("/zz", "K: /zz\r\nV: 1\r\n"), get("/a", "D: /a\r\n")],
    ),
    Case(
        "acls",
        "acl l req.hdr(x) -f DIR/list\n"
        "http-request add-acl(DIR/list) %[req.hdr(k)] if { req.hdr(k) -m found }\n"
        "http-request del-acl(DIR/list) %[req.hdr(d)] if { req.hdr(d) -m found }\n"
        "http-request set-header L yes if l",
        send=[
            get(headers="X: one\r\n"),
            get(headers="X: two\r\n"),
            get(headers="X: two\r\nK: two\r\n"),
            get(headers="X: two\r\n"),
            get(headers="X: two\r\nD: two\r\n"),
        ],
    ),
]

LOGS = [
    Case("capture", "http-request capture req.hdr(x) len 5\nhttp-request capture path len 3", send=[get("/abcdef", "X: 123456789\r\n"), get()]),
    Case(
        "capture_slots",
        "declare capture request len 4\ndeclare capture response len 3\nhttp-request capture path id 0\nhttp-response capture res.hdr(x-origin) id 0",
        send=[get("/abcdef")],
    ),
    Case(
        "capture_headers",
        "capture request header X len 5\ncapture request header Host len 100\ncapture response header X-Origin len 2\ncapture response header None len 4",
        send=[get(headers="X: a\r\nX: bcdefghijk\r\n"), get()],
    ),
    Case(
        "capture_mixed",
        "capture request header X len 5\n"
        "http-request capture method len 10\n"
        "declare capture response len 9\n"
        "http-after-response capture res.hdr(x-origin) id 0",
        send=[get(headers='X: a|b{"}\x01\r\n')],
    ),
    Case("capture_backend", "declare capture request len 10", back="http-request capture path id 0\nhttp-request capture path id 7", send=[get("/zz")]),
    Case("capture_denied", "capture request header Host len 9\ncapture response header X len 9\nhttp-request deny hdr X y", send=[get()]),
    Case("capture_types", "http-request capture src len 20\nhttp-request capture int(5) len 20\nhttp-request capture bool(true) len 20", send=[get()]),
    *[
        Case(
            f"level_{level}",
            f"http-request set-log-level {level}",
            send=[get()],
            logs=0 if level == "silent" else 1,
        )
        for level in ("emerg", "err", "debug", "silent")
    ],
    Case("level_response", "http-request set-log-level silent", back="http-response set-log-level warning", send=[get()], logs=1),
    Case("unique_id", "unique-id-format %{+X}o%ci-%[path]\nunique-id-header X-Id", send=[get("/a")]),
    Case("unique_id_deny", "unique-id-format id-%[path]\nhttp-request deny hdr X %[unique-id]", send=[get("/a")], log_format='"%ID %ST"'),
]

BACKENDS = [
    Case(
        "use_backend",
        "use_backend be_use_backend if { path /a }\nuse_backend %[path,field(2,/)]",
        send=[get("/a"), get("/be_deny_backend"), get("/unknown")],
        count=False,
    ),
    Case("use_backend_fmt", "use_backend be_%[req.hdr(x)]", send=[get(headers="X: use_backend_fmt\r\n"), get()], count=False),
    Case("no_backend", "use_backend nowhere_%[path,bytes(1)] if { path /x }\ndefault_backend be_no_backend", send=[get("/x")]),
    Case("use_server", back="server s2 unix@DIR/none\nuse-server s1 if { path /a }\nuse-server s1 if TRUE", send=[get("/a"), get("/b")], count=False),
    Case("use_server_fmt", back="use-server %[req.hdr(x)] if TRUE", send=[get(headers="X: s1\r\n"), get(headers="X: no\r\n"), get()]),
    Case("name_header", back="http-send-name-header X-Server", send=[get(), get(headers="X-Server: mine\r\n")]),
    Case("monitor", "monitor-uri /up", send=[get("/up"), get("/up?x"), get("/")], logs=2),
    Case("monitor_fail", "monitor-uri /up\nmonitor fail if { nbsrv(be_monitor_fail) ge 1 }", send=[get("/up")], logs=0),
    Case("monitor_page", "monitor-uri /up\nerrorfile 200 DIR/e200", send=[get("/up"), get("/up")], logs=0),
    Case("monitor_deny", "monitor-uri /up\nhttp-request deny", send=[get("/up"), get("/up", method="HEAD")], logs=0, patience=0.3),
    Case("forwardfor", "option forwardfor", send=[get(), get(headers="X-Forwarded-For: 1.2.3.4\r\n")]),
    Case("forwardfor_header", "option forwardfor header X-Client", send=[get()]),
    Case("forwardfor_none", "option forwardfor if-none", send=[get(), get(headers="X-Forwarded-For: 1.2.3.4\r\n")]),
    Case("forwardfor_except", "option forwardfor except 127.0.0.0/8", send=[get()]),
    Case("forwardfor_backend", "option forwardfor header X-Front", back="option forwardfor header X-Back", send=[get()]),
    Case("forwardfor_backend_none", "option forwardfor", back="option forwardfor if-none", send=[get(headers="X-Forwarded-For: a\r\n")]),
    Case("originalto", "option originalto", send=[get(), get(headers="X-Original-To: a\r\n")]),
    Case("originalto_header", back="option originalto header X-O except 10.0.0.0/8", send=[get()]),
    Case("forward_both", "option forwardfor\noption originalto\nunique-id-format i\nunique-id-header X-U", back="http-send-name-header X-N", send=[get()]),
    Case(
        "set_src",
        "option forwardfor\nhttp-request set-src req.hdr(ip)\nhttp-request set-header S %[src]",
        send=[get(headers="ip: 10.1.2.3\r\n"), get(headers="ip: nonsense\r\n"), get()],
        log_format='"%ci %ST"',
    ),
    Case("set_src_port", "http-request set-src-port int(99)\nhttp-request set-header S %[src]:%[src_port]", send=[get()], log_format='"%ci %cp %ST"'),
    Case(
        "set_dst",
        "option originalto\nhttp-request set-dst ipv4(1.2.3.4)\nhttp-request set-dst-port int(81)\nhttp-request set-header D %[dst]:%[dst_port]",
        send=[get()],
        log_format='"%fi %fp %ST"',
    ),
    Case(
        "set_tos",
        "http-request set-tos 0x10\n"
        "http-request set-mark 3\n"
        "http-request set-nice 10\n"
        "http-request set-priority-class int(3)\n"
        "http-request set-priority-offset int(-4)",
        back="http-response set-tos 4\nhttp-response set-nice 1\nhttp-response set-mark 0",
        send=[get()],
    ),
    Case("timeout_server", back="http-request set-timeout server 60ms", send=[get()], origin=b""),
    Case("timeout_server_expr", back="http-request set-timeout server req.hdr(t)", send=[get(headers="T: 50\r\n")], origin=b""),
    Case(
        "stats_rules",
        "stats enable\nstats uri /stats\nstats http-request auth realm hello unless { path_end csv }\nstats http-request deny if { path_end xml }",
        send=[get("/stats"), get("/other")],
    ),
    Case(
        "stats_conditions",
        "stats enable\nstats uri /stats\nstats http-request auth realm hello unless { path_end csv }\nstats http-request deny if { path_beg /stats }",
        send=[get("/stats;csv")],
    ),
    Case("stats_deny", "stats enable\nstats uri /stats\nstats http-request deny", send=[get("/stats")]),
]

PAGES = [
    Case("error_503", "errorfile 503 DIR/e200", back="server s2 unix@DIR/none\nuse-server s2 if TRUE", send=[get()], count=False),
    Case(
        "error_503_back",
        "errorfile 503 DIR/e503",
        back="errorfile 503 DIR/e200\nuse-server s2 if TRUE\nserver s2 unix@DIR/none",
        send=[get()],
        count=False,
    ),
    Case("error_empty", "errorfile 503 DIR/empty", back="use-server s2 if TRUE\nserver s2 unix@DIR/none", send=[get()], count=False, logs=1),
    Case(
        "http_error",
        'http-error status 503 content-type text/plain lf-string "no %[path]" hdr X-A b',
        back="use-server s2 if TRUE\nserver s2 unix@DIR/none",
        send=[get("/z")],
        count=False,
    ),
    Case("http_error_string", "http-error status 403 content-type text/plain string forbidden\nhttp-request deny", send=[get()]),
    Case("http_error_default", "http-error status 403 default-errorfiles\nhttp-request deny", send=[get()]),
    Case("http_error_empty", "http-error status 403\nhttp-request deny", send=[get()]),
    Case("http_error_hdr", "http-error status 403 hdr a b\nhttp-request deny", send=[get()]),
    Case("http_error_errorfile", "http-error status 403 errorfile DIR/e503\nhttp-request deny", send=[get()]),
    Case(
        "http_error_section",
        "http-error status 403 errorfiles pages3\nhttp-request deny",
        send=[get()],
        more="http-errors pages3\n errorfile 403 DIR/e200\n",
    ),
    Case("errorfiles", "errorfiles pages4\nhttp-request deny", send=[get()], more="http-errors pages4\n errorfile 403 DIR/e200\n errorfile 404 DIR/e503\n"),
    Case(
        "errorfiles_some",
        "errorfiles pages5 404\nhttp-request deny deny_status 404 if { path /a }\nhttp-request deny",
        send=[get("/b"), get("/a")],
        more="http-errors pages5\n errorfile 403 DIR/e200\n errorfile 404 DIR/e200\n",
    ),
    Case("errorloc", "errorloc 403 /forbidden\nhttp-request deny", send=[get()]),
    Case("errorloc303", "errorloc303 403 http://x/forbidden\nhttp-request deny", send=[get()]),
    Case("error_after", "http-after-response set-header X-After %[status]", back="use-server s2 if TRUE\nserver s2 unix@DIR/none", send=[get()], count=False),
    Case("error_after_backend", back="http-after-response set-header X-After b\nuse-server s2 if TRUE\nserver s2 unix@DIR/none", send=[get()], count=False),
    Case("error_after_502", "http-after-response set-header X-After %[status]", send=[get()], origin=b"nonsense\r\n\r\n"),
    Case("bad_request_page", "errorfile 400 DIR/e200", send=[b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]),
    Case("bad_request_after", "http-after-response set-header X-After y", send=[b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]),
    Case("bad_request_empty", "errorfile 400 DIR/empty", send=[b"GET / HTTP/1.1\r\nbad header\r\n\r\n"], logs=1),
]

BIG = "v" * 1500
STRICT = [
    Case("strict", f"http-request set-header X-Big {BIG}", send=[get(headers=f"Fill: {'f' * 14900}\r\n"), get()]),
    Case(
        "strict_off",
        f"http-request strict-mode off\nhttp-request set-header X-Big {BIG}\nhttp-request set-header Y z",
        send=[get(headers=f"Fill: {'f' * 14900}\r\n")],
    ),
    Case(
        "strict_off_wait",
        f"http-request strict-mode off\nhttp-request wait-for-body time 1s\nhttp-request set-header X-Big {BIG}\nhttp-request set-header Y z",
        send=[get(method="POST", headers=f"Fill: {'f' * 14900}\r\n", body="abcdef")[:-3], 0.05, b"def"],
    ),
    Case("strict_response", back=f"http-response set-header X-Big {BIG}", send=[get()], origin=head("200 OK", f"Fill: {'f' * 14900}\r\n", "")),
    Case(
        "strict_response_off",
        back=f"http-response strict-mode off\nhttp-response add-header X-Big {BIG}",
        send=[get()],
        origin=head("200 OK", f"Fill: {'f' * 14900}\r\n", ""),
    ),
    Case("strict_after", f"http-after-response set-header X-Big {BIG}", send=[get()], origin=head("200 OK", f"Fill: {'f' * 14900}\r\n", "")),
    Case("strict_path", f"http-request set-path /{BIG}", send=[get(headers=f"Fill: {'f' * 14900}\r\n")]),
    Case("strict_replace", f"http-request replace-header Fill ^ {BIG}", send=[get(headers=f"Fill: {'f' * 14900}\r\n")]),
]

BODIES = [
    Case("wait_body", "http-request wait-for-body time 1s\nhttp-request set-header Got %[req.body_len]", send=[get(method="POST", body="abcdef")]),
    Case(
        "wait_late",
        "http-request wait-for-body time 1s\nhttp-request set-header Got %[req.body]",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", 0.05, b"def"],
        answers=1,
    ),
    Case(
        "wait_at_least",
        "http-request wait-for-body time 1s at-least 4\nhttp-request return hdr Got %[req.body_len]",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nabc", 0.05, b"def"],
        answers=1,
    ),
    Case(
        "wait_timeout",
        "http-request wait-for-body time 60ms\nhttp-request return hdr Got %[req.body_len]",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nabc"],
        answers=1,
    ),
    Case("wait_none", "http-request wait-for-body time 1s\nhttp-request return hdr Got %[req.body_len]", send=[get()]),
    Case(
        "wait_chunked",
        "http-request wait-for-body time 1s\nhttp-request set-header Got %[req.body]",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0.03, b"2\r\nde\r\n0\r\n\r\n"],
        answers=1,
    ),
    Case(
        "wait_response_timeout",
        back="http-response wait-for-body time 60ms",
        send=[get()],
        origin=b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc",
        patience=0.5,
    ),
    Case(
        "wait_response_late",
        back="http-response wait-for-body time 60ms at-least 3\nhttp-response set-header Got %[res.body_len]",
        send=[get()],
        origin=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        patience=0.5,
    ),
    Case("wait_response", back="http-response wait-for-body time 1s\nhttp-response set-header Got %[res.body_len]", send=[get()]),
    Case(
        "buffer_request",
        "option http-buffer-request\nhttp-request set-header Got %[req.body]",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", 0.05, b"def"],
        answers=1,
    ),
    Case(
        "deny_body",
        "option http-buffer-request\nhttp-request deny if { req.body -m sub evil }",
        send=[get(method="POST", body="so evil"), get(method="POST", body="good")],
    ),
    Case("wait_handshake", "http-request wait-for-handshake\nhttp-request disable-l7-retry", send=[get()]),
]

HELLO = bytes.fromhex(
    "16030100620100005e0303" + "11" * 32 + "00" + "0004" + "c02bc02f" + "0100" + "0031"
    + "0000000e000c0000096c6f63616c686f7374" + "000a00040002001d" + "000d000400020403" + "0010000b000908687474702f312e31"
)  # fmt: skip

TCP = [
    Case("tcp_accept", "tcp-request content accept", send=[b"hello"], tcp=True, origin=b"answer", patience=0.1, logs=1),
    Case("tcp_reject", "tcp-request content reject", send=[b"hello"], tcp=True, patience=0.5, logs=1, count=False),
    Case(
        "tcp_reject_if",
        "tcp-request inspect-delay 300ms\ntcp-request content reject if { req.payload(0,5) -m bin 68656c6c6f }",
        send=[b"hel", 0.03, b"lo"],
        tcp=True,
        patience=0.5,
        logs=1,
    ),
    Case(
        "tcp_accept_if",
        "tcp-request inspect-delay 300ms\ntcp-request content accept if { req.len gt 3 }\ntcp-request content reject",
        send=[b"hel", 0.03, b"lo"],
        tcp=True,
        origin=b"answer",
        patience=0.15,
        logs=1,
    ),
    Case(
        "tcp_delay_over",
        "tcp-request inspect-delay 60ms\ntcp-request content accept if { req.len gt 30 }\ntcp-request content reject",
        send=[b"hel"],
        tcp=True,
        patience=0.5,
        logs=1,
    ),
    Case(
        "tcp_wait_end",
        "tcp-request inspect-delay 60ms\ntcp-request content accept if WAIT_END",
        send=[b"hel"],
        tcp=True,
        origin=b"answer",
        patience=0.2,
        logs=1,
    ),
    Case(
        "tcp_capture",
        "tcp-request inspect-delay 300ms\ntcp-request content capture req.payload(0,4) len 10 if { req.len ge 4 }",
        send=[b"hello"],
        tcp=True,
        origin=b"answer",
        patience=0.1,
        logs=1,
        log_format='"%ci [%[capture.req.hdr(0)]] %ts"',
    ),
    Case("tcp_connection_reject", "tcp-request connection reject", send=[b"hello"], tcp=True, patience=0.5, logs=0),
    Case("tcp_session_reject", "tcp-request session reject", send=[b"hello"], tcp=True, patience=0.5, logs=0),
    Case(
        "tcp_connection_accept",
        "tcp-request connection accept if { src 127.0.0.0/8 }\ntcp-request connection reject",
        send=[b"hello"],
        tcp=True,
        origin=b"a",
        patience=0.1,
        logs=1,
    ),
    Case("http_connection_reject", "tcp-request connection reject if { src 127.0.0.1 }", send=[get()], logs=0),
    Case("http_session_reject", "tcp-request session reject", send=[get()], logs=0),
    Case("http_content_reject", "tcp-request content reject", send=[get()], logs=1),
    Case("http_content_reject_if", "tcp-request inspect-delay 1s\ntcp-request content reject if { path /no }", send=[get("/"), get("/no")], logs=2),
    Case(
        "http_content_accept",
        "tcp-request inspect-delay 1s\ntcp-request content accept if HTTP\ntcp-request content reject",
        send=[get("/"), get("/x")],
        logs=2,
    ),
    Case("http_content_backend", back="tcp-request content reject if { path /no }", send=[get("/"), get("/no")], logs=2),
    Case("http_content_capture", "tcp-request content capture req.hdr(x) len 9", send=[get(headers="X: abc\r\n")]),
    Case(
        "http_content_var",
        "tcp-request content set-var(txn.a) req.hdr(x)\ntcp-request content set-log-level err\nhttp-request set-header V %[var(txn.a)]",
        send=[get(headers="X: abc\r\n")],
    ),
    Case(
        "http_session_var",
        "tcp-request connection set-var(sess.a) src\ntcp-request session set-var(sess.b) int(7)\nhttp-request set-header V %[var(sess.a)]-%[var(sess.b)]",
        send=[get(), get()],
    ),
    Case(
        "http_connection_src",
        "tcp-request connection set-src ipv4(9.9.9.9)\ntcp-request connection set-src-port int(7)\noption forwardfor",
        send=[get()],
        log_format='"%ci %cp %ST"',
    ),
    Case("http_content_src", "tcp-request content set-src ipv4(9.9.9.9)\noption forwardfor", send=[get(), get()], log_format='"%ci %ST"'),
    Case("tcp_silent_drop", "tcp-request content silent-drop", send=[b"hello"], tcp=True, patience=0.2, logs=1, racy=True),
    Case("tcp_connection_drop", "tcp-request connection silent-drop", send=[b"hello"], tcp=True, patience=0.2, logs=0, racy=True),
    Case(
        "tcp_sni",
        "tcp-request inspect-delay 300ms\n"
        "tcp-request content set-var(txn.s) req.ssl_sni\n"
        "tcp-request content reject if { req.ssl_hello_type 1 } { req.ssl_sni localhost }",
        send=[HELLO],
        tcp=True,
        patience=0.3,
        logs=1,
    ),
    Case(
        "tcp_sni_not",
        "tcp-request inspect-delay 60ms\ntcp-request content accept if { req.ssl_hello_type 1 }\ntcp-request content reject",
        send=[b"GET / HTTP/1.0\r\n\r\n"],
        tcp=True,
        patience=0.3,
        logs=1,
    ),
    Case(
        "tcp_http",
        "tcp-request inspect-delay 300ms\ntcp-request content accept if HTTP\ntcp-request content reject",
        send=[b"GET / HTTP/1.0\r\n\r\n"],
        tcp=True,
        origin=b"x",
        patience=0.1,
        logs=1,
    ),
    Case(
        "tcp_not_http",
        "tcp-request inspect-delay 300ms\ntcp-request content reject if !HTTP",
        send=[b"\x16\x03nonsense\r\n\r\n"],
        tcp=True,
        origin=b"x",
        patience=0.4,
        logs=1,
    ),
    Case(
        "tcp_backend",
        back="tcp-request inspect-delay 200ms\ntcp-request content reject if { req.payload(0,2) -m str no }",
        send=[b"no"],
        tcp=True,
        patience=0.4,
        logs=1,
    ),
    Case("tcp_response_reject", back="tcp-response content reject", send=[b"hello"], tcp=True, origin=b"answer", patience=0.4, logs=1, racy=True),
    Case("tcp_response_close", back="tcp-response content close if { res.len ge 6 }", send=[b"hello"], tcp=True, origin=b"answer", patience=0.4, logs=1),
    Case("tcp_response_accept", back="tcp-response content accept", send=[b"hello"], tcp=True, origin=b"answer", patience=0.1, logs=1),
    Case(
        "tcp_response_delay",
        back="tcp-response inspect-delay 200ms\ntcp-response content reject if { res.payload(0,6) -m str answer }",
        send=[b"hello"],
        tcp=True,
        origin=b"answer",
        patience=0.4,
        logs=1,
    ),
    Case(
        "tcp_response_miss",
        back="tcp-response inspect-delay 60ms\ntcp-response content reject if { res.payload(0,9) -m found }",
        send=[b"hello"],
        tcp=True,
        origin=b"answer",
        patience=0.2,
        logs=1,
    ),
    Case(
        "tcp_response_close_late",
        back="tcp-response inspect-delay 200ms\ntcp-response content close if { res.len ge 6 }",
        send=[b"hello"],
        tcp=True,
        origin=b"answer",
        patience=0.4,
        logs=1,
    ),
    Case("http_tcp_response_reject", back="tcp-response content reject", send=[get()], logs=1, racy=True),
    Case("http_tcp_response_if", back="tcp-response content reject if { status 404 }", send=[get()], logs=1),
    Case("http_tcp_response_close", back="tcp-response content close", send=[get()], patience=0.3, logs=1, racy=True),
]

CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
MORE = [
    Case("l_deny", "http-request deny if { path /a }", send=[get("/a"), get("/b")], listen=True),
    Case(
        "l_return",
        "http-request return status 201 if { path /a }\nhttp-response set-header A b\nhttp-after-response add-header C d",
        send=[get("/a"), get("/b")],
        listen=True,
    ),
    Case("l_response", "http-response deny deny_status 404", send=[get()], listen=True),
    Case("l_redirect", "redirect prefix /p if { path /a }\noption forwardfor\nhttp-request set-timeout server 2s", send=[get("/a"), get("/b")], listen=True),
    Case("l_reject", "http-request reject", send=[get()], listen=True, logs=1),
    Case("l_drop", "http-request silent-drop", send=[get()], listen=True, racy=False, logs=1, patience=0.2),
    Case("l_auth", "http-request auth", send=[get()], listen=True),
    Case(
        "l_capture",
        "http-request capture path len 5\ndeclare capture response len 4\nhttp-response capture res.hdr(x-origin) id 0",
        send=[get("/abcdefgh")],
        listen=True,
    ),
    Case("l_tcp", "tcp-request content reject if { src 127.0.0.1 }", send=[b"hello"], tcp=True, listen=True, racy=True, logs=1, patience=0.3),
    Case(
        "l_tcp_accept",
        "tcp-request inspect-delay 200ms\ntcp-request content accept if { req.len ge 5 }\ntcp-response content accept",
        send=[b"hello"],
        tcp=True,
        listen=True,
        origin=b"x",
        logs=1,
        patience=0.1,
    ),
    Case("l_silent", "http-request set-log-level silent if { path /a }\nuse-server s1 if { path /b }", send=[get("/a"), get("/b")], listen=True, logs=1),
    Case("del_length", back="http-response del-header content-length", send=[get()], patience=0.2),
    Case("del_coding", back="http-response del-header x-a\nhttp-response set-header x-c %[status]", send=[get()], origin=CHUNKS, patience=0.2),
    Case("return_304", "http-request return status 304 hdr etag x", send=[get(), get()]),
    Case("return_expect", "http-request return status 202", send=[b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"]),
    Case("deny_server_close", "option http-server-close\nhttp-request deny if { path /a }", send=[get("/a"), get("/b"), get("/a")]),
    Case("deny_httpclose", "option httpclose\nhttp-request deny", send=[get()]),
    Case("return_httpclose_back", back="option httpclose\nhttp-request return status 200 if { path /a }", send=[get("/a"), get("/b")]),
    Case("auth_head", "http-request auth", send=[get(method="HEAD")], patience=0.2),
    Case("redirect_pipelined", "http-request redirect location /x%[path]", send=[get("/a") + get("/b") + get("/c")], answers=3, logs=3),
    Case("deny_pipelined", "http-request deny if { path /b }", send=[get("/a") + get("/b") + get("/c")], answers=3, logs=3),
    Case("host_twice", "http-request set-header Host b.example\nhttp-request set-header Content-Length2 3", send=[get(headers="X: y\r\n")]),
    Case(
        "rules_order",
        "http-request set-header A 1\n"
        "http-request add-header A 2 if { req.hdr(A) 1 }\n"
        "http-request del-header A if { req.hdr(A),length gt 4 }\n"
        "http-request replace-value A (.) [\\1]",
        send=[get()],
    ),
    Case(
        "unless",
        "http-request set-header U 1 unless { path /a }\nhttp-request set-header V 1 if !{ path /a } || { method POST }",
        send=[get("/a"), get("/b"), get("/a", method="POST", body="x")],
    ),
    Case(
        "after_var",
        "http-after-response set-var(res.x) status\n"
        "http-after-response set-var-fmt(txn.y) <%[var(res.x)]>\n"
        "http-after-response set-header Y %[var(txn.y)]\n"
        "http-after-response unset-var(txn.y)",
        send=[get()],
    ),
    Case(
        "after_strict",
        "http-after-response strict-mode off\nhttp-after-response replace-header X-Origin (.*) <\\1>\nhttp-after-response replace-value X-Origin o O",
        send=[get()],
    ),
    Case("after_redirect", "http-request redirect location /x\nhttp-after-response add-header L %[res.hdr(location)]", send=[get()]),
    Case(
        "tcp_var",
        "tcp-request inspect-delay 100ms\n"
        "tcp-request content set-var(txn.a) req.payload(0,2) if { req.len ge 2 }\n"
        "tcp-request content unset-var(txn.b)\n"
        "tcp-request content set-log-level err",
        send=[b"hello"],
        tcp=True,
        origin=b"x",
        patience=0.15,
        logs=1,
        log_format='"%[var(txn.a)] %ts"',
    ),
    Case(
        "tcp_src",
        "tcp-request content set-src ipv4(9.8.7.6)\ntcp-request content set-dst-port int(5)",
        send=[b"hello"],
        tcp=True,
        origin=b"x",
        patience=0.4,
        logs=1,
        log_format='"%ci %fp %ts"',
    ),
    Case(
        "tcp_order",
        "tcp-request inspect-delay 200ms\n"
        "tcp-request content reject if { req.len gt 100 }\n"
        "tcp-request content accept if { req.payload(0,1) -m str h }\n"
        "tcp-request content reject",
        send=[b"h", 0.02, b"ello"],
        tcp=True,
        origin=b"x",
        patience=0.15,
        logs=1,
    ),
    Case(
        "tcp_client_closes",
        "tcp-request inspect-delay 300ms\ntcp-request content reject if { req.len gt 100 }",
        send=[b"h", 0.02],
        tcp=True,
        origin=b"x",
        patience=0.0,
        logs=1,
    ),
    Case(
        "normalize_absolute",
        "http-request normalize-uri path-merge-slashes\nhttp-request normalize-uri path-strip-dotdot",
        send=[get("http://a.example//x/../y?//"), get("*", method="OPTIONS")],
    ),
    Case(
        "capture_long",
        "capture request header Cookie len 3\n"
        "http-request capture req.hdr(cookie),lower len 100\n"
        "http-request capture str() len 5\n"
        "http-request capture req.hdr(none) len 5",
        send=[get(headers="Cookie: ABCDEF=1; b\r\n")],
    ),
    Case("method_connect", "http-request set-method %[method,lower] if { path /l }\nhttp-request set-query a=1", send=[get("/l"), get("/x?y#")][:1]),
    Case(
        "use_service_page",
        "http-request use-service prometheus-exporter if { path /none }\nhttp-request return status 404 default-errorfiles hdr a b",
        send=[get("/x")],
    ),
    Case("set_timeout_tunnel", back="http-request set-timeout tunnel 5s\nhttp-request set-timeout server 1s", send=[get()]),
    Case("priority", back="http-request set-priority-class req.hdr(p)\nhttp-request set-priority-offset int(99999999)", send=[get(headers="P: -4000\r\n")]),
]
