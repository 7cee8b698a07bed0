"""Net: the only way streams, muxes, listeners, checks and loggers touch the operating system's sockets.

There are two implementations: `pylb.process.net.RealNet` (asyncio or uvloop, real sockets) and `pylb.lab.world.WorldNet`
(in memory, under a virtual clock). Whoever needs the network is handed a `Net` and never imports an implementation.

What both promise:

- Connections are `asyncio.Transport` objects with `asyncio.Protocol`-like protocols: connection_made, data_received,
  eof_received (return True: the writing half stays open), pause_writing, resume_writing, connection_lost. connection_made
  and connection_lost are each called once, from the loop, never from inside the call that caused them.
- Nothing here blocks and nothing needs a task; every call may be made from a protocol callback.
- `transport.write` to a closed transport is the caller's mistake (uvloop raises RuntimeError): look at `is_closing()` first.
  Writing after the *peer* has closed is allowed and ends in connection_lost.
- A paused transport (`pause_reading`) reports neither FIN nor RST by itself: `watch` does.
- get_extra_info knows 'sockname' and 'peername': (host, port) tuples for IPv4, longer ones beginning so for IPv6, text for unix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import asyncio

ProtocolFactory = Callable[[], "asyncio.Protocol"]
Kind = Literal["ipv4", "ipv6", "unix", "abns", "fd"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place to listen on or to connect to, with nothing left to resolve.

    `host` is an address for ipv4/ipv6, a path for unix, a name without its leading NUL for abns; `port` is the port, or the
    descriptor's number for fd.
    """

    kind: Kind
    host: str = ""
    port: int = 0

    @classmethod
    def tcp(cls, host: str, port: int) -> Endpoint:
        """An IPv4 or IPv6 address (also right for UDP)."""
        return cls("ipv6" if ":" in host else "ipv4", host, port)

    @classmethod
    def unix(cls, path: str) -> Endpoint:
        return cls("unix", path)

    @classmethod
    def abns(cls, name: str) -> Endpoint:
        """An abstract unix socket; the name is padded with NULs to the full length on use, as HAProxy does."""
        return cls("abns", name)

    @classmethod
    def descriptor(cls, number: int) -> Endpoint:
        """An inherited descriptor (`fd@N`): an already listening or connected socket, or a file for logs."""
        return cls("fd", "", number)

    @property
    def is_ip(self) -> bool:
        return self.kind in ("ipv4", "ipv6")

    def __str__(self) -> str:
        if self.kind == "unix":
            return self.host
        return f"{self.host}:{self.port}" if self.is_ip else f"{self.kind}@{self.host or self.port}"


@dataclass(frozen=True, slots=True)
class Keepalive:
    """TCP keepalive of one connection (`clitcpka-*`, `srvtcpka-*`); None leaves the system's value."""

    count: int | None = None
    idle: int | None = None  # seconds
    interval: int | None = None  # seconds


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How a listening socket is made (configuration.txt 5.1)."""

    backlog: int = 1024
    reuse_port: bool = True  # HAProxy shares its TCP ports unless `noreuseport`
    v6only: bool = False
    v4v6: bool = False
    transparent: bool = False
    interface: str | None = None
    mss: int | None = None
    tfo: bool = False
    defer_accept: bool = False
    user_timeout: int | None = None  # tcp-ut, milliseconds
    mode: int | None = None  # unix sockets: permissions and owner
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """How an outgoing connection is made (configuration.txt 5.2 `source`, `tfo`, `tcp-ut`; `option tcpka`)."""

    source: Endpoint | None = None  # port 0: any
    source_ports: tuple[int, int] | None = None  # `source ip:low-high`: the first free port is taken
    interface: str | None = None
    transparent: bool = False  # `usesrc`: the source need not be ours
    tfo: bool = False
    nodelay: bool = True
    keepalive: Keepalive | None = None  # None: off
    mss: int | None = None
    user_timeout: int | None = None  # milliseconds
    mark: int | None = None
    tos: int | None = None
    quick_ack: bool = True  # False: the handshake's ACK waits for the first data, or never leaves when a reset comes first


LISTEN = ListenOptions()
CONNECT = ConnectOptions()


class Hangup(Enum):
    """What `watch` saw on a connection that nobody reads."""

    FIN = "fin"  # the peer has finished sending
    RESET = "reset"  # the connection is gone


class ListenError(OSError):
    """A socket could not be made to listen; `why` is HAProxy's name of the step that failed."""

    def __init__(self, why: str, number: int) -> None:
        super().__init__(number, why)
        self.why = why


class CannotBind(OSError):
    """A connection could not have the address that it was to come from."""


class Listening(Protocol):
    """A listening socket that we own. It exists from creation to `close`; accepting goes on and off in between."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it really listens: with the port the system chose when 0 was asked for."""

    @property
    def accepting(self) -> bool: ...

    def pause(self) -> None:
        """Stop accepting at once; connections queue up in the kernel. May be called from the protocol factory."""

    def suspend(self) -> None:
        """Let go of the port for a while: TCP connections are refused, another process may listen there. An inherited or unix socket
        only stops accepting. `resume` takes the port back; raises ListenError when it is gone."""

    def resume(self) -> None:
        """Accept (again). A listener starts resumed."""

    def close(self) -> None:
        """Stop listening: queued connections are refused. Connections already accepted live on. Idempotent."""

    def fileno(self) -> int:
        """The descriptor, for `_getsocks`; -1 in the world and after close."""


