"""The checks of TLS lines that HAProxy makes after everything is read: certificates present, versions left, ciphers known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Reading
from pylb.wire.tls_options import TlsBind, TlsServer

if TYPE_CHECKING:
    from pylb.wire.certs import CertificateStore

VERSIONS = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
UNVERIFIED = (
    "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to trust the server's certificate,"
    " please set an explicit 'verify none' statement on the 'server' line, or use 'ssl-server-verify none' in the global section"
    " to disable server-side verifications by default."
)


def store_of(config: model.Config) -> CertificateStore:
    """The store that every certificate goes to; the first use decides which side files are read, and loads what reads them."""
    if config.certificates is None:
        from pylb.wire.certs import CertificateStore

        config.certificates = CertificateStore(config.global_.ssl_extra_files, config.global_.ssl_extra_del_ext)
    return config.certificates


def check_binds(proxy: model.Proxy, reading: Reading) -> None:
    """All TLS listeners of a proxy."""
    seen: set[str] = set()
    for listener in proxy.binds:
        if listener.tls is not None and str(listener.place) not in seen:
            seen.add(str(listener.place))
            _check_bind(proxy, listener, listener.tls, reading)


def _check_bind(proxy: model.Proxy, listener: model.Bind, tls: TlsBind, reading: Reading) -> None:
    where = f"for bind '{listener.text}' at [{listener.place}]"
    who = f"Proxy '{proxy.name}': "
    store = reading.config.certificates
    count = sum(len(store.crt(path)) for path in tls.certificates) if store else 0
    if not count and not tls.crt_lists and not tls.generate_certificates:
        reading.fail(f"{who}no SSL certificate specified {where} (use 'crt').")
        return
    if tls.generate_certificates and not tls.ca_sign_file:
        reading.fail(f"{who}cannot enable certificate generation, no CA certificate File configured at [{listener.place}].")
        return
    if tls.disabled_versions and (tls.min_version or tls.max_version or tls.forced_version):
        reading.report.warning(f"{who}no-sslv3/no-tlsv1x are ignored {where}. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.")
    if not usable_versions(tls):
        reading.fail(f"{who}all SSL/TLS versions are disabled {where}.")
        return
    problems = []
    if tls.verify in ("optional", "required") and not tls.ca_file:
        problems.append(f"{who}verify is enabled but no CA file specified {where}.")
    problems += [f"{who}{problem} {where}." for problem in cipher_problems(tls)]
    for problem in problems:
        reading.fail("\n".join([problem] * (count + 1)))


def usable_versions(tls: TlsBind | TlsServer) -> list[str]:
    """The protocol versions that the settings leave."""
    if tls.forced_version:
        return [tls.forced_version]
    if tls.min_version or tls.max_version:
        low = VERSIONS.index(tls.min_version) if tls.min_version else 0
        high = VERSIONS.index(tls.max_version) if tls.max_version else len(VERSIONS) - 1
        return list(VERSIONS[low : high + 1])
    return [version for version in VERSIONS[1:] if version not in tls.disabled_versions]


def cipher_problems(tls: TlsBind | TlsServer) -> list[str]:
    """What OpenSSL does not know."""
    from OpenSSL import SSL  # heavy, and only for TLS

    problems = []
    context = SSL.Context(SSL.TLS_METHOD)
    if tls.ciphers:
        try:
            context.set_cipher_list(tls.ciphers.encode())
        except SSL.Error:
            problems.append(f"unable to set SSL cipher list to '{tls.ciphers}'")
    if tls.ciphersuites and not all(name in SUITES for name in tls.ciphersuites.split(":") if name):
        problems.append(f"unable to set TLS 1.3 cipher suites to '{tls.ciphersuites}'")
    curves = getattr(tls, "curves", None)
    if curves and not all(name in known_curves() for name in curves.split(":")):
        problems.append(f"unable to set SSL curves list to '{curves}'")
    ecdhe = getattr(tls, "ecdhe", None)
    if ecdhe and ecdhe not in known_curves():
        problems.append(f"unable to set elliptic named curve to '{ecdhe}'")
    return problems


SUITES = (
    *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    *("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"),
)


def known_curves() -> set[str]:
    """Names that OpenSSL takes for curves and groups."""
    names = {"P-256", "P-384", "P-521", "X25519", "X448", "prime256v1", "secp384r1", "secp521r1"}
    return names | {name.lower() for name in names} | {"ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192", "secp256k1", "secp224r1"}


def check_server_tls(proxy: model.Proxy, server: model.Server, reading: Reading) -> None:
    """A server's TLS: its own certificate, its ciphers, and somebody to trust."""
    tls = server.tls or server.check.tls
    if tls is None:
        return
    who = f"[{server.place}] : 'server {proxy.name}/{server.name}' : "
    settings = reading.config.global_
    if tls.verify is None:
        tls.verify = settings.ssl_server_verify
    if tls.crt is not None:
        try:
            store_of(reading.config).server_crt(tls.crt)
        except Alert as error:
            reading.fail(f"{who}{error}")
            return
    if tls.verify == "required" and not tls.ca_file:
        reading.fail(f"{who}{UNVERIFIED}")
        return
    for problem in cipher_problems(tls):
        reading.fail(f"{who}{problem}.")
