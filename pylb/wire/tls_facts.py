"""What a finished handshake decided, for logs and `ssl_fc_*`, `ssl_c_*`, `ssl_f_*`, `ssl_bc_*` fetches (configuration.txt 7.3.4).

The cheap facts are read at once, the others when first asked for; nothing here changes afterwards.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from pylb.wire.certs import Certificate
from pylb.wire.hello import ClientHello
from pylb.wire.tls_context import PeerVerification

_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]


class TlsFacts:
    """Facts of one connection, of either side."""

    __slots__ = ("alpn", "cipher", "hello", "peer", "served", "session_reused", "sni", "version", "_connection", "_ssl")

    def __init__(
        self, connection: SSL.Connection, hello: ClientHello | None, sni: str | None, peer: PeerVerification, served: Certificate | None
    ) -> None:
        ssl = self._ssl = connection._ssl
        self._connection = connection
        self.hello, self.peer, self.served = hello, peer, served
        raw = hello.server_name if hello else None
        self.sni: str | None = raw.decode("latin-1") if raw is not None else sni
        self.version: str = _ffi.string(_lib.SSL_get_version(ssl)).decode()  # SSL_get_version spells 1.0 "TLSv1", as HAProxy logs it
        self.cipher: str = connection.get_cipher_name() or ""
        self.alpn: str = connection.get_alpn_proto_negotiated().decode("latin-1")
        self.session_reused: bool = bool(_lib.SSL_session_reused(ssl))

    def __repr__(self) -> str:
        return f"TlsFacts({self.version} {self.cipher} sni={self.sni!r} alpn={self.alpn!r}{' resumed' if self.session_reused else ''})"

    @property
    def use_keysize(self) -> int:
        """Bits of the symmetric key in use."""
        return self._bits()[0]

    @property
    def alg_keysize(self) -> int:
        """Bits of the symmetric key the algorithm knows."""
        return self._bits()[1]

    def _bits(self) -> tuple[int, int]:
        algorithm = _ffi.new("int *")
        used = _lib.SSL_CIPHER_get_bits(_lib.SSL_get_current_cipher(self._ssl), algorithm)
        return used, algorithm[0]

    @property
    def session_id(self) -> bytes:
        """The session's identifier, out of its DER form: version, protocol, cipher, then this."""
        session = _lib.SSL_get_session(self._ssl)
        if session == _ffi.NULL:
            return b""
        length = _lib.i2d_SSL_SESSION(session, _ffi.NULL)
        if length <= 0:
            return b""
        room = _ffi.new("unsigned char[]", length)
        cursor = _ffi.new("unsigned char **", room)
        _lib.i2d_SSL_SESSION(session, cursor)
        return _fourth_element(_ffi.buffer(room, length)[:])

    @property
    def peer_certificate(self) -> bytes | None:
        """DER of the certificate the peer showed."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        return certificate.public_bytes(Encoding.DER) if certificate is not None else None

    @property
    def peer_chain(self) -> list[bytes]:
        """DER of every certificate the peer sent."""
        chain = self._connection.get_peer_cert_chain(as_cryptography=True) or []
        return [certificate.public_bytes(Encoding.DER) for certificate in chain]

    @property
    def verify_result(self) -> int:
        """OpenSSL's verdict on the peer's certificate, 0 when it was fine or not asked for."""
        return self.peer.ca_error or self.peer.certificate_error

    @property
    def client_random(self) -> bytes:
        return self._connection.client_random() or b""

    @property
    def server_random(self) -> bytes:
        return self._connection.server_random() or b""

    @property
    def session_key(self) -> bytes:
        """The master secret."""
        return self._connection.master_key() or b""

    @property
    def unique_id(self) -> bytes:
        """tls-unique of a client's connection: the first Finished message of the handshake (RFC 5929 3), which is ours in a resumed session.

        HAProxy chooses in the same way for connections to servers, where it is the second one.
        """
        data = self._connection.get_finished() if self.session_reused else self._connection.get_peer_finished()
        return data or b""


def cipher_name(number: bytes) -> str | None:
    """OpenSSL's name of a suite, None when it does not know it."""
    cipher = _lib.SSL_CIPHER_find(_any_connection(), number)
    return None if cipher == _ffi.NULL else _ffi.string(_lib.SSL_CIPHER_get_name(cipher)).decode()


@cache
def _any_connection() -> Any:
    """What OpenSSL asks for to look suites up; which one it is does not matter."""
    return SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)._ssl


def _fourth_element(der: bytes) -> bytes:
    position = _body(der, 0)[0]
    for _ in range(3):
        start, length = _body(der, position)
        position = start + length
    start, length = _body(der, position)
    return der[start : start + length]


def _body(der: bytes, position: int) -> tuple[int, int]:
    length = der[position + 1]
    if length < 128:
        return position + 2, length
    count = length & 127
    return position + 2 + count, int.from_bytes(der[position + 2 : position + 2 + count], "big")
