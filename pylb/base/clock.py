"""Time as HAProxy sees it: a monotonic clock for timers, the wall clock for logs, and the date texts of logs.

Invariants: `now` is the loop's time and never goes back; `wall` is `now` plus an offset that is looked up again at most once a
second, so that differences between two wall times of one request equal differences of `now`, while a clock set by the
administrator is followed. Date texts change once a second and are cached as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Clock:
    """`now()`: seconds since some start, for durations. `wall()`: seconds since 1970, for people."""

    def __init__(self, loop_time: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self.now = loop_time
        self._real_wall = wall
        self._offset = 0.0
        self._stale_at = float("-inf")
        self._dated, self._date = float("-inf"), ""

    def wall(self) -> float:
        """The current wall clock time."""
        return self.wall_at(self.now())

    def wall_at(self, moment: float) -> float:
        """The wall clock time of a `now()` of the recent past."""
        if moment >= self._stale_at:
            now = self.now()
            self._offset = self._real_wall() - now
            self._stale_at = now + 1.0
        return moment + self._offset

    def log_date(self, moment: float) -> str:
        """`log_date` of a `now()`; requests that are read in one turn of the loop began at one moment."""
        if moment != self._dated:
            self._dated, self._date = moment, log_date(self.wall_at(moment))
        return self._date


def split_second(wall: float) -> tuple[int, int]:
    """Whole seconds and microseconds of a wall time; rounded once, here, so that 0.350 never shows as 349 ms."""
    return divmod(round(wall * 1_000_000), 1_000_000)


def log_date(wall: float) -> str:
    """`23/Nov/2026:16:37:24.350`, local time: %t and %tr."""
    second, micros = split_second(wall)
    return f"{_local(second)}.{micros // 1000:03d}"


def log_date_gmt(wall: float) -> str:
    """`23/Nov/2026:15:37:24 +0000`: %T and %trg."""
    return _date(time.gmtime(int(wall))) + " +0000"


def log_date_local(wall: float) -> str:
    """`23/Nov/2026:16:37:24 +0100`: %Tl and %trl."""
    second = int(wall)
    return f"{_local(second)} {_zone(second)}"


def rfc3164_date(wall: float) -> str:
    """`Nov  3 16:37:24`: the local time stamp of BSD syslog (RFC 3164, 4.1.2)."""
    return _rfc3164(int(wall))


def rfc5424_date(wall: float) -> str:
    """`2026-11-23T16:37:24.350123+01:00`: the local time stamp of RFC 5424, also of the formats iso and timed."""
    second, micros = split_second(wall)
    day, zone = _rfc5424(second)
    return f"{day}.{micros:06d}{zone}"


@lru_cache(maxsize=8)
def http_date(second: int) -> str:
    """`Mon, 23 Nov 2026 16:37:24 GMT` (RFC 9110, 5.6.7) of whole seconds; always English, whatever the locale."""
    t = time.gmtime(second)
    return f"{DAYS[t.tm_wday]}, {t.tm_mday:02d} {MONTHS[t.tm_mon - 1]} {t.tm_year} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"


def _date(t: time.struct_time) -> str:
    return f"{t.tm_mday:02d}/{MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"


@lru_cache(maxsize=8)
def _local(second: int) -> str:
    return _date(time.localtime(second))


@lru_cache(maxsize=8)
def _zone(second: int, colon: str = "") -> str:
    minutes = (time.localtime(second).tm_gmtoff or 0) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}{colon}{rest:02d}"


@lru_cache(maxsize=8)
def _rfc3164(second: int) -> str:
    t = time.localtime(second)
    return f"{MONTHS[t.tm_mon - 1]} {t.tm_mday:2d} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"


@lru_cache(maxsize=8)
def _rfc5424(second: int) -> tuple[str, str]:
    t = time.localtime(second)
    day = f"{t.tm_year}-{t.tm_mon:02d}-{t.tm_mday:02d}T{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"
    return day, _zone(second, ":")
