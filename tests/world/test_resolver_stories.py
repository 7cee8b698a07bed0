"""Stories of name resolution in virtual time: when name servers are asked, how long answers hold, where requests go."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from dns_answers import addresses, failure, question_of, services

from pylb.base.net import Datagrams, Endpoint
from pylb.lab.peer import Peer
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage
from pylb.lab.world import START

Make = Callable[..., Stage]
Reply = list[str] | int | None

FRONT = Endpoint.tcp("10.0.0.1", 80)
KINDS = {1: "A", 28: "AAAA"}
NX = 3
CONFIG = """
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 1s
resolvers r1
    nameserver d1 10.9.0.1:53
    {section}
frontend fe
    bind 10.0.0.1:80
    default_backend be
backend be
    server s1 a.test:80 resolvers r1 {words}
"""


def config(section: str = "", words: str = "init-addr none resolve-prefer ipv4") -> str:
    return CONFIG.format(section=section, words=words)


class NameServer:
    """A scripted name server in the world; notes when it was asked for what."""

    def __init__(self, stage: Stage, host: str, reply: Callable[[float], Reply], delay: float = 0.0) -> None:
        self.asked: list[tuple[float, str]] = []
        self.delay = delay
        self.stage, self.reply = stage, reply
        self.socket: Datagrams = stage.world.net.datagrams(local=Endpoint.tcp(host, 53), received=self.received)
        stage.process.closers.append(self.socket.close)

    def received(self, message: bytes, peer: Endpoint | None) -> None:
        moment = round(self.stage.world.time() - START, 1)
        self.asked.append((moment, KINDS[question_of(message)[1]]))
        reply = self.reply(moment)
        if reply is not None:
            answer = addresses(message, reply) if isinstance(reply, list) else failure(message, reply)
            self.stage.world.call_later(self.delay, self.socket.send, answer, peer)


def begin(stage: Stage) -> None:
    for start in stage.process.starters:
        start()


async def seconds(stage: Stage, count: float) -> None:
    begin(stage)
    await stage.world.settle(count)


def server(stage: Stage) -> str:
    """The server's address and status."""
    one = stage.process.backends["be"].servers[0]
    return f"{one.address} {one.status_text}"


def test_asked_again_after_timeout_resolve(stage: Make) -> None:
    scene = stage(config("timeout resolve 5s"))
    asked = NameServer(scene, "10.9.0.1", lambda moment: ["10.0.0.2"]).asked
    scene.run(lambda scene: seconds(scene, 14))
    assert asked == [(0.0, "A"), (5.0, "A"), (10.0, "A")]
    assert server(scene) == "10.0.0.2:80 no check"


def test_silence_is_asked_again_after_timeout_retry(stage: Make) -> None:
    """Three questions for the preferred kind, and a new round `timeout resolve` after the last one was given up."""
    scene = stage(config("timeout resolve 10s\n    timeout retry 2s"))
    asked = NameServer(scene, "10.9.0.1", lambda moment: None).asked
    scene.run(lambda scene: seconds(scene, 18))
    assert asked == [(0.0, "A"), (2.0, "A"), (4.0, "A"), (16.0, "A"), (18.0, "A")]


def test_errors_ask_for_the_other_kind_at_once(stage: Make) -> None:
    scene = stage(config("timeout resolve 10s\n    timeout retry 2s\n    resolve_retries 2"))
    asked = NameServer(scene, "10.9.0.1", lambda moment: NX).asked
    scene.run(lambda scene: seconds(scene, 10))
    assert asked == [(0.0, "A"), (0.0, "AAAA"), (2.0, "A"), (2.0, "AAAA")]


