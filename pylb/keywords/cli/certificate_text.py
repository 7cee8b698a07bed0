"""Certificates and crt-lists as text: `show ssl cert <file>`, `show ssl crt-list`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.control.registry import Answer, Level, Refusal, Words, command

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from pylb.control.interpreter import Cli
    from pylb.wire.certs import Certificate
    from pylb.wire.crt_list import Offer

SHORT_NAMES: Final = {"2.5.4.4": "SN", "2.5.4.42": "GN", "1.2.840.113549.1.9.1": "emailAddress", "2.5.4.5": "serialNumber", "2.5.4.12": "title"}
# Options of a crt-list line in the order they are shown.
OPTIONS: Final = (
    ("alpn", "alpn"), ("npn", "npn"), ("verify", "verify"), ("no_ca_names", "no-ca-names"), ("allow_0rtt", "allow-0rtt"), ("ca_file", "ca-file"),
    ("ca_verify_file", "ca-verify-file"), ("crl_file", "crl-file"), ("ciphers", "ciphers"), ("ciphersuites", "ciphersuites"), ("curves", "curves"),
    ("ecdhe", "ecdhe"), ("min_version", "ssl-min-ver"), ("max_version", "ssl-max-ver"),
)  # fmt: skip


def described(path: str, status: str, certificate: Certificate) -> str:
    """A certificate file in detail."""
    chain = "".join(f"Chain Subject: {subject(one.subject)}\nChain Issuer: {subject(one.issuer)}\n" for one in certificate.chain)
    return f"Filename: {path}\nStatus: {status}\n{details(certificate.leaf)}{chain}OCSP Response Key: \n"


def details(leaf: x509.Certificate) -> str:
    """What one certificate says."""
    from cryptography.hazmat.primitives.hashes import SHA1  # where there is a certificate it is loaded

    serial = f"{leaf.serial_number:X}"
    return (
        f"Serial: {serial.zfill(len(serial) + len(serial) % 2)}\n"
        f"notBefore: {date(leaf.not_valid_before_utc)}\nnotAfter: {date(leaf.not_valid_after_utc)}\n"
        f"Subject Alternative Name: {', '.join(alternative_names(leaf))}\nAlgorithm: {algorithm(leaf.public_key())}\n"
        f"SHA1 FingerPrint: {leaf.fingerprint(SHA1()).hex().upper()}\n"
        f"Subject: {subject(leaf.subject)}\nIssuer: {subject(leaf.issuer)}\n"
    )


def date(moment: datetime) -> str:
    """`Nov  3 16:37:24 2026 GMT`."""
    return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S %Y} GMT"


def alternative_names(leaf: x509.Certificate) -> list[str]:
    """The DNS names; names of other kinds are shown empty, as HAProxy does."""
    from cryptography import x509
    from cryptography.x509.oid import ExtensionOID

    try:
        extension: Any = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return [f"DNS:{name.value}" if isinstance(name, x509.DNSName) else "" for name in extension]


def algorithm(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC{key.curve.key_size}"
    return f"DSA{key.key_size}" if isinstance(key, dsa.DSAPublicKey) else "unknown"


def subject(name: x509.Name) -> str:
    """`/C=FR/CN=example`."""
    parts = []
    for attribute in name:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.decode("latin-1")
        parts.append(f"/{SHORT_NAMES.get(attribute.oid.dotted_string, attribute.rfc4514_attribute_name)}={value}")
    return "".join(parts)


# -- crt-lists


def certificate_lists(cli: Cli) -> dict[str, list[Offer]]:
    """Every crt-list file, and every directory that a `crt` names, with what it offers."""
    found: dict[str, list[Offer]] = {}
    for frontend in cli.process.frontends.values():
        for listener in frontend.listeners:
            context: Any = listener.tls
            if context is None:
                continue
            for path in (*context.options.crt_lists, *filter(os.path.isdir, context.options.certificates)):
                found[path] = [offer for offer in context.table.offers if belongs(offer, path)]
    return found


def belongs(offer: Offer, path: str) -> bool:
    if offer.source is not None:
        return offer.source.rpartition(":")[0] == path
    return os.path.dirname(offer.certificate.path) == path.rstrip("/")


@command(
    "show ssl crt-list",
    usage="show ssl crt-list [-n] [<list>]",
    help="show the list of crt-lists or the content of a crt-list file <list>",
    level=Level.ADMIN,
)
def show_crt_list(cli: Cli, words: Words) -> Answer:
    """The crt-lists, or the lines of one; -n numbers them."""
    numbered = words.at(0) == "-n"
    path = words.at(1 if numbered else 0)
    if numbered and not path:
        raise Refusal("'show ssl crt-list -n' expects a filename or a directory\n")
    found = certificate_lists(cli)
    if not path:
        return "".join(f"{name}\n" for name in sorted(found))
    if path not in found:
        raise Refusal("didn't find the specified filename\n")
    return list_lines(path, found[path], numbered)


def list_lines(path: str, offers: list[Offer], numbered: bool) -> Iterator[str]:
    yield f"# {path}\n"
    for offer in offers:
        number = offer.source.rpartition(":")[2] if offer.source is not None else "0"
        yield f"{offer.certificate.path}{f':{number}' if numbered else ''}{options(offer.overrides)}{''.join(f' {name}' for name in offer.filters)}\n"


def options(overrides: dict[str, Any]) -> str:
    """The bracketed part of a line; protocol names end with the NUL that HAProxy shows."""
    words = []
    for attribute, word in OPTIONS:
        value = overrides.get(attribute)
        if value is None or value is False:
            continue
        text = "" if value is True else " " + (",".join(value) + "\0" if isinstance(value, list) else str(value))
        words.append(word + text)
    return f" [{' '.join(words)}]" if words else ""
