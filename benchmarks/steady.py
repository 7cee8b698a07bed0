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
from statistics import median

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WINDOW = 0.5  # seconds
SLOW = 20000.0  # microseconds
PERCENTILES = ("50", "75", "90", "95", "99", "99.9", "100")


def complete(answer: bytes) -> bool:
    """Is it a whole response, with a Content-Length or chunked? ConnectionError when it is not a good one."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"wrong answer: {answer[:200]!r}")
    _, found, length = head.lower().partition(b"\r\ncontent-length:")
    return len(body) >= int(length.split(b"\r\n", 1)[0]) if found else body.endswith(b"0\r\n\r\n")


def drive(port: int, rate: float, seconds: float, connections: int) -> list[tuple[float, float]]:
    """When each request was due (seconds from the beginning) and its latency in microseconds."""
    idle = deque(socket.create_connection(("127.0.0.1", port)) for _ in range(connections))
    for sock in idle:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
    busy: dict[socket.socket, float] = {}  # when its request was due
    partial: dict[socket.socket, bytes] = {}
    waiting: deque[float] = deque()
    found: list[tuple[float, float]] = []
    clock = time.perf_counter
    begun = due = clock()
    ends_at = begun + seconds
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
                since = busy.pop(sock)
                found.append((since - begun, (clock() - since) * 1e6))
                idle.append(sock)
            else:
                partial[sock] = answer
        if clock() > ends_at + 10:
            raise SystemExit("the server does not keep up")
    return found


def percentiles(found: list[float]) -> dict[str, float]:
    """The latency within which each share of the requests was answered."""
    found = sorted(found)
    return {share: found[min(len(found) - 1, int(len(found) * float(share) / 100))] for share in PERCENTILES}


def typical(found: list[tuple[float, float]]) -> dict[str, float]:
    """Percentiles of each window of time, and of those the medians: what is seen when no other process is in the way."""
    windows: dict[int, list[float]] = {}
    for due, latency in found:
        windows.setdefault(int(due / WINDOW), []).append(latency)
    each = [percentiles(window) for window in windows.values()]
    return {share: median(one[share] for one in each) for share in PERCENTILES}


def main() -> None:
    """Half a second to warm up, then what counts."""
    port, rate, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    gc.disable()
    drive(port, rate, min(0.5, seconds), connections)
    begun = time.perf_counter()
    found = drive(port, rate, seconds, connections)
    taken, latencies = time.perf_counter() - begun, [latency for _, latency in found]
    told = {"requests": len(found), "seconds": taken, "latency": typical(found), "overall": percentiles(latencies)}
    print(json.dumps(told | {"slow": sum(latency > SLOW for latency in latencies)}))


if __name__ == "__main__":
    main()
