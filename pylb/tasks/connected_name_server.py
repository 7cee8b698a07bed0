"""Name servers that are asked over TCP or TLS (`nameserver <name> tcp@<address>`; RFC 1035 4.2.2, RFC 7766).

A connection carries up to four questions at a time, numbered from 1 on; more questions open more connections, as many as `maxconn` allows, then wait.
Every five seconds those connections are closed that lie idle, or that have owed an answer for as long.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pylb.config import model
from pylb.proxy.proxy import Backend
from pylb.proxy.server import Server, build_servers
from pylb.stream.dial import attach
from pylb.tasks.resolver import NameServer, Resolver

if TYPE_CHECKING:
    from pylb.config.resolvers import NameServer as Settings

AT_A_TIME: Final = 4
SWEEP: Final = 5.0  # seconds
LENGTH: Final = 2  # bytes before each message


class ConnectedNameServer(NameServer):
    """One server to ask over connections."""

    def __init__(self, resolver: Resolver, settings: Settings) -> None:
        super().__init__(resolver, settings)
        assert settings.server is not None
        proxy = model.Proxy(resolver.settings.name, "backend", settings.place)
        proxy.timeouts.connect = resolver.settings.timeouts["retry"]
        proxy.servers.append(settings.server)
        backend = Backend(resolver.process, proxy)
        build_servers(backend, resolver.process.clock.now())
        self.server: Server = backend.servers[0]
        attach(self.server)
        self.connections: list[Questions] = []
        self._backlog: deque[bytes] = deque()
        self._timer: Any = None

    def send(self, message: bytes) -> bool:
        """Ask on a connection that has room; whether the question arrives is not known."""
        self.counters.sent += 1
        self._backlog.append(message)
        self.work_off()
        return True

    def work_off(self) -> None:
        """Ask what waits, as far as there is room."""
        while self._backlog:
            room = next((one for one in self.connections if len(one.asked) < AT_A_TIME), None) or self._open()
            if room is None:
                return
            room.ask(self._backlog.popleft())

    def _open(self) -> Questions | None:
        if self.server.maxconn and len(self.connections) >= self.server.maxconn:
            return None
        new = Questions(self)
        self.connections.append(new)
        new.start()
        if self._timer is None:
            self._timer = self.resolver.process.loop.call_later(SWEEP, self._sweep)
        return new

    def forget(self, connection: Questions) -> None:
        """It is gone, and so are the questions on it."""
        if connection in self.connections:
            self.connections.remove(connection)
        self.work_off()

    def _sweep(self) -> None:
        """Close what is of no use."""
        oldest = self.resolver.process.clock.now() - SWEEP
        for connection in tuple(self.connections):
            if not connection.asked or connection.used <= oldest:
                connection.close()
        self._timer = self.resolver.process.loop.call_later(SWEEP, self._sweep) if self.connections else None

    def close(self) -> None:
        self._backlog.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in tuple(self.connections):
            connection.close()


class Questions:
    """A connection with its questions. It stands where a stream stands for the connection's mux."""

    termination = "--"  # as streams have it: nothing ends early here
    request_complete = response_complete = False

    def __init__(self, owner: ConnectedNameServer) -> None:
        self.process = owner.resolver.process
        self.session = self  # where the client came to: nowhere
        self.destination = self.source = ("", 0)
        self.proxy_header = self.tls = None
        self.asked: dict[int, bytes] = {}  # our numbers, and those that the questions had
        self.used = self.process.clock.now()
        self._owner = owner
        self._back: Any = None
        self._connecting: Any = None
        self._timer: Any = None
        self._count = 0
        self._unsent = b""
        self._received = b""

    def start(self) -> None:
        """Connect."""
        server = self._owner.server
        assert server.connect is not None
        self._connecting = server.connect(self)
        self._timer = self.process.loop.call_later(server.backend.timeout_connect, self.close)

    def ask(self, message: bytes) -> None:
        """One more question."""
        self._count = self._count % 0xFFFF + 1
        self.asked[self._count] = message[:2]
        self.used = self.process.clock.now()
        framed = len(message).to_bytes(LENGTH, "big") + self._count.to_bytes(2, "big") + message[2:]
        if self._back is None:
            self._unsent += framed
        else:
            self._back.send_data(framed)

    def close(self) -> None:
        """End; nobody waits for the answers any more."""
        self._settled()
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        back, self._back = self._back, None
        if back is not None:
            back.kill()
        self._owner.forget(self)

    def _settled(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- events of the mux
    def on_connected(self, back: Any) -> None:
        self._settled()
        self._connecting, self._back = None, back
        back.send_data(self._unsent)
        self._unsent = b""

    def on_connect_failed(self, error: OSError) -> None:
        self._connecting = None
        self.close()

    def on_response_data(self, data: bytes) -> None:
        """Answers, perhaps in pieces. What nobody asked is passed over."""
        self._received += data
        while len(self._received) >= LENGTH:
            end = LENGTH + int.from_bytes(self._received[:LENGTH], "big")
            if len(self._received) < end:
                break
            message, self._received = self._received[LENGTH:end], self._received[end:]
            number = self.asked.pop(int.from_bytes(message[:2], "big"), None)
            if number is not None:
                self._owner.resolver.received(self._owner, number + message[2:])
        self._owner.work_off()

    def on_server_eof(self) -> None:
        self.close()

    def on_server_gone(self, reset: bool) -> None:
        self._back = None
        self.close()

    def on_server_blocked(self) -> None:
        """It is slow; the sweep will end that."""

    def on_server_writable(self) -> None:
        """All was handed over already."""
