"""`balance static-rr`: the map-based array read in turns; weights are those of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.proxy.balance.base import ALL_FULL, Balancer, Full, balancer
from pylb.proxy.balance.tables import MapTable

if TYPE_CHECKING:
    from pylb.proxy.server import Server


@balancer("static-rr")
class StaticRoundRobin(Balancer):
    """Each server in turn, by configured weight."""

    is_round_robin = True
    dynamic = False

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.table = MapTable(self)

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        if not self.table.slots:
            return None
        if self.crowded():
            return ALL_FULL
        return self.table.next(avoid) or ALL_FULL

    def changed(self, server: Server) -> None:
        super().changed(server)
        self.table.changed(server)
