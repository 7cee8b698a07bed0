"""Frontend and Backend at run time: the two faces of HAProxy's proxy.

The settings never change and are shared (a `listen` has one of each face over the same settings); what changes is here.
Everything a request needs is an attribute that was bound once: rule sets as tuples, timeouts in seconds, options as booleans.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.base.net import Keepalive
from pylb.base.timers import NEVER
from pylb.config import model
from pylb.proxy.counters import COUNTED_ON, BackendCounters, FrontendCounters, Times, fold_times
from pylb.proxy.errors import ErrorCapture
from pylb.proxy.queue import Queue
from pylb.proxy.reframing import may_reframe
from pylb.proxy.ruleset import Switch, http_rules
from pylb.wire.h1 import Limits

if TYPE_CHECKING:
    from pylb.proxy.listener import Listener
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server
    from pylb.sample.logformat import LogFormat


ALL_RETRYABLE = frozenset(("conn-failure", "empty-response", "junk-response", "response-timeout", "0rtt-rejected", "500", "502", "503", "504"))
IN_TURN = frozenset(("roundrobin", "static-rr", "random", "leastconn"))  # algorithms that want no server in particular


CONNECTION_MODES = ("http-keep-alive", "http-server-close", "httpclose")


def stronger(one: str, other: str) -> str:
    """Of two connection modes, of a frontend and a backend, the one that closes more."""
    return max(one, other, key=CONNECTION_MODES.index)


def seconds(milliseconds: int | None, otherwise: float = NEVER) -> float:
    """A timeout of the configuration as seconds; `otherwise` when it is not set (0 means "no timeout" too)."""
    return milliseconds / 1000.0 if milliseconds else otherwise


class Face:
    """What frontends and backends share."""

    def __init__(self, process: Process, settings: model.Proxy) -> None:
        self.process = process
        self.settings = settings
        self.name = settings.name
        self.id = settings.id or 0
        self.is_http = settings.mode == "http"
        self.stopped = settings.disabled
        timeouts = settings.timeouts
        self.timeout_tunnel = seconds(timeouts.tunnel)
        self.independent_streams = "independent-streams" in settings.options
        self.lingers = "nolinger" not in settings.options
        self.timeout_tarpit = seconds(timeouts.tarpit, seconds(timeouts.connect))
        self.timeout_http_request = seconds(timeouts.http_request)
        self.http_request = http_rules(settings.http_request, of_request=True)
        self.http_response = http_rules(settings.http_response, of_request=False)
        self.http_after_response = http_rules(settings.http_after_response, of_request=False)
        self.redirects = http_rules(settings.redirects, of_request=True)
        self.cookie_capture = None
        if settings.is_frontend and settings.cookie_capture is not None:
            prefix, exact, length = settings.cookie_capture
            self.cookie_capture = (prefix, exact, min(length, process.config.global_.cookie_maxlen))
        self.checks_cacheability = "checkcache" in settings.options
        self.has_response_rules = bool(
            self.http_response or self.http_after_response or settings.response_captures or self.cookie_capture or self.checks_cacheability
        )
        self.tcp_request_content = tuple(settings.tcp_request_content)
        self.tcp_response_content = tuple(settings.tcp_response_content)
        self.inspect_delay = seconds(settings.inspect_delay, 0.0)
        self.response_inspect_delay = seconds(settings.tcp_response_inspect_delay, 0.0)
        self.statistics = settings.statistics
        self.statistics_rules = http_rules(settings.statistics.http_request if settings.statistics is not None else (), of_request=True)
        self.buffers_request = "http-buffer-request" in settings.options
        self.restricts_names: str | None = settings.extra.get("http-restrict-req-hdr-names")
        waits = self.tcp_request_content or self.redirects or self.statistics is not None or self.buffers_request or self.restricts_names
        self.has_request_rules = bool(self.http_request or waits)
        self.reframes_requests = may_reframe(settings.http_request)
        self.reframes_responses = may_reframe((*settings.http_response, *settings.http_after_response))
        self.has_slow_rules = bool(waits or not self.is_http)  # more than `http-request`, which nearly always ends without waiting
        self.adds_fields = bool(settings.forwardfor or settings.originalto or settings.unique_id_header)
        self.forwardfor = settings.forwardfor
        self.originalto = settings.originalto
        self.error_files = settings.error_files
        self.http_errors = settings.http_errors
        self.send_log: Callable[..., None] | None = None  # to this proxy's `log` targets; None: there are none
        self.limits = Limits()
        self.filters: tuple[model.FilterMaker, ...] = (tuple(settings.filters) or settings.implied_filters) if self.is_http else ()
        self.invalid_request: ErrorCapture | None = None  # the last of each, for `show errors`
        self.invalid_response: ErrorCapture | None = None


class Frontend(Face):
    """The side that faces clients."""

    def __init__(self, process: Process, settings: model.Proxy) -> None:
        super().__init__(process, settings)
        self.counters = FrontendCounters()
        self.listeners: list[Listener] = []
        self.maxconn = settings.maxconn or 0
        self.rate_limit_sessions = settings.rate_limit_sessions
        self.default_backend: Backend | None = None
        self.own_backend: Backend | None = None  # of a `listen`
        self.switch_rules = Switch(settings.switch_rules, self.is_http) if settings.switch_rules else None
        self.tcp_request_connection = tuple(settings.tcp_request_connection)
        self.tcp_request_session = tuple(settings.tcp_request_session)
        self.case_of_names = process.config.global_.h1_case_adjust if "h1-case-adjust-bogus-client" in settings.options else None
        self.monitor_uri = settings.monitor_uri
        self.monitor_fail = tuple(settings.monitor_fail)
        timeouts = settings.timeouts
        self.timeout_client = seconds(timeouts.client)
        self.timeout_client_fin = seconds(timeouts.client_fin, self.timeout_client)
        self.timeout_head = seconds(timeouts.http_request, self.timeout_client)
        self.timeout_idle = seconds(timeouts.http_keep_alive, self.timeout_head)
        self.request_captures = tuple(settings.request_captures)
        self.response_captures = tuple(settings.response_captures)
        self.log_format = settings.log_format
        self.error_log_format = settings.error_log_format
        self.structured_data = settings.log_format_sd  # for targets in RFC 5424 form
        self.logs_null = "dontlognull" not in settings.options
        self.logs_normal = "dontlog-normal" not in settings.options
        self.log_separate_errors = "log-separate-errors" in settings.options
        self.logs_selectively = self.log_separate_errors or not self.logs_normal
        self.log_asap = "logasap" in settings.options  # or all that is logged is known when the response comes
        self.logs_request = False  # all that is logged is known when the request has come
        self.counts_at_once = "contstats" in settings.options
        extra = settings.extra
        self.keepalive: Keepalive | None = None  # of client connections
        if "clitcpka" in settings.options:
            self.keepalive = Keepalive(extra.get("clitcpka-cnt"), extra.get("clitcpka-idle"), extra.get("clitcpka-intvl"))
        self.log_line: Callable[[Any], str] | None = None  # the compiled log format; None: nothing is logged
        self.notices_aborts = "abortonclose" in settings.options  # else clients are not listened to once their request is complete
        self.log_count = 0
        self.announces = False  # no format: a line when a stream begins instead
        self.longest_line = process.config.global_.http_logurilen  # of a request, in logs
        self.keeps_request_line = False  # the log shows the request line as it came
        self.in_express = False
        self.unique_id_header = settings.unique_id_header
        self.unique_id_format = settings.unique_id_format
        self.closes_clients = settings.connection_mode == "httpclose"  # a backend's word for it closes servers only
        self.connection_modes = {mode: stronger(settings.connection_mode, mode) for mode in CONNECTION_MODES}

    def settle(self, log_line: LogFormat | None) -> None:
        """The last thing to be known: the format of its log lines. Decides whether its requests may take the express lane (`stream.express`)."""
        if log_line is not None:
            self.log_line, self.keeps_request_line = log_line.call, log_line.wants_request_line
            self.log_asap = self.log_asap or not log_line.needs_the_end
            self.logs_request = log_line.needs_request_only and not (self.request_captures or self.response_captures or self.cookie_capture)
        self.announces = log_line is None and self.send_log is not None
        unusual = self.filters or self.monitor_uri or self.request_captures or self.has_response_rules or self.case_of_names or self.process.tables is not None
        early_lines = self.announces or self.logs_request or self.log_asap
        self.in_express = not (self.has_slow_rules or unusual or early_lines or self.counts_at_once)

    def __repr__(self) -> str:
        return f"Frontend({self.name!r} {self.counters.scur}/{self.maxconn})"

    def count(self, listener: Listener, backend: Backend | None, server: Server | None, name: str) -> None:
        """Add one to the counter `name` on every object that has it."""
        holders = {"frontend": self, "listener": listener, "backend": backend, "server": server}
        for kind in COUNTED_ON[name]:
            holder: Any = holders[kind]
            if holder is not None:
                setattr(holder.counters, name, getattr(holder.counters, name) + 1)

    def count_refused(self, listener: Listener, name: str) -> None:
        """A connection was refused by `tcp-request connection` (dcon) or `session` (dses) rules."""
        self.count(listener, None, None, name)

    def pause(self) -> None:
        """Leave new connections in the kernel's queue."""
        for listener in self.listeners:
            listener.set_paused(True)

    def resume(self) -> None:
        """Accept again."""
        for listener in self.listeners:
            listener.set_paused(False)

    @property
    def state_text(self) -> str:
        """As `show stat` says it: OPEN, STOP, PAUSED by command or signal; a frontend all of whose listeners are full is still OPEN."""
        if self.stopped:
            return "STOP"
        return "PAUSED" if self.listeners and all(listener.paused_by_hand for listener in self.listeners) else "OPEN"


