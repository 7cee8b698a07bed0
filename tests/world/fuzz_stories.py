"""Random stories for the fuzz tests: configurations, clients, origins and an operator, all drawn from one seed.

Every participant draws from a generator of its own, named after it, so that what one of them does never changes the dice of another.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fuzz_checks import LIMIT, accounts, held_bytes, unbalanced
from fuzz_messages import Random, body_of, configuration, generator, mutate, requests, response

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage
from pylb.process import shutdown
from pylb.proxy.process import Process
from pylb.stream.verdict import Stop

FRONT = Endpoint.tcp("10.0.0.1", 80)
LONGEST = 45.0  # no timeout of a story is longer, all together

Handler = Callable[[Peer], Awaitable[None]]


def back(number: int) -> Endpoint:
    return Endpoint.tcp(f"10.0.1.{number}", 80)


# -- participants
def pieces(dice: Random, data: bytes) -> list[bytes]:
    """`data`, cut at random places."""
    if dice.random() < 0.5:
        return [data]
    cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.choice((1, 2, 5, 20))))
    return [data[low:high] for low, high in zip([0, *cuts], [*cuts, len(data)], strict=True) if low < high]


def pause(dice: Random) -> float:
    """A pause: mostly next to nothing, sometimes longer than timeouts."""
    return dice.choice((0.0, 0.0, 0.001, 0.001, 0.002, 0.01, 0.05, 0.3, 1.1, 3.0)) if dice.random() < 0.5 else 0.0


async def say(dice: Random, peer: Peer, data: bytes) -> None:
    for piece in pieces(dice, data):
        try:
            await peer.send(piece)
        except RuntimeError:  # after our own FIN
            raise ConnectionError("nothing more can be sent") from None
        if (seconds := pause(dice)) or dice.random() < 0.3:
            await asyncio.sleep(seconds)


async def disturb(dice: Random, peer: Peer) -> bool:
    """Now and then something nasty; True: the script is over."""
    draw = dice.random()
    if draw < 0.05:
        peer.reset()
    elif draw < 0.1:
        peer.close()
    elif draw < 0.16:
        peer.write_eof()
        await asyncio.sleep(pause(dice))
        return False
    elif draw < 0.24:
        peer.stop_reading()
        await asyncio.sleep(dice.choice((0.1, 1.0, 4.0, 12.0)))
        peer.start_reading()
        return False
    elif draw < 0.32:
        for _ in range(dice.randrange(10)):
            peer.stop_reading()
            await asyncio.sleep(0.2)
            peer.start_reading()
            await asyncio.sleep(0.0)
        return False
    else:
        return False
    return True


@dataclass
class Told:
    """What a story has to tell, for comparisons and checks."""

    clients: dict[int, bytes] = field(default_factory=dict)
    servers: dict[str, bytes] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)


def record(peer: Peer) -> bytearray:
    """Everything that `peer` receives from now on."""
    seen, plain = bytearray(), peer.data_received

    def data_received(data: bytes) -> None:
        seen.extend(data)
        plain(data)

    peer.data_received = data_received  # type: ignore[method-assign]
    return seen


class Story:
    """One story, drawn from its seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        dice = self.dice = generator(seed, "story")
        self.mode = "http" if dice.random() < 0.8 else "tcp"
        self.servers = dice.randrange(1, 4)
        self.config = configuration(dice, self.mode, self.servers)
        self.clients = dice.choice((1, 2, 4, 8, 12))
        self.link = Link(latency=dice.choice((0.0, 0.001, 0.05)), window=dice.choice((1000, 20000, 262144)), segment=dice.choice((500, 1460, 65536)))
        self.told = Told()
        self.seen_by_clients: dict[int, bytearray] = {}
        self.seen_by_servers: dict[str, bytearray] = {}
        self.abandoned: list[Peer] = []

    def play(self) -> Told:
        """Play it, and check what must hold after every story."""
        random.seed(self.seed)  # `balance random` draws from the global generator
        stage = Stage(self.config, self.link)
        told = self.told
        with accounts(told.trouble):
            try:
                stage.run(self.story)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the seed
                told.trouble.append(f"story: {error!r}")
            left = stage.close()
            dropped = {repr(pipe) for pipe in stage.world.pipes if pipe._cut}  # clients that were never told (`silent-drop`)
            told.trouble += [f"left: {line}" for line in left if line not in dropped]
        self.check(stage)
        told.clients = {number: bytes(data) for number, data in self.seen_by_clients.items()}
        told.servers = {name: bytes(data) for name, data in self.seen_by_servers.items()}
        told.logs = [line for _, line in stage.logs]
        return told

    async def story(self, stage: Stage) -> None:
        world = stage.world
        world.set_exception_handler(lambda loop, context: self.told.trouble.append(f"loop: {context.get('message')} {context.get('exception')!r}"))
        for number in range(self.servers):
            stage.origin(back(number), self.origin(number))
        watcher = world.create_task(self.watch(stage))
        operator = world.create_task(self.operate(stage))
        await asyncio.gather(*(self.client(stage, number) for number in range(self.clients)))
        await operator
        for stop in stage._stops:
            stop()
        await asyncio.sleep(4 * LONGEST)
        left = stage.process.connections
        if left:
            self.told.trouble.append(f"{left} connections survived every timeout: {list(world.pipes)}")
        for peer in self.abandoned:
            peer.reset()
        await asyncio.sleep(4 * LONGEST)
        watcher.cancel()

    # -- clients
    async def client(self, stage: Stage, number: int) -> None:
        dice = generator(self.seed, "client", number)
        await asyncio.sleep(dice.choice((0.0, 0.0, 0.1, 0.5, 2.0)))
        try:
            peer = await stage.world.client(FRONT)
        except (OSError, TimeoutError):  # nobody listens any more, or accepts
            return
        peer.patience = 15.0
        self.seen_by_clients[number] = record(peer)
        try:
            await self.converse(dice, peer, number)
        except (ConnectionError, TimeoutError):
            pass
        if dice.random() < 0.2:
            if dice.random() < 0.5:
                peer.stop_reading()
            self.abandoned.append(peer)
        else:
            peer.close() if dice.random() < 0.8 else peer.reset()

    async def converse(self, dice: Random, peer: Peer, number: int) -> None:
        for turn in range(dice.choice((1, 1, 2, 4))):
            data = requests(dice, f"{number}.{turn}") if self.mode == "http" or dice.random() < 0.5 else body_of(dice)
            await say(dice, peer, data)
            if await disturb(dice, peer):
                return
            if dice.random() < 0.8:
                await peer.expect(b"\r\n\r\n")
                await asyncio.sleep(pause(dice))

    # -- origins
    def origin(self, number: int) -> Handler:
        count = 0

        async def serve(peer: Peer) -> None:
            nonlocal count
            count += 1
            name = f"s{number}.{count}"
            peer.patience = 15.0
            self.seen_by_servers[name] = record(peer)
            dice = generator(self.seed, "origin", name)
            try:
                if self.mode == "http":
                    await self.answer_requests(dice, peer)
                else:
                    await self.answer_bytes(dice, peer)
            except TimeoutError:
                pass
            if dice.random() < 0.2:
                peer.reset()

        return serve

    async def answer_requests(self, dice: Random, peer: Peer) -> None:
        nice = dice.random() < 0.6
        while True:
            if not nice and dice.random() < 0.1:
                await say(dice, peer, response(dice, b"GET")[0])
            head = await peer.expect(b"\r\n\r\n")
            method = head.split(b" ", 1)[0]
            if nice or dice.random() < 0.7:
                await self.read_body(peer, head)
            await asyncio.sleep(pause(dice))
            data, close = response(dice, method)
            if not nice:
                if await disturb(dice, peer):
                    return
                data = mutate(dice, data) if dice.random() < 0.2 else data
                data = b"" if dice.random() < 0.1 else data
            await say(dice, peer, data)
            if b" 101 " in data[:20]:
                await self.answer_bytes(dice, peer)
                return
            if not nice and await disturb(dice, peer):
                return
            if close:
                return

    async def read_body(self, peer: Peer, head: bytes) -> None:
        found = re.search(rb"\r\ncontent-length: (\d+)", head)
        if found:
            await peer.exactly(int(found[1]))
        elif b"transfer-encoding" in head:
            await peer.until(lambda: peer.buffer.endswith(b"\r\n\r\n") or peer.ended or peer.lost, "the last chunk")  # a search would be quadratic
            peer.buffer.clear()

    async def answer_bytes(self, dice: Random, peer: Peer) -> None:
        for _ in range(dice.randrange(5)):
            if dice.random() < 0.6:
                await peer.recv()
            await say(dice, peer, body_of(dice))
            if await disturb(dice, peer):
                return

    # -- the operator
    async def operate(self, stage: Stage) -> None:
        dice = generator(self.seed, "operator")
        if dice.random() < 0.4:
            return
        for _ in range(dice.randrange(1, 8)):
            await asyncio.sleep(dice.choice((0.01, 0.1, 0.5, 1.0, 3.0)))
            self.act(dice, stage)

    def act(self, dice: Random, stage: Stage) -> None:
        process, world = stage.process, stage.world
        server = dice.choice(process.backends["be"].servers)
        where = server.address.endpoint()
        match dice.randrange(14):
            case 0 | 1 | 2:
                server.command_state(dice.choice(("maint", "drain", "ready")), process.clock.now())
            case 3 | 4:
                server.command_health(dice.choice(("up", "down", "stopping")), process.clock.now())
            case 5:
                server.set_maxconn(dice.choice((0, 1, 2, 10)))
            case 6:
                for stream in server.streams:
                    stream.stop(Stop("K", "", None))
            case 7:
                world.refuse(where)
            case 8:
                world.black_hole(where)
            case 9:
                world.heal(where)
            case 10:
                shutdown.kill_streams(process)
            case 11:
                if not process.stopping:
                    shutdown.pause(process, [])
                    world.call_later(dice.choice((0.1, 2.0)), resume, process)
            case 12:
                server.set_weight(dice.choice(("0%", "50%", "100%")), process.clock.now())
            case _:
                if dice.random() < 0.3:
                    stop_softly(stage)
                    if dice.random() < 0.3:
                        world.call_later(dice.choice((0.1, 2.0)), shutdown.kill_streams, process)

    # -- checks
    async def watch(self, stage: Stage) -> None:
        """Sample how much is held where."""
        dice = generator(self.seed, "watcher")
        while True:
            await asyncio.sleep(dice.choice((0.003, 0.017, 0.11, 0.5)))
            for where, size in held_bytes(stage):
                if size > self.told.highest.get(where, 0):
                    self.told.highest[where] = size

    def check(self, stage: Stage) -> None:
        trouble = self.told.trouble
        trouble += [f"message: {line}" for line in stage.messages if "pylb bug" in line]
        trouble += [f"log: {line}" for _, line in stage.logs if re.search(r" I[RQCHDLT]-- ", line)]
        trouble += [f"{where} held {size} bytes" for where, size in self.told.highest.items() if size > LIMIT]
        trouble += list(unbalanced(stage))
        if self.mode == "http":
            trouble += self.miscounted(stage)

    def miscounted(self, stage: Stage) -> list[str]:
        """Every request that was begun has one line, and what a server has seen was logged."""
        logged: dict[str, int] = {}
        for _, line in stage.logs:
            for name in re.findall(r'"[^"]*?(r[0-9a-f]{8})\b[^"]*"$', line):
                logged[name] = logged.get(name, 0) + 1
        return [f"{name} was logged {times} times" for name, times in logged.items() if times > 1]


def resume(process: Process) -> None:
    """What TTIN does."""
    if not process.stopping:
        shutdown.resume(process, [])


def stop_softly(stage: Stage) -> None:
    """What USR1 does, but for the end of the process."""
    process = stage.process
    if process.stopping:
        return
    process.stopping = True
    shutdown.stop_listening(process, [], in_worker=False)
    for mux in sorted(process.sessions, key=lambda mux: mux.session.source):
        mux.stop_when_idle()
