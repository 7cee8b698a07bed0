"""The authority of a request's target, and what HAProxy makes of it beside the host field.

Both must name the same host, ignoring case, user information and default ports; then default ports vanish from both, so that rules see one spelling
(RFC 9110 4.2.3 and 7.1, RFC 9112 3.2).
"""

from __future__ import annotations

import re

SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*)://")
DEFAULT_PORTS = {b"http": (b"80",), b"https": (b"443",)}
CONNECT_PORTS = (b"80", b"443")


def split_target(target: bytes) -> tuple[bytes | None, int, int]:
    """Scheme (None without one) and the bounds of the authority in a target that is not a path; the authority ends at the first slash."""
    found = SCHEME.match(target)
    start = found.end() if found else 0
    slash = target.find(b"/", start)
    return (found[1] if found else None), start, (len(target) if slash < 0 else slash)


def split_port(host: bytes) -> tuple[bytes, bytes | None]:
    """Host and port; the port is None without a colon, or when what follows it is no number (as in ``[::1]``)."""
    name, colon, port = host.rpartition(b":")
    if not colon or (port and not port.isdigit()):
        return host, None
    return name, port


def check_connect(target: bytes) -> bool:
    """CONNECT wants a host with a port (RFC 9110 9.3.6)."""
    _, start, end = split_target(target)
    return bool(split_port(target[start:end])[1])


def without_default(host: bytes, defaults: tuple[bytes, ...]) -> bytes:
    """`host` less a port that is empty or a default one."""
    name, port = split_port(host)
    return name if port is not None and (not port or port in defaults) else host


def settle_authority(method: bytes, target: bytes, host: bytes | None) -> tuple[bytes, bytes | None] | None:
    """The target and the host field as HAProxy goes on with them; None when they contradict each other."""
    scheme, start, end = split_target(target)
    start += target[start:end].rfind(b"@") + 1
    authority = target[start:end]
    if not authority:
        return target, host
    if method == b"CONNECT":
        return _settle_connect(target, authority, host)
    defaults = DEFAULT_PORTS.get(scheme.lower(), ()) if scheme else ()
    short = without_default(authority, defaults) if scheme else authority
    if host is not None and host.lower() != authority.lower() and (not scheme or without_default(host, defaults).lower() != short.lower()):
        return None
    if short == authority:
        return target, host
    return target[:start] + short + target[end:], host if host is None else short


def _settle_connect(target: bytes, authority: bytes, host: bytes | None) -> tuple[bytes, bytes | None] | None:
    """CONNECT: the target stays, the host field loses a default port."""
    short = without_default(authority, CONNECT_PORTS)
    if host is None or (host.lower() == authority.lower() and short == authority):
        return target, host
    if host.lower() == authority.lower():
        return target, split_port(host)[0]
    return (target, host) if short.lower() == host.lower() else None
