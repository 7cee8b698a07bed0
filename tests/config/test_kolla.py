"""What Kolla-Ansible generates for three controllers, as it is and with users and certificates that exist here."""

from __future__ import annotations

import getpass
import grp
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from both import MISSING, haproxy_says, pylb_says
from certificates import make_bundle

SETS = Path(__file__).parents[3] / "shared" / "kolla"
NAMES = sorted(path.name for path in SETS.iterdir() if path.is_dir()) if SETS.exists() else []

pytestmark = [
    pytest.mark.skipif(not NAMES, reason="the generated sets are not here"),
    pytest.mark.skipif(MISSING, reason="haproxy is not installed"),
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "cert.pem", ["x"], key="rsa")
    return tmp_path


def copy(name: str, target: Path) -> Path:
    """The set in `target`."""
    shutil.copytree(SETS / name / "etc" / "haproxy", target / name)
    return target / name


@pytest.mark.parametrize("name", NAMES)
def test_as_generated(name: str, files: Path) -> None:
    directory = copy(name, files)
    arguments = ["haproxy.cfg", "services.d/"]
    assert pylb_says(directory, arguments) == haproxy_says(directory, arguments)


@pytest.mark.parametrize("name", NAMES)
def test_with_users_and_certificates(name: str, files: Path) -> None:
    directory = copy(name, files)
    group = grp.getgrgid(os.getgid()).gr_name
    for path in directory.rglob("*.cfg"):
        text = re.sub(r"crt \S+", f"crt {files}/cert.pem", path.read_text())
        text = re.sub(r"^(\s*)user \S+", rf"\1user {getpass.getuser()}", text, flags=re.MULTILINE)
        text = re.sub(r"(\s)group \S+", rf"\1group {group}", text)
        path.write_text(re.sub(r"(ca-file|ca-base) \S+", lambda match: f"{match[1]} {files}", text))
    arguments = ["haproxy.cfg", "services.d/"]
    expected = haproxy_says(directory, arguments)
    assert pylb_says(directory, arguments) == expected
    assert expected[0] == 0
