"""World: a deterministic place to run pylb in. An event loop with a virtual clock, and an in-memory network on it.

Time moves only when nothing is runnable, and then jumps to the next timer: forty virtual seconds take milliseconds, and the same
story gives the same result every time. `WorldNet` is the same `Net` as the real one; no real socket exists. When every coroutine
waits and no timer is left, `Deadlock` is raised instead of hanging.

Two kinds of peers make stories: `client` (one connection to a listener) and `origin` (a listener whose connections are each
served by a coroutine). After a story, `nothing_left` lists what was forgotten: connections, listeners, timers, tasks.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pylb.base.clock import Clock
from pylb.base.net import CONNECT, LISTEN, ConnectOptions, Endpoint, ListenOptions
from pylb.lab.peer import Peer, dial
from pylb.lab.pipe import Link, Pipe
from pylb.lab.world_net import WorldConnecting, WorldDatagrams, WorldListening, WorldNet

T = TypeVar("T")
Handler = Callable[[Peer], Awaitable[None]]

START = 1_000_000.0  # what the loop's clock says when a world begins
EPOCH = 1_795_451_844.0  # and the wall clock: 23 November 2026, 16:37:24 UTC
FIRST_PORT = 40000
ANY = {"ipv4": "0.0.0.0", "ipv6": "::"}


class Deadlock(RuntimeError):
    """Nothing is runnable and no timer is left: what is being waited for can never happen."""


class _NoSelector(selectors.BaseSelector):
    """There is no real descriptor in the world."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise RuntimeError("there are no real descriptors in a World")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise KeyError(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("every coroutine waits, and no timer is left")
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class World(asyncio.SelectorEventLoop):
    """The loop. `net` is its network, `clock` its time; `link` what connections are made of unless `links` says otherwise."""

    def __init__(self, link: Link = Link()) -> None:  # noqa: B008 (frozen)
        self._now = START
        super().__init__(_NoSelector())
        self.link = link
        self.links: dict[Endpoint, Link] = {}  # by listener
        self.listeners: dict[Endpoint, WorldListening] = {}
        self.datagram_ends: dict[Endpoint, WorldDatagrams] = {}
        self.open_datagrams: dict[WorldDatagrams, None] = {}
        self.files: dict[int, list[bytes]] = {}
        self.pipes: dict[Pipe, None] = {}
        self.hasty = False  # connections that can be made are there at once, as on one machine
        self.connecting: dict[WorldConnecting, None] = {}
        self.failing: dict[Endpoint, int | None] = {}  # errno of every connection to it; None: SYNs vanish
        self.failures: list[BaseException] = []  # of origins' handlers
        self._ports = FIRST_PORT
        self.net = WorldNet(self)
        self.clock = Clock(self.time, self.wall)

    # ---- the loop

    def time(self) -> float:
        return self._now

    def wall(self) -> float:
        """The wall clock: EPOCH at the beginning."""
        return EPOCH + self._now - START

    def _run_once(self) -> None:
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heapq.heappop(scheduled)._scheduled = False
        if not self._ready and scheduled:  # type: ignore[attr-defined]
            self._now = max(self._now, scheduled[0]._when)
        super()._run_once()  # type: ignore[misc]

    def _make_self_pipe(self) -> None:
        """No threads, no signals: nothing wakes a world from outside."""

    def _close_self_pipe(self) -> None: ...

    def _write_to_self(self) -> None: ...

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Run a story to its end."""
        asyncio.set_event_loop(self)
        try:
            return self.run_until_complete(story)
        finally:
            asyncio.set_event_loop(None)

    async def settle(self, seconds: float = 1.0) -> None:
        """Let what is under way arrive."""
        await asyncio.sleep(seconds)

    # ---- the network's faults

    def refuse(self, endpoint: Endpoint, number: int = errno.ECONNREFUSED) -> None:
        """Every connection to `endpoint` fails with this errno (EHOSTUNREACH: no route to host)."""
        self.failing[endpoint] = number

    def black_hole(self, endpoint: Endpoint) -> None:
        """Nobody answers at `endpoint` any more, not even with a refusal."""
        self.failing[endpoint] = None

    def heal(self, endpoint: Endpoint) -> None:
        """Undo `refuse` and `black_hole`."""
        self.failing.pop(endpoint, None)

    # ---- peers

    async def client(self, endpoint: Endpoint, source: str | None = None) -> Peer:
        """A scripted client connected to `endpoint`; `source` is its address. Raises OSError when it cannot connect."""
        options = ConnectOptions(source=Endpoint.tcp(source, 0)) if source else CONNECT
        return await dial(self.net, endpoint, options)

    def origin(self, endpoint: Endpoint, handler: Handler, options: ListenOptions = LISTEN) -> Origin:
        """A scripted server: `handler` is run once per connection, which is closed when it returns."""
        return Origin(self, endpoint, handler, options)

    def sink(self, endpoint: Endpoint) -> Sink:
        """Collects the datagrams sent to `endpoint`, for example log lines."""
        return Sink(self, endpoint)

    # ---- after a story

    def nothing_left(self, listeners: Iterable[Endpoint] = ()) -> list[str]:
        """Everything that is still there, but for the `listeners` named; empty when all is well. From inside a story, or after."""
        left = [repr(pipe) for pipe in self.pipes]
        left += [repr(connecting) for connecting in self.connecting]
        expected = set(listeners)
        left += [f"listener {endpoint}" for endpoint in self.listeners if endpoint not in expected]
        left += [f"datagrams {end.endpoint}" for end in self.open_datagrams]
        left += [f"timer {handle!r}" for handle in self._scheduled if not handle._cancelled]  # type: ignore[attr-defined]
        left += [f"failure {failure!r}" for failure in self.failures]
        current = asyncio.current_task(self) if self.is_running() else None
        left += sorted(f"task {task.get_coro()!r}" for task in asyncio.all_tasks(self) if task is not current)
        return left

    def new_port(self) -> int:
        self._ports += 1
        return self._ports

    def find_listener(self, endpoint: Endpoint) -> WorldListening | None:
        """Who listens at `endpoint`: exactly, or on any address."""
        found = self.listeners.get(endpoint)
        if found is None and endpoint.is_ip:
            found = self.listeners.get(replace(endpoint, host=ANY[endpoint.kind]))
        return found


class Origin:
    """A scripted server; `peers` are its connections, in order of arrival."""

    def __init__(self, world: World, endpoint: Endpoint, handler: Handler, options: ListenOptions) -> None:
        self._world, self._handler = world, handler
        self.peers: list[Peer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.listening = world.net.listen(endpoint, self._accept, options)

    def _accept(self) -> asyncio.Protocol:
        peer = Peer(self._world.net, self._world)
        self.peers.append(peer)
        task = self._world.create_task(self._serve(peer))
        self._tasks.add(task)
        task.add_done_callback(self._served)
        return peer

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._world.failures.append(failure)

    async def _serve(self, peer: Peer) -> None:
        await peer.connected()
        try:
            await self._handler(peer)
        except ConnectionError:
            pass  # the other side went away: that ends a script as its last line does
        finally:
            peer.close()

    def close(self) -> None:
        """Stop listening and end what is being served."""
        self.listening.close()
        for task in list(self._tasks):
            task.cancel()


class Sink:
    """Datagrams in order of arrival."""

    def __init__(self, world: World, endpoint: Endpoint) -> None:
        self.received: list[bytes] = []
        self._end = world.net.datagrams(local=endpoint, received=lambda data, peer: self.received.append(data))

    def close(self) -> None:
        self._end.close()


