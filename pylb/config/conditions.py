"""The conditions of ``.if``, ``.elif`` and ``-cc`` (configuration.txt 2.4): predicates joined by ``!``, ``&&``, ``||`` and parentheses.

Both sides of an operator are read before anything is decided, so a mistake on the unused side is found too. Errors carry the
offset HAProxy points at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pylb.base.errors import Alert
from pylb.base.version import FEATURES, VERSION

INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9A-Fa-f]+)|([0-9]+))")
WORD = re.compile(r"[A-Za-z0-9_.-]+")
BLANKS = re.compile(r"[ \t]*")
ARGUMENT_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", " ": " ", '"': '"', "'": "'"}
DEVELOPMENT = re.compile(r"-(?:dev|rc|pre)(\d+)")
RELEASED = 1 << 30
OPENSSL_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)([a-z]*)(?:-(alpha|beta)(\d*))?")

Number = tuple[int, int, int, int, int]


class BadCondition(Alert):
    """A condition that cannot be read, and where."""

    def __init__(self, why: str, position: int) -> None:
        super().__init__(why)
        self.why, self.position = why, position


def _openssl_name() -> str:
    from OpenSSL import SSL  # heavy, and rarely asked for

    return SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()


def _openssl_number() -> int:
    from OpenSSL import SSL

    return SSL.OPENSSL_VERSION_NUMBER


@dataclass(frozen=True, slots=True)
class Facts:
    """What predicates ask about."""

    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    features: Mapping[str, bool] = field(default_factory=lambda: FEATURES)
    version: str = VERSION
    openssl_number: Callable[[], int] = _openssl_number
    openssl_name: Callable[[], str] = _openssl_name


def evaluate(text: str, facts: Facts) -> bool:
    """Is the condition true? An empty one is not. Raises BadCondition.

    >>> evaluate("streq(a,a) && !(0 || 0)", Facts())
    True
    """
    if not text:
        return False
    reader = _Reader(text, facts)
    try:
        value = reader.alternatives()
    except _NothingThere as end:
        what = "sub-expression" if end.operator is None else "expression"
        raise BadCondition(f"unparsable conditional {what} '{text}'", end.operator or 0) from None
    reader.skip_blanks()
    if reader.position < len(text):
        raise BadCondition(f"unexpected character '{text[reader.position]}' at the end of conditional expression '{text}'", reader.position)
    return value


class _NothingThere(Exception):
    """The text ended where an operand should come; `operator` is where the ``||`` before it is."""

    def __init__(self, operator: int | None) -> None:
        super().__init__()
        self.operator = operator


class _Reader:
    """Recursive descent; `position` is where reading stands."""

    def __init__(self, text: str, facts: Facts) -> None:
        self.text, self.facts, self.position = text, facts, 0

    def skip_blanks(self) -> None:
        found = BLANKS.match(self.text, self.position)
        self.position = found.end() if found else self.position

    def unparsable(self, start: int) -> BadCondition:
        return BadCondition(f"unparsable conditional expression '{self.text[start:]}'", start)

    def alternatives(self) -> bool:
        """conjunction [ || alternatives ]"""
        value = self.conjunction()
        operator = self.take("||")
        if operator is None:
            return value
        try:
            other = self.alternatives()
        except _NothingThere:
            raise _NothingThere(operator) from None
        return value or other

    def conjunction(self) -> bool:
        """term [ && term ]..."""
        value = self.term()
        first = operator = self.take("&&")
        while first is not None and operator is not None:
            try:
                value = self.term() and value
            except _NothingThere:
                raise self.unparsable(first) from None
            operator = self.take("&&")
        return value

    def take(self, symbol: str) -> int | None:
        """Pass `symbol` and tell where it was, None when it does not come next."""
        before = self.position
        self.skip_blanks()
        if self.text.startswith(symbol, self.position):
            self.position += len(symbol)
            return self.position - len(symbol)
        self.position = before
        return None

    def term(self) -> bool:
        """[ ! ] integer | ( alternatives ) | predicate"""
        beginning = self.position == 0
        self.skip_blanks()
        start, negated = 0 if beginning else self.position, False  # blanks before the first term belong to it
        if self.position == len(self.text):
            raise _NothingThere(None)
        while self.text.startswith("!", self.position):
            negated = not negated
            self.position += 1
            self.skip_blanks()
        return self.operand(start) is not negated

    def operand(self, start: int) -> bool:
        number = INTEGER.match(self.text, self.position)
        if number:
            self.position = number.end()
            return int(number[2] or number[3], 16) != 0
        if self.text.startswith("(", self.position):
            return self.group(start)
        name = WORD.match(self.text, self.position)
        predicate = PREDICATES.get(name[0]) if name else None
        if name is None or predicate is None or self.text[name.end() : name.end() + 1] not in ("", "(", " ", "\t"):
            raise self.unparsable(start)
        self.position = name.end()
        return predicate.function(self.facts, *self.arguments(name[0], predicate.arguments))

    def group(self, start: int) -> bool:
        self.position += 1
        try:
            value = self.alternatives()
        except _NothingThere:
            raise self.unparsable(start) from None
        self.skip_blanks()
        if not self.text.startswith(")", self.position):
            raise BadCondition(f"expected ')' after conditional expression '{self.text[start:]}'", start)
        self.position += 1
        return value

    def arguments(self, name: str, count: int) -> list[str]:
        """The arguments between parentheses; a predicate without parentheses gets empty ones."""
        if not self.text.startswith("(", self.position):
            return [""] * count
        self.position += 1
        values = [self.argument()]
        where = f"in argument 1 of predicate '{name}' used in conditional expression"
        while len(values) < count and self.text.startswith(",", self.position):
            self.position += 1
            values.append(self.argument())
        rest = self.text[self.position :]
        if len(values) < count:
            raise BadCondition(f"missing arguments (got {len(values)}/{count}), type 'string' expected {where}", self.position)
        if not rest.startswith(")"):
            raise BadCondition(f"expected ')' before '{rest}' {where}" if rest else f"expected ')' {where}", self.position)
        self.position += 1
        return values

    def argument(self) -> str:
        """Up to a comma or parenthesis that neither quotes nor a backslash protect."""
        value, quote = "", ""
        while self.position < len(self.text):
            character = self.text[self.position]
            if not quote and character in ",)":
                break
            self.position += 1
            if character == quote:
                quote = ""
            elif not quote and character in "\"'":
                quote = character
            elif character == "\\" and quote != "'" and self.text[self.position : self.position + 1] in ARGUMENT_ESCAPES:
                value += self._escaped()
            else:
                value += character
        return value

    def _escaped(self) -> str:
        character = self.text[self.position]
        self.position += 1
        return ARGUMENT_ESCAPES[character]


@dataclass(frozen=True, slots=True)
class Predicate:
    """How many arguments a predicate takes, and what it tells."""

    arguments: int
    function: Callable[..., bool]


def parse_version(text: str) -> Number:
    """Major, minor, patch, development release (final ones are above all), commits after it; what is missing is zero.

    >>> parse_version("2.6-dev3-17")
    (2, 6, 0, 3, 17)
    """
    numbers, position = [0, 0, 0], 0
    for index in range(3):
        digits = re.compile(r"\d+").match(text, position)
        if digits is None:
            break
        numbers[index], position = int(digits[0]), digits.end()
        if not text.startswith(".", position):
            break
        position += 1
    development = DEVELOPMENT.match(text, position)
    stage = int(development[1]) if development else RELEASED
    rest = text[development.end() if development else position :]
    last = rest.rpartition("-")[2]
    commits = int(last) if "-" in rest and last.isdecimal() else 0
    return numbers[0], numbers[1], numbers[2], stage, commits


def openssl_number(text: str) -> int:
    """OpenSSL's own way to write a version as one number, letters for patches; Alert when `text` is not one."""
    found = OPENSSL_VERSION.fullmatch(text)
    if found is None:
        raise BadCondition("", 0)
    major, minor, fix = (int(found[part]) for part in (1, 2, 3))
    patch = sum(ord(letter) - 96 for letter in found[4])
    status = {None: 15, "alpha": 0, "beta": int(found[6] or 0)}[found[5]] if major < 3 or found[5] else 0
    return (major << 28) | (minor << 20) | (fix << 12) | (patch << 4) | status


PREDICATES = {
    "defined": Predicate(1, lambda facts, name: name in facts.env),
    "feature": Predicate(1, lambda facts, name: not name or facts.features.get(name, False)),
    "streq": Predicate(2, lambda facts, one, other: one == other),
    "strneq": Predicate(2, lambda facts, one, other: one != other),
    "version_atleast": Predicate(1, lambda facts, wanted: parse_version(facts.version) >= parse_version(wanted)),
    "version_before": Predicate(1, lambda facts, wanted: parse_version(facts.version) < parse_version(wanted)),
    "openssl_version_atleast": Predicate(1, lambda facts, wanted: facts.openssl_number() >= openssl_number(wanted)),
    "openssl_version_before": Predicate(1, lambda facts, wanted: facts.openssl_number() < openssl_number(wanted)),
    "ssllib_name_startswith": Predicate(1, lambda facts, name: facts.openssl_name().startswith(name)),
}
