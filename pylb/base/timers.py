"""Deadline: one lazy timer per connection; moving a deadline is an assignment.

A deadline that moves later (the usual case: every byte pushes a timeout forward) touches nothing but an attribute: the alarm looks when it
rings and arms itself again for the rest. Only a deadline that moves before the armed moment arms anew.
Invariant: while `at` is not NEVER the alarm is armed for `at` or earlier.

All deadlines of a loop share one timer of it, `Alarm`: a connection that lives for one request makes and cancels no timers of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

    Entry = tuple[float, int, "Deadline"]

NEVER = float("inf")
EARLY = 0.0005  # uvloop's clock and timers count milliseconds: a timer may look half a one before its time


FEW_STALE = 256  # entries not worth tidying up for


class Alarm:
    """The deadlines of one loop that are armed, earliest first, and the loop's timer for the first of them.

    An entry that its deadline has left stays in the heap as a stale one until its time comes or half of all are stale.
    """

    __slots__ = ("_heap", "_loop", "_numbers", "_rings_at", "_stale", "_timer", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self.time = loop, loop.time
        self._heap: list[Entry] = []
        self._numbers = count()
        self._stale = 0
        self._rings_at = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def add(self, moment: float, deadline: Deadline) -> Entry:
        entry = (moment, next(self._numbers), deadline)
        heappush(self._heap, entry)
        if moment < self._rings_at:
            self._set(moment)
        return entry

    def left(self) -> None:
        """A deadline left its entry."""
        self._stale += 1
        if self._stale == len(self._heap):
            self._heap.clear()
            self._stale = 0
            self._unset()
        elif self._stale > FEW_STALE and self._stale * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].entry is entry]
            heapify(self._heap)
            self._stale = 0

    def _set(self, moment: float) -> None:
        self._unset()
        self._rings_at = moment
        self._timer = self._loop.call_later(max(0.0, moment - self.time()), self._ring)

    def _unset(self) -> None:
        self._rings_at = NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer, self._rings_at = None, -NEVER  # whoever arms meanwhile finds the timer set below
        latest = self.time() + EARLY
        try:
            while self._heap and self._heap[0][0] <= latest:
                entry = heappop(self._heap)
                if entry[2].entry is entry:
                    entry[2].look()
                else:
                    self._stale -= 1
        finally:
            self._rings_at = NEVER
            if self._heap:
                self._set(self._heap[0][0])


alarms: WeakKeyDictionary[asyncio.AbstractEventLoop, Alarm] = WeakKeyDictionary()


def alarm_of(loop: asyncio.AbstractEventLoop) -> Alarm:
    """The loop's one alarm."""
    alarm = alarms.get(loop)
    if alarm is None:
        alarm = alarms[loop] = Alarm(loop)
    return alarm


class Deadline:
    """Calls `expired` once, within a few milliseconds after `at` (in the loop's time); then `at` is NEVER until set again."""

    __slots__ = ("_alarm", "_expired", "armed_for", "entry", "moment")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._alarm = alarm_of(loop)
        self._expired: Callable[[], None] | None = expired
        self.moment = self.armed_for = NEVER
        self.entry: Entry | None = None  # the alarm's

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
        """Forget the callback; later assignments do nothing."""
        self.moment, self.armed_for, self._expired = NEVER, float("-inf"), None
        if self.entry is not None:
            self.entry = None
            self._alarm.left()

    def arm(self, moment: float) -> None:
        """Have the alarm look at `moment`. The hot path writes `moment` itself and calls this when `armed_for` is later: what `at` does."""
        before, self.armed_for = self.entry, moment
        self.entry = self._alarm.add(moment, self)
        if before is not None:
            self._alarm.left()

    def look(self) -> None:
        """The alarm rang."""
        self.entry, self.armed_for = None, NEVER
        if self.moment - self._alarm.time() > EARLY:
            if self.moment != NEVER:
                self.arm(self.moment)
            return
        self.moment = NEVER
        if self._expired is not None:
            self._expired()
