"""Event sinks: where log events go besides the network (configuration.txt 3.9 `ring`, management.txt `show events`).

A Ring keeps the latest events in memory, as many as its size holds. Readers follow it (forwarders to servers, conversations that
wait for events): what a reader has not seen yet is not dropped, new events are, and an event says so as soon as there is room for
it. Writing never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylb.config.model import Ring as RingSettings

VARINT_STEPS = (0xF0, 0xF0 + 0x800, 0xF0 + 0x800 + 0x40000)  # lengths that take a byte more


class Sink:
    """One line of `show events`."""

    kind = "fd"

    def __init__(self, name: str, description: str) -> None:
        self.name, self.description = name, description
        self.dropped = 0  # events that were lost since the last one that says so


class Ring(Sink):
    """Events in memory. `first` is the number of the oldest one; numbers only grow."""

    kind = "buffer"

    def __init__(self, settings: RingSettings) -> None:
        super().__init__(settings.name, settings.description or settings.name)
        self.format = settings.format
        self.maxlen = min(settings.maxlen, settings.size)
        self.size = settings.size
        self.first = self._held = 0
        self._events: deque[bytes] = deque()
        self.readers: list[Reader] = []

    @property
    def end(self) -> int:
        """The number that the next event gets."""
        return self.first + len(self._events)

    def write(self, event: bytes, notice: bytes = b"") -> None:
        """Keep an event, or count it as lost. `notice` stands before what is said of lost ones."""
        lost = self.dropped
        if lost and self._put(notice + b"%d event%b dropped" % (lost, b"s" if lost > 1 else b"")):
            self.dropped = lost = 0
        if lost or not self._put(event):
            self.dropped += 1
        for reader in tuple(self.readers):
            reader.wake()

    def _put(self, event: bytes) -> bool:
        """Keep an event; False when there is no room, since a reader has not seen those that would make room."""
        event = event[: self.maxlen]
        needed = footprint(event)
        while self._held + needed > self.size - 1:
            if not self._events or any(reader.position <= self.first for reader in self.readers):
                return False
            self._held -= footprint(self._events.popleft())
            self.first += 1
        self._events.append(event)
        self._held += needed
        return True

    def read(self, number: int) -> bytes:
        """The event with this number, which must be there."""
        return self._events[number - self.first]


def footprint(event: bytes) -> int:
    """The bytes that an event takes: its length as a variable integer, its text, and the count of readers that stand at it."""
    return 2 + sum(len(event) >= step for step in VARINT_STEPS) + len(event)


class Reader:
    """Follows a ring, from its oldest event or from the next one on; `wake` is called when there is more."""

    def __init__(self, ring: Ring, wake: Callable[[], None], *, newest: bool = False) -> None:
        self._ring, self.wake = ring, wake
        self.position = ring.end if newest else ring.first
        ring.readers.append(self)

    def events(self) -> Iterator[bytes]:
        """What was not seen yet."""
        while self.position < self._ring.end:
            event = self._ring.read(self.position)
            self.position += 1
            yield event

    def close(self) -> None:
        """Hold nothing back any more. Harmless when repeated."""
        if self in self._ring.readers:
            self._ring.readers.remove(self)
