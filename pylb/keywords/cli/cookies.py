"""Commands about dynamic cookies: `enable dynamic-cookie backend`, `disable dynamic-cookie backend`, `set dynamic-cookie-key backend`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.control.registry import Level, Refusal, Words, command
from pylb.keywords.cli.common import find_backend

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.proxy import Backend


def named(cli: Cli, words: Words) -> Backend:
    """The backend that the first word names; raises Refusal."""
    if not words.at(0):
        raise Refusal("A backend name is expected.\n")
    backend = find_backend(cli, words[0])
    if backend is None:
        raise Refusal("No such backend.\n")
    return backend


@command(
    "enable dynamic-cookie backend",
    usage="enable dynamic-cookie backend <bk>",
    help="enable dynamic cookies on a specific backend",
    level=Level.ADMIN,
)
def enable(cli: Cli, words: Words) -> None:
    """Servers without a cookie of their own get one made from their address."""
    switch(named(cli, words), True)


@command(
    "disable dynamic-cookie backend",
    usage="disable dynamic-cookie backend <bk>",
    help="disable dynamic cookies on a specific backend",
    level=Level.ADMIN,
)
def disable(cli: Cli, words: Words) -> None:
    """Servers without a cookie of their own have none."""
    switch(named(cli, words), False)


@command(
    "set dynamic-cookie-key backend",
    usage="set dynamic-cookie-key backend <bk> <k>",
    help="change a backend secret key for dynamic cookies",
    level=Level.ADMIN,
)
def set_key(cli: Cli, words: Words) -> None:
    """Another secret, and so other cookies."""
    backend = named(cli, words)
    if not words.at(1):
        raise Refusal("String value expected.\n")
    backend.dynamic_cookie_key = words[1]
    refresh(backend)


def switch(backend: Backend, on: bool) -> None:
    backend.dynamic_cookies = on
    refresh(backend)


def refresh(backend: Backend) -> None:
    for server in backend.servers:
        server.refresh_cookie()
