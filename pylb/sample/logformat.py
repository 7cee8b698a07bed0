"""Log formats: text with ``%ci``-like aliases and ``%[expressions]``, compiled to one function (configuration.txt 8.2.6).

The same language writes log lines and fills arguments of rules; the differences are small: in logs a missing value is ``-`` and
runs of blanks become one space. Text is latin-1 throughout, a character for a byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pylb.base.errors import Alert, NotImplementedYet
from pylb.sample.casts import CONTROLS, logged, shown, to_text
from pylb.sample.code import Writer
from pylb.sample.context import CompileContext
from pylb.sample.expression import Expression, read_embedded
from pylb.sample.registry import inline, variable
from pylb.sample.types import Phase, Text
from pylb.sample.validity import Source, available, needs

NAME = re.compile(r"[A-Za-z0-9]+")
BLANKS = re.compile(r"[ \t\r\n]+")
ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "]": "\\]"})
BUFFER = Source.REQUEST_BUFFER | Source.RESPONSE_BUFFER
REQUEST_LINE = frozenset(("r", "HM", "HP", "HPO", "HQ", "HU", "HV"))
KNOWN_WITH_REQUEST = REQUEST_LINE | {"rt"}
KNOWN_FROM_START = frozenset("f ft b t T Tl tr trg trl Ts ms lc pid H tsc".split())
KNOWN_AT_END = frozenset("B U ts TR Tw Tc Tr Ta Tt Td Th Ti Tq Tu ac fc bc sc sq bq rc ID".split())

HTTP_LOG = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
HTTPS_LOG = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
    " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc"
)
TCP_LOG = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"
CLF_LOG = (
    '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl'
)


@dataclass(frozen=True, slots=True)
class Options:
    """Flags of a variable, and what surrounds it."""

    quote: bool = False
    hexadecimal: bool = False
    escape: bool = False
    mandatory: bool = False  # a missing value shows as "-"


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A compiled log format."""

    call: Text
    text: str
    aliases: frozenset[str]  # names of the aliases used
    expressions: tuple[Expression, ...]
    pieces: list[str | Text]

    def write(self, writer: Writer) -> str:
        """The same as source text."""
        return writer.text(self.pieces)

    @property
    def stable(self) -> bool:
        """Is it about the connection alone?"""
        return all(isinstance(piece, str) or (isinstance(piece, Sampled) and piece.show is shown and piece.expression.write_text) for piece in self.pieces)

    def __call__(self, stream: Any) -> str:
        return self.call(stream)

    @property
    def wants_request_line(self) -> bool:
        """Must the request line be kept as it came?"""
        return not self.aliases.isdisjoint(REQUEST_LINE)

    @property
    def needs_the_end(self) -> bool:
        """Can the line be written only when the stream has ended? Otherwise it is written when the response comes."""
        return not self.aliases.isdisjoint(KNOWN_AT_END)

    @property
    def needs_request_only(self) -> bool:
        """Does the line tell of the request line, and of nothing that comes later? Then it is written at once, and again with the response."""
        return not self.expressions and not self.aliases.isdisjoint(KNOWN_WITH_REQUEST) and self.aliases <= KNOWN_WITH_REQUEST | KNOWN_FROM_START

    @property
    def constant(self) -> str | None:
        """The text, when it is always the same."""
        return None if self.aliases or self.expressions else self.call(None)


Piece = tuple[str, Any]  # ("text", str) | ("space", " ") | ("call", function) | ("optional", function)


