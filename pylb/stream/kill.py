"""Ending a stream from outside: the operator does (`shutdown session`), or its server goes down, or comes back from its backups.

HAProxy shuts both sides of the server's connection and lets the rest follow, so that what the client sees depends on where the stream is; one that has no
connection yet goes on as if nothing had happened, and only its log line tells.
"""

from __future__ import annotations

from typing import Any

from pylb.stream.verdict import Stop

NOWHERE = "-"  # the second letter of a stream whose client is told nothing


def kill(stream: Any, who: str) -> None:
    """End an HTTP stream for the reason with the first letter `who`."""
    stream.killer = who
    if stream.back is not None:
        strike(stream)
    elif stream.connecting is not None:
        stream.stop(Stop(who, NOWHERE, 0))


def strike(stream: Any) -> None:
    """The connection of a killed stream is there: that ends it, unless something else has."""
    who = stream.killer
    if stream.back is None:
        return
    if stream.forwarding:
        stream.count("srv_abrt")
        stream.stop(Stop(who, "D"))
    elif not stream.request_complete:
        stream.stop(Stop(who, NOWHERE, 0))
    else:
        stream.count("eresp")
        stream.stop(Stop(who, "H", 502))
