"""What a configuration says, once read: plain records without behaviour.

The records are filled by the words under `pylb.keywords.config` while the files are read, completed by `config.link`
(names become references, defaults become values) and never changed afterwards: what changes at run time (state, weight,
counters) lives in `pylb.proxy`. Durations are milliseconds (int), sizes bytes; None means "not set".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pylb.base.address import Address
from pylb.config.resolvers import Resolve, Resolvers
from pylb.sample.types import Expr, Test, Text
from pylb.wire.tls_options import EXTRA_FILES, TlsBind, TlsServer

if TYPE_CHECKING:
    from pylb.sample.logformat import LogFormat
    from pylb.stream.verdict import Verdict
    from pylb.wire.certs import CertificateStore


@dataclass(slots=True)
class Place:
    """Where in the files something was said; messages and the explainer quote it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Timeouts:
    """Every timeout of a proxy, in milliseconds; None: not set."""

    client: int | None = None
    client_fin: int | None = None
    server: int | None = None
    server_fin: int | None = None
    connect: int | None = None
    queue: int | None = None
    check: int | None = None
    http_request: int | None = None
    http_keep_alive: int | None = None
    tarpit: int | None = None
    tunnel: int | None = None


@dataclass(slots=True)
class LogTarget:
    """One `log` line (configuration.txt 3.1 and 4.2 `log`)."""

    address: Address  # UDP, unix datagram, or the pseudo addresses stdout/stderr/fd@N (Address.kind tells)
    facility: str = "local0"
    level: int = 7
    minimum_level: int = 0
    length: int = 1024
    format: str | None = None  # None: as `log-send-hostname` wants it; local rfc3164 rfc5424 priority short timed iso raw
    sample: tuple[tuple[tuple[int, int], ...], int] | None = None
    place: Place | None = None


@dataclass(slots=True)
class StatsSocket:
    """One `stats socket` line."""

    bind: Bind
    level: Literal["user", "operator", "admin"] = "operator"
    expose_fd: bool = False


