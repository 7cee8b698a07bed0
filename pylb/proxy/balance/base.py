"""What all balancing algorithms share: who is usable, active before backup, and the interface the streams and servers see.

A balancer belongs to one backend. The stream asks `pick`; the server tells `taken` and `dropped` when a slot is used and given back, and `changed`
when its usability or its weight moved. HAProxy's rules on backup servers (configuration.txt, `backup`, `option allbackups`) live here: while an active
server is usable backups rest; then the first usable backup serves alone, or all of them share under `option allbackups`.

Invariants: `active` and `backups` count usable servers; a balancer never reads the clock and never does I/O.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pylb.base.registry import Registry
from pylb.config import model

if TYPE_CHECKING:
    from pylb.proxy.server import Server


class Full(Enum):
    """The answer of `pick` that is not a server: there are usable ones, but none has a free slot."""

    ALL_FULL = "all usable servers are full"


ALL_FULL: Final = Full.ALL_FULL

WEIGHT_SCALE: Final = 16  # effective weights are user weights times this, so that a slow start has steps
WEIGHT_LIMIT: Final = 256 * WEIGHT_SCALE  # the greatest effective weight


class Balancer:
    """The base of every algorithm: counts of usable servers and the choice between active and backup."""

    dynamic: bool = True  # weights may change while running
    is_round_robin: ClassVar[bool] = False  # no server is better than another for a stream, so a retry may take any

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.servers: list[Server] = backend.servers  # shared: `add server` and `del server` change it
        self.all_backups: bool = "allbackups" in backend.settings.options
        self.settings: model.Balance = backend.settings.balance or model.Balance()
        self.active = 0
        self.backups = 0
        self.first_backup: Server | None = None  # the backup that serves alone, once no active server is usable
        self.alone: Server | None = None  # the only server that shares the load
        self.served = 0
        self.total_weight = 0  # effective weight of those who share the load now
        self.recount()

    def recount(self) -> None:
        """Count the usable servers again."""
        usable = [server for server in self.servers if server.usable]
        actives = [server for server in usable if not server.backup]
        backups = [server for server in usable if server.backup]
        self.active, self.backups = len(actives), len(backups)
        self.first_backup = backups[0] if backups and not self.all_backups else None
        if actives:
            sharing = actives
        else:
            sharing = backups if self.all_backups else backups[:1]
        self.total_weight = sum(server.eweight for server in sharing)
        self.alone = sharing[0] if len(sharing) == 1 else None
        backend = self.backend
        backend.active, backend.backup, backend.total_weight = self.active, self.backups, self.total_weight

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        """The server for this stream; None: no usable server. `avoid` is taken only when there is no other."""
        raise NotImplementedError

    def changed(self, server: Server) -> None:
        """The server became usable or unusable, or has another weight, or joined or left the backend."""
        self.recount()

    def taken(self, server: Server) -> None:
        """A slot of the server was taken; `server.served` already counts it."""
        self.served += 1

    def dropped(self, server: Server) -> None:
        """A slot of the server was given back; `server.served` no longer counts it."""
        self.served -= 1

    def crowded(self) -> bool:
        """Do streams wait in the backend's queue? Then no server has a free slot, whatever the order they would be asked in."""
        length = len(self.backend.queue)
        return length > 0 and length != self.served


balancer: Registry[type[Balancer]] = Registry("balancing algorithm")
