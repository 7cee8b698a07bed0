"""Small periodic work: slow starts go on, idle server connections that nobody needs are closed, the output is measured.

Pools are looked after from the moment on when something lies in them, each at its own times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.proxy.states import State

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server

STEP = 1.0  # seconds between two steps of a slow start
LOOK = 1.0  # seconds between two looks at how much was sent


def start_housekeeping(process: Process) -> Callable[[], None]:
    """Begin; the function returned ends it."""
    tasks = [process.loop.create_task(warm_up_servers(process)), process.loop.create_task(measure_output(process))]
    purges = Purges(process)
    process.watch_pool = purges.watch

    def stop() -> None:
        for task in tasks:
            task.cancel()
        purges.stop()

    return stop


async def warm_up_servers(process: Process) -> None:
    """`slowstart`: raise the weight of starting servers about once a second."""
    slow = [server for backend in process.backends.values() for server in backend.servers if server.settings.slowstart]
    while slow:
        await asyncio.sleep(STEP)
        for server in slow:
            if server.state is State.STARTING:
                server.warm_up(process.clock.now())


async def measure_output(process: Process) -> None:
    """What is sent is added up, not measured: its rate is the work of this task, so that no single write has to care."""
    while True:
        await asyncio.sleep(LOOK)
        process.measure_output(process.clock.now())


class Purges:
    """`pool-purge-delay`: every so often, half of the idle connections that the load has not needed lately are closed."""

    def __init__(self, process: Process) -> None:
        self._loop = process.loop
        self._next: dict[Server, asyncio.TimerHandle] = {}

    def watch(self, server: Server) -> None:
        """The first connection lies idle at the server."""
        self._next[server] = self._loop.call_later(server.settings.pool_purge_delay / 1000, self._purge, server)

    def _purge(self, server: Server) -> None:
        del self._next[server]
        for connection in server.pool.purge():
            connection.close()
        if len(server.pool):
            self.watch(server)
        else:
            server.pool.is_watched = False

    def stop(self) -> None:
        """Let everything lie."""
        for handle in self._next.values():
            handle.cancel()
        self._next.clear()