@dataclass(slots=True)
class Global:
    """The `global` section (configuration.txt 3)."""

    daemon: bool = False
    master_worker: bool = False
    chroot: str | None = None
    user: str | None = None
    uid: int | None = None
    group: str | None = None
    gid: int | None = None
    pidfile: str | None = None
    node: str | None = None
    description: str | None = None
    localpeer: str | None = None
    log: list[LogTarget] = field(default_factory=list)
    log_tag: str | None = None
    log_send_hostname: str | None = None
    maxconn: int = 0  # 0: computed at start from the descriptor limit, as HAProxy does
    proxy_maxconn: int = 0  # of frontends that do not say their own; the command line's only
    maxconnrate: int = 0
    maxsessrate: int = 0
    maxsslconn: int = 0
    maxsslrate: int = 0
    maxpipes: int = 0
    maxcomprate: int = 0  # kilobytes per second given to compression; 0: any number
    maxcompcpuusage: int = 100  # percent of the processor's time beyond which no response begins to be compressed
    maxzlibmem: int = 0  # megabytes; 0: any number
    compression_level: int = 1
    ulimit_n: int = 0
    planned_sockets: int = 0  # descriptors for `maxconn` connections and everything else; computed at start
    memory_limit: int = 0  # -m, megabytes
    fd_hard_limit: int = 0
    zero_warning: bool = False
    quiet: bool = False
    ignore_resolution: bool = False  # -dr: servers whose names cannot be resolved are disabled instead
    grace: int | None = None
    close_spread_time: int | None = None
    no_exit_on_failure: bool = False
    mworker_max_reloads: int | None = None
    nbthread: int = 0
    spread_checks: int = 0
    max_spread_checks: int = 0
    hard_stop_after: int | None = None
    strict_limits: bool = True
    external_check: bool = False
    insecure_fork: bool = False
    insecure_setuid: bool = False
    ca_base: str | None = None
    crt_base: str | None = None
    default_dh_param: int | None = None
    bind_tls: TlsBind = field(default_factory=TlsBind)  # ssl-default-bind-*
    server_tls: TlsServer = field(default_factory=TlsServer)  # ssl-default-server-*
    ssl_server_verify: str = "required"
    ssl_extra_files: frozenset[str] = EXTRA_FILES  # ssl-load-extra-files
    ssl_extra_del_ext: bool = False
    server_state_base: str | None = None
    server_state_file: str | None = None
    stats_sockets: list[StatsSocket] = field(default_factory=list)
    master_socket: Bind | None = None  # -S
    stats_timeout: int = 10_000
    stats_maxconn: int = 10
    bufsize: int = 16384
    maxrewrite: int = 1024
    max_headers: int = 101
    http_logurilen: int = 1023
    cookie_maxlen: int = 63
    max_idletimer: int = 1000
    ssl_cachesize: int = 20000  # TLS sessions to keep
    ssl_lifetime: int = 300  # seconds for which a TLS session may be resumed
    profiling: str = "auto"  # on, auto, off: measure what streams cost
    counts_calls: bool = False  # a fetch wants to know how often streams are resumed
    experimental_used: bool = False  # words that need `expose-experimental-directives`
    ssl_capture_size: int = 0  # bytes to keep of each ClientHello
    ssl_keylog: bool = False  # keep the secrets of TLS 1.3 connections
    h1_case_adjust: dict[bytes, bytes] = field(default_factory=dict)
    unix_bind_prefix: str = ""
    unix_bind_mode: int | None = None
    unix_bind_uid: int | None = None
    unix_bind_gid: int | None = None
    busy_polling: bool = False
    set_variables: list[Any] = field(default_factory=list)
    tune: dict[str, int | str] = field(default_factory=dict)  # every tune.* word, also those without an effect, as written
    setenv: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Bind:
    """One listening address; a `bind` line with several addresses or a port range gives several."""

    address: Address
    place: Place
    text: str  # the address as written, for messages
    name: str | None = None
    id: int | None = None
    ssl: bool = False  # the word itself; TLS words without it have no effect
    tls: TlsBind | None = None  # None: plain
    backlog: int | None = None
    maxconn: int | None = None
    mss: int | None = None
    tcp_user_timeout: int | None = None
    interface: str | None = None
    accept_proxy: bool = False
    defer_accept: bool = False
    tfo: bool = False
    transparent: bool = False
    v4v6: bool = False
    v6only: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    user: str | None = None
    group: str | None = None
    level: Literal["user", "operator", "admin"] = "operator"
    expose_fd: bool = False
    severity_output: Literal["none", "number", "string"] = "none"
    process: str | None = None
    thread: str | None = None
    nice: int = 0
    proto: str | None = None


@dataclass(slots=True)
class Check:
    """How a server is checked; timing in milliseconds (configuration.txt 5.2)."""

    enabled: bool = False
    inter: int = 2000
    fastinter: int | None = None
    downinter: int | None = None
    rise: int = 2
    fall: int = 3
    port: int | None = None
    address: Address | None = None
    tls: TlsServer | None = None  # what a check over TLS uses; None: plain
    connect_tls: TlsServer | None = None  # the TLS words of the line, for `connect ssl` steps
    use_ssl: bool | None = None  # check-ssl / no-check-ssl; None: ssl of the server unless port or addr differ
    send_proxy: bool = False
    sni: str | None = None
    alpn: tuple[str, ...] = ()
    proto: str | None = None
    via_socks4: bool = False


@dataclass(slots=True)
class Agent:
    """`agent-check` and its relatives."""

    enabled: bool = False
    inter: int | None = None
    port: int | None = None
    address: Address | None = None
    send: bytes = b""


