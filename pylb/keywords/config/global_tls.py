"""Words of `global` about what is kept of TLS connections for logs and rules (configuration.txt 3.2)."""

from __future__ import annotations

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import keyword
from pylb.keywords.config.no_effect import GLOBAL, integer, on_off

OLD_NAME = "'tune.ssl.capture-cipherlist-size' is deprecated and will be removed in version 2.7. Please use 'tune.ssl.capture-buffer-size' instead."


@keyword("tune.ssl.capture-buffer-size", sections=GLOBAL, usage="<number>")
def capture_buffer_size(settings: model.Global, args: Args) -> None:
    """How many bytes of the lists in a ClientHello are kept, which `ssl_fc_cipherlist_bin` and others show."""
    args.at_most(1)
    integer(args.at(1), args)
    if settings.ssl_capture_size:
        raise Alert(f"'{args.words[0]}' is already configured.")
    number = leading_integer(args.at(1))
    if number < 0:
        raise Alert(f"'{args.words[0]}' expects a positive numeric value.")
    settings.ssl_capture_size = number


@keyword("tune.ssl.capture-cipherlist-size", sections=GLOBAL, usage="<number>")
def capture_cipherlist_size(settings: model.Global, args: Args) -> None:
    """The old name of `tune.ssl.capture-buffer-size`."""
    args.report.warning(f"{args.where}: {OLD_NAME}")
    capture_buffer_size(settings, args)


@keyword("tune.ssl.keylog", sections=GLOBAL, usage="on|off")
def keylog(settings: model.Global, args: Args) -> None:
    """Keep the secrets of TLS 1.3 connections, which `ssl_fc_client_traffic_secret_0` and others show."""
    args.at_most(1)
    on_off()(args.at(1), args)
    settings.ssl_keylog = args.at(1) == "on"
