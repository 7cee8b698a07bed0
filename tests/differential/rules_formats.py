"""Cases of the comparison with haproxy: aliases of log formats with every flag, for odd requests and for what never became one."""

from __future__ import annotations

from rules_rig import Case, get

NAMES = (
    "HM HU HV HP HPO HQ r ST B U CC CS tsc ts f ft b s fi ci sc sq bq rc hr hrl hs hsl ID sslc sslv lc"  # what differs from run to run is left out
).split()
URIS = ("HM", "HU", "HV", "HP", "HPO", "HQ", "r")
CAPTURES = "capture request header x len 20\ncapture response header x-origin len 20\ncapture cookie c len 10\n"
SAMPLES = ("[src]", "[var(txn.n)]", "[capture.req.hdr(0)]", "[int(17)]", "[bool(true)]")
FLAGS = {"plain": "", "quoted": "{+Q}", "hexadecimal": "{+X}", "escaped": "{+E}", "quoted_escaped": "{+Q,+E}", "quoted_hexadecimal": "{+Q,+X}"}
TARGETS = (
    *((b"/", b"a"), (b"/a?b", b"a"), (b"/a?", b"a"), (b"*", b"a"), (b"/a\xc3\xa9?\xff", b"a"), (b"http://h/p?q", b"h"), (b"http://h?q", b"h")),
    *((b"http://h", b"h"), (b'/a"b?c"d', b"a"), (b"/a?b?c#d", b"a"), (b"http://h:80/", b"h:80"), (b"//x/y?z", b"a"), (b"/;x=y?q=1", b"a")),
)


def style(flags: str, names: tuple[str, ...] | list[str] = NAMES) -> str:
    """A log format with all aliases, each with these flags."""
    return "log-format " + "|".join(f"%{flags}{name}" for name in names) + "\n"


def odd(method: bytes, target: bytes, host: bytes) -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: %b\r\nX: v\"]\\w\r\nCookie: c=1; d=2\r\n\r\n" % (method, target, host)


def of_flags(name: str, flags: str) -> list[Case]:
    """All there is to say with these flags."""
    fields = CAPTURES + style(flags)
    samples = "|".join([f"%{flags}{sample}" for sample in SAMPLES] + [f"%{alias}" for alias in NAMES])
    uris = style(flags, list(URIS)) + "option accept-invalid-http-request\nhttp-request return status 200\n"
    return [
        Case(f"log_{name}", fields, send=[odd(b"GET", b"/", b"a"), odd(b"GET", b"/a?b", b"a"), odd(b"GET", b"*", b"a")], logs=3),
        Case(f"log_{name}_uris", uris, send=[odd(b"GET", *target) for target in TARGETS], logs=len(TARGETS)),
        Case(f"log_{name}_connect", uris, send=[odd(b"CONNECT", b"h:80", b"h:80")]),
        Case(f"log_{name}_garbage", fields, send=[b"GARBAGE\r\n\r\n"], logs=1),
        Case(f"log_{name}_uncaptured", style(flags), send=[b"GARBAGE\r\n\r\n"], logs=1),
        Case(f"log_{name}_denied", fields + "http-request deny", send=[get("/x")]),
        Case(f"log_{name}_for_all", CAPTURES + f"log-format %{flags}o\\ {samples}", send=[get("/x?y", 'X: a"b]c\r\nCookie: c=1\r\n')]),
    ]


REFUSED = CAPTURES + "log-format %hr|%hrl|%hs|%hsl|%HQ|%HPO|%r|%{+Q}hr|%{+Q}hrl\n"
FORMATS = [
    *[case for name, flags in FLAGS.items() for case in of_flags(name, flags)],
    Case("log_tcp_reject", REFUSED + "tcp-request content reject", send=[get()]),
    Case("log_reject", REFUSED + "http-request reject", send=[get()]),
    Case("log_timeout", REFUSED + "timeout client 100ms", send=[b"GET / HTTP/1.1\r\nHost: a\r\n"]),
    Case("log_httpslog", "option httpslog", send=[get("/x?y")]),
    Case("log_httpslog_garbage", "option httpslog", send=[b"X\r\n\r\n"]),
    Case("log_separate", "option log-separate-errors\nhttp-request deny if { path /d }", send=[get("/x?y"), get("/d")]),
    Case("log_separate_500", "option log-separate-errors\nhttp-request return status 500 if { path /d }", send=[get("/x?y"), get("/d")]),
    Case("log_no_normal", "option dontlog-normal\nhttp-request return status 503 if { path /d }", send=[get("/x?y"), get("/d")], logs=1),
    Case(
        "log_levels",
        "http-request set-log-level silent if { path /s }\nhttp-request set-log-level emerg if { path /e }\nhttp-response set-log-level debug if { status 200 }",
        send=[get("/s"), get("/e"), get("/f")],
        logs=3,
    ),
]
