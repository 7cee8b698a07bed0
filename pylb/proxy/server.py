"""A server at run time: administrative and operational state, weight, slots, queue, pool.

Two states make up what HAProxy shows. The administrative one is a mask of wishes: maintenance and drain, each forced (by a command or an agent),
inherited (from a tracked server) or configured. The operational one is what checks found: stopped, starting (slow start), running, stopping (checks
pass on condition that no new streams come). A server is *usable*, that is takes part in balancing, when it has weight, no wish against it and runs.

Whatever changes a state is a method that takes `now`, applies the change to this server and to those that track it, tells the balancers, and returns
a Transition with the words HAProxy would log. No method does I/O.
Invariants: `usable` and `eweight` are always current, and the balancer was told whenever either changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.base.order import Entry
from pylb.config.dynamic_cookie import dynamic_cookie
from pylb.proxy import weights
from pylb.proxy.balance import make_balancer
from pylb.proxy.counters import ServerCounters, Times, fold_times
from pylb.proxy.health import INVALID_RESPONSE, UNSUCCESSFUL_CONNECTION, WRONG_RESPONSE, Agent, Health
from pylb.proxy.pool import Pool
from pylb.proxy.queue import Queue, next_waiting
from pylb.proxy.states import (
    CONFIGURED_MAINT,
    DRAIN,
    FORCED_DRAIN,
    FORCED_MAINT,
    INHERITED_MAINT,
    MAINT,
    RESOLUTION_MAINT,
    UP,
    State,
    admit,
    dismiss,
    forget,
    remain_in_drain,
    via,
)
from pylb.proxy.transition import ALERT, NOTICE, Transition
from pylb.wire.tls_options import KeptSession

if TYPE_CHECKING:
    from pylb.config import model
    from pylb.proxy.proxy import Backend

CHANGED_BY_COMMAND: Final = ", changed from CLI"


class Server:
    """One server of one backend."""

    def __init__(self, backend: Backend, settings: model.Server, number: int, now: float) -> None:
        self.backend, self.settings = backend, settings
        self.name, self.id = settings.name, number
        self.address = settings.address
        self.host_name, self.record_name = ("", settings.host_name) if settings.asks_for_records else (settings.host_name, "")
        self.backup: bool = settings.backup
        self.cookie = settings.cookie
        self.admin = (FORCED_MAINT | CONFIGURED_MAINT if settings.disabled else 0) | (RESOLUTION_MAINT if settings.unresolved else 0)
        self.state = State.STOPPED if self.admin else State.RUNNING
        self.iweight = self.uweight = settings.weight
        self.eweight = weights.effective(self.uweight, weights.FULL)
        self.ramp = weights.FULL  # sixteenths of the weight in force while starting
        self.in_service = not self.admin  # whatever its weight
        self.usable = self.in_service and self.eweight > 0
        self.maxconn, self.minconn, self.maxqueue = settings.maxconn, settings.minconn or settings.maxconn, settings.maxqueue
        self.served = 0  # slots taken
        self.rank: Entry | None = None  # the balancer's own note of where the server stands
        self.queue = Queue()
        self.pool = Pool(self)
        self.in_express = settings.redir is None and settings.observe == "none" and self.pool.mode != "never"  # `stream.express`
        self.counters = ServerCounters()
        self.times: list[Times] = []  # of finished streams, not in the averages yet
        self.last_change, self.down_time = now, 0.0
        self.tracked: Server | None = None  # the server whose state this one copies
        self.trackers: list[Server] = []
        self.check = Health(self, settings.check.rise, settings.check.fall, settings.check.enabled)
        self.agent = Agent(self, 1, 1, settings.agent.enabled)
        if self.admin:
            self.check.health, self.check.paused = 0, settings.disabled or settings.check.enabled
        self.errors_in_row = 0
        self.tls_session = KeptSession()
        self.tls_suspended = False  # `set server ... ssl off`
        self.emit: Callable[[Transition], None] | None = None  # who logs, wakes and shuts down; set by the process
        self.connect: Callable[[Any], Any] | None = None  # opens a connection for a stream; set by the process
        self.readdressed: Callable[[], None] = lambda: None  # looks at the address again; set with `connect`
        self.follow_name: Callable[[str], bool] | None = None  # has the address follow another name; set where `resolvers` does that at all

    def __repr__(self) -> str:
        return f"Server('{self.backend.name}/{self.name}' {self.status_text} {self.served}/{self.maxconn or '-'} q{len(self.queue)})"

    def refresh_cookie(self) -> None:
        """The cookie configured, or one made from the address where the backend says so; the address, the key or its use changed."""
        if self.settings.cookie is None:
            backend = self.backend
            self.cookie = dynamic_cookie(backend.dynamic_cookie_key, self.address) if backend.dynamic_cookies else None

    # -- slots: the hot path
    def take(self) -> None:
        """A stream occupies a slot from now on."""
        self.served += 1
        counters = self.counters
        counters.scur = current = counters.scur + 1
        if current > counters.smax and self.settings.redir is None:  # `redir`: those alone count that are not sent elsewhere, see `scruples.redirect`
            counters.smax = current
        self.backend.balancer.taken(self)

    def drop(self) -> None:
        """The slot is free again; whoever calls this serves the queues next."""
        self.served -= 1
        self.counters.scur -= 1
        self.backend.balancer.dropped(self)

    def full(self) -> bool:
        """Would one stream more have to wait? Also while others wait already, so that nobody overtakes them."""
        return bool(self.maxconn) and (self.served >= self.slots() or bool(self.queue.places.entries))

    def is_full(self) -> bool:
        """Are all slots taken?"""
        return bool(self.maxconn) and self.served >= self.slots()

    def slots(self) -> int:
        """How many streams at once the server takes now: `maxconn`, less under low load with `minconn`, less again while it starts slowly."""
        if self.minconn == self.maxconn and self.state is not State.STARTING:
            return self.maxconn
        return weights.dynamic_slots(self)

    def is_usable(self) -> bool:
        """May balancing choose the server?"""
        return self.usable

    def next_waiting(self) -> Any:
        """Take the stream that a free slot goes to out of its queue; None when nobody waits."""
        return next_waiting(self)

    # -- what observed traffic says
    def observed(self, status: int, error: str = INVALID_RESPONSE) -> None:
        """A response came, or (0) none that could be read, for the reason given; under `observe layer7` it speaks for or against the server."""
        if self.settings.observe == "layer7":
            good = 100 <= status < 500 or status in (501, 505)
            self.check.observed(None if good else WRONG_RESPONSE if status else error, self.backend.process.clock.now())

    def connection_failed(self, error: str = UNSUCCESSFUL_CONNECTION) -> None:
        """An attempt to connect failed: that counts under either kind of `observe`."""
        if self.settings.observe != "none":
            self.check.observed(error, self.backend.process.clock.now())

    def connection_made(self) -> None:
        """An attempt to connect succeeded."""
        if self.settings.observe == "layer4":
            self.errors_in_row = 0

    def fold_times(self) -> None:
        """Bring the time averages up to date."""
        fold_times(self.counters, self.times)

    # -- views
    @property
    def streams(self) -> list[Any]:
        """Who holds the slots, oldest first. Looked up among all: it is wanted seldom, when sessions are to be ended."""
        streams = [mux.stream for mux in self.backend.process.sessions]
        return sorted((one for one in streams if one is not None and one.server is self and one.server_slot), key=lambda one: one.number)

    @property
    def in_maintenance(self) -> bool:
        return bool(self.admin & MAINT)

    @property
    def is_stopped(self) -> bool:
        return self.state is State.STOPPED

    @property
    def checker(self) -> Server:
        """The server whose checks decide for this one: itself, or the end of its tracking chain."""
        server = self
        while server.tracked is not None:
            server = server.tracked
        return server

    @property
    def status_text(self) -> str:
        """As `show stat` says it."""
        if self.admin & MAINT:
            if self.admin & INHERITED_MAINT and self.tracked is not None:
                return f"MAINT (via {self.tracked.backend.name}/{self.tracked.name})"
            return "MAINT (resolution)" if self.admin & RESOLUTION_MAINT else "MAINT"
        check, agent = self.checker.check, self.checker.agent
        if self.state is State.STOPPED:
            if agent.enabled and agent.health < agent.rise:
                return "DOWN (agent)"
            climbing = check.enabled and 0 < check.health < check.rise
            return f"DOWN {check.health}/{check.rise}" if climbing else "DOWN"
        if self.state is State.STOPPING:
            return self._with_health("NOLB", check)
        if self.admin & DRAIN:
            return "DRAIN (agent)" if agent.enabled else self._with_health("DRAIN", check)
        return self._with_health("UP", check) if check.enabled else "no check"

    @staticmethod
    def _with_health(text: str, check: Health) -> str:
        """The text, and how many failures are left when not all are."""
        if not check.enabled or check.health >= check.rise + check.fall - 1:
            return text
        if check.server.is_stopped:  # it is another server's, which this one tracks
            return f"{text} {check.health}/{check.rise}"
        return f"{text} {check.health - check.rise + 1}/{check.fall}"

    def throttle(self, now: float) -> int | None:
        """The share of the weight in force during a slow start, in percent; None otherwise."""
        return 100 * self.ramp // weights.FULL if self.state is State.STARTING and self.uweight and not self.admin & DRAIN else None

    # -- changes of weight
    def set_weight(self, text: str, now: float) -> str | None:
        """`set weight`: absolute, or a percentage of the configured one. Returns what is wrong with it, in HAProxy's words."""
        weight = weights.parse(text, self.iweight)
        if isinstance(weight, str):
            return weight
        if not self.backend.balancer.dynamic and weight not in (0, self.iweight):
            return weights.STATIC
        self.uweight = weight
        if self.admin & MAINT:
            return None  # takes effect with the end of maintenance
        transition = Transition(self)
        if self.apply(now):
            transition.backend_lost(self)
        elif self.usable:
            transition.ready.append(self)
        remain_in_drain(self, transition)
        self.publish(transition)
        return None

    def set_maxconn(self, maxconn: int) -> None:
        """`set maxconn server`: a dynamic limit keeps its lower end."""
        if self.minconn == self.maxconn:
            self.minconn = maxconn
        self.maxconn = maxconn

    def warm_up(self, now: float) -> Transition | None:
        """A slow start goes on: called about every second while `state` is STARTING; the last call ends it."""
        if self.state is not State.STARTING:
            return None
        transition = Transition(self)
        if now >= self.last_change + self.settings.slowstart / 1000:
            self.state = State.RUNNING
        self.apply(now)
        transition.ready.append(self)
        if self.state is State.RUNNING:
            transition.say(self, NOTICE, f"is UP.{self._counts(0)}")
        return self.publish(transition)

    def apply(self, now: float) -> bool:
        """Compute weight and usability again and tell the balancer. Has the backend lost its last server by that?"""
        if self.state is State.STARTING and self.backend.balancer.dynamic:
            self.ramp = weights.ramp(self, now)
        elif self.state is State.RUNNING:
            self.ramp = weights.FULL
        eweight = weights.effective(self.uweight, self.ramp)
        self.in_service = not self.admin & (MAINT | DRAIN) and self.state in (State.STARTING, State.RUNNING)
        usable = eweight > 0 and self.in_service
        if eweight == self.eweight and usable == self.usable:
            return False
        self.eweight, self.usable = eweight, usable
        backend = self.backend
        before = backend.balancer.active + backend.balancer.backups
        backend.balancer.changed(self)
        after = backend.balancer.active + backend.balancer.backups
        if after and not before:
            backend.down_time += max(0.0, now - backend.last_change)
            backend.last_change = now
        elif before and not after:
            backend.last_change = now
            backend.counters.chkdown += 1
        return bool(before and not after)

    # -- operational changes, from checks and commands
    def check_passed(self, checker: Health, now: float, transition: Transition) -> None:
        """A checker is satisfied: the server runs, unless the other one, the tracked server or maintenance is against it."""
        if self.state in UP:  # as after nearly every check
            return
        if self._may_rise() and not (checker.is_agent and self.state is State.STOPPING):
            self.start(now, checker.reason(), transition)

    def check_conditional(self, checker: Health, now: float, transition: Transition) -> None:
        """A health check passed on condition that no new streams come."""
        if self._may_rise() and not checker.is_agent:
            self.hold(now, checker.reason(), transition)

    def _may_rise(self) -> bool:
        held_down = self.tracked is not None and self.tracked.state is State.STOPPED
        return not self.admin & MAINT and not held_down and self.check.good and self.agent.good

    def stop(self, now: float, why: str, transition: Transition, source: str = "") -> None:
        """The server is down."""
        if self.admin & MAINT or self.state is State.STOPPED:
            return
        self.state, self.last_change = State.STOPPED, now
        self.counters.chkdown += 1
        self.leave_service(now, transition, ALERT, f"is DOWN{source}{why}.")
        remain_in_drain(self, transition)
        for tracker in self.trackers:
            tracker.stop(now, "", transition, via(self))

    def hold(self, now: float, why: str, transition: Transition, source: str = "") -> None:
        """The server works, and asks for no new streams."""
        if self.admin & MAINT or self.state is State.STOPPING:
            return
        self.state, self.last_change = State.STOPPING, now
        self.leave_service(now, transition, NOTICE, f"is stopping{source}{why}.")
        remain_in_drain(self, transition)
        for tracker in self.trackers:
            tracker.hold(now, "", transition, via(self))

    def start(self, now: float, why: str, transition: Transition, source: str = "") -> None:
        """The server is up; after having been down it starts slowly where `slowstart` says so."""
        if self.admin & MAINT or self.state in UP:
            return
        if self.state is State.STOPPED:
            self.down_time += max(0.0, now - self.last_change)
        self.state, self.last_change = State.STARTING if self.settings.slowstart else State.RUNNING, now
        self.apply(now)
        if self.settings.on_marked_up == "shutdown-backup-sessions" and not self.backup and self.eweight:
            transition.shutdowns += [(server, "U") for server in self.backend.servers if server.backup]
        transition.ready.append(self)
        transition.say(self, NOTICE, f"is UP{source}{why}.{self._counts(0)}")
        remain_in_drain(self, transition)
        for tracker in self.trackers:
            tracker.start(now, "", transition, via(self))

    def leave_service(self, now: float, transition: Transition, level: int, text: str) -> None:
        """Streams in the queue go elsewhere, sessions end where `on-marked-down` says so, and the backend may have lost its last server."""
        level = level if self.in_service else NOTICE  # losing what was out of service alarms nobody
        lost = self.apply(now)
        if self.state is State.STOPPED and self.settings.on_marked_down == "shutdown-sessions":
            transition.shutdowns.append((self, "D"))
        movable = self.backend.settings.has("redispatch") and not self.backend.settings.has("persist")
        moved = self.queue.drain() if movable else []
        transition.woken += moved
        transition.say(self, level, text + self._counts(len(moved)))
        if lost:
            transition.backend_lost(self)

    def _counts(self, moved: int) -> str:
        """What is left of the farm, and what became of the streams."""
        active, backups = self.backend.balancer.active, self.backend.balancer.backups
        on_backup = " Running on backup." if backups and not active else ""
        if self.state is State.STOPPED:
            sessions = f"{self.counters.scur} sessions active, {moved} requeued, {len(self.queue)} remaining in queue."
            return f" {active} active and {backups} backup servers left.{on_backup} {sessions}"
        return f" {active} active and {backups} backup servers online.{on_backup} {moved} sessions requeued, {len(self.queue)} total in queue."

    # -- commands
    def command_health(self, word: str, now: float, source: str = CHANGED_BY_COMMAND) -> Transition | None:
        """`set server ... health up|stopping|down` and the like of the stats page; the caller has refused tracking servers."""
        transition = Transition(self)
        top = self.check.rise + self.check.fall - 1
        self.check.health = 0 if word == "down" else top
        {"up": self.start, "stopping": self.hold, "down": self.stop}[word](now, source, transition)
        return self.publish(transition)

    def command_agent(self, word: str, now: float, source: str = CHANGED_BY_COMMAND) -> Transition | None:
        """`set server ... agent up|down` and the like of the stats page."""
        transition = Transition(self)
        self.agent.health = self.agent.rise + self.agent.fall - 1 if word == "up" else 0
        (self.start if word == "up" else self.stop)(now, source, transition)
        return self.publish(transition)

    def command_state(self, word: str, now: float) -> Transition | None:
        """`set server ... state ready|drain|maint`, `enable server`, `disable server`, and the same words of an agent."""
        transition = Transition(self)
        if word == "maint":
            admit(self, FORCED_MAINT, now, transition)
            dismiss(self, FORCED_DRAIN, now, transition)
        elif word == "drain":
            admit(self, FORCED_DRAIN, now, transition)
            dismiss(self, FORCED_MAINT, now, transition)
        else:
            if self.admin & MAINT and self.admin & FORCED_DRAIN:
                forget(self, FORCED_DRAIN)
            dismiss(self, FORCED_MAINT, now, transition)
            dismiss(self, FORCED_DRAIN, now, transition)
        return self.publish(transition)

    def publish(self, transition: Transition) -> Transition | None:
        """Hand a change to who logs and wakes; None when nothing came of it."""
        if not transition:
            return None
        if self.emit is not None:
            self.emit(transition)
        return transition


