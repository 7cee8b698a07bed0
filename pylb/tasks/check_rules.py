"""The rules of health checks: connect, send, expect, variables (configuration.txt 4.2, `tcp-check` and `http-check`).

A rule's `run` does one step of an Attempt; what ends the check is a CheckFailed. A rule that cannot decide yet waits for more bytes.
Step numbers in texts are places in the rule set as written, beginning with 1; a connect that nobody wrote is step 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pylb.base.address import Address
from pylb.base.net import ConnectOptions, Endpoint
from pylb.sample.variables import may_set, set_variable
from pylb.tasks.check_connection import CheckBroken, CheckConnection, CheckFailed

if TYPE_CHECKING:
    from pylb.tasks.check_attempt import Attempt
    from pylb.wire.tls_context import TlsContext

Outcome = tuple[str, int, str]
Facts = dict[str, Any]
NAMES: Final = {
    "rstring": "regex", "rbinary": "binary regex", "string-lf": "log-format string", "binary-lf": "log-format binary", "binary": "binary",
}  # fmt: skip
BAD_HEXADECIMAL: Final = "Failed to parse hexastring resulting of eval of a log-format string"
UNFIT: Final = "tcp-check send : failed to build log-format string at step {}"


class Rule:
    """One rule. `number` is its step, `comment` what to say when it fails."""

    def __init__(self, facts: Facts | None = None, number: int = 0, comment: str = "") -> None:
        self.facts = facts or {}
        self.number = number
        self.comment = comment

    async def run(self, attempt: Attempt) -> None:
        """Do it."""

    @property
    def name(self) -> str:
        """As the text of a failed step names it."""
        return ""

    def remark(self) -> str:
        """The comment behind the words of a failure."""
        return f" comment: {self.comment}" if self.comment else ""


@dataclass(slots=True)
class RuleSet:
    """The rules of one server's check. `title` is what a passed check that sets no text says."""

    rules: list[Rule] = field(default_factory=list)
    title: str = ""
    tells_steps: bool = False  # failures say at which step
    speaks_http: bool = False

    def where(self, rule: Rule) -> str:
        """At which step the connection failed or the time was up."""
        if not self.tells_steps:
            return ""
        if not rule.number:
            return " at initial connection step of tcp-check"
        comment = f" comment: '{rule.comment}'" if rule.comment else ""
        return f" at step {rule.number} of tcp-check ({rule.name}){comment}"

    def passed(self, attempt: Attempt) -> Outcome:
        """What a check found whose rules all held: the last one says it."""
        last = self.rules[-1]
        if isinstance(last, ConnectRule):
            return ("L6OK" if attempt.connection.secure else "L4OK"), 0, self.title
        if isinstance(last, ExpectRule):
            return last.passed(attempt, self.title)
        return "L7OK", attempt.response.status if attempt.response is not None else 0, self.title


class ConnectRule(Rule):
    """Open a connection; one that is open already ends."""

    context: TlsContext | None = None
    sni: str | None = None
    alpn: list[str] | None = None
    proxy: str | None = None
    socks: Endpoint | None = None
    linger = False
    alone = False  # nothing comes after it, and nothing is said on the connection
    leaves_politely = False  # the connection before it ends with FIN
    options = ConnectOptions()
    last_address: Address | None = None  # the same for every check until somebody changes it
    last_port = 0
    last_endpoint: Endpoint

    @property
    def name(self) -> str:
        port = self.facts.get("port")
        return f"connect port {port}" if isinstance(port, int) else "connect"

    def endpoint(self, attempt: Attempt) -> Endpoint:
        """Where to: the step's words, else the server line's words for checks, else the server."""
        server, check = attempt.server, attempt.server.settings.check
        given: Address | None = self.facts.get("address")
        address = given or check.address or server.address
        port = self.facts.get("port")
        if callable(port):
            port = number_of(port(attempt))
        port = port or (given.port if given is not None else 0) or check.port or server.address.port
        if address is not self.last_address or port != self.last_port:
            self.last_address, self.last_port = address, port
            self.last_endpoint = (address.with_port(port) if address.is_ip else address).endpoint()
        return self.last_endpoint

    async def run(self, attempt: Attempt) -> None:
        """Connect, then TLS where it is wanted."""
        if attempt.connection.wire is not None:
            attempt.connection.close(linger=self.leaves_politely or attempt.linger)
            attempt.renew()
        attempt.begin_connecting()
        attempt.linger = self.linger
        connection = attempt.connection
        if self.alone:
            await connection.probe(self.endpoint(attempt), self.options, attempt.ends_at)
        else:
            await self.open(attempt, connection)
        attempt.connected()

    async def open(self, attempt: Attempt, connection: CheckConnection) -> None:
        """Connect, for rules that go on from there."""
        await connection.open(self.endpoint(attempt), self.options, attempt.ends_at, self.proxy, self.socks)
        if self.context is not None:
            await connection.handshake(self.context, self.sni, self.alpn, attempt.ends_at, (attempt.server.counters, attempt.backend.counters))


class SendRule(Rule):
    """Send bytes; what an expectation has looked at no longer counts, unless `keeps`."""

    name = "send"
    keeps = False

    async def run(self, attempt: Attempt) -> None:
        """Send."""
        data = self.text(attempt)
        if not data:
            return
        if not self.keeps:
            del attempt.connection.received[: attempt.looked_at]
            attempt.looked_at = 0
        attempt.connection.send(data)

    def text(self, attempt: Attempt) -> bytes:
        """What to send."""
        data = text_of(self.facts["data"], attempt)
        if self.facts.get("hexadecimal"):
            try:
                return bytes.fromhex(data.decode("latin-1"))
            except ValueError:
                raise CheckFailed("L7RSP", UNFIT.format(self.number)) from None
        return data


