"""Captures of invalid messages: what `show errors` tells (management.txt `show errors`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCapture:
    """One message that could not be understood."""

    event: int  # how many had been captured before
    wall: float
    source: tuple[str, int]
    backend: tuple[str, int]  # name and id; ("<NONE>", -1) when there is none
    server: tuple[str, int]
    data: bytes  # what was in the buffer
    position: int  # of the offending byte
    why: str
