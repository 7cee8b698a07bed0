"""What name resolution does to servers: the choice among a name's addresses, moves, and maintenance for want of an address.

Pure: records come in, Transitions go out; asking name servers is `tasks.resolver`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pylb.base.address import Address
from pylb.proxy.states import RESOLUTION_MAINT, admit, dismiss
from pylb.proxy.transition import NOTICE, Line, Transition
from pylb.sample.xxhash import xxh32
from pylb.wire.dns import A, Record

if TYPE_CHECKING:
    from pylb.config.resolvers import Resolve
    from pylb.proxy.server import Server

PREFERRED, NEAR, FREE, SAME = 8, 4, 2, 1  # what speaks for an address, as points
ALL_POINTS: Final = PREFERRED + NEAR + FREE + SAME
NO_ADDRESS: Final = "No IP for server "
CAUSES: Final = {"nx": "DNS NX status", "timeout": "DNS timeout status", "refused": "DNS refused status"}
OTHER_CAUSE: Final = "unspecified DNS error"


@dataclass(slots=True)
class Known:
    """A record of the last answers, until it is obsolete. `key` is its place in HAProxy's order, which decides between equals;
    `users` are the servers that took its address."""

    record: Record
    key: int
    seen: float
    users: list[Server] = field(default_factory=list)
    extra: Known | None = None  # of a SRV record: the address of its host, if that came along

    @classmethod
    def of(cls, record: Record, now: float) -> Known:
        return cls(record, xxh32(record.target[:-1] or record.data, record.type), now)

    def is_about(self, record: Record) -> bool:
        """Is it the same record, seen again?"""
        mine = self.record
        return mine.type == record.type and mine.data == record.data and mine.port == record.port

    def taken(self, server: Server | None) -> bool:
        """Has another server of the same backend the address?"""
        return server is not None and server not in self.users and any(one.backend is server.backend for one in self.users)


def choose(known: Iterable[Known], wish: Resolve, current: str = "", server: Server | None = None) -> Known | None:
    """The best address, for a server or for nobody; None: there is none. One that is taken only counts where duplicates are allowed."""
    best, most = None, -1
    for one in sorted(known, key=lambda one: one.key):
        record, taken = one.record, one.taken(server)
        if not record.host or (taken and not wish.duplicates):
            continue
        points = PREFERRED * (family(record) == wish.prefer) + NEAR * near(record, wish) + FREE * (not taken) + SAME * (record.host == current)
        if points > most:
            best, most = one, points
        if points == ALL_POINTS:
            break
    return best


def family(record: Record) -> int:
    return 4 if record.type == A else 6


def near(record: Record, wish: Resolve) -> bool:
    """Is the address in one of the networks of `resolve-net`?"""
    number = int.from_bytes(record.data, "big")
    return any(version == family(record) and number & mask == network & mask for version, network, mask in wish.networks)


def address_now(server: Server) -> str:
    return server.address.host if server.address.is_ip else ""


def found(server: Server, host: str | None, by: str, now: float) -> None:
    """There was a valid answer with this address for the server, or with none; `by` is whom it is from."""
    transition = Transition(server)
    if host is None:
        lose(server, NO_ADDRESS, now, transition)
    else:
        go_to(server, host, by, transition)
    if host is not None and server.admin & RESOLUTION_MAINT:
        dismiss(server, RESOLUTION_MAINT, now, transition)
        ready = f"Server {server.backend.name}/{server.name} administratively READY thanks to valid DNS answer."
        transition.lines.append(Line(server.backend, "WARNING", NOTICE, ready))
    server.publish(transition)


def go_to(server: Server, host: str, by: str, transition: Transition) -> None:
    """The server is at this address now."""
    before = address_now(server)
    if host != before:
        told = f"{server.backend.name}/{server.name} changed its IP from {before or '(none)'} to {host} by {by}."
        transition.lines.append(Line(server.backend, "WARNING", NOTICE, told))
        move(server, replace(server.address, kind="ipv6" if ":" in host else "ipv4", host=host))


def failed(server: Server, status: str, now: float) -> bool:
    """The name could not be resolved for longer than `hold` allows. True: that cost the server its address."""
    transition = Transition(server)
    lost = lose(server, CAUSES.get(status, OTHER_CAUSE), now, transition)
    server.publish(transition)
    return lost


def lose(server: Server, why: str, now: float, transition: Transition) -> bool:
    """The server has no address any more; False: it had none before."""
    if server.admin & RESOLUTION_MAINT:
        return False
    admit(server, RESOLUTION_MAINT, now, transition, f" ({why})")
    server.address = replace(server.address, kind="name", host=server.host_name)
    return True


def move(server: Server, address: Address) -> None:
    """New streams go to the new place; idle connections to the old one are of no use any more."""
    if address == server.address:
        return
    server.address = address
    server.refresh_cookie()
    server.readdressed()
    drop_idle(server)


def drop_idle(server: Server) -> None:
    """Close the connections that wait for another use."""
    for connection in server.pool.clear():
        connection.close()
