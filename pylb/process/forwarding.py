"""Rings with what hangs on them: made from the configuration, their servers connected while the process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config import model
from pylb.proxy.proxy import Backend
from pylb.proxy.server import build_servers
from pylb.stream.dial import attach
from pylb.tasks.forward import Forwarder
from pylb.tasks.sinks import Ring, Sink

if TYPE_CHECKING:
    from pylb.config.report import Report
    from pylb.proxy.process import Process

CONNECT, SERVER = 1000, 5000  # milliseconds, of implicit rings


class Forwarding:
    """All rings of a process. Implicit ones are made as `log` lines want them."""

    def __init__(self, process: Process) -> None:
        self._process, self._forwarders = process, list[Forwarder]()
        self._implicit = 0
        names = model.BUILT_IN_SINKS
        for name in ("stdout", "stderr"):
            process.sinks[name] = Sink(name, names[name])
        standard = model.Ring("buf0", model.Place("", 0), names["buf0"], "timed", size=1 << 20)
        for settings in (standard, *process.config.rings.values()):
            self._open(settings)

    def implicit_ring(self, target: model.LogTarget, form: str) -> Ring:
        """The ring of a `log` line with the address of a stream server."""
        self._implicit += 1
        place = target.place or model.Place("", 0)
        text = f"created from logserver declared into '{place.file}' at line {place.line}"
        settings = model.Ring(f"ring#{self._implicit}", place, text, form)
        settings.proxy.timeouts.connect, settings.proxy.timeouts.server = CONNECT, SERVER
        settings.proxy.servers.append(model.Server(settings.name, target.address, place))
        return self._open(settings)

    def start(self) -> None:
        """Connect to all servers."""
        for forwarder in self._forwarders:
            forwarder.start()

    def close(self) -> None:
        """End."""
        for forwarder in self._forwarders:
            forwarder.close()

    def _open(self, settings: model.Ring) -> Ring:
        process = self._process
        ring = process.sinks[settings.name] = Ring(settings)
        if settings.proxy.servers:
            backend = Backend(process, settings.proxy)
            build_servers(backend, process.clock.now())
            for server in backend.servers:
                attach(server)
                self._forwarders.append(Forwarder(ring, server))
        return ring


def knows_rings(config: model.Config, report: Report) -> bool:
    """Do all rings exist that `log` lines name? HAProxy finds out only when it starts."""
    everywhere = config.global_.log
    lines = [(target, "global log server declared", target.place) for target in everywhere]
    for proxy in config.proxies:
        if not proxy.disabled:
            who = f"log server declared in proxy section '{proxy.name}'"
            lines += [(target, who, target.place) for target in proxy.log]
            lines += [(target, who, proxy.extra.get("log global place")) for target in everywhere if proxy.log_global]
    lines += [(target, "log server declared in proxy section '<HTTPCLIENT>'", target.place) for target in everywhere]
    unknown = [line for line in lines if line[0].address.kind == "ring" and line[0].address.host not in {"buf0", *config.rings}]
    for target, who, place in unknown:
        report.alert(f"{who} in file '{place.file}' at line {place.line} uses unknown ring named '{target.address.host}'.")  # type: ignore[union-attr]
    return not unknown
