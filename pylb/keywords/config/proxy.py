"""Plain settings of proxies: mode, limits, names, ids (configuration.txt 4.2)."""

from __future__ import annotations

import string

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword

NODE_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-_.")
REUSE = ("never", "safe", "aggressive", "always")
RETRY_ON = {
    *("none", "conn-failure", "empty-response", "junk-response", "response-timeout", "0rtt-rejected", "all-retryable-errors"),
    *("401", "403", "404", "408", "425", "500", "501", "502", "503", "504"),
}


@keyword("mode", sections=PROXY, usage="{ tcp | http }", most=1)
def mode(proxy: model.Proxy, args: Args) -> None:
    """The protocol that the proxy speaks."""
    name = args.at(1)
    if name == "health":
        raise Alert("'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.")
    if name not in ("tcp", "http"):
        raise Alert(f"unknown proxy mode '{name}'.")
    proxy.mode = name  # type: ignore[assignment]


@keyword("disabled", sections=PROXY, most=0)
def disabled(proxy: model.Proxy, args: Args) -> None:
    """Read the section but do not run the proxy."""
    proxy.disabled = True


@keyword("enabled", sections=PROXY, most=0)
def enabled(proxy: model.Proxy, args: Args) -> None:
    """Undo a `disabled` of the defaults."""
    proxy.disabled = False


@keyword("id", sections=PROXY, usage="<value>")
def id_(proxy: model.Proxy, args: Args) -> None:
    """A fixed number for the proxy in statistics and SNMP-like tools."""
    if args.in_defaults:
        raise BareAlert(f"{args.where}: 'id' not allowed in 'defaults' section.")
    if not args.at(1):
        raise BareAlert(f"{args.where}: 'id' expects an integer argument.")
    args.at_most(1)
    number = leading_integer(args.at(1))
    if number <= 0:
        raise BareAlert(f"{args.where}: custom id has to be > 0.")
    for other in args.config.proxies:
        if other.id == number:
            raise BareAlert(f"{args.where}: {unquoted(proxy)} reuses same custom id as {unquoted(other)} (declared at {other.place}).")
    proxy.id = number


def unquoted(proxy: model.Proxy) -> str:
    """``frontend www``."""
    return f"{'proxy' if proxy.kind == 'listen' else proxy.kind} {proxy.name}"


@keyword("description", sections=PROXY, usage="<text>")
def description(proxy: model.Proxy, args: Args) -> None:
    """A text for the statistics page."""
    if args.in_defaults:
        raise BareAlert(f"{args.where}: 'description' not allowed in 'defaults' section.")
    if not args.at(1):
        raise BareAlert(f"{args.where}: 'description' expects a string argument.")
    proxy.description = " ".join(args.rest())


@keyword("maxconn", sections=PROXY, face="frontend", hint=" Maybe you want 'fullconn' instead ?", usage="<conns>")
def maxconn(proxy: model.Proxy, args: Args) -> None:
    """Most concurrent connections of a frontend."""
    number = args.integer("'maxconn' expects an integer argument.")
    args.at_most(1)
    proxy.maxconn = number


@keyword("fullconn", sections=PROXY, face="backend", hint=" Maybe you want 'maxconn' instead ?", usage="<conns>")
def fullconn(proxy: model.Proxy, args: Args) -> None:
    """How many connections make a backend full, for servers' dynamic limits (`minconn`)."""
    number = args.integer("'fullconn' expects an integer argument.")
    args.at_most(1)
    proxy.full_connections = number


@keyword("backlog", sections=PROXY, face="frontend", usage="<conns>")
def backlog(proxy: model.Proxy, args: Args) -> None:
    """The length of the system's queue of connections not yet accepted."""
    number = args.integer("'backlog' expects an integer argument.")
    args.at_most(1)
    proxy.backlog = number


@keyword("rate-limit", sections=PROXY, usage="sessions <rate>")
def rate_limit(proxy: model.Proxy, args: Args) -> None:
    """Most new sessions per second."""
    if args.at(1) != "sessions":
        raise Alert(f"'rate-limit' only supports 'sessions' (got '{args.at(1)}')")
    text = args.at(2)
    if not text:
        raise Alert("'rate-limit sessions' expects expects an integer value (in sessions/second)")
    proxy.rate_limit_sessions = whole(text, "rate-limit sessions")
    if args.lacks("frontend"):
        args.warn(f"rate-limit sessions will be ignored because {proxy.label} has no frontend capability")


def whole(text: str, name: str) -> int:
    """`text` as a number, nothing else."""
    digits = text[1:] if text[:1] == "-" else text
    for character in digits:
        if character not in string.digits:
            raise Alert(f"'{name}' : unexpected character '{character}' in integer value '{text}'")
    return int(text)


