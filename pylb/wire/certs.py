"""Certificates as files: PEM bundles with their side files, directories, CA files; the store the runtime API edits.

Invariants: a file is read once and shared by name; a `Certificate` is complete (its key fits) or an Alert was raised, in
HAProxy's words (configuration.txt 5.1 `crt`, `ca-file`, `crl-file`; 3.1 `ssl-load-extra-files`).
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

from pylb.base.errors import Alert
from pylb.wire.tls_options import EXTRA_FILES

SIDE_FILES = (".key", ".issuer", ".ocsp", ".sctl")
BUNDLE_SUFFIXES = (".rsa", ".dsa", ".ecdsa")
CA_SUFFIXES = (".pem", ".crt", ".cer", ".crl")

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL)
_CERTIFICATE_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")


@dataclass(slots=True)
class Certificate:
    """One `crt`: leaf, key, what is sent along, and what its side files said."""

    path: str
    leaf: x509.Certificate
    key: PrivateKeyTypes
    chain: list[x509.Certificate] = field(default_factory=list)
    issuer: x509.Certificate | None = None
    ocsp: bytes | None = None  # DER; b"" switches stapling on without a response yet
    sctl: bytes | None = None
    dh_parameters: bytes | None = None  # PEM

    @property
    def names(self) -> list[str]:
        """Names it may serve: every CN and DNS SAN, lower case, in order, without doubles."""
        return list(dict.fromkeys([*common_names(self.leaf), *dns_names(self.leaf)]))

    @property
    def is_ecdsa(self) -> bool:
        return isinstance(self.leaf.public_key(), ec.EllipticCurvePublicKey)

    @property
    def serial(self) -> str:
        """Serial number in upper case hexadecimal, whole bytes."""
        digits = f"{self.leaf.serial_number:X}"
        return digits.zfill(len(digits) + len(digits) % 2)

    @property
    def fingerprint(self) -> str:
        """SHA-1 of the DER form, upper case hexadecimal."""
        return self.leaf.fingerprint(hashes.SHA1()).hex().upper()


def common_names(certificate: x509.Certificate) -> list[str]:
    """Every CN of the subject, lower case."""
    return [_text(attribute.value).lower() for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The DNS names of the subject alternative names, lower case."""
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    assert isinstance(extension, x509.SubjectAlternativeName)
    return [name.lower() for name in extension.get_values_for_type(x509.DNSName)]


def name_matches(pattern: str, host: str) -> bool:
    """Does a certificate's name stand for `host`? A wildcard is a whole first label and takes exactly one label (RFC 6125 6.4.3)."""
    pattern, host = pattern.lower(), host.lower()
    if pattern == host:
        return True
    return pattern.startswith("*.") and "." in host and pattern[1:] == host[host.index(".") :] and not host.startswith(".")


