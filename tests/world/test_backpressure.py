"""Slow and stubborn peers: memory stays bounded, and timeouts end what does not move, with HAProxy's letters."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest
from fuzz_checks import LIMIT, held_by_stream, held_bytes

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage

Make = Callable[..., Stage]

FRONT = Endpoint.tcp("10.0.0.1", 80)
BACK = Endpoint.tcp("10.0.0.2", 80)
PEERS = int(os.environ.get("PYLB_SLOW_PEERS", "60"))
SIZE = 1 << 20
PER_STREAM = 3 * 65536  # bytes that a stream may hold in all places: high water, a read of the world beyond it, and what is on its way
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n"

CONFIG = """
global
    log 10.9.9.9:514 local0
    maxconn 10000
defaults
    mode {mode}
    log global
    option {mode}log
    timeout client 2s
    timeout server 3s
    timeout connect 1s
    retries 1
frontend fe
    bind 10.0.0.1:80
    default_backend be
backend be
    server s1 10.0.0.2:80
"""


def letters(stage: Stage, mode: str) -> list[str]:
    """Termination letters of each log line."""
    lines = [line.split(" ") for _, line in stage.logs if "] " in line]
    return [words[9][:4] if mode == "http" else words[6] for words in lines]


async def highest(stage: Stage, until: asyncio.Event, found: dict[str, int]) -> None:
    """Sample what is held, for each kind of place."""
    while not until.is_set():
        for where, size in held_bytes(stage):
            found[where] = max(found.get(where, 0), size)
        found["one stream"] = max(found.get("one stream", 0), held_by_stream(stage))
        await asyncio.sleep(0.02)


async def send_for_ever(peer: Peer) -> None:
    while True:
        await peer.send(b"x" * 16384)



@pytest.mark.parametrize(
    "mode, direction, wanted, seconds",
    [("http", "down", "cD--", 2), ("http", "up", "sD--", 3), ("http", "answered", "sD--", 3), ("tcp", "down", "cD", 2), ("tcp", "up", "sD", 3)],
)
def test_who_does_not_read_is_left(stage: Make, mode: str, direction: str, wanted: str, seconds: int) -> None:
    """The letters and times were taken from HAProxy 2.6.12."""
    scene = stage(CONFIG.format(mode=mode), Link(window=20000))
    found: dict[str, int] = {}

    async def serve(peer: Peer) -> None:
        if direction != "down":
            if direction == "answered":
                await peer.expect(b"\r\n\r\n")
                await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
            peer.stop_reading()
            await asyncio.sleep(60)
            return
        if mode == "http":
            await peer.expect(b"\r\n\r\n")
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        await send_for_ever(peer)

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> tuple[float, int]:
        client = await scene.world.client(FRONT)
        over = asyncio.Event()
        watcher = scene.world.create_task(highest(scene, over, found))
        talk = scene.world.create_task(talking(client))
        began = scene.world.time()
        while not scene.logs:
            await asyncio.sleep(0.01)
        took = scene.world.time() - began
        await asyncio.sleep(20)
        connections = scene.process.connections
        over.set()
        talk.cancel()
        client.reset()
        await asyncio.sleep(60)
        await watcher
        return took, connections

    async def talking(client: Peer) -> None:
        try:
            if direction == "down":
                client.stop_reading()
                await client.send(POST.replace(b"1000000000", b"0"))
            else:
                if mode == "http":
                    await client.send(POST)
                await send_for_ever(client)
        except (ConnectionError, TimeoutError):
            pass

    took, connections = scene.run(story)
    assert letters(scene, mode) == [wanted]
    assert seconds <= took < seconds + 0.3
    assert connections == 0
    assert max(found.values()) < LIMIT, found
    assert found.get("one stream", 0) < PER_STREAM, found
    assert not scene.messages


@pytest.mark.parametrize("slow", ["client", "server"])
@pytest.mark.parametrize("direction", ["down", "up"])
def test_many_slow_peers_move_everything_in_bounded_memory(stage: Make, slow: str, direction: str) -> None:
    scene = stage(CONFIG.format(mode="http"), Link(window=30000))
    found: dict[str, int] = {}
    done: list[int] = []
    body = b"z" * SIZE

    async def slowly(peer: Peer, size: int) -> None:
        got = 0
        while got < size:
            peer.stop_reading()
            await asyncio.sleep(0.05)
            peer.start_reading()
            got += len(await peer.recv())

    async def trickle(peer: Peer, data: bytes) -> None:
        for start in range(0, len(data), 20000):
            await peer.send(data[start : start + 20000])
            await asyncio.sleep(0.05)

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        if direction == "up":
            await (slowly(peer, SIZE) if slow == "server" else peer.exactly(SIZE))
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
            await (trickle(peer, body) if slow == "server" else peer.send(body))
        await peer.gone()

    scene.origin(BACK, serve)

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.003)
        client = await scene.world.client(FRONT)
        if direction == "up":
            await client.send(POST.replace(b"1000000000", b"%d" % SIZE))
            await (trickle(client, body) if slow == "client" else client.send(body))
            await client.expect(b"\r\n\r\n")
        else:
            await client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            await client.expect(b"\r\n\r\n")
            await (slowly(client, SIZE) if slow == "client" else client.exactly(SIZE))
        done.append(number)
        client.close()

    async def story(scene: Stage) -> None:
        over = asyncio.Event()
        watcher = scene.world.create_task(highest(scene, over, found))
        await asyncio.gather(*(one(number) for number in range(PEERS)))
        over.set()
        await watcher
        await asyncio.sleep(30)

    scene.run(story)
    assert len(done) == PEERS
    assert letters(scene, "http") == ["----"] * PEERS
    assert max(found.values()) < LIMIT, found
    assert found["one stream"] < PER_STREAM, found


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_a_server_that_sends_for_ever_to_a_slow_client_is_held_back(stage: Make, mode: str) -> None:
    scene = stage(CONFIG.format(mode=mode), Link(window=30000))
    found: dict[str, int] = {}

    async def serve(peer: Peer) -> None:
        if mode == "http":
            await peer.expect(b"\r\n\r\n")
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await send_for_ever(peer)
        except (ConnectionError, TimeoutError):
            pass

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        over = asyncio.Event()
        watcher = scene.world.create_task(highest(scene, over, found))
        await client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        for _ in range(200):
            client.stop_reading()
            await asyncio.sleep(0.5)
            client.start_reading()
            await client.recv()
        over.set()
        await watcher
        total = client.total
        client.reset()
        return total

    assert scene.run(story, settle=70) > 300_000
    assert 0 < found["one stream"] < PER_STREAM, found


def test_pipelined_requests_are_read_no_faster_than_they_are_served(stage: Make) -> None:
    """Each of them may not let another buffer of them in."""
    scene = stage(CONFIG.format(mode="http"), Link(window=1 << 20))
    found: dict[str, int] = {}
    requests = 20000

    async def serve(peer: Peer) -> None:
        while await peer.expect(b"\r\n\r\n"):
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        over = asyncio.Event()
        watcher = scene.world.create_task(highest(scene, over, found))
        client.transport.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * requests)  # type: ignore[union-attr]
        await client.until(lambda: client.buffer.count(b"HTTP/1.1 200") >= 300, "some answers")
        client.reset()
        over.set()
        await watcher

    scene.run(story, settle=5)
    assert max(found.values()) < 1 << 17, found


@pytest.mark.parametrize("leaves, wanted", [(False, "sD--"), (True, "cD--")])
def test_who_answers_and_does_not_read_the_upload_is_left(stage: Make, leaves: bool, wanted: str) -> None:
    """A server that stays is given up by its timeout; one that leaves makes room for the rest of the upload, until the client stops."""
    scene = stage(CONFIG.format(mode="http"), Link(window=20000))

    async def serve(peer: Peer) -> None:
        peer.stop_reading()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await asyncio.sleep(1 if leaves else 30)

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        await client.send(POST)
        client.transport.write(b"y" * 300000)  # type: ignore[union-attr]
        await client.expect(b"ok")
        await asyncio.sleep(20)
        connections = scene.process.connections
        client.reset()
        return connections

    assert scene.run(story, settle=70) == 0
    assert letters(scene, "http") == [wanted]


def test_who_neither_finishes_its_request_nor_reads_the_answer_is_left(stage: Make) -> None:
    scene = stage(CONFIG.format(mode="http").replace("    default_backend be", "    http-request deny\n    default_backend be"), Link(window=50))

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        client.stop_reading()
        client.transport.write(POST)  # type: ignore[union-attr]
        await asyncio.sleep(20)
        connections = scene.process.connections
        client.reset()
        return connections

    assert scene.run(story) == 0
    assert letters(scene, "http") == ["PR--"]


def test_a_server_that_is_left_gets_nothing_of_what_is_unsent(stage: Make) -> None:
    """Its answer breaks its framing while the upload waits for it to read: the rest of the upload must not keep the connection."""
    scene = stage(CONFIG.format(mode="http"), Link(window=3000))

    async def serve(peer: Peer) -> None:
        peer.stop_reading()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.5)
        await peer.send(b"broken\r\n")
        await asyncio.sleep(1000)

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        client.transport.write(POST + b"y" * 60000)  # type: ignore[union-attr]
        await asyncio.sleep(5)
        client.reset()
        await asyncio.sleep(5)
        return scene.process.backends["be"].counters.h1_open_connections

    assert scene.run(story, settle=1000) == 0
