"""`balance roundrobin`: dynamic weighted interleaving.

Theory of operation. Time is counted in picks. A turn spans as many positions as the weights of the farm sum up to, and a server of weight w is due every
total/w positions, remainders carried over, so that each server's picks are spread evenly over the turn. Three ordered sets hold the farm:

- `fresh`: not picked in this turn yet, heaviest first. They fill every hole, that is a position nobody placed is due at.
- `placed`: picked at least once, by next position; at equal positions the one with more weight outstanding comes first.
- `later`: their next position falls behind the turn's end; when the turn is over they become the next turn's `fresh`.

Changes of weight and returning servers apply at once: the next position is computed again from the last one under the new total.
Invariants: a usable server is in exactly one set, and no set is empty-and-forgotten: `pick` starts at most one new turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.order import Entry, Ordered
from pylb.proxy.balance.base import ALL_FULL, WEIGHT_LIMIT, WEIGHT_SCALE, Balancer, Full, balancer

if TYPE_CHECKING:
    from pylb.proxy.server import Server


class Seat:
    """One server's standing in its turn."""

    __slots__ = ("entry", "last", "next", "rest", "server", "sitting", "weight")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.weight = 0  # the effective weight it is seated with; 0: not seated
        self.last = self.next = 0  # positions; next 0: not placed in this turn
        self.rest = 0  # the part of a position carried over
        self.sitting: Ordered[Seat] | None = None
        self.entry: Entry | None = None

    def leave(self) -> None:
        if self.sitting is not None and self.entry is not None:
            self.sitting.remove(self.entry)
        self.sitting = self.entry = None


