"""The lab's YAML file: what it gives, what it refuses and how, and that haproxy takes the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.lab import topology
from pylb.lab.settings import seconds
from pylb.lab.site import LabError, Places, claim_port, loopback

SMALL = "services:\n  nova: {port: 8774, health: /}\ncontrollers:\n  c1: 127.0.10.11\n"
REFUSED = [
    ("- a\n", r"lab.yml: expected 'key: value' lines, found a list"),
    ("", r"expected 'key: value' lines, found nothing"),
    ("a: [\n", r"this is not YAML: .*line 2"),
    ("ports: 1\n", r"lab.yml: ports: not a known setting; known here: vip, controllers, "),
    ("vip: 10.0.0.1\n", r"vip: expected a loopback address, 127.0.0.1 to 127.255.255.254, found the text '10.0.0.1'"),
    ("tls: perhaps\n", r"tls: expected yes or no, found the text 'perhaps'"),
    ("balance: fair\n", r"balance: expected one of roundrobin, static-rr, .*, found the text 'fair'"),
    ("check: {inter: fast}\n", r"check.inter: expected a duration like 500ms, 2s or 1m, found the text 'fast'"),
    ("check: {fall: 0}\n", r"check.fall: expected a number from 1 to 1000, found 0"),
    ("check: {often: 1}\n", r"check.often: not a known setting; known here: inter, fall, rise"),
    ("check: 2s\n", r"check: expected a mapping, found the text '2s'"),
    ("services: {}\n", r"services: expected at least one service, like 'keystone: "),
    ("services: {nova: {health: /}}\n", r"services.nova.port: expected a number from 1 to 65535, found nothing"),
    ("services: {nova: {port: 1, health: x}}\n", r"services.nova.health: expected a path like /healthcheck, found the text 'x'"),
    ("services: {nova: {port: 1, weight: 1}}\n", r"services.nova.weight: not a known setting"),
    ("services: {'no va': {port: 1}}\n", r"services.no va: expected a name of letters, digits"),
    ("services: {nova: {port: 1}}\n", r"controllers: expected at least one controller"),
    (SMALL + "vip: 127.0.10.11\n", r"controllers.c1: 127.0.10.11 is taken by the vip"),
    (SMALL.replace("  nova", "  n: {port: 8774}\n  nova"), r"services.nova: port 8774 is taken by n"),
    (SMALL.replace("8774", "1984"), r"services.nova: port 1984 is taken by stats_port"),
]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lab.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        topology.read_topology(write(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"none.yml: No such file or directory"):
        topology.read_topology(tmp_path / "none.yml")


def test_defaults(tmp_path: Path) -> None:
    site, style = topology.read_topology(write(tmp_path, SMALL))
    assert (style.balance, style.inter, style.fall, style.rise) == ("roundrobin", "2s", 3, 2)
    text = topology.render(site, style, Places(ports={("127.0.10.11", 8774): 40000}), tmp_path)["haproxy.cfg"]
    assert f"bind 127.0.10.10:8774 ssl crt {tmp_path}/haproxy.pem\n" in text
    assert "server c1 127.0.10.11:40000 check inter 2s fall 3 rise 2\n" in text
    assert "option httpchk GET /\n" in text


def test_the_nine_services() -> None:
    site, _ = topology.read_topology(topology.default_path())
    assert [service.name for service in site.services] == "keystone nova glance neutron cinder placement heat horizon novncproxy".split()
    assert list(site.controllers) == ["controller-1", "controller-2", "controller-3"]
    assert all(service.health_path for service in site.services)


def test_conf_holds_the_same_file() -> None:
    assert (Path(__file__).parents[2] / "conf" / "lab.yml").read_text() == topology.default_path().read_text()


def test_addresses_stay_apart_on_loopback() -> None:
    assert loopback(["10.0.0.10", "203.0.113.10"]) == {"10.0.0.10": "127.0.0.10", "203.0.113.10": "127.0.113.10"}
    assert len(set(loopback(["10.1.2.3", "11.1.2.3", "12.1.2.3"]).values())) == 3


def test_a_taken_port_is_replaced() -> None:
    with claim_port("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with claim_port("127.0.0.1", port) as second:
            assert second.getsockname()[1] != port


@pytest.mark.parametrize(("text", "value"), [("2s", 2.0), ("250ms", 0.25), ("1000", 1.0), ("3m", 180.0), ("0", 0.0)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value
