"""Commands on stick tables: `show table`, `set table`, `clear table` (management.txt 9.3).

Identifiers of entries stand for the addresses that HAProxy shows: they are unique and stay the same while the entry lives.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Final

from pylb.control.registry import Answer, Level, Refusal, Words, command
from pylb.proxy.table import KINDS, Entry, Rate, Table

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

FIRST_ADDRESS: Final = 0x5600_0000_0000  # what entry numbers are added to, so that they look like HAProxy's
STEP: Final = 0x100
MOST_FILTERS: Final = 4
OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {"eq": eq, "ne": ne, "le": le, "ge": ge, "lt": lt, "gt": gt}
INTEGER: Final = re.compile(r"-?\d+\Z")
LEADING: Final = re.compile(r"\d+(?:\.\d+)*")
BY_KEY: Final = ("ip", "ipv6", "integer", "string")
SHOW_ARGUMENTS: Final = 'Optional argument only supports "data.<store_data_type>" <operator> <value> and key <key>\n'
SET_ARGUMENTS: Final = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n"
CLEAR_ARGUMENTS: Final = 'Required arguments: <table> "data.<store_data_type>" <operator> <value> or <table> key <key>\n'
ONLY_LOOKUPS: Final = 'content-based lookup is only supported with the "show" and "clear" actions\n'
Filter = Callable[[Entry], bool]


# -- what is asked for


def find(cli: Cli, name: str) -> Table:
    """The table of that name; raises Refusal."""
    table: Table | None = (cli.process.tables or {}).get(name)
    if table is None:
        raise Refusal("No such table\n")
    table.purge(cli.now)
    return table


def read_key(table: Table, text: str, doing: str) -> bytes:
    """A key as the command line spells it; raises Refusal."""
    if not text:
        raise Refusal("Key value expected\n")
    if table.type not in BY_KEY:
        raise Refusal(f"{doing} tables of type other than ip, ipv6, string and integer is not supported\n")
    if table.type == "string":
        return text.encode("latin-1")[: table.settings.length]
    if table.type == "ip":
        return ipv4_bytes(text)
    if table.type == "integer":
        if not text.isdigit() or int(text) > 0xFFFFFFFF:
            raise Refusal("Invalid key\n")
        return struct.pack("<I", int(text))
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        raise Refusal("Invalid key\n") from None


def ipv4_bytes(text: str) -> bytes:
    """Up to four numbers, each cut to a byte; what follows does not count."""
    numbers = LEADING.match(text)
    parts = numbers[0].split(".")[:4] if numbers is not None else []
    return bytes(int(part) & 255 for part in parts).ljust(4, b"\0")


def filters(cli: Cli, table: Table, words: Words) -> list[Filter]:
    """The conditions that entries must meet."""
    found: list[Filter] = []
    while len(found) < MOST_FILTERS and words.at(1 + 3 * len(found)):
        at = 1 + 3 * len(found)
        found.append(one_filter(cli, table, words, at, f"Filter entry #{len(found) + 1}: "))
    extra = 1 + 3 * MOST_FILTERS
    if words.at(extra):
        raise Refusal(f"Detected extra data in filter, {extra + 3}th word of input, after '{words.at(extra - 1)}'\n")
    return found


def one_filter(cli: Cli, table: Table, words: Words, at: int, who: str) -> Filter:
    """``data.<type> <operator> <value>``."""
    word = words.at(at)
    name = word[5:] if word.startswith("data.") else ""
    if name not in KINDS:
        raise Refusal(f"{who}Unknown data type\n")
    if name not in table.names:
        raise Refusal(f"{who}Data type not stored in this table\n")
    compare = OPERATORS.get(words.at(at + 1))
    if compare is None:
        raise Refusal(f'{who}Require and operator among "eq", "ne", "le", "ge", "lt", "gt"\n')
    if not INTEGER.match(words.at(at + 2)):
        raise Refusal(f"{who}Require a valid integer value to compare against\n")
    wanted, now = int(words.at(at + 2)), cli.now
    place = (name, 0 if table.settings.data[name].size else -1)
    return lambda entry: compare(table.read(entry, place, now) or 0, wanted)


# -- what is shown


def heading(table: Table) -> str:
    return f"# table: {table.name}, type: {table.type}, size:{table.size}, used:{table.used}\n"


def line_of(table: Table, entry: Entry, now: float) -> str:
    """One entry."""
    left = max(0, round((entry.expires - now) * 1000)) if table.lifetime else 0
    parts = [f"0x{FIRST_ADDRESS + STEP * entry.number:x}: key={table.key_text(entry)} use={entry.uses} exp={left}"]
    for stored in table.stored:
        held = entry.data[stored.name]
        values = held if stored.size else [held]
        for index, value in enumerate(values):
            name = stored.name.replace("gpc", f"gpc{index}").replace("gpt", f"gpt{index}") if stored.size else stored.name
            shown = value.value(now) if isinstance(value, Rate) else "-" if value is None else value
            parts.append(f"{name}({stored.period})={shown}" if isinstance(value, Rate) else f"{name}={shown}")
    return " ".join(parts) + "\n"


def all_tables(cli: Cli) -> Iterator[str]:
    """The heading of each table, the last declared first."""
    for table in reversed(list((cli.process.tables or {}).values())):
        table.purge(cli.now)
        yield heading(table)


@command(
    "show table",
    usage="show table <table> [<filter>]*",
    help="report table usage stats or dump this table's contents (filter: data/key)",
    level=Level.USER,
)
def show_table(cli: Cli, words: Words) -> Answer:
    """All tables, or the entries of one."""
    if not words.at(0):
        return all_tables(cli)
    table = find(cli, words.at(0))
    if words.at(1) == "key":
        entry = table.lookup(read_key(table, words.at(2), "Showing keys from"), cli.now)
        return "" if entry is None else heading(table) + line_of(table, entry, cli.now)
    if words.at(1) and not words.at(1).startswith("data."):
        raise Refusal(SHOW_ARGUMENTS)
    wanted = filters(cli, table, words)
    return listing(cli, table, wanted)


def listing(cli: Cli, table: Table, wanted: list[Filter]) -> Iterator[str]:
    """The entries that meet all conditions."""
    yield heading(table)
    for entry in table.in_order(cli.now):
        if all(test(entry) for test in wanted):
            yield line_of(table, entry, cli.now)


@command("clear table", usage="clear table <table> [<filter>]*", help="remove an entry from a table (filter: data/key)", level=Level.USER)
def clear_table(cli: Cli, words: Words) -> Answer:
    """Forget entries that nobody tracks."""
    if not words.at(0):
        raise Refusal(CLEAR_ARGUMENTS)
    table = find(cli, words.at(0))
    if words.at(1) == "key":
        entry = table.lookup(read_key(table, words.at(2), "Removing keys from"), cli.now)
        if entry is not None and not table.remove(entry):
            raise Refusal("Entry currently in use, cannot remove\n")
        return None
    if words.at(1) and not words.at(1).startswith("data."):
        raise Refusal(CLEAR_ARGUMENTS)
    wanted = filters(cli, table, words)
    return forget(cli, table, wanted)


def forget(cli: Cli, table: Table, wanted: list[Filter]) -> Answer:
    """Remove what meets all conditions."""
    for entry in list(table.in_order(cli.now)):
        if all(test(entry) for test in wanted):
            table.remove(entry)
    return None


@command("set table", usage="set table <table> key <k> [data.* <v>]*", help="update or create a table entry's data", level=Level.OPERATOR)
def set_table(cli: Cli, words: Words) -> Answer:
    """Give data of an entry other values; the entry is made when there is none."""
    if not words.at(0):
        raise Refusal(SET_ARGUMENTS)
    table = find(cli, words.at(0))
    if not words.at(1):  # HAProxy takes a command without a key for one on all entries
        return forget(cli, table, [])
    if words.at(1).startswith("data."):
        raise Refusal(ONLY_LOOKUPS)
    if words.at(1) != "key":
        raise Refusal(SET_ARGUMENTS)
    entry = table.get(read_key(table, words.at(2), "Inserting keys into"), cli.now)
    if entry is None:
        raise Refusal("Unable to allocate a new entry\n")
    for at in range(3, len(words), 2):
        if not words.at(at):
            break
        assign(table, entry, words.at(at), words.at(at + 1), cli.now)
    table.touch(entry, cli.now)
    return None


def assign(table: Table, entry: Entry, word: str, text: str, now: float) -> None:
    """One ``data.<type> <value>``."""
    if not word.startswith("data."):
        raise Refusal('"data.<type>" followed by a value expected\n')
    name = word[5:]
    if name not in KINDS:
        raise Refusal("Unknown data type\n")
    if name not in table.names:
        raise Refusal("Data type not stored in this table\n")
    if not INTEGER.match(text):
        raise Refusal("Require a valid integer value to store\n")
    table.write(entry, (name, 0 if table.settings.data[name].size else -1), int(text), now)
