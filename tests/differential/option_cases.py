"""Words of proxies and servers that change what a stream does: each in a case or more, so that none is silently ignored."""

from __future__ import annotations

from harness import OK, Case
from stream_http_cases import answer, chunked, get, post
from stream_peers import BODY, CLOSE, FIN, RST, Answers, Script, Until, turns

NAMES = "X_A: 1\r\nX.B: 2\r\nX-C: 3\r\nX!D: 4\r\n"
RESTRICTED = [
    Case(f"names_{face}_{how}", (get("/1", NAMES), Answers(1), get("/2")), **{face: f"option http-restrict-req-hdr-names {how}"})  # type: ignore[arg-type]
    for face in ("front", "back")
    for how in ("preserve", "reject", "delete")
] + [
    Case("names_both", (get("/1", NAMES),), "option http-restrict-req-hdr-names delete", "option http-restrict-req-hdr-names reject"),
    Case("names_rule_before", (get("/1", NAMES),), "option http-restrict-req-hdr-names delete\nhttp-request set-header X-Seen %[req.hdr(x_a)]\nhttp-request set-header y_z 1"),
    Case("names_rule_backend", (get("/1", "X-C: 1\r\n"),), "http-request set-header y_z 1", "option http-restrict-req-hdr-names delete"),
    Case("names_listen", (get("/1", NAMES),), "option http-restrict-req-hdr-names reject", listen=True),
    Case("names_redirect", (get("/1", NAMES),), "option http-restrict-req-hdr-names reject\nredirect location /x"),
    Case("names_stats", (get("/1", NAMES),), "option http-restrict-req-hdr-names reject\nstats uri /1"),
    Case("names_rules_first", (get("/1", NAMES),), "option http-restrict-req-hdr-names reject\nhttp-request return status 200"),
]  # fmt: skip

COOKIE = "Set-Cookie: a=b\r\n"
CACHES = {
    "plain": answer(headers=COOKIE),
    "no_cookie": answer(),
    "private": answer(headers=COOKIE + "Cache-Control: private\r\n"),
    "no_cache": answer(headers=COOKIE + "Cache-Control: no-cache\r\n"),
    "no_store": answer(headers=COOKIE + "Cache-Control: no-store\r\n"),
    "max_age0": answer(headers=COOKIE + "Cache-Control: max-age=0\r\n"),
    "s_maxage0": answer(headers=COOKIE + "Cache-Control: s-maxage=0\r\n"),
    "max_age": answer(headers=COOKIE + "Cache-Control: max-age=10\r\n"),
    "etag": answer(headers=COOKIE + 'ETag: "a"\r\n'),
    "expires": answer(headers=COOKIE + "Expires: Thu, 01 Dec 2050 16:00:00 GMT\r\n"),
    "max_age_private": answer(headers=COOKIE + "Cache-Control: max-age=10, private\r\n"),
    "max_age_moved": answer("302 Found", headers=COOKIE + "Cache-Control: max-age=10\r\n"),
    "max_age_404": answer("404 No", headers=COOKIE + "Cache-Control: max-age=10\r\n"),
    "max_age_206": answer("206 Part", headers=COOKIE + "Cache-Control: max-age=10\r\n"),
    "max_age_pragma": answer(headers=COOKIE + "Pragma: no-cache\r\nCache-Control: max-age=10\r\n"),
    "public": answer(headers=COOKIE + "Cache-Control: public\r\n"),
    "public_private": answer(headers=COOKIE + "Cache-Control: public, private\r\n"),
    "no_cache_field": answer(headers=COOKIE + 'Cache-Control: no-cache="set-cookie"\r\n'),
    "no_cache_two": answer(headers=COOKIE + 'Cache-Control: no-cache="set-cookie, x"\r\n'),
    "no_cache_set_cookie2": answer(headers="Set-Cookie2: a=b\r\n"),
    "no_cache_other": answer(headers=COOKIE + 'Cache-Control: no-cache="x"\r\n'),
    "pragma": answer(headers=COOKIE + "Pragma: no-cache\r\n"),
    "pragma_cache": answer(headers=COOKIE + "Pragma: no-cache\r\nCache-Control: public\r\n"),
    "moved": answer("302 Found", headers=COOKIE + "Location: /\r\n"),
    "gone": answer("410 Gone", headers=COOKIE),
    "error": answer("500 Oops", headers=COOKIE),
    "partial": answer("206 Part", headers=COOKIE),
}
CHECKCACHE = [Case(f"cache_{name}", (get("/1"), Answers(1), get("/2")), back="option checkcache", origin={b"/1": (BODY, text)}) for name, text in CACHES.items()]
CHECKCACHE += [
    Case("cache_post", (post("/1"),), back="option checkcache", origin=(BODY, CACHES["max_age"])),
    Case("cache_authorized", (get("/1", "Authorization: Basic x\r\n"),), back="option checkcache", origin=(BODY, CACHES["max_age"])),
    Case("cache_authorized_public", (get("/1", "Authorization: Basic x\r\n"),), back="option checkcache", origin=(BODY, CACHES["public"])),
    Case("cache_rule_removes", (get("/1"),), back="option checkcache\nhttp-response del-header set-cookie", origin=(BODY, CACHES["max_age"])),
    Case("cache_rule_allows", (get("/1"),), back="option checkcache\nhttp-response set-header cache-control private", origin=(BODY, CACHES["max_age"])),
    Case("cache_off", (get("/1"),), back="option checkcache\nno option checkcache", origin=(BODY, CACHES["max_age"])),
]

