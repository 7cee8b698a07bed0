"""Stories of TLS connections in virtual time: handshakes in pieces, aborted, too slow; closes with and without close_notify; servers not to be trusted.

The other side is the standard library's `ssl` over memory, not pylb's own.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from certificates import make_bundle, make_ca

from pylb import keywords
from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage

keywords.load()

FRONT = Endpoint.tcp("10.0.0.1", 443)
BACK = Endpoint.tcp("10.0.0.2", 443)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

CONFIG = """
global
    log 10.9.9.9:514 local0
defaults
    mode {mode}
    log global
    option {mode}log
    timeout client 5s
    timeout server 6s
    timeout connect 2s
    retries 2
frontend fe
    bind 10.0.0.1:443 {bind}
    default_backend be
backend be
    server s1 10.0.0.2:443 {server}
"""


class Scene:
    """Certificates, and stages made with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages: list[Stage] = []
        self.ca = make_ca()
        (folder / "ca.pem").write_bytes(self.ca.certificate_pem)
        make_bundle(folder / "site.pem", ["site.test"], self.ca)
        make_bundle(folder / "other.pem", ["other.test"])

    def stage(self, mode: str = "http", bind: str = "ssl crt {}/site.pem", server: str = "", link: Link | None = None) -> Stage:
        text = CONFIG.format(mode=mode, bind=bind.format(self.folder), server=server.format(self.folder))
        self.stages.append(Stage(text, link))
        return self.stages[-1]

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def server_context(self, name: str = "site.pem") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(self.folder / name))
        return context


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for stage in made.stages:
        assert not stage.close()
        assert not [line for line in stage.messages if "pylb bug" in line]


