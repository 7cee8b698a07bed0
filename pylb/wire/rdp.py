r"""Remote desktop: the cookie in a client's connection request (MS-RDPBCGR 2.2.1.1).

A TPKT header (3, 0, length) and an X.224 header are followed by ``Cookie: <name>=<value>\r\n``. A server in token redirection mode
puts itself in: ``msts=<address>.<port>.0000``, both numbers as a little-endian machine reads them from the wire.
"""

from __future__ import annotations

import socket
import struct

PREFIX = b"cookie:"
AT = 11  # where the cookie stands
MOST_ADDRESS, MOST_PORT = 0xFFFFFFFF, 0xFFFF


class Incomplete(Exception):
    """The request has not arrived as a whole."""


def rdp_cookie(data: bytes, name: bytes = b"") -> bytes | None:
    """The value of the cookie of that name, or of any. Raises Incomplete while more bytes could bring one."""
    if len(data) < AT:
        raise Incomplete
    if data[0] != 3:
        return None
    total = int.from_bytes(data[2:4], "big")
    if len(data) < total:
        raise Incomplete
    line, end, _ = data[AT:total].partition(b"\r\n")
    if not end or line[: len(PREFIX)].lower() != PREFIX:
        return None
    known, equal, value = line[len(PREFIX) :].lstrip(b" ").partition(b"=")
    return value if equal and (not name or known.lower() == name.lower()) else None


def server_of(value: bytes) -> tuple[str, int] | None:
    """The address and port that a token names."""
    address, _, rest = value.partition(b".")
    port, dot, _ = rest.partition(b".")
    if not (dot and address.isdigit() and port.isdigit()) or int(address) > MOST_ADDRESS or int(port) > MOST_PORT:
        return None
    return socket.inet_ntoa(struct.pack("<I", int(address))), socket.htons(int(port))
