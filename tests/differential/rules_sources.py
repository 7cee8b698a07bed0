"""Cases of the comparison with haproxy: where connections to servers come from, and backends without servers."""

from __future__ import annotations

from dataclasses import replace

from rules_rig import Case, get

DESTINATION = "http-request set-dst str(PAGE_HOST)\nhttp-request set-dst-port int(PAGE_PORT)\n"
FROM_TWO = [get("/x", f"X-F: 127.0.0.{last}\r\n") for last in (7, 8, 7, 8)]


def source(name: str, of_server: str = "", of_backend: str = "", headers: str = "X-F: 127.0.0.7, 127.0.0.8\r\n", front: str = "") -> Case:
    """A request to a server that answers with the address that it is asked from. Of the ports only fixed ones can be compared."""
    whole = "http-request set-path /src\n" + (of_backend + "\n" if of_backend else "") + f"server page PAGE_HOST:PAGE_PORT {of_server}\nuse-server page if TRUE\n"
    return Case(f"source_{name}", "log-format %b/%s,%ts,%ST,%B,%rc\n" + front, back=whole, send=[get("/x", headers)], logs=1)


# The case before leaves a connection from the program to itself, which may still count for the process when this one begins.
WITHOUT_PROCESS = '"%ci:%cp [%tr] %ft %b/%s %ST %B %tsc %fc/%bc/%sc/%rc %sq/%bq %{+Q}r"'
ANYWHERE = [
    Case("dispatch", "http-request set-uri /none", back="dispatch PAGE_HOST:PAGE_PORT\n", send=[get("/x"), get("/y")]),
    Case("dispatch_tcp", "mode tcp\noption tcplog", back="mode tcp\ndispatch PAGE_HOST:PAGE_PORT\n", send=[get("/x")], logs=1),
    Case("dispatch_refused", back="dispatch 127.0.0.1:1\nretries 1\ntimeout connect 200ms\n", send=[get("/x")]),
    Case("dispatch_redispatch", back="dispatch 127.0.0.1:1\noption redispatch\nretries 2\ntimeout connect 100ms\n", send=[get("/x")]),
    Case("dispatch_balanced", back="dispatch PAGE_HOST:PAGE_PORT\nbalance roundrobin\n", send=[get("/x")]),
    Case("transparent", DESTINATION, back="option transparent\n", send=[get("/x"), get("/y")]),
    Case("transparent_listen", DESTINATION + "transparent", send=[get("/x"), get("/y")], listen=True, log_format=WITHOUT_PROCESS),
    Case("transparent_tcp", "mode tcp\noption tcplog\n" + DESTINATION.replace("http-request", "tcp-request content"), back="mode tcp\noption transparent\n", send=[get("/x")], logs=1),
    Case("transparent_use_server", DESTINATION, back="option transparent\nuse-server s1 if { path /y }\n", send=[get("/x"), get("/y")]),
]  # fmt: skip
SOURCES = [
    *ANYWHERE,
    source("plain"),
    source("address", "source 127.0.0.5"),
    source("backend", of_backend="source 127.0.0.6"),
    source("both", "source 127.0.0.5", of_backend="source 127.0.0.6"),
    source("range", "source 127.0.0.5:20567-20568"),
    source("port", "source 127.0.0.5:20569"),
    source("interface", "source 127.0.0.5 interface lo"),
    source("interface_backend", of_backend="source 0.0.0.0 interface lo"),
    source("no_interface", "source 127.0.0.5 interface nosuch0"),
    source("client_address", "source 0.0.0.0 usesrc clientip"),
    source("lent", "source 0.0.0.0 usesrc 127.0.0.9"),
    source("lent_port", "source 0.0.0.0 usesrc 127.0.0.9:20570"),
    source("header", "source 0.0.0.0 usesrc hdr_ip(x-f)"),
    source("header_first", "source 0.0.0.0 usesrc hdr_ip(x-f,1)"),
    source("header_before_last", "source 0.0.0.0 usesrc hdr_ip(x-f,-2)"),
    source("header_too_few", "source 0.0.0.0 usesrc hdr_ip(x-f,3)"),
    source("header_missing", "source 127.0.0.5 usesrc hdr_ip(x-g)"),
    source("header_odd", "source 127.0.0.5 usesrc hdr_ip(x-f)", headers="X-F: foo\r\n"),
    source("header_backend", of_backend="source 127.0.0.5 usesrc hdr_ip(x-f,1)"),
    *(
        replace(source(f"header_changes_{mode}", "source 0.0.0.0 usesrc hdr_ip(x-f)", of_backend=f"http-reuse {mode}"), send=FROM_TWO, logs=4)
        for mode in ("never", "safe", "always")
    ),
    source("set_src", "source 0.0.0.0 usesrc clientip", front="http-request set-src str(127.0.0.77)"),
    replace(source("not_ours", "source 10.1.2.3"), patience=3.0, logs=2),
    replace(source("not_ours_retry", "source 10.1.2.3", of_backend="retries 1\ntimeout connect 100ms"), patience=3.0, logs=3),
    replace(source("client_port", "source 0.0.0.0 usesrc client"), patience=3.0, logs=2),  # it is the client's
    replace(source("not_ours_redispatch", "source 10.1.2.3", of_backend="retries 1\noption redispatch"), patience=3.0, logs=2),
]
