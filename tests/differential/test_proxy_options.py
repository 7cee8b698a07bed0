"""Words of proxies and servers before haproxy and before pylb: none of them may be accepted and then forgotten."""

from __future__ import annotations

import option_cases
import pytest
from oracle import needs_haproxy
from suites import Suite

pytestmark = needs_haproxy
CASES = option_cases.CASES

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED: dict[str, str] = {
    "retry_informational": "HAProxy answers 500 for an internal error when the server that sent a 1xx is lost and the request goes out again",
    "retry_post_early": "HAProxy ends in silence, as if the body had broken, when the server is lost during an upload under `retry-on`",
    "h2_preface_disabled": "HAProxy makes a request of the preface before it refuses it; pylb refuses the bytes",
}


SUITE = Suite("options", CASES, ACCEPTED)
ADJUSTED = Suite("adjusted", option_cases.CASE_OF_NAMES, head=option_cases.ADJUSTED)  # where names of header fields are written as `h1-case-adjust` says


@pytest.mark.parametrize("name", SUITE.names())
def test_same(name: str) -> None:
    SUITE.check(name)


@pytest.mark.parametrize("name", ADJUSTED.names())
def test_same_case_of_names(name: str) -> None:
    ADJUSTED.check(name)
