"""Fetches of header fields and cookies, of requests and responses (configuration.txt 7.3.6).

`hdr` splits values at commas, `fhdr` does not. Without an occurrence the last value counts, and ACLs try all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from pylb.keywords.fetches.message import Find, check_occurrence, finder, header_name, pick, request_of, response_of
from pylb.sample.casts import str_to_int, str_to_ipv4, str_to_ipv6
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Type
from pylb.sample.validity import Source
from pylb.wire.headers import Headers, split_values

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

Values = Callable[[Headers, "bytes | None"], list[bytes]]


def split_all(headers: Headers, name: bytes | None) -> list[bytes]:
    """Every element of every field called `name`."""
    found: list[bytes] = []
    for key, value in headers:
        if key == name or name is None:
            if b"," in value:
                found.extend(split_values(value))
            else:
                found.append(value)
    return found


def whole_all(headers: Headers, name: bytes | None) -> list[bytes]:
    """Every field called `name`, whole."""
    return [value for key, value in headers if key == name or name is None]


def one_value(find: Find, values: Values) -> Callable[..., Callable[[Any], bytes | None]]:
    """The factory of fetches of one header value."""

    def factory(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Callable[[Any], bytes | None]:
        wanted, number = header_name(name), check_occurrence(occurrence)

        def value(stream: Stream) -> bytes | None:
            message = find(stream)
            if message is None or (wanted is None and not number):
                return None
            return pick(values(message.headers, wanted), number)

        return value

    return factory


def all_values(find: Find, values: Values) -> Callable[..., Callable[[Any], list[bytes]] | None]:
    """The factory of the same for ACLs; None when an occurrence was asked for."""

    def factory(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Callable[[Any], list[bytes]] | None:
        if occurrence:
            return None
        wanted = header_name(name)

        def every(stream: Stream) -> list[bytes]:
            message = find(stream)
            return [] if message is None else values(message.headers, wanted)

        return every

    return factory


def inline_value(find: Find, text: str) -> Callable[..., tuple[str, dict[str, Any]] | None]:
    """The last value of a request's header as text; `table` has the last field of each name."""

    def inline(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> tuple[str, dict[str, Any]] | None:
        usual = name and not occurrence and find is request_of
        return (text, {"name": header_name(name), "last_element": last_element}) if usual else None

    return inline


def inline_values(find: Find, values: Values, alone: str) -> Callable[..., tuple[str, str, str, dict[str, Any]] | None]:
    """A request's header as text: its last field, how to see that it is the only value, all values."""

    def inline(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> tuple[str, str, str, dict[str, Any]] | None:
        usual = name and not occurrence and find is request_of
        return (WHOLE, alone, "{values}(headers, {name})", {"name": header_name(name), "values": values}) if usual else None

    return inline


WHOLE, ELEMENT = "table.get({name})", "{last_element}(table.get({name}))"
ALONE = "len(headers) == len(table)"
UNDIVIDED = f"b',' not in {{value}} and {ALONE}"


def last_element(value: bytes | None) -> bytes | None:
    """The last of the elements between commas."""
    return value if value is None or b"," not in value else list(split_values(value))[-1]


def address_of(text: bytes) -> IPv4Address | IPv6Address | None:
    """An address in a header: IPv4 with or without a port, or IPv6."""
    found = str_to_ipv4(text)
    if found is None and text.count(b":") == 1:
        found = str_to_ipv4(text.partition(b":")[0])
    return found or str_to_ipv6(text)


def converted(factory: Callable[..., Callable[[Any], bytes | None]], convert: Callable[[bytes], Any]) -> Callable[..., Callable[[Any], Any]]:
    """A fetch of one value, seen as something else."""

    def outer(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Callable[[Any], Any]:
        call = factory(context, name, occurrence)

        def value(stream: Stream) -> Any:
            text = call(stream)
            return None if text is None else convert(text)

        return value

    return outer


def converted_all(factory: Callable[..., Callable[[Any], list[bytes]] | None], convert: Callable[[bytes], Any]) -> Callable[..., Any]:
    """A fetch of all values, seen as something else."""

    def outer(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Callable[[Any], Iterator[Any]] | None:
        call = factory(context, name, occurrence)
        if call is None:
            return None

        def every(stream: Stream) -> Iterator[Any]:
            for text in call(stream):
                value = convert(text)
                if value is not None:
                    yield value

        return every

    return outer


def number_of(text: bytes) -> int:
    """A header's value as a number; what is no number counts as 0."""
    return str_to_int(text) or 0


def counting(find: Find, values: Values) -> Callable[..., Callable[[Any], int | None]]:
    """The factory of fetches that count values."""

    def factory(context: CompileContext, name: str | None = None) -> Callable[[Any], int | None]:
        wanted = header_name(name)

        def count(stream: Stream) -> int | None:
            message = find(stream)
            return None if message is None else len(values(message.headers, wanted))

        return count

    return factory


def naming(find: Find) -> Callable[..., Callable[[Any], bytes | None]]:
    """The factory of fetches of the names of all headers."""

    def factory(context: CompileContext, delimiter: str | None = None) -> Callable[[Any], bytes | None]:
        between = (delimiter or ",")[:1].encode("latin-1")

        def names(stream: Stream) -> bytes | None:
            message = find(stream)
            if message is None:
                return None
            return between.join([key for key, _ in message.headers])

        return names

    return factory


def _register(name: str, type: Type, source: Source, args: str, factory: Any, each: Any, manual: str, inline: Any = None, inline_each: Any = None) -> None:
    factory.__doc__ = manual
    fetch(name, type=type, source=source, args=args, factory=True, each=each, volatile=True, inline=inline, inline_each=inline_each)(factory)


def _side(find: Find, source: Source, names: tuple[str, ...], whole: str) -> None:
    """All header fetches of one direction."""
    arguments = "[string,integer]"
    one, every = one_value(find, split_all), all_values(find, split_all)
    for name in names:
        _register(name + "_ip", Type.IPV4, source, arguments, converted(one, address_of), converted_all(every, address_of), "A header as an address.")
        _register(name + "_val", Type.SINT, source, arguments, converted(one, number_of), converted_all(every, number_of), "A header as a number.")
        _register(name + "_cnt", Type.SINT, source, "[string]", counting(find, split_all), None, "How many values a header has.")
        if name != "hdr":
            inline, inline_each = inline_value(find, ELEMENT), inline_values(find, split_all, UNDIVIDED)
            _register(name, Type.STR, source, arguments, one, every, "A value of a header, split at commas.", inline, inline_each)
    inline, inline_each = inline_value(find, WHOLE), inline_values(find, whole_all, ALONE)
    _register(whole, Type.STR, source, arguments, one_value(find, whole_all), all_values(find, whole_all), "A header, whole.", inline, inline_each)
    _register(whole + "_cnt", Type.SINT, source, "[string]", counting(find, whole_all), None, "How many fields of that name there are.")
    _register(names[0] + "_names", Type.STR, source, "[string]", naming(find), None, "The names of all headers.")


_side(request_of, Source.REQUEST_HEADERS, ("req.hdr", "hdr"), "req.fhdr")
_side(response_of, Source.RESPONSE_HEADERS, ("res.hdr", "shdr"), "res.fhdr")
EITHER = Source.REQUEST_HEADERS | Source.RESPONSE_HEADERS


def _hdr_each(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Any:
    return all_values(finder(context), split_all)(context, name, occurrence)


def _hdr_inline(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Any:
    return inline_value(finder(context), ELEMENT)(context, name, occurrence)


def _hdr_inline_each(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Any:
    return inline_values(finder(context), split_all, UNDIVIDED)(context, name, occurrence)


@fetch(
    "hdr", type=Type.STR, source=EITHER, args="[string,integer]", factory=True, each=_hdr_each, volatile=True,
    inline=_hdr_inline, inline_each=_hdr_inline_each,
)  # fmt: skip
def hdr(context: CompileContext, name: str | None = None, occurrence: int | None = None) -> Callable[[Any], bytes | None]:
    """A value of a header of the message the rule set is about."""
    return one_value(finder(context), split_all)(context, name, occurrence)


# -- all headers at once


def text_of_headers(headers: Headers) -> bytes:
    """Header lines with an empty one behind them."""
    return b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n"


def binary_headers(headers: Headers) -> bytes:
    """Names and values, each behind its length as a varint; an empty name and value end the list."""
    out = bytearray()
    for name, value in headers:
        for part in (name, value):
            out += varint(len(part)) + part
    return bytes(out + b"\0\0")


def varint(number: int) -> bytes:
    """The variable-length integer of HAProxy's peers and SPOE protocols: four bits in the first byte, seven in each other one."""
    if number < 240:
        return bytes((number,))
    out = bytearray((number & 0xFF | 240,))
    number = (number - 240) >> 4
    while number >= 128:
        out.append(number & 0xFF | 128)
        number = (number - 128) >> 7
    out.append(number)
    return bytes(out)


def _blocks(find: Find, prefix: str, source: Source) -> None:
    @fetch(prefix + ".hdrs", type=Type.BIN, source=source)
    def headers(stream: Stream) -> bytes | None:
        """All headers as text."""
        message = find(stream)
        return None if message is None else Binary(text_of_headers(message.headers))

    @fetch(prefix + ".hdrs_bin", type=Type.BIN, source=source)
    def headers_binary(stream: Stream) -> bytes | None:
        """All headers in binary form."""
        message = find(stream)
        return None if message is None else Binary(binary_headers(message.headers))


_blocks(request_of, "req", Source.REQUEST_HEADERS)
_blocks(response_of, "res", Source.RESPONSE_HEADERS)


# -- cookies


def request_cookies(headers: Headers, name: bytes | None) -> list[bytes]:
    """Values of cookies in `cookie` fields."""
    return [value for line in whole_all(headers, b"cookie") for key, value in cookie_pairs(line) if key == name or name is None]


def response_cookies(headers: Headers, name: bytes | None) -> list[bytes]:
    """Values of cookies in `set-cookie` fields, whose attributes do not count."""
    found = []
    for line in whole_all(headers, b"set-cookie"):
        for key, value in list(cookie_pairs(line))[:1]:
            if key == name or name is None:
                found.append(value)
    return found


def cookie_pairs(line: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The pairs of a cookie line; separators inside quotes are text."""
    for part in split_outside_quotes(line):
        key, equal, value = part.partition(b"=")
        if equal:
            yield key.strip(b" \t"), value.strip(b" \t")


def split_outside_quotes(line: bytes) -> list[bytes]:
    """Cut at semicolons and commas that are not inside double quotes."""
    parts, start, quoted = [], 0, False
    for at, byte in enumerate(line):
        if byte == 0x22:
            quoted = not quoted
        elif byte in b";," and not quoted:
            parts.append(line[start:at])
            start = at + 1
    parts.append(line[start:])
    return parts


def _cookie_name(name: str | None) -> bytes | None:
    return name.encode("latin-1") if name else None


def _cookies(names: tuple[str, ...], find: Find, values: Values, source: Source) -> None:
    """The cookie fetches of one direction."""

    def first(context: CompileContext, name: str | None = None) -> Callable[[Any], bytes | None]:
        """The last cookie of that name."""
        wanted = _cookie_name(name)

        def value(stream: Stream) -> bytes | None:
            message = find(stream)
            found = values(message.headers, wanted) if message is not None else ()
            return (found[-1] if wanted else found[0]) if found else None

        return value

    def every(context: CompileContext, name: str | None = None) -> Callable[[Any], list[bytes]]:
        wanted = _cookie_name(name)

        def all_of(stream: Stream) -> list[bytes]:
            message = find(stream)
            return values(message.headers, wanted) if message is not None else []

        return all_of

    def count(context: CompileContext, name: str | None = None) -> Callable[[Any], int]:
        """How many cookies of that name there are."""
        call = every(context, name)
        return lambda stream: len(call(stream))

    def number(context: CompileContext, name: str | None = None) -> Callable[[Any], int | None]:
        """A cookie as a number."""
        call = first(context, name)

        def value(stream: Stream) -> int | None:
            text = call(stream)
            return None if text is None else number_of(text)

        return value

    def every_number(context: CompileContext, name: str | None = None) -> Callable[[Any], list[int]]:
        call = every(context, name)
        return lambda stream: [number_of(text) for text in call(stream)]

    for name in names:
        fetch(name, type=Type.STR, source=source, args="[string]", factory=True, each=every, volatile=True)(first)
        fetch(name + "_cnt", type=Type.SINT, source=source, args="[string]", factory=True, volatile=True)(count)
        fetch(name + "_val", type=Type.SINT, source=source, args="[string]", factory=True, each=every_number, volatile=True)(number)


_cookies(("req.cook", "cook"), request_of, request_cookies, Source.REQUEST_HEADERS)
_cookies(("res.cook", "scook"), response_of, response_cookies, Source.RESPONSE_HEADERS)


@fetch("cookie", type=Type.STR, source=EITHER, args="[string]", factory=True, volatile=True)
def cookie(context: CompileContext, name: str | None = None) -> Callable[[Any], bytes | None]:
    """The last cookie of that name in the message the rule set is about."""
    find, wanted = finder(context), _cookie_name(name)
    values = response_cookies if find is response_of else request_cookies

    def value(stream: Stream) -> bytes | None:
        message = find(stream)
        found = values(message.headers, wanted) if message is not None else []
        return (found[-1] if wanted else found[0]) if found else None

    return value
