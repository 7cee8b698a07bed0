"""Fetches of the Authorization header (configuration.txt 7.3.6, `http_auth_*`)."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BadBase64
from typing import TYPE_CHECKING

from pylb.keywords.fetches.message import request_of
from pylb.sample.registry import fetch
from pylb.sample.types import Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

REQUEST = Source.REQUEST_HEADERS


def authorization(stream: Stream, header: bytes = b"authorization") -> tuple[bytes, bytes] | None:
    """Scheme and credentials of the Authorization header."""
    request = request_of(stream)
    value = None if request is None else request.headers.get(header)
    if value is None:
        return None
    scheme, blank, rest = value.partition(b" ")
    return (scheme, rest.strip()) if blank else None


def basic_credentials(stream: Stream) -> tuple[bytes, bytes] | None:
    """User and password of basic authentication."""
    found = authorization(stream)
    if found is None or found[0].lower() != b"basic":
        return None
    try:
        user, colon, password = b64decode(found[1], validate=True).partition(b":")
    except BadBase64:
        return None
    return (user, password) if colon else None


@fetch("http_auth_type", type=Type.STR, source=REQUEST, volatile=True)
def authentication_type(stream: Stream) -> bytes | None:
    """The scheme: ``Basic`` or ``Bearer``."""
    found = authorization(stream)
    return None if found is None else {b"basic": b"Basic", b"bearer": b"Bearer"}.get(found[0].lower())


@fetch("http_auth_user", type=Type.STR, source=REQUEST, volatile=True)
def authentication_user(stream: Stream) -> bytes | None:
    """The user of basic authentication."""
    found = basic_credentials(stream)
    return None if found is None else found[0]


@fetch("http_auth_pass", type=Type.STR, source=REQUEST, volatile=True)
def authentication_password(stream: Stream) -> bytes | None:
    """The password of basic authentication."""
    found = basic_credentials(stream)
    return None if found is None else found[1]


@fetch("http_auth_bearer", type=Type.STR, source=REQUEST, args="[string]", volatile=True)
def authentication_bearer(stream: Stream, header: str | None = None) -> bytes | None:
    """The token of bearer authentication, of the Authorization header or another one."""
    found = authorization(stream, header.lower().encode("latin-1") if header else b"authorization")
    return found[1] if found is not None and found[0].lower() == b"bearer" else None
