"""Lives of requests whose cookies bind clients to servers: every mode of `cookie`, what overrules it, and servers that are down."""

from __future__ import annotations

import time

from harness import Case
from stream_peers import BODY, Answers, Script

from pylb.stream.persist import write_date


def get(target: str = "/", headers: str = "", method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    return f"{method} {target} HTTP/{version}\r\nHost: a.example\r\n{headers}\r\n".encode("latin-1")


def post(headers: str = "") -> bytes:
    return f"POST / HTTP/1.1\r\nHost: a.example\r\n{headers}Content-Length: 5\r\n\r\nhello".encode("latin-1")


def answer(status: str = "200 OK", headers: str = "", body: bytes = b"hello") -> bytes:
    """A response of a server."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode("latin-1") + body


TWO = (BODY, answer(headers="X-Origin: two\r\n", body=b"two"))
SECOND = ("s2 {origin2} cookie s2",)
NOW = int(time.time())


def cookie(text: str, target: str = "/") -> bytes:
    return get(target, f"Cookie: {text}\r\n")


def dated(server: str, last: int | None = None, first: int | None = None) -> bytes:
    """A request with a cookie whose dates are so many seconds ago."""
    dates = [write_date(NOW - age).decode() for age in (last, first) if age is not None]
    return cookie("|".join(["SRV=" + server, *dates]))


def sets(*cookies: str, status: str = "200 OK", headers: str = "") -> Script:
    return (BODY, answer(status, headers="".join(f"Set-Cookie: {one}\r\n" for one in cookies) + headers))


def case(name: str, words: str, *requests: bytes, **facts: object) -> Case:
    """Requests in turn on one connection, to two servers with cookies s1 and s2; `back` is added to the backend."""
    script: list[object] = []
    for number, request in enumerate(requests, 1):
        script += [request, Answers(number), 0.02]
    back = f"cookie SRV {words}\n{facts.pop('back', '')}"
    made: dict[str, object] = {"server": "cookie s1", "servers": SECOND, "origin2": TWO, **facts}
    return Case(name, tuple(script), back=back, **made)  # type: ignore[arg-type]


NONE, ONE, BOTH, BAD, UNKNOWN = get(), cookie("SRV=s2"), cookie("a=b; SRV=s2; c=d"), cookie("SRV=bad; a=b"), cookie("other=1")
FIVE = (NONE, ONE, BOTH, BAD, UNKNOWN)
MODES = {
    "passive": "",
    "indirect": "indirect",
    "rewrite": "rewrite",
    "insert": "insert",
    "insert_indirect": "insert indirect",
    "prefix": "prefix",
    "prefix_indirect": "prefix indirect",
    "insert_preserve": "insert preserve",
    "insert_indirect_preserve": "insert indirect preserve",
    "indirect_preserve": "indirect preserve",
    "prefix_indirect_preserve": "prefix indirect preserve",
    "nocache": "insert indirect nocache",
    "postonly": "insert postonly",
}
SERVER_SETS = sets("other=1; path=/x", "SRV=own; path=/", "SRV=")

IN_MODES = [
    *(case(f"mode_{name}", words, *FIVE) for name, words in MODES.items()),
    *(case(f"sets_{name}", words, *FIVE, origin=SERVER_SETS, origin2=SERVER_SETS) for name, words in MODES.items()),
    *(
        case(f"prefixed_{name}", words, cookie("a=b; SRV=s2~mine; c=d"), cookie("SRV=bad~mine"), cookie("SRV=~mine"), cookie("SRV=s2~"))
        for name, words in MODES.items()
    ),
    case("post_postonly", "insert postonly", post(), post(headers="Cookie: SRV=s2\r\n"), get()),
    case("attributes", "insert httponly secure domain .a.example domain b.example attr SameSite=None attr x", NONE),
    case("attributes_nocache", "insert nocache httponly attr SameSite=None", NONE),
    case("secure", "insert secure", NONE),
    case("server_without", "insert indirect", *FIVE, server="", servers=("s2 {origin2}",)),
    case("server_without_sets", "insert", *FIVE, server="", servers=("s2 {origin2}",), origin=SERVER_SETS, origin2=SERVER_SETS),
    case("server_without_rewrite", "rewrite", *FIVE, server="", origin=SERVER_SETS, origin2=SERVER_SETS),
    case("server_without_prefix", "prefix", *FIVE, server="", origin=SERVER_SETS, origin2=SERVER_SETS),
    case("server_without_one", "insert", NONE, NONE, ONE, server=""),
    case("same_cookie", "insert indirect", NONE, cookie("SRV=s1"), cookie("SRV=s1"), servers=("s2 {origin2} cookie s1",)),
    case("listen", "insert indirect", *FIVE, listen=True),
    case("listen_denied", "insert indirect", ONE, get("/no"), front="http-request deny if { path /no }", listen=True),
    case("denied", "insert indirect", get("/no", "Cookie: SRV=s2\r\n"), front="http-request deny if { path /no }"),
    case("denied_behind", "insert indirect", get("/no", "Cookie: SRV=s2\r\n"), back="http-request deny if { path /no }"),
    case("listen_denied_cookie", "insert indirect", cookie("SRV=s2", "/no"), front="http-request deny if { path /no }", listen=True),
    case("denied_bad", "prefix", cookie("SRV=s9~x", "/no"), back="http-request deny if { path /no }"),
    case("denied_returns", "insert indirect", cookie("SRV=s2", "/no"), back="http-request return status 200"),
    case("denied_redirects", "insert indirect", cookie("SRV=s2", "/no"), back="http-request redirect location /"),
    case("tarpit", "insert indirect", cookie("SRV=s2", "/no"), back="http-request tarpit\ntimeout tarpit 100ms"),
    case("auth", "insert indirect", cookie("SRV=s2", "/no"), back="http-request auth"),
    case("rejected", "insert indirect", cookie("SRV=s2", "/no"), back="http-request reject", answers=0),
    case("listen_bad_request", "insert indirect", b"GET /\r\n\r\n", listen=True, answers=1, patience=0.3),
    case("response_denied", "insert indirect", ONE, NONE, back="http-response deny"),
    case("response_header", "insert", NONE, back="http-response set-header x-cookie %[res.cook(SRV)]\nhttp-after-response set-header x-after %[res.cook(SRV)]"),
    case("no_reuse", "insert indirect", *FIVE, back="http-reuse never"),
    case("close", "insert indirect", NONE, back="option httpclose", answers=1),
    case("old_client", "insert indirect", get(version="1.0"), answers=1),
    case("clf", "insert indirect", *FIVE, front="option httplog clf"),
    case("format", "insert indirect", *FIVE, front='log-format "f_format %tsc %CC %CS %b/%s %ST"\ncapture cookie SRV len 6'),
    case("captured", "prefix", NONE, cookie("SRV=s2~abc"), UNKNOWN, front="capture cookie SRV len 32", origin=SERVER_SETS, origin2=SERVER_SETS),
    case("captured_hidden", "insert indirect", NONE, ONE, cookie("SRVX=1; SRV=s2"), front="capture cookie SRV len 32", origin=SERVER_SETS, origin2=SERVER_SETS),
    case("leastconn", "insert indirect", *FIVE, back="balance leastconn"),
    case("not_http", "insert indirect", b"hello\r\n", tcp=True, answers=0, origin=(BODY,), origin2=(BODY,), patience=0.2),
]

ODD = {
    "spaces": "a = b ; SRV = s2 ;c= d",
    "two": "SRV=s1; SRV=s2",
    "two_bad": "SRV=bad; SRV=s2",
    "bad_two": "SRV=s2; SRV=bad",
    "quoted": 'SRV="s2"',
    "empty": "SRV=; a=b",
    "bare": "SRV; a=b",
    "attributes": "$Version=1; SRV=s2; $Path=/; a=b",
    "commas": "a=b, SRV=s2, c=d",
    "tail": "a=b; SRV=s2;",
    "head": ";SRV=s2",
    "case": "srv=s2",
    "bars": "SRV=s2|",
    "bars2": "SRV=s2||",
    "bars3": "SRV=s2|abc|def",
    "long": "SRV=s2|AAAAAAAA|BBBBBBBB",
    "tilde": "SRV=s2~x",
}
ODDITIES = [
    *(case(f"odd_{name}", "insert indirect", cookie(text)) for name, text in ODD.items()),
    *(case(f"odd_prefix_{name}", "prefix", cookie(text)) for name, text in ODD.items()),
    case("two_fields", "insert indirect", get("/", "Cookie: a=b\r\nCookie: SRV=s2\r\nCookie: c=d\r\n")),
    case("two_fields_both", "insert indirect", get("/", "Cookie: SRV=s1; a=b\r\nX: y\r\nCookie: SRV=s2\r\n")),
    case("set_cookie_folded", "rewrite", NONE, origin=sets("a=b; path=/, SRV=x; path=/")),
    case("set_cookie_spaced", "rewrite", NONE, origin=sets("SRV = x ; path = /")),
    case("set_cookie_quoted", "prefix", NONE, origin=sets('SRV="x;y"; path=/')),
    case("set_cookie_2", "insert", NONE, origin=sets(headers="Set-Cookie2: SRV=x\r\n")),
]

MINUTES = 60
AGES: dict[str, tuple[bytes, ...]] = {
    "none": (ONE, NONE, BAD),
    "fresh": (dated("s2", 0), dated("s2", 0, 0)),
    "used": (dated("s2", 100), dated("s2", 100, 200)),
    "idle": (dated("s2", 1000), dated("s2", 1000, 1000)),
    "old": (dated("s2", 100, 10000), dated("s2", 0, 10000)),
    "future": (dated("s2", -1000), dated("s2", -90000), dated("s2", 0, -90000), dated("s2", -1000, -1000)),
    "bad_server": (dated("s9", 100), dated("s9", 1000, 10000)),
    "nonsense": (cookie("SRV=s2|?????"), cookie("SRV=s2|abcd"), cookie("SRV=s2|abcde|fghij"), cookie("SRV=s2|AAAAA")),
}
LIMITS = {
    "idle": "insert indirect maxidle 10m",
    "life": "insert indirect maxlife 2h",
    "both": "insert indirect maxidle 10m maxlife 2h",
    "not": "insert indirect",
    "rewrite": "rewrite maxidle 10m",
}
DATES = [case(f"dates_{limit}_{age}", words, *requests) for limit, words in LIMITS.items() for age, requests in AGES.items()]

DOWN = "cookie s1 disabled"
DEAD = {"address": "{refused}", "server": "cookie s1", "back": "retries 1\ntimeout connect 200ms"}
STICKY = cookie("a=b; SRV=s1")
DOWN_SERVERS = [
    case("down", "insert indirect", STICKY, STICKY, server=DOWN),
    case("down_persist", "insert indirect", STICKY, server=DOWN, back="option persist"),
    case("down_persist_dead", "insert indirect", STICKY, server=DOWN, address="{refused}", back="option persist\nretries 1\ntimeout connect 200ms"),
    case(
        "down_persist_dead_redispatch",
        "insert indirect",
        STICKY,
        server=DOWN,
        address="{refused}",
        back="option persist\noption redispatch\nretries 1\ntimeout connect 200ms",
    ),
    case("down_force", "insert indirect", STICKY, NONE, server=DOWN, back="force-persist if { req.cook(a) b }"),
    case(
        "down_force_dead",
        "insert indirect",
        STICKY,
        server=DOWN,
        address="{refused}",
        back="force-persist if TRUE\noption redispatch 1\nretries 2\ntimeout connect 200ms",
    ),
    case("down_rewrite", "rewrite", STICKY, server=DOWN, origin2=SERVER_SETS),
    case("down_prefix", "prefix", cookie("SRV=s1~x"), server=DOWN, origin2=SERVER_SETS),
    case("down_both", "insert indirect", STICKY, server=DOWN, servers=("s2 {origin2} cookie s2 disabled",)),
    case("down_same_cookie", "insert indirect", STICKY, server=DOWN, servers=("s2 {origin2} cookie s1",)),
    case("backup_same_cookie", "insert indirect", STICKY, server=DOWN, servers=("s2 {origin2} cookie s1 backup",)),
    case("weightless", "insert indirect", STICKY, NONE, server="cookie s1 weight 0"),
    case("backup", "insert indirect", ONE, NONE, servers=("s2 {origin2} cookie s2 backup",)),
    case("dead", "insert indirect", STICKY, **DEAD),
    case("dead_new", "insert indirect", NONE, NONE, **DEAD),
    case("dead_redispatch", "insert indirect", STICKY, STICKY, **{**DEAD, "back": "option redispatch\nretries 1\ntimeout connect 200ms"}),
    case("dead_redispatch_at_once", "insert indirect", STICKY, **{**DEAD, "back": "option redispatch 1\nretries 3\ntimeout connect 200ms"}),
    case("dead_redispatch_third", "insert indirect", STICKY, **{**DEAD, "back": "option redispatch 3\nretries 3\ntimeout connect 100ms"}),
    case(
        "dead_redispatch_prefix", "prefix", cookie("SRV=s1~x"), **{**DEAD, "back": "option redispatch\nretries 1\ntimeout connect 200ms"}, origin2=SERVER_SETS
    ),
    case("dead_leastconn", "insert indirect", STICKY, **{**DEAD, "back": "balance leastconn\noption redispatch\nretries 2\ntimeout connect 200ms"}),
    case("silent_redispatch", "insert indirect", STICKY, address="{silent}", back="option redispatch\nretries 1\ntimeout connect 200ms"),
    case("lost_response", "insert indirect", STICKY, origin=(BODY, "CLOSE"), answers=1),
]

SLOW = (BODY, 0.3, answer(headers="X-Origin: one\r\n"))
QUEUED = {"server": "cookie s1 maxconn 1 maxqueue 1", "origin": SLOW, "others": ((0.05, STICKY), (0.1, STICKY)), "logs": 3}
QUEUES = [
    case("queued", "insert indirect", STICKY, **QUEUED, back="timeout queue 2s"),
    case("queued_redispatch", "insert indirect", STICKY, **QUEUED, back="option redispatch\ntimeout queue 2s"),
    case("queued_force", "insert indirect", STICKY, **QUEUED, back="option redispatch\nforce-persist if TRUE\ntimeout queue 2s"),
    case("queue_timeout", "insert indirect", STICKY, **QUEUED, back="option redispatch\ntimeout queue 100ms"),
    case("queue_unlimited", "insert indirect", STICKY, **{**QUEUED, "server": "cookie s1 maxconn 1"}, back="option redispatch\ntimeout queue 2s"),
]

OVERRULED = [
    case(
        "ignored",
        "insert indirect",
        ONE,
        cookie("SRV=s2", "/static"),
        get("/static"),
        back="ignore-persist if { path /static }",
        origin=SERVER_SETS,
        origin2=SERVER_SETS,
    ),
    case(
        "ignored_prefix",
        "prefix",
        cookie("SRV=s2~x", "/static"),
        get("/static"),
        back="ignore-persist if { path /static }",
        origin=SERVER_SETS,
        origin2=SERVER_SETS,
    ),
    case("ignored_rewrite", "rewrite", cookie("SRV=s2", "/static"), back="ignore-persist if { path /static }", origin=SERVER_SETS, origin2=SERVER_SETS),
    case("ignored_unless", "insert indirect", ONE, back="ignore-persist unless { path /static }"),
    case("ignored_bad", "insert indirect", BAD, back="ignore-persist if TRUE"),
    case("first_rule", "insert indirect", ONE, STICKY, back="force-persist if { path / }\nignore-persist if TRUE", server=DOWN),
    case("rules_before_backend", "insert indirect", ONE, back="http-request set-path /changed\nignore-persist if { path /changed }"),
    case("use_server", "insert indirect", NONE, ONE, STICKY, BAD, back="use-server s1 if TRUE"),
    case("use_server_sometimes", "insert indirect", NONE, cookie("SRV=s2", "/x"), ONE, back="use-server s1 if { path /x }"),
    case("use_server_down", "insert indirect", NONE, ONE, back="use-server s1 if TRUE\nuse-server s2 if TRUE", server=DOWN),
    case("use_server_down_persist", "insert indirect", NONE, ONE, back="option persist\nuse-server s1 if TRUE", server=DOWN),
    case("use_server_weightless", "insert indirect", NONE, ONE, back="use-server s1 if TRUE", server="cookie s1 weight 0"),
    case("use_server_dead", "insert indirect", NONE, **{**DEAD, "back": "use-server s1 if TRUE\noption redispatch\nretries 1\ntimeout connect 200ms"}),
    case(
        "use_server_dead_in_turn", "insert indirect", NONE, **{**DEAD, "back": "use-server s1 if TRUE\noption redispatch 3\nretries 3\ntimeout connect 100ms"}
    ),
    case("use_server_dynamic", "insert indirect", get("/", "X: s2\r\n"), get("/", "X: s9\r\n"), back="use-server %[req.hdr(x)] if TRUE"),
    case("use_server_rewrite", "rewrite", NONE, ONE, back="use-server s1 if TRUE", origin=SERVER_SETS, origin2=SERVER_SETS),
    Case("use_server_plain", (NONE, Answers(1), ONE), back="use-server s2 if TRUE", servers=SECOND, origin2=TWO),
    Case("force_plain", (NONE, Answers(1), ONE), back="force-persist if TRUE\nuse-server s2 if TRUE", servers=("s2 {origin2} disabled",), origin2=TWO),
    Case(
        "force_tcp",
        (b"hello", 0.1),
        tcp=True,
        back="force-persist if TRUE\nuse-server s2 if TRUE",
        servers=("s2 {origin2} disabled",),
        origin2=(0.1, b"two", "FIN"),
        logs=1,
        answers=0,
    ),
    Case("capture_only", (ONE, Answers(1), UNKNOWN), front="capture cookie SR len 4", origin=SERVER_SETS),
]

CACHE = {
    "plain": "",
    "validator": "ETag: x\r\n",
    "expires": "Expires: x\r\n",
    "age": "Cache-Control: max-age=10\r\n",
    "private": "Cache-Control: private\r\n",
    "no_cache": "Cache-Control: no-cache\r\n",
    "no_store": "Cache-Control: no-store\r\nETag: x\r\n",
    "zero": "Cache-Control: max-age=0\r\n",
    "public": "Cache-Control: public\r\n",
    "pragma": "Pragma: no-cache\r\n",
    "fields": 'Cache-Control: no-cache="set-cookie"\r\n',
    "two": "Cache-Control: public, max-age=0\r\n",
}
CACHING = [
    *(case(f"cache_{name}", "insert indirect nocache", NONE, origin=sets(headers=headers)) for name, headers in CACHE.items()),
    *(
        case(f"cache_{status[:3]}", "insert nocache", NONE, origin=sets(status=status))
        for status in ("203 N", "302 F", "404 N", "201 C", "500 E", "301 M", "410 G")
    ),
    case("cache_post", "insert nocache", post()),
    case("cache_head", "insert nocache", get(method="HEAD"), origin=(BODY, answer(body=b"")), answers=0, patience=0.2, logs=1),
    case("cache_options", "insert nocache", get(method="OPTIONS"), get(method="DELETE")),
    case("cache_not_inserted", "insert indirect nocache", ONE),
    case("checkcache", "insert indirect", NONE, origin=sets("SRV=x", headers="Cache-Control: public, max-age=10\r\n"), back="option checkcache"),
    case("checkcache_none", "insert indirect", NONE, origin=sets(headers="Cache-Control: max-age=10\r\n"), back="option checkcache"),
    case("checkcache_nocache", "insert indirect nocache", NONE, origin=sets("SRV=x", headers="Cache-Control: max-age=10\r\n"), back="option checkcache"),
]

# What the client's cookie is worth, with what becomes of the server's own.
WORTH: dict[str, tuple[bytes, dict[str, object]]] = {
    "down": (STICKY, {"server": DOWN}),
    "old": (dated("s2", 0, 10000), {}),
    "idle": (dated("s2", 1000, 1000), {}),
    "unused": (ONE, {"back": "use-server s1 if TRUE"}),
}
DATES_COUNT = " maxidle 10m maxlife 2h"
BECOMES = {"none": "rewrite", "passed": "insert indirect preserve", "rewritten": "rewrite", "deleted": "insert indirect postonly"}


def combined(worth: str, fate: str) -> Case:
    request, more = WORTH[worth]
    origins = {"origin": SERVER_SETS, "origin2": SERVER_SETS} if fate != "none" else {}
    return case(f"combined_{worth}_{fate}", BECOMES[fate] + (DATES_COUNT if worth in ("old", "idle") else ""), request, **origins, **more)


COMBINED = [combined(worth, fate) for worth in WORTH for fate in BECOMES]
GROUPS = {"caching": CACHING, "modes": IN_MODES, "oddities": ODDITIES, "dates": [*DATES, *COMBINED], "down": DOWN_SERVERS, "overruled": OVERRULED, "queues": QUEUES}
