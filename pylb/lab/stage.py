"""A stage: pylb running from a configuration's text inside a World, with clients and origins of the story's choice.

The objects are the same as in the real program, made by `process.build`; only the loop and the network are the world's.
What is printed is collected in `messages`, what is logged in `logs`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from pylb.base.net import Endpoint
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.lab.pipe import Link
from pylb.lab.world import Handler, World
from pylb.process import build, wiring
from pylb.proxy.process import Process

T = TypeVar("T")


class Refused(Exception):
    """The configuration has errors; the text is what HAProxy would have printed."""


class Stage:
    """pylb in a world. The words of the language must have been loaded (`pylb.keywords.load`)."""

    def __init__(self, config: str, link: Link | None = None, checks: bool = True) -> None:
        self.world = World(link) if link is not None else World()
        self.printed: list[str] = []
        self.messages: list[str] = []
        self.logs: list[tuple[int, str]] = []
        self.origins: list[Endpoint] = []
        self.process: Process = self._build(config)
        self._stops: list[Callable[[], None]] = []
        build.listen(self.process)
        if checks:
            self._stops = wiring.start_tasks(self.process)

    def _build(self, text: str) -> Process:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "haproxy.cfg"
            path.write_text(text if text.endswith("\n") else text + "\n")
            config = read_config([str(path)], Report(write=self.printed.append), {})
        if config is None:
            raise Refused("".join(self.printed))
        config.global_.maxconn = config.global_.maxconn or 1000
        process = build.build(config, self.world, self.world.clock, self.world.net, pid=1)
        process.message = lambda level, line: self.messages.append(line)
        process.log = lambda level, line: self.logs.append((level, line))
        for face in process.proxies:
            if face.send_log is not None:
                face.send_log = lambda level, line: self.logs.append((level, line))
        wiring.connect_servers(process)
        return process

    def run(self, story: Callable[[Stage], Coroutine[Any, Any, T]], settle: float = 1.0) -> T:
        """Play a story to its end, let everything settle, and return what it returns."""

        async def play() -> T:
            result = await story(self)
            await self.world.settle(settle)
            return result

        return self.world.run(play())

    def origin(self, endpoint: Endpoint, handler: Handler) -> None:
        """A server of the story's own; it may stay when the story ends."""
        self.origins.append(endpoint)
        self.world.origin(endpoint, handler)

    def address(self, frontend: str, number: int = 0) -> Endpoint:
        """Where a frontend listens."""
        return self.process.frontends[frontend].listeners[number].bind.address.endpoint()

    def close(self) -> list[str]:
        """End everything; returns what was left over: connections, timers, slots, queue places."""
        left = self.held()
        for stop in [*self._stops, *self.process.closers]:
            stop()
        for frontend in self.process.frontends.values():
            for listener in frontend.listeners:
                if listener.listening is not None:
                    listener.listening.close()
        for backend in self.process.backends.values():
            for server in backend.servers:
                for connection in server.pool.clear():
                    connection.close()
        self.world.run(self.world.settle())
        left += self.world.nothing_left(self.origins)
        self.world.close()
        return left

    def held(self) -> list[str]:
        """Slots, queue places and counts that should be zero when nobody is being served."""
        left = []
        for backend in self.process.backends.values():
            left += [f"{server!r} serves {server.served}" for server in backend.servers if server.served or server.streams]
            left += [f"{server!r} has a queue" for server in backend.servers if len(server.queue)]
            if len(backend.queue) or backend.counters.scur:
                left.append(f"{backend!r}: {len(backend.queue)} queued, {backend.counters.scur} current")
        left += [f"{frontend!r} has {frontend.counters.scur} sessions" for frontend in self.process.frontends.values() if frontend.counters.scur]
        if self.process.connections:
            left.append(f"{self.process.connections} connections counted")
        if self.process.compressors:
            left.append(f"{self.process.compressors} responses being compressed")
        return left
