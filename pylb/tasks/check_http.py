"""HTTP health checks: the request, the response, and what `http-check expect` wants of it (configuration.txt 4.2).

The request is written as HAProxy's HTTP/1 multiplexer writes one: names in lower case, a content-length for a body, `connection: close` at the
end of an HTTP/1.1 head. The first response head decides, an interim one too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pylb.base.errors import BadMessage
from pylb.proxy.states import State
from pylb.proxy.weights import FULL
from pylb.tasks.check_connection import CheckFailed
from pylb.tasks.check_rules import ExpectRule, Facts, SendRule, contains, needed, text_of
from pylb.wire.body import BodyReader, reader_for
from pylb.wire.h1 import Limits, outgoing_request_head, read_response
from pylb.wire.headers import Headers
from pylb.wire.message import Request

if TYPE_CHECKING:
    from pylb.proxy.server import Server
    from pylb.tasks.check_attempt import Attempt

VERSION = re.compile(rb"HTTP/(\d)\.(\d)")
AUTHORITY = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)")
NO_BODY = "HTTP content check could not find a response body"
DEFAULT_EXPECT: Facts = {"match": "status", "pattern": ((200, 399),), "negated": False}
BODY_MATCHES = ("string", "rstring", "string-lf")
OURS = (b"content-length", b"transfer-encoding")  # fields that only the check itself writes


class HttpSend(SendRule):
    """`http-check send`, upon what `option httpchk` says."""

    def __init__(self, facts: Facts, number: int, comment: str, send_state: bool) -> None:
        super().__init__(facts, number, comment)
        self.send_state = send_state

    async def run(self, attempt: Attempt) -> None:
        """Send the request; its response has nothing to do with an earlier one."""
        attempt.response, attempt.body, attempt.response_complete = None, b"", False
        attempt.reader = None
        attempt.request = self.request(attempt)
        attempt.connection.send(self.text(attempt))

    def text(self, attempt: Attempt) -> bytes:
        """The request's bytes."""
        request: Request = attempt.request
        close = b"keep-alive" not in (request.headers.get(b"connection") or b"").lower()
        return outgoing_request_head(request, close) + text_of(self.facts["body"], attempt)

    def request(self, attempt: Attempt) -> Request:
        """The request with all its fields."""
        facts = self.facts
        target, body = text_of(facts["uri"], attempt), text_of(facts["body"], attempt)
        fields = [(name.lower(), text_of(value, attempt)) for name, value in facts["headers"]]
        headers = Headers(field for field in fields if field[1] and field[0] not in OURS)
        host = headers.get(b"host")
        if host is not None:
            target = AUTHORITY.sub(lambda found: found[1] + host, target, count=1)
        if self.send_state:
            headers.append((b"x-haproxy-server-state", state_of(attempt.server).encode("latin-1", "replace")))
        if body:
            headers.append((b"content-length", b"%d" % len(body)))
        found = VERSION.match(facts["version"])
        return Request(facts["method"], target, 10 * int(found[1]) + int(found[2]) if found else 10, headers)


