"""The cross-checks of one proxy: what its mode or missing settings make useless, in HAProxy's order and words."""

from __future__ import annotations

from typing import Any

from pylb.base.errors import NotImplementedYet
from pylb.config import model
from pylb.config.args import Reading
from pylb.config.dynamic_cookie import check_equal

INSPECT = (
    "{} : a 'tcp-request {}' rule explicitly depending on request contents without any 'tcp-request inspect-delay' setting."
    " This means that this rule will randomly find its contents. This can be fixed by setting the tcp-request inspect-delay."
)
HTTP_OPTIONS = (
    *("accept-invalid-http-request", "accept-invalid-http-response", "checkcache", "http-buffer-request", "http-ignore-probes"),
    *("idle-close-on-response", "prefer-last-server", "http-use-proxy-header", "http-pretend-keepalive", "http-no-delay", "disable-h2-upgrade"),
)
OPTION_ORDER = (
    *("checkcache", "http-buffer-request", "http-ignore-probes", "idle-close-on-response", "prefer-last-server"),
    *("accept-invalid-http-request", "accept-invalid-http-response", "http-use-proxy-header", "http-pretend-keepalive", "http-no-delay"),
    *("disable-h2-upgrade",),
)
NOT_SPOKEN = ("h2", "fcgi")
HASHES = ("uri", "url_param", "hdr")
LOG_OPTIONS = ("httplog", "httplog clf", "httpslog", "tcplog")


def mode(proxy: model.Proxy, reading: Reading) -> None:
    """Settings that need HTTP to mean anything."""
    warn = reading.report.warning
    if proxy.mode != "http":
        if proxy.cookie is not None:
            warn(f"cookie will be ignored for {proxy.label} (needs 'mode http').")
        if proxy.monitor_uri is not None and proxy.is_frontend:
            warn(f"monitor-uri will be ignored for {proxy.label} (needs 'mode http').")
        if proxy.balance is not None and proxy.balance.algorithm in HASHES:
            warn(f"Layer 7 hash not possible for {proxy.label} (needs 'mode http'). Falling back to round robin.")
            proxy.balance.algorithm = "roundrobin"


def before_names(proxy: model.Proxy, reading: Reading) -> None:
    """Checks that need no other proxy."""
    _balance(proxy, reading)
    _check_rules(proxy, reading)
    _external_check(proxy, reading)


def _balance(proxy: model.Proxy, reading: Reading) -> None:
    """Servers, `dispatch` and `option transparent` exclude each other."""
    if not proxy.is_backend or not proxy.extra.get("balance set"):
        return
    if proxy.has("transparent") and proxy.balance is not None:
        reading.fail(f"{proxy.label} cannot use both transparent and balance mode.")
    elif "dispatch" in proxy.extra:
        reading.report.warning(f"dispatch address of {proxy.label} will be ignored in balance mode.")
        del proxy.extra["dispatch"]


def _check_rules(proxy: model.Proxy, reading: Reading) -> None:
    """Rules and options of checks that are not the proxy's kind of check."""
    warn = reading.report.warning
    kind = proxy.health_check.kind
    own = proxy.extra
    if own.get("own tcp_check") and proxy.tcp_check and kind != "tcp-check" and not _inherited(proxy, "tcp_check"):
        warn(f"{proxy.label} uses tcp-check rules without 'option tcp-check', so the rules are ignored.")
    if own.get("own http_check") and proxy.http_check and kind != "httpchk" and not _inherited(proxy, "http_check"):
        warn(f"{proxy.label} uses http-check rules without 'option httpchk', so the rules are ignored.")
    if kind != "tcp" and (kind != "httpchk" or not proxy.is_backend):
        for name in ("disable-on-404", "send-state"):
            if name in proxy.http_check_options:
                warn(f"'{name}' will be ignored for {proxy.label} (requires 'option httpchk').")


