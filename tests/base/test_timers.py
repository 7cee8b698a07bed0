"""Deadline, on a loop under a virtual clock and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from pylb.base.timers import NEVER, Deadline
from pylb.lab.world import World


@pytest.fixture(params=["world", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = World() if request.param == "world" else uvloop.new_event_loop()
    yield loop
    loop.close()


def play(loop: asyncio.AbstractEventLoop, moves: list[tuple[float, float]], until: float = 0.12) -> list[float]:
    """Set the deadline at each (moment, new deadline); the moments it expired at."""
    start, expired = loop.time(), list[float]()
    deadline = Deadline(loop, lambda: expired.append(round(loop.time() - start, 3)))

    async def story() -> None:
        for moment, at in moves:
            await asyncio.sleep(max(0.0, moment - (loop.time() - start)))
            deadline.at = start + at
        await asyncio.sleep(max(0.0, until - (loop.time() - start)))

    loop.run_until_complete(story())
    deadline.close()
    return expired


def near(expired: list[float], *wanted: float) -> bool:
    return len(expired) == len(wanted) and all(-0.001 <= got - want < 0.03 for got, want in zip(expired, wanted, strict=True))


def test_expires_once(loop: asyncio.AbstractEventLoop) -> None:
    assert near(play(loop, [(0, 0.03)]), 0.03)


def test_moves_later(loop: asyncio.AbstractEventLoop) -> None:
    assert near(play(loop, [(0, 0.02), (0.01, 0.04), (0.03, 0.07)]), 0.07)


def test_moves_earlier(loop: asyncio.AbstractEventLoop) -> None:
    assert near(play(loop, [(0, 50.0), (0.01, 0.03)]), 0.03)


def test_never(loop: asyncio.AbstractEventLoop) -> None:
    assert play(loop, [(0, 0.03), (0.01, NEVER)]) == []


def test_in_the_past_expires_next_turn(loop: asyncio.AbstractEventLoop) -> None:
    assert near(play(loop, [(0.02, 0.01)]), 0.02)


def test_set_again_after_expiry(loop: asyncio.AbstractEventLoop) -> None:
    assert near(play(loop, [(0, 0.02), (0.04, 0.06)]), 0.02, 0.06)


def test_never_then_again_keeps_the_armed_timer(loop: asyncio.AbstractEventLoop) -> None:
    assert near(play(loop, [(0, 0.03), (0.005, NEVER), (0.01, 0.05)]), 0.05)


class Counting(World):
    armed = 0

    def call_at(self, when: float, callback, *arguments, context=None):  # type: ignore[no-untyped-def]
        self.armed += 1
        return super().call_at(when, callback, *arguments, context=context)


def test_moving_later_arms_nothing_and_closing_leaves_nothing() -> None:
    world = Counting()
    deadline = Deadline(world, lambda: None)
    deadline.at = world.time() + 10
    assert world.armed == 1
    for step in range(1000):
        deadline.at = world.time() + 10 + step
    assert world.armed == 1
    assert len(world.nothing_left()) == 1
    deadline.close()
    deadline.close()
    deadline.at = world.time() + 1
    assert world.armed == 1
    assert world.nothing_left() == []
    world.close()


def test_the_callback_may_set_it_anew_or_close_it() -> None:
    world = World()
    expired: list[float] = []

    def again() -> None:
        expired.append(world.time())
        if len(expired) < 3:
            deadline.at = world.time() + 5
        else:
            deadline.close()

    deadline = Deadline(world, again)
    deadline.at = world.time() + 5
    start = world.time()
    world.run(asyncio.sleep(100))
    assert [moment - start for moment in expired] == [5, 10, 15]
    assert world.nothing_left() == []
    world.close()
