"""Request targets taken apart and changed: path, query, URL parameters, and the normalizers of `http-request normalize-uri`.

A target is a path, an absolute URI, an authority or an asterisk (RFC 9112 3.2). The path runs from the first slash after the authority to the first
question mark; the query follows that mark. Functions here take and return whole targets or parts of them, always bytes as on the wire: nothing is
decoded but by the normalizers that say so (configuration.txt 4.2 `http-request normalize-uri`, 7.3.6 `path`, `query`, `url_param`; RFC 3986 section 6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pylb.wire.authority import SCHEME

ESCAPE = re.compile(rb"%(?:([0-9A-Fa-f]{2}))?")
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
SLASHES = re.compile(rb"//+")


class InvalidUri(ValueError):
    """A strict normalizer met an invalid escape: HAProxy answers 400."""


class Parts(NamedTuple):
    """A target's parts; `path` is empty for an authority or an asterisk, `query` is None without a question mark."""

    prefix: bytes  # scheme and authority, as they stand before the path
    path: bytes
    query: bytes | None

    def join(self) -> bytes:
        """The target again."""
        whole = self.prefix + self.path
        return whole if self.query is None else whole + b"?" + self.query


def path_start(target: bytes) -> int:
    """Where the path begins; the length of the target when it has none."""
    if target[:1] == b"/":
        return 0
    found = SCHEME.match(target)
    if not found:
        return len(target)
    slash = target.find(b"/", found.end())
    return len(target) if slash < 0 else slash


def split(target: bytes) -> Parts:
    """The parts of a target."""
    start = path_start(target)
    path, mark, query = target[start:].partition(b"?")
    return Parts(target[:start], path, query if mark else None)


def path(target: bytes) -> bytes:
    """The path without the query; empty when there is none (`path`)."""
    if target[:1] == b"/":
        mark = target.find(b"?")
        return target if mark < 0 else target[:mark]
    return split(target).path


def path_and_query(target: bytes) -> bytes:
    """All from the path on (`pathq`)."""
    return target[path_start(target) :]


def query(target: bytes) -> bytes:
    """All behind the first question mark (`query`)."""
    return target.partition(b"?")[2]


def with_path(target: bytes, new: bytes) -> bytes:
    """The target with another path (`set-path`); without one it takes all before the query."""
    parts = split(target)
    if parts.path:
        return parts._replace(path=new).join()
    _, mark, rest = target.partition(b"?")
    return new + mark + rest


def with_path_and_query(target: bytes, new: bytes) -> bytes:
    """The target with all from the path on replaced (`set-pathq`); one without a path is replaced whole."""
    start = path_start(target)
    return target[:start] + new if start < len(target) else new


def with_query(target: bytes, new: bytes) -> bytes:
    """The target with another query (`set-query`); a question mark that is there stays, even before nothing."""
    before, mark, _ = target.partition(b"?")
    return before + b"?" + new if mark or new else target


def url_parameters(text: bytes, delimiter: bytes = b"?") -> Iterator[tuple[bytes, bytes]]:
    """Name and value of each URL parameter; `text` is a target, `delimiter` what opens its parameters (`url_param(name,delim)`).

    Parameters are separated by ``&``, ``;`` and the delimiter itself. One without an equals sign is passed over.
    """
    _, _, text = text.partition(delimiter)
    return body_parameters(text, delimiter)


def body_parameters(text: bytes, delimiter: bytes = b"&") -> Iterator[tuple[bytes, bytes]]:
    """Name and value of each parameter in a form body or in a query without its question mark."""
    if delimiter not in (b"&", b";"):
        text = text.replace(delimiter, b"&")
    for each in text.replace(b";", b"&").split(b"&"):
        name, equals, value = each.partition(b"=")
        if equals:
            yield name, value


def url_parameter(target: bytes, name: bytes, delimiter: bytes = b"?") -> bytes | None:
    """The first value of a URL parameter; None without one."""
    for key, value in url_parameters(target, delimiter):
        if key == name:
            return value
    return None


# ---- normalizers: each takes a target and returns a target


def fragment_encode(target: bytes) -> bytes:
    """``#`` becomes ``%23``."""
    start = path_start(target)
    return target[:start] + target[start:].replace(b"#", b"%23")


def fragment_strip(target: bytes) -> bytes:
    """The fragment goes."""
    start = path_start(target)
    return target[:start] + target[start:].partition(b"#")[0]


def path_merge_slashes(target: bytes) -> bytes:
    """Runs of slashes in the path become one."""
    parts = split(target)
    return parts._replace(path=SLASHES.sub(b"/", parts.path)).join()


def path_strip_dot(target: bytes) -> bytes:
    """Segments that are one dot go (RFC 3986 6.2.2.3)."""
    parts = split(target)
    segments = parts.path.split(b"/")
    kept = [each for each in segments[:-1] if each != b"."] + [b"" if segments[-1] == b"." else segments[-1]]
    return parts._replace(path=b"/".join(kept)).join()


def path_strip_dotdot(target: bytes, full: bool = False) -> bytes:
    """Segments that are two dots go, each with the one before; `full`: those at the beginning go too."""
    parts = split(target)
    if not parts.path:
        return target
    segments = parts.path.split(b"/")[1:]
    kept: list[bytes] = []
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment != b"..":
            kept.append(segment)
            continue
        if kept and kept[-1] != b"..":
            kept.pop()
        elif not full:
            kept.append(segment)
        if last:
            kept.append(b"")
    return parts._replace(path=b"/" + b"/".join(kept)).join()


def percent_decode_unreserved(target: bytes, strict: bool = False) -> bytes:
    """Escapes of unreserved characters become these characters (RFC 3986 6.2.2.2)."""

    def decode(found: re.Match[bytes]) -> bytes:
        if found[1] is None:
            return _bare_percent(strict)
        byte = int(found[1], 16)
        return bytes((byte,)) if byte in UNRESERVED else found[0]

    start = path_start(target)
    return target[:start] + ESCAPE.sub(decode, target[start:])


def percent_to_uppercase(target: bytes, strict: bool = False) -> bytes:
    """Hexadecimal digits of escapes become upper case (RFC 3986 6.2.2.1)."""

    def raise_(found: re.Match[bytes]) -> bytes:
        return _bare_percent(strict) if found[1] is None else found[0].upper()

    start = path_start(target)
    return target[:start] + ESCAPE.sub(raise_, target[start:])


def _bare_percent(strict: bool) -> bytes:
    """A percent sign without two digits."""
    if strict:
        raise InvalidUri
    return b"%"


def query_sort_by_name(target: bytes) -> bytes:
    """Parameters of the query in the order of their names; equal names keep theirs."""
    parts = split(target)
    if parts.query is None:
        return target
    ordered = sorted(parts.query.split(b"&"), key=lambda each: each.partition(b"=")[0])
    return parts._replace(query=b"&".join(ordered)).join()


NORMALIZERS = {
    "fragment-encode": fragment_encode,
    "fragment-strip": fragment_strip,
    "path-merge-slashes": path_merge_slashes,
    "path-strip-dot": path_strip_dot,
    "path-strip-dotdot": path_strip_dotdot,
    "percent-decode-unreserved": percent_decode_unreserved,
    "percent-to-uppercase": percent_to_uppercase,
    "query-sort-by-name": query_sort_by_name,
}
