"""Clock and the date texts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from pylb.base import clock
from pylb.base.clock import Clock

MOMENT = 1_795_451_844.350_123  # 2026-11-23 16:37:24 UTC
PADDED = 1_793_681_999.999_999  # 2026-11-03 04:59:59 UTC


@pytest.fixture
def tokyo() -> Iterator[None]:
    yield from zone("Asia/Kolkata")


@pytest.fixture
def utc() -> Iterator[None]:
    yield from zone("UTC")


def zone(name: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    forget()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()
    forget()


def forget() -> None:
    for cached in (clock._local, clock._zone, clock._rfc3164, clock._rfc5424):
        cached.cache_clear()


def test_dates_in_utc(utc: None) -> None:
    assert clock.log_date(MOMENT) == "23/Nov/2026:16:37:24.350"
    assert clock.log_date_gmt(MOMENT) == "23/Nov/2026:16:37:24 +0000"
    assert clock.log_date_local(MOMENT) == "23/Nov/2026:16:37:24 +0000"
    assert clock.rfc3164_date(MOMENT) == "Nov 23 16:37:24"
    assert clock.rfc5424_date(MOMENT) == "2026-11-23T16:37:24.350123+00:00"
    assert clock.http_date(int(MOMENT)) == "Mon, 23 Nov 2026 16:37:24 GMT"


def test_dates_elsewhere(tokyo: None) -> None:
    assert clock.log_date(MOMENT) == "23/Nov/2026:22:07:24.350"
    assert clock.log_date_gmt(MOMENT) == "23/Nov/2026:16:37:24 +0000"
    assert clock.log_date_local(MOMENT) == "23/Nov/2026:22:07:24 +0530"
    assert clock.rfc5424_date(MOMENT) == "2026-11-23T22:07:24.350123+05:30"


def test_edges(utc: None) -> None:
    assert clock.rfc3164_date(PADDED) == "Nov  3 04:59:59"
    assert clock.log_date(PADDED) == "03/Nov/2026:04:59:59.999"
    assert clock.log_date(1_795_451_844.350) == "23/Nov/2026:16:37:24.350"
    assert clock.log_date(1_795_451_844.001) == "23/Nov/2026:16:37:24.001"


def test_wall_follows_now_within_a_second() -> None:
    now, real = 100.0, 5000.0
    subject = Clock(lambda: now, lambda: real)
    assert subject.wall() == 5000.0
    now, real = 100.25, 5000.9  # the administrator sets the clock, or it is read late
    assert subject.wall() == 5000.25
    assert subject.wall_at(100.0) == 5000.0
    now = 101.25
    assert subject.wall() == 5000.9
