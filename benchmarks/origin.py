"""Origin servers that cost as little as possible: HAProxy answering by itself where it is installed, else the small one of this module.

`python -m benchmarks.origin PORT...` answers every request with the same two bytes; `python -m benchmarks.origin --bulk SIZE PORT...` takes
requests with bodies of SIZE bytes and answers each with as many.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.messages import Messages
from benchmarks.running import python, which

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONFIGURATION = """
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    timeout client 600s
    timeout http-request 600s
frontend origin
{binds}
    http-request return status 200 content-type text/plain string ok
"""


def command(directory: Path, ports: list[int]) -> list[str]:
    """How to run an origin for small requests."""
    haproxy = which("haproxy")
    if haproxy is None:
        return python("benchmarks.origin", *ports)
    path = directory / "origin.cfg"
    path.write_text(CONFIGURATION.format(binds="\n".join(f"    bind 127.0.0.1:{port}" for port in ports)))
    return [haproxy, "-db", "-f", str(path)]


class Origin(asyncio.Protocol):
    """Answers as many requests as there are ends of heads in what arrives."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(RESPONSE * data.count(b"\r\n\r\n"))


class Bulk(Messages):
    """Takes a head and `size` bytes, answers with as many."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)

    def ended(self) -> None:
        self.transport.write(self.answer)


async def serve(ports: list[int], size: int) -> None:
    """Listen on all ports until the end of the process."""
    loop = asyncio.get_running_loop()
    factory = (lambda: Bulk(size)) if size else Origin
    await asyncio.gather(*[(await loop.create_server(factory, "127.0.0.1", port)).serve_forever() for port in ports])


if __name__ == "__main__":
    words = sys.argv[1:]
    size = int(words[1]) if words[0] == "--bulk" else 0
    uvloop.run(serve([int(port) for port in (words[2:] if size else words)], size))