def _inherited(proxy: model.Proxy, slot: str) -> bool:
    return proxy.defaults is not None and getattr(proxy, slot) == getattr(proxy.defaults, slot)


def _external_check(proxy: model.Proxy, reading: Reading) -> None:
    """`option external-check` needs permission and a command."""
    who = f"Proxy '{proxy.name}' : "
    if proxy.health_check.kind == "external":
        if not reading.config.global_.external_check:
            reading.fail(f"{who}'option external-check' unable to find required 'global.external-check'.")
        if not proxy.extra.get("external-check command"):
            reading.fail(f"{who}'option external-check' unable to find required 'external-check command'.")
        if not reading.config.global_.insecure_fork:
            reading.report.warning(f"{who}'insecure-fork-wanted' not enabled in the global section, 'option external-check' will likely fail.")
        return
    for what in ("command", "path"):
        if proxy.extra.get(f"external-check {what}"):
            reading.report.warning(f"'external-check {what}' will be ignored for {proxy.label} (requires 'option external-check').")


def inspection(proxy: model.Proxy, reading: Reading) -> None:
    """Rules about contents need time to see them."""
    if proxy.inspect_delay:
        return
    for rule in proxy.tcp_request_content:
        if rule.needs_content:
            reading.report.warning(INSPECT.format(proxy.label, rule.action))
            return


def buffers(proxy: model.Proxy, reading: Reading) -> None:
    """An HTTP proxy does not show raw bytes to conditions."""
    if proxy.mode == "http":
        for place in proxy.extra.get("conditions on buffers", ()):
            reading.report.warning(f"Proxy '{proxy.name}': L6 sample fetches ignored on HTTP proxies (declared at {place}).")


def log_style(proxy: model.Proxy, reading: Reading) -> None:
    """HTTP logs of a proxy that does not see HTTP become TCP logs."""
    chosen = next((name for name in LOG_OPTIONS if name in proxy.options), None)
    if proxy.mode == "http" or chosen is None or chosen == "tcplog" or not proxy.is_frontend:
        return
    place = proxy.extra.get("log-format place")
    name = "httpslog" if chosen == "httpslog" else "httplog"
    reading.report.warning(
        f"parsing [{place}] : 'option {name}' not usable with {proxy.label} (needs 'mode http'). Falling back to 'option tcplog'."
    )
    proxy.options.discard(chosen)
    proxy.options.add("tcplog")


def after_timeouts(proxy: model.Proxy, reading: Reading) -> None:
    """A log format needs somewhere to log to."""
    chosen = proxy.log_format is not None or proxy.log_format_sd is not None or any(name in proxy.options for name in LOG_OPTIONS)
    targets = proxy.log or (proxy.log_global and reading.config.global_.log)
    if chosen and proxy.is_frontend and not targets:
        reading.report.warning(f"log format ignored for {proxy.label} since it has no log address.")


def http_only(proxy: model.Proxy, reading: Reading) -> None:
    """What needs HTTP is useless without it."""
    if proxy.mode == "http" or proxy.extra.get("switches mode"):
        _switches_mode(proxy, reading)
        return
    for present, text in (
        (proxy.statistics is not None, "'stats' statement ignored for {} as it requires HTTP mode."),
        (
            proxy.is_frontend and bool(proxy.extra.get("captures")),
            "'capture' statement ignored for {} as it requires HTTP mode.",
        ),
        (bool(proxy.http_request), "'http-request' rules ignored for {} as they require HTTP mode."),
        (bool(proxy.http_response), "'http-response' rules ignored for {} as they require HTTP mode."),
        (bool(proxy.http_after_response), "'http-after-response' rules ignored for {} as they require HTTP mode."),
        (bool(proxy.redirects), "'redirect' rules ignored for {} as they require HTTP mode."),
        (proxy.forwardfor is not None, "'option forwardfor' ignored for {} as it requires HTTP mode."),
        (proxy.originalto is not None, "'option originalto' ignored for {} as it requires HTTP mode."),
        *((name in proxy.options, f"'option {name}' ignored for {{}} as it requires HTTP mode.") for name in OPTION_ORDER),
    ):
        if present:
            reading.report.warning(text.format(proxy.label))
    proxy.forwardfor = proxy.originalto = None
    proxy.options.difference_update(HTTP_OPTIONS)


