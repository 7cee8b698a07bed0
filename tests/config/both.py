"""The same files read by `haproxy -c` and by pylb in this process; what both say, made comparable."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pylb import keywords
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.main import listens

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
MISSING = not os.path.exists(HAPROXY)
PID = re.compile(r"^(\[\w+\] *) \(\d+\)", re.MULTILINE)
INTRODUCTION = re.compile(r"^\[NOTICE\].*(haproxy version is|path to executable is).*\n", re.MULTILINE)
VERDICTS = re.compile(r"^(Warnings were found\.|Configuration file (is valid|has no error but will not start.*))\n", re.MULTILINE)

keywords.load()


def masked(text: str) -> str:
    """Without process numbers, paths of executables and the verdict on stdout."""
    return PID.sub(r"\1 (PID)", INTRODUCTION.sub("", VERDICTS.sub("", text)))


@contextlib.contextmanager
def inside(directory: Path) -> Iterator[None]:
    """Work in `directory`."""
    before = os.getcwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def haproxy_says(directory: Path, files: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit status and messages of real HAProxy."""
    command = [HAPROXY, "-c", *(word for file in files for word in ("-f", file))]
    run = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=20)
    return run.returncode, masked(run.stdout.decode("latin-1"))


def pylb_says(directory: Path, files: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit status and messages of pylb's own reading."""
    said: list[str] = []
    report = Report(write=said.append)
    variables = dict(os.environ if env is None else env)
    with inside(directory):
        config = read_config(files, report, variables)
    status = 1 if config is None else 0 if listens(config) else 2
    return status, masked("".join(said))
