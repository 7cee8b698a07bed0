"""Stages for stories: pylb from a configuration's text, in a world."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pylb import keywords
from pylb.lab.pipe import Link
from pylb.lab.stage import Stage

keywords.load()


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Make stages; after the test nothing may be left of any of them."""
    made: list[Stage] = []

    def make(config: str, link: Link | None = None) -> Stage:
        made.append(Stage(config, link))
        return made[-1]

    yield make
    for one in made:
        assert not one.close()
