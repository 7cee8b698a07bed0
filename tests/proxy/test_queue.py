"""Queues: priority, arrival, leaving, and which queue a freed slot serves."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

from pylb.proxy.queue import Queue

sys.path.insert(0, str(Path(__file__).parents[1]))
from farm import farm, server


def test_class_then_moment_then_arrival() -> None:
    queue = Queue()
    for name, priority in [("late", (0, 5.0)), ("early", (0, 1.0)), ("urgent", (-1, 9.0)), ("also early", (0, 1.0)), ("least", (1, 0.0))]:
        queue.push(name, priority)
    assert queue.peak == 5
    assert [queue.pop() for _ in range(6)] == ["urgent", "early", "also early", "late", "least", None]


def test_places_are_left_once() -> None:
    queue = Queue()
    first, second = queue.push("a"), queue.push("b")
    assert (first.ahead, second.ahead) == (0, 1)
    queue.leave(first)
    queue.leave(first)
    assert len(queue) == 1
    assert queue.pop() == "b"
    queue.leave(second)
    assert not queue.places


def test_a_slot_goes_to_who_came_first() -> None:
    backend = farm([server("s1", maxconn=1), server("s2", maxconn=1, backup=True)])
    active, spare = backend.servers
    active.queue.push("own", (0, 2.0))
    backend.queue.push("first", (0, 1.0))
    backend.queue.push("last", (0, 3.0))
    assert [active.next_waiting() for _ in range(4)] == ["first", "own", "last", None]
    backend.queue.push("any", (0, 1.0))
    assert spare.next_waiting() is None  # backups rest while an active server is usable
    active.command_state("maint", 0.0)
    assert active.next_waiting() is None
    assert spare.next_waiting() == "any"


def test_losing_a_server_moves_its_queue() -> None:
    backend = farm([server("s1"), server("s2")], options=("redispatch",))
    one = backend.servers[0]
    stays = SimpleNamespace(forced=True)
    one.queue.push("moves")
    one.queue.push(stays)
    change = one.command_state("maint", 0.0)
    assert change is not None
    assert change.woken == ["moves"]
    assert change.lines[0].text.endswith("0 sessions active, 1 requeued, 1 remaining in queue.")
    assert one.queue.pop() is stays


def test_without_redispatch_the_queue_stays() -> None:
    backend = farm([server("s1")])
    backend.servers[0].queue.push("waits")
    change = backend.servers[0].command_state("maint", 0.0)
    assert change is not None
    assert not change.woken
    assert len(backend.servers[0].queue) == 1
