"""Configurations from public repositories: HAProxy's verdict and words on each, and pylb's.

What pylb does not implement yet it refuses in its own words, and such files are counted, not compared.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from both import masked, pylb_says

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
LEAST_ACCEPTED = 58

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of configurations is not here")


def cases() -> list[tuple[str, str, int]]:
    """File, verdict and exit status, of those without further arguments."""
    if not CORPUS.exists():
        return []
    rows = [line.split("\t") for line in (CORPUS / "index.tsv").read_text().splitlines()[1:]]
    return [(row[0], row[1], int(row[2])) for row in rows if not row[3:] or not row[3]]


def environment() -> dict[str, str]:
    return dict(line.split("=", 1) for line in (CORPUS / "env.txt").read_text().splitlines() if "=" in line)


def expected_text(name: str) -> str:
    return masked((CORPUS / "expected" / f"{name}.txt").read_text(encoding="latin-1")).strip()


def first_alert(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith("[ALERT]")), "")


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[int, str]]:
    """What pylb says of each file."""
    return {name: pylb_says(CORPUS / "cfg", [f"{name}.cfg"], environment()) for name, _, _ in cases()}


@pytest.mark.parametrize(("name", "verdict", "status"), cases())
def test_verdict_and_words(name: str, verdict: str, status: int, answers: dict[str, tuple[int, str]]) -> None:
    found, text = answers[name]
    if "is not implemented yet" in text:
        assert found == 1  # a word of a later round is refused, never ignored
        return
    assert found == status
    if verdict == "error":
        assert first_alert(text) == first_alert(expected_text(name))
    else:
        assert text.strip() == expected_text(name)


def test_most_are_accepted(answers: dict[str, tuple[int, str]]) -> None:
    accepted = [name for name, verdict, status in cases() if verdict != "error" and answers[name][0] == status]
    assert len(accepted) >= LEAST_ACCEPTED
