"""Twisted's ReverseProxyResource: `python -m benchmarks.peers.twisted_proxy PORT ORIGIN`."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import Site


def main(port: int, origin: int, loop: Any = reactor) -> None:
    """Serve until the end of the process; every request is sent on over a connection of its own."""
    resource: Any = ReverseProxyResource("127.0.0.1", origin, b"")  # type: ignore[no-untyped-call]
    loop.listenTCP(port, Site(resource), interface="127.0.0.1", backlog=1024)  # type: ignore[no-untyped-call]
    loop.run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