def state_of(server: Server) -> str:
    """The value of x-haproxy-server-state."""
    check, backend = server.check, server.backend
    address, port = (server.address.host, str(server.address.port)) if server.address.is_ip else ("unix", "")
    weight, total = -(-server.eweight // FULL), -(-backend.balancer.total_weight // FULL)
    return (
        f"{health_of(server, check)}; address={address}; port={port}; name={backend.name}/{server.name}; node={backend.process.node};"
        f" weight={weight}/{total}; scur={server.counters.scur}/{backend.counters.scur}; qcur={len(server.queue)}"
    )


def health_of(server: Server, check: Any) -> str:
    """`UP`, `UP 2/3`, `DOWN 1/2`, `NOLB`."""
    if server.state is State.STOPPED:
        return f"DOWN {check.health}/{check.rise}" if check.health else "DOWN"
    word = "NOLB" if server.state is State.STOPPING else "UP"
    return word if check.health >= check.rise + check.fall - 1 else f"{word} {check.health - check.rise + 1}/{check.fall}"


class HttpExpect(ExpectRule):
    """`http-check expect`."""

    default_error = "L7STS"
    name = ""

    def __init__(self, facts: Facts, number: int = 0, comment: str = "", disable_on_404: bool = False) -> None:
        super().__init__(facts, number, comment)
        self.disable_on_404 = disable_on_404
        self.wants_body = facts["match"] in BODY_MATCHES
        if self.wants_body:
            self.default_error = "L7RSP"

    def holds(self, attempt: Attempt, finished: bool) -> bool:
        """Look at the head, then where wanted at the body."""
        if attempt.response is None and not read_head(attempt):
            if finished:
                raise CheckFailed("L7RSP")
            return False
        response = attempt.response
        assert response is not None
        if self.disable_on_404 and response.status == 404 and attempt.server.state is not State.STOPPED:
            raise CheckFailed("L7OKC", "", 404)
        if self.wants_body:
            return self.holds_body(attempt, read_body(attempt) or finished)
        if self.met(attempt) != self.facts.get("negated", False):
            return True
        raise self.failed(attempt, response.reason.decode("latin-1"))

    def met(self, attempt: Attempt) -> bool:
        """Is the head as described, `!` left aside?"""
        response, match, pattern = attempt.response, self.facts["match"], self.facts.get("pattern")
        assert response is not None
        if match == "status":
            return any(low <= response.status <= high for low, high in pattern or ())
        if match == "rstatus":
            return contains(pattern, b"%d" % response.status)
        return any(self.met_by(attempt, name, value) for name, value in response.headers)

    def met_by(self, attempt: Attempt, name: bytes, value: bytes) -> bool:
        """Is this the header that is described?"""
        facts = self.facts
        if not compare(facts["name_match"], settled(facts["name"], attempt), name, fold=True):
            return False
        if "value" not in facts:
            return True
        wanted = settled(facts["value"], attempt)
        values = split_list(value) if facts["match"] == "hdr" else [value]
        return any(compare(facts["value_match"], wanted, one) for one in values)

    def holds_body(self, attempt: Attempt, finished: bool) -> bool:
        """Does the pattern match the body as far as it has come?"""
        body, least = attempt.body, self.facts.get("min_recv", -1)
        if finished and not body:
            raise CheckFailed(self.facts.get("error_status", self.default_error), NO_BODY + self.remark(), self.code(attempt))
        pattern = settled(self.facts["pattern"], attempt)
        if not finished and len(body) < (needed(pattern, least) if isinstance(pattern, bytes) else max(least, 1)):
            return False
        found = contains(pattern, body)
        if not found and not finished and least < 0:
            return False
        if found != self.facts.get("negated", False):
            return True
        raise self.failed(attempt, "HTTP check matched unwanted content" if found else "HTTP content check did not match")

    def passed(self, attempt: Attempt, title: str) -> tuple[str, int, str]:
        """Only `on-success` has words for a passed check."""
        return super().passed(attempt, "")


def settled(pattern: Any, attempt: Attempt) -> Any:
    """Bytes or a regular expression; log-formats become bytes."""
    return pattern if isinstance(pattern, bytes | re.Pattern) else text_of(pattern, attempt)


def compare(method: str, wanted: Any, text: bytes, fold: bool = False) -> bool:
    """`-m str|beg|end|sub|reg`."""
    if method == "reg":
        return wanted.search(text) is not None
    if fold:
        wanted, text = wanted.lower(), text.lower()
    return bool({"str": wanted == text, "beg": text.startswith(wanted), "end": text.endswith(wanted), "sub": wanted in text}[method])


def split_list(value: bytes) -> list[bytes]:
    """The elements of a comma separated value; commas in quotes do not separate."""
    parts = re.findall(rb'(?:"(?:\\.|[^"\\])*"?|[^",])+', value)
    return [part.strip(b" \t") for part in parts]


def read_head(attempt: Attempt) -> bool:
    """Read the response's head; False while it is not complete."""
    connection, settings = attempt.connection, attempt.process.config.global_
    limits = Limits(settings.bufsize, settings.maxrewrite, settings.max_headers, True)
    try:
        got = read_response(bytes(connection.received), attempt.request.method, limits)
    except BadMessage:
        raise CheckFailed("L7RSP") from None
    if got is None:
        return False
    attempt.response, used = got
    del connection.received[:used]
    return True


def read_body(attempt: Attempt) -> bool:
    """Read what has come of the body; True when no more of it will be looked at."""
    connection, settings = attempt.connection, attempt.process.config.global_
    response = attempt.response
    assert response is not None
    reader: BodyReader | None = attempt.reader
    if reader is None:
        reader = attempt.reader = reader_for(response)
    data = bytes(connection.received)
    connection.received.clear()
    try:
        payload, finished, _ = reader.feed(data)
    except BadMessage:
        raise CheckFailed("L7RSP") from None
    attempt.body += payload
    most = settings.bufsize - settings.maxrewrite - response.head_size
    if len(attempt.body) >= most:
        attempt.body, finished = attempt.body[:most], True
    attempt.response_complete = attempt.response_complete or finished
    return attempt.response_complete


