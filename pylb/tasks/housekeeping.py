"""Small periodic work: slow starts go on, idle server connections that nobody needs are closed, the output is measured.

There are few tasks and many servers: a task looks at all servers that its interval is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.proxy.states import State

if TYPE_CHECKING:
    from pylb.proxy.process import Process

STEP = 1.0  # seconds between two steps of a slow start
LOOK = 1.0  # seconds between two looks at how much was sent


def start_housekeeping(process: Process) -> Callable[[], None]:
    """Begin; the function returned ends it."""
    delays = {server.settings.pool_purge_delay for backend in process.backends.values() for server in backend.servers}
    tasks = [process.loop.create_task(warm_up_servers(process)), process.loop.create_task(measure_output(process))]
    tasks += [process.loop.create_task(purge(process, delay)) for delay in sorted(delays) if delay]

    def stop() -> None:
        for task in tasks:
            task.cancel()

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


async def purge(process: Process, delay: int) -> None:
    """`pool-purge-delay`: close half of the idle connections that the load has not needed lately, at every server with this delay."""
    while True:
        await asyncio.sleep(delay / 1000)
        for backend in process.backends.values():
            for server in backend.servers:
                if server.settings.pool_purge_delay == delay and len(server.pool):
                    for connection in server.pool.purge():
                        connection.close()
