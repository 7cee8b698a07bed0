"""Stories of relays (mode tcp) in virtual time: half-closes, aborts, queues, retries, timeouts. After each, nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage

Make = Callable[..., Stage]

FRONT = Endpoint.tcp("10.0.0.1", 25)
BACK = Endpoint.tcp("10.0.0.2", 25)

CONFIG = """
global
    log 10.9.9.9:514 local0
defaults
    mode tcp
    log global
    option tcplog
    timeout client 10s
    timeout server 12s
    timeout connect 4s
    timeout queue 3s
frontend fe
    bind 10.0.0.1:25
    {front}
    default_backend be
backend be
    {extra}
    server s1 10.0.0.2:25 {words}
"""


def config(words: str = "", extra: str = "", front: str = "") -> str:
    return CONFIG.format(words=words, extra=extra, front=front)


def letters(stage: Stage) -> list[str]:
    """Bytes and letters of each log line."""
    lines = [line.split(" ") for _, line in stage.logs if "] " in line]
    return [f"{words[5]} {words[6]}" for words in lines]


async def echo(peer: Peer) -> None:
    """Everything back in capitals, then FIN."""
    while data := await peer.recv():
        await peer.send(data.upper())


def test_each_direction_ends_by_itself(stage: Make) -> None:
    scene = stage(config())
    got: list[bytes] = []

    async def serve(peer: Peer) -> None:
        got.append(await peer.rest())  # the client's FIN arrives while the server may still speak
        await asyncio.sleep(2)
        await peer.send(b"answer")

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        await client.send(b"question")
        client.write_eof()
        answer = await client.rest()
        client.close()
        return answer

    assert scene.run(story) == b"answer"
    assert got == [b"question"]
    assert letters(scene) == ["6 --"]


def test_the_server_may_speak_and_finish_first(stage: Make) -> None:
    scene = stage(config())
    got: list[bytes] = []

    async def serve(peer: Peer) -> None:
        await peer.send(b"220 ready\r\n")
        peer.write_eof()
        got.append(await peer.rest())

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        banner = await client.rest()
        await client.send(b"late words")
        client.close()
        await asyncio.sleep(1)
        return banner

    assert scene.run(story) == b"220 ready\r\n"
    assert got == [b"late words"]
    assert letters(scene) == ["11 --"]


def test_what_comes_before_there_is_a_server_is_kept_within_limits(stage: Make) -> None:
    scene = stage(config(), Link(latency=0.05))
    size = 1 << 20
    got: list[int] = []

    async def serve(peer: Peer) -> None:
        got.append(len(await peer.rest()))

    scene.origin(BACK, serve)
    scene.world.black_hole(BACK)

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        await client.send(b"")
        client.transport.write(b"x" * size)  # type: ignore[union-attr]
        client.write_eof()
        await asyncio.sleep(1)
        held = sum(mux.stream.inbox_size for mux in scene.process.sessions)
        scene.world.heal(BACK)
        await client.rest()
        client.close()
        return held

    assert scene.run(story) < 1 << 17
    assert got == [size]
    assert letters(scene) == ["0 --"]


@pytest.mark.parametrize("who, wanted", [("client", "3 CD"), ("server", "3 SD")])
def test_a_reset_ends_both_sides(stage: Make, who: str, wanted: str) -> None:
    scene = stage(config())
    ends: list[Exception | None] = []

    async def serve(peer: Peer) -> None:
        await peer.expect(b"abc")
        await peer.send(b"ABC")
        if who == "server":
            await asyncio.sleep(0.5)
            peer.reset()
        else:
            ends.append(await peer.gone())

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        await client.send(b"abc")
        await client.expect(b"ABC")
        if who == "client":
            client.reset()
        else:
            await client.rest()
            client.close()
            ends.append(None)

    scene.run(story)
    assert letters(scene) == [wanted]
    assert len(ends) == 1


def test_a_server_that_refuses_ends_the_connection(stage: Make) -> None:
    scene = stage(config(extra="retries 2"))

    async def story(scene: Stage) -> tuple[bytes, float]:
        client = await scene.world.client(FRONT)
        began = scene.world.time()
        rest = await client.rest()
        client.close()
        return rest, scene.world.time() - began

    rest, took = scene.run(story)
    assert rest == b"" and 2.0 <= took < 2.1
    assert letters(scene) == ["0 SC"]
    counters = scene.process.backends["be"].servers[0].counters
    assert (counters.wretr, counters.econ) == (2, 1)


def test_relays_wait_in_the_queue(stage: Make) -> None:
    scene = stage(config("maxconn 1"))
    scene.origin(BACK, echo)

    async def story(scene: Stage) -> bytes:
        first, second, third = [await scene.world.client(FRONT) for _ in range(3)]
        await first.send(b"a")
        await second.send(b"b")
        await first.expect(b"A")
        await asyncio.sleep(1)
        first.close()
        answer = await second.expect(b"B")
        await third.rest()  # `timeout queue`
        second.close()
        third.close()
        return answer

    assert scene.run(story) == b"B"
    assert letters(scene) == ["1 --", "0 sQ", "1 --"]


@pytest.mark.parametrize("extra, seconds, wanted", [("", 10, "1 cD"), ("timeout tunnel 3s", 3, "1 cD"), ("timeout tunnel 30s", 30, "1 cD")])
def test_silence_is_ended_by_the_shortest_timeout(stage: Make, extra: str, seconds: int, wanted: str) -> None:
    scene = stage(config(extra=extra))

    async def serve(peer: Peer) -> None:
        await peer.send(b"!")
        await peer.until(lambda: peer.ended or peer.lost, "the end")

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> float:
        client = await scene.world.client(FRONT)
        await client.expect(b"!")
        began = scene.world.time()
        await client.until(lambda: client.ended or client.lost, "the end")
        client.close()
        return scene.world.time() - began

    assert seconds <= scene.run(story) < seconds + 0.1
    assert letters(scene) == [wanted]


def test_shutting_the_sessions_of_a_server_down(stage: Make) -> None:
    scene = stage(config("on-marked-down shutdown-sessions"))
    scene.origin(BACK, echo)

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        await client.send(b"abc")
        await client.expect(b"ABC")
        scene.process.backends["be"].servers[0].command_health("down", scene.process.clock.now())
        await client.until(lambda: client.ended or client.lost, "the end")
        client.close()

    scene.run(story)
    assert letters(scene) == ["3 D-"]


def test_content_rules_wait_for_bytes_no_longer_than_the_delay(stage: Make) -> None:
    scene = stage(config(front="tcp-request inspect-delay 2s\n    tcp-request content accept if { req.len gt 3 }\n    tcp-request content reject"))
    scene.origin(BACK, echo)

    async def story(scene: Stage) -> tuple[bytes, float]:
        client = await scene.world.client(FRONT)
        await client.send(b"ab")
        await asyncio.sleep(1)
        await client.send(b"cd")
        answer = await client.expect(b"ABCD")
        client.close()
        began = scene.world.time()
        short = await scene.world.client(FRONT)
        await short.send(b"ab")
        await short.until(lambda: short.ended or short.lost, "the end")
        short.close()
        return answer, scene.world.time() - began

    answer, took = scene.run(story, settle=5)
    assert answer == b"ABCD"
    assert 2.0 <= took < 2.1
    assert letters(scene) == ["4 --", "0 PR"]
