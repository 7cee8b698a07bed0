"""Closing a connection whose peer still has bytes to read: they are sent first, unless the peer takes none of them for too long.

Without the limit a client that stops reading would keep its connection, and a stopping process, for ever.
"""

from __future__ import annotations

import asyncio

from pylb.base.timers import NEVER, Deadline


class Lingering:
    """The last seconds of a connection; `end` when it is lost."""

    __slots__ = ("_deadline", "_loop", "_patience", "_transport", "_unsent")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float, unsent: int) -> None:
        self._transport, self._loop, self._patience, self._unsent = transport, loop, patience, unsent
        self._deadline = Deadline(loop, self._look)
        self._deadline.at = loop.time() + patience

    def _look(self) -> None:
        before, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        if self._unsent >= before:
            self._transport.abort()
        elif self._unsent:
            self._deadline.at = self._loop.time() + self._patience

    def end(self) -> None:
        """The connection is gone."""
        self._deadline.close()


def close(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float) -> Lingering | None:
    """Close once everything has left; `patience`: how many seconds may pass without any progress."""
    if transport.is_closing():
        return None
    unsent = transport.get_write_buffer_size()
    transport.close()
    return Lingering(transport, loop, patience, unsent) if unsent and patience != NEVER else None
