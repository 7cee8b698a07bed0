"""The worker's end of its link to the master: connections to its command line arrive as descriptors, and the end of the master as EOF.

A message is one byte for the level of the conversation and one for its modes, with the socket beside it (SCM_RIGHTS).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.address import Address
from pylb.config import model
from pylb.control.cli import Connection
from pylb.control.registry import Level

if TYPE_CHECKING:
    from pylb.control.cli import CliListener
    from pylb.proxy.process import Process

EXPERT, EXPERIMENTAL = 1, 2


def pack(level: Level, modes: set[str]) -> bytes:
    """What the worker must know of the conversation it takes part in."""
    return bytes((int(level), EXPERT * ("expert" in modes) | EXPERIMENTAL * ("experimental" in modes)))


class Link:
    """Serves commands that come through the master; calls `lost` when there is no master any more."""

    def __init__(self, process: Process, descriptor: int, lost: Callable[[], None]) -> None:
        self.process, self.lost = process, lost
        self.sock = socket.socket(fileno=descriptor)
        self.sock.setblocking(False)
        address = Address("sockpair", fd=descriptor)
        self.settings = model.StatsSocket(model.Bind(address, model.Place("", 0), "", level="admin"), "admin")
        self.number = len(process.config.global_.stats_sockets) + 1
        self.connections: set[Connection] = set()
        process.config.global_.stats_sockets.append(self.settings)
        process.loop.add_reader(descriptor, self.readable)

    def readable(self) -> None:
        """A conversation arrives, or the master has gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self.sock, 2, 1)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            message, descriptors = b"", []
        if not message:
            self.process.loop.remove_reader(self.sock.fileno())
            self.lost()
            return
        for descriptor in descriptors:
            self.converse(socket.socket(fileno=descriptor), Level(message[0]), message[1])

    def converse(self, sock: socket.socket, level: Level, modes: int) -> None:
        """Answer on this socket as on a stats socket."""
        sock.setblocking(False)

        def connection() -> Connection:
            new = Connection(as_listener(self))
            new.cli.level = level
            new.cli.modes |= {name for bit, name in ((EXPERT, "expert"), (EXPERIMENTAL, "experimental")) if modes & bit}
            return new

        self.process.loop.create_task(self.process.loop.create_unix_connection(connection, sock=sock))

    def opened(self, connection: Connection) -> None:
        """A conversation begins; `stats maxconn` is not for the master."""
        self.connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """A conversation has ended."""
        self.connections.discard(connection)

    def close(self) -> None:
        """Take no more, and end those that there are."""
        if self.sock.fileno() >= 0:
            self.process.loop.remove_reader(self.sock.fileno())
        self.sock.close()
        for connection in list(self.connections):
            connection.abort()


def as_listener(link: Link) -> CliListener:
    """To its connections a link is what a stats socket is."""
    listener: CliListener = link  # type: ignore[assignment]
    return listener
