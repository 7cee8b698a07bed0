"""Cookies as HAProxy finds them in `Cookie` and `Set-Cookie` fields (RFC 6265 sections 4 and 5, with its older laxities).

Names are matched by case; blanks around names and values do not count; a value in double quotes is one value, kept with its quotes, whatever is
in it; semicolons and commas separate. A name without an equals sign is no cookie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pylb.wire.headers import BLANKS, Headers

PAIR = re.compile(
    rb"[ \t]*([^=;,]*?)[ \t]*"  # the name
    rb"(?:=[ \t]*((?:\"(?:\\.|[^\"\\])*(?:\"|\\?\Z)|[^;,\"])*))?"  # the value: quoted strings and anything but separators
    rb"([;,]|\Z)",
    re.DOTALL,
)


class Cookie(NamedTuple):
    """One cookie of a field: what it says, and where it stands (for rewriting in place)."""

    name: bytes
    value: bytes
    start: int  # of the name
    value_start: int
    value_end: int
    end: int  # of the separator that follows, or of the field


def cookies(text: bytes) -> Iterator[Cookie]:
    """The cookies of one `Cookie` field, in order. Names that begin with a dollar are attributes (RFC 2965)."""
    for cookie, _ in _pairs(text):
        if cookie is not None and cookie.name[:1] != b"$":
            yield cookie


def set_cookies(text: bytes) -> Iterator[Cookie]:
    """The cookie of a `Set-Cookie` field, or cookies where commas fold several into one field; attributes are passed over."""
    named = False
    for cookie, separator in _pairs(text):
        if cookie is not None and not named:
            yield cookie
            named = True
        if separator == b",":
            named = False


def _pairs(text: bytes) -> Iterator[tuple[Cookie | None, bytes]]:
    """What stands between separators, and the separator behind it; None for what has no equals sign."""
    at = 0
    while at < len(text):
        found = PAIR.match(text, at)
        if found is None:
            return
        yield _cookie(found), found[3]
        at = found.end()


def _cookie(found: re.Match[bytes]) -> Cookie | None:
    if found[2] is None:
        return None
    value = found[2].rstrip(BLANKS)
    return Cookie(found[1], value, found.start(1), found.start(2), found.start(2) + len(value), found.start(3))


def _called(found: Iterator[Cookie], name: bytes, text: bytes) -> Iterator[bytes]:
    """The values of the cookies called `name`; HAProxy does not see one whose empty value ends the field."""
    for cookie in found:
        if cookie.name == name and cookie.value_start < len(text):
            yield cookie.value


def request_cookies(headers: Headers, name: bytes | None = None) -> Iterator[bytes]:
    """Values of the cookies called `name` (or of all) in a request (`req.cook`; it takes the last, or the first without a name)."""
    for key, text in headers:
        if key != b"cookie":
            continue
        if name is None:
            yield from (cookie.value for cookie in cookies(text))
        elif name in text:
            yield from _called(cookies(text), name, text)


def response_cookies(headers: Headers, name: bytes | None = None) -> Iterator[bytes]:
    """Values of the cookies called `name` that a response sets (`res.cook`); without a name attributes are seen too."""
    for key, text in headers:
        if key != b"set-cookie":
            continue
        if name is None:
            yield from (cookie.value for cookie, _ in _pairs(text) if cookie is not None)
        elif name in text:
            yield from _called(set_cookies(text), name, text)


def capture(headers: Headers, prefix: bytes, exact: bool, response: bool = False) -> bytes | None:
    """The first cookie whose name begins with `prefix` (is it, when `exact`), as ``name=value`` (`capture cookie`)."""
    fields, scan = ((b"set-cookie", b"set-cookie2"), set_cookies) if response else ((b"cookie",), cookies)
    for key, text in headers:
        if key not in fields or prefix not in text:
            continue
        for cookie in scan(text):
            if cookie.name == prefix or (not exact and cookie.name.startswith(prefix)):
                return text[cookie.start : cookie.value_end]
    return None
