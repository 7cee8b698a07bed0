"""The stories of tests/vtc under varnishtest: each one with haproxy and with pylb, which must both pass it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
STORIES = sorted((HERE.parent / "vtc").glob("*.vtc"))
RUNNER = shutil.which("varnishtest")
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
LOAD = "from pylb import keywords; from pylb.process import daemon, run; keywords.load(); daemon.load_everything()"
LAUNCHER = "#!/bin/sh\nexport PYTHONPATH={path}\nexec {python} -m pylb \"$@\"\n"

pytestmark = pytest.mark.skipif(RUNNER is None, reason="varnishtest is not installed")


def program_of(name: str, directory: Path) -> str:
    """The executable that a story starts."""
    if name == "haproxy":
        if HAPROXY is None:
            pytest.skip("haproxy is not installed")
        return HAPROXY
    launcher = directory / "pylb"
    launcher.write_text(LAUNCHER.format(path=HERE.parent.parent, python=sys.executable))
    launcher.chmod(0o755)
    return str(launcher)


@pytest.fixture(scope="module")
def byte_code(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where starts leave byte code for the next ones: the runner gives a program three seconds, and an installed one has its byte code."""
    directory = str(tmp_path_factory.mktemp("bytecode"))
    env = {**os.environ, "PYTHONPYCACHEPREFIX": directory, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, "-c", LOAD], env=env, cwd=HERE.parent.parent, check=True, timeout=60)
    return directory


def left_behind(directory: Path) -> list[str]:
    """The processes that were started for a story and still run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(directory) in words:
            found.append(f"{process.name} {words.decode(errors='replace')}")
    return found


def play(story: Path, program: str, directory: Path, byte_code: str) -> subprocess.CompletedProcess[str]:
    """Run one story; files are kept in `directory`."""
    assert RUNNER is not None
    env = {**os.environ, "HAPROXY_PROGRAM": program, "TMPDIR": str(directory), "PYTHONPYCACHEPREFIX": byte_code, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([RUNNER, "-t", "20", str(story)], env=env, capture_output=True, text=True, timeout=60, cwd=directory)


@pytest.mark.parametrize("name", ["haproxy", "pylb"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_story(story: Path, name: str, tmp_path: Path, byte_code: str) -> None:
    result = play(story, program_of(name, tmp_path), tmp_path, byte_code)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert not left_behind(tmp_path)
