"""`-c` on what Kolla-Ansible generates: exit status, stdout and stderr of the program beside HAProxy's.

As generated (certificates and perhaps users are missing: the same complaints) and with what it names in place.
"""

from __future__ import annotations

import grp
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from page_rig import HAPROXY, ROOT, launcher, make_bundle, missing

SETS = ROOT.parent / "shared" / "kolla"
NAMES = sorted(path.name for path in SETS.iterdir() if path.is_dir()) if SETS.is_dir() else []

pytestmark = [missing(), pytest.mark.skipif(not NAMES, reason="the generated sets are not here")]


def check(executable: str, directory: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Exit status, stdout, stderr; process ids and the program's own path masked."""
    done = subprocess.run([executable, "-c", *arguments], cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    lines = [re.sub(r"\(\d+\)", "(PID)", line.replace(executable, "PROGRAM")) for line in done.stderr.splitlines()]
    return done.returncode, done.stdout, lines


def arguments(directory: Path, name: str) -> list[str]:
    """As the start script has them: a directory, or in older releases each of its files."""
    if name.startswith("2024.1"):
        files = sorted(path.name for path in (directory / "services.d").iterdir())
        return ["-f", "haproxy.cfg", *(word for file in files for word in ("-f", f"services.d/{file}"))]
    return ["-f", "haproxy.cfg", "-f", "services.d/"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("state", ["as generated", "group missing", "complete", "an empty directory", "no directory", "files that are ignored"])
def test_verdict(name: str, state: str, tmp_path: Path) -> None:
    directory = tmp_path / "haproxy"
    shutil.copytree(SETS / name / "etc" / "haproxy", directory)
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755)
    if state != "as generated":
        furnish(directory, tmp_path, keep_group=state == "group missing")
    services = directory / "services.d"
    wanted = arguments(directory, name)
    if state in ("an empty directory", "no directory"):
        shutil.rmtree(services)
        wanted = ["-f", "haproxy.cfg", "-f", "services.d/"]
    if state == "an empty directory":
        services.mkdir()
    if state == "files that are ignored":
        for ignored in (".hidden.cfg", "old.cfg.bak", "old.bak", "README"):
            (services / ignored).write_text("nonsense\n")
    theirs, ours = (check(executable, directory, *wanted) for executable in (HAPROXY, launcher(tmp_path)))
    assert ours == theirs
    if state == "complete":
        assert ours[0] == 0
        assert ours[1].endswith("Configuration file is valid\n")


def furnish(directory: Path, place: Path, keep_group: bool) -> None:
    """Certificates and users that exist here; `keep_group` leaves Kolla's group, which may not."""
    make_bundle(place / "cert.pem", ["x"], key="rsa")
    group = grp.getgrgid(os.getgid()).gr_name
    for path in directory.rglob("*.cfg"):
        text = re.sub(r"crt \S+", f"crt {place}/cert.pem", path.read_text())
        if not keep_group:
            text = re.sub(r"(\s)group \S+", rf"\1group {group}", re.sub(r"(?m)^(\s*)user \S+", r"\1user root", text))
        path.write_text(text)
