"""Streams before haproxy and before pylb: the same configuration, clients and servers; everything that can be seen is compared."""

from __future__ import annotations

import pytest
import stream_end_cases
import stream_grid_cases
import stream_http_cases
import stream_kill_cases
import stream_tcp_cases
from oracle import needs_haproxy
from suites import Suite

pytestmark = needs_haproxy
CASES = [*stream_http_cases.CASES, *stream_end_cases.CASES, *stream_tcp_cases.CASES, *stream_grid_cases.CASES, *stream_kill_cases.CASES]

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED: dict[str, str] = {}


SUITE = Suite("streams", CASES, ACCEPTED)


@pytest.mark.parametrize("name", SUITE.names())
def test_same(name: str) -> None:
    SUITE.check(name)


def test_same_is_printed() -> None:
    theirs, ours = (sorted(text.splitlines()) for text in SUITE.played.printed)  # cases are played side by side
    assert ours == theirs
