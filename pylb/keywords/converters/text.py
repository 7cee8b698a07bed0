"""Converters of strings (configuration.txt 7.3.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from pylb.base.errors import Alert
from pylb.keywords.fetches.constants import raw
from pylb.sample.casts import to_bytes
from pylb.sample.context import CompileContext, Unresolved
from pylb.sample.regexes import compile_regex
from pylb.sample.registry import converter
from pylb.sample.types import Type, Value
from pylb.sample.variables import Variable, check_conditions, may_set

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

STR = Type.STR


@converter("lower", input=STR, output=STR, inline="{value}.lower()")
def lower(value: bytes) -> bytes:
    """Lower case."""
    return value.lower()


@converter("upper", input=STR, output=STR, inline="{value}.upper()")
def upper(value: bytes) -> bytes:
    """Upper case."""
    return value.upper()


@converter("length", input=STR, output=Type.SINT, inline="len({value})")
def length(value: bytes) -> int:
    """The string's length."""
    return len(value)


@converter("ltrim", input=STR, output=STR, args="string", factory=True)
def trim_left(context: CompileContext, characters: str) -> Callable[[bytes], bytes]:
    """Without these characters at the beginning."""
    drop = raw(characters)
    return lambda value: value.lstrip(drop) if drop else value


@converter("rtrim", input=STR, output=STR, args="string", factory=True)
def trim_right(context: CompileContext, characters: str) -> Callable[[bytes], bytes]:
    """Without these characters at the end."""
    drop = raw(characters)
    return lambda value: value.rstrip(drop) if drop else value


@converter("cut_crlf", input=STR, output=STR)
def cut_line_end(value: bytes) -> bytes:
    """What is before the first line end."""
    return re.split(rb"[\r\n]", value, maxsplit=1)[0]


def _separators(index: int, delimiters: str) -> bytes:
    if index == 0:
        raise Alert("Unexpected value 0 for index")
    if not delimiters:
        raise Alert("Empty separators list")
    return raw(delimiters)


@converter("field", input=STR, output=STR, args="integer,string[,integer]", factory=True)
def field(context: CompileContext, index: int, delimiters: str, count: int | None = None) -> Callable[[bytes], bytes | None]:
    """The field at an index, counted from either end, and as many as `count` says (0: all that follow); empty ones count."""
    between = _separators(index, delimiters)
    wanted = 1 if count is None else count

    def extract(value: bytes) -> bytes | None:
        ends = [at for at, byte in enumerate(value) if byte in between]
        bounds = list(zip([0, *(at + 1 for at in ends)], [*ends, len(value)], strict=True))
        return cut_out(value, bounds, index, wanted)

    return extract


@converter("word", input=STR, output=STR, args="integer,string[,integer]", factory=True)
def word(context: CompileContext, index: int, delimiters: str, count: int | None = None) -> Callable[[bytes], bytes | None]:
    """The word at an index; unlike fields, empty ones do not count."""
    between = _separators(index, delimiters)
    pattern = re.compile(rb"[^" + re.escape(between) + rb"]+")
    wanted = 1 if count is None else count
    return lambda value: cut_out(value, [match.span() for match in pattern.finditer(value)], index, wanted)


def cut_out(value: bytes, bounds: list[tuple[int, int]], index: int, count: int) -> bytes | None:
    """Parts `index` up to `count` of them, with what is between them; from the end they go towards the beginning."""
    total = len(bounds)
    if index > total or index < -total:
        return None
    if index > 0:
        first = index - 1
        last = total - 1 if count == 0 else min(total, first + count) - 1
    else:
        last = total + index
        first = 0 if count == 0 else max(0, last - count + 1)
    if count == 0 and index > 0:
        return value[bounds[first][0] :]
    return value[: bounds[last][1]] if count == 0 else value[bounds[first][0] : bounds[last][1]]


@converter("regsub", input=STR, output=STR, args="regex,string[,string]", factory=True)
def substitute(context: CompileContext, pattern: str, replacement: str, flags: str | None = None) -> Callable[[bytes], bytes]:
    """Replace the first match, or with the flag `g` all; `i` ignores case."""
    for flag in flags or "":
        if flag not in "ig":
            raise Alert(f"invalid regex flag '{flag}', only 'i' and 'g' are supported")
    compiled = _regex_or_later(context, pattern, "i" in (flags or ""))
    template = raw(replacement)
    times = 0 if "g" in (flags or "") else 1
    return lambda value: compiled().sub(lambda match: expand(template, match), value, count=times)


