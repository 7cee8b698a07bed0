"""Stories of name servers that are asked over TCP: how questions are spread over connections, answers in pieces, ends of connections."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from dns_answers import addresses

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.stage import Stage
from pylb.lab.world import START

Make = Callable[..., Stage]

SERVER = Endpoint.tcp("10.9.0.1", 53)
CONFIG = """
defaults
    timeout client 10s
    timeout server 10s
    timeout connect 1s
resolvers r1
    nameserver d1 tcp@10.9.0.1:53 {words}
    timeout resolve {resolve}
    timeout retry {retry}
backend be
    {servers}
"""


def config(count: int, words: str = "", resolve: str = "1h", retry: str = "1h") -> str:
    servers = "\n    ".join(f"server s{number} h{number}.test:80 resolvers r1 init-addr none resolve-prefer ipv4" for number in range(1, count + 1))
    return CONFIG.format(words=words, servers=servers, resolve=resolve, retry=retry)


class NameServer:
    """Answers every question after a while, in one piece or byte by byte; notes what came on which connection."""

    def __init__(self, stage: Stage, delay: float = 0.0, bytewise: bool = False, silent: bool = False, patience: int = 1 << 30) -> None:
        self.delay, self.bytewise, self.silent, self.patience = delay, bytewise, silent, patience
        self.asked: list[list[int]] = []  # of each connection: the numbers of its questions
        self.ends: list[float] = []
        self.stage = stage
        stage.origin(SERVER, self.serve)

    async def serve(self, peer: Peer) -> None:
        with suppress(ConnectionError):  # connections to servers are ended by a reset
            await self.converse(peer)
        self.ends.append(round(self.stage.world.time() - START, 1))

    async def converse(self, peer: Peer) -> None:
        numbers: list[int] = []
        self.asked.append(numbers)
        held = b""
        while len(numbers) < self.patience and (data := await peer.recv()):
            held += data
            while len(held) >= 2 and len(held) >= (end := 2 + int.from_bytes(held[:2], "big")):
                message, held = held[2:end], held[end:]
                numbers.append(int.from_bytes(message[:2], "big"))
                if not self.silent and len(numbers) <= self.patience:
                    await self.reply(peer, message)
        peer.close()

    async def reply(self, peer: Peer, message: bytes) -> None:
        await asyncio.sleep(self.delay)
        found = addresses(message, [f"10.0.0.{message[14:15].decode()}"])
        data = len(found).to_bytes(2, "big") + found
        for piece in [bytes((one,)) for one in data] if self.bytewise else [data]:
            await peer.send(piece)


async def play(stage: Stage, seconds: float) -> None:
    for start in stage.process.starters:
        start()
    await stage.world.settle(seconds)


def hosts(stage: Stage) -> list[str]:
    return [one.address.host for one in stage.process.backends["be"].servers]


@pytest.mark.parametrize("bytewise", [False, True])
def test_four_questions_at_a_time(stage: Make, bytewise: bool) -> None:
    scene = stage(config(9))
    server = NameServer(scene, delay=0.1, bytewise=bytewise)
    scene.run(lambda scene: play(scene, 2))
    assert server.asked == [[1, 2, 3, 4], [1, 2, 3, 4], [1]]
    assert hosts(scene) == [f"10.0.0.{number}" for number in range(1, 10)]
    counters = scene.process.resolvers["r1"].name_servers[0].counters
    assert (counters.sent, counters.valid, counters.update) == (9, 9, 9)


def test_maxconn_lets_questions_wait(stage: Make) -> None:
    scene = stage(config(9, "maxconn 1"))
    server = NameServer(scene, delay=0.1)
    scene.run(lambda scene: play(scene, 2))
    assert server.asked == [[1, 2, 3, 4, 5, 6, 7, 8, 9]]
    assert hosts(scene) == [f"10.0.0.{number}" for number in range(1, 10)]


def test_connections_end_when_idle(stage: Make) -> None:
    """Those of 0 s and of 6 s are used once; each is gone at the next multiple of five seconds after the first one began."""
    scene = stage(config(1, resolve="6s"))
    server = NameServer(scene)
    scene.run(lambda scene: play(scene, 11))
    assert server.asked == [[1], [1]]
    assert server.ends == [5.0, 11.0]


def test_silence_ends_a_connection_too(stage: Make) -> None:
    scene = stage(config(1, retry="60s"))
    server = NameServer(scene, silent=True)
    scene.run(lambda scene: play(scene, 6))
    assert server.ends == [5.0]
    assert not scene.process.resolvers["r1"].name_servers[0].connections


def test_what_was_asked_on_a_lost_connection_is_asked_again(stage: Make) -> None:
    scene = stage(config(2, retry="2s"))
    server = NameServer(scene, patience=1)
    scene.run(lambda scene: play(scene, 1))
    assert hosts(scene) == ["10.0.0.1", "h2.test"]
    scene.run(lambda scene: scene.world.settle(2))
    assert hosts(scene) == ["10.0.0.1", "10.0.0.2"]
    assert server.asked == [[1, 2], [1]]


def test_nobody_there(stage: Make) -> None:
    scene = stage(config(1, retry="2s"))
    scene.world.refuse(SERVER)
    scene.run(lambda scene: play(scene, 5))
    server = scene.process.resolvers["r1"].name_servers[0]
    assert (server.counters.sent, server.connections) == (3, [])
