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

from benchmarks.plots import SHARES, draw
from benchmarks.rows import ROWS, chosen

ROOT = Path(__file__).parent.parent
PATIENCE = 120
SHORT = ("get", "handshake-ecdsa", "bulk-tls", "memory", "latency", "start")  # one of each kind
CURVE = {"unit": "us", "goal": None, "absolute": False, "group": "connections", "x": 10, "medians": {"pylb": 2.0}, "ratios": {"pylb": 2.0}}
RESULT: dict[str, Any] = {
    "rows": {
        "get": {**CURVE, "title": "small", "group": "", "goal": 1.5, "medians": {"haproxy": 1.0, "pylb": 2.0}, "ratios": {"haproxy": 1.0, "pylb": 2.0}},
        "latency": {**CURVE, "title": "latency", "group": "", "values": {"pylb": [{"rate": 10.0} | {f"p{share}": 1000.0 for share in SHARES}]}},
        "connections-10": {**CURVE, "title": "many"},
    }
}


def run(*words: str) -> dict[str, Any]:
    """The JSON that a benchmark prints; its exit status tells about the budget only."""
    done = subprocess.run([sys.executable, "-m", *words, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
            pytest.skip(f"{program} is not installed")


def test_budget() -> None:
    need("haproxy", "wrk")
    found = run("benchmarks.budget", "--rounds", "1", "--requests", "2000", "--report", "")
    assert set(found["costs"]) == {"haproxy", "pylb"}
    assert all(cost > 0 for costs in found["costs"].values() for cost in costs)
    assert len(found["ratios"]) == (1 if found["ratios"][0][0] <= found["budget"] else 2)  # the second attempt
    assert found["lines"] > 0


def test_rows(tmp_path: Path) -> None:
    need("haproxy", "wrk", "openssl", "h2load")
    found = run("benchmarks", "--only", ",".join(SHORT), "--peers", "", "--rounds", "1", "--seconds", "1", "--scale", "0.004", "--out", str(tmp_path))
    for name, row in found["rows"].items():
        assert not row["failed"], (name, row["failed"])
        assert row["medians"]["pylb"] > 0, name
    assert json.loads((tmp_path / "results.json").read_text()) == found


def test_names_of_rows() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert chosen("") == list(ROWS)
    assert [row.name for row in chosen("start,servers-*,get")] == ["get", "start", "servers-1", "servers-10", "servers-100", "servers-1000"]
    with pytest.raises(SystemExit, match="no row 'nonsense'"):
        chosen("nonsense")


def test_the_time_is_up(tmp_path: Path) -> None:
    need("haproxy", "wrk")
    found = run("benchmarks", "--only", "start", "--peers", "", "--rounds", "9", "--minutes", "0", "--out", str(tmp_path))
    assert found["unfinished"]
    assert found["rows"]["start"]["rounds"] < 9


def test_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    names = [path.name for path in draw(RESULT, tmp_path)]
    assert names == ["ratios.svg", "peers.svg", "latency.svg", "connections.svg"]
    assert "<svg" in (tmp_path / "ratios.svg").read_text()


def test_inprocess() -> None:
    found = run("benchmarks.inprocess", "--seconds", "0.1", "--connections", "3")
    assert found["least"] > 0
    assert found["log_lines"] == found["requests"] > 0
    assert '"GET /index.html HTTP/1.1"' in found["last_line"]


def test_inprocess_new_connections() -> None:
    assert run("benchmarks.inprocess", "--seconds", "0.1", "--connections", "3", "--new")["requests"] > 0


def test_profile() -> None:
    found = run("benchmarks.profile", "--python-only", "--seconds", "0.3")
    assert sum(found["floors"].values()) == pytest.approx(found["python"])
    assert {"log", "counters"} < set(found["floors"])
