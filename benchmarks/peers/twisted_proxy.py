"""Twisted's ReverseProxyResource: `python -m benchmarks.peers.twisted_proxy PORT ORIGIN`."""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import Site

if __name__ == "__main__":
    port, origin = map(int, sys.argv[1:])
    reactor.listenTCP(port, Site(ReverseProxyResource("127.0.0.1", origin, b"")), interface="127.0.0.1", backlog=1024)
    reactor.run()
