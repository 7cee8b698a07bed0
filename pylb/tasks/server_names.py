"""Servers whose addresses follow their names (`resolvers` on a `server` line)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.proxy import resolution as change
from pylb.proxy.resolution import Known, address_now, choose
from pylb.tasks.resolver import CACHE, Counters, Resolution, Resolver
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
        if self._resolution is not None:
            if self._resolution.name == wire:
                return True
            self._use(None)
            self._resolver.release(self._resolution, self)
        self._server.host_name = name
        self._resolution = self._resolver.want(wire, A if self._server.settings.resolve.prefer == 4 else AAAA, self)
        return True

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
        mine, now, holds = self._server, self._resolver.process.clock.now(), self._resolver.settings.holds
        hold = holds[resolution.status if resolution.status in holds else "other"] / 1000
        if resolution.last_valid is not None and now < resolution.last_valid + hold:
            return True
        return not change.failed(mine, resolution.status, now)


def start_resolvers(process: Process) -> None:
    """Make the resolvers, and have servers follow their names."""
    process.resolvers = {name: Resolver(process, settings) for name, settings in process.config.resolvers.items()}
    for backend in process.backends.values():
        for server in backend.servers:
            name = server.settings.resolvers
            if name is not None and server.host_name:
                server.follow_name = ServerName(process.resolvers[name], server).follow
                server.follow_name(server.host_name)
    for resolver in process.resolvers.values():
        process.starters.append(resolver.start)
        process.closers.append(resolver.close)
