"""Servers begin in the state that a file of states tells of (`load-server-state-from-file`).

A line holds what `show servers state` printed of the process before: what was measured goes on (the state, the time of the last change, the
health counter), what an operator said goes on (maintenance, drain, weight, ports), and what the configuration says now wins where it has
changed since (another initial weight, `disabled`). Lines with a value that cannot be are refused whole.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pylb.base.address import Address, read_host
from pylb.base.clock import Clock
from pylb.config import model
from pylb.process import build
from pylb.process.net import RealNet
from pylb.proxy.health import STATUSES, Result
from pylb.proxy.states import CONFIGURED_MAINT, FORCED_DRAIN, FORCED_MAINT, RESOLUTION_MAINT, State, admit, dismiss, remain_in_drain, via
from pylb.proxy.transition import Transition
from pylb.stream.dial import attach

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.server import Server

WHY: Final = ", changed from server-state after a reload"
UNCHECKED: Final = ", reason: Unknown, check duration: 0ms"
INTEGER: Final = re.compile(r"[+-]?\d+")
CONFIGURED, ENABLED = 0x02, 0x04  # of a check's state
ANY_ADMIN: Final = 0x7F
STATUS_NAMES: Final = {number: name for name, (number, _, _) in STATUSES.items()}
HIGHEST_STATUS: Final = 20
PORTS: Final = 65536
LONGEST_NAME: Final = 255


def admin_flags(number: int) -> bool:
    """Flags that can be together: nobody is forced into maintenance and into drain at once."""
    return number & ~ANY_ADMIN == 0 and number & (FORCED_MAINT | FORCED_DRAIN) != FORCED_MAINT | FORCED_DRAIN


def below(limit: int) -> Callable[[int], bool]:
    return lambda number: 0 <= number < limit


# Name of the field, its place in a line, what it may be.
NUMBERS: Final[tuple[tuple[str, int, Callable[[int], bool]], ...]] = (
    ("srv_op_state", 5, below(4)),
    ("srv_admin_state", 6, admin_flags),
    ("srv_uweight", 7, below(257)),
    ("srv_iweight", 8, below(257)),
    ("srv_last_time_change", 9, lambda number: True),
    ("srv_check_status", 10, below(HIGHEST_STATUS + 1)),
    ("srv_check_result", 11, below(5)),
    ("srv_check_health", 12, below(1 << 31)),
    ("srv_check_state", 13, below(32)),
    ("srv_agent_state", 14, below(32)),
    ("bk_f_forced_id", 15, below(2)),
    ("srv_f_forced_id", 16, below(2)),
)


@dataclass(slots=True)
class Saved:
    """A line's values; `wrong` names those that cannot be."""

    numbers: dict[str, int]
    port: int
    rest: list[str]  # srvrecord, srv_use_ssl, srv_check_port, srv_check_addr, srv_agent_addr, srv_agent_port
    wrong: str

    @classmethod
    def read(cls, fields: list[str]) -> Saved:
        """From the fields of a line."""
        numbers, wrong = {}, ""
        for name, place, allowed in NUMBERS:
            text = fields[place]
            numbers[name] = number = int(text) if INTEGER.fullmatch(text) else 0
            if not INTEGER.fullmatch(text) or not allowed(number):
                wrong += f", invalid {name} value '{text}'"
        if len(fields[17]) > LONGEST_NAME:
            wrong += f", invalid srv_fqdn value '{fields[17]}'"
        digits = re.match(r"\d*", fields[18])
        port = int(digits[0] or 0) if digits is not None else 0
        if port >= PORTS:
            wrong += f", invalid srv_port value '{fields[18]}'"
        return cls(numbers, port, fields[19:], wrong)

    def text(self, place: int) -> str:
        """A field of the end of the line, which older versions do not write; "-" for one that is not there."""
        return self.rest[place] if place < len(self.rest) else "-"


def restore_states(process: Process, warn: Callable[[str], None]) -> None:
    """Put every server that has a line into its state; `warn` gets the lines for the terminal. Nothing is logged: nobody listens yet."""
    now = process.clock.now()
    for backend in process.backends.values():
        for server in backend.servers:
            if server.settings.saved is not None:
                for text in restore(server, Saved.read(server.settings.saved), now):
                    warn(text)


def rehearse(config: model.Config, warn: Callable[[str], None]) -> None:
    """What a start would say of the states, for who only checks the configuration."""
    loop = asyncio.new_event_loop()
    net = RealNet(loop)
    restore_states(build.build(config, loop, Clock(loop.time), net), warn)
    net.close()
    loop.close()


