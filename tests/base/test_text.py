"""Escaping for logs, as HAProxy's own output shows it."""

from __future__ import annotations

from pylb.base import text

EVERY_BYTE = "".join(map(chr, range(256)))


def test_headers_in_logs() -> None:
    assert text.log_header('a"#{|}b\x7f\xe9\t') == "a#22#23#7B#7C#7Db#7F#E9#09"
    assert text.log_header("plain !$%&'()*+,-./:;<=>?@[\\]^_`~") == "plain !$%&'()*+,-./:;<=>?@[\\]^_`~"


def test_uris_in_logs_keep_braces() -> None:
    assert text.log_uri('/a"b{c|d}e#') == "/a#22b{c|d}e#23"


def test_no_line_can_be_forged() -> None:
    assert "\n" not in text.log_uri(EVERY_BYTE) + text.log_header(EVERY_BYTE)