class _Reader:
    """Reads the text of a log format into pieces."""

    def __init__(self, text: str, context: CompileContext, log: bool, merge: bool) -> None:
        self.text, self.context, self.log, self.merge = text, context, log, merge
        self.defaults = Options(mandatory=log)
        self.pieces: list[Piece] = []
        self.aliases: set[str] = set()
        self.expressions: list[Expression] = []

    def read(self) -> None:
        at, text = 0, self.text
        while at < len(text):
            if text[at] == "%":
                at = self.special(at + 1)
                continue
            end = text.find("%", at)
            end = len(text) if end < 0 else end
            self.plain(text[at:end])
            at = end

    def plain(self, text: str) -> None:
        """Text between variables."""
        if not self.merge:
            self.pieces.append(("text", text))
            return
        at = 0
        for blank in BLANKS.finditer(text):
            if blank.start() > at:
                self.pieces.append(("text", text[at : blank.start()]))
            self.pieces.append(("space", " "))
            at = blank.end()
        if at < len(text):
            self.pieces.append(("text", text[at:]))

    def special(self, at: int) -> int:
        """What follows a percent sign at `at - 1`; gives the offset behind it."""
        text = self.text
        options, start = self.defaults, at
        if text[at : at + 1] == "{":
            end = text.find("}", at)
            if end < 0:
                raise Alert(f"truncated line after '{text[at + 1 :]}'")
            options = self.flags(text[at + 1 : end])
            at = end + 1
            if at == len(text):
                raise Alert(f"parse argument modifier without variable name near '%{text[start:at]}'")
        character = text[at : at + 1]
        if character == "[":
            return self.expression(at + 1, options)
        if character == "%" and at == start:
            self.pieces.append(("text", "%"))
            return at + 1
        name = NAME.match(text, at)
        if name is not None:
            self.alias(name.group(), options)
            return name.end()
        if not character:
            raise Alert("truncated line after '%'")
        if character == "(":
            self.pieces.append(("text", "("))
            return at + 1
        raise Alert(
            f"unexpected variable name near '{character}' at position {at} line : '{text}'."
            " Maybe you want to write a single '%', use the syntax '%%'"
        )

    def flags(self, text: str) -> Options:
        """The letters between braces; unknown ones mean nothing."""
        options = self.defaults
        for sign, letter in re.findall(r"([+-])([A-Za-z])", text):
            field = {"Q": "quote", "X": "hexadecimal", "E": "escape"}.get(letter)
            if field is not None:
                options = replace(options, **{field: sign == "+"})
        return options

    def alias(self, name: str, options: Options) -> None:
        """An alias such as ``ci``; ``o`` sets the flags of all that follow."""
        if name == "o":
            self.defaults = options
            return
        entry = variable.get(name)
        if entry is None:
            raise Alert(f"no such format variable '{name}'. If you wanted to emit the '%' character verbatim, you need to use '%%'")
        proxy = self.context.proxy
        if entry.facts.get("http") and proxy is not None and proxy.mode != "http":
            raise Alert(f"format variable '{name}' is reserved for HTTP mode")
        self.aliases.add(name)
        kind = "optional" if entry.facts.get("optional") else "call"
        if name in inline and not (options.escape or options.hexadecimal) and (options.mandatory or not entry.facts.get("missing")):
            source, names = inline[name]
            if not options.quote:
                self.pieces.append((kind, Inline(source, names)))
                return
            if entry.facts.get("text") and not (entry.facts.get("missing") or entry.facts.get("optional")):
                self.pieces.append((kind, Inline(f'"{source}"', names)))
                return
        self.pieces.append((kind, _alias_piece(entry.function, entry.facts, options)))

    def expression(self, at: int, options: Options) -> int:
        """``%[...]``."""
        text, context = self.text, self.context
        try:
            expression, end = read_embedded(text, at, context)
        except NotImplementedYet:
            raise
        except Alert as alert:
            raise Alert(f"failed to parse sample expression <{text[at:]}> : {alert}") from None
        if end >= len(text):
            raise Alert(f"missing ']' after '{text[at:end]}'")
        if text[end] != "]":
            raise Alert(f"expected ']' after '{text[at:end]}', but found '{text[end]}'")
        self.check(expression, text[at:])
        self.expressions.append(expression)
        self.pieces.append(("call", _expression_piece(expression, options, raw=context.phase == Phase.CHECK)))
        return end + 1

    def check(self, expression: Expression, rest: str) -> None:
        """Refuse what cannot be had here."""
        context = self.context
        if context.where() and not available(expression.source, context.where()):
            raise Alert(f"sample fetch <{rest}> may not be reliably used here because it needs '{needs(expression.source)}' which is not available here")
        if expression.source & BUFFER and context.proxy is not None and context.proxy.mode == "http":
            context.warn(f"L6 sample fetch <{rest}> ignored in HTTP log-format string.")


def compile_log_format(text: str, context: CompileContext, log: bool | None = None, merge_spaces: bool | None = None) -> LogFormat:
    """Compile a log format; `log` and `merge_spaces` say how, by default both hold for formats of the log phase only."""
    in_log = context.phase == Phase.LOG if log is None else log
    reader = _Reader(text, context, in_log, in_log if merge_spaces is None else merge_spaces)
    reader.read()
    pieces = _folded(reader.pieces)
    return LogFormat(_assemble(pieces), text, frozenset(reader.aliases), tuple(reader.expressions), pieces)


def _folded(pieces: list[Piece]) -> list[str | Text]:
    """Neighbouring texts joined; a blank after a piece that may be nothing goes with it, so that no two blanks meet."""
    out: list[str | Text] = []
    at = 0
    while at < len(pieces):
        kind, what = pieces[at]
        at += 1
        if kind == "call":
            out.append(what)
        elif kind == "optional":
            followed = at < len(pieces) and pieces[at][0] == "space"
            at += followed
            out.append(_with_blank(what) if followed else what)
        elif kind == "space" and not out:
            continue
        elif out and isinstance(out[-1], str):
            last = out[-1]
            out[-1] = last if kind == "space" and last.endswith(" ") else last + what
        else:
            out.append(what)
    return out


def _with_blank(call: Text) -> Text:
    if isinstance(call, Inline):
        return Inline(f"{{found + ' ' if (found := {call.source[1:-1]}) else ''}}", call.names)

    def padded(stream: Any) -> str:
        text = call(stream)
        return text + " " if text else ""

    return padded


