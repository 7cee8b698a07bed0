"""`-cc`: exit statuses and messages of both programs."""

from __future__ import annotations

import random
import sys

import pytest
from oracle import haproxy, mask, needs_haproxy

from pylb.main import main

pytestmark = needs_haproxy
PIECES = [
    "0",
    "1",
    "1",
    "(",
    ")",
    "!",
    "&&",
    "||",
    " ",
    " ",
    "defined(HOME)",
    "defined(NOPE)",
    "streq(a,b)",
    "strneq(a,b)",
    "feature(OPENSSL)",
    "version_atleast(2.6)",
    "x",
    "-1",
]


def own(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(["/usr/sbin/haproxy", *arguments])
    sys.stdout.flush()
    out, err = capfd.readouterr()
    return status, out, mask(err)


def test_random_conditions(capfd: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(26)
    for _ in range(120):
        text = "".join(dice.choices(PIECES, k=dice.randint(1, 8)))
        assert own(["-cc", text], capfd) == haproxy("-cc", text), text


@pytest.mark.parametrize(
    "text", ['"a', "'a", "1 # c", '"1"', "streq(a\\,b,c)", "streq(\"a\",'a')", "defined(", "streq(a", "streq(a,", "nope(1)", "\\x4", "$HOME", ""]
)
def test_quoting(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert own(["-cc", text], capfd) == haproxy("-cc", text)
