"""Relays (mode tcp): who closes first and how, timeouts, refusals, log formats."""

from __future__ import annotations

from harness import Case
from stream_http_cases import BIG
from stream_peers import CLOSE, FIN, NOTIFY, RST, Idle, Script, Size, Until

ECHO: Script = (Until(b"ping"), b"pong", 1.0)


def relay(name: str, client: Script, origin: Script = ECHO, logs: int = 1, patience: float = 0.4, **more: object) -> Case:
    return Case(f"tcp_{name}", client, origin=origin, tcp=True, answers=0, logs=logs, patience=patience, **more)  # type: ignore[arg-type]


PING = (b"ping", Until(b"pong"))
CASES = [
    relay("echo", (*PING, CLOSE)),
    relay("client_fin", (*PING, 0.1, FIN, 0.3), (Until(b"ping"), b"pong", 0.3, b"late", CLOSE)),
    relay("client_fin_server_stays", (*PING, 0.1, FIN, 0.3)),
    relay("client_rst", (*PING, 0.1, RST)),
    relay("client_close_unread", (b"ping", 0.1, CLOSE), (Until(b"ping"), b"pong", 0.5)),
    relay("server_fin", (*PING, 0.3, b"late", 0.2, CLOSE), (Until(b"ping"), b"pong", 0.1, FIN, 0.6)),
    relay("server_fin_client_stays", (*PING, 0.6), (Until(b"ping"), b"pong", FIN, 0.3)),
    relay("server_close", (*PING, 0.3), (Until(b"ping"), b"pong", CLOSE)),
    relay("server_rst", (*PING, 0.3), (Until(b"ping"), b"pong", 0.1, RST)),
    relay("server_first", (Until(b"hello"), b"ping", 0.1, CLOSE), (b"hello", 0.5)),
    relay("server_only", (0.5,), (b"hello", 0.1, CLOSE)),
    relay("server_closes_at_once", (0.3,), (CLOSE,)),
    relay("server_resets_at_once", (0.3,), (RST,)),
    relay("both_fin", (*PING, FIN, 0.4), (Until(b"ping"), b"pong", FIN, 0.4)),
    relay("null", (Idle(0.1), CLOSE)),
    relay("null_fin", (FIN, 0.4), (0.1, CLOSE)),
    relay("null_rst", (Idle(0.1), RST)),
    relay("null_dontlog", (Idle(0.1), CLOSE), front="option dontlognull", logs=0),
    relay("null_dontlog_fin", (Idle(0.1), FIN, 0.2), (0.2, CLOSE), front="option dontlognull", logs=0),
    relay("fin_first_data", (b"ping", FIN, 0.4), (Until(b"ping"), b"pong", CLOSE)),
    relay("timeout_client", (*PING, 0.6), front="timeout client 200ms"),
    relay("timeout_client_nothing", (0.6,), front="timeout client 200ms"),
    relay("timeout_server", (*PING, 0.6), back="timeout server 200ms"),
    relay("timeout_both", (*PING, 0.6), front="timeout client 200ms", back="timeout server 200ms"),
    relay("timeout_tunnel", (*PING, 0.4, b"x", 0.8), front="timeout client 100ms", back="timeout server 100ms\ntimeout tunnel 500ms"),
    relay("timeout_kept_alive", (*PING, 0.2, b"x", 0.2, b"y", 0.2, b"z", 0.5), front="timeout client 300ms"),
    relay("timeout_client_fin", (*PING, FIN, 0.8), front="timeout client-fin 200ms", origin=(Until(b"ping"), b"pong", 1.5)),
    relay("timeout_server_fin", (*PING, FIN, 0.8), back="timeout server-fin 200ms", origin=(Until(b"ping"), b"pong", 1.5)),
    relay("timeout_client_fin_server_fin", (*PING, 0.8), (Until(b"ping"), b"pong", FIN, 1.5), front="timeout client-fin 200ms"),
    relay("timeout_server_fin_server_fin", (*PING, 0.8), (Until(b"ping"), b"pong", FIN, 1.5), back="timeout server-fin 200ms"),
    relay("timeout_connect", (0.6,), back="timeout connect 200ms\nretries 0", address="{silent}"),
    relay("timeout_connect_retries", (0.8,), back="timeout connect 200ms\nretries 2", address="{silent}"),
    relay("refused", (b"ping", 0.3), front="tcp-request inspect-delay 1s\ntcp-request content accept if { req.len gt 0 }", back="retries 0", address="{refused}"),
    relay("refused_pause", (b"ping", 0.9), back="retries 2\ntimeout connect 200ms", address="{refused}"),
    relay("refused_redispatch", PING, back="retries 2\noption redispatch", address="{refused}", servers=("s2 {origin}",)),
    relay("no_server", (b"ping", 0.3), address="", statistics=False),
    relay("no_server_disabled", (0.3,), server="disabled"),
    relay("leave_connecting", (Idle(0.1), CLOSE), address="{silent}"),
    relay("leave_connecting_rst", (Idle(0.1), RST), address="{silent}"),
    relay("leave_connecting_fin", (b"ping", 0.1, FIN, 0.3), address="{silent}", back="timeout connect 300ms\nretries 0"),
    relay("leave_connecting_abort", (b"ping", 0.1, FIN, 0.3), address="{silent}", back="option abortonclose"),
    relay("leave_queue", (0.25, b"x", 0.1, CLOSE), server="maxconn 1", others=((*PING, 0.5, CLOSE),), logs=2),
    relay("leave_queue_rst", (0.25, b"x", 0.1, RST), server="maxconn 1", others=((*PING, 0.5, CLOSE),), logs=2),
    relay("timeout_queue", (0.25, b"x", 0.5), server="maxconn 1", back="timeout queue 200ms", others=((*PING, 0.6, CLOSE),), logs=2),
    relay("big_download", (b"ping", Size(len(BIG)), CLOSE), (Until(b"ping"), BIG, CLOSE), patience=4.1),
    relay("big_download_slow", (b"ping", Idle(0.5), Size(len(BIG)), CLOSE), (Until(b"ping"), BIG, CLOSE), window=4096, patience=4.1),
    relay("big_upload_slow", (BIG, FIN, Until(b"done")), (Idle(0.5), Size(len(BIG)), b"done", CLOSE), server_window=4096, patience=4.1),
    relay("plain_log", (*PING, CLOSE), plain_log=True),
    relay("logasap", (*PING, 0.1, CLOSE), front="option logasap"),
    relay("dontlog_normal", (*PING, CLOSE), front="option dontlog-normal", logs=0),
    relay("separate_errors", (b"ping", 0.3), back="retries 0", address="{refused}", front="option log-separate-errors", statistics=False),
    relay("reject", (b"ping", 0.2), front="tcp-request content reject", statistics=False),
    relay("inspect_delay", (0.2, b"ping", Until(b"pong"), CLOSE), front="tcp-request inspect-delay 1s\ntcp-request content accept if { req.len gt 0 }"),
    relay("inspect_delay_over", (0.5,), front="tcp-request inspect-delay 200ms\ntcp-request content reject if { req.len gt 10 }\ntcp-request content accept", origin=(0.1, b"hi", CLOSE)),
    relay("response_reject", (0.3,), back="tcp-response content reject", statistics=False),
    relay("listen", (*PING, CLOSE), listen=True),
    relay("tls", (*PING, 0.1, NOTIFY, 0.2, CLOSE), tls=True),
    relay("tls_fin", (*PING, 0.1, FIN, 0.2), tls=True),
    relay("tls_rst", (*PING, 0.1, RST), tls=True),
    relay("tls_server", (*PING, 0.1, CLOSE), server_tls=True, ends=False),
    relay("tls_server_closes", (*PING, 0.3), (Until(b"ping"), b"pong", 0.1, NOTIFY, CLOSE), server_tls=True, tls=True, ends=False),
]
