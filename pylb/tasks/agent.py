"""Agent checks: an auxiliary program says in one line how a server is (configuration.txt 5.2, `agent-check`).

The words of the line change, in this order, the administrative state (ready, drain, maint), the weight (a percentage) and `maxconn`; then up, down,
fail or stopped are the result of the check. A line without one of these has no result. What cannot be understood is told in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pylb.tasks.check_connection import CheckFailed
from pylb.tasks.check_rules import ConnectRule, CustomExpect, Rule, SendRule

if TYPE_CHECKING:
    from pylb.base.net import Endpoint
    from pylb.proxy.server import Server
    from pylb.tasks.check_attempt import Attempt

LINE_END: Final = re.compile(rb"[\r\n]")
SEPARATORS: Final = re.compile(r"[ \t,]+")
PERCENTAGE: Final = re.compile(r"\d+%")
UP, DOWN = ("up",), ("down", "stopped", "fail")
INCOMPLETE: Final = "Ignoring incomplete line from agent"


@dataclass(slots=True)
class Advice:
    """What an agent's line says."""

    state: str = ""  # ready drain maint
    weight: str = ""  # NN%
    maxconn: str = ""
    health: str = ""  # up down fail stopped, as spelt
    error: str = ""  # the first word that means nothing
    description: str = ""


def read_advice(text: str) -> Advice:
    """Understand a line without its end."""
    advice = Advice()
    rest = text.lstrip(" \t,")
    while rest:
        if rest.startswith("#"):
            advice.description = rest[1:].lstrip(" \t")
            break
        word, *more = SEPARATORS.split(rest, maxsplit=1)
        rest = more[0] if more else ""
        folded = word.lower()
        if PERCENTAGE.fullmatch(word):
            advice.weight = word
        elif folded.startswith("maxconn:"):
            advice.maxconn = word[8:]
        elif folded in ("ready", "drain", "maint"):
            advice.state = folded
        elif folded in UP or folded in DOWN:
            advice.health = word
        else:
            advice.error = advice.error or word
    return advice


class AgentConnect(ConnectRule):
    """The agent listens where `agent-addr`, `addr` or the server says, at `agent-port`."""

    def endpoint(self, attempt: Attempt) -> Endpoint:
        server, agent = attempt.server, attempt.server.settings.agent
        address = agent.address or server.address
        return (address.with_port(agent.port or 0) if address.is_ip else address).endpoint()


def agent_steps(server: Server) -> list[Rule]:
    """Connect, say `agent-send`, read a line."""
    return [AgentConnect(number=0), AgentSend(number=1), CustomExpect(heard, 2)]


class AgentSend(SendRule):
    """`agent-send`, which a command may change."""

    def text(self, attempt: Attempt) -> bytes:
        return attempt.server.settings.agent.send


def heard(attempt: Attempt, finished: bool) -> bool:
    """Obey the line once it is complete; always ends with a verdict."""
    found = LINE_END.search(attempt.data)
    if found is None:
        known = attempt.server.agent.status
        if finished and known != "INI":
            raise CheckFailed(known, INCOMPLETE)
        return False
    raise obey(attempt.server, read_advice(attempt.data[: found.start()].decode("latin-1")))


def obey(server: Server, advice: Advice) -> CheckFailed:
    """Do what the agent says, and put its verdict into words."""
    now = server.backend.process.clock.now()
    complaint = ""
    if advice.state:
        server.command_state(advice.state, now)
    if advice.weight:
        complaint = server.set_weight(advice.weight, now) or ""
    if advice.maxconn:
        if advice.maxconn.isdigit():
            server.set_maxconn(int(advice.maxconn))
        else:
            complaint = complaint or "Require <maxconn>."
    remark = f" ({advice.description or advice.error})" if advice.description or advice.error else ""
    if advice.health:
        status = "L7OK" if advice.health.lower() in UP else "L7STS"
        return CheckFailed(status, f"via agent : {advice.health}{remark}{f' {complaint}' if complaint else ''}")
    if complaint:
        return CheckFailed("CHECKED", f"agent warning : {complaint}")
    return CheckFailed("CHECKED", f"agent reports an error : {advice.error}" if advice.error else "")
