"""Dates of cookies, and cookies edited in place."""

from __future__ import annotations

import pytest

from pylb.stream.persist import read_date, write_date
from pylb.wire.cookie_edit import edit_cookies, edit_request, edit_response, edit_set_cookies
from pylb.wire.headers import Headers


def test_dates_count_in_steps_of_four_seconds() -> None:
    assert write_date(1_700_000_003) == write_date(1_700_000_000)
    assert read_date(write_date(1_700_000_003)) == 1_700_000_000
    assert read_date(write_date(0)) == 0
    assert len(write_date(1 << 31)) == 5


@pytest.mark.parametrize("text", [b"", b"abcd", b"ab?de", b"|||||"])
def test_what_is_no_date_is_nothing(text: bytes) -> None:
    assert read_date(text) == 0


REMOVED = [
    (b"SRV=s1", None),
    (b"SRV=s1;", None),
    (b"a=b; SRV=s1", b"a=b"),
    (b"SRV=s1; a=b", b"a=b"),
    (b"a=b;SRV=s1;c=d", b"a=b; c=d"),
    (b"a=b ; SRV=s1 ; c=d", b"a=b; c=d"),
    (b"a=b, SRV=s1, c=d", b"a=b, c=d"),
    (b"a=b; SRV=s1; SRV=s2; c=d", b"a=b; c=d"),
    (b"$Version=1; SRV=s1; $Path=/; a=b", b"$Version=1; a=b"),
    (b"$Version=1; SRV=s1", None),
    (b'a="x;SRV=s1"; SRV=s1', b'a="x;SRV=s1"'),
    (b"a = b; c= d", b"a=b; c=d"),
    (b"SRV; a=b", b"SRV; a=b"),
    (b"srv=s1", b"srv=s1"),
]


@pytest.mark.parametrize(("text", "left"), REMOVED)
def test_a_cookie_is_taken_out(text: bytes, left: bytes | None) -> None:
    assert edit_request(text, b"SRV", lambda value: None) == left


def test_a_value_is_changed_in_place() -> None:
    headers = Headers([(b"host", b"x"), (b"cookie", b"a=b; SRV = s1~v ;c=d"), (b"cookie", b"SRV=s1~w")])
    edit_cookies(headers, b"SRV", lambda value: value.partition(b"~")[2])
    assert headers == [(b"host", b"x"), (b"cookie", b"a=b; SRV=v ;c=d"), (b"cookie", b"SRV=w")]


def test_a_field_holds_one_set_cookie() -> None:
    assert edit_response(b"SRV=x; path=/, SRV=y", b"SRV", lambda value: b"s1") == b"SRV=s1; path=/, SRV=y"
    assert edit_response(b"a=b, SRV=y", b"SRV", lambda value: b"s1") == b"a=b, SRV=y"
    assert edit_response(b"SRV", b"SRV", lambda value: None) == b"SRV"


def test_a_set_cookie_that_is_taken_out_goes_whole() -> None:
    headers = Headers([(b"set-cookie", b"a=b"), (b"set-cookie", b"SRV=x; path=/"), (b"x", b"y")])
    edit_set_cookies(headers, b"SRV", lambda value: None)
    assert headers == [(b"set-cookie", b"a=b"), (b"x", b"y")]
