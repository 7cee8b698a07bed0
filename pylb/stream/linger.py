"""Closing a connection whose peer still has bytes to read: they are sent first, unless the peer takes none of them for too long.

Without the limit a client that stops reading would keep its connection, and a stopping process, for ever.
"""

from __future__ import annotations

import asyncio

from pylb.base.timers import NEVER


def close(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float) -> None:
    """Close once everything has left; `patience`: how many seconds may pass without any progress."""
    if transport.is_closing():
        return
    unsent = transport.get_write_buffer_size()
    transport.close()
    if unsent and patience != NEVER:
        loop.call_later(patience, _look, transport, loop, patience, unsent)


def _look(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float, before: int) -> None:
    unsent = transport.get_write_buffer_size()
    if unsent >= before:
        transport.abort()
    elif unsent:
        loop.call_later(patience, _look, transport, loop, patience, unsent)
