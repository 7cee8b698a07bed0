"""What is loaded when: a start loads what its configuration needs and no more; before a chroot everything is."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import pylb

ROOT = Path(pylb.__file__).parent
PLAIN = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend fe
    bind 127.0.0.1:8080
    acl local src 127.0.0.0/8
    http-request deny if !local
    default_backend be
backend be
    server s1 127.0.0.1:8081 check
"""
CHECK = "import sys; from pylb.main import main; status = main(['pylb', '-q', '-c', '-f', sys.argv[1]]); print(*sys.modules); sys.exit(status)"
BUILD = """
import asyncio, sys
from pylb import keywords
from pylb.base.clock import Clock
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.process.build import build
keywords.load_language()
loop = asyncio.new_event_loop()
build(read_config([sys.argv[1]], Report()), loop, Clock(loop.time), None)
print(*sys.modules)
"""
EVERYTHING = "import sys; from pylb.process.daemon import load_everything; load_everything(); print(*sys.modules)"


def loaded_by(program: str, *arguments: str) -> set[str]:
    """The modules that a program has loaded when it is done."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports at any time."""
    tree = ast.parse(path.read_text())
    free = {id(node) for branch in ast.walk(tree) if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test) for node in ast.walk(branch)}
    names = set()
    for node in ast.walk(tree):
        if id(node) not in free and isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif id(node) not in free and isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}"))}
    return names


def is_module(name: str) -> bool:
    """Is what is imported from a module itself one?"""
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


@pytest.mark.parametrize(
    ("program", "without"),
    [
        (CHECK, ("OpenSSL", "cryptography", "asyncio", "pylb.control", "pylb.keywords.cli", "pylb.stream.stream", "pylb.tasks")),
        (BUILD, ("OpenSSL", "cryptography", "pylb.control", "pylb.keywords.cli", "pylb.wire.tls_context")),
    ],
    ids=["check", "start"],
)
def test_a_plain_configuration_loads_no_more_than_it_needs(program: str, without: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "cfg").write_text(PLAIN)
    loaded = loaded_by(program, str(tmp_path / "cfg"))
    assert "pylb.keywords.config.server" in loaded
    assert not [name for name in without if name in loaded]


def test_in_a_chroot_nothing_is_left_to_load() -> None:
    loaded = loaded_by(EVERYTHING)
    files = [path for path in ROOT.rglob("*.py") if "lab" not in path.relative_to(ROOT).parts and path.name not in ("main.py", "__main__.py")]
    missing = {name for path in files for name in imports_of(path) if name not in loaded}
    assert not missing - {"uvloop"}  # loaded with the loop, which exists by then
