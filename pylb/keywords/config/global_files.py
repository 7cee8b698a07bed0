"""`global` words that name files and directories: TLS material, server state (configuration.txt 3.1)."""

from __future__ import annotations

import os

from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import keyword

GLOBAL = ("global",)
EXTRA_FILES = ("none", "all", "bundle", "sctl", "ocsp", "issuer", "key")


def _directory(name: str, slot: str) -> None:
    """Register `ca-base` or `crt-base`."""

    def base(settings: model.Global, args: Args) -> None:
        """The directory of relative names."""
        path = args.word(f"global statement '{name}' expects a directory path as an argument.")
        args.at_most(1)
        setattr(settings, slot, path)

    keyword(name, sections=GLOBAL, usage="<directory>")(base)


_directory("ca-base", "ca_base")
_directory("crt-base", "crt_base")


@keyword("issuers-chain-path", sections=GLOBAL, usage="<directory>", planned=True)
def issuers_chain_path(settings: model.Global, args: Args) -> None:
    """Where certificates of issuers are found."""
    if not os.path.isdir(args.at(1)):
        raise Alert("global statement 'issuers-chain-path' expects a directory path as an argument.\n")
    raise NotImplementedYet("issuers-chain-path")


@keyword("ssl-server-verify", sections=GLOBAL, usage="none|required", most=1)
def ssl_server_verify(settings: model.Global, args: Args) -> None:
    """Whether servers' certificates are verified when their line does not say."""
    method = args.word("'ssl-server-verify' expects an integer argument.")
    if method not in ("none", "required"):
        raise Alert("'ssl-server-verify' expects 'none' or 'required' as argument.")
    settings.ssl_server_verify = method


@keyword("ssl-load-extra-files", sections=GLOBAL, usage="<kind> ...")
def ssl_load_extra_files(settings: model.Global, args: Args) -> None:
    """Which side files of certificates are read."""
    kinds = args.rest()
    if not kinds or not set(kinds) <= set(EXTRA_FILES):
        raise Alert("'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer).")
    if "none" in kinds:
        settings.ssl_extra_files = frozenset()
    elif "all" not in kinds:
        settings.ssl_extra_files = frozenset(kinds)


@keyword("ssl-load-extra-del-ext", sections=GLOBAL, most=0)
def ssl_load_extra_del_ext(settings: model.Global, args: Args) -> None:
    """Side files replace the extension instead of following it."""
    settings.ssl_extra_del_ext = True


@keyword("ssl-dh-param-file", sections=GLOBAL, usage="<file>", most=1)
def ssl_dh_param_file(settings: model.Global, args: Args) -> None:
    """Diffie-Hellman parameters for certificates without their own."""
    path = args.word("'ssl-dh-param-file' expects a file path as an argument.")
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        text = b""
    if b"BEGIN DH PARAMETERS" not in text:
        raise Alert(f"'ssl-dh-param-file': unable to load DH parameters from file <{path}>.")
    settings.bind_tls.dh_parameters = text


@keyword("server-state-base", sections=GLOBAL, usage="<directory>", most=1)
def server_state_base(settings: model.Global, args: Args) -> None:
    """The directory of server state files."""
    settings.server_state_base = args.word("'server-state-base' expects one argument: a directory path.")


@keyword("server-state-file", sections=GLOBAL, usage="<file>", most=1)
def server_state_file(settings: model.Global, args: Args) -> None:
    """The file with the servers' state of the process before."""
    settings.server_state_file = args.word("'server-state-file' expect one argument: a file path.")
