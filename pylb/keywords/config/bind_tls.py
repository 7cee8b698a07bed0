"""The TLS words of `bind` lines and `ssl-default-bind-*` (configuration.txt 3.1, 5.1)."""

from __future__ import annotations

import os
from collections.abc import Callable

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import bind_keyword, keyword
from pylb.config.tls import store_of
from pylb.wire.tls_options import TlsBind, TlsServer

VERSIONS = {"sslv3": "SSLv3", "tlsv10": "TLSv1.0", "tlsv11": "TLSv1.1", "tlsv12": "TLSv1.2", "tlsv13": "TLSv1.3"}
MOST_VERIFY_ERROR = 94


def tls_of(listener: model.Bind, args: Args) -> TlsBind:
    """The listener's TLS settings, which have no effect without the word `ssl`."""
    if listener.tls is None:
        listener.tls = TlsBind()
    return listener.tls


def argument(args: Args, complaint: str) -> str:
    """The word's argument; the complaint follows the word's name."""
    return args.word(f"'{args.at(args.index - 1)}' : {complaint}")


@bind_keyword("ssl")
def ssl(listener: model.Bind, args: Args) -> None:
    """Speak TLS."""
    listener.ssl = True
    tls_of(listener, args)


def _text(name: str, slot: str, complaint: str, check: Callable[[str, Args], None] | None = None) -> None:
    """Register a word with one argument."""

    def keep(listener: model.Bind, args: Args) -> None:
        """A TLS setting."""
        value = argument(args, complaint)
        if check is not None:
            check(value, args)
        setattr(tls_of(listener, args), slot, value)

    bind_keyword(name, usage="<value>")(keep)


def ca_path(path: str, args: Args) -> str:
    """A relative path is below `ca-base`."""
    base = args.config.global_.ca_base
    return f"{base}/{path}" if base and not path.startswith(("/", "@")) else path


def certificate_path(path: str, args: Args) -> str:
    """A relative path is below `crt-base`."""
    base = args.config.global_.crt_base
    return f"{base}/{path}" if base and not path.startswith("/") else path


def _authority(name: str, slot: str, complaint: str) -> None:
    """Register a word that names a file of authorities or of revocations."""

    def load(listener: model.Bind, args: Args) -> None:
        """A file that must be readable."""
        path = ca_path(argument(args, complaint), args)
        try:
            store_of(args.config).ca(path)
        except Alert as error:
            args.reading.fail(str(error))
            raise Alert(f"'{name}' : unable to load {path}")
        setattr(tls_of(listener, args), slot, path)

    bind_keyword(name, usage="<file>")(load)


_text("ciphers", "ciphers", "missing cipher suite")
_text("ciphersuites", "ciphersuites", "missing cipher suite")
_text("curves", "curves", "missing curve suite")
_text("ecdhe", "ecdhe", "missing named curve")
_text("ca-sign-file", "ca_sign_file", "missing CAfile path")
_text("ca-sign-pass", "ca_sign_pass", "missing CAkey password")
_authority("ca-file", "ca_file", "missing CAfile path")
_authority("ca-verify-file", "ca_verify_file", "missing CAfile path")
_authority("crl-file", "crl_file", "missing CRLfile path")


@bind_keyword("crt", usage="<file>|<directory>")
def crt(listener: model.Bind, args: Args) -> None:
    """A certificate with its key, or a directory of them."""
    path = certificate_path(argument(args, "missing certificate location"), args)
    store_of(args.config).crt(path)
    tls_of(listener, args).certificates.append(path)


@bind_keyword("crt-list", usage="<file>")
def crt_list(listener: model.Bind, args: Args) -> None:
    """A list of certificates with names and options."""
    from pylb.wire.crt_list import read_crt_list

    path = certificate_path(argument(args, "missing certificate location"), args)
    read_crt_list(path, store_of(args.config), args.config.global_.crt_base)
    tls_of(listener, args).crt_lists.append(path)


@bind_keyword("tls-ticket-keys", usage="<file>")
def tls_ticket_keys(listener: model.Bind, args: Args) -> None:
    """The keys of session tickets."""
    path = argument(args, "missing TLS ticket keys file path")
    if not os.access(path, os.R_OK):
        raise Alert(f"'{path}' : unable to load ssl tickets keys file")
    tls_of(listener, args).tls_ticket_keys = path


@bind_keyword("alpn", usage="<protocols>")
def alpn(listener: model.Bind, args: Args) -> None:
    """The protocols to offer, best first."""
    tls_of(listener, args).alpn = [name for name in argument(args, "missing the comma-delimited ALPN protocol suite").split(",") if name]


@bind_keyword("npn", usage="<protocols>")
def npn(listener: model.Bind, args: Args) -> None:
    """The protocols to offer to clients of before ALPN."""
    tls_of(listener, args).npn = [name for name in argument(args, "missing the comma-delimited NPN protocol suite").split(",") if name]


@bind_keyword("verify", usage="[none|optional|required]")
def verify(listener: model.Bind, args: Args) -> None:
    """Whether clients must show a certificate."""
    method = argument(args, "missing verify method")
    if method not in ("none", "optional", "required"):
        raise Alert(f"'verify' : unknown verify method '{method}', only 'none', 'optional', and 'required' are supported")
    tls_of(listener, args).verify = method


def _ignored_errors(name: str, slot: str) -> None:
    """Register a word that lists verification errors to overlook."""

    def keep(listener: model.Bind, args: Args) -> None:
        """Verification errors to overlook."""
        text = argument(args, "missing error IDs list")
        for part in text.split(",") if text != "all" else ():
            number = leading_integer(part)
            if not 1 <= number <= MOST_VERIFY_ERROR:
                raise Alert(f"'{name}' : ID '{number}' out of range (1..{MOST_VERIFY_ERROR}) in error IDs list '{text}'")
        setattr(tls_of(listener, args), slot, text)

    bind_keyword(name, usage="[all|<id>,...]")(keep)


