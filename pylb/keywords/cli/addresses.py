"""`set server ... addr`, `check-addr`, `agent-addr` and their ports."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pylb.base.address import Address, read_host
from pylb.control.registry import WARNING, Message, Refusal, Words
from pylb.proxy.resolution import move

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.server import Server

BY: Final = "by 'stats socket command'"
NO_MAP: Final = (
    "can't change <port> to port map because it is incompatible with current health check port configuration"
    " (use 'port' statement from the 'server' directive."
)
PORTS: Final = 65536


def ip_address(text: str) -> Address | None:
    """An IP address alone; `*` is any IPv4 address."""
    host = read_host(text)
    return Address("ipv6" if ":" in host else "ipv4", host) if host is not None else None


def set_address(cli: Cli, server: Server, words: Words) -> Message:
    """Where the server is: its address, and its port when one is given."""
    text = words.at(0)
    if not text:
        raise Refusal("set server <b>/<s> addr requires an address and optionally a port.\n")
    found = ip_address(text)
    if found is None:
        return Message(WARNING, f"Invalid addr '{text}' {BY}\n")
    before = server.address
    address = replace(before, kind=found.kind, host=found.host)
    said = "no need to change the addr" if found.host == before.host else f"IP changed from '{before.host}' to '{text}'"
    if words.at(1) == "port":
        why, address = new_port(server, address, words.at(2))
        said += f", {why}"
    move(server, address)
    return Message(WARNING, f"{said} {BY}\n")


def new_port(server: Server, address: Address, text: str) -> tuple[str, Address]:
    """What is said about the port, and the address with it."""
    match = re.fullmatch(r"([+-]?)(\d+)", text)
    if match is None:
        return f"problem converting port '{text}' to an int", address
    sign, number = match[1], int(match[2])
    if sign:
        if not server.settings.check.port:
            return NO_MAP, address
        offset = -number if sign == "-" else number
        return port_change(address, text, replace(address, port=offset, port_high=offset, relative=True))
    return port_change(address, str(number % PORTS), address.with_port(number % PORTS))


def port_change(before: Address, text: str, after: Address) -> tuple[str, Address]:
    if before == after:
        return "no need to change the port", before
    return f"port changed from '{'+' if before.relative and before.port >= 0 else ''}{before.port}' to '{text}'", after


# -- where checks and agents are asked


def target(words: Words, what: str) -> tuple[Address, int | None]:
    """An address and perhaps a port of a check or an agent."""
    if not words.at(0):
        raise Refusal(f"set server <b>/<s> {what}-addr requires an address and optionally a port.\n")
    found = ip_address(words[0])
    if found is None:
        raise Refusal(f"invalid addr '{words[0]}'", WARNING)
    port = checked_port(words.at(2)) if words.at(1) == "port" else None
    return found, port


def checked_port(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise Refusal("provided port is not an integer", WARNING)
    if not 0 <= int(text) < PORTS:
        raise Refusal("provided port is invalid", WARNING)
    return int(text)


def only_port(words: Words, what: str) -> str:
    if not words.at(0):
        raise Refusal(f"set server <b>/<s> {what}-port requires a port.\n")
    return words[0]


def require_check(server: Server) -> None:
    if not server.check.configured:
        raise Refusal("health checks are not enabled on this server", WARNING)


def require_agent(server: Server) -> None:
    if not server.agent.configured:
        raise Refusal("agent checks are not enabled on this server", WARNING)


def set_check_address(cli: Cli, server: Server, words: Words) -> None:
    """Where health checks go."""
    if words.at(0):
        require_check(server)
    address, port = target(words, "check")
    server.settings.check.address = address
    if port is not None:
        server.settings.check.port = port


def set_check_port(cli: Cli, server: Server, words: Words) -> None:
    """The port that health checks go to."""
    text = only_port(words, "check")
    require_check(server)
    server.settings.check.port = checked_port(text)


def set_agent_address(cli: Cli, server: Server, words: Words) -> None:
    """Where the agent is."""
    if words.at(0):
        require_agent(server)
    address, port = target(words, "agent")
    server.settings.agent.address = address
    if port is not None:
        server.settings.agent.port = port


def set_agent_port(cli: Cli, server: Server, words: Words) -> None:
    """The port the agent listens on."""
    text = only_port(words, "agent")
    require_agent(server)
    server.settings.agent.port = checked_port(text)
