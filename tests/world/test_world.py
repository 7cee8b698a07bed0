"""The world itself: its clock, its network's faults, its scripted peers, and what it says is left."""

from __future__ import annotations

import asyncio
import errno
import re
import time

import pytest

from pylb.base.net import ConnectOptions, Endpoint, Hangup, ListenOptions
from pylb.lab.peer import Peer, dial
from pylb.lab.pipe import Link
from pylb.lab.world import EPOCH, START, Deadlock, World

SERVER = Endpoint.tcp("10.0.0.9", 80)


async def echo(peer: Peer) -> None:
    while data := await peer.recv():
        await peer.send(data)


def test_time_jumps() -> None:
    world = World()
    before = time.perf_counter()
    world.run(asyncio.sleep(86400))
    assert time.perf_counter() - before < 5
    assert world.time() == START + 86400
    assert world.wall() == EPOCH + 86400
    assert world.clock.wall() == world.wall()
    world.close()


def test_asyncio_works_inside() -> None:
    world = World()

    async def story() -> tuple[list[float], str]:
        order: list[float] = []

        async def worker(delay: float) -> None:
            await asyncio.sleep(delay)
            order.append(delay)

        await asyncio.gather(worker(3), worker(1), worker(2))
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        except TimeoutError:
            return order, "timeout"
        return order, ""

    assert world.run(story()) == ([1, 2, 3], "timeout")
    assert world.time() == START + 8
    world.close()


def test_a_cancelled_timer_does_not_move_time() -> None:
    world = World()
    world.call_later(1000, lambda: None).cancel()
    world.run(asyncio.sleep(1))
    assert world.time() == START + 1
    world.close()


def test_deadlock_is_an_error() -> None:
    world = World()
    with pytest.raises(Deadlock):
        world.run(asyncio.Event().wait())


def test_latency_and_handshake() -> None:
    world = World(Link(latency=0.05))

    async def story() -> list[float]:
        moments = []
        origin = world.origin(SERVER, echo)
        client = await world.client(SERVER)
        moments.append(world.time() - START)
        await client.send(b"x")
        await client.recv()
        moments.append(world.time() - START)
        client.close()
        origin.close()
        await world.settle()
        return moments

    assert world.run(story()) == [pytest.approx(0.1), pytest.approx(0.2)]
    assert world.nothing_left() == []
    world.close()


def test_bandwidth() -> None:
    world = World(Link(latency=0.0, bandwidth=1000.0, segment=100))

    async def story() -> float:
        origin = world.origin(SERVER, echo)
        client = await world.client(SERVER)
        await client.send(b"x" * 2000)
        await client.exactly(2000)
        client.close()
        origin.close()
        await world.settle()
        return world.time() - START - 1.0

    assert world.run(story()) == pytest.approx(2.1, abs=0.01)
    world.close()


def test_segments_cut_bytes_into_pieces() -> None:
    world = World(Link(segment=1))
    pieces: list[bytes] = []

    class Piecewise(Peer):
        def data_received(self, data: bytes) -> None:
            pieces.append(data)
            super().data_received(data)

    async def story() -> None:
        listening = world.net.listen(SERVER, lambda: Piecewise(world.net, world))
        client = await world.client(SERVER)
        await client.send(b"GET /")
        client.write_eof()
        await world.settle()
        listening.close()

    world.run(story())
    assert pieces == [b"G", b"E", b"T", b" ", b"/"]
    world.close()


def test_window_bounds_what_a_sleeping_reader_is_sent() -> None:
    world = World(Link(window=1000))

    async def story() -> None:
        async def sleeper(peer: Peer) -> None:
            peer.stop_reading()
            await asyncio.sleep(30)
            peer.start_reading()
            assert len(await peer.rest()) == 70000

        origin = world.origin(SERVER, sleeper)
        client = await world.client(SERVER)
        started = world.time()
        await client.send(b"x" * 70000)
        assert world.time() - started >= 29.9
        client.close()
        await world.settle(60)
        origin.close()

    world.run(story())
    assert world.nothing_left() == []
    world.close()


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.EHOSTUNREACH])
def test_refused(number: int) -> None:
    world = World()

    async def story() -> None:
        world.refuse(SERVER, number)
        with pytest.raises(OSError, match="refused|No route to host") as caught:
            await world.client(SERVER)
        assert caught.value.errno == number
        world.heal(SERVER)
        with pytest.raises(ConnectionRefusedError):
            await world.client(SERVER)

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_black_hole_times_out_as_linux_does_and_can_be_cancelled() -> None:
    world = World()

    async def story() -> None:
        world.black_hole(SERVER)
        with pytest.raises(TimeoutError):
            await dial(world.net, SERVER, patience=5)
        assert world.time() - START == pytest.approx(5)
        with pytest.raises(OSError) as caught:
            await dial(world.net, SERVER, patience=1000)
        assert caught.value.errno == errno.ETIMEDOUT
        assert world.time() - START == pytest.approx(5 + 127, abs=0.1)

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_a_full_queue_lets_the_syn_be_sent_again() -> None:
    world = World()

    async def story() -> list[float]:
        listening = world.net.listen(SERVER, lambda: Peer(world.net, world), ListenOptions(backlog=0), paused=True)
        moments: list[float] = []

        async def one() -> None:
            client = await world.client(SERVER)
            moments.append(round(world.time() - START, 1))
            client.reset()

        clients = asyncio.gather(one(), one())
        await asyncio.sleep(2)
        listening.resume()
        await clients
        listening.close()
        await world.settle()
        return moments

    assert world.run(story()) == [0.0, 3.0]
    assert world.nothing_left() == []
    world.close()


