"""Waiting: for programs that were started, and for descriptors (`select.select` refuses numbers above 1023, which a whole run of the tests can reach)."""

from __future__ import annotations

import select
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class HasDescriptor(Protocol):
    """A socket, or a number's owner."""

    def fileno(self) -> int: ...


def readable(one: HasDescriptor | int, seconds: float) -> bool:
    """Is there something to read, or does it come within so many seconds?"""
    poll = select.poll()
    poll.register(one, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def hang_up(one: socket.socket) -> None:
    """Close a socket on which a thread may wait: closing alone would leave it waiting, and a waiting `accept` holds a descriptor's number."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def wait_until(
    met: Callable[[], object], process: subprocess.Popen[bytes], errors: Path, seconds: float = 15, not_yet: tuple[type[Exception], ...] = (OSError,)
) -> None:
    """Ask again and again until `met` holds. A program that ends or takes too long is ended, and what it said is the failure."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if met():
                return
        except not_yet:
            pass
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise AssertionError(errors.read_text("latin-1"))
