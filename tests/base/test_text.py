"""Escaping for logs, dumps, CSV and JSON, as HAProxy's own output shows it."""

from __future__ import annotations

from pylb.base import text

EVERY_BYTE = "".join(map(chr, range(256)))


def test_headers_in_logs() -> None:
    assert text.log_header('a"#{|}b\x7f\xe9\t') == "a#22#23#7B#7C#7Db#7F#E9#09"
    assert text.log_header("plain !$%&'()*+,-./:;<=>?@[\\]^_`~") == "plain !$%&'()*+,-./:;<=>?@[\\]^_`~"


def test_uris_in_logs_keep_braces() -> None:
    assert text.log_uri('/a"b{c|d}e#') == "/a#22b{c|d}e#23"


def test_no_line_can_be_forged() -> None:
    assert "\n" not in text.log_safe(EVERY_BYTE) + text.log_uri(EVERY_BYTE) + text.log_header(EVERY_BYTE)


def test_structured_data_escapes_what_rfc_5424_names() -> None:
    assert text.structured_data('a"b\\c]d') == 'a\\"b\\\\c\\]d'


def test_csv() -> None:
    assert [text.csv(field) for field in ("plain", "a,b", 'say "hi"', "two\nlines")] == ["plain", '"a,b"', '"say ""hi"""', '"two\nlines"']
    assert text.csv("x", always=True) == '"x"'


def test_json() -> None:
    assert text.json_text('a"b\\c/d\n\x01') == 'a\\"b\\\\c\\/d\\n\\u0001'


def test_html() -> None:
    assert text.html("<a href='x'>&") == "&lt;a href=&#x27;x&#x27;&gt;&amp;"


def test_keys_in_dumps() -> None:
    assert text.dump_text("a b=c\\\x01\x1b\t\xe9") == "a\\ b\\=c\\\\\\x01\\e\\t\\xE9"


def test_buffer_of_show_errors() -> None:
    data = b"GET / HTTP/1.1\r\n" + bytes(range(1, 10)) + b"c" * 70 + b"\n" + b"h" * 68 + b"\n" + b"g" * 66 + b"\x01\n"
    assert list(text.dump_lines(data)) == [
        "  00000  GET / HTTP/1.1\\r\\n",
        "  00016  \\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\t" + "c" * 36,
        "  00061+ " + "c" * 34 + "\\n",
        "  00096  " + "h" * 68 + "\\n",
        "  00165  " + "g" * 66 + "\\x01",
        "  00232+ \\n",
    ]
