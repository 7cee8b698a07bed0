"""Fetches of TLS connections: `ssl_fc_*`, `ssl_bc_*`, and the certificates `ssl_c_*`, `ssl_f_*`, `ssl_s_*` (configuration.txt 7.3.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from cryptography import x509

    from pylb.stream.driver import Stream

CLIENT, SERVER = Source.CLIENT_CONNECTION, Source.SERVER_CONNECTION
NAMES = {
    "commonName": "CN", "countryName": "C", "localityName": "L", "stateOrProvinceName": "ST", "organizationName": "O",
    "organizationalUnitName": "OU", "domainComponent": "DC", "userID": "UID", "givenName": "GN", "surname": "SN",
    "streetAddress": "street", "serialNumber": "serialNumber", "emailAddress": "emailAddress", "title": "title",
}  # fmt: skip
Facts = Callable[[Any], Any]


def client_facts(stream: Stream) -> Any:
    """TLS facts of the client's connection; None on plain ones."""
    return getattr(stream.session.tls, "facts", None)


def server_facts(stream: Stream) -> Any:
    """TLS facts of the server's connection; None on plain ones."""
    return getattr(server_tls(stream), "facts", None)


def server_tls(stream: Stream) -> Any:
    """The TLS connection to the server; None on plain ones, and when there is none."""
    return getattr(getattr(stream.back, "transport", None), "tls", None)


def _fact(name: str, type: Type, source: Source, facts_of: Facts, read: Callable[[Any], Any]) -> None:
    """A fetch of one fact."""

    def call(stream: Stream) -> Any:
        """A fact of the TLS connection."""
        facts = facts_of(stream)
        return None if facts is None else read(facts)

    fetch(name, type=type, source=source)(call)


def _text(value: str | None) -> bytes | None:
    return value.encode("latin-1") if value else None


def _bytes(value: bytes | None) -> bytes | None:
    return Binary(value) if value else None


FACTS: dict[str, tuple[Type, Callable[[Any], Any]]] = {
    "alg_keysize": (Type.SINT, lambda facts: facts.alg_keysize),
    "use_keysize": (Type.SINT, lambda facts: facts.use_keysize),
    "alpn": (Type.STR, lambda facts: _text(facts.alpn)),
    "npn": (Type.STR, lambda facts: None),
    "cipher": (Type.STR, lambda facts: _text(facts.cipher)),
    "protocol": (Type.STR, lambda facts: _text(facts.version)),
    "client_random": (Type.BIN, lambda facts: _bytes(facts.client_random)),
    "server_random": (Type.BIN, lambda facts: _bytes(facts.server_random)),
    "session_id": (Type.BIN, lambda facts: _bytes(facts.session_id)),
    "session_key": (Type.BIN, lambda facts: _bytes(facts.session_key)),
}


def _side(prefix: str, source: Source, facts_of: Facts, tls_of: Facts) -> None:
    """What both sides have."""

    @fetch(prefix, type=Type.BOOL, source=source)
    def in_use(stream: Stream) -> bool:
        """Is TLS in use?"""
        return tls_of(stream) is not None

    @fetch(prefix + "_is_resumed", type=Type.BOOL, source=source)
    def resumed(stream: Stream) -> bool:
        """Was an earlier TLS session resumed?"""
        facts = facts_of(stream)
        return facts is not None and bool(facts.session_reused)

    @fetch(prefix + "_err", type=Type.SINT, source=source)
    def error(stream: Stream) -> int | None:
        """The first OpenSSL error of the handshake, 0 for none."""
        tls = tls_of(stream)
        return None if tls is None else int(tls.error_code)

    @fetch(prefix + "_err_str", type=Type.STR, source=source)
    def error_text(stream: Stream) -> bytes | None:
        """The same in words."""
        tls = tls_of(stream)
        return None if tls is None else str(tls.error_text()).encode("latin-1")

    for name, (type, read) in FACTS.items():
        _fact(f"{prefix}_{name}", type, source, facts_of, read)


_side("ssl_fc", CLIENT, client_facts, lambda stream: stream.session.tls)
_side("ssl_bc", SERVER, server_facts, server_tls)


@fetch("ssl_fc_has_sni", type=Type.BOOL, source=CLIENT)
def has_server_name(stream: Stream) -> bool:
    """Did the client name a server?"""
    facts = client_facts(stream)
    return facts is not None and bool(facts.sni)


@fetch("ssl_fc_sni", type=Type.STR, source=CLIENT)
def server_name(stream: Stream) -> bytes | None:
    """The server the client named."""
    facts = client_facts(stream)
    return None if facts is None else _text(facts.sni)


@fetch("ssl_fc_has_crt", type=Type.BOOL, source=CLIENT)
def has_certificate(stream: Stream) -> bool:
    """Did the client show a certificate in this handshake?"""
    facts = client_facts(stream)
    return facts is not None and not facts.session_reused and facts.peer_certificate is not None


@fetch("ssl_fc_has_early", type=Type.BOOL, source=CLIENT)
def has_early_data(stream: Stream) -> bool:
    """Early data is not spoken."""
    return False


# -- certificates


@lru_cache(maxsize=1024)
def parsed(der: bytes) -> x509.Certificate:
    """A certificate; the same ones come again and again."""
    from cryptography import x509  # where there is a certificate it is loaded

    return x509.load_der_x509_certificate(der)


def shown_by_client(stream: Stream) -> x509.Certificate | None:
    """The client's certificate."""
    facts = client_facts(stream)
    der = None if facts is None else facts.peer_certificate
    return None if der is None else parsed(der)


def shown_to_client(stream: Stream) -> x509.Certificate | None:
    """Our certificate on the client's side."""
    facts = client_facts(stream)
    served = None if facts is None else facts.served
    leaf: x509.Certificate | None = None if served is None else served.leaf
    return leaf


