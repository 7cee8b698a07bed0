"""Origin servers in a World: who they say they are, scripts, health, latency, and how they die."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from pylb.base.net import Endpoint
from pylb.lab.origin import Answer, HttpOrigin
from pylb.lab.world import World

PLACE = Endpoint.tcp("127.0.10.11", 8774)
GET = b"GET /v2 HTTP/1.1\r\nhost: vip\r\n\r\n"
CHECK = b"GET /healthcheck HTTP/1.0\r\n\r\n"


def play(story: Callable[[World, HttpOrigin], Awaitable[object]]) -> object:
    world = World()
    origin = HttpOrigin(world.net, world, PLACE, "nova on controller-1", "/healthcheck")

    async def run() -> object:
        origin.start()
        result = await story(world, origin)
        origin.stop()
        await world.settle()
        return result

    result = world.run(run())
    assert world.nothing_left() == []
    world.close()
    return result


async def ask(world: World, request: bytes) -> bytes:
    """Everything that comes back when the request is the last one."""
    peer = await world.client(PLACE)
    await peer.send(request)
    peer.write_eof()
    answer = await peer.rest()
    peer.close()
    return answer


def test_it_says_who_it_is() -> None:
    async def story(world: World, origin: HttpOrigin) -> None:
        head, _, body = (await ask(world, GET)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"x-served-by: nova on controller-1" in head
        assert json.loads(body) == {"server": "nova on controller-1", "address": "127.0.10.11:8774", "request": "GET /v2", "headers": {"host": "vip"}}
        assert (origin.requests, origin.checks) == (1, 0)

    play(story)


def test_one_connection_many_requests_in_any_pieces() -> None:
    post = b"POST /a HTTP/1.1\r\nhost: vip\r\ncontent-length: 5\r\n\r\nhello"
    stream = GET + post + b"HEAD / HTTP/1.1\r\nhost: vip\r\nconnection: close\r\n\r\n"

    async def story(world: World, origin: HttpOrigin) -> None:
        origin.latency = 0.5
        for size in (1, 7, len(stream)):
            peer = await world.client(PLACE)
            for start in range(0, len(stream), size):
                await peer.send(stream[start : start + size])
            answers = await peer.rest()
            assert answers.count(b"HTTP/1.1 200 ") == 3
            assert answers.endswith(b"\r\n\r\n")  # HEAD: no body
            peer.close()
        assert origin.requests == 9

    play(story)


@pytest.mark.parametrize(
    ("request_bytes", "healthy", "status"),
    [(CHECK, True, b"200"), (CHECK, False, b"503"), (b"GET /else HTTP/1.0\r\n\r\n", True, b"404"), (GET, False, b"200")],
)
def test_health(request_bytes: bytes, healthy: bool, status: bytes) -> None:
    async def story(world: World, origin: HttpOrigin) -> None:
        origin.healthy = healthy
        assert (await ask(world, request_bytes)).split(b" ")[1] == status

    play(story)


def test_scripts_come_first() -> None:
    async def story(world: World, origin: HttpOrigin) -> None:
        origin.script += [Answer(503, b"later", [("retry-after", "1")], delay=3.0), Answer(drop=True)]
        before = world.time()
        assert b"503" in await ask(world, GET)
        assert world.time() - before >= 3.0
        with pytest.raises(ConnectionError):
            await ask(world, GET)
        assert b" 200 " in await ask(world, GET)

    play(story)


def test_dying_takes_the_connections_along() -> None:
    async def story(world: World, origin: HttpOrigin) -> None:
        origin.latency = 10.0
        peer = await world.client(PLACE)
        await peer.send(GET)
        await asyncio.sleep(1)
        origin.stop()
        origin.stop()
        assert not origin.running
        with pytest.raises(ConnectionError):
            await peer.rest()
        with pytest.raises(OSError, match="refused"):
            await world.client(PLACE)
        origin.start()
        origin.latency = 0
        assert b" 200 " in await ask(world, GET)

    play(story)


def test_what_is_not_http_is_refused() -> None:
    async def story(world: World, origin: HttpOrigin) -> None:
        assert (await ask(world, b"\x16\x03\x01 what\r\n\r\n")).startswith(b"HTTP/1.1 400 ")

    play(story)
