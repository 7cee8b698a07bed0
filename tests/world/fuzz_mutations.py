"""Mutated messages: a corpus of plain and odd requests and responses, broken in seeded ways, read whole and in pieces, and played through running streams.

Two levels. `Codec` reads each message whole and cut: pieces may change nothing, and what waits for more bytes is bounded. `Batch` plays many messages at
once against one pylb in a world; nothing may crash, hang, grow or be left over.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from fuzz_checks import LIMIT, held_bytes, unbalanced
from fuzz_messages import RULES, Random, generator, mutate

from pylb.base.errors import BadMessage
from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage
from pylb.wire.body import ChunkedReader, reader_for
from pylb.wire.h1 import Limits, read_request, read_response
from pylb.wire.message import Framing, Request, Response

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))

from odd_requests import ODD_REQUESTS
from odd_responses import ODD_RESPONSES

CHUNKS = b"5;e=1\r\nhello\r\n00a\r\n0123456789\r\n0\r\nx-t: 1\r\n\r\n"
REQUESTS = (
    *[raw for raw in ODD_REQUESTS.values() if len(raw) < 4000],
    b"POST /wait HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300\r\n\r\n" + b"z" * 300,
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 3,
    b"GET /return HTTP/1.1\r\nhost: a\r\ncookie: a=b; c=d\r\n\r\n",
    b"GET /redirect?a=b HTTP/1.1\r\nhost: a\r\n\r\nGET /deny HTTP/1.1\r\nhost: a\r\n\r\n",
)
RESPONSES = (
    *[raw for _, raw, _ in ODD_RESPONSES.values() if raw and len(raw) < 4000],
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n" + b"z" * 300,
    b"HTTP/1.1 418 Teapot\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n",
)
PIECES = (
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b"0", b"9", b"-1", b";", b",", b"HTTP/1.1", b"chunked", b"content-length: 3\r\n",
    b"transfer-encoding: chunked\r\n", b"host: b\r\n", b"connection: close\r\n", b"connection: upgrade\r\nupgrade: foo\r\n", b"expect: 100-continue\r\n", b"%00",
    b"//", b"A" * 300, b"\r\n\r\n", b"ffffffff\r\n", b"h: " + b"v" * 9000 + b"\r\n", b"x: y\r\n" * 60,
)  # fmt: skip


def mutated(dice: Random, corpus: tuple[bytes, ...]) -> bytes:
    """A message of the corpus with some of its bytes changed, a piece put in, or the tail of another one."""
    data = dice.choice(corpus)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0:
                other = dice.choice(corpus)
                data = data[:at] + other[dice.randrange(len(other) + 1) :]
            case 1:
                data = data[:at] + data[max(0, at - dice.randrange(1, 40)) :]
            case 2:
                data = mutate(dice, data)
            case 3:
                data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
            case _:
                data = data[:at] + dice.choice(PIECES) + data[at + dice.choice((0, 0, 1, 2)) :]
    return data


def bulky(dice: Random, start: bytes, data: bytes) -> bytes:
    """Now and then, in place of `data`, a message with a body that fills every buffer, sometimes with a broken end."""
    if dice.random() > 0.04:
        return data
    if dice.random() < 0.5:
        return start + b"content-length: %d\r\n\r\n" % BULK + b"z" * BULK + dice.choice((b"", b"", b"more"))
    chunk = b"%x\r\n%s\r\n" % (BULK // 4, b"z" * (BULK // 4))
    return start + b"transfer-encoding: chunked\r\n\r\n" + chunk * 4 + dice.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"zz\r\n", b"0\r\nhost: " + b"x" * 40000))


def cut(dice: Random, data: bytes, most: int = 4) -> list[bytes]:
    """`data` in a few pieces."""
    places = sorted({0, len(data), *(dice.randrange(len(data) + 1) for _ in range(dice.randrange(most)))})
    return [data[low:high] for low, high in pairwise(places)]


# -- the codec
LIMITS = (Limits(), Limits(accept_invalid=True), Limits(bufsize=2048, maxrewrite=256))  # one number of fields: a process has but one `tune.http.maxhdr`
Verdict = tuple[object, ...]


class Codec:
    """Reads messages whole and in pieces."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.trouble: list[str] = []
        self.accepted = self.refused = self.incomplete = 0

    def check(self, number: int) -> None:
        """The message of this number."""
        dice = generator(self.seed, "codec", number)
        request = dice.random() < 0.5
        method = b"" if request else dice.choice((b"GET", b"GET", b"HEAD", b"CONNECT"))
        limits = dice.choice(LIMITS)
        data = mutated(dice, REQUESTS if request else RESPONSES)
        pieces = cut(dice, data)
        whole = self.read([data], method, limits)
        verdict = whole[0]
        self.accepted += verdict == "read"
        self.refused += verdict == "bad"
        self.incomplete += verdict == "incomplete"
        split = self.read(pieces, method, limits)
        if split != whole:
            self.trouble.append(f"codec {number}: {whole} but in pieces {split} of {pieces!r} as {method!r}")

    def read(self, pieces: list[bytes], method: bytes, limits: Limits) -> Verdict:
        """What comes of these pieces: the verdict on the head, the message, and what its body carries."""
        buffer = b""
        for at, piece in enumerate(pieces):
            buffer += piece
            try:
                got = read_request(buffer, limits) if not method else read_response(buffer, method, limits)
            except BadMessage as bad:
                return "bad", bad.status, bad.position
            if got is not None:
                message, used = got
                return "read", *described(message), *self.body(message, [buffer[used:], *pieces[at + 1 :]], limits)
            assert len(buffer) < limits.bufsize, "an incomplete head is bounded"
        return ("incomplete",)

    def body(self, message: Request | Response, pieces: list[bytes], limits: Limits) -> Verdict:
        reader = reader_for(message, limits)
        payload, rest, finished = b"", b"", False
        for piece in pieces:
            if finished:
                rest += piece
                continue
            try:
                part, finished, rest = reader.feed(piece)
            except BadMessage as bad:
                return payload_before_fault(payload), "bad", bad.status
            payload += part
            if isinstance(reader, ChunkedReader) and not finished:
                assert len(reader.buf) <= 2 * limits.bufsize, "an incomplete chunk line or trailer is bounded"
        if message.framing in (Framing.CLOSE, Framing.TUNNEL):
            finished = False
        return payload, finished, rest, list(reader.trailers) if finished else []


