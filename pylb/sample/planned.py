"""Words of HAProxy 2.6 that pylb knows by name but cannot evaluate yet; using one is an error that says so."""

from __future__ import annotations

_COUNTERS = (
    "bytes_in_rate bytes_out_rate clr_gpc clr_gpc0 clr_gpc1 conn_cnt conn_cur conn_rate get_gpc get_gpc0 get_gpc1 get_gpt get_gpt0"
    " gpc0_rate gpc1_rate gpc_rate http_err_cnt http_err_rate http_fail_cnt http_fail_rate http_req_cnt http_req_rate inc_gpc inc_gpc0"
    " inc_gpc1 kbytes_in kbytes_out sess_cnt sess_rate tracked trackers updt_conn_cnt"
).split()
_INDEXED = frozenset(("clr_gpc", "get_gpc", "get_gpt", "gpc_rate", "inc_gpc", "updt_conn_cnt"))  # sc0 to sc2 lack them
_SECRETS = (
    "cipherlist_str", "cipherlist_xxh", "client_early_traffic_secret", "client_handshake_traffic_secret", "client_traffic_secret_0",
    "early_exporter_secret", "exporter_secret", "server_handshake_traffic_secret", "server_traffic_secret_0",
)  # fmt: skip
_INTERNAL = (
    "htx.data htx.free htx.free_data htx.has_eom htx.nbblks htx.size htx.used htx_blk.data htx_blk.hdrname htx_blk.hdrval"
    " htx_blk.size htx_blk.start_line htx_blk.type strm.is_htx"
).split()
_TABLE_VALUES = (
    "bytes_in_rate bytes_out_rate conn_cnt conn_cur conn_rate expire gpc gpc0 gpc0_rate gpc1 gpc1_rate gpc_rate gpt gpt0 http_err_cnt"
    " http_err_rate http_fail_cnt http_fail_rate http_req_cnt http_req_rate idle kbytes_in kbytes_out server_id sess_cnt sess_rate trackers"
).split()

PLANNED_FETCHES = frozenset(
    [f"sc_{counter}" for counter in _COUNTERS if counter != "updt_conn_cnt"]
    + [f"src_{counter}" for counter in _COUNTERS if counter not in ("tracked", "trackers")]
    + [f"sc{number}_{counter}" for number in range(3) for counter in _COUNTERS if counter not in _INDEXED]
    + [f"ssl_fc_{word}" for word in _SECRETS]
    + [f"internal.{word}" for word in _INTERNAL]
    + ["sc1_clr_gpc", "table_avl", "table_cnt", "distcc_body", "distcc_param", "fcgi.docroot", "fcgi.index"]
    + ["cpu_calls", "cpu_ns_avg", "cpu_ns_tot", "lat_ns_avg", "lat_ns_tot"]
    + ["res.cache_hit", "res.cache_name", "res.comp", "res.comp_algo", "ssl_fc_unique_id", "ssl_bc_unique_id"]
)
PLANNED_CONVERTERS = frozenset([f"table_{value}" for value in _TABLE_VALUES] + ["in_table"])
