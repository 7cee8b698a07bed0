"""The matching methods of ACLs and maps (configuration.txt 7.1): which type they look at, and how.

Methods without patterns are plain tests of the value; the others are kinds of index over a pattern list.
"""

from __future__ import annotations

from typing import Any

from pylb.sample import indexes, ranges
from pylb.sample.networks import Networks
from pylb.sample.registry import matcher
from pylb.sample.types import Type


@matcher("found", expects=Type.ANY, patterns=False, public=True, inline="True")
def found(value: Any) -> bool:
    """There is a sample, whatever it is."""
    return True


@matcher("bool", expects=Type.SINT, patterns=False, public=True, inline="{value} != 0")
def true(value: int) -> bool:
    """The value is not zero."""
    return value != 0


for _name, _expects, _index in (
    ("int", Type.SINT, ranges.Numbers),
    ("ip", Type.ADDR, Networks),
    ("bin", Type.BIN, indexes.Bytes),
    ("len", Type.STR, ranges.Lengths),
    ("str", Type.STR, indexes.Exact),
    ("beg", Type.STR, indexes.Beginning),
    ("sub", Type.STR, indexes.Substring),
    ("dir", Type.STR, indexes.Directory),
    ("dom", Type.STR, indexes.Domain),
    ("end", Type.STR, indexes.Ending),
    ("reg", Type.STR, indexes.Regex),
):
    matcher(_name, expects=_expects, patterns=True, public=True)(_index)
matcher("version", expects=Type.SINT, patterns=True, public=False)(ranges.Versions)
