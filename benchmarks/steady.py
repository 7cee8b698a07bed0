"""An open-loop client: `python -m benchmarks.steady PORT RATE SECONDS CONNECTIONS` prints latencies as JSON.

Requests are due at random moments (a Poisson process of RATE a second) and are never put off because earlier ones are slow: the latency of
each counts from the moment it was due, so that a pause of the server is seen by every request that it delays. (wrk and
h2load wait for an answer, or send in bursts.) select() is used for its timeouts, which are as fine as the kernel's timers.
"""

from __future__ import annotations

import gc
import json
import random
import select
import socket
import sys
import time
from collections import deque

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PERCENTILES = ("50", "75", "90", "95", "99", "99.9", "100")


def complete(answer: bytes) -> bool:
    """Is it a whole response with a Content-Length, or a chunked one?"""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"wrong answer: {answer[:200]!r}")
    _, found, length = head.lower().partition(b"\r\ncontent-length:")
    return len(body) >= int(length.split(b"\r\n", 1)[0]) if found else body.endswith(b"0\r\n\r\n")


def drive(port: int, rate: float, seconds: float, connections: int) -> list[float]:
    """Latencies in microseconds, in order of completion."""
    idle = deque(socket.create_connection(("127.0.0.1", port)) for _ in range(connections))
    for sock in idle:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
    busy: dict[socket.socket, float] = {}  # when its request was due
    partial: dict[socket.socket, bytes] = {}
    waiting: deque[float] = deque()
    found: list[float] = []
    clock = time.perf_counter
    due = clock()
    ends_at = due + seconds
    while due < ends_at or waiting or busy:
        now = clock()
        while due <= now and due < ends_at:
            waiting.append(due)
            due += random.expovariate(rate)
        while waiting and idle:
            sock = idle.popleft()
            busy[sock] = waiting.popleft()
            sock.send(REQUEST)
        left = max(0.0, due - clock()) if due < ends_at else 5.0
        for sock in select.select(list(busy), [], [], left)[0]:
            answer = partial.pop(sock, b"") + sock.recv(65536)
            if complete(answer):
                found.append((clock() - busy.pop(sock)) * 1e6)
                idle.append(sock)
            else:
                partial[sock] = answer
        if clock() > ends_at + 10:
            raise SystemExit("the server does not keep up")
    return found


def main() -> None:
    """Half a second to warm up, then what counts."""
    port, rate, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    gc.disable()
    drive(port, rate, min(0.5, seconds), connections)
    begun = time.perf_counter()
    found = sorted(drive(port, rate, seconds, connections))
    taken = time.perf_counter() - begun
    latency = {share: found[min(len(found) - 1, int(len(found) * float(share) / 100))] for share in PERCENTILES}
    print(json.dumps({"requests": len(found), "seconds": taken, "latency": latency, "slow": sum(value > 20000 for value in found)}))


if __name__ == "__main__":
    main()
