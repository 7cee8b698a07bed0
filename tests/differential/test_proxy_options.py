"""Words of proxies and servers before haproxy and before pylb: none of them may be accepted and then forgotten."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import option_cases
from certificates import make_bundle
from harness import Pair
from oracle import HAPROXY, needs_haproxy

pytestmark = needs_haproxy
CASES = option_cases.CASES

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED: dict[str, str] = {
    "retry_informational": "HAProxy answers 500 for an internal error when the server that sent a 1xx is lost and the request goes out again",
    "retry_post_early": "HAProxy ends in silence, as if the body had broken, when the server is lost during an upload under `retry-on`",
    "h2_preface_disabled": "HAProxy makes a request of the preface before it refuses it; pylb refuses the bytes",
}


@pytest.fixture(scope="module")
def adjusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both programs where names of header fields are written as `h1-case-adjust` says."""
    directory = tmp_path_factory.mktemp("adjusted")
    both = Pair(option_cases.CASE_OF_NAMES, directory, ([HAPROXY], [sys.executable, "-m", "pylb"]), head=option_cases.ADJUSTED)
    try:
        both.play_all()
        yield both
    finally:
        both.stop()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both programs after all cases were played."""
    directory = tmp_path_factory.mktemp("options")
    make_bundle(directory / "bundle.pem", ["a.example"])
    both = Pair(CASES, directory, ([HAPROXY], [sys.executable, "-m", "pylb"]), directory / "bundle.pem")
    try:
        both.play_all()
        yield both
    finally:
        both.stop()


def marked(name: str) -> object:
    """A case's parameter, marked when its difference is known."""
    return pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=ACCEPTED[name])) if name in ACCEPTED else name


@pytest.mark.parametrize("name", [marked(case.name) for case in CASES])
def test_same(pair: Pair, name: str) -> None:
    difference = pair.compare(name)
    assert not difference, difference


@pytest.mark.parametrize("name", [case.name for case in option_cases.CASE_OF_NAMES])
def test_same_case_of_names(adjusted: Pair, name: str) -> None:
    difference = adjusted.compare(name)
    assert not difference, difference
