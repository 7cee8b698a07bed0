"""What clearing leaves: `clear counters` the totals, `clear counters all` only what goes on now."""

from __future__ import annotations

from pylb.proxy.counters import BackendCounters, clear_all, clear_highest


def test_clearing_keeps_what_goes_on() -> None:
    counters = BackendCounters()
    counters.enter()
    counters.session_started(3.0)
    counters.bin += 10
    counters.observe_times(1, 2, 3, 4, http=False)
    clear_highest(counters)
    assert (counters.smax, counters.ttime.highest, counters.bin, counters.stot) == (0, 0, 10, 1)
    clear_all(counters)
    assert (counters.scur, counters.bin, counters.stot, counters.lastsess, counters.ttime.total) == (1, 0, 0, -1.0, 0)
    assert counters.rate.value(3.5) == 1
