"""What can only be checked, resolved or computed once everything is read; messages come in HAProxy's order.

Each enabled proxy goes through the same checks: names of other proxies, what the mode forbids, log formats, arguments of
expressions (the queue that compiling filled), timeouts, servers. Then come TLS listeners, tracking, error pages and numbers.
"""

from __future__ import annotations

from dataclasses import replace

from pylb.base.errors import Alert
from pylb.config import checks, model, name_servers
from pylb.config.args import Reading
from pylb.config.saved_states import read_saved_states
from pylb.config.settle import number_proxies, resolve_servers, settle
from pylb.config.tls import check_binds, check_server_tls
from pylb.sample.context import CompileContext, Job, Unresolved
from pylb.sample.logformat import LogFormat, compile_log_format
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint

TIMEOUTS = """missing timeouts for {}.
   | While not properly invalid, you will certainly encounter various problems
   | with such a configuration. To fix this, please ensure that all following
   | timeouts are set to a non-zero value: 'client', 'connect', 'server'."""
SWITCHING = Checkpoint.FRONTEND_SWITCHING
INHERITED_RULES = (
    *("tcp_request_connection", "tcp_request_session", "tcp_request_content", "tcp_response_content"),
    *("http_request", "http_response", "http_after_response"),
)


def complete(reading: Reading) -> None:
    """Check and finish `reading.config`; errors are reported there."""
    config = reading.config
    number_proxies(config)
    name_servers.make_implicit(config.resolvers)
    for proxy in config.proxies:
        if not proxy.disabled:
            link_proxy(proxy, reading)
    check_userlists(reading)
    for ring in config.rings.values():
        link_ring(ring, reading)
    for proxy in config.proxies:
        check_binds(proxy, reading)
    for proxy in config.proxies:
        if not proxy.disabled:
            take_error_sections(proxy, reading)
    run_jobs(reading.jobs, reading)
    check_ports(reading)
    if not reading.errors:
        name_servers.check(reading)
    if not reading.errors:
        read_saved_states(reading)
        resolve_servers(reading)
    if not reading.errors:
        settle(config)


def link_proxy(proxy: model.Proxy, reading: Reading) -> None:
    """All checks of one proxy, in order."""
    warn = reading.report.warning
    checks.mode(proxy, reading)
    checks.log_style(proxy, reading)
    if proxy.is_frontend and not proxy.binds:
        warn(f"{proxy.label} has no 'bind' directive. Please declare it as a backend if this was intended.")
    inherit_rules(proxy)
    checks.before_names(proxy, reading)
    link_default_backend(proxy, reading)
    link_switch_rules(proxy, reading)
    checks.buffers(proxy, reading)
    link_server_rules(proxy, reading)
    checks.inspection(proxy, reading)
    compile_formats(proxy, reading)
    resolve_arguments(proxy, reading)
    if lacks_timeouts(proxy):
        warn(TIMEOUTS.format(proxy.label))
    checks.after_timeouts(proxy, reading)
    check_names(proxy, reading)
    checks.http_only(proxy, reading)
    checks.servers(proxy, reading)
    check_resolvers(proxy, reading)
    for server in proxy.servers:
        check_server_tls(proxy, server, reading)
        link_tracking(proxy, server, reading)
    checks.protocols(proxy, reading)


def link_ring(ring: model.Ring, reading: Reading) -> None:
    """The sizes of a ring must fit, and its servers are checked like others."""
    if ring.maxlen > ring.size:
        reading.report.warning(f"ring '{ring.name}' event max length '{ring.maxlen}' exceeds size, forced to size '{ring.size}'.")
        ring.maxlen = ring.size
    if ring.proxy.servers and lacks_timeouts(ring.proxy):
        reading.report.warning(TIMEOUTS.format(ring.proxy.label))
    check_names(ring.proxy, reading)
    for server in ring.proxy.servers:
        check_server_tls(ring.proxy, server, reading)


def inherit_rules(proxy: model.Proxy) -> None:
    """The rules of the `defaults` section run first."""
    for slot in INHERITED_RULES:
        getattr(proxy, slot)[:0] = getattr(proxy.defaults, slot) if proxy.defaults else []
    if proxy.defaults and proxy.inspect_delay is None:
        proxy.inspect_delay = proxy.defaults.inspect_delay


