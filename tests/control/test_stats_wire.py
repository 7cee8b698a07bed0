"""The page, its form and the exporter as they leave two running programs, haproxy and pylb, with the same configuration."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stats_rig import HAPROXY, Rig, free_ports, split

import pylb

pytestmark = pytest.mark.skipif(not Path(HAPROXY).exists(), reason="haproxy is not installed")

CONFIG = """
global
    maxconn 100
    nbthread 1
    node spot
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen page
    bind 127.0.0.1:{page}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /stats
    stats refresh 7s
    stats show-legends
    stats show-node
    stats admin if TRUE
listen closed
    bind 127.0.0.1:{closed}
    stats uri /a
    stats realm My\\ Realm
    stats auth joe:doe
backend app
    balance leastconn
    server down 127.0.0.1:1 check inter 1s
    server kept 127.0.0.1:2 disabled
    server plain 127.0.0.1:3 weight 7 backup
backend raw
    mode tcp
    server one 127.0.0.1:4 maxconn 3
"""


@contextmanager
def started(command: list[str], directory: Path) -> Iterator[Rig]:
    """The program, once its server is found down."""
    ports = dict(zip(("page", "closed"), free_ports(2), strict=True))
    path = directory / "t.cfg"
    path.write_text(CONFIG.format(**ports))
    with (directory / "stderr").open("wb") as errors:
        process = subprocess.Popen([*command, "-db", "-f", str(path)], stderr=errors, cwd=Path(pylb.__file__).parent.parent)
    rig = Rig("", ports, process.pid)
    try:
        deadline = time.monotonic() + 10
        while not _is_ready(rig):
            assert time.monotonic() < deadline and process.poll() is None, (directory / "stderr").read_text()
            time.sleep(0.05)
        yield rig
    finally:
        process.terminate()
        process.wait(5)


def _is_ready(rig: Rig) -> bool:
    try:
        return ",DOWN," in rig.page("closed", "/a;csv", "authorization: Basic am9lOmRvZQ==\r\n")
    except OSError:
        return False


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Rig]]:
    haproxy, ours = tmp_path_factory.mktemp("haproxy"), tmp_path_factory.mktemp("pylb")
    with started([HAPROXY], haproxy) as one, started([sys.executable, "-m", "pylb"], ours) as two:
        yield one, two


FORM = "b=app&s=plain&action=ready"
REQUESTS = {
    "page": ("page", "GET /stats HTTP/1.1\r\nhost: x\r\n\r\n"),
    "page to HEAD": ("page", "HEAD /stats HTTP/1.1\r\nhost: x\r\n\r\n"),
    "page to an old client": ("page", "GET /stats;norefresh HTTP/1.0\r\n\r\n"),
    "page to an old client that keeps": ("page", "GET /stats;csv HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"),
    "HEAD of an old client": ("page", "HEAD /stats HTTP/1.0\r\n\r\n"),
    "csv and close": ("page", "GET /stats;csv HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    "json": ("page", "GET /stats;json HTTP/1.1\r\nhost: x\r\n\r\n"),
    "schema": ("page", "GET /stats;json-schema;norefresh HTTP/1.1\r\nhost: x\r\n\r\n"),
    "form": ("page", f"POST /stats;up HTTP/1.1\r\nhost: x\r\ncontent-length: {len(FORM)}\r\n\r\n{FORM}"),
    "form in chunks": ("page", f"POST /stats?scope=a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{len(FORM):x}\r\n{FORM}\r\n0\r\n\r\n"),
    "no form": ("page", "POST /stats HTTP/1.1\r\nhost: x\r\n\r\n"),
    "another method": ("page", "PUT /stats HTTP/1.1\r\nhost: x\r\n\r\n"),
    "metrics": ("page", "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"),
    "metrics to HEAD": ("page", "HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n"),
    "metrics to an old HEAD": ("page", "HEAD /metrics HTTP/1.0\r\n\r\n"),
    "no metrics": ("page", "GET /metrics?scope= HTTP/1.1\r\nhost: x\r\n\r\n"),
    "wrong scope": ("page", "GET /metrics?scope=x HTTP/1.1\r\nhost: x\r\n\r\n"),
    "no password": ("closed", "GET /a HTTP/1.1\r\nhost: x\r\n\r\n"),
    "no password to HEAD": ("closed", "HEAD /a HTTP/1.1\r\nhost: x\r\n\r\n"),
    "broken password": ("closed", "GET /a HTTP/1.1\r\nhost: x\r\nauthorization: Basic xx\r\n\r\n"),
    "password": ("closed", "GET /a;csv HTTP/1.1\r\nhost: x\r\nauthorization: basic am9lOmRvZQ==\r\n\r\n"),
    "form without right": ("closed", "POST /a HTTP/1.1\r\nhost: x\r\nauthorization: basic am9lOmRvZQ==\r\n\r\n"),
}


def head(rig: Rig, where: str, request: str) -> tuple[bytes, bytes, str]:
    """The answer's head, its last bytes, and whether the connection was closed after it."""
    with socket.create_connection(("127.0.0.1", rig.ports[where]), timeout=5) as one:
        one.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += one.recv(65536)
        one.settimeout(0.3)
        end = "closed"
        try:
            while more := one.recv(65536):
                answer += more
        except TimeoutError:
            end = "open"
    return answer.partition(b"\r\n\r\n")[0], answer[-7:], end


@pytest.mark.parametrize("which", REQUESTS)
def test_answers(both: tuple[Rig, Rig], which: str) -> None:
    theirs, ours = (head(rig, *REQUESTS[which]) for rig in both)
    assert ours == theirs


def masked(page: str, serving: str) -> str:
    """The page without pids, times and the proxy that served it."""
    page = re.sub(r"pid (?:\d+) on|<b>pid = </b> \d+", "pid", page)
    page = re.sub(r"<b>uptime = .*\n|current conns = .*\n|Running tasks: .*\n", "", page)
    page = re.sub(r"<td class=ac>\d+s |\d+s</td>| in \d+ms|(?<=Estimated need of connections:</th><td>)\d", "", page)
    title = r'<table class="tbl" width="100%">\n<tr class="titre"><th class="pxname" width="10%"><a name='
    return re.sub(rf'(?s){title}"(?:{serving}|closed)">.*?</table><p>\n', "", page)


def test_the_whole_page(both: tuple[Rig, Rig]) -> None:
    theirs, ours = (masked(split(rig.get("page", "/stats"))[1].decode(), "page") for rig in both)
    assert ours == theirs
