"""Converters of JSON and JSON Web Tokens (configuration.txt 7.3.1)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.keywords.converters.binary import from_url_base64
from pylb.keywords.fetches.constants import raw
from pylb.sample.casts import str_to_int, to_bytes
from pylb.sample.context import CompileContext
from pylb.sample.registry import converter
from pylb.sample.types import Type, Value
from pylb.sample.variables import Variable

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 47: "\\/", 92: "\\\\"}
STEP = re.compile(r"\.(?:((?:\\.|[^.\[\\])+))|\[(\d+)\]|\[['\"]([^'\"]*)['\"]\]")


# -- escaping


@converter("json", input=Type.STR, output=Type.STR, args="string", factory=True)
def escape(context: CompileContext, code: str = "") -> Callable[[bytes], bytes | None]:
    """Escape for a JSON string; the argument says how the input is encoded and what to do with errors."""
    if code not in ("", "ascii", "utf8", "utf8s", "utf8p", "utf8ps"):
        raise Alert("Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'")
    if code in ("", "ascii"):
        return lambda value: "".join([_escaped(byte) for byte in value]).encode()
    silent = code.endswith("s")

    def escape_text(value: bytes) -> bytes | None:
        points = list(decode(value, permissive="p" in code))
        if not silent and any(point is None for point in points):
            return None
        return "".join([_escaped(point) for point in points if point is not None]).encode()

    return escape_text


def _escaped(point: int) -> str:
    """One character."""
    short = SHORT.get(point)
    if short is not None:
        return short
    return chr(point) if 32 <= point < 127 else f"\\u{point:04x}"


def decode(value: bytes, permissive: bool) -> list[int | None]:
    """Code points of UTF-8 text; None for each error and for what four hexadecimal digits cannot say."""
    points: list[int | None] = []
    at = 0
    while at < len(value):
        size, point = _sequence(value, at, permissive)
        points.append(point if point is not None and point <= 0xFFFF else None)
        at += size
    return points


def _sequence(value: bytes, at: int, permissive: bool) -> tuple[int, int | None]:
    """Length and code point of the sequence at an offset."""
    first = value[at]
    if first < 0x80:
        return 1, first
    size = 2 if 0xC0 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4 if 0xF0 <= first < 0xF8 else 0
    tail = value[at + 1 : at + size]
    if not size or len(tail) < size - 1 or any(byte & 0xC0 != 0x80 for byte in tail):
        return 1, None
    point = first & (0x7F >> size)
    for byte in tail:
        point = point << 6 | byte & 0x3F
    overlong = point < (0x80, 0x800, 0x10000)[size - 2]
    bad = 0xD800 <= point <= 0xDFFF or point in (0xFFFE, 0xFFFF)
    return size, None if bad or (overlong and not permissive) else point


# -- queries


def path_steps(path: str) -> list[str | int]:
    """``$.a.b[0]`` as keys and indexes; a backslash protects a dot."""
    text = path.removeprefix("$")
    steps: list[str | int] = []
    for match in STEP.finditer(text):
        key, index, quoted = match.groups()
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(quoted if quoted is not None else re.sub(r"\\(.)", r"\1", key))
    return steps


def check_output(kind: str | None) -> bool:
    """Is a number wanted?"""
    if kind not in (None, "", "int"):
        raise Alert('output_type only supports "int" as argument')
    return kind == "int"


class Unquoted(str):
    """A number as written: JSON numbers are passed on as they are spelt."""


def find(text: bytes, steps: list[str | int], as_number: bool) -> Value | None:
    """The value at a path; booleans, numbers and strings only."""
    try:
        found: Any = json.loads(text, parse_float=Unquoted, parse_int=Unquoted)
    except (ValueError, UnicodeDecodeError):
        return None
    for step in steps:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return _scalar(found, as_number)


def _scalar(found: Any, as_number: bool) -> Value | None:
    if isinstance(found, bool):
        return found
    if isinstance(found, Unquoted):
        return str_to_int(found.encode()) if as_number else b"%g" % float(found)
    return found.encode("utf-8", "surrogatepass") if isinstance(found, str) else None


@converter("json_query", input=Type.STR, output=Type.ANY, args="string[,string]", factory=True)
def json_query(context: CompileContext, path: str, kind: str | None = None) -> Callable[[bytes], Value | None]:
    """The value at a JSON path."""
    steps, as_number = path_steps(path), check_output(kind)
    return lambda value: find(value, steps, as_number)


# -- tokens


def parts_of(token: bytes) -> list[bytes] | None:
    """Header, payload and signature."""
    parts = token.split(b".")
    return parts if len(parts) == 3 and all(parts[:2]) else None


def _token_query(name: str, number: int) -> None:
    @converter(name, input=Type.BIN, output=Type.ANY, args="[string,string]", factory=True)
    def query(context: CompileContext, path: str | None = None, kind: str | None = None) -> Callable[[bytes], Value | None]:
        """The value at a path in a part of a token; without a path HAProxy 2.6 gives nothing, and neither do we."""
        as_number = check_output(kind)
        steps = path_steps(path) if path else None

        def read(value: bytes) -> Value | None:
            parts = parts_of(value)
            decoded = None if parts is None else from_url_base64(parts[number])
            if decoded is None:
                return None
            return None if steps is None else find(decoded, steps, as_number)

        return read


_token_query("jwt_header_query", 0)
_token_query("jwt_payload_query", 1)

ALGORITHMS = frozenset(family + width for family in ("HS", "RS", "ES", "PS") for width in ("256", "384", "512"))


def verify(algorithm: str, key: Any, token: bytes) -> int:
    """The verdict on a token's signature, as numbers of the manual's table."""
    if algorithm not in ALGORITHMS:
        return -1
    if algorithm.startswith("PS"):
        return -2
    parts = parts_of(token)
    signature = None if parts is None else from_url_base64(parts[2])
    if parts is None or signature is None or not signature:
        return -3
    signed = parts[0] + b"." + parts[1]
    if algorithm.startswith("HS"):
        made = hmac.new(key, signed, getattr(hashlib, "sha" + algorithm[2:])).digest()
        return int(hmac.compare_digest(made, bytes(signature)))
    if key is None:
        return -5
    from pylb.wire.signatures import is_signed  # where there is a key it is loaded

    return int(is_signed(algorithm, key, bytes(signature), signed))


def _text_or_variable(text: str) -> str | Variable:
    try:
        return Variable(text)
    except Alert:
        return text


@converter("jwt_verify", input=Type.BIN, output=Type.SINT, args="string,string", factory=True, stream=True)
def jwt_verify(context: CompileContext, algorithm: str, key: str) -> Callable[[Any, bytes], int]:
    """Is the token's signature right? 1 yes, 0 no, less for other faults."""
    from pylb.wire.signatures import load_key  # heavy, and rarely asked for

    which, given = _text_or_variable(algorithm), _text_or_variable(key)
    if isinstance(which, str) and which not in ALGORITHMS:
        raise Alert(f"unknown JWT algorithm: {which}")
    keys = {given: load_key(given)} if isinstance(given, str) and not (isinstance(which, str) and which.startswith("HS")) else {}

    def check(stream: Stream, token: bytes) -> int:
        name = which if isinstance(which, str) else to_bytes(which.get(stream) or b"").decode("latin-1")
        text = given if isinstance(given, str) else to_bytes(given.get(stream) or b"").decode("latin-1")
        return verify(name, raw(text) if name.startswith("HS") else keys.get(text), token)

    return check
