"""ACL expressions: a criterion, flags and patterns, compiled to a test (configuration.txt 7.1).

`criterion [flags] [operator] [pattern]...`: the criterion is a sample expression or an ACL keyword; what matches is decided by
`-m`, by the keyword, or by the type of the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pylb.base.errors import Alert, NotImplementedYet
from pylb.sample.acl_keywords import ACL_KEYWORDS, DOTTED
from pylb.sample.arguments import BadArguments
from pylb.sample.casts import cast_between, possible
from pylb.sample.code import Write, Writer, calling
from pylb.sample.context import CompileContext
from pylb.sample.expression import FETCH_NAME, Expression, read_expression
from pylb.sample.indexes import Index
from pylb.sample.registry import Each, fetch, matcher
from pylb.sample.store import PatternList
from pylb.sample.types import Expr, Holds, Test, Type

DEFAULT_METHODS = {Type.BOOL: "bool", Type.SINT: "int", Type.IPV4: "ip", Type.IPV6: "ip", Type.ADDR: "ip", Type.STR: "str"}
OPERATORS = ("eq", "ge", "gt", "le", "lt")
WriteMatch = Callable[[Writer, str], str]
NO_PATTERN = (
    "parsing acl keyword '{}' :\n"
    "  no pattern to match against were provided, so this ACL will never match.\n"
    "  If this is what you intended, please add '--' to get rid of this warning.\n"
    "  If you intended to match only for existence, please use '-m found'.\n"
    "  If you wanted to force an int to match as a bool, please use '-m bool'.\n"
)


class Affix(NamedTuple):
    """A test of the beginning or the end of a value."""

    value: str  # its name in the text
    method: str  # of bytes
    keys: list[bytes]


@dataclass(slots=True)
class AclExpression:
    """One compiled ACL expression; `sure` says that its test never answers "not yet". `write` gives the test of a complete message as text."""

    test: Test
    write: Write
    keyword: str  # as written, for messages
    expression: Expression
    sure: bool
    index: Index | None = None  # the only one that is asked

    def affix(self, writer: Writer) -> Affix | None:
        """How a value that is looked up once is compared, if it is only with the beginnings or ends that stand in the rule."""
        index, expression = self.index, self.expression
        if index is None or not index.affix or index.ignore_case or not writer.fixed or expression.each is not None or expression.type is not Type.STR:
            return None
        text = expression.write(writer)
        return Affix(text, index.affix, [key for key, _ in index.keys]) if text.isidentifier() else None


@dataclass(slots=True)
class Flags:
    """What the flags before the patterns said."""

    method: str | None = None
    ignore_case: bool = False
    as_map: bool = False
    no_dns: bool = False
    number: int | None = None
    ended: bool = False  # by --
    lists: list[tuple[PatternList, bool]] = field(default_factory=list)


def compile_acl(words: Sequence[str], context: CompileContext, name: str = "") -> AclExpression:
    """Compile an ACL expression from its words; `name` is the ACL's, empty for an anonymous one."""
    keyword, expression, method, index = _criterion(words, context)
    flags = Flags(method)
    index = _flags(words, index, flags, context)
    given = flags.method or DEFAULT_METHODS.get(expression.type)
    if given is None:
        raise Alert(f"matching method must be specified first (using '-m') when using a sample fetch of this type ('{keyword}')")
    dotted = given == "int" and keyword in DOTTED and flags.method == method
    chosen = "version" if dotted else given
    entry = matcher.entries[chosen]
    wanted = entry.facts["expects"]
    if not possible(expression.type, wanted):
        raise Alert(f"matching method '{given}' cannot be used with fetch keyword '{keyword}'")
    patterns = list(words[index:])
    _warn_without_patterns(words[0], entry.facts["patterns"], patterns, flags, context)
    if not entry.facts["patterns"]:
        inline = entry.facts["inline"]
        return _finish(keyword, expression, wanted, entry.function, lambda writer, value: inline.replace("{value}", value))
    indexes = [known.index(chosen, ignore) for known, ignore in flags.lists]
    indexes.append(_inline_list(patterns, chosen, flags, name, context).index(chosen, flags.ignore_case))
    return _finish(keyword, expression, wanted, _match_any(indexes), lambda writer, value: write_match(writer, value, indexes), indexes)


def _criterion(words: Sequence[str], context: CompileContext) -> tuple[str, Expression, str | None, int]:
    """The keyword as written, the expression, the keyword's own matching method and the index of the next word."""
    first = words[0] if words else ""
    match = FETCH_NAME.match(first)
    if match is None:
        raise Alert(f"missing fetch method in ACL expression '{first}'")
    keyword = match.group()
    outer, context.usage, context.keyword = context.usage, "ACL", keyword
    try:
        return (keyword, *_criterion_of(words, keyword, context))
    except NotImplementedYet:
        raise
    except Alert as alert:
        if keyword in ACL_KEYWORDS:
            inner = str(alert).removeprefix(f"fetch method '{ACL_KEYWORDS[keyword][0]}' : ")
            ended = "" if isinstance(alert, BadArguments) or inner != str(alert) else "."
            raise Alert(f"ACL keyword '{keyword}' : {inner}{ended}") from None
        raise Alert(f"{alert} in ACL expression '{first}'") from None
    finally:
        context.usage = outer


