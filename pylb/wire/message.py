"""Requests and responses as the rest of pylb sees them: start line, headers, and how the body is delimited.

A message is what HAProxy calls an HTX start line with its headers: the wire's accidents (folding, case of names, blanks) are gone, the framing
fields have been understood, and a rule may change every attribute. Codecs make messages (`h1.read_request`) and turn them into bytes.

Invariants: `target` and `method` are as received until a rule changes them; `headers` never holds more than one content-length, and never a
content-length beside a transfer-encoding; `length` means something only when `framing` is LENGTH (or for the answer to a HEAD request).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pylb.wire.headers import Headers

if TYPE_CHECKING:
    from pylb.wire.h1 import Known
    from pylb.wire.h1_state import Oddity


class Framing(IntEnum):
    """How the end of a body is found (RFC 9112 section 6)."""

    NONE = 0  # no body
    LENGTH = 1  # content-length bytes
    CHUNKED = 2  # chunks until an empty one
    CLOSE = 3  # until the peer closes
    TUNNEL = 4  # no message any more: bytes both ways


class Request:
    """A request's start line, headers and framing."""

    __slots__ = (
        "method",  # as sent, case kept
        "target",  # the URI as received or rewritten; an absolute one stays absolute
        "version",  # 10 or 11; another X.Y is major * 10 + minor
        "headers",
        "framing",
        "length",  # announced body length; 0 when there is none
        "keep_alive",  # the client lets the connection live on
        "upgrade",  # protocol asked for by `connection: upgrade`
        "expect_continue",  # the client waits for a 100 before it sends its body
        "head_size",  # bytes of the head on the wire, empty line included
        "known",  # the block of fields it came with, when the reader knew that already
        "odd",  # why it is captured though it was accepted
    )

    def __init__(
        self,
        method: bytes,
        target: bytes,
        version: int = 11,
        headers: Headers | None = None,
        framing: Framing = Framing.NONE,
        length: int = 0,
        keep_alive: bool = True,
        upgrade: bytes | None = None,
        expect_continue: bool = False,
        head_size: int = 0,
        known: Known | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = Headers() if headers is None else headers
        self.framing = framing
        self.length = length
        self.keep_alive = keep_alive
        self.upgrade = upgrade
        self.expect_continue = expect_continue
        self.head_size = head_size
        self.known = known
        self.odd: Oddity | None = None

    def __repr__(self) -> str:
        return f"Request({self.line().decode('latin-1')!r} {len(self.headers)} headers, {self.framing.name})"

    def line(self) -> bytes:
        """The start line, as logs and error captures show it."""
        if self.version == 11:
            return b"%s %s HTTP/1.1" % (self.method, self.target)
        return b"%s %s HTTP/%d.%d" % (self.method, self.target, *divmod(self.version, 10))

    def copy(self) -> Request:
        """A request that can be rewritten without touching this one (layer-7 retries)."""
        return Request(
            self.method, self.target, self.version, self.headers.copy(), self.framing, self.length,
            self.keep_alive, self.upgrade, self.expect_continue, self.head_size,
        )  # fmt: skip


class Response:
    """A response's status line, headers and framing."""

    __slots__ = (
        "status",
        "reason",
        "version",  # 10 or 11; another X.Y is major * 10 + minor
        "headers",
        "framing",
        "length",  # announced body length; for HEAD and 304, what it would have been
        "keep_alive",  # the server lets the connection live on
        "upgrade",  # protocol switched to by a 101
        "head_size",  # bytes of the head on the wire, empty line included
        "known",  # the block of fields it came with, when the reader knew that already
        "odd",  # why it is captured though it was accepted
        "written",  # the status as it came, where that is not three digits
    )

    def __init__(
        self,
        status: int,
        reason: bytes,
        version: int = 11,
        headers: Headers | None = None,
        framing: Framing = Framing.NONE,
        length: int = 0,
        keep_alive: bool = True,
        upgrade: bytes | None = None,
        head_size: int = 0,
        known: Known | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = Headers() if headers is None else headers
        self.framing = framing
        self.length = length
        self.keep_alive = keep_alive
        self.upgrade = upgrade
        self.head_size = head_size
        self.known = known
        self.odd: Oddity | None = None
        self.written = b""

    def __repr__(self) -> str:
        return f"Response({self.line().decode('latin-1')!r} {len(self.headers)} headers, {self.framing.name})"

    def line(self) -> bytes:
        """The status line."""
        return b"HTTP/%d.%d %s %s" % (*divmod(self.version, 10), self.code(), self.reason)

    def code(self) -> bytes:
        """The status as it is written."""
        return self.written or b"%03d" % self.status

    def set_status(self, status: int, reason: bytes) -> None:
        """Another status line."""
        self.status, self.reason, self.written = status, reason, b""

    def copy(self) -> Response:
        """A response that can be rewritten without touching this one."""
        return Response(
            self.status, self.reason, self.version, self.headers.copy(), self.framing, self.length,
            self.keep_alive, self.upgrade, self.head_size,
        )  # fmt: skip


Message = Request | Response
