"""Fetches of stick tables: `sc_*` and `sc0_*` to `sc2_*` of what is tracked, `src_*` of the client's address, sizes of tables
(configuration.txt 7.3.2, 7.3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.keywords.fetches.connection import address
from pylb.proxy.table import Entry, Table
from pylb.sample.arguments import Named
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Type, Value
from pylb.sample.validity import Source
from pylb.stream import tracking

Find = Callable[[Any, bool], "tuple[Table, Entry | None] | None"]  # the subject; may an entry be made?
Measure = Callable[[Table, "Entry | None", float, int], "Value | None"]

# fetch -> the data it shows
NUMBERS = {
    "conn_cnt": "conn_cnt", "conn_cur": "conn_cur", "conn_rate": "conn_rate", "sess_cnt": "sess_cnt", "sess_rate": "sess_rate",
    "http_req_cnt": "http_req_cnt", "http_req_rate": "http_req_rate", "http_err_cnt": "http_err_cnt", "http_err_rate": "http_err_rate",
    "http_fail_cnt": "http_fail_cnt", "http_fail_rate": "http_fail_rate", "bytes_in_rate": "bytes_in_rate",
    "bytes_out_rate": "bytes_out_rate", "get_gpc0": "gpc0", "get_gpc1": "gpc1", "get_gpt0": "gpt0", "gpc0_rate": "gpc0_rate",
    "gpc1_rate": "gpc1_rate",
}  # fmt: skip
ELEMENTS = {"get_gpc": "gpc", "get_gpt": "gpt", "gpc_rate": "gpc_rate"}
KBYTES = {"kbytes_in": "bytes_in_cnt", "kbytes_out": "bytes_out_cnt"}


def table_name(context: CompileContext, name: Named | None) -> str | None:
    """The table a name stands for; the proxy's own when it is empty."""
    if name is None:
        return None
    return name.name or (context.proxy.name if context.proxy is not None else "")


def source_key(subject: Any, table: Table) -> bytes | None:
    """The client's address as a key."""
    return table.key_of(address(subject.session.source[0]))


def tracked(number: int, other: str | None) -> Find:
    """What is tracked under a number, or the entry of the same key in another table."""

    def find(subject: Any, make: bool) -> tuple[Table, Entry | None] | None:
        found = tracking.held(subject, number)
        if found is None or other is None:
            return found
        table: Table = subject.process.tables[other]
        now = subject.process.clock.now()
        return table, table.lookup(found[1].key, now)

    return find


def of_source(name: str) -> Find:
    """The entry of the client's address."""

    def find(subject: Any, make: bool) -> tuple[Table, Entry | None] | None:
        table: Table = subject.process.tables[name]
        key = source_key(subject, table)
        if key is None:
            return None
        now = subject.process.clock.now()
        return table, table.get(key, now) if make else table.lookup(key, now)

    return find


def number_of(name: str) -> Measure:
    def measure(table: Table, entry: Entry | None, now: float, index: int) -> int | None:
        if entry is None:
            return 0
        place = table.place(name)
        return None if place is None else table.read(entry, place, now)

    return measure


def element_of(array: str) -> Measure:
    def measure(table: Table, entry: Entry | None, now: float, index: int) -> int | None:
        if entry is None:
            return 0
        place = table.element(array, index)
        return None if place is None else table.read(entry, place, now)

    return measure


def kilobytes_of(name: str) -> Measure:
    def measure(table: Table, entry: Entry | None, now: float, index: int) -> int | None:
        if entry is None:
            return 0
        return entry.data[name] >> 10 if name in table.names else None

    return measure


def incremented(fixed: int | None) -> Measure:
    def measure(table: Table, entry: Entry | None, now: float, index: int) -> int | None:
        if entry is None:
            return 0
        return tracking.increment(table, entry, index if fixed is None else fixed, fixed is not None, now)

    return measure


def cleared(fixed: int | None) -> Measure:
    def measure(table: Table, entry: Entry | None, now: float, index: int) -> int | None:
        if entry is None:
            return 0
        place = table.element("gpc", index) if fixed is None else table.place(f"gpc{fixed}")
        if place is None:
            return None
        before: int = table.read(entry, place, now)
        table.write(entry, place, 0, now)
        table.touch(entry, now)
        return before

    return measure


def trackers(table: Table, entry: Entry | None, now: float, index: int) -> int:
    return entry.uses if entry is not None else 0


def updated(table: Table, entry: Entry | None, now: float, index: int) -> int | None:
    if entry is None or "conn_cnt" not in table.names:
        return None
    table.add(entry, "conn_cnt", 1, now)
    table.touch(entry, now)
    count: int = entry.data["conn_cnt"]
    return count


def bind(find: Find, measure: Measure, index: int, make: bool) -> Callable[[Any], Value | None]:
    """One fetch with its arguments."""

    def call(subject: Any) -> Value | None:
        found = find(subject, make)
        return None if found is None else measure(found[0], found[1], subject.process.clock.now(), index)

    return call


def is_tracked(find: Find) -> Callable[[Any], bool]:
    """Is something tracked? Another table that is named makes no difference."""

    def call(subject: Any) -> bool:
        return find(subject, False) is not None

    return call


