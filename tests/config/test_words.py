"""Splitting lines into words, against what HAProxy 2.6 makes of the same lines (seen through its `program` sections)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config.words import BadLine, TooManyWords, _Splitter, point_at, split_words

ENV = {
    "A": "aval",
    "B": "b1 b2  b3",
    "E": "",
    "Q": 'a"b',
    "D": "$A",
    "H": "x#y",
    "S": " lead trail ",
    "T": "a\tb",
    "BS": "c\\d",
    "_U": "und",
    "A1": "one",
}

WORDS: list[tuple[str, list[str]]] = [
    ("a b c", ["a", "b", "c"]),
    ('"a b" c', ["a b", "c"]),
    ("'a b' c", ["a b", "c"]),
    ("a\\ b", ["a b"]),
    ("a\\#b", ["a#b"]),
    ("a#b", ["a"]),
    ("a #b c", ["a"]),
    ('"a#b"', ["a#b"]),
    ("'a#b'", ["a#b"]),
    ("\\\\", ["\\"]),
    ("a\\\\b", ["a\\b"]),
    ('\\"', ['"']),
    ('"\\""', ['"']),
    ("'\\\"'", ['\\"']),
    ("\\'", ["'"]),
    ('"\\\'"', ["'"]),
    ("'a\\'", ["a\\"]),
    ("a'b'c", ["abc"]),
    ('a"b"c', ["abc"]),
    ('""', [""]),
    ("''", [""]),
    ('"" x', ["", "x"]),
    ("a\\nb", ["a\nb"]),
    ('"a\\nb"', ["a\nb"]),
    ("'a\\nb'", ["a\\nb"]),
    ("\\r\\t", ["\r\t"]),
    ("\\x41\\x42", ["AB"]),
    ('"\\x41"', ["A"]),
    ("a\\", ["a\\"]),
    ("\\q", ["\\q"]),
    ('"\\q"', ["\\q"]),
    ("a\\qb", ["a\\qb"]),
    ("\\$A", ["\\$A"]),
    ("$A", ["$A"]),
    ('"$A"', ["aval"]),
    ("'$A'", ["$A"]),
    ('"${A}"', ["aval"]),
    ('"${A}x"', ["avalx"]),
    ('"$Ax"', [""]),
    ('"$A.x"', ["aval.x"]),
    ('"$A-x"', ["aval-x"]),
    ('"${A-def}"', ["aval"]),
    ('"${Z-def}"', ["def"]),
    ('"${Z-de f}"', ["de f"]),
    ('"${Z-}"', [""]),
    ('"${Z}"', [""]),
    ('"$Z"', [""]),
    ('"x${Z}y"', ["xy"]),
    ('"${E-def}"', [""]),
    ('"${E}"', [""]),
    ('"$_U"', ["und"]),
    ('"${A}${B}"', ["avalb1 b2  b3"]),
    ('"${B}"', ["b1 b2  b3"]),
    ('"${B[*]}"', ["b1", "b2", "b3"]),
    ('"${B[*]}x"', ["b1", "b2", "b3x"]),
    ('"x${B[*]}"', ["xb1", "b2", "b3"]),
    ('"${E[*]}"', [""]),
    ('"${Z[*]}"', [""]),
    ('"${Z[*]-d1 d2}"', ["d1", "d2"]),
    ('"${Z-d1 d2[*]}"', ["d1 d2[*]"]),
    ('"${B[*]-x}"', ["b1", "b2", "b3"]),
    ('"${S[*]}"', ["", "lead", "trail", ""]),
    ('"${T[*]}"', ["a", "b"]),
    ('"${Q}"', ['a"b']),
    ('"${D}"', ["$A"]),
    ('"${H}"', ["x#y"]),
    ('"${BS}"', ["c\\d"]),
    ('"${Z-$A}"', ["$A"]),
    ('"${Z-"x"}"', ['"x"']),
    ('"${Z-\\"}"', ['\\"']),
    ('"${Z-a}b}"', ["ab}"]),
    ('"$A$A1"', ["avalone"]),
    ('"\\${A}"', ["${A}"]),
    ('"\\$A"', ["$A"]),
    ('x"$A"y', ["xavaly"]),
    ("\"a\"'b'c\\ d", ["abc d"]),
    ("'$A'\"$A\"$A", ["$Aaval$A"]),
    ('"a\\\\"', ["a\\"]),
    ('"a\\\\\\""', ['a\\"']),
    ('"\\#"', ["#"]),
    ('"\\ "', [" "]),
    ("\\\tx", ["\\", "x"]),
    ("\ta\tb\t", ["a", "b"]),
    ("a  b   ", ["a", "b"]),
    ('"a\tb"', ["a\tb"]),
    ("\\x00", [""]),
    ("a\\x00b", ["a"]),
    ('"\\x00"', [""]),
    ("\\x20", [" "]),
    ("\\x22x", ['"x']),
    ("\\x5c", ["\\"]),
    ("\\x24A", ["$A"]),
    ('"\\x24A"', ["$A"]),
    ('"\\x24{A}"', ["${A}"]),
    ("a;b", ["a;b"]),
    ("a,b", ["a,b"]),
    ('"\'"', ["'"]),
    ("'\"'", ['"']),
    ("\\a\\b\\f\\v\\e\\0", ["\\a\\b\\f\\v\\e\\0"]),
    ('"\\n\\r\\t"', ["\n\r\t"]),
    ("%[str(a\\,b)]", ["%[str(a\\,b)]"]),
    ('"${Z-\\n}"', ["\\n"]),
    ('"${Z-\\x41}"', ["\\x41"]),
    ("\"${Z-'a'}\"", ["'a'"]),
    ('a" b"', ["a b"]),
    ("a' b'", ["a b"]),
    ('a"" b', ["a", "b"]),
    ("''\"\" x", ["", "x"]),
    ('"$A" # c', ["aval"]),
    ('"$A"#c', ["aval"]),
    ("\\", ["\\"]),
    ("\\ ", [" "]),
    ('"${Z-a\\}b}"', ["a\\b}"]),
    ('"${B[*]} c"', ["b1", "b2", "b3 c"]),
    ('"c ${B[*]}"', ["c b1", "b2", "b3"]),
    ('a"${B[*]}"b', ["ab1", "b2", "b3b"]),
    ("'${B[*]}'", ["${B[*]}"]),
    ('"${B[*]}" "${B[*]}"', ["b1", "b2", "b3", "b1", "b2", "b3"]),
    ('"${HOME}"', [""]),
    ("é", ["é"]),
]

ERRORS: list[tuple[str, str, int]] = [  # text, complaint, offset
    ("\\x4", "truncated or invalid hexadecimal sequence", 0),
    ("\\x", "truncated or invalid hexadecimal sequence", 0),
    ("\\xg1", "truncated or invalid hexadecimal sequence", 0),
    ("\\x4g", "truncated or invalid hexadecimal sequence", 0),
    ('"\\x4"', "truncated or invalid hexadecimal sequence", 1),
    ('"abc', "unmatched quote", 0),
    ("'abc", "unmatched quote", 0),
    ('abc"def', "unmatched quote", 3),
    ("abc'def", "unmatched quote", 3),
    ('"${A"', "unmatched brace in environment variable name", 2),
    ('"${A-x"', "unmatched brace in environment variable name", 2),
    ('"${}"', "forbidden first char in environment variable name", 3),
    ('"$"', "forbidden first char in environment variable name", 2),
    ('"$ "', "forbidden first char in environment variable name", 2),
    ('"$ x"', "forbidden first char in environment variable name", 2),
    ('"a$"', "forbidden first char in environment variable name", 3),
    ('"$1"', "forbidden first char in environment variable name", 2),
    ('"${1}"', "forbidden first char in environment variable name", 3),
    ('"${B[1]}"', "truncated or invalid word expansion sequence", 4),
    ('"${B[*}"', "truncated or invalid word expansion sequence", 4),
    ('"${B[*]"', "unmatched brace in environment variable name", 2),
    ('"${.FOO}"', "forbidden first char in environment variable name", 3),
    ('"${.FOO-dd}"', "forbidden first char in environment variable name", 3),
    ('"${A+x}"', "unmatched brace in environment variable name", 2),
    ('"${A:-x}"', "unmatched brace in environment variable name", 2),
    ('"${A }"', "unmatched brace in environment variable name", 2),
    ('"${ A}"', "forbidden first char in environment variable name", 3),
    ('"$-"', "forbidden first char in environment variable name", 2),
    ('"$(ls)"', "forbidden first char in environment variable name", 2),
    ('"$$"', "forbidden first char in environment variable name", 2),
    ('"$$A"', "forbidden first char in environment variable name", 2),
    ('"a', "unmatched quote", 0),
    ('"\\', "unmatched quote", 0),
    ('"${A\\}"', "unmatched brace in environment variable name", 2),
    ('"${é}"', "forbidden first char in environment variable name", 3),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text, ENV) == words


@pytest.mark.parametrize(("text", "why", "position"), ERRORS)
def test_errors_point_at_the_place(text: str, why: str, position: int) -> None:
    with pytest.raises(BadLine) as caught:
        split_words(text, ENV)
    assert (caught.value.why, caught.value.position) == (why, position)


def test_pseudo_variables_are_looked_up_like_others() -> None:
    assert split_words('"$.LINE" "${.FILE}" "${.SECTION}"', {".LINE": "7", ".FILE": "f.cfg", ".SECTION": "web"}) == ["7", "f.cfg", "web"]


def test_carriage_return_ends_a_line_of_a_foreign_system() -> None:
    assert split_words("mode http\r", {}) == ["mode", "http"]


def test_form_feed_and_vertical_tab_separate() -> None:
    assert split_words("a\x0bb\x0cc", {}) == ["a", "b", "c"]


def test_one_word_for_the_command_line() -> None:
    assert split_words('1 && "x y" # z', {}, comments=False, separate=False) == ["1 && x y # z"]


def test_too_many_words() -> None:
    line = ".notice " + " ".join(f"w{index}" for index in range(64))
    with pytest.raises(TooManyWords, match="too many words, truncating after word 64, position 247: <w62>."):
        split_words(line, {})
    assert len(split_words(line.rpartition(" ")[0], {})) == 64


@pytest.mark.parametrize(
    ("before", "after", "shown", "caret"),
    [(0, 100, 80, 8), (71, 100, 80, 79), (72, 100, 80, 40), (100, 30, 74, 40), (100, 36, 80, 40), (100, 40, 80, 40), (90, 0, 44, 40), (40, 26, 75, 48)],
)
def test_window_around_the_caret(before: int, after: int, shown: int, caret: int) -> None:
    line = f'.notice {"a" * before}"{"b" * after}'
    text, pointer = point_at(line, 8 + before).split("\n")
    assert (len(text) - 2, pointer.index("^") - 2) == (shown, caret)


def test_caret_counts_from_the_first_word_and_hides_unprintable_characters() -> None:
    assert point_at(' .notice \x01\xe9"a', 11) == '  .notice ??"a\n            ^'


@given(st.text(alphabet="ab \t\v\f\r\n\0#\\'\"$\xe9\x1c\xa0", max_size=30))
def test_the_short_way_and_the_long_way_agree(text: str) -> None:
    """Lines without quotes, escapes and comments are cut without looking at every character."""
    try:
        words = split_words(text, {})
    except BadLine:
        return
    assert words == _Splitter(text, {}, comments=True, separate=True).run()
