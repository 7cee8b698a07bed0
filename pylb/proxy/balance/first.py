"""`balance first`: the lowest server id with a free slot, so that as few servers as possible are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.proxy.balance.base import ALL_FULL, Balancer, Full, balancer

if TYPE_CHECKING:
    from pylb.proxy.server import Server


@balancer("first")
class First(Balancer):
    """Fill one server after the other, in the order of their ids; weights do not matter."""

    def __init__(self, backend: Any) -> None:
        self.groups: tuple[list[Server], list[Server]] = ([], [])  # actives, backups: usable ones by id
        super().__init__(backend)

    def recount(self) -> None:
        super().recount()
        ranked = sorted((server for server in self.servers if server.usable), key=lambda server: server.id)
        self.groups = ([s for s in ranked if not s.backup], [s for s in ranked if s.backup])

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        if not self.active and self.first_backup is not None:
            return self.first_backup
        group = self.groups[0] or self.groups[1]
        if not group:
            return None
        avoided: Server | None = None
        if not self.crowded():
            for server in group:
                if not server.full():
                    if server is not avoid:
                        return server
                    avoided = server
        return avoided or ALL_FULL
