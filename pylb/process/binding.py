"""Opening the listening sockets of a configuration: before there is a loop, a fork or a chroot (management.txt 4).

Sockets are opened protocol by protocol (IPv6, IPv4, unix), within each in the order of the configuration, and everything that
fails is told before giving up. When an old process is to be replaced and still holds a port, it is told to pause and the port
is tried again for a while; if that does not help the old process resumes and the new one gives up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pylb.base.net import Endpoint, ListenError, ListenOptions
from pylb.config import model
from pylb.config.report import Report
from pylb.process import sockets

ROUNDS = ("ipv6", "ipv4", "fd", "unix", "abns")  # fd@ sockets are of any family: they are never bound, so they cannot fail late
TRIES = 200
PAUSE = 0.01  # seconds between two tries


@dataclass(slots=True)
class Opened:
    """Sockets that listen already, for the `Net` that will accept from them."""

    sockets: dict[Endpoint, list[socket.socket]] = field(default_factory=dict)

    def add(self, endpoint: Endpoint, sock: socket.socket) -> None:
        self.sockets.setdefault(endpoint, []).append(sock)

    def take(self, endpoint: Endpoint) -> socket.socket | None:
        """A socket that listens there, which now belongs to the caller."""
        ready = self.sockets.get(endpoint)
        return ready.pop(0) if ready else None

    def close(self) -> None:
        """Drop what nobody took; inherited descriptors stay open, they are not only ours."""
        for endpoint, ready in self.sockets.items():
            for sock in ready:
                sock.detach() if endpoint.kind == "fd" else sock.close()
        self.sockets.clear()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One socket to open, and who wants it."""

    bind: model.Bind
    owner: str  # "frontend fe", "proxy l1": as messages call it
    options: ListenOptions

    def complaint(self, why: str) -> str:
        """What is said when it fails."""
        address = self.bind.address
        where = f" for [{address.host}:{address.port}]" if address.is_ip else f" [{address.host if address.kind == 'unix' else ''}]"
        return f"Binding [{self.bind.place}] for {self.owner}: {why}{where}"


def wanted(config: model.Config, *, reuse_port: bool = True) -> Iterator[Wanted]:
    """Every listening socket of the configuration."""
    settings = config.global_
    for stats in settings.stats_sockets:
        yield Wanted(stats.bind, "frontend GLOBAL", listen_options(stats.bind, settings.stats_maxconn, reuse_port))
    for proxy in config.proxies:
        if proxy.disabled or not proxy.is_frontend:
            continue
        owner = f"{'proxy' if proxy.is_backend else 'frontend'} {proxy.name}"
        for bind in proxy.binds:
            backlog = bind.backlog or proxy.backlog or proxy.maxconn or settings.maxconn or 1024
            yield Wanted(bind, owner, listen_options(bind, backlog, reuse_port))
    if settings.master_socket is not None:
        yield Wanted(settings.master_socket, "proxy MASTER", listen_options(settings.master_socket, 1024, reuse_port))


def listen_options(bind: model.Bind, backlog: int, reuse_port: bool) -> ListenOptions:
    """How a `bind` line wants its socket."""
    return ListenOptions(
        backlog=bind.backlog or backlog, reuse_port=reuse_port, v6only=bind.v6only, v4v6=bind.v4v6, transparent=bind.transparent,
        interface=bind.interface, mss=bind.mss, tfo=bind.tfo, defer_accept=bind.defer_accept, user_timeout=bind.tcp_user_timeout,
        mode=bind.mode, uid=bind.uid, gid=bind.gid,
    )  # fmt: skip


def open_all(config: model.Config, report: Report, *, reuse_port: bool = True, replaces: Sequence[int] = ()) -> Opened | None:
    """Open everything; None when something failed, which has been told."""
    asked = sorted(wanted(config, reuse_port=reuse_port), key=lambda each: ROUNDS.index(each.bind.address.endpoint().kind))
    opened = Opened()
    missing = try_all(asked, opened, None if replaces else report)
    if missing and replaces:
        missing = insist(missing, opened, report, replaces)
    if missing:
        opened.close()
        return None
    return opened


def try_all(asked: Sequence[Wanted], opened: Opened, report: Report | None) -> list[Wanted]:
    """Open what can be opened, tell about the rest if somebody listens, and return it. What is only warned about does not count beside an error."""
    missing = []
    for each in asked:
        endpoint, remarks = each.bind.address.endpoint(), list[str]()
        try:
            opened.add(endpoint, sockets.open_listener(endpoint, each.options, remarks.append))
        except ListenError as error:
            missing.append(each)
            if report is not None:
                report.alert(each.complaint(error.why))
        else:
            if report is not None and remarks:
                report.warning(each.complaint(remarks[-1]))
    return missing


def insist(missing: list[Wanted], opened: Opened, report: Report, replaces: Sequence[int]) -> list[Wanted]:
    """Have the old processes pause and try again until they let go; have them resume when it was in vain."""
    tell(replaces, signal.SIGTTOU)
    for _ in range(TRIES):
        time.sleep(PAUSE)
        missing = try_all(missing, opened, None)
        if not missing:
            return missing
    missing = try_all(missing, opened, report)
    if missing:
        tell(replaces, signal.SIGTTIN)
    return missing


def tell(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to processes that may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
