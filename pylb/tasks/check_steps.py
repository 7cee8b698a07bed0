"""What a health check says and expects: by kind of check, a coroutine over a CheckConnection that gives (status, code, text).

HTTP (configuration.txt `option httpchk`, `http-check`): one request, one response; its status or body must be what `expect` says,
by default a status from 200 to 399.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pylb.base.errors import BadMessage
from pylb.config import model
from pylb.tasks.check_connection import CheckConnection, CheckFailed
from pylb.wire.body import reader_for
from pylb.wire.h1 import Limits, read_response
from pylb.wire.message import Response

if TYPE_CHECKING:
    from pylb.proxy.server import Server

Outcome = tuple[str, int, str]
Steps = Callable[[CheckConnection, float], Awaitable[Outcome]]


def steps_for(server: Server) -> Steps:
    """The steps of this server's check."""
    settings = server.backend.settings
    if settings.health_check.kind == "httpchk":
        return HttpCheck(settings).run
    return passed_connect(server.settings.check.tls is not None)


def passed_connect(secure: bool) -> Steps:
    """A check that is content with a connection."""

    async def run(connection: CheckConnection, seconds: float) -> Outcome:
        return ("L6OK" if secure else "L4OK"), 0, ""

    return run


class HttpCheck:
    """`option httpchk` with its `http-check send` and `expect`."""

    def __init__(self, proxy: model.Proxy) -> None:
        check = proxy.health_check
        sends = [step.facts for step in proxy.http_check if step.kind == "send"]
        send = sends[0] if sends else {}
        self.method = send.get("method", check.method)
        self.uri = send.get("uri", check.uri)
        self.version = send.get("version", check.version)
        self.headers = [*check.headers, *send.get("headers", ())]
        self.body = send.get("body", check.body)
        self.expects = [step.facts for step in proxy.http_check if step.kind == "expect"]
        self.disable_on_404 = "disable-on-404" in proxy.http_check_options

    async def run(self, connection: CheckConnection, seconds: float) -> Outcome:
        """Ask, wait, judge."""
        connection.send(self.request())
        response, body = await self.response(connection, seconds)
        return self.judge(response, body)

    def request(self) -> bytes:
        """The bytes of the request, as HAProxy's HTTP/1 multiplexer writes them."""
        uri, body = text_of(self.uri), text_of(self.body)
        lines = [b"%s %s %s\r\n" % (self.method, uri, self.version or b"HTTP/1.0")]
        lines += [b"%s: %s\r\n" % (name.lower(), text_of(value)) for name, value in self.headers if name.lower() not in (b"connection", b"content-length")]
        if body:
            lines.append(b"content-length: %d\r\n" % len(body))
        if self.version == b"HTTP/1.1":
            lines.append(b"connection: close\r\n")
        return b"".join(lines) + b"\r\n" + body

    async def response(self, connection: CheckConnection, seconds: float) -> tuple[Response, bytes]:
        """The head of the final response and as much of its body as `expect` wants to see."""
        clock = connection.process.clock
        ends_at = clock.now() + seconds
        limits = Limits()
        response: Response | None = None
        while True:
            try:
                got = read_response(connection.received, self.method, limits)
            except BadMessage:
                raise CheckFailed("L7RSP", "Invalid HTTP response") from None
            if got is not None:
                response, used = got
                connection.received = connection.received[used:]
                if response.status >= 200:
                    break
                continue
            if not await connection.more(ends_at - clock.now()):
                raise broken(connection)
        if not any(facts["match"] in ("string", "rstring", "string-lf") for facts in self.expects):
            return response, b""
        return response, await self.whole_body(connection, response, ends_at)

    async def whole_body(self, connection: CheckConnection, response: Response, ends_at: float) -> bytes:
        """The body, up to a buffer's size."""
        reader, body = reader_for(response), b""
        while True:
            data, connection.received = connection.received, b""
            payload, finished, _ = reader.feed(data)
            body += payload
            if finished or len(body) >= connection.process.config.global_.bufsize:
                return body
            if not await connection.more(ends_at - connection.process.clock.now()):
                return body

    def judge(self, response: Response, body: bytes) -> Outcome:
        """Does the response please every `expect`?"""
        status, reason = response.status, response.reason.decode("latin-1")
        if self.disable_on_404 and status == 404:
            return "L7OKC", 404, "HTTP status check returned code <404>" if not reason else reason
        for facts in self.expects or [{"match": "status", "pattern": ((200, 399),), "negated": False}]:
            failed = unmet(facts, response, body)
            if failed is not None:
                kind, text = failed
                return facts.get("error_status", kind), status, text or reason
        ok = self.expects[-1].get("ok_status", "L7OK") if self.expects else "L7OK"
        return ok, status, reason


def broken(connection: CheckConnection) -> CheckFailed:
    """The server hung up before it had answered."""
    if connection.received or connection.lost is None or isinstance(connection.lost, ConnectionError):
        return CheckFailed("L7RSP", "")
    return CheckFailed("L7RSP", "")


def text_of(value: Any) -> bytes:
    """Bytes, or what a log-format gives without a stream."""
    return value if isinstance(value, bytes) else str(value(None)).encode("latin-1")


def unmet(facts: dict[str, Any], response: Response, body: bytes) -> tuple[str, str] | None:
    """None when the expectation holds; else the status and the words for the log."""
    match, negated, pattern = facts["match"], facts["negated"], facts.get("pattern")
    if match == "status":
        held, what = any(low <= response.status <= high for low, high in pattern or ()), "HTTP status check"
        if held != negated:
            return None
        return "L7STS", ""
    if match == "rstatus":
        held, what = pattern.search(b"%d" % response.status) is not None, "HTTP status check"  # type: ignore[union-attr]
        return None if held != negated else ("L7STS", "")
    if match in ("hdr", "fhdr"):
        return None if header_held(facts, response) != negated else ("L7STS", "HTTP header check returned a non-matching header" )
    text = pattern if isinstance(pattern, bytes) else None
    held = text in body if text is not None else pattern.search(body) is not None if hasattr(pattern, "search") else text_of(pattern) in body
    if held != negated:
        return None
    what = "HTTP content check did not match" if not negated else "HTTP content check found empty response body" if not body else "HTTP check matched unwanted content"
    return "L7RSP", what


def header_held(facts: dict[str, Any], response: Response) -> bool:
    """Is there a header that `expect hdr` describes?"""
    raise CheckFailed("L7RSP", "'http-check expect hdr' is not implemented yet")
