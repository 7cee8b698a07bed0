"""Random stories for the fuzz tests: configurations, clients, origins and an operator, all drawn from one seed.

Every participant draws from a generator of its own, named after it, so that what one of them does never changes the dice of another.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import pytest

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage
from pylb.process import shutdown
from pylb.proxy.process import Process
from pylb.stream.driver import Stream
from pylb.stream.verdict import Stop

FRONT = Endpoint.tcp("10.0.0.1", 80)
LONGEST = 45.0  # no timeout of a story is longer, all together
LIMIT = 4 * 65536  # bytes that one connection may hold in one place

Random = random.Random
Handler = Callable[[Peer], Awaitable[None]]


def generator(seed: int, *names: object) -> Random:
    """The dice of one participant."""
    return random.Random(":".join(map(str, (seed, *names))))


def back(number: int) -> Endpoint:
    return Endpoint.tcp(f"10.0.1.{number}", 80)


# -- configurations
RULES = """
    http-request deny if { path_beg /deny }
    http-request return status 200 content-type text/plain string hello if { path_beg /return }
    http-request redirect location /elsewhere if { path_beg /redirect }
    http-request tarpit if { path_beg /tarpit }
    http-request reject if { path_beg /reject }
    http-request silent-drop if { path_beg /drop }
    http-request set-src hdr(x-src) if { path_beg /src }
    http-request wait-for-body time 2s if { path_beg /wait }
    http-request set-header x-added yes
    http-response set-header x-seen yes
    http-response deny if { status 418 }
    http-after-response set-header x-after yes