def test_addresses_hold_as_long_as_hold_says(stage: Make) -> None:
    """The last valid answer came at 2 s, errors from 3 s on; each round ends at once."""
    scene = stage(config("hold nx 5s\n    resolve_retries 1"))
    NameServer(scene, "10.9.0.1", lambda moment: ["10.0.0.2"] if moment < 2.5 else NX)
    states = []

    async def story(scene: Stage) -> None:
        begin(scene)
        for _ in range(9):
            await scene.world.settle(1.0)
            states.append(server(scene))

    scene.run(story)
    assert [state.split()[0] for state in states] == ["10.0.0.2:80"] * 7 + ["a.test:80"] * 2
    assert states[-1] == "a.test:80 MAINT (resolution)"
    assert scene.messages[-2].startswith("Server be/s1 is going DOWN for maintenance (DNS NX status).")


def test_first_valid_answer_of_several_counts(stage: Make) -> None:
    """Errors wait for the others; what comes after a valid answer is outdated."""
    scene = stage(config("nameserver d2 10.9.0.2:53\n    nameserver d3 10.9.0.3:53\n    timeout resolve 1h"))
    for number, reply in enumerate((NX, ["10.0.0.2"], ["10.0.0.3"]), 1):
        NameServer(scene, f"10.9.0.{number}", lambda moment, reply=reply: reply, number / 10)  # type: ignore[misc]
    scene.run(lambda scene: seconds(scene, 1))
    counters = [one.counters for one in scene.process.resolvers["r1"].name_servers]
    assert [(one.sent, one.nx, one.valid, one.update, one.outdated) for one in counters] == [(1, 1, 0, 0, 0), (1, 0, 1, 1, 0), (1, 0, 0, 0, 1)]
    assert server(scene) == "10.0.0.2:80 no check"


def test_error_of_one_and_silence_of_another(stage: Make) -> None:
    """It is an answer: when time is over, the other kind is asked for."""
    scene = stage(config("nameserver d2 10.9.0.2:53\n    timeout retry 2s\n    resolve_retries 1"))
    asked = NameServer(scene, "10.9.0.1", lambda moment: NX).asked
    scene.run(lambda scene: seconds(scene, 1.5))
    assert asked == [(0.0, "A")]
    assert scene.process.resolvers["r1"].name_servers[0].counters.nx == 1


