"""THE field table: every column of `show stat`, in HAProxy 2.6's order, with everything the renderings need to know about it.

CSV, typed, JSON and Prometheus are made from this table alone; the HTML page takes its numbers from the same rows (control.html). A row is
the list of values of one object, one per column; None is a column that object does not have (an empty CSV cell, no line in typed output).
Where the values come from is in `pylb.proxy.readings`.

Names, descriptions and tags are interface: scripts and collectors match on them (management.txt 9.1, 9.2), so they are HAProxy's to the byte,
its spelling included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

U32, U64, S32, STR = "u32", "u64", "s32", "str"

Value = int | str | None

KINDS: Final = "FLSB"  # frontend, listener, server, backend: first letters of typed output
TYPE_NUMBERS: Final = {"F": 0, "B": 1, "S": 2, "L": 3}
OBJECT_NAMES: Final = {"F": "Frontend", "B": "Backend", "S": "Server", "L": "Listener"}


@dataclass(frozen=True, slots=True)
class Field:
    """One statistic: its column name, what kind of value it is, which objects have it, what it means, how Prometheus calls it.

    `tags` are origin, nature and scope; `prometheus` is the metric without `haproxy_<object>_`, exported for the objects in `exported`.
    """

    name: str
    tags: str
    type: str
    objects: str
    description: str
    prometheus: str = ""
    exported: str = ""
    backend_tags: str = ""

    def tags_of(self, kind: str) -> str:
        """Origin, nature and scope; some differ for backends."""
        return self.backend_tags if kind == "B" and self.backend_tags else self.tags

    def is_exported(self, kind: str) -> bool:
        """Does Prometheus see it for this kind of object?"""
        return bool(self.prometheus) and kind in (self.exported or self.objects)


# fmt: off
FIELDS: Final = (
    Field("pxname", "KNS", STR, "FLSB", "Proxy name"),
    Field("svname", "KNS", STR, "FLSB", "Server name"),
    Field("qcur", "MGP", U32, "SB", "Number of current queued connections", "current_queue"),
    Field("qmax", "MMP", U32, "SB", "Highest value of queued connections encountered since process started", "max_queue"),
    Field("scur", "MGP", U32, "FLSB", "Number of current sessions on the frontend, backend or server", "current_sessions"),
    Field("smax", "MMP", U32, "FLSB", "Highest value of current sessions encountered since process started", "max_sessions"),
    Field("slim", "CLP", U32, "FLSB", "Frontend/listener/server's maxconn, backend's fullconn", "limit_sessions"),
    Field("stot", "MCP", U64, "FLSB", "Total number of sessions since process started", "sessions_total"),
    Field("bin", "MCP", U64, "FLSB", "Total number of request bytes since process started", "bytes_in_total"),
    Field("bout", "MCP", U64, "FLSB", "Total number of response bytes since process started", "bytes_out_total"),
    Field("dreq", "MCP", U64, "FLB", "Total number of denied requests since process started", "requests_denied_total"),
    Field("dresp", "MCP", U64, "FLSB", "Total number of denied responses since process started", "responses_denied_total"),
    Field("ereq", "MCP", U64, "FL", "Total number of invalid requests since process started", "request_errors_total"),
    Field("econ", "MCP", U64, "SB", "Total number of failed connections to server since the worker process started", "connection_errors_total"),
    Field("eresp", "MCP", U64, "SB", "Total number of invalid responses since the worker process started", "response_errors_total"),
    Field("wretr", "MCP", U64, "SB", "Total number of server connection retries since the worker process started", "retry_warnings_total"),
    Field(
        "wredis", "MCP", U64, "SB",
        "Total number of server redispatches due to connection failures since the worker process started",
        "redispatch_warnings_total",
    ),
    Field("status", "SGP", STR, "FLSB", "Frontend/listen status: OPEN/WAITING/FULL/STOP; backend: UP/DOWN; server: last check status", "status"),
    Field("weight", "MaP", U32, "SB", "Server's effective weight, or sum of active servers' effective weights for a backend", "weight"),
    Field("act", "SGP", U32, "SB", "Total number of active UP servers with a non-zero weight", "active_servers", "B", backend_tags="MGP"),
    Field("bck", "SGP", U32, "SB", "Total number of backup UP servers with a non-zero weight", "backup_servers", "B", backend_tags="MGP"),
    Field(
        "chkfail", "MCP", U64, "S",
        "Total number of failed individual health checks per server/backend, since the worker process started",
        "check_failures_total",
    ),
    Field(
        "chkdown", "MCP", U64, "SB",
        "Total number of failed checks causing UP to DOWN server transitions, per server/backend, since the worker process started",
        "check_up_down_total",
    ),
    Field("lastchg", "MAP", U32, "SB", "How long ago the last server state changed, in seconds", "check_last_change_seconds"),
    Field("downtime", "MCP", U32, "SB", "Total time spent in DOWN state, for server or backend", "downtime_seconds_total"),
    Field("qlimit", "CGS", U32, "S", "Limit on the number of connections in queue, for servers only (maxqueue argument)", "queue_limit"),
    Field("pid", "KGP", U32, "FLSB", "Relative worker process number (1)"),
    Field("iid", "KGS", U32, "FLSB", "Frontend or Backend numeric identifier ('id' setting)"),
    Field("sid", "KGS", U32, "FLSB", "Server numeric identifier ('id' setting)"),
    Field("throttle", "MaP", U32, "S", "Throttling ratio applied to a server's maxconn and weight during the slowstart period (0 to 100%)", "current_throttle"),
    Field(
        "lbtot", "MCP", U64, "SB",
        "Total number of requests routed by load balancing since the worker process started (ignores queue pop and stickiness)",
        "loadbalanced_total",
    ),
    Field("tracked", "CNS", STR, "S", "Name of the other server this server tracks for its state"),
    Field("type", "CGS", U32, "FLSB", "Type of the object (Listener, Frontend, Backend, Server)"),
    Field(
        "rate", "MRP", U32, "FSB",
        "Total number of sessions processed by this object over the last second (sessions for listeners/frontends, requests for backends/servers)",
        backend_tags="MGP",
    ),
    Field(
        "rate_lim", "CLP", U32, "F",
        "Limit on the number of sessions accepted in a second (frontend only, 'rate-limit sessions' setting)",
        "limit_session_rate",
    ),
    Field(
        "rate_max", "MMP", U32, "FSB",
        "Highest value of sessions per second observed since the worker process started",
        "max_session_rate", backend_tags="MGP",
    ),
    Field(
        "check_status", "MOP", STR, "S",
        "Status report of the server's latest health check, prefixed with '*' if a check is currently in progress",
        "check_status",
    ),
    Field("check_code", "MOP", U32, "S", "HTTP/SMTP/LDAP status code reported by the latest server health check", "check_code"),
    Field("check_duration", "MDP", U64, "S", "Total duration of the latest server health check, in milliseconds", "check_duration_seconds"),
    Field(
        "hrsp_1xx", "MCP", U64, "FSB",
        "Total number of HTTP responses with status 100-199 returned by this object since the worker process started",
        "http_responses_total",
    ),
    Field(
        "hrsp_2xx", "MCP", U64, "FSB",
        "Total number of HTTP responses with status 200-299 returned by this object since the worker process started",
        "http_responses_total",
    ),
    Field(
        "hrsp_3xx", "MCP", U64, "FSB",
        "Total number of HTTP responses with status 300-399 returned by this object since the worker process started",
        "http_responses_total",
    ),
    Field(
        "hrsp_4xx", "MCP", U64, "FSB",
        "Total number of HTTP responses with status 400-499 returned by this object since the worker process started",
        "http_responses_total",
    ),
    Field(
        "hrsp_5xx", "MCP", U64, "FSB",
        "Total number of HTTP responses with status 500-599 returned by this object since the worker process started",
        "http_responses_total",
    ),
    Field(
        "hrsp_other", "MCP", U64, "FSB",
        "Total number of HTTP responses with status <100, >599 returned by this object since the worker process started (error -1 included)",
        "http_responses_total",
    ),
    Field("hanafail", "MCP", U64, "S", "Total number of failed checks caused by an 'on-error' directive after an 'observe' condition matched"),
    Field("req_rate", "MRP", U32, "F", "Number of HTTP requests processed over the last second on this object"),
    Field("req_rate_max", "MMP", U32, "F", "Highest value of http requests observed since the worker process started", "http_requests_rate_max"),
    Field("req_tot", "MCP", U64, "FSB", "Total number of HTTP requests processed by this object since the worker process started", "http_requests_total", "FB"),
    Field(
        "cli_abrt", "MCP", U64, "SB",
        "Total number of requests or connections aborted by the client since the worker process started",
        "client_aborts_total",
    ),
    Field(
        "srv_abrt", "MCP", U64, "SB",
        "Total number of requests or connections aborted by the server since the worker process started",
        "server_aborts_total",
    ),
    Field(
        "comp_in", "MCP", U64, "FB",
        "Total number of bytes submitted to the HTTP compressor for this object since the worker process started",
        "http_comp_bytes_in_total",
    ),
    Field(
        "comp_out", "MCP", U64, "FB",
        "Total number of bytes emitted by the HTTP compressor for this object since the worker process started",
        "http_comp_bytes_out_total",
    ),
    Field(
        "comp_byp", "MCP", U64, "FB",
        "Total number of bytes that bypassed HTTP compression for this object since the worker process started (CPU/memory/bandwidth limitation)",
        "http_comp_bytes_bypassed_total",
    ),
    Field(
        "comp_rsp", "MCP", U64, "FB",
        "Total number of HTTP responses that were compressed for this object since the worker process started",
        "http_comp_responses_total",
    ),
    Field("lastsess", "MAP", S32, "SB", "How long ago some traffic was seen on this object on this worker process, in seconds", "last_session_seconds"),
    Field("last_chk", "MOP", STR, "S", "Short description of the latest health check report for this server (see also check_desc)"),
    Field("last_agt", "MOP", STR, "S", "Short description of the latest agent check report for this server (see also agent_desc)"),
    Field(
        "qtime", "MaP", U32, "SB",
        "Time spent in the queue, in milliseconds, averaged over the 1024 last requests (backend/server)",
        "queue_time_average_seconds",
    ),
    Field(
        "ctime", "MaP", U32, "SB",
        "Time spent waiting for a connection to complete, in milliseconds, averaged over the 1024 last requests (backend/server)",
        "connect_time_average_seconds",
    ),
    Field(
        "rtime", "MaP", U32, "SB",
        "Time spent waiting for a server response, in milliseconds, averaged over the 1024 last requests (backend/server)",
        "response_time_average_seconds",
    ),
    Field(
        "ttime", "MaP", U32, "SB",
        "Total request+response time (request+queue+connect+response+processing), in milliseconds, averaged over the 1024 last requests (backend/server)",
        "total_time_average_seconds",
    ),
    Field("agent_status", "MOP", STR, "S", "Status report of the server's latest agent check, prefixed with '*' if a check is currently in progress"),
    Field("agent_code", "MOP", U32, "S", "Status code reported by the latest server agent check"),
    Field("agent_duration", "MDP", U64, "S", "Total duration of the latest server agent check, in milliseconds"),
    Field("check_desc", "MOP", STR, "S", "Textual description of the latest health check report for this server"),
    Field("agent_desc", "MOP", STR, "S", "Textual description of the latest agent check report for this server"),
    Field("check_rise", "CGS", U32, "S", "Number of successful health checks before declaring a server UP (server 'rise' setting)"),
    Field("check_fall", "CGS", U32, "S", "Number of failed health checks before declaring a server DOWN (server 'fall' setting)"),
    Field("check_health", "CGS", U32, "S", "Current server health check level (0..fall-1=DOWN, fall..rise-1=UP)"),
    Field("agent_rise", "CGS", U32, "S", "Number of successful agent checks before declaring a server UP (server 'rise' setting)"),
    Field("agent_fall", "CGS", U32, "S", "Number of failed agent checks before declaring a server DOWN (server 'fall' setting)"),
    Field("agent_health", "CGS", U32, "S", "Current server agent check level (0..fall-1=DOWN, fall..rise-1=UP)"),
    Field("addr", "CGS", STR, "LS", "Server's address:port, shown only if show-legends is set, or at levels oper/admin for the CLI"),
    Field("cookie", "CNS", STR, "SB", "Backend's cookie name or Server's cookie value, shown only if show-legends is set, or at levels oper/admin for the CLI"),
    Field("mode", "CGS", STR, "FLSB", "'mode' setting (tcp/http/health/cli)"),
    Field("algo", "CGS", STR, "B", "Backend's load balancing algorithm, shown only if show-legends is set, or at levels oper/admin for the CLI"),
    Field("conn_rate", "MRP", U32, "F", "Number of new connections accepted over the last second on the frontend for this worker process"),
    Field("conn_rate_max", "MMP", U32, "F", "Highest value of connections per second observed since the worker process started", "connections_rate_max"),
    Field("conn_tot", "MCP", U64, "F", "Total number of new connections accepted on this frontend since the worker process started", "connections_total"),
    Field(
        "intercepted", "MCP", U64, "F",
        "Total number of HTTP requests intercepted on the frontend (redirects/stats/services) since the worker process started",
        "intercepted_requests_total",
    ),
    Field(
        "dcon", "MCP", U64, "FL",
        "Total number of incoming connections blocked on a listener/frontend by a tcp-request connection rule since the worker process started",
        "denied_connections_total",
    ),
    Field(
        "dses", "MCP", U64, "FL",
        "Total number of incoming sessions blocked on a listener/frontend by a tcp-request connection rule since the worker process started",
        "denied_sessions_total",
    ),
    Field("wrew", "MCP", U64, "FLSB", "Total number of failed HTTP header rewrites since the worker process started", "failed_header_rewriting_total"),
    Field(
        "connect", "MCP", U64, "SB",
        "Total number of outgoing connection attempts on this backend/server since the worker process started",
        "connection_attempts_total",
    ),
    Field("reuse", "MCP", U64, "SB", "Total number of reused connection on this backend/server since the worker process started", "connection_reuses_total"),
    Field(
        "cache_lookups", "MCP", U64, "FB",
        "Total number of HTTP requests looked up in the cache on this frontend/backend since the worker process started",
        "http_cache_lookups_total",
    ),
    Field(
        "cache_hits", "MCP", U64, "FB",
        "Total number of HTTP requests not found in the cache on this frontend/backend since the worker process started",
        "http_cache_hits_total",
    ),
    Field("srv_icur", "MGP", U32, "S", "Current number of idle connections available for reuse on this server", "idle_connections_current"),
    Field(
        "src_ilim", "CLP", U32, "S",
        "Limit on the number of available idle connections on this server (server 'pool_max_conn' directive)",
        "idle_connections_limit",
    ),
    Field("qtime_max", "MMP", U32, "SB", "Maximum observed time spent in the queue, in milliseconds (backend/server)", "max_queue_time_seconds"),
    Field(
        "ctime_max", "MMP", U32, "SB",
        "Maximum observed time spent waiting for a connection to complete, in milliseconds (backend/server)",
        "max_connect_time_seconds",
    ),
    Field(
        "rtime_max", "MMP", U32, "SB",
        "Maximum observed time spent waiting for a server response, in milliseconds (backend/server)",
        "max_response_time_seconds",
    ),
    Field(
        "ttime_max", "MMP", U32, "SB",
        "Maximum observed total request+response time (request+queue+connect+response+processing), in milliseconds (backend/server)",
        "max_total_time_seconds",
    ),
    Field("eint", "MCP", U64, "FLSB", "Total number of internal errors since process started", "internal_errors_total"),
    Field("idle_conn_cur", "MGP", U32, "S", "Current number of unsafe idle connections", "unsafe_idle_connections_current"),
    Field("safe_conn_cur", "MGP", U32, "S", "Current number of safe idle connections", "safe_idle_connections_current"),
    Field("used_conn_cur", "MGP", U32, "S", "Current number of connections in use", "used_connections_current"),
    Field("need_conn_est", "MGP", U32, "S", "Estimated needed number of connections", "need_connections_current"),
    Field("uweight", "MaP", U32, "SB", "Server's user weight, or sum of active servers' user weights for a backend", "uweight"),
    Field("agg_server_status", "MGP", U32, "B", "Backend's aggregated gauge of servers' status", "agg_server_status"),
    Field("agg_server_check_status", "MGP", U32, "B", "Backend's aggregated gauge of servers' state check status", "agg_server_check_status"),
    Field("agg_check_status", "MGP", U32, "B", "Backend's aggregated gauge of servers' state check status", "agg_check_status"),
    Field("-", "", "", "", ""),  # the end of the fixed columns
    Field("ssl_sess", "MCP", U64, "FLSB", "Total number of ssl sessions established"),
    Field("ssl_reused_sess", "MCP", U64, "FLSB", "Total number of ssl sessions reused"),
    Field("ssl_failed_handshake", "MCP", U64, "FLSB", "Total number of failed handshake"),
    Field("h2_headers_rcvd", "MCP", U64, "FB", "Total number of received HEADERS frames"),
    Field("h2_data_rcvd", "MCP", U64, "FB", "Total number of received DATA frames"),
    Field("h2_settings_rcvd", "MCP", U64, "FB", "Total number of received SETTINGS frames"),
    Field("h2_rst_stream_rcvd", "MCP", U64, "FB", "Total number of received RST_STREAM frames"),
    Field("h2_goaway_rcvd", "MCP", U64, "FB", "Total number of received GOAWAY frames"),
    Field("h2_detected_conn_protocol_errors", "MCP", U64, "FB", "Total number of connection protocol errors"),
    Field("h2_detected_strm_protocol_errors", "MCP", U64, "FB", "Total number of stream protocol errors"),
    Field("h2_rst_stream_resp", "MCP", U64, "FB", "Total number of RST_STREAM sent on detected error"),
    Field("h2_goaway_resp", "MCP", U64, "FB", "Total number of GOAWAY sent on detected error"),
    Field("h2_open_connections", "MGP", U64, "FB", "Count of currently open connections"),
    Field("h2_backend_open_streams", "MGP", U64, "FB", "Count of currently open streams"),
    Field("h2_total_connections", "MCP", U64, "FB", "Total number of connections"),
    Field("h2_backend_total_streams", "MCP", U64, "FB", "Total number of streams"),
    Field("h1_open_connections", "MGP", U64, "FB", "Count of currently open connections"),
    Field("h1_open_streams", "MGP", U64, "FB", "Count of currently open streams"),
    Field("h1_total_connections", "MCP", U64, "FB", "Total number of connections"),
    Field("h1_total_streams", "MCP", U64, "FB", "Total number of streams"),
    Field("h1_bytes_in", "MCP", U64, "FB", "Total number of bytes received"),
    Field("h1_bytes_out", "MCP", U64, "FB", "Total number of bytes send"),
    Field("h1_spliced_bytes_in", "MCP", U64, "FB", "Total number of bytes received using kernel splicing"),
    Field("h1_spliced_bytes_out", "MCP", U64, "FB", "Total number of bytes sendusing kernel splicing"),
)
# fmt: on

INDEX: Final = {column.name: position for position, column in enumerate(FIELDS)}
MODULE_COLUMNS: Final = INDEX["-"]  # from here on the columns of modules
# Typed output and JSON number the columns without the separator.
POSITIONS: Final = tuple(position if position < MODULE_COLUMNS else position - 1 for position in range(len(FIELDS)))

HTTP_ONLY: Final = frozenset({"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "cache_lookups", "cache_hits", "intercepted"})

# The groups of module columns: name, and which kinds of object have them.
MODULES: Final = (("ssl", "FLSB"), ("h2", "FB"), ("h1", "FB"))


@dataclass(slots=True)
class Row:
    """The values of one object. `settings` and `owner` let the page show what is not a column."""

    kind: str
    proxy_id: int
    id: int
    values: list[Value]
    owner: Any = None  # the run-time object
    notes: dict[str, Any] = field(default_factory=dict)  # facts only the page and the exporter want

    def __getitem__(self, name: str) -> Value:
        return self.values[INDEX[name]]

    def text(self, name: str) -> str:
        """The value as text; empty when the object has none."""
        value = self.values[INDEX[name]]
        return "" if value is None else str(value)

    def number(self, name: str) -> int:
        """The value as a number; 0 when the object has none."""
        value = self.values[INDEX[name]]
        return value if isinstance(value, int) else 0


def empty_values() -> list[Value]:
    """A row's values before they are read: only the separator is there."""
    values: list[Value] = [None] * len(FIELDS)
    values[MODULE_COLUMNS] = "-"
    return values
