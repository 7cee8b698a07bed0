"""Making sockets: listening ones before the loops exist (and before a fork), outgoing ones with every option set first.

Differs from the standard library's helpers where HAProxy does: TCP ports are shared (SO_REUSEPORT), unix sockets are bound under
a temporary name and renamed over the old one so that no client ever finds nothing there, and abstract names are padded with NULs
to the full length of sun_path. A unix path is not removed at the end: the next process may already have put its own there.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from _socket import socket as Socket  # the standard library's wrapper costs as much again as the system call
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pylb.base.net import LISTEN, CannotBind, ConnectOptions, Endpoint, Keepalive, ListenError, ListenOptions

SUN_PATH = 108
IP_TRANSPARENT = 19
IPV6_TRANSPARENT = 75
IP_FREEBIND = 15
IP_BIND_ADDRESS_NO_PORT = 24
TCP_FASTOPEN_CONNECT = 30
SO_ORIGINAL_DST = 80
TCP_REPAIR = 19
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
NON_BLOCKING = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
NON_BLOCKING_STREAM = int(socket.SOCK_STREAM | NON_BLOCKING)
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, "unix": socket.AF_UNIX, "abns": socket.AF_UNIX}
NUMBERS = {kind: int(family) for kind, family in FAMILIES.items()}

Warn = Callable[[str], None]


def raw_address(endpoint: Endpoint) -> Any:
    """What bind, connect and sendto want."""
    if endpoint.kind == "abns":
        return b"\0" + endpoint.host.encode("latin-1").ljust(SUN_PATH - 1, b"\0")
    if endpoint.kind == "unix":
        return endpoint.host
    return (endpoint.host, endpoint.port)


def endpoint_of(family: int, raw: Any) -> Endpoint:
    """The other way: of getsockname, getpeername, accept and recvfrom."""
    if family == socket.AF_UNIX:
        if isinstance(raw, bytes):
            return Endpoint.abns(raw.strip(b"\0").decode("latin-1"))
        return Endpoint.unix(raw or "")
    return Endpoint("ipv6" if family == socket.AF_INET6 else "ipv4", raw[0], raw[1])


def open_listener(endpoint: Endpoint, options: ListenOptions = LISTEN, warn: Warn | None = None) -> socket.socket:
    """A listening socket that nobody accepts from yet; raises ListenError. `warn` gets what HAProxy only warns about."""
    if endpoint.kind == "fd":
        return _inherited(endpoint.port, options)
    sock = socket.socket(FAMILIES[endpoint.kind], socket.SOCK_STREAM | NON_BLOCKING)
    try:
        if endpoint.is_ip:
            _prepare_tcp(sock, endpoint, options, warn or (lambda text: None))
            _step("cannot bind socket", sock.bind, raw_address(endpoint))
        else:
            _bind_unix(sock, endpoint, options)
        _step("cannot listen to socket", sock.listen, options.backlog)
    except ListenError:
        sock.close()
        raise
    return sock


def _step(what: str, call: Callable[..., None], *arguments: Any) -> None:
    try:
        call(*arguments)
    except OSError as error:
        raise ListenError(f"{what} ({os.strerror(error.errno or 0)})", error.errno or 0) from error


def listen_again(sock: socket.socket, backlog: int) -> None:
    """Take back a port that was let go of; raises ListenError."""
    _step("cannot listen to socket", sock.listen, backlog)


def _inherited(number: int, options: ListenOptions) -> socket.socket:
    """`fd@N` is bound, and perhaps listening, already: it is never bound again, only made non-blocking."""
    try:
        sock = socket.socket(fileno=number)
    except OSError as error:
        raise ListenError(f"cannot use file descriptor '{number}' : {os.strerror(error.errno or 0)}", error.errno or 0) from error
    sock.setblocking(False)
    sock.set_inheritable(False)
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        _step("cannot listen to socket", sock.listen, options.backlog)
    return sock


def _prepare_tcp(sock: socket.socket, endpoint: Endpoint, options: ListenOptions, warn: Warn) -> None:
    v6 = endpoint.kind == "ipv6"
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if v6 and (options.v6only or options.v4v6):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(options.v6only))
    if options.transparent:
        _transparent(sock, v6, lambda: warn("cannot make listening socket transparent"))
    if options.interface:
        _try(sock, socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.interface.encode() + b"\0",
             lambda error: warn(f"cannot bind receiver to device '{options.interface}' ({os.strerror(error.errno or 0)})"))  # fmt: skip
    if options.mss:
        _try(sock, socket.IPPROTO_TCP, socket.TCP_MAXSEG, options.mss, lambda error: warn(f"cannot set MSS to {options.mss}"))
    if options.user_timeout:
        _try(sock, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, options.user_timeout, lambda error: warn("cannot set TCP User Timeout"))
    if options.defer_accept:
        _try(sock, socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1, lambda error: warn("cannot enable DEFER_ACCEPT"))
    if options.tfo:
        _try(sock, socket.IPPROTO_TCP, socket.TCP_FASTOPEN, options.backlog, lambda error: warn("cannot enable TCP_FASTOPEN"))


def _transparent(sock: Socket, v6: bool, failed: Callable[[], None]) -> None:
    """Bind to addresses that are not ours: IP_TRANSPARENT where allowed, else IP_FREEBIND."""
    wide = (socket.IPPROTO_IPV6, IPV6_TRANSPARENT) if v6 else (socket.IPPROTO_IP, IP_TRANSPARENT)
    for level, name in (wide, (socket.IPPROTO_IP, IP_FREEBIND)):
        try:
            sock.setsockopt(level, name, 1)
        except OSError:
            continue
        return
    failed()


def _try(sock: socket.socket, level: int, name: int, value: int | bytes, failed: Callable[[OSError], None]) -> None:
    try:
        sock.setsockopt(level, name, value)
    except OSError as error:
        failed(error)


def _bind_unix(sock: socket.socket, endpoint: Endpoint, options: ListenOptions) -> None:
    if endpoint.kind == "abns":
        try:
            sock.bind(raw_address(endpoint))
        except OSError as error:
            why = "already in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
            raise ListenError(f"cannot bind UNIX socket ({why})", error.errno or 0) from error
        return
    path = endpoint.host
    fresh, old = f"{path}.{os.getpid()}.tmp", f"{path}.{os.getpid()}.bak"
    for leftover in (fresh, old):
        _step("error when trying to unlink previous UNIX socket", _unlink, leftover)
    _step("error when trying to preserve previous UNIX socket", _link, path, old)
    try:
        _step("cannot bind UNIX socket", sock.bind, fresh)
        _step("cannot change UNIX socket ownership", _own, fresh, options)
        _step("cannot switch final and temporary UNIX sockets", os.rename, fresh, path)
    finally:
        _unlink(fresh)
        _unlink(old)


def _own(path: str, options: ListenOptions) -> None:
    if options.uid is not None or options.gid is not None:
        os.chown(path, -1 if options.uid is None else options.uid, -1 if options.gid is None else options.gid)
    if options.mode is not None:
        os.chmod(path, options.mode)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _link(path: str, other: str) -> None:
    try:
        os.link(path, other)
    except FileNotFoundError:
        pass


def has_one_address(sock: socket.socket) -> bool:
    """Does all that a listening socket accepts have its own address? Not a wildcard one, nor one that packets for others are diverted to."""
    if sock.family == socket.AF_INET:
        return sock.getsockname()[0] != "0.0.0.0" and not sock.getsockopt(socket.IPPROTO_IP, IP_TRANSPARENT)
    return False


def open_connecting(endpoint: Endpoint, options: ConnectOptions) -> tuple[Socket, int]:
    """A socket on its way to `endpoint` and the errno of connect (0, EALREADY or what failed); raises OSError before that."""
    low, high = options.source_ports or (0, 0)
    for port in range(low, high + 1):
        sock = Socket(NUMBERS[endpoint.kind], NON_BLOCKING_STREAM)
        try:
            if endpoint.is_ip:
                _prepare_outgoing(sock, endpoint.kind == "ipv6", options, port)
            address = raw_address(endpoint)
            number = sock.connect_ex(address)
            if number == errno.EINPROGRESS:
                number = sock.connect_ex(address)  # a peer on this machine has answered by now, which saves a round of the loop
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE and port < high:
                continue
            raise
        if number not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE) or port == high:
            return sock, number
        sock.close()
    raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def _prepare_outgoing(sock: Socket, v6: bool, options: ConnectOptions, port: int) -> None:
    tcp = socket.IPPROTO_TCP
    if options.nodelay:
        sock.setsockopt(tcp, socket.TCP_NODELAY, 1)
    if not options.quick_ack:
        sock.setsockopt(tcp, socket.TCP_QUICKACK, 0)
    if options.keepalive is not None:
        enable_keepalive(sock, options.keepalive)
    if options.mss:
        sock.setsockopt(tcp, socket.TCP_MAXSEG, options.mss)
    if options.user_timeout:
        sock.setsockopt(tcp, socket.TCP_USER_TIMEOUT, options.user_timeout)
    if options.mark is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, options.mark)
    if options.tos is not None:
        sock.setsockopt(*tos_option(v6), options.tos)
    if options.tfo:
        sock.setsockopt(tcp, TCP_FASTOPEN_CONNECT, 1)
    if options.interface:
        with suppress(OSError):  # HAProxy does not look whether it could be had
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.interface.encode() + b"\0")
    if options.transparent:
        _transparent(sock, v6, lambda: None)
    if options.source is not None:
        try:
            _bind_source(sock, options.source, port or options.source.port)
        except OSError as error:
            raise CannotBind(error.errno, error.strerror) from None


def _bind_source(sock: Socket, source: Endpoint, port: int) -> None:
    if port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source.host, port))


def enable_keepalive(sock: Socket, keepalive: Keepalive) -> None:
    """SO_KEEPALIVE and what is given of its timing."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    timing = ((socket.TCP_KEEPCNT, keepalive.count), (socket.TCP_KEEPIDLE, keepalive.idle), (socket.TCP_KEEPINTVL, keepalive.interval))
    for name, value in timing:
        if value is not None:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)


def hop_limit_option(v6: bool) -> tuple[int, int]:
    """Level and name of the option that limits how far a connection's packets go."""
    return (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if v6 else (socket.IPPROTO_IP, socket.IP_TTL)


def tos_option(v6: bool) -> tuple[int, int]:
    """Level and name of the option that marks a connection's packets."""
    return (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if v6 else (socket.IPPROTO_IP, socket.IP_TOS)
