"""Rules as one piece of Python: how expressions, tests and actions write themselves into the function of their rule set.

Calling a closure per fetch, test and rule costs more than what they do. So whatever is used much can also say what it does as a
short source text over the stream `s`; what cannot is called as ever. `proxy.ruleset` puts the texts together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

Names = Mapping[str, Any]
PLACE = re.compile(r"\{(\w+)\}")
NOT_IN_NAMES = re.compile(r"\W+")
LONGEST = 200  # of a constant that stands in the text itself


class Watched(Protocol):
    """What texts are made of and may change while they are in use (`sample.indexes.Index`)."""

    watchers: set[Callable[[], None]]


class Writer:
    """What the texts of one function have in common: the names of the objects they use, and values that are looked up once.

    `of_request`: the message that rules change is the request, and the locals `target`, `headers` and `table` are about it. `fixed`:
    patterns may stand in the text, which is then void when they change.
    """

    def __init__(self, of_request: bool, fixed: bool = True) -> None:
        self.of_request, self.fixed = of_request, fixed
        self.names: dict[str, Any] = {}
        self.shared: dict[str, str] = {}  # local name -> its text
        self.kept: dict[str, str] = {}  # the same of what more rules need
        self.repeated: dict[str, str] = {}  # text -> the local name that stands for it
        self.watched: list[Watched] = []
        self._known: dict[int, str] = {}
        self._temporaries = 0

    def name(self, thing: Any, hint: str = "") -> str:
        """The name of an object in the text."""
        known = self._known.get(id(thing))
        if known is None:
            known = f"{NOT_IN_NAMES.sub('_', hint or getattr(thing, '__name__', 'x'))}_{len(self.names)}"
            self.names[known] = thing
            self._known[id(thing)] = known
        return known

    def literal(self, value: Any) -> str:
        """A value as text; what is long or no constant gets a name."""
        plain = type(value) in (bytes, str, int, bool, type(None)) or (type(value) is tuple and all(type(part) is bytes for part in value))
        text = ascii(value) if plain else ""
        return text if text and len(text) <= LONGEST else self.name(value)

    def fill(self, text: str, names: Names) -> str:
        """`text` with what `names` says in the places of ``{name}``."""
        return PLACE.sub(lambda place: self.literal(names[place[1]]), text)

    def temporary(self) -> str:
        """A local name for a value that is used at once."""
        self._temporaries += 1
        return f"v{self._temporaries}"

    def next_rule(self) -> None:
        """What was held is not needed any more."""
        self._temporaries = 0

    def held(self, text: str) -> tuple[str, str]:
        """How to write a value the first time and again."""
        if text.isidentifier():
            return text, text
        name = self.temporary()
        return f"({name} := {text})", name

    def unless_missing(self, text: str, then: Callable[[str], str]) -> str:
        """`then` of a value; None of None."""
        first, again = self.held(text)
        return f"(None if {first} is None else {then(again)})"

    def share(self, name: str, text: str) -> str:
        """A value that only the request line decides on: looked up once per rule set."""
        local = NOT_IN_NAMES.sub("_", name)
        self.shared[local] = text
        return local

    def repeat(self, text: str) -> str:
        """A text whose value changes with the request line or the connection only: when more rules have it, its value is kept."""
        return self.repeated.setdefault(text, f"kept_{len(self.repeated)}")

    def settle(self, texts: list[str]) -> list[str]:
        """The whole of what was written; what turns out to be there only once stands in its place again."""
        for text, name in reversed(self.repeated.items()):
            word = re.compile(rf"\b{name}\b")
            if sum([len(word.findall(known)) for known in (*texts, *self.kept.values())]) > 1:
                self.kept = {name: text, **self.kept}  # before those that are made of it
                continue
            texts = [put_for(word, text, known) for known in texts]
            self.kept = {local: put_for(word, text, known) for local, known in self.kept.items()}
        return texts

    def watch(self, index: Watched) -> None:
        """The text depends on the patterns of this index."""
        self.watched.append(index)

    def text(self, pieces: Iterable[Any]) -> str:
        """Pieces of a log-format, put together."""
        form, values = "", []
        for piece in pieces:
            if isinstance(piece, str):
                form += piece.replace("%", "%%")
            else:
                form += "%s"
                values.append(piece.write(self) if hasattr(piece, "write") else f"{self.name(piece)}(s)")
        if form == "%s":
            return str(values[0])
        return f"{self.literal(form)} % ({', '.join(values)},)" if values else self.literal(form.replace("%%", "%"))


def put_for(word: re.Pattern[str], text: str, known: str) -> str:
    """`known` with `text` in the place of a word."""
    return word.sub(lambda _: text, known)


Write = Callable[[Writer], str]


def calling(call: Callable[[Any], Any]) -> Write:
    """What has no text of its own."""
    return lambda writer: f"{writer.name(call)}(s)"


def inlined(inline: str | Callable[..., Any] | None, function: Callable[..., Any], arguments: Iterable[Any]) -> tuple[str, Names] | None:
    """The text that a word was registered with: for a word with a factory it is made by a function of the same arguments."""
    if inline is None or isinstance(inline, str):
        return None if inline is None else (inline, function.__globals__)
    made: tuple[str, Names] | None = inline(*arguments)
    return made


class Written:
    """An action as a function and as statements that do the same; after them the next rule follows."""

    __slots__ = ("run", "statements")

    def __init__(self, run: Callable[[Any], Any], statements: Callable[[Writer, str], list[str]]) -> None:
        self.run, self.statements = run, statements  # the second argument of `statements`: how to do the whole of it by a call

    def __call__(self, stream: Any) -> Any:
        return self.run(stream)


class WrittenBytes:
    """A log-format that gives bytes, as a function and as text; `fixed` when they are always the same."""

    __slots__ = ("call", "fixed", "write")

    def __init__(self, call: Callable[[Any], bytes], write: Write, fixed: bytes | None = None) -> None:
        self.call, self.write, self.fixed = call, write, fixed

    def __call__(self, stream: Any) -> bytes:
        return self.call(stream)
