"""The arithmetic of weights and slots: `weight`, `set weight`, `slowstart`, `minconn`/`maxconn`/`fullconn` (configuration.txt 5.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pylb.proxy.server import Server

FULL: Final = 16  # the ramp of a server that is not starting: effective weights are sixteenths
GREATEST: Final = 256

EMPTY = "Empty weight string empty or preceded by garbage"
TRAILING = "Trailing garbage in weight string"
NEGATIVE = "Relative weight must be positive."
OUT_OF_RANGE = "Absolute weight can only be between 0 and 256 inclusive."
STATIC = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'."

NUMBER = re.compile(r"\s*([+-]?\d+)(%?)(.*)", re.DOTALL)


def parse(text: str, configured: int) -> int | str:
    """The weight that a command's text means, or what is wrong with it."""
    match = NUMBER.match(text)
    if match is None:
        return EMPTY
    number, relative, rest = int(match[1]), bool(match[2]), match[3]
    if rest:
        return TRAILING
    if relative:
        return NEGATIVE if number < 0 else min(configured * number // 100, GREATEST)
    return number if 0 <= number <= GREATEST else OUT_OF_RANGE


def effective(weight: int, ramp: int) -> int:
    """The weight balancing works with."""
    return weight * ramp


def elapsed(server: Server, now: float) -> int:
    """Whole seconds since the server came up."""
    return max(0, int(now) - int(server.last_change))


def ramp(server: Server, now: float) -> int:
    """How far a slow start has come, in sixteenths: at least one, and a step with each second."""
    duration = max(1, server.settings.slowstart // 1000)
    return min(FULL, (FULL * elapsed(server, now) + duration) // duration)


def dynamic_slots(server: Server) -> int:
    """The limit of a server whose `minconn` is below its `maxconn`, or that is starting slowly."""
    backend = server.backend
    limit, full = server.maxconn, backend.full_connections
    if server.minconn != server.maxconn and full and backend.counters.scur < full:
        limit = max(server.minconn, backend.counters.scur * server.maxconn // full)
    if server.ramp < FULL:
        duration = max(1, server.settings.slowstart // 1000)
        limit = max(1, limit * (100 * elapsed(server, backend.process.clock.now()) // duration) // 100)
    return limit
