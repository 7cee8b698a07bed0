"""Slow peers over real sockets: what pylb holds for them is bounded, whatever waits to be sent.

`PYLB_SLOW_PEERS=2000 pytest -s tests/process/test_slow_peers.py` is the full load; it prints what was measured. Each stream moves 1 MiB. Kernel buffers
on pylb's way out are kept small, so that what does not fit waits in pylb, or before it.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from process_rig import Program

PEERS = int(os.environ.get("PYLB_SLOW_PEERS", "40"))
SIZE = 1 << 20
PIECE = 32768
KERNEL = 65536  # bytes of a kernel buffer; less than a segment of the loopback would make every piece wait for a timer
PAUSE = PEERS * 0.0002  # seconds between two pieces: the load on the machine is the same for few and many
PER_STREAM = 320 * 1024 + 64 * 1024  # high water, one read of the loop, and the objects of two connections
BASE = 24 << 20  # what the allocator may keep besides

CONFIG = """
global
    maxconn 4500
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 10s
listen l
    bind fd@{fd}
    monitor-uri /alive
    http-reuse never
    server s 127.0.0.1:{origin}
"""


def resident(pid: int) -> int:
    """Bytes of memory that a process occupies."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def answers(port: int) -> None:
    """Wait until pylb serves the listener, which is there before it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.sendall(b"GET /alive HTTP/1.0\r\n\r\n")
        assert b" 200 " in one.recv(1000)


async def read_slowly(reader: asyncio.StreamReader, size: int) -> int:
    got = 0
    while got < size and (piece := await reader.read(min(PIECE, size - got))):
        got += len(piece)
        await asyncio.sleep(PAUSE)
    return got


@dataclass
class Load:
    """Clients and an origin in this process, pylb in another."""

    program: Program
    front: int
    upload: bool
    endless: bool = False
    moved: list[int] = field(default_factory=list)
    peak: int = 0

    async def origin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if self.upload:
                self.moved.append(await read_slowly(reader, SIZE))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (1 << 40 if self.endless else SIZE))
                while self.endless:
                    writer.write(b"z" * PIECE)
                    await writer.drain()
                writer.write(b"z" * SIZE)
            await writer.drain()
            await reader.read()
        except OSError:
            pass  # the client of an endless answer has left
        writer.close()

    async def client(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.front))
        reader, writer = await asyncio.open_connection(sock=sock, limit=PIECE)
        if self.upload:
            writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % SIZE + b"z" * SIZE)
            await reader.readuntil(b"\r\n\r\n")
        else:
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            self.moved.append(await read_slowly(reader, SIZE))
        writer.close()

    async def watch(self) -> None:
        while True:
            self.peak = max(self.peak, resident(self.program.pid))
            await asyncio.sleep(0.05)

    async def play(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self.origin, sock=listener, limit=PIECE, backlog=4096)
        watcher = asyncio.create_task(self.watch())
        waves = [self.client() for _ in range(PEERS)]
        await gather_gently(waves)
        watcher.cancel()
        server.close()


async def gather_gently(clients: list[Coroutine[Any, Any, None]]) -> None:
    """All at once, but for the listen queue's sake: some connect while others move already."""
    tasks = []
    for number, client in enumerate(clients):
        tasks.append(asyncio.create_task(client))
        if number % 50 == 49:
            await asyncio.sleep(0.02)
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("what", ["slow clients", "slow servers", "endless answers"])
def test_memory_is_bounded(tmp_path: Path, what: str) -> None:
    front, origin = socket.create_server(("127.0.0.1", 0), backlog=4096), socket.socket()
    origin.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL if what == "slow servers" else 262144)
    origin.bind(("127.0.0.1", 0))
    front.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)  # accepted connections inherit it
    program = Program("pylb", tmp_path, CONFIG.format(fd=front.fileno(), origin=origin.getsockname()[1]), pass_fds=(front.fileno(),))
    try:
        answers(front.getsockname()[1])
        before = resident(program.pid)
        load = Load(program, front.getsockname()[1], what == "slow servers", what == "endless answers")
        began = time.monotonic()
        asyncio.run(load.play(origin))
        took = time.monotonic() - began
        grown = load.peak - before
        print(f"{what}: {PEERS} streams in {took:.1f} s, resident {before >> 10} KiB before, {load.peak >> 10} KiB at most, {grown // PEERS >> 10} KiB a stream")
        assert load.moved == [SIZE] * PEERS
        assert grown < PEERS * PER_STREAM + BASE
    finally:
        program.process.kill()
        program.process.wait()
        front.close()
