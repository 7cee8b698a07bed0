"""Streams before haproxy and before pylb: the same configuration, clients and servers; everything that can be seen is compared."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import stream_end_cases
import stream_http_cases
import stream_tcp_cases
from certificates import make_bundle
from harness import Pair
from oracle import HAPROXY, needs_haproxy

pytestmark = needs_haproxy
CASES = [*stream_http_cases.CASES, *stream_end_cases.CASES, *stream_tcp_cases.CASES]

# Differences that are known and why they stand; one that is gone must leave this table.
ACCEPTED: dict[str, str] = {
    "upgrade_unasked": "HAProxy counts and logs the bytes of a 101 that nobody asked for before it answers 502; here it is no response at all",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both programs after all cases were played."""
    directory = tmp_path_factory.mktemp("streams")
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


def test_nothing_is_printed(pair: Pair) -> None:
    assert pair.rigs[1].said() == pair.rigs[0].said()
