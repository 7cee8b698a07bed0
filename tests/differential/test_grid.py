"""Every cell of the grid of streams has a case or a reason; the grid itself is printed at the end of the run (conftest.py)."""

from __future__ import annotations

import functools

import pytest
import test_cookie_persistence
import test_proxy_headers
import test_proxy_options
import test_streams
from grid import CAUSES, DONE, EVENTS, GIVEN, PHASES, STATES, TRANSPORTS, Table, expand, fill
from oracle import needs_haproxy

pytestmark = needs_haproxy
SUITES = [test_streams.SUITE, test_proxy_options.SUITE, test_proxy_options.ADJUSTED, test_proxy_headers.SUITE, *test_cookie_persistence.SUITES.values()]

# Terminations that no case can reach, by their two letters; `*` stands for all letters that are not named.
NO_END = {
    "R* PC": "descriptors or memory of the process would have to run out",
    "IR IQ IC ID IL IT I-": "an internal error, which must never happen",
    "*L": "the client is served when its server is done with, and the state before counts: D",
    "CT cT": "a tarpitted client has PT, whether it waits, leaves, or is too slow",
    "cQ cC": "nobody waits for the client while there is no server",
    "cH": "a client that is too slow with its body is given up when its server has answered: D",
    "SR sR DR UR KR DQ UQ KQ": "there is no server yet: what ends its streams does not end this one, and an operator ends it once there is one",
    "ST sT LT DT UT": "who is tarpitted is told so in the end: PT",
    "PQ LQ": "rules are not asked in a queue",
    "LD": "a response that has begun cannot be replaced",
    "C- S- P- L- c- s-": "who ends a stream ends it somewhere",
    "-R -Q -C -H -D -T": "what ends as it should ends at its end",
}
NO_COOKIE = {
    "-N -I -U -P -R -D N- I- D- V- E- O- U-": "cookies are looked for in requests and responses or in neither",
    "NU IU DU EU OU UU": "only a valid cookie is renewed",
    "VI": "who comes with a valid cookie has one: it is renewed",
    "UI": "whom a rule has sent to a server needs no cookie for it",
}


@functools.cache
def tables() -> tuple[Table, Table, Table]:
    """The grid of everything that is played before both programs."""
    events = Table("events in phases", EVENTS, [f"{phase} {transport}" for phase in PHASES for transport in TRANSPORTS])
    ends = Table("terminations (letters 1 and 2)", CAUSES, STATES, reasons=expand(NO_END))
    cookies = Table("cookies (letters 3 and 4)", GIVEN, DONE, reasons=expand(NO_COOKIE))
    for suite in SUITES:
        fill((events, ends, cookies), suite.cases, suite.played.outcomes)
    return events, ends, cookies


@pytest.mark.parametrize("number", range(3), ids=("events", "terminations", "cookies"))
def test_no_hole(number: int, record_property: pytest.FixtureRequest) -> None:
    table = tables()[number]
    record_property("grid", table.lines())  # type: ignore[operator]
    assert not table.holes(), "\n".join(table.lines())
    assert not table.refuted(), f"{table.refuted()} cannot be, it is said"
