"""However the bytes of a conversation are cut on their way, server and client receive the same."""

from __future__ import annotations

import asyncio
import os
import random
import re
from itertools import pairwise

import pytest

from pylb import keywords
from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage

keywords.load()

FRONT = Endpoint.tcp("10.0.0.1", 80)
BACK = Endpoint.tcp("10.0.0.2", 80)
CUTS = int(os.environ.get("PYLB_FUZZ_CUTS", "12"))  # ways to cut each conversation

CONFIG = """
global
    log 10.9.9.9:514 local0
defaults
    mode http
    log global
    option httplog
    timeout client 10s
    timeout server 10s
    timeout connect 4s
frontend fe
    bind 10.0.0.1:80
    http-request deny if { path /deny }
    default_backend be
backend be
    server s1 10.0.0.2:80
"""

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"content-length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"

# what the client sends, what the server answers to each request's head
CORPUS = {
    "get": (GET, [OK]),
    "bare line feeds": (b"GET / HTTP/1.1\nhost: a\n\n", [b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok"]),
    "empty lines first": (b"\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", [OK]),
    "pipelined": (GET * 4, [OK] * 4),
    "length": (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\nhello world", [HEAD + b"content-length: 3\r\n\r\nabc"]),
    "chunked": (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS, [HEAD + b"transfer-encoding: chunked\r\n\r\n" + CHUNKS]),
    "trailers": (GET, [HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: 1\r\ny: 2\r\n\r\n"]),
    "until close": (GET, [HEAD + b"\r\neverything until the end"]),
    "informational": (GET, [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK]),
    "head": (b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + GET, [HEAD + b"content-length: 2\r\n\r\n", OK]),
    "no content": (GET + GET, [b"HTTP/1.1 204 No Content\r\n\r\n", OK]),
    "not modified": (GET + GET, [b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", OK]),
    "denied, then served": (b"GET /deny HTTP/1.1\r\nhost: a\r\n\r\n" + GET, [OK]),
    "bad request": (b"GET / HTTP/1.1\r\nbad name: 1\r\n\r\n" + GET, []),
    "bad second request": (GET + b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", [OK]),
    "bad response": (GET, [b"HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n"]),
    "folded": (b"GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\t3\r\n\r\n", [HEAD + b"y: 1\r\n 2\r\ncontent-length: 0\r\n\r\n"]),
    "old": (b"GET / HTTP/1.0\r\n\r\n", [b"HTTP/1.0 200 OK\r\n\r\nold body"]),
    "upgrade": (
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        [
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            b"raw \x00 bytes"
        ],
    ),
    "large fields": (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"v" * 9000 + b"\r\n\r\n", [HEAD + b"y: " + b"w" * 9000 + b"\r\ncontent-length: 0\r\n\r\n"]),
    "too large": (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"v" * 20000 + b"\r\n\r\n", []),
}


def cuts(data: bytes, dice: random.Random | None) -> list[bytes]:
    """`data` in pieces: byte by byte if it is short and the dice say so, else at random places. No dice: whole."""
    if dice is None or len(data) < 2:
        return [data]
    if len(data) < 500 and dice.random() < 0.2:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(dice.randrange(1, 12)))})
    return [data[low:high] for low, high in pairwise(places)]


async def trickle(peer: Peer, data: bytes, dice: random.Random | None) -> None:
    for piece in cuts(data, dice):
        await peer.send(piece)
        await asyncio.sleep(0.005)


def unchunked(data: bytes) -> bytes:
    """Chunk boundaries do not survive, what chunks carry does: the one chunked message of a conversation without its size lines."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        return data
    body = b""
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            break
        body += rest[:size]
        rest = rest[size + 2 :]
    return head + blank + body + b"|" + rest


def play(name: str, dice: random.Random | None, link: Link) -> tuple[bytes, bytes, list[str]]:
    """One conversation; what the client and the server received, and letters of the log."""
    question, answers = CORPUS[name]
    stage = Stage(CONFIG, link, checks=False)
    by_server, by_client = bytearray(), bytearray()

    async def serve(peer: Peer) -> None:
        for answer in answers:
            by_server.extend(await peer.expect(b"\r\n\r\n"))
            if name in ("length", "chunked"):
                by_server.extend(await peer.expect(b"world" if name == "length" else b"0\r\n\r\n"))
            await trickle(peer, answer, dice)
        if answers and (b"content-length" in answers[-1] or b"chunked" in answers[-1]):
            await asyncio.sleep(30)

    stage.origin(BACK, serve)

    async def story(stage: Stage) -> None:
        client = await stage.world.client(FRONT)
        try:
            await trickle(client, question, dice)
        except ConnectionError:
            pass
        await asyncio.sleep(3)
        by_client.extend(client.buffer)
        client.close()
        await asyncio.sleep(70)

    stage.run(story)
    left = stage.close()
    assert not left and not [line for line in stage.messages if "bug" in line]
    letters = [" ".join(re.findall(r" (?:\d{3}|-1) \d+ - - \S+", line)) for _, line in stage.logs]
    return unchunked(bytes(by_client)), unchunked(bytes(by_server)), [re.sub(r" \d+ - -", "", each) for each in letters]


@pytest.mark.parametrize("name", CORPUS)
def test_cuts_change_nothing(name: str) -> None:
    whole = play(name, None, Link())
    assert whole[0], "the client is told something"
    for number in range(CUTS):
        dice = random.Random(f"{name}:{number}")
        link = Link(segment=dice.choice((1, 2, 7, 100, 65536)) if len(CORPUS[name][0]) < 5000 else 100, latency=dice.choice((0.0, 0.001)))
        assert play(name, dice, link) == whole, f"cut {number}"