def _switches_mode(proxy: model.Proxy, reading: Reading) -> None:
    """Connections that become HTTP need a backend that speaks it."""
    if proxy.mode == "tcp" and proxy.servers and proxy.default_backend is None and not proxy.switch_rules:
        reading.report.warning(
            f"Proxy '{proxy.name}' : 'switch-mode http' configured for a tcp proxy with no backend."
            " Incoming connections upgraded to HTTP cannot be routed to TCP servers"
        )


def servers(proxy: model.Proxy, reading: Reading) -> None:
    """Words of servers that the mode forbids, and cookies that are made for them."""
    check_equal(proxy, reading)
    if proxy.mode == "http":
        return
    _lent_header(proxy, proxy.source, "ignoring use of header {} as source IP in non-HTTP mode.", reading)
    for server in proxy.servers:
        if server.redir:
            reading.fail(f"{proxy.label} : server cannot have cookie or redirect prefix in non-HTTP mode.")
        if server.cookie is not None:
            reading.report.warning(f"{proxy.label} : ignoring cookie for server '{server.name}' as HTTP mode is disabled.")
        _lent_header(proxy, server.source, f"server {server.name} cannot use header {{}} as source IP in non-HTTP mode.", reading)


def _lent_header(proxy: model.Proxy, source: dict[str, Any] | None, complaint: str, reading: Reading) -> None:
    """`usesrc hdr_ip(...)` where there are no headers."""
    usesrc = (source or {}).get("usesrc", "")
    if usesrc.startswith("hdr_ip("):
        reading.report.warning(f"{proxy.label} : {complaint.format(usesrc[7:].rstrip(')').partition(',')[0])}")


def protocols(proxy: model.Proxy, reading: Reading) -> None:
    """`proto` must fit the mode, and be one that is spoken."""
    if "switches to" in proxy.extra:
        reading.fail(f"Proxy '{proxy.name}': MUX protocol '{proxy.extra['switches to']}' is not compatible with the selected mode.")
    for listener in proxy.binds:
        what = f"'bind {listener.text}'"
        _protocol(proxy, listener.proto, ("h1", "h2"), what, listener.place, reading)
    for server in proxy.servers:
        if server.proto == "fcgi" and proxy.mode == "http":
            reading.fail(f"proxy '{proxy.name}': FCGI server '{server.name}' has no FCGI app configured.")
        else:
            _protocol(proxy, server.proto, ("h1", "h2"), f"server '{server.name}'", server.place, reading)
        if server.check.enabled and server.check.proto in NOT_SPOKEN:
            reading.fail(f"parsing [{server.place}] : {NotImplementedYet(f'check-proto {server.check.proto}')}")


def _protocol(proxy: model.Proxy, name: str | None, usable: tuple[str, ...], what: str, place: model.Place, reading: Reading) -> None:
    if name is None or name == "none":
        return
    if proxy.mode != "http" or name not in usable:
        reading.fail(f"{proxy.label} : MUX protocol '{name}' is not usable for {what} at [{place}].")
    elif name in NOT_SPOKEN:
        reading.fail(f"parsing [{place}] : {NotImplementedYet(f'proto {name}')}")


def steps_have_ports(proxy: model.Proxy) -> bool:
    """Do the check's own `connect` steps say where to connect?"""
    steps = proxy.tcp_check if proxy.health_check.kind == "tcp-check" else proxy.http_check if proxy.health_check.kind == "httpchk" else []
    connects = [step for step in steps if step.kind == "connect"]
    return bool(connects) and all("port" in step.facts for step in connects)
