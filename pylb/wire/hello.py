"""The first TLS message of a client, read without any TLS library (RFC 8446 4.1.2, RFC 5246 7.4.1.2, RFC 6066 3, RFC 7301).

Two users: a TLS listener chooses the certificate before a TLS connection exists (what HAProxy does in its ClientHello
callback), and `req.ssl_*` fetches look at TLS that only passes through. Reading is a pure function of the bytes received
so far: None means more are needed, BadMessage that they can never become a ClientHello.
"""

from __future__ import annotations

from dataclasses import dataclass

from pylb.base.errors import BadMessage

HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2
RECORD_HEADER, HANDSHAKE_HEADER = 5, 4
LONGEST_RECORD = 16384 + 2048
LONGEST_HELLO = 65536
TRUNCATED = "truncated ClientHello"

SERVER_NAME, SUPPORTED_GROUPS, POINT_FORMATS, SIGNATURE_ALGORITHMS, ALPN, SUPPORTED_VERSIONS = 0, 10, 11, 13, 16, 43

VERSION_NAMES = {0x0300: "SSLv3", 0x0301: "TLSv1.0", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}

# Suites of TLS <= 1.2 that sign with an ECDSA certificate (IANA registry): CBC, GCM, CCM, ARIA, Camellia, ChaCha20.
ECDSA_SUITES = frozenset(
    [*range(0xC006, 0xC00B), 0xC023, 0xC024, 0xC02B, 0xC02C, 0xC048, 0xC049, 0xC05C, 0xC05D, 0xC072, 0xC073, 0xC086, 0xC087]
    + [*range(0xC0AC, 0xC0B0), 0xCCA9]
)


@dataclass(slots=True)
class ClientHello:
    """What a ClientHello says; lists keep the client's order, GREASE values (RFC 8701) included."""

    record_version: int
    version: int  # legacy_version of the message itself
    random: bytes
    session_id: bytes
    ciphers: list[int]
    extensions: list[int]
    server_name: bytes | None
    alpn: list[bytes]
    groups: list[int]
    point_formats: bytes
    signature_algorithms: list[int]
    versions: list[int]  # supported_versions, empty below TLS 1.3

    @property
    def best_version(self) -> int:
        """The highest version the client offers."""
        known = [version for version in self.versions if version in VERSION_NAMES]
        return max(known) if known else self.version

    @property
    def name(self) -> str | None:
        """The SNI in lower case, as text; None when absent or not ASCII."""
        if self.server_name is None or not self.server_name.isascii():
            return None
        return self.server_name.decode("ascii").lower()

    @property
    def signs_ecdsa(self) -> bool:
        """Can the client use an ECDSA certificate: both a signature algorithm and, below TLS 1.3, a suite for it."""
        if self.signature_algorithms and not any(algorithm & 0xFF == 3 for algorithm in self.signature_algorithms):
            return False
        return any(cipher in ECDSA_SUITES or cipher >> 8 == 0x13 for cipher in self.ciphers)


def is_grease(value: int) -> bool:
    """Is this one of the reserved values clients send to keep servers tolerant (RFC 8701)?"""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def hello_type(data: bytes) -> int | None:
    """Type of the handshake message that begins `data` (1 client, 2 server hello), 0 when it is not TLS; None: not yet known."""
    if data and data[0] != HANDSHAKE or len(data) > 1 and data[1] != 3:
        return 0
    if len(data) < RECORD_HEADER + 1:
        return None
    kind = data[RECORD_HEADER]
    return kind if kind in (CLIENT_HELLO, SERVER_HELLO) else 0


def read_client_hello(data: bytes) -> ClientHello | None:
    """Read the ClientHello at the start of `data`, which may be spread over several records."""
    message = bytearray()
    position, needed = 0, HANDSHAKE_HEADER
    while len(message) < needed:
        header = data[position : position + RECORD_HEADER]
        check_record_header(header, position)
        if len(header) < RECORD_HEADER:
            return None
        length = int.from_bytes(header[3:5], "big")
        body = data[position + RECORD_HEADER : position + RECORD_HEADER + length]
        message += body
        if message and message[0] != CLIENT_HELLO:
            raise BadMessage(0, position + RECORD_HEADER, "not a ClientHello")
        if len(message) >= HANDSHAKE_HEADER:
            needed = HANDSHAKE_HEADER + int.from_bytes(message[1:4], "big")
            if needed > LONGEST_HELLO:
                raise BadMessage(0, position + RECORD_HEADER + 1, "ClientHello too long")
        if len(body) < length and len(message) < needed:
            return None
        position += RECORD_HEADER + length
    return _client_hello(int.from_bytes(data[1:3], "big"), bytes(message[HANDSHAKE_HEADER:needed]))


def check_record_header(header: bytes, position: int = 0) -> None:
    """Refuse, at the earliest byte, what cannot be a handshake record."""
    if header and header[0] != HANDSHAKE:
        raise BadMessage(0, position, "not a handshake record")
    if len(header) > 1 and header[1] != 3:
        raise BadMessage(0, position + 1, "unknown TLS version")
    if len(header) == RECORD_HEADER and not 0 < int.from_bytes(header[3:5], "big") <= LONGEST_RECORD:
        raise BadMessage(0, position + 3, "bad record length")


def _client_hello(record_version: int, message: bytes) -> ClientHello:
    reader = _Reader(message)
    version, random = reader.number(2), reader.take(32)
    session_id, ciphers = reader.vector(1), _numbers(reader.vector(2))
    reader.vector(1)  # compression methods
    extensions = dict(_extensions(_Reader(reader.vector(2)))) if not reader.at_end else {}
    return ClientHello(
        record_version, version, random, session_id, ciphers, list(extensions),
        _server_name(extensions.get(SERVER_NAME)), _protocols(extensions.get(ALPN)),
        _numbers(_inner(extensions.get(SUPPORTED_GROUPS), 2)), _inner(extensions.get(POINT_FORMATS), 1),
        _numbers(_inner(extensions.get(SIGNATURE_ALGORITHMS), 2)), _numbers(_inner(extensions.get(SUPPORTED_VERSIONS), 1)),
    )  # fmt: skip


class _Reader:
    """A cursor over the message; running over its end is the client's fault."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.data)

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            raise BadMessage(0, self.position, TRUNCATED)
        start, self.position = self.position, end
        return self.data[start:end]

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def vector(self, length_bytes: int) -> bytes:
        return self.take(self.number(length_bytes))


def _extensions(reader: _Reader) -> list[tuple[int, bytes]]:
    found = []
    while not reader.at_end:
        kind = reader.number(2)
        found.append((kind, reader.vector(2)))
    return found


def _inner(extension: bytes | None, length_bytes: int) -> bytes:
    return _Reader(extension).vector(length_bytes) if extension else b""


def _numbers(data: bytes) -> list[int]:
    return [data[at] << 8 | data[at + 1] for at in range(0, len(data) - 1, 2)]


def _server_name(extension: bytes | None) -> bytes | None:
    if not extension:
        return None
    names = _Reader(_inner(extension, 2))
    while not names.at_end:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name
    return None


def _protocols(extension: bytes | None) -> list[bytes]:
    names, found = _Reader(_inner(extension, 2)), []
    while not names.at_end:
        found.append(names.vector(1))
    return found
