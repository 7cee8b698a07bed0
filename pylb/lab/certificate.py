"""Throw-away certificates for the lab and the tests: everything a `crt` line needs, made on the spot."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(slots=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def bundle(self) -> bytes:
        """Certificate, then key: a `crt` file."""
        return self.certificate_pem + self.key_pem


def self_signed(names: list[str]) -> bytes:
    """A `crt` file for `names` (host names, wildcards, addresses), signed by itself, good for a year."""
    return issue(names[0], names).bundle


def issue(subject: str, names: Sequence[str] = (), issuer: Issued | None = None, key: str = "ec", days: float = 365, authority: bool = False) -> Issued:
    """Make a certificate with a new key ('ec' or 'rsa'); `issuer` None: self-signed. Negative `days`: expired that long ago."""
    private: Key = ec.generate_private_key(ec.SECP256R1()) if key == "ec" else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.now(datetime.UTC)
    start = now - datetime.timedelta(days=1 if days > 0 else 1 - days)
    builder = x509.CertificateBuilder(name if issuer is None else issuer.certificate.subject, name, private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(now + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
    return Issued(builder.sign(private if issuer is None else issuer.key, hashes.SHA256()), private)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
