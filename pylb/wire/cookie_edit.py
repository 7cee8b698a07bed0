"""Changing cookies inside `Cookie` and `Set-Cookie` fields as HAProxy does it: one is given another value or taken out, the others stay as they are.

What is taken out leaves exactly one separator between its neighbours; blanks around the equals sign of any cookie go. In a request,
attributes (names that begin with a dollar) go with the cookie before them; a field of which no cookie is left goes whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pylb.wire.cookies import PAIR
from pylb.wire.headers import BLANKS, Headers

SET_COOKIE = re.compile(rb"([ \t]*)([^=;]*?)[ \t]*=[ \t]*((?:\"(?:\\.|[^\"\\])*(?:\"|\\?\Z)|[^;,\"])*)", re.DOTALL)
Edit = Callable[[bytes], "bytes | None"]  # the value as it is -> as it shall be; None: take the cookie out


class Part(NamedTuple):
    """What stands between two separators."""

    text: bytes
    name: bytes
    value: bytes | None  # None: there is no equals sign
    separator: bytes  # before it


def edit_cookies(headers: Headers, name: bytes, edit: Edit) -> None:
    """Apply `edit` to each cookie called `name` of a request."""
    _edit(headers, (b"cookie",), lambda text: edit_request(text, name, edit))


def edit_set_cookies(headers: Headers, name: bytes, edit: Edit) -> None:
    """Apply `edit` to each cookie called `name` that a response sets."""
    _edit(headers, (b"set-cookie", b"set-cookie2"), lambda text: edit_response(text, name, edit))


def _edit(headers: Headers, names: tuple[bytes, ...], change: Callable[[bytes], bytes | None]) -> None:
    fields = [(key, change(text) if key in names else text) for key, text in headers]
    headers[:] = [(key, text) for key, text in fields if text is not None]


def edit_request(text: bytes, name: bytes, edit: Edit) -> bytes | None:
    """A `Cookie` field after `edit`; None: it goes."""
    kept, joined = False, Joined()
    for part in _parts(text):
        if part.name[:1] == b"$":
            if not joined.gap:
                joined.add(part, part.text)
            continue
        new = _new(part, name, edit)
        if new is None:
            joined.gap = True
        else:
            joined.add(part, new)
            kept = True
    if not joined.changed:
        return joined.text
    return (joined.text or None) if kept else None


def edit_response(text: bytes, name: bytes, edit: Edit) -> bytes | None:
    """A `Set-Cookie` field after `edit`; None: it goes. It holds one cookie, whatever commas say."""
    found = SET_COOKIE.match(text)
    if found is None:
        return text
    value = found[3].rstrip(BLANKS)
    behind = text[found.start(3) + len(value) :]
    if found[2] != name:
        return found[1] + found[2] + b"=" + value + behind
    new = edit(value)
    return None if new is None else found[1] + found[2] + b"=" + new + behind


class Joined:
    """Parts put together again; a gap is where something was taken out."""

    def __init__(self) -> None:
        self.text = b""
        self.gap = self.changed = False

    def add(self, part: Part, text: bytes) -> None:
        if not self.gap:
            self.text += part.separator + text
            return
        text = text.lstrip(BLANKS)
        self.text = self.text.rstrip(BLANKS) + part.separator + b" " + text if self.text else text
        self.gap = False

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "gap" and value:
            self.changed = True


def _new(part: Part, name: bytes, edit: Edit) -> bytes | None:
    """How a cookie leaves: without blanks at the equals sign, with a new value if it is the one; None: not at all."""
    if part.value is None:
        return part.text
    value: bytes | None = part.value
    before, equals, rest = part.text.partition(b"=")
    after = rest.lstrip(BLANKS)
    if part.name == name:
        value = edit(part.value)
        if value is None:
            return None
    assert value is not None
    if part.name:
        before = before.rstrip(BLANKS)
    return before + equals + value + after[len(part.value) :]


def _parts(text: bytes) -> Iterator[Part]:
    at, separator = 0, b""
    while True:
        found = PAIR.match(text, at)
        if found is None:
            return
        value = found[2].rstrip(BLANKS) if found[2] is not None else None
        yield Part(text[at : found.start(3)], found[1], value, separator)
        separator, at = found[3], found.end()
        if not separator:
            return
