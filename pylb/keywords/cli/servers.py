"""Commands that change one server: `set server`, `enable`, `disable`, `set weight`, `set maxconn server` and their relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pylb.control.registry import NOTICE, Answer, Level, Message, Refusal, Words, command
from pylb.keywords.cli.addresses import set_address, set_agent_address, set_agent_port, set_check_address, set_check_port
from pylb.keywords.cli.common import INTEGER, find_server
from pylb.keywords.cli.resolvers import set_name
from pylb.proxy.resolution import drop_idle
from pylb.proxy.transition import Transition
from pylb.proxy.weights import EMPTY, TRAILING
from pylb.stream.dial import attach

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.server import Server

USAGE: Final = (
    "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send"
    " | check-addr | check-port | fqdn | health | ssl | state | weight\n"
)
Change = Callable[["Cli", "Server", Words], Answer]


@command(
    "set server", usage="set server <bk>/<srv> [opts]", help="change a server's state, weight, address or ssl", level=Level.ADMIN
)
def set_server(cli: Cli, words: Words) -> Answer:
    """Change one property of one server."""
    server = find_server(cli, words.at(0))
    change = CHANGES.get(words.at(1))
    if change is None:
        raise Refusal(USAGE)
    return change(cli, server, Words(words[2:]))


def set_state(cli: Cli, server: Server, words: Words) -> None:
    if words.at(0) not in ("ready", "drain", "maint"):
        raise Refusal("'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n")
    server.command_state(words[0], cli.now)


def set_health(cli: Cli, server: Server, words: Words) -> None:
    if server.tracked is not None:
        raise Refusal("cannot change health on a tracking server.\n")
    if words.at(0) not in ("up", "stopping", "down"):
        raise Refusal("'set server <srv> health' expects 'up', 'stopping', or 'down'.\n")
    server.command_health(words[0], cli.now)


def set_agent(cli: Cli, server: Server, words: Words) -> None:
    if not server.agent.enabled:
        raise Refusal("agent checks are not enabled on this server.\n")
    if words.at(0) not in ("up", "down"):
        raise Refusal("'set server <srv> agent' expects 'up' or 'down'.\n")
    server.command_agent(words[0], cli.now)


def set_agent_send(cli: Cli, server: Server, words: Words) -> None:
    if not server.agent.configured:
        raise Refusal("agent checks are not enabled on this server.\n")
    server.settings.agent.send = words.at(0).encode("latin-1")


def set_server_weight(cli: Cli, server: Server, words: Words) -> None:
    if not words.at(0):
        raise Refusal("Require <weight> or <weight%>.\n")
    wrong = server.set_weight(words[0], cli.now)
    if wrong is not None:
        raise Refusal(wrong if wrong in (EMPTY, TRAILING) else f"{wrong}\n")


def set_ssl(cli: Cli, server: Server, words: Words) -> Message:
    if server.settings.tls is None or not (server.settings.ssl or server.tls_suspended):
        raise Refusal("'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n")
    if words.at(0) not in ("on", "off"):
        raise Refusal("'set server <srv> ssl' expects 'on' or 'off'.\n")
    server.settings.ssl = words[0] == "on"
    server.tls_suspended = not server.settings.ssl
    attach(server)
    drop_idle(server)
    return Message(NOTICE, "server ssl setting updated.\n")


CHANGES: Final[dict[str, Change]] = {
    "addr": set_address,
    "agent": set_agent,
    "agent-addr": set_agent_address,
    "agent-port": set_agent_port,
    "agent-send": set_agent_send,
    "check-addr": set_check_address,
    "check-port": set_check_port,
    "fqdn": set_name,
    "health": set_health,
    "ssl": set_ssl,
    "state": set_state,
    "weight": set_server_weight,
}


@command("get weight", usage="get weight <bk>/<srv>", help="report a server's current weight")
def get_weight(cli: Cli, words: Words) -> str:
    """The weight in force and the configured one."""
    server = find_server(cli, words.at(0))
    return f"{server.uweight} (initial {server.iweight})\n"


@command(
    "set weight",
    usage="set weight <bk>/<srv>  (DEPRECATED)",
    help="change a server's weight (use 'set server' instead)",
    level=Level.ADMIN,
)
def set_weight(cli: Cli, words: Words) -> None:
    """As `set server ... weight`."""
    set_server_weight(cli, find_server(cli, words.at(0)), Words(words[1:]))


@command("set maxconn server", usage="set maxconn server <bk>/<srv>", help="change a server's maxconn setting", level=Level.ADMIN)
def set_maxconn(cli: Cli, words: Words) -> None:
    """How many streams at once the server takes."""
    server = find_server(cli, words.at(0))
    if not words.at(1):
        raise Refusal("Require <maxconn>.\n")
    match = INTEGER.match(words[1])
    if match is None:
        raise Refusal("maxconn string empty or preceded by garbage")
    if match[2]:
        raise Refusal("Trailing garbage in maxconn string")
    server.set_maxconn(int(match[1]))
    transition = Transition(server)
    transition.ready.append(server)
    server.publish(transition)


# -- enable and disable


@command("disable server", usage="disable server (DEPRECATED)", help="disable a server for maintenance (use 'set server' instead)", level=Level.ADMIN)
def disable_server(cli: Cli, words: Words) -> None:
    """Put a server in maintenance."""
    find_server(cli, words.at(0)).command_state("maint", cli.now)


@command("enable server", usage="enable server  (DEPRECATED)", help="enable a disabled server (use 'set server' instead)", level=Level.ADMIN)
def enable_server(cli: Cli, words: Words) -> None:
    """End maintenance and drain."""
    find_server(cli, words.at(0)).command_state("ready", cli.now)


@command("disable health", usage="disable health", help="disable health checks", level=Level.ADMIN)
def disable_health(cli: Cli, words: Words) -> None:
    """Stop a server's health checks."""
    find_server(cli, words.at(0)).check.enabled = False


@command("enable health", usage="enable health", help="enable health checks", level=Level.ADMIN)
def enable_health(cli: Cli, words: Words) -> None:
    """Go on with a server's health checks."""
    check = find_server(cli, words.at(0)).check
    if not check.configured:
        raise Refusal("Health check was not configured on this server, cannot enable.\n")
    check.enabled = True


@command("disable agent", usage="disable agent", help="disable agent checks", level=Level.ADMIN)
def disable_agent(cli: Cli, words: Words) -> None:
    """Stop a server's agent checks."""
    find_server(cli, words.at(0)).agent.enabled = False


@command("enable agent", usage="enable agent", help="enable agent checks", level=Level.ADMIN)
def enable_agent(cli: Cli, words: Words) -> None:
    """Go on with a server's agent checks."""
    agent = find_server(cli, words.at(0)).agent
    if not agent.configured:
        raise Refusal("Agent was not configured on this server, cannot enable.\n")
    agent.enabled = True


@command(
    "shutdown sessions server", usage="shutdown sessions server <bk>/<srv>", help="kill sessions on a server", level=Level.ADMIN
)
def shutdown_sessions(cli: Cli, words: Words) -> None:
    """End every session that uses the server."""
    server = find_server(cli, words.at(0))
    transition = Transition(server)
    transition.shutdowns.append((server, "K"))
    server.publish(transition)
