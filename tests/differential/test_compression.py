"""Compression before haproxy and before pylb: heads byte by byte, payloads as clients understand them, what servers see, logs and counters."""

from __future__ import annotations

import compression_cases
import pytest
from oracle import needs_haproxy
from suites import Suite

pytestmark = needs_haproxy
SIZES = frozenset(("comp_out", "h1_bytes_out", "TotalBytesOut"))  # of what is compressed: HAProxy's library and zlib choose other encodings

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED = {"empty_deflate": "HAProxy's library gives an empty body a wrong checksum, and clients refuse it"}
SUITE = Suite("compression", compression_cases.CASES, ACCEPTED, mask=compression_cases.decoded, sizes=SIZES)
LIMITED = Suite("compression_limit", compression_cases.LIMITED, mask=compression_cases.decoded, sizes=SIZES, head=" maxcomprate 1\n")


@pytest.mark.parametrize("name", SUITE.names())
def test_same(name: str) -> None:
    SUITE.check(name)


@pytest.mark.parametrize("name", LIMITED.names())
def test_same_within_limits(name: str) -> None:
    LIMITED.check(name)
