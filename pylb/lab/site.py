"""Site: what the lab plays: controllers, their services, and the frontends through which people reach them.

A site comes from the lab's own YAML file (`topology`) or from Kolla-Ansible's globals.yml (`globals`). Its addresses are those of
the file; `Places` says where each of them really is on this machine: on loopback, at the wished port where that is free.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

HIGH = 8000  # 443 becomes 8443 for those who may not bind to it
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


class LabError(Exception):
    """The lab cannot do what it was asked; the text says why and what would be right."""


@dataclass(slots=True)
class Face:
    """One frontend of a service with its backend."""

    frontend: str
    backend: str
    host: str
    port: int
    tls: bool
    kind: str = ""  # Kolla: internal or external

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


@dataclass(slots=True)
class Service:
    """One OpenStack service: the same port on every controller."""

    name: str
    server_port: int
    faces: list[Face]
    health_path: str = ""  # "": a connection is check enough
    check_lines: tuple[str, ...] = ()
    latency: float = 0.0


@dataclass(slots=True)
class Site:
    """Everything that the lab plays."""

    source: str  # the file's name
    controllers: dict[str, str]  # name -> address
    services: list[Service]
    extra_binds: list[tuple[str, int]] = field(default_factory=list)  # statistics and the like
    stats_page: str = ""  # host:port/path, as configured
    notes: list[str] = field(default_factory=list)

    def service(self, name: str) -> Service:
        """The service of that name; raises LabError."""
        for service in self.services:
            if service.name == name:
                return service
        raise LabError(f"there is no service '{name}'; there are {', '.join(each.name for each in self.services)}")

    def faces(self) -> Iterator[tuple[Service, Face]]:
        return ((service, face) for service in self.services for face in service.faces)


@dataclass(slots=True)
class Places:
    """Where the addresses of a site really are. What was never moved is where it says."""

    hosts: dict[str, str] = field(default_factory=dict)
    ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def host(self, host: str) -> str:
        return self.hosts.get(host, host)

    def at(self, host: str, port: int) -> tuple[str, int]:
        return self.host(host), self.ports.get((host, port), port)

    def text(self, host: str, port: int) -> str:
        return "{}:{}".format(*self.at(host, port))

    def moved(self) -> list[tuple[str, int, int]]:
        """Host, wished port, real port of all that could not be where they wished to be."""
        return [(self.host(host), port, real) for (host, port), real in self.ports.items() if port != real]


def loopback(hosts: Sequence[str]) -> dict[str, str]:
    """Each address on loopback: 10.0.0.11 becomes 127.0.0.11, or something near if that is taken by another."""
    chosen: dict[str, str] = {}
    for host in hosts:
        address = ipaddress.ip_address(host)
        near = ipaddress.IPv4Address(0x7F000000 | (int(address) & 0xFFFFFF))
        while str(near) in chosen.values():
            near = ipaddress.IPv4Address(0x7F000000 | ((int(near) + 0x10000) & 0xFFFFFF))
        chosen[host] = str(near)
    return chosen


def is_loopback(text: str) -> bool:
    """Is it an address of 127.0.0.0/8?"""
    try:
        return ipaddress.ip_address(text) in LOOPBACK
    except ValueError:
        return False


def claim_port(host: str, port: int) -> socket.socket:
    """Hold a port until the load balancer may have it: the one wished for, or a similar high one, or any."""
    for candidate in (port, *([port + HIGH] if port < 1024 else []), 0):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((host, candidate))
            held.listen(1)
        except OSError as error:
            held.close()
            last = error
        else:
            return held
    raise LabError(f"no port can be bound on {host}: {last.strerror}")