CAPTURES = [
    Case("capture_cookie", (get("/1", "Cookie: x=1; sid=abcdef; y=2\r\n"),), "capture cookie sid len 20"),
    Case("capture_cookie_short", (get("/1", "Cookie: sid=abcdef\r\n"),), "capture cookie sid len 6"),
    Case("capture_cookie_exact", (get("/1", "Cookie: sidx=1; sid=abcdef\r\n"),), "capture cookie sid= len 20"),
    Case("capture_cookie_prefix", (get("/1", "Cookie: xsid=1; sidx=2\r\n"),), "capture cookie sid len 20"),
    Case("capture_cookie_star", (get("/1", "Cookie: sid*=1; sidx=2\r\n"),), "capture cookie sid* len 20"),
    Case("capture_cookie_none", (get("/1", "Cookie: a=1\r\n"),), "capture cookie sid len 20"),
    Case("capture_cookie_two_lines", (get("/1", "Cookie: a=1\r\nCookie: sid=2\r\nCookie: sid=3\r\n"),), "capture cookie sid len 20"),
    Case("capture_cookie_odd", (get("/1", 'Cookie: sid="a b;c"; z\r\n'),), "capture cookie sid len 20"),
    Case("capture_cookie_empty", (get("/1", "Cookie: sid=\r\n"),), "capture cookie sid len 20"),
    Case("capture_set_cookie", (get("/1", "Cookie: sid=1\r\n"),), "capture cookie sid len 9", origin=(BODY, answer(headers="Set-Cookie: sid=abcdefgh; path=/\r\nSet-Cookie: sid=second\r\n"))),
    Case("capture_set_cookie_star", (get("/1"),), "capture cookie s* len 9", origin=(BODY, answer(headers="Set-Cookie: t=1; secret=2\r\nSet-Cookie: sid=second\r\n"))),
    Case("capture_cookie_denied", (get("/1", "Cookie: sid=1\r\n"),), "capture cookie sid len 9\nhttp-request deny"),
    Case("capture_cookie_format", (get("/1", "Cookie: sid=1\r\n"),), 'capture cookie sid len 9\nlog-format "%ft %CC %{+Q}CC %CS"'),
    Case("capture_cookie_listen", (get("/1", "Cookie: sid=1\r\n"), Answers(1), get("/2")), "capture cookie sid len 9", listen=True),
]

ABORT: Script = (BODY, CLOSE)
JUNK: Script = (BODY, b"hello world\r\n\r\n")
SILENT: Script = (BODY,)


