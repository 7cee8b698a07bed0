"""Kolla-Ansible's globals.yml -> a Site: which services HAProxy would front, on which addresses and ports, with TLS or without.

Kolla's defaults fill what the file leaves out. The controllers are named in Kolla's inventory, not in globals.yml: the lab takes
three, at the addresses that follow the internal VIP. Variables of services that the lab has no servers for are named in the site's
notes; everything that does not concern HAProxy is passed over.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pylb.lab.settings import Settings, load
from pylb.lab.site import Face, LabError, Service, Site

SIGNS = ("kolla_", "enable_", "openstack_", "network_interface", "neutron_external_interface")  # keys that only globals.yml has
REFERENCE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
CONTROLLERS = 3
STATS_PORT, METRICS_PORT, STATUS_PORT = 1984, 9101, 61313
HEALTHCHECK = ("option httpchk GET /healthcheck", "http-check expect status 200")
ROOT = ("option httpchk GET /", "http-check expect status 200")


@dataclass(frozen=True, slots=True)
class Kind:
    """What Kolla's templates know about one service."""

    name: str  # in the lab's commands
    file: str  # services.d/FILE.cfg
    base: str  # names of sections begin so
    port: int
    checks: tuple[str, ...]
    needs: str  # enable_...
    port_variable: str
    external: bool = True
    internal_name: str = ""  # between base and _front: keystone_internal_front
    client: tuple[str, ...] = ()  # more lines of the frontend
    server: tuple[str, ...] = ()  # and of the backend
    balance: bool = False
    server_port: int = 0  # 0: as the frontend's


KINDS = (
    Kind("keystone", "keystone", "keystone", 5000, HEALTHCHECK, "keystone", "keystone_public_port", internal_name="_internal", balance=True),
    Kind("nova", "nova-api", "nova_api", 8774, ROOT, "nova", "nova_api_port"),
    Kind("nova-metadata", "nova-metadata", "nova_metadata", 8775, ROOT, "nova", "nova_metadata_port", external=False),
    Kind("novncproxy", "nova-novncproxy", "nova_novncproxy", 6080, (), "nova", "nova_novncproxy_port", server=("timeout tunnel 1h",)),
    Kind("glance", "glance-api", "glance_api", 9292, HEALTHCHECK, "glance", "glance_api_port", client=("timeout client 6h",), server=("timeout server 6h",)),
    Kind("neutron", "neutron-server", "neutron_server", 9696, HEALTHCHECK, "neutron", "neutron_server_port"),
    Kind("cinder", "cinder-api", "cinder_api", 8776, HEALTHCHECK, "cinder", "cinder_api_port"),
    Kind("placement", "placement-api", "placement_api", 8780, ROOT, "placement", "placement_api_port"),
    Kind("heat", "heat-api", "heat_api", 8004, HEALTHCHECK, "heat", "heat_api_port"),
    Kind("heat-cfn", "heat-api-cfn", "heat_api_cfn", 8000, HEALTHCHECK, "heat", "heat_api_cfn_port"),
    Kind("horizon", "horizon", "horizon", 80, ("option httpchk",), "horizon", "horizon_port", balance=True, server_port=8080),
    Kind("octavia", "octavia-api", "octavia_api", 9876, ROOT, "octavia", "octavia_api_port"),
    Kind("rabbitmq", "rabbitmq", "rabbitmq_management", 15672, ("option httpchk GET /api/overview",), "rabbitmq", "rabbitmq_management_port", external=False),
)
CORE = ("glance", "heat", "horizon", "keystone", "neutron", "nova")  # what enable_openstack_core turns on
ALWAYS = ("rabbitmq", "placement")
WITHOUT_FRONTEND = {"haproxy", "openstack_core", "mariadb", "memcached", "keepalived", "proxysql", "fluentd", "cron", "kolla_toolbox", "central_logging"}


@dataclass(slots=True)
class Kolla:
    """What the rendering needs beside the site."""

    internal: str
    external: str
    tls_internal: bool
    tls_external: bool
    mariadb: bool  # its file is written even though ProxySQL, not HAProxy, fronts it
    kinds: dict[str, Kind]  # by the service's name
    horizon_redirect: list[tuple[str, str]]  # (name of the frontend, VIP) that send http to https

    @property
    def tls(self) -> bool:
        return self.tls_internal or self.tls_external


def is_globals(content: Mapping[Any, Any]) -> bool:
    """Does the file speak of Kolla?"""
    return any(str(key).startswith(SIGNS) for key in content)


def read_globals(path: Path) -> tuple[Site, Kolla]:
    """The file's content; raises LabError."""
    return parse_globals(load(path))


def parse_globals(settings: Settings) -> tuple[Site, Kolla]:
    """A site with what Kolla adds; raises LabError."""
    settings = Settings(settings.file, settings.place, resolved(settings))
    if not settings.truth("enable_haproxy", True):
        raise LabError(f"{settings.where('enable_haproxy')}: is no, so Kolla-Ansible would write no haproxy.cfg: there is nothing to play")
    if settings.truth("kolla_enable_tls_backend", False):
        raise LabError(f"{settings.where('kolla_enable_tls_backend')}: 'yes' is not implemented yet: the lab's servers speak plain HTTP")
    kolla = read_network(settings)
    services = [make_service(settings, kolla, kind) for kind in KINDS if is_enabled(settings, kind)]
    if not services:
        raise LabError(f"{settings.file}: every service that the lab can play is disabled; enable one of {', '.join(kind.needs for kind in KINDS)}")
    controllers = following(kolla.internal, (kolla.internal, kolla.external))
    first = controllers["controller-1"]
    stats = settings.port("haproxy_stats_port", STATS_PORT)
    extra = [(first, stats), (first, METRICS_PORT), (first, STATUS_PORT), (kolla.internal, STATUS_PORT)]
    site = Site(settings.file, controllers, services, extra, f"{first}:{stats}/", notes_about(settings, kolla, controllers))
    add_redirects(site, kolla, settings)
    return site, kolla