def _regex_or_later(context: CompileContext, pattern: str, ignore_case: bool) -> Callable[[], re.Pattern[bytes]]:
    """A regular expression whose faults are reported like those of names, when everything was read."""
    try:
        compiled = compile_regex(pattern, ignore_case)
    except Alert as alert:
        text = str(alert)
        blamed = context.blame(0, "regsub")

        def report(config: Any) -> None:
            raise Unresolved(f"error in regex '{pattern}' {blamed} : {text}.")

        context.later(report)
        compiled = re.compile(b"(?!)")
    return lambda: compiled


def expand(template: bytes, match: re.Match[bytes]) -> bytes:
    r"""A replacement: ``\1`` to ``\9`` are groups, ``\0`` the whole match, ``\xHH`` a byte, other escapes themselves."""

    def piece(escape: re.Match[bytes]) -> bytes:
        code = escape.group(1)
        if code.isdigit():
            number = int(code)
            return (match.group(number) or b"") if number <= (match.re.groups or 0) else b""
        return bytes((int(code[1:], 16),)) if len(code) == 3 else code

    return re.sub(rb"\\(x[0-9A-Fa-f]{2}|.)", piece, template, flags=re.DOTALL)


@converter("concat", input=STR, output=STR, args="string[,string,string]", factory=True, stream=True)
def concatenate(context: CompileContext, start: str, name: str | None = None, end: str | None = None) -> Callable[[Any, bytes], bytes]:
    """Append a text, a variable and another text."""
    before, after = raw(start or ""), raw(end or "")
    if not name:
        tail = before + after
        return lambda stream, value: value + tail
    variable = registered(name)

    def append(stream: Stream, value: bytes) -> bytes:
        found = variable.get(stream)
        return value + before + (b"" if found is None else to_bytes(found)) + after

    return append


def registered(name: str) -> Variable:
    """A variable, with the complaint of converters that take one."""
    try:
        return Variable(name.strip())
    except Alert:
        raise Alert(f"failed to register variable name '{name}'") from None


@converter("add_item", input=STR, output=STR, args="string,string[,string]", factory=True, stream=True)
def add_item(context: CompileContext, delimiter: str, name: str, suffix: str | None = None) -> Callable[[Any, bytes], bytes]:
    """Append a delimiter unless the string is empty, then a variable and a suffix, when either is there."""
    if not name and not suffix:
        raise Alert("one of the optional arguments has to be nonempty")
    between, after = raw(delimiter), raw(suffix or "")
    variable = registered(name) if name else None

    def append(stream: Stream, value: bytes) -> bytes:
        found = variable.get(stream) if variable is not None else b""
        if found is None:
            return value
        return value + (between if value else b"") + to_bytes(found) + after

    return append


@converter("strcmp", input=STR, output=Type.SINT, args="string", factory=True, stream=True)
def compare(context: CompileContext, name: str) -> Callable[[Any, bytes], int | None]:
    """Compare with a variable as strcmp(3) does: the difference of the first bytes that differ, or of the lengths."""
    variable = registered(name)

    def difference(stream: Stream, value: bytes) -> int | None:
        found = variable.get(stream)
        if not isinstance(found, bytes):
            return None
        for one, other in zip(value, found, strict=False):
            if one != other:
                return one - other
        return len(value) - len(found)

    return difference


@converter("url_dec", input=STR, output=STR, args="[integer]")
def url_decode(value: bytes, in_form: int | None = None) -> bytes | None:
    """Percent-decode; with a non-zero argument, or in the query string, plus signs become blanks."""
    path, question, query = value.partition(b"?")
    if in_form:
        path = path.replace(b"+", b" ")
    return percent_decode(path + question + query.replace(b"+", b" "))


def percent_decode(value: bytes) -> bytes | None:
    """Percent-decode; None when two digits do not follow a percent sign."""
    if b"%" not in value:
        return value
    if re.search(rb"%(?![0-9A-Fa-f]{2})", value):
        return None
    return unquote_to_bytes(value)


QUERY_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
QUERY_TABLE = [bytes((code,)) if code in QUERY_SAFE else b"%%%02X" % code for code in range(256)]


@converter("url_enc", input=STR, output=STR, args="string", factory=True)
def url_encode(context: CompileContext, kind: str = "") -> Callable[[bytes], bytes]:
    """Percent-encode everything but unreserved characters."""
    if kind not in ("", "query"):
        raise Alert("Unexpected encode type. Allowed value is 'query'")
    return lambda value: b"".join([QUERY_TABLE[byte] for byte in value])


@converter("host_only", input=STR, output=STR)
def host_only(value: bytes) -> bytes:
    """A host header without its port, in lower case."""
    return split_host(value)[0].lower()


@converter("port_only", input=STR, output=Type.SINT)
def port_only(value: bytes) -> int:
    """The port of a host header, 0 without one."""
    port = split_host(value)[1]
    return int(port) if port.isdigit() else 0


