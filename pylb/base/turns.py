"""Turns: those that have much to produce share the loop with everything else.

A long answer (`show stat` of ten thousand servers, the statistics page) is made in pieces of a millisecond or two. Between two pieces its maker
asks for a turn. In each round of the loop one of those that asked goes on, first come first served, however many there are: what the others
wait for is one piece, not one piece of everybody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Turns:
    """Whose turn it is."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def ask(self, go_on: Callable[[], None]) -> None:
        """Have `go_on` called in a later round of the loop, alone in it."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        go_on = self._waiting[0]
        try:
            go_on()  # still counted among the waiting: if it asks again, the next round is arranged here and not by `ask`
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._loop.call_soon(self._next)
