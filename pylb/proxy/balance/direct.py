"""No balancing: `dispatch` and `option transparent` send everything to one address, which stands where a server does but is none."""

from __future__ import annotations

from typing import Any

from pylb.proxy.balance.base import Balancer
from pylb.proxy.server import Server


class Direct(Balancer):
    """Always the same place."""

    def __init__(self, backend: Any, place: Server) -> None:
        self.place = place
        place.pool.mode, place.in_express = "never", False  # only servers have connections to share
        super().__init__(backend)

    def pick(self, stream: Any, avoid: Server | None = None) -> Server:
        if avoid is not self.place:
            self.backend.counters.lbtot -= 1  # whoever takes a slot counts a choice, and this is none
        return self.place