@dataclass(slots=True)
class Server:
    """One `server` line, after `default-server` was applied to it."""

    name: str
    address: Address
    place: Place
    text: str = ""  # address as written
    id: int | None = None
    forced_id: bool = False  # the configuration says `id`
    weight: int = 1
    backup: bool = False
    disabled: bool = False
    maxconn: int = 0
    minconn: int = 0
    maxqueue: int = 0
    slowstart: int = 0
    cookie: bytes | None = None
    redir: str | None = None
    track: str | None = None
    observe: Literal["none", "layer4", "layer7"] = "none"
    error_limit: int = 10
    on_error: Literal["fastinter", "fail-check", "sudden-death", "mark-down"] = "fail-check"
    on_marked_down: str | None = None  # shutdown-sessions
    on_marked_up: str | None = None  # shutdown-backup-sessions
    check: Check = field(default_factory=Check)
    agent: Agent = field(default_factory=Agent)
    ssl: bool = False  # the word itself
    tls: TlsServer | None = None  # None: plain
    sni: Expr | None = None
    sni_source: str | None = None
    pool_max_conn: int = -1
    pool_low_conn: int = 0
    pool_purge_delay: int = 5000
    max_reuse: int = -1
    send_proxy: str | None = None  # v1, v2, v2-ssl, v2-ssl-cn
    proxy_v2_options: tuple[str, ...] = ()
    source: Any = None
    tcp_user_timeout: int | None = None
    tfo: bool = False
    interface: str | None = None
    no_stick: bool = False
    proto: str | None = None
    socks4: Address | None = None
    init_addr: tuple[str, ...] = ()
    host_name: str = ""  # what the line had in place of an address; SRV records when it begins with "_"
    saved: list[str] | None = None  # its line of a file of server states
    unresolved: bool = False  # the name has no address (yet): the server starts in maintenance
    resolvers: str | None = None
    resolve: Resolve = field(default_factory=Resolve)
    log_proto: str | None = None
    ws: str = "auto"
    template: bool = False

    @property
    def asks_for_records(self) -> bool:
        """Is the name that of SRV records, which name hosts and ports?"""
        return self.host_name.startswith("_")


Run = Callable[[Any], "Verdict | None | Awaitable[Verdict | None]"]
FilterMaker = Callable[[Any], Any]  # makes the filter of one stream, or None


@dataclass(slots=True)
class Rule:
    """One rule of a rule set: what to do, and when. `run` takes the stream (or session); None from it means "go on"."""

    action: str  # the action's name as registered
    run: Run
    test: Test | None
    place: Place
    needs_content: bool = False  # its condition or expression reads the request's bytes (tcp-request content)
    text: str = ""  # the rule as written, for logs (`%[last_rule...]`) and the explainer
    ends: bool = False  # nothing behind it follows once it ran


@dataclass(slots=True)
class SwitchRule:
    """`use_backend`, `use-server`: a target by name or by log-format, and when."""

    target: str | Text  # of `use_backend`, a whole LogFormat
    dynamic: bool
    test: Test | None
    place: Place


@dataclass(slots=True)
class Capture:
    """One `capture request|response header` (or `declare capture`) slot."""

    header: bytes | None
    length: int


@dataclass(slots=True)
class HttpCheckStep:
    """One step of an http-check rule set (`connect`, `send`, `expect`, ...); `facts` are the step's own words."""

    kind: str
    facts: dict[str, Any]
    place: Place


@dataclass(slots=True)
class HealthCheck:
    """The check a proxy asks its servers (`option httpchk`, `tcp-check`, ...). kind 'tcp': connect only."""

    kind: str = "tcp"  # tcp httpchk tcp-check ssl-hello-chk smtpchk mysql-check pgsql-check redis-check ldap-check external
    method: bytes = b"OPTIONS"
    uri: bytes = b"/"
    version: bytes = b"HTTP/1.0"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)  # from the version string of `option httpchk`
    body: bytes = b""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Statistics:
    """The stats page of a proxy (`stats ...`)."""

    uri: bytes = b"/haproxy?stats"
    realm: bytes | None = None
    users: list[tuple[bytes, bytes]] = field(default_factory=list)
    refresh: int = 0  # seconds; 0: none
    hide_version: bool = False
    show_legends: bool = False
    show_modules: bool = False
    node: str | None = None
    description: str | None = None
    scope: list[str] = field(default_factory=list)
    admin_rules: list[Test | None] = field(default_factory=list)
    http_request: list[Rule] = field(default_factory=list)


