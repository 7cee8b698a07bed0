"""Administrative and operational state of servers: the values `show servers state` prints, and the administrative changes.

An administrative flag set on a server is inherited by the servers that track it. `admit` and `dismiss` set and clear one flag and say in a Transition
what HAProxy logs; while any flag of its kind remains, a server stays in maintenance or drain and only says so.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from pylb.proxy.transition import ALERT, NOTICE, Transition

if TYPE_CHECKING:
    from pylb.proxy.server import Server

FORCED_MAINT: Final = 0x01
INHERITED_MAINT: Final = 0x02
CONFIGURED_MAINT: Final = 0x04  # only remembers where a forced one came from
FORCED_DRAIN: Final = 0x08
INHERITED_DRAIN: Final = 0x10
RESOLUTION_MAINT: Final = 0x20
NAMED_BY_COMMAND: Final = 0x40
MAINT: Final = FORCED_MAINT | INHERITED_MAINT | RESOLUTION_MAINT
DRAIN: Final = FORCED_DRAIN | INHERITED_DRAIN
ENDS: Final = {  # how the end of maintenance is told, by the flag that kept it up: what stands behind the server's name, and the reason
    FORCED_MAINT: ("", "leaving forced maintenance"),
    INHERITED_MAINT: ("", "leaving maintenance"),
    RESOLUTION_MAINT: ("('{}') ", "resolves again"),
}


class State(IntEnum):
    """Operational state: `srv_op_state` of `show servers state`."""

    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3


UP: Final = (State.STARTING, State.RUNNING)


def inherited(flag: int) -> int:
    """The form in which trackers get a flag."""
    return INHERITED_MAINT if flag & MAINT else INHERITED_DRAIN


def via(server: Server) -> str:
    """How a line names the server a state is inherited from."""
    return f" via {server.backend.name}/{server.name}"


def admit(server: Server, flag: int, now: float, transition: Transition, cause: str = "") -> None:
    """Set one administrative flag here, for this cause, and, in its inherited form, on the servers that track this one."""
    if server.admin & flag:
        return
    kind = MAINT if flag & MAINT else DRAIN
    before = server.admin
    server.admin |= flag
    if kind == MAINT and not before & MAINT:
        enter_maintenance(server, cause + source(server, flag), now, transition)
    elif kind == DRAIN and not before & (MAINT | DRAIN):
        enter_drain(server, cause + source(server, flag), now, transition)
    elif kind == DRAIN and not before & MAINT:
        remain_in_drain(server, transition)
    if not before & kind:
        for tracker in server.trackers:
            admit(tracker, inherited(flag), now, transition, cause)


def dismiss(server: Server, flag: int, now: float, transition: Transition) -> None:
    """Clear one administrative flag here and, in its inherited form, on the trackers."""
    if not server.admin & flag:
        return
    kind = MAINT if flag & MAINT else DRAIN
    server.admin &= ~flag
    if kind == MAINT and not server.admin & MAINT:
        leave_maintenance(server, flag, now, transition)
    elif kind == MAINT:
        remain_in_maintenance(server, flag, transition)
    elif not server.admin & (MAINT | DRAIN):
        leave_drain(server, now, transition)
    elif not server.admin & MAINT:
        remain_in_drain(server, transition)
    if not server.admin & kind:
        for tracker in server.trackers:
            dismiss(tracker, inherited(flag), now, transition)


def forget(server: Server, flag: int) -> None:
    """Clear one administrative flag without a word: another change will tell."""
    server.admin &= ~flag
    if not server.admin & (MAINT if flag & MAINT else DRAIN):
        for tracker in server.trackers:
            forget(tracker, inherited(flag))


def source(server: Server, flag: int) -> str:
    """` via b/s` for an inherited flag."""
    return via(server.tracked) if flag & (INHERITED_MAINT | INHERITED_DRAIN) and server.tracked is not None else ""


def enter_maintenance(server: Server, why: str, now: float, transition: Transition) -> None:
    """No traffic, no health checks."""
    server.check.paused |= server.check.enabled
    if server.state is State.STOPPED:
        server.apply(now)
        transition.say(server, NOTICE, f"was DOWN and now enters maintenance{why}.")
        return
    server.state, server.last_change, server.check.health = State.STOPPED, now, 0
    server.counters.chkdown += 1
    server.leave_service(now, transition, ALERT, f"is going DOWN for maintenance{why}.")


def leave_maintenance(server: Server, flag: int, now: float, transition: Transition) -> None:
    """Back to what checks say; a checked server comes up at once and its first check decides."""
    if server.check.enabled:
        server.check.paused, server.check.health = False, server.check.rise
    if server.check.good and server.agent.good and (server.tracked is None or server.tracked.state is not State.STOPPED):
        server.down_time += max(0.0, now - server.last_change)
        server.last_change = now
        server.state = state_after_maintenance(server)
        transition.ready.append(server)
    server.apply(now)
    up, mode = "DOWN" if server.is_stopped else "UP", "DRAIN" if server.admin & DRAIN else "READY"
    who, why = ENDS[flag]
    transition.say(server, NOTICE, f"{who.format(server.host_name)}is {up}/{mode} ({why}).")
    remain_in_drain(server, transition)


def state_after_maintenance(server: Server) -> State:
    if server.tracked is not None and server.tracked.state is State.STOPPING:
        return State.STOPPING
    return State.STARTING if server.settings.slowstart else State.RUNNING


def remain_in_maintenance(server: Server, flag: int, transition: Transition) -> None:
    """One reason for maintenance is gone, another one stays."""
    if flag == RESOLUTION_MAINT:
        transition.say(server, NOTICE, f"('{server.host_name}') resolves again but remains in maintenance.")
    elif flag == INHERITED_MAINT:
        transition.say(server, NOTICE, "remains in forced maintenance.")
    else:
        name = via(server.tracked) if server.tracked is not None else ""
        transition.say(server, NOTICE, f"is leaving forced maintenance but remains in maintenance{name}.")


def enter_drain(server: Server, why: str, now: float, transition: Transition) -> None:
    """No new streams but persistent ones; checks go on."""
    server.last_change = now
    server.leave_service(now, transition, NOTICE, f"enters drain state{why}.")


def leave_drain(server: Server, now: float, transition: Transition) -> None:
    """Take part in balancing again."""
    server.last_change = now
    server.apply(now)
    transition.ready.append(server)
    transition.say(server, NOTICE, f"is {'DOWN' if server.is_stopped else 'UP'} (leaving forced drain).")


def remain_in_drain(server: Server, transition: Transition) -> None:
    """Something else changed while the server drains: remind of it."""
    if not server.admin & DRAIN or server.admin & MAINT:
        return
    if server.admin & FORCED_DRAIN:
        transition.say(server, NOTICE, "remains in forced drain mode.")
    else:
        name = via(server.tracked) if server.tracked is not None else ""
        transition.say(server, NOTICE, f"is leaving forced drain but remains in drain mode{name}.")
