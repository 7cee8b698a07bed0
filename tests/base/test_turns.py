"""Turns, on a loop under a virtual clock and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from pylb.base.turns import Turns
from pylb.lab.world import World


@pytest.fixture(params=["world", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = World() if request.param == "world" else uvloop.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize(
    ("works", "order"),
    [
        ({"a": 3}, "aaa"),
        ({"a": 3, "b": 1, "c": 2}, "abcaca"),
    ],
)
def test_one_goes_on_in_each_round(loop: asyncio.AbstractEventLoop, works: dict[str, int], order: str) -> None:
    turns, rounds = Turns(loop), [""]

    def worker(name: str, left: int) -> None:
        rounds[-1] += name
        if left > 1:
            turns.ask(lambda: worker(name, left - 1))

    async def story() -> None:
        for name, pieces in works.items():
            turns.ask(lambda name=name, pieces=pieces: worker(name, pieces))  # type: ignore[misc]
        while len("".join(rounds)) < len(order):
            rounds.append("")
            await asyncio.sleep(0)

    loop.run_until_complete(story())
    assert "".join(rounds) == order
    assert max(map(len, rounds)) == 1
