"""What only the real network has: unix and abstract sockets, inherited descriptors, socket options, uvloop's race at an early answer."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from pylb.base.net import CONNECT, LISTEN, ConnectOptions, Endpoint, Keepalive, ListenError, ListenOptions
from pylb.lab.peer import Peer, dial
from pylb.process import sockets
from pylb.process.net import RealNet, socket_of

LOOPBACK = Endpoint.tcp("127.0.0.1", 0)
ROOT = Path(__file__).resolve().parents[2]
HAPROXY = shutil.which("haproxy")


class Bench:
    """A uvloop loop and its network."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.net = RealNet(self.loop)
        self.accepted: list[Peer] = []

    def accept(self) -> Peer:
        self.accepted.append(Peer(self.net, self.loop, 5.0))
        return self.accepted[-1]

    async def until(self, ready: Callable[[], bool]) -> None:
        limit = self.loop.time() + 5
        while not ready():
            assert self.loop.time() < limit
            await asyncio.sleep(0.002)

    async def pair(self, endpoint: Endpoint = LOOPBACK, listen: ListenOptions = LISTEN, connect: ConnectOptions = CONNECT) -> tuple[Peer, Peer]:
        listening = self.net.listen(endpoint, self.accept, listen)
        client = await dial(self.net, listening.endpoint, connect, 5.0)
        await self.until(lambda: bool(self.accepted) and self.accepted[-1].transport is not None)
        listening.close()
        return client, self.accepted[-1]

    def run(self, story: Awaitable[None]) -> None:
        async def whole() -> None:
            await story

        self.loop.run_until_complete(whole())


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.net.close()
    bench.loop.close()
    gc.collect()


async def chat(client: Peer, server: Peer) -> None:
    await client.send(b"ping")
    assert await server.exactly(4) == b"ping"
    await server.send(b"pong")
    assert await client.exactly(4) == b"pong"
    client.close()
    server.close()
    await client.gone()
    await server.gone()


# ---- the race of an early answer


@pytest.mark.parametrize("held", [True, False])
def test_answer_and_reset_that_arrive_before_the_next_write(bench: Bench, held: bool) -> None:
    """Everything happens between two looks of the loop, so that uvloop's write meets the RST before its read meets the answer."""

    async def story() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        client = await dial(bench.net, Endpoint.tcp("127.0.0.1", listener.getsockname()[1]), ConnectOptions(), 5.0)
        server, _ = listener.accept()
        listener.close()
        assert client.transport
        if held:
            bench.net.hold(client.transport)
        client.transport.write(b"x" * 1000)
        await asyncio.sleep(0.05)
        server.sendall(b"HTTP/1.1 413 Too large\r\n\r\n")
        server.close()  # 1000 bytes unread: RST
        client.transport.write(b"x" * 1000)
        await client.gone()
        if held:
            assert bytes(client.buffer) == b"HTTP/1.1 413 Too large\r\n\r\n"

    bench.run(story())


def test_a_reset_of_a_held_connection_is_still_a_reset(bench: Bench) -> None:
    async def story() -> None:
        client, server = await bench.pair()
        assert client.transport
        bench.net.hold(client.transport)
        client.reset()
        assert await client.gone() is None
        assert isinstance(await server.gone(), ConnectionResetError)

    bench.run(story())


# ---- kinds of endpoints


def test_ipv6(bench: Bench) -> None:
    async def story() -> None:
        client, server = await bench.pair(Endpoint.tcp("::1", 0))
        assert server.transport and server.transport.get_extra_info("peername")[0] == "::1"
        await chat(client, server)

    bench.run(story())


def test_v4v6_and_v6only(bench: Bench) -> None:
    async def story() -> None:
        both = bench.net.listen(Endpoint.tcp("::", 0), bench.accept, ListenOptions(v4v6=True))
        client = await dial(bench.net, Endpoint.tcp("127.0.0.1", both.endpoint.port), ConnectOptions(), 5.0)
        await bench.until(lambda: bool(bench.accepted) and bench.accepted[0].transport is not None)
        both.close()
        await chat(client, bench.accepted[0])
        only = bench.net.listen(Endpoint.tcp("::", 0), bench.accept, ListenOptions(v6only=True))
        with pytest.raises(ConnectionRefusedError):
            await dial(bench.net, Endpoint.tcp("127.0.0.1", only.endpoint.port), ConnectOptions(), 5.0)
        only.close()

    bench.run(story())