def shown_by_server(stream: Stream) -> x509.Certificate | None:
    """The server's certificate."""
    facts = server_facts(stream)
    der = None if facts is None else facts.peer_certificate
    return None if der is None else parsed(der)


def serial(certificate: x509.Certificate) -> bytes:
    number = certificate.serial_number
    return Binary(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def key_algorithm(certificate: x509.Certificate) -> bytes | None:
    """OpenSSL's long name of the key's kind."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return b"rsaEncryption"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return b"id-ecPublicKey"
    return b"dsaEncryption" if isinstance(key, dsa.DSAPublicKey) else None


SIGNATURES = {
    "1.2.840.113549.1.1.5": b"RSA-SHA1", "1.2.840.113549.1.1.11": b"RSA-SHA256", "1.2.840.113549.1.1.12": b"RSA-SHA384",
    "1.2.840.113549.1.1.13": b"RSA-SHA512", "1.2.840.10045.4.3.2": b"ecdsa-with-SHA256", "1.2.840.10045.4.3.3": b"ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": b"ecdsa-with-SHA512", "1.3.101.112": b"ED25519", "1.2.840.113549.1.1.4": b"RSA-MD5",
}  # fmt: skip


def fingerprint(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import hashes

    return Binary(certificate.fingerprint(hashes.SHA1()))


def time_text(moment: Any) -> bytes:
    """YYMMDDhhmmss[Z], as certificates write it."""
    return str(moment.strftime("%y%m%d%H%M%SZ")).encode()


def der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Binary(certificate.public_bytes(Encoding.DER))


CERTIFICATE: dict[str, tuple[Type, Callable[[x509.Certificate], Any]]] = {
    "der": (Type.BIN, der),
    "key_alg": (Type.STR, key_algorithm),
    "notafter": (Type.STR, lambda certificate: time_text(certificate.not_valid_after_utc)),
    "notbefore": (Type.STR, lambda certificate: time_text(certificate.not_valid_before_utc)),
    "serial": (Type.BIN, serial),
    "sha1": (Type.BIN, fingerprint),
    "sig_alg": (Type.STR, lambda certificate: SIGNATURES.get(certificate.signature_algorithm_oid.dotted_string)),
    "version": (Type.SINT, lambda certificate: certificate.version.value + 1),
}


def distinguished_name(name: x509.Name, entry: str | None, position: int | None, layout: str | None) -> bytes | None:
    """A name as ``/C=FR/CN=x``, as RFC 2253 text, or one entry of it, counted from either end."""
    parts = [(NAMES.get(attribute.oid._name, attribute.oid._name), str(attribute.value)) for attribute in name]
    if entry:
        values = [value for key, value in parts if key.lower() == entry.lower()]
        if not values:
            return None
        number = position or 1
        index = number - 1 if number > 0 else number
        return values[index].encode() if -len(values) <= index < len(values) else None
    if layout == "rfc2253":
        return ",".join(f"{key}={value}" for key, value in reversed(parts)).encode() or None
    return "".join(f"/{key}={value}" for key, value in parts).encode() or None


def _certificate(prefix: str, source: Source, find: Callable[[Any], x509.Certificate | None]) -> None:
    """The fetches of one certificate."""

    def read_with(read: Callable[[x509.Certificate], Any]) -> Callable[[Any], Any]:
        def call(stream: Stream) -> Any:
            """A fact of the certificate."""
            certificate = find(stream)
            return None if certificate is None else read(certificate)

        return call

    for name, (type, read) in CERTIFICATE.items():
        fetch(f"{prefix}_{name}", type=type, source=source)(read_with(read))
    for suffix, attribute in (("i_dn", "issuer"), ("s_dn", "subject")):

        def name_factory(
            context: CompileContext, entry: str | None = None, position: int | None = None, layout: str | None = None, attribute: str = attribute
        ) -> Callable[[Any], bytes | None]:
            """Issuer or subject of the certificate."""
            return read_with(lambda certificate: distinguished_name(getattr(certificate, attribute), entry, position, layout))

        fetch(f"{prefix}_{suffix}", type=Type.STR, source=source, args="[string,integer,string]", factory=True)(name_factory)


_certificate("ssl_c", CLIENT, shown_by_client)
_certificate("ssl_f", CLIENT, shown_to_client)
_certificate("ssl_s", CLIENT, shown_by_server)


@fetch("ssl_c_used", type=Type.BOOL, source=CLIENT)
def client_certificate_used(stream: Stream) -> bool:
    """Did the client show a certificate?"""
    return shown_by_client(stream) is not None


def _verification(name: str, read: Callable[[Any], int]) -> None:
    def call(stream: Stream) -> int | None:
        """What verifying the client's certificate found."""
        facts = client_facts(stream)
        return None if facts is None else read(facts)

    fetch(name, type=Type.SINT, source=CLIENT)(call)


_verification("ssl_c_verify", lambda facts: int(facts.verify_result))
_verification("ssl_c_err", lambda facts: int(facts.peer.certificate_error))
_verification("ssl_c_ca_err", lambda facts: int(facts.peer.ca_error))
_verification("ssl_c_ca_err_depth", lambda facts: int(facts.peer.ca_error_depth))


def _chain(prefix: str, facts_of: Facts) -> None:
    def chain(stream: Stream) -> bytes | None:
        """Every certificate the peer sent in this handshake; kept sessions forget them."""
        facts = facts_of(stream)
        return None if facts is None or facts.session_reused else _bytes(b"".join(facts.peer_chain))

    fetch(prefix + "_chain_der", type=Type.BIN, source=CLIENT)(chain)


_chain("ssl_c", client_facts)
_chain("ssl_s", server_facts)
