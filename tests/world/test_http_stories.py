"""Stories of HTTP streams in virtual time: aborts, queues, retries, timeouts, bodies. After each, nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.stage import Stage
from pylb.lab.world import Handler

Make = Callable[..., Stage]

FRONT = Endpoint.tcp("10.0.0.1", 80)
BACK = Endpoint.tcp("10.0.0.2", 80)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

NOTICING = "option httplog\n    option abortonclose"  # clients that leave are noticed while a server thinks

CONFIG = """
global
    log 10.9.9.9:514 local0
defaults
    mode http
    log global
    option httplog
    timeout client 10s
    timeout server 20s
    timeout connect 4s
    timeout queue 8s
    timeout http-request 5s
frontend fe
    bind 10.0.0.1:80
    default_backend be
backend be
    {extra}
    server s1 10.0.0.2:80 {words}
"""


def config(words: str = "", extra: str = "") -> str:
    return CONFIG.format(words=words, extra=extra)


def answering(data: bytes = OK, after: float = 0.0) -> Handler:
    """An origin that answers each request head with `data`, after some time."""

    async def serve(peer: Peer) -> None:
        while await peer.expect(b"\r\n\r\n"):
            await asyncio.sleep(after)
            await peer.send(data)

    return serve


def letters(stage: Stage) -> list[str]:
    """`status letters` of each log line."""
    lines = [line.split(" ") for _, line in stage.logs if "] " in line]
    return [f"{words[5]} {words[9]}" for words in lines]


def test_a_request_is_served(stage: Make) -> None:
    scene = stage(config())
    scene.origin(BACK, answering())

    async def story(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        answer = await client.expect(b"ok")
        client.close()
        return answer

    assert scene.run(story) == OK
    assert letters(scene) == ["200 ----"]
    backend = scene.process.backends["be"]
    assert backend.counters.hrsp_2xx == backend.servers[0].counters.hrsp_2xx == 1
    assert scene.process.frontends["fe"].counters.req_tot == 1


def test_pipelined_requests_are_served_in_order(stage: Make) -> None:
    scene = stage(config())
    scene.origin(BACK, answering())

    async def story(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        await client.send(GET * 5)
        for _ in range(5):
            await client.expect(b"ok")
        client.close()
        return b""

    scene.run(story)
    assert letters(scene) == ["200 ----"] * 5


def test_a_thousand_pipelined_local_answers_do_not_grow_the_stack(stage: Make) -> None:
    scene = stage(config().replace("default_backend be", "http-request return status 204"))

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        await client.send(GET * 1000)
        count = 0
        while count < 1000:
            await client.expect(b"\r\n\r\n")
            count += 1
        client.close()
        return count

    assert scene.run(story) == 1000


def test_a_client_that_left_is_noticed_when_it_is_answered(stage: Make) -> None:
    scene = stage(config())
    scene.origin(BACK, answering(after=15))

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await asyncio.sleep(2)
        client.reset()
        await asyncio.sleep(30)

    scene.run(story)
    assert letters(scene) == ["200 CD--"]
    assert scene.process.backends["be"].counters.cli_abrt == 1


def test_a_refused_server_is_tried_again_and_given_up(stage: Make) -> None:
    scene = stage(config())

    async def story(scene: Stage) -> tuple[bytes, float]:
        client = await scene.world.client(FRONT)
        began = scene.world.time()
        await client.send(GET)
        answer = await client.expect(b"</html>")
        took = scene.world.time() - began
        client.close()
        return answer[:12], took

    answer, took = scene.run(story)
    assert answer == b"HTTP/1.1 503"
    assert 3.0 <= took < 3.1
    assert letters(scene) == ["503 SC--"]
    server = scene.process.backends["be"].servers[0]
    assert (server.counters.wretr, server.counters.econ, server.counters.connect) == (3, 1, 4)


def test_a_black_hole_costs_timeout_connect_each_time(stage: Make) -> None:
    scene = stage(config(extra="retries 1"))
    scene.world.black_hole(BACK)

    async def story(scene: Stage) -> float:
        client = await scene.world.client(FRONT)
        began = scene.world.time()
        await client.send(GET)
        await client.expect(b"</html>")
        client.close()
        return scene.world.time() - began

    assert 8.0 <= scene.run(story) < 8.2
    assert letters(scene) == ["503 sC--"]


def test_the_queue_is_served_in_order_of_arrival(stage: Make) -> None:
    scene = stage(config("maxconn 1"))
    scene.origin(BACK, answering(after=2))

    async def one(scene: Stage, delay: float, done: list[float]) -> None:
        await asyncio.sleep(delay)
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await client.expect(b"ok")
        done.append(round(scene.world.time() - 1_000_000))
        client.close()

    async def story(scene: Stage) -> list[float]:
        done: list[float] = []
        await asyncio.gather(*(one(scene, index / 10, done) for index in range(3)))
        return done

    assert scene.run(story) == [2, 4, 6]
    assert letters(scene) == ["200 ----"] * 3
    assert scene.process.backends["be"].counters.qmax == 2 or scene.process.backends["be"].servers[0].counters.qmax == 2


def test_nobody_waits_longer_than_timeout_queue(stage: Make) -> None:
    scene = stage(config("maxconn 1"))
    scene.origin(BACK, answering(after=15))

    async def story(scene: Stage) -> bytes:
        first, second = await scene.world.client(FRONT), await scene.world.client(FRONT)
        await first.send(GET)
        await asyncio.sleep(0.1)
        await second.send(GET)
        answer = await second.expect(b"</html>")
        await first.expect(b"ok")
        first.close()
        second.close()
        return answer[:12]

    assert scene.run(story) == b"HTTP/1.1 503"
    assert letters(scene) == ["503 sQ--", "200 ----"]


def test_leaving_the_queue_frees_the_place(stage: Make) -> None:
    scene = stage(config("maxconn 1").replace("option httplog", "option httplog\n    option abortonclose"))
    scene.origin(BACK, answering(after=5))

    async def story(scene: Stage) -> None:
        peers = [await scene.world.client(FRONT) for _ in range(3)]
        for peer in peers:
            await peer.send(GET)
            await asyncio.sleep(0.1)
        peers[1].reset()
        await peers[0].expect(b"ok")
        await peers[2].expect(b"ok")
        for peer in peers:
            peer.close()

    scene.run(story)
    assert sorted(letters(scene)) == ["-1 CQ--", "200 ----", "200 ----"]


def test_a_silent_server_is_a_504(stage: Make) -> None:
    scene = stage(config())
    scene.origin(BACK, answering(after=25))

    async def story(scene: Stage) -> tuple[bytes, float]:
        client = await scene.world.client(FRONT)
        began = scene.world.time()
        await client.send(GET)
        answer = await client.expect(b"</html>")
        took = scene.world.time() - began
        client.close()
        return answer[:12], took

    answer, took = scene.run(story, settle=30)
    assert answer == b"HTTP/1.1 504"
    assert 20 <= took < 20.1
    assert letters(scene) == ["504 sH--"]


def test_one_byte_a_second_is_ended_by_timeout_http_request(stage: Make) -> None:
    scene = stage(config())

    async def story(scene: Stage) -> tuple[bytes, float]:
        client = await scene.world.client(FRONT)
        began = scene.world.time()
        for byte in GET:
            if client.lost:
                break
            await client.send(bytes([byte]))
            await asyncio.sleep(1)
            if client.buffer:
                break
        answer = await client.expect(b"</html>")
        took = scene.world.time() - began
        client.close()
        return answer[:12], took

    answer, took = scene.run(story)
    assert answer == b"HTTP/1.1 408"
    assert 5 <= took < 7
    assert letters(scene) == ["408 cR--"]


def test_a_large_body_passes_in_bounded_memory(stage: Make) -> None:
    scene = stage(config())
    size = 8 << 20
    seen: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        sent = 0
        while sent < size:
            await peer.send(b"x" * 65536)
            sent += 65536
        await peer.gone()

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> int:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        await client.expect(b"\r\n\r\n")
        got = 0
        while got < size:
            await asyncio.sleep(0.01)
            got += len(await client.recv())
            seen.append(max((mux.transport.get_write_buffer_size() for mux in scene.process.sessions), default=0))
        client.close()
        return got

    assert scene.run(story, settle=30) == size
    assert max(seen) < 1 << 18


def test_a_request_body_reaches_a_slow_server_whole(stage: Make) -> None:
    scene = stage(config())
    size = 4 << 20
    bodies: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        got = 0
        while got < size:
            await asyncio.sleep(0.005)
            got += len(await peer.recv())
        bodies.append(got)
        await peer.send(OK)
        await peer.gone()

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        await client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size)
        await client.send(b"y" * size)
        await client.expect(b"ok")
        client.close()

    scene.run(story, settle=30)
    assert bodies == [size]
    assert letters(scene) == ["200 ----"]


def test_an_early_answer_does_not_end_the_upload(stage: Make) -> None:
    scene = stage(config())
    got: list[bytes] = []

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        await peer.send(OK)
        got.append(await peer.exactly(10))
        await peer.gone()

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> None:
        client = await scene.world.client(FRONT)
        await client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n01234")
        await client.expect(b"ok")
        await asyncio.sleep(1)
        await client.send(b"56789")
        await asyncio.sleep(1)
        client.close()

    scene.run(story, settle=30)
    assert got == [b"0123456789"]
    assert letters(scene) == ["200 ----"]


def test_an_upgrade_becomes_a_tunnel(stage: Make) -> None:
    scene = stage(config())

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        accept = b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n" + accept + b"\r\nhello")
        while data := await peer.recv():
            await peer.send(data.upper())
        peer.close()

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        await client.send(b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        await client.expect(b"hello")
        await client.send(b"ping")
        answer = await client.expect(b"PING")
        client.write_eof()
        assert await client.rest() == b""
        client.close()
        return answer

    assert scene.run(story) == b"PING"
    assert letters(scene) == ["101 ----"]


def test_a_server_that_closes_in_the_middle(stage: Make) -> None:
    scene = stage(config())

    async def serve(peer: Peer) -> None:
        await peer.expect(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        peer.close()

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> bytes:
        client = await scene.world.client(FRONT)
        await client.send(GET)
        answer = await client.rest()
        client.close()
        return answer

    assert scene.run(story).endswith(b"\r\n\r\nabc")
    assert letters(scene) == ["200 SD--"]
    assert scene.process.backends["be"].counters.srv_abrt == 1


def test_redispatch_finds_the_living_server(stage: Make) -> None:
    text = config(extra="option redispatch\n    server s0 10.0.0.3:80")
    scene = stage(text)
    scene.origin(BACK, answering())

    async def story(scene: Stage) -> list[float]:
        took = []
        for _ in range(4):
            client = await scene.world.client(FRONT)
            began = scene.world.time()
            await client.send(GET)
            await client.expect(b"ok")
            took.append(scene.world.time() - began)
            client.close()
        return took

    assert max(scene.run(story)) < 0.1
    assert scene.process.backends["be"].counters.wredis == 4


def test_who_wants_another_address_gets_another_connection(stage: Make) -> None:
    """`server s 0.0.0.0`: the address is the client's destination, which clients and rules choose."""
    asked = []
    places = [Endpoint.tcp(f"10.0.0.{number}", 8080) for number in (1, 2, 3)]
    text = config(extra="http-reuse always").replace("bind 10.0.0.1:80", "bind 10.0.0.1:80\n    bind 10.0.0.2:80\n    http-request set-dst hdr(x-to)")
    scene = stage(text.replace("server s1 10.0.0.2:80", "server s1 0.0.0.0:8080"))

    def serving(number: int) -> Handler:
        async def serve(peer: Peer) -> None:
            while await peer.expect(b"\r\n\r\n"):
                asked.append(number)
                await peer.send(OK)

        return serve

    for number, place in enumerate(places, 1):
        scene.origin(place, serving(number))

    async def story(scene: Stage) -> None:
        clients = [await scene.world.client(Endpoint.tcp(f"10.0.0.{number}", 80)) for number in (1, 2)]
        for number, to in ((0, ""), (1, ""), (0, "10.0.0.3"), (0, ""), (1, "10.0.0.3"), (1, "10.0.0.1")):
            await clients[number].send(GET.replace(b"host: a", b"host: a\r\nx-to: " + to.encode() if to else b"host: a"))
            await clients[number].expect(b"ok")
        for client in clients:
            client.close()

    scene.run(story)
    assert asked == [1, 2, 3, 1, 3, 1]
    assert scene.process.backends["be"].servers[0].counters.reuse


