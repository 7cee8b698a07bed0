"""`-dK`: the form of the dump, and the parts that do not depend on how many words there are."""

from __future__ import annotations

import subprocess

import pytest
from unlisted_words import UNLISTED

from pylb import keywords
from pylb.process.keyword_dump import dump


@pytest.fixture(scope="module", autouse=True)
def words() -> None:
    keywords.load()


def haproxy(name: str) -> list[str]:
    try:
        result = subprocess.run(["/usr/sbin/haproxy", f"-dK{name}", "-q", "-c", "-f", "/dev/null"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("haproxy is not installed")
    return result.stdout.splitlines()


@pytest.mark.parametrize("name", ["help", "acl"])
def test_same_page(name: str) -> None:
    assert dump(name).splitlines() == haproxy(name)


def test_same_lines() -> None:
    """What both know is printed alike, in the same order; what only HAProxy knows stands in the table, and nothing else does."""
    theirs = haproxy("all")
    missing = [line for reason, lines in UNLISTED.items() for line in lines]
    unlisted = [word(line) for line in theirs if word(line) in missing]
    assert sorted(unlisted) == sorted(missing)
    assert dump("all").splitlines() == [line for line in theirs if word(line) not in missing]


def word(line: str) -> str:
    """A line of the dump without the marks that tell where a fetch can be used."""
    return line.partition("] ")[2] if line.startswith("[ ") else line


def test_classes_may_be_listed_and_unknown_ones_mean_nothing() -> None:
    assert dump("svc,acl,bogus") == dump("acl") + dump("svc")
    assert dump("bogus") == ""
