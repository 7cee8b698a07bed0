"""Durations and sizes: the numbers HAProxy accepts, rounds, wraps and refuses."""

from __future__ import annotations

import pytest

from pylb.base.units import (
    BadNumber,
    TimerOverflow,
    TimerUnderflow,
    format_uptime,
    leading_integer,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "unit", "milliseconds"),
    [
        ("10", "ms", 10),
        ("10s", "ms", 10_000),
        ("1m", "ms", 60_000),
        ("500ms", "ms", 500),
        ("1d", "ms", 86_400_000),
        ("2h", "ms", 7_200_000),
        ("24d", "ms", 2_073_600_000),
        ("1us", "ms", 1),
        ("1500us", "ms", 2),
        ("0us", "ms", 0),
        ("", "ms", 0),
        ("2147483647", "ms", 2147483647),
        ("10sx", "ms", 10_000),
        ("10h5m", "ms", 36_000_000),
        ("18446744073709551616", "ms", 0),
        ("18446744073709552s", "ms", 384),
        ("5", "s", 5_000),
        ("1001ms", "s", 2_000),
        ("1us", "s", 1_000),
        ("2147483647s", "s", 2147483647_000),
    ],
)
def test_durations(text: str, unit: str, milliseconds: int) -> None:
    assert parse_duration(text, unit) == milliseconds


@pytest.mark.parametrize(
    ("text", "character"), [("10x", "x"), ("10 s", " "), ("s", "s"), ("1.5s", "."), ("-1", "-"), ("10S", "S"), ("10u", "u"), ("0x10", "x"), (" 10", " ")]
)
def test_bad_characters_of_durations(text: str, character: str) -> None:
    with pytest.raises(BadNumber) as caught:
        parse_duration(text)
    assert caught.value.character == character


@pytest.mark.parametrize("text", ["25d", "2147483648", "99999999999999999999", "597h", "2147484s", "213503982334d"])
def test_overflow(text: str) -> None:
    with pytest.raises(TimerOverflow, match=rf"timer overflow in argument '{text}' \(maximum value is 2147483647 ms or ~24.8 days\)"):
        parse_duration(text)


def test_underflow() -> None:
    with pytest.raises(TimerUnderflow):
        parse_duration("18446744073709551615us")


@pytest.mark.parametrize(("text", "size"), [("16384", 16384), ("16k", 16384), ("1m", 1 << 20), ("1G", 1 << 30), ("4294967295", 4294967295)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "character"),
    [("4g", "g"), ("4194304k", "k"), ("10x", "x"), ("1kx", "x"), ("-1", "-"), ("k", "k"), ("1.5k", "."), ("99999999999", "9"), ("4294967296", "6"), ("", "")],
)
def test_bad_sizes(text: str, character: str) -> None:
    with pytest.raises(BadNumber) as caught:
        parse_size(text)
    assert caught.value.character == character


@pytest.mark.parametrize(("text", "number"), [("12", 12), (" -3x", -3), ("+4", 4), ("x", 0), ("", 0), ("80-90", 80)])
def test_leading_integer(text: str, number: int) -> None:
    assert leading_integer(text) == number


def test_spans_of_time_for_people() -> None:
    assert [format_uptime(12), format_uptime(90061)] == ["0d 0h00m12s", "1d 1h01m01s"]
