"""Streams that others end: the operator at the stats socket, a server that goes down or comes back, ports that run out."""

from __future__ import annotations

from harness import OK, Case
from stream_end_cases import FULL, HALF, HEAD
from stream_http_cases import get
from stream_peers import BODY, Answers, Command, Script, Until

PART: Script = (BODY, b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc", 1.0)
PING: Script = (b"ping", Until(b"pong"))
KILL = Command("shutdown session {session}")
DOWN = Command("set server {b}/s1 health down")
UP = Command("set server {b}/s1 health up")
THINKS: Script = (BODY, 0.6, OK)
CHECKED = "check inter 1h rise 1 fall 1"
STATES: dict[str, tuple[Script, dict[str, object]]] = {
    "body": ((HALF,), {"back": "option http-buffer-request"}),
    "tarpit": ((get("/1"),), {"front": "timeout tarpit 1s\nhttp-request tarpit"}),
    "queue": ((0.25, get("/1")), {"server": FULL, "origin": THINKS, "others": ((get("/2"),),), "logs": 2}),
    "connect": ((get("/1"),), {"address": "{silent}"}),
    "retry_pause": ((get("/1"),), {"address": "{refused}", "back": "retries 1\ntimeout connect 300ms"}),
    "upload": ((HALF,), {"origin": THINKS}),
    "waiting": ((get("/1"),), {"origin": THINKS}),
    "response": ((get("/1"), Until(b"abc")), {"origin": PART}),
    "idle": ((get("/1"), Answers(1)), {}),
    "head": ((HEAD,), {}),
}
CASES = [
    *[Case(f"kill_{state}", (*script, 0.15, KILL, 0.3), **{"answers": 0, "logs": 1, "patience": 0.3, **more}) for state, (script, more) in STATES.items()],  # type: ignore[arg-type]
    *[
        Case(f"down_{state}", (*script, 0.15, DOWN, 0.3), **{"answers": 0, "logs": 1, "patience": 0.3, **more, "server": f"{CHECKED} on-marked-down shutdown-sessions {more.get('server', '')}"})  # type: ignore[arg-type]
        for state, (script, more) in STATES.items()
        if state not in ("head", "tarpit", "body")
    ],
    *[
        Case(f"up_{state}", (DOWN, *script, 0.15, UP, 0.3), **{"answers": 0, "logs": 3, "patience": 0.3, **more, "server": f"{CHECKED} on-marked-up shutdown-backup-sessions", "address": "{refused}", "servers": ("s2 {origin} backup",)})  # type: ignore[arg-type]
        for state, (script, more) in STATES.items()
        if state in ("upload", "waiting", "response", "idle")
    ],
    Case("up_retry_pause", (DOWN, get("/1"), 0.1, UP, 0.5), server=f"{CHECKED} on-marked-up shutdown-backup-sessions", back="retries 1\ntimeout connect 300ms", address="{silent}", servers=("s2 {refused} backup",), answers=0, logs=3, patience=0.3),
    Case("operator_ends_tarpit", (get("/1"), 0.1, KILL, 0.4), "timeout tarpit 300ms\nhttp-request tarpit", answers=0, logs=1, patience=0.3),
    Case("kill_tcp", (*PING, 0.1, KILL, 0.3), tcp=True, origin=(Until(b"ping"), b"pong", 1.0), answers=0, logs=1, patience=0.3),
    Case("kill_tcp_connect", (b"ping", 0.1, KILL, 0.3), tcp=True, address="{silent}", back="retries 0\ntimeout connect 400ms", answers=0, logs=1, patience=0.6),
    Case("down_tcp", (*PING, 0.1, DOWN, 0.3), tcp=True, server=f"{CHECKED} on-marked-down shutdown-sessions", origin=(Until(b"ping"), b"pong", 1.0), answers=0, logs=3, patience=0.3),
    Case("kill_server", (get("/1"), 0.1, Command("shutdown sessions server {b}/s1"), 0.3), origin=THINKS, answers=0, logs=1, patience=0.3),
]
