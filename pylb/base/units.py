"""Durations and sizes of the configuration language, both ways (configuration.txt 2.5).

The arithmetic is HAProxy's, 64-bit wrap-around included, because which numbers are refused is visible. Errors name the
offending character, and carry it, since every keyword words its complaint differently.
"""

from __future__ import annotations

from pylb.base.errors import Alert

MAX_TIMER = 2147483647
MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
WORD = 1 << 64


class BadNumber(Alert):
    """A character that does not belong in a number."""

    def __init__(self, character: str, position: int) -> None:
        super().__init__(f"unexpected character '{character}'")
        self.character, self.position = character, position


class TimerOverflow(Alert):
    """A duration beyond the largest timer."""

    def __init__(self, text: str) -> None:
        super().__init__(f"timer overflow in argument '{text}' (maximum value is {MAX_TIMER} ms or ~24.8 days)")
        self.text = text


class TimerUnderflow(Alert):
    """A duration that is not zero but would be counted as zero."""

    def __init__(self, text: str) -> None:
        super().__init__(f"timer underflow in argument '{text}' (minimum non-null value is 1 ms)")
        self.text = text


def parse_duration(text: str, unit: str = "ms") -> int:
    """`text` in milliseconds. `unit` is what a bare number counts in, and the grain: fractions of it are rounded up.

    >>> parse_duration("10s"), parse_duration("5", "s"), parse_duration("100us")
    (10000, 5000, 1)
    """
    value, suffix = _duration_parts(text)
    grain, given = MICROSECONDS[unit], MICROSECONDS[suffix or unit]
    if given >= grain:
        count = value * (given // grain) % WORD
    else:
        divisor = grain // given
        count = (value + divisor - 1) % WORD // divisor
    if count > MAX_TIMER:
        raise TimerOverflow(text)
    if not count and value:
        raise TimerUnderflow(text)
    return count if unit == "us" else count * (grain // 1000)


def _duration_parts(text: str) -> tuple[int, str]:
    """The number and the unit's name ("" when there is none)."""
    end = _digits(text)
    if end == len(text):
        return int(text or "0") % WORD, ""
    suffix = text[end : end + 2] if text[end : end + 2] in ("us", "ms") else text[end]
    if end == 0 or suffix not in MICROSECONDS:
        raise BadNumber(text[end], end)
    return int(text[:end]) % WORD, suffix


def _digits(text: str) -> int:
    """How many ASCII digits `text` begins with."""
    return len(text) - len(text.lstrip("0123456789"))


def parse_size(text: str) -> int:
    """A size in bytes: a number below 4 GiB with an optional k, m or g (powers of 1024).

    >>> parse_size("16k")
    16384
    """
    value, end = 0, _digits(text)
    for position in range(end):
        value = value * 10 + int(text[position])
        if value >> 32:
            raise BadNumber(text[position], position)
    if end == len(text) and text:
        return value
    if end == 0:
        raise BadNumber(text[:1], 0)
    shift = {"k": 10, "m": 20, "g": 30}.get(text[end].lower())
    if shift is None or (value << shift) >> 32:
        raise BadNumber(text[end], end)
    if end + 1 < len(text):
        raise BadNumber(text[end + 1], end + 1)
    return value << shift


def leading_integer(text: str) -> int:
    """What C's atol() makes of `text`: the integer it begins with, zero when there is none."""
    stripped = text.lstrip(" \t\n\v\f\r")
    sign = stripped[:1] if stripped[:1] in ("+", "-") else ""
    digits = stripped[len(sign) :]
    return int(sign + (digits[: _digits(digits)] or "0"))


def format_uptime(seconds: int) -> str:
    """`Uptime` of ``show info`` and the statistics page.

    >>> format_uptime(90061)
    '1d 1h01m01s'
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day}d {hour}h{minute:02d}m{second:02d}s"
