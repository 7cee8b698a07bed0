"""Becoming what `global` says: a process in the background, in a chroot, with another identity; and its pid file (management.txt 3)."""

from __future__ import annotations

import os
import signal
import sys
import time

from pylb.config import model

# what a process answers itself, and holds back while it starts
HANDLED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTOU, signal.SIGTTIN, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD,
)  # fmt: skip


class CannotStart(Exception):
    """The program cannot go on; the text is what the user is told."""


class PidFile:
    """The file of `-p` or `pidfile`: opened while we may, written when the pid is known, in one write so that no reader sees a part."""

    def __init__(self, path: str) -> None:
        self._descriptor = -1
        if not path:
            return
        try:
            os.unlink(path)
        except OSError:
            pass
        try:
            self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        except OSError:
            raise CannotStart(f"Cannot create pidfile {path}") from None

    def write(self, pid: int) -> None:
        """Put the pid in, once."""
        if self._descriptor >= 0:
            os.write(self._descriptor, f"{pid}\n".encode())
            os.close(self._descriptor)
            self._descriptor = -1

    def close(self) -> None:
        """Leave it to the process that will write it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def flush_output() -> None:
    """What was printed leaves before the process does, or before it is two."""
    sys.stdout.flush()
    sys.stderr.flush()


def leave_terminal() -> None:
    """Let go of stdin, stdout and stderr, so that whoever reads them sees their end."""
    flush_output()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)


def become(settings: model.Global) -> None:
    """Enter `chroot`, then take on `group` and `user`; raises CannotStart."""
    if settings.chroot or settings.uid or settings.gid:
        load_everything()
    if settings.chroot:
        try:
            os.chroot(settings.chroot)
            os.chdir("/")
        except OSError:
            raise CannotStart(f"Cannot chroot({settings.chroot}).") from None
    if settings.gid:
        try:
            os.setgroups([])
        except OSError:
            pass
        try:
            os.setgid(settings.gid)
        except OSError:
            raise CannotStart(f"Cannot set gid {settings.gid}.") from None
    if settings.uid:
        try:
            os.setuid(settings.uid)
        except OSError:
            raise CannotStart(f"Cannot set uid {settings.uid}.") from None


def load_everything() -> None:
    """Imports, codecs and time zone that are loaded lazily otherwise: in a chroot there are no files, another user may not read them."""
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
