"""A stand-in for streams: what fetches read, without connections."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from pylb.base.clock import log_date
from pylb.config.model import Place, Proxy
from pylb.sample.context import CompileContext
from pylb.sample.types import Phase
from pylb.wire.h1 import Limits, read_request

MODULES = ("fetches", "converters")


def load_words() -> None:
    """Register fetches, converters, matchers and aliases."""
    import importlib
    import pkgutil

    for name in ("logvariables", "matchers"):
        importlib.import_module(f"pylb.keywords.{name}")
    for name in MODULES:
        package = importlib.import_module(f"pylb.keywords.{name}")
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)


load_words()


class Clock:
    """A clock that stands still."""

    def __init__(self, wall: float = 1_700_000_000.25) -> None:
        self.moment = wall

    def wall(self) -> float:
        return self.moment

    def wall_at(self, moment: float) -> float:
        return self.moment

    def log_date(self, moment: float) -> str:
        return log_date(self.moment)

    def now(self) -> float:
        return 100.0


class Reports:
    """Collects warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warning(self, text: str, place: Any = None) -> None:
        self.texts.append(text)


def context(phase: Phase = Phase.REQUEST, mode: str = "http", **more: Any) -> CompileContext:
    """A context inside a frontend called `f`."""
    place = Place("test.cfg", 12)
    proxy = Proxy("f", "frontend", place, mode=mode)  # type: ignore[arg-type]
    return CompileContext(place=place, proxy=proxy, phase=phase, report=Reports(), **more)


def stream(data: bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", source: Any = ("127.0.0.1", 40000), destination: Any = ("127.0.0.1", 8000)) -> Any:
    """A stream whose request is `data`."""
    found = read_request(data, Limits())
    assert found is not None
    request, size = found
    counters = SimpleNamespace(scur=1, requests_total=1)
    listener = SimpleNamespace(id=1, name="sock-1", tls=None, counters=counters, bind=SimpleNamespace(name=None))
    process = SimpleNamespace(
        clock=Clock(), variables={}, pid=os.getpid(), connections=1, counters=counters, stopping=False, backends={}, frontends={}, config=None
    )
    frontend = SimpleNamespace(
        name="f", id=2, counters=counters, request_captures=(), response_captures=(), log_asap=False, unique_id_format=None, timeout_client=5.0,
        settings=SimpleNamespace(default_backend="b"), longest_line=1023,
    )  # fmt: skip
    session = SimpleNamespace(
        source=source, destination=destination, listener=listener, frontend=frontend, tls=None, variables=None, requests=1, handshake_ms=0,
        accepted=100.0, process=process,
    )  # fmt: skip
    session.session = session
    return SimpleNamespace(
        session=session, process=process, frontend=frontend, backend=None, server=None, back=None, request=request, response=None,
        headers=request.headers, variables=None, request_variables=None, response_variables=None, inbox_request=[data[size:]], inbox_response=[],
        request_complete=True, response_complete=False, unsure=False, unique_id=None, streamless=False, captures_request=None, captures_response=None,
        request_line=None, idle_from=100.0, request_began=100.001, time_request=3, time_queue=3, time_connect=4, time_data=10, time_close=12,
        status=200, bytes_in=10, bytes_out=120, termination="--", cookie_state="--", retried=0, redispatched=False, queue_ahead=(0, 0), applet_name=None,
        cookie_captured_request=None, cookie_captured_response=None,
        priority_class=0, priority_offset=0, last_rule=None, number=7,
    )  # fmt: skip
