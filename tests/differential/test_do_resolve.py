"""`do-resolve` in haproxy and in pylb: what variables hold afterwards, what name servers were asked, how long streams wait."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from dns_answers import NameServer, addresses, answer, failure, head, question_of, record
from oracle import needs_haproxy
from resolver_rig import PROGRAMS, Program, counted

pytestmark = needs_haproxy
KINDS = {1: "A", 28: "AAAA"}
SECTION = """
resolvers r1
 nameserver d1 {address}
 timeout retry 150ms
 resolve_retries 2
"""
HTTP = """
frontend clients
 mode http
 bind fd@{listener}
 http-request do-resolve(txn.four,r1,ipv4) hdr(host)
 http-request do-resolve(txn.six,r1) hdr(host) if {{ path_beg /six }}
 http-request do-resolve(wrong,r1) hdr(host) if {{ path_beg /wrong }}
 http-request do-resolve(txn.none,r1) hdr(absent)
 http-request return status 200 hdr four %[var(txn.four)] hdr masked %[var(txn.four),ipmask(24,64)] hdr six %[var(txn.six)] hdr none %[var(txn.none)]
"""
TCP = """
listen clients
 mode tcp
 log global
 log-format "%ts %[var(txn.ip)] %[var(txn.after)] %Tw"
 bind fd@{listener}
 {delay}
 tcp-request content do-resolve(txn.ip,r1,ipv4) str({name})
 tcp-request content set-var(txn.after) str(on)
 tcp-request content reject
"""


def reply(message: bytes) -> bytes | None:
    """The zone: addresses of either kind, one with a CNAME, errors, silence."""
    name, kind, section = question_of(message)
    if name == "alias.test":
        target = b"\5other\4test\0"
        return answer(message, head(a=2) + section + record(5, target) + record(1, bytes((10, 0, 0, 7)), target))
    hosts = {"many.test": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "six.test": ["::5"] if kind == 28 else [], "own.test": ["127.0.0.1"]}
    if name in hosts:
        return addresses(message, hosts[name])
    return {"refused.test": failure(message, 5), "broken.test": message[:2] + b"\xff" * 9}.get(name)


def ask(program: Program, path: str, name: str) -> list[str]:
    """The headers of the answer."""
    with socket.create_connection(program.address, timeout=10) as one:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        text = b"".join(iter(lambda: one.recv(65536), b"")).decode()
    return text.split("\r\n")


REQUESTS = [
    *(("/", f"{name}.test") for name in ("many", "many", "alias", "six", "refused", "broken", "silent", "own")),
    *(("/six", f"{name}.test") for name in ("many", "six")),
    *(("/", name) for name in ("Many.Test", "many.test.", "a..b")),
    ("/wrong", "many.test"),
]


def asked(server: NameServer) -> list[str]:
    return [f"{name} {KINDS[kind]}" for name, kind in server.asked]


def http(command: tuple[str, ...], directory: Path) -> tuple[list[list[str]], list[str], str, list[str]]:
    server = NameServer(reply)
    program = Program(command, directory, SECTION.format(address=server.address), HTTP)
    try:
        program.wait(lambda: program.command("show info"))
        answers = [ask(program, path, name) for path, name in REQUESTS]
        failed = re.findall("FailedResolutions: .*", program.command("show info"))
        return answers, asked(server), program.command("show resolvers r1"), failed
    finally:
        program.close()
        server.close()


def test_http(tmp_path: Path) -> None:
    theirs, ours = (http(command, tmp_path / name) for name, command in zip(("haproxy", "pylb"), PROGRAMS, strict=True))
    for request, expected, found in zip(REQUESTS, theirs[0], ours[0], strict=True):
        assert found == expected, request
    assert ours[1:] == theirs[1:]


def tcp(command: tuple[str, ...], directory: Path, delay: str, name: str) -> tuple[list[str], list[str], int]:
    """The log line, with the time in tenths of a second, and the questions."""
    server = NameServer(reply)
    program = Program(command, directory, SECTION.format(address=server.address), TCP.replace("{delay}", delay).replace("{name}", name))
    try:
        program.wait(lambda: program.command("show info"))
        with socket.create_connection(program.address, timeout=10) as one:
            assert one.recv(1) == b""
        program.wait(lambda: program.lines)
        return [re.sub(r"(\d+)$", lambda found: str(round(int(found[1]) / 100)), line) for line in program.lines], asked(server), counted(program.command("show resolvers"))
    finally:
        program.close()
        server.close()


@pytest.mark.parametrize(
    ("delay", "name"),
    [("tcp-request inspect-delay 5s", "many.test"), ("", "many.test"), ("tcp-request inspect-delay 250ms", "silent.test"), ("tcp-request inspect-delay 5s", "refused.test")],
)
def test_tcp(delay: str, name: str, tmp_path: Path) -> None:
    theirs, ours = (tcp(command, tmp_path / which, delay, name) for which, command in zip(("haproxy", "pylb"), PROGRAMS, strict=True))
    assert ours == theirs
