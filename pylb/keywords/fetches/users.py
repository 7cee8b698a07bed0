"""Authentication against userlists (configuration.txt 7.3.6, `http_auth` and `http_auth_group`)."""

from __future__ import annotations

import hmac
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pylb.keywords.fetches.authentication import basic_credentials
from pylb.sample.arguments import Named
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt


@lru_cache(maxsize=1024)
def encrypted(password: str, stored: str) -> str | None:
    """crypt(3) of a password with the salt of a stored one; slow on purpose, so answers are kept."""
    try:
        return crypt.crypt(password, stored)
    except OSError:
        return None


def right_password(user: Any, password: bytes) -> bool:
    """Is this the user's password?"""
    given = password.decode("utf-8", "surrogateescape")
    if not user.insecure:
        given = encrypted(given, user.password) or ""
    return bool(user.password) and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), user.password.encode("utf-8", "surrogateescape"))


def known_user(stream: Stream, userlist: str) -> Any:
    """The user who authenticated with the right password; None otherwise."""
    credentials = basic_credentials(stream)
    if credentials is None:
        return None
    users = stream.process.config.userlists[userlist].users
    user = users.get(credentials[0].decode("utf-8", "surrogateescape"))
    return user if user is not None and right_password(user, credentials[1]) else None


@fetch("http_auth", type=Type.BOOL, source=Source.REQUEST_HEADERS, args="user list", factory=True, volatile=True)
def http_auth(context: CompileContext, userlist: Named) -> Callable[[Any], bool | None]:
    """Do the credentials belong to a user of the list?"""

    def authenticated(stream: Stream) -> bool | None:
        return None if basic_credentials(stream) is None else known_user(stream, userlist.name) is not None

    return authenticated


def _groups(context: CompileContext, userlist: Named) -> Callable[[Any], list[bytes]]:
    """The user's groups, one after the other."""

    def groups(stream: Stream) -> list[bytes]:
        user = known_user(stream, userlist.name)
        return [group.encode() for group in sorted(user.groups)] if user is not None else []

    return groups


@fetch("http_auth_group", type=Type.STR, source=Source.REQUEST_HEADERS, args="user list", factory=True, each=_groups, volatile=True)
def http_auth_group(context: CompileContext, userlist: Named) -> Callable[[Any], bytes | None]:
    """The name of the authenticated user; ACLs compare the groups."""

    def user_name(stream: Stream) -> bytes | None:
        user = known_user(stream, userlist.name)
        return None if user is None else str(user.name).encode()

    return user_name
