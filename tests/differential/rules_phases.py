"""Cases of the comparison with haproxy: what rules on responses still know of the request."""

from __future__ import annotations

from rules_rig import Case, get

ASKED = get("/a?u=1", headers="Cookie: c=1\r\nX: y\r\nReferer: r\r\n")
CONDITIONS = {
    "path": "{ path /a }",
    "not_path": "!{ path /b }",
    "method": "{ method GET }",
    "req_hdr": "{ req.hdr(x) y }",
    "hdr": "{ hdr(x) y }",
    "url": "{ url_beg /a }",
    "cook": "{ req.cook(c) 1 }",
    "query": "{ query -m found }",
    "version": "{ req.ver 1.1 }",
    "base": "{ base -m found }",
    "urlp": "{ urlp(u) 1 }",
    "predefined": "HTTP_1.1",
    "meth_get": "METH_GET",
    "or": "{ path /a } or { status 200 }",
    "and": "{ path /a } { status 200 }",
    "capture": "{ capture.req.uri -m found }",
    "fhdr": "{ req.fhdr(x) y }",
    "body": "{ req.body -m found }",
    "hdrs": "{ req.hdrs -m found }",
    "body_len": "{ req.body_len 0 }",
    "count": "{ req.hdr_cnt(x) 1 }",
    "names": "{ req.hdr_names -m found }",
    "unique_id": "{ unique-id -m found }",
    "first": "{ http_first_req }",
    "response": "{ res.hdr(x-origin) one }",
}
PHASES = [
    *[Case(f"seen_{name}", f"http-response set-header X-A b if {condition}", send=[ASKED]) for name, condition in CONDITIONS.items()],
    Case("seen_log", "log-format %[method],%[status],%[capture.req.uri]", send=[ASKED]),
    Case("early_response", "http-request set-header X-A b if { res.hdr(x) y } or !{ status 200 }", send=[ASKED]),
    Case("seen_after", "http-after-response set-header X-A b if { path /a }\nhttp-after-response set-header X-B b if !{ path /a }", send=[ASKED]),
    Case("seen_denied", "http-request deny\nhttp-after-response set-header X-A b if { path /a }\nhttp-after-response set-header X-S %[status]", send=[ASKED]),
    Case("seen_named", "acl p path /a\nhttp-response set-header X-A b if p\nacl p path /b\nacl p status 404\nhttp-request set-header X-A b if p", send=[ASKED]),
    Case("seen_alternative", "acl p path /a\nhttp-response set-header X-A b if p\nacl p status 200", send=[ASKED]),
    Case(
        "seen_tcp",
        back="tcp-response content set-var(txn.a) str(1) if { path /a }\ntcp-response content set-var(txn.b) str(1) if { res.len gt 0 }\n"
        "tcp-response content set-var(txn.c) str(1) if { status 200 }\nhttp-response set-header X-V a%[var(txn.a)]b%[var(txn.b)]c%[var(txn.c)]",
        send=[ASKED],
    ),
]
