"""The master of master-worker mode (`-W`; management.txt 3 and 4): it starts the worker, passes signals on, tells of its end, and listens
for commands of its own (`-S`).

The sockets are open when it comes here. The worker is a fork: it serves, the master closes its copies. The pid never changes. When the master
dies the worker sees the end of its link and leaves; when the worker dies the master leaves with its status. Nothing is read or served here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pylb.config import model
from pylb.config.report import Report
from pylb.process.binding import Opened
from pylb.process.daemon import HANDLED, PidFile, flush_output, leave_terminal
from pylb.process.notify import notify
from pylb.process.options import Options

if TYPE_CHECKING:
    from pylb.process.master_cli import MasterListener

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
PASSED = (signal.SIGTTOU, signal.SIGTTIN)


@dataclass(frozen=True, slots=True)
class Child:
    """The worker, as the master knows it."""

    pid: int
    link: socket.socket  # carries the ends of connections to the worker's command line
    started: float


def run_master(
    options: Options, config: model.Config, report: Report, opened: Opened, pidfile: PidFile, daemon: bool, load_commands: Callable[[], None]
) -> int:
    """Start the worker and look after it until it ends; returns the exit status (of the worker's process: the worker's)."""
    from pylb.process.run import serve

    commands = config.global_.master_socket
    listening = opened.take(commands.address.endpoint()) if commands is not None else None
    parent = go_background() if daemon else -1
    pidfile.write(os.getpid())
    notify("RELOADING=1") if options.notify else None
    ours, theirs = socket.socketpair()
    flush_output()
    pid = os.fork()
    if not pid:
        ours.close()
        if listening is not None:
            listening.detach() if commands is not None and commands.address.kind == "fd" else listening.close()
        if parent >= 0:
            os.close(parent)
            report.quiet = not report.verbose
        end(serve(options, config, report, opened, load_commands, link=theirs.detach()))
    theirs.close()
    opened.close()
    report.notice(f"New worker ({pid}) forked")
    if daemon:
        finish_background(parent, report)
    report.notice("Loading success.")
    report.introduced = False  # as a program that starts itself again to look after the worker
    if report.quiet and not report.verbose:
        leave_terminal()
    master = Master(options, report, Child(pid, ours, time.monotonic()))
    if commands is not None and listening is not None:
        master.listen(commands, listening)
    return master.run()


def end(status: int) -> None:
    """The worker's end: nothing of what the master would do afterwards."""
    flush_output()
    os._exit(status)


def go_background() -> int:
    """The master goes on in the background; the process that was started waits until it has a worker. Returns where to tell it."""
    flush_output()
    heard, told = os.pipe()
    if os.fork():
        os.close(told)
        os._exit(0 if os.read(heard, 1) else 1)
    os.close(heard)
    os.setsid()
    return told


def finish_background(parent: int, report: Report) -> None:
    """Let the process that was started end, and whoever reads our output too."""
    os.write(parent, b"R")
    os.close(parent)
    report.quiet = not report.verbose


class Master:
    """Waits for signals, for commands and for the end of the worker."""

    def __init__(self, options: Options, report: Report, child: Child) -> None:
        self.options, self.report = options, report
        self.child: Child | None = child
        self.started = time.monotonic()
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.status = 0
        self.commands: MasterListener | None = None

    def listen(self, bind: model.Bind, listening: socket.socket) -> None:
        """Take commands on a socket that listens already."""
        from pylb.process.master_cli import MasterListener

        self.commands = MasterListener(self, bind, listening)

    def run(self) -> int:
        """Until the worker has ended."""
        for number in STOPS:
            self.loop.add_signal_handler(number, self.stop, number)
        for number in PASSED:
            self.loop.add_signal_handler(number, self.pass_on, number)
        for number in (signal.SIGUSR2, signal.SIGHUP):
            self.loop.add_signal_handler(number, self.reload)
        self.loop.add_signal_handler(signal.SIGQUIT, lambda: None)
        self.loop.add_signal_handler(signal.SIGCHLD, self.reap)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        if self.options.notify:
            notify(f"READY=1\nMAINPID={os.getpid()}")
        self.loop.call_soon(self.reap)
        self.loop.run_forever()
        if self.commands is not None:
            self.commands.close()
        flush_output()
        return self.status

    def stop(self, number: int) -> None:
        """The worker ends, and then we do."""
        if self.options.notify:
            notify("STOPPING=1")
        self.report.warning("Exiting Master process...")
        self.pass_on(number)

    def pass_on(self, number: int) -> None:
        """The worker gets the signal that we got."""
        if self.child is not None:
            os.kill(self.child.pid, number)

    def reload(self) -> None:
        """USR2, HUP: to start again with a new configuration."""
        self.report.warning("pylb: 'reload' is not implemented yet.")

    def reap(self) -> None:
        """Take notice of processes that have ended; the last one is the end."""
        while True:
            try:
                pid, state = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self.ended(pid, os.waitstatus_to_exitcode(state))

    def ended(self, pid: int, code: int) -> None:
        """Tell how a process ended, and leave with the worker's status; a process that was only passed on to us does not count."""
        status = code if code >= 0 else 128 - code
        ours = self.child is not None and self.child.pid == pid
        name = signal.strsignal(status - 128) if status > 128 else "Exit"
        say = self.report.alert if status >= 128 else self.report.warning
        say(f"{f'Current worker ({pid})' if ours else f'Process {pid}'} exited with code {status} ({name})")
        if not ours:
            return
        self.child = None
        if status not in (0, 130, 143):
            self.report.alert("exit-on-failure: killing every processes with SIGTERM")
        self.status = 0 if status == 128 + signal.SIGTERM else status
        self.report.warning(f"All workers exited. Exiting... ({self.status})")
        self.loop.stop()
