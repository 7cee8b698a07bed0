"""Fetches of requests and responses beyond headers: lines, paths, queries, bodies and captures (configuration.txt 7.3.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.base.hashes import sdbm
from pylb.keywords.fetches.connection import source as client_source
from pylb.keywords.fetches.headers import address_of
from pylb.keywords.fetches.message import answered, received, request_of, response_of
from pylb.sample.casts import str_to_int
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Method, Type
from pylb.sample.validity import Source
from pylb.wire.message import Request

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

REQUEST, RESPONSE = Source.REQUEST_HEADERS, Source.RESPONSE_HEADERS


# -- the URI


def path_and_query(target: bytes) -> bytes:
    """The target from its path on, without scheme and authority."""
    if target.startswith(b"/"):
        return target
    _, scheme, rest = target.partition(b"://")
    if not scheme:
        return b""
    slash = rest.find(b"/")
    return rest[slash:] if slash >= 0 else b""


def path_of(target: bytes) -> bytes:
    """The path alone."""
    return path_and_query(target).partition(b"?")[0]


def authority_of(target: bytes) -> bytes:
    """Host and port of an absolute target."""
    _, scheme, rest = target.partition(b"://")
    if not scheme or target.startswith(b"/"):
        return b""
    end = min((at for at in (rest.find(mark) for mark in (b"/", b"?", b"#")) if at >= 0), default=len(rest))
    return rest[:end].rpartition(b"@")[2]


@fetch("method", type=Type.METH, source=Source.REQUEST_FINAL, volatile=True, shared=True)
def method(stream: Stream) -> bytes | None:
    """The request's method."""
    request = request_of(stream)
    return None if request is None else Method(request.method)


@fetch("url", type=Type.STR, source=REQUEST, volatile=True, shared=True, inline="target")
def url(stream: Stream) -> bytes | None:
    """The target as in the request line."""
    request = request_of(stream)
    return None if request is None else request.target


@fetch("path", type=Type.STR, source=REQUEST, volatile=True, shared=True, inline="target if target[:1] == b'/' and b'?' not in target else {path}(s)")
def path(stream: Stream) -> bytes | None:
    """The target's path."""
    request = request_of(stream)
    if request is None:
        return None
    target: bytes = request.target
    if target[:1] != b"/":
        target = path_and_query(target)
    mark = target.find(b"?")
    return (target if mark < 0 else target[:mark]) or None


@fetch("pathq", type=Type.STR, source=REQUEST, volatile=True, shared=True)
def path_with_query(stream: Stream) -> bytes | None:
    """The target's path and query string."""
    request = request_of(stream)
    return None if request is None else path_and_query(request.target) or None


@fetch("query", type=Type.STR, source=REQUEST, volatile=True, shared=True)
def query(stream: Stream) -> bytes | None:
    """The query string without its question mark."""
    request = request_of(stream)
    if request is None:
        return None
    _, mark, text = request.target.partition(b"?")
    return text if mark else None


def host_of(request: Request) -> bytes:
    """The first host header."""
    return request.headers.get(b"host") or b""


@fetch("base", type=Type.STR, source=REQUEST, volatile=True)
def base(stream: Stream) -> bytes | None:
    """Host and path."""
    request = request_of(stream)
    return None if request is None else host_of(request) + path_of(request.target)


@fetch("baseq", type=Type.STR, source=REQUEST, volatile=True)
def base_with_query(stream: Stream) -> bytes | None:
    """Host, path and query string."""
    request = request_of(stream)
    return None if request is None else host_of(request) + path_and_query(request.target)


def hash_of(text: bytes) -> int:
    """HAProxy's hash for `base32` and `url32`: sdbm, then mixed."""
    from pylb.base.hashes import avalanche

    return avalanche(sdbm(text))


@fetch("base32", type=Type.SINT, source=REQUEST, volatile=True)
def base_hash(stream: Stream) -> int | None:
    """A 32-bit hash of host and path."""
    request = request_of(stream)
    return None if request is None else hash_of(host_of(request) + path_of(request.target))


@fetch("url32", type=Type.SINT, source=REQUEST, volatile=True)
def url_hash(stream: Stream) -> int | None:
    """A 32-bit hash of host, path and query string."""
    request = request_of(stream)
    return None if request is None else hash_of(host_of(request) + path_and_query(request.target))


def with_source(number: int | None, stream: Stream) -> bytes | None:
    """A hash followed by the client's address."""
    if number is None:
        return None
    address = client_source(stream)
    return Binary(number.to_bytes(4, "big") + (address.packed if address is not None else b""))


@fetch("base32+src", type=Type.BIN, source=REQUEST, volatile=True)
def base_hash_source(stream: Stream) -> bytes | None:
    """The hash of host and path, and the client's address."""
    return with_source(base_hash(stream), stream)


