"""Fetches about compression (configuration.txt 7.3.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.keywords.filters.compression import Compression, compression
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Phase, Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from pylb.stream.driver import Stream


def of(stream: Stream) -> Compression | None:
    """The filter that compresses the stream's response; a session has none."""
    return next((one for one in getattr(stream, "filters", ()) if isinstance(one, Compression) and one.chosen), None)


@fetch("res.comp", type=Type.BOOL, source=Source.RESPONSE_FINAL)
def is_compressed(stream: Stream) -> bool:
    """Is the response compressed?"""
    return of(stream) is not None


@fetch("res.comp_algo", type=Type.STR, source=Source.RESPONSE_FINAL, factory=True)
def algorithm(context: CompileContext) -> Callable[[Any], bytes | None]:
    """The algorithm that compresses the response. In logs a backend's filter is gone already."""
    in_log = context.phase == Phase.LOG

    def name(stream: Stream) -> bytes | None:
        found = of(stream)
        return None if found is None or (in_log and compression not in stream.frontend.filters) else found.algorithm.encode()

    return name