class Backend(Face):
    """The side that faces servers."""

    def __init__(self, process: Process, settings: model.Proxy) -> None:
        super().__init__(process, settings)
        self.counters = BackendCounters()
        self.times: list[Times] = []  # of finished streams, not in the averages yet
        self.servers: list[Server] = []
        self.servers_by_name: dict[str, Server] = {}
        self.balancer: Any = None  # set when the servers exist
        self.queue = Queue()
        self.server_rules = tuple(settings.server_rules)
        self.persist_rules = tuple(settings.persist_rules)
        self.cookie = settings.cookie if self.is_http else None
        self.stick_rules = tuple(settings.stick_rules)
        name: str | None = None if self.is_http else settings.extra.get("persist rdp-cookie")
        self.rdp_cookie = name and name.encode("latin-1", "replace")
        self.persists = bool(self.cookie is not None or self.server_rules or self.persist_rules or self.stick_rules or name)  # servers may be designated
        self.persists_when_down = "persist" in settings.options
        self.dynamic_cookies = settings.cookie is not None and "dynamic" in settings.cookie.flags
        self.dynamic_cookie_key = settings.dynamic_cookie_key
        self.has_response_rules = self.has_response_rules or self.cookie is not None
        self.name_header = settings.http_send_name_header.lower() if settings.http_send_name_header is not None else None
        self.last_change = process.clock.now()
        self.down_time = 0.0
        self.retries = settings.retries
        self.redispatch_after = settings.redispatch_after
        events = frozenset(settings.retry_on)
        if "all-retryable-errors" in events:
            events |= ALL_RETRYABLE
        self.reconnects = "conn-failure" in events
        self.pretends_keepalive = "http-pretend-keepalive" in settings.options
        self.replays = events - {"conn-failure", "all-retryable-errors"}
        self.full_connections = settings.full_connections
        self.case_of_names = process.config.global_.h1_case_adjust if "h1-case-adjust-bogus-server" in settings.options else None
        self.http_reuse = settings.http_reuse
        self.prefers_last_server = "prefer-last-server" in settings.options
        self.longest_queue: int = settings.extra.get("max-keep-alive-queue", -1)
        timeouts = settings.timeouts
        self.timeout_server = seconds(timeouts.server)
        self.timeout_server_fin = seconds(timeouts.server_fin, self.timeout_server)
        self.timeout_connect = seconds(timeouts.connect)
        self.timeout_queue = seconds(timeouts.queue, self.timeout_connect)
        self.timeout_check = seconds(timeouts.check)
        self.serves_in_turn = settings.balance is None or settings.balance.algorithm in IN_TURN
        unusual = self.filters or self.name_header or self.case_of_names or self.replays or self.tcp_response_content or self.persists
        self.in_express = self.is_http and not (self.has_request_rules or self.has_response_rules or unusual)  # `stream.express`

    def __repr__(self) -> str:
        return f"Backend({self.name!r} {self.balancer and self.balancer.active} of {len(self.servers)} q{len(self.queue)})"

    def fold_times(self) -> None:
        """Bring the time averages up to date."""
        fold_times(self.counters, self.times)

    @property
    def state_text(self) -> str:
        """As `show stat` says it: UP while a server is usable or there are none to lose, DOWN otherwise, STOP when stopped."""
        if self.stopped:
            return "STOP"
        return "UP" if self.balancer.total_weight or not self.servers else "DOWN"
