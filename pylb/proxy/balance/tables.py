"""How a number becomes a server: the two methods of `hash-type`.

`MapTable` (map-based): an array as long as the farm's total weight, filled by spreading each server evenly over it; a key is an index. It is built
again whenever the set of usable servers changes, and weights other than 0 and the configured one do not exist for it.
`Ring` (consistent): a circle of 2**32 places on which each server stands as many times as it has weight; a key goes to the nearest. The places of
a server depend on its id alone, so servers that come and go move nobody else's keys.
Both also serve in turns, which is what a stream without a key gets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING

from pylb.base.hashes import MASK, avalanche

if TYPE_CHECKING:
    from pylb.proxy.balance.base import Balancer
    from pylb.proxy.server import Server

PLACES_PER_ID = 4096  # place number n of server id i is hashed from i * PLACES_PER_ID + n
RANK_BITS = 16
RANK_MASK = (1 << RANK_BITS) - 1


def smallest_terms(servers: list[Server]) -> int:
    """The divisor that makes the configured weights as small as they can be: it keeps the array short."""
    return reduce(gcd, (server.uweight for server in servers), 0) or 1


def sharing(balancer: Balancer) -> list[Server]:
    """The servers that take the load now, in the order of the configuration."""
    if balancer.active:
        return [server for server in balancer.servers if server.usable and not server.backup]
    if balancer.first_backup is not None:
        return [balancer.first_backup]
    return [server for server in balancer.servers if server.usable]


class MapTable:
    """The array of `hash-type map-based` and of `static-rr`."""

    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        self.divisor = smallest_terms(balancer.servers)
        self.slots: list[Server] = []
        self.turn = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Fill the array: at each step everyone gains its weight and who is furthest ahead pays the total."""
        servers = sharing(self.balancer)
        weights = [-(-server.uweight // self.divisor) for server in servers]
        total = sum(weights)
        credits = [0] * len(servers)
        self.slots = []
        for _ in range(total):
            best, most = 0, 0
            for index, weight in enumerate(weights):
                credits[index] += weight
                standing = (credits[index] + total) // total
                if standing > most:
                    best, most = index, standing
            credits[best] -= total
            self.slots.append(servers[best])

    def changed(self, server: Server) -> None:
        self.rebuild()

    def find(self, key: int, avoid: Server | None = None) -> Server | None:
        """The server this key belongs to."""
        return self.slots[key % len(self.slots)] if self.slots else None

    def next(self, avoid: Server | None = None) -> Server | None:
        """The next server in turn that has a free slot; `avoid` only when there is no other."""
        slots = self.slots
        size = len(slots)
        start = self.turn if self.turn < size else 0
        avoided: Server | None = None
        for offset in range(size):
            index = (start + offset) % size
            server = slots[index]
            if server.full():
                continue
            if server is not avoid:
                self.turn = index + 1
                return server
            avoided, self.turn = server, index + 1
        return avoided


def places_of(server: Server, start: int, end: int) -> list[int]:
    """The places numbered start to end of a server."""
    return [avalanche((server.id * PLACES_PER_ID + number) & MASK) for number in range(start, end)]


class Circle:
    """The places of one group of servers (the active ones, or the backups), in order."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.owners: list[Server] = []

    def fill(self, servers: list[Server], places: dict[Server, list[int]]) -> None:
        """Stand each server at as many places as it has effective weight; on an equal place the configuration's order decides."""
        marks = []
        for rank, server in enumerate(servers):
            known = places.setdefault(server, [])
            known += places_of(server, len(known), server.eweight)
            marks += [place << RANK_BITS | rank for place in known[: server.eweight]]
        marks.sort()
        self.keys = [mark >> RANK_BITS for mark in marks]
        self.owners = [servers[mark & RANK_MASK] for mark in marks]

    def place_after(self, key: int) -> int | None:
        """The index of the first place behind `key`; None: there is none before the circle closes."""
        index = bisect_right(self.keys, key)
        return index if index < len(self.keys) else None

    def owner(self, key: int) -> Server | None:
        """Who stands on this very place."""
        index = bisect_left(self.keys, key)
        return self.owners[index] if index < len(self.keys) and self.keys[index] == key else None


class Ring:
    """The circles of `hash-type consistent` and of `random`: one of active servers, one of backups."""

    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        self.factor = balancer.settings.balance_factor
        self.places: dict[Server, list[int]] = {}  # the hashed places of each server, computed as far as its weight ever needed
        self.circles = (Circle(), Circle())
        self.turn: tuple[Circle, int] | None = None  # the place where the last turn ended
        for server in balancer.servers:
            self.places[server] = places_of(server, 0, server.eweight)
        self.fill(self.circles[0], backup=False)
        self.fill(self.circles[1], backup=True)

    def fill(self, circle: Circle, backup: bool) -> None:
        circle.fill([server for server in self.balancer.servers if server.usable and server.backup == backup], self.places)

    def changed(self, server: Server) -> None:
        """Fill the server's circle again. A server that outgrows its known places leaves all of them before it comes back to more."""
        circle, turn = self.circles[server.backup], self.turn
        outgrown = server.eweight > len(self.places.get(server, ()))
        left = server if outgrown and turn is not None and turn[0] is circle and circle.owner(turn[1]) is server else None
        self.fill(circle, server.backup)
        if server not in self.balancer.servers:
            self.places.pop(server, None)
        if turn is not None and turn[0] is circle and (left is not None or circle.owner(turn[1]) is None):
            self.turn = self.behind(turn[1], circle, left)

    def behind(self, key: int, circle: Circle, left: Server | None) -> tuple[Circle, int] | None:
        """Where a turn stands whose last place is no more: on the one behind it, unless that is of the server that just left."""
        index = circle.place_after(key)
        while index is not None and circle.owners[index] is left:
            index = index + 1 if index + 1 < len(circle.owners) else None
        return None if index is None else (circle, circle.keys[index])

    def find(self, key: int, avoid: Server | None = None) -> Server | None:
        """The owner of the place nearest to `key`, or of one behind it when that server must be avoided or has more than its share."""
        if self.balancer.active:
            circle = self.circles[0]
        elif self.balancer.first_backup is not None:
            return self.balancer.first_backup
        else:
            circle = self.circles[1]
        keys, owners = circle.keys, circle.owners
        size = len(keys)
        if not size:
            return None
        index = bisect_left(keys, key) % size
        if (key - keys[index - 1]) & MASK <= (keys[index] - key) & MASK:
            index -= 1
        server = owners[index]
        if server is avoid or (self.factor and not self.has_room(server)):
            return self.find_behind(circle, index, avoid)
        return server

    def find_behind(self, circle: Circle, index: int, avoid: Server | None) -> Server:
        """Walk on from a place whose server will not do; after a whole round take what is there."""
        size = len(circle.keys)
        server = circle.owners[index]
        for offset in range(1, 2 * size - index % size):
            server = circle.owners[(index + offset) % size]
            if server is not avoid and not (self.factor and not self.has_room(server)):
                break
        return server

    def has_room(self, server: Server) -> bool:
        """Would one stream more keep the server within `hash-balance-factor` percent of the average?"""
        balancer = self.balancer
        slots = ((balancer.served + 1) * self.factor + 99) // 100
        whole, rest = divmod(slots, balancer.total_weight)
        before = 0
        for other in sharing(balancer):
            if other is server:
                break
            before += other.eweight
        share = server.eweight * whole
        share += (before + server.eweight) * rest // balancer.total_weight - before * rest // balancer.total_weight
        return server.served < max(share, 1)

    def next(self, avoid: Server | None = None) -> Server | None:
        """Walk the circle from where the last turn ended to a place whose server has a free slot."""
        if self.balancer.active:
            home = self.circles[0]
        elif self.balancer.first_backup is not None:
            return self.balancer.first_backup
        else:
            home = self.circles[1]
        avoided: Server | None = None
        stop = self.turn
        while True:
            server = self.step(home)
            if server is None:
                return avoided
            if not server.full():
                if server is not avoid:
                    return server
                avoided = server
            if self.turn == stop:
                return avoided
            stop = stop or self.turn

    def step(self, home: Circle) -> Server | None:
        """One place further, from the end of a circle to the start of `home`; None when there is no place."""
        index = None
        circle = home
        if self.turn is not None:
            circle, key = self.turn
            index = circle.place_after(key)
        if index is None:
            if not home.keys:
                return None
            circle, index = home, 0
        self.turn = (circle, circle.keys[index])
        return circle.owners[index]
