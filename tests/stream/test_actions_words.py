"""Every action's words, right and wrong, read by `haproxy -c` and by pylb: the messages must be equal.

A line names the section by ``@backend`` or ``@listen``, otherwise it stands in a frontend. PAGE, CLOSING, EMPTY and LARGE are files.
"""

from __future__ import annotations

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "config"))

from both import MISSING, haproxy_says, pylb_says

pytestmark = pytest.mark.skipif(MISSING, reason="haproxy is not installed")
STEP = 1 if os.environ.get("PYLB_ALL_SNIPPETS") else 2
LINES = (Path(__file__).parent / "action_words.txt").read_text().splitlines()[::STEP]
FILES = {
    "PAGE": b"HTTP/1.1 200 OK\r\ncontent-type: text/x\r\nContent-Length: 5\r\n\r\nhello",
    "CLOSING": b"HTTP/1.0 503 Nope\r\nX-A: b\r\nconnection: close\r\n\r\nclosing body",
    "EMPTY": b"",
    "LARGE": b"a" * 16000,
}
SUMMARY = re.compile(r"(free\(\): double free.*|\[ALERT\].*(Error\(s\) found|Fatal errors found) in configuration.*)\n")  # absent where HAProxy crashes


def config(line: str) -> str:
    """A whole configuration around one line."""
    section, line = line[1:].split(" ", 1) if line.startswith("@") else ("frontend", line)
    bind = "retries 3" if section == "backend" else "bind 127.0.0.1:1"
    return (
        "global\n expose-experimental-directives\ndefaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        f"{section} p\n {bind}\n {line}\n"
    )


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """What HAProxy says of each line, and the directory where the file is."""
    directory = tmp_path_factory.mktemp("words")

    def ask(number: int) -> tuple[Path, str]:
        place = directory / str(number)
        place.mkdir()
        for name, data in FILES.items():
            (place / name).write_bytes(data)
        (place / "cfg").write_text(config(LINES[number]))
        return place, SUMMARY.sub("", haproxy_says(place, ["cfg"])[1])

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(LINES, pool.map(ask, range(len(LINES))), strict=True))


@pytest.mark.parametrize("line", LINES)
def test_same_message(verdicts: dict[str, tuple[Path, str]], line: str) -> None:
    place, theirs = verdicts[line]
    assert SUMMARY.sub("", pylb_says(place, ["cfg"])[1]) == theirs


def test_experimental(tmp_path: Path) -> None:
    """`normalize-uri` must be allowed by the global section."""
    (tmp_path / "cfg").write_text(config("http-request normalize-uri fragment-strip").replace(" expose-experimental-directives\n", ""))
    assert pylb_says(tmp_path, ["cfg"]) == haproxy_says(tmp_path, ["cfg"])
