"""The rise/fall machine of health checks and agent checks, and what observed traffic does to it (configuration.txt 5.2).

One counter runs from 0 to rise + fall - 1; at `rise` and above the checker holds the server up. A success moves it up by one and, once it reaches
`rise`, to the top; a failure moves it down by one and, once it falls below `rise`, to 0. So `fall` failures in a row take a server down and `rise`
successes bring it back. A checker starts at exactly `rise`: the server is up, and its very first failure takes it down.

Pure: results come in, Transitions go out; timers belong to the checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pylb.base.text import check_words
from pylb.proxy.transition import NOTICE, Line, Transition

if TYPE_CHECKING:
    from pylb.proxy.server import Server

# Each status: its number in `show servers state`, its description, and what it says of the server.
UNKNOWN, NEUTRAL, FAILED, PASSED, CONDITIONAL = range(5)
STATUSES: Final[dict[str, tuple[int, str, int]]] = {
    "UNK": (0, "Unknown", UNKNOWN),
    "INI": (1, "Initializing", UNKNOWN),
    "CHECKED": (3, "No status change", NEUTRAL),
    "HANA": (4, "Health analyze", FAILED),
    "SOCKERR": (5, "Socket error", FAILED),
    "L4OK": (6, "Layer4 check passed", PASSED),
    "L4TOUT": (7, "Layer4 timeout", FAILED),
    "L4CON": (8, "Layer4 connection problem", FAILED),
    "L6OK": (9, "Layer6 check passed", PASSED),
    "L6TOUT": (10, "Layer6 timeout", FAILED),
    "L6RSP": (11, "Layer6 invalid response", FAILED),
    "L7TOUT": (12, "Layer7 timeout", FAILED),
    "L7RSP": (13, "Layer7 invalid response", FAILED),
    "L7OK": (15, "Layer7 check passed", PASSED),
    "L7OKC": (16, "Layer7 check conditionally passed", CONDITIONAL),
    "L7STS": (17, "Layer7 wrong status", FAILED),
    "PROCERR": (18, "External check error", FAILED),
    "PROCTOUT": (19, "External check timeout", FAILED),
    "PROCOK": (20, "External check passed", PASSED),
}
FIRST_WITH_CODE: Final = 14  # from this status number on, a result carries a code

# What observed traffic says against a server.
WRONG_RESPONSE: Final = "Wrong http response"
INVALID_RESPONSE: Final = "Invalid http response (headers)"
CLOSED: Final = "Close from server (http)"
READ_ERROR: Final = "Read error (http)"
READ_TIMEOUT: Final = "Read timeout (http)"
UNSUCCESSFUL_CONNECTION: Final = "L4 unsuccessful connection"
LOST_RESPONSES: Final = {"P": INVALID_RESPONSE, "S": CLOSED, "s": READ_TIMEOUT}  # by the first letter of the stream's end


@dataclass(slots=True)
class Result:
    """What one check found."""

    status: str
    code: int = 0
    ms: int = 0
    text: str = ""

    @property
    def description(self) -> str:
        return STATUSES[self.status][1]

    @property
    def outcome(self) -> int:
        return STATUSES[self.status][2]

    def reason(self) -> str:
        """The words that log lines explain a change with."""
        words = f", reason: {self.description}"
        if STATUSES[self.status][0] >= FIRST_WITH_CODE:
            words += f", code: {self.code}"
        if self.text:
            words += f', info: "{check_words(self.text)}"'
        return words if self.ms < 0 else f"{words}, check duration: {self.ms}ms"


class Health:
    """One checker of one server: its health check or its agent check."""

    is_agent = False
    title = "Health"

    def __init__(self, server: Server, rise: int, fall: int, enabled: bool) -> None:
        self.server = server
        self.rise, self.fall = rise, fall
        self.configured = self.enabled = enabled
        self.paused = False  # maintenance of the server pauses health checks, not agents
        self.running = False  # a check is under way
        self.health = rise
        self.last = Result("INI")
        self.hasten: Callable[[], None] | None = None  # have the next check made sooner; set by who makes the checks

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.name} {self.health} of {self.rise}+{self.fall} {self.last.status})"

    # -- what statistics show
    @property
    def status(self) -> str:
        return self.last.status

    @property
    def code(self) -> int:
        return self.last.code & 0xFFFFFFFF

    @property
    def duration(self) -> int:
        return self.last.ms

    @property
    def text(self) -> str:
        return self.last.text

    @property
    def state_mask(self) -> int:
        """`srv_check_state` of `show servers state`: running, configured, enabled, paused, agent."""
        return self.running | self.configured << 1 | self.enabled << 2 | (self.paused and not self.is_agent) << 3 | self.is_agent << 4 if self.configured else 0

    @property
    def good(self) -> bool:
        """Does this checker hold the server up? One that does not run has no say."""
        return not self.enabled or self.health >= self.rise

    @property
    def status_line(self) -> str:
        """`2/3 UP`: what is left until the state changes, as log lines say it."""
        if self.health >= self.rise:
            return f"{self.health - self.rise + 1}/{self.fall} {'UP' if self.server.uweight else 'DRAIN'}"
        return f"{self.health}/{self.rise} DOWN"

    # -- what happens
    def report(self, result: Result, now: float, before: Result | None = None) -> Transition | None:
        """A check ended: count it, and change the server's state if that makes a difference. `before` is a result on the way that counts too."""
        transition = Transition(self.server)
        if before is not None:
            before.ms = result.ms
            self.count(before, transition)
        self.count(result, transition)
        if result.outcome == PASSED:
            self.server.check_passed(self, now, transition)
        elif result.outcome == CONDITIONAL:
            self.server.check_conditional(self, now, transition)
        elif result.outcome == FAILED:
            self.failed(now, transition)
        return self.server.publish(transition)

    def failed(self, now: float, transition: Transition) -> None:
        """Take the server down once nothing is left of its health."""
        if not self.health and (not self.is_agent or self.last.status == "L7STS"):
            self.server.stop(now, self.reason(), transition)

    def reason(self) -> str:
        """Why, unless a line of `option log-health-checks` said it just before or the state is another server's."""
        server = self.server
        return "" if server.tracked is not None or server.backend.settings.has("log-health-checks") else self.last.reason()

    def count(self, result: Result, transition: Transition) -> None:
        """Move the counter, and log the check where that is wanted and something moved."""
        known, self.last = self.last, result
        if result.outcome == NEUTRAL:
            return
        if result.outcome == FAILED:
            moved = self.count_failure(result)
        else:
            moved = self.health < self.rise + self.fall - 1
            if moved:
                self.health += 1
                if self.health >= self.rise:
                    self.health = self.rise + self.fall - 1
        server = self.server
        if server.backend.settings.has("log-health-checks") and (moved or known.status != result.status):
            outcome = {PASSED: "succeeded", CONDITIONAL: "conditionally succeeded"}.get(result.outcome, "failed")
            kind = "backup server" if server.backup else "server"
            text = f"{self.title} check for {kind} {server.backend.name}/{server.name} {outcome}{result.reason()}, status: {self.status_line}."
            transition.lines.append(Line(server.backend, "WARNING", NOTICE, text))

    def count_failure(self, result: Result) -> bool:
        if not self.health:
            return False
        self.server.counters.chkfail += 1
        self.lower()
        return True

    def lower(self) -> None:
        self.health = self.health - 1 if self.health > self.rise else 0

    # -- observed traffic (`observe`, `error-limit`, `on-error`)
    def observed(self, error: str | None, now: float) -> Transition | None:
        """Traffic went well (None) or badly; `error-limit` bad ones in a row do what `on-error` says. Any of them hastens the next check."""
        server = self.server
        if error is None:
            server.errors_in_row = 0
            return None
        server.errors_in_row += 1
        settings = server.settings
        if server.errors_in_row < settings.error_limit or server.in_maintenance or not self.enabled:
            return None
        server.errors_in_row, count = 0, server.errors_in_row
        if self.hasten is not None:
            self.hasten()
        server.counters.hanafail += 1
        transition = Transition(server)
        if settings.on_error == "sudden-death":
            self.health = min(self.health, self.rise + 1)
        elif settings.on_error == "mark-down":
            self.health = min(self.health, self.rise)
        if settings.on_error != "fastinter":
            self.count(Result("HANA", 0, -1, f"Detected {count} consecutive errors, last one was: {error}"), transition)
            self.failed(now, transition)
        return server.publish(transition)


class Agent(Health):
    """The agent check. Only an explicit word of the agent takes the server down; an agent that cannot be reached changes nothing."""

    is_agent = True
    title = "Agent"

    def count_failure(self, result: Result) -> bool:
        if result.status != "L7STS" or self.health < self.rise:
            return False
        self.lower()
        return True
