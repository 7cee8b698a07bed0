"""Converters that look a value up in a stick table: `in_table` and the `table_` family (configuration.txt 7.3.1). Looking up refreshes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.keywords.fetches.tables import element_of, kilobytes_of, number_of, table_name
from pylb.proxy.table import Entry, Table
from pylb.sample.arguments import Named
from pylb.sample.context import CompileContext
from pylb.sample.registry import converter
from pylb.sample.types import Type, Value

Measure = Callable[[Table, "Entry | None", float, int], "Value | None"]
Convert = Callable[[Any, Value], "Value | None"]
NUMBERS = (
    "bytes_in_rate bytes_out_rate conn_cnt conn_cur conn_rate gpc0 gpc0_rate gpc1 gpc1_rate gpt0 http_err_cnt http_err_rate http_fail_cnt"
    " http_fail_rate http_req_cnt http_req_rate server_id sess_cnt sess_rate"
).split()


def looking_up(name: str | None, measure: Measure, index: int = 0) -> Convert:
    """A converter's function: find the entry, measure it."""

    def convert(subject: Any, value: Value) -> Value | None:
        table: Table = subject.process.tables[name]
        key = table.key_of(value)
        if key is None:
            return None
        now = subject.process.clock.now()
        return measure(table, table.lookup(key, now), now, index)

    return convert


def seen(table: Table, entry: Entry | None, now: float, index: int) -> int:
    return entry.uses + 1 if entry is not None else 0


def _register(word: str, measure: Measure, manual: str) -> None:
    def factory(context: CompileContext, table: Named) -> Convert:
        return looking_up(table_name(context, table), measure)

    factory.__doc__ = manual
    converter(f"table_{word}", input=Type.ANY, output=Type.SINT, args="table", factory=True, stream=True)(factory)


def _register_element(word: str, measure: Measure, manual: str) -> None:
    def factory(context: CompileContext, index: int, table: Named) -> Convert:
        return looking_up(table_name(context, table), measure, index)

    factory.__doc__ = manual
    converter(f"table_{word}", input=Type.ANY, output=Type.SINT, args="integer,table", factory=True, stream=True)(factory)


for _word in NUMBERS:
    _register(_word, number_of(_word), f"The {_word} of the value's entry; 0 without one.")
for _word in ("gpc", "gpc_rate", "gpt"):
    _register_element(_word, element_of(_word), f"An element of the {_word} of the value's entry; 0 without one.")
_register("kbytes_in", kilobytes_of("bytes_in_cnt"), "Bytes from clients of the value's entry, in units of 1024.")
_register("kbytes_out", kilobytes_of("bytes_out_cnt"), "Bytes to clients of the value's entry, in units of 1024.")
_register("trackers", seen, "How many use the value's entry; who asks is one of them.")


@converter("in_table", input=Type.ANY, output=Type.BOOL, args="table", factory=True, stream=True)
def in_table(context: CompileContext, table: Named) -> Convert:
    """Has the table an entry of this value?"""
    return looking_up(table_name(context, table), lambda table, entry, now, index: entry is not None)


def remaining(table: Table, entry: Entry | None, now: float, default: int | None) -> int | None:
    """Milliseconds until the entry expires; 0 when it does not."""
    if entry is None:
        return default
    return max(0, round((entry.expires - now) * 1000)) if table.lifetime else 0


def idle(table: Table, entry: Entry | None, now: float, default: int | None) -> int | None:
    """Milliseconds since the entry was used."""
    if entry is None:
        return default
    left = remaining(table, entry, now, None) or 0
    return table.settings.expire - left


def _register_time(word: str, measure: Callable[[Table, Entry | None, float, int | None], int | None]) -> None:
    def factory(context: CompileContext, table: Named, default: int | None = None) -> Convert:
        return looking_up(table_name(context, table), lambda found, entry, now, index: measure(found, entry, now, default))

    factory.__doc__ = measure.__doc__
    converter(f"table_{word}", input=Type.ANY, output=Type.SINT, args="table[,integer]", factory=True, stream=True)(factory)


_register_time("expire", remaining)
_register_time("idle", idle)
