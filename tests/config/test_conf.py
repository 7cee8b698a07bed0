"""The examples in conf/: pylb and haproxy take every one of them, without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pylb.lab.certificate import self_signed

ROOT = Path(__file__).parents[2]
HAPROXY = "/usr/sbin/haproxy"
EXAMPLES = sorted((ROOT / "conf").glob("*.cfg"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def check(program: list[str], example: Path, directory: Path) -> tuple[int, str, str]:
    """`-c` where a certificate is, as the examples' comments say to make one."""
    (directory / "haproxy.pem").write_bytes(self_signed(["localhost"]))
    command = [*program, "-c", "-f", str(example)]
    result = subprocess.run(command, cwd=directory, env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=False)
    return result.returncode, result.stdout, result.stderr


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} >= {"haproxy-openstack.cfg", "01-first.cfg"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_pylb_accepts(tmp_path: Path, example: Path) -> None:
    assert check([sys.executable, "-m", "pylb"], example, tmp_path) == (0, "Configuration file is valid\n", "")


@pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_haproxy_accepts(tmp_path: Path, example: Path) -> None:
    assert check([HAPROXY], example, tmp_path) == (0, "Configuration file is valid\n", "")


def test_the_comments_certificate_command(tmp_path: Path) -> None:
    """The one-liner that the examples show makes what they need."""
    lines = [line.lstrip("# ").strip() for path in EXAMPLES for line in path.read_text().splitlines() if "openssl req" in line]
    assert lines
    try:
        subprocess.run(["openssl", "version"], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    subprocess.run(["sh", "-ec", lines[0]], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    pem = (tmp_path / "haproxy.pem").read_text()
    assert "BEGIN CERTIFICATE" in pem and "PRIVATE KEY" in pem