def link_default_backend(proxy: model.Proxy, reading: Reading) -> None:
    """`default_backend` must name a backend of the same mode."""
    if proxy.default_backend is not None and (proxy.is_frontend or proxy.default_backend == proxy.name):
        _target(proxy, proxy.default_backend, "default_backend", "as its default backend", reading)


def _target(proxy: model.Proxy, name: str, word: str, how: str, reading: Reading) -> None:
    target = reading.config.proxy(name, "backend")
    if target is None:
        reading.fail(f"Proxy '{proxy.name}': unable to find required {word}: '{name}'.")
    elif target is proxy:
        reading.fail(f"Proxy '{proxy.name}': loop detected for {word}: '{name}'.")
    elif target.mode != proxy.mode and not (proxy.mode == "tcp" and target.mode == "http"):
        reading.fail(
            f"{proxy.mode} {proxy.label} ({proxy.place}) tries to use incompatible {target.mode} {target.label} ({target.place}) {how} (see 'mode')."
        )


def link_switch_rules(proxy: model.Proxy, reading: Reading) -> None:
    """Names of `use_backend` are checked; what holds a ``%`` is a log-format."""
    for rule in proxy.switch_rules:
        name = rule.target
        assert isinstance(name, str)
        if "%" not in name:
            _target(proxy, name, "use_backend", "in a 'use_backend' rule", reading)
            continue
        try:
            compiled = compile_log_format(name, place_context(proxy, rule.place, reading, SWITCHING, "log-format string"))
        except Alert as error:
            reading.fail(f"Parsing [{rule.place}]: failed to parse use_backend rule '{name}' : {error}.")
            continue
        rule.target, rule.dynamic = compiled, True


def link_server_rules(proxy: model.Proxy, reading: Reading) -> None:
    """Names of `use-server` are checked; what holds a ``%`` is a log-format."""
    names = [server.name for server in proxy.servers]
    if proxy.server_rules and len(set(names)) < len(names):
        twin = next(name for position, name in enumerate(names) if name in names[:position])
        reading.fail(f"Refusing to use duplicated server '{twin}' found in proxy: {proxy.name}!")
    for rule in proxy.server_rules:
        name = rule.target
        assert isinstance(name, str)
        if "%" in name:
            try:
                where = Checkpoint.BACKEND_SERVER_CHOICE
                rule.target, rule.dynamic = compile_log_format(name, place_context(proxy, rule.place, reading, where, "log-format string")).call, True
            except Alert as error:
                reading.fail(f"Parsing [{rule.place}]; use-server rule failed to parse log-format '{name}' : {error}.")
        elif name not in names or names.count(name) > 1:
            reading.fail(f"{proxy.label} : unable to find server '{name}' referenced in a 'use-server' rule.")


def place_context(proxy: model.Proxy, place: model.Place | None, reading: Reading, where: Checkpoint, usage: str) -> CompileContext:
    """A context for texts that are compiled only now."""
    return CompileContext(
        place=place,
        proxy=proxy,
        config=reading.config,
        phase=Phase.LOG,
        report=reading.report,
        usage=usage,
        checkpoints=where,
        jobs=reading.jobs,
    )


def compile_formats(proxy: model.Proxy, reading: Reading) -> None:
    """The log formats and the unique id of a frontend."""
    if not proxy.is_frontend:
        return
    for source, name, keep in (
        ("log-format", "log-format", "log_format"),
        ("log-format-sd", "log-format-sd", "log_format_sd"),
        ("error-log-format", "error-log-format", "error_log_format"),
        ("unique-id-format", "unique-id", "unique_id_format"),
    ):
        text = proxy.extra.get(source)
        if text is None or (source == "log-format" and proxy.log_format_source is None):
            continue
        place = proxy.extra[f"{source} place"]
        try:
            compiled = _compile(text, proxy, place, reading, source)
        except Alert as error:
            reading.fail(f"Parsing [{place}]: failed to parse {name} : {error}.")
        else:
            setattr(proxy, keep, compiled if keep == "log_format" else compiled.call)


def _compile(text: str, proxy: model.Proxy, place: model.Place, reading: Reading, source: str) -> LogFormat:
    where = Checkpoint.FRONTEND_REQUEST_HEADERS if source == "unique-id-format" else Checkpoint.LOG
    context = place_context(proxy, place, reading, where, "log-format string")
    return compile_log_format(text, replace(context, phase=Phase.REQUEST) if source == "unique-id-format" else context)


