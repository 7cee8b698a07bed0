"""What commands have in common: finding the object that an argument names, reading numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pylb.control.registry import Refusal

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.proxy import Backend, Frontend
    from pylb.proxy.server import Server

INTEGER: Final = re.compile(r"\s*([+-]?\d+)(.*)", re.DOTALL)


def find_backend(cli: Cli, text: str) -> Backend | None:
    """By name, or as #number by its id."""
    if text.startswith("#"):
        return next((backend for backend in cli.process.backends.values() if text[1:] == str(backend.id)), None)
    return cli.process.backends.get(text)


def find_server(cli: Cli, text: str) -> Server:
    """The server that `backend/server` names; raises Refusal."""
    backend_name, _, server_name = text.partition("/")
    if not backend_name or not server_name:
        raise Refusal("Require 'backend/server'.\n")
    backend = find_backend(cli, backend_name)
    if backend is None:
        raise Refusal("No such backend.\n")
    if server_name.startswith("#"):
        server = next((one for one in backend.servers if server_name[1:] == str(one.id)), None)
    else:
        server = backend.servers_by_name.get(server_name)
    if server is None:
        raise Refusal("No such server.\n")
    return server


def find_frontend(cli: Cli, text: str) -> Frontend:
    """The frontend of that name; raises Refusal."""
    if not text:
        raise Refusal("A frontend name is expected.\n")
    frontend = cli.process.frontends.get(text)
    if frontend is None:
        raise Refusal("No such frontend.\n")
    return frontend


def leading_integer(text: str) -> int:
    """As C's atoi: 0 where there is no number."""
    match = INTEGER.match(text)
    return int(match[1]) if match is not None else 0
