"""The `map` family: look the value up in a file of patterns and values (configuration.txt 7.3.1).

`map_<match>_<output>`; all converters that name one file share its pattern list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base.errors import Alert
from pylb.keywords.converters.text import expand
from pylb.keywords.fetches.constants import raw
from pylb.sample.casts import str_to_address, str_to_int
from pylb.sample.context import CompileContext
from pylb.sample.indexes import Entry
from pylb.sample.registry import converter
from pylb.sample.store import PatternList
from pylb.sample.types import Type, Value
from pylb.sample.validity import Checkpoint

METHODS = {"str": Type.STR, "beg": Type.STR, "sub": Type.STR, "dir": Type.STR, "dom": Type.STR, "end": Type.STR, "reg": Type.STR}
INPUTS = {**METHODS, "int": Type.SINT, "ip": Type.ADDR}
OUTPUTS = {"str": Type.STR, "int": Type.SINT, "ip": Type.ADDR}
NUMBER = re.compile(r"\s*[+-]?\d+\s*\Z")


def read_sample(text: str, output: str) -> Value:
    """What a pattern maps to, as the converter's output type."""
    value: Value | None
    if output == "str":
        return raw(text)
    if output == "int":
        value = str_to_int(text.strip().encode()) if NUMBER.match(text) else None
    else:
        value = str_to_address(text.encode("latin-1", "replace"))
    if value is None:
        raise Alert(f"unable to parse '{text}'")
    return value


def value_of(entry: Entry, output: str) -> Value | None:
    """An entry's value, read once per output type; None when a change made it unreadable."""
    found = entry.value.get(output)
    if found is None:
        try:
            found = entry.value[output] = read_sample(entry.sample or "", output)
        except Alert:
            return None
    return found


def load(context: CompileContext, name: str) -> PatternList:
    """The map of that file, which is read before the process serves."""
    if context.checkpoints is Checkpoint.CLI:
        raise Alert("map: cannot load map at runtime")
    place = context.place
    used_by = f"map at file '{place.file}' line {place.line}" if place is not None else "map"
    return context.pattern_store().file(name, True, used_by, for_acl=False)


def lookup(method: str, output: str) -> Callable[..., Callable[[Any], Value | None]]:
    """The factory of one member of the family."""

    def factory(context: CompileContext, name: str, default: Any = None) -> Callable[[Any], Value | None]:
        """Look the value up in a map file; without a match the default counts."""
        patterns = load(context, name)
        index = patterns.index(method)
        for entry in patterns.current():
            try:
                entry.value[output] = read_sample(entry.sample or "", output)
            except Alert as alert:
                raise Alert(f"{alert} at line {entry.line} of file '{name}'") from None
        fallback = default_value(default, output)

        def find(value: Any) -> Value | None:
            entry = index.find(value)
            if entry is None:
                return fallback
            found = entry.value.get(output)
            return found if found is not None else value_of(entry, output)

        return find

    return factory


def default_value(default: Any, output: str) -> Value | None:
    """What to answer without a match."""
    if default is None or (default == "" and output != "str"):
        return None
    if isinstance(default, int):
        return default
    if default == "":
        return None
    if output == "ip":
        address = str_to_address(default.encode("latin-1", "replace"))
        if address is None:
            raise Alert(f"failed to parse '{default}' as type 'address'")
        return address
    return raw(default)


def _register(name: str, method: str, output: str) -> None:
    args = "string[,integer]" if output == "int" else "string[,string]"
    converter(name, input=INPUTS[method], output=OUTPUTS[output], args=args, factory=True)(lookup(method, output))


_register("map", "str", "str")
for _method in INPUTS:
    _register(f"map_{_method}", _method, "str")
    _register(f"map_{_method}_int", _method, "int")
    _register(f"map_{_method}_ip", _method, "ip")


@converter("map_regm", input=Type.STR, output=Type.STR, args="string[,string]", factory=True)
def map_with_groups(context: CompileContext, name: str, default: str | None = None) -> Callable[[bytes], bytes | None]:
    r"""Like `map_reg`, and ``\1`` in the value stands for what the pattern's first group matched."""
    index = load(context, name).index("reg")
    fallback = raw(default) if default else None

    def find(value: bytes) -> bytes | None:
        for pattern, entry in index.keys:
            match = pattern.search(value)
            if match is not None:
                return expand(raw(entry.sample or ""), match)
        return fallback

    return find
