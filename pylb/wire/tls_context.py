"""From the TLS words of a line to OpenSSL contexts: built once, before any fork or chroot, and again after `commit ssl cert`.

A bind line has one OpenSSL context per certificate, so that every certificate has its own session tickets and options; the
SNI table chooses among them before a connection exists. A server line has one. The OpenSSL that `cryptography` brings has
other defaults than the one HAProxy is usually built with: groups are therefore always named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL, crypto

from pylb.base.errors import Alert, NotImplementedYet
from pylb.wire import dh
from pylb.wire.certs import CertificateStore, common_names, dns_names, name_matches
from pylb.wire.crt_list import VERSIONS, Offer, SniTable, offers_of
from pylb.wire.hello import ClientHello
from pylb.wire.tls_options import SPOKEN, KeptSession, TlsBind, TlsServer

GROUPS = "X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192"
SESSION_LIFETIME = 300  # seconds; tune.ssl.lifetime
LEGACY = {"TLSv1.0": SSL.TLS1_VERSION, "TLSv1.1": SSL.TLS1_1_VERSION, "TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}

_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]
PRIORITIZE_CHACHA = 1 << 21  # SSL_OP_PRIORITIZE_CHACHA, which the bindings do not name
ALL_ERRORS = frozenset(range(1, 95))


class TlsSettings(Alert):
    """Settings OpenSSL refuses; one text per refusal, to be said of the line: `Proxy 'fe': <text> for bind 'x' at [file:line].`"""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


@dataclass(slots=True)
class PeerVerification:
    """What verifying one connection's peer found; also says which host name a server must prove."""

    host: str | None = None
    ca_error: int = 0
    ca_error_depth: int = 0
    certificate_error: int = 0
    mismatch: bool = False
    refused: bool = False
    secrets: dict[bytes, bytes] | None = None  # label -> hexadecimal digits, with `tune.ssl.keylog`


def keep_secret(connection: SSL.Connection, line: bytes) -> None:
    """OpenSSL has a line for a key log: a label, the client's random number, a secret."""
    label, _, secret = line.split(b" ")
    peer: PeerVerification = connection.get_app_data()
    peer.secrets = {**(peer.secrets or {}), label: secret}


def version_range(options: TlsBind | TlsServer, lowest: str) -> tuple[str, str]:
    """Versions to speak, `lowest` when nothing is said; `no-*` words count only without ssl-min-ver and ssl-max-ver."""
    forced, high = options.forced_version, options.max_version or options.forced_version or VERSIONS[-1]
    low = options.min_version or forced or min(lowest, high, key=VERSIONS.index)
    ignored = set() if options.min_version or options.max_version or forced else options.disabled_versions
    enabled = [name for name in VERSIONS[max(1, VERSIONS.index(low)) : VERSIONS.index(high) + 1] if name not in ignored]
    if not enabled:
        raise TlsSettings(["all SSL/TLS versions are disabled"])
    return enabled[0], enabled[-1]


def ignored_errors(text: str | None, word: str = "ca-ignore-err") -> frozenset[int]:
    """The error ids of `ca-ignore-err` and `crt-ignore-err`."""
    if text is None:
        return frozenset()
    if text == "all":
        return ALL_ERRORS
    ids = set()
    for part in text.split(","):
        digits = part.strip()
        number = int(digits) if digits.isdigit() else 0
        if number not in ALL_ERRORS:
            raise Alert(f"'{word}' : ID '{number}' out of range (1..94) in error IDs list '{text}'")
        ids.add(number)
    return frozenset(ids)


