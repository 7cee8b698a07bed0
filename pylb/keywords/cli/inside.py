"""`show libs`, `show pools`: what the process consists of (management.txt 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pylb.control.registry import Answer, Level, Words, command

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli


class Mapping(NamedTuple):
    """A part of the process's memory, and the file it comes from."""

    start: int
    end: int
    path: str


def mappings() -> Iterator[Mapping]:
    """As the kernel lists them; memory without a file is left out."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            span, _, rest = line.partition(" ")
            path = rest.rstrip("\n").partition("/")[2]
            if path:
                start, end = (int(text, 16) for text in span.split("-"))
                yield Mapping(start, end, "/" + path)


@command("show libs", usage="show libs", help="show loaded object files and libraries", level=Level.OPERATOR)
def show_libs(cli: Cli, words: Words) -> Answer:
    """The program and the shared objects in its memory: from their first byte to their last."""
    places: dict[str, list[Mapping]] = {}
    for part in mappings():
        places.setdefault(part.path, []).append(part)
    program = next(iter(places), "")
    return "".join(library_line(parts) for path, parts in places.items() if path == program or ".so" in path)


def library_line(parts: list[Mapping]) -> str:
    start, end = parts[0].start, max(part.end for part in parts)
    return f"{start:#014x}-{end - 1:#014x} ({end - start:#09x}) {parts[0].path}\n"


@command("show pools", usage="show pools", help="report information about the memory pools usage")
def show_pools(cli: Cli, words: Words) -> str:
    """There are none: memory is Python's to share out."""
    return "Dumping pools usage. Use SIGQUIT to flush them.\nTotal: 0 pools, 0 bytes allocated, 0 used (~0 by thread caches).\n"
