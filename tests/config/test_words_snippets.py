"""Every word of the language, right and wrong, in small files that HAProxy and pylb read: what they say must be equal.

The snippets are lines for one section of a small configuration. A third of them runs by default; all with PYLB_ALL_SNIPPETS=1.
What pylb says it does not implement yet is left out.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from both import MISSING, haproxy_says, pylb_says
from certificates import make_bundle

pytestmark = pytest.mark.skipif(MISSING, reason="haproxy is not installed")

SNIPPETS = Path(__file__).parent / "snippets"
STEP = 1 if os.environ.get("PYLB_ALL_SNIPPETS") else 3
TIMEOUTS = " timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
FRONTEND = "frontend f\n bind :8000\n"
TEMPLATES = {
    "frontend": f"defaults\n{TIMEOUTS}{FRONTEND} default_backend b\n {{}}\nbackend b\n",
    "backend": f"defaults\n{TIMEOUTS}{FRONTEND} default_backend b\nbackend b\n {{}}\n",
    "listen": f"defaults\n{TIMEOUTS}listen f\n bind :8000\n {{}}\n",
    "defaults": f"defaults\n{TIMEOUTS} {{}}\n{FRONTEND}",
    "ndefaults": f"defaults foo\n{TIMEOUTS} {{}}\nfrontend f from foo\n bind :8000\n",
    "resolvers": f"resolvers r1\n nameserver d1 127.0.0.1:53\n {{}}\ndefaults\n{TIMEOUTS}{FRONTEND}",
    "names": f"resolvers r1\n nameserver d1 127.0.0.1:53\ndefaults\n{TIMEOUTS}{FRONTEND} default_backend b\nbackend b\n {{}}\n",
    "global": f"global\n {{}}\ndefaults\n{TIMEOUTS}{FRONTEND}",
}


def snippets(name: str) -> list[str]:
    """Some of the lines of one file; each names its template."""
    return (SNIPPETS / f"{name}.txt").read_text().splitlines()[::STEP]


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files are read, beside a certificate."""
    path = tmp_path_factory.mktemp("snippets")
    make_bundle(path / "cert.pem", ["x"], key="rsa")
    return path


@pytest.mark.parametrize("name", sorted(path.stem for path in SNIPPETS.glob("*.txt")))
def test_what_is_said(name: str, directory: Path) -> None:
    differences = []
    for snippet in snippets(name):
        template, _, line = snippet.partition(" | ")
        section, _, http = template.partition("-")
        text = TEMPLATES[section].format(line.replace("\\n", "\n "))
        if http:
            text = text.replace("connect 1s\n", "connect 1s\n mode http\n", 1)
        (directory / "t.cfg").write_text(text)
        expected, found = haproxy_says(directory, ["t.cfg"]), pylb_says(directory, ["t.cfg"])
        if expected != found and "is not implemented yet." not in found[1]:
            differences.append((snippet, expected, found))
    assert differences == []
