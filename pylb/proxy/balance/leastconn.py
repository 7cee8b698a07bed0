"""`balance leastconn`: the server with the fewest connections for its weight.

Servers are kept in the order of their load, the slots taken plus the streams queued for them, divided by weight; an idle server has load 0 whatever its
weight. Among equals the order is first-in first, and a server whose load moved goes behind its equals: that is the documented round robin within
groups of the same load. A stream that joins or leaves a queue changes the load, but the rank only with the next slot taken or given back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.order import Entry, Ordered
from pylb.proxy.balance.base import ALL_FULL, WEIGHT_LIMIT, Balancer, Full, balancer

if TYPE_CHECKING:
    from pylb.proxy.server import Server


@balancer("leastconn")
class LeastConnections(Balancer):
    """The least loaded server that may take or queue one stream more."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.groups: tuple[Ordered[Server], Ordered[Server]] = (Ordered(), Ordered())  # actives, backups
        self.entries: dict[Server, Entry] = {}
        self.weights: dict[Server, int] = {}  # the weights that the keys were computed with
        for server in self.servers:
            self.enter(server)

    @staticmethod
    def load(server: Server) -> int:
        """The key of the order: streams in flight, this one included, per weight."""
        inflight = server.served + len(server.queue)
        return (inflight + 1) * WEIGHT_LIMIT // server.eweight if inflight else 0

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        if self.active:
            group = self.groups[0]
        elif self.first_backup is not None:
            return self.first_backup
        elif self.backups:
            group = self.groups[1]
        else:
            return None
        avoided: Server | None = None
        for _, _, server in group.entries:
            if not server.maxconn or server.served + len(server.queue) < server.slots() + server.maxqueue:
                if server is not avoid:
                    chosen: Server = server
                    return chosen
                avoided = server
        return avoided or ALL_FULL

    def taken(self, server: Server) -> None:
        self.served += 1
        if server in self.entries:
            self.move(server)

    def dropped(self, server: Server) -> None:
        self.served -= 1
        if server in self.entries:
            self.move(server)

    def move(self, server: Server) -> None:
        """Put the server where its load belongs; an unchanged load keeps its rank."""
        inflight = server.served + len(server.queue)
        key = (inflight + 1) * WEIGHT_LIMIT // server.eweight if inflight else 0
        entry = self.entries[server]
        if entry[0] != key:
            group = self.groups[server.backup]
            group.remove(entry)
            self.entries[server] = group.add(key, server)

    def changed(self, server: Server) -> None:
        super().changed(server)
        if self.weights.get(server, 0) == (server.eweight if server.usable else 0):
            return
        entry = self.entries.pop(server, None)
        if entry is not None:
            self.groups[server.backup].remove(entry)
            del self.weights[server]
        self.enter(server)

    def enter(self, server: Server) -> None:
        """Put a usable server behind those of its load."""
        if server.usable:
            self.entries[server] = self.groups[server.backup].add(self.load(server), server)
            self.weights[server] = server.eweight
