"""Commands that change frontends and the process's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.control.registry import NOTICE, Level, Refusal, Words, command
from pylb.keywords.cli.common import find_frontend, leading_integer
from pylb.proxy.process import WARNING

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.proxy import Frontend

LIMITS: Final = {"connections": "maxconnrate", "sessions": "maxsessrate", "ssl-sessions": "maxsslrate", "http-compression": "maxcomprate"}
RATE_LIMIT_USAGE: Final = (
    "'set rate-limit' only supports :\n"
    "   - 'connections global' to set the per-process maximum connection rate\n"
    "   - 'sessions global' to set the per-process maximum session rate\n"
    "   - 'ssl-sessions global' to set the per-process maximum SSL session rate\n"
    "   - 'http-compression global' to set the per-process maximum compression speed in kB/s\n"
)


def kind(frontend: Frontend) -> str:
    """How messages call it."""
    return "proxy" if frontend.own_backend is not None else "frontend"


def tell(frontend: Frontend, text: str) -> None:
    """A line on the terminal and in the frontend's log."""
    frontend.process.message(WARNING, text)
    if frontend.send_log is not None:
        frontend.send_log(WARNING, text)


def is_paused(frontend: Frontend) -> bool:
    return bool(frontend.listeners) and all(listener.paused_by_hand for listener in frontend.listeners)


@command("disable frontend", usage="disable frontend <frontend>", help="temporarily disable specific frontend", level=Level.ADMIN)
def disable_frontend(cli: Cli, words: Words) -> None:
    """Leave new connections in the kernel's queue."""
    frontend = find_frontend(cli, words.at(0))
    if frontend.stopped:
        raise Refusal("Frontend was previously shut down, cannot disable.\n", NOTICE)
    if is_paused(frontend):
        raise Refusal("All sockets are already disabled.\n", NOTICE)
    frontend.pause()
    tell(frontend, f"Paused {kind(frontend)} {frontend.name}.")


@command("enable frontend", usage="enable frontend <frontend>", help="re-enable specific frontend", level=Level.ADMIN)
def enable_frontend(cli: Cli, words: Words) -> None:
    """Accept connections again."""
    frontend = find_frontend(cli, words.at(0))
    if frontend.stopped:
        raise Refusal("Frontend was previously shut down, cannot enable.\n")
    if not is_paused(frontend):
        raise Refusal("All sockets are already enabled.\n", NOTICE)
    frontend.resume()
    tell(frontend, f"Resumed {kind(frontend)} {frontend.name}.")


@command("shutdown frontend", usage="shutdown frontend <frontend>", help="stop a specific frontend", level=Level.ADMIN)
def shutdown_frontend(cli: Cli, words: Words) -> None:
    """Stop listening for good; open connections go on."""
    frontend = find_frontend(cli, words.at(0))
    if frontend.stopped:
        raise Refusal("Frontend was already shut down.\n", NOTICE)
    frontend.stopped = True
    for listener in frontend.listeners:
        if listener.listening is not None:
            listener.listening.close()
            listener.listening = None
    counters, backend = frontend.counters, frontend.own_backend
    served = backend.counters.stot if backend is not None else 0
    tell(frontend, f"Proxy {frontend.name} stopped (cumulated conns: FE: {counters.conn_tot}, BE: {served}).")


@command(
    "set maxconn frontend", usage="set maxconn frontend <frontend> <value>", help="change a frontend's maxconn setting", level=Level.ADMIN
)
def set_maxconn_frontend(cli: Cli, words: Words) -> None:
    """How many connections at once a frontend takes."""
    frontend = find_frontend(cli, words.at(0))
    if not words.at(1):
        raise Refusal("Integer value expected.\n")
    value = leading_integer(words[1])
    if value < 0:
        raise Refusal("Value out of range.\n")
    frontend.maxconn = value
    for listener in frontend.listeners:
        listener.resume_if_allowed()


@command("set maxconn global", usage="set maxconn global <value>", help="change the per-process maxconn setting", level=Level.ADMIN)
def set_maxconn_global(cli: Cli, words: Words) -> None:
    """How many connections at once the process takes; never more than it was started for, and no limit of its own below 1."""
    if not words.at(0):
        raise Refusal("Expects an integer value.\n")
    process = cli.process
    value = leading_integer(words[0])
    if value > process.config.global_.maxconn:
        raise Refusal("Value out of range.\n")
    process.maxconn = value if value > 0 else process.config.global_.maxconn
    while process.waiting and process.connections < process.maxconn:
        process.waiting.pop(0).resume_if_allowed()


@command("set rate-limit", usage="set rate-limit <setting> <value>", help="change a rate limiting value", level=Level.ADMIN)
def set_rate_limit(cli: Cli, words: Words) -> None:
    """A limit of the process per second."""
    name = LIMITS.get(words.at(0))
    if name is None or (words.at(1) and words.at(1) != "global") or not words.at(1):
        raise Refusal(RATE_LIMIT_USAGE)
    if not words.at(2):
        raise Refusal("Expects an integer value.\n")
    value = leading_integer(words[2])
    if value < 0:
        raise Refusal("Value out of range.\n")
    settings = cli.process.config.global_
    setattr(settings, name, value)
