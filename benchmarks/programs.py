"""The programs that are compared, and how each is told what a row wants of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.place import Place
from benchmarks.running import python, which

NGINX_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of service a row needs."""

    tls: str = ""  # kind of the key: ecdsa, rsa; "": plain
    tcp: bool = False
    close: bool = False  # no keep-alive on either side
    bulk: bool = False  # large bodies
    full: bool = False  # a full TLS handshake for each request
    rules: Callable[[Place], str] | None = None  # further lines of the frontend
    more: Callable[[Place], str] | None = None  # further sections
    servers: int = 3


HAPROXY = """
global
    nbthread 1
    maxconn 8000
    log 127.0.0.1:{place.sink} local0
defaults
    mode {mode}
    log global
    option {log}
    {close}
    timeout client 600s
    timeout server 600s
    timeout connect 5s
frontend fe
    bind 127.0.0.1:{place.front} {tls}
    {rules}
    default_backend be
backend be
    balance leastconn
{servers}
"""
RULES = """acl admin path_beg /admin
    acl token hdr_len(x-auth-token) gt 4
    http-request set-header x-admin 1 if admin
    http-request set-header x-forwarded-proto http if token
"""


def targets(shape: Shape, place: Place) -> list[int]:
    """The ports of the servers."""
    return [place.bulk] if shape.bulk else [place.origins[number % len(place.origins)] for number in range(shape.servers)]


def haproxy_config(shape: Shape, place: Place) -> Path:
    """The file that HAProxy and pylb both read."""
    tls = f"ssl crt {place.certificate(shape.tls)}" if shape.tls else ""
    servers = "\n".join(f"    server s{number} 127.0.0.1:{port}" for number, port in enumerate(targets(shape, place), 1))
    text = HAPROXY.format(
        place=place, mode="tcp" if shape.tcp else "http", log="tcplog" if shape.tcp else "httplog",
        close="option httpclose" if shape.close else "", tls=tls, servers=servers,
        rules=("" if shape.tcp else RULES) + (shape.rules(place) if shape.rules else ""),
    )  # fmt: skip
    path = place.directory / "haproxy.cfg"
    path.write_text(text + (shape.more(place) if shape.more else ""))
    return path


NGINX = """
{modules}
worker_processes 1;
daemon off;
master_process off;
pid {place.directory}/nginx.pid;
error_log {place.directory}/nginx.err crit;
events {{ worker_connections 18000; }}
"""
NGINX_HTTP = """
http {{
    access_log syslog:server=127.0.0.1:{place.sink} combined;
    client_body_temp_path {place.directory}/body;
    proxy_temp_path {place.directory}/proxy;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    keepalive_timeout {keep}s;
    proxy_max_temp_file_size 0;
    proxy_request_buffering off;
    map $uri $admin {{ ~^/admin 1; default ""; }}
    map $http_x_auth_token $token {{ ~^.....  http; default ""; }}
    upstream be {{
        least_conn;
{servers}
        {reuse}
    }}
    server {{
        listen 127.0.0.1:{place.front} {tls} backlog=4096;
        {certificate}
        location / {{
            proxy_pass http://be;
            proxy_http_version 1.1;
            proxy_set_header Connection "{connection}";
            proxy_set_header X-Admin $admin;
            proxy_set_header X-Forwarded-Proto $token;
        }}
    }}
}}
"""
NGINX_TCP = """
stream {{
    upstream be {{
        least_conn;
{servers}
    }}
    server {{ listen 127.0.0.1:{place.front}; proxy_pass be; }}
}}
"""


def nginx_command(shape: Shape, place: Place) -> list[str] | None:
    """nginx with a configuration that does the same, as far as it can."""
    if (shape.tcp and not NGINX_STREAM.exists()) or shape.rules or shape.more:
        return None
    text = (NGINX + (NGINX_TCP if shape.tcp else NGINX_HTTP)).format(
        place=place, modules=f"load_module {NGINX_STREAM};" if shape.tcp else "", tls="ssl" if shape.tls else "", keep=0 if shape.close else 600,
        certificate=f"ssl_certificate {place.certificate(shape.tls)}; ssl_certificate_key {place.certificate(shape.tls)}; "
        "ssl_protocols TLSv1.2 TLSv1.3;" if shape.tls else "",
        servers="\n".join(f"        server 127.0.0.1:{port};" for port in dict.fromkeys(targets(shape, place))),
        reuse="" if shape.close else "keepalive 200; keepalive_requests 1000000000;", connection="close" if shape.close else "",
    )  # fmt: skip
    path = place.directory / "nginx.conf"
    path.write_text(text)
    return [which("nginx") or "nginx", "-c", str(path), "-e", str(place.directory / "nginx.err")]


def pylb_command(shape: Shape, place: Place) -> list[str]:
    return python("pylb", "-db", "-f", haproxy_config(shape, place))


def haproxy_command(shape: Shape, place: Place) -> list[str]:
    return [which("haproxy") or "haproxy", "-db", "-f", str(haproxy_config(shape, place))]


def python_only(shape: Shape) -> bool:
    """Can a proxy of a few lines do it?"""
    return not (shape.tcp or shape.rules or shape.more)


def aiohttp_command(shape: Shape, place: Place) -> list[str] | None:
    if not python_only(shape) or shape.close:
        return None
    return python("benchmarks.peers.aiohttp_proxy", place.front, place.certificate(shape.tls) if shape.tls else "-", *targets(shape, place))


def twisted_command(shape: Shape, place: Place) -> list[str] | None:
    if not python_only(shape) or shape.tls or shape.bulk:
        return None
    return python("benchmarks.peers.twisted_proxy", place.front, targets(shape, place)[0])


def mitmdump() -> str | None:
    """mitmproxy's program; it wants older libraries than pylb and is better kept in an environment of its own, with its bin on PATH."""
    beside = Path(sys.executable).with_name("mitmdump")
    return str(beside) if beside.exists() else which("mitmdump")


def mitmproxy_command(shape: Shape, place: Place) -> list[str] | None:
    if not python_only(shape) or shape.tls or shape.bulk or shape.close:
        return None
    directory = place.directory / "mitmproxy"
    words = ["--mode", f"reverse:http://127.0.0.1:{targets(shape, place)[0]}", "--listen-host", "127.0.0.1", "-p", str(place.front), "-q"]
    return [mitmdump() or "mitmdump", *words, "--set", f"confdir={directory}", "--set", "flow_detail=0"]


def module(name: str) -> Callable[[], str | None]:
    """None when it can be imported, else what is missing."""
    return lambda: None if importlib.util.find_spec(name) else f"the Python package {name} is not installed"


@dataclass(frozen=True, slots=True)
class Program:
    """One of those compared. `command` gives None for what it cannot do or was not set up for."""

    name: str
    command: Callable[[Shape, Place], list[str] | None]
    missing: Callable[[], str | None]


PROGRAMS = {
    program.name: program
    for program in (
        Program("haproxy", haproxy_command, lambda: None if which("haproxy") else "haproxy is not installed"),
        Program("pylb", pylb_command, lambda: None),
        Program("nginx", nginx_command, lambda: None if which("nginx") else "nginx is not installed"),
        Program("aiohttp", aiohttp_command, module("aiohttp")),
        Program("twisted", twisted_command, module("twisted")),
        Program("mitmproxy", mitmproxy_command, lambda: None if mitmdump() else "mitmdump is not on PATH"),
    )
}