def restore(server: Server, saved: Saved, now: float) -> Iterator[str]:
    """Apply one line, and say what changed."""
    who = f"server '{server.backend.name}/{server.name}'"
    if saved.wrong:
        yield f"server-state application failed for {who}{saved.wrong}"
        return
    transition = Transition(server)
    numbers = saved.numbers
    if numbers["srv_check_status"] not in STATUS_NAMES:
        numbers["srv_check_status"] = 1
    server.check.last = Result(STATUS_NAMES[numbers["srv_check_status"]])
    operate(server, saved, now, transition)
    administer(server, saved, now, transition)
    for checker, name in ((server.check, "srv_check_state"), (server.agent, "srv_agent_state")):
        if checker.configured and numbers[name] & CONFIGURED:
            checker.enabled = bool(numbers[name] & ENABLED)
    if numbers["srv_iweight"] == server.settings.weight:
        server.uweight = numbers["srv_uweight"]
    server.apply(now)
    if server.admin & RESOLUTION_MAINT:
        server.check.health = 0
    elif server.state is not State.STARTING:
        server.last_change = now - numbers["srv_last_time_change"]
    yield from (line.text for line in transition.lines if line.tag != "ALERT")
    yield from (f"server-state partially applied for {who}, {why}" for why in place(server, saved))


def operate(server: Server, saved: Saved, now: float, transition: Transition) -> None:
    """The operational state, and the health that goes with it."""
    check, state = server.check, State(saved.numbers["srv_op_state"])
    health, top = saved.numbers["srv_check_health"], check.rise + check.fall - 1
    source = via(server.tracked) if server.tracked is not None else ""
    if state is State.STOPPED:
        check.health = 0
        server.stop(now, WHY, transition)
    elif state is State.STARTING:
        check.health = health if 0 < health < check.rise else check.rise - 1
        warms_up, flags = saved.numbers["srv_last_time_change"] * 1000 < server.settings.slowstart, saved.numbers["srv_admin_state"]
        if warms_up or flags & FORCED_DRAIN or flags & (CONFIGURED_MAINT | FORCED_MAINT) == FORCED_MAINT:
            begin_again(server, now, transition, warms_up)
    elif state is State.RUNNING:
        check.health = top
        server.start(now, "", transition, source)
    else:
        check.health = health if check.rise <= health < top else check.rise
        server.hold(now, WHY, transition)


def begin_again(server: Server, now: float, transition: Transition, warms_up: bool) -> None:
    """It comes up as if it had been down; a slow start begins from its beginning."""
    if server.in_maintenance:
        return
    server.state, server.last_change = State.STOPPED, now
    server.start(now, UNCHECKED, transition)
    if not warms_up:
        server.state = State.RUNNING


def administer(server: Server, saved: Saved, now: float, transition: Transition) -> None:
    """Maintenance and drain: an operator's word stands, unless the configuration has changed its own since."""
    flags = saved.numbers["srv_admin_state"]
    maintenance, quiet = flags & (CONFIGURED_MAINT | FORCED_MAINT), Transition(server)  # of what goes on nobody is told
    if server.settings.disabled and maintenance == CONFIGURED_MAINT:
        dismiss(server, FORCED_MAINT, now, transition)
    elif not server.settings.disabled and maintenance == FORCED_MAINT:
        admit(server, FORCED_MAINT, now, quiet)
    if flags & FORCED_DRAIN and not server.in_maintenance:
        admit(server, FORCED_DRAIN, now, quiet)
    remain_in_drain(server, transition)


def place(server: Server, saved: Saved) -> Iterator[str]:
    """Ports, TLS, and where checks go; gives what cannot be."""
    settings = server.settings
    if not server.address.relative:
        server.address = replace(server.address, port=saved.port)
        server.refresh_cookie()
    if settings.tls is not None and (settings.ssl or server.tls_suspended):
        settings.ssl = saved.text(1) != "0" and saved.text(1).isdigit()
        server.tls_suspended = not settings.ssl
    attach(server)
    for asked, port, host in ((settings.check, 2, 3), (settings.agent, 5, 4)):
        yield from aim(asked, saved.text(port), saved.text(host))


def aim(asked: model.Check | model.Agent, port: str, host: str) -> Iterator[str]:
    """Where one checker asks."""
    if host != "-":
        found = read_host(host)
        if found is None:
            yield f"invalid addr '{host}'"
            return
        asked.address = Address("ipv6" if ":" in found else "ipv4", found)
    if port in ("-", "0"):
        return
    if not INTEGER.fullmatch(port):
        yield "provided port is not an integer"
    elif not 0 <= int(port) < PORTS:
        yield "provided port is invalid"
    else:
        asked.port = int(port)
