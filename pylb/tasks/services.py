"""Servers that SRV records name (`server` and `server-template` lines whose name begins with "_"; configuration.txt 5.3).

Each record takes one of the backend's servers that has none yet: it gives its port, its weight, and the name that the server's address follows.
Where the answer brings the host's address along, in its additional section, the server takes that, and asks for nothing itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pylb.proxy import resolution as change
from pylb.proxy.states import NAMED_BY_COMMAND, RESOLUTION_MAINT, dismiss
from pylb.proxy.transition import NOTICE, Line, Transition
from pylb.tasks.resolver import Counters, Resolution, Resolver
from pylb.wire.dns import SRV, to_text

if TYPE_CHECKING:
    from pylb.proxy.resolution import Known
    from pylb.proxy.server import Server
    from pylb.tasks.server_names import ServerName

REMOVED: Final = "entry removed from SRV record"
ADDITIONAL: Final = "DNS additional record"


class Services:
    """The servers of one backend that one name's records are for."""

    def __init__(self, resolver: Resolver, name: bytes) -> None:
        self._resolver = resolver
        self._names: dict[Server, ServerName] = {}
        self._free: list[Server] = []  # those without a record, the longest without first
        self._taken: dict[Server, Known] = {}
        resolver.want(name, SRV, self)

    def add(self, server: Server, name: ServerName) -> None:
        """One more server of the same name."""
        self._names[server] = name
        self._free.append(server)

    # -- as a Requester
    def resolved(self, resolution: Resolution, server: Counters | None) -> None:
        """Record by record, all has been told."""

    def unresolved(self, resolution: Resolution) -> bool:
        """Records hold as long as `hold` allows from the last valid answer on."""
        if self._resolver.holds(resolution):
            return True
        for server in tuple(self._taken):
            self._lose(server)
        return False

    def gone(self, known: Known) -> None:
        """A record is obsolete."""
        for server in [one for one, record in self._taken.items() if record is known]:
            self._lose(server)

    def there(self, known: Known) -> None:
        """A record was in the answer, or is not obsolete yet."""
        server = next((one for one, record in self._taken.items() if record is known), None)
        fresh = server is None
        if server is None:
            if not self._free:
                return
            server = self._free.pop(0)
            self._taken[server] = known
        self._update(server, known, fresh)

    def _lose(self, server: Server) -> None:
        """The server's record is gone: it has neither name nor address until another one comes."""
        del self._taken[server]
        self._free.append(server)
        self._names[server].leave()
        transition = Transition(server)
        change.lose(server, REMOVED, self._resolver.process.clock.now(), transition)
        server.host_name = ""
        server.address = replace(server.address, kind="name", host="", port=0, port_high=0)
        server.publish(transition)

    def _update(self, server: Server, known: Known, fresh: bool) -> None:
        """Have the server be as the record says."""
        now, transition = self._resolver.process.clock.now(), Transition(server)
        record, name = known.record, to_text(known.record.target)
        server.address = server.address.with_port(record.port)  # whatever a command said meanwhile
        if known.extra is not None:
            self._names[server].leave()
            change.go_to(server, known.extra.record.host, ADDITIONAL, transition)
        if fresh:
            if server.admin & RESOLUTION_MAINT:
                server.admin |= NAMED_BY_COMMAND
            told = f"{server.backend.name}/{server.name} changed its FQDN from (null) to {name} by 'SRV record'"
            transition.lines.append(Line(server.backend, "", NOTICE, told))
            server.host_name = name
        if known.extra is not None:
            dismiss(server, RESOLUTION_MAINT, now, transition)
        else:
            self._names[server].follow(name)
        server.publish(transition)
        weight = (record.weight + 255) // 256
        if weight != server.uweight and not server.settings.resolve.ignore_weight:
            server.set_weight(str(weight), now)
