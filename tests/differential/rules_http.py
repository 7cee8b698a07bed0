"""Cases of the comparison with haproxy: answers, redirects, headers and the request line. `DIR` is a directory with error files."""

from __future__ import annotations

from rules_rig import Case, each, get, head

STATUSES = (200, 400, 401, 404, 405, 407, 408, 410, 413, 425, 500, 501, 502, 503, 504)
DENY = [
    Case("deny", "http-request deny", send=[get(), get()]),
    Case("deny_status", "http-request deny deny_status 429", send=[get()]),
    Case(
        "deny_codes",
        "\n".join(f"http-request deny deny_status {code} if {{ path /{code} }}" for code in STATUSES),
        send=[get(f"/{code}") for code in (200, 401, 404, 405, 407, 410, 413, 425, 500, 501, 502, 503, 504, 0)],
    ),
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
    Case(
        "deny_response_string",
        back='http-response deny status 451 content-type text/plain lf-string "%[var(txn.none)]late" hdr X-A %[src]',
        send=[get()],
    ),
    Case(
        "deny_conditions",
        "acl a path /a\nhttp-request deny if a !{ hdr(x) 1 } or { path /b }",
        send=[get("/a"), get("/a", "X: 1\r\n"), get("/b"), get("/c")],
    ),
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
    Case(
        "auth_ok",
        "http-request auth unless { http_auth(people) }",
        send=[get(), get(headers="Authorization: Basic Ym9iOnB3\r\n")],
        more="userlist people\n user bob insecure-password pw\n",
    ),
    Case(
        "auth_group",
        "http-request return status 201 if { http_auth_group(grouped) staff }\nhttp-request return status 202 if { http_auth_group(grouped) guests }\nhttp-request auth",
        send=[get(), *[get(headers=f"Authorization: Basic {word}\r\n") for word in ("Ym9iOnB3", "YW1ibGU6cHc=", "YW5uOnB3", "YW5uOnB4")]],
        more="userlist grouped\n group staff users bob\n group guests\n user bob insecure-password pw\n user ann insecure-password pw groups guests\n",
    ),
    Case(
        "auth_proxy",
        "option http-use-proxy-header\nhttp-request auth",
        send=[
            get("http://a.example/", "Proxy-Connection: close\r\n"),
        ],
    ),
]

