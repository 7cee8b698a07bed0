"""Words of HAProxy 2.6 that pylb knows by name but cannot evaluate yet; using one is an error that says so."""

from __future__ import annotations

_SECRETS = (
    "cipherlist_str", "cipherlist_xxh", "client_early_traffic_secret", "client_handshake_traffic_secret", "client_traffic_secret_0",
    "early_exporter_secret", "exporter_secret", "server_handshake_traffic_secret", "server_traffic_secret_0",
)  # fmt: skip
PLANNED_FETCHES = frozenset(
    [f"ssl_fc_{word}" for word in _SECRETS]
    + ["fcgi.docroot", "fcgi.index"]
    + ["cpu_calls", "cpu_ns_avg", "cpu_ns_tot", "lat_ns_avg", "lat_ns_tot"]
    + ["res.cache_hit", "res.cache_name", "ssl_fc_unique_id", "ssl_bc_unique_id"]
)
PLANNED_CONVERTERS: frozenset[str] = frozenset()
