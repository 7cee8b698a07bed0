"""The algorithms of `balance`: one class each, registered under the word of the configuration."""

from __future__ import annotations

from pylb.proxy.balance import first, hash, leastconn, random, roundrobin, static_rr
from pylb.proxy.balance.base import ALL_FULL, WEIGHT_SCALE, Balancer, Full, balancer

__all__ = ["ALL_FULL", "WEIGHT_SCALE", "Balancer", "Full", "balancer", "first", "hash", "leastconn", "random", "roundrobin", "static_rr"]
