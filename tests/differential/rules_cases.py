"""What is said to haproxy and to pylb in the comparison of rule sets. `DIR` stands for a directory with error files, maps and lists."""

from __future__ import annotations

from rules_rig import Case

HOST = "Host: a.example\r\n"


def get(target: str = "/", headers: str = "", method: str = "GET", version: str = "1.1", body: str = "") -> bytes:
    """A request."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/{version}\r\n{HOST}{headers}{length}\r\n{body}".encode("latin-1")


def each(prefix: str, front: str, *targets: str) -> Case:
    """The same rules asked for several targets on one connection."""
    return Case(prefix, front, send=[get(target) for target in targets])


def head(status: str, headers: str = "", body: str = "") -> bytes:
    """A response."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1")


DENY = [
    Case("deny", "http-request deny", send=[get(), get()]),
    Case("deny_status", "http-request deny deny_status 429", send=[get()]),
    Case("deny_codes", "\n".join(f"http-request deny deny_status {code} if {{ path /{code} }}" for code in (200, 400, 401, 404, 405, 407, 408, 410, 413, 425, 500, 501, 502, 503, 504)),
         send=[get(f"/{code}") for code in (200, 401, 404, 405, 407, 410, 413, 425, 500, 501, 502, 503, 504, 0)]),
    Case("deny_400", "http-request deny deny_status 400", send=[get()]),
    Case("deny_408", "http-request deny deny_status 408", send=[get()]),
    Case("deny_head", "http-request deny", send=[get(method="HEAD")], patience=0.2),
    Case("deny_10", "http-request deny", send=[get(version="1.0")]),
    Case("deny_close", "http-request deny", send=[get(headers="Connection: close\r\n")]),
    Case("deny_post", "http-request deny", send=[get(method="POST", body="abc"), get()]),
    Case("deny_unfinished", "http-request deny", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"]),
    Case("deny_string", "http-request deny status 418 content-type text/plain string teapot hdr X-A 1 hdr X-B %[path]", send=[get("/x"), get("/y")]),
    Case("deny_hdr", "http-request deny status 499 hdr X-A b", send=[get()]),
    Case("deny_errorfile", "http-request deny errorfile DIR/e200", send=[get(), get()]),
    Case("deny_errorfile_close", "http-request deny errorfile DIR/e503", send=[get()]),
    Case("deny_errorfile_empty", "http-request deny errorfile DIR/empty", send=[get()], logs=1),
    Case("deny_errorfiles", "http-request deny deny_status 403 errorfiles pages", send=[get()], more="http-errors pages\n errorfile 403 DIR/e200\n"),
    Case("deny_errorfiles_none", "http-request deny deny_status 404 errorfiles pages2", send=[get()], more="http-errors pages2\n errorfile 403 DIR/e200\n"),
    Case("deny_proxy_page", "errorfile 403 DIR/e200\nhttp-request deny", send=[get()]),
    Case("deny_backend", back="http-request deny", send=[get(), get()]),
    Case("deny_backend_page", "errorfile 403 DIR/e200", back="http-request deny", send=[get()]),
    Case("deny_response", back="http-response deny", send=[get(), get()]),
    Case("deny_response_front", "http-response deny deny_status 403", send=[get()]),
    Case("deny_response_string", back="http-response deny status 451 content-type text/plain lf-string \"%[var(txn.none)]late\" hdr X-A %[src]", send=[get()]),
    Case("deny_conditions", "acl a path /a\nhttp-request deny if a !{ hdr(x) 1 } or { path /b }", send=[get("/a"), get("/a", "X: 1\r\n"), get("/b"), get("/c")]),
    Case("tarpit", "http-request tarpit", send=[get()]),
    Case("tarpit_status", "http-request tarpit deny_status 429", send=[get()]),
    Case("tarpit_string", "http-request tarpit status 200 content-type a/b string hi", send=[get(), get()]),
    Case("tarpit_gone", "timeout tarpit 500ms\nhttp-request tarpit", send=[get(), 0.05], answers=0, patience=0.0, logs=1),
    Case("tarpit_backend", back="timeout tarpit 20ms\nhttp-request tarpit", send=[get()]),
    Case("reject", "http-request reject", send=[get()], logs=1),
    Case("reject_backend", back="http-request reject", send=[get()], logs=1),
    Case("reject_second", "http-request reject if { path /no }", send=[get("/"), get("/no")], logs=2),
    Case("silent_drop", "http-request silent-drop", send=[get()], patience=0.2, logs=1),
    Case("silent_drop_response", back="http-response silent-drop", send=[get()], patience=0.2, logs=1),
    Case("auth", "http-request auth", send=[get(), get()]),
    Case("auth_realm", 'http-request auth realm "My realm"', send=[get()]),
    Case("auth_backend", back="http-request auth", send=[get()]),
    Case("auth_ok", "http-request auth unless { http_auth(people) }", send=[get(), get(headers="Authorization: Basic Ym9iOnB3\r\n")], more="userlist people\n user bob insecure-password pw\n"),
    Case("auth_proxy", "option http-use-proxy-header\nhttp-request auth", send=[get("http://a.example/", "Proxy-Connection: close\r\n"), ]),
]

RETURN = [
    Case("return", "http-request return", send=[get(), get()]),
    Case("return_status", "http-request return status 204", send=[get()]),
    Case("return_599", "http-request return status 599 hdr A b", send=[get()]),
    Case("return_string", "http-request return content-type text/plain string hello", send=[get(), get(method="HEAD")], patience=0.3),
    Case("return_lf", 'http-request return status 201 content-type text/plain lf-string "%[path] %ci %[var(txn.none)]|" hdr X %[query]', send=[get("/p?q"), get("/p")]),
    Case("return_file", "http-request return content-type text/plain file DIR/text", send=[get()]),
    Case("return_lf_file", "http-request return content-type text/plain lf-file DIR/format", send=[get("/zz")]),
    Case("return_empty_file", "http-request return status 200 file DIR/empty hdr a b", send=[get()]),
    Case("return_errorfile", "http-request return status 200 errorfile DIR/e200", send=[get(), get()]),
    Case("return_errorfile_10", "http-request return errorfile DIR/e503", send=[get(), get(version="1.0")]),
    Case("return_default", "http-request return status 404 default-errorfiles", send=[get()]),
    Case("return_default_page", "errorfile 200 DIR/e503\nhttp-request return status 200 default-errorfiles", send=[get()]),
    Case("return_backend", back="http-request return status 202", send=[get()]),
    Case("return_response", back="http-response return status 207 content-type a/b string late if { res.hdr(x-origin) one }", send=[get(), get()]),
    Case("return_10", "http-request return content-type a/b string x", send=[get(version="1.0")]),
    Case("return_keepalive_10", "http-request return content-type a/b string x", send=[get(version="1.0", headers="Connection: keep-alive\r\n"), get(version="1.0")]),
    Case("return_after", "http-request return status 200\nhttp-after-response set-header X-After %[status]", send=[get()]),
    Case("return_chain", "http-request return status 201 if { path /a }\nhttp-request return status 202 if { path_beg /b }\nhttp-request return status 203", send=[get("/a"), get("/bb"), get("/c")]),
    Case("return_big", "http-request return content-type a/b file DIR/big", send=[get()]),
    Case("use_service", "http-request use-service prometheus-exporter if { path /metricsx }", send=[get("/")]),
]

REDIRECT = [
    Case("location", "http-request redirect location /there", send=[get(), get()]),
    *[Case(f"location_{code}", f"http-request redirect location /there code {code}", send=[get()]) for code in (301, 302, 303, 307, 308)],
    Case("location_fmt", "http-request redirect location http://%[req.hdr(host)]%[path] code 301", send=[get("/a/b?c=d")]),
    Case("prefix", "http-request redirect prefix http://other", send=[get("/a?b"), get("*", method="OPTIONS"), get("http://a.example/x?y")]),
    Case("prefix_slash", "http-request redirect prefix /", send=[get("/a?b")]),
    Case("prefix_drop", "http-request redirect prefix /p drop-query", send=[get("/a?b"), get("/a"), get("/?x")]),
    Case("prefix_append", "http-request redirect prefix /p append-slash", send=[get("/a?b"), get("/a/?b"), get("/")]),
    Case("prefix_drop_append", "http-request redirect prefix /p drop-query append-slash", send=[get("/a?b"), get("/a/?b"), get("/a")]),
    Case("prefix_root_drop", "http-request redirect prefix / drop-query append-slash", send=[get("/a?b"), get("/a")]),
    Case("scheme", "http-request redirect scheme https", send=[get("/a?b"), get("http://a.example/x?y"), get("/", version="1.0")]),
    Case("scheme_drop", "http-request redirect scheme https code 301 drop-query append-slash", send=[get("/a?b"), get("/a/"), get("/?b")]),
    Case("scheme_no_host", "http-request redirect scheme https", send=[b"GET /x HTTP/1.0\r\n\r\n"]),
    Case("cookie", "http-request redirect location / set-cookie SEEN=1", send=[get()]),
    Case("cookie_clear", "http-request redirect location / clear-cookie USER=", send=[get()]),
    Case("cookie_two", "http-request redirect location / set-cookie A clear-cookie B", send=[get()]),
    Case("ignore_empty", "http-request redirect location %[req.hdr(x)] ignore-empty", send=[get(), get(headers="X: /to\r\n")]),
    Case("empty", "http-request redirect location %[req.hdr(x)]", send=[get()]),
    Case("keyword", "redirect prefix /k if { path_beg /a }", send=[get("/a"), get("/b")]),
    Case("keyword_after", "http-request set-path /a\nredirect prefix /k if { path_beg /a }", send=[get("/z?q")]),
    Case("keyword_backend", back="redirect location /bk", send=[get()]),
    Case("redirect_post", "http-request redirect location /x", send=[get(method="POST", body="abc"), get(method="HEAD")], patience=0.3),
    Case("redirect_response", back="http-response redirect location /r code 301 if { status 200 }", send=[get(), get()]),
    Case("redirect_close", "http-request redirect location /x", send=[get(headers="Connection: close\r\n")]),
    Case("redirect_unfinished", "http-request redirect location /x", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"]),
    Case("redirect_unfinished_prefix", "http-request redirect prefix /x", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"]),
]

HEADERS = [
    Case("headers", "http-request set-header X-A one\nhttp-request add-header X-A two\nhttp-request set-header Host new.example\nhttp-request del-header X-Gone", send=[get(headers="x-a: 0\r\nX-Gone: 1\r\nX-gone: 2\r\n")]),
    Case("headers_fmt", 'http-request set-header X-A "%[src] %[path,upper] %ci %ft %%"\nhttp-request set-header X-E %[req.hdr(none)]', send=[get("/abc")]),
    *[Case(f"del_{method}", f"http-request del-header x-{text} -m {method}", send=[get(headers="X-One: 1\r\nX-Two: 2\r\nA-X-O: 3\r\nOx-o: 4\r\n")])
      for method, text in (("str", "one"), ("beg", "o"), ("end", "o"), ("sub", "o"))],
    Case("del_reg", "http-request del-header ^x-.*e$ -m reg", send=[get(headers="X-One: 1\r\nX-Two: 2\r\nX-three: 3\r\n")]),
    Case("replace_header", r"http-request replace-header Cookie foo=([^;]*);(.*) foo=\1;ip=%bi;\2", send=[get(headers="Cookie: foo=foobar; expires=Tue, 14-Jun-2016 01:40:45 GMT;\r\n"), get()]),
    Case("replace_header_all", "http-request replace-header X a b", send=[get(headers="X: aaa, a\r\nX: xa\r\nY: a\r\n")]),
    Case("replace_value", r"http-request replace-value X-Forwarded-For ^192\.168\.(.*)$ 172.16.\1", send=[get(headers="X-Forwarded-For: 192.168.10.1, 192.168.13.24 , 10.0.0.37\r\n")]),
    Case("replace_value_more", r"http-request replace-value X ^(\d+)$ <\1\0>\\", send=[get(headers='X: 1,22,a, "3,4" ,5\r\nX:  6 ; q=1 ,,7\r\n')]),
    Case("replace_empty", "http-request replace-value X ^$ e\nhttp-request replace-header Y ^$ f", send=[get(headers="X:\r\nY:\r\n")]),
    Case("replace_twice", r"http-request replace-header X (b)(c)? [\1-\2-\3]", send=[get(headers="X: abcb\r\nX: ab\r\n")]),
    Case("response_headers", back="http-response set-header X-S %[status]\nhttp-response add-header X-Origin two\nhttp-response del-header Server", send=[get()], origin=head("200 OK", "Server: x\r\nX-Origin: one\r\n", "hi")),
    Case("response_replace", "http-response replace-header Set-Cookie (C=[^;]*);(.*) \\1;ip=%ci;\\2\nhttp-response replace-value Cache-control ^public$ private", send=[get()], origin=head("200 OK", "Set-Cookie: C=1; private\r\nSet-Cookie: D=1\r\nCache-Control: max-age=3600, public\r\n", "hi")),
    Case("response_order", "http-response set-header A front", back="http-response set-header A back", send=[get()]),
    Case("after_headers", "http-after-response add-header A front", back="http-after-response add-header A back\nhttp-after-response del-header X-Origin", send=[get()]),
    Case("after_allow", "http-request set-var(txn.p) path\nhttp-after-response allow if { var(txn.p) -m str /a }\nhttp-after-response set-header A b", send=[get("/a"), get("/b")]),
    Case("allow", "http-request allow if { path /a }\nhttp-request deny", back="http-request set-header X back", send=[get("/a"), get("/b")]),
    Case("allow_response", back="http-response allow if { status 200 }\nhttp-response deny", send=[get()]),
    Case("early_hint", 'http-request early-hint Link "<a>"', send=[get(), get()]),
    Case("early_hints", 'http-request early-hint Link "<a>"\nhttp-request early-hint Link "<b>"\nhttp-request set-header X y\nhttp-request early-hint Link "<c>"', send=[get()]),
    Case("early_hints_if", 'http-request early-hint A 1 if { path /a }\nhttp-request early-hint A 2 if { path_beg / }\nhttp-request early-hint A 3', send=[get("/a"), get("/b")]),
    Case("early_hint_10", 'http-request early-hint Link "<a>"', send=[get(version="1.0")]),
    Case("early_hint_deny", 'http-request early-hint Link "<a>"\nhttp-request deny', send=[get()]),
    Case("case", "http-request set-header X-CaSe v\nhttp-response set-header X-CaSe v", send=[get()]),
]

LINE = [
    Case("set_method", "http-request set-method PUT", send=[get()]),
    Case("set_path", "http-request set-path /new%[path]", send=[get("/a?b=c"), get("/a"), get("http://a.example/a?b"), get("*", method="OPTIONS")]),
    Case("set_pathq", "http-request set-pathq /n?x=%[query]", send=[get("/a?b=c"), get("http://a.example/a?b"), get("http://a.example"), get("*", method="OPTIONS")]),
    Case("set_query", "http-request set-query %[query,regsub(a,b)]", send=[get("/a?b=ca"), get("/a"), get("/a?"), get("http://a.example/a?b")]),
    Case("set_uri", "http-request set-uri http://h%[path]", send=[get("/a?b=c")]),
    Case("set_uri_rel", "http-request set-uri /rel", send=[get("http://a.example/a?b=c")]),
    Case("replace_path", r"http-request replace-path (.*) /p\1", send=[get("/a?b=c"), get("http://a.example/a?b"), get("*", method="OPTIONS"), get("http://a.example")]),
    Case("replace_path_part", r"http-request replace-path /(b|c)/ /<\1>/", send=[get("/a/b/c/?/b/"), get("/a")]),
    Case("replace_pathq", r"http-request replace-pathq ([^?]*)(\?(.*))? \1/foo\2", send=[get("/a?b=c"), get("/a"), get("http://a.example/a?b")]),
    Case("replace_uri", r"http-request replace-uri ([^/:]*://[^/]*)?(.*) \1/foo\2", send=[get("/a?b=c"), get("http://a.example/a?b"), get("*", method="OPTIONS")]),
    *[each(f"normalize_{number}", f"http-request normalize-uri {words}", *targets) for number, (words, targets) in enumerate((
        ("fragment-encode", ("/a%23b", "/a")), ("fragment-strip", ("/a", "/")), ("path-merge-slashes", ("//a///b?//", "/")),
        ("path-strip-dot", ("/./a/./b/.", "/a./.b", "/.")), ("path-strip-dotdot", ("/a/../b/..", "/../a", "/a/b/../..")),
        ("path-strip-dotdot full", ("/../../a", "/a/../../b")), ("percent-decode-unreserved", ("/%61%2d%2F?%7e", "/%zz")),
        ("percent-decode-unreserved strict", ("/%61", "/%zz")), ("percent-to-uppercase", ("/%2f?%aa", "/%")),
        ("percent-to-uppercase strict", ("/%2f", "/%g")), ("query-sort-by-name", ("/?c=1&a=2&b&a=1", "/?", "/"))))],
    Case("set_status", back='http-response set-status 503 reason "Slow Down"', send=[get()]),
    Case("set_status_plain", back="http-response set-status 431", send=[get()]),
    Case("set_status_odd", back="http-response set-status 999", send=[get()]),
    Case("set_status_after", "http-request deny\nhttp-after-response set-status 404", send=[get()]),
]

VARIABLES = [
    Case("set_var", "http-request set-var(txn.a) path\nhttp-request set-var(req.b) int(5)\nhttp-request set-var(sess.c) req.hdr(x),lower\nhttp-request set-var(txn.d) src\n"
         "http-request set-header V %[var(txn.a)]|%[var(req.b),add(1)]|%[var(sess.c)]|%[var(txn.d)]|\nhttp-response set-header V %[var(txn.a)]|%[var(req.b)]|%[var(sess.c)]|",
         send=[get("/one", "X: ABC\r\n"), get("/two")]),
    Case("set_var_fmt", 'http-request set-var-fmt(txn.a) "%[path]-%[method]"\nhttp-request set-header V %[var(txn.a)]', send=[get("/one")]),
    Case("unset_var", "http-request set-var(txn.a) path\nhttp-request unset-var(txn.a) if { path /u }\nhttp-request set-header V <%[var(txn.a)]>", send=[get("/u"), get("/v")]),
    *[Case(f"var_{condition}", f"http-request set-var(txn.a) {first} if {{ path /set }}\nhttp-request set-var(txn.a,{condition}) {second}\nhttp-request set-header V <%[var(txn.a)]>", send=[get("/set"), get("/unset")])
      for condition, first, second in (("ifexists", "int(1)", "int(2)"), ("ifnotexists", "int(1)", "int(2)"), ("ifempty", "str(a)", "str()"), ("ifnotempty", "str(a)", "str()"),
                                       ("ifset", "int(1)", "int(2)"), ("ifnotset", "int(1)", "int(2)"), ("ifgt", "int(1)", "int(2)"), ("iflt", "int(1)", "int(2)"))],
    Case("var_kept", "http-request set-var(txn.a) req.hdr(x)\nhttp-request set-var(txn.a) req.hdr(y)\nhttp-request set-header V <%[var(txn.a)]>", send=[get(headers="X: 1\r\n"), get(headers="Y: 2\r\n"), get()]),
    Case("var_proc", "http-request set-var(proc.n) path if { path /n }\nhttp-request set-header V <%[var(proc.n)]>", send=[get("/x"), get("/n"), get("/y")]),
    Case("var_res", back="http-response set-var(res.a) res.hdr(x-origin)\nhttp-response set-header V %[var(res.a)]", send=[get()]),
    Case("var_bool", "http-request set-var(txn.a) bool(true)\nhttp-request set-header V %[var(txn.a)] if { var(txn.a) -m bool }", send=[get()]),
    Case("maps", "http-request set-map(DIR/map) %[req.hdr(k)] %[req.hdr(v)] if { req.hdr(v) -m found }\nhttp-request del-map(DIR/map) %[req.hdr(d)] if { req.hdr(d) -m found }\n"
         "http-request set-header M <%[path,map_str(DIR/map,none)]>", send=[get("/a"), get("/a", "K: /a\r\nV: new\r\n"), get("/zz", "K: /zz\r\nV: 1\r\n"), get("/a", "D: /a\r\n")]),
    Case("acls", "acl l req.hdr(x) -f DIR/list\nhttp-request add-acl(DIR/list) %[req.hdr(k)] if { req.hdr(k) -m found }\nhttp-request del-acl(DIR/list) %[req.hdr(d)] if { req.hdr(d) -m found }\nhttp-request set-header L yes if l",
         send=[get(headers="X: one\r\n"), get(headers="X: two\r\n"), get(headers="X: two\r\nK: two\r\n"), get(headers="X: two\r\n"), get(headers="X: two\r\nD: two\r\n")]),
]

LOGS = [
    Case("capture", "http-request capture req.hdr(x) len 5\nhttp-request capture path len 3", send=[get("/abcdef", "X: 123456789\r\n"), get()]),
    Case("capture_slots", "declare capture request len 4\ndeclare capture response len 3\nhttp-request capture path id 0\nhttp-response capture res.hdr(x-origin) id 0", send=[get("/abcdef")]),
    Case("capture_headers", "capture request header X len 5\ncapture request header Host len 100\ncapture response header X-Origin len 2\ncapture response header None len 4", send=[get(headers="X: a\r\nX: bcdefghijk\r\n"), get()]),
    Case("capture_mixed", "capture request header X len 5\nhttp-request capture method len 10\ndeclare capture response len 9\nhttp-after-response capture res.hdr(x-origin) id 0", send=[get(headers="X: a|b{\"}\x01\r\n")]),
    Case("capture_backend", "declare capture request len 10", back="http-request capture path id 0\nhttp-request capture path id 7", send=[get("/zz")]),
    Case("capture_denied", "capture request header Host len 9\ncapture response header X len 9\nhttp-request deny hdr X y", send=[get()]),
    Case("capture_types", "http-request capture src len 20\nhttp-request capture int(5) len 20\nhttp-request capture bool(true) len 20", send=[get()]),
    *[Case(f"level_{level}", f"http-request set-log-level {level}", send=[get()], logs=0 if level == "silent" else 1) for level in ("emerg", "err", "debug", "silent")],
    Case("level_response", "http-request set-log-level silent", back="http-response set-log-level warning", send=[get()], logs=1),
    Case("unique_id", "unique-id-format %{+X}o%ci-%[path]\nunique-id-header X-Id", send=[get("/a")]),
    Case("unique_id_deny", "unique-id-format id-%[path]\nhttp-request deny hdr X %[unique-id]", send=[get("/a")], log_format='"%ID %ST"'),
]

BACKENDS = [
    Case("use_backend", "use_backend be_use_backend if { path /a }\nuse_backend %[path,field(2,/)]", send=[get("/a"), get("/be_deny_backend"), get("/unknown")], count=False),
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
    Case("set_src", "option forwardfor\nhttp-request set-src req.hdr(ip)\nhttp-request set-header S %[src]", send=[get(headers="ip: 10.1.2.3\r\n"), get(headers="ip: nonsense\r\n"), get()], log_format='"%ci %ST"'),
    Case("set_src_port", "http-request set-src-port int(99)\nhttp-request set-header S %[src]:%[src_port]", send=[get()], log_format='"%ci %cp %ST"'),
    Case("set_dst", "option originalto\nhttp-request set-dst ipv4(1.2.3.4)\nhttp-request set-dst-port int(81)\nhttp-request set-header D %[dst]:%[dst_port]", send=[get()], log_format='"%fi %fp %ST"'),
    Case("set_tos", "http-request set-tos 0x10\nhttp-request set-mark 3\nhttp-request set-nice 10\nhttp-request set-priority-class int(3)\nhttp-request set-priority-offset int(-4)", back="http-response set-tos 4\nhttp-response set-nice 1\nhttp-response set-mark 0", send=[get()]),
    Case("timeout_server", back="http-request set-timeout server 60ms", send=[get()], origin=b""),
    Case("timeout_server_expr", back="http-request set-timeout server req.hdr(t)", send=[get(headers="T: 50\r\n")], origin=b""),
    Case("stats_rules", "stats enable\nstats uri /stats\nstats http-request auth realm hello unless { path_end csv }\nstats http-request deny if { path_end xml }", send=[get("/stats"), get("/other")]),
    Case("stats_deny", "stats enable\nstats uri /stats\nstats http-request deny", send=[get("/stats")]),
]

PAGES = [
    Case("error_503", "errorfile 503 DIR/e200", back="server s2 unix@DIR/none\nuse-server s2 if TRUE", send=[get()], count=False),
    Case("error_503_back", "errorfile 503 DIR/e503", back="errorfile 503 DIR/e200\nuse-server s2 if TRUE\nserver s2 unix@DIR/none", send=[get()], count=False),
    Case("error_empty", "errorfile 503 DIR/empty", back="use-server s2 if TRUE\nserver s2 unix@DIR/none", send=[get()], count=False, logs=1),
    Case("http_error", 'http-error status 503 content-type text/plain lf-string "no %[path]" hdr X-A b', back="use-server s2 if TRUE\nserver s2 unix@DIR/none", send=[get("/z")], count=False),
    Case("http_error_string", "http-error status 403 content-type text/plain string forbidden\nhttp-request deny", send=[get()]),
    Case("http_error_default", "http-error status 403 default-errorfiles\nhttp-request deny", send=[get()]),
    Case("http_error_empty", "http-error status 403\nhttp-request deny", send=[get()]),
    Case("http_error_hdr", "http-error status 403 hdr a b\nhttp-request deny", send=[get()]),
    Case("http_error_errorfile", "http-error status 403 errorfile DIR/e503\nhttp-request deny", send=[get()]),
    Case("http_error_section", "http-error status 403 errorfiles pages3\nhttp-request deny", send=[get()], more="http-errors pages3\n errorfile 403 DIR/e200\n"),
    Case("errorfiles", "errorfiles pages4\nhttp-request deny", send=[get()], more="http-errors pages4\n errorfile 403 DIR/e200\n errorfile 404 DIR/e503\n"),
    Case("errorfiles_some", "errorfiles pages5 404\nhttp-request deny deny_status 404 if { path /a }\nhttp-request deny", send=[get("/b"), get("/a")], more="http-errors pages5\n errorfile 403 DIR/e200\n errorfile 404 DIR/e200\n"),
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
    Case("strict_off", f"http-request strict-mode off\nhttp-request set-header X-Big {BIG}\nhttp-request set-header Y z", send=[get(headers=f"Fill: {'f' * 14900}\r\n")]),
    Case("strict_response", back=f"http-response set-header X-Big {BIG}", send=[get()], origin=head("200 OK", f"Fill: {'f' * 14900}\r\n", "")),
    Case("strict_response_off", back=f"http-response strict-mode off\nhttp-response add-header X-Big {BIG}", send=[get()], origin=head("200 OK", f"Fill: {'f' * 14900}\r\n", "")),
    Case("strict_after", f"http-after-response set-header X-Big {BIG}", send=[get()], origin=head("200 OK", f"Fill: {'f' * 14900}\r\n", "")),
    Case("strict_path", f"http-request set-path /{BIG}", send=[get(headers=f"Fill: {'f' * 14900}\r\n")]),
    Case("strict_replace", f"http-request replace-header Fill ^ {BIG}", send=[get(headers=f"Fill: {'f' * 14900}\r\n")]),
]

BODIES = [
    Case("wait_body", "http-request wait-for-body time 1s\nhttp-request set-header Got %[req.body_len]", send=[get(method="POST", body="abcdef")]),
    Case("wait_late", "http-request wait-for-body time 1s\nhttp-request set-header Got %[req.body]", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", 0.05, b"def"], answers=1),
    Case("wait_at_least", "http-request wait-for-body time 1s at-least 4\nhttp-request return hdr Got %[req.body_len]", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nabc", 0.05, b"def"], answers=1),
    Case("wait_timeout", "http-request wait-for-body time 60ms\nhttp-request return hdr Got %[req.body_len]", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nabc"], answers=1),
    Case("wait_none", "http-request wait-for-body time 1s\nhttp-request return hdr Got %[req.body_len]", send=[get()]),
    Case("wait_chunked", "http-request wait-for-body time 1s\nhttp-request set-header Got %[req.body]", send=[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0.03, b"2\r\nde\r\n0\r\n\r\n"], answers=1),
    Case("wait_response_timeout", back="http-response wait-for-body time 60ms", send=[get()], origin=b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc", patience=0.5),
    Case("wait_response_late", back="http-response wait-for-body time 60ms at-least 3\nhttp-response set-header Got %[res.body_len]", send=[get()], origin=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", patience=0.5),
    Case("wait_response", back="http-response wait-for-body time 1s\nhttp-response set-header Got %[res.body_len]", send=[get()]),
    Case("buffer_request", "option http-buffer-request\nhttp-request set-header Got %[req.body]", send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", 0.05, b"def"], answers=1),
    Case("deny_body", "option http-buffer-request\nhttp-request deny if { req.body -m sub evil }", send=[get(method="POST", body="so evil"), get(method="POST", body="good")]),
    Case("wait_handshake", "http-request wait-for-handshake\nhttp-request disable-l7-retry", send=[get()]),
]

HELLO = bytes.fromhex(
    "16030100620100005e0303" + "11" * 32 + "00" + "0004" + "c02bc02f" + "0100" + "0031"
    + "0000000e000c0000096c6f63616c686f7374" + "000a00040002001d" + "000d000400020403" + "0010000b000908687474702f312e31"
)  # fmt: skip

TCP = [
    Case("tcp_accept", "tcp-request content accept", send=[b"hello"], tcp=True, origin=b"answer", patience=0.1, logs=1),
    Case("tcp_reject", "tcp-request content reject", send=[b"hello"], tcp=True, patience=0.5, logs=1, count=False),
    Case("tcp_reject_if", "tcp-request inspect-delay 300ms\ntcp-request content reject if { req.payload(0,5) -m bin 68656c6c6f }", send=[b"hel", 0.03, b"lo"], tcp=True, patience=0.5, logs=1),
    Case("tcp_accept_if", "tcp-request inspect-delay 300ms\ntcp-request content accept if { req.len gt 3 }\ntcp-request content reject", send=[b"hel", 0.03, b"lo"], tcp=True, origin=b"answer", patience=0.15, logs=1),
    Case("tcp_delay_over", "tcp-request inspect-delay 60ms\ntcp-request content accept if { req.len gt 30 }\ntcp-request content reject", send=[b"hel"], tcp=True, patience=0.5, logs=1),
    Case("tcp_wait_end", "tcp-request inspect-delay 60ms\ntcp-request content accept if WAIT_END", send=[b"hel"], tcp=True, origin=b"answer", patience=0.2, logs=1),
    Case("tcp_capture", "tcp-request inspect-delay 300ms\ntcp-request content capture req.payload(0,4) len 10 if { req.len ge 4 }", send=[b"hello"], tcp=True, origin=b"answer", patience=0.1, logs=1, log_format='"%ci [%[capture.req.hdr(0)]] %ts"'),
    Case("tcp_connection_reject", "tcp-request connection reject", send=[b"hello"], tcp=True, patience=0.5, logs=0),
    Case("tcp_session_reject", "tcp-request session reject", send=[b"hello"], tcp=True, patience=0.5, logs=0),
    Case("tcp_connection_accept", "tcp-request connection accept if { src 127.0.0.0/8 }\ntcp-request connection reject", send=[b"hello"], tcp=True, origin=b"a", patience=0.1, logs=1),
    Case("http_connection_reject", "tcp-request connection reject if { src 127.0.0.1 }", send=[get()], logs=0),
    Case("http_session_reject", "tcp-request session reject", send=[get()], logs=0),
    Case("http_content_reject", "tcp-request content reject", send=[get()], logs=1),
    Case("http_content_reject_if", "tcp-request inspect-delay 1s\ntcp-request content reject if { path /no }", send=[get("/"), get("/no")], logs=2),
    Case("http_content_accept", "tcp-request inspect-delay 1s\ntcp-request content accept if HTTP\ntcp-request content reject", send=[get("/"), get("/x")], logs=2),
    Case("http_content_backend", back="tcp-request content reject if { path /no }", send=[get("/"), get("/no")], logs=2),
    Case("http_content_capture", "tcp-request content capture req.hdr(x) len 9", send=[get(headers="X: abc\r\n")]),
    Case("http_content_var", "tcp-request content set-var(txn.a) req.hdr(x)\ntcp-request content set-log-level err\nhttp-request set-header V %[var(txn.a)]", send=[get(headers="X: abc\r\n")]),
    Case("http_session_var", "tcp-request connection set-var(sess.a) src\ntcp-request session set-var(sess.b) int(7)\nhttp-request set-header V %[var(sess.a)]-%[var(sess.b)]", send=[get(), get()]),
    Case("http_connection_src", "tcp-request connection set-src ipv4(9.9.9.9)\ntcp-request connection set-src-port int(7)\noption forwardfor", send=[get()], log_format='"%ci %cp %ST"'),
    Case("http_content_src", "tcp-request content set-src ipv4(9.9.9.9)\noption forwardfor", send=[get(), get()], log_format='"%ci %ST"'),
    Case("tcp_silent_drop", "tcp-request content silent-drop", send=[b"hello"], tcp=True, patience=0.2, logs=1),
    Case("tcp_connection_drop", "tcp-request connection silent-drop", send=[b"hello"], tcp=True, patience=0.2, logs=0),
    Case("tcp_sni", "tcp-request inspect-delay 300ms\ntcp-request content set-var(txn.s) req.ssl_sni\ntcp-request content reject if { req.ssl_hello_type 1 } { req.ssl_sni localhost }", send=[HELLO], tcp=True, patience=0.3, logs=1),
    Case("tcp_sni_not", "tcp-request inspect-delay 60ms\ntcp-request content accept if { req.ssl_hello_type 1 }\ntcp-request content reject", send=[b"GET / HTTP/1.0\r\n\r\n"], tcp=True, patience=0.3, logs=1),
    Case("tcp_http", "tcp-request inspect-delay 300ms\ntcp-request content accept if HTTP\ntcp-request content reject", send=[b"GET / HTTP/1.0\r\n\r\n"], tcp=True, origin=b"x", patience=0.1, logs=1),
    Case("tcp_not_http", "tcp-request inspect-delay 300ms\ntcp-request content reject if !HTTP", send=[b"\x16\x03nonsense\r\n\r\n"], tcp=True, origin=b"x", patience=0.4, logs=1),
    Case("tcp_backend", back="tcp-request inspect-delay 200ms\ntcp-request content reject if { req.payload(0,2) -m str no }", send=[b"no"], tcp=True, patience=0.4, logs=1),
    Case("tcp_response_reject", back="tcp-response content reject", send=[b"hello"], tcp=True, origin=b"answer", patience=0.4, logs=1, racy_server=True),
    Case("tcp_response_close", back="tcp-response content close if { res.len ge 6 }", send=[b"hello"], tcp=True, origin=b"answer", patience=0.4, logs=1),
    Case("tcp_response_accept", back="tcp-response content accept", send=[b"hello"], tcp=True, origin=b"answer", patience=0.1, logs=1),
    Case("tcp_response_delay", back="tcp-response inspect-delay 200ms\ntcp-response content reject if { res.payload(0,6) -m str answer }", send=[b"hello"], tcp=True, origin=b"answer", patience=0.4, logs=1),
    Case("tcp_response_miss", back="tcp-response inspect-delay 60ms\ntcp-response content reject if { res.payload(0,9) -m found }", send=[b"hello"], tcp=True, origin=b"answer", patience=0.2, logs=1),
    Case("tcp_response_close_late", back="tcp-response inspect-delay 200ms\ntcp-response content close if { res.len ge 6 }", send=[b"hello"], tcp=True, origin=b"answer", patience=0.4, logs=1),
    Case("http_tcp_response_reject", back="tcp-response content reject", send=[get()], logs=1, racy_server=True),
    Case("http_tcp_response_if", back="tcp-response content reject if { status 404 }", send=[get()], logs=1),
    Case("http_tcp_response_close", back="tcp-response content close", send=[get()], patience=0.3, logs=1, racy_server=True),
]

CASES = [*DENY, *RETURN, *REDIRECT, *HEADERS, *LINE, *VARIABLES, *LOGS, *BACKENDS, *PAGES, *STRICT, *BODIES, *TCP]
