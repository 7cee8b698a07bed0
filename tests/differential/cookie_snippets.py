"""Configurations about persistence, right and wrong, whose messages are compared."""

from __future__ import annotations

DEFAULTS = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
FRONTEND = "frontend f\n bind 127.0.0.1:1\n default_backend b\n"
SERVERS = " server s1 127.0.0.1:1 cookie s1\n server s2 127.0.0.1:2\n"

LINES = (
    *("cookie", "cookie ''", "cookie '' insert", "cookie A", "cookie A rewrite", "cookie A insert", "cookie A prefix", "cookie A '' insert"),
    *("cookie A insert rewrite", "cookie A insert prefix", "cookie A rewrite prefix", "cookie A rewrite indirect", "cookie A rewrite insert prefix"),
    *("cookie A prefix indirect", "cookie A preserve", "cookie A insert preserve", "cookie A indirect preserve", "cookie A rewrite preserve"),
    *("cookie A prefix preserve", "cookie A preserve prefix indirect", "cookie A nocache", "cookie A postonly", "cookie A httponly", "cookie A secure"),
    *("cookie A domain", "cookie A domain ''", "cookie A domain x", "cookie A domain .x", "cookie A domain x.", "cookie A domain .x.y", "cookie A domain -"),
    *("cookie A domain x.y domain .z.w", "cookie A domain a;b", "cookie A insert domain 'a b.c'", "cookie A domain a_b.c", "cookie A domain a.\u00e9"),
    *("cookie A domain x domain",),
    *("cookie A maxidle", "cookie A maxidle 0", "cookie A maxidle x", "cookie A maxidle 10", "cookie A insert maxidle 10m", "cookie A maxidle 1ms"),
    *("cookie A maxidle 10x", "cookie A maxidle 2147483647", "cookie A maxidle 2147483648", "cookie A maxidle 24855d", "cookie A maxidle 24856d"),
    *("cookie A maxlife", "cookie A maxlife 1000d", "cookie A maxlife 100000d", "cookie A maxlife -1", "cookie A maxlife 99999999999"),
    *("cookie A dynamic", "cookie A insert dynamic", "cookie A insert attr", "cookie A insert attr SameSite=None", "cookie A insert attr 'a;b'"),
    *("cookie A insert attr 'a b' attr c", 'cookie A attr "a\tb"', "cookie A attr \u00e9", "cookie A bogus"),
    *("cookie A insert prefix bogus", "cookie A insert prefix domain x"),
    *("cookie A insert\n cookie B prefix", "cookie A\n no cookie A", "cookie 'A=B' insert", "persist", "persist foo", "persist rdp-cookie()"),
    *("persist rdp-cookie(", "persist rdp-cookie(x", "persist rdp-cookiex", "force-persist", "force-persist if TRUE", "force-persist foo"),
    *("force-persist unless FALSE", "force-persist if bogus", "ignore-persist", "ignore-persist if { path /a }", "ignore-persist if bogus"),
    *("ignore-persist whatever { path /a }", "dynamic-cookie-key", "dynamic-cookie-key a", "option persist", "option persist x", "no option persist"),
    *("option prefer-last-server", "cookie A insert dynamic\n dynamic-cookie-key k", "option redispatch x", "option redispatch -2"),
)
SECTIONS = (
    "frontend g\n bind 127.0.0.1:2\n cookie A insert\n",
    "frontend g\n bind 127.0.0.1:2\n cookie\n",
    "frontend g\n bind 127.0.0.1:2\n force-persist if TRUE\n",
    "frontend g\n bind 127.0.0.1:2\n ignore-persist if TRUE\n",
    "frontend g\n bind 127.0.0.1:2\n dynamic-cookie-key x\n",
    "defaults\n force-persist if TRUE\n",
    "defaults\n ignore-persist if TRUE\n",
    "defaults\n cookie A insert\nbackend c\n",
    "defaults\n cookie A bogus\nbackend c\n",
    "backend c\n mode tcp\n cookie A insert\n server s 127.0.0.1:1 cookie a\n",
    "backend c\n mode tcp\n server s 127.0.0.1:1 cookie a redir http://x\n",
    "backend c\n server s1 127.0.0.1:1 redir\n",
    "backend c\n server s1 127.0.0.1:1 cookie\n",
    "listen c\n cookie A insert\n",
    "backend c\n cookie A insert\n server s1 127.0.0.1:1 cookie a\n server s2 127.0.0.1:1 cookie a\n",
    "backend c\n cookie A insert dynamic\n server s1 127.0.0.1:1\n server s2 127.0.0.1:1\n",
    "backend c\n cookie A insert dynamic\n dynamic-cookie-key k\n server s1 127.0.0.1:1\n server s2 127.0.0.1:1\n",
    "backend c\n cookie A insert dynamic\n dynamic-cookie-key k\n server s1 127.0.0.1:1\n server s2 127.0.0.1:1\n server s3 127.0.0.1:1\n",
    "backend c\n cookie A insert dynamic\n dynamic-cookie-key k\n server s1 127.0.0.1:1 disabled\n server s2 127.0.0.1:1\n",
    "backend c\n cookie A insert dynamic\n dynamic-cookie-key k\n server s1 127.0.0.1:1\n server s2 127.0.0.1:1 disabled\n",
    "backend c\n cookie A insert dynamic\n dynamic-cookie-key k\n server s1 /tmp/x\n server s2 127.0.0.1:1 cookie foo\n",
    "backend c\n cookie A prefix\n server s1 127.0.0.1:1 cookie a~b\n server s2 127.0.0.1:2 cookie 'a b;c'\n",
    "global\n cookie A\n",
)
SNIPPETS = [*(f"{DEFAULTS}{FRONTEND}backend b\n {line}\n{SERVERS}" for line in LINES), *(DEFAULTS + FRONTEND + "backend b\n" + text for text in SECTIONS)]
