"""One line of configuration -> its words (configuration.txt 2.2 and 2.3).

Blanks separate words; a backslash escapes one character; double quotes keep blanks and expand variables; single quotes keep
everything; a bare ``#`` ends the line. Variables exist only inside double quotes: ``$NAME``, ``${NAME}``, ``${NAME-default}``,
and ``${NAME[*]}``, whose value is cut into words. Errors carry the offset HAProxy points at with a caret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pylb.base.errors import Alert

MAX_WORDS = 64
CARET_WIDTH = 80
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", " ": " ", '"': '"', "#": "#", "'": "'"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
REST_OF_NAME = re.compile(r"[A-Za-z0-9_]*")
PSEUDO = re.compile(r"\.(?:FILE|LINE|SECTION)(?![A-Za-z0-9_])")
HEX = re.compile(r"[0-9A-Fa-f]{2}")
BLANKS = " \t\v\f"
SPACES = re.compile(r"[ \t\n\v\f\r]+")
PLAIN = re.compile(r"[^\"'\\#\r\0]*")  # nothing but words and blanks, as most lines are
WORD = re.compile(f"[^{BLANKS}]+")
UNPRINTABLE = re.compile(r"[^ -~]")

QUOTE, BRACE, FIRST, HEXADECIMAL, EXPANSION = (
    "unmatched quote",
    "unmatched brace in environment variable name",
    "forbidden first char in environment variable name",
    "truncated or invalid hexadecimal sequence",
    "truncated or invalid word expansion sequence",
)


class BadLine(Alert):
    """A line that cannot be cut into words; the text has HAProxy's two more lines, the line itself and a caret."""

    def __init__(self, line: str, position: int, why: str) -> None:
        super().__init__(f"{why} at position {position + 1}:\n{point_at(line, position)}")
        self.line, self.position, self.why = line, position, why


class TooManyWords(Alert):
    """More words than a line may have."""

    def __init__(self, words: list[str]) -> None:
        position = sum(len(word) + 1 for word in words[: MAX_WORDS - 1]) + 1
        super().__init__(f"too many words, truncating after word {MAX_WORDS}, position {position}: <{words[MAX_WORDS - 1]}>.")
        self.words = words[:MAX_WORDS]


def point_at(line: str, position: int) -> str:
    """`line` and, under it, a caret below the offset `position`; a window of 80 columns when the offset is far right."""
    shown = UNPRINTABLE.sub(_mask, line.lstrip(BLANKS))
    position -= len(line) - len(line.lstrip(BLANKS))
    if position >= CARET_WIDTH:
        half = CARET_WIDTH // 2
        shown = f"...{shown[position - half + 3 : position + half - 3]}..."
        position = half
    return f"  {shown[:CARET_WIDTH]}\n  {' ' * max(position, 0)}^"


def _mask(match: re.Match[str]) -> str:
    return " " if match[0].isspace() and match[0] < "!" else "?"


def split_words(text: str, env: Mapping[str, str], comments: bool = True, separate: bool = True) -> list[str]:
    """The words of `text`; raises BadLine or TooManyWords. `env` also answers ``.FILE``, ``.LINE`` and ``.SECTION``.

    With `separate` false the text is one word: blanks become one, as for the command line's ``-cc``.

    >>> split_words('a "b c" d\\\\ e # f', {})
    ['a', 'b c', 'd e']
    """
    plain = separate and PLAIN.fullmatch(text)
    words = WORD.findall(text) if plain else _Splitter(text, env, comments, separate).run()
    if len(words) > MAX_WORDS:
        raise TooManyWords(words)
    return words