def resolve_arguments(proxy: model.Proxy, reading: Reading) -> None:
    """Run what waited for all names to be known; several errors are one alert."""
    owned = {id(proxy), id(proxy.defaults)} if proxy.defaults else {id(proxy)}
    mine = [job for job in reading.jobs if job.owner is None or id(job.owner) in owned]
    reading.jobs[:] = [job for job in reading.jobs if job not in mine]
    run_jobs(mine, reading)


def run_jobs(mine: list[Job], reading: Reading) -> None:
    """Run what was queued, in the order of the files."""
    complaints: list[str] = []
    for job in sorted(mine, key=lambda job: (job.place.file, job.place.line) if job.place else ("", 0)):
        try:
            job.run(reading.config)
        except Unresolved as error:
            complaints.append(f"parsing [{job.place}]: {error}")
        except Alert as error:
            reading.fail(str(error))
    if len(complaints) == 1:
        reading.fail(complaints[0])
    elif complaints:
        reading.fail("multiple argument resolution errors:" + "".join(f"\n        {complaint}" for complaint in complaints))


def lacks_timeouts(proxy: model.Proxy) -> bool:
    """Could a connection of this proxy last forever?"""
    timeouts = proxy.timeouts
    front = proxy.is_frontend and not timeouts.client
    back = proxy.is_backend and bool(proxy.servers)
    return front or (back and (not timeouts.connect or not (timeouts.server or (proxy.mode == "tcp" and timeouts.tunnel))))


def check_names(proxy: model.Proxy, reading: Reading) -> None:
    """Servers of one proxy have different names."""
    first: dict[str, model.Server] = {}
    for server in proxy.servers:
        known = first.setdefault(server.name, server)
        if known is not server:
            reading.fail(
                f"parsing [{server.place}] : {proxy.label}, another server named '{server.name}' was already defined"
                f" at line {known.place.line}, please use distinct names."
            )


def link_tracking(proxy: model.Proxy, server: model.Server, reading: Reading) -> None:
    """`track` names a checked server of this or another backend."""
    if server.track is None:
        return
    backend, _, name = server.track.rpartition("/")
    owner = reading.config.proxy(backend, "backend") if backend else proxy
    who = f"[{server.place}] : 'server {proxy.name}/{server.name}' : "
    if owner is None:
        reading.fail(f"{who}unable to find required proxy '{backend}' for tracking.")
        return
    tracked = next((other for other in owner.servers if other.name == name), None)
    if tracked is None:
        reading.fail(f"{who}unable to find required server '{name}' for tracking.")
    elif not (tracked.check.enabled or tracked.agent.enabled or tracked.track):
        reading.fail(f"{who}unable to use {owner.name}/{name} for tracking as it does not have any check nor agent enabled.")


def check_resolvers(proxy: model.Proxy, reading: Reading) -> None:
    """The section that `resolvers` names."""
    for server in proxy.servers:
        if server.resolvers is not None and server.resolvers not in reading.config.resolvers:
            reading.fail(f"{proxy.label}, server '{server.name}': unable to find required resolvers '{server.resolvers}'")


def check_userlists(reading: Reading) -> None:
    """Groups that users name must exist; groups that list users join them."""
    for users in reading.config.userlists.values():
        for user in users.users.values():
            for group in sorted(user.groups - users.groups):
                reading.fail(f"userlist '{users.name}': no such group '{group}' specified in user '{user.name}'")
        for group, members in users.memberships.items():
            for member in members:
                known = users.users.get(member)
                if known is None:
                    reading.fail(f"userlist '{users.name}': no such user '{member}' specified in group '{group}'")
                else:
                    known.groups.add(group)


def take_error_sections(proxy: model.Proxy, reading: Reading) -> None:
    """Pages of `http-errors` sections."""
    for name, place, take in proxy.extra.get("error sections", ()):
        pages = reading.config.http_errors.get(name)
        if pages is None:
            reading.fail(f"proxy '{proxy.name}': unknown http-errors section '{name}' (at {place}).")
        else:
            take(pages)


def check_ports(reading: Reading) -> None:
    """A check needs a port."""
    for proxy in reading.config.proxies:
        if proxy.disabled:
            continue
        for server in proxy.servers:
            check = server.check
            needs = check.enabled and server.address.kind in ("ipv4", "ipv6", "name") and not check.port
            if needs and not server.asks_for_records and (server.address.relative or not server.address.port) and not checks.steps_have_ports(proxy):
                reading.fail(f"config: {proxy.label}: server '{server.name}' has neither service port nor check port.")
