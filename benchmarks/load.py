"""Load over keep-alive connections: wrk where it is installed, else a small client; both say how many requests were answered."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import time

import uvloop

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: wrk/4.1\r\nAccept: */*\r\n\r\n"


def generator() -> str:
    """Who makes the load."""
    return "wrk" if shutil.which("wrk") else "asyncio client"


def run(port: int, connections: int, seconds: float, cpus: set[int]) -> int:
    """Requests answered in about `seconds`."""
    where = ["taskset", "-c", ",".join(map(str, cpus))] if shutil.which("taskset") else []
    if shutil.which("wrk"):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", f"http://127.0.0.1:{port}/index.html"]
    else:
        command = [sys.executable, __file__, str(port), str(connections), str(seconds)]
    text = subprocess.run([*where, *command], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"errors under load: {text}")
    found = re.search(r"(\d+) requests in", text)
    if found is None:
        raise SystemExit(f"no result of the load: {text}")
    return int(found[1])


class Client(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next."""

    def __init__(self, port: int, ends_at: float) -> None:
        self.request, self.ends_at, self.answered = REQUEST % b"127.0.0.1:%d" % port, ends_at, 0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 200") or not data.endswith(b"ok"):
            raise SystemExit(f"Socket errors: {data!r}")
        self.answered += 1
        if time.monotonic() < self.ends_at:
            self.transport.write(self.request)  # type: ignore[attr-defined]
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set_result(self.answered)


async def main(port: int, connections: int, seconds: float) -> None:
    """All connections at once."""
    loop, ends_at = asyncio.get_running_loop(), time.monotonic() + seconds
    clients = [(await loop.create_connection(lambda: Client(port, ends_at), "127.0.0.1", port))[1] for _ in range(connections)]
    print(sum([await client.over for client in clients]), "requests in", seconds)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
