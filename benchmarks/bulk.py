"""A client for large bodies: `python -m benchmarks.bulk PORT CONNECTIONS TRANSFERS SIZE TLS` prints what it did as JSON.

Each transfer is a POST of SIZE bytes that is answered with as many; only whole transfers are made, so that nothing is cut off at the end.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

import uvloop

from benchmarks.messages import Messages


class Client(Messages):
    """Makes transfers until `left` (shared by all connections) is used up."""

    def __init__(self, left: list[int], message: bytes, size: int) -> None:
        super().__init__(size)
        self.left, self.message, self.done = left, message, 0
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.next()

    def next(self) -> None:
        """Begin a transfer, or finish."""
        if self.left[0] <= 0:
            self.transport.close()
            return
        self.left[0] -= 1
        self.transport.write(self.message)

    def began(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"wrong answer: {head[:200]!r}")

    def ended(self) -> None:
        self.done += 1
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set_result(self.done)


async def main(port: int, connections: int, transfers: int, size: int, tls: bool) -> None:
    """All connections at once."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if tls else None
    if context is not None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    message = b"POST /bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    left, begun = [transfers], time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: Client(left, message, size), "127.0.0.1", port, ssl=context))[1] for _ in range(connections)
    ]  # fmt: skip
    done = sum([await client.over for client in clients])
    if done != transfers:
        raise SystemExit(f"{done} of {transfers} transfers were made")
    print(json.dumps({"transfers": done, "seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    uvloop.run(main(numbers[0], numbers[1], numbers[2], numbers[3], bool(numbers[4])))