class CertificateStore:
    """The certificates by file name. Contexts are built from here, so replacing an entry and building again is an update."""

    def __init__(self, extra_files: frozenset[str] = EXTRA_FILES, del_ext: bool = False) -> None:
        self.extra_files, self.del_ext = extra_files, del_ext
        self.certificates: dict[str, Certificate] = {}
        self.authorities: dict[str, Authorities] = {}
        self.warnings: list[str] = []
        self.prepared: tuple[str, Certificate | None] | None = None  # `set ssl cert`, before its commit; None: no key came with it
        self.empty: set[str] = set()  # `new ssl cert`, before anything was set

    def crt(self, path: str) -> list[Certificate]:
        """What `crt PATH` names: a file, every file of a directory, or the parts of a multi-algorithm bundle."""
        found = self.certificates.get(path)
        if found is not None:
            return [found]
        if os.path.isdir(path):
            return [self.load(name) for name in _directory(path)]
        if os.path.exists(path):
            return [self.load(path)]
        parts = [path + suffix for suffix in BUNDLE_SUFFIXES if os.path.exists(path + suffix)] if "bundle" in self.extra_files else []
        if not parts:
            raise Alert(f"unable to stat SSL certificate from file '{path}' : {_stat_error(path)}.")
        return [self.load(part) for part in parts]

    def server_crt(self, path: str) -> Certificate:
        """What `crt PATH` of a `server` line names: one file."""
        if path not in self.certificates and not os.path.isfile(path):
            raise Alert(f"unable to stat SSL certificate from file '{path}' : {_stat_error(path)}.")
        return self.load(path)

    def load(self, path: str) -> Certificate:
        """The certificate of one file, read at first use."""
        if path not in self.certificates:
            self.certificates[path] = self.read(path, _read(path, f"unable to load certificate from file '{path}'."))
        return self.certificates[path]

    def read(self, path: str, pem: bytes) -> Certificate:
        """Make a Certificate of `pem`, completed by the side files of `path`; the store itself is not changed."""
        key = _first_key(pem)
        certificates = _certificates(pem, path)
        if key is None:
            key = self._separate_key(path)
        if _spki(certificates[0].public_key()) != _spki(key.public_key()):
            raise Alert(f"inconsistencies between private key and certificate loaded '{path}'.")
        dh = next((match.group(0) + b"\n" for match in _PEM.finditer(pem) if match.group(1) == b"DH PARAMETERS"), None)
        certificate = Certificate(path, certificates[0], key, certificates[1:], dh_parameters=dh)
        self._side_files(certificate)
        return certificate

    def replace(self, path: str, pem: bytes) -> Certificate:
        """Put a new version of `path` in the store (`set ssl cert`, then `commit ssl cert`)."""
        self.certificates[path] = certificate = self.read(path, pem)
        return certificate

    def ca(self, path: str) -> Authorities:
        """The authorities (or revocation lists) of a file, a directory or `@system-ca`, read at first use."""
        if path not in self.authorities:
            self.authorities[path] = self._read_authorities(path)
        return self.authorities[path]

    def _read_authorities(self, path: str) -> Authorities:
        if path == "@system-ca":
            return _system_authorities()
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if name.endswith(CA_SUFFIXES) and not name.startswith("."))
            parts = [read_authorities(path, Path(path, name).read_bytes()) for name in names]
            merged = Authorities(path, [ca for part in parts for ca in part.certificates], [crl for part in parts for crl in part.revocations])
            if not merged.certificates:
                self.warnings.append(f"ca-file: 0 CA were loaded from '{path}'")
            return merged
        try:
            authorities = read_authorities(path, Path(path).read_bytes())
        except OSError as error:
            raise Alert(f"Couldn't open the ca-file '{path}' ({os.strerror(error.errno or 0)}).") from None
        if not authorities.certificates and not authorities.revocations:
            raise Alert(f"Couldn't open the ca-file '{path}' (no certificate or crl found).")
        return authorities

    def _beside(self, path: str, suffix: str) -> str:
        return path.removesuffix(".crt") + suffix if self.del_ext else path + suffix

    def _separate_key(self, path: str) -> PrivateKeyTypes:
        name = self._beside(path, ".key")
        if "key" not in self.extra_files or not os.path.exists(name):
            raise Alert(f"No Private Key found in '{name if 'key' in self.extra_files else path}'.")
        try:
            key = _first_key(Path(name).read_bytes())
        except OSError:
            key = None
        if key is None:
            raise Alert(f"\n  unable to load private key from file '{name}'.\n   '{name}' is present but cannot be read or parsed'.")
        return key

    def _side_files(self, certificate: Certificate) -> None:
        path = certificate.path
        if "sctl" in self.extra_files and os.path.exists(name := self._beside(path, ".sctl")):
            certificate.sctl = Path(name).read_bytes()
            if not _is_sctl(certificate.sctl):
                raise Alert(f" '{name}.sctl' is present but cannot be read or parsed'.")
        certificate.issuer = next((ca for ca in certificate.chain if ca.subject == certificate.leaf.issuer), None)
        if "ocsp" not in self.extra_files or not os.path.exists(name := self._beside(path, ".ocsp")):
            return
        if certificate.issuer is None and "issuer" in self.extra_files and os.path.exists(issuer := self._beside(path, ".issuer")):
            certificate.issuer = next(iter(read_authorities(issuer, Path(issuer).read_bytes()).certificates), None)
        if certificate.issuer is None:
            why = "it is impossible to compute the OCSP certificate ID (maybe the issuer could not be found)"
            raise Alert(f" '{name}' is present and activates OCSP but {why}'.")
        certificate.ocsp = Path(name).read_bytes()


