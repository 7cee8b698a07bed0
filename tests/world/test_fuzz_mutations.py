"""Mutated messages change nothing but the answer: no crash, no hang, no unbounded buffer, nothing left.

`PYLB_FUZZ_MESSAGES=1000000 PYLB_FUZZ_SEED=7` plays more of them, from another seed; a failure names the batch to play again.
Half of them are read by the codec alone, whole and in pieces; the other half goes through running streams.
"""

from __future__ import annotations

import os

import pytest
from fuzz_mutations import Batch, Codec

from pylb import keywords

keywords.load()

SEED = int(os.environ.get("PYLB_FUZZ_SEED", "1"))
MESSAGES = int(os.environ.get("PYLB_FUZZ_MESSAGES", "6000"))
BATCH = 150
BLOCK = 10 * BATCH


@pytest.mark.parametrize("first", range(0, MESSAGES // 2, BLOCK))
def test_pieces_are_read_like_the_whole(first: int) -> None:
    codec = Codec(SEED)
    for number in range(first, first + BLOCK):
        codec.check(number)
    assert not codec.trouble, "\n".join(codec.trouble[:5])
    assert min(codec.accepted, codec.refused, codec.incomplete) > BLOCK // 100, "mutations are neither all valid nor all broken"


@pytest.mark.parametrize("first", range(0, MESSAGES // 2, BLOCK))
def test_streams_survive(first: int) -> None:
    for start in range(first, first + BLOCK, BATCH):
        batch = Batch(SEED, start, BATCH).play()
        assert not batch.trouble, f"batch {start}: {batch.trouble[:5]}"
