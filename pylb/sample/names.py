"""Names inside arguments (proxies, servers, tables, userlists), checked once everything was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.sample.arguments import Named
from pylb.sample.context import CompileContext, Unresolved

if TYPE_CHECKING:
    from pylb.config.model import Config, Proxy


def resolve_later(named: Named, position: int, context: CompileContext, converter: str = "") -> None:
    """Check this name when the configuration is complete; it is an argument of the fetch being compiled or of a converter behind it."""
    owner = context.proxy
    place = context.blame(position, converter)

    def check(config: Config) -> None:
        complaint = CHECKS[named.kind](config, owner, named.name, place)
        if complaint:
            raise Unresolved(complaint + ".")

    context.later(check)


def _proxy(config: Config, owner: Proxy | None, name: str, place: str, face: str) -> str | None:
    """A frontend or backend; the proxy itself when no name is given."""
    if name:
        found = config.proxy(name, face)  # type: ignore[arg-type]
        return None if found else f"unable to find {face} '{name}' referenced {place}"
    if owner is not None and not getattr(owner, "is_" + face):
        return f"proxy '{owner.name}', referenced {place}, has not {face} capability"
    return None


def _frontend(config: Config, owner: Proxy | None, name: str, place: str) -> str | None:
    return _proxy(config, owner, name, place, "frontend")


def _backend(config: Config, owner: Proxy | None, name: str, place: str) -> str | None:
    return _proxy(config, owner, name, place, "backend")


def _table(config: Config, owner: Proxy | None, name: str, place: str) -> str | None:
    """A proxy with a stick table, or a table of a peers section."""
    wanted = name or (owner.name if owner is not None else "")
    holders = [proxy for proxy in config.proxies if proxy.name == wanted and proxy.stick_table is not None]
    named_in_peers = any(wanted in getattr(section, "tables", ()) for section in config.sections.get("peers", ()))
    if holders or named_in_peers:
        return None
    return f"unable to find table '{wanted}' referenced {place}"


def _server(config: Config, owner: Proxy | None, name: str, place: str) -> str | None:
    """A server, ``backend/server`` or one of the proxy itself."""
    if not name:
        return f"missing server name {place}"
    backend, slash, server = name.rpartition("/")
    if slash:
        proxy: Any = config.proxy(backend, "backend")
        if proxy is None:
            return f"unable to find proxy '{backend}' referenced {place}"
    else:
        proxy = owner
    if proxy is None or all(known.name != server for known in proxy.servers):
        return f"unable to find server '{server}' in proxy '{proxy.name if proxy else ''}', referenced {place}"
    return None


def _userlist(config: Config, owner: Proxy | None, name: str, place: str) -> str | None:
    if not name:
        return f"missing userlist name {place}"
    return None if name in config.userlists else f"unable to find userlist '{name}' referenced {place}"


CHECKS = {"frontend": _frontend, "backend": _backend, "table": _table, "server": _server, "user list": _userlist}