def test_unix(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")

    async def story() -> None:
        client, server = await bench.pair(Endpoint.unix(path), ListenOptions(mode=0o600, backlog=10))
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert os.listdir(tmp_path) == ["app.sock"]
        await chat(client, server)

    bench.run(story())


def test_unix_path_changes_hands_without_a_gap(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    old = sockets.open_listener(Endpoint.unix(path))
    new = sockets.open_listener(Endpoint.unix(path))
    assert os.listdir(tmp_path) == ["app.sock"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        new.accept()[0].close()
        with pytest.raises(BlockingIOError):
            old.accept()
    old.close()
    new.close()
    assert os.path.exists(path)


def test_unix_failures_leave_the_old_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    old = sockets.open_listener(Endpoint.unix(path))
    with pytest.raises(ListenError) as caught:
        sockets.open_listener(Endpoint.unix(str(tmp_path / "none" / "app.sock")))
    assert caught.value.why == "cannot bind UNIX socket (No such file or directory)"
    with pytest.raises(ListenError) as caught:
        sockets.open_listener(Endpoint.unix(str(tmp_path)))
    assert caught.value.why == "error when trying to preserve previous UNIX socket (Operation not permitted)"
    assert os.listdir(tmp_path) == ["app.sock"]
    old.close()


def test_unix_connect_errors(bench: Bench, tmp_path: Path) -> None:
    path = Endpoint.unix(str(tmp_path / "app.sock"))

    async def story() -> None:
        with pytest.raises(FileNotFoundError):
            await dial(bench.net, path, ConnectOptions(), 5.0)
        listening = bench.net.listen(path, bench.accept, ListenOptions(backlog=0), paused=True)
        client = await dial(bench.net, path, ConnectOptions(), 5.0)
        with pytest.raises(BlockingIOError) as caught:
            await dial(bench.net, path, ConnectOptions(), 5.0)
        assert caught.value.errno == errno.EAGAIN
        listening.close()
        with pytest.raises(ConnectionRefusedError):
            await dial(bench.net, path, ConnectOptions(), 5.0)
        client.close()
        await client.gone()

    bench.run(story())


def test_abstract_names_are_padded(bench: Bench) -> None:
    name = f"pylb-test-{os.getpid()}"

    async def story() -> None:
        listening = bench.net.listen(Endpoint.abns(name), bench.accept)
        assert listening.endpoint == Endpoint.abns(name)
        with pytest.raises(ListenError) as caught:
            bench.net.listen(Endpoint.abns(name), bench.accept)
        assert caught.value.why == "cannot bind UNIX socket (already in use)"
        with socket.socket(socket.AF_UNIX) as padded, socket.socket(socket.AF_UNIX) as short:
            padded.connect(b"\0" + name.encode().ljust(107, b"\0"))
            with pytest.raises(ConnectionRefusedError):
                short.connect(b"\0" + name.encode())
        client = await dial(bench.net, Endpoint.abns(name), ConnectOptions(), 5.0)
        await bench.until(lambda: len(bench.accepted) == 2 and bench.accepted[1].transport is not None)
        listening.close()
        await chat(client, bench.accepted[1])

    bench.run(story())


@pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
def test_haproxy_and_we_meet_at_an_abstract_name(bench: Bench, tmp_path: Path) -> None:
    ours, theirs = f"pylb-ours-{os.getpid()}", f"pylb-theirs-{os.getpid()}"
    config = tmp_path / "cfg"
    config.write_text(
        "defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
        f"listen relay\n bind abns@{theirs}\n server s abns@{ours}\n"
    )

    async def story() -> None:
        listening = bench.net.listen(Endpoint.abns(ours), bench.accept)
        limit = bench.loop.time() + 5
        while True:
            try:
                client = await dial(bench.net, Endpoint.abns(theirs), ConnectOptions(), 5.0)
                break
            except ConnectionRefusedError:
                assert bench.loop.time() < limit
                await asyncio.sleep(0.02)
        await client.send(b"through haproxy")
        await bench.until(lambda: bool(bench.accepted))
        assert await bench.accepted[0].exactly(15) == b"through haproxy"
        await bench.accepted[0].send(b"and back")
        assert await client.exactly(8) == b"and back"
        listening.close()
        client.close()
        bench.accepted[0].close()

    process = subprocess.Popen([str(HAPROXY), "-db", "-f", str(config)], stderr=subprocess.DEVNULL)
    try:
        bench.run(story())
    finally:
        process.terminate()
        process.wait()


def test_inherited_descriptor(bench: Bench) -> None:
    async def story() -> None:
        vtest = socket.create_server(("127.0.0.1", 0))
        port = vtest.getsockname()[1]
        client, server = await bench.pair(Endpoint.descriptor(os.dup(vtest.fileno())))
        assert client.transport and client.transport.get_extra_info("peername")[1] == port
        await chat(client, server)
        vtest.close()

    bench.run(story())


def test_a_descriptor_that_is_no_socket() -> None:
    read, write = os.pipe()
    with pytest.raises(ListenError) as caught:
        sockets.open_listener(Endpoint.descriptor(read))
    assert caught.value.why == f"cannot use file descriptor '{read}' : Socket operation on non-socket"
    os.close(read)
    os.close(write)


def test_a_socket_opened_before_the_loop(bench: Bench) -> None:
    sock = sockets.open_listener(LOOPBACK, ListenOptions(backlog=5))
    endpoint = sockets.endpoint_of(sock.family, sock.getsockname())

    async def story() -> None:
        listening = bench.net.listen(endpoint, bench.accept, ListenOptions(backlog=5), sock=sock)
        assert listening.fileno() == sock.fileno()
        client = await dial(bench.net, endpoint, ConnectOptions(), 5.0)
        await bench.until(lambda: bool(bench.accepted))
        listening.close()
        assert listening.fileno() == -1
        await chat(client, bench.accepted[0])

    bench.run(story())


# ---- options


def test_listening_socket_options() -> None:
    warnings: list[str] = []
    options = ListenOptions(defer_accept=True, tfo=True, mss=1000, user_timeout=3000, transparent=True)
    with sockets.open_listener(LOOPBACK, options, warnings.append) as sock:
        assert warnings == []
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) > 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 3000
        assert not sock.get_inheritable()
        assert not sock.getblocking()


def test_listening_warnings_are_haproxys() -> None:
    warnings: list[str] = []
    sockets.open_listener(LOOPBACK, ListenOptions(interface="nope0", mss=20), warnings.append).close()
    assert warnings[0].startswith("cannot bind receiver to device 'nope0' (")
    assert warnings[1:] == ["cannot set MSS to 20"]


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(ListenError) as caught:
        sockets.open_listener(Endpoint.tcp("192.0.2.1", 0))
    assert caught.value.why == "cannot bind socket (Cannot assign requested address)"
    sockets.open_listener(Endpoint.tcp("192.0.2.1", 0), ListenOptions(transparent=True)).close()


def test_connection_options(bench: Bench) -> None:
    async def story() -> None:
        options = ConnectOptions(tos=16, user_timeout=2000, keepalive=Keepalive(3, 20, 5), tfo=True)
        client, server = await bench.pair(connect=options)
        assert client.transport and server.transport
        sock = socket_of(client.transport)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 16
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2000
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
        sock = socket_of(server.transport)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        bench.net.set_nodelay(server.transport, False)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        bench.net.set_keepalive(server.transport, Keepalive(idle=30))
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        information = bench.net.tcp_info(server.transport)
        assert information is not None and struct.unpack_from("B", information)[0] == 1  # TCP_ESTABLISHED
        assert bench.net.original_destination(server.transport) is None
        await chat(client, server)

    bench.run(story())


def test_source_ports_are_tried_in_order(bench: Bench) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            target = Endpoint.tcp("127.0.0.1", listener.getsockname()[1])
            busy = socket.socket()
            busy.bind(("127.0.0.5", 0))
            low = busy.getsockname()[1]
            busy.listen()
            options = ConnectOptions(source=Endpoint.tcp("127.0.0.5", 0), source_ports=(low, low + 20))
            client = await dial(bench.net, target, options, 5.0)
            assert client.transport and low < client.transport.get_extra_info("sockname")[1] <= low + 20
            client.reset()
            await client.gone()
            with pytest.raises(OSError) as caught:
                await dial(bench.net, target, ConnectOptions(source=Endpoint.tcp("127.0.0.5", 0), source_ports=(low, low)), 5.0)
            assert caught.value.errno == errno.EADDRINUSE
            busy.close()

    bench.run(story())


# ---- datagrams and files


def test_unix_datagrams_wait_for_the_logger_to_appear(bench: Bench, tmp_path: Path) -> None:
    path = Endpoint.unix(str(tmp_path / "log"))

    async def story() -> None:
        got: list[bytes] = []
        sender = bench.net.datagrams(path)
        assert not sender.send(b"too early")
        logger = bench.net.datagrams(local=path, received=lambda data, peer: got.append(data))
        assert sender.send(b"now")
        await bench.until(lambda: got == [b"now"])
        logger.close()
        sender.close()

    bench.run(story())


def test_datagrams_are_answered(bench: Bench) -> None:
    async def story() -> None:
        answers: list[bytes] = []

        def question(data: bytes, peer: Endpoint | None) -> None:
            resolver.send(data[::-1], peer)

        resolver = bench.net.datagrams(local=Endpoint.tcp("127.0.0.1", 0), received=question)
        asker = bench.net.datagrams(resolver.endpoint, received=lambda data, peer: answers.append(data))
        assert asker.send(b"abc")
        await bench.until(lambda: answers == [b"cba"])
        resolver.close()
        asker.send(b"refused")
        await asyncio.sleep(0.02)
        asker.close()

    bench.run(story())


def test_a_full_pipe_drops_lines_instead_of_blocking(bench: Bench) -> None:
    read, write = os.pipe()
    log = bench.net.file(write)
    lines = 0
    while log.send(b"x" * 1000):
        lines += 1
    assert lines >= 4
    os.read(read, 1 << 20)
    assert log.send(b"again\n")
    log.close()
    os.close(read)
    assert not log.send(b"nobody reads")
    os.close(write)


# ---- stock asyncio


def test_stock_asyncio_will_do() -> None:
    """uvloop is what runs; but nothing here needs it."""
    loop = asyncio.new_event_loop()
    bench = Bench.__new__(Bench)
    bench.loop, bench.net, bench.accepted = loop, RealNet(loop), []

    async def story() -> None:
        client, server = await bench.pair()
        await chat(client, server)

    bench.run(story())
    bench.net.close()
    loop.close()


CANCELLED_LATE = """
import asyncio, socket, uvloop
from pylb.base.net import Endpoint
from pylb.process.net import RealNet

async def main():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        connecting = RealNet(loop).connect(Endpoint.tcp(*server.getsockname()), lambda: print("made"), lambda error: print("failed"))
        connecting.cancel()
        await asyncio.sleep(0.01)
        peer, _ = server.accept()
        with peer:
            peer.settimeout(10)
            try:
                print("closed" if peer.recv(1) == b"" else "alive")
            except ConnectionResetError:
                print("closed")

uvloop.run(main())
"""


def test_cancelled_between_connect_and_transport() -> None:
    """The connection is there, its transport is not yet."""
    done = subprocess.run([sys.executable, "-c", CANCELLED_LATE], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")


CANCELS = """
import asyncio, socket, sys, uvloop
from pylb.base.net import Endpoint
from pylb.process.net import RealNet

class Kept(asyncio.Protocol):
    def connection_made(self, transport): kept.append(transport)
    def connection_lost(self, error): wrong.append(error)

async def story():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: wrong.append(context))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    there = Endpoint.tcp("127.0.0.1", listener.getsockname()[1])
    net = RealNet(loop)
    for number in range(100):
        net.connect(there, asyncio.Protocol, wrong.append).cancel()
        if number % 2:
            await asyncio.sleep(0)
        net.connect(there, Kept, wrong.append)
        if number % 3 == 0:
            await asyncio.sleep(0)
    while len(kept) < 100 and not wrong:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert not wrong, wrong[:3]

kept, wrong = [], []
uvloop.install()
asyncio.run(story())
"""


def test_a_cancelled_connection_closes_no_other_one() -> None:
    """In a process of its own: two closes of one descriptor end uvloop, or the connection that has got the number since."""
    done = subprocess.run([sys.executable, "-c", CANCELS], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr.decode()
