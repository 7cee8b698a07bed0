"""Sample expressions, ``fetch(args),converter(args)...``: from text to one closure (configuration.txt 7.3).

What may follow what is checked while reading: each converter's input type must be reachable by a cast from the type before
it. At run time an expression is a plain call that gives a value or None; nothing is interpreted any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.registry import Entry
from pylb.sample.arguments import BadArguments, Named, read_arguments
from pylb.sample.casts import cast_between, possible
from pylb.sample.code import Names, Write, Writer, calling, inlined
from pylb.sample.context import CompileContext
from pylb.sample.names import resolve_later
from pylb.sample.planned import PLANNED_CONVERTERS, PLANNED_FETCHES
from pylb.sample.registry import Each, converter, fetch
from pylb.sample.types import Expr, Phase, Type, Value
from pylb.sample.validity import Source, available, needs, phase_of

FETCH_NAME = re.compile(r"[A-Za-z0-9._:-][A-Za-z0-9._:+-]*")
CONVERTER_NAME = re.compile(r"[A-Za-z0-9._:-]*")
ABOUT_REQUEST = re.compile(r"\b(?:table|target)\b")  # locals that exist where rules are about the request
MOST_NESTED = 16  # converters in one text: Python reads no text that is nested without end
Convert = Callable[[Any, Value], "Value | None"]  # stream, value


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `each` exists for fetches with many values: ACLs try one after the other.

    `write` gives the expression as source text whose value is the sample or None. Only where there are short forms: `inline_each`, the
    texts of what has many values (`registry.FetchRegistry`), and `write_text`, the sample as a log-format shows it.
    """

    call: Expr
    type: Type
    source: Source
    text: str
    keyword: str
    converters: tuple[str, ...] = ()
    each: Each | None = None
    volatile: bool = False  # the answer may change while data arrive: tests must look at `stream.unsure`
    write: Write = lambda writer: ""
    inline_each: tuple[str, str, str, Names] | None = None
    write_text: Write | None = None
    stable: bool = False  # it changes with the request line or the connection only

    @property
    def phase(self) -> Phase:
        """The first phase in which there is a value."""
        return phase_of(self.source)


def compile_expression(words: str | Sequence[str], context: CompileContext) -> Expression:
    """Compile words that hold one expression and nothing else."""
    parts = [words] if isinstance(words, str) else list(words)
    expression, end = read_expression(parts, 0, context)
    if end < len(parts):
        raise Alert(f"unexpected word '{parts[end]}' after sample expression '{expression.text}'")
    return expression


def read_expression(words: Sequence[str], index: int, context: CompileContext) -> tuple[Expression, int]:
    """The expression that begins at `words[index]` and the index of the first word behind it.

    Converters may stand in words of their own; the first word that is no converter ends the expression.
    """
    word = words[index] if index < len(words) else ""
    expression, at = read_fetch(word, 0, context)
    while True:
        if at < len(word) and word[at] != ",":
            raise Alert(f"missing comma after {_what(expression)}")
        expression, at = _read_converters(expression, word, at, context)
        if at < len(word):
            continue
        index += 1
        following = words[index] if index < len(words) else ""
        name = CONVERTER_NAME.match(following.lstrip(","))
        if name is None or not name.group() or (name.group() not in converter and not following.startswith(",")):
            return expression, index
        word, at = "," + following.lstrip(","), 0


def read_embedded(text: str, start: int, context: CompileContext) -> tuple[Expression, int]:
    """The expression inside ``%[...]`` that begins at `text[start]`; gives the offset of what follows it."""
    expression, at = read_fetch(text, start, context)
    return _read_converters(expression, text, at, context, inside=True)


def _read_converters(expression: Expression, text: str, at: int, context: CompileContext, inside: bool = False) -> tuple[Expression, int]:
    """All converters that follow in this word."""
    while text[at : at + 1] == ",":
        while text[at : at + 1] == ",":
            at += 1
        if at == len(text) and not inside:
            break
        expression, at = _read_converter(expression, text, at, context)
    return expression, at


