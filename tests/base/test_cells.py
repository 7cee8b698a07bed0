"""Counters over shared memory behave as plain ones, also across fork."""

from __future__ import annotations

import os

from pylb.base.cells import combined, shared_rows
from pylb.proxy.counters import BackendCounters, InfoCounters, clear_all, clear_highest


def test_rows_start_with_the_defaults_and_have_the_methods() -> None:
    row = shared_rows(BackendCounters, 2)[1]
    assert row.lastsess == -1.0
    row.session_started(7.0)
    row.enter()
    assert (row.stot, row.lastsess, row.scur, row.smax, row.rate.value(7.5)) == (1, 7.0, 1, 1, 1)


def test_a_child_writes_its_row_and_the_parent_reads_the_sum() -> None:
    rows = shared_rows(InfoCounters, 2)
    child = os.fork()
    if not child:
        for _ in range(1000):
            rows[1].requests_total += 1
        os._exit(0)
    for _ in range(500):
        rows[0].requests_total += 1
    assert os.waitpid(child, 0)[1] == 0
    assert combined(InfoCounters, rows).requests_total == 1500


def test_one_row_is_not_copied() -> None:
    row = BackendCounters()
    assert combined(BackendCounters, [row]) is row


def test_clearing_keeps_what_goes_on() -> None:
    for counters in (BackendCounters(), shared_rows(BackendCounters, 1)[0]):
        counters.enter()
        counters.session_started(3.0)
        counters.bin += 10
        counters.observe_times(1, 2, 3, 4, http=False)
        clear_highest(counters)
        assert (counters.smax, counters.ttime.highest, counters.bin, counters.stot) == (0, 0, 10, 1)
        clear_all(counters)
        assert (counters.scur, counters.bin, counters.stot, counters.lastsess, counters.ttime.total) == (1, 0, 0, -1.0, 0)
        assert counters.rate.value(3.5) == 1
