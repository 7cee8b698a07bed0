"""Commands about the inside of the program: what is there to be said truthfully, in HAProxy's form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pylb.control.registry import Answer, Words, command

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli


@command("show tasks", usage="show tasks", help="show running tasks")
def show_tasks(cli: Cli, words: Words) -> Answer:
    """Background tasks that are ready to run; streams are no tasks here."""
    return task_lines(cli)


def task_lines(cli: Cli) -> Iterator[str]:
    threads = cli.process.config.global_.nbthread or 1
    yield f"Running tasks: 0 ({threads} threads)\n"
    yield "  function                     places     %    lat_tot   lat_avg\n"


@command("show activity", usage="show activity", help="show per-thread activity stats (for support/developers)")
def show_activity(cli: Cli, words: Words) -> str:
    """The few figures of HAProxy's list that exist here."""
    process = cli.process
    counters = process.counters
    lines = {
        "date_now": f"{process.clock.wall():.6f}",
        "wake_tasks": str(len(asyncio.all_tasks(process.loop))),
        "accepted": str(counters.connections_total),
    }
    return "thread_id: 1 (1..1)\n" + "".join(f"{name}: {value}\n" for name, value in lines.items())


@command("show tls-keys", usage="show tls-keys [id|*]", help="show tls keys references or dump tls ticket keys when id specified")
def show_tls_keys(cli: Cli, words: Words) -> str:
    """Files of ticket keys: `tls-ticket-keys` is not implemented, so there are none."""
    return "# id secret\n" if words else "# id (file)\n"


@command("show ssl providers", usage="show ssl providers", help="show loaded SSL providers")
def show_providers(cli: Cli, words: Words) -> str:
    """OpenSSL's providers: the default one is the only one loaded."""
    return "Loaded providers : \n\t- default\n"
