"""`-c`: exit status, stdout and stderr of the program beside HAProxy's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from certificates import make_bundle

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "conf" / "haproxy-openstack.cfg"
TIMEOUTS = " timeout client 1s\n timeout server 1s\n timeout connect 1s\n"

pytestmark = pytest.mark.skipif(not Path(HAPROXY).exists(), reason="haproxy is not installed")


def run(command: list[str], directory: Path) -> tuple[int, str, list[str]]:
    """Exit status, stdout, and stderr without process numbers and paths of executables."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    lines = [re.sub(r"\(\d+\)", "(PID)", line) for line in done.stderr.splitlines()]
    return done.returncode, done.stdout, [line for line in lines if "path to executable" not in line]


def both(directory: Path, *arguments: str) -> tuple[tuple[int, str, list[str]], tuple[int, str, list[str]]]:
    """What HAProxy and pylb do with the same arguments."""
    own = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pylb.main import entry; entry()"]
    return run([HAPROXY, *arguments], directory), run([*own, *arguments], directory)


@pytest.mark.parametrize(
    "text",
    [
        f"defaults\n{TIMEOUTS}listen a\n bind 127.0.0.1:1\n",
        f"defaults\n{TIMEOUTS}backend a\n",
        "listen a\n bind 127.0.0.1:1\n",
        "listen a\n bind 127.0.0.1:1\n foo\n",
        "frontend\n",
        f"defaults\n{TIMEOUTS}frontend a\n bind :1\n default_backend b\n use_backend c if TRUE\n",
        "global\n user nobody-of-that-name\n",
    ],
)
def test_verdicts(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.cfg").write_text(text)
    expected, found = both(tmp_path, "-c", "-f", "t.cfg")
    assert found == expected


def test_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text(f"defaults\n{TIMEOUTS}frontend x\n bind :1\n")
    (tmp_path / "b.cfg").write_text("frontend x\n bind :2\n")
    expected, found = both(tmp_path, "-c", "-f", "a.cfg", "-f", "b.cfg")
    assert found == expected
    assert found[0] == 1


VARIANTS = {
    "as it is": lambda text: text,
    "a deprecated version string": lambda text: text.replace("httpchk GET /healthcheck", "httpchk GET /healthcheck HTTP/1.1\\r\\nHost:\\ x"),
    "a misplaced word": lambda text: text.replace("balance roundrobin", "set server x", 1),
    "declared twice": lambda text: text + "frontend nova_api\nbackend nova_api_back\n",
    "no listener": lambda text: text.replace("bind ", "#bind "),
    "an unknown option": lambda text: text.replace("option httplog", "option htttplog"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_openstack_page(variant: str, tmp_path: Path) -> None:
    make_bundle(tmp_path / "haproxy.pem", ["x"], key="rsa")
    text = VARIANTS[variant](PAGE.read_text().replace("crt haproxy.pem", f"crt {tmp_path}/haproxy.pem"))
    (tmp_path / "haproxy.cfg").write_text(text)
    expected, found = both(tmp_path, "-c", "-f", "haproxy.cfg")
    assert found == expected


def test_openstack_page_without_certificate(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(PAGE.read_text().replace("crt haproxy.pem", "crt /nowhere/haproxy.pem"))
    expected, found = both(tmp_path, "-c", "-f", "haproxy.cfg")
    assert found == expected
    assert found[0] == 1