RETURN = [
    Case("return", "http-request return", send=[get(), get()]),
    Case("return_status", "http-request return status 204", send=[get()]),
    Case("return_599", "http-request return status 599 hdr A b", send=[get()]),
    Case("return_string", "http-request return content-type text/plain string hello", send=[get(), get(method="HEAD")], patience=0.3),
    Case(
        "return_lf",
        'http-request return status 201 content-type text/plain lf-string "%[path] %ci %[var(txn.none)]|" hdr X %[query]',
        send=[get("/p?q"), get("/p")],
    ),
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
    Case(
        "return_keepalive_10",
        "http-request return content-type a/b string x",
        send=[get(version="1.0", headers="Connection: keep-alive\r\n"), get(version="1.0")],
    ),
    Case("return_after", "http-request return status 200\nhttp-after-response set-header X-After %[status]", send=[get()]),
    Case(
        "return_chain",
        "http-request return status 201 if { path /a }\nhttp-request return status 202 if { path_beg /b }\nhttp-request return status 203",
        send=[get("/a"), get("/bb"), get("/c")],
    ),
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
    Case(
        "headers",
        "http-request set-header X-A one\nhttp-request add-header X-A two\nhttp-request set-header Host new.example\nhttp-request del-header X-Gone",
        send=[get(headers="x-a: 0\r\nX-Gone: 1\r\nX-gone: 2\r\n")],
    ),
    Case("headers_fmt", 'http-request set-header X-A "%[src] %[path,upper] %ci %ft %%"\nhttp-request set-header X-E %[req.hdr(none)]', send=[get("/abc")]),
    *[
        Case(f"del_{method}", f"http-request del-header x-{text} -m {method}", send=[get(headers="X-One: 1\r\nX-Two: 2\r\nA-X-O: 3\r\nOx-o: 4\r\n")])
        for method, text in (("str", "one"), ("beg", "o"), ("end", "o"), ("sub", "o"))
    ],
    Case("del_reg", "http-request del-header ^x-.*e$ -m reg", send=[get(headers="X-One: 1\r\nX-Two: 2\r\nX-three: 3\r\n")]),
    Case(
        "replace_header",
        r"http-request replace-header Cookie foo=([^;]*);(.*) foo=\1;ip=%bi;\2",
        send=[get(headers="Cookie: foo=foobar; expires=Tue, 14-Jun-2016 01:40:45 GMT;\r\n"), get()],
    ),
    Case("replace_header_all", "http-request replace-header X a b", send=[get(headers="X: aaa, a\r\nX: xa\r\nY: a\r\n")]),
    Case(
        "replace_value",
        r"http-request replace-value X-Forwarded-For ^192\.168\.(.*)$ 172.16.\1",
        send=[get(headers="X-Forwarded-For: 192.168.10.1, 192.168.13.24 , 10.0.0.37\r\n")],
    ),
    Case("replace_value_more", r"http-request replace-value X ^(\d+)$ <\1\0>\\", send=[get(headers='X: 1,22,a, "3,4" ,5\r\nX:  6 ; q=1 ,,7\r\n')]),
    Case("replace_empty", "http-request replace-value X ^$ e\nhttp-request replace-header Y ^$ f", send=[get(headers="X:\r\nY:\r\n")]),
    Case("replace_twice", r"http-request replace-header X (b)(c)? [\1-\2-\3]", send=[get(headers="X: abcb\r\nX: ab\r\n")]),
    Case(
        "response_headers",
        back="http-response set-header X-S %[status]\nhttp-response add-header X-Origin two\nhttp-response del-header Server",
        send=[get()],
        origin=head("200 OK", "Server: x\r\nX-Origin: one\r\n", "hi"),
    ),
    Case(
        "response_replace",
        "http-response replace-header Set-Cookie (C=[^;]*);(.*) \\1;ip=%ci;\\2\nhttp-response replace-value Cache-control ^public$ private",
        send=[get()],
        origin=head("200 OK", "Set-Cookie: C=1; private\r\nSet-Cookie: D=1\r\nCache-Control: max-age=3600, public\r\n", "hi"),
    ),
    Case("response_order", "http-response set-header A front", back="http-response set-header A back", send=[get()]),
    Case(
        "after_headers",
        "http-after-response add-header A front",
        back="http-after-response add-header A back\nhttp-after-response del-header X-Origin",
        send=[get()],
    ),
    Case(
        "after_allow",
        "http-request set-var(txn.p) path\nhttp-after-response allow if { var(txn.p) -m str /a }\nhttp-after-response set-header A b",
        send=[get("/a"), get("/b")],
    ),
    Case("allow", "http-request allow if { path /a }\nhttp-request deny", back="http-request set-header X back", send=[get("/a"), get("/b")]),
    Case("allow_response", back="http-response allow if { status 200 }\nhttp-response deny", send=[get()]),
    Case("early_hint", 'http-request early-hint Link "<a>"', send=[get(), get()]),
    Case(
        "early_hints",
        'http-request early-hint Link "<a>"\nhttp-request early-hint Link "<b>"\nhttp-request set-header X y\nhttp-request early-hint Link "<c>"',
        send=[get()],
    ),
    Case(
        "early_hints_if",
        "http-request early-hint A 1 if { path /a }\nhttp-request early-hint A 2 if { path_beg / }\nhttp-request early-hint A 3",
        send=[get("/a"), get("/b")],
    ),
    Case("early_hint_10", 'http-request early-hint Link "<a>"', send=[get(version="1.0")]),
    Case("early_hint_deny", 'http-request early-hint Link "<a>"\nhttp-request deny', send=[get()]),
    Case("case", "http-request set-header X-CaSe v\nhttp-response set-header X-CaSe v", send=[get()]),
]

LINE = [
    Case("set_method", "http-request set-method PUT", send=[get()]),
    Case("set_path", "http-request set-path /new%[path]", send=[get("/a?b=c"), get("/a"), get("http://a.example/a?b"), get("*", method="OPTIONS")]),
    Case(
        "set_pathq",
        "http-request set-pathq /n?x=%[query]",
        send=[get("/a?b=c"), get("http://a.example/a?b"), get("http://a.example"), get("*", method="OPTIONS")],
    ),
    Case("set_query", "http-request set-query %[query,regsub(a,b)]", send=[get("/a?b=ca"), get("/a"), get("/a?"), get("http://a.example/a?b")]),
    Case("set_uri", "http-request set-uri http://h%[path]", send=[get("/a?b=c")]),
    Case("set_uri_rel", "http-request set-uri /rel", send=[get("http://a.example/a?b=c")]),
    Case(
        "replace_path",
        r"http-request replace-path (.*) /p\1",
        send=[get("/a?b=c"), get("http://a.example/a?b"), get("*", method="OPTIONS"), get("http://a.example")],
    ),
    Case("replace_path_part", r"http-request replace-path /(b|c)/ /<\1>/", send=[get("/a/b/c/?/b/"), get("/a")]),
    Case("replace_pathq", r"http-request replace-pathq ([^?]*)(\?(.*))? \1/foo\2", send=[get("/a?b=c"), get("/a"), get("http://a.example/a?b")]),
    Case(
        "replace_uri",
        r"http-request replace-uri ([^/:]*://[^/]*)?(.*) \1/foo\2",
        send=[get("/a?b=c"), get("http://a.example/a?b"), get("*", method="OPTIONS")],
    ),
    *[
        each(f"normalize_{number}", f"http-request normalize-uri {words}", *targets)
        for number, (words, targets) in enumerate(
            (
                ("fragment-encode", ("/a%23b", "/a")),
                ("fragment-strip", ("/a", "/")),
                ("path-merge-slashes", ("//a///b?//", "/")),
                ("path-strip-dot", ("/./a/./b/.", "/a./.b", "/.")),
                ("path-strip-dotdot", ("/a/../b/..", "/../a", "/a/b/../..")),
                ("path-strip-dotdot full", ("/../../a", "/a/../../b")),
                ("percent-decode-unreserved", ("/%61%2d%2F?%7e", "/%zz")),
                ("percent-decode-unreserved strict", ("/%61", "/%zz")),
                ("percent-to-uppercase", ("/%2f?%aa", "/%")),
                ("percent-to-uppercase strict", ("/%2f", "/%g")),
                ("query-sort-by-name", ("/?c=1&a=2&b&a=1", "/?", "/")),
            )
        )
    ],
    Case("set_status", back='http-response set-status 503 reason "Slow Down"', send=[get()]),
    Case("set_status_plain", back="http-response set-status 431", send=[get()]),
    Case("set_status_odd", back="http-response set-status 999", send=[get()]),
    Case("set_status_after", "http-request deny\nhttp-after-response set-status 404", send=[get()]),
]

