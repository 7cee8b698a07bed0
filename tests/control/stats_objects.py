"""A small process made by hand: run-time objects as the worker makes them, without sockets."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from pylb.base.address import parse_addresses
from pylb.base.clock import Clock
from pylb.config import model
from pylb.proxy.listener import Listener
from pylb.proxy.process import Process
from pylb.proxy.proxy import Backend, Frontend
from pylb.proxy.server import build_servers, link_tracking

PLACE = model.Place("t.cfg", 1)


class Now:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1000.5

    def __call__(self) -> float:
        return self.now


def bind(text: str, **facts: Any) -> model.Bind:
    return model.Bind(parse_addresses(text)[0], PLACE, text, **facts)


def server(name: str, text: str = "127.0.0.1:80", **facts: Any) -> model.Server:
    return model.Server(name, parse_addresses(text)[0], PLACE, text, **facts)


def settings() -> model.Config:
    """A frontend, a backend with servers of several kinds, and a listen with the page."""
    config = model.Config(global_=model.Global(maxconn=1000, node="spot", description="lab"))
    front = model.Proxy("web", "frontend", PLACE, id=2, mode="http", maxconn=500, options={"socket-stats"}, description="the door")
    front.binds = [bind("127.0.0.1:80", name="first"), bind("unix@/run/x", id=77)]
    app = model.Proxy("app", "backend", PLACE, id=3, mode="http", full_connections=50)
    app.servers = [
        server("good", weight=5, maxconn=30, maxqueue=12, cookie=b"a<b", check=model.Check(enabled=True)),
        server("kept", disabled=True, check=model.Check(enabled=True)),
        server("plain", "[::1]:81", backup=True),
        server("follows", track="app/good"),
        server("observed", check=model.Check(enabled=True), observe="layer7", pool_max_conn=5),
    ]
    raw = model.Proxy("raw", "backend", PLACE, id=4, mode="tcp")
    raw.servers = [server("one")]
    page = model.Proxy("stats", "listen", PLACE, id=5, mode="http", maxconn=500, statistics=model.Statistics(uri=b"/stats", show_legends=True))
    config.proxies = [front, app, raw, page]
    return config


def build(config: model.Config | None = None) -> tuple[Process, Now]:
    """The process and its clock."""
    now = Now()
    loop: Any = SimpleNamespace()
    config = config or settings()
    process = Process(config, loop, Clock(now, lambda: 1_700_000_000.0), SimpleNamespace(), 4242)  # type: ignore[arg-type]
    for proxy in config.proxies:
        if proxy.is_frontend:
            frontend = Frontend(process, proxy)
            frontend.listeners = [Listener(frontend, one, number) for number, one in enumerate(proxy.binds, 1)]
            process.frontends[proxy.name] = frontend
            process.proxies.append(frontend)
        if proxy.is_backend:
            backend = Backend(process, proxy)
            build_servers(backend, now())
            process.backends[proxy.name] = backend
            process.proxies.append(backend)
    link_tracking(process.backends)
    return process, now


def with_loop(process: Process) -> Process:
    """Give the process a loop that has no tasks, for what counts them."""
    process.loop = asyncio.new_event_loop()
    return process