class TlsContext:
    """The TLS of one bind or server line: `choose` gives the OpenSSL context for a client, `context` is a server line's."""

    def __init__(self, options: TlsBind | TlsServer, build: Callable[[TlsContext], None]) -> None:
        self.options, self.build = options, build
        self.table = SniTable([], True)
        self.context: SSL.Context | None = None
        self.verifyhost: str | None = None
        self.reuse = False
        self.kept = KeptSession()  # of a server line
        self.keeps_sessions = False  # of clients
        self.capture_size = 0  # bytes of each ClientHello to keep
        self.build(self)

    @classmethod
    def for_bind(
        cls, options: TlsBind, store: CertificateStore, *, spoken: Iterable[str] | None = SPOKEN,
        crt_base: str | None = None, lifetime: int = SESSION_LIFETIME, keeps_sessions: bool = True, keeps_secrets: bool = False, capture_size: int = 0,
    ) -> TlsContext:  # fmt: skip
        """For a bind line; raises Alert (files) or TlsSettings (values). `spoken` None: offer every ALPN name (mode tcp).
        Without `keeps_sessions` those alone are resumed that clients bring along in tickets. `keeps_secrets`: those of TLS 1.3 (`tune.ssl.keylog`)."""
        for word, used in (("generate-certificates", options.generate_certificates), ("tls-ticket-keys", options.tls_ticket_keys)):
            if used:
                raise NotImplementedYet(word)

        def build(made: TlsContext) -> None:
            offers = offers_of(options, store, crt_base)
            builder = _BindBuilder(store, None if spoken is None else tuple(spoken), lifetime, keeps_sessions)
            complaints = [builder.build(offer, replace(options, **offer.overrides)) for offer in offers]
            if any(complaints):  # HAProxy prepares the default certificate's context first and again with all the others
                raise TlsSettings([text for texts in [complaints[0], *complaints] for text in texts])
            if keeps_secrets:
                for offer in offers:
                    offer.context.set_keylog_callback(keep_secret)
            made.capture_size = capture_size
            made.table = SniTable(offers, options.strict_sni)
            made.keeps_sessions = keeps_sessions

        return cls(options, build)

    @classmethod
    def for_server(
        cls, options: TlsServer, store: CertificateStore, *, spoken: tuple[str, ...] | None = SPOKEN, default_verify: str = "required",
        kept: KeptSession | None = None,
    ) -> TlsContext:  # fmt: skip
        """For a server line; raises Alert (files) or TlsSettings (values). `default_verify` is what `ssl-server-verify` says; what is
        `kept` may be shared by several contexts of one server."""
        verified = (options.verify or default_verify) == "required"

        def build(made: TlsContext) -> None:
            made.context = _server_context(options, store, spoken, verified)
            made.verifyhost, made.reuse, made.kept = options.verifyhost, not options.no_ssl_reuse, kept or KeptSession()
            made.kept.session = None

        return cls(options, build)

    def rebuild(self) -> None:
        """Build again from the store, after one of its certificates changed; connections that exist keep what they have."""
        self.build(self)

    def choose(self, hello: ClientHello | None) -> Offer | None:
        """The certificate and context for a client; None: no such name (`strict-sni`)."""
        return self.table.choose(hello)