@keyword("retries", sections=PROXY, face="backend", usage="<value>")
def retries(proxy: model.Proxy, args: Args) -> None:
    """Connection attempts to make after the first one failed."""
    number = args.integer("'retries' expects an integer argument (dispatch counts for one).")
    args.at_most(1)
    proxy.retries = number


@keyword("retry-on", sections=PROXY, usage="<event> ...")
def retry_on(proxy: model.Proxy, args: Args) -> None:
    """Which failures of a server are worth another attempt."""
    if args.lacks("backend"):
        raise Alert("'retry-on' only available in backend or listen section")
    events = args.rest()
    if not events:
        raise Alert("'retry-on' needs at least one keyword to specify when to retry")
    if events[0] == "none":
        if len(events) > 1:
            raise Alert("'retry-on' 'none' keyworld only usable alone")
        events = []
    for event in events:
        if event not in RETRY_ON or event == "none":
            raise Alert(f"'retry-on': unknown keyword '{event}'")
    proxy.retry_on = set(events)


@keyword("max-keep-alive-queue", sections=PROXY, usage="<value>")
def max_keep_alive_queue(proxy: model.Proxy, args: Args) -> None:
    """How many may wait for a server before a kept connection to it is no longer preferred."""
    if args.lacks("backend"):
        args.warn(f"max-keep-alive-queue will be ignored because {proxy.label} has no backend capability")
    if not args.at(1):
        raise Alert("'max-keep-alive-queue' expects expects an integer value (or -1 to disable)")
    args.extra()["max-keep-alive-queue"] = whole(args.at(1), "max-keep-alive-queue")


@keyword("http-reuse", sections=PROXY, face="backend", usage="{ never | safe | aggressive | always }")
def http_reuse(proxy: model.Proxy, args: Args) -> None:
    """When a request may travel on a server connection that others used before."""
    if args.at(1) not in REUSE:
        raise Alert("'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.")
    args.at_most(0, 1)
    proxy.http_reuse = args.at(1)  # type: ignore[assignment]


@keyword("http-send-name-header", sections=PROXY, face="backend", usage="<header>")
def http_send_name_header(proxy: model.Proxy, args: Args) -> None:
    """The header that tells a server its own name."""
    proxy.http_send_name_header = args.word("'http-send-name-header' requires a header string.").encode()


@keyword("default_backend", sections=PROXY, face="frontend", usage="<backend>", most=1)
def default_backend(proxy: model.Proxy, args: Args) -> None:
    """The backend of requests that no `use_backend` rule sent elsewhere."""
    proxy.default_backend = args.word("'default_backend' expects a backend name.")


@keyword("monitor-uri", sections=PROXY, face="frontend", usage="<uri>", most=1)
def monitor_uri(proxy: model.Proxy, args: Args) -> None:
    """Requests for this URI are answered at once, for monitors in front."""
    proxy.monitor_uri = args.word("'monitor-uri' expects an URI.").encode("latin-1", "replace")


@keyword("unique-id-header", sections=PROXY, usage="<name>")
def unique_id_header(proxy: model.Proxy, args: Args) -> None:
    """The request header that carries the unique id."""
    proxy.unique_id_header = args.word("unique-id-header expects an argument.").lower().encode()


@keyword("load-server-state-from-file", sections=PROXY, face="backend", usage="{ global | local | none }")
def load_server_state_from_file(proxy: model.Proxy, args: Args) -> None:
    """Where the servers' state of the previous process is read from."""
    if args.at(1) not in ("global", "local", "none"):
        raise Alert(f"'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '{args.at(1)}'")
    proxy.load_server_state = args.at(1)


@keyword("server-state-file-name", sections=PROXY, face="backend", usage="[<file>]", most=1)
def server_state_file_name(proxy: model.Proxy, args: Args) -> None:
    """The file for `load-server-state-from-file local`."""
    args.extra()["server-state-file-name"] = args.at(1) or "use-backend-name"


@keyword("dynamic-cookie-key", sections=PROXY, face="backend", usage="<key>")
def dynamic_cookie_key(proxy: model.Proxy, args: Args) -> None:
    """The secret that dynamic cookies are made with."""
    proxy.dynamic_cookie_key = args.word("'dynamic-cookie-key' expects <secret_key> as argument.")


@keyword("transparent", sections=PROXY, most=0)
def transparent(proxy: model.Proxy, args: Args) -> None:
    """Connect to the address that the client wanted."""
    proxy.options.add("transparent")