class Connecting(Protocol):
    """A connection on its way; forget it when it succeeded or failed."""

    def cancel(self) -> None:
        """Give up at once: neither connection_made nor `failed` is called any more. Harmless once it has ended."""

    def settle(self) -> None:
        """If the connection is there already, call connection_made now: the caller is ready for it, and saves a turn of the loop."""


class Watch(Protocol):
    """A connection being watched for FIN and RST while its transport is paused."""

    def cancel(self) -> None:
        """Stop watching; needed before the transport is closed, harmless when repeated."""


class Hold(Protocol):
    """Keeps what the peer sent before it reset us: see `Net.hold`."""

    def release(self) -> None:
        """Stop holding: the upload is complete. Harmless when repeated."""


class Datagrams(Protocol):
    """A datagram socket, or a plain descriptor, that is written to without ever blocking."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is bound, or the descriptor."""

    def send(self, data: bytes, peer: Endpoint | None = None) -> bool:
        """Send one datagram (to `peer`, or where the socket is connected to). False: it was dropped."""

    def close(self) -> None: ...


class Net(Protocol):
    """See the module's text."""

    def listen(
        self,
        endpoint: Endpoint,
        factory: ProtocolFactory,
        options: ListenOptions = LISTEN,
        *,
        paused: bool = False,
    ) -> Listening:
        """Bind, listen and accept (unless `paused`); raises ListenError. One protocol from `factory` per accepted connection."""

    def connect(
        self,
        endpoint: Endpoint,
        factory: ProtocolFactory,
        failed: Callable[[OSError], None],
        options: ConnectOptions = CONNECT,
    ) -> Connecting:
        """Begin to connect. Success is connection_made of the factory's protocol, failure is one call of `failed`, whose
        error carries an errno; both come later, never from inside this call. There is no timeout: `cancel` is the caller's."""

    def probe(
        self,
        endpoint: Endpoint,
        reached: Callable[[], None],
        failed: Callable[[OSError], None],
        options: ConnectOptions = CONNECT,
    ) -> Connecting:
        """See whether one can connect: as `connect`, but the connection is ended by RST as soon as it is up, and `reached` is called."""

    def abort_with_reset(self, transport: asyncio.Transport) -> None:
        """Close at once with RST instead of FIN, dropping unsent bytes: what HAProxy does when it kills a connection or
        closes towards a server before the server did. connection_lost(None) follows."""

    def forget(self, transport: asyncio.Transport) -> None:
        """Drop a connection without telling the peer (`silent-drop`): nothing is sent; without the privilege for that the RST gets
        a time to live that ends at the first router."""

    def set_nodelay(self, transport: asyncio.Transport, on: bool) -> None:
        """TCP_NODELAY; it is on for new connections."""

    def set_quickack(self, transport: asyncio.Transport, on: bool) -> None:
        """TCP_QUICKACK: off delays the pure ACK so that it can ride on the first data."""

    def set_keepalive(self, transport: asyncio.Transport, keepalive: Keepalive) -> None: ...

    def set_user_timeout(self, transport: asyncio.Transport, milliseconds: int) -> None: ...

    def set_mark(self, transport: asyncio.Transport, mark: int) -> None: ...

    def set_tos(self, transport: asyncio.Transport, tos: int) -> None: ...

    def watch(self, transport: asyncio.Transport, on_hangup: Callable[[Hangup], None]) -> Watch:
        """Tell (each at most once, FIN before RESET) what the peer does while `transport` is paused. What has already
        happened is told too, from the loop. Unread bytes stay unread. One watch per transport; cancel it before closing."""

    def hold(self, transport: asyncio.Transport) -> Hold:
        """For an upload in progress: if the peer answers, closes and resets us, the answer still reaches data_received (as
        often as needed) before connection_lost. Ends with the transport; `release` it when the upload is complete."""

    def is_fresh(self, transport: asyncio.Transport) -> bool:
        """May this idle connection be used again? False when closing, or a FIN, RST or byte nobody asked for has arrived."""

    def original_destination(self, transport: asyncio.Transport) -> tuple[str, int] | None:
        """Where the client wanted to connect to before NAT redirected it; None when unknown."""

    def tcp_info(self, transport: asyncio.Transport) -> bytes | None:
        """The kernel's struct tcp_info, for fc_rtt and relatives; None when there is none."""

    def datagrams(
        self,
        remote: Endpoint | None = None,
        *,
        local: Endpoint | None = None,
        received: Callable[[bytes, Endpoint | None], None] | None = None,
        options: ListenOptions = LISTEN,
    ) -> Datagrams:
        """A UDP or unix datagram socket: connected to `remote`, bound to `local`, or both. `received` gets each datagram with its
        sender. A unix `remote` that does not exist yet is tried again at each send. Raises OSError."""

    def file(self, descriptor: int) -> Datagrams:
        """Lines written to an open descriptor (stdout, stderr, fd@N), dropped when it would block. Does not own it."""
