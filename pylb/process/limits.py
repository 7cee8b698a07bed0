"""How many connections, and the descriptors they need (management.txt 5; configuration.txt `maxconn`, `ulimit-n`, `strict-limits`).

A process plans two descriptors per connection, and some beside them. Without `maxconn` it takes as many connections as the
descriptors it may have allow; with it, it raises its limit to what is planned, or gives up (`strict-limits`).
"""

from __future__ import annotations

import contextlib
import os
import resource

from pylb.config import model
from pylb.config.report import Report

RESERVE = 10
PER_THREAD = 3
NO_LIMIT = 1 << 20
MEGABYTE = 1 << 20
USABLE = 0.97  # of the memory of `-m`
PER_CONNECTION = 3504  # bytes beside two buffers
PER_HANDSHAKE = 99000  # more for each side that speaks TLS


def planned(config: model.Config, maxconn: int, *, in_worker: bool = False) -> int:
    """The descriptors for so many connections, and those that exist whatever happens."""
    settings = config.global_
    threads = settings.nbthread or len(os.sched_getaffinity(0))
    fixed = RESERVE + PER_THREAD * threads + len(settings.stats_sockets) + in_worker
    if settings.stats_sockets:
        fixed += settings.stats_maxconn
    for proxy in config.proxies:
        fixed += len(proxy.binds)
        for server in proxy.servers:
            fixed += server.check.enabled + 2 * server.agent.enabled
    return 2 * maxconn + 2 * settings.maxpipes + fixed


def choose_maxconn(config: model.Config, memory: int, hard: int, *, in_worker: bool = False) -> int:
    """As many connections as descriptors (and the memory of `-m`) allow."""
    settings = config.global_
    if settings.fd_hard_limit:
        hard = min(hard, settings.fd_hard_limit)
    free = hard - planned(config, 0, in_worker=in_worker) + 2 * settings.maxpipes  # HAProxy forgets the pipes it was told of here
    most = max(1, free * 2 // 5 if splices(config) else free // 2)
    if not memory:
        return most
    return rounded(min(most, int(memory * MEGABYTE * USABLE) // cost(config)))


def splices(config: model.Config) -> bool:
    """Is a pipe, two descriptors, planned for every fourth connection? It is never used here, but stands in the limits that are shown."""
    return any(not proxy.options.isdisjoint(("splice-auto", "splice-request", "splice-response")) for proxy in config.proxies)


def cost(config: model.Config) -> int:
    """What a connection may take of memory."""
    tls = any(bind.ssl for proxy in config.proxies for bind in proxy.binds) or any(server.ssl for proxy in config.proxies for server in proxy.servers)
    return 2 * config.global_.bufsize + PER_CONNECTION + (PER_HANDSHAKE if tls else 0)


def rounded(number: int) -> int:
    """Two digits that count are enough for a guess."""
    unit = 1
    while number >= 100 * unit:
        unit *= 10
    return number - number % unit


def raise_limits(config: model.Config, report: Report, program: str, *, memory: int = 0, in_worker: bool = False) -> bool:
    """Fit `maxconn` and the descriptor limit to each other; False: the process must not start, which has been told."""
    config.global_.memory_limit = memory
    settings = config.global_
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not settings.maxconn:
        settings.maxconn = choose_maxconn(config, memory, NO_LIMIT if hard == resource.RLIM_INFINITY else hard, in_worker=in_worker)
    if not settings.maxpipes and splices(config):
        settings.maxpipes = settings.maxconn // 4
    needed = planned(config, settings.maxconn, in_worker=in_worker)
    settings.planned_sockets = needed
    wanted = settings.ulimit_n or needed
    if wanted > soft and not set_limit(wanted, hard):
        if settings.strict_limits:
            report.alert(f"[{program}.main()] Cannot raise FD limit to {wanted}, limit is {soft}.")
            return False
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        settings.ulimit_n = hard
        report.warning(f"[{program}.main()] Cannot raise FD limit to {wanted}, limit is {hard}.")
    return enough(settings, report, program, needed)


def set_limit(wanted: int, hard: int) -> bool:
    """Ask for so many descriptors."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted if hard == resource.RLIM_INFINITY else max(hard, wanted)))
    except (ValueError, OSError):
        return False
    return True


def enough(settings: model.Global, report: Report, program: str, needed: int) -> bool:
    """Tell when the limit is lower than what is planned for."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return True
    report.alert(
        f"[{program}.main()] FD limit ({limit}) too low for maxconn={settings.maxconn}/maxsock={needed}. "
        f"Please raise 'ulimit-n' to {needed} or more to avoid any trouble."
    )
    return not settings.strict_limits
