"""Addresses as the configuration writes them (configuration.txt `bind`, `server`, `log`, `source`; HAProxy's str2sa).

``[stream+|dgram+][kind@]where[:port]``: the kind chooses between IP, unix sockets and descriptors, the last colon separates
the port, and environment variables are expanded even outside quotes. What a place in the language accepts (a range of
ports, a port relative to the client's, a name to resolve later) is its `Accepts`; the refusals are HAProxy's texts.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pylb.base.errors import Alert
from pylb.base.net import Endpoint
from pylb.base.units import leading_integer

Kind = Literal["ipv4", "ipv6", "unix", "abns", "fd", "sockpair", "name", "stdout", "stderr", "ring"]

MAX_UNIX_PATH = 97
MAX_ABNS_NAME = 107
VARIABLE = re.compile(r"\$(\{?)([A-Za-z0-9_]*)")
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6, 0: socket.AF_UNSPEC}


@dataclass(frozen=True, slots=True)
class Accepts:
    """What one place of the language takes for an address."""

    port: Literal["no", "optional", "required"] = "required"
    ports: bool = False  # 80-90
    offset: bool = False  # +10, relative to the port the client came to
    names: bool = False  # a host name may stay a name, to be resolved later
    stream: bool = True
    datagram: bool = False
    default_datagram: bool = False
    descriptor: bool = False  # fd@N
    open_socket: bool = True  # the descriptor must be a socket of the right type
    outlets: bool = False  # stdout, stderr, ring@<name>


BIND = Accepts(ports=True, descriptor=True)
SERVER = Accepts(port="optional", offset=True, names=True)
RING_SERVER = Accepts(port="optional", offset=True)
LOG = Accepts(port="optional", datagram=True, default_datagram=True, descriptor=True, open_socket=False, outlets=True)
LISTEN_LOG = Accepts(ports=True, stream=False, datagram=True, default_datagram=True, descriptor=True)
SOURCE = Accepts(port="optional")
SERVER_SOURCE = Accepts(port="optional", ports=True)
CHECK = Accepts(port="optional")
SOCKS = Accepts()
DISPATCH = Accepts()
NAMESERVER = Accepts(datagram=True, default_datagram=True)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to connect. `host` is an IP address, a unix path, an abns name, a name to resolve, or a ring's name."""

    kind: Kind
    host: str = ""
    port: int = 0
    port_high: int = 0  # the last port of a range; equal to `port` when there is none
    relative: bool = False  # `port` is added to the port the client came to; a missing port is relative 0
    fd: int = -1
    datagram: bool = False
    family: int = 0  # 4 or 6 when the text insists on it; matters for names

    def __str__(self) -> str:
        """HAProxy's way to print it: ``127.0.0.1:80``, ``[::1]:80``, a path, ``fd@3``."""
        if self.kind == "ipv6":
            return f"[{self.host}]:{self.port}"
        if self.kind in ("ipv4", "name"):
            return f"{self.host}:{self.port}"
        if self.kind in ("fd", "sockpair"):
            return f"{self.kind}@{self.fd}"
        return f"abns@{self.host}" if self.kind == "abns" else self.host

    @property
    def is_ip(self) -> bool:
        return self.kind in ("ipv4", "ipv6")

    def with_port(self, port: int) -> Address:
        """The same host at one absolute port."""
        return replace(self, port=port, port_high=port, relative=False)

    def endpoint(self) -> Endpoint:
        """What `Net` connects to or listens on; a name must have been resolved before."""
        if self.kind in ("ipv4", "ipv6"):
            return Endpoint.tcp(self.host, self.port)
        if self.kind in ("fd", "sockpair"):
            return Endpoint.descriptor(self.fd)
        return Endpoint.abns(self.host) if self.kind == "abns" else Endpoint.unix(self.host)


