"""The source-text forms of log-format aliases say what their functions say."""

from __future__ import annotations

from types import SimpleNamespace as Some
from typing import Any

import pytest

from pylb import keywords
from pylb.base.clock import Clock
from pylb.sample.logformat import Inline
from pylb.sample.registry import inline, variable

keywords.load()


def stream(**facts: Any) -> Any:
    """What the aliases read of a stream."""
    listener = Some(tls=facts.pop("tls", None), id=7)
    frontend = Some(name="fe", log_asap=facts.pop("asap", False), counters=Some(scur=3), request_captures=facts.pop("slots", ()), response_captures=())
    session = Some(source=facts.pop("source", ("192.0.2.1", 4711)), listener=listener, frontend=frontend, requests=2, handshake_ms=0)
    known: dict[str, Any] = {
        "session": session, "frontend": frontend, "backend": None, "server": None, "applet_name": None,
        "process": Some(connections=5, clock=Clock(lambda: 100.0, lambda: 1_795_451_844.25)),
        "time_request": -1, "time_queue": -1, "time_connect": -1, "time_data": -1, "time_close": 12, "status": -1, "bytes_out": 0,
        "termination": "--", "cookie_state": "--", "retried": 0, "redispatched": False, "queue_ahead": (1, 2),
        "idle_from": 99.0, "request_began": 99.5, "request_line": b"GET / HTTP/1.1", "streamless": False, "captures_request": None, "captures_response": None,
        "cookie_captured_request": None, "cookie_captured_response": None,
    }  # fmt: skip
    return Some(**{**known, **facts})


STREAMS = [
    stream(),
    stream(source=("", 0), tls=object(), asap=True, redispatched=True, retried=2, termination="SC", status=503, bytes_out=217, time_request=500),
    stream(
        backend=Some(name="be", counters=Some(scur=4)), server=Some(name="s1", counters=Some(scur=2)), status=200, bytes_out=99,
        time_request=501, time_queue=510, time_connect=530, time_data=570, time_close=600,
    ),
    stream(backend=Some(name="be", counters=Some(scur=4)), applet_name="STATS", time_queue=4),
    stream(slots=(1, 2), captures_request=[b"one", None], cookie_captured_request=b"a=1", cookie_captured_response=b"a=2", request_line=b"GET /\xff"),
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(inline))
@pytest.mark.parametrize("number", range(len(STREAMS)))
def test_both_forms_agree(name: str, number: int) -> None:
    entry = variable.get(name)
    assert entry is not None
    text = entry.function(STREAMS[number])
    assert Inline(*inline[name])(STREAMS[number]) == (text or "-" if entry.facts.get("missing") else str(text))