def payload_before_fault(_payload: bytes) -> str:
    """How much of a body got through before its fault depends on how it came."""
    return "broken body"


def described(message: Request | Response) -> Verdict:
    words = (message.method, message.target) if isinstance(message, Request) else (message.status, message.reason)
    return *words, message.version, list(message.headers), message.framing, message.length, message.keep_alive, message.upgrade


# -- running streams
FRONT = Endpoint.tcp("10.0.0.1", 80)
BACK = Endpoint.tcp("10.0.1.1", 80)
VARIANTS = (
    "",
    RULES,
    "option accept-invalid-http-request\noption accept-invalid-http-response\noption http-server-close",
    "option http-buffer-request\nretry-on all-retryable-errors\noption httpclose",
    RULES + "option accept-invalid-http-request\noption abortonclose\nhttp-reuse always\ntcp-request inspect-delay 200ms\ntcp-request content accept if HTTP",
    "monitor-uri /alive\noption forwardfor\noption http-ignore-probes\nhttp-reuse never\noption http-pretend-keepalive",
)
BIG_REQUEST, BIG_RESPONSE = b"POST /big HTTP/1.1\r\nhost: a\r\n", b"HTTP/1.1 200 OK\r\n"
BULK = 400_000  # bytes of a body that fills every buffer


def configuration(variant: str) -> str:
    front = "".join(f"    {line.strip()}\n" for line in variant.splitlines() if line.strip() and not line.strip().startswith("retry-on"))
    retry = "    retry-on all-retryable-errors\n" if "retry-on" in variant else ""
    return (
        "global\n    log 10.9.9.9:514 local0\n    maxconn 5000\ndefaults\n    mode http\n    log global\n    option httplog\n    timeout client 1s\n"
        "    timeout server 1s\n    timeout connect 1s\n    timeout http-request 700ms\n    timeout tarpit 300ms\n    retries 1\n"
        f"listen l\n    bind 10.0.0.1:80\n{front}{retry}    server s1 10.0.1.1:80 maxconn 30\n"
    )


