"""Fetches of what a stream has cost so far (configuration.txt 7.3.2); times are measured with `profiling.tasks on` only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Type
from pylb.sample.validity import Source

READ: dict[str, Callable[[Any], int]] = {
    "cpu_calls": lambda stream: stream.calls,
    "cpu_ns_avg": lambda stream: stream.cpu_ns // stream.calls if stream.calls else 0,
    "cpu_ns_tot": lambda stream: stream.cpu_ns,
    "lat_ns_avg": lambda stream: 0,  # who wakes a stream runs it at once
    "lat_ns_tot": lambda stream: 0,
}


def _cost(name: str, read: Callable[[Any], int]) -> None:
    def factory(context: CompileContext) -> Callable[[Any], int | None]:
        """How often the stream was resumed, or for how long it ran; nothing where there is no stream."""
        if context.config is not None:
            context.config.global_.counts_calls = True
        return lambda stream: read(stream) if hasattr(stream, "calls") else None

    fetch(name, type=Type.SINT, source=Source.INTERNAL, factory=True, volatile=True)(factory)


for _name, _read in READ.items():
    _cost(_name, _read)