@dataclass(slots=True)
class Balance:
    """`balance` and `hash-type`."""

    algorithm: str = "roundrobin"
    # uri: len depth whole path-only; url_param: name check_post; hdr: name use_domain_only; random: random; hash: expression
    arguments: dict[str, Any] = field(default_factory=dict)
    hash_method: Literal["map-based", "consistent"] = "map-based"
    hash_function: Literal["sdbm", "djb2", "wt6", "crc32"] = "sdbm"
    avalanche: bool = False
    balance_factor: int = 0


@dataclass(slots=True)
class ForwardFor:
    """`option forwardfor` / `option originalto`."""

    header: bytes
    except_network: Any = None  # ipaddress network
    if_none: bool = False


@dataclass(slots=True)
class PersistenceCookie:
    """`cookie`: its name, the words without a value as they stand, and the rest; times in seconds."""

    name: bytes
    flags: frozenset[str] = frozenset()  # rewrite insert prefix indirect nocache postonly preserve httponly secure dynamic
    domains: list[bytes] = field(default_factory=list)
    attributes: list[bytes] = field(default_factory=list)
    maxidle: int = 0
    maxlife: int = 0


@dataclass(frozen=True, slots=True)
class Compression:
    """`compression`: algorithms, the last named first; beginnings of content types; whether servers shall not compress."""

    algorithms: tuple[str, ...] = ()
    types: tuple[bytes, ...] = ()
    offload: bool = False


@dataclass(slots=True)
class Proxy:
    """A `frontend`, `backend`, `listen` or `defaults` section. `kind` tells which; a listen has both faces."""

    name: str
    kind: Literal["frontend", "backend", "listen", "defaults"]
    place: Place
    id: int | None = None
    forced_id: bool = False  # the configuration says `id`
    mode: Literal["tcp", "http", "health", "cli"] = "tcp"
    disabled: bool = False
    defaults: Proxy | None = None
    description: str | None = None
    # -- both faces
    timeouts: Timeouts = field(default_factory=Timeouts)
    log: list[LogTarget] = field(default_factory=list)
    log_global: bool = False
    log_tag: str | None = None
    options: set[str] = field(default_factory=set)  # "httplog", "redispatch", "http-server-close", ... as configuration.txt 4.2 names them
    no_options: set[str] = field(default_factory=set)
    connection_mode: str = "http-keep-alive"  # http-keep-alive http-server-close httpclose
    forwardfor: ForwardFor | None = None
    originalto: ForwardFor | None = None
    error_files: dict[int, bytes] = field(default_factory=dict)  # status -> whole message
    http_errors: dict[int, Any] = field(default_factory=dict)
    acls: dict[str, Test] = field(default_factory=dict)
    tcp_request_content: list[Rule] = field(default_factory=list)
    tcp_response_content: list[Rule] = field(default_factory=list)
    inspect_delay: int | None = None
    tcp_response_inspect_delay: int | None = None
    http_request: list[Rule] = field(default_factory=list)
    http_response: list[Rule] = field(default_factory=list)
    http_after_response: list[Rule] = field(default_factory=list)
    redirects: list[Rule] = field(default_factory=list)  # the `redirect` keyword's rules run after http-request
    statistics: Statistics | None = None
    compression: Compression | None = None
    filters: list[FilterMaker] = field(default_factory=list)  # as `filter` lines name them
    implied_filters: tuple[FilterMaker, ...] = ()  # what stands in when there is no such line
    stick_table: Any = None
    # -- frontend face
    binds: list[Bind] = field(default_factory=list)
    maxconn: int | None = None
    backlog: int | None = None
    rate_limit_sessions: int = 0
    default_backend: str | None = None
    switch_rules: list[SwitchRule] = field(default_factory=list)
    tcp_request_connection: list[Rule] = field(default_factory=list)
    tcp_request_session: list[Rule] = field(default_factory=list)
    monitor_uri: bytes | None = None
    monitor_fail: list[Test] = field(default_factory=list)
    log_format: LogFormat | None = None
    log_format_source: str | None = None
    log_format_sd: Text | None = None
    error_log_format: Text | None = None
    unique_id_format: Text | None = None
    unique_id_header: bytes | None = None
    request_captures: list[Capture] = field(default_factory=list)
    response_captures: list[Capture] = field(default_factory=list)
    cookie_capture: tuple[bytes, bool, int] | None = None  # name, exact (not a prefix), length
    # -- backend face
    balance: Balance | None = None
    servers: list[Server] = field(default_factory=list)
    default_server: Any = None  # the words of `default-server`, applied to each server line
    retries: int = 3
    redispatch_after: int = 0  # 0: off; N>0: every N retries; N<0: last retries; set by `option redispatch [N]`
    retry_on: set[str] = field(default_factory=lambda: {"conn-failure"})
    full_connections: int = 0  # fullconn; 0: computed
    server_rules: list[SwitchRule] = field(default_factory=list)
    health_check: HealthCheck = field(default_factory=HealthCheck)
    http_check: list[HttpCheckStep] = field(default_factory=list)
    tcp_check: list[HttpCheckStep] = field(default_factory=list)
    http_check_options: set[str] = field(default_factory=set)  # disable-on-404, send-state
    http_reuse: Literal["never", "safe", "aggressive", "always"] = "safe"
    http_send_name_header: bytes | None = None
    cookie: PersistenceCookie | None = None
    dynamic_cookie_key: str | None = None
    source: Any = None
    persist_rules: list[Rule] = field(default_factory=list)
    stick_rules: list[Any] = field(default_factory=list)
    load_server_state: str | None = None
    # -- a place for words of leaves that need no field of their own
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_frontend(self) -> bool:
        return self.kind in ("frontend", "listen")

    @property
    def is_backend(self) -> bool:
        return self.kind in ("backend", "listen")

    @property
    def label(self) -> str:
        """How messages name it: ``frontend 'www'``; a listen is a ``proxy``."""
        return f"{'proxy' if self.kind == 'listen' else self.kind} '{self.name}'"

    def has(self, option: str) -> bool:
        """Is `option` set (its `no option` form removes it)?"""
        return option in self.options


