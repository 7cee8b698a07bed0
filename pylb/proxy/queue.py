"""Streams that wait for a slot: HAProxy's pendconns, in the queue of one server or of a whole backend.

A stream waits in a server's queue when only that server will do (persistence, hashing) or when the balancer chose to queue there; in the backend's
when every server is full. Order: priority class first (`http-request set-priority-class`), then the moment of arrival shifted by
`set-priority-offset`, then arrival. A slot that becomes free goes to the better of the two heads: `next_waiting`.

Invariants: a place is in at most one queue; `len(queue)` is what statistics call qcur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.order import Entry, Ordered

if TYPE_CHECKING:
    from pylb.proxy.server import Server

CLASS_WEIGHT = 1 << 48  # one priority class outweighs any time in milliseconds


class Place:
    """One stream's place in a queue."""

    __slots__ = ("ahead", "entry", "queue", "stream")

    def __init__(self, stream: Any, queue: Queue, ahead: int) -> None:
        self.stream = stream
        self.queue: Queue | None = queue  # None: served, or gone
        self.ahead = ahead  # how many waited when the stream came; the log's second queue number
        self.entry: Entry | None = None

    def __repr__(self) -> str:
        return f"Place({self.ahead} ahead, {'waiting' if self.queue is not None else 'left'})"


class Queue:
    """Places ordered by priority, then arrival."""

    __slots__ = ("peak", "places")

    def __init__(self) -> None:
        self.places: Ordered[Place] = Ordered()
        self.peak = 0  # the greatest length so far

    def __len__(self) -> int:
        return len(self.places.entries)

    def push(self, stream: Any, priority: tuple[int, float] = (0, 0.0)) -> Place:
        """Queue a stream. `priority` is its class and the moment it counts from, in seconds: now plus its offset."""
        place = Place(stream, self, len(self.places.entries))
        place.entry = self.places.add(priority[0] * CLASS_WEIGHT + int(priority[1] * 1000), place)
        self.peak = max(self.peak, place.ahead + 1)
        return place

    def head_key(self) -> int | None:
        """The order key of who is next; None when nobody waits."""
        entries = self.places.entries
        return entries[0][0] if entries else None

    def pop(self) -> Any:
        """Take out and return the stream that is next; None when nobody waits."""
        if not self.places.entries:
            return None
        place = self.places.pop()
        place.queue = None
        return place.stream

    def leave(self, place: Place) -> None:
        """Give a place up; harmless when it was served or given up already."""
        if place.queue is self and place.entry is not None:
            self.places.remove(place.entry)
            place.queue = None

    def drain(self) -> list[Any]:
        """Take out every stream that may go elsewhere, in order; those bound to the server by `force-persist` stay."""
        movable: list[Place] = [place for place in self.places if not getattr(place.stream, "forced", False)]
        for place in movable:
            self.leave(place)
        return [place.stream for place in movable]


def may_serve_backend(server: Server) -> bool:
    """May this server take streams from its backend's queue? A backup only when no active server is usable and it is the elected one."""
    if not server.usable:
        return False
    balancer = server.backend.balancer
    return not server.backup or (not balancer.active and (balancer.all_backups or server is balancer.first_backup))


def next_waiting(server: Server) -> Any:
    """Take out the stream a free slot of `server` goes to: the better of its own queue's head and the backend's."""
    own, shared = server.queue, server.backend.queue
    if not shared.places.entries or not may_serve_backend(server):
        return own.pop()
    own_key, shared_key = own.head_key(), shared.head_key()
    if own_key is not None and shared_key is not None and own_key <= shared_key:
        return own.pop()
    return shared.pop()