"""


def configuration(dice: Random, mode: str, servers: int) -> str:
    """A whole configuration."""
    lines = ["global", "    log 10.9.9.9:514 local0", f"    maxconn {dice.choice((3, 1000, 1000, 1000))}", "defaults", f"    mode {mode}", "    log global"]
    lines.append(f"    option {'httplog' if mode == 'http' else 'tcplog'}")
    for name in ("client", "server", "connect", "queue"):
        lines.append(f"    timeout {name} {dice.choice((300, 1000, 2000, 5000))}ms")
    for name in ("http-request", "http-keep-alive", "tarpit", "client-fin", "server-fin", "tunnel"):
        if dice.random() < 0.4:
            lines.append(f"    timeout {name} {dice.choice((200, 700, 3000))}ms")
    lines.append(f"    retries {dice.randrange(4)}")
    options = ["redispatch", "abortonclose"]
    if mode == "http":
        options += ["http-buffer-request", "forwardfor", "http-ignore-probes", "http-pretend-keepalive", "independent-streams", "dontlognull"]
        if dice.random() < 0.3:
            lines.append(f"    retry-on {dice.choice(('all-retryable-errors', 'empty-response 503 500', 'conn-failure response-timeout junk-response'))}")
        lines.append(f"    http-reuse {dice.choice(('never', 'safe', 'aggressive', 'always'))}")
        if dice.random() < 0.5:
            lines.append(f"    option {dice.choice(('http-server-close', 'httpclose', 'http-keep-alive'))}")
    lines += [f"    option {name}" for name in options if dice.random() < 0.3]
    lines += ["frontend fe", "    bind 10.0.0.1:80", "    default_backend be"]
    if dice.random() < 0.2:
        lines.append(f"    maxconn {dice.choice((2, 5))}")
    if dice.random() < 0.3:
        lines += ["    tcp-request inspect-delay 800ms", f"    tcp-request content accept if {'HTTP' if mode == 'http' else '{ req.len gt 5 }'}"]
    if mode == "http" and dice.random() < 0.7:
        lines += [RULES, "    monitor-uri /alive", "    stats enable", "    stats uri /stats"]
    if dice.random() < 0.1:
        lines.append(f"    rate-limit sessions {dice.choice((1, 3))}")
    lines += ["backend be", f"    balance {dice.choice(('roundrobin', 'leastconn', 'source', 'first', 'random', 'static-rr'))}"]
    if dice.random() < 0.1:
        lines.append("    tcp-response content accept")
    if mode == "http" and dice.random() < 0.3:
        lines.append("    http-request set-timeout server 400ms if { path_beg /hurry }")
    for number in range(servers):
        words = [f"    server s{number} 10.0.1.{number}:80"]
        words += [f"maxconn {dice.randrange(1, 4)}"] if dice.random() < 0.5 else []
        words += ["check inter 700ms fall 2 rise 1"] if dice.random() < 0.2 else []
        words += ["on-marked-down shutdown-sessions"] if dice.random() < 0.3 else []
        words += [f"pool-max-conn {dice.randrange(3)}"] if dice.random() < 0.2 else []
        words += ["send-proxy"] if dice.random() < 0.1 else []
        words += ["slowstart 3s"] if dice.random() < 0.1 else []
        words += ["max-reuse 2"] if dice.random() < 0.1 else []
        words += ["backup"] if number and dice.random() < 0.15 else []
        lines.append(" ".join(words))
    return "\n".join(lines)


# -- messages
PATHS = ("", "", "", "", "/deny", "/return", "/redirect", "/tarpit", "/reject", "/wait", "/drop", "/hurry", "/src", "/stats", "/alive")
ODD_LINES = (
    b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip, chunked\r\n", b"content-length: 7, 7\r\n", b" folded\r\n",
    b"connection: close\r\n", b"connection: keep-alive\r\n", b"expect: 100-continue\r\n", b"x: " + b"v" * 20000 + b"\r\n", b"bad name: 1\r\n", b"\x00: 1\r\n",
    b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"cookie: a=b\r\n", b"host: again\r\n", b"y: " + b"w" * 9000 + b"\r\n",
)  # fmt: skip


def body_of(dice: Random) -> bytes:
    """A body: mostly small, sometimes larger than every buffer."""
    return b"%c" % dice.randrange(97, 123) * dice.choice((0, 1, 10, 10, 1000, 17000, 70000, 400000))


def chunked(dice: Random, body: bytes) -> bytes:
    pieces = []
    while body:
        size = dice.choice((1, 10, 5000, 100000)) if len(body) < 2000 else dice.choice((5000, 100000))
        piece, body = body[:size], body[size:]
        pieces.append(b"%x%s\r\n%s\r\n" % (len(piece), dice.choice((b"", b"", b";ext=1")), piece))
    return b"".join(pieces) + dice.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\ntrailer: 1\r\n\r\n"))


def framed(dice: Random, body: bytes, close: bool) -> tuple[bytes, bytes]:
    """The header lines that announce a body, and the body on the wire."""
    kind = dice.randrange(3 if close else 2)
    if kind == 0:
        return b"content-length: %d\r\n" % len(body), body
    return (b"transfer-encoding: chunked\r\n", chunked(dice, body)) if kind == 1 else (b"", body)


def mutate(dice: Random, data: bytes) -> bytes:
    """Break some bytes, mostly near the beginning."""
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(min(len(changed), dice.choice((20, 200, 100000)))) if changed else 0
        match dice.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del changed[at : at + dice.randrange(1, 20)]
            case 2:
                changed[at:at] = dice.choice((b"\r\n", b"\n", b"\x00", b" ", b"content-length: 3\r\n", b"A" * 3000))
            case _:
                del changed[at:]
    return bytes(changed)


def request(dice: Random, name: str) -> bytes:
    """One request; `name` is in its path."""
    method = dice.choice((b"GET", b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"))
    target = f"{dice.choice(PATHS)}/{name}".encode() if method != b"CONNECT" else f"{name}:443".encode()
    version = b"1.1" if dice.random() < 0.85 else b"1.0"
    fields, body = b"host: a\r\n", b""
    if method in (b"POST", b"PUT"):
        line, body = framed(dice, body_of(dice), False)
        fields += line
    for _ in range(dice.randrange(3) if dice.random() < 0.3 else 0):
        fields += dice.choice(ODD_LINES)
    return b"%s %s HTTP/%s\r\n%s\r\n%s" % (method, target, version, fields, body)


def requests(dice: Random, name: str) -> bytes:
    """What a client sends at once: a request, several, broken ones or garbage."""
    draw = dice.random()
    if draw < 0.04:
        return dice.randbytes(dice.choice((1, 100, 40000)))
    data = b"".join(request(dice, f"r{crc32(f'{name}.{number}'.encode()):08x}") for number in range(dice.choice((1, 1, 1, 1, 2, 5))))
    return mutate(dice, data) if draw < 0.16 else data


def response(dice: Random, method: bytes) -> tuple[bytes, bool]:
    """One response, and whether the connection must end after it."""
    status = dice.choice((200, 200, 200, 200, 204, 304, 404, 418, 500, 503, 101))
    close = dice.random() < 0.2
    fields, body = framed(dice, body_of(dice), close)
    if status in (204, 304, 101):
        fields, body = b"", b""
    if status == 101:
        fields = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    if method == b"HEAD" and dice.random() < 0.9:
        body = b""
    if dice.random() < 0.1:
        fields += dice.choice(ODD_LINES)
    if close and dice.random() < 0.5:
        fields += b"connection: close\r\n"
    first = dice.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")) if dice.random() < 0.1 else b""
    return first + b"HTTP/1.%d %d Reason\r\n%s\r\n%s" % (dice.random() < 0.9, status, fields, body), close


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
            await peer.expect(re.compile(rb"(^|\n)0\r\n(.+\r\n)*\r\n"))

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
                for stream in sorted(server.streams, key=lambda stream: stream.number):
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


@contextmanager
def accounts(trouble: list[str]) -> Iterator[None]:
    """Every stream that starts ends once, and has one line unless it is silent on purpose."""
    started: set[int] = set()
    start, log = Stream.start, Stream.log

    def starting(stream: Stream) -> None:
        started.add(stream.number)
        start(stream)

    def logging(stream: Stream) -> None:
        log(stream)
        if stream.number in started:
            started.discard(stream.number)
        elif stream.front is not None:
            trouble.append(f"{stream!r} ended twice")
        if not stream.logged and not stream.dont_log:
            trouble.append(f"{stream!r} has no line")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "start", starting)
        patch.setattr(Stream, "log", logging)
        yield
    trouble += [f"stream {number} never ended" for number in sorted(started)]


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


def held_bytes(stage: Stage) -> list[tuple[str, int]]:
    """Everything that is held for connections: where, and how much."""
    found: list[tuple[str, int]] = []
    for mux in stage.process.sessions:
        found += held_by(mux, "client")
        stream = getattr(mux, "stream", None)
        if stream is None:
            continue
        found.append(("request inbox", sum(map(len, stream.inbox_request))))
        found.append(("response inbox", sum(map(len, stream.inbox_response))))
        if stream.back is not None:
            found += held_by(stream.back, "server")
    return found


def held_by(mux: Any, side: str) -> list[tuple[str, int]]:
    return [
        (f"{side} write buffer", mux.transport.get_write_buffer_size()),
        (f"{side} buffer", len(getattr(mux, "buffer", b""))),
        (f"{side} out", sum(map(len, getattr(mux, "out", ())))),
    ]


def unbalanced(stage: Stage) -> list[str]:
    """Counters of things that come and go must be zero in the end."""
    left: list[str] = []
    process = stage.process
    if process.sessions:
        left.append(f"sessions: {process.sessions}")
    if process.counters.connections:
        left.append(f"process counts {process.counters.connections} connections")
    holders: list[tuple[str, Any]] = [(f"frontend {name}", frontend.counters) for name, frontend in process.frontends.items()]
    holders += [(f"listener {index} of {name}", one.counters) for name, frontend in process.frontends.items() for index, one in enumerate(frontend.listeners)]
    for name, backend in process.backends.items():
        holders.append((f"backend {name}", backend.counters))
        holders += [(f"server {server.name}", server.counters) for server in backend.servers]
    for name, counters in holders:
        for word in ("scur", "qcur", "h1_open_streams", "h1_open_connections", "used_conn_cur", "idle_conn_cur", "safe_conn_cur"):
            if getattr(counters, word, 0):
                left.append(f"{word} of {name} is {getattr(counters, word)}")
    return left