@fetch("url32+src", type=Type.BIN, source=REQUEST, volatile=True)
def url_hash_source(stream: Stream) -> bytes | None:
    """The hash of host, path and query string, and the client's address."""
    return with_source(url_hash(stream), stream)


@fetch("url_ip", type=Type.IPV4, source=REQUEST, volatile=True)
def url_address(stream: Stream) -> Any:
    """The address in an absolute target."""
    request = request_of(stream)
    return None if request is None else address_of(authority_of(request.target))


@fetch("url_port", type=Type.SINT, source=REQUEST, volatile=True)
def url_port(stream: Stream) -> int | None:
    """The port of an absolute target, 80 by default."""
    request = request_of(stream)
    if request is None or (address := authority_of(request.target)) == b"":
        return None
    port = address.rpartition(b":")[2] if address.rpartition(b"]")[2].count(b":") else b""
    return int(port) if port.isdigit() else 80


@fetch("req_ver", type=Type.STR, source=REQUEST, volatile=True)
@fetch("req.ver", type=Type.STR, source=REQUEST, volatile=True)
def request_version(stream: Stream) -> bytes | None:
    """Version of the request, as in ``1.1``."""
    request = request_of(stream)
    return None if request is None else b"%d.%d" % divmod(request.version, 10)


@fetch("resp_ver", type=Type.STR, source=RESPONSE, volatile=True)
@fetch("res.ver", type=Type.STR, source=RESPONSE, volatile=True)
def response_version(stream: Stream) -> bytes | None:
    """Version of the response, as in ``1.1``."""
    response = response_of(stream)
    return None if response is None else b"%d.%d" % divmod(response.version, 10)


@fetch("status", type=Type.SINT, source=Source.RESPONSE_FINAL, volatile=True)
def status(stream: Stream) -> int | None:
    """Status of the response."""
    response = response_of(stream)
    return None if response is None else int(response.status)


@fetch("req_proto_http", type=Type.BOOL, source=Source.REQUEST_FINAL, volatile=True)
@fetch("req.proto_http", type=Type.BOOL, source=Source.REQUEST_FINAL, volatile=True)
def is_http(stream: Stream) -> bool | None:
    """Do the client's bytes look like an HTTP request?"""
    if request_of(stream) is not None:
        return True
    return None if stream.unsure else False


@fetch("http_first_req", type=Type.BOOL, source=Source.REQUEST_FINAL)
def first_request(stream: Stream) -> bool:
    """Is this the first request of its connection?"""
    return int(stream.session.requests) <= 1


# -- parameters


def parameters(text: bytes, delimiters: bytes) -> list[tuple[bytes, bytes]]:
    """Name and value of each parameter."""
    for delimiter in delimiters[1:]:
        text = text.replace(bytes((delimiter,)), delimiters[:1])
    pairs = []
    for part in text.split(delimiters[:1]):
        name, equal, value = part.partition(b"=")
        if equal:
            pairs.append((name, value))
    return pairs


def _question(target: bytes, delimiter: str | None) -> tuple[bytes, bytes]:
    """Where the parameters are, and what is between them: ``?`` begins them unless another mark was given."""
    begins = (delimiter or "?")[:1].encode("latin-1")
    path_query = path_and_query(target)
    return path_query.partition(begins)[2], b"&" if not delimiter else b"&;"


def _parameter(name: str | None, delimiter: str | None) -> Callable[[Any], list[bytes]]:
    """All values of a parameter of the query string."""
    wanted = name.encode("latin-1") if name else None

    def every(stream: Stream) -> list[bytes]:
        request = request_of(stream)
        if request is None:
            return []
        text, between = _question(request.target, delimiter)
        return [value for key, value in parameters(text, between) if wanted is None or key == wanted]

    return every


def _parameter_each(context: CompileContext, name: str | None = None, delimiter: str | None = None) -> Callable[[Any], list[bytes]]:
    return _parameter(name, delimiter)


def _parameter_numbers(context: CompileContext, name: str | None = None, delimiter: str | None = None) -> Callable[[Any], list[int]]:
    call = _parameter(name, delimiter)
    return lambda stream: [str_to_int(text) or 0 for text in call(stream)]


PARAMETER = "[string,string]"


@fetch("url_param", type=Type.STR, source=REQUEST, args=PARAMETER, factory=True, each=_parameter_each, volatile=True)
@fetch("urlp", type=Type.STR, source=REQUEST, args=PARAMETER, factory=True, each=_parameter_each, volatile=True)
def url_parameter(context: CompileContext, name: str | None = None, delimiter: str | None = None) -> Callable[[Any], bytes | None]:
    """The first parameter of that name in the query string."""
    call = _parameter(name, delimiter)

    def first(stream: Stream) -> bytes | None:
        found = call(stream)
        return found[0] if found else None

    return first