def _criterion_of(words: Sequence[str], keyword: str, context: CompileContext) -> tuple[Expression, str | None, int]:
    """The expression behind an ACL keyword or fetch; a converter makes the keyword's own method void."""
    if keyword not in ACL_KEYWORDS:
        expression, index = read_expression(words, 0, context)
        return expression, None, index
    real, method = ACL_KEYWORDS[keyword]
    if real not in fetch:
        raise NotImplementedYet(keyword)
    expression, index = read_expression([real + words[0][len(keyword) :], *words[1:]], 0, context)
    return expression, None if expression.converters else method, index


def _flags(words: Sequence[str], index: int, flags: Flags, context: CompileContext) -> int:
    """Read the flags and pattern files; gives the index of the first pattern."""
    while index < len(words) and words[index].startswith("-") and not flags.ended:
        word = words[index]
        value = words[index + 1] if index + 1 < len(words) else ""
        if word == "-i":
            flags.ignore_case = True
        elif word == "-n":
            flags.no_dns = True
        elif word == "-M":
            flags.as_map = True
        elif word == "--":
            flags.ended = True
        elif word == "-u":
            flags.number = _number(value)
            index += 1
        elif word == "-m":
            _method(value, flags)
            index += 1
        elif word == "-f":
            _file(value, flags, context)
            index += 1
        else:
            raise Alert(f"'{word}' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'")
        index += 1
    return min(index, len(words))


def _number(text: str) -> int:
    if text and not text.isdigit():
        raise Alert("the argument of -u must be an integer")
    return int(text or "0")


def _method(text: str, flags: Flags) -> None:
    if flags.lists:
        raise Alert("'-m' must only be specified before patterns and files in parsing ACL expression")
    if text not in matcher or not matcher.entries[text].facts["public"]:
        raise Alert(f"unknown matching method '{text}' when parsing ACL expression")
    flags.method = text


def _file(name: str, flags: Flags, context: CompileContext) -> None:
    used_by = f"acl at file '{context.place.file}' line {context.place.line}" if context.place else "acl"
    flags.lists.append((context.pattern_store().file(name, flags.as_map, used_by, for_acl=True), flags.ignore_case))


def _warn_without_patterns(written: str, takes_patterns: bool, patterns: list[str], flags: Flags, context: CompileContext) -> None:
    if takes_patterns and not patterns and not flags.lists and not flags.ended and not flags.ignore_case and flags.number is None:
        context.warn(NO_PATTERN.format(written))


def _inline_list(patterns: list[str], method: str, flags: Flags, name: str, context: CompileContext) -> PatternList:
    """The patterns written in the configuration as a list of their own."""
    where = f"file '{context.place.file}' line {context.place.line}" if context.place else "the command line"
    known = context.pattern_store().inline(f"acl '{name}' {where}", flags.number)
    known.is_acl = True
    texts = _operators(patterns, method) if method in ("int", "len", "version") else patterns
    for text in texts:
        known.append(text)
    return known


def _operators(patterns: list[str], method: str) -> list[str]:
    """Numbers behind `ge`, `gt`, `le`, `lt` as ranges; an operator governs all numbers behind it, and means nothing to ranges."""
    operator, texts = "eq", []
    seen = False
    index = matcher.entries[method].function()
    for pattern in patterns:
        if pattern in OPERATORS:
            operator, seen = pattern, True
            continue
        if pattern == "--":
            continue
        try:
            low, high = index.key(pattern)
        except Alert:
            if seen and ":" not in pattern:
                raise Alert(f"'{pattern}' is neither a number nor a supported operator") from None
            raise
        single = low == high and low is not None
        texts.append(_range(operator, low, method) if single and operator != "eq" else pattern)
    return texts


def _range(operator: str, number: int | None, method: str) -> str:
    """The range of numbers for which ``value <operator> number`` holds."""
    write = _write_dotted if method == "version" else str
    value = number or 0
    texts = {"ge": f"{write(value)}:", "gt": f"{write(value + 1)}:", "le": f":{write(value)}", "lt": f":{write(value - 1)}"}
    return texts[operator]


def _write_dotted(number: int) -> str:
    return f"{number >> 16}.{number & 0xFFFF}"


def _match_any(indexes: list[Index]) -> Callable[[Any], bool]:
    """Does any of these indexes know the value? Looks at the indexes anew each time: patterns come and go."""
    filled = indexes
    if len(filled) == 1:
        only = filled[0]
        return lambda value: only.test(value)

    def any_of(value: Any) -> bool:
        return any(index.test(value) for index in filled)

    return any_of


