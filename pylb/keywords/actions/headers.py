"""Actions on header fields (configuration.txt 4.2 `http-request set-header` and relatives), and interim hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import HTTP, REQUEST, USUAL, BadTemplate, Bytes, Substitute, bytes_of, fits, refuse_rewrite, substitution
from pylb.sample.code import Writer, Written
from pylb.sample.regexes import compile_regex
from pylb.stream.registry import action
from pylb.stream.verdict import Stop
from pylb.wire.headers import Headers, value_ends

if TYPE_CHECKING:
    from pylb.stream.driver import Stream
    from pylb.stream.stream import HttpStream

TWO, THREE = "expects exactly 2 arguments", "expects exactly 3 arguments"
NameTest = Callable[[bytes], Any]


@action("set-header", rulesets=HTTP, usage="<name> <fmt>")
def set_header(args: Args) -> Run:
    """Remove every field called <name>, then add one with the value of <fmt>."""
    name, value = header_and_format(args)
    ruleset = args.ruleset

    def run(stream: Stream) -> None:
        text = value(stream)
        if fits(stream, len(name) + len(text)):
            stream.headers.set(name, text)
        else:
            refuse_rewrite(stream, ruleset)

    return Written(run, lambda writer, call: written_field(writer, call, name, value, replaces=True))


@action("add-header", rulesets=HTTP, usage="<name> <fmt>")
def add_header(args: Args) -> Run:
    """Add a field called <name> with the value of <fmt> behind those that exist."""
    name, value = header_and_format(args)
    ruleset = args.ruleset

    def run(stream: Stream) -> None:
        text = value(stream)
        if fits(stream, len(name) + len(text)):
            stream.headers.add(name, text)
        else:
            refuse_rewrite(stream, ruleset)

    return Written(run, lambda writer, call: written_field(writer, call, name, value, replaces=False))


def written_field(writer: Writer, call: str, name: bytes, value: Bytes, *, replaces: bool) -> list[str]:
    """The lines of `set-header` and `add-header`. What may not fit the buffer is left to the function."""
    key, most = writer.literal(name), USUAL - len(name)
    lines, text, roomy = [], writer.literal(value.fixed), "roomy"
    if value.fixed is None:
        text = writer.temporary()
        lines, roomy = [f"{text} = {value.write(writer)}"], f"roomy and len({text}) <= {most}"
    elif len(value.fixed) > most:
        return [call, "table = dict(headers)"]
    first = f"if {key} in table: headers.remove({key})"
    store = f"headers.append(({key}, {text})); table[{key}] = {text}"
    return [*lines, f"if {roomy}:", *(["    " + first] if replaces else []), "    " + store, f"else: {call}; table = dict(headers)"]


@dataclass(slots=True)
class EarlyHint:
    """One field of a 103 response; neighbours without a condition of their own travel in the same response."""

    name: bytes
    value: Bytes
    last: bool = True

    def __call__(self, stream: HttpStream) -> None:
        value = self.value(stream)
        if len(value) >= stream.front.limits.bufsize - stream.front.limits.maxrewrite:
            stream.count("eint")
            raise Stop("I", "R", 500)
        stream.hint(self.name, value, self.last)


@action("early-hint", rulesets=REQUEST, usage="<name> <fmt>")
def early_hint(args: Args) -> Run:
    """Send the client a 103 response with this field, before any other response (RFC 8297)."""
    hint = EarlyHint(*header_and_format(args))
    before = args.proxy.http_request[-1].run if args.proxy and args.proxy.http_request else None
    if isinstance(before, EarlyHint) and not args.at_condition():
        before.last = False
    return hint


def header_and_format(args: Args) -> tuple[bytes, Bytes]:
    """A name and a log-format."""
    name = args.word(TWO).lower().encode("latin-1", "replace")
    return name, bytes_of(args, TWO)


# -- removing
@action("del-header", rulesets=HTTP, usage="<name> [ -m <meth> ]")
def del_header(args: Args) -> Run:
    """Remove every field whose name matches: the whole name, or what <meth> (str, beg, end, sub, reg) says."""
    text = args.word("expects at least 1 argument")
    name = text.lower().encode("latin-1", "replace")
    method = args.word("-m flag expects exactly 1 argument") if args.maybe("-m") else "str"
    if method == "str":

        def remove(stream: Stream) -> None:
            stream.headers.remove(name)

        def statements(writer: Writer, call: str) -> list[str]:
            return [f"if table.pop({writer.literal(name)}, None) is not None: headers.remove({writer.literal(name)})"]

        return Written(remove, statements)
    matches = name_test(method, text, name)

    def run(stream: Stream) -> None:
        headers: Headers = stream.headers
        headers[:] = [pair for pair in headers if not matches(pair[0])]

    return run


def name_test(method: str, text: str, name: bytes) -> NameTest:
    """A test of field names by one of the matching methods."""
    if method == "reg":
        return compile_regex(text, ignore_case=True).search
    tests: dict[str, NameTest] = {
        "beg": lambda key: key.startswith(name),
        "end": lambda key: key.endswith(name),
        "sub": lambda key: name in key,
    }
    if method not in tests:
        raise Alert(f"-m with unsupported matching method '{method}'")
    return tests[method]


# -- replacing
@action("replace-header", rulesets=HTTP, usage="<name> <regex> <fmt>")
def replace_header(args: Args) -> Run:
    r"""Where the value of a field <name> matches <regex>, put <fmt> (with \1 ... \9) in its place."""
    return replacing(args, in_whole)


@action("replace-value", rulesets=HTTP, usage="<name> <regex> <fmt>")
def replace_value(args: Args) -> Run:
    """As replace-header, on each comma-separated value by itself."""
    return replacing(args, in_parts)


def replacing(args: Args, change: Callable[[Any, bytes, Substitute], bytes]) -> Run:
    """The common part of replace-header and replace-value."""
    name = args.word(THREE).lower().encode("latin-1", "replace")
    pattern, text = args.at(args.index), args.at(args.index + 1)
    if not pattern or not text:
        raise Alert(THREE)
    args.index += 1
    substitute = substitution(compile_regex(pattern), bytes_of(args, THREE))
    ruleset = args.ruleset

    def run(stream: Stream) -> None:
        headers: Headers = stream.headers
        for index, (key, old) in enumerate(headers):
            if key == name:
                try:
                    new = change(stream, old, substitute)
                except BadTemplate:
                    refuse_rewrite(stream, ruleset)
                    return
                if len(new) > len(old) and not fits(stream, len(new) - len(old)):
                    refuse_rewrite(stream, ruleset)
                    return
                headers[index] = (key, new)

    return run


def in_whole(stream: Stream, value: bytes, substitute: Substitute) -> bytes:
    """The replacement, where the value matches."""
    new = substitute(stream, value)
    return value if new is None else new


def in_parts(stream: Stream, value: bytes, substitute: Substitute) -> bytes:
    """The value with each element that matches replaced, blanks around it included; the others stay as they are."""
    pieces, start = [], 0
    for end in value_ends(value):
        part = value[start:end]
        new = substitute(stream, part.strip(b" \t"))
        pieces.append(part if new is None else new)
        start = end + 1
    return b",".join(pieces)
