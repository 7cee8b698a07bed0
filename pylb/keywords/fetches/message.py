"""What the HTTP fetches share: the request or response at hand, arguments that name headers, bodies as bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert, BadMessage
from pylb.sample.context import CompileContext
from pylb.sample.types import Phase
from pylb.wire.h1 import Limits, read_request
from pylb.wire.message import Request, Response

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

Message = Request | Response
Find = Callable[[Any], "Message | None"]
OLDEST_OCCURRENCE = -10
LIMITS = Limits()


def request_of(stream: Stream) -> Request | None:
    """The request; in a TCP stream, what has arrived is read as one if it can be."""
    request: Request | None = getattr(stream, "request", None)
    return request if request is not None else early_request(stream)


def early_request(stream: Stream) -> Request | None:
    """The request at the beginning of a TCP stream's bytes; marks the stream unsure while more are needed."""
    data = received(stream)
    try:
        found = read_request(data, LIMITS)
    except BadMessage:
        return None
    if found is None:
        stream.unsure = True
        return None
    return found[0]


def response_of(stream: Stream) -> Response | None:
    """The response, once there is one."""
    response: Response | None = getattr(stream, "response", None)
    return response


def finder(context: CompileContext) -> Find:
    """For fetches that mean the message the rule set is about."""
    return response_of if context.phase == Phase.RESPONSE else request_of


def received(stream: Stream) -> bytes:
    """What has arrived from the client and was not forwarded yet."""
    return _joined(getattr(stream, "inbox_request", None))


def answered(stream: Stream) -> bytes:
    """What has arrived from the server and was not forwarded yet."""
    return _joined(getattr(stream, "inbox_response", None))


def _joined(pieces: Any) -> bytes:
    if not pieces:
        return b""
    return bytes(pieces) if isinstance(pieces, bytes | bytearray) else b"".join(pieces)


def header_name(text: str | None) -> bytes | None:
    """A header's name as headers hold it; None for any header."""
    return text.lower().encode("latin-1") if text else None


def check_occurrence(occurrence: int | None) -> int:
    """Which occurrence; 0: not said."""
    if occurrence is not None and occurrence < OLDEST_OCCURRENCE:
        raise Alert(f"header occurrence must be >= {OLDEST_OCCURRENCE}")
    return occurrence or 0


def pick(values: list[bytes], occurrence: int) -> bytes | None:
    """One of many: from the beginning when positive, from the end when negative; the last when not said."""
    if occurrence == 0:
        return values[-1] if values else None
    try:
        return values[occurrence - 1 if occurrence > 0 else occurrence]
    except IndexError:
        return None
