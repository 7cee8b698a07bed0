"""What every `Net` promises, checked on the in-memory one and on the real one over loopback with the same scripts."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
from collections.abc import Awaitable, Callable, Iterator

import pytest
import uvloop

from pylb.base.net import CONNECT, LISTEN, ConnectOptions, Endpoint, Hangup, ListenError, Listening, ListenOptions, Net
from pylb.lab.peer import Peer, dial
from pylb.lab.world import World
from pylb.process.net import RealNet

MEGABYTE = 1 << 20
LOOPBACK = Endpoint.tcp("127.0.0.1", 0)


class Rig:
    """A loop, its network, and what must be gone after each test."""

    def __init__(self, loop: asyncio.AbstractEventLoop, net: Net, patience: float) -> None:
        self.loop, self.net, self.patience = loop, net, patience
        self.accepted: list[Peer] = []

    def listen(self, options: ListenOptions = LISTEN, endpoint: Endpoint = LOOPBACK) -> Listening:
        return self.net.listen(endpoint, self.accept, options)

    def accept(self) -> Peer:
        peer = Peer(self.net, self.loop, self.patience)
        self.accepted.append(peer)
        return peer

    async def dial(self, endpoint: Endpoint, options: ConnectOptions = CONNECT) -> Peer:
        return await dial(self.net, endpoint, options, self.patience)

    async def until(self, ready: Callable[[], bool], what: str) -> None:
        limit = self.loop.time() + self.patience
        while not ready():
            assert self.loop.time() < limit, f"waited in vain for {what}"
            await asyncio.sleep(0.005)

    async def pair(self, options: ListenOptions = LISTEN) -> tuple[Peer, Peer]:
        """Both ends of a connection; nobody listens any more."""
        listening = self.listen(options)
        client = await self.dial(listening.endpoint)
        await self.until(lambda: bool(self.accepted) and self.accepted[-1].transport is not None, "the accepted end")
        listening.close()
        return client, self.accepted[-1]

    def run(self, story: Callable[[Rig], Awaitable[None]]) -> None:
        async def whole() -> None:
            await story(self)

        self.loop.run_until_complete(whole())


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[asyncio.AbstractEventLoop, RealNet]]:
    """One loop for the module, used once, so that what libuv keeps for itself is there before descriptors are counted."""
    loop = uvloop.new_event_loop()
    net = RealNet(loop)
    Rig(loop, net, 5.0).run(watch_once)
    yield loop, net
    net.close()
    loop.close()


async def watch_once(rig: Rig) -> None:
    client, server = await rig.pair()
    assert client.transport
    rig.net.watch(client.transport, lambda hangup: None).cancel()
    await close(client, server)


@pytest.fixture(params=["world", "uvloop"])
def rig(request: pytest.FixtureRequest, real: tuple[asyncio.AbstractEventLoop, RealNet]) -> Iterator[Rig]:
    if request.param == "world":
        world = World()
        yield Rig(world, world.net, 60.0)
        world.run(world.settle())
        assert world.nothing_left() == []
        world.close()
        return
    loop, net = real
    gc.collect()
    before = descriptors()
    yield Rig(loop, net, 5.0)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert descriptors() <= before


async def close(*peers: Peer) -> None:
    for peer in peers:
        peer.close()
    for peer in peers:
        await peer.gone()


def test_bytes_travel_both_ways_and_addresses_are_known(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport and server.transport
        assert client.transport.get_extra_info("sockname")[:2] == server.transport.get_extra_info("peername")[:2]
        assert client.transport.get_extra_info("peername")[:2] == server.transport.get_extra_info("sockname")[:2]
        await client.send(b"ping")
        assert await server.exactly(4) == b"ping"
        await server.send(b"pong")
        assert await client.exactly(4) == b"pong"
        await close(client, server)

    rig.run(story)


def test_half_close_by_the_client(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        await client.send(b"question")
        client.write_eof()
        assert await server.rest() == b"question"
        await server.send(b"answer")
        server.write_eof()
        assert await client.rest() == b"answer"
        await close(client, server)

    rig.run(story)


def test_half_close_by_the_server(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        await server.send(b"greeting")
        server.write_eof()
        assert await client.rest() == b"greeting"
        for _ in range(3):
            await client.send(b"more")
        assert await server.exactly(12) == b"more" * 3
        await close(client, server)

    rig.run(story)


def test_eof_that_is_not_kept_open_closes(rig: Rig) -> None:
    class Shy(Peer):
        def eof_received(self) -> bool:
            super().eof_received()
            return False

    async def story(rig: Rig) -> None:
        shy = Shy(rig.net, rig.loop, rig.patience)
        listening = rig.net.listen(LOOPBACK, lambda: shy)
        client = await rig.dial(listening.endpoint)
        client.write_eof()
        assert await shy.gone() is None
        assert await client.rest() == b""
        listening.close()
        await close(client)

    rig.run(story)


def test_reset_is_seen_as_a_reset(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        server.reset()
        assert await server.gone() is None
        error = await client.gone()
        assert isinstance(error, ConnectionResetError)
        assert error.errno == errno.ECONNRESET

    rig.run(story)


def test_bytes_before_a_reset_of_unread_bytes_are_read(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        server.stop_reading()
        await client.send(b"never read")
        await asyncio.sleep(0.05)
        await server.send(b"last words")
        server.close()  # with unread bytes: the kernel sends RST
        assert await client.exactly(10) == b"last words"
        assert isinstance(await client.gone(), ConnectionResetError)

    rig.run(story)


def test_abort_drops_what_is_unsent(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        server.stop_reading()
        assert client.transport
        client.transport.write(b"x" * 32 * MEGABYTE)
        client.transport.abort()
        assert await client.gone() is None
        server.start_reading()
        await server.until(lambda: server.ended or server.lost, "the end")
        assert server.total < 32 * MEGABYTE
        await close(server)

    rig.run(story)


def test_close_delivers_what_is_unsent(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        client.transport.write(b"x" * 8 * MEGABYTE)
        client.close()
        assert client.transport.is_closing()
        assert len(await server.rest()) == 8 * MEGABYTE
        assert await client.gone() is None
        await close(server)

    rig.run(story)


def test_early_answer_is_read_while_uploading(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        hold = rig.net.hold(client.transport)
        with pytest.raises(ConnectionError):
            await client.send(b"x" * 1000)
            await server.exactly(1000)
            await server.send(b"HTTP/1.1 413 Too large\r\n\r\n")
            server.close()
            while True:
                await client.send(b"x" * 65536)
                await asyncio.sleep(0)
        await client.gone()
        assert bytes(client.buffer) == b"HTTP/1.1 413 Too large\r\n\r\n"
        hold.release()

    rig.run(story)


def test_early_answer_reaches_a_reader_that_was_paused(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        rig.net.hold(client.transport)
        client.stop_reading()
        await client.send(b"x" * 1000)
        await server.exactly(1000)
        await server.send(b"HTTP/1.1 413 Too large\r\n\r\n")
        server.close()
        await server.gone()
        with pytest.raises(ConnectionError):
            while True:
                await client.send(b"x" * 65536)
                await asyncio.sleep(0.001)
        assert isinstance(await client.gone(), OSError)
        assert bytes(client.buffer) == b"HTTP/1.1 413 Too large\r\n\r\n"

    rig.run(story)


def test_a_released_hold_leaves_the_connection_as_it_was(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        hold = rig.net.hold(client.transport)
        await server.send(b"while held")
        assert await client.exactly(10) == b"while held"
        hold.release()
        hold.release()
        await server.send(b"after")
        assert await client.exactly(5) == b"after"
        assert client.transport.get_protocol() is client
        await close(client, server)

    rig.run(story)


def test_watch_tells_fin_while_paused(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        seen: list[Hangup] = []
        client, server = await rig.pair()
        assert client.transport
        client.stop_reading()
        watch = rig.net.watch(client.transport, seen.append)
        await server.send(b"unread")
        server.write_eof()
        await rig.until(lambda: bool(seen), "the FIN")
        assert seen == [Hangup.FIN]
        assert client.total == 0
        watch.cancel()
        client.start_reading()
        assert await client.rest() == b"unread"
        await close(client, server)

    rig.run(story)


def test_watch_tells_what_happened_before_it(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        seen: list[Hangup] = []
        client, server = await rig.pair()
        assert client.transport
        client.stop_reading()
        server.write_eof()
        await asyncio.sleep(0.05)
        watch = rig.net.watch(client.transport, seen.append)
        assert seen == []
        await rig.until(lambda: bool(seen), "the FIN")
        watch.cancel()
        watch.cancel()
        await close(client, server)

    rig.run(story)


def test_watch_tells_reset_while_paused(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        seen: list[Hangup] = []
        client, server = await rig.pair()
        assert client.transport
        client.stop_reading()
        watch = rig.net.watch(client.transport, seen.append)
        await server.send(b"unread")
        await asyncio.sleep(0.05)
        server.reset()
        await rig.until(lambda: Hangup.RESET in seen, "the RST")
        assert not client.lost
        watch.cancel()
        client.start_reading()
        assert isinstance(await client.gone(), ConnectionResetError)
        assert bytes(client.buffer) == b"unread"

    rig.run(story)


def test_a_cancelled_watch_is_silent(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        seen: list[Hangup] = []
        client, server = await rig.pair()
        assert client.transport
        client.stop_reading()
        rig.net.watch(client.transport, seen.append).cancel()
        server.close()
        await server.gone()
        await asyncio.sleep(0.05)
        assert seen == []
        await close(client)

    rig.run(story)


def test_writing_after_the_peer_closed_ends_in_connection_lost(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        server.close()
        await client.until(lambda: client.ended, "the FIN")
        assert client.transport
        for _ in range(100):
            if client.transport.is_closing():
                break
            client.transport.write(b"hello?")
            await asyncio.sleep(0.01)
        assert isinstance(await client.gone(), ConnectionError)
        with pytest.raises(RuntimeError):
            client.transport.write(b"too late")

    rig.run(story)


def test_writing_to_a_closing_transport_does_nothing(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        client.close()
        client.transport.write(b"ignored")
        client.close()
        client.transport.abort()
        assert await server.rest() == b""
        await close(client, server)

    rig.run(story)


def test_backpressure_pauses_the_writer_and_bounds_memory(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        server.stop_reading()
        assert client.transport
        sent = 0
        while client.can_write:
            client.transport.write(b"x" * 65536)
            sent += 65536
            await asyncio.sleep(0)
            assert sent < 64 * MEGABYTE
        assert client.transport.get_write_buffer_size() <= 65536 * 2
        assert not client.can_write
        server.start_reading()
        await client.until(lambda: client.can_write, "resume_writing")
        await server.until(lambda: server.total == sent, "all bytes")
        assert client.transport.get_write_buffer_size() == 0
        await close(client, server)

    rig.run(story)


def test_connect_refused(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.listen()
        listening.close()
        with pytest.raises(ConnectionRefusedError, match="Connection refused") as caught:
            await rig.dial(listening.endpoint)
        assert caught.value.errno == errno.ECONNREFUSED

    rig.run(story)


def test_connect_failure_is_never_told_from_inside_the_call(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        failures: list[OSError] = []
        listening = rig.listen()
        listening.close()
        rig.net.connect(listening.endpoint, rig.accept, failures.append)
        assert failures == []
        await rig.until(lambda: bool(failures), "the failure")
        assert len(failures) == 1
        assert rig.accepted == []

    rig.run(story)


@pytest.mark.parametrize("turns", range(6))
def test_connect_cancelled_is_silent(rig: Rig, turns: int) -> None:
    async def story(rig: Rig) -> None:
        failures: list[OSError] = []
        listening = rig.listen()
        mine = Peer(rig.net, rig.loop, rig.patience)
        connecting = rig.net.connect(listening.endpoint, lambda: mine, failures.append)
        for _ in range(turns):
            await asyncio.sleep(0)
        made = mine.transport is not None
        connecting.cancel()
        connecting.cancel()
        await asyncio.sleep(0.05)
        assert failures == []
        assert (mine.transport is not None) == made
        listening.close()
        if made:
            await close(mine)
        for peer in rig.accepted:
            await close(peer)

    rig.run(story)


def test_a_probe_ends_by_itself(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening, events = rig.listen(), list[str]()
        rig.net.probe(listening.endpoint, lambda: events.append("reached"), lambda error: events.append("failed"))
        assert not events
        await rig.until(lambda: bool(events), "the connection")
        listening.close()
        await asyncio.sleep(0.02)
        rig.net.probe(listening.endpoint, lambda: events.append("reached"), lambda error: events.append(errno.errorcode[error.errno or 0]))
        await rig.until(lambda: len(events) > 1, "the refusal")
        assert events == ["reached", "ECONNREFUSED"]
        await asyncio.sleep(0.02)
        assert all(peer.transport is None or peer.transport.is_closing() for peer in rig.accepted)

    rig.run(story)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_probe_cancelled_is_silent(rig: Rig, turns: int) -> None:
    async def story(rig: Rig) -> None:
        listening, events = rig.listen(), list[str]()
        probing = rig.net.probe(listening.endpoint, lambda: events.append("reached"), lambda error: events.append("failed"))
        for _ in range(turns):
            await asyncio.sleep(0)
        before = list(events)
        probing.cancel()
        await asyncio.sleep(0.05)
        assert events == before
        listening.close()

    rig.run(story)


def test_cancelling_from_connection_made_is_harmless(rig: Rig) -> None:
    class Eager(Peer):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connecting.cancel()
            super().connection_made(transport)

    eager = Eager(rig.net, rig.loop, rig.patience)
    listening = rig.listen()
    connecting = rig.net.connect(listening.endpoint, lambda: eager, lambda error: None)

    async def story(rig: Rig) -> None:
        await rig.until(lambda: bool(rig.accepted), "the connection")
        await rig.accepted[0].connected()
        await eager.send(b"hello")
        assert await rig.accepted[0].exactly(5) == b"hello"
        await rig.accepted[0].send(b"world")
        assert await eager.exactly(5) == b"world"
        listening.close()
        await close(eager, *rig.accepted)

    rig.run(story)


def test_queue_full_leaves_connections_pending_until_cancelled(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.net.listen(LOOPBACK, rig.accept, ListenOptions(backlog=1), paused=True)
        made = [Peer(rig.net, rig.loop, rig.patience) for _ in range(6)]
        failures: list[OSError] = []
        pending = [rig.net.connect(listening.endpoint, lambda peer=peer: peer, failures.append) for peer in made]  # type: ignore[misc]
        await asyncio.sleep(0.1)
        assert sum(peer.transport is not None for peer in made) == 2
        assert failures == []
        for connecting in pending:
            connecting.cancel()
        listening.close()
        for peer in made:
            if peer.transport is not None:
                await peer.gone()

    rig.run(story)


def test_paused_listener_keeps_its_queue(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.listen()
        first = await rig.dial(listening.endpoint)
        await rig.until(lambda: len(rig.accepted) == 1, "the first connection")
        listening.pause()
        assert not listening.accepting
        queued = [await rig.dial(listening.endpoint) for _ in range(3)]
        for peer in queued:
            await peer.send(b"early")
        await asyncio.sleep(0.05)
        assert len(rig.accepted) == 1
        listening.resume()
        assert listening.accepting
        await rig.until(lambda: len(rig.accepted) == 4, "the queued connections")
        for peer in rig.accepted[1:]:
            assert await peer.exactly(5) == b"early"
        listening.close()
        await close(first, *queued, *rig.accepted)

    rig.run(story)


def test_pausing_from_the_factory_accepts_exactly_that_many(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        def limited() -> Peer:
            if len(rig.accepted) == 1:
                listening.pause()
            return rig.accept()

        listening = rig.net.listen(LOOPBACK, limited, paused=True)
        clients = [await rig.dial(listening.endpoint) for _ in range(5)]
        listening.resume()
        await rig.until(lambda: len(rig.accepted) == 2, "two connections")
        await asyncio.sleep(0.05)
        assert len(rig.accepted) == 2
        for peer in rig.accepted:
            await peer.connected()
            await peer.send(b"welcome")
        assert await clients[0].exactly(7) == b"welcome"
        assert await clients[1].exactly(7) == b"welcome"
        listening.resume()  # the factory pauses at one connection only
        await rig.until(lambda: len(rig.accepted) == 5, "the rest")
        listening.close()
        await close(*clients, *rig.accepted)

    rig.run(story)


def test_pause_and_resume_in_one_turn(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.listen()
        for _ in range(5):
            listening.pause()
            listening.pause()
            listening.resume()
            listening.resume()
        client = await rig.dial(listening.endpoint)
        await rig.until(lambda: len(rig.accepted) == 1, "the connection")
        listening.close()
        listening.close()
        assert not listening.accepting
        listening.resume()
        assert not listening.accepting
        await close(client, *rig.accepted)

    rig.run(story)


def test_closing_a_listener_spares_accepted_and_resets_queued(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.listen()
        first = await rig.dial(listening.endpoint)
        await rig.until(lambda: len(rig.accepted) == 1 and rig.accepted[0].transport is not None, "the first connection")
        listening.pause()
        queued = await rig.dial(listening.endpoint)
        listening.close()
        assert isinstance(await queued.gone(), ConnectionResetError)
        await first.send(b"still here")
        assert await rig.accepted[0].exactly(10) == b"still here"
        await close(first, *rig.accepted)

    rig.run(story)


def test_is_fresh(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.listen()
        for ending in (Peer.close, Peer.reset, Peer.write_eof):
            client = await rig.dial(listening.endpoint)
            assert client.transport
            await rig.until(lambda: rig.accepted[-1:] != [] and rig.accepted[-1].transport is not None, "the accepted end")
            assert rig.net.is_fresh(client.transport)
            client.stop_reading()  # as if the loop had not looked yet
            ending(rig.accepted[-1])
            await rig.until(lambda idle=client.transport: not rig.net.is_fresh(idle), "noticing the end")  # type: ignore[misc]
            await close(client, rig.accepted.pop())
            assert not rig.net.is_fresh(client.transport)
        listening.close()

    rig.run(story)


def test_unasked_bytes_are_not_fresh(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        client.stop_reading()
        await server.send(b"HTTP/1.1 408 Request Time-out\r\n\r\n")
        await rig.until(lambda: not rig.net.is_fresh(client.transport), "noticing the bytes")  # type: ignore[arg-type]
        await close(client, server)

    rig.run(story)


def test_one_address_one_listener(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        private = ListenOptions(reuse_port=False)
        listening = rig.listen(private)
        with pytest.raises(ListenError) as caught:
            rig.listen(private, listening.endpoint)
        assert caught.value.errno == errno.EADDRINUSE
        assert caught.value.why == "cannot bind socket (Address already in use)"
        listening.close()
        rig.listen(private, listening.endpoint).close()

    rig.run(story)


def test_source_address(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        listening = rig.listen()
        client = await rig.dial(listening.endpoint, ConnectOptions(source=Endpoint.tcp("127.0.0.7", 0)))
        await rig.until(lambda: bool(rig.accepted) and rig.accepted[0].transport is not None, "the connection")
        assert rig.accepted[0].transport
        assert rig.accepted[0].transport.get_extra_info("peername")[0] == "127.0.0.7"
        listening.close()
        await close(client, *rig.accepted)

    rig.run(story)


def test_options_after_the_fact_are_harmless(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        assert client.transport
        for _ in range(2):
            rig.net.set_nodelay(client.transport, False)
            rig.net.set_quickack(client.transport, True)
            rig.net.set_user_timeout(client.transport, 1000)
            rig.net.set_tos(client.transport, 16)
            await close(client, server)

    rig.run(story)


def test_watch_and_hold_on_a_closed_transport_are_harmless(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        client, server = await rig.pair()
        await close(client, server)
        assert client.transport
        rig.net.watch(client.transport, lambda hangup: None).cancel()
        rig.net.hold(client.transport).release()
        rig.net.abort_with_reset(client.transport)

    rig.run(story)


def test_datagrams(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        got: list[tuple[bytes, Endpoint | None]] = []
        sink = rig.net.datagrams(local=LOOPBACK, received=lambda data, peer: got.append((data, peer)))
        sender = rig.net.datagrams(sink.endpoint)
        assert sender.send(b"<134>one")
        assert sender.send(b"<134>two")
        await rig.until(lambda: len(got) == 2, "the datagrams")
        assert [data for data, _ in got] == [b"<134>one", b"<134>two"]
        sink.close()
        sender.send(b"nobody")
        sender.send(b"nobody")
        sender.close()
        sender.close()

    rig.run(story)
