"""Deadline: one lazy timer per connection; moving a deadline is an assignment.

A deadline that moves later (the usual case: every byte pushes a timeout forward) touches nothing but an attribute: the loop's
timer looks when it fires and arms itself again for the rest. Only a deadline that moves before the armed timer arms anew.
Invariant: while `at` is not NEVER a loop timer is armed for `at` or earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

NEVER = float("inf")
EARLY = 0.0005  # uvloop's clock and timers count milliseconds: a timer may look half a one before its time


class Deadline:
    """Calls `expired` once, within a few milliseconds after `at` (in the loop's time); then `at` is NEVER until set again."""

    __slots__ = ("_expired", "_loop", "_timer", "armed_for", "moment")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired: Callable[[], None] | None = expired
        self.moment = self.armed_for = NEVER
        self._timer: asyncio.TimerHandle | None = None

    @property
    def at(self) -> float:
        """When to call; NEVER: do not. A moment in the past calls in the loop's next turn, not at once."""
        return self.moment

    @at.setter
    def at(self, moment: float) -> None:
        self.moment = moment
        if moment < self.armed_for:
            self.arm(moment)

    def close(self) -> None:
        """Forget the timer and the callback; later assignments do nothing."""
        self.moment, self.armed_for, self._expired = NEVER, float("-inf"), None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def arm(self, moment: float) -> None:
        """Have the loop look at `moment`. The hot path writes `moment` itself and calls this when `armed_for` is later: what `at` does."""
        if self._timer is not None:
            self._timer.cancel()
        self.armed_for = moment
        self._timer = self._loop.call_later(max(0.0, moment - self._loop.time()), self._look)

    def _look(self) -> None:
        self._timer, self.armed_for = None, NEVER
        if self.moment - self._loop.time() > EARLY:
            if self.moment != NEVER:
                self.arm(self.moment)
            return
        self.moment = NEVER
        if self._expired is not None:
            self._expired()
