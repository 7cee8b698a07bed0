"""How bodies are framed by odd statuses and by rules on the fields that frame them, before haproxy and before pylb."""

from __future__ import annotations

import pytest
import stream_framing_cases
from oracle import needs_haproxy
from suites import Suite

pytestmark = needs_haproxy

ACCEPTED: dict[str, str] = {}
SUITE = Suite("framing", stream_framing_cases.CASES, ACCEPTED)


@pytest.mark.parametrize("name", SUITE.names())
def test_same(name: str) -> None:
    SUITE.check(name)