class Secure:
    """One end of a TLS connection over a peer."""

    def __init__(self, peer: Peer, context: ssl.SSLContext, server_side: bool = False, cut: int = 0) -> None:
        self.peer, self.cut = peer, cut  # `cut`: bytes leave in pieces of this size
        self.inside, self.outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inside, self.outside, server_side, None if server_side else "site.test")

    async def push(self) -> None:
        data = self.outside.read()
        for start in range(0, len(data), self.cut or len(data) or 1):
            await self.peer.send(data[start : start + (self.cut or len(data))])
            if self.cut:
                await asyncio.sleep(0.001)

    async def pull(self) -> bool:
        """Wait for bytes; False: the connection has ended."""
        data = await self.peer.recv()
        self.inside.write(data) if data else self.inside.write_eof()
        return bool(data)

    async def handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
                await self.push()
                return
            except ssl.SSLWantReadError:
                await self.push()
                await self.pull()

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self.push()

    async def receive(self) -> bytes:
        """Some bytes; b"" after a close_notify."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                await self.push()
                await self.pull()

    async def expect(self, wanted: bytes) -> bytes:
        got = b""
        while wanted not in got:
            more = await self.receive()
            if not more:
                raise ConnectionError(f"ended after {got!r}")
            got += more
        return got

    async def close_notify(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        await self.push()


def endings(stage: Stage) -> list[str]:
    """Letters of each line, or the text of those without letters."""
    found = []
    for _, line in stage.logs:
        words = line.partition("] ")[2]
        letters = re.search(r" ([-CScsPILKRDU][-A-Z](?:--)?) ", words)
        if words:
            found.append(words.partition(": ")[2] if "SSL" in words else letters[1] if letters else words)
    return found


async def answer(peer: Peer) -> None:
    while await peer.expect(b"\r\n\r\n"):
        await peer.send(OK)


async def connected(scene: Scene, stage: Stage, cut: int = 0) -> Secure:
    secure = Secure(await stage.world.client(FRONT), scene.client_context(), cut=cut)
    await secure.handshake()
    return secure


@pytest.mark.parametrize("cut, link", [(0, None), (1, None), (7, Link(segment=3)), (0, Link(window=100))])
def test_any_cut_of_the_bytes_is_served(scene: Scene, cut: int, link: Link | None) -> None:
    stage = scene.stage(link=link)
    stage.origin(BACK, answer)

    async def story(stage: Stage) -> bytes:
        client = await connected(scene, stage, cut)
        await client.send(GET)
        await client.expect(b"ok")
        await client.send(GET)
        got = await client.expect(b"ok")
        await client.close_notify()
        assert await client.receive() == b""  # ours is answered
        client.peer.close()
        return got

    assert stage.run(story) == OK
    assert endings(stage) == ["----", "----"]
    assert stage.process.frontends["fe"].counters.ssl_sess == 1


def test_sessions_are_known_to_be_resumed(scene: Scene) -> None:
    rules = "\n    http-response set-header x-tls %[ssl_fc_is_resumed],%[ssl_fc_has_crt]"
    stage = scene.stage(bind="ssl crt {}/site.pem" + rules)
    stage.origin(BACK, answer)
    context = scene.client_context()

    async def visit(stage: Stage, session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
        client = Secure(await stage.world.client(FRONT), context)
        if session is not None:
            client.tls.session = session
        await client.handshake()
        await client.send(GET)
        got = await client.expect(b"ok")
        client.peer.close()
        return re.findall(rb"x-tls: (.*)\r", got)[0], client.tls.session

    async def story(stage: Stage) -> list[bytes]:
        first, session = await visit(stage, None)
        second, _ = await visit(stage, session)
        return [first, second]

    assert stage.run(story) == [b"0,0", b"1,0"]


@pytest.mark.parametrize("size", [0, 1, 4, 5, 50, 200])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_the_handshake_is_aborted(scene: Scene, size: int, how: str) -> None:
    stage = scene.stage()

    async def story(stage: Stage) -> None:
        client = Secure(await stage.world.client(FRONT), scene.client_context())
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        if size:
            await client.peer.send(client.outside.read()[:size])
        await asyncio.sleep(0.1)
        client.peer.close() if how == "fin" else client.peer.reset()

    stage.run(story, settle=10)
    assert len(stage.logs) == 1 and endings(stage)[0] in ("SSL handshake failure", "Connection closed during SSL handshake")
    assert stage.process.frontends["fe"].counters.ssl_failed_handshake == 1


def test_plain_http_is_not_tls(scene: Scene) -> None:
    stage = scene.stage()

    async def story(stage: Stage) -> bytes:
        client = await stage.world.client(FRONT)
        await client.send(GET)
        rest = await client.rest()
        client.close()
        return rest

    assert stage.run(story) == b""
    assert endings(stage) == ["SSL handshake failure"]


@pytest.mark.parametrize("pace", [0.0, 0.4])
def test_a_slow_handshake_is_ended_by_timeout_client(scene: Scene, pace: float) -> None:
    stage = scene.stage()

    async def story(stage: Stage) -> float:
        client = Secure(await stage.world.client(FRONT), scene.client_context())
        began = stage.world.time()
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        data = client.outside.read()
        while pace and data and not client.peer.ended and not client.peer.lost:
            await client.peer.send(data[:1])
            data = data[1:]
            await asyncio.sleep(pace)
        await client.peer.until(lambda: client.peer.ended or client.peer.lost, "the end")
        client.peer.close()
        return stage.world.time() - began

    assert 5.0 <= stage.run(story) < 5.5
    assert endings(stage) == ["Timeout during SSL handshake"]


def test_a_client_that_does_not_read_the_handshake_is_left(scene: Scene) -> None:
    stage = scene.stage(link=Link(window=300))

    async def story(stage: Stage) -> int:
        peer = await stage.world.client(FRONT)
        client = Secure(peer, scene.client_context())
        peer.stop_reading()
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        await client.push()
        await asyncio.sleep(20)
        pipes = len(stage.world.pipes)
        peer.reset()
        return pipes

    assert stage.run(story, settle=10) == 1  # the client's own end
    assert endings(stage) == ["Timeout during SSL handshake"]


@pytest.mark.parametrize("what", [b"\x17\x03\x03\x00\x20" + b"?" * 32, b"\xff" * 50, b"\x15\x03\x03\x00\x02\x02\x28"])
def test_garbage_after_the_handshake_ends_the_connection(scene: Scene, what: bytes) -> None:
    stage = scene.stage()
    stage.origin(BACK, answer)

    async def story(stage: Stage) -> None:
        client = await connected(scene, stage)
        await client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc")
        await asyncio.sleep(0.1)
        await client.peer.send(what)
        await asyncio.sleep(20)
        assert client.peer.ended or client.peer.lost
        client.peer.close()

    stage.run(story, settle=20)
    assert len(endings(stage)) == 1


def test_who_does_not_read_over_tls_is_left(scene: Scene) -> None:
    stage = scene.stage(link=Link(window=20000))
    held: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            await peer.send(b"x" * 16384)

    stage.origin(BACK, serve)

    async def story(stage: Stage) -> int:
        client = await connected(scene, stage)
        await client.send(GET)
        client.peer.stop_reading()
        for _ in range(40):
            held.extend(mux.transport.get_write_buffer_size() for mux in stage.process.sessions)
            await asyncio.sleep(0.5)
        connections = stage.process.connections
        client.peer.reset()
        return connections

    assert stage.run(story, settle=10) == 0
    assert endings(stage) == ["cD--"]
    assert max(held) < 1 << 18


def test_each_direction_of_a_relay_ends_by_itself(scene: Scene) -> None:
    stage = scene.stage(mode="tcp")
    got: list[bytes] = []

    async def serve(peer: Peer) -> None:
        got.append(await peer.rest())
        await asyncio.sleep(1)
        await peer.send(b"late answer")

    stage.origin(BACK, serve)

    async def story(stage: Stage) -> bytes:
        client = await connected(scene, stage)
        await client.send(b"question")
        client.peer.write_eof()
        answer = await client.expect(b"answer")
        client.peer.close()
        return answer

    assert stage.run(story) == b"late answer"
    assert got == [b"question"]
    assert endings(stage) == ["--"]


# -- servers
def secure_answer(scene: Scene, name: str = "site.pem", close: bool = False) -> Callable[[Peer], object]:
    async def serve(peer: Peer) -> None:
        secure = Secure(peer, scene.server_context(name), server_side=True)
        try:
            await secure.handshake()
            while True:
                await secure.expect(b"\r\n\r\n")
                await secure.send(b"HTTP/1.1 200 OK\r\n\r\nok" if close else OK)
                if close:
                    await secure.close_notify()
                    return
        except ssl.SSLError:
            await secure.push()

    return serve


@pytest.mark.parametrize("close", [False, True])
def test_a_trusted_server_is_spoken_to(scene: Scene, close: bool) -> None:
    stage = scene.stage(bind="", server="ssl verify required ca-file {}/ca.pem verifyhost site.test")
    stage.origin(BACK, secure_answer(scene, close=close))  # type: ignore[arg-type]

    async def story(stage: Stage) -> list[bytes]:
        answers = []
        for _ in range(2):
            client = await stage.world.client(FRONT)
            await client.send(GET)
            answers.append(await client.expect(b"ok"))
            client.close()
        return answers

    assert [answer[-2:] for answer in stage.run(story)] == [b"ok", b"ok"]
    assert endings(stage) == ["----", "----"]


@pytest.mark.parametrize("words", ["verify required ca-file {}/ca.pem", "verify required ca-file {}/ca.pem verifyhost wrong.test"])
def test_a_server_not_to_be_trusted_is_a_failed_connection(scene: Scene, words: str) -> None:
    stage = scene.stage(bind="", server="ssl " + words)
    stage.origin(BACK, secure_answer(scene, "site.pem" if "wrong" in words else "other.pem"))  # type: ignore[arg-type]

    async def story(stage: Stage) -> tuple[bytes, float]:
        client = await stage.world.client(FRONT)
        began = stage.world.time()
        await client.send(GET)
        answer = await client.expect(b"</html>")
        client.close()
        return answer[:12], stage.world.time() - began

    status, took = stage.run(story)
    assert status == b"HTTP/1.1 503" and 2.0 <= took < 2.2
    assert endings(stage) == ["SC--"]
    counters = stage.process.backends["be"].servers[0].counters
    assert (counters.wretr, counters.econ) == (2, 1)


@pytest.mark.parametrize("how", ["silent", "garbage", "reset"])
def test_a_server_that_does_not_shake_hands(scene: Scene, how: str) -> None:
    stage = scene.stage(bind="", server="ssl verify none")

    async def serve(peer: Peer) -> None:
        if how == "garbage":
            await peer.send(OK)
        elif how == "reset":
            await peer.recv()
            peer.reset()
        await peer.until(lambda: peer.ended or peer.lost, "the end")

    stage.origin(BACK, serve)

    async def story(stage: Stage) -> tuple[bytes, float]:
        client = await stage.world.client(FRONT)
        began = stage.world.time()
        await client.send(GET)
        answer = await client.expect(b"</html>")
        client.close()
        return answer[:12], stage.world.time() - began

    status, took = stage.run(story)
    assert status == b"HTTP/1.1 503"
    assert endings(stage) == (["sC--"] if how == "silent" else ["SC--"])
    assert (6.0 if how == "silent" else 2.0) <= took < (6.2 if how == "silent" else 2.2)
