"""The algorithms of `balance`: one class each, registered under the word of the configuration."""

from __future__ import annotations

from typing import Any

from pylb.base.errors import NotImplementedYet
from pylb.proxy.balance import first, hash, leastconn, random, roundrobin, static_rr
from pylb.proxy.balance.base import ALL_FULL, WEIGHT_SCALE, Balancer, Full, balancer


def make_balancer(name: str, backend: Any) -> Balancer:
    """The balancer of a backend whose servers exist."""
    entry = balancer.get(name)
    if entry is None:
        raise NotImplementedYet(f"balance {name}")
    return entry.function(backend)


__all__ = ["ALL_FULL", "WEIGHT_SCALE", "Balancer", "Full", "balancer", "first", "hash", "leastconn", "make_balancer", "random", "roundrobin", "static_rr"]
