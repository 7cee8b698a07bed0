"""crt-list files and the choice of a certificate by SNI (configuration.txt 5.1 `crt`, `crt-list`, `strict-sni`).

Choice: among the certificates whose exact name or first-label wildcard fits, an ECDSA one when the client can use it, else
another; a negative filter takes its own line's wildcard away, nobody else's. Nothing fits: the first certificate, or nobody
with `strict-sni`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pylb.base.errors import Alert
from pylb.wire.certs import Certificate, CertificateStore
from pylb.wire.hello import ClientHello
from pylb.wire.tls_options import TlsBind

VERSIONS = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
VERIFY_METHODS = ("none", "optional", "required")


@dataclass(slots=True)
class Offer:
    """One certificate of a bind line: what differs from the line, the names it serves, and its OpenSSL context once built."""

    certificate: Certificate
    overrides: dict[str, Any] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    source: str | None = None  # crt-list file and line, for `show ssl crt-list`
    context: Any = None

    @property
    def names(self) -> list[str]:
        """SNI filters, or the certificate's own names when there are none."""
        return [name.lower() for name in self.filters] or self.certificate.names


class SniTable:
    """SNI -> offer."""

    def __init__(self, offers: list[Offer], strict: bool) -> None:
        self.offers, self.strict = offers, strict
        self.default = offers[0] if offers else None
        self.exact: dict[str, list[Offer]] = {}
        self.wild: dict[str, list[Offer]] = {}
        self.denied: dict[str, list[Offer]] = {}
        for offer in offers:
            for name in offer.names:
                self._add(name, offer)

    def _add(self, name: str, offer: Offer) -> None:
        table = self.exact
        if name.startswith("!"):
            name, table = name[1:], self.denied
        elif name.startswith("*"):
            name, table = name[1:], self.wild
        bucket = table.setdefault(name, [])
        if offer not in bucket:
            bucket.append(offer)

    def fitting(self, name: str) -> list[Offer]:
        """Every offer for `name` (lower case): exact ones, then wildcards."""
        first, dot, rest = name.partition(".")
        denied = self.denied.get(name, ())
        wild = [offer for offer in self.wild.get(dot + rest, ()) if offer not in denied] if dot else []
        return [*self.exact.get(name, ()), *wild]

    def choose(self, hello: ClientHello | None) -> Offer | None:
        """The offer for a client; None: refuse it."""
        name = hello.name if hello else None
        if hello and name:
            fitting = self.fitting(name)
            if fitting:
                wanted = hello.signs_ecdsa
                return next((offer for offer in fitting if offer.certificate.is_ecdsa == wanted), fitting[0])
        return None if self.strict else self.default


def offers_of(options: TlsBind, store: CertificateStore, crt_base: str | None = None) -> list[Offer]:
    """Every certificate of a bind line: its `crt` first, then its crt-lists."""
    offers = [Offer(certificate) for path in options.certificates for certificate in store.crt(path)]
    for path in options.crt_lists:
        offers += read_crt_list(path, store, crt_base)
    return offers


def read_crt_list(path: str, store: CertificateStore, crt_base: str | None = None) -> list[Offer]:
    """The offers of a crt-list file; its Alerts carry the `'crt-list' : ` prefix of HAProxy."""
    try:
        text = Path(path).read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise Alert(f"'crt-list' : cannot open file '{path}' : {error.strerror}") from None
    try:
        return [offer for number, line in enumerate(text.splitlines(keepends=True), 1) for offer in _line(path, number, line, store, crt_base)]
    except Alert as error:
        raise Alert(f"'crt-list' : {error}") from None


def _line(path: str, number: int, line: str, store: CertificateStore, crt_base: str | None) -> Iterator[Offer]:
    where = f"parsing [{path}:{number}]: "
    if not line.endswith("\n"):
        raise Alert(f"{where}Missing LF on last line, file might have been truncated at position {len(line) + 1}.")
    words = line.split()
    if not words or words[0].startswith("#"):
        return
    file = words[0] if words[0].startswith(("/", "@")) or not crt_base else f"{crt_base}/{words[0]}"
    options, filters, malformed = _split_line(words[1:], where)
    if malformed:
        store.warnings.append(f"'crt-list' : {where}malformated line, filters can't be between filename and options!")
    overrides = _overrides(options, where, store)
    for certificate in store.crt(file):
        yield Offer(certificate, overrides, filters, f"{path}:{number}")


def _split_line(words: list[str], where: str) -> tuple[list[str], list[str], bool]:
    options: list[str] = []
    filters: list[str] = []
    opened = closed = malformed = False
    for word in words:
        if word.startswith("["):
            if opened:
                raise Alert(f"{where}too many '['")
            opened, malformed, word = True, bool(filters), word[1:]
        inside, ends = opened and not closed, word.endswith("]")
        if ends and not inside:
            raise Alert(f"{where}" + ("too many ']'" if closed else "missing '['"))
        closed, word = closed or ends, word.removesuffix("]") if ends else word
        if word:
            (options if inside else filters).append(word)
    return options if closed else [], filters, malformed  # HAProxy takes no option of a bracket that is never closed


def _overrides(words: list[str], where: str, store: CertificateStore) -> dict[str, Any]:
    found: dict[str, Any] = {}
    index = 0
    while index < len(words):
        word = words[index]
        if word in FLAGS:
            found[FLAGS[word]] = True
            index += 1
        elif word in VALUES:
            name, convert = VALUES[word]
            if index + 1 < len(words):
                found[name] = convert(word, words[index + 1], store)
            index += 2
        else:
            raise Alert(f"{where}unknown ssl keyword {word}")
    return found


def protocols(text: str) -> list[str]:
    """An `alpn` or `npn` value as a list."""
    return [name for name in text.split(",") if name]


def verify_method(word: str, value: str) -> str:
    """The value of `verify` on a bind line."""
    if value not in VERIFY_METHODS:
        raise Alert(f"'{word}' : unknown verify method '{value}', only 'none', 'optional', and 'required' are supported")
    return value


def version(value: str) -> str:
    """The value of `ssl-min-ver` and `ssl-max-ver`."""
    if value not in VERSIONS:
        raise Alert(f"'{value}' : unknown ssl/tls version")
    return value


def _authorities(word: str, value: str, store: CertificateStore) -> str:
    store.ca(value)
    return value


FLAGS = {"allow-0rtt": "allow_0rtt", "no-ca-names": "no_ca_names"}
VALUES: dict[str, tuple[str, Callable[[str, str, CertificateStore], Any]]] = {
    "alpn": ("alpn", lambda word, value, store: protocols(value)),
    "npn": ("npn", lambda word, value, store: protocols(value)),
    "ca-file": ("ca_file", _authorities),
    "ca-verify-file": ("ca_verify_file", _authorities),
    "crl-file": ("crl_file", _authorities),
    "ciphers": ("ciphers", lambda word, value, store: value),
    "ciphersuites": ("ciphersuites", lambda word, value, store: value),
    "curves": ("curves", lambda word, value, store: value),
    "ecdhe": ("ecdhe", lambda word, value, store: value),
    "verify": ("verify", lambda word, value, store: verify_method(word, value)),
    "ssl-min-ver": ("min_version", lambda word, value, store: version(value)),
    "ssl-max-ver": ("max_version", lambda word, value, store: version(value)),
}
