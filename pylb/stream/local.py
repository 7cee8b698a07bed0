"""Answers pylb makes itself: error messages, `return`, `redirect`, authentication challenges, as a Response and its body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pylb.stream.verdict import Stop
from pylb.wire.headers import Headers, Pair
from pylb.wire.message import Framing, Response
from pylb.wire.replies import error_page, parse_errorfile, reason

if TYPE_CHECKING:
    from pylb.proxy.proxy import Face


def make(status: int, headers: Iterable[Pair] = (), body: bytes = b"") -> tuple[Response, bytes]:
    """A response with a length and these headers."""
    fields = Headers([(b"content-length", b"%d" % len(body)), *headers])
    return Response(status, reason(status), 11, fields, Framing.LENGTH if body else Framing.NONE, len(body)), body


def error(status: int, *faces: Face | None) -> tuple[Response, bytes]:
    """The error message for `status`: the errorfile of the first proxy that has one, or HAProxy's own text."""
    for face in faces:
        if face is not None and status in face.error_files:
            return from_errorfile(face.error_files[status])
    return error_page(status)


def from_errorfile(data: bytes) -> tuple[Response, bytes]:
    """A message as an `errorfile` holds it; an empty file means: close without a word."""
    parsed = parse_errorfile(data)
    if parsed is None:
        raise Stop("L", "", 0)
    return parsed


def error_of(stream: Any, status: int) -> tuple[Response, bytes]:
    """The error message for a stream: its backend's, its frontend's, or the default."""
    return error(status, stream.backend, stream.frontend)