ODD = [
    Case("var_in_log", "http-request set-var(req.a) path\nhttp-request set-var(txn.b) path", send=[get("/p")], log_format='"%[var(req.a)]|%[var(txn.b)]"'),
    Case("var_in_log_denied", "http-request set-var(req.a) path\nhttp-request deny", send=[get("/p")], log_format='"%[var(req.a)]"'),
    Case(
        "buffer_timeout",
        "timeout http-request 80ms\noption http-buffer-request",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nabc"],
        answers=1,
        patience=1.0,
    ),
    Case(
        "both_proxies",
        "http-request deny if { path /a }",
        back="http-request deny deny_status 404 if { path /b }\nhttp-response set-status 418 if { status 200 }",
        send=[get("/a"), get("/b"), get("/c")],
    ),
    Case(
        "return_large",
        "http-request return status 200 content-type text/plain lf-string %[req.hdr(x)]%[req.hdr(y)]",
        send=[get(headers="X: " + "a" * 9000 + "\r\nY: " + "b" * 5000 + "\r\n")],
    ),
    Case("return_too_large", "http-request return status 200 hdr A %[req.hdr(x)]%[req.hdr(x)]", send=[get(headers="X: " + "a" * 9000 + "\r\n")]),
    Case("location_too_large", "http-request redirect location /%[req.hdr(x)]%[req.hdr(x)]", send=[get(headers="X: " + "a" * 9000 + "\r\n")]),
    Case("hint_too_large", "http-request early-hint A %[req.hdr(x)]%[req.hdr(x)]", send=[get(headers="X: " + "a" * 9000 + "\r\n")]),
    Case("set_uri_odd", "http-request set-uri %[req.hdr(x)]", send=[get(), get(headers="X: /a b\r\n"), get(headers="X: noslash\r\n")]),
    Case("set_method_empty", "http-request set-method %[req.hdr(x)]", send=[get()]),
    Case("set_path_odd", "http-request set-path %[req.hdr(x)]", send=[get("/q?w"), get(headers="X: rel\r\n")]),
    Case("connection_close", "http-response set-header Connection close\nhttp-response set-header Keep-Alive 5", send=[get(), get()]),
    Case("del_length_request", "http-request del-header content-length", send=[get(method="POST", body="abc")]),
    Case("del_host", "http-request del-header host", send=[get()]),
    Case("replace_host", "http-request replace-header Host (.*) x.%[path]", send=[get("/a")]),
    Case(
        "return_stripped",
        "http-response return status 200 content-type a/b string hi if { res.hdr(x-origin) one }\nhttp-after-response del-header content-type",
        send=[get(), get()],
    ),
    Case("redirect_response_post", "http-response redirect location /a", send=[get(method="POST", body="abc"), get()]),
    Case("tarpit_post", "http-request tarpit", send=[get(method="POST", body="abc"), get()]),
    Case(
        "wait_continue",
        "http-request wait-for-body time 1s at-least 2\nhttp-request deny if { req.body_len ge 3 }",
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", 0.1, b"abc"],
        answers=1,
    ),
    Case(
        "two_conditions",
        "http-request set-var(txn.host) req.hdr(host)\nhttp-request deny if { var(txn.host),length gt 3 } { var(txn.host) -m end example }",
        send=[get()],
    ),
    Case(
        "acl_twice",
        "acl bad req.hdr(x) -m reg ^b.d$\nacl bad path_end .php\nhttp-request deny if bad\nuse_backend be_acl_twice unless bad",
        send=[get(headers="X: bad\r\n"), get("/x.php"), get()],
    ),
    Case(
        "dontlog_normal",
        "option dontlog-normal\nhttp-request return status 200 if { path /a }\nhttp-request deny if { path /b }",
        send=[get("/a"), get("/b"), get("/c")],
        logs=2,
    ),
    Case(
        "separate_errors",
        "option log-separate-errors\nhttp-request deny if { path /b }\nhttp-request return status 500 if { path /c }",
        send=[get("/b"), get("/c"), get("/d")],
    ),
]
