"""One health check under way: a rule set walked from its first rule to its verdict.

An Attempt is also what expressions and log-formats of check rules see in place of a stream: it is its own session, has a backend and a
server but no client, and shows what the server answered where fetches look for a response.

Time: every connection has `inter` (at most `timeout connect`, where `timeout check` is set) to come up; once it has, `timeout check`, where
set, is what it lives for. A `timeout check` shorter than what connecting may take never ends a check before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.timers import NEVER
from pylb.proxy.health import Result
from pylb.tasks.check_connection import CheckBroken, CheckConnection, CheckFailed

if TYPE_CHECKING:
    from pylb.proxy.server import Server
    from pylb.sample.types import Value
    from pylb.tasks.check_rules import RuleSet
    from pylb.wire.body import BodyReader
    from pylb.wire.message import Response

LONGEST_TEXT = 127  # bytes of a result's information


class Attempt:
    """The state of one check, and its stand-in for a stream."""

    def __init__(self, server: Server, rules: RuleSet, inter: float) -> None:
        self.server, self.backend, self.rules = server, server.backend, rules
        self.process = server.backend.process
        self.frontend: Any = None
        self.session = self
        self.source = self.destination = ("", 0)
        self.tls: Any = None
        self.variables: dict[str, Value] = {}
        self.check_variables: dict[str, Value] = {}
        self.request: Any = None
        self.response: Response | None = None
        self.inbox_request = b""
        self.response_complete = self.request_complete = self.unsure = False
        self.body = b""
        self.reader: BodyReader | None = None  # of the response's body
        self.connection = CheckConnection(self.process)
        self.looked_at = 0  # bytes of what was received that an expectation has seen
        self.linger = False
        self.inter = inter
        self.ends_at = NEVER
        self.noted: Result | None = None  # a result that counts by itself, before the verdict

    def __getattr__(self, name: str) -> None:
        """Whatever else streams have is not there."""
        if name.startswith("__"):
            raise AttributeError(name)

    @property
    def inbox_response(self) -> bytes:
        """What the server sent and no rule has put aside."""
        return self.body if self.response is not None else bytes(self.connection.received)

    @property
    def data(self) -> bytes:
        return bytes(self.connection.received)

    @property
    def finished(self) -> bool:
        """Has everything arrived that may count?"""
        connection = self.connection
        return (connection.at_eof and not connection.error) or len(connection.received) >= self.process.config.global_.bufsize

    def renew(self) -> None:
        """A further connection begins: nothing is left of the one before."""
        self.connection = CheckConnection(self.process)
        self.response, self.reader, self.body, self.response_complete, self.looked_at = None, None, b"", False, 0

    def begin_connecting(self) -> None:
        """The time for a connection begins."""
        backend = self.backend
        longest = min(self.inter, backend.timeout_connect) if backend.timeout_check != NEVER else self.inter
        self.ends_at = self.process.clock.now() + longest
        if self.rules.speaks_http:
            self.connection.count_on(backend.counters)

    def connected(self) -> None:
        """The connection is up, `timeout check` begins; the pool hears of it."""
        self.server.pool.note_use(1)
        if self.backend.timeout_check != NEVER:
            self.ends_at = max(self.ends_at, self.process.clock.now() + self.backend.timeout_check)

    async def more(self) -> bool:
        """Wait for more from the server; False when the time is up, CheckBroken when the connection broke."""
        connection = self.connection
        if connection.error:
            raise CheckBroken("SOCKERR", connection.error)
        if self.finished:
            return await connection.wait(lambda: bool(connection.error), self.ends_at)
        return await connection.more(self.ends_at)

    async def run(self) -> Result:
        """Walk the rules."""
        clock = self.process.clock
        began = clock.now()
        try:
            for rule in self.rules.rules:
                try:
                    await rule.run(self)
                except CheckBroken as broken:
                    broken.text += self.rules.where(rule)
                    raise
            status, code, text = self.rules.passed(self)
        except CheckFailed as failed:
            status, code, text = failed.status, failed.code, failed.text
        finally:
            self.connection.close(linger=self.linger)
        return Result(status, code, int((clock.now() - began) * 1000), text.encode("latin-1", "replace")[:LONGEST_TEXT].decode("latin-1"))
