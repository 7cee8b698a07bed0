"""`-dK`: the form of the dump, and the parts that do not depend on how many words there are."""

from __future__ import annotations

import subprocess

import pytest

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


@pytest.mark.parametrize("name", ["smp", "cfg"])
def test_same_form(name: str) -> None:
    ours, theirs = dump(name).splitlines(), haproxy(name)
    assert ours[0] == theirs[0]
    if name == "smp":
        assert [line for line in ours if line.startswith("#")] == [line for line in theirs if line.startswith("#")]
        assert set(ours) & set(theirs) - {line for line in theirs if line.startswith("#")}
    else:
        assert {"global", "listen"} <= set(ours)
        assert "\tbind <addr> ssl crt +1" in ours and "\tserver <name> <addr> inter +1" in ours


def test_classes_may_be_listed_and_unknown_ones_mean_nothing() -> None:
    assert dump("svc,acl,bogus") == dump("acl") + dump("svc")
    assert dump("bogus") == ""