def test_a_full_unix_queue_is_eagain() -> None:
    world = World()
    path = Endpoint.unix("/run/app.sock")

    async def story() -> None:
        with pytest.raises(FileNotFoundError):
            await world.client(path)
        listening = world.net.listen(path, lambda: Peer(world.net, world), ListenOptions(backlog=0), paused=True)
        client = await world.client(path)
        with pytest.raises(BlockingIOError):
            await world.client(path)
        client.close()
        listening.close()
        await world.settle()

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_a_cut_cable_tells_nobody() -> None:
    world = World()

    async def story() -> None:
        origin = world.origin(SERVER, echo)
        client = await world.client(SERVER)
        await client.send(b"x")
        assert await client.recv() == b"x"
        client.transport.cut()  # type: ignore[union-attr]
        await client.send(b"y")
        client.patience = 30
        with pytest.raises(TimeoutError):
            await client.recv()
        client.close()
        await world.settle()
        assert not origin.peers[0].lost
        origin.close()
        await world.settle()

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_listening_on_any_address() -> None:
    world = World()

    async def story() -> None:
        origin = world.origin(Endpoint.tcp("0.0.0.0", 80), echo)
        client = await world.client(SERVER, source="192.0.2.7")
        await client.send(b"x")
        assert await client.recv() == b"x"
        assert origin.peers[0].transport is not None
        assert origin.peers[0].transport.get_extra_info("peername")[0] == "192.0.2.7"
        assert origin.peers[0].transport.get_extra_info("sockname") == ("10.0.0.9", 80)
        client.close()
        origin.close()
        await world.settle()

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_sinks_collect_datagrams_and_files_collect_lines() -> None:
    world = World()

    async def story() -> None:
        sink = world.sink(Endpoint.tcp("127.0.0.1", 514))
        sender = world.net.datagrams(Endpoint.tcp("127.0.0.1", 514))
        assert sender.send(b"<134>one")
        assert world.net.file(1).send(b"line\n")
        await world.settle()
        assert sink.received == [b"<134>one"]
        assert world.files == {1: [b"line\n"]}
        sink.close()
        sender.send(b"lost")
        sender.close()
        await world.settle()

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_expect_and_rest_and_their_failures() -> None:
    world = World()

    async def story() -> None:
        async def server(peer: Peer) -> None:
            await peer.expect(b"\r\n\r\n")
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

        origin = world.origin(SERVER, server)
        client = await world.client(SERVER)
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await client.expect(re.compile(rb"HTTP/1\.1 \d+")) == b"HTTP/1.1 200"
        await client.expect(b"\r\n\r\n")
        with pytest.raises(ConnectionError, match="ended before"):
            await client.expect(b"never")
        assert await client.rest() == b"ok"
        client.close()
        origin.close()
        await world.settle()

    world.run(story())
    assert world.nothing_left() == []
    world.close()


def test_everything_left_is_listed() -> None:
    world = World()

    async def story() -> None:
        async def broken(peer: Peer) -> None:
            raise AssertionError("the script expected something else")

        world.origin(SERVER, echo)
        world.origin(Endpoint.tcp("10.0.0.9", 81), broken)
        world.net.datagrams(SERVER)
        await world.client(SERVER)
        await world.client(Endpoint.tcp("10.0.0.9", 81))
        world.net.connect(Endpoint.tcp("10.0.0.9", 82), lambda: Peer(world.net, world), lambda error: None)
        world.black_hole(Endpoint.tcp("10.0.0.9", 82))
        await asyncio.sleep(0.5)
        world.call_later(1000, print)

    world.run(story())
    left = world.nothing_left(listeners=[SERVER])
    for what in ("Pipe", "Connecting(10.0.0.9:82)", "listener 10.0.0.9:81", "datagrams", "timer", "failure AssertionError", "task"):
        assert any(line.startswith(what) for line in left), what
    assert "listener 10.0.0.9:80" not in left
    for task in asyncio.all_tasks(world):
        task.cancel()
    world.run(world.settle())
    world.close()


def test_options_are_recorded() -> None:
    world = World()

    async def story() -> None:
        origin = world.origin(SERVER, echo)
        client = await dial(world.net, SERVER, ConnectOptions(tfo=True))
        assert client.transport is not None
        world.net.set_tos(client.transport, 16)
        assert client.transport.options == {"connect": ConnectOptions(tfo=True), "tos": 16}  # type: ignore[attr-defined]
        client.reset()
        origin.close()
        await world.settle()

    world.run(story())
    world.close()


def stormy() -> list[str]:
    """Thirty clients with different habits; what happened, in order."""
    world = World(Link(latency=0.003, window=3000, segment=700))
    events: list[str] = []

    async def client(number: int) -> None:
        await asyncio.sleep(number % 4 * 0.001)
        peer = await world.client(SERVER)
        peer.net.watch(peer.transport, lambda hangup: events.append(f"{number} {hangup} {world.time()}"))  # type: ignore[arg-type]
        await peer.send(bytes([number]) * 1000 * number)
        if number % 3 == 0:
            peer.reset()
        elif number % 3 == 1:
            peer.write_eof()
            events.append(f"{number} got {len(await peer.rest())} at {world.time()}")
        peer.close()
        events.append(f"{number} {await peer.gone()} at {world.time()}")

    async def story() -> None:
        origin = world.origin(SERVER, echo)
        await asyncio.gather(*(client(number) for number in range(1, 31)))
        origin.close()
        await world.settle()

    world.run(story())
    assert world.nothing_left() == []
    world.close()
    return events


def test_the_same_story_gives_the_same_result() -> None:
    events = stormy()
    assert len(events) > 40
    assert any(Hangup.FIN.name in line for line in events)
    assert stormy() == events