def failing(*first: Script) -> dict[bytes, object]:
    return {b"/": turns(*first, (BODY, OK))}


ERRORS = (401, 403, 404, 408, 425, 500, 501, 502, 503, 504)
RETRIES = [
    *(Case(f"retry_{code}", (get("/1"), Answers(1), get("/2")), back=f"retry-on {code}", origin=failing((BODY, answer(f"{code} Bad")))) for code in ERRORS),  # type: ignore[arg-type]
    *(Case(f"retry_all_{code}", (get("/1"),), back="retry-on all-retryable-errors", origin=failing((BODY, answer(f"{code} Bad")))) for code in ERRORS),  # type: ignore[arg-type]
    Case("retry_empty", (get("/1"),), back="retry-on empty-response", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_empty_rst", (get("/1"),), back="retry-on empty-response", origin=failing((BODY, RST))),  # type: ignore[arg-type]
    Case("retry_empty_not", (get("/1"),), back="retry-on conn-failure", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_empty_partial", (get("/1"),), back="retry-on empty-response", origin=failing((BODY, b"HTTP/1.1 200", CLOSE))),  # type: ignore[arg-type]
    Case("retry_junk_partial", (get("/1"),), back="retry-on junk-response", origin=failing((BODY, b"HTTP/1.1 200", CLOSE))),  # type: ignore[arg-type]
    Case("retry_junk", (get("/1"),), back="retry-on junk-response", origin=failing(JUNK)),  # type: ignore[arg-type]
    Case("retry_junk_not", (get("/1"),), back="retry-on empty-response", origin=failing(JUNK)),  # type: ignore[arg-type]
    Case("retry_timeout", (get("/1"),), back="retry-on response-timeout\ntimeout server 300ms", origin=failing(SILENT)),  # type: ignore[arg-type]
    Case("retry_timeout_not", (get("/1"),), back="retry-on empty-response\ntimeout server 300ms", origin=failing(SILENT)),  # type: ignore[arg-type]
    Case("retry_all_empty", (get("/1"),), back="retry-on all-retryable-errors", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_all_timeout", (get("/1"),), back="retry-on all-retryable-errors\ntimeout server 300ms", origin=failing(SILENT)),  # type: ignore[arg-type]
    Case("retry_all_junk", (get("/1"),), back="retry-on all-retryable-errors", origin=failing(JUNK)),  # type: ignore[arg-type]
    Case("retry_until_none_left", (get("/1"), Answers(1), get("/2")), back="retry-on empty-response\nretries 2", origin=failing(ABORT, ABORT, ABORT, ABORT, ABORT, ABORT)),  # type: ignore[arg-type]
    Case("retry_503_until_none_left", (get("/1"),), back="retry-on 503\nretries 2", origin=(BODY, answer("503 Bad"))),
    Case("retry_none", (get("/1"),), back="retry-on none", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_none_refused", (get("/1"),), back="retry-on none", address="{refused}"),
    Case("retry_empty_refused", (get("/1"),), back="retry-on empty-response\nretries 1", address="{refused}"),
    Case("retries_0", (get("/1"),), back="retry-on empty-response\nretries 0", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retries_0_refused", (get("/1"),), back="retries 0", address="{refused}"),
    Case("retries_1_refused", (get("/1"),), back="retries 1", address="{refused}"),
    Case("retry_post", (post("/1"),), back="retry-on empty-response", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_post_disabled", (post("/1"),), back="retry-on empty-response\nhttp-request disable-l7-retry if METH_POST", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_disabled_status", (get("/1"),), back="retry-on 503\nhttp-request disable-l7-retry", origin=failing((BODY, answer("503 Bad")))),  # type: ignore[arg-type]
    Case("retry_chunked", (chunked("/1"),), back="retry-on 503", origin=failing((BODY, answer("503 Bad")))),  # type: ignore[arg-type]
    Case("retry_post_slow", (post("/1", body=b"", length=6), 0.1, b"abc", 0.1, b"def"), answers=1, back="retry-on empty-response", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_post_early", (post("/1", body=b"", length=6), 0.1, b"abc", 0.3, b"def"), answers=1, back="retry-on empty-response", origin=failing((0.2, CLOSE))),  # type: ignore[arg-type]
    Case("retry_post_big", (post("/1", body=b"x" * 40000),), answers=1, back="retry-on empty-response", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_post_fits", (post("/1", body=b"x" * 14000),), answers=1, back="retry-on empty-response", origin=failing(ABORT)),  # type: ignore[arg-type]
    Case("retry_redispatch", (get("/1"), Answers(1), get("/2")), back="retry-on empty-response\noption redispatch 1", servers=("s2 {origin2}",), origin=ABORT, origin2=(BODY, answer(headers="X-Two: 1\r\n"))),
    Case("retry_roundrobin", (get("/1"), Answers(1), get("/2")), back="retry-on 503\nbalance roundrobin", servers=("s2 {origin2}",), origin=(BODY, answer("503 Bad")), origin2=(BODY, answer(headers="X-Two: 1\r\n"))),
    Case("retry_kept_connection", (get("/1"), Answers(1), get("/die")), back="retry-on empty-response", origin={b"/die": turns(ABORT, (BODY, OK))}),  # type: ignore[dict-item]
    Case("retry_reused_conn_failure", (get("/1"), Answers(1), get("/die")), answers=1, origin={b"/die": turns(ABORT, (BODY, OK))}),  # type: ignore[dict-item]
    Case("retry_informational", (get("/1"),), back="retry-on empty-response", origin=failing((BODY, b"HTTP/1.1 100 Continue\r\n\r\n", 0.1, CLOSE))),  # type: ignore[arg-type]
    Case("retry_rules_once", (get("/1"),), back="retry-on 503\nhttp-request add-header x-n 1\nhttp-response add-header x-r 1\nhttp-send-name-header x-s", origin=failing((BODY, answer("503 Bad")))),  # type: ignore[arg-type]
    Case("retry_maxconn", (get("/1"), Answers(1), get("/2")), back="retry-on 503", server="maxconn 1", origin=failing((BODY, answer("503 Bad")))),  # type: ignore[arg-type]
]

ENDS = [
    Case("nolinger_front", (get("/1", "Connection: close\r\n"),), "option nolinger"),
    Case("nolinger_back", (get("/1"), Answers(1), get("/2")), back="option nolinger\noption http-server-close"),
    Case("nolinger_front_bad", (b"nonsense\r\n\r\n",), "option nolinger", answers=1, logs=1),
    Case("nolinger_front_deny", (get("/1", "Connection: close\r\n"),), "option nolinger\nhttp-request deny"),
    Case("nolinger_tcp", (b"hello", Until(b"hi"), FIN, 0.2), "option nolinger", tcp=True, origin=(Until(b"hello"), b"hi", 0.1, CLOSE), answers=0),
    Case("nolinger_tcp_back", (b"hello", Until(b"hi"), FIN, 0.2), back="option nolinger", tcp=True, origin=(Until(b"hello"), b"hi", 0.2, FIN, 0.2), answers=0),
    Case("independent", (b"hello", Until(b"six"), 0.3), "timeout client 500ms\noption independent-streams", tcp=True, origin=(Until(b"hello"), *(item for word in (b"one", b"two", b"three", b"four", b"five", b"six") for item in (word, 0.3))), answers=0),  # fmt: skip
    Case("dependent", (b"hello", Until(b"six"), 0.3), "timeout client 500ms", tcp=True, origin=(Until(b"hello"), *(item for word in (b"one", b"two", b"three", b"four", b"five", b"six") for item in (word, 0.3))), answers=0),  # fmt: skip
    Case("independent_back", (b"hello", *(item for word in (b"one", b"two", b"three", b"four") for item in (word, 0.3)), 0.3), back="timeout server 500ms\noption independent-streams", tcp=True, answers=0),
    Case("dependent_back", (b"hello", *(item for word in (b"one", b"two", b"three", b"four") for item in (word, 0.3)), CLOSE), back="timeout server 500ms", tcp=True, answers=0),
    Case("splice", (get("/1"),), "option splice-auto\noption splice-request", "option splice-response"),
    Case("prefer_last", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="option prefer-last-server\nbalance roundrobin", servers=("s2 {origin2}",)),
    Case("prefer_last_close", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="option prefer-last-server\nbalance roundrobin\noption http-server-close", servers=("s2 {origin2}",)),
    Case("prefer_last_not", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="balance roundrobin", servers=("s2 {origin2}",)),
    Case("prefer_last_never", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="balance roundrobin\nhttp-reuse never", servers=("s2 {origin2}",)),
    Case("prefer_last_private", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="balance roundrobin\nhttp-reuse never\noption prefer-last-server", servers=("s2 {origin2}",)),
    Case("prefer_last_401", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="balance roundrobin", servers=("s2 {origin2}",), origin=(BODY, answer("401 No", "WWW-Authenticate: Basic\r\n")), origin2=(BODY, answer("401 No", "WWW-Authenticate: Basic\r\n"))),
    Case("prefer_last_ntlm", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="balance roundrobin", servers=("s2 {origin2}",), origin=(BODY, answer("401 No", "WWW-Authenticate: NTLM\r\n")), origin2=(BODY, answer("401 No", "WWW-Authenticate: Negotiate\r\n"))),
    Case("prefer_last_407", (get("/1"), Answers(1), get("/2"), Answers(2), get("/3")), back="balance roundrobin", servers=("s2 {origin2}",), origin=(BODY, answer("407 No", "Proxy-Authenticate: Basic\r\n")), origin2=(BODY, answer("407 No", "Proxy-Authenticate: NTLM\r\n"))),
    Case("rate_limit", (get("/1"),), "rate-limit sessions 2", others=((0.05, get("/2")), (0.1, get("/3")), (0.15, get("/4"))), logs=4),
    Case("fullconn", (get("/1"),), back="fullconn 10", server="minconn 1 maxconn 4", others=((0.05, get("/2")), (0.1, get("/3"))), origin=(BODY, 0.3, OK), logs=3),
    Case("maxqueue", (get("/1"),), server="maxconn 1 maxqueue 1", servers=("s2 {origin2} maxconn 1",), others=((0.05, get("/2")), (0.1, get("/3")), (0.15, get("/4"))), origin=(BODY, 0.4, OK), origin2=(BODY, 0.4, OK), logs=4),
    Case("unique_id", (get("/1"), Answers(1), get("/2")), 'unique-id-format "%ci-%[path]-%f"\nunique-id-header X-Unique\nlog-format "%ft %ID %[unique-id]"'),
    Case("unique_id_unset", (get("/1"),), 'unique-id-header X-Unique\nlog-format "%ft %ID"'),
    Case("unique_id_logged_only", (get("/1"),), 'unique-id-format "%ci-%[path]"\nlog-format "%ft %ID"'),
    Case("forward_except", (get("/1", "X-Forwarded-For: 1.2.3.4\r\n"),), "option forwardfor except 127.0.0.0/8"),
    Case("forward_if_none", (get("/1", "X-Forwarded-For: 1.2.3.4\r\n"),), "option forwardfor if-none"),
    Case("forward_header", (get("/1"),), "option forwardfor header X-Client", "option forwardfor"),
    Case("forward_original_except", (get("/1"),), "option originalto except 127.0.0.0/8"),
    Case("buffer_request", (post("/1", body=b"", length=6), 0.1, b"abc", 0.1, b"def"), 'option http-buffer-request\nhttp-request set-header x-body %[req.body]', answers=1),
    Case("buffer_request_back", (post("/1", body=b"", length=6), 0.1, b"abc", 0.1, b"def"), "", 'option http-buffer-request\nhttp-request set-header x-body %[req.body]', answers=1),
    Case("buffer_request_timeout", (post("/1", body=b"", length=6), 0.1, b"abc", 0.6), "option http-buffer-request\ntimeout http-request 400ms", answers=1),
    Case("buffer_request_log", (post("/1", body=b"", length=6), 0.2, b"abcdef"), "", "option http-buffer-request", answers=1),
    Case("tarpit", (get("/1"),), "http-request tarpit\ntimeout tarpit 300ms"),
    Case("tarpit_connect", (get("/1"),), "", "http-request tarpit deny_status 429\ntimeout connect 300ms"),
    Case("send_name", (get("/1", "X-S: other\r\n"),), back="http-send-name-header X-S"),
    Case("redir", (get("/1?x"),), server="redir http://other.example/base"),
    Case("redir_head", (get("/1", method="HEAD"),), server="redir http://other.example/base", answers=0),
    Case("redir_post", (post("/1"), Answers(1), get("/2")), server="redir http://other.example/base"),
    Case("redir_absolute", (get("http://a.example/1?x"),), server="redir http://other.example/base/"),
    Case("retries_pool", (get("/1"), Answers(1), get("/2")), server="pool-low-conn 5 pool-max-conn 3"),
    Case("ws_word", (get("/1"),), server="ws h1"),
    Case("errors_429", (get("/1"),), "http-request deny deny_status 429\nerrorfile 429 /dev/null", answers=0, patience=0.3, logs=1),
    Case("ignore_probes", (0.1, CLOSE), "option http-ignore-probes", answers=0, logs=0),
    Case("h2_preface_disabled", (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), "option disable-h2-upgrade", answers=1, logs=1),
    Case("use_server_down", (get("/1"),), back="use-server s2 if TRUE", servers=("s2 {refused} disabled",)),
    Case("logasap_big", (get("/1"),), "option logasap", origin=(BODY, answer(body=b"x" * 100))),
]  # fmt: skip

LONG = [
    Case("long_uri", (get("/" + "a" * 3000),)),
    Case("cookie_2_captured", (get("/1"),), "capture cookie sid len 10", origin=(BODY, answer(headers="Set-Cookie2: sid=abc\r\n"))),
    Case("long_cookie", (get("/1", "Cookie: sid=" + "a" * 200 + "\r\n"),), "capture cookie sid len 100"),
]
ADJUSTED = " h1-case-adjust host Host\n h1-case-adjust x-origin X-Origin\n h1-case-adjust content-length Content-LENGTH\n h1-case-adjust x-t X-T\n h1-case-adjust connection Connection\n"
CASE_OF_NAMES = [  # with ADJUSTED in the global section
    Case("case_client", (get("/1"), Answers(1), get("/2")), "option h1-case-adjust-bogus-client"),
    Case("case_server", (post("/1"),), back="option h1-case-adjust-bogus-server"),
    Case("case_both", (get("/1"),), "option h1-case-adjust-bogus-client", "option h1-case-adjust-bogus-server"),
    Case("case_off", (get("/1"),), "option h1-case-adjust-bogus-client\nno option h1-case-adjust-bogus-client"),
    Case("case_closed", (get("/1", "Connection: close\r\n"),), "option h1-case-adjust-bogus-client", "option h1-case-adjust-bogus-server"),
    Case("case_denied", (get("/1"),), "option h1-case-adjust-bogus-client\nhttp-request deny"),
    Case("case_trailers", (chunked(chunks=b"5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n"),), "option h1-case-adjust-bogus-client", "option h1-case-adjust-bogus-server",
         origin=(BODY, answer(headers="Transfer-Encoding: chunked\r\n", body=b"5\r\nhello\r\n0\r\nX-t: 1\r\n\r\n", length=False))),
    Case("case_informational", (get("/1"),), "option h1-case-adjust-bogus-client", origin=(BODY, b"HTTP/1.1 103 Early Hints\r\nX-t: </a>\r\n\r\n", 0.05, OK)),
    Case("case_bad", (b"nonsense\r\n\r\n",), "option h1-case-adjust-bogus-client", answers=1, logs=1),
]
CASES = [*LONG, *RESTRICTED, *CHECKCACHE, *CAPTURES, *RETRIES, *ENDS]
