"""Waiting for descriptors. `select.select` refuses numbers above 1023, which a whole run of the tests can reach."""

from __future__ import annotations

import select
from typing import Protocol


class HasDescriptor(Protocol):
    """A socket, or a number's owner."""

    def fileno(self) -> int: ...


def readable(one: HasDescriptor | int, seconds: float) -> bool:
    """Is there something to read, or does it come within so many seconds?"""
    poll = select.poll()
    poll.register(one, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
