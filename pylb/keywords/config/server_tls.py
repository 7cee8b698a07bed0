"""The TLS words of `server` lines (configuration.txt 5.2)."""

from __future__ import annotations

from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import server_keyword
from pylb.config.tls import store_of
from pylb.keywords.config.bind_tls import VERSIONS, argument, ca_path, certificate_path, inherit, read_version, set_option
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint, available, needs
from pylb.wire.tls_options import TlsServer

UNVERIFIED = (
    "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to trust the server's certificate,"
    " please set an explicit 'verify none' statement on the 'server' line, or use 'ssl-server-verify none' in the global section"
    " to disable server-side verifications by default."
)


class Told(Alert):
    """A second message: the first one already said which server it is about."""


def tls_of(one: model.Server) -> TlsServer:
    """The server's TLS settings, which have no effect without `ssl` or `check-ssl`."""
    if one.tls is None:
        one.tls = TlsServer()
    return one.tls


@server_keyword("ssl")
def ssl(one: model.Server, args: Args) -> None:
    """Speak TLS to the server."""
    one.ssl = True
    tls_of(one)


@server_keyword("no-ssl")
def no_ssl(one: model.Server, args: Args) -> None:
    """Undo a `default-server ssl`."""
    one.ssl = False


def _text(name: str, slot: str, complaint: str) -> None:
    def keep(one: model.Server, args: Args) -> None:
        """A TLS setting."""
        setattr(tls_of(one), slot, argument(args, complaint))

    server_keyword(name, usage="<value>")(keep)


_text("ciphers", "ciphers", "missing cipher suite")
_text("ciphersuites", "ciphersuites", "missing cipher suite")
_text("verifyhost", "verifyhost", "missing hostname to verify against")


def _authority(name: str, slot: str, complaint: str) -> None:
    def load(one: model.Server, args: Args) -> None:
        """A file that must be readable."""
        path = ca_path(argument(args, complaint), args)
        try:
            store_of(args.config).ca(path)
        except Alert as error:
            args.reading.fail(f"[{args.place}] : {args.who}{error}")
            raise Told(f"'{name}' : unable to load {path}.")
        setattr(tls_of(one), slot, path)

    server_keyword(name, usage="<file>")(load)


_authority("ca-file", "ca_file", "missing CAfile path")
_authority("crl-file", "crl_file", "missing CRLfile path")


@server_keyword("crt", usage="<file>")
def crt(one: model.Server, args: Args) -> None:
    """The certificate to show to the server."""
    tls_of(one).crt = certificate_path(argument(args, "missing certificate file path"), args)


@server_keyword("verify", usage="[none|required]")
def verify(one: model.Server, args: Args) -> None:
    """Whether the server's certificate must be valid."""
    method = argument(args, "missing verify method")
    if method not in ("none", "required"):
        raise Alert(f"'verify' : unknown verify method '{method}', only 'none' and 'required' are supported")
    tls_of(one).verify = method


@server_keyword("alpn", usage="<protocols>")
def alpn(one: model.Server, args: Args) -> None:
    """The protocols to offer."""
    tls_of(one).alpn = [name for name in argument(args, "missing the comma-delimited ALPN protocol suite").split(",") if name]


@server_keyword("npn", usage="<protocols>")
def npn(one: model.Server, args: Args) -> None:
    """The protocols to offer to servers of before ALPN."""
    tls_of(one).npn = [name for name in argument(args, "missing the comma-delimited NPN protocol suite").split(",") if name]


@server_keyword("sni", usage="<expression>")
def sni(one: model.Server, args: Args) -> None:
    """The name to ask the server for."""
    if not args.peek():
        raise Alert("'sni' : missing sni expression")
    before = args.checkpoints
    args.checkpoints, args.phase = Checkpoint.BACKEND_REQUEST_HEADERS | Checkpoint.SERVER_CONNECT, Phase.SERVER
    try:
        expression = args.expression()
    except Alert as error:
        raise BareAlert(f"error detected while parsing sni expression : {error}")
    finally:
        args.checkpoints = before
    if not available(expression.source, Checkpoint.BACKEND_REQUEST_HEADERS | Checkpoint.SERVER_CONNECT):
        raise BareAlert(
            f"error detected while parsing sni expression :  fetch method '{expression.text}' extracts information"
            f" from '{needs(expression.source)}', none of which is available here."
        )
    one.sni = expression.call
    one.sni_source = expression.text


def _flag(name: str) -> None:
    def set_flag(one: model.Server, args: Args) -> None:
        """A switch of TLS."""
        set_option(tls_of(one), name)

    server_keyword(name)(set_flag)


for _version in VERSIONS:
    _flag(f"no-{_version}")
    _flag(f"force-{_version}")
_flag("no-tls-tickets")


def _switch(name: str, slot: str, value: bool) -> None:
    def switch(one: model.Server, args: Args) -> None:
        """A switch of TLS."""
        setattr(tls_of(one), slot, value)

    server_keyword(name)(switch)


_switch("allow-0rtt", "allow_0rtt", True)
_switch("no-ssl-reuse", "no_ssl_reuse", True)
_switch("ssl-reuse", "no_ssl_reuse", False)
_switch("tls-tickets", "no_tls_tickets", False)


def _version_word(name: str, slot: str) -> None:
    def keep(one: model.Server, args: Args) -> None:
        """A limit of the protocol's version."""
        setattr(tls_of(one), slot, read_version(argument(args, "missing the ssl/tls version")))

    server_keyword(name, usage="<version>")(keep)


_version_word("ssl-min-ver", "min_version")
_version_word("ssl-max-ver", "max_version")


def complete(one: model.Server, settings: model.Global) -> None:
    """Give the server the global defaults; what TLS words say without `ssl` concerns checks only, if anything."""
    if one.ssl or one.check.use_ssl:
        inherit(tls_of(one), settings.server_tls)
    if one.check.use_ssl or (one.ssl and one.check.use_ssl is None):
        one.check.tls = one.tls
    one.check.connect_tls = one.tls
    if not one.ssl:
        one.tls = None
