"""Args: a typed cursor over the words of one line; every word of the language reads its arguments through it.

HAProxy reads a missing argument as an empty one, so `word` and friends take the text of the complaint from their caller:
each keyword words its own. `Alert` gets ``parsing [file:line] : `` in front; a `BareAlert` says everything itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pylb.base import units
from pylb.base.address import LOG, Accepts, Address, parse_address
from pylb.base.errors import Alert
from pylb.config import model
from pylb.sample.acl_keywords import ACL_KEYWORDS
from pylb.sample.condition import compile_condition, define_acl
from pylb.sample.context import CompileContext, Job
from pylb.sample.expression import Expression, read_expression
from pylb.sample.logformat import LogFormat, compile_log_format
from pylb.sample.registry import fetch
from pylb.sample.types import Phase, Test
from pylb.sample.validity import Checkpoint, Source

FETCH_NAME = re.compile(r"[A-Za-z0-9._-]+")
BUFFERS = Source.REQUEST_BUFFER | Source.RESPONSE_BUFFER


class BareAlert(Alert):
    """An error whose text is the whole message: no ``parsing [file:line] : `` is put in front of it."""


class Reports(Protocol):
    """What reading needs of `config.report.Report`."""

    def alert(self, text: str, place: model.Place | None = None) -> None: ...
    def warning(self, text: str, place: model.Place | None = None) -> None: ...
    def notice(self, text: str, place: model.Place | None = None) -> None: ...
    def diag(self, text: str, place: model.Place | None = None) -> None: ...


@dataclass(slots=True)
class Reading:
    """What is shared by all lines of one reading: the result so far, and what has to wait until everything is read."""

    config: model.Config
    report: Reports
    env: MutableMapping[str, str]
    jobs: list[Job] = field(default_factory=list)
    errors: int = 0
    aborted: bool = False
    experimental: bool = False

    def fail(self, text: str) -> None:
        """Report an error; `text` is the whole message."""
        self.errors += 1
        self.report.alert(text)


class Args:
    """The words of a line and a position in them. `name` is what messages call the word being read."""

    def __init__(
        self,
        words: Sequence[str],
        place: model.Place,
        reading: Reading,
        *,
        section: str = "",
        proxy: model.Proxy | None = None,
        negated: str | None = None,
    ) -> None:
        self.words = list(words)
        self.index = 1
        self.place = place
        self.reading = reading
        self.section = section
        self.proxy = proxy
        self.negated = negated  # "no" or "default" when the line began so
        self.phase = Phase.CONFIG
        self.ruleset = ""
        self.who = ""  # the server that a line's words are about, as messages name it
        self.rule = ""  # how warnings about conditions name the rule
        self.usage = ""  # how messages name what an expression is for
        self.checkpoints: Checkpoint | None = None

    # -- whom to tell

    @property
    def config(self) -> model.Config:
        return self.reading.config

    @property
    def report(self) -> Reports:
        return self.reading.report

    @property
    def env(self) -> MutableMapping[str, str]:
        return self.reading.env

    @property
    def where(self) -> str:
        """``parsing [file:line]``, for texts that do not go on with `` : ``."""
        return f"parsing [{self.place}]"

    def warn(self, text: str) -> None:
        self.report.warning(f"{self.where} : {text}")

    def alert(self, text: str) -> None:
        """Report an error and go on with the line; to give up, raise Alert."""
        self.reading.fail(f"{self.where} : {text}")

    def fail(self, error: Alert) -> None:
        """Report what a word raised."""
        self.reading.fail(str(error) if isinstance(error, BareAlert) else f"{self.where} : {error}")

    def later(self, action: Callable[[model.Config], None]) -> None:
        """Run `action` once everything is read; an Alert from it is reported with this place."""
        self.reading.jobs.append(Job(self.place, action, self.proxy))

    # -- words

    @property
    def name(self) -> str:
        """The words read so far, as messages quote them."""
        return " ".join(self.words[: self.index])

    def at(self, position: int) -> str:
        """The word at `position`, "" when the line is shorter."""
        return self.words[position] if position < len(self.words) else ""

    def peek(self) -> str | None:
        return self.words[self.index] if self.index < len(self.words) else None

    def next(self) -> str:
        """The next word, "" when there is none."""
        word = self.at(self.index)
        self.index += 1
        return word

    def word(self, complaint: str) -> str:
        """The next word; raises `complaint` when it is missing or empty."""
        word = self.next()
        if not word:
            raise Alert(complaint)
        return word

    def maybe(self, *words: str) -> str | None:
        """The next word when it is one of `words`."""
        word = self.peek()
        if word in words:
            self.index += 1
            return word
        return None

    def rest(self) -> list[str]:
        """All words that are left."""
        words = self.words[self.index :]
        self.index = len(self.words)
        return words

    def end(self, name: str | None = None) -> None:
        """Refuse further words; `name` is what the message calls the keyword, by default the words before."""
        if self.at(self.index):
            raise Alert(f"'{name or self.name}' cannot handle unexpected argument '{self.at(self.index)}'.")

    def at_most(self, count: int, keyword: int = 0) -> None:
        """Refuse more than `count` arguments behind the word at `keyword`, whatever was read."""
        extra = self.at(keyword + count + 1)
        if extra:
            raise Alert(f"'{' '.join(self.words[: keyword + 1])}' cannot handle unexpected argument '{extra}'.")

    # -- values

    def integer(self, complaint: str | None = None) -> int:
        """The next word as C's atol reads it: what is not a number is 0."""
        return units.leading_integer(self.word(complaint or f"'{self.words[0]}' expects an integer argument."))

    def number(self, complaint: str, low: int | None = None, high: int | None = None) -> int:
        """The next word as a whole number in range; raises `complaint` otherwise."""
        text = self.next()
        if not text.lstrip("+-").isascii() or not text.lstrip("+-").isdigit():
            raise Alert(complaint)
        value = int(text)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Alert(complaint)
        return value

    def duration(self, missing: str, bad: str, unit: str = "ms") -> int:
        """The next word in milliseconds. `bad` is the complaint about a character, which stands for ``{}`` in it."""
        text = self.word(missing)
        try:
            return units.parse_duration(text, unit)
        except units.BadNumber as error:
            raise Alert(bad.format(error.character))

    def address(self, accepts: Accepts, text: str) -> Address:
        """`text` as one address; raises Alert with the reason."""
        return parse_address(text, accepts, self.env)

    def log_address(self, text: str) -> Address:
        """Where a log target is; the complaint is HAProxy's for `log` lines."""
        try:
            return parse_address(text, LOG, self.env)
        except Alert as error:
            raise Alert(f"log : {error}\n")

    # -- compiled things

    def context(self, phase: Phase | None = None) -> CompileContext:
        """What expressions, conditions and log-formats need to know about where they stand."""
        return CompileContext(
            place=self.place,
            proxy=self.proxy,
            config=self.config,
            phase=self.phase if phase is None else phase,
            report=self.report,
            usage=self.usage,
            rule=self.rule,
            checkpoints=self.checkpoints,
            jobs=self.reading.jobs,
        )

    def expression(self, phase: Phase | None = None) -> Expression:
        """The next words as a sample expression: a fetch and its converters."""
        expression, self.index = read_expression(self.words, self.index, self.context(phase))
        return expression

    def log_format(self, phase: Phase | None = None, complaint: str = "") -> LogFormat:
        """The next word as a log-format."""
        return compile_log_format(self.word(complaint), self.context(phase))

    def at_condition(self) -> bool:
        """Does a condition begin here?"""
        return self.peek() in ("if", "unless")

    def condition(self, phase: Phase | None = None) -> Test | None:
        """The trailing ``if|unless ...`` (the whole rest of the line), or None when the line ends here."""
        if not self.at_condition():
            return None
        words, acls = self.rest(), self.proxy.acls if self.proxy else {}
        test = compile_condition(words, acls, self.context(phase))
        if self.proxy is not None and reads_buffer(words, acls):
            self.proxy.extra.setdefault("conditions on buffers", []).append(self.place)
        return test

    def declare_acl(self) -> None:
        """The rest of the line as ``<name> <expression> [<flags>] <patterns>`` of the keyword `acl`."""
        assert self.proxy is not None
        define_acl(self.rest(), self.proxy.acls, replace(self.context(), usage="ACL"))

    # -- where the line stands

    @property
    def in_defaults(self) -> bool:
        return self.section == "defaults"

    def lacks(self, face: str) -> bool:
        """Does the proxy lack this face? A `defaults` section has both."""
        assert self.proxy is not None
        return self.proxy.kind != "defaults" and not getattr(self.proxy, "is_" + face)

    def extra(self) -> dict[str, Any]:
        """The proxy's place for words without a field of their own."""
        assert self.proxy is not None
        return self.proxy.extra


def reads_buffer(words: Sequence[str], acls: Mapping[str, Any]) -> bool:
    """Does a condition look at the raw bytes of requests or responses?"""
    for position, word in enumerate(words):
        name = word.lstrip("!")
        if position and words[position - 1].lstrip("!") == "{":
            if source_of(name) & BUFFERS:
                return True
        elif name in acls and any(known.expression.source & BUFFERS for known in acls[name].expressions):
            return True
    return False


def source_of(text: str) -> Source:
    """What the fetch (or ACL keyword) that begins `text` reads."""
    name = FETCH_NAME.match(text)
    entry = fetch.get(ACL_KEYWORDS.get(name[0], (name[0],))[0] or name[0]) if name else None
    source: Source = entry.facts["source"] if entry else Source(0)
    return source