class Turns:
    """The turns of one group of servers: the active ones, or the backups."""

    def __init__(self) -> None:
        self.fresh: Ordered[Seat] = Ordered()
        self.placed: Ordered[Seat] = Ordered()
        self.later: Ordered[Seat] = Ordered()
        self.weight = 0  # of all usable servers, now
        self.span = 0  # the weight when this turn began
        self.position = 0

    def join(self, seat: Seat) -> None:
        """Seat a server that became usable."""
        self.weight += seat.weight
        seat.next = self.position + (self.weight + self.span - self.position) // seat.weight
        self.place(seat)

    def leave(self, seat: Seat) -> None:
        """Unseat a server that is usable no more."""
        self.weight -= seat.weight
        seat.leave()

    def reweigh(self, seat: Seat, weight: int) -> None:
        """Move a seated server's next position to where its new weight puts it."""
        self.weight += weight - seat.weight
        seat.weight = weight
        if seat.sitting is self.fresh:
            seat.leave()
            self.put_by_weight(self.fresh, seat)
            return
        if seat.sitting is self.later:
            seat.next += self.span
        step = self.weight // weight
        seat.next = min(seat.last + step, seat.next)
        if seat.next < self.position + 2:
            seat.next = self.position + step
        seat.rest = 0
        seat.leave()
        self.place(seat)

    def place(self, seat: Seat) -> None:
        """Seat by next position, or for a later turn when that lies behind this one's end."""
        if seat.next >= self.span + min(self.span, self.weight):
            return self.postpone(seat)
        seat.sitting = self.placed
        seat.entry = self.placed.add(256 * seat.next + (WEIGHT_LIMIT + seat.rest - seat.weight) // WEIGHT_SCALE, seat)
        return None

    def postpone(self, seat: Seat) -> None:
        seat.next -= self.span
        self.put_by_weight(self.later, seat)

    def put_by_weight(self, group: Ordered[Seat], seat: Seat) -> None:
        seat.sitting = group
        seat.entry = group.add(WEIGHT_LIMIT - seat.weight, seat)

    def due(self) -> Seat | None:
        """Who is due at the current position; None: the turn is over."""
        placed = self.placed.entries
        if placed:
            seat: Seat = placed[0][2]
            if seat.next <= self.position:
                return seat
        if self.fresh.entries:
            seat = self.fresh.entries[0][2]
            seat.next = seat.rest = 0
            return seat
        return placed[0][2] if placed else None

    def new_turn(self) -> None:
        self.fresh, self.later = self.later, self.fresh
        self.span = self.position = self.weight

    def advance(self, seat: Seat) -> None:
        """Take the position: unseat, and compute when the server is due again."""
        seat.leave()
        seat.last = seat.next or self.position
        step, rest = divmod(self.weight, seat.weight)
        seat.rest += rest
        if seat.rest >= seat.weight:
            seat.rest -= seat.weight
            step += 1
        seat.next = seat.last + step
        self.position += 1

    def pick_due(self, avoid: Server | None) -> Server | None:
        """The common case in one go: the first in line is due, has room, and is due again within this turn."""
        entries = self.placed.entries
        if not entries:
            return None
        seat: Seat = entries[0][2]
        server, weight = seat.server, seat.weight
        step, rest = divmod(self.weight, weight)
        rest += seat.rest
        if rest >= weight:
            rest -= weight
            step += 1
        due = seat.next + step
        if seat.next > self.position or server is avoid or server.full() or due >= self.span + min(self.span, self.weight):
            return None
        del entries[0]
        seat.last, seat.next, seat.rest = seat.next, due, rest
        self.position += 1
        seat.entry = self.placed.add(256 * due + (WEIGHT_LIMIT + rest - weight) // WEIGHT_SCALE, seat)
        return server

    def pick(self, avoid: Server | None) -> Server | None:
        """The next server with a free slot; those passed over keep their rank in time."""
        if not self.span:
            self.span = self.position = self.weight
        passed: list[Seat] = []
        avoided: Seat | None = None
        chosen: Seat | None = None
        turned = False
        while True:
            seat = self.due()
            if seat is None:
                if turned:
                    break
                turned = True
                self.new_turn()
                continue
            self.advance(seat)
            if not seat.server.full():
                if seat.server is not avoid or avoided is not None:
                    chosen = seat
                    break
                avoided = seat
            passed.append(seat)
        chosen = chosen or avoided
        if chosen is not None:
            self.place(chosen)
        for seat in reversed(passed):
            if seat is not chosen:
                self.reseat(seat, turned)
        return chosen.server if chosen is not None else None

    def reseat(self, seat: Seat, turned: bool) -> None:
        """Put a passed-over server back; once the turn has changed its position means nothing and only its weight counts."""
        if turned:
            self.put_by_weight(self.fresh, seat)
        else:
            self.place(seat)


@balancer("roundrobin")
class RoundRobin(Balancer):
    """Each server in turn, by weight; weights may change at any time."""

    is_round_robin = True

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.turns = (Turns(), Turns())  # actives, backups
        self.seats: dict[Server, Seat] = {}
        for server in self.servers:
            seat = self.seats[server] = Seat(server)
            if server.usable:
                turns = self.turns[server.backup]
                seat.weight = server.eweight
                turns.weight += seat.weight
                turns.put_by_weight(turns.fresh, seat)
        for turns in self.turns:
            turns.span = turns.position = turns.weight

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        if self.active:
            turns = self.turns[0]
        elif self.first_backup is not None:
            return self.first_backup
        elif self.backups:
            turns = self.turns[1]
        else:
            return None
        if self.backend.queue.places.entries and self.crowded():
            return ALL_FULL
        return turns.pick_due(avoid) or turns.pick(avoid) or ALL_FULL

    def changed(self, server: Server) -> None:
        super().changed(server)
        seat = self.seats.get(server)
        if seat is None:
            seat = self.seats[server] = Seat(server)
        turns, weight = self.turns[server.backup], server.eweight if server.usable else 0
        if not seat.weight and weight:
            seat.weight = weight
            turns.join(seat)
        elif seat.weight and not weight:
            turns.leave(seat)
            seat.weight = 0
        elif weight != seat.weight:
            turns.reweigh(seat, weight)
        if server not in self.servers:
            del self.seats[server]
