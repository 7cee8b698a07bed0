"""Idle connections: who may have which, limits, purge."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from farm import farm, server


class Connection:
    def __init__(self, requests: int = 1, session: object = None, identity: object = None) -> None:
        self.requests, self.source_session, self.identity, self.closed = requests, session, identity, False

    def close(self) -> None:
        self.closed = True


class Session:
    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.session = self


def pool(mode: str = "safe", **settings: Any) -> Any:
    backend = farm([server("s1", **settings)])
    backend.settings.http_reuse = mode
    return type(backend.servers[0].pool)(backend.servers[0])


def ask(one: Any, requests: int, session: Any = None) -> Any:
    return one.get(SimpleNamespace(session=session or Session(requests)))


@pytest.mark.parametrize(
    ("mode", "first", "later"), [("never", (), ()), ("safe", (), ("idle", "safe")), ("aggressive", ("safe",), ("idle",)), ("always", ("safe", "idle"), ())]
)
def test_modes(mode: str, first: tuple[str, ...], later: tuple[str, ...]) -> None:
    one = pool(mode)
    named = {Connection(1): "idle", Connection(2): "safe"}
    used(one, 2)
    for connection in named:
        one.put(connection)
    used(one, 0)
    for number, expected in ((1, first), (2, later)):
        taken = []
        while (connection := ask(one, number)) is not None:
            taken.append(named[connection])
        assert tuple(taken) == expected


def test_never_keeps_a_connection_with_its_session() -> None:
    one, session = pool("never"), Session(1)
    connection = Connection(1, session)
    one.put(connection)
    assert ask(one, 2) is None
    assert ask(one, 2, session) is connection
    one.identity = lambda stream: stream.identity
    one.put(connection)
    assert one.get(SimpleNamespace(session=session, identity="other")) is None
    one.session_ended(session)
    assert connection.closed


@pytest.mark.parametrize(("mode", "first", "later"), [("safe", "", "is"), ("aggressive", "s", "i"), ("always", "si", "")])
def test_only_alike_connections_are_shared(mode: str, first: str, later: str) -> None:
    one = pool(mode)
    one.identity = lambda stream: stream.identity
    used(one, 4)
    one.note_use(4)
    for identity in ("a", "b"):
        for requests in (1, 2):
            one.put(Connection(requests, identity=identity))
    used(one, 0)
    for number, expected in ((1, first), (2, later)):
        taken = ""
        while (connection := one.get(SimpleNamespace(session=Session(number), identity="b"))) is not None:
            assert connection.identity == "b"
            taken += "is"[connection.requests - 1]
        assert taken == expected
    assert one.get(SimpleNamespace(session=Session(2), identity="c")) is None
    assert len(one) == 2
    assert (one.server.counters.idle_conn_cur, one.server.counters.safe_conn_cur) == (1, 1)


def test_limits() -> None:
    one = pool("always", pool_max_conn=1)
    kept, refused = Connection(), Connection()
    one.put(kept)
    one.put(refused)
    assert (kept.closed, refused.closed) == (False, True)
    assert one.server.counters.idle_conn_cur == 1
    assert not pool("always", pool_purge_delay=0).put(refused)


def used(one: Any, count: int) -> None:
    """So many connections are in use now."""
    one.server.counters.used_conn_cur = count
    one.note_use()


def test_no_more_than_were_needed_at_once() -> None:
    """Four requests at a time leave four connections; a fifth one, used alone, is closed."""
    one = pool("safe")
    for left in (4, 3, 2, 1):
        used(one, left)
        one.put(Connection())
    used(one, 1)
    fifth = Connection()
    one.put(fifth)
    assert len(one) == 4
    assert fifth.closed


def test_oldest_first() -> None:
    one = pool("safe")
    connections = [Connection() for _ in range(3)]
    for left, connection in zip((3, 2, 1), connections, strict=True):
        used(one, left)
        one.put(connection)
    taken = []
    for _ in range(5):
        connection = ask(one, 2)
        connection.requests += 1
        one.put(connection)
        taken.append(connections.index(connection))
    assert taken == [0, 1, 2, 0, 1]


def test_purge_takes_half_of_what_was_not_needed_and_one() -> None:
    one = pool("always")
    used(one, 8)
    for left in range(8, 0, -1):
        used(one, left)
        one.put(Connection())
    used(one, 0)
    one.estimate, one.highest_used = 8, 0
    assert [(len(one.purge()), one.estimate) for _ in range(4)] == [(0, 4), (3, 2), (3, 1), (2, 0)]
    assert one.server.counters.idle_conn_cur == 0


def test_a_dead_connection_is_forgotten() -> None:
    one, gone = pool("always"), Connection()
    one.put(gone)
    one.remove(gone)
    one.remove(gone)
    assert len(one) == 0
    assert ask(one, 2) is None
