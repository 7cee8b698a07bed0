"""The lab's load balancer: a child process started as anybody would start it, and questions to its stats socket.

The child never outlives the lab: it is ended by `stop`, and the kernel ends it should the lab be killed. It has a process group of
its own, so that Ctrl-C reaches the lab alone, which then ends everything in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pylb.base.net import Endpoint, Net
from pylb.lab.peer import dial

PR_SET_PDEATHSIG = 1
PATIENCE = 5.0  # seconds that the socket may take to answer
GRACE = 3.0  # and the process to leave
ANSWERS = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
BORING = ("haproxy version is", "path to executable is")


@dataclass(slots=True)
class Row:
    """A server, or what stands for all servers of a backend, as `show stat` tells it."""

    status: str
    requests: int
    check: str

    @property
    def settled(self) -> str:
        """The status without the progress of checks: `UP 2/3` is UP."""
        return self.status.split(" ")[0]


Table = dict[tuple[str, str], Row]  # (proxy, server)


def parse_table(text: str) -> Table:
    """The CSV of `show stat`. A request counts where it was answered; `stot` would count every attempt to reach a dead server too."""
    lines = [line for line in text.lstrip("# ").splitlines() if line]
    rows = {}
    for row in csv.DictReader(lines):
        answers = sum(int(row[column] or 0) for column in ANSWERS)
        rows[row["pxname"], row["svname"]] = Row(row["status"], answers, row["check_status"])
    return rows


def die_with_parent() -> None:
    """In the child, before exec: the kernel shall send TERM when the parent is gone, however it went."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Balancer:
    """One process of pylb or haproxy."""

    def __init__(self, net: Net, socket_path: str, on_line: Callable[[str], None], on_exit: Callable[[int], None]) -> None:
        self.net, self.socket_path = net, socket_path
        self.on_line, self.on_exit = on_line, on_exit
        self.process: subprocess.Popen[bytes] | None = None
        self.said = b""
        self.loop = asyncio.get_running_loop()

    def start(self, argv: Sequence[str]) -> None:
        """Begin; raises OSError when the program cannot be executed."""
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0, preexec_fn=die_with_parent
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.loop.add_reader(self.process.stdout.fileno(), self.readable)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    def readable(self) -> None:
        """What the program prints; its end is the program's."""
        assert self.process is not None and self.process.stdout is not None
        try:
            data = os.read(self.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, self.said = (self.said + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            if not any(each in text for each in BORING):
                self.on_line(text)
        if not data:
            self.forget()
            self.on_exit(self.process.wait())

    def forget(self) -> None:
        """Listen to it no more."""
        if self.process is not None and self.process.stdout is not None and not self.process.stdout.closed:
            self.loop.remove_reader(self.process.stdout.fileno())
            self.process.stdout.close()

    async def ask(self, command: str) -> str:
        """What the stats socket answers, without the empty line that ends it; raises OSError or TimeoutError."""
        peer = await dial(self.net, Endpoint.unix(self.socket_path), patience=PATIENCE)
        try:
            await peer.send(command.encode() + b"\n")
            return (await peer.rest()).decode("utf-8", "replace").removesuffix("\n")
        finally:
            peer.close()

    async def table(self) -> Table | None:
        """`show stat`; None while it cannot be had."""
        try:
            return parse_table(await self.ask("show stat"))
        except (OSError, TimeoutError):
            return None

    async def stop(self) -> None:
        """End the process: ask it first."""
        self.forget()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        limit = self.loop.time() + GRACE
        while self.process.poll() is None and self.loop.time() < limit:
            await asyncio.sleep(0.01)
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