@dataclass(slots=True)
class Authorities:
    """A ca-file or crl-file."""

    path: str
    certificates: list[x509.Certificate]
    revocations: list[x509.CertificateRevocationList] = field(default_factory=list)


def read_authorities(path: str, pem: bytes) -> Authorities:
    """Certificates and revocation lists of PEM text; what does not parse is left out, as OpenSSL's reader stops there."""
    found = Authorities(path, [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # about serial numbers of well-known authorities
        for match in _PEM.finditer(pem):
            try:
                if match.group(1) in _CERTIFICATE_LABELS:
                    found.certificates.append(x509.load_pem_x509_certificate(match.group(0)))
                elif match.group(1) == b"X509 CRL":
                    found.revocations.append(x509.load_pem_x509_crl(match.group(0)))
            except ValueError:
                break
    return found


def _system_authorities() -> Authorities:
    directory = os.environ.get("SSL_CERT_DIR", "/etc/ssl/certs")
    unique: dict[bytes, x509.Certificate] = {}
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        if os.path.isfile(file := os.path.join(directory, name)):
            for certificate in read_authorities(file, Path(file).read_bytes()).certificates:
                unique[certificate.fingerprint(hashes.SHA256())] = certificate
    return Authorities("@system-ca", list(unique.values()))


def _certificates(pem: bytes, path: str) -> list[x509.Certificate]:
    blocks = [match.group(0) for match in _PEM.finditer(pem) if match.group(1) in _CERTIFICATE_LABELS]
    loaded: list[x509.Certificate] = []
    for block in blocks:
        try:
            loaded.append(x509.load_pem_x509_certificate(block))
        except ValueError:
            what = "certificate chain" if loaded else "certificate"
            raise Alert(f"unable to load {what} from file '{path}'.") from None
    if not loaded:
        raise Alert(f"unable to load certificate from file '{path}'.")
    return loaded


def _first_key(pem: bytes) -> PrivateKeyTypes | None:
    """The first private key; one that is encrypted or broken counts as absent."""
    for match in _PEM.finditer(pem):
        if match.group(1).endswith(b"PRIVATE KEY"):
            try:
                return load_pem_private_key(match.group(0), None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                return None
    return None


def _directory(path: str) -> Iterator[str]:
    base = path.rstrip("/") or "/"
    for name in sorted(os.listdir(path), key=os.fsencode):
        full = f"{base}/{name}"
        if not name.startswith(".") and not name.endswith(SIDE_FILES) and os.path.isfile(full):
            yield full


def _is_sctl(data: bytes) -> bool:
    """Is this a SignedCertificateTimestampList: a length, then timestamps with their lengths (RFC 6962 3.3)?"""
    position, end = 2, 2 + int.from_bytes(data[:2], "big")
    if len(data) < 4 or end != len(data):
        return False
    while position < end:
        length = int.from_bytes(data[position : position + 2], "big")
        if length == 0:
            return False
        position += 2 + length
    return position == end


def _read(path: str, why: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise Alert(why) from None


def _stat_error(path: str) -> str:
    try:
        os.stat(path)
    except OSError as error:
        return os.strerror(error.errno or 0)
    return os.strerror(0)


def _spki(key: object) -> bytes:
    public: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return public


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
