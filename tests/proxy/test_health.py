"""The rise/fall machine, agents, observed traffic; words as HAProxy 2.6.12 logs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pylb.config import model
from pylb.proxy.health import Result
from pylb.proxy.server import link_tracking

sys.path.insert(0, str(Path(__file__).parents[1]))
from farm import farm, record, server, texts

LEFT = "0 sessions active, 0 requeued, 0 remaining in queue."
ONLINE = "0 sessions requeued, 0 total in queue."
REFUSED = Result("L4CON", 0, 0, "Connection refused")
OK = Result("L7OK", 200, 3)


def checked(name: str = "s1", **more: Any) -> model.Server:
    return server(name, check=model.Check(enabled=True, rise=2, fall=3), **more)


def test_the_first_failure_after_start_takes_a_server_down() -> None:
    backend = farm([checked(), server("s2")])
    seen, one = record(backend), backend.servers[0]
    assert one.status_text == "UP 1/3"
    one.check.report(REFUSED, 0.0)
    assert one.status_text == "DOWN"
    reason = 'reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms'
    assert texts(seen) == [f"Server b/s1 is DOWN, {reason}. 1 active and 0 backup servers left. {LEFT}"]
    assert (one.counters.chkfail, one.counters.chkdown) == (1, 1)


def test_rise_and_fall() -> None:
    backend = farm([checked()])
    seen, one = record(backend), backend.servers[0]
    shown = []
    for result in [OK, REFUSED, REFUSED, REFUSED, REFUSED, OK, REFUSED, OK, OK]:
        one.check.report(result, 1.0)
        shown.append(one.status_text)
    assert shown == ["UP", "UP 2/3", "UP 1/3", "DOWN", "DOWN", "DOWN 1/2", "DOWN", "DOWN 1/2", "UP"]
    assert texts(seen)[1:] == [
        "backend 'b' has no server available!",
        f"Server b/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 3ms. 1 active and 0 backup servers online. {ONLINE}",
    ]
    assert (one.counters.chkfail, backend.counters.chkdown) == (4, 1)


def test_log_health_checks() -> None:
    backend = farm([checked(), server("s2", backup=True)], options=("log-health-checks",))
    seen = record(backend)
    one = backend.servers[0]
    for result in [OK, OK, Result("L7OKC", 404), Result("L7STS", 500, 0, "Why"), Result("L7STS", 500, 0, "Why"), Result("L7STS", 500, 0, "Why")]:
        one.check.report(result, 0.0)
    failed = 'Health check for server b/s1 failed, reason: Layer7 wrong status, code: 500, info: "Why", check duration: 0ms, status: '
    conditional = "Health check for server b/s1 conditionally succeeded, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms"
    assert texts(seen) == [
        "Health check for server b/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: 3ms, status: 3/3 UP.",
        f"{conditional}, status: 3/3 UP.",
        f"Server b/s1 is stopping. 0 active and 1 backup servers online. Running on backup. {ONLINE}",
        f"{failed}2/3 UP.",
        f"{failed}1/3 UP.",
        f"{failed}0/2 DOWN.",
        f"Server b/s1 is DOWN. 0 active and 1 backup servers left. Running on backup. {LEFT}",
    ]


def test_trackers_follow() -> None:
    backend = farm([checked(), server("t", track="s1")])
    link_tracking({"b": backend})
    seen = record(backend)
    backend.servers[0].check.report(REFUSED, 0.0)
    assert texts(seen)[1] == f"Server b/t is DOWN via b/s1. 0 active and 0 backup servers left. {LEFT}"
    assert backend.servers[1].status_text == "DOWN"
    backend.servers[0].check.report(OK, 0.0)
    assert [one.status_text for one in backend.servers] == ["DOWN 1/2", "DOWN 1/2"]


def test_agent() -> None:
    backend = farm([server("s1", agent=model.Agent(enabled=True), weight=10)], options=("log-health-checks",))
    seen, one = record(backend), backend.servers[0]
    one.agent.report(REFUSED, 0.0)
    assert one.status_text == "no check"
    one.agent.report(Result("L7STS", 0, 0, "via agent : down"), 0.0)
    assert one.status_text == "DOWN (agent)"
    one.agent.report(Result("L7OK", 0, 0, "via agent : up"), 0.0)
    assert one.status_text == "no check"
    one.agent.report(Result("CHECKED"), 0.0)
    one.command_state("drain", 0.0)
    assert one.status_text == "DRAIN (agent)"
    assert texts(seen)[:3] == [
        'Agent check for server b/s1 failed, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms, status: 1/1 UP.',
        'Agent check for server b/s1 failed, reason: Layer7 wrong status, code: 0, info: "via agent : down", check duration: 0ms, status: 0/1 DOWN.',
        f"Server b/s1 is DOWN. 0 active and 0 backup servers left. {LEFT}",
    ]


@pytest.mark.parametrize(("on_error", "shown"), [("fastinter", "UP"), ("fail-check", "UP 2/3"), ("sudden-death", "UP 1/3"), ("mark-down", "DOWN")])
def test_observed_errors(on_error: str, shown: str) -> None:
    backend = farm([checked(observe="layer7", error_limit=2, on_error=on_error)])
    seen, one = record(backend), backend.servers[0]
    one.check.report(OK, 0.0)
    for status in (503, 200, 0, 503):
        one.observed(status)
    assert one.status_text == shown
    assert one.counters.hanafail == 1
    if shown == "DOWN":
        reason = 'reason: Health analyze, info: "Detected 2 consecutive errors, last one was: Wrong http response"'
        assert texts(seen)[0] == f"Server b/s1 is DOWN, {reason}. 0 active and 0 backup servers left. {LEFT}"
        assert one.check.duration == -1


def test_slow_start() -> None:
    backend = farm([checked(slowstart=3000, weight=100, maxconn=100), server("s2")])
    one = backend.servers[0]
    one.check.report(REFUSED, 0.0)
    one.command_health("up", 10.0)
    steps = []
    for now in (10.0, 11.0, 12.0, 13.0):
        backend.process.clock.time = now
        one.warm_up(now)
        steps.append((one.eweight, one.throttle(now), one.slots()))
    assert steps == [(100, 6, 1), (600, 37, 33), (1100, 68, 66), (1600, None, 100)]


def test_dynamic_limit() -> None:
    backend = farm([server("s1", minconn=10, maxconn=100)])
    backend.full_connections = 1000
    limits = []
    for backend.counters.scur in (0, 50, 500, 1000):
        limits.append(backend.servers[0].slots())
    assert limits == [10, 10, 50, 100]


def test_marked_down_and_up_end_sessions() -> None:
    backend = farm([checked(on_marked_down="shutdown-sessions", on_marked_up="shutdown-backup-sessions"), server("s2", backup=True)])
    one, spare = backend.servers
    down, up = one.command_health("down", 0.0), one.command_health("up", 1.0)
    assert down is not None
    assert up is not None
    assert down.shutdowns == [(one, "D")]
    assert up.shutdowns == [(spare, "U")]
    assert one.down_time == 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("300", "Absolute weight can only be between 0 and 256 inclusive."),
        ("-1", "Absolute weight can only be between 0 and 256 inclusive."),
        ("5%%", "Trailing garbage in weight string"),
        ("abc", "Empty weight string empty or preceded by garbage"),
        ("-5%", "Relative weight must be positive."),
        ("1.5", "Trailing garbage in weight string"),
        ("30000%", None),
    ],
)
def test_words_of_set_weight(text: str, answer: str | None) -> None:
    assert farm([server("s1")]).servers[0].set_weight(text, 0.0) == answer


def test_static_algorithms_refuse_other_weights() -> None:
    backend = farm([server("s1", weight=3)], algorithm="uri")
    assert backend.servers[0].set_weight("2", 0.0) == "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'."
    assert backend.servers[0].set_weight("0", 0.0) is None
    assert backend.servers[0].set_weight("100%", 0.0) is None