# prefix -> (kind, insisted family, datagram; None: as the place or stream+/dgram+ says)
PREFIXES: dict[str, tuple[str, int, bool | None]] = {
    "unix": ("unix", 0, None),
    "uxst": ("unix", 0, False),
    "uxdg": ("unix", 0, True),
    "fd": ("fd", 0, None),
    "abns": ("abns", 0, None),
    "sockpair": ("sockpair", 0, None),
    "ip": ("ip", 0, None),
    "ipv4": ("ip", 4, None),
    "ipv6": ("ip", 6, None),
    "tcp": ("ip", 0, False),
    "tcp4": ("ip", 4, False),
    "tcp6": ("ip", 6, False),
    "udp": ("ip", 0, True),
    "udp4": ("ip", 4, True),
    "udp6": ("ip", 6, True),
    "quic4": ("quic", 4, False),
    "quic6": ("quic", 6, False),
}


def parse_addresses(text: str, accepts: Accepts = BIND, env: Mapping[str, str] = os.environ) -> list[Address]:
    """The comma-separated addresses of one `bind` argument; a trailing comma means nothing."""
    return [parse_address(piece, accepts, env) for piece in text.removesuffix(",").split(",")]


def parse_address(text: str, accepts: Accepts = BIND, env: Mapping[str, str] = os.environ) -> Address:
    """One address; raises Alert in HAProxy's words.

    >>> str(parse_address("[::1]:80")), parse_address(":80-90").port_high
    ('[::1]:80', 90)
    """
    outlet = _outlet(text) if accepts.outlets else None
    if outlet is not None:
        return outlet
    rest = expand(text, env)
    if not rest:
        raise Alert(f"'{text}' resolves to an empty address (environment variable missing?)")
    datagram = accepts.default_datagram
    if rest.startswith(("stream+", "dgram+")):
        datagram, rest = rest.startswith("dgram+"), rest[rest.index("+") + 1 :]
    prefix, at, where = rest.partition("@")
    kind, family, forced = PREFIXES[prefix] if at and prefix in PREFIXES else ("unix" if rest[0:1] == "/" else "ip", 0, None)
    if not at or prefix not in PREFIXES:
        where = rest
    datagram = datagram if forced is None else forced
    if kind in ("fd", "sockpair"):
        address = _descriptor(text, kind, where, datagram, accepts)
    elif kind in ("unix", "abns"):
        address = _unix(text, kind, where, datagram)
    else:
        address = _inet(text, where, family, datagram, accepts)
    if kind == "quic" and address.is_ip:
        number = int(socket.AF_INET if address.kind == "ipv4" else socket.AF_INET6)
        raise Alert(f"unsupported stream protocol for datagram family {number} address '{text}'; QUIC is not compiled in if this is what you were looking for.")
    if not (accepts.datagram if datagram else accepts.stream):
        raise Alert(f"{'dgram' if datagram else 'stream'}-type address not acceptable in '{text}'")
    return address


