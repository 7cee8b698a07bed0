"""The hash algorithms: a key of the stream, hashed, chooses the server; `hash-type` says how.

Unlike the algorithms that serve in turn these return a server even when it is full: the stream then waits in that server's queue, because another
server would not be the one the key belongs to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.hashes import FUNCTIONS, avalanche
from pylb.proxy.balance import keys
from pylb.proxy.balance.base import ALL_FULL, Balancer, Full, balancer
from pylb.proxy.balance.tables import MapTable, Ring

if TYPE_CHECKING:
    from pylb.proxy.server import Server


class Hashed(Balancer):
    """What all hash algorithms share; a subclass says where its key comes from."""

    dynamic = False  # of the class: `hash-type consistent` makes an instance dynamic

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        settings = self.settings
        self.dynamic = settings.hash_method == "consistent"
        self.table: MapTable | Ring = Ring(self) if self.dynamic else MapTable(self)
        self.hash = FUNCTIONS[settings.hash_function]
        self.avalanche: bool = settings.avalanche
        self.hash_key = self.key_function(settings.arguments)

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        """Build the function that finds a stream's key."""
        raise NotImplementedError

    def pick(self, stream: Any, avoid: Server | None = None) -> Server | Full | None:
        if not self.total_weight:
            return None
        if self.alone is not None:
            return self.alone
        key = self.hash_key(stream)
        if key is None:
            return self.table.next(avoid) or ALL_FULL
        value = key if isinstance(key, int) else self.hash(key)
        return self.table.find(avalanche(value) if self.avalanche else value, avoid) or ALL_FULL

    def changed(self, server: Server) -> None:
        super().changed(server)
        self.table.changed(server)


@balancer("source")
class Source(Hashed):
    """By the client's address."""

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        return keys.source_key(arguments)


@balancer("uri")
class Uri(Hashed):
    """By the request's URI."""

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        return keys.uri_key(arguments)


@balancer("url_param")
class UrlParameter(Hashed):
    """By a parameter of the query string or of a posted form."""

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        return keys.url_parameter_key(arguments)


@balancer("hdr")
class Header(Hashed):
    """By the value of a request header."""

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        return keys.header_key(arguments)


@balancer("rdp-cookie")
class RdpCookie(Hashed):
    """By the user or session named when a remote desktop connection begins."""

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        return keys.rdp_cookie_key(arguments)


@balancer("hash")
class Hash(Hashed):
    """By the value of a sample expression."""

    def key_function(self, arguments: dict[str, Any]) -> keys.KeyFunction:
        return keys.expression_key(arguments)
