"""Captures of invalid messages: what `show errors` tells (management.txt `show errors`)."""

from __future__ import annotations

from dataclasses import dataclass

from pylb.wire.h1_state import Standing

NOBODY = ("<NONE>", -1)


@dataclass(frozen=True, slots=True)
class Captured:
    """A message as its connection saw it: the buffer and the parser."""

    data: bytes  # what was in the buffer
    consumed: int  # bytes of earlier messages that came with it
    position: int  # of the offending byte
    connection: int  # flags
    stream: int  # flags
    standing: Standing


@dataclass(frozen=True, slots=True)
class ErrorCapture:
    """One message that could not be understood, or only just."""

    event: int  # how many had been captured before
    wall: float
    source: tuple[str, int]
    other: tuple[str, int]  # name and id of the backend of a request, the frontend of a response
    server: tuple[str, int]
    message: Captured