def _outlet(text: str) -> Address | None:
    """Where logs can go besides addresses."""
    if text in ("stdout", "stderr"):
        return Address("stdout" if text == "stdout" else "stderr", datagram=True)
    return Address("ring", text.removeprefix("ring@"), datagram=True) if text.startswith("ring@") else None


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace ``$NAME`` and ``${NAME}``; what is not set becomes empty, and there are no defaults here."""
    pieces, position = [], 0
    for match in VARIABLE.finditer(text):
        end = match.end()
        if match[1] and text[end : end + 1] == "}":
            end += 1
        pieces += [text[position : match.start()], env.get(match[2], "") if match[2] else ""]
        position = end
    return "".join(pieces) + text[position:]


def _descriptor(text: str, kind: str, where: str, datagram: bool, accepts: Accepts) -> Address:
    if not where.isdecimal():
        raise Alert(f"file descriptor '{where}' is not a valid integer in '{text}'")
    if kind == "fd" and not accepts.descriptor:
        raise Alert(f"a file descriptor is not acceptable here in '{text}'")
    number = int(where)
    if accepts.open_socket or kind == "sockpair":
        _check_socket(number, where, datagram)
    return Address("fd" if kind == "fd" else "sockpair", fd=number, datagram=datagram)


def _check_socket(number: int, where: str, datagram: bool) -> None:
    """The descriptor must be an open socket of the wanted type."""
    try:
        copy = os.dup(number)
        try:
            with socket.socket(fileno=copy) as inherited:
                kind = inherited.type
        except OSError:
            os.close(copy)
            raise
    except OSError as error:
        raise Alert(f"cannot use file descriptor '{where}' : {os.strerror(error.errno or 0)}.") from None
    if kind != (socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM):
        raise Alert(f"socket on file descriptor '{where}' is of the wrong type.")


def _unix(text: str, kind: str, where: str, datagram: bool) -> Address:
    limit = MAX_ABNS_NAME if kind == "abns" else MAX_UNIX_PATH
    if len(where) > limit:
        raise Alert(f"socket path '{text}' too long (max {limit})")
    return Address("abns" if kind == "abns" else "unix", where, datagram=datagram)


def _inet(text: str, where: str, family: int, datagram: bool, accepts: Accepts) -> Address:
    host, colon, port_text = where.rpartition(":")
    if not colon or "]" in port_text:
        host, port_text = where, ""
    low, high, relative = _ports(text, port_text, accepts)
    found = read_host(host, family) if accepts.names else find_host(host, family)
    if found is None and not accepts.names:
        raise Alert(f"invalid address: '{host}' in '{text}'")
    kind: Kind = "name" if found is None else "ipv6" if ":" in found else "ipv4"
    return Address(kind, host if found is None else found, low, high, relative, datagram=datagram, family=family)


def _ports(text: str, port: str, accepts: Accepts) -> tuple[int, int, bool]:
    """First port, last port, whether they are relative."""
    if not port:
        if accepts.port == "required":
            raise Alert(f"missing port specification in '{text}'")
        return 0, 0, accepts.offset
    if port[0] in "+-":
        if not accepts.offset:
            raise Alert(f"port offset not permitted here in '{text}'")
        offset = leading_integer(port)
        return offset, offset, True
    if not port[0].isdecimal():
        raise Alert(f"invalid character '{port[0]}' in port number '{port}' in '{text}'")
    if accepts.port == "no":
        raise Alert(f"port specification not permitted here in '{text}'")
    first, dash, last = port.partition("-")
    if dash and not accepts.ports:
        raise Alert(f"port range not permitted here in '{text}'")
    low = _port(first, accepts)
    high = _port(last, accepts) if dash else low
    if low > high:
        raise Alert(f"invalid port range '{port}'")
    return low, high, False


def _port(text: str, accepts: Accepts) -> int:
    number = leading_integer(text)
    if not (0 if accepts.port == "optional" else 1) <= number <= 65535:
        raise Alert(f"invalid port '{text}'")
    return number


def read_host(host: str, family: int = 0) -> str | None:
    """An IP address in its usual spelling; nothing and ``*`` are any address. None: it is no address of that family (4, 6, any)."""
    if host in ("", "*"):
        return "::" if family == 6 else "0.0.0.0"
    name = _unbracketed(host)
    for candidate in (socket.AF_INET, socket.AF_INET6):
        if FAMILIES[family] in (candidate, socket.AF_UNSPEC):
            try:
                return socket.inet_ntop(candidate, socket.inet_pton(candidate, name))
            except (OSError, ValueError):
                continue
    return None


def find_host(host: str, family: int = 0) -> str | None:
    """Like `read_host`, but the system is asked about names. None: there is no such host."""
    found = read_host(host, family)
    name = _unbracketed(host)
    if found is not None or not name or name == "*" or "%" in name:
        return found
    return _ask_system(name, family)


def _unbracketed(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _ask_system(name: str, family: int) -> str | None:
    try:
        answers = socket.getaddrinfo(name, None, FAMILIES[family], socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return None
    return str(answers[0][4][0]) if answers else None
