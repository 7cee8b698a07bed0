"""Memory of idle client connections: each is opened, serves one request and then lies idle under keep-alive.

What is measured is how much private memory the process has gained with all of them open, divided by their number; buffers of the
kernel are not in it.
"""

from __future__ import annotations

import socket
import ssl
import time

from benchmarks.running import resident
from benchmarks.steady import complete

WARM_UP = 20  # connections that come and go first, so that what is made once is not counted


def client_context() -> ssl.SSLContext:
    """TLS that trusts anybody."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def open_one(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connection that has served a request; OSError when it was not."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(10)
    if context is not None:
        connection = context.wrap_socket(connection)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not complete(answer):
        piece = connection.recv(4096)
        if not piece:
            connection.close()
            raise ConnectionError(f"no answer: {answer!r}")
        answer += piece
    return connection


def cost(pid: int, port: int, count: int, context: ssl.SSLContext | None) -> float:
    """Bytes per idle connection."""
    for connection in [open_one(port, context) for _ in range(WARM_UP)]:
        connection.close()
    settle(pid)
    before = resident(pid)
    connections = [open_one(port, context) for _ in range(count)]
    settle(pid)
    after = resident(pid)
    for connection in connections:
        connection.close()
    return (after - before) / count


def settle(pid: int) -> None:
    """Return when the process has had half a second with nothing more to do."""
    seen, since, ends_at = resident(pid), time.monotonic(), time.monotonic() + 10
    while time.monotonic() < min(since + 0.5, ends_at):
        time.sleep(0.1)
        if (now := resident(pid)) != seen:
            seen, since = now, time.monotonic()
