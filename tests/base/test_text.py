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


def test_dumps_show_every_byte() -> None:
    pieces = text.dump_pieces(b"\\= ")
    assert "".join(pieces[byte] for byte in b"\t\n\r\x1b\x00\x1f ~\x7f\x80\xff=\\a") == "\\t\\n\\r\\e\\x00\\x1F\\ ~\\x7F\\x80\\xFF\\=\\\\a"
    assert text.dump_pieces(b"")[0x5C] == "\\"


def test_pages_and_check_lines() -> None:
    assert text.html("<a b='c'>\"&") == "&#60;a b=&#39;c&#39;&#62;&#34;&#38;"
    assert text.check_words('a"<>\t\x7f\xe9\udce9~') == "a<22><3C><3E><09><7F><E9><E9>~"
