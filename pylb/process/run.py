"""From a checked configuration to a running program (management.txt 3).

The order is HAProxy's: descriptors, sockets, pid file, the old processes, fork of the daemon, chroot and user, then the loop.
Signals are held back from the fork until whoever is started can answer them. Nothing can be imported after a chroot, and perhaps nothing by
another user: `become` loads whatever is left, before.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from pylb.base.version import VERSION
from pylb.config import model
from pylb.config.report import Report
from pylb.process.binding import Opened, open_all, tell
from pylb.process.daemon import HANDLED, CannotStart, PidFile, become, flush_output, leave_terminal
from pylb.process.forwarding import knows_rings
from pylb.process.limits import raise_limits
from pylb.process.options import Options


def run(options: Options, config: model.Config, report: Report, load_commands: Callable[[], None]) -> int:
    """Start and serve; returns the exit status, or ends by the signal that asked for it. `load_commands` makes the commands of sockets known."""
    if not knows_rings(config, report):
        return 1
    report.context = ""
    tell_what_is_missing(options, report)
    daemon = (config.global_.daemon or options.daemon) and not options.foreground and not options.debug
    master = options.master_worker or config.global_.master_worker
    if not raise_limits(config, report, options.program, memory=options.memory, in_worker=master):
        return 1
    replaced = (*options.finish, *options.terminate)
    opened = open_all(config, report, reuse_port=not options.no_reuseport, replaces=replaced)
    if opened is None:
        return fail("Some protocols failed to start their listeners! Exiting.", options, report)
    try:
        pidfile = PidFile((options.pidfile or config.global_.pidfile or "") if daemon or master else "")
    except CannotStart as error:
        return fail(str(error), options, report)
    tell(options.finish, signal.SIGUSR1)
    tell(options.terminate, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    if master:
        from pylb.process.master import run_master

        return run_master(options, config, report, opened, pidfile, daemon, load_commands)
    if daemon:
        detach(pidfile)
        report.quiet = not report.verbose
    return serve(options, config, report, opened, load_commands)


def tell_what_is_missing(options: Options, report: Report) -> None:
    """Options that HAProxy would now act on and pylb cannot yet; with `-sf` the ports are shared until the old process is gone."""
    if options.old_socket is not None:
        report.warning("pylb: '-x' is not implemented yet.")
    if options.debug:
        report.warning("pylb: '-d' is not implemented yet, the process only stays in the foreground.")


def fail(why: str, options: Options, report: Report) -> int:
    """The last words of a start that did not succeed."""
    report.alert(f"[{options.program}.main()] {why}")
    return 1


def detach(pidfile: PidFile) -> None:
    """Go on in the background; the process that was started writes the pid file and is done."""
    flush_output()
    pid = os.fork()
    if pid:
        pidfile.write(pid)
        os._exit(0)
    pidfile.close()
    os.setsid()


def serve(options: Options, config: model.Config, report: Report, opened: Opened, load_commands: Callable[[], None], *, link: int = -1) -> int:
    """One process that serves; `link` is the descriptor of its connection to a master, whose end is the end of the worker too."""
    from pylb.process import wiring  # what serves is loaded where it serves: a master has its worker, and its pid file, sooner
    from pylb.process.build import StartError
    from pylb.process.worker import Worker

    if config.global_.stats_sockets or link >= 0:
        load_commands()
    try:
        worker = Worker(config, report, opened, tag=options.tag, version=VERSION)
        worker.listen()
        wiring.listen_for_commands(worker)
        if link >= 0:
            worker.attend(link)
        become(config.global_)
    except (StartError, CannotStart) as error:
        return fail(str(error), options, report)
    report.introduced = True
    if report.quiet and not report.verbose:
        leave_terminal()
    wiring.start(worker)
    worker.run()
    return leave(worker.died_of, in_worker=link >= 0)


def leave(number: int | None, *, in_worker: bool) -> int:
    """The end: status 0 after a soft stop; death by the signal otherwise, which a master sees as a status."""
    flush_output()
    if number is None:
        return 0
    if not in_worker:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    return 128 + number
