"""Idle connections to one server, and who may have them: `http-reuse`, `pool-max-conn`, `pool-purge-delay`.

A connection that finished a request lies here until a stream takes it, the server closes it, or the purge does. One that has been reused before is
*safe*: the server is known to keep connections; the others are merely *idle*. A session's first request must not meet a connection that dies under it,
so under `safe` it gets none, under `aggressive` only safe ones, under `always` any; later requests of a session may have any. Under `never` connections
stay with the session that opened them. Where a connection depends on the stream it was opened for (SNI, PROXY header, addresses), only streams
for which it would have been the same may have it.

Connections are opaque: the pool asks them for `requests`, `source_session`, `identity` and `close()`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylb.proxy.server import Server


class Pool:
    """The idle connections of one server, oldest first."""

    __slots__ = ("estimate", "highest_used", "identity", "idle", "is_watched", "limit", "mode", "private", "repeats", "safe", "server")

    def __init__(self, server: Server) -> None:
        settings = server.settings
        self.server = server
        self.mode = server.backend.settings.http_reuse
        self.identity: Callable[[Any], Hashable] | None = None  # of the connection that a stream would open; None: all are alike
        self.limit = 0 if settings.pool_purge_delay == 0 else settings.pool_max_conn  # negative: none
        self.repeats = not {"empty-response", "all-retryable-errors"}.isdisjoint(server.backend.settings.retry_on)  # first requests too
        self.idle: dict[Any, None] = {}
        self.safe: dict[Any, None] = {}
        self.private: dict[Any, list[Any]] = {}  # by session
        self.is_watched = self.limit == 0 or self.mode == "never"  # the purge is told when something lies here; where nothing will, it need not be
        self.highest_used = 0  # connections in use at once since the last purge
        self.estimate = 0  # how many the load is thought to need

    def __len__(self) -> int:
        return len(self.idle) + len(self.safe)

    def __repr__(self) -> str:
        return f"Pool({len(self.idle)} idle, {len(self.safe)} safe)"

    def get(self, stream: Any) -> Any:
        """Take a connection this stream may have; None: it must open one."""
        counters = self.server.counters
        used = counters.used_conn_cur
        if used > self.highest_used:
            self.note_use()
        session = stream.session.session  # the connection's, where rules gave the stream a view of its own
        identity = self.identity(stream) if self.identity is not None else None
        if self.private and session in self.private:
            return self.take_private(session, identity)
        mode = self.mode
        if mode == "never":
            return None
        idle, safe = self.idle, self.safe
        first = session.requests <= 1 and not self.repeats
        if self.identity is not None:
            return self.get_alike(identity, first)
        if idle and (not first or (mode == "always" and not safe)):  # it can be repeated: spend the untried ones on it
            connection = next(iter(idle))
            del idle[connection]
            counters.idle_conn_cur -= 1
            return connection
        if safe and (mode != "safe" or not first):
            connection = next(iter(safe))
            del safe[connection]
            counters.safe_conn_cur -= 1
            return connection
        return None

    def get_alike(self, identity: Hashable, first: bool) -> Any:
        """The same among the connections of that identity."""
        idle, safe = (next((each for each in group if each.identity == identity), None) for group in (self.idle, self.safe))
        chosen = None
        if idle is not None and (not first or (self.mode == "always" and safe is None)):
            chosen = idle
        elif safe is not None and (self.mode != "safe" or not first):
            chosen = safe
        if chosen is not None:
            self.remove(chosen)
        return chosen

    def take_private(self, session: Any, identity: Hashable) -> Any:
        """A connection that only this session may use; the last one."""
        own = self.private[session]
        chosen = next((each for each in reversed(own) if each.identity == identity), None)
        if chosen is not None:
            self.remove(chosen)
        return chosen

    def take_from(self, group: dict[Any, None]) -> Any:
        connection = next(iter(group))
        self.remove(connection)
        return connection

    def put(self, connection: Any) -> None:
        """A connection has nothing to do; it is kept, or closed where a limit says so. Kept ones: one of each kind at least, and no more
        than the load was seen to need at once."""
        counters, idle, safe = self.server.counters, self.idle, self.safe
        if not self.is_watched:
            self.is_watched = True
            self.server.backend.process.watch_pool(self.server)
        used, lying = counters.used_conn_cur, len(idle) + len(safe)  # this one counts as used
        if used > self.highest_used:
            self.note_use()
        if self.mode == "never":
            if self.limit:
                self.private.setdefault(connection.source_session, []).append(connection)
            else:
                connection.close()
        elif 0 <= self.limit <= lying:
            connection.close()
        elif connection.requests > 1:
            if safe and used + lying > self.estimate:
                connection.close()
            else:
                safe[connection] = None
                counters.safe_conn_cur += 1
        elif lying and used + lying > self.estimate:
            connection.close()
        else:
            idle[connection] = None
            counters.idle_conn_cur += 1

    def put_private(self, connection: Any) -> None:
        """A connection whose peer knows who speaks on it (NTLM) is kept for its session."""
        self.private.setdefault(connection.source_session, []).append(connection)

    def remove(self, connection: Any) -> None:
        """Forget a connection that was taken or has died; harmless when it is not here."""
        if connection in self.idle:
            del self.idle[connection]
            self.server.counters.idle_conn_cur -= 1
        elif connection in self.safe:
            del self.safe[connection]
            self.server.counters.safe_conn_cur -= 1
        elif self.private:
            own = self.private.get(connection.source_session, [])
            if connection in own:
                own.remove(connection)
                if not own:
                    del self.private[connection.source_session]

    def session_ended(self, session: Any) -> None:
        """Nobody else may use what a session kept for itself."""
        for connection in self.private.pop(session, ()):
            connection.close()

    def note_use(self, more: int = 0) -> None:
        """Remember how many connections are used at once, with `more` of checks; what the load needs is estimated from it."""
        used = self.server.counters.used_conn_cur + more
        if used > self.highest_used:
            self.highest_used = used
        if used > self.estimate:
            self.estimate = self.server.counters.need_conn_est = used

    def purge(self) -> list[Any]:
        """Every `pool-purge-delay`: take out half of the connections the load has not needed lately, and one; the caller closes them."""
        counters = self.server.counters
        used = counters.used_conn_cur
        spare = len(self) + used - max(self.estimate, self.highest_used)
        self.estimate = max((self.estimate + self.highest_used) // 2, self.highest_used)
        counters.need_conn_est = self.estimate
        self.highest_used = min(used, self.estimate)  # what is above the estimate shall be noted anew
        purged = []
        for _ in range(min(len(self), (spare + 1) // 2 + 1) if spare > 0 else 0):
            purged.append(self.take_from(self.idle or self.safe))
        return purged

    def clear(self) -> list[Any]:
        """Take out everything: the server went into maintenance or is deleted; the caller closes them."""
        connections = [*self.idle, *self.safe, *(connection for own in self.private.values() for connection in own)]
        self.private.clear()
        for connection in connections:
            self.remove(connection)
        return connections
