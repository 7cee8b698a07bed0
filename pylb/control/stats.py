"""`show stat` and `show info`: which rows, in which order, and how they are written: CSV, typed, JSON.

Order (management.txt 9.1): proxies as the configuration has them; of each its FRONTEND line, its listeners under `option socket-stats`, its
servers, its BACKEND line. Texts end with the newline of their last line; the empty line that ends an answer on the socket is the CLI's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pylb.proxy.counters import clear_all, clear_highest
from pylb.proxy.fields import FIELDS, MODULE_COLUMNS, OBJECT_NAMES, POSITIONS, Row, Value
from pylb.proxy.info import InfoLine, read_info
from pylb.proxy.proxy import Backend, Frontend
from pylb.proxy.readings import View, backend_row, frontend_row, listener_rows, server_row
from pylb.proxy.server import Server

if TYPE_CHECKING:
    from pylb.proxy.process import Process

FRONTENDS, BACKENDS, SERVERS, LISTENERS = 1, 2, 4, 8  # the <type> mask of `show stat <iid> <type> <sid>`
EVERYTHING = FRONTENDS | BACKENDS | SERVERS | LISTENERS


@dataclass(slots=True)
class Filter:
    """Which rows are wanted. -1 means all; a number chooses among servers and listeners only."""

    proxy_id: int = -1
    types: int = EVERYTHING
    server_id: int = -1
    up: bool = False  # not those that are down
    no_maintenance: bool = False
    scope: str = ""  # part of the proxy's name
    own_scope: tuple[str, ...] = ()  # `stats scope`: names of proxies; empty: all
    legends: bool = True

    def view(self, now: float) -> View:
        """How to look at the objects."""
        return View(now, self.legends, self.up or self.no_maintenance)

    def wants(self, face: Frontend | Backend) -> bool:
        """Is this proxy to be shown at all?"""
        if self.proxy_id not in (-1, face.id) or not face.id or face.stopped and face.settings.disabled:
            return False
        if self.scope and self.scope not in face.name:
            return False
        return not self.own_scope or face.name in self.own_scope


def rows(process: Process, want: Filter) -> Iterator[Row]:
    """The rows in HAProxy's order, read as they are asked for."""
    for face in faces(process, want):
        yield from rows_of(face, want, process.clock.now())


def rows_of(face: Frontend | Backend, want: Filter, now: float) -> Iterator[Row]:
    """Those of one proxy's face."""
    view = want.view(now)
    return frontend_rows(face, want, view) if isinstance(face, Frontend) else backend_rows(face, want, view)


def faces(process: Process, want: Filter) -> Iterator[Frontend | Backend]:
    """The proxies to be shown; of a `listen` the frontend comes first."""
    return (face for face in process.proxies if want.wants(face))


def frontend_rows(frontend: Frontend, want: Filter, view: View) -> Iterator[Row]:
    """A frontend and its listeners."""
    if want.types & FRONTENDS:
        yield frontend_row(frontend, view)
    if want.types & LISTENERS and "socket-stats" in frontend.settings.options:
        for row in listener_rows(frontend, view):
            if want.server_id in (-1, row.id):
                yield row


def backend_rows(backend: Backend, want: Filter, view: View) -> Iterator[Row]:
    """A backend's servers, then itself."""
    if want.types & SERVERS:
        for server in backend.servers:
            if want.server_id in (-1, server.id) and is_shown(server.status_text, want):
                yield server_row(server, view)
    if want.types & BACKENDS:
        yield backend_row(backend, view)


def is_shown(status: str, want: Filter) -> bool:
    """`up` leaves out what is down or in maintenance, `no-maint` what is in maintenance."""
    maintenance = status.startswith("MAINT")
    if want.up and (maintenance or status.startswith("DOWN")):
        return False
    return not (want.no_maintenance and maintenance)


def clear_counters(process: Process, everything: bool = False) -> None:
    """`clear counters [all]`: greatest values, or every total; what goes on now stays."""
    clear = clear_all if everything else clear_highest
    sent = process.bytes_out()
    for face in process.proxies:
        parts = face.listeners if isinstance(face, Frontend) else face.servers
        downs = face.counters.chkdown if isinstance(face, Backend) else 0
        for thing in (face, *parts):
            clear(thing.counters)
            if isinstance(thing, (Backend, Server)):
                thing.queue.peak = 0
        if isinstance(face, Backend):
            face.counters.chkdown = downs  # HAProxy keeps how often a backend went down
    clear_highest(process.counters)
    process.counters.bytes_out_total += sent - process.bytes_out()  # this one stays, though the muxes' counts begin again


# -- CSV

CSV_HEADER: Final = "# " + "".join(column.name + "," for column in FIELDS) + "\n"


