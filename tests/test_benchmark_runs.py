"""The benchmarks still work; what they measure is not tested, since no test may depend on the speed of a machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 60


def run(*words: str) -> dict[str, Any]:
    """The JSON that a benchmark prints; its exit status tells about the budget only."""
    done = subprocess.run([sys.executable, "-m", *words, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def need_haproxy() -> None:
    if shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        pytest.skip("haproxy is not installed")


def test_budget() -> None:
    need_haproxy()
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    found = run("benchmarks.budget", "--rounds", "1", "--seconds", "1", "--connections", "4")
    assert set(found["costs"]) == {"haproxy", "pylb"}
    assert all(cost["total"] > 0 for cost in found["costs"].values())
    assert found["lines"] > 0


def test_memory() -> None:
    need_haproxy()
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    found = run("benchmarks.memory", "--plain", "40", "--tls", "10")
    assert all(set(kinds) == {"plain", "TLS"} for kinds in found.values())


def test_inprocess() -> None:
    found = run("benchmarks.inprocess", "--seconds", "0.1", "--connections", "3")
    assert found["least"] > 0
    assert found["log_lines"] == found["requests"] > 0
    assert '"GET /index.html HTTP/1.1"' in found["last_line"]


def test_inprocess_new_connections() -> None:
    assert run("benchmarks.inprocess", "--seconds", "0.1", "--connections", "3", "--new")["requests"] > 0
