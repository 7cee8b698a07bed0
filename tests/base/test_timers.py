"""Deadline: exact on a loop under a virtual clock, never early on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
import uvloop

from pylb.base.timers import NEVER, Deadline
from pylb.lab.world import World

MOVES = {  # (moment, new deadline)..., and the moments it expires at
    "once": ([(0, 3)], [3]),
    "later": ([(0, 2), (1, 4), (3, 7)], [7]),
    "earlier": ([(0, 5000), (1, 3)], [3]),
    "never": ([(0, 3), (1, NEVER)], []),
    "past": ([(2, 1)], [2]),
    "set-again": ([(0, 2), (4, 6)], [2, 6]),
    "never-then-again": ([(0, 3), (0.5, NEVER), (1, 5)], [5]),
}


@pytest.mark.parametrize("name", MOVES)
def test_expires_in_time(name: str) -> None:
    moves, wanted = MOVES[name]
    world, expired = World(), list[float]()
    start = world.time()
    deadline = Deadline(world, lambda: expired.append(round(world.time() - start, 3)))

    async def story() -> None:
        for moment, at in moves:
            await asyncio.sleep(moment - (world.time() - start))
            deadline.at = start + at
        await asyncio.sleep(20)

    world.run(story())
    deadline.close()
    world.close()
    assert expired == wanted


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("at", [[0.03], [0.02, 0.05], [50.0, 0.03], [0.03, NEVER], [-0.01], [0.03, NEVER, 0.05]])
def test_a_real_loop_is_never_early(loop: asyncio.AbstractEventLoop, at: list[float]) -> None:
    """How late it is depends on the machine; its turn comes before that of a later timer."""
    start, expired = loop.time(), list[float]()
    deadline = Deadline(loop, lambda: expired.append(loop.time() - start))
    for each in at:
        deadline.at = start + each
    assert not expired
    loop.call_later(0.1, loop.stop)
    loop.run_forever()
    deadline.close()
    assert len(expired) == (at[-1] != NEVER)
    assert all(moment > at[-1] - 0.001 for moment in expired)


def test_a_real_loop_expires_again(loop: asyncio.AbstractEventLoop) -> None:
    expired: list[float] = []

    def again() -> None:
        expired.append(loop.time())
        if len(expired) == 3:
            loop.stop()
        else:
            deadline.at = loop.time() + 0.01

    deadline = Deadline(loop, again)
    deadline.at = loop.time()
    loop.run_forever()
    deadline.close()
    assert all(later - earlier > 0.009 for earlier, later in pairwise(expired))


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