def _what(expression: Expression) -> str:
    """The last word of an expression, for messages."""
    if expression.converters:
        return f"conv keyword '{expression.converters[-1]}'"
    return f"fetch keyword '{expression.keyword}'"


def read_fetch(text: str, start: int, context: CompileContext) -> tuple[Expression, int]:
    """The fetch at `text[start]` with its arguments."""
    match = FETCH_NAME.match(text, start)
    if match is None:
        raise Alert("missing fetch method")
    name = match.group()
    entry = fetch.get(name)
    if entry is None:
        if name in PLANNED_FETCHES:
            raise NotImplementedYet(name)
        raise Alert(f"unknown fetch method '{name}'")
    try:
        values, end = read_arguments(text, match.end(), entry.facts["args"])
    except BadArguments as bad:
        raise Alert(f"fetch method '{name}' : {bad}") from None
    return bind_fetch(entry, values, text[start:end], context), end


def bind_fetch(entry: Entry[Any], values: list[Any], text: str, context: CompileContext) -> Expression:
    """A fetch with its arguments as an expression."""
    facts = entry.facts
    if context.usage != "ACL":
        context.keyword = entry.name
    for position, value in enumerate(values):
        if isinstance(value, Named):
            resolve_later(value, position, context)
    try:
        call = entry.function(context, *values) if facts["factory"] else _with_arguments(entry.function, values)
        each = facts["each"](context, *values) if facts["each"] else None
    except NotImplementedYet:
        raise
    except Alert as alert:
        raise Alert(f"invalid args in fetch method '{entry.name}' : {alert}") from None
    write = write_fetch(entry, call, inlined(facts["inline"], entry.function, (context, *values)))
    inline_each = facts["inline_each"](context, *values) if each is not None and facts["inline_each"] is not None else None
    shown = inlined(facts["text"], entry.function, ())
    write_text = None if shown is None else write_inline(shown, call)
    stable = facts["shared"] or shown is not None
    return Expression(call, facts["type"], facts["source"], text, entry.name, (), each, facts["volatile"], write, inline_each, write_text, stable)


def write_fetch(entry: Entry[Any], call: Expr, inline: tuple[str, Names] | None) -> Write:
    """How a fetch is written."""
    write = write_inline(inline, call)
    return (lambda writer: writer.share(entry.name, write(writer))) if entry.facts["shared"] else write


def write_inline(inline: tuple[str, Names] | None, call: Callable[[Any], Any]) -> Write:
    """A text with its names. One that speaks of the request counts only where rules are about the request."""
    if inline is None:
        return calling(call)
    text, names = inline
    if not ABOUT_REQUEST.search(text):
        return lambda writer: writer.fill(text, names)
    return lambda writer: writer.fill(text, names) if writer.of_request else f"{writer.name(call)}(s)"


def _with_arguments(function: Callable[..., Any], values: list[Any]) -> Expr:
    """The fetch's function with its arguments bound, by the cheapest kind of call."""
    while values and values[-1] is None:
        values.pop()
    if not values:
        return function
    if len(values) == 1:
        only = values[0]
        return lambda stream: function(stream, only)
    bound = tuple(values)
    return lambda stream: function(stream, *bound)


def _read_converter(expression: Expression, text: str, at: int, context: CompileContext) -> tuple[Expression, int]:
    """One converter, applied to the expression so far."""
    match = CONVERTER_NAME.match(text, at)
    assert match is not None
    name = match.group()
    entry = converter.get(name)
    if entry is None:
        if name in PLANNED_CONVERTERS:
            raise NotImplementedYet(name)
        raise Alert(f"unknown converter '{name}'")
    if not possible(expression.type, entry.facts["input"]):
        raise Alert(f"converter '{name}' cannot be applied")
    try:
        values, end = read_arguments(text, match.end(), entry.facts["args"])
    except BadArguments as bad:
        raise Alert(f"invalid arg {bad.position} in converter '{name}' : {bad}") from None
    return apply_converter(expression, entry, values, text[at:end], context), end


