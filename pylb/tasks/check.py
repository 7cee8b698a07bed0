"""Health checks: one loop per server that connects, asks, judges, and reports to the server's health machine (configuration.txt 5.2).

Timing: the first checks of all servers are spread over the shortest interval; then each waits `inter` (`downinter` while the server is
down, `fastinter` while it is neither fully up nor fully down) from the end of one check to the start of the next. A check connects
within `timeout connect` and reads within `timeout check` where that is set, else all of it must fit into the interval.
A check that ends closes its connection with RST, so that servers keep no TIME_WAIT.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.timers import NEVER
from pylb.proxy.health import Result
from pylb.tasks.check_connection import CheckConnection, CheckFailed
from pylb.tasks.check_steps import steps_for

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server

SHORTEST_SPREAD = 1.0  # seconds: intervals below this do not shrink the spread of the first checks


class Checker:
    """The health check of one server."""

    def __init__(self, server: Server) -> None:
        self.server, self.settings = server, server.settings.check
        self.process = server.backend.process
        self.steps = steps_for(server)

    def interval(self) -> float:
        """Seconds until the next check, by how the server is."""
        settings, health = self.settings, self.server.check
        if health.health >= health.rise + health.fall - 1:
            chosen = settings.inter
        elif health.health:
            chosen = settings.fastinter or settings.inter
        else:
            chosen = settings.downinter or settings.inter
        spread = self.process.config.global_.spread_checks
        jitter = (2 * random.random() - 1) * spread / 100 if spread else 0.0
        return chosen / 1000 * (1 + jitter)

    async def run(self, delay: float) -> None:
        """Check for ever, the first time after `delay` seconds."""
        await asyncio.sleep(delay)
        health = self.server.check
        while True:
            if health.enabled and not health.paused:
                health.running = True
                result = await self.attempt()
                health.running = False
                if health.enabled and not health.paused:
                    health.report(result, self.process.clock.now())
            await asyncio.sleep(self.interval())

    async def attempt(self) -> Result:
        """One check."""
        clock = self.process.clock
        began = clock.now()
        connection = CheckConnection(self.server)
        backend = self.server.backend
        whole = self.interval()
        own = backend.timeout_check
        try:
            await connection.open(whole if own == NEVER else min(backend.timeout_connect, whole))
            left = whole - (clock.now() - began) if own == NEVER else own
            status, code, text = await self.steps(connection, max(0.001, left))
        except CheckFailed as failed:
            status, code, text = failed.status, failed.code, failed.text
        finally:
            connection.close()
        return Result(status, code, int((clock.now() - began) * 1000), text)


def start_checks(process: Process) -> Callable[[], None]:
    """Begin the checks of all servers; the function returned ends them."""
    servers = [server for backend in process.backends.values() if not backend.stopped for server in backend.servers if server.check.configured]
    shortest = max(SHORTEST_SPREAD, min((server.settings.check.inter / 1000 for server in servers), default=SHORTEST_SPREAD))
    tasks = [process.loop.create_task(Checker(server).run(shortest * position / len(servers))) for position, server in enumerate(servers)]

    def stop() -> None:
        for task in tasks:
            task.cancel()

    return stop