def test_idle_connections_are_closed_from_when_the_first_one_lay_idle(stage: Make) -> None:
    """`pool-purge-delay` has no clock of its own: what eight clients left is looked at every two seconds from then on."""
    scene = stage(config(words="pool-purge-delay 2s"))
    scene.origin(BACK, answering(after=0.1))

    async def story(scene: Stage) -> list[int]:
        await asyncio.sleep(1.3)
        clients = [await scene.world.client(FRONT) for _ in range(8)]
        for client in clients:
            await client.send(GET)
        for client in clients:
            await client.expect(b"ok")
            client.close()
        pool, lying = scene.process.backends["be"].servers[0].pool, []
        for _ in range(6):
            await asyncio.sleep(1.9)
            lying.append(len(pool))
            await asyncio.sleep(0.1)
        return lying

    assert scene.run(story) == [8, 8, 8, 5, 2, 0]


def test_connections_to_what_is_no_server_end_with_their_session(stage: Make) -> None:
    """`dispatch`: as in HAProxy, whatever `http-reuse` says."""
    scene = stage(config(extra="http-reuse always\n    dispatch 10.0.0.2:80"))
    peers: list[Peer] = []

    async def serve(peer: Peer) -> None:
        peers.append(peer)
        while await peer.expect(b"\r\n\r\n"):
            await peer.send(OK)

    scene.origin(BACK, serve)

    async def story(scene: Stage) -> list[bool]:
        clients = [await scene.world.client(FRONT) for _ in range(2)]
        for client in (*clients, *clients):
            await client.send(GET)
            await client.expect(b"ok")
        open_before = [peer.lost for peer in peers]
        clients[0].close()
        await asyncio.sleep(1)
        open_after = [peer.lost for peer in peers]
        clients[1].close()
        return open_before + open_after

    assert scene.run(story) == [False, False, True, False]