@dataclass(slots=True)
class User:
    """A user of a userlist; `password` is crypt(3) form unless `insecure`."""

    name: str
    password: str
    insecure: bool
    groups: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Userlist:
    """A `userlist` section."""

    name: str
    place: Place
    users: dict[str, User] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    memberships: dict[str, list[str]] = field(default_factory=dict)  # what `group <name> users ...` said


@dataclass(slots=True)
class Ring:
    """A `ring` section."""

    name: str
    place: Place
    description: str = ""
    format: str = "raw"
    maxlen: int = 16384
    size: int = 16384
    proxy: Proxy = field(init=False)  # whose servers get the events

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.name, "backend", self.place)


BUILT_IN_SINKS = {"stdout": "standard output (fd#1)", "stderr": "standard output (fd#2)", "buf0": "in-memory ring buffer"}


@dataclass(slots=True)
class Config:
    """Everything the files say."""

    files: list[str] = field(default_factory=list)
    global_: Global = field(default_factory=Global)
    proxies: list[Proxy] = field(default_factory=list)
    defaults: list[Proxy] = field(default_factory=list)
    userlists: dict[str, Userlist] = field(default_factory=dict)
    http_errors: dict[str, dict[int, bytes]] = field(default_factory=dict)
    rings: dict[str, Ring] = field(default_factory=dict)
    resolvers: dict[str, Resolvers] = field(default_factory=dict)
    sections: dict[str, list[Any]] = field(default_factory=dict)  # peers, mailers, cache, program, ...: by kind
    certificates: CertificateStore | None = None  # what `crt`, `ca-file` and `crl-file` words loaded; None: no such word
    patterns: Any = None  # the run-time store of maps and ACL files (sample.patterns.PatternStore)

    def proxy(self, name: str, face: Literal["frontend", "backend"]) -> Proxy | None:
        """The proxy called `name` that has this face."""
        return next((p for p in self.proxies if p.name == name and getattr(p, "is_" + face)), None)
