"""Words of HAProxy 2.6 that pylb knows by name but cannot evaluate yet; using one is an error that says so."""

from __future__ import annotations

PLANNED_FETCHES = frozenset(
    ["fcgi.docroot", "fcgi.index", "res.cache_hit", "res.cache_name"]
)
PLANNED_CONVERTERS: frozenset[str] = frozenset()
