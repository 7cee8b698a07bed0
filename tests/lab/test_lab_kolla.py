"""globals.yml -> what Kolla-Ansible writes, word for word, and what of a globals.yml is refused or noted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pylb.lab import demo, kolla, kolla_files
from pylb.lab.certificate import self_signed
from pylb.lab.site import LabError, Places

HAPROXY = "/usr/sbin/haproxy"
VIPS = "kolla_internal_vip_address: 10.0.0.10\nkolla_external_vip_address: 203.0.113.10\n"
TLS = "kolla_enable_tls_internal: 'yes'\nkolla_enable_tls_external: \"{{ kolla_enable_tls_internal }}\"\n"
MORE = "enable_cinder: yes\nenable_octavia: 'true'\n"

REFUSED = [
    ("enable_haproxy: yes\n", r"kolla_internal_vip_address: expected an IPv4 address like 10.0.0.10, found nothing"),
    ("kolla_internal_vip_address: fd00::1\n", r"kolla_internal_vip_address: expected an IPv4 address"),
    (VIPS + "enable_haproxy: 'no'\n", r"enable_haproxy: is no, so Kolla-Ansible would write no haproxy.cfg"),
    (VIPS + "enable_nova: sometimes\n", r"enable_nova: expected yes or no, found the text 'sometimes'"),
    (VIPS + "kolla_enable_tls_internal: \"{{ a | bool }}\"\n", r"kolla_enable_tls_internal: expected yes or no"),
    (VIPS + "kolla_enable_tls_backend: yes\n", r"kolla_enable_tls_backend: 'yes' is not implemented yet"),
    (VIPS + "nova_api_port: high\n", r"nova_api_port: expected a number from 1 to 65535, found the text 'high'"),
    (VIPS + "enable_openstack_core: no\nenable_rabbitmq: no\n", r"every service that the lab can play is disabled"),
]
SERVICES = [
    ("", "keystone nova nova-metadata novncproxy glance neutron placement heat heat-cfn horizon rabbitmq"),
    ("enable_openstack_core: no\nenable_keystone: yes\n", "keystone rabbitmq"),
    ("enable_nova: 'no'\nenable_rabbitmq: off\n", "keystone glance neutron heat heat-cfn horizon"),
    ("enable_placement: no\nenable_heat: no\nnova_console: spice\n", "keystone nova nova-metadata glance neutron horizon rabbitmq"),
    (MORE, "keystone nova nova-metadata novncproxy glance neutron cinder placement heat heat-cfn horizon octavia rabbitmq"),
]


def read(tmp_path: Path, text: str) -> tuple[kolla.Site, kolla.Kolla]:
    path = tmp_path / "globals.yml"
    path.write_text(text)
    return kolla.read_globals(path)


def rendered(tmp_path: Path, text: str) -> dict[str, str]:
    site, facts = read(tmp_path, text)
    return kolla_files.render(site, facts, kolla_files.kolla_layout(site))


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def kollas_own() -> dict[str, list[list[str]]]:
    """What Kolla-Ansible wrote for three controllers with TLS, by file."""
    text = (Path(__file__).parent / "kolla" / "tls.txt").read_text()
    parts = [part.partition("\n") for part in text.split("### ")[1:]]
    return {name: words(content) for name, _, content in parts}


def test_with_tls_word_for_word(tmp_path: Path) -> None:
    ours = rendered(tmp_path, VIPS + TLS + MORE)
    assert {name: words(text) for name, text in ours.items()} == kollas_own()


def test_without_tls(tmp_path: Path) -> None:
    """The same with plain bind lines, no TLS settings, and nothing that sends to HTTPS."""
    for name, text in rendered(tmp_path, VIPS + MORE).items():
        expected = []
        skipping = False
        for line in kollas_own()[name]:
            skipping = line[0] == "frontend" and "redirect" in line[1] or skipping and line[0] not in ("frontend", "backend", "listen")
            if not skipping and not line[0].startswith(("ssl-", "tune.ssl", "ca-base")):
                plain = line[: line.index("ssl")] if "ssl" in line else line
                expected.append([word.replace(":443", ":80") for word in plain])
        assert words(text) == expected, name


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(("text", "names"), SERVICES)
def test_services(tmp_path: Path, text: str, names: str) -> None:
    site, _ = read(tmp_path, VIPS + text)
    assert [service.name for service in site.services] == names.split()


@pytest.mark.parametrize(
    ("text", "faces"),
    [
        (VIPS, [("http", "10.0.0.10", 5000), ("http", "203.0.113.10", 5000)]),
        (VIPS + TLS, [("https", "10.0.0.10", 5000), ("https", "203.0.113.10", 5000)]),
        (VIPS + "kolla_enable_tls_external: yes\n", [("http", "10.0.0.10", 5000), ("https", "203.0.113.10", 5000)]),
        (VIPS + "kolla_enable_tls_internal: yes\n", [("https", "10.0.0.10", 5000), ("http", "203.0.113.10", 5000)]),
        ("kolla_internal_vip_address: 10.0.0.10\n", [("http", "10.0.0.10", 5000)]),
        ("kolla_internal_vip_address: 10.0.0.10\nkolla_external_vip_address: '{{ kolla_internal_vip_address }}'\n", [("http", "10.0.0.10", 5000)]),
        (VIPS + "keystone_public_port: '5443'\n", [("http", "10.0.0.10", 5443), ("http", "203.0.113.10", 5443)]),
    ],
)
def test_faces(tmp_path: Path, text: str, faces: list[tuple[str, str, int]]) -> None:
    site, _ = read(tmp_path, text)
    assert [(face.scheme, face.host, face.port) for face in site.service("keystone").faces] == faces


def test_horizon_has_another_port_with_tls(tmp_path: Path) -> None:
    site, _ = read(tmp_path, VIPS + "kolla_enable_tls_external: yes\n")
    assert [face.port for face in site.service("horizon").faces] == [80, 443]
    assert site.service("horizon").server_port == 8080


def test_notes(tmp_path: Path) -> None:
    site, _ = read(tmp_path, VIPS + "enable_barbican: yes\nenable_magnum: 'no'\nenable_mariadb: yes\n")
    assert "the lab has no servers for: barbican" in site.notes
    assert "controller-3 is 10.0.0.13" in site.notes[0]


@pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")
@pytest.mark.parametrize("tls", ["", TLS])
def test_haproxy_accepts_what_the_lab_runs(tmp_path: Path, tls: str) -> None:
    site, facts = read(tmp_path, VIPS + tls + MORE)
    (tmp_path / "haproxy.pem").write_bytes(self_signed(["localhost"]))
    (tmp_path / "services.d").mkdir()
    for name, text in kolla_files.render(site, facts, kolla_files.lab_layout(Places(), tmp_path)).items():
        (tmp_path / name).write_text(text)
    arguments = ["-c", "-f", f"{tmp_path}/haproxy.cfg", "-f", f"{tmp_path}/services.d/"]
    result = subprocess.run([HAPROXY, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert (result.returncode, result.stdout) == (0, "Configuration file is valid\n"), result.stderr


def test_files_beside(tmp_path: Path) -> None:
    """Written anew each time, what is no longer wanted removed, what somebody else wrote left alone."""
    path = tmp_path / "globals.yml"
    target = tmp_path / "globals-haproxy"
    for more, there in ((MORE, True), ("", False)):
        assert demo.write_beside(path, rendered(tmp_path, VIPS + more)) == target
        assert (target / "services.d" / "cinder-api.cfg").exists() is there
    (target / "haproxy.cfg").write_text("global\n")
    with pytest.raises(LabError, match="was not written by the lab"):
        demo.write_beside(path, rendered(tmp_path, VIPS))
    assert (target / "haproxy.cfg").read_text() == "global\n"