class _Splitter:
    """The state of one pass: where it stands, the word being built (None: between words), and the words so far."""

    def __init__(self, text: str, env: Mapping[str, str], comments: bool, separate: bool) -> None:
        self.text, self.env, self.separate = text, env, separate
        self.position = 0
        self.shown = len(text)  # messages show the line up to here: HAProxy cuts it behind the first default value
        self.behind_blank = -1
        self.word: str | None = None if separate else ""
        self.words: list[str] = []
        self.special: dict[str, Callable[[], None]] = {'"': self.weak_quote, "'": self.strong_quote, "\\": self.escape}
        self.special.update(dict.fromkeys(BLANKS, self.finish if separate else self.one_blank))
        if separate:
            self.special["\r"] = self.carriage_return
        if comments:
            self.special["#"] = self.comment

    def run(self) -> list[str]:
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            handler = self.special.get(character)
            if handler:
                handler()
            else:
                self.add(character)
        self.finish()
        return [word.partition("\0")[0] for word in self.words]

    def add(self, piece: str) -> None:
        self.word = (self.word or "") + piece

    def finish(self) -> None:
        if self.word is not None:
            self.words.append(self.word)
            self.word = None

    def one_blank(self) -> None:
        """Blanks count as one when they do not separate."""
        if self.behind_blank != self.position - 1:
            self.add(" ")
        self.behind_blank = self.position

    def carriage_return(self) -> None:
        """After a word it ends the line, for files with CRLF; elsewhere it is one more blank."""
        if self.word is not None:
            self.position = len(self.text)

    def comment(self) -> None:
        self.position = len(self.text)

    def fail(self, position: int, why: str) -> BadLine:
        return BadLine(self.text[: self.shown], position, why)

    def escape(self, quoted: bool = False) -> None:
        """What follows a backslash; an unknown letter keeps its backslash."""
        character = self.text[self.position : self.position + 1]
        if character == "x":
            digits = HEX.match(self.text, self.position + 1)
            if digits is None:
                raise self.fail(self.position - 1, HEXADECIMAL)
            self.add(chr(int(digits[0], 16)))
            self.position = digits.end()
        elif character in ESCAPES or (quoted and character == "$"):
            self.add(ESCAPES.get(character, character))
            self.position += 1
        else:
            self.add("\\")

    def strong_quote(self) -> None:
        end = self.text.find("'", self.position)
        if end < 0 or (self.separate and "\r" in self.text[self.position : end]):
            raise self.fail(self.position - 1, QUOTE)
        self.add(self.text[self.position : end])
        self.position = end + 1

    def weak_quote(self) -> None:
        start = self.position - 1
        self.add("")
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            if character == '"':
                return
            if character == "\r" and self.separate:
                break
            if character == "\\":
                self.escape(quoted=True)
            elif character == "$":
                self.variable()
            else:
                self.add(character)
        raise self.fail(start, QUOTE)

    def variable(self) -> None:
        """What follows a dollar sign inside double quotes."""
        brace = self.position if self.text.startswith("{", self.position) else None
        start = self.position + (brace is not None)
        name = NAME.match(self.text, start) or PSEUDO.match(self.text, start)
        if name is None:
            raise self._bad_name(start)
        self.position = name.end()
        if brace is None:
            self.add(self.env.get(name[0], ""))
            return
        spread = self._spread()
        value = self._braced_value(name[0], brace)
        if spread:
            self._add_words(value)
        else:
            self.add(value)

    def _bad_name(self, start: int) -> BadLine:
        """HAProxy has already cut the line behind a pseudo-variable's name when it refuses the name."""
        if self.text.startswith(".", start):
            name = REST_OF_NAME.match(self.text, start + 1)
            self.shown = min(self.shown, name.end() if name else start + 1)
        return self.fail(start, FIRST)

    def _spread(self) -> bool:
        """Whether ``[*]`` follows the name."""
        if not self.text.startswith("[", self.position):
            return False
        if not self.text.startswith("*]", self.position + 1):
            raise self.fail(self.position, EXPANSION)
        self.position += 3
        return True

    def _braced_value(self, name: str, brace: int) -> str:
        """The value up to the closing brace, or the default after a dash; the default is taken literally."""
        default, end = "", self.position
        if self.text.startswith("-", self.position):
            end = self.text.find("}", self.position)
            default = self.text[self.position + 1 : end]
        if end < 0 or not self.text.startswith("}", end):
            raise self.fail(brace, BRACE)
        if end > self.position:
            self.shown = min(self.shown, end)
        self.position = end + 1
        return self.env.get(name, default)

    def _add_words(self, value: str) -> None:
        """A value cut at its blanks: the first piece continues the current word, the last one goes on after the variable."""
        first, *others = SPACES.split(value) if self.separate else [value]
        self.add(first)
        for piece in others:
            self.finish()
            self.word = piece