def build_servers(backend: Backend, now: float) -> None:
    """Make a backend's servers and its balancer from the settings. A server without an `id` gets the first free number, in order."""
    used = {settings.id for settings in backend.settings.servers if settings.id}
    number = 1
    for settings in backend.settings.servers:
        if settings.id is None:
            while number in used:
                number += 1
            used.add(number)
        server = Server(backend, settings, settings.id or number, now)
        server.refresh_cookie()
        backend.servers.append(server)
        backend.servers_by_name[server.name] = server
    name = backend.settings.balance.algorithm if backend.settings.balance is not None else "roundrobin"
    backend.balancer = make_balancer(name, backend)


def link_tracking(backends: dict[str, Backend]) -> None:
    """Resolve `track [<backend>/]<server>` once all servers exist; a tracker starts in the state of what it tracks."""
    for backend in backends.values():
        for server in backend.servers:
            if server.settings.track:
                owner, _, name = server.settings.track.rpartition("/")
                server.tracked = (backends[owner] if owner else backend).servers_by_name[name]
                server.tracked.trackers.insert(0, server)  # changes reach the last configured first
    for backend in backends.values():
        for server in backend.servers:
            if server.tracked is None:
                inherit(server)


def inherit(server: Server) -> None:
    """Pass a configured maintenance on to the trackers, without a word."""
    for tracker in server.trackers:
        if server.admin & MAINT:
            admit(tracker, INHERITED_MAINT, tracker.last_change, Transition(tracker))
            tracker.counters.chkdown = 0
        inherit(tracker)
