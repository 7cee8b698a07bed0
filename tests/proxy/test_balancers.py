"""Balancers without a HAProxy at hand: backups, full and avoided servers, keys, dynamic servers."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from pylb.proxy.balance import ALL_FULL, balancer
from pylb.proxy.balance.keys import as_binary, rdp_cookie_key, source_key, url_parameter_key
from pylb.proxy.server import Server

sys.path.insert(0, str(Path(__file__).parents[1]))
from farm import farm, served, server, stream, weighted

ALGORITHMS = sorted(entry.name for entry in balancer)
ARGUMENTS: dict[str, dict[str, Any]] = {"hdr": {"name": "x"}, "url_param": {"name": "x"}, "hash": {"expression": lambda stream: b"key"}}


def make(name: str, servers: list[Any], options: tuple[str, ...] = ()) -> Any:
    return farm(servers, options=options, algorithm=name, arguments=ARGUMENTS.get(name, {}))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_active_then_the_first_backup_then_none(name: str) -> None:
    backend = make(name, [server("s1"), server("s2", backup=True), server("s3", backup=True)])
    assert served(backend, 3, stream()) == [1, 1, 1]
    assert (backend.active, backend.backup, backend.total_weight) == (1, 2, 16)
    backend.servers[0].command_state("maint", 0.0)
    assert served(backend, 3, stream()) == [2, 2, 2]
    backend.servers[1].command_state("drain", 0.0)
    assert served(backend, 3, stream()) == [3, 3, 3]
    backend.servers[2].set_weight("0", 0.0)
    assert backend.balancer.pick(stream()) is None
    backend.servers[0].command_state("ready", 0.0)
    assert served(backend, 2, stream()) == [1, 1]


@pytest.mark.parametrize("name", ["roundrobin", "static-rr", "leastconn", "first", "random"])
def test_full_servers_are_passed_over(name: str) -> None:
    backend = make(name, [server("s1", maxconn=1), server("s2", maxconn=2)])
    taken = []
    for _ in range(400):
        chosen = backend.balancer.pick(None)
        if chosen is not ALL_FULL:
            chosen.take()
            taken.append(chosen.id)
    assert sorted(taken) == [1, 2, 2]
    assert backend.balancer.pick(None) is ALL_FULL
    backend.servers[0].drop()
    assert any(backend.balancer.pick(None) is backend.servers[0] for _ in range(100))


@pytest.mark.parametrize("name", ["source", "uri"])
def test_a_hash_insists_on_its_server(name: str) -> None:
    backend = make(name, [server("s1", maxconn=1), server("s2", maxconn=1)])
    wanted = backend.balancer.pick(stream())
    wanted.take()
    assert backend.balancer.pick(stream()) is wanted
    assert wanted.full()


@pytest.mark.parametrize("name", ["roundrobin", "static-rr", "leastconn", "first"])
def test_avoided_unless_there_is_no_other(name: str) -> None:
    backend = make(name, [server("s1"), server("s2")])
    one, two = backend.servers
    assert all(backend.balancer.pick(None, one) is two for _ in range(5))
    two.command_state("maint", 0.0)
    assert backend.balancer.pick(None, one) is one


@pytest.mark.parametrize("name", ["roundrobin", "leastconn", "first", "random"])
def test_servers_come_and_go(name: str) -> None:
    backend = weighted([1, 1], algorithm=name)
    added = Server(backend, server("s3", weight=5), 3, 0.0)
    backend.servers.append(added)
    backend.balancer.changed(added)
    assert backend.active == 3
    if name != "first":
        assert 3 in served(backend, 30)
    added.command_state("maint", 0.0)
    backend.servers.remove(added)
    backend.balancer.changed(added)
    assert set(served(backend, 30)) <= {1, 2}


def test_round_robin_stays_fair_through_a_burst_of_changes() -> None:
    backend = weighted([3, 2, 1])
    for _ in range(20):
        served(backend, 7)
        backend.servers[0].command_state("maint", 0.0)
        served(backend, 5)
        backend.servers[0].command_state("ready", 0.0)
    counts = [served(backend, 600).count(number) for number in (1, 2, 3)]
    assert counts == pytest.approx([300, 200, 100], abs=3)


def test_posted_parameters() -> None:
    key = url_parameter_key({"name": "id", "check_post": True})
    posted = stream(b"/")
    posted.request.method, posted.inbox_request = b"POST", [b"a=1&i", b"d=abc&b=3"]
    assert key(posted) == b"abc"
    posted.request.target = b"/?id=query"
    assert key(posted) == b"query"
    posted.request.method, posted.request.target = b"PUT", b"/"
    assert key(posted) is None


@pytest.mark.parametrize(
    ("cookie", "found"), [(b"mstshash=abc", b"abc"), (b"MSTSHASH=user;x", b"user;x"), (b"mstshash=", None), (b"msts=abc", None), (b"a=1; mstshash=b", None)]
)
def test_rdp_cookie(cookie: bytes, found: bytes | None) -> None:
    line = b"Cookie: " + cookie + b"\r\n\x01\x00\x08\x00"
    header = b"\x03\x00" + (11 + len(line)).to_bytes(2, "big") + bytes((6 + len(line), 0xE0, 0, 0, 0, 0, 0))
    opened = stream()
    opened.inbox_request = [header, line]
    assert rdp_cookie_key({})(opened) == found
    opened.inbox_request = [header]
    assert rdp_cookie_key({})(opened) is None


def test_source_and_expressions() -> None:
    assert source_key({})(stream(source="10.1.2.3")) == 0x0A010203
    assert source_key({})(stream(source="::1:2")) == 0x00010002
    assert source_key({})(stream(source=None)) is None
    assert as_binary(IPv4Address("1.2.3.4")) == b"\x01\x02\x03\x04"
    assert as_binary(5) == bytes(7) + b"\x05"
    assert as_binary(None) is None