def write_match(writer: Writer, value: str, indexes: list[Index]) -> str:
    """The same as text. The last index, of the patterns that stand in the rule itself, is written out."""
    texts = [f"{writer.name(index, index.method)}.test({value})" for index in asked(writer, indexes)]
    if writer.fixed and indexes[-1].keys:
        texts[-1] = indexes[-1].write(writer, value)
    return " or ".join(texts) or "False"


def asked(writer: Writer, indexes: list[Index]) -> list[Index]:
    """The indexes that need to be asked: behind files, there are hardly ever patterns in the rule itself."""
    own = indexes[-1]
    if writer.fixed:
        writer.watch(own)
    return indexes if own.keys or not writer.fixed else indexes[:-1]


def _finish(
    keyword: str, expression: Expression, wanted: Type, match: Callable[[Any], bool], write: WriteMatch, indexes: list[Index] | None = None
) -> AclExpression:
    """The test of an expression: True at the first value that matches. `write` is `match` as text; `indexes`: what it asks."""
    cast = cast_between(expression.type, wanted)
    index = indexes[0] if indexes is not None and len(indexes) == 1 else None
    holds = _holds_for_any(expression.each, cast, match) if expression.each is not None else _holds(expression.call, cast, match, index)
    test: Test
    if expression.each is None:
        written = _write_holds(expression, cast, write)
    else:
        written = _write_any(expression, match, write, indexes or []) if cast is None else calling(holds)
    if expression.keyword == "wait_end" and not expression.converters:
        test, written = _at_the_end, lambda writer: "True"
    elif expression.each is not None:
        test = _test_each(expression, cast, match)
    elif expression.volatile:
        test = _test_volatile(expression, cast, match)
    else:
        test = _settled(holds)
    return AclExpression(test, written, keyword, expression, not expression.volatile, index)


def _write_holds(expression: Expression, cast: Callable[[Any], Any] | None, write: WriteMatch) -> Write:
    """The test of a complete message as text."""

    def holds(writer: Writer) -> str:
        text = expression.write(writer)
        if cast is not None:
            text = writer.unless_missing(text, lambda value: f"{writer.name(cast)}({value})")
        first, again = writer.held(text)
        return f"{first} is not None and ({write(writer, again)})"

    return holds


def _write_any(expression: Expression, match: Callable[[Any], bool], write: WriteMatch, indexes: list[Index]) -> Write:
    """The same for one of many values, of which there is mostly one."""

    def holds(writer: Writer) -> str:
        needed = asked(writer, indexes) if indexes else []
        test = f"{writer.name(needed[0], needed[0].method)}.test" if len(needed) == 1 else writer.name(match, "match")
        if expression.inline_each is None or not writer.of_request:
            return f"any(map({test}, {writer.name(expression.each, expression.keyword)}(s)))"
        last, alone, every, names = expression.inline_each
        first, again = writer.held(writer.fill(last, names))
        alone = alone.replace("{value}", again)
        return f"{first} is not None and ({write(writer, again)} if {alone} else any(map({test}, {writer.fill(every, names)})))"

    return holds


def _at_the_end(stream: Any, final: bool) -> bool | None:
    """`wait_end`: what is not the end is "not yet"."""
    return True if final else None


def _settled(holds: Holds) -> Test:
    """For fetches whose answer never changes."""
    return lambda stream, final: holds(stream)


def _holds(call: Expr, cast: Callable[[Any], Any] | None, match: Callable[[Any], bool], index: Index | None) -> Holds:
    if cast is None and index is not None:
        known = index

        def indexed(stream: Any) -> bool:
            value = call(stream)
            return value is not None and known.test(value)

        return indexed

    def holds(stream: Any) -> bool:
        value: Any = call(stream)
        return value is not None and (cast is None or (value := cast(value)) is not None) and match(value)

    return holds


def _holds_for_any(each: Each, cast: Callable[[Any], Any] | None, match: Callable[[Any], bool]) -> Holds:
    def holds(stream: Any) -> bool:
        value: Any
        for value in each(stream):
            plain = value if cast is None else cast(value)
            if plain is not None and match(plain):
                return True
        return False

    return holds


def _test_volatile(expression: Expression, cast: Callable[[Any], Any] | None, match: Callable[[Any], bool]) -> Test:
    """For fetches that mark the stream unsure: a miss that may still become a match is "not yet"."""
    call = expression.call

    def volatile(stream: Any, final: bool) -> bool | None:
        stream.unsure = False
        value: Any = call(stream)
        if value is not None and cast is not None:
            value = cast(value)
        if value is not None and match(value):
            return True
        return None if stream.unsure and not final else False

    return volatile


def _test_each(expression: Expression, cast: Callable[[Any], Any] | None, match: Callable[[Any], bool]) -> Test:
    each, volatile = expression.each, expression.volatile
    assert each is not None

    def any_value(stream: Any, final: bool) -> bool | None:
        if volatile:
            stream.unsure = False
        value: Any
        for value in each(stream):
            plain = value if cast is None else cast(value)
            if plain is not None and match(plain):
                return True
        return None if volatile and stream.unsure and not final else False

    return any_value
