"""Commands that show the state of servers, the environment, and what went wrong at the start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pylb.base.address import Address
from pylb.control.registry import INFO, Answer, Level, Message, Refusal, Words, command
from pylb.keywords.cli.common import find_backend
from pylb.proxy.health import STATUSES

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.proxy import Backend
    from pylb.proxy.server import Server

STATE_VERSION: Final = 1
STATE_COLUMNS: Final = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status"
    " srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl"
    " srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
CONNECTION_COLUMNS: Final = (
    "bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur"
)
PAUSED: Final = 8  # of srv_check_state: shown for servers without checks too


def chosen(cli: Cli, words: Words) -> list[Backend]:
    """The backend that is asked for, or all."""
    if not words.at(0):
        return list(cli.process.backends.values())
    backend = find_backend(cli, words[0])
    if backend is None:
        raise Refusal("Can't find backend.\n")
    return [backend]


def host(address: Address | None) -> str:
    """An IP address, "-" for anything else."""
    return address.host if address is not None and address.is_ip else "-"


@command("show backend", usage="show backend", help="list backends in the current running config")
def show_backend(cli: Cli, words: Words) -> str:
    """The names of the backends."""
    return "# name\n" + "".join(f"{name}\n" for name in cli.process.backends)


@command(
    "show servers state", usage="show servers state [<backend>]", help="dump volatile server information (all or for a single backend)"
)
def show_servers_state(cli: Cli, words: Words) -> Answer:
    """What `load-server-state-from-file` reads again."""
    return state_lines(cli, chosen(cli, words))


def state_lines(cli: Cli, backends: list[Backend]) -> Iterator[str]:
    yield f"{STATE_VERSION}\n# {STATE_COLUMNS}\n"
    for backend in backends:
        for server in backend.servers:
            yield state_line(server, cli.now)


def state_line(server: Server, now: float) -> str:
    """One server as a line of the state file."""
    backend, settings, check = server.backend, server.settings, server.check
    address = server.address
    values = (
        backend.id, backend.name, server.id, server.name, host(address), int(server.state), server.admin, server.uweight, server.iweight,
        int(now - server.last_change), STATUSES[check.last.status][0], check.last.outcome, check.health,
        check.state_mask or (PAUSED if check.paused else 0), server.agent.state_mask,
        int(backend.settings.forced_id), int(settings.forced_id), server.host_name or "-",
        address.port, server.record_name or "-", int(settings.ssl), settings.check.port or 0, host(settings.check.address), host(settings.agent.address),
        settings.agent.port or 0,
    )  # fmt: skip
    return " ".join(map(str, values)) + "\n"


@command(
    "show servers conn", usage="show servers conn [<backend>]", help="dump server connections status (all or for a single backend)"
)
def show_servers_connections(cli: Cli, words: Words) -> Answer:
    """The connections of every server's pool."""
    return connection_lines(cli, chosen(cli, words))


def connection_lines(cli: Cli, backends: list[Backend]) -> Iterator[str]:
    threads = cli.process.config.global_.nbthread or 1
    yield f"# {CONNECTION_COLUMNS} idle_per_thr[{threads}]\n"
    for backend in backends:
        for server in backend.servers:
            yield connection_line(server, threads)


def connection_line(server: Server, threads: int) -> str:
    """One server's pool; all its idle connections are the first thread's."""
    backend, pool, settings, address = server.backend, server.pool, server.settings, server.address
    idle = len(pool)
    values = (
        f"{backend.name}/{server.name}", f"{backend.id}/{server.id}", host(address), address.port, "-", settings.pool_purge_delay,
        server.counters.used_conn_cur, pool.highest_used, pool.estimate, len(pool.idle), len(pool.safe), settings.pool_max_conn, idle, idle,
    )  # fmt: skip
    return " ".join(map(str, values)) + " 0" * (threads - 1) + "\n"


@command("show env", usage="show env [var]", help="dump environment variables known to the process", level=Level.OPERATOR)
def show_env(cli: Cli, words: Words) -> str:
    """The environment, with what the configuration set in it."""
    environment = {**os.environ, **cli.process.config.global_.setenv}
    name = words.at(0)
    if not name:
        return "".join(f"{key}={value}\n" for key, value in environment.items())
    if name not in environment:
        raise Refusal("Variable not found\n")
    return f"{name}={environment[name]}\n"


@command("show startup-logs", usage="show startup-logs", help="report logs emitted during HAProxy startup", level=Level.OPERATOR)
def show_startup_logs(cli: Cli, words: Words) -> Answer:
    """What was printed before the process served."""
    logs = cli.process.startup_logs
    return f"{logs}\n" if logs else Message(INFO, "\n")
