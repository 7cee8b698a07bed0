"""Event rates and sliding averages as HAProxy keeps them: freq_ctr and swrate.

A rate is two numbers: how many events the current period has seen and how many the one before it had. Its value is the current count plus
the share of the previous one that a window of one period ending now would still cover, so it needs no timer and no history.
A sliding average is a decayed sum over about N samples. Both are integers on purpose: what users see is rounded the way HAProxy rounds.

Invariants: `now` never goes back; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PERIOD = 1.0  # seconds, of the rates in statistics
TIME_SAMPLES = 512  # the most samples the time averages of servers and backends cover


@dataclass(slots=True)
class FreqCtr:
    """Events per second; `highest` is the greatest count one period has seen."""

    current: int = 0
    previous: int = 0
    since: float = -1e9  # when the current period began
    highest: int = 0

    def tick(self, now: float, count: int = 1) -> int:
        """Count `count` events at `now`; returns how many the current period has seen."""
        if now - self.since >= PERIOD:
            self.previous = self.current
            self.current = 0
            self.since += PERIOD
            if now - self.since >= PERIOD:
                self.previous = 0
                self.since = now
        self.current += count
        if self.current > self.highest:
            self.highest = self.current
        return self.current

    def value(self, now: float) -> int:
        """Events over the last second."""
        return int(self.exact(now))

    def exact(self, now: float) -> float:
        """Events over the last second, with the part after the point."""
        return measure(self.current, self.previous, now - self.since, PERIOD)

    def remaining(self, now: float, limit: int, pending: int = 0) -> int:
        """How many more events fit under `limit` per second; `pending` ones are about to happen."""
        current, previous, elapsed = rotate(self.current, self.previous, now - self.since, PERIOD)
        taken = current + pending + int(previous * max(0.0, PERIOD - elapsed) / PERIOD)
        return max(0, limit - taken)

    def wait(self, now: float, limit: int, pending: int = 0) -> float:
        """Seconds until one more event fits under `limit` per second."""
        current, previous, elapsed = rotate(self.current, self.previous, now - self.since, PERIOD)
        if current + pending >= limit:  # the current period alone is full: it must end first
            return max(0.001, PERIOD - elapsed)
        return 0.0 if self.remaining(now, limit, pending) else max(0.001, PERIOD / max(1, limit))


def rotate(current: int, previous: int, elapsed: float, period: float) -> tuple[int, int, float]:
    """The counts of the current and the previous period, `elapsed` seconds after the start of the period last written."""
    if elapsed < period:
        return current, previous, elapsed
    if elapsed < 2 * period:
        return 0, current, elapsed - period
    return 0, 0, 0.0


def measure(current: int, previous: int, elapsed: float, period: float) -> float:
    """Events in a window of one period that ends now. A lone event stays visible for the whole next period instead of flapping."""
    current, previous, elapsed = rotate(current, previous, elapsed, period)
    if not current and previous <= 1:
        return previous
    return current + previous * (period - elapsed) / period


@dataclass(slots=True)
class Average:
    """A sliding average of integers and the greatest one seen.

    `samples` is how many values there were. Until they fill the window nothing is forgotten and the average is the mean; from then on each
    value takes the place of one average value.
    """

    total: int = 0
    highest: int = 0

    def add(self, value: int, samples: int, window: int = TIME_SAMPLES) -> None:
        """Take `value` in; `samples` counts it already."""
        if samples > window:
            self.total += -self.total // window
        self.total += value
        if value > self.highest:
            self.highest = value

    def add_all(self, values: Sequence[int], samples: Sequence[int], window: int = TIME_SAMPLES) -> None:
        """`add` for many values in turn; `samples` says for each how many there had been."""
        total = self.total
        for value, count in zip(values, samples, strict=True):
            if count > window:
                total += -total // window
            total += value
        self.total, self.highest = total, max(self.highest, *values)

    def value(self, samples: int, window: int = TIME_SAMPLES) -> int:
        """The average, rounded up."""
        size = max(1, min(samples, window))
        return -(-self.total // size)
