"""A TLS connection as bytes in, bytes out: OpenSSL over memory buffers, no socket and no loop.

The server side looks at the ClientHello before an OpenSSL connection exists, because the certificate (and with it the
OpenSSL context) is chosen by SNI. After `receive`, `send` and `shutdown` the caller writes what `pending` returns; also after
a TlsError, since an alert may be waiting. Data sent before the handshake is done is kept and leaves with its end.
Memory: buffers that grew are given back once drained, an idle connection keeps none.
"""

from __future__ import annotations

from typing import Any, Final

from OpenSSL import SSL

from pylb.base.errors import BadMessage, TlsError
from pylb.wire.certs import Certificate
from pylb.wire.hello import TRUNCATED, ClientHello, read_client_hello
from pylb.wire.hello_capture import HelloCapture, capture
from pylb.wire.tls_context import PeerVerification, TlsContext, offered
from pylb.wire.tls_facts import TlsFacts

HANDSHAKE_FAILURE: Final = "SSL handshake failure"
CLIENT_NOT_TRUSTED: Final = "SSL client certificate not trusted"
CLIENT_CA_NOT_TRUSTED: Final = "SSL client CA chain cannot be verified"
WRONG_SERVER_NAME: Final = "Server presented an SSL certificate different from the configured one"
CLOSED_IN_HANDSHAKE: Final = "Connection closed during SSL handshake"
CONNECTION_FAILURE: Final = "SSL connection failure"

# Fatal alerts written here, without OpenSSL, in a TLS 1.2 record.
UNRECOGNIZED_NAME: Final = bytes((21, 3, 3, 0, 2, 2, 112))
PROTOCOL_VERSION: Final = bytes((21, 3, 3, 0, 2, 2, 70))
DECODE_ERROR: Final = bytes((21, 3, 3, 0, 2, 2, 50))

_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]
_BIO_read, _BIO_write, _SSL_read, _SSL_write = _lib.BIO_read, _lib.BIO_write, _lib.SSL_read, _lib.SSL_write
_SSL_get_error, _buffer = _lib.SSL_get_error, _ffi.buffer
_WANT_READ, _ZERO_RETURN = _lib.SSL_ERROR_WANT_READ, _lib.SSL_ERROR_ZERO_RETURN
_new_scratch = _ffi.new_allocator(should_clear_after_alloc=False)
_SCRATCH_SIZE: Final = 65536
_SMALL: Final = 4096
_RECORD_HEAD: Final = 5  # bytes: type, version, length (RFC 8446 5.1)
_APPLICATION_DATA: Final = 23
UNKNOWN: Final = -1
SOON: Final = "soon"  # not with what ended the handshake
LATE: Final = "late"  # with anything that comes
_TLS_RECORDS: Final = (b"\x14\x03", b"\x15\x03", b"\x16\x03", b"\x17\x03")
_scratch: list[Any] = []  # free work buffers; taken out while in use, since OpenSSL calls let other threads run