def _assemble(pieces: list[str | Text]) -> Text:
    """One function that writes all pieces: an f-string over them, so that nothing is looped over per line."""
    if not pieces:
        return lambda stream: ""
    if len(pieces) == 1 and not isinstance(pieces[0], Inline):
        only = pieces[0]
        return (lambda stream: only) if isinstance(only, str) else only
    names: dict[str, Any] = {}
    source = []
    for number, piece in enumerate(pieces):
        if isinstance(piece, Inline):
            source.append(piece.source)
            names.update(piece.names)
        elif isinstance(piece, str):
            source.append(repr(piece)[1:-1].replace("{", "{{").replace("}", "}}") if _simple(piece) else f"{{t{number}}}")
            names[f"t{number}"] = piece
        else:
            source.append(f"{{p{number}(s)}}")
            names[f"p{number}"] = piece
    made: Text = function_of("".join(source), names)
    return made


# What the source texts of aliases have in common, looked up once per line.
LOCALS = """
    session = s.session; frontend = s.frontend; backend = s.backend; server = s.server
    source = session.source; request = s.time_request; queue = s.time_queue; connect = s.time_connect
    idle = int((s.request_began - s.idle_from) * 1000)
    asap = "+" if frontend.log_asap else ""
"""


def function_of(text: str, names: dict[str, Any]) -> Text:
    """The function of a stream that writes `text`, the inside of an f-string."""
    needed = LOCALS if any(piece in text for piece in ("source", "frontend", "backend", "server", "idle", "queue", "connect", "request", "asap")) else ""
    made: dict[str, Any] = dict(names)
    exec(f'def line(s):{needed}\n    return f\'\'\'{text}\'\'\'', made)
    line: Text = made["line"]
    return line


@dataclass(frozen=True, slots=True)
class Inline:
    """A piece as source text (`keywords.logvariables.INLINE`) and the names it uses."""

    source: str
    names: dict[str, Any]

    def __call__(self, stream: Any) -> str:
        return function_of(self.source, self.names)(stream)

    def write(self, writer: Writer) -> str:
        """As part of the function of a rule set."""
        return f"{writer.name(function_of(self.source, self.names))}(s)"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample as text: `shown` in rules, `logged` in logs."""

    expression: Expression
    show: Callable[[Any], str]

    def __call__(self, stream: Any) -> str:
        return self.show(self.expression.call(stream))

    def write(self, writer: Writer) -> str:
        """As part of the function of a rule set."""
        write_text = self.expression.write_text
        if write_text is not None and self.show is shown:
            return write_text(writer)
        return f"{writer.name(self.show)}({self.expression.write(writer)})"


def _simple(text: str) -> bool:
    """Can this text stand inside the quotes of a literal as it is?"""
    return text.isascii() and text.isprintable() and not set(text) & set("'\\\"")


def _expression_piece(expression: Expression, options: Options, *, raw: bool) -> Text:
    """A sample as text; `raw` (in health checks) leaves control characters as they are."""
    call = expression.call
    if not options.quote and not options.escape:
        def plain(stream: Any) -> str:
            value = call(stream)
            return "" if value is None else to_text(value)

        return plain if raw and not options.mandatory else Sampled(expression, logged if options.mandatory else shown)
    finish = _finisher(options)

    def flagged(stream: Any) -> str:
        value = call(stream)
        return finish(None if value is None else to_text(value) if options.mandatory else to_text(value).translate(CONTROLS))

    return flagged


def _finisher(options: Options) -> Callable[[str | None], str]:
    """Escape, quote, or say that there is nothing."""
    missing = '""' if options.quote else "-" if options.mandatory else ""
    escape, quote = options.escape, options.quote

    def finish(text: str | None) -> str:
        if not text:
            return missing
        if escape:
            text = text.translate(ESCAPED)
        return f'"{text}"' if quote else text

    return finish


def _alias_piece(function: Callable[..., Any], facts: dict[str, Any], options: Options) -> Text:
    """An alias with its flags. Facts: `hexadecimal`, a second function for +X; `text`, quoting and escaping apply; `parts`, a list."""
    other = facts.get("hexadecimal")
    call: Callable[..., Any] = function
    if options.hexadecimal and other is not None:
        return other  # type: ignore[no-any-return]
    if not facts.get("text"):
        return call
    finish = _finisher(options if facts.get("missing") or facts.get("parts") else replace(options, mandatory=False))
    if facts.get("parts"):
        return lambda stream: " ".join([finish(part) for part in call(stream)])
    if facts.get("optional"):
        return lambda stream: finish(text) if (text := call(stream)) else ""
    if not options.quote and not options.escape:
        if not facts.get("missing"):
            return call
        missing = "-" if options.mandatory else ""
        return lambda stream: call(stream) or missing
    if options.escape or facts.get("missing"):
        return lambda stream: finish(call(stream))
    return lambda stream: f'"{call(stream)}"'
