"""Counters as attributes: plain records for one worker, the same records over shared memory for several.

A record is a slotted dataclass whose fields are int, float, or other such records. One worker uses the record itself: adding to a slot
is the cheapest thing Python can do. Several workers use its twin, a ctypes structure over an anonymous shared map made before they are
forked, one row per worker: the syntax (`row.req_tot += 1`) and the methods are the same.

Invariants: a row has one writer, so nothing is locked; readers combine rows. Names that end in `_max` combine as the maximum, other
numbers as the sum; a nested record that has `combine` decides for itself.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from types import FunctionType
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")
_twins: dict[type[Any], type[ctypes.Structure]] = {}


def twin(record: type[Any]) -> type[ctypes.Structure]:
    """The ctypes structure that has the fields, the methods and the properties of `record`."""
    if record in _twins:
        return _twins[record]
    hints = get_type_hints(record)
    layout = [(cell.name, _storage(hints[cell.name])) for cell in fields(record)]
    body: dict[str, Any] = {"_fields_": layout, "record": record}
    for ancestor in reversed(record.__mro__[:-1]):
        for name, value in vars(ancestor).items():
            if isinstance(value, (FunctionType, property, staticmethod)) and not name.startswith("__"):
                body[name] = value
    _twins[record] = type("Shared" + record.__name__, (ctypes.Structure,), body)
    return _twins[record]


def _storage(kind: type[Any]) -> type[Any]:
    if kind is int:
        return ctypes.c_int64
    return ctypes.c_double if kind is float else twin(kind)


def shared_rows(record: type[R], workers: int) -> list[R]:
    """One row per worker in memory that survives fork as the same memory; every cell has its default value."""
    structure = twin(record)
    size = ctypes.sizeof(structure)
    memory = mmap.mmap(-1, size * workers)
    rows: list[Any] = [structure.from_buffer(memory, size * worker) for worker in range(workers)]
    for row in rows:
        _fill(row, record)
    return rows


def _fill(row: Any, record: type[Any]) -> None:
    hints = get_type_hints(record)
    for cell in fields(record):
        if hints[cell.name] in (int, float):
            setattr(row, cell.name, default(cell))
        else:
            _fill(getattr(row, cell.name), hints[cell.name])


def default(cell: Field[Any]) -> Any:
    """What a cell holds before anything was counted."""
    if cell.default is not MISSING:
        return cell.default
    return cell.default_factory() if cell.default_factory is not MISSING else 0


def combined(record: type[R], rows: Sequence[R]) -> R:
    """What the rows say together; with one row that row itself, not a copy."""
    if len(rows) == 1:
        return rows[0]
    hints = get_type_hints(record)
    together = record()
    for cell in fields(record):  # type: ignore[arg-type]
        values = [getattr(row, cell.name) for row in rows]
        setattr(together, cell.name, _combine(cell.name, hints[cell.name], values))
    return together


def _combine(name: str, kind: type[Any], values: list[Any]) -> Any:
    if kind is int:
        return max(values) if name.endswith("_max") else sum(values)
    if kind is float:  # moments: the latest
        return max(values)
    return kind.combine(values) if hasattr(kind, "combine") else combined(kind, values)