class _BindBuilder:
    def __init__(self, store: CertificateStore, spoken: tuple[str, ...] | None, lifetime: int, keeps_sessions: bool) -> None:
        self.store, self.spoken, self.lifetime, self.keeps_sessions = store, spoken, lifetime, keeps_sessions

    def build(self, offer: Offer, options: TlsBind) -> list[str]:
        """Give `offer` its context; returns what OpenSSL refused."""
        messages: list[str] = []
        low, high = version_range(options, "TLSv1.2")
        context = offer.context = new_context(SSL.TLS_SERVER_METHOD, low, high)
        certificate = offer.certificate
        context.use_certificate(certificate.leaf)
        context.use_privatekey(certificate.key)  # type: ignore[arg-type]
        for issuer in certificate.chain:
            context.add_extra_chain_cert(issuer)
        if not options.prefer_client_ciphers:
            context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | PRIORITIZE_CHACHA)
        set_ciphers(context, options, messages)
        self._groups(context, options, messages)
        self._diffie_hellman(context, offer, options)
        self._verify(context, options, messages)
        self._sessions(context, options)
        if options.alpn:
            context.set_alpn_select_callback(alpn_chooser(options.alpn, self.spoken))
        if certificate.ocsp:
            context.set_ocsp_server_callback(lambda connection, data: data or b"", certificate.ocsp)
        return messages

    def _groups(self, context: SSL.Context, options: TlsBind, messages: list[str]) -> None:
        groups = options.curves or options.ecdhe
        if _lib.SSL_CTX_set1_curves_list(context._context, (groups or GROUPS).encode()) != 1:
            SSL._lib.ERR_clear_error()  # type: ignore[attr-defined]
            what = "SSL curves list" if options.curves else "elliptic named curve"
            messages.append(f"unable to set {what} to '{groups}'")

    def _diffie_hellman(self, context: SSL.Context, offer: Offer, options: TlsBind) -> None:
        key = offer.certificate.leaf.public_key()
        pem = offer.certificate.dh_parameters or options.dh_parameters
        if pem is None and options.default_dh_param:
            pem = dh.parameters(options.default_dh_param, key.key_size if isinstance(key, rsa.RSAPublicKey) else 2048)
        if pem is None:
            return
        bio = _ffi.gc(_lib.BIO_new_mem_buf(pem, len(pem)), _lib.BIO_free)
        parameters = _lib.PEM_read_bio_DHparams(bio, _ffi.NULL, _ffi.NULL, _ffi.NULL)
        if parameters != _ffi.NULL:
            _lib.SSL_CTX_set_tmp_dh(context._context, _ffi.gc(parameters, _lib.DH_free))

    def _verify(self, context: SSL.Context, options: TlsBind, messages: list[str]) -> None:
        if options.verify in (None, "none"):
            return
        if not options.ca_file and not options.ca_verify_file:
            messages.append("verify is enabled but no CA file specified")
            return
        for path in (options.ca_file, options.ca_verify_file):
            if path:
                trust(context, self.store, path, options.crl_file)
        if options.ca_file and not options.no_ca_names:
            for authority in self.store.ca(options.ca_file).certificates:
                context.add_client_ca(authority)
        required = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if options.verify == "required" else 0
        callback = client_verifier(ignored_errors(options.ca_ignore_err), ignored_errors(options.crt_ignore_err, "crt-ignore-err"))
        context.set_verify(SSL.VERIFY_PEER | required, callback)

    def _sessions(self, context: SSL.Context, options: TlsBind) -> None:
        context.set_session_id(b"pylb")
        context.set_session_cache_mode(SSL.SESS_CACHE_SERVER if self.keeps_sessions else SSL.SESS_CACHE_OFF)
        context.set_timeout(self.lifetime)
        if options.no_tls_tickets:
            context.set_options(SSL.OP_NO_TICKET)


def _server_context(options: TlsServer, store: CertificateStore, spoken: tuple[str, ...] | None, verified: bool) -> SSL.Context:
    low, high = version_range(options, "TLSv1.0")
    context = new_context(SSL.TLS_CLIENT_METHOD, low, high)
    messages: list[str] = []
    set_ciphers(context, options, messages)
    if messages:
        raise TlsSettings(messages)
    _lib.SSL_CTX_set1_curves_list(context._context, GROUPS.encode())
    if options.crt:
        certificate = store.server_crt(options.crt)
        context.use_certificate(certificate.leaf)
        context.use_privatekey(certificate.key)  # type: ignore[arg-type]
        for issuer in certificate.chain:
            context.add_extra_chain_cert(issuer)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if options.no_tls_tickets:
        context.set_options(SSL.OP_NO_TICKET)
    if verified:
        if options.ca_file:
            trust(context, store, options.ca_file, options.crl_file)
        context.set_verify(SSL.VERIFY_PEER, verify_server)
    else:
        context.set_verify(SSL.VERIFY_NONE)
    if alpn := offered(options.alpn, spoken):
        context.set_alpn_protos(alpn)
    return context


