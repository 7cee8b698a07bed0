"""Kolla-Ansible's files unchanged, on Kolla's addresses, started by Kolla's start line: HAProxy and pylb, each in namespaces of its own.

In the namespaces pylb is /usr/sbin/haproxy (see kolla_inside). Both answer the same questions; process ids, times and durations are masked.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_rig import HAPROXY, ROOT, launcher, make_bundle, masked_line

INSIDE = Path(__file__).parent / "kolla_inside.py"
OWN = ROOT / "tests" / "lab" / "kolla" / "tls.txt"  # every file of a deployment with TLS
SETS = ROOT.parent / "shared" / "kolla"
NAMES = ["own", *(sorted(path.name for path in SETS.iterdir() if path.is_dir()) if SETS.is_dir() else [])]
START = "#!/bin/bash\nexec /usr/sbin/haproxy -W -db -p /run/haproxy.pid -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/services.d/\n"
NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
NEEDED = 81000  # descriptors for Kolla's `maxconn 40000`


def why_not() -> str:
    """What is missing for this; empty when nothing is."""
    absent = [name for name in (HAPROXY, "unshare", "ip", "ss", "socat", "curl", "awk", "column", "pgrep") if shutil.which(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if os.geteuid() or subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode:
        return "namespaces cannot be made: this needs root"
    return ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def unpack(name: str, etc: Path) -> None:
    """The files of a deployment, with certificates."""
    if name != "own":
        shutil.copytree(SETS / name / "etc" / "haproxy", etc)
    else:
        for part in OWN.read_text().split("### ")[1:]:
            path, _, text = part.partition("\n")
            (etc / path).parent.mkdir(parents=True, exist_ok=True)
            (etc / path).write_text(text)
        (etc / "haproxy_run.sh").write_text(START)
    (etc / "certificates").mkdir()
    for certificate, address in (("haproxy", "203.0.113.10"), ("haproxy-internal", "10.0.0.10")):
        make_bundle(etc / "certificates" / f"{certificate}.pem", [address], key="rsa")
    if too_few_descriptors():  # what an operator would do here
        script = etc / "haproxy_run.sh"
        script.chmod(0o755)
        script.write_text(script.read_text().replace("-W -db", "-W -db -n 5000"))


def too_few_descriptors() -> bool:
    """May nobody here have as many descriptors as `maxconn 40000` wants?"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return hard != resource.RLIM_INFINITY and hard < NEEDED


@pytest.fixture(scope="module", params=NAMES)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The answers of HAProxy and of pylb, played at the same time."""
    directory = tmp_path_factory.mktemp("kolla")
    etc = directory / "etc"
    unpack(request.param, etc)
    copy = directory / "haproxy"  # the original is covered in the namespaces
    shutil.copy(HAPROXY, copy)
    for path in (directory, *directory.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    runs = []
    for executable in (str(copy), launcher(directory)):
        command = [*NAMESPACES, sys.executable, str(INSIDE), str(etc), executable, *(["until-down"] if request.param == "own" else [])]
        runs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        results = [run.communicate(timeout=120) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0, 0], [result[1] for result in results]
    yield json.loads(results[0][0]), json.loads(results[1][0])


def test_what_it_answers(told: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = ({name: text for name, text in side.items() if name not in ("errors", "log")} for side in told)
    assert theirs["check alive"] == "0\n"
    different = [name for name in theirs if ours[name] != theirs[name]]
    assert {name: ours[name] for name in different} == {name: theirs[name] for name in different}
    assert ours.keys() == theirs.keys()


def test_services_go_round(told: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Three requests, three controllers; the servers see who asked, and whether it was over TLS."""
    answers = {name: text for name, text in told[1].items() if name.startswith("service ") and "redirect" not in name}
    assert len(answers) > 10
    for text in answers.values():
        assert set(re.findall(r"(?m)^(10\.0\.0\.1[123]):\d+$", text)) == {"10.0.0.11", "10.0.0.12", "10.0.0.13"}
        assert "\nx-forwarded-for: " in text


def test_messages(told: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = ([re.sub(r"worker \(\d+\)", "worker (PID)", masked_line(line)) for line in side["errors"]] for side in told)
    assert [line for line in ours if " Server " not in line] == [line for line in theirs if " Server " not in line]
    assert sorted(ours) == sorted(theirs)  # checks find things in their own order


def test_log(told: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = (sorted(masked_log(line) for line in side["log"]) for side in told)
    assert ours == theirs
    assert len(ours) > 30


def masked_log(line: str) -> str:
    """Lengths of pages that show times, too."""
    line = re.sub(r" [\d.]+:\d+ \[[^]]*\]", " CLIENT [DATE]", masked_line(line))
    line = re.sub(r"(Connect from [\d.]+):\d+", r"\1:PORT", line)
    return re.sub(r"(<STATS>|<PROMEX>|<lua>) (\S+) (\d+) \d+", r"\1 \2 \3 LENGTH", line)
