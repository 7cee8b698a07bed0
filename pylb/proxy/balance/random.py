"""`balance random(draws)`: the least loaded of a few servers drawn from the consistent ring."""

from __future__ import annotations

from random import getrandbits
from typing import TYPE_CHECKING, Any

from pylb.proxy.balance.base import ALL_FULL, Balancer, Full, balancer
from pylb.proxy.balance.tables import Ring

if TYPE_CHECKING:
    from pylb.proxy.server import Server


@balancer("random")
class Random(Balancer):
    """Draw servers by weight, keep the one with the fewest streams for its weight; a full one means waiting in the backend's queue."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.ring = Ring(self)
        self.draws: int = self.settings.arguments.get("random") or 2

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        if not self.total_weight:
            return None
        best: Server | None = None
        for _ in range(self.draws):
            drawn = self.ring.find(getrandbits(32), avoid)
            if drawn is None:
                break
            if best is None or drawn.served * best.eweight <= best.served * drawn.eweight:
                best = drawn
        return best if best is not None and not best.full() else ALL_FULL

    def changed(self, server: Server) -> None:
        super().changed(server)
        self.ring.changed(server)
