"""Real HAProxy as the referee: what its `-c` and `-cc` say, with pids masked."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

HAPROXY = "/usr/sbin/haproxy"
needs_haproxy = pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")
PREFACE = re.compile(r"\[NOTICE\] +\(PID\) : (haproxy version is|path to executable is) .*")


def mask(text: str) -> str:
    """The text with process ids replaced."""
    return re.sub(r"(?m)^(\[\w+\] +)\(\d+\)", r"\1(PID)", text)


def haproxy(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    result = subprocess.run([HAPROXY, *arguments], capture_output=True, env=None if env is None else {**env, "PATH": "/usr/bin"}, timeout=20, check=False)
    return result.returncode, result.stdout.decode("latin-1"), mask(result.stderr.decode("latin-1"))


def messages(directory: Path, text: str, env: Mapping[str, str] | None = None, arguments: Sequence[str] = ()) -> list[str]:
    """The lines that `haproxy -c` prints about a configuration, without those that say who is speaking and those that sum up."""
    path = directory / "t.cfg"
    path.write_bytes(text.encode("latin-1"))
    return body(haproxy("-c", "-f", str(path), *arguments, env=env)[2])


def body(stderr: str) -> list[str]:
    """Without the lines that say who is speaking and those that sum up."""
    summary = ("Error(s) found in configuration file", "Fatal errors found in configuration")
    return [line for line in stderr.split("\n") if line and not PREFACE.fullmatch(line) and not any(text in line for text in summary)]


def by_line(lines: Sequence[str]) -> dict[int, list[str]]:
    """Messages by the number of the line that they are about."""
    found: dict[int, list[str]] = {}
    number = 0
    for line in lines:
        match = re.search(r"parsing \[[^]]*:(\d+)\]", line)
        number = int(match[1]) if match else number
        found.setdefault(number, []).append(line)
    return found