def apply_converter(expression: Expression, entry: Entry[Any], values: list[Any], text: str, context: CompileContext) -> Expression:
    """The expression followed by a converter."""
    for position, value in enumerate(values):
        if isinstance(value, Named):
            resolve_later(value, position, context, entry.name)
    try:
        function = _converter_call(entry, values, context)
    except Alert as alert:
        raise Alert(f"invalid args in converter '{entry.name}' : {alert}") from None
    cast = cast_between(expression.type, entry.facts["input"])
    output = entry.facts["output"]
    each, call = expression.each, _chain(expression.call, cast, function, entry.facts["stream"])
    return replace(
        expression,
        call=call,
        type=expression.type if output is Type.ANY and entry.facts["input"] is Type.ANY else output,
        text=f"{expression.text},{text}",
        converters=(*expression.converters, entry.name),
        write=write_chain(expression, cast, function, entry) if len(expression.converters) < MOST_NESTED else calling(call),
        stable=expression.stable and entry.facts["inline"] is not None,
        inline_each=None,
        write_text=None,
        each=None if each is None else _chain_each(each, cast, function, entry.facts["stream"]),
    )


def _converter_call(entry: Entry[Any], values: list[Any], context: CompileContext) -> Callable[..., Any]:
    """The converter's function with its arguments bound."""
    function: Callable[..., Any] = entry.function
    if entry.facts["factory"]:
        made: Callable[..., Any] = function(context, *values)
        return made
    while values and values[-1] is None:
        values.pop()
    if not values:
        return function
    bound = tuple(values)
    if entry.facts["stream"]:
        return lambda stream, value: function(stream, value, *bound)
    return lambda value: function(value, *bound)


def _chain(call: Expr, cast: Callable[[Any], Any] | None, convert: Callable[..., Any], stream_too: bool) -> Expr:
    """Fetch, cast, convert; None anywhere ends it."""
    if stream_too:

        def with_stream(stream: Any) -> Value | None:
            value: Any = call(stream)
            if value is None or (cast is not None and (value := cast(value)) is None):
                return None
            return convert(stream, value)  # type: ignore[no-any-return]

        return with_stream
    if cast is None:

        def direct(stream: Any) -> Value | None:
            value = call(stream)
            return None if value is None else convert(value)

        return direct

    def casting(stream: Any) -> Value | None:
        value = call(stream)
        if value is None or (value := cast(value)) is None:
            return None
        return convert(value)  # type: ignore[no-any-return]

    return casting


def write_chain(expression: Expression, cast: Callable[[Any], Any] | None, convert: Callable[..., Any], entry: Entry[Any]) -> Write:
    """The same as text."""
    inline, stream = entry.facts["inline"], "s, " if entry.facts["stream"] else ""
    stable = expression.stable and inline is not None

    def converted(writer: Writer, value: str) -> str:
        return str(inline).replace("{value}", value) if inline else f"{writer.name(convert, entry.name)}({stream}{value})"

    def chain(writer: Writer) -> str:
        text = expression.write(writer)
        if cast is not None:
            text = writer.unless_missing(text, lambda value: f"{writer.name(cast)}({value})")
        text = writer.unless_missing(text, lambda value: converted(writer, value))
        return writer.repeat(text) if stable else text

    return chain


def _chain_each(each: Each, cast: Callable[[Any], Any] | None, convert: Callable[..., Any], stream_too: bool) -> Each:
    """The same for each of many values."""

    def all_values(stream: Any) -> Iterator[Value]:
        values: Iterable[Value] = each(stream)
        for value in values:
            plain: Any = value if cast is None else cast(value)
            converted = None if plain is None else convert(stream, plain) if stream_too else convert(plain)
            if converted is not None:
                yield converted

    return all_values


def require(expression: Expression, context: CompileContext) -> None:
    """Refuse an expression (in `set-var` and its like) whose sample cannot be had where it stands."""
    if not available(expression.source, context.where()):
        needed = needs(expression.source)
        raise Alert(f"fetch method '{expression.text}' extracts information from '{needed}', none of which is available here")
