"""The lab's own YAML file -> a Site, and the haproxy.cfg that it stands for, written as an OpenStack operator would write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pylb.lab.settings import Settings, load, seconds
from pylb.lab.site import Face, LabError, Places, Service, Site

KEYS = ("vip", "controllers", "tls", "balance", "check", "stats_port", "services")
SERVICE_KEYS = ("port", "server_port", "health", "frontend", "latency")
ALGORITHMS = ("roundrobin", "static-rr", "leastconn", "first", "random", "source", "uri")
PATH = re.compile(r"/[!-~]*")
STATS_URI = "/stats"


@dataclass(slots=True)
class Style:
    """What all services of a topology share."""

    balance: str
    inter: str
    fall: int
    rise: int


def default_path() -> Path:
    """The topology that comes with the program."""
    return Path(str(resources.files("pylb.lab").joinpath("lab.yml")))


def read_topology(path: Path) -> tuple[Site, Style]:
    """The file's content; raises LabError."""
    return parse_topology(load(path))


def parse_topology(settings: Settings) -> tuple[Site, Style]:
    """A site with its style; raises LabError."""
    settings.allow(*KEYS)
    vip = settings.loopback("vip", "127.0.10.10")
    check = settings.section("check")
    check.allow("inter", "fall", "rise")
    balance = settings.one_of("balance", "roundrobin", ALGORITHMS)
    style = Style(balance, check.duration("inter", "2s"), check.integer("fall", 3, 1, 1000), check.integer("rise", 2, 1, 1000))
    tls, stats_port = settings.truth("tls", True), settings.port("stats_port", 1984)
    services = read_services(settings.section("services"), vip, tls)
    if not services:
        raise LabError(f"{settings.where('services')}: expected at least one service, like 'keystone: {{port: 5000, health: /healthcheck}}'")
    site = Site(settings.file, read_controllers(settings, vip), services, [(vip, stats_port)], f"{vip}:{stats_port}{STATS_URI}")
    refuse_clashes(settings, site)
    return site, style


def read_controllers(settings: Settings, vip: str) -> dict[str, str]:
    """Name -> address."""
    section = settings.section("controllers")
    addresses: dict[str, str] = {}
    for name in section.content:
        section.word_like(name)
        address = section.loopback(name)
        if address == vip or address in addresses.values():
            raise LabError(f"{section.where(name)}: {address} is taken by {'the vip' if address == vip else 'another controller'}")
        addresses[name] = address
    if not addresses:
        raise LabError(f"{settings.where('controllers')}: expected at least one controller, like 'controller-1: 127.0.10.11'")
    return addresses


def read_services(section: Settings, vip: str, tls: bool) -> list[Service]:
    """Every service with its one frontend."""
    services = []
    for name in section.content:
        section.word_like(name)
        one = section.section(name)
        one.allow(*SERVICE_KEYS)
        health = one.content.get("health") or ""
        if health and not (isinstance(health, str) and PATH.fullmatch(health)):
            raise one.bad("health", "a path like /healthcheck")
        port = one.port("port")
        frontend = one.word("frontend", f"{name}_api")
        checks = (f"option httpchk GET {health}", "http-check expect status 200") if health else ()
        face = Face(frontend, f"{frontend}_back", vip, port, tls)
        latency = seconds(one.duration("latency", "0ms"))
        services.append(Service(name, one.port("server_port", port), [face], health, checks, latency))
    return services


def refuse_clashes(settings: Settings, site: Site) -> None:
    """No two services may have the same place or name."""
    seen: dict[object, str] = {("port", site.extra_binds[0][1]): "stats_port", "stats": "the statistics"}
    for service, face in site.faces():
        claims: dict[str, object] = {f"port {face.port}": ("port", face.port), f"frontend {face.frontend}": face.frontend}
        claims[f"server_port {service.server_port}"] = service.server_port
        for what, thing in claims.items():
            if thing in seen:
                raise LabError(f"{settings.where('services.')}{service.name}: {what} is taken by {seen[thing]}")
            seen[thing] = service.name


def render(site: Site, style: Style, places: Places, directory: Path) -> dict[str, str]:
    """File name -> text, for a lab whose sockets and certificate are in `directory`."""
    sections = [preamble(site, directory)]
    for service, face in site.faces():
        sections.append(render_service(site, style, places, service, face, directory))
    sections.append(render_stats(site, places))
    return {"haproxy.cfg": "\n".join(sections)}


def preamble(site: Site, directory: Path) -> str:
    """`global` and `defaults`."""
    return f"""\
# Written by pylb lab from {site.source}. The same file runs in pylb and in haproxy.
global
    maxconn 4000
    log {directory}/log.sock local0
    stats socket {directory}/haproxy.sock mode 660 level admin

defaults
    log global
    mode http
    option httplog
    option dontlognull
    option http-server-close
    option redispatch
    retries 3
    timeout http-request 10s
    timeout queue 1m
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout http-keep-alive 10s
    timeout check 10s
    maxconn 1000
"""


def render_service(site: Site, style: Style, places: Places, service: Service, face: Face, directory: Path) -> str:
    """A frontend with its backend."""
    tls = f" ssl crt {directory}/haproxy.pem" if face.tls else ""
    lines = [
        f"# {service.name}",
        f"frontend {face.frontend}",
        f"    bind {places.text(face.host, face.port)}{tls}",
        f"    default_backend {face.backend}",
        "",
        f"backend {face.backend}",
        f"    balance {style.balance}",
        *(f"    {line}" for line in service.check_lines),
    ]
    for name, address in site.controllers.items():
        lines.append(f"    server {name} {places.text(address, service.server_port)} check inter {style.inter} fall {style.fall} rise {style.rise}")
    return "\n".join(lines) + "\n"


def render_stats(site: Site, places: Places) -> str:
    """The statistics page, whose buttons work for clients on this machine."""
    return f"""\
# Statistics
listen stats
    bind {places.text(*site.extra_binds[0])}
    stats enable
    stats uri {STATS_URI}
    stats refresh 10s
    stats admin if LOCALHOST
"""
