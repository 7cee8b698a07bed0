"""Stick tables: entries by key with a fixed set of data, an expiry that use puts off, and room that the oldest give up (configuration.txt 4.2 `stick-table`).

Keys are kept as the bytes HAProxy compares, so that sorting them gives the order of `show table`. Invariants: `entries` is in the order of the
last touch, which is the order of expiry since all entries of a table live equally long; an entry that somebody tracks (`uses`) is
neither purged nor evicted. Times are arguments; nothing here reads a clock.
"""

from __future__ import annotations

import socket
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pylb.base.freq import measure
from pylb.base.text import dump_pieces
from pylb.base.timers import NEVER
from pylb.sample.casts import cast_value
from pylb.sample.types import Binary, Expr, Test, Type, Value

IN_KEYS: Final = dump_pieces(b"\\= ")
MASK32: Final = 0xFFFFFFFF
KEY_TYPES: Final = {"ip": Type.IPV4, "ipv6": Type.IPV6, "integer": Type.SINT, "string": Type.STR, "binary": Type.BIN}
KINDS: Final[dict[str, Literal["number", "rate", "wide", "signed", "text"]]] = {  # in the order of dumps
    "server_id": "signed", "gpt0": "number", "gpc0": "number", "gpc0_rate": "rate", "conn_cnt": "number", "conn_rate": "rate",
    "conn_cur": "number", "sess_cnt": "number", "sess_rate": "rate", "http_req_cnt": "number", "http_req_rate": "rate",
    "http_err_cnt": "number", "http_err_rate": "rate", "bytes_in_cnt": "wide", "bytes_in_rate": "rate", "bytes_out_cnt": "wide",
    "bytes_out_rate": "rate", "gpc1": "number", "gpc1_rate": "rate", "server_key": "text", "http_fail_cnt": "number",
    "http_fail_rate": "rate", "gpt": "number", "gpc": "number", "gpc_rate": "rate",
}  # fmt: skip
ARRAYS: Final = frozenset(("gpt", "gpc", "gpc_rate"))
FIRST_OF: Final = {"gpc0": ("gpc", 0), "gpc1": ("gpc", 1), "gpt0": ("gpt", 0), "gpc0_rate": ("gpc_rate", 0), "gpc1_rate": ("gpc_rate", 1)}


@dataclass(slots=True)
class Stored:
    """One data type that a table stores: the size of an array (0: no array) and the period of a rate, in milliseconds."""

    name: str
    size: int = 0
    period: int = 0

    @property
    def shown(self) -> str:
        """How dumps name it, without an array's index."""
        return f"{self.name}({self.period})" if self.period else self.name


@dataclass(slots=True)
class TableSettings:
    """What a `stick-table` line says."""

    name: str
    type: str
    length: int = 0
    size: int = 0
    expire: int = 0  # milliseconds; 0: entries stay
    nopurge: bool = False
    server_key: str = "name"
    data: dict[str, Stored] = field(default_factory=dict)

    def add(self, name: str) -> None:
        """Store one more data type, if it is not stored already."""
        if name not in self.data:
            self.data[name] = Stored(name)


class Rate:
    """Events per period, as HAProxy's frequency counters keep them."""

    __slots__ = ("current", "period", "previous", "since")

    def __init__(self, period: int) -> None:
        self.period = period / 1000.0
        self.current = self.previous = 0
        self.since = -1e9

    def add(self, now: float, count: int) -> None:
        """Count events at `now`."""
        elapsed = now - self.since
        if elapsed >= self.period:
            if elapsed >= 2 * self.period:
                self.previous, self.since = 0, now
            else:
                self.previous, self.since = self.current, self.since + self.period
            self.current = 0
        self.current += count

    def set(self, now: float, count: int) -> None:
        """As if `count` events had just happened, and none before."""
        self.current, self.previous, self.since = count, 0, now

    def value(self, now: float) -> int:
        """Events over the last period."""
        if not self.period:
            return 0
        return int(measure(self.current, self.previous, now - self.since, self.period))


class Entry:
    """One key's data. `uses`: how many streams and sessions track it."""

    __slots__ = ("data", "expires", "key", "number", "uses")

    def __init__(self, key: bytes, data: dict[str, Any], number: int) -> None:
        self.key, self.data, self.number = key, data, number
        self.expires = NEVER
        self.uses = 0


