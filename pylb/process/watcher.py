"""Telling FIN and RST of connections whose transports are paused.

A paused transport has left the loop's poller, so this epoll descriptor watches the same sockets for EPOLLRDHUP, edge-triggered:
each event comes once, and one that happened before comes at registration. The loop in turn watches the epoll descriptor.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from pylb.base.net import Hangup

WATCHED = select.EPOLLRDHUP | select.EPOLLET


class Watcher:
    """The auxiliary epoll descriptor; made with the first watch."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._epoll = loop, select.epoll()
        self._watches: dict[int, SocketWatch] = {}
        loop.add_reader(self._epoll.fileno(), self._ready)

    def add(self, watch: SocketWatch) -> None:
        if watch.descriptor in self._watches:
            self._watches[watch.descriptor].cancel()
        self._watches[watch.descriptor] = watch
        self._epoll.register(watch.descriptor, WATCHED)

    def remove(self, watch: SocketWatch) -> None:
        if self._watches.get(watch.descriptor) is watch:
            del self._watches[watch.descriptor]
            try:
                self._epoll.unregister(watch.descriptor)
            except OSError:
                pass  # the transport closed the descriptor first, which unregistered it

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        for descriptor, events in self._epoll.poll(0):
            watch = self._watches.get(descriptor)
            if watch is not None:
                watch.happened(events)


class SocketWatch:
    """One connection in the watcher's epoll."""

    def __init__(self, watcher: Watcher, descriptor: int, on_hangup: Callable[[Hangup], None]) -> None:
        self.descriptor = descriptor
        self._watcher, self._on_hangup = watcher, on_hangup
        self._fin = False
        watcher.add(self)

    def happened(self, events: int) -> None:
        if events & select.EPOLLERR:
            self.cancel()
            self._on_hangup(Hangup.RESET)
        elif not self._fin:
            self._fin = True
            self._on_hangup(Hangup.FIN)

    def cancel(self) -> None:
        self._watcher.remove(self)