def new_context(method: int, low: str, high: str) -> SSL.Context:
    """A context with what holds for both sides: versions, buffers freed when idle, whole writes, no compression, no renegotiation."""
    context = SSL.Context(method)
    context.set_min_proto_version(LEGACY[low])
    context.set_max_proto_version(LEGACY[high])
    context.clear_mode(_lib.SSL_MODE_ENABLE_PARTIAL_WRITE)
    context.set_mode(_lib.SSL_MODE_RELEASE_BUFFERS | _lib.SSL_MODE_AUTO_RETRY | _lib.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)
    context.set_options(SSL.OP_NO_COMPRESSION | _lib.SSL_OP_NO_RENEGOTIATION)
    return context


def set_ciphers(context: SSL.Context, options: TlsBind | TlsServer, messages: list[str]) -> None:
    """`ciphers` (up to TLS 1.2) and `ciphersuites` (TLS 1.3)."""
    if options.ciphers:
        try:
            context.set_cipher_list(options.ciphers.encode())
        except SSL.Error:
            messages.append(f"unable to set SSL cipher list to '{options.ciphers}'")
    if options.ciphersuites:
        try:
            context.set_tls13_ciphersuites(options.ciphersuites.encode())
        except SSL.Error:
            messages.append(f"unable to set TLS 1.3 cipher suites to '{options.ciphersuites}'")


def trust(context: SSL.Context, store: CertificateStore, ca_file: str, crl_file: str | None) -> None:
    """Authorities that may vouch for the peer, and what they took back."""
    into = context.get_cert_store()
    assert into is not None
    for authority in store.ca(ca_file).certificates:
        into.add_cert(crypto.X509.from_cryptography(authority))
    if crl_file:
        for revocations in store.ca(crl_file).revocations:
            into.add_crl(revocations)
        into.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)


def alpn_chooser(wanted: list[str], spoken: tuple[str, ...] | None) -> Callable[[SSL.Connection, list[bytes]], Any]:
    """Our order decides; nothing in common is no error, ALPN is then not answered."""
    ours = [name.encode() for name in wanted if spoken is None or name in spoken]

    def choose(connection: SSL.Connection, theirs: list[bytes]) -> Any:
        return next((name for name in ours if name in theirs), SSL.NO_OVERLAPPING_PROTOCOLS)

    return choose


def offered(wanted: Iterable[str] | None, spoken: tuple[str, ...] | None) -> list[bytes]:
    """The ALPN names to put into a ClientHello."""
    return [name.encode() for name in wanted or () if spoken is None or name in spoken]


def client_verifier(ca_ignored: frozenset[int], certificate_ignored: frozenset[int]) -> Callable[..., bool]:
    """Verification of a client's chain: remembers the first error, lets the ignored ones pass."""

    def verify(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
        if ok:
            return True
        found: PeerVerification = connection.get_app_data()
        if depth == 0:
            found.certificate_error = found.certificate_error or error
            found.refused = error not in certificate_ignored
        else:
            if not found.ca_error:
                found.ca_error, found.ca_error_depth = error, depth
            found.refused = error not in ca_ignored
        return not found.refused

    return verify


def verify_server(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    """Verification of a server's chain, then of its name when one is expected."""
    found: PeerVerification = connection.get_app_data()
    if not ok:
        found.refused = True
        found.ca_error, found.ca_error_depth = error, depth
        return False
    if depth == 0 and found.host and not proves(certificate.to_cryptography(), found.host):
        found.mismatch = True
        return False
    return True


def proves(certificate: x509.Certificate, host: str) -> bool:
    """Is `host` one of the certificate's names?"""
    return any(name_matches(name, host) for name in [*dns_names(certificate), *common_names(certificate)])
