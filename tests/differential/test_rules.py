"""Every action of every rule set, played before haproxy and before pylb: bytes to both sides, log lines and counters are compared."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from oracle import HAPROXY, needs_haproxy
from rules_cases import CASES
from rules_rig import Outcome, Rig

pytestmark = needs_haproxy
FILES = {
    "e200": b"HTTP/1.1 200 Fine\r\nContent-Type: text/x\r\nX-Page: yes\r\nContent-Length: 5\r\n\r\nhello",
    "e503": b"HTTP/1.0 503 Nope\r\nX-A: b\r\nConnection: close\r\n\r\nclosing body",
    "empty": b"",
    "text": b"some\ntext\n",
    "format": b"path %[path] and %ci\n",
    "big": b"b" * 15000,
    "map": b"/a one\n/b two\n",
    "list": b"one\n",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Outcome], dict[str, Outcome]]]:
    """What both programs did with all cases, played at the same time."""
    directory = tmp_path_factory.mktemp("rules")
    for name, data in FILES.items():
        (directory / name).write_bytes(data)

    def run(name: str, *command: str) -> dict[str, Outcome]:
        rig = Rig(command, CASES, directory / name)
        try:
            return rig.play()
        finally:
            rig.stop()

    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(run, "theirs", HAPROXY)
        ours = pool.submit(run, "ours", sys.executable, "-m", "pylb")
        yield theirs.result(), ours.result()


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_same(outcomes: tuple[dict[str, Outcome], dict[str, Outcome]], name: str) -> None:
    theirs, ours = outcomes[0][name], outcomes[1][name]
    assert ours.client == theirs.client
    assert bool(ours.closed) == bool(theirs.closed)  # FIN or RST depends on whether unread bytes were there
    assert ours.server == theirs.server
    assert ours.logs == theirs.logs
    for row, counters in theirs.counters.items():
        assert (row, ours.counters[row]) == (row, counters)


def test_enough() -> None:
    assert sum(isinstance(item, bytes) for case in CASES for item in case.send) >= 150
    assert len({case.name for case in CASES}) == len(CASES)