@dataclass
class Batch:
    """So many messages against one pylb, from `first` on."""

    seed: int
    first: int
    size: int
    trouble: list[str] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)
    logged: int = 0

    def play(self) -> Batch:
        dice = self.dice = generator(self.seed, "batch", self.first)
        link = Link(latency=dice.choice((0.0, 0.001)), window=dice.choice((3000, 65536)), segment=dice.choice((100, 1460, 65536)))
        stage = Stage(configuration(dice.choice(VARIANTS)), link, checks=False)
        try:
            stage.run(self.story)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the batch
            self.trouble.append(f"story: {error!r}")
        dropped = {repr(pipe) for pipe in stage.world.pipes if pipe._cut}  # clients that were never told (`silent-drop`)
        self.trouble += [f"left: {line}" for line in stage.close() if line not in dropped]
        self.trouble += [f"message: {line}" for line in stage.messages if "bug" in line]
        self.trouble += [f"log: {line}" for _, line in stage.logs if " I" in line and any(f" I{when}-- " in line for when in "RQCHDLT-")]
        self.trouble += [f"{where} held {size} bytes" for where, size in self.highest.items() if size > LIMIT]
        self.trouble += unbalanced(stage)
        self.logged = len(stage.logs)
        if not self.logged:
            self.trouble.append("nothing was logged")
        return self

    async def story(self, stage: Stage) -> None:
        world = stage.world
        world.set_exception_handler(lambda loop, context: self.trouble.append(f"loop: {context.get('message')} {context.get('exception')!r}"))
        stage.origin(BACK, self.origin)
        watcher = world.create_task(self.watch(stage))
        await asyncio.gather(*(self.client(stage, number) for number in range(self.first, self.first + self.size)))
        await asyncio.sleep(12)
        if stage.process.connections:
            self.trouble.append(f"{stage.process.connections} connections survived every timeout: {list(world.pipes)}")
        watcher.cancel()
        await asyncio.sleep(2)

    async def client(self, stage: Stage, number: int) -> None:
        dice = generator(self.seed, "client", number)
        await asyncio.sleep(dice.random())
        peer = await stage.world.client(FRONT)
        peer.patience = 5.0
        if dice.random() < 0.1:
            peer.stop_reading()
            stage.world.call_later(dice.choice((0.1, 0.6, 4.0)), peer.start_reading)
        try:
            for piece in cut(dice, bulky(dice, BIG_REQUEST, mutated(dice, REQUESTS))):
                await peer.send(piece)
                if dice.random() < 0.5:
                    await asyncio.sleep(dice.choice((0.0, 0.001, 0.02)))
            ending = dice.randrange(8)
            if ending == 0:
                peer.write_eof()
            elif ending == 1:
                await asyncio.sleep(dice.choice((0.0, 0.01, 0.1)))
                peer.reset()
            elif ending == 2:
                peer.close()
            await peer.gone()
        except (ConnectionError, TimeoutError, RuntimeError):
            pass
        peer.close()

    async def origin(self, peer: Peer) -> None:
        dice = self.dice
        peer.patience = 5.0
        try:
            while True:
                await peer.recv()
                if dice.random() < 0.05:
                    peer.stop_reading()
                    await asyncio.sleep(dice.choice((0.1, 0.6, 2.0)))
                    peer.start_reading()
                for piece in cut(dice, bulky(dice, BIG_RESPONSE, mutated(dice, RESPONSES)), 3):
                    await peer.send(piece)
                if dice.random() < 0.3:
                    break
        except (ConnectionError, TimeoutError):
            pass
        if dice.random() < 0.2:
            peer.reset()

    async def watch(self, stage: Stage) -> None:
        while True:
            await asyncio.sleep(0.021)
            for where, size in held_bytes(stage):
                if size > self.highest.get(where, 0):
                    self.highest[where] = size
