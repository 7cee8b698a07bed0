"""What connects the floors of one worker: changes of state to logs and streams, checks to servers, stats sockets to the CLI."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.net import ListenError
from pylb.control.cli import CliListener
from pylb.process.build import StartError
from pylb.proxy.transition import Transition
from pylb.stream import connect
from pylb.tasks.check import start_checks
from pylb.tasks.housekeeping import start_housekeeping

if TYPE_CHECKING:
    from pylb.process.worker import Worker
    from pylb.proxy.process import Process

TERMINAL_LEVELS = {"ALERT": 1, "WARNING": 4, "NOTICE": 5}


def connect_servers(process: Process) -> None:
    """Have every server's transitions carried out."""

    def emit(transition: Transition) -> None:
        carry_out(process, transition)

    for backend in process.backends.values():
        for server in backend.servers:
            server.emit = emit


def carry_out(process: Process, transition: Transition) -> None:
    """Print and log the lines, end sessions, wake who waits."""
    for line in transition.lines:
        if line.tag:
            process.message(TERMINAL_LEVELS.get(line.tag, 5), line.text)
        if line.backend.send_log is not None:
            line.backend.send_log(line.level, line.for_log)
    for server, letter in transition.shutdowns:
        for stream in server.streams:
            stream.kill(letter)
    for stream in transition.woken:
        process.loop.call_soon(stream.wake)
    for server in transition.ready:
        connect.serve_queues(server)


def listen_for_commands(worker: Worker) -> None:
    """Open the stats sockets; raises StartError."""
    process = worker.process
    for number, settings in enumerate(process.config.global_.stats_sockets, 1):
        try:
            listener = CliListener(process, settings, number)
        except ListenError as error:
            raise StartError(f"Starting proxy GLOBAL: {error.why} [{settings.bind.text}]") from None
        worker.commands.append(listener)
        worker.stops.append(listener.close)


def start(worker: Worker) -> None:
    """Begin what runs in the background."""
    connect_servers(worker.process)
    for begin in worker.process.starters:
        begin()
    worker.stops += start_tasks(worker.process)


def start_tasks(process: Process) -> list[Callable[[], None]]:
    """Begin checks and housekeeping; each function returned ends one of them."""
    return [start_checks(process), start_housekeeping(process)]