def resolved(settings: Settings) -> dict[Any, Any]:
    """The content with `{{ variable }}` replaced by another line's value. Anything more is Ansible's to compute."""
    content = dict(settings.content)
    for _ in range(len(content)):
        changed = False
        for key, value in content.items():
            match = REFERENCE.fullmatch(value) if isinstance(value, str) else None
            if match and match[1] in content and content[match[1]] != value:
                content[key], changed = content[match[1]], True
        if not changed:
            break
    return content


def address(settings: Settings, key: str, default: str | None = None) -> str:
    """An IPv4 address."""
    value = settings.content.get(key, default)
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise settings.bad(key, "an IPv4 address like 10.0.0.10") from None


def read_network(settings: Settings) -> Kolla:
    """VIPs and TLS."""
    internal = address(settings, "kolla_internal_vip_address")
    external = address(settings, "kolla_external_vip_address", internal)
    tls_internal = settings.truth("kolla_enable_tls_internal", False)
    tls_external = settings.truth("kolla_enable_tls_external", tls_internal and internal == external)
    return Kolla(internal, external, tls_internal, tls_external, settings.truth("enable_mariadb", True), {}, [])


def following(vip: str, taken: tuple[str, ...]) -> dict[str, str]:
    """Three controllers at the addresses after the VIP."""
    found: dict[str, str] = {}
    candidate = ipaddress.IPv4Address(vip)
    while len(found) < CONTROLLERS:
        candidate = ipaddress.IPv4Address((int(candidate) + 1) & 0xFFFFFFFF)
        if str(candidate) not in taken:
            found[f"controller-{len(found) + 1}"] = str(candidate)
    return found


def is_enabled(settings: Settings, kind: Kind) -> bool:
    """enable_SERVICE, with Kolla's defaults."""
    core = settings.truth("enable_openstack_core", True)
    if kind.needs == "placement":
        return settings.truth("enable_placement", settings.truth("enable_nova", core))
    wanted = settings.truth(f"enable_{kind.needs}", core if kind.needs in CORE else kind.needs in ALWAYS)
    if kind.name == "novncproxy":
        return wanted and settings.content.get("nova_console", "novnc") == "novnc"
    return wanted


def make_service(settings: Settings, kolla: Kolla, kind: Kind) -> Service:
    """A service with its internal and external faces."""
    kolla.kinds[kind.name] = kind
    port = settings.port(kind.port_variable, kind.port)
    faces = [face(settings, kind, "internal", kolla.internal, port, kolla.tls_internal)]
    if kind.external and kolla.external != kolla.internal:
        faces.append(face(settings, kind, "external", kolla.external, port, kolla.tls_external))
    server_port = settings.port("horizon_listen_port", kind.server_port) if kind.server_port else port
    words = kind.checks[0].split() if kind.checks else []
    return Service(kind.name, server_port, faces, words[3] if len(words) > 3 else "/" if words else "", kind.checks)


def face(settings: Settings, kind: Kind, side: str, vip: str, port: int, tls: bool) -> Face:
    """One frontend, named as Kolla names it."""
    middle = "_external" if side == "external" else kind.internal_name
    if kind.name == "horizon" and tls:
        port = settings.port("horizon_tls_port", 443)
    return Face(f"{kind.base}{middle}_front", f"{kind.base}{middle}_back", vip, port, tls, side)


def add_redirects(site: Site, kolla: Kolla, settings: Settings) -> None:
    """Where Horizon has TLS, port 80 leads to it."""
    for service, one in site.faces():
        if service.name == "horizon" and one.tls:
            middle = "_external" if one.kind == "external" else ""
            kolla.horizon_redirect.append((f"horizon{middle}_redirect_front", one.host))
            site.extra_binds.append((one.host, settings.port("horizon_port", 80)))


def notes_about(settings: Settings, kolla: Kolla, controllers: Mapping[str, str]) -> list[str]:
    """What the reader of the file should know."""
    notes = [f"globals.yml does not name the controllers (Kolla's inventory does): {', '.join(f'{name} is {where}' for name, where in controllers.items())}"]
    known = {kind.needs for kind in KINDS} | WITHOUT_FRONTEND
    others = [str(key).removeprefix("enable_") for key, value in settings.content.items() if str(key).startswith("enable_") and means_yes(value)]
    missing = sorted(name for name in others if name not in known)
    if missing:
        notes.append(f"the lab has no servers for: {', '.join(missing)}")
    if kolla.external == kolla.internal:
        notes.append("the external VIP is the internal one: no separate external frontends")
    return notes


def means_yes(value: Any) -> bool:
    """Would Ansible take it for true?"""
    return str(value).lower() in ("yes", "true", "on", "1")
