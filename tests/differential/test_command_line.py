"""The command line of both programs: statuses, help, complaints, and what `-c` says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from oracle import HAPROXY, haproxy, mask, needs_haproxy

pytestmark = needs_haproxy
ROOT = Path(__file__).parents[2]
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = {HAPROXY!r}; from pylb.main import entry; entry()"

NOT_STARTED = [
    *(["-z"], ["--help"], ["-"], ["--"], ["-f"], ["-c"], ["-h"], ["-dM"], ["-dMx"], ["-dMfail,foo"], ["-dz"], ["-dK"], ["-n"], ["-n5x"]),
    *(["-p"], ["-L"], ["-C"], ["-C", "/nonexistent"], ["-x"], ["-S"], ["-sf"], ["-sf", "1", "2"], ["-sf", "x"], ["-cc"], ["-cc", "1", "2"], ["-Wx"]),
    *(["-s"], ["-si"], ["foo"], ["-z", "-v"], ["-c", "-f", "/nonexistent.cfg"], ["-c", "-q", "-f", "/nonexistent.cfg"], ["-c", "--", "-f"]),
    *(["-cc", "1"], ["-cc", "0"], ["-cc", "nope(1)"], ["-q", "-cc", "nope(1)"], ["-cc", "1", "-f", "/nonexistent.cfg"]),
]
VALID = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend f\n bind 127.0.0.1:1\n"
WARNED = "frontend f\n bind :1\n"
CHECKED = [
    ([VALID], []),
    ([VALID], ["-q"]),
    ([VALID], ["-V", "-q"]),
    ([VALID], ["-dW"]),
    ([VALID], ["-D", "-W", "-dMx0"][:2]),
    ([WARNED], []),
    ([".warning w\nglobal\n zero-warning\n", VALID], []),
    (["global\n quiet\n", VALID], []),
    (["global\n quiet\n", VALID], ["-V"]),
    ([WARNED], ["-dW"]),
    ([WARNED], ["-q", "-dW"]),
    ([VALID], ["-S", "/tmp/never"]),
    ([VALID + "backend b\n server s nosuch.invalid:80\n"], []),
    ([VALID + "backend b\n server s nosuch.invalid:80\n"], ["-dr"]),
    ([""], []),
    ([""], ["-q"]),
    (["backend b\n server s 127.0.0.1:1\n"], []),
    (["backend b\n server s 127.0.0.1:1\n"], ["-dW"]),
    (["global\n zz\n"], []),
    (["global\n zz\n"], ["-q"]),
    (["global\n zz\n", "global\n yy\n"], []),
    ([".if x\n", "global\n zz\n"], []),
    (["global\n zz\n", ".endif\n", "global\n zz\n"], []),
    (["global\n zz\n frontend\n bind :1\n", VALID], []),
    ([".notice n\n.diag d\n.warning w\nglobal\n zz\n"], ["-dD"]),
    ([".notice n\n.diag d\n.warning w\nglobal\n zz\n"], ["-dD", "-q"]),
    (["global\n" + " zz\n" * 60, VALID], []),
    ([VALID, '.notice "$HAPROXY_LOCALPEER $HAPROXY_STARTUP_VERSION $HAPROXY_CFGFILES"\n'], ["-L", "me"]),
]


def own(*arguments: str) -> tuple[int, str, str]:
    result = subprocess.run([sys.executable, "-c", START, *arguments], capture_output=True, timeout=60, check=False)
    return result.returncode, result.stdout.decode("latin-1"), mask(result.stderr.decode("latin-1"))


def without_version(answer: tuple[int, str, str]) -> tuple[int, str, str]:
    status, out, err = answer
    return status, "<version>" if out.startswith("HAProxy version 2.6.12") else out, err


@pytest.mark.parametrize("arguments", NOT_STARTED, ids=" ".join)
def test_refusals(arguments: list[str]) -> None:
    assert without_version(own(*arguments)) == without_version(haproxy(*arguments))


@pytest.mark.parametrize(("files", "arguments"), CHECKED)
def test_checks(tmp_path: Path, files: list[str], arguments: list[str]) -> None:
    paths = []
    for index, text in enumerate(files):
        (tmp_path / f"{index}.cfg").write_text(text)
        paths += ["-f", f"{tmp_path}/{index}.cfg"]
    assert own("-c", *arguments, *paths) == haproxy("-c", *arguments, *paths)


def test_version() -> None:
    for option in ("-v", "-vv"):
        ours, theirs = own(option), haproxy(option)
        assert ours[0] == 0
        assert ours[1].splitlines()[0] == theirs[1].splitlines()[0]
    page = own("-vv")[1]
    features = page.partition("Feature list : ")[2].partition("\n")[0]
    assert {name[1:] for name in features.split()} == {name[1:] for name in theirs[1].partition("Feature list : ")[2].partition("\n")[0].split()}
    assert "\n  TARGET  = " in page and "\nAvailable services : " in page


def test_a_broken_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        result = subprocess.run([sys.executable, "-c", START, "-v"], stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)
    assert result.stderr == b""