def register(
    word: str, measure: Measure, manual: str, *, indexed: bool = False, make: bool = False, of: str = "sc,src", source: Source = Source.INTERNAL
) -> None:
    """Register the fetches of one piece of data."""
    if "sc" in of.split(","):
        _register_general(word, measure, manual, indexed, make, source)
        if not indexed:
            for number in range(tracking.COUNTERS):
                _register_numbered(number, word, measure, manual, make, source)
    if "src" in of.split(","):
        _register_source(word, measure, manual, indexed, make)


def _register_general(word: str, measure: Measure, manual: str, indexed: bool, make: bool, source: Source) -> None:
    def plain(context: CompileContext, number: int, table: Named | None = None) -> Callable[[Any], Value | None]:
        return bind(tracked(number, table_name(context, table)), measure, 0, make)

    def element(context: CompileContext, index: int, number: int, table: Named | None = None) -> Callable[[Any], Value | None]:
        return bind(tracked(number, table_name(context, table)), measure, index, make)

    factory: Callable[..., Any] = element if indexed else plain
    factory.__doc__ = manual
    fetch(f"sc_{word}", type=Type.SINT, source=source, args="integer,integer[,table]" if indexed else "integer[,table]", factory=True)(factory)


def _register_numbered(number: int, word: str, measure: Measure, manual: str, make: bool, source: Source) -> None:
    def factory(context: CompileContext, table: Named | None = None) -> Callable[[Any], Value | None]:
        return bind(tracked(number, table_name(context, table)), measure, 0, make)

    factory.__doc__ = manual
    fetch(f"sc{number}_{word}", type=Type.SINT, source=source, args="[table]", factory=True)(factory)


def _register_source(word: str, measure: Measure, manual: str, indexed: bool, make: bool) -> None:
    def plain(context: CompileContext, table: Named) -> Callable[[Any], Value | None]:
        return bind(of_source(table_name(context, table) or ""), measure, 0, make)

    def element(context: CompileContext, index: int, table: Named) -> Callable[[Any], Value | None]:
        return bind(of_source(table_name(context, table) or ""), measure, index, make)

    factory: Callable[..., Any] = element if indexed else plain
    factory.__doc__ = manual
    fetch(f"src_{word}", type=Type.SINT, source=Source.CLIENT_ADDRESS, args="integer,table" if indexed else "table", factory=True)(factory)


for _word, _name in NUMBERS.items():
    register(_word, number_of(_name), f"The entry's {_name}.")
for _word, _name in ELEMENTS.items():
    register(_word, element_of(_name), f"One element of the entry's {_name}.", indexed=True)
for _word, _name in KBYTES.items():
    register(_word, kilobytes_of(_name), f"The entry's {_name} in units of 1024.", source=Source.TRACKERS)
for _index in (0, 1):
    register(f"inc_gpc{_index}", incremented(_index), "Add one to the counter; gives its new value.", make=True)
    register(f"clr_gpc{_index}", cleared(_index), "Set the counter to zero; gives its old value.", make=True)
register("inc_gpc", incremented(None), "Add one to a counter of the array; gives its new value.", indexed=True, make=True)
register("clr_gpc", cleared(None), "Set a counter of the array to zero; gives its old value.", indexed=True, make=True)
register("trackers", trackers, "How many sessions and streams track the entry.", of="sc")
register("updt_conn_cnt", updated, "Count a connection of this address.", of="src", make=True)


@fetch("sc1_clr_gpc", type=Type.SINT, args="integer[,table]", factory=True)
def clear_of_second(context: CompileContext, index: int, table: Named | None = None) -> Callable[[Any], Value | None]:
    """Set a counter of the array of what is tracked as sc1 to zero; gives its old value."""
    return bind(tracked(1, table_name(context, table)), cleared(None), index, False)


@fetch("sc_tracked", type=Type.BOOL, args="integer[,table]", factory=True)
def general_tracked(context: CompileContext, number: int, table: Named | None = None) -> Callable[[Any], bool]:
    """Is something tracked under this number?"""
    return is_tracked(tracked(number, table_name(context, table)))


def _numbered_tracked(number: int) -> None:
    def factory(context: CompileContext, table: Named | None = None) -> Callable[[Any], bool]:
        """Is something tracked under this number?"""
        return is_tracked(tracked(number, table_name(context, table)))

    fetch(f"sc{number}_tracked", type=Type.BOOL, args="[table]", factory=True)(factory)


for _number in range(tracking.COUNTERS):
    _numbered_tracked(_number)


@fetch("table_cnt", type=Type.SINT, args="table", factory=True)
def table_count(context: CompileContext, table: Named) -> Callable[[Any], int]:
    """How many entries a table has."""
    name = table_name(context, table)

    def count(subject: Any) -> int:
        found: Table = subject.process.tables[name]
        found.purge(subject.process.clock.now())
        return found.used

    return count


@fetch("table_avl", type=Type.SINT, args="table", factory=True)
def table_available(context: CompileContext, table: Named) -> Callable[[Any], int]:
    """How many more entries a table takes."""
    name = table_name(context, table)

    def available(subject: Any) -> int:
        found: Table = subject.process.tables[name]
        found.purge(subject.process.clock.now())
        return found.size - found.used

    return available
