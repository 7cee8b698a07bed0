"""Large messages, read in large pieces: what the client and the origin of bulk transfers share."""

from __future__ import annotations

import asyncio
from typing import Any

SPACE = 1 << 20  # bytes taken in at once


class Messages(asyncio.BufferedProtocol):
    """Reads messages, each a head and a body of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.space = bytearray(SPACE)
        self.head, self.missing = b"", size

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def began(self, head: bytes) -> None:
        """A head is there."""

    def ended(self) -> None:
        """A whole message is there."""

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.space

    def buffer_updated(self, count: int) -> None:
        if self.head.endswith(b"\r\n\r\n"):
            self.missing -= count
        else:
            head, found, body = (self.head + self.space[:count]).partition(b"\r\n\r\n")
            self.head = head + found
            self.missing -= len(body)
            if found:
                self.began(head)
        if not self.missing:
            self.head, self.missing = b"", self.size
            self.ended()