class Tls:
    """One connection; make it with `Tls.server` or `Tls.client`."""

    __slots__ = (
        "captured", "connection", "context", "eof", "error_code", "facts", "handshake_done",
        "_alert", "_early", "_from_ssl", "_grown", "_hello", "_into_ssl", "_missing", "_peer", "_served", "_session_due", "_sni", "_ssl", "_unsent",
    )  # fmt: skip

    def __init__(self, context: TlsContext) -> None:
        self.context = context
        self.connection: SSL.Connection | None = None
        self.handshake_done = self.eof = False
        self.facts: TlsFacts  # there is none before `handshake_done`
        self.error_code = 0  # OpenSSL's packed error of the failure, as ssl_fc_err gives it
        self._ssl: Any = None
        self._into_ssl: Any = None
        self._from_ssl: Any = None
        self.captured: HelloCapture | None = None
        self._early, self._alert, self._grown = b"", b"", True
        self._session_due: str | None = None  # TLS 1.3: a session that the server has still to give
        self._missing = 0  # bytes of the record that has begun to come; UNKNOWN when its head came in pieces
        self._unsent: list[bytes] = []
        self._hello: ClientHello | None = None
        self._served: Certificate | None = None
        self._sni: str | None = None
        self._peer = PeerVerification()

    @classmethod
    def server(cls, context: TlsContext) -> Tls:
        """A connection that a client opened."""
        return cls(context)

    @classmethod
    def client(cls, context: TlsContext, sni: str | None = None, alpn: list[str] | None = None) -> Tls:
        """A connection to a server; its ClientHello is in `pending` at once. `alpn` overrides the server line's."""
        made = cls(context)
        assert context.context is not None
        made._peer.host = sni or context.verifyhost
        made._sni = sni
        connection = made._open(context.context)
        if sni:
            connection.set_tlsext_host_name(sni.encode("idna") if not sni.isascii() else sni.encode())
        if alpn is not None and (names := offered(alpn, None)):
            connection.set_alpn_protos(names)
        if context.reuse and context.kept.session is not None and context.kept.name == sni:
            _lib.SSL_set_session(connection._ssl, context.kept.session._session)  # pyOpenSSL would insist on one context per session
        connection.set_connect_state()
        made._handshake()
        return made

    def receive(self, data: bytes) -> bytes:
        """Ciphertext in, plaintext out (b"" when there is none yet); raises TlsError. `eof` tells of the peer's close_notify."""
        if self._ssl is None:
            data = self._choose(data)
            if not data:
                return b""
        size = len(data)
        if size > _SMALL:
            self._grown = True
        _BIO_write(self._into_ssl, data, size)
        if not self._missing and size > _RECORD_HEAD and data[0] == _APPLICATION_DATA and size == _RECORD_HEAD + (data[3] << 8 | data[4]):
            alone = self.handshake_done
        else:
            alone, self._missing = False, missing(data, self._missing)
        if not self.handshake_done and not self._handshake():
            return b""
        return self._read(alone)

    def send(self, data: bytes) -> None:
        """Plaintext out; take the ciphertext from `pending`."""
        if not self.handshake_done:
            self._unsent.append(bytes(data))
            return
        if len(data) > _SMALL:
            self._grown = True
        if data and _SSL_write(self._ssl, data if type(data) is bytes else bytes(data), len(data)) <= 0:
            raise TlsError(self._failed(CONNECTION_FAILURE))

    def pending(self) -> bytes:
        """The ciphertext to write, all of it."""
        if self._ssl is None or self._alert:
            alert, self._alert = self._alert, b""
            return alert
        scratch = _scratch.pop() if _scratch else _new_scratch("char[]", _SCRATCH_SIZE)
        length = _BIO_read(self._from_ssl, scratch, _SCRATCH_SIZE)
        data: bytes = _buffer(scratch, length)[:] if length > 0 else b""
        if length == _SCRATCH_SIZE:
            parts = [data]
            while (length := _BIO_read(self._from_ssl, scratch, _SCRATCH_SIZE)) > 0:
                parts.append(_buffer(scratch, length)[:])
            data = b"".join(parts)
        _scratch.append(scratch)
        if self._grown and self.handshake_done:
            self._shrink()
        return data

    def shutdown(self) -> None:
        """Say close_notify; nothing may be sent afterwards."""
        if self.handshake_done:
            _lib.SSL_shutdown(self._ssl)
            _lib.ERR_clear_error()

    def __del__(self) -> None:
        """OpenSSL forgets the session of a connection freed without both close_notify; clients that just vanish may resume too."""
        if self.handshake_done and not self.error_code:
            _lib.SSL_set_shutdown(self._ssl, _lib.SSL_SENT_SHUTDOWN | _lib.SSL_RECEIVED_SHUTDOWN)

    def cut_off(self, reset: bool = False) -> str:
        """How HAProxy calls the loss of the transport during the handshake: before the whole ClientHello it is a mere close."""
        return HANDSHAKE_FAILURE if reset or self._ssl is not None else CLOSED_IN_HANDSHAKE

    @property
    def hello(self) -> ClientHello | None:
        """The ClientHello, on the server side until the handshake is done."""
        return self._hello

    def error_text(self) -> str:
        """OpenSSL's one line for `error_code`, as ssl_fc_err_str gives it; empty when all is well."""
        if not self.error_code:
            return ""
        reason = _lib.ERR_reason_error_string(self.error_code)
        return f"error:{self.error_code:08X}:SSL routines::{_ffi.string(reason).decode() if reason != _ffi.NULL else ''}"

    def _choose(self, data: bytes) -> bytes:
        """Collect the ClientHello; once whole, open the connection and return all bytes for it."""
        self._early = data = self._early + data if self._early else data
        try:
            hello = self._hello = read_client_hello(data)
            if hello is None:
                return b""
            if self.context.capture_size:
                self.captured = capture(hello, self.context.capture_size)
        except BadMessage as error:
            self._alert = _own_alert(data, error)
            if self._alert or data[:2] not in _TLS_RECORDS or self.context.table.default is None:
                raise TlsError(HANDSHAKE_FAILURE) from None  # what is not TLS at all is closed without a word
            hello = None  # OpenSSL says what is wrong
        offer = self.context.choose(hello) if hello else self.context.table.default
        if offer is None:
            self._alert = UNRECOGNIZED_NAME
            raise TlsError(HANDSHAKE_FAILURE)
        self._served = offer.certificate
        self._open(offer.context).set_accept_state()
        self._early = b""
        return data

    def _open(self, context: SSL.Context) -> SSL.Connection:
        connection = self.connection = SSL.Connection(context, None)
        connection.set_app_data(self._peer)
        self._ssl, self._into_ssl, self._from_ssl = connection._ssl, connection._into_ssl, connection._from_ssl
        return connection

    def _handshake(self) -> bool:
        result = _lib.SSL_do_handshake(self._ssl)
        if result != 1:
            if _SSL_get_error(self._ssl, result) == _WANT_READ:
                return False
            raise TlsError(self._failed(self._handshake_error()))
        self.handshake_done = True
        assert self.connection is not None
        self.facts = TlsFacts(self.connection, self._hello, self._sni, self._peer, self._served)
        self._hello = None
        if self.context.reuse:
            if self.facts.version == "TLSv1.3":
                self._session_due = SOON
            else:
                self._remember()
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self.send(data)
        return True

    def _read(self, alone: bool) -> bytes:
        """All plaintext there is: reads until OpenSSL wants more. `alone`: what came is one record, behind which there can be nothing."""
        ssl = self._ssl
        scratch = _scratch.pop() if _scratch else _new_scratch("char[]", _SCRATCH_SIZE)
        length = _SSL_read(ssl, scratch, _SCRATCH_SIZE)
        data: bytes = b""
        if length > 0:
            data = _buffer(scratch, length)[:]
            if alone and not self._session_due:
                _scratch.append(scratch)
                return data
            length = _SSL_read(ssl, scratch, _SCRATCH_SIZE)
            if length > 0:
                parts = [data]
                while length > 0:
                    parts.append(_buffer(scratch, length)[:])
                    length = _SSL_read(ssl, scratch, _SCRATCH_SIZE)
                data = b"".join(parts)
        _scratch.append(scratch)
        error = _SSL_get_error(ssl, length)
        if error != _WANT_READ:
            if error != _ZERO_RETURN:
                why = self._failed(CONNECTION_FAILURE)
                if not data:
                    raise TlsError(why)
            self.eof = True  # after an error behind good data: the data first, the next receive or the transport's end tells the rest
        if self._session_due:
            if data or self._session_due is LATE:
                self._remember()
            self._session_due = None if data else LATE
        return data

    def _remember(self) -> None:
        """Keep the session for the next connection to this server; TLS 1.3 gives it after the handshake, with or before its first data."""
        assert self.connection is not None
        session = self.connection.get_session()
        if session is not None:
            self.context.kept.name, self.context.kept.session = self._sni, session

    def _shrink(self) -> None:
        """Give grown buffers back. Both are empty here: `_read` ends when input is used up, `pending` took the output."""
        self._grown = False
        kind = _lib.BIO_s_mem()
        into_ssl, from_ssl = _lib.BIO_new(kind), _lib.BIO_new(kind)
        _lib.SSL_set_bio(self._ssl, into_ssl, from_ssl)
        self._into_ssl, self._from_ssl = into_ssl, from_ssl
        connection: Any = self.connection
        connection._into_ssl, connection._from_ssl = into_ssl, from_ssl

    def _handshake_error(self) -> str:
        peer = self._peer
        if peer.mismatch:
            return WRONG_SERVER_NAME
        if peer.refused and self._served is not None:
            return CLIENT_CA_NOT_TRUSTED if peer.ca_error else CLIENT_NOT_TRUSTED
        return HANDSHAKE_FAILURE

    def _failed(self, why: str) -> str:
        self.error_code = _lib.ERR_peek_error()
        _lib.ERR_clear_error()
        return why


def missing(data: bytes, begun: int) -> int:
    """How many bytes the last record in `data` lacks, when the one that had begun before lacked `begun`."""
    at, size = begun, len(data)
    while 0 <= at < size:
        at = at + _RECORD_HEAD + (data[at + 3] << 8 | data[at + 4]) if size - at >= _RECORD_HEAD else UNKNOWN
    return at - size if at >= 0 else UNKNOWN


def _own_alert(data: bytes, error: BadMessage) -> bytes:
    """The answer to a hello of SSLv2 and to one whose lengths do not add up; empty for everything else."""
    if len(data) > 2 and data[0] & 0x80 and data[2] == 1:
        return PROTOCOL_VERSION
    return DECODE_ERROR if error.why == TRUNCATED else b""