class Table:
    """A stick table at run time."""

    def __init__(self, settings: TableSettings) -> None:
        self.settings = settings
        self.name, self.type, self.size = settings.name, settings.type, settings.size
        self.lifetime = settings.expire / 1000.0
        self.stored = [settings.data[name] for name in KINDS if name in settings.data]
        self.names = frozenset(settings.data)
        self.entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.created = 0

    def __repr__(self) -> str:
        return f"Table({self.name!r} {len(self.entries)}/{self.size})"

    @property
    def used(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    # -- keys
    def key_of(self, value: Value | None) -> bytes | None:
        """A sample as a key of this table; None when it cannot be one."""
        if value is None:
            return None
        wanted = KEY_TYPES[self.type]
        cast: Any = cast_value(value, wanted)
        if cast is None:
            return None
        if self.type == "string":
            return bytes(cast).partition(b"\0")[0][: self.settings.length]
        if self.type == "binary":
            return bytes(cast[: self.settings.length]).ljust(self.settings.length, b"\0")
        if self.type == "integer":
            return struct.pack("<I", cast & MASK32)
        packed: bytes = cast.packed
        return packed

    def sample_of(self, entry: Entry) -> Value:
        """The key as a sample."""
        from ipaddress import IPv4Address, IPv6Address

        if self.type == "integer":
            return int(struct.unpack("<I", entry.key)[0])
        if self.type == "ip":
            return IPv4Address(entry.key)
        if self.type == "ipv6":
            return IPv6Address(entry.key)
        return entry.key if self.type == "string" else Binary(entry.key)

    def key_text(self, entry: Entry) -> str:
        """The key as dumps show it."""
        if self.type == "ip":
            return socket.inet_ntop(socket.AF_INET, entry.key)
        if self.type == "ipv6":
            return socket.inet_ntop(socket.AF_INET6, entry.key)
        if self.type == "integer":
            return str(struct.unpack("<I", entry.key)[0])
        return entry.key.hex().upper() if self.type == "binary" else "".join([IN_KEYS[byte] for byte in entry.key])

    # -- entries
    def lookup(self, key: bytes | None, now: float) -> Entry | None:
        """The entry of that key, if it lives."""
        if key is None:
            return None
        self.purge(now)
        return self.entries.get(key)

    def get(self, key: bytes | None, now: float) -> Entry | None:
        """The entry of that key, made when there is none; None without a key or without room."""
        entry = self.lookup(key, now)
        return entry if entry is not None or key is None else self._create(key, now)

    def _create(self, key: bytes, now: float) -> Entry | None:
        if len(self.entries) >= self.size:
            if self.settings.nopurge:
                return None
            self._evict((self.size >> 8) + 1)
            if len(self.entries) >= self.size:
                return None
        data = {stored.name: self._fresh(stored) for stored in self.stored}
        self.created += 1
        entry = self.entries[key] = Entry(key, data, self.created)
        if self.lifetime:
            entry.expires = now + self.lifetime
        return entry

    @staticmethod
    def _fresh(stored: Stored) -> Any:
        kind = KINDS[stored.name]
        if stored.size:
            return [Rate(stored.period) if kind == "rate" else 0 for _ in range(stored.size)]
        return Rate(stored.period) if kind == "rate" else None if kind == "text" else 0

    def touch(self, entry: Entry, now: float) -> None:
        """The entry was used: it lives on as long as a new one."""
        if self.lifetime:
            entry.expires = now + self.lifetime
        if entry.key in self.entries:
            self.entries.move_to_end(entry.key)

    def purge(self, now: float) -> None:
        """Forget what has expired."""
        if not self.lifetime:
            return
        dead = []
        for entry in self.entries.values():
            if entry.expires > now:
                break
            if not entry.uses:
                dead.append(entry.key)
        for key in dead:
            del self.entries[key]

    def _evict(self, count: int) -> None:
        """Make room: the entries unused for longest go."""
        dead = []
        for entry in self.entries.values():
            if not entry.uses:
                dead.append(entry.key)
                if len(dead) == count:
                    break
        for key in dead:
            del self.entries[key]

    def remove(self, entry: Entry) -> bool:
        """Forget an entry, unless somebody tracks it."""
        if entry.uses:
            return False
        self.entries.pop(entry.key, None)
        return True

    def in_order(self, now: float) -> Iterator[Entry]:
        """All entries by key."""
        self.purge(now)
        for key in sorted(self.entries):
            entry = self.entries.get(key)
            if entry is not None:
                yield entry

    # -- data
    def place(self, name: str) -> tuple[str, int] | None:
        """Where data of that name is kept: its type, and its index in an array (-1: none); None when it is not stored."""
        if name in self.names:
            return name, -1
        first = FIRST_OF.get(name)
        if first is not None and first[0] in self.names and first[1] < self.settings.data[first[0]].size:
            return first
        return None

    def element(self, name: str, index: int) -> tuple[str, int] | None:
        """The place of an array's element; None when there is no such element."""
        stored = self.settings.data.get(name)
        return (name, index) if stored is not None and 0 <= index < stored.size else None

    @staticmethod
    def read(entry: Entry, place: tuple[str, int], now: float) -> Any:
        """The value at a place; of a rate, the present one."""
        held = entry.data[place[0]]
        if place[1] >= 0:
            held = held[place[1]]
        return held.value(now) if isinstance(held, Rate) else held

    @staticmethod
    def write(entry: Entry, place: tuple[str, int], value: int, now: float) -> None:
        """Give the data at a place another value."""
        name, index = place
        held = entry.data[name]
        inner = held[index] if index >= 0 else held
        kind = KINDS[name]
        if kind == "text":
            return
        if isinstance(inner, Rate):
            inner.set(now, value & MASK32)
            return
        value &= MASK32 if kind == "number" else 0xFFFFFFFFFFFFFFFF
        if kind == "signed":
            value = (value + 0x80000000) % 0x100000000 - 0x80000000
        if index >= 0:
            held[index] = value
        else:
            entry.data[name] = value

    def add(self, entry: Entry, name: str, count: int, now: float) -> None:
        """Add to a counter or a rate, if the table stores it."""
        held = entry.data.get(name)
        if isinstance(held, Rate):
            held.add(now, count)
        elif held is not None:
            entry.data[name] = (held + count) & (MASK32 if KINDS[name] == "number" else 0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class StickRule:
    """One `stick` rule: what its expression gives is a key of `table`; `match` looks a server up, `store` remembers one."""

    call: Expr
    table: str
    test: Test | None
    match: bool = False
    store: bool = False
    response: bool = False  # the expression belongs to the response


def make_tables(config: Any) -> dict[str, Table] | None:
    """The tables of a configuration by name, in its order; None when there are none."""
    tables = {
        proxy.name: Table(proxy.stick_table)
        for proxy in config.proxies
        if proxy.stick_table is not None and not proxy.disabled
    }
    return tables or None