_ignored_errors("crt-ignore-err", "crt_ignore_err")
_ignored_errors("ca-ignore-err", "ca_ignore_err")


def read_version(text: str) -> str:
    """``TLSv1.2`` as written; raises Alert for others."""
    if text not in VERSIONS.values():
        raise Alert(f"'{text}' : unknown ssl/tls version")
    return text


def set_option(tls: TlsBind | TlsServer, word: str) -> bool:
    """The words that bind lines, server lines and their global defaults share; False when `word` is not one."""
    if word.startswith("no-") and word[3:] in VERSIONS:
        tls.disabled_versions.add(VERSIONS[word[3:]])
    elif word.startswith("force-") and word[6:] in VERSIONS:
        tls.forced_version = VERSIONS[word[6:]]
    elif word == "no-tls-tickets":
        tls.no_tls_tickets = True
    elif isinstance(tls, TlsBind) and word in ("strict-sni", "prefer-client-ciphers", "allow-0rtt", "generate-certificates", "no-ca-names"):
        setattr(tls, word.replace("-", "_"), True)
    else:
        return False
    return True


def _flag(name: str) -> None:
    """Register a word without argument."""

    def set_flag(listener: model.Bind, args: Args) -> None:
        """A switch of TLS."""
        set_option(tls_of(listener, args), name)

    bind_keyword(name)(set_flag)


for _version in VERSIONS:
    _flag(f"no-{_version}")
    _flag(f"force-{_version}")
for _name in ("no-tls-tickets", "strict-sni", "prefer-client-ciphers", "allow-0rtt", "generate-certificates", "no-ca-names"):
    _flag(_name)


def _version_word(name: str, slot: str) -> None:
    def keep(listener: model.Bind, args: Args) -> None:
        """A limit of the protocol's version."""
        setattr(tls_of(listener, args), slot, read_version(argument(args, "missing the ssl/tls version")))

    bind_keyword(name, usage="<version>")(keep)


_version_word("ssl-min-ver", "min_version")
_version_word("ssl-max-ver", "max_version")


def _global_text(name: str, owner: str, slot: str) -> None:
    """Register a `ssl-default-*` word with one argument."""

    def keep(settings: model.Global, args: Args) -> None:
        """A default for all TLS lines."""
        if not args.at(1):
            raise Alert(f"global statement '{name}' expects a {'curves suite' if slot == 'curves' else 'cipher suite'} as an argument.")
        args.at_most(1)
        setattr(getattr(settings, owner), slot, args.at(1))

    keyword(name, sections=("global",), usage="<value>")(keep)


_global_text("ssl-default-bind-ciphers", "bind_tls", "ciphers")
_global_text("ssl-default-bind-ciphersuites", "bind_tls", "ciphersuites")
_global_text("ssl-default-bind-curves", "bind_tls", "curves")
_global_text("ssl-default-server-ciphers", "server_tls", "ciphers")
_global_text("ssl-default-server-ciphersuites", "server_tls", "ciphersuites")


def _global_options(name: str, owner: str) -> None:
    """Register `ssl-default-bind-options` or `ssl-default-server-options`."""

    def keep(settings: model.Global, args: Args) -> None:
        """Options for all TLS lines."""
        if not args.at(1):
            raise Alert(f"global statement '{name}' expects an option as an argument.")
        tls = getattr(settings, owner)
        while word := args.next():
            if word in ("ssl-min-ver", "ssl-max-ver"):
                version = args.next()
                if not version:
                    raise Alert(f"'{word}' : missing the ssl/tls version on global statement '{name}'.")
                if version not in VERSIONS.values():
                    raise Alert(f"'{version}' : unknown ssl/tls version on global statement '{name}'.")
                setattr(tls, f"{word[4:7]}_version", version)
            elif word in ("generate-certificates", "no-ca-names", "allow-0rtt") or not set_option(tls, word):
                raise Alert(f"unknown option '{word}' on global statement '{name}'.")

    keyword(name, sections=("global",), usage="[<option>]...")(keep)


_global_options("ssl-default-bind-options", "bind_tls")
_global_options("ssl-default-server-options", "server_tls")


def complete(listener: model.Bind, settings: model.Global) -> None:
    """Give a TLS line the global defaults for what it does not say; forget TLS words where `ssl` is missing."""
    if not listener.ssl or listener.tls is None:
        listener.tls = None
        return
    inherit(listener.tls, settings.bind_tls)


def inherit(tls: TlsBind | TlsServer, defaults: TlsBind | TlsServer) -> None:
    """What the `ssl-default-*` words hand down."""
    for slot in ("ciphers", "ciphersuites", "curves"):
        if getattr(tls, slot, None) is None and getattr(defaults, slot, None):
            setattr(tls, slot, getattr(defaults, slot))
    if not (tls.min_version or tls.max_version or tls.forced_version):
        tls.min_version, tls.max_version, tls.forced_version = defaults.min_version, defaults.max_version, defaults.forced_version
    elif not tls.forced_version:
        tls.min_version, tls.max_version = tls.min_version or defaults.min_version, tls.max_version or defaults.max_version
    tls.disabled_versions |= defaults.disabled_versions
    for slot in ("no_tls_tickets", "strict_sni", "prefer_client_ciphers"):
        if getattr(defaults, slot, False):
            setattr(tls, slot, True)
