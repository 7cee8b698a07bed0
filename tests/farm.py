"""A backend with servers and a balancer, made from settings without a process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pylb.base.address import Address
from pylb.config import model
from pylb.proxy.counters import BackendCounters
from pylb.proxy.queue import Queue
from pylb.proxy.server import build_servers
from pylb.proxy.transition import Transition
from pylb.wire.headers import Headers
from pylb.wire.message import Request

PLACE = model.Place("test", 1)


class Clock:
    """Time that stands still until told otherwise."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time


def server(name: str, **settings: Any) -> model.Server:
    return model.Server(name, Address("ipv4", "127.0.0.1", 80), PLACE, **settings)


def farm(servers: list[model.Server], name: str = "b", options: tuple[str, ...] = (), **balance: Any) -> Any:
    """A backend at rest."""
    settings = model.Proxy(name, "backend", PLACE, mode="http", options=set(options), servers=servers, balance=model.Balance(**balance))
    backend = SimpleNamespace(
        name=name, settings=settings, servers=[], servers_by_name={}, queue=Queue(), counters=BackendCounters(), active=0, backup=0, total_weight=0,
        last_change=0.0, down_time=0.0, full_connections=0, is_http=True, dynamic_cookies=False, process=SimpleNamespace(clock=Clock(), watch_pool=lambda server: None),
    )  # fmt: skip
    build_servers(backend, 0.0)
    return backend


def weighted(weights: list[int], backups: frozenset[int] | set[int] = frozenset(), options: tuple[str, ...] = (), **balance: Any) -> Any:
    """Servers s1, s2, ... of these weights; `backups` are the numbers of the backup servers."""
    return farm([server(f"s{n}", weight=w, backup=n in backups) for n, w in enumerate(weights, 1)], options=options, **balance)


def stream(target: bytes = b"/", source: str | None = "127.0.0.1", headers: list[tuple[bytes, bytes]] | None = None, **more: Any) -> Any:
    """What balancing asks of a stream."""
    request = Request(b"GET", target, headers=Headers(headers or []))
    return SimpleNamespace(request=request, session=SimpleNamespace(source=(source, 1) if source else None), inbox_request=b"", **more)


def record(*backends: Any) -> list[Transition]:
    """Collect every Transition from now on."""
    seen: list[Transition] = []
    for backend in backends:
        for one in backend.servers:
            one.emit = seen.append
    return seen


def texts(transitions: list[Transition]) -> list[str]:
    return [line.text for transition in transitions for line in transition.lines]


def served(backend: Any, count: int, of: Any = None) -> list[int]:
    """The ids of the servers that so many streams in a row get; each ends before the next one begins. 0: none."""
    ids = []
    for _ in range(count):
        chosen = backend.balancer.pick(of)
        if chosen is not None:
            chosen.take()
            chosen.drop()
        ids.append(chosen.id if chosen is not None else 0)
    return ids
