"""What clearing leaves: `clear counters` the totals, `clear counters all` only what goes on now."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from pylb.base.freq import Average, FreqCtr
from pylb.proxy.counters import GAUGES, BackendCounters, FrontendCounters, ListenerCounters, ServerCounters, clear_all, clear_highest


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


@pytest.mark.parametrize("kind", [FrontendCounters, ListenerCounters, BackendCounters, ServerCounters])
def test_every_cell_is_cleared_as_it_should(kind: type[Any]) -> None:
    """Each cell counts something; then all begin again but those that say what goes on now."""
    counters, fresh = kind(), kind()
    for cell in fields(kind):
        value = getattr(counters, cell.name)
        if isinstance(value, FreqCtr):
            value.tick(3.0)
        elif isinstance(value, Average):
            value.add(7, 1)
        else:
            setattr(counters, cell.name, value + 5)
    clear_all(counters)
    for cell in fields(kind):
        value, unused = getattr(counters, cell.name), getattr(fresh, cell.name)
        if isinstance(value, FreqCtr):
            assert (value.value(3.5), value.highest) == (1, 0)
        elif isinstance(value, Average):
            assert (value.total, value.highest) == (0, 0)
        else:
            assert value == (unused + 5 if cell.name in GAUGES else unused), cell.name
