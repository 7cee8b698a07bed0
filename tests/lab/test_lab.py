"""`pylb lab` as a person uses it: two terminals, the OpenStack failover drill, Ctrl-C, and nothing left behind."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playing import LIMIT, ROOT, Playing, exists, playing, pylb, refuses, until
from waiting import readable

from pylb.lab.topology import default_path

HAPROXY = "/usr/sbin/haproxy"
needs_haproxy = pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")
PROGRAMS = [pytest.param([], id="pylb"), pytest.param(["--program", HAPROXY], id="haproxy", marks=needs_haproxy)]


def quick_topology(tmp_path: Path) -> Path:
    """The nine services with quick checks, on addresses that no other test uses."""
    net = f"127.{1 + os.getpid() // 250 % 250}.{os.getpid() % 250}"
    path = tmp_path / "lab.yml"
    path.write_text(default_path().read_text().replace("127.0.10", net).replace("inter: 2s", "inter: 100ms"))
    return path


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Playing]:
    with playing(tmp_path, str(quick_topology(tmp_path)), *request.param) as one:
        yield one


@pytest.mark.parametrize("lab", PROGRAMS, indirect=True)
def test_the_drill(lab: Playing) -> None:
    assert len(lab.wait_until_up()) == 27
    urls = lab.faces()
    assert len(urls) == 9
    for name, url in urls.items():
        status, body = lab.get(url)
        assert status == b"HTTP/1.1 200 OK" and f'"server": "{name} on controller-'.encode() in body

    assert "nova on controller-1: stopped" in lab.order("stop", "nova", "controller-1")
    for _ in range(6):  # before and after the checks have noticed
        assert lab.get(urls["nova"])[0] == b"HTTP/1.1 200 OK"
    lab.wait_for("nova_api_back/controller-1", "DOWN")
    assert b"on controller-1" not in b"".join(lab.get(urls["nova"])[1] for _ in range(4))
    nova = next(line for line in lab.order("status").splitlines() if line.startswith("nova "))
    assert re.search(r"/ +DOWN +\d+ +UP +\d+ +UP +\d+ +\d+$", nova)

    lab.order("start", "nova", "controller-1")
    lab.wait_for("nova_api_back/controller-1", "UP")
    assert "set server nova_api_back/controller-2 state drain" in lab.order("drain", "nova", "controller-2")
    lab.wait_for("nova_api_back/controller-2", "DRAIN")
    assert b"on controller-2" not in b"".join(lab.get(urls["nova"])[1] for _ in range(4))
    lab.order("start", "nova", "controller-2")
    lab.wait_for("nova_api_back/controller-2", "UP")
    assert '"GET / HTTP/1.1"' in lab.order("log")
    until(lambda: "nova_api_back/controller-2: DRAIN -> UP" in lab.output.read_text(), "the status")

    pid = lab.balancer_pid()
    places = [url.partition("://")[2].rstrip("/").partition(":") for url in urls.values()]
    assert lab.interrupt() == 0, lab.output.read_text()
    assert not lab.directory.exists()
    assert not exists(pid)
    assert all(refuses(host, int(port)) for host, _, port in places)
    assert "Traceback" not in lab.output.read_text()


@pytest.mark.parametrize("lab", PROGRAMS[:1], indirect=True)
def test_orders_that_make_servers_ill(lab: Playing) -> None:
    lab.wait_until_up()
    assert "answers its health checks with 503" in lab.order("fail", "glance", "controller-3")
    lab.wait_for("glance_api_back/controller-3", "DOWN")
    lab.order("start", "glance", "all")
    lab.wait_for("glance_api_back/controller-3", "UP")
    assert lab.order("slow", "heat", "controller-1", "150ms") == "heat on controller-1: takes 0.15 s to answer\n"
    assert lab.order("stop", "all", "controller-2").count("stopped") == 9
    for words, message in (
        (("stop", "swift", "controller-1"), "there is no service 'swift'; there are keystone, nova, "),
        (("stop", "nova", "controller-9"), "there is no controller 'controller-9'; there are controller-1, controller-2, controller-3"),
        (("stop", "nova"), "expected: pylb lab stop SERVICE CONTROLLER"),
        (("slow", "nova", "controller-1", "much"), "expected a duration like 500ms or 2s, found 'much'"),
    ):
        result = pylb("lab", "--directory", str(lab.directory), *words)
        assert result.returncode == 1 and message in result.stderr
    again = pylb("lab", "--directory", str(lab.directory))
    assert again.returncode == 1 and "a lab is running already" in again.stderr


def test_a_killed_lab_takes_the_load_balancer_along_and_is_cleared_away(tmp_path: Path) -> None:
    topology = str(quick_topology(tmp_path))
    with playing(tmp_path, topology) as lab:
        lab.wait_until_up()
        pid = lab.balancer_pid()
        lab.process.kill()
        lab.process.wait()
        until(lambda: not exists(pid), "the end of the load balancer")
        again = Playing(lab.directory, [topology])
        try:
            again.wait_until_up()
        finally:
            assert again.interrupt() == 0
        assert not lab.directory.exists()


def test_globals_become_configuration_become_traffic(tmp_path: Path) -> None:
    path = tmp_path / "globals.yml"
    two = f"{os.getpid() // 250 % 250}.{os.getpid() % 250}"
    path.write_text(
        f"kolla_internal_vip_address: 10.{two}.100\nkolla_external_vip_address: 192.{two}.200\nkolla_enable_tls_external: 'yes'\n"
        "enable_openstack_core: no\nenable_keystone: yes\nenable_nova: yes\nenable_rabbitmq: no\n"
    )
    with playing(tmp_path, str(path)) as lab:
        lab.wait_until_up()
        urls = lab.faces()
        assert urls["keystone internal"].startswith(f"http://127.{two}.100:")
        assert urls["keystone external"].startswith(f"https://127.{two}.200:")
        assert {lab.get(url)[0] for url in urls.values()} == {b"HTTP/1.1 200 OK"}
        lab.order("drain", "keystone", "controller-1")
        for side in ("internal", "external"):
            lab.wait_for(f"keystone_{side}_back/controller-1", "DRAIN")
        kept = tmp_path / "globals-haproxy"
        kollas = (kept / "services.d" / "keystone.cfg").read_text()
        assert f"bind 192.{two}.200:5000 ssl crt /etc/haproxy/certificates/haproxy.pem alpn h2,http/1.1" in kollas
        running = (lab.directory / "services.d" / "keystone.cfg").read_text()
        assert len(running.splitlines()) == len(kollas.splitlines())
        assert str(kept) in lab.output.read_text()
        assert lab.interrupt() == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["globals-haproxy", "globals.yml"]


def test_no_lab_is_running(tmp_path: Path) -> None:
    result = pylb("lab", "--directory", str(tmp_path / "none"), "stop", "nova", "controller-1")
    assert result.returncode == 1
    assert f"no lab is running in {tmp_path}/none: start one with `pylb lab`" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.yml"], "none.yml: No such file or directory"),
        (["halt", "nova"], "'halt' is no order; orders are stop, start, drain, "),
        (["--program", "/nonexistent/haproxy"], "/nonexistent/haproxy: No such file or directory"),
        (["--program", "/bin/false"], "the load balancer ended with status 1"),
    ],
)
def test_what_cannot_start(tmp_path: Path, words: list[str], message: str) -> None:
    result = pylb("lab", "--directory", f"/tmp/lab-test-{os.getpid()}", *words, cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not os.path.exists(f"/tmp/lab-test-{os.getpid()}")


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    result = pylb("lab", "--directory", str(tmp_path))
    assert result.returncode == 1 and "choose another one with --directory" in result.stderr
    assert (tmp_path / "precious").read_text() == "data"


def test_print_shows_the_configuration_only() -> None:
    result = pylb("lab", "--print")
    assert result.returncode == 0
    assert "### haproxy.cfg\n" in result.stdout and "backend nova_api_back\n" in result.stdout


def test_on_a_terminal_the_table_is_drawn_in_place(tmp_path: Path) -> None:
    topology = quick_topology(tmp_path)
    directory = f"/tmp/lab-tty-{os.getpid()}"
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "pylb", "lab", "--directory", directory, str(topology)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120", "LINES": "50"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + LIMIT
    try:
        while b"\x1b[11F\x1b[J" not in shown and time.monotonic() < deadline:
            if readable(master, 0.1):
                shown += os.read(master, 65536)
        assert b"\x1b[11F\x1b[J" in shown, shown
        assert b"\x1b[32mUP" in shown and b"Ctrl-C ends the lab" in shown
    finally:
        process.terminate()
        assert process.wait(LIMIT) == 0
        os.close(master)
    assert not os.path.exists(directory)