@fetch("urlp_val", type=Type.SINT, source=REQUEST, args=PARAMETER, factory=True, each=_parameter_numbers, volatile=True)
def url_parameter_number(context: CompileContext, name: str | None = None, delimiter: str | None = None) -> Callable[[Any], int | None]:
    """The same as a number."""
    call = _parameter(name, delimiter)

    def first(stream: Stream) -> int | None:
        found = call(stream)
        return (str_to_int(found[0]) or 0) if found else None

    return first


# -- bodies


@fetch("req.body", type=Type.BIN, source=REQUEST, volatile=True)
def request_body(stream: Stream) -> bytes | None:
    """What has arrived of the request's body."""
    return Binary(received(stream)) if getattr(stream, "request", None) is not None else None


@fetch("req.body_len", type=Type.SINT, source=REQUEST, volatile=True)
def request_body_length(stream: Stream) -> int | None:
    """How much has arrived of the request's body."""
    return len(received(stream)) if getattr(stream, "request", None) is not None else None


@fetch("req.body_size", type=Type.SINT, source=REQUEST, volatile=True)
def request_body_size(stream: Stream) -> int | None:
    """The announced length of the body, or what has arrived of one without."""
    request = getattr(stream, "request", None)
    return None if request is None else int(request.length) or len(received(stream))


@fetch("req.body_param", type=Type.BIN, source=REQUEST, args="[string]", volatile=True)
def body_parameter(stream: Stream, name: str | None = None) -> bytes | None:
    """The first parameter of that name in a body of form fields."""
    wanted = name.encode("latin-1") if name else None
    for key, value in parameters(received(stream), b"&"):
        if wanted is None or key == wanted:
            return Binary(value)
    return None


@fetch("res.body", type=Type.BIN, source=RESPONSE, volatile=True)
def response_body(stream: Stream) -> bytes | None:
    """What has arrived of the response's body."""
    return Binary(answered(stream)) if response_of(stream) is not None else None


@fetch("res.body_len", type=Type.SINT, source=RESPONSE, volatile=True)
def response_body_length(stream: Stream) -> int | None:
    """How much has arrived of the response's body."""
    return len(answered(stream)) if response_of(stream) is not None else None


@fetch("res.body_size", type=Type.SINT, source=RESPONSE, volatile=True)
def response_body_size(stream: Stream) -> int | None:
    """The announced length of the response's body."""
    response = response_of(stream)
    return None if response is None else int(response.length) or len(answered(stream))


# -- captures


def _slot(values: list[bytes | None] | None, number: int) -> bytes | None:
    return values[number] if values is not None and 0 <= number < len(values) else None


@fetch("capture.req.hdr", type=Type.STR, source=Source.REQUEST_FINAL, args="integer")
def captured_request_header(stream: Stream, number: int) -> bytes | None:
    """A captured request header."""
    return _slot(getattr(stream, "captures_request", None), number)


@fetch("capture.res.hdr", type=Type.STR, source=Source.RESPONSE_FINAL, args="integer")
def captured_response_header(stream: Stream, number: int) -> bytes | None:
    """A captured response header."""
    return _slot(getattr(stream, "captures_response", None), number)


def _line(stream: Stream) -> list[bytes]:
    """The words of the request line as it came."""
    line = getattr(stream, "request_line", None)
    if line is None:
        request = getattr(stream, "request", None)
        line = b"" if request is None else request.line()
    return line.split(b" ") if line else []


@fetch("capture.req.method", type=Type.STR, source=Source.REQUEST_FINAL)
def captured_method(stream: Stream) -> bytes | None:
    """The method as it came."""
    words = _line(stream)
    return words[0] if words else None


@fetch("capture.req.uri", type=Type.STR, source=Source.REQUEST_FINAL)
def captured_uri(stream: Stream) -> bytes | None:
    """The target as it came, from its path on."""
    words = _line(stream)
    return (path_and_query(words[1]) or None) if len(words) > 1 else None


@fetch("capture.req.ver", type=Type.STR, source=Source.REQUEST_FINAL)
def captured_version(stream: Stream) -> bytes | None:
    """``HTTP/1.1`` or ``HTTP/1.0``."""
    request = getattr(stream, "request", None)
    return None if request is None else b"HTTP/1.1" if request.version >= 11 else b"HTTP/1.0"


@fetch("capture.res.ver", type=Type.STR, source=Source.REQUEST_FINAL)
def captured_response_version(stream: Stream) -> bytes | None:
    """``HTTP/1.1`` or ``HTTP/1.0``."""
    response = response_of(stream)
    return None if response is None else b"HTTP/1.1" if response.version >= 11 else b"HTTP/1.0"
