"""Answers pylb makes itself: error messages, `return`, `redirect`, authentication challenges, as a Response and its body."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pylb.wire.headers import Headers, Pair
from pylb.wire.message import Framing, Response
from pylb.wire.replies import error_page, parse_errorfile, reason

if TYPE_CHECKING:
    from pylb.proxy.proxy import Face


Made = tuple["Response | None", bytes]  # a response and its body; no response: close without a word


def make(status: int, headers: Iterable[Pair] = (), body: bytes = b"", first: Iterable[Pair] = ()) -> tuple[Response, bytes]:
    """A response with a length and these headers, some of them before the length."""
    fields = Headers([*first, (b"content-length", b"%d" % len(body)), *headers])
    return Response(status, reason(status), 11, fields, Framing.LENGTH if body else Framing.NONE, len(body)), body


def error_of(stream: Any, status: int) -> Made:
    """The error message for a stream: its backend's, its frontend's (`errorfile`, `http-error`), or HAProxy's own text."""
    faces: tuple[Face | None, ...] = (stream.backend, stream.frontend)
    for face in faces:
        if face is not None and (status in face.error_files or status in face.http_errors):
            return of_face(stream, face, status)
    return error_page(status)


def of_face(stream: Any, face: Face, status: int) -> Made:
    """What a proxy's words say for `status`."""
    if status in face.error_files:
        return from_errorfile(face.error_files[status])
    reply = face.http_errors[status]
    if reply.kind == "default-errorfiles":
        return error_page(status)
    message: Made = reply.make(stream)
    return message


def from_errorfile(data: bytes) -> Made:
    """A message as an `errorfile` holds it."""
    parsed = _parsed(data)
    return (None, b"") if parsed is None else (parsed[0].copy(), parsed[1])


@lru_cache(maxsize=256)
def _parsed(data: bytes) -> tuple[Response, bytes] | None:
    return parse_errorfile(data)
