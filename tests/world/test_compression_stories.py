"""Compression in virtual time: what the client can read when, what is given back, and the limits of the process. After each story nothing is left."""

from __future__ import annotations

import asyncio
import random
import re
import zlib
from collections.abc import Callable, Sequence

import pytest

from pylb.base.net import Endpoint
from pylb.keywords.filters.encoder import COMPRESSOR_SIZE
from pylb.lab.peer import Peer
from pylb.lab.stage import Stage
from pylb.lab.world import Handler

Make = Callable[..., Stage]
FRONT = Endpoint.tcp("10.0.0.1", 80)
BACK = Endpoint.tcp("10.0.0.2", 80)
GET = b"GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PIECES = (b"5\r\nhello\r\n", b"6\r\n world\r\n", b"0\r\n\r\n")
CONFIG = """
global
    {limits}
defaults
    mode http
    timeout client 10s
    timeout server 20s
    timeout connect 4s
frontend fe
    bind 10.0.0.1:80
    compression algo {algorithm}
    default_backend be
backend be
    server s1 10.0.0.2:80
"""


def config(limits: str = "", algorithm: str = "gzip") -> str:
    return CONFIG.format(limits=limits, algorithm=algorithm)


def sending(pieces: Sequence[bytes], pause: float = 1.0, leaves: bool = False) -> Handler:
    """An origin that answers in pieces."""

    async def serve(peer: Peer) -> None:
        while await peer.expect(b"\r\n\r\n"):
            await peer.send(HEAD)
            for piece in pieces:
                await peer.send(piece)
                await asyncio.sleep(pause)
            if leaves:
                peer.close()
                return

    return serve


def payload(data: bytes, window: int = 31) -> tuple[bytes, bool]:
    """What can be read of a compressed answer so far, and whether that is all."""
    body, at = [], data.index(b"\r\n\r\n") + 4
    while (line := re.compile(rb"([0-9A-Fa-f]+)\r\n").match(data, at)) is not None:
        at = line.end() + int(line[1], 16) + 2
        body.append(data[line.end() : at - 2])
    reader = zlib.decompressobj(window)
    return reader.decompress(b"".join(body)), reader.eof


@pytest.mark.parametrize(("algorithm", "window"), [("gzip", 31), ("deflate", 15), ("raw-deflate", -15)])
def test_each_piece_can_be_read_before_the_next_one_comes(stage: Make, algorithm: str, window: int) -> None:
    scene = stage(config(algorithm=algorithm))
    scene.origin(BACK, sending(PIECES))

    async def story(scene: Stage) -> list[tuple[bytes, bool]]:
        client, seen = await scene.world.client(FRONT), []
        await client.send(GET if algorithm == "gzip" else GET.replace(b"gzip", b"deflate"))
        for _ in PIECES:
            await asyncio.sleep(0.9 if not seen else 1.0)
            seen.append(payload(bytes(client.buffer), window))
        client.close()
        return seen

    assert scene.run(story) == [(b"hello", False), (b"hello world", False), (b"hello world", True)]


def test_a_client_that_leaves_takes_its_compressor_along(stage: Make) -> None:
    scene = stage(config())
    scene.origin(BACK, sending(PIECES * 9, leaves=True))

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await asyncio.sleep(2)
        busy = scene.process.compressors
        client.reset()
        await asyncio.sleep(30)
        return busy

    assert scene.run(story) == 1
    assert scene.process.frontends["fe"].counters.comp_rsp == 0


def test_a_server_that_leaves_ends_the_compression(stage: Make) -> None:
    scene = stage(config())
    scene.origin(BACK, sending(PIECES[:2], leaves=True))

    async def story(scene: Stage) -> tuple[bytes, bool]:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await client.until(lambda: client.lost or client.ended, "the end")
        client.close()
        return payload(bytes(client.buffer))

    assert scene.run(story) == (b"hello world", False)
    assert scene.process.backends["be"].counters.comp_rsp == 0


def test_a_big_answer_to_a_slow_reader_arrives_whole(stage: Make) -> None:
    scene = stage(config())
    text = b"".join(b"%x" % (number * number) for number in range(300_000))
    scene.origin(BACK, sending((b"%x\r\n%s\r\n" % (len(text), text), PIECES[-1]), 0.0))

    async def story(scene: Stage) -> tuple[bytes, bool]:
        client = await scene.world.client(FRONT)
        client.stop_reading()
        await client.send(GET)
        await asyncio.sleep(5)
        client.start_reading()
        await client.until(lambda: client.buffer.endswith(b"\r\n0\r\n\r\n"), "the end")
        client.close()
        return payload(bytes(client.buffer))

    assert scene.run(story) == (text, True)
    assert scene.process.frontends["fe"].counters.comp_in == len(text) + 1  # and the end mark


def test_memory_for_compressors_is_limited(stage: Make) -> None:
    scene = stage(config("maxzlibmem 1"))
    scene.origin(BACK, sending(PIECES))
    fit = (1 << 20) // COMPRESSOR_SIZE

    async def story(scene: Stage) -> list[int]:
        compressed = []
        for count in (fit + 3, 1):
            clients = [await scene.world.client(FRONT) for _ in range(count)]
            for client in clients:
                await client.send(GET)
            await asyncio.sleep(5)
            compressed.append(sum(b"content-encoding: gzip" in client.buffer for client in clients))
            for client in clients:
                client.close()
        return compressed

    assert scene.run(story) == [fit, 1]


@pytest.mark.parametrize(("share", "idle", "compressed"), [(100, 0, True), (60, 50, True), (50, 50, True), (40, 50, False), (0, 99, False), (0, 100, True)])
def test_a_busy_process_does_not_compress(stage: Make, share: int, idle: int, compressed: bool) -> None:
    scene = stage(config(f"maxcompcpuusage {share}"))
    scene.origin(BACK, sending(PIECES, 0.0))

    async def story(scene: Stage) -> bool:
        scene.process.counters.idle_percent, scene.process.counters.cpu_seen = idle, scene.world.time()
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await client.expect(b"0\r\n\r\n")
        client.close()
        return scene.process.frontends["fe"].counters.comp_in > 0

    assert scene.run(story) is compressed


def test_at_the_limit_of_the_rate_pieces_pass_as_they_are_until_there_is_room_again(stage: Make) -> None:
    scene = stage(config("maxcomprate 15"))
    noise = random.Random(7).randbytes(100_000)
    parts = [noise[at : at + 10_000] for at in range(0, len(noise), 10_000)]
    scene.origin(BACK, sending([*(b"%x\r\n%s\r\n" % (len(part), part) for part in parts), PIECES[-1]], 0.3))

    async def story(scene: Stage) -> tuple[bytes, bool]:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await asyncio.sleep(5)
        client.close()
        return payload(bytes(client.buffer))

    assert scene.run(story) == (noise, True)
    counters = scene.process.frontends["fe"].counters
    assert counters.comp_in + counters.comp_byp == len(noise) + 1
    assert counters.comp_in > 30_000
    assert counters.comp_byp > 20_000
    assert counters.comp_rsp == 1
