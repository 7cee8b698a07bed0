"""The last steps of reading: numbers of objects, addresses of named servers, and defaults that depend on everything else."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pylb.base.address import read_host
from pylb.config import model
from pylb.config.args import Reading


def number_proxies(config: model.Config) -> None:
    """Proxies, listeners and servers without a number of their own get the next free one."""
    taken = {proxy.id for proxy in config.proxies if proxy.id}
    number = 2 if config.global_.stats_sockets else 1  # the proxy behind the stats sockets is the first
    for proxy in config.proxies:
        proxy.forced_id = proxy.id is not None
        for server in proxy.servers:
            server.forced_id = server.id is not None
        if proxy.id is None:
            while number in taken:
                number += 1
            proxy.id = number
        number += 1
        number_members(proxy.servers)
        number_members(proxy.binds)


def number_members(members: Iterable[Any]) -> None:
    """Number what has an `id`, from 1. One that has a number of its own uses up a turn, as HAProxy counts."""
    listed = list(members)
    taken = {member.id for member in listed if member.id}
    number = 1
    for member in listed:
        if member.id is None:
            while number in taken:
                number += 1
            member.id = number
        number += 1


def resolve_servers(reading: Reading) -> None:
    """Names of servers become addresses, unless the line says that they need not."""
    failed = False
    for proxy in reading.config.proxies:
        for server in proxy.servers:
            if server.address.kind == "name":
                failed |= not _find_address(server, f"[{server.place}] : 'server {proxy.name}/{server.name}' : ", reading)
    if failed:
        reading.fail("Failed to initialize server(s) addr.")
        reading.aborted = True


def _find_address(server: model.Server, who: str, reading: Reading) -> bool:
    """Try one method of `init-addr` after the other; False: none worked, and that is an error."""
    methods = server.init_addr or ("last", "libc", *(("none",) if server.resolvers is not None else ()))
    asked, what = False, f"could not resolve address '{server.host_name}'"
    last = server.saved[4] if server.saved is not None else "-"
    for method in (*methods, "none") if reading.config.global_.ignore_resolution else methods:
        if method == "last" and last != "-" and read_host(last) is not None:
            _settle_at(server, last)
            return True
        if method == "libc" and not server.asks_for_records:
            asked = True
            if _ask_system(server):
                return True
        elif method == "none":
            if asked:
                reading.report.warning(f"{who}{what}, disabling server.")
            server.unresolved = True
            return True
        elif method not in ("last", "libc"):
            if asked:
                reading.report.warning(f"{who}{what}, falling back to configured address.")
            _settle_at(server, method)
            return True
    reading.fail(f"{who}{what}." if asked else f"{who}no method found to resolve address '{server.host_name}'.")
    return False


def _ask_system(server: model.Server) -> bool:
    """Ask the system's resolver."""
    families = {4: socket.AF_INET, 6: socket.AF_INET6}
    try:
        found = socket.getaddrinfo(server.host_name, None, families.get(server.address.family, socket.AF_UNSPEC), socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    if found:
        _settle_at(server, str(found[0][4][0]))
    return bool(found)


def _settle_at(server: model.Server, host: str) -> None:
    server.address = replace(server.address, kind="ipv6" if ":" in host else "ipv4", host=host)


def settle(config: model.Config) -> None:
    """Defaults that depend on everything else."""
    for proxy in config.proxies:
        if proxy.is_frontend and proxy.maxconn is None and config.global_.proxy_maxconn > 0:
            proxy.maxconn = config.global_.proxy_maxconn
    frontends = [(proxy.maxconn or config.global_.maxconn, leads_to(proxy)) for proxy in config.proxies if proxy.is_frontend]
    for proxy in config.proxies:
        if proxy.is_backend and not proxy.full_connections:
            proxy.full_connections = full_connections(proxy, frontends)
        if proxy.is_backend and proxy.balance is None:
            proxy.balance = model.Balance()


def full_connections(proxy: model.Proxy, frontends: Iterable[tuple[int, set[str]]]) -> int:
    """A tenth of what all frontends may send here; 0 when a frontend's limit is only known at start."""
    limits = [limit for limit, targets in frontends if proxy.name in targets]
    return (sum(limits) + 9) // 10 if all(limits) else 0


def leads_to(frontend: model.Proxy) -> set[str]:
    """The backends that requests of `frontend` can come to. HAProxy leaves out names that are only known at run time."""
    named = {rule.target for rule in frontend.switch_rules if not rule.dynamic and isinstance(rule.target, str)}
    own = {frontend.name} if frontend.is_backend else set()
    return named | own | {frontend.default_backend or ""}
