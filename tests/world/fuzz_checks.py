"""What must hold after every random story: streams end once and are logged, counters return to zero, little is held anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pylb.lab.stage import Stage
from pylb.stream.driver import Stream

LIMIT = 4 * 65536  # bytes that one connection may hold in one place


@contextmanager
def accounts(trouble: list[str]) -> Iterator[None]:
    """Every stream that starts ends once, and has one line unless it is silent on purpose."""
    started: set[int] = set()
    make, log = Stream.__init__, Stream.log

    def making(stream: Stream, session: Any, front: Any, *times: float) -> None:
        make(stream, session, front, *times)
        if front is not None:
            started.add(stream.number)

    def logging(stream: Stream, *form: Any) -> None:
        log(stream, *form)
        if stream.number in started:
            started.discard(stream.number)
        elif stream.front is not None:
            trouble.append(f"{stream!r} ended twice")
        if not stream.logged and not stream.dont_log:
            trouble.append(f"{stream!r} has no line")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "__init__", making)
        patch.setattr(Stream, "log", logging)
        yield
    trouble += [f"stream {number} never ended" for number in sorted(started)]


def held_bytes(stage: Stage) -> list[tuple[str, int]]:
    """Everything that is held for connections: where, and how much."""
    found: list[tuple[str, int]] = []
    for mux in stage.process.sessions:
        found += held_by(mux, "client")
        stream = getattr(mux, "stream", None)
        if stream is None:
            continue
        found.append(("request inbox", sum(map(len, stream.inbox_request))))
        found.append(("response inbox", sum(map(len, stream.inbox_response))))
        if stream.back is not None:
            found += held_by(stream.back, "server")
    return found


def held_by_stream(stage: Stage) -> int:
    """The most that one stream holds, in all places together."""
    most = 0
    for mux in stage.process.sessions:
        stream = getattr(mux, "stream", None)
        if stream is not None:
            places = [*held_by(mux, "client"), *(held_by(stream.back, "server") if stream.back is not None else ())]
            inboxes = sum(map(len, stream.inbox_request)) + sum(map(len, stream.inbox_response))
            most = max(most, inboxes + sum(size for _, size in places))
    return most


def held_by(mux: Any, side: str) -> list[tuple[str, int]]:
    return [
        (f"{side} write buffer", mux.transport.get_write_buffer_size()),
        (f"{side} buffer", len(getattr(mux, "buffer", b""))),
        (f"{side} out", sum(map(len, getattr(mux, "out", ())))),
    ]


def unbalanced(stage: Stage) -> list[str]:
    """Counters of things that come and go must be zero in the end."""
    left: list[str] = []
    process = stage.process
    if process.sessions:
        left.append(f"sessions: {process.sessions}")
    if process.counters.connections:
        left.append(f"process counts {process.counters.connections} connections")
    holders: list[tuple[str, Any]] = [(f"frontend {name}", frontend.counters) for name, frontend in process.frontends.items()]
    holders += [(f"listener {index} of {name}", one.counters) for name, frontend in process.frontends.items() for index, one in enumerate(frontend.listeners)]
    for name, backend in process.backends.items():
        holders.append((f"backend {name}", backend.counters))
        holders += [(f"server {server.name}", server.counters) for server in backend.servers]
    for name, counters in holders:
        for word in ("scur", "qcur", "h1_open_streams", "h1_open_connections", "used_conn_cur", "idle_conn_cur", "safe_conn_cur"):
            if getattr(counters, word, 0):
                left.append(f"{word} of {name} is {getattr(counters, word)}")
    return left
