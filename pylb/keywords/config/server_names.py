"""Words of `server` lines about names instead of addresses (configuration.txt 5.2 `resolvers`, `resolve-*`, `init-addr`)."""

from __future__ import annotations

from typing import Final

from pylb.base import address
from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import server_keyword
from pylb.sample.networks import read_network

ADDRESS_METHODS: Final = {"last", "libc", "none"}
FAMILIES: Final = {"ipv4": 4, "ipv6": 6}
MOST_NETWORKS: Final = 5
SUPPORTED: Final = "supported methods are 'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'"


@server_keyword("init-addr", usage="{last|libc|none|<ip>},...")
def init_addr(one: model.Server, args: Args) -> None:
    """Where the address of a name comes from at start."""
    methods: list[str] = []
    text = args.next()
    for method in text.removesuffix(",").split(",") if text else ():
        host = None if method in ADDRESS_METHODS else address.read_host(method)
        if method not in ADDRESS_METHODS and host is None:
            raise Alert(f"'init-addr' : unknown init-addr method '{method}', supported methods are 'libc', 'last', 'none'.")
        if host is not None and not set(methods) <= ADDRESS_METHODS:
            raise Alert(f"'init-addr' : initial address already specified, cannot add '{method}'.")
        methods.append(host or method)
    one.init_addr = tuple(methods)


@server_keyword("resolvers", usage="<id>")
def resolvers(one: model.Server, args: Args) -> None:
    """Who resolves the server's name while running."""
    one.resolvers = args.next()


@server_keyword("resolve-prefer", usage="<family>")
def resolve_prefer(one: model.Server, args: Args) -> None:
    """Which family of addresses to prefer."""
    family = FAMILIES.get(args.next())
    if family is None:
        raise Alert("'resolve-prefer' expects either ipv4 or ipv6 as argument.")
    one.resolve.prefer = family


@server_keyword("resolve-opts", usage="<option>,...")
def resolve_opts(one: model.Server, args: Args) -> None:
    """Liberties of name resolution."""
    for name in args.next().split(",") if args.peek() else ():
        if name == "ignore-weight":
            one.resolve.ignore_weight = True
        elif name in ("allow-dup-ip", "prevent-dup-ip"):
            one.resolve.duplicates = name == "allow-dup-ip"
        else:
            raise Alert(f"'resolve-opts' : unknown resolve-opts option '{name}', {SUPPORTED}.")


@server_keyword("resolve-net", usage="<network>,...")
def resolve_net(one: model.Server, args: Args) -> None:
    """Networks whose addresses are preferred."""
    names = list(filter(None, args.word("'resolve-net' expects a list of networks.").split(",")))
    for name in names:
        if len(one.resolve.networks) == MOST_NETWORKS:
            raise Alert(f"'resolve-net' exceed {MOST_NETWORKS} networks.")
        one.resolve.networks += (network(name),)


def network(text: str) -> tuple[int, int, int]:
    """An address with all its parts, and perhaps a mask."""
    try:
        if address.read_host(text.partition("/")[0]) is not None:
            return read_network(text, resolve=False)
    except Alert:
        pass
    raise Alert(f"'resolve-net' invalid network '{text}'.")
