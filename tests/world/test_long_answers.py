"""Long answers are made in slices: whoever reads the whole state of a large configuration, others are served meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pylb.base.net import Endpoint
from pylb.control import stats
from pylb.lab.stage import Stage
from pylb.lab.world import World
from pylb.stream import applet

Make = Callable[..., Stage]
FRONT = Endpoint.tcp("10.0.0.1", 80)
SERVERS = 400
MOST_ROWS = 17  # in one round of the loop: those of one piece, and the last one's
CONFIG = """
defaults
    mode http
    timeout client 10s
    timeout server 20s
    timeout connect 4s
frontend fe
    bind 10.0.0.1:80
    stats enable
    stats uri /stats
    http-request use-service prometheus-exporter if { path /metrics }
    http-request return status 200 if { path /short }
"""


def farm() -> str:
    servers = "".join(f"    server s{number} 10.0.{number // 200}.{number % 200 + 1}:80\n" for number in range(SERVERS))
    return f"{CONFIG}backend be\n{servers}"


@pytest.fixture(autouse=True)
def no_time_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are made in turns from the first piece on."""
    monkeypatch.setattr(applet, "AT_ONCE", 0.0)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows of servers are read in each round of the loop."""
    found, read, run_once = [0], stats.server_row, World._run_once

    def counted(*arguments: Any) -> Any:
        found[-1] += 1
        return read(*arguments)

    def one_round(world: World) -> None:
        found.append(0)
        run_once(world)

    monkeypatch.setattr(stats, "server_row", counted)
    monkeypatch.setattr(World, "_run_once", one_round)
    return found


async def fetch(scene: Stage, path: bytes) -> bytes:
    client = await scene.world.client(FRONT)
    await client.send(b"GET %s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % path)
    answer = await client.rest()
    client.close()
    return answer


@pytest.mark.parametrize("path", [b"/stats", b"/stats;csv", b"/stats;json", b"/stats;typed", b"/metrics"])
def test_a_page_reads_few_rows_in_a_round(stage: Make, rounds: list[int], path: bytes) -> None:
    scene = stage(farm())

    async def story(scene: Stage) -> bytes:
        return await fetch(scene, path)

    answer = scene.run(story)
    assert all(b"s%d" % number in answer for number in range(SERVERS))
    assert sum(rounds) == SERVERS
    assert max(rounds) <= MOST_ROWS


def test_a_short_answer_overtakes_a_long_one(stage: Make) -> None:
    scene = stage(farm())
    ends: list[bytes] = []

    async def story(scene: Stage) -> None:
        async def one(path: bytes) -> None:
            await fetch(scene, path)
            ends.append(path)

        long = [scene.world.create_task(one(b"/stats")) for _ in range(3)]
        short = scene.world.create_task(one(b"/short"))
        for task in (*long, short):
            await task

    scene.run(story)
    assert ends[0] == b"/short"
