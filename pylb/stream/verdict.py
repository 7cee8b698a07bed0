"""How a rule set, a stream or a connection ends: verdicts of rules and the exceptions that end a stream early."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylb.wire.message import Response


class Verdict(Enum):
    """What an action tells the rule set it stands in; None instead of a verdict means "go on with the next rule"."""

    STOP = "stop"  # accept, allow: this rule set is done
    WAIT = "wait"  # not enough data yet: call the same rule again when there is more
    REJECT = "reject"  # tcp rule sets: end the connection
    CLOSE = "close"  # tcp-response content close: close the server side
    UPGRADE = "upgrade"  # tcp-request content switch-mode: the bytes are HTTP from here on


class Stop(Exception):
    """The end of a stream before its time, spelt in HAProxy's two letters (configuration.txt 8.5): who ended it, and when.

    `status` is the HTTP error the client is told, None for silence; `when` may be filled in by the stream's present state.
    """

    def __init__(self, who: str, when: str = "", status: int | None = None) -> None:
        super().__init__(who, when, status)
        self.who, self.when, self.status = who, when, status


class Answer(Exception):
    """The load balancer answers in a server's place (deny, redirect, return, auth): a whole response and its letters.

    No response means: close without a word. `status` is what is logged and counted where that differs from the response's own (a page
    from a file says what it likes).
    """

    def __init__(
        self, response: Response | None, body: bytes = b"", *, who: str = "L", when: str = "R", tarpit: bool = False, status: int | None = None
    ) -> None:
        super().__init__(status)
        self.response, self.body, self.who, self.when, self.tarpit = response, body, who, when, tarpit
        self.status = status if status is not None else response.status if response is not None else -1
