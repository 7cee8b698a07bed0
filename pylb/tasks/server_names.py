"""Servers whose addresses follow their names (`resolvers` on a `server` line)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.proxy import resolution as change
from pylb.proxy.resolution import Known, address_now, choose
from pylb.tasks.connected_name_server import ConnectedNameServer
from pylb.tasks.resolver import CACHE, Counters, Resolution, Resolver
from pylb.tasks.services import Services
from pylb.wire.dns import AAAA, A, to_wire

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server


class ServerName:
    """A server's wish for the addresses of its name."""

    def __init__(self, resolver: Resolver, server: Server) -> None:
        self._resolver, self._server = resolver, server
        self._resolution: Resolution | None = None
        self._used: Known | None = None

    def follow(self, name: str) -> bool:
        """Follow this name from now on. False: it cannot be one."""
        wire = to_wire(name)
        if wire is None:
            return False
        if self._resolution is not None and self._resolution.name == wire:
            return True
        self.leave()
        self._server.host_name = name
        self._resolution = self._resolver.want(wire, A if self._server.settings.resolve.prefer == 4 else AAAA, self)
        return True

    def leave(self) -> None:
        """Follow no name."""
        if self._resolution is not None:
            self._use(None)
            self._resolver.release(self._resolution, self)
            self._resolution = None

    # -- as a Requester
    def resolved(self, resolution: Resolution, server: Counters | None) -> None:
        mine, now = self._server, self._resolver.process.clock.now()
        before = address_now(mine)
        chosen = choose(resolution.known, mine.settings.resolve, before, mine)
        host = None if chosen is None else chosen.record.host
        self._use(chosen)
        if server is not None and host is not None and host != before:
            server.update += 1
        change.found(mine, host, str(server) if server is not None else CACHE, now)

    def _use(self, chosen: Known | None) -> None:
        """Be a user of this record and of no other one."""
        if self._used is not None and self._used is not chosen:
            self._used.users.remove(self._server)
        if chosen is not None and chosen is not self._used:
            chosen.users.append(self._server)
        self._used = chosen

    def unresolved(self, resolution: Resolution) -> bool:
        """The server keeps its address as long as `hold` allows from the last valid answer on."""
        return self._resolver.holds(resolution) or not change.failed(self._server, resolution.status, self._resolver.process.clock.now())

    def there(self, known: Known) -> None:
        """The best of all known ones will be taken."""

    def gone(self, known: Known) -> None:
        """If it was ours, it is nobody's now."""
        if known is self._used:
            self._use(None)


def start_resolvers(process: Process) -> None:
    """Make the resolvers, and have servers follow their names."""
    process.resolvers = {name: Resolver(process, settings, ConnectedNameServer) for name, settings in process.config.resolvers.items()}
    for backend in process.backends.values():
        services: dict[tuple[str, str], Services] = {}
        for server in backend.servers:
            if server.settings.resolvers is not None:
                follow(process.resolvers[server.settings.resolvers], server, services)
    for resolver in process.resolvers.values():
        process.starters.append(resolver.start)
        process.closers.append(resolver.close)


def follow(resolver: Resolver, server: Server, services: dict[tuple[str, str], Services]) -> None:
    """Have a server follow its name, or wait for one of the services of its backend that have one name."""
    name = ServerName(resolver, server)
    if not server.settings.asks_for_records:
        server.follow_name = name.follow  # a command may give a name to a server that has none
        if server.host_name:
            name.follow(server.host_name)
        return
    service = server.record_name
    key = (resolver.settings.name, service.lower())
    if key not in services:
        services[key] = Services(resolver, to_wire(service) or b"")
    services[key].add(server, name)
