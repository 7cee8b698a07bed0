"""Health checks and agent checks: one loop per checked server that asks, reports to the health machine, and waits (configuration.txt 5.2).

Timing: first checks are spread over an interval, by the checker's place among all of the configuration; it is the shortest interval of at
least a second, or the checker's own where that is longer, at most `max-spread-checks`. From then on each waits from the end of one check to
the start of the next: `inter` while the server is fully up, `downinter` while it is fully down, `fastinter` in between, each varied by
`spread-checks` percent. A paused or disabled checker looks again after every `inter`. Errors in observed traffic may hasten the next check.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pylb.proxy.health import Health, Result
from pylb.proxy.states import State
from pylb.tasks.check_attempt import Attempt
from pylb.tasks.check_plan import agent_rules, rules_for
from pylb.tasks.external import ExternalCheck

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server

SHORT: Final = 1.0  # seconds: shorter intervals do not shorten the spread of others
AGENT_INTER: Final = 2000


class Checker:
    """The health check or the agent check of one server."""

    def __init__(self, server: Server, health: Health) -> None:
        self.server, self.health = server, health
        self.process = server.backend.process
        self.external = ExternalCheck(server) if not health.is_agent and server.backend.settings.health_check.kind == "external" else None
        if self.external is None:
            self.rules = agent_rules(server) if health.is_agent else rules_for(server)
        self.due = 0.0  # when the next check starts
        self._waiter: asyncio.Future[None] | None = None
        if not health.is_agent:
            health.hasten = self.hasten

    @property
    def inter(self) -> float:
        """The plain interval, in seconds: also what a check may take."""
        settings = self.server.settings
        return ((settings.agent.inter or AGENT_INTER) if self.health.is_agent else settings.check.inter) / 1000

    def interval(self) -> float:
        """Seconds between two checks, by how the server is."""
        health, settings = self.health, self.server.settings.check
        if health.is_agent or health.health >= health.rise + health.fall - 1:
            return self.inter
        if not health.health and self.server.state is State.STOPPED:
            return settings.downinter / 1000 if settings.downinter else self.inter
        return settings.fastinter / 1000 if settings.fastinter else self.inter

    async def run(self, delay: float) -> None:
        """Check for ever, the first time after `delay` seconds."""
        clock = self.process.clock
        self.due = clock.now() + delay
        while True:
            await self.rest()
            if not self.wanted():
                self.due = clock.now() + self.inter
                continue
            await self.once()
            interval = self.interval()
            spread = self.process.config.global_.spread_checks
            if spread:
                interval *= 1 + (2 * random.random() - 1) * spread / 100
            self.due = clock.now() + interval

    async def once(self) -> None:
        """One check and what comes of it."""
        health = self.health
        health.running = True
        try:
            result, noted = await self.ask()
        finally:
            health.running = False
        if self.wanted() or health.is_agent:
            health.report(result, self.process.clock.now(), noted)

    async def ask(self) -> tuple[Result, Result | None]:
        """The result of a check, and one that counts before it."""
        if self.external is not None:
            return await self.external.run(self.inter), None
        attempt = Attempt(self.server, self.rules, self.inter)
        return await attempt.run(), attempt.noted

    def wanted(self) -> bool:
        """Is there anything to check now?"""
        return self.health.enabled and not self.health.paused and not self.server.backend.stopped

    async def rest(self) -> None:
        """Wait until `due`, which may move while we wait."""
        loop = self.process.loop
        while (left := self.due - loop.time()) > 0:
            self._waiter = loop.create_future()
            timer = loop.call_later(left, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def hasten(self) -> None:
        """Traffic went wrong: check within `fastinter`, where there is one."""
        fastinter = self.server.settings.check.fastinter
        sooner = self.process.clock.now() + (fastinter or 0) / 1000
        if fastinter and sooner < self.due:
            self.due = sooner
            self._wake()


def start_checks(process: Process) -> Callable[[], None]:
    """Begin the checks of all servers; the function returned ends them."""
    checkers = [
        Checker(server, health)
        for backend in process.backends.values()
        for server in backend.servers
        for health in (server.check, server.agent)
        if health.configured
    ]
    common = min((interval for checker in checkers if (interval := checker.interval()) >= SHORT), default=0.0)
    longest = process.config.global_.max_spread_checks / 1000 if process.config.global_.max_spread_checks else float("inf")
    tasks = [
        process.loop.create_task(checker.run(min(longest, max(common, checker.interval())) * place / len(checkers)))
        for place, checker in enumerate(checkers)
    ]

    def stop() -> None:
        for task in tasks:
            task.cancel()

    return stop

