"""`balance leastconn`: the server with the fewest connections for its weight.

Servers are kept in the order of their load, the slots taken plus the streams queued for them, divided by weight; an idle server has load 0 whatever its
weight. Among equals the order is first-in first, and a server whose load moved goes behind its equals: that is the documented round robin within
groups of the same load. A stream that joins or leaves a queue changes the load, but the rank only with the next slot taken or given back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.order import Ordered
from pylb.proxy.balance.base import ALL_FULL, WEIGHT_LIMIT, Balancer, Full, balancer

if TYPE_CHECKING:
    from pylb.proxy.server import Server


@balancer("leastconn")
class LeastConnections(Balancer):
    """The least loaded server that may take or queue one stream more."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.groups: tuple[Ordered[Server], Ordered[Server]] = (Ordered(), Ordered())  # actives, backups
        self.weights: dict[Server, int] = {}  # the weights that the keys were computed with
        for server in self.servers:
            self.enter(server)

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
                    return server  # type: ignore[no-any-return]
                avoided = server
        return avoided or ALL_FULL

    def taken(self, server: Server) -> None:
        self.served += 1
        rank = server.rank
        if rank is not None:  # an unchanged load keeps its rank
            key = (server.served + len(server.queue.places.entries) + 1) * WEIGHT_LIMIT // server.eweight
            if rank[0] != key:
                server.rank = self.groups[server.backup].move(rank, key)

    def dropped(self, server: Server) -> None:
        self.served -= 1
        rank = server.rank
        if rank is not None:
            inflight = server.served + len(server.queue.places.entries)
            key = (inflight + 1) * WEIGHT_LIMIT // server.eweight if inflight else 0
            if rank[0] != key:
                server.rank = self.groups[server.backup].move(rank, key)

    def changed(self, server: Server) -> None:
        super().changed(server)
        if self.weights.get(server, 0) == (server.eweight if server.usable else 0):
            return
        if server.rank is not None:
            self.groups[server.backup].remove(server.rank)
            server.rank = None
            del self.weights[server]
        self.enter(server)

    def enter(self, server: Server) -> None:
        """Put a usable server behind those of its load."""
        if server.usable:
            inflight = server.served + len(server.queue)
            key = (inflight + 1) * WEIGHT_LIMIT // server.eweight if inflight else 0
            server.rank = self.groups[server.backup].add(key, server)
            self.weights[server] = server.eweight