class VariableRule(Rule):
    """`set-var`, `set-var-fmt`, `unset-var`."""

    def __init__(self, kind: str, facts: Facts, number: int) -> None:
        super().__init__(facts, number)
        self.kind = kind
        self.variable, self.conditions = set_variable(facts["name"])

    async def run(self, attempt: Attempt) -> None:
        """Set it, or forget it."""
        if self.kind == "unset-var":
            self.variable.unset(attempt)
            return
        value = text_of(self.facts["text"], attempt) if self.kind == "set-var-fmt" else self.facts["expression"](attempt)
        if value is not None and may_set(self.variable, attempt, value, self.conditions):
            self.variable.set(attempt, value)


class ExpectRule(Rule):
    """Wait until what the server sends satisfies a pattern, or cannot any more."""

    default_error = "L7RSP"

    async def run(self, attempt: Attempt) -> None:
        """Look, and look again when more has come."""
        while True:
            finished = attempt.finished
            attempt.looked_at = len(attempt.connection.received)
            if self.holds(attempt, finished):
                return
            if not await attempt.more():
                raise CheckBroken(self.facts.get("tout_status", "L7TOUT"))

    def holds(self, attempt: Attempt, finished: bool) -> bool:
        """True: satisfied; False: not known yet; CheckFailed: it cannot be satisfied."""
        raise NotImplementedError

    def passed(self, attempt: Attempt, title: str) -> Outcome:
        """What a check found that ended with this rule."""
        words = self.facts.get("on_success")
        text = title if words is None else text_of(words, attempt).decode("latin-1")
        return self.facts.get("ok_status", "L7OK"), self.code(attempt), text

    def failed(self, attempt: Attempt, words: str, remark: str | None = None) -> CheckFailed:
        """The verdict on a server that does not satisfy the rule."""
        own = self.facts.get("on_error")
        text = text_of(own, attempt).decode("latin-1") if own is not None else words
        return CheckFailed(self.facts.get("error_status", self.default_error), text + (self.remark() if remark is None else remark), self.code(attempt))

    def code(self, attempt: Attempt) -> int:
        """The code of the result."""
        if "status_code" in self.facts:
            return number_of(self.facts["status_code"](attempt))
        return attempt.response.status if attempt.response is not None else 0


class TcpExpect(ExpectRule):
    """`tcp-check expect`: a pattern in raw bytes."""

    @property
    def name(self) -> str:
        match, pattern = self.facts["match"], self.facts["pattern"]
        if match in ("string", "binary"):
            return f"expect {match} '{pattern.decode('latin-1')}'"
        return f"expect {NAMES[match]}"

    def holds(self, attempt: Attempt, finished: bool) -> bool:
        """Does the pattern match what has come until now?"""
        data = attempt.data
        if finished and not data:
            comment = f" comment: '{self.comment}'" if self.comment else ""
            raise CheckFailed(self.error_status, f"TCPCHK got an empty response at step {self.number}{comment}", 0)
        pattern = self.pattern(attempt)
        least = self.facts.get("min_recv", -1)
        if not finished and len(data) < (needed(pattern, least) if isinstance(pattern, bytes) else least):
            return False
        if not data:
            return False
        found = contains(pattern, data.hex().upper().encode() if self.facts["match"] == "rbinary" else data)
        if not found and not finished and least < 0:
            return False
        if found != self.facts.get("negated", False):
            return True
        raise self.failed(attempt, f"TCPCHK {'matched unwanted content' if found else 'did not match content'} {self.what()} at step {self.number}")

    @property
    def error_status(self) -> str:
        return str(self.facts.get("error_status", self.default_error))

    def what(self) -> str:
        """The pattern, in the words of a failure."""
        match = self.facts["match"]
        return f"'{self.facts['pattern'].decode('latin-1')}'" if match == "string" else f"({NAMES[match]})"

    def pattern(self, attempt: Attempt) -> Any:
        """Bytes to find, or a regular expression."""
        pattern = self.facts["pattern"]
        if not self.facts["match"].endswith("-lf"):
            return pattern
        text = text_of(pattern, attempt)
        if self.facts["match"] == "string-lf":
            return text
        try:
            return bytes.fromhex(text.decode("latin-1"))
        except ValueError:
            raise CheckFailed("L7RSP", BAD_HEXADECIMAL) from None


class CustomExpect(ExpectRule):
    """An expectation of a predefined check; `judge` does the looking."""

    def __init__(self, judge: Callable[[Attempt, bool], bool], number: int) -> None:
        super().__init__({}, number)
        self.judge = judge

    def holds(self, attempt: Attempt, finished: bool) -> bool:
        """Whatever the protocol says."""
        if finished and not attempt.data:
            raise CheckFailed("L7RSP", f"TCPCHK got an empty response at step {self.number}")
        return self.judge(attempt, finished)


def needed(pattern: bytes, least: int) -> int:
    """How many bytes a pattern needs at least before a look makes sense."""
    return min(len(pattern), least) if least > 0 else len(pattern)


def contains(pattern: Any, data: bytes) -> bool:
    """Is the pattern, bytes or a regular expression, somewhere in the data?"""
    return pattern in data if isinstance(pattern, bytes) else pattern.search(data) is not None


def text_of(value: Any, attempt: Attempt) -> bytes:
    """Bytes, or what a log-format makes of this check."""
    return value if isinstance(value, bytes) else str(value(attempt)).encode("latin-1", "replace")


def number_of(value: Any) -> int:
    """A sample as a number; 0 for none."""
    if isinstance(value, bytes):
        text = value.decode("latin-1").strip()
        return int(text) if text.lstrip("-").isdigit() else 0
    return int(value) if isinstance(value, int) else 0
