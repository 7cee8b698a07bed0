"""What agents may say, and what comes of it."""

from __future__ import annotations

import pytest

from pylb.tasks.agent import Advice, read_advice


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("up", Advice(health="up")),
        ("UP", Advice(health="UP")),
        ("down # too hot", Advice(health="down", description="too hot")),
        ("down up", Advice(health="up")),
        ("stopped,50%", Advice(health="stopped", weight="50%")),
        ("\tready\t75% maxconn:30", Advice(state="ready", weight="75%", maxconn="30")),
        ("fail#why not", Advice(error="fail#why")),
        ("up blah more", Advice(health="up", error="blah")),
        ("-5%", Advice(error="-5%")),
        ("drain down #a # b", Advice(state="drain", health="down", description="a # b")),
        ("maint", Advice(state="maint")),
        ("", Advice()),
        (" , \t", Advice()),
    ],
)
def test_lines(text: str, advice: Advice) -> None:
    assert read_advice(text) == advice
