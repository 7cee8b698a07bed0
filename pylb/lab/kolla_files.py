"""The files that Kolla-Ansible writes for HAProxy from globals.yml: haproxy.cfg, and one file of services.d per service.

The same rendering is done twice: with Kolla's own addresses and paths, to be read beside globals.yml, and with loopback addresses and
the lab's paths, to run. The two differ in nothing else than what `Layout` holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pylb.lab.kolla import METRICS_PORT, STATUS_PORT, Kind, Kolla
from pylb.lab.site import Face, Places, Service, Site

CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
MARK = "# Written by pylb lab"
REALM = "Haproxy\\ Stats"
MONITORING = "Basic b3BlbnN0YWNrLW1vbml0b3Jpbmc6bGFi"  # openstack-monitoring:lab


@dataclass(slots=True)
class Layout:
    """Where things are: addresses, paths, and what `global` says of the process."""

    places: Places
    global_lines: list[str]
    internal_pem: str
    external_pem: str
    stats_password: str = "lab"
    monitoring: str = MONITORING


def kolla_layout(site: Site) -> Layout:
    """Kolla's own."""
    first = site.controllers["controller-1"]
    lines = ["chroot /var/lib/haproxy", "user haproxy", "group haproxy", "daemon", f"log {first}:5140 local1", "maxconn 40000", "nbthread 1"]
    lines.append("stats socket /var/lib/kolla/haproxy/haproxy.sock group kolla mode 660")
    certificates = "/etc/haproxy/certificates/"
    return Layout(Places(), lines, f"{certificates}haproxy-internal.pem", f"{certificates}haproxy.pem")


def lab_layout(places: Places, directory: Path) -> Layout:
    """The lab's: no chroot, no other user, a socket that may change things."""
    lines = [f"log {directory}/log.sock local1", "maxconn 4000", "nbthread 1", f"stats socket {directory}/haproxy.sock mode 660 level admin"]
    return Layout(places, lines, f"{directory}/haproxy.pem", f"{directory}/haproxy.pem")


def render(site: Site, kolla: Kolla, layout: Layout) -> dict[str, str]:
    """File name -> text."""
    title = f"{MARK} from {Path(site.source).name}.\n"
    files = {"haproxy.cfg": title + main_file(site, kolla, layout)}
    if kolla.mariadb:
        files["services.d/mariadb.cfg"] = f"{title}# Nothing: ProxySQL stands before MariaDB.\n"
    for service in site.services:
        kind = kolla.kinds[service.name]
        sections = []
        for face in service.faces:
            sections.append(frontend(kind, face, layout))
            sections.append(backend(site, kind, service, face, layout))
            if kind.name == "horizon" and face.tls:
                sections.append(redirect(kolla, face, layout, site))
        files[f"services.d/{kind.file}.cfg"] = title + "\n".join(sections)
    return files


def block(header: str, *lines: str) -> str:
    """A section."""
    return "\n".join([header, *(f"    {line}" for line in lines)]) + "\n"


def main_file(site: Site, kolla: Kolla, layout: Layout) -> str:
    """haproxy.cfg."""
    tls = [
        f"ssl-default-bind-ciphersuites {CIPHERS}",
        "ssl-default-bind-options prefer-client-ciphers ssl-min-ver TLSv1.3 no-tls-tickets",
        f"ssl-default-server-ciphersuites {CIPHERS}",
        "ssl-default-server-options ssl-min-ver TLSv1.3 no-tls-tickets",
        "tune.ssl.default-dh-param 4096",
        "ca-base /etc/ssl/certs",
    ]
    at = layout.places.text
    first = site.controllers["controller-1"]
    return "\n".join(
        [
            block("global", *layout.global_lines, *(tls if kolla.tls else [])),
            block("defaults", "log global", "option redispatch", "retries 3", *timeouts(), "balance roundrobin", "maxconn 10000"),
            block(
                *("listen stats", f"bind {at(*site.extra_binds[0])}", "mode http", "stats enable", "stats uri /", "stats refresh 15s", f"stats realm {REALM}"),
                f"stats auth openstack:{layout.stats_password}",
            ),
            block("listen metrics", f"bind {at(first, METRICS_PORT)}", "mode http", "http-request use-service prometheus-exporter if { path /metrics }"),
            block("frontend status", f"bind {at(first, STATUS_PORT)}", f"bind {at(kolla.internal, STATUS_PORT)}", "mode http", "monitor-uri /"),
        ]
    )


def timeouts() -> list[str]:
    """Kolla's, in its order."""
    table = {"http-request": "10s", "http-keep-alive": "10s", "queue": "1m", "connect": "10s", "client": "1m", "server": "1m", "check": "10s"}
    return [f"timeout {name} {value}" for name, value in table.items()]


def frontend(kind: Kind, face: Face, layout: Layout) -> str:
    """The public side."""
    pem = layout.internal_pem if face.kind == "internal" else layout.external_pem
    tls = f" ssl crt {pem} alpn h2,http/1.1" if face.tls else ""
    return block(
        f"frontend {face.frontend}",
        "mode http",
        *(["http-request deny if { path -i -m beg /server-status }"] if face.kind == "external" else []),
        "http-request del-header X-Forwarded-Proto",
        *kind.client,
        "option httplog",
        "option forwardfor",
        "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
        f"bind {layout.places.text(face.host, face.port)}{tls}",
        f"default_backend {face.backend}",
    )


def backend(site: Site, kind: Kind, service: Service, face: Face, layout: Layout) -> str:
    """The three servers."""
    lines = ["mode http", *(["balance roundrobin"] if kind.balance else []), *kind.server, *service.check_lines]
    if kind.name == "rabbitmq":
        lines.append(f"http-check send hdr Authorization '{layout.monitoring}'")
    for name, host in site.controllers.items():
        lines.append(f"server {name} {layout.places.text(host, service.server_port)} check inter 2000 rise 2 fall 5")
    return block(f"backend {face.backend}", *lines)


def redirect(kolla: Kolla, face: Face, layout: Layout, site: Site) -> str:
    """Port 80 of a VIP where Horizon has TLS."""
    name = next(name for name, host in kolla.horizon_redirect if host == face.host)
    port = next(port for host, port in site.extra_binds if host == face.host and port != STATUS_PORT)
    return block(f"frontend {name}", "mode http", f"bind {layout.places.text(face.host, port)}", "redirect scheme https code 301 if !{ ssl_fc }")
