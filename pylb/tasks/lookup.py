"""One name looked up for one stream (`do-resolve`, configuration.txt 4.2)."""

from __future__ import annotations

from typing import Any

from pylb.config.resolvers import Resolve
from pylb.proxy.resolution import Known, choose
from pylb.tasks.resolver import Counters, Resolution, Resolver
from pylb.wire.dns import AAAA, A, to_wire


class Lookup:
    """A stream that waits for a name's address; `host` is what it gets."""

    def __init__(self, resolver: Resolver, stream: Any, wish: Resolve) -> None:
        self._resolver, self._stream, self._wish = resolver, stream, wish
        self._resolution: Resolution | None = None
        self.host: str | None = None
        self.done = False

    def begin(self, name: str) -> None:
        """Ask for the name, or take the answer that somebody got a short while ago. What can be no name has no address."""
        wire = to_wire(name) if name else b""
        if wire is None:
            self._resolver.process.counters.failed_resolutions += 1
            self.done = True
            return
        resolution = self._resolution = self._resolver.want(wire, A if self._wish.prefer == 4 else AAAA, self)
        if self._resolver.is_fresh(resolution):
            self._take(resolution)
        elif resolution.identifier is None:
            self._resolver.turn()

    def end(self) -> None:
        """Nobody waits any more."""
        if self._resolution is not None:
            self._resolver.release(self._resolution, self)
            self._resolution = None

    def _take(self, resolution: Resolution) -> None:
        chosen = choose(resolution.known, self._wish)
        self.host = chosen.record.host if chosen is not None else None
        self.done = True

    # -- as a Requester
    def resolved(self, resolution: Resolution, server: Counters | None) -> None:
        self._take(resolution)
        self._resolver.process.loop.call_soon(self._stream.wake)

    def unresolved(self, resolution: Resolution) -> bool:
        self.done = True
        self._resolver.process.loop.call_soon(self._stream.wake)
        return False

    def there(self, known: Known) -> None:
        """The best of all known ones will be taken."""

    def gone(self, known: Known) -> None:
        """It will not be taken."""