def split_host(value: bytes) -> tuple[bytes, bytes]:
    """Host and port; a colon inside brackets separates nothing."""
    host, colon, port = value.rpartition(b":")
    if not colon or b"]" in port:
        return value, b""
    return host, port


@converter("language", input=STR, output=STR, args="string[,string]", factory=True)
def language(context: CompileContext, values: str, default: str | None = None) -> Callable[[bytes], bytes | None]:
    """The best of these languages in an Accept-Language header."""
    known = [raw(value) for value in values.split(";")]
    fallback = raw(default) if default else None

    def choose(value: bytes) -> bytes | None:
        best, quality = None, 0
        for part in value.split(b","):
            name, _, parameter = part.partition(b";")
            weight = quality_of(parameter)
            found = _language_of(name.strip(), known)
            if found is not None and weight > quality:
                best, quality = found, weight
        return best if best is not None else fallback

    return choose


def _language_of(name: bytes, known: list[bytes]) -> bytes | None:
    """The name itself, or the base of a variant."""
    if name in known:
        return name
    base = name.partition(b"-")[0]
    return base if base in known else None


def quality_of(parameter: bytes) -> int:
    """A q-factor in thousandths."""
    match = re.match(rb"\s*q\s*=\s*([01])(?:\.(\d{0,3}))?", parameter)
    if match is None:
        return 1000
    return min(1000, int(match.group(1)) * 1000 + int((match.group(2) or b"").ljust(3, b"0") or b"0"))


# -- variables and captures


@converter("set-var", input=Type.ANY, output=Type.ANY, args="string[,string,string,string,string]", factory=True, stream=True)
def set_variable(context: CompileContext, name: str, *conditions: str | None) -> Callable[[Any, Value], Value]:
    """Set a variable to the value and pass it on."""
    variable = Variable(name)
    wanted = check_conditions([condition for condition in conditions if condition])

    def store(stream: Stream, value: Value) -> Value:
        if may_set(variable, stream, value, wanted):
            variable.set(stream, value)
        return value

    return store


@converter("unset-var", input=Type.ANY, output=Type.ANY, args="string", factory=True, stream=True)
def unset_variable(context: CompileContext, name: str) -> Callable[[Any, Value], Value]:
    """Forget a variable and pass the value on."""
    variable = Variable(name)

    def forget(stream: Stream, value: Value) -> Value:
        variable.unset(stream)
        return value

    return forget


def _capture(attribute: str, declared: str) -> Callable[..., Callable[[Any, bytes], bytes | None]]:
    def factory(context: CompileContext, number: int) -> Callable[[Any, bytes], bytes | None]:
        """Keep the string in a capture slot and pass it on."""

        def keep(stream: Stream, value: bytes) -> bytes | None:
            declarations = getattr(stream.frontend, declared)
            if not 0 <= number < len(declarations):
                return None
            slots = getattr(stream, attribute)
            if slots is None:
                slots = [None] * len(declarations)
                setattr(stream, attribute, slots)
            slots[number] = value[: declarations[number].length]
            return value

        return keep

    return factory


converter("capture-req", input=STR, output=STR, args="integer", factory=True, stream=True)(_capture("captures_request", "request_captures"))
converter("capture-res", input=STR, output=STR, args="integer", factory=True, stream=True)(_capture("captures_response", "response_captures"))


@converter("debug", input=Type.ANY, output=Type.ANY, args="[string,string]", factory=True)
def debug(context: CompileContext, prefix: str | None = None, sink: str | None = None) -> Callable[[Value], Value]:
    """Pass the value on; event sinks keep nothing."""
    if sink not in (None, "", "buf0", "stdout", "stderr"):
        raise Alert(f"No such sink '{sink}'")
    return lambda value: value


def _backend_of(stream: Stream, name: bytes) -> Any:
    return stream.process.backends.get(name.decode("latin-1"))


@converter("nbsrv", input=STR, output=Type.SINT, stream=True)
def usable_servers(stream: Stream, value: bytes) -> int | None:
    """Usable servers of the backend of that name."""
    from pylb.keywords.fetches.objects import usable

    backend = _backend_of(stream, value)
    return None if backend is None else len(usable(backend))


@converter("srv_queue", input=STR, output=Type.SINT, stream=True)
def waiting_for_server(stream: Stream, value: bytes) -> int | None:
    """Streams waiting for the server ``backend/server`` or one of this backend."""
    name, slash, server = value.decode("latin-1").rpartition("/")
    backend = stream.process.backends.get(name) if slash else stream.backend
    found = None if backend is None else backend.servers_by_name.get(server)
    return None if found is None else len(found.queue)
