"""Origin servers that cost as little as possible: `python -m benchmarks.origin PORT...` answers every request with the same two bytes."""

from __future__ import annotations

import asyncio
import sys

import uvloop

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Origin(asyncio.Protocol):
    """Answers as many requests as there are ends of heads in what arrives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(RESPONSE * data.count(b"\r\n\r\n"))  # type: ignore[attr-defined]


async def serve(ports: list[int]) -> None:
    """Listen on all ports until the end of the process."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[(await loop.create_server(Origin, "127.0.0.1", port)).serve_forever() for port in ports])


if __name__ == "__main__":
    uvloop.run(serve([int(port) for port in sys.argv[1:]]))