def test_requests_follow_the_address(stage: Make) -> None:
    """Without an address nobody is served; a connection that lies idle to an old address is not used again."""
    scene = stage(config())
    NameServer(scene, "10.9.0.1", lambda moment: None if moment < 1 else ["10.0.0.2"] if moment < 3.5 else ["10.0.0.3"])

    def origin(name: bytes) -> Callable[[Peer], object]:
        async def serve(peer: Peer) -> None:
            while await peer.recv():
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name)

        return serve

    scene.origin(Endpoint.tcp("10.0.0.2", 80), origin(b"2"))  # type: ignore[arg-type]
    scene.origin(Endpoint.tcp("10.0.0.3", 80), origin(b"3"))  # type: ignore[arg-type]

    async def ask(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await client.rest()
        client.close()
        return answer

    async def story(scene: Stage) -> list[bytes]:
        begin(scene)
        answers = []
        for _ in range(3):
            answers.append(await ask(scene))
            await scene.world.settle(2.4)
        return answers

    first, second, third = scene.run(story)
    assert first.startswith(b"HTTP/1.1 503")
    assert (second[-1:], third[-1:]) == (b"2", b"3")


@pytest.mark.parametrize("size", [1, 100, 512, 513])
def test_long_answers_are_not_read(stage: Make, size: int) -> None:
    scene = stage(config("timeout resolve 1h\n    timeout retry 1h"))
    sent = bytes(size)
    socket = scene.world.net.datagrams(local=Endpoint.tcp("10.9.0.1", 53), received=lambda message, peer: socket.send(message[:2] + sent[2:], peer))
    scene.process.closers.append(socket.close)
    scene.run(lambda scene: seconds(scene, 1))
    counters = scene.process.resolvers["r1"].name_servers[0].counters
    assert (counters.too_big, counters.invalid) == ((1, 0) if size > 512 else (0, 2))


LOOK_UP = """
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 1s
resolvers r1
    nameserver d1 10.9.0.1:53
    timeout resolve 1h
    timeout retry 10s
    hold valid 5s
frontend fe
    bind 10.0.0.1:80
    http-request do-resolve(txn.ip,r1,ipv4) hdr(host)
    http-request deny unless { var(txn.ip) -m found }
    http-request set-dst var(txn.ip)
    default_backend be
backend be
    server any 0.0.0.0:80
backend names
    server s1 a.test:80 resolvers r1 init-addr none resolve-prefer ipv4
"""


async def get(scene: Stage, host: str) -> bytes:
    client = await scene.world.client(FRONT)
    await client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await client.rest()
    client.close()
    return answer


def test_request_goes_where_its_host_is(stage: Make) -> None:
    scene = stage(LOOK_UP)
    NameServer(scene, "10.9.0.1", lambda moment: ["10.0.0.7"])

    async def serve(peer: Peer) -> None:
        await peer.recv()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nseven")

    scene.origin(Endpoint.tcp("10.0.0.7", 80), serve)
    assert scene.run(lambda scene: get(scene, "b.test")).endswith(b"seven")
    assert not scene.process.resolvers["r1"].running
    assert [one.name for one in scene.process.resolvers["r1"].waiting] == [b"\1a\4test\0"]  # what a server wants stays, what the stream wanted does not


def test_what_a_server_knows_is_fresh_for_a_while(stage: Make) -> None:
    """No question for either request."""
    scene = stage(LOOK_UP)
    asked = NameServer(scene, "10.9.0.1", lambda moment: ["10.0.0.7"]).asked

    async def story(scene: Stage) -> list[bytes]:
        begin(scene)
        await scene.world.settle(1.0)
        answers = [await get(scene, "a.test"), await get(scene, "a.test")]
        assert asked == [(0.0, "A")]
        return answers

    assert [answer[9:12] for answer in scene.run(story)] == [b"503", b"503"]  # resolved, though nobody listens there


def test_nobody_waits_for_a_client_that_is_gone(stage: Make) -> None:
    scene = stage(LOOK_UP)
    NameServer(scene, "10.9.0.1", lambda moment: ["10.0.0.7"], delay=3.0)

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        await client.send(b"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
        await scene.world.settle(1.0)
        assert b"\1b\4test\0" in [one.name for one in scene.process.resolvers["r1"].running]
        client.reset()
        await scene.world.settle(1.0)
        assert b"\1b\4test\0" not in [one.name for one in scene.process.resolvers["r1"].running]
        await scene.world.settle(3.0)

    scene.run(story)
    assert scene.process.resolvers["r1"].name_servers[0].counters.outdated == 1


def test_hosts_of_lost_services_are_asked_for_no_more(stage: Make) -> None:
    """Both names fall silent at once, and are given up in the same turn."""
    scene = stage(config("timeout retry 2s\n    resolve_retries 1\n    hold timeout 0").replace("a.test:80", "_http._tcp.a.test"), Link(latency=0.0))
    asked: list[tuple[float, str]] = []

    def received(message: bytes, peer: Endpoint | None) -> None:
        moment, name = round(scene.world.time() - START, 1), question_of(message)[0]
        asked.append((moment, name))
        if moment < 0.5:
            socket.send(services(message, [(8001, 1, "h.test")], {}) if name.startswith("_") else addresses(message, ["10.0.0.7"]), peer)

    socket = scene.world.net.datagrams(local=Endpoint.tcp("10.9.0.1", 53), received=received)
    scene.process.closers.append(socket.close)
    scene.run(lambda scene: seconds(scene, 8))
    assert server(scene) == ":0 MAINT (resolution)"
    assert [name for moment, name in asked if moment > 3] == ["_http._tcp.a.test"] * 2
    assert not [one for one in (*scene.process.resolvers["r1"].running, *scene.process.resolvers["r1"].waiting) if not one.requesters]
