"""Datagrams for logs, DNS and log forwarding: sent without ever waiting, dropped when the system will not take them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address

from pylb.base.net import Endpoint, ListenOptions
from pylb.process import sockets

MAXIMUM = 65536
Received = Callable[[bytes, Endpoint | None], None]


class DatagramSocket:
    """One UDP or unix datagram socket.

    It is connected when answers are expected, and to our own host, where that saves a route look-up per log line (and our address
    cannot change meanwhile). A connected socket reports the ICMP error of one datagram at the next one: that one is sent again, since
    a log line must not be lost because the one before it was.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, remote: Endpoint | None, local: Endpoint | None, received: Received | None, options: ListenOptions
    ) -> None:
        place = local or remote
        if place is None:
            raise ValueError("a datagram socket needs an address")
        self._loop, self._received = loop, received
        self._target = None if remote is None else sockets.raw_address(remote)
        self._sock = socket.socket(sockets.FAMILIES[place.kind], socket.SOCK_DGRAM | sockets.NON_BLOCKING)
        try:
            self._open(remote, local, options)
        except OSError:
            self._sock.close()
            raise
        if received is not None:
            loop.add_reader(self._sock.fileno(), self._readable)

    def _open(self, remote: Endpoint | None, local: Endpoint | None, options: ListenOptions) -> None:
        if local is not None:
            if local.is_ip:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if options.interface:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.interface.encode() + b"\0")
            self._sock.bind(sockets.raw_address(local))
        if remote is not None and (self._received is not None or is_here(remote)):
            self._sock.connect(sockets.raw_address(remote))
            self._target = None
        if local is None and self._received is None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)

    @property
    def endpoint(self) -> Endpoint:
        """Where it is bound."""
        return sockets.endpoint_of(self._sock.family, self._sock.getsockname())

    def send(self, data: bytes, peer: Endpoint | None = None) -> bool:
        target = self._target if peer is None else sockets.raw_address(peer)
        try:
            if target is None:
                self._sock.send(data)
            else:
                self._sock.sendto(data, target)
        except ConnectionRefusedError:
            return self._send_again(data)
        except OSError:
            return False
        return True

    def _send_again(self, data: bytes) -> bool:
        """The error was that of an earlier datagram."""
        try:
            self._sock.send(data)
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        while self._received is not None and self._sock.fileno() >= 0:
            try:
                data, raw = self._sock.recvfrom(MAXIMUM)
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:  # of an earlier datagram; the socket goes on
                    continue
                return
            self._received(data, sockets.endpoint_of(self._sock.family, raw) if raw else None)


def is_here(endpoint: Endpoint) -> bool:
    """Is it an address of the loopback interface?"""
    return endpoint.is_ip and ip_address(endpoint.host).is_loopback


class FileWriter:
    """Lines to an open descriptor that is not ours. It is made non-blocking, as HAProxy makes it; nothing is kept for later."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.endpoint = Endpoint.descriptor(descriptor)
        os.set_blocking(descriptor, False)

    def send(self, data: bytes, peer: Endpoint | None = None) -> bool:
        try:
            return os.write(self._descriptor, data) == len(data)
        except OSError:
            return False

    def close(self) -> None:
        """The descriptor stays open."""
