"""The PROXY protocol, versions 1 and 2, in and out (proxy-protocol.txt).

A header tells who the client really is. Reading is incremental: None means that more bytes are needed. A header of the sender
itself (`UNKNOWN`, `LOCAL`) has no addresses: the connection's own stay.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from pylb.base.errors import BadMessage

HostPort = tuple[str, int]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_V1 = 107
V1 = re.compile(rb"PROXY (?:TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]{1,5}) ([0-9]{1,5})|UNKNOWN[^\r\n]*)\r\n")

NOT_A_HEADER = "Received something which does not look like a PROXY protocol header"
BAD_HEADER = "Received an invalid PROXY protocol header"
BAD_PROTOCOL = "Received an unhandled protocol in the PROXY protocol header"
TRUNCATED = "Truncated PROXY protocol header received"
CLOSED = "Connection closed while waiting for PROXY protocol header"
TIMEOUT = "Timeout while waiting for PROXY protocol header"

ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20
SSL_VERSION, SSL_NAME, SSL_CIPHER, SSL_SIGNATURE, SSL_KEY = 0x21, 0x22, 0x23, 0x24, 0x25
CLIENT_SSL, CLIENT_CERTIFICATE, CLIENT_CERTIFICATE_SESSION = 1, 2, 4


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a header said; no addresses: the sender speaks for itself."""

    source: HostPort | None = None
    destination: HostPort | None = None
    values: dict[int, bytes] = field(default_factory=dict)  # TLVs by type

    @property
    def authority(self) -> bytes | None:
        return self.values.get(AUTHORITY)

    @property
    def unique_id(self) -> bytes | None:
        return self.values.get(UNIQUE_ID)


# -- in
def read_header(data: bytes) -> tuple[ProxyHeader, int] | None:
    """The header at the start of `data` and its size; None: more bytes are needed. Raises BadMessage with HAProxy's words."""
    if SIGNATURE.startswith(data[:12]):
        return _read_v2(data) if len(data) >= 16 else None
    if b"PROXY ".startswith(data[:6]):
        return _read_v1(data)
    raise BadMessage(0, 0, NOT_A_HEADER)


def _read_v1(data: bytes) -> tuple[ProxyHeader, int] | None:
    end = data.find(b"\n", 0, LONGEST_V1)
    if end < 0:
        if len(data) >= LONGEST_V1:
            raise BadMessage(0, 0, BAD_HEADER)
        return None
    found = V1.match(data)
    if found is None or found.end() != end + 1:
        raise BadMessage(0, 0, BAD_HEADER)
    if found[1] is None:
        return ProxyHeader(), found.end()
    known = _four if found[1] == b"4" else IPv6Address
    try:
        source, destination = (str(known(text.decode())) for text in (found[2], found[3]))
    except ValueError:
        raise BadMessage(0, 0, BAD_HEADER) from None
    return ProxyHeader((source, int(found[4])), (destination, int(found[5]))), found.end()


def _four(text: str) -> IPv4Address:
    """An IPv4 address; HAProxy takes missing parts for zeros."""
    return IPv4Address(text + ".0" * (3 - text.count(".")))


def _read_v2(data: bytes) -> tuple[ProxyHeader, int] | None:
    command, family, length = struct.unpack_from(">BBH", data, 12)
    if command & 0xF0 != 0x20 or command & 0x0F > 1:
        raise BadMessage(0, 12, BAD_HEADER)
    size = 16 + length
    if len(data) < size:
        return None
    if command & 0x0F == 0:
        return ProxyHeader(), size
    try:
        source, destination, at = _addresses(data, family, length)
    except struct.error:
        raise BadMessage(0, 16, BAD_HEADER) from None
    return ProxyHeader(source, destination, dict(_values(data[at:size]))), size


def _addresses(data: bytes, family: int, length: int) -> tuple[HostPort | None, HostPort | None, int]:
    """The addresses and where the TLVs begin."""
    if family == 0x11:
        if length < 12:
            raise BadMessage(0, 14, BAD_HEADER)
        a, b, c, d = struct.unpack_from(">4s4sHH", data, 16)
        return (str(IPv4Address(a)), c), (str(IPv4Address(b)), d), 28
    if family == 0x21:
        if length < 36:
            raise BadMessage(0, 14, BAD_HEADER)
        a, b, c, d = struct.unpack_from(">16s16sHH", data, 16)
        return (str(IPv6Address(a)), c), (str(IPv6Address(b)), d), 52
    if family == 0x31:
        return None, None, 16 + 216
    if family & 0xF0 == 0 or family & 0x0F == 0:
        return None, None, 16
    raise BadMessage(0, 13, BAD_PROTOCOL)


def _values(data: bytes) -> Iterable[tuple[int, bytes]]:
    """The TLVs; a broken one is an invalid header."""
    at = 0
    while at < len(data):
        if at + 3 > len(data):
            raise BadMessage(0, 16 + at, BAD_HEADER)
        kind, length = struct.unpack_from(">BH", data, at)
        at += 3
        if at + length > len(data):
            raise BadMessage(0, 16 + at, BAD_HEADER)
        yield kind, data[at : at + length]
        at += length


# -- out
def write_v1(source: HostPort, destination: HostPort) -> bytes:
    """A version 1 header; addresses of different families become IPv6, unix sockets UNKNOWN."""
    if not source[0] or not destination[0]:
        return b"PROXY UNKNOWN\r\n"
    a, b = ip_address(source[0]), ip_address(destination[0])
    if a.version == b.version:
        return b"PROXY TCP%d %s %s %d %d\r\n" % (a.version, str(a).encode(), str(b).encode(), source[1], destination[1])
    return b"PROXY TCP6 %s %s %d %d\r\n" % (_mapped(a).encode(), _mapped(b).encode(), source[1], destination[1])


def _mapped(address: IPv4Address | IPv6Address) -> str:
    return f"::ffff:{address}" if address.version == 4 else str(address)


def write_v2(source: HostPort | None, destination: HostPort | None, values: Iterable[tuple[int, bytes]] = (), checksum: bool = False) -> bytes:
    """A version 2 header with its TLVs; without addresses it is LOCAL. `checksum` adds the CRC32c of the whole."""
    command, family, body = 0x21, 0x00, b""
    if source is None or destination is None:
        command = 0x20
    elif source[0] and destination[0]:
        a, b = ip_address(source[0]), ip_address(destination[0])
        if a.version == b.version == 4:
            family = 0x11
        else:
            family, a, b = 0x21, IPv6Address(_mapped(a)), IPv6Address(_mapped(b))
        body = a.packed + b.packed + struct.pack(">HH", source[1], destination[1])
    body += b"".join([value(kind, data) for kind, data in values])
    if checksum:
        body += value(CRC32C, bytes(4))
    header = SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body
    return header[:-4] + struct.pack(">I", crc32c(header)) if checksum else header


def value(kind: int, data: bytes) -> bytes:
    """One TLV."""
    return struct.pack(">BH", kind, len(data)) + data


def _table() -> list[int]:
    """Remainders of each byte for the Castagnoli polynomial, bits reversed."""
    table = []
    for byte in range(256):
        rest = byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
        table.append(rest)
    return table


CASTAGNOLI = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720, appendix B.4).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    rest = 0xFFFFFFFF
    for byte in data:
        rest = rest >> 8 ^ CASTAGNOLI[(rest ^ byte) & 0xFF]
    return rest ^ 0xFFFFFFFF
