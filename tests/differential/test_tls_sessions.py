"""TLS sessions before haproxy and before pylb: who resumes which, and how both programs count it."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import masks
import pytest
from certificates import make_bundle
from harness import OK, Case, Rig
from oracle import HAPROXY, needs_haproxy
from stream_peers import BODY, CLOSE

pytestmark = needs_haproxy

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
OVER = 2.2  # seconds after which a session that lives for one second is certainly gone
TO_CLIENTS = [Case(f"client_{name}", front="http-request return status 200", tls=True, bind=words) for name, words in (("tickets", ""), ("no_tickets", "no-tls-tickets"))]
TO_SERVERS = [
    Case(f"server_{name}", server=words, server_tls=True, back="http-reuse never\n" + rules, origin=(BODY, OK, CLOSE))
    for name, words, rules in (
        ("plain", "", ""),
        ("tls12", "ssl-max-ver TLSv1.2", ""),
        ("no_reuse", "no-ssl-reuse", ""),
        ("no_tickets", "no-tls-tickets", ""),
        ("names", "sni req.hdr(x)", ""),
        ("checked", "check inter 1h", "option httpchk"),
    )
]
HEADS = {"usual": "", "no_cache": " tune.ssl.cachesize 0\n", "short": " tune.ssl.lifetime 1\n"}
COLUMNS = ("ssl_sess", "ssl_reused_sess", "ssl_failed_handshake")
LINES = ("CumSslConns", "SslFrontendMaxKeyRate", "SslBackendMaxKeyRate", "SslCacheLookups", "SslCacheMisses")


def as_client(rig: Rig, case: Case, version: str, wait: float) -> list[bool]:
    """Three connections, each with the session that the one before got: which were resumed?"""
    session, resumed = None, []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    for number in range(3):
        if number == 2:
            time.sleep(wait)
        with context.wrap_socket(socket.create_connection(rig.addresses[case.name], timeout=10), session=session) as client:
            client.sendall(GET)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            resumed.append(bool(client.session_reused))
            session = client.session
    return resumed


def through(rig: Rig, case: Case, number: int) -> bytes:
    """A request that goes on to the server."""
    with socket.create_connection(rig.addresses[case.name], timeout=10) as client:
        client.sendall(GET.replace(b"\r\n\r\n", b"\r\nX: name%d.example\r\n\r\n" % (number // 2)))
        return client.recv(4096)[:12]


def seen(command: list[str], directory: Path, bundle: Path, head: str) -> dict[str, object]:
    """All that one program shows of sessions."""
    rig = Rig(command, [*TO_CLIENTS, *TO_SERVERS], directory, bundle, head)
    try:
        wait = OVER if "lifetime" in head else 0
        with ThreadPoolExecutor(4) as pool:
            asked = {(case.name, version): pool.submit(as_client, rig, case, version, wait) for case in TO_CLIENTS for version in VERSIONS}
        found: dict[str, object] = {f"{name} {version}": one.result() for (name, version), one in asked.items()}
        checked = time.monotonic() + 10
        while "INI" in (status := rig.statistics(TO_SERVERS[-1])[f"b_{TO_SERVERS[-1].name}/s1"]["check_status"]) and time.monotonic() < checked:
            time.sleep(0.02)
        found["check"] = status
        found |= {f"{case.name} answers": [through(rig, case, number) for number in range(4)] for case in TO_SERVERS}
        for case in (*TO_CLIENTS, *TO_SERVERS):
            found |= {f"{row}": {name: cells[name] for name in COLUMNS} for row, cells in rig.statistics(case).items()}
        info = masks.info(rig.command("show info"))
        counted = [name for name in LINES if not (wait and name.startswith("SslCache"))]  # OpenSSL does not tell here that a session was found and too old
        return found | {name: info[name] != "0" if name.endswith("KeyRate") else info[name] for name in counted}
    finally:
        rig.stop()


@pytest.mark.parametrize("head", HEADS)
def test_sessions_are_resumed_and_counted_alike(tmp_path: Path, head: str) -> None:
    bundle = tmp_path / "bundle.pem"
    make_bundle(bundle, ["a.example"])
    commands = {"theirs": [HAPROXY], "ours": [sys.executable, "-m", "pylb"]}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(seen, command, tmp_path / name, bundle, HEADS[head]) for name, command in commands.items()]
    theirs, ours = (one.result() for one in both)
    assert ours == theirs
