"""Files that show each rule of lines, words and blocks: pylb's messages against those of `haproxy -c`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from oracle import body, mask, messages, needs_haproxy

from pylb.config.lines import Abort, read_lines
from pylb.config.report import Report

pytestmark = needs_haproxy
ENV = {"A": "aval", "B": "b1 b2  b3", "E": "", "Q": 'a"b', "D": "$A", "H": "x#y", "S": " lead trail ", "V": "x\x0by\x0cz\rw"}

FILES = [
    ".endif\n",
    ".else\n",
    ".elif 1\n",
    ".if 1\n",
    ".if 1\nglobal\n",
    ".if 1\n.else\n.else\n.endif\n",
    ".if 1\n.else\n.elif 1\n.endif\n",
    ".if 0\n.else\n.elif 1\n.endif\n",
    ".if 0\n.elif x\n.endif\n",
    ".if 1\n.elif x\n.endif\n",
    ".if 0\n.if x\n.endif\n.endif\n",
    ".if\n.endif\n",
    ".if 1 1\n.endif\n",
    ".if 1\n.endif x\n",
    ".if 1\n.else x\n.endif\n",
    ".if 0\n.else x\n.endif\n",
    ".if 0\n.if 1\n.else\n.else\n.endif\n.endif\n",
    '.if 0\nfoo "bar\n.endif\n',
    ".if 0\n.foo\n.endif\n",
    ".foo\n.notice next\n",
    ".if 1\n.foo\n",
    ".\n",
    ".alert\n",
    ".alert a\n.notice next\n",
    '.alert "a b" c\n.notice next\n',
    ".if 1\n.alert x\n",
    ".warning\n",
    ".warning x\n",
    ".notice\n",
    '.notice "a b"\n',
    ".diag x y\n",
    ".if 0\n.alert x\n.endif\n",
    ".if x\nzz\n.endif\n",
    ".elif\n",
    ".if 0\n.elif\n.endif\n",
    ".if 1\n.elif 0\n.alert a\n.elif 1\n.alert b\n.else\n.alert c\n.endif\n",
    ".if 0\n.elif 1\n.notice a\n.elif 1\n.alert b\n.else\n.alert c\n.endif\n",
    ".if 0\n.elif 0\n.else\n.notice c\n.endif\n",
    ".if 0\n.if 1\n.alert x\n.elif 1\n.alert y\n.else\n.alert z\n.endif\n.endif\n",
    '.if 0\n.alert "\n.endif\n',
    '.if 0\n.if "\n.endif\n.endif\n',
    '.if 0\n.endif "\n',
    ".if 1 # comment\n.notice x\n.endif # c\n",
    ' .if 1\n .endif\n".if" 1\n.notice x\n.endif\n',
    ".if 0\n\tx\0y\n.endif\n",
    ".if 1\n.else\n.if 0\n.else\n.notice q\n.endif\n",
    ".IF 1\n.endif\n",
    ".notice a\n.alert b\n.warning c\n",
    ".if 1\n" * 99 + ".endif\n" * 99,
    ".if 1\n" * 100 + ".endif\n" * 100,
    "global\n" + '.x "\n' * 60,
    "global\n.notice" + " a" * 70 + "\n.notice b\n",
    "global",
    "global\n.notice x",
    "global\n.notice x  ",
    "global\n # x",
    "global\n\t",
    "global\n.notice a\0b\n.notice c\n",
    "global\n.notice a\0b\n",
    "global\n.notice x\0\n",
    "global\n.notice \\\nx\n"[:-2],
    'global\n.notice "a\nb"\n'[:-4],
    "global\r\n.notice x\r\n",
    '.notice "${.FILE} ${.LINE} [${.SECTION}]"\n',
]


class Reading:
    """What read_lines needs."""

    def __init__(self, report: Report, env: Mapping[str, str]) -> None:
        self.report, self.env, self.errors = report, dict(env), 0

    def fail(self, text: str) -> None:
        self.errors += 1
        self.report.alert(text)


def own_messages(directory: Path, text: str) -> list[str]:
    path = directory / "t.cfg"
    path.write_bytes(text.encode("latin-1"))
    said: list[str] = []
    reading = Reading(Report(write=said.append), ENV)
    try:
        for _ in read_lines(str(path), reading):
            pass
    except Abort:
        pass
    return body(mask("".join(said)))


@pytest.mark.parametrize("text", FILES)
def test_messages(tmp_path: Path, text: str) -> None:
    assert own_messages(tmp_path, text) == messages(tmp_path, text, ENV)


def test_random_lines(tmp_path: Path) -> None:
    """Lines put together from all the characters that mean something."""
    pieces = [
        "a",
        "b",
        " ",
        "\t",
        '"',
        '"',
        "'",
        "\\",
        "#",
        "$",
        "${A}",
        "${Z-d e}",
        "${B[*]}",
        "$Q",
        "{",
        "}",
        "[*]",
        "\\x41",
        "\\x4",
        "n",
        "\\n",
        "-",
        ".",
        "_",
        "A",
        "\x0b",
        "\r",
    ]
    dice = random.Random(26)
    for _ in range(12):
        lines = ["global " + "#" * 900]
        lines += [".notice " + "".join(dice.choices(pieces, k=dice.randint(1, 9))) for _ in range(40)]
        text = "\n".join(lines) + "\n"
        assert own_messages(tmp_path, text) == messages(tmp_path, text, ENV)
