"""What the TLS words of `bind` and `server` lines say (configuration.txt 5.1, 5.2): plain records, no OpenSSL here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

EXTRA_FILES = frozenset(["bundle", "sctl", "ocsp", "issuer", "key"])  # what `ssl-load-extra-files` may name; all of it is the default
SPOKEN = ("http/1.1", "http/1.0")  # ALPN names that an HTTP proxy can talk; others are accepted on the line and not offered


@dataclass(slots=True)
class TlsBind:
    """TLS of a `bind` line; also `ssl-default-bind-*`. Versions are 'SSLv3', 'TLSv1.0' ... 'TLSv1.3'; None: not set."""

    certificates: list[str] = field(default_factory=list)  # crt FILE|DIR, in order
    crt_lists: list[str] = field(default_factory=list)
    ca_file: str | None = None
    ca_verify_file: str | None = None
    crl_file: str | None = None
    no_ca_names: bool = False
    verify: str | None = None  # none optional required
    min_version: str | None = None
    max_version: str | None = None
    disabled_versions: set[str] = field(default_factory=set)  # no-tlsv10 ...
    forced_version: str | None = None
    ciphers: str | None = None
    ciphersuites: str | None = None
    curves: str | None = None
    ecdhe: str | None = None
    alpn: list[str] | None = None
    npn: list[str] | None = None
    strict_sni: bool = False
    no_tls_tickets: bool = False
    prefer_client_ciphers: bool = False
    allow_0rtt: bool = False
    crt_ignore_err: str | None = None
    ca_ignore_err: str | None = None
    tls_ticket_keys: str | None = None
    ca_sign_file: str | None = None
    generate_certificates: bool = False
    default_dh_param: int | None = None
    dh_parameters: bytes | None = None  # `ssl-dh-param-file`, for certificates without their own


@dataclass(slots=True)
class TlsServer:
    """TLS of a `server` line; also `ssl-default-server-*`."""

    verify: str | None = None  # none required
    ca_file: str | None = None
    crl_file: str | None = None
    crt: str | None = None
    verifyhost: str | None = None
    alpn: list[str] | None = None
    npn: list[str] | None = None
    min_version: str | None = None
    max_version: str | None = None
    disabled_versions: set[str] = field(default_factory=set)
    forced_version: str | None = None
    ciphers: str | None = None
    ciphersuites: str | None = None
    no_ssl_reuse: bool = False
    no_tls_tickets: bool = False
    allow_0rtt: bool = False


class KeptSession:
    """The TLS session that a server gave last, for its next connection with the same SNI, be it for traffic or a check."""

    __slots__ = ("name", "session")

    def __init__(self) -> None:
        self.name: str | None = None
        self.session: Any = None
