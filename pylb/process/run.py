"""From a checked configuration to a running program: limits, sockets, pid file, chroot, identity, daemon, worker (management.txt 3).

Order as in HAProxy: descriptors, bind, pid file, fork of the daemon, chroot and user, then the loop. Nothing can be imported after
a chroot, so everything is loaded before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import sys
import time

from pylb.base.version import VERSION
from pylb.config import model
from pylb.config.report import Report
from pylb.process import wiring
from pylb.process.build import StartError
from pylb.process.options import Options
from pylb.process.worker import Worker, flush_output

SPARE_DESCRIPTORS = 37  # what HAProxy wants beside two per connection
MAIN = "/usr/sbin/haproxy.main()"


def run(options: Options, config: model.Config, report: Report) -> int:
    """Start and serve; returns the exit status, or ends by the signal that asked for it."""
    report.context = ""
    daemon = (config.global_.daemon or options.daemon) and not options.foreground and not options.debug
    if options.master_worker or config.global_.master_worker:
        from pylb.process.master import run_master

        return run_master(options, config, report, daemon)
    return run_worker(options, config, report, daemon=daemon)


def run_worker(options: Options, config: model.Config, report: Report, *, daemon: bool = False, in_worker: bool = False) -> int:
    """One process: bind, become what `global` says, serve."""
    try:
        raise_limits(config, report)
        worker = Worker(config, report, tag=options.tag, version=VERSION)
        worker.listen()
        wiring.listen_for_commands(worker)
    except StartError as error:
        for line in str(error).splitlines():
            report.alert(line)
        report.alert(f"[{MAIN}] Some protocols failed to start their listeners! Exiting.") if "Starting" in str(error) else None
        return 1
    replace_old(options)
    if daemon and not detach(options):
        os._exit(0)
    pidfile = options.pidfile or config.global_.pidfile
    if pidfile and not in_worker:
        write_pidfile(pidfile, os.getpid())
    worker.process.pid = os.getpid()
    become(config.global_, report)
    wiring.start(worker)
    worker.run()
    return leave(worker, in_worker)


def leave(worker: Worker, in_worker: bool) -> int:
    """The end: status 0 after a soft stop, death by the signal otherwise, as whoever started us expects."""
    flush_output()
    number = worker.died_of
    if number is None:
        return 0
    if in_worker:
        return 128 + number
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def raise_limits(config: model.Config, report: Report) -> None:
    """Have enough descriptors for `maxconn`, or fit `maxconn` to what there is when it was not set."""
    settings = config.global_
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sockets = sum(len(proxy.binds) for proxy in config.proxies) + len(settings.stats_sockets)
    checks = sum(server.check.enabled for proxy in config.proxies for server in proxy.servers)
    spare = SPARE_DESCRIPTORS - 6 + sockets + checks
    if not settings.maxconn:
        settings.maxconn = max(100, (hard if hard != resource.RLIM_INFINITY else 1 << 20) // 2 - spare // 2 - 1)
    wanted = settings.ulimit_n or 2 * settings.maxconn + spare
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError):
        if settings.strict_limits:
            raise StartError(f"[{MAIN}] Cannot raise FD limit to {wanted}, limit is {hard}.") from None
        report.warning(f"[{MAIN}] Cannot raise FD limit to {wanted}, limit is {hard}.")
        report.alert(
            f"[{MAIN}] FD limit ({hard}) too low for maxconn={settings.maxconn}/maxsock={wanted}. "
            f"Please raise 'ulimit-n' to {wanted} or more to avoid any trouble."
        )
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def replace_old(options: Options) -> None:
    """`-sf` and `-st`: tell the processes that we replace to finish or to terminate, now that we hold the sockets."""
    for number, pids in ((signal.SIGUSR1, options.finish), (signal.SIGTERM, options.terminate)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def wait_for_exit(pids: list[int], seconds: float) -> None:
    """Wait until the processes are gone, at most so long."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and any(is_alive(pid) for pid in pids):
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Does the process exist?"""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def detach(options: Options) -> bool:
    """Become a daemon: False in the parent, which has nothing left to do."""
    flush_output()
    if os.fork():
        return False
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
    return True


def write_pidfile(path: str, pid: int) -> None:
    """The pid and a line feed, in one write."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    try:
        os.write(descriptor, f"{pid}\n".encode())
    finally:
        os.close(descriptor)


def become(settings: model.Global, report: Report) -> None:
    """Enter `chroot`, then take on `group` and `user`."""
    if settings.chroot:
        load_everything()
        os.chroot(settings.chroot)
        os.chdir("/")
    if settings.gid is not None and os.getuid() == 0:
        with contextlib.suppress(PermissionError):
            os.setgroups([])
        os.setgid(settings.gid)
    if settings.uid is not None:
        os.setuid(settings.uid)


def load_everything() -> None:
    """Imports, codecs and time zone that are loaded lazily otherwise: in a chroot there are no files."""
    import encodings.idna
    import encodings.punycode  # noqa: F401
    import pkgutil
    from importlib import import_module

    import pylb

    time.tzset()
    time.localtime()
    for module in pkgutil.walk_packages(pylb.__path__, "pylb."):
        if ".lab" not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)


__all__ = ["run", "run_worker", "sys", "wait_for_exit", "write_pidfile"]