def csv_text(value: Value) -> str:
    """A cell; quoted only when it must be."""
    if value is None:
        return ""
    text = str(value)
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv(some_rows: Iterable[Row]) -> Iterator[str]:
    """The header, then a line per row; every cell is followed by a comma."""
    yield CSV_HEADER
    for row in some_rows:
        yield "".join(csv_text(value) + "," for value in row.values) + "\n"


# -- typed output (management.txt 9.2)


def typed(some_rows: Iterable[Row], descriptions: bool = False) -> Iterator[str]:
    """A line per value."""
    for row in some_rows:
        lines = [typed_line(row, position, descriptions) for position, value in enumerate(row.values) if value is not None and position != MODULE_COLUMNS]
        yield "".join(lines)


def typed_line(row: Row, position: int, descriptions: bool) -> str:
    column = FIELDS[position]
    name = f"{row.kind}.{row.proxy_id}.{row.id}.{POSITIONS[position]}.{column.name}.1"
    description = f':"{column.description}"' if descriptions else ""
    return f"{name}:{column.tags_of(row.kind)}:{column.type}:{row.values[position]}{description}\n"


# -- JSON

ORIGINS: Final = {"M": "Metric", "S": "Status", "K": "Key", "C": "Config", "P": "Product"}
NATURES: Final = {
    "G": "Gauge", "L": "Limit", "m": "Min", "M": "Max", "R": "Rate", "C": "Counter", "D": "Duration", "A": "Age", "T": "Time", "N": "Name", "O": "Output",
    "a": "Avg",
}  # fmt: skip
SCOPES: Final = {"C": "Cluster", "P": "Process", "S": "Service", "s": "System"}


def json_tags(tags: str) -> str:
    """Origin, nature and scope in words."""
    return f'{{"origin":"{ORIGINS[tags[0]]}","nature":"{NATURES[tags[1]]}","scope":"{SCOPES[tags[2]]}"}}'


def json_value(kind: str, value: int | float | str) -> str:
    """A value with its type. Texts are not escaped: HAProxy does not either, and says the same of a quoted agent message."""
    text = f'"{value}"' if isinstance(value, str) else number_text(value)
    return f'{{"type":"{kind}","value":{text}}}'


def number_text(value: int | float) -> str:
    """A number; a float as C's %f without the zeros at its end."""
    if isinstance(value, int):
        return str(value)
    return f"{value:f}".rstrip("0").rstrip(".")


def as_json(some_rows: Iterable[Row]) -> Iterator[str]:
    """One array per row in one array."""
    yield "["
    for index, row in enumerate(some_rows):
        yield ("," if index else "") + "[" + ",".join(json_cells(row)) + "]"
    yield "]\n"


def json_cells(row: Row) -> Iterator[str]:
    for position, value in enumerate(row.values):
        if value is None or position == MODULE_COLUMNS:
            continue
        column = FIELDS[position]
        owner = f'"objType":"{OBJECT_NAMES[row.kind]}","proxyId":{row.proxy_id},"id":{row.id}'
        place = f'"field":{{"pos":{POSITIONS[position]},"name":"{column.name}"}},"processNum":1'
        yield f'{{{owner},{place},"tags":{json_tags(column.tags_of(row.kind))},"value":{json_value(column.type, value)}}}'


# -- show info


def info_lines(process: Process, floats: bool = False) -> Iterator[InfoLine]:
    """The lines that have a value."""
    return (line for line in read_info(process, floats) if line.value is not None)


def info_text(line: InfoLine) -> str:
    """The value as users see it."""
    return line.value if isinstance(line.value, str) else number_text(line.value or 0)


def description(line: InfoLine, wanted: bool) -> str:
    return f':"{line.field.description}"' if wanted else ""


def info_plain(process: Process, floats: bool = False, descriptions: bool = False) -> str:
    """`Name: value`."""
    return "".join(f"{line.field.name}: {info_text(line)}{description(line, descriptions)}\n" for line in info_lines(process, floats))


def info_typed(process: Process, floats: bool = False, descriptions: bool = False) -> str:
    """One typed line per value."""
    lines = []
    for line in info_lines(process, floats):
        name = f"{line.position}.{line.field.name}.1:{line.tags}:{line.type}"
        lines.append(f"{name}:{info_text(line)}{description(line, descriptions)}\n")
    return "".join(lines)


def info_json(process: Process, floats: bool = False) -> str:
    """One array of all values."""
    cells = []
    for line in info_lines(process, floats):
        value = json_value(line.type, line.value if line.value is not None else 0)
        place = f'"field":{{"pos":{line.position},"name":"{line.field.name}"}},"processNum":1'
        cells.append(f'{{{place},"tags":{json_tags(line.tags)},"value":{value}}}')
    return "[" + ",".join(cells) + "]\n"
