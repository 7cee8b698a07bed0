"""The aliases of log formats, ``%ci`` and the others (configuration.txt 8.2.6).

Each is a function of the stream that gives text. `text=True`: quotes and escapes apply; `missing=True`: it may be empty, which
logs show as ``-``; `hexadecimal`: the form of the ``+X`` flag; `http=True`: for HTTP proxies only; `parts`: a list of texts.
The aliases of the usual formats also stand in INLINE, as what goes between the braces of an f-string: a log line is then one
expression instead of thirty calls. Both say the same; a test holds them to it.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pylb.base.clock import log_date, log_date_gmt, log_date_local
from pylb.base.text import LINE_SAFE, log_header, log_uri
from pylb.sample.registry import inline, variable

if TYPE_CHECKING:
    from pylb.stream.driver import Stream


def _hex_address(host: str) -> str:
    """An address without punctuation."""
    return ip_address(host).packed.hex().upper() if host and not host.startswith("/") else host


# -- addresses


@variable("ci", text=True, missing=True, hexadecimal=lambda stream: _hex_address(stream.session.source[0]))
def client_address(stream: Stream) -> str:
    """Address of the client; `unix` for a unix socket."""
    host: str = stream.session.source[0]
    return host or "unix"


@variable("cp", hexadecimal=lambda stream: f"{_client_port(stream):04X}")
def client_port(stream: Stream) -> str:
    """Port of the client; the listener's number on a unix socket."""
    return str(_client_port(stream))


def _client_port(stream: Stream) -> int:
    session = stream.session
    host, port = session.source
    number: int = port if host else session.listener.id
    return number


@variable("fi", text=True, missing=True, hexadecimal=lambda stream: _hex_address(stream.session.destination[0]))
def frontend_address(stream: Stream) -> str:
    """Address the client connected to."""
    host: str = stream.session.destination[0]
    return host or "unix"


@variable("fp", hexadecimal=lambda stream: f"{_frontend_port(stream):04X}")
def frontend_port(stream: Stream) -> str:
    """Port the client connected to."""
    return str(_frontend_port(stream))


def _frontend_port(stream: Stream) -> int:
    session = stream.session
    host, port = session.destination
    number: int = port if host else session.listener.id
    return number


def _server_side(stream: Stream, name: str) -> tuple[str, int] | None:
    """`sockname` or `peername` of the connection to the server, while there is one."""
    transport = getattr(getattr(stream, "back", None), "transport", None)
    found = None if transport is None else transport.get_extra_info(name)
    return found if isinstance(found, tuple) else None


@variable("bi", text=True, missing=True)
def server_source_address(stream: Stream) -> str | None:
    """Address used to connect to the server."""
    found = _server_side(stream, "sockname")
    return found[0] if found else None


@variable("bp", text=True, missing=True)
def server_source_port(stream: Stream) -> str | None:
    """Port used to connect to the server."""
    found = _server_side(stream, "sockname")
    return str(found[1]) if found else None


@variable("si", text=True, missing=True)
def server_address(stream: Stream) -> str | None:
    """Address of the server."""
    found = _server_side(stream, "peername")
    if found is None and stream.server is not None and stream.time_connect >= 0:
        return str(stream.server.address.host)
    return found[0] if found else None


@variable("sp", text=True, missing=True)
def server_port(stream: Stream) -> str | None:
    """Port of the server."""
    found = _server_side(stream, "peername")
    if found is None and stream.server is not None and stream.time_connect >= 0:
        return str(stream.server.address.port)
    return str(found[1]) if found else None


# -- names


@variable("f", text=True)
def frontend_name(stream: Stream) -> str:
    """Name of the frontend."""
    name: str = stream.frontend.name
    return name


@variable("ft", text=True)
def frontend_transport(stream: Stream) -> str:
    """Name of the frontend, with a tilde when TLS is in use."""
    session = stream.session
    name: str = session.frontend.name
    return name if session.listener.tls is None else name + "~"


@variable("b", text=True)
def backend_name(stream: Stream) -> str:
    """Name of the backend; of the frontend when none was chosen."""
    name: str = (stream.backend or stream.frontend).name
    return name


@variable("s", text=True)
def server_name(stream: Stream) -> str:
    """Name of the server, or what answered in its place."""
    if stream.server is not None:
        name: str = stream.server.name
        return name
    return stream.applet_name or "<NOSRV>"


@variable("H", text=True)
def host_name(stream: Stream) -> str:
    """The name of this machine."""
    return os.uname().nodename


@variable("ID", text=True, missing=True)
def unique_id(stream: Stream) -> str | None:
    """The unique id, made now when the frontend has a format for it."""
    return make_unique_id(stream)


def make_unique_id(stream: Any) -> str | None:
    """The stream's unique id; its format is evaluated once."""
    if stream.session is stream:
        return None
    if stream.unique_id is None and stream.frontend.unique_id_format is not None:
        stream.unique_id = stream.frontend.unique_id_format(stream)
    found: str | None = stream.unique_id
    return found


# -- numbers


@variable("pid", hexadecimal=lambda stream: f"{stream.process.pid:04X}")
def process_id(stream: Stream) -> str:
    """Identifier of this process."""
    return str(stream.process.pid)


@variable("rt", hexadecimal=lambda stream: f"{_number(stream):04X}")
def request_counter(stream: Stream) -> str:
    """Number of this stream among all of the process."""
    return str(_number(stream))


def _number(stream: Stream) -> int:
    found = getattr(stream, "number", None)
    return found if isinstance(found, int) else max(0, stream.process.counters.requests_total - 1)


@variable("lc", hexadecimal=lambda stream: f"{stream.frontend.log_count:04X}")
def log_counter(stream: Stream) -> str:
    """How many lines the frontend has logged."""
    return str(stream.frontend.log_count)


@variable("ac")
def active_connections(stream: Stream) -> str:
    """Connections of the process."""
    return str(stream.process.connections)


@variable("fc")
def frontend_connections(stream: Stream) -> str:
    """Connections of the frontend."""
    return str(stream.frontend.counters.scur)


@variable("bc")
def backend_connections(stream: Stream) -> str:
    """Streams of the backend."""
    backend = stream.backend
    return str(backend.counters.scur) if backend is not None else "0"


@variable("sc")
def server_connections(stream: Stream) -> str:
    """Streams of the server."""
    server = stream.server
    return str(server.counters.scur) if server is not None else "0"


@variable("rc")
def retries(stream: Stream) -> str:
    """Connection attempts after the first; a plus sign when the request was given to another server."""
    return f"+{stream.retried}" if stream.redispatched else str(stream.retried)


@variable("sq")
def server_queue(stream: Stream) -> str:
    """How many waited for the server before this one."""
    return str(stream.queue_ahead[0])


@variable("bq")
def backend_queue(stream: Stream) -> str:
    """How many waited for the backend before this one."""
    return str(stream.queue_ahead[1])


@variable("B")
def bytes_read(stream: Stream) -> str:
    """Bytes from server to client."""
    return f"+{stream.bytes_out}" if stream.frontend.log_asap else str(stream.bytes_out)


@variable("U")
def bytes_uploaded(stream: Stream) -> str:
    """Bytes from client to server."""
    return f"+{stream.bytes_in}" if stream.frontend.log_asap else str(stream.bytes_in)


@variable("ST")
def status_code(stream: Stream) -> str:
    """Status of the response."""
    return str(stream.status)


@variable("ts")
def termination_state(stream: Stream) -> str:
    """Who ended the stream, and when."""
    state: str = stream.termination
    return state


@variable("tsc")
def termination_with_cookies(stream: Stream) -> str:
    """The same, followed by what became of the persistence cookie."""
    return f"{stream.termination}{getattr(stream, 'cookie_state', '--')}"


# -- times


def _idle(stream: Stream) -> int:
    """Milliseconds before the first byte of the request."""
    return max(0, int((stream.request_began - stream.idle_from) * 1000))


def _handshake(stream: Stream) -> int:
    """The handshake's time, which only the first request of a connection pays."""
    session = stream.session
    spent: int = session.handshake_ms if session.requests <= 1 else 0
    return spent


@variable("Th")
def time_handshake(stream: Stream) -> str:
    return str(_handshake(stream))


@variable("Ti", http=True)
def time_idle(stream: Stream) -> str:
    return str(_idle(stream))


@variable("TR", http=True)
def time_request(stream: Stream) -> str:
    spent = stream.time_request
    return str(spent - max(0, int((stream.request_began - stream.idle_from) * 1000))) if spent >= 0 else "-1"


@variable("Tq", http=True)
def time_until_request(stream: Stream) -> str:
    spent = stream.time_request
    return str(spent + _handshake(stream)) if spent >= 0 else "-1"


@variable("Tw")
def time_queue(stream: Stream) -> str:
    spent = stream.time_queue
    return str(spent - stream.time_request if stream.time_request >= 0 else spent) if spent >= 0 else "-1"


@variable("Tc")
def time_connect(stream: Stream) -> str:
    spent = stream.time_connect
    return str(spent - stream.time_queue) if spent >= 0 else "-1"


@variable("Tr", http=True)
def time_response(stream: Stream) -> str:
    spent = stream.time_data
    return str(spent - stream.time_connect) if spent >= 0 else "-1"


@variable("Td")
def time_data(stream: Stream) -> str:
    if stream.time_data >= 0:
        return str(stream.time_close - stream.time_data)
    return str(stream.time_close - stream.time_connect) if stream.time_connect >= 0 and getattr(stream, "request", None) is None else "-1"


@variable("Ta", http=True)
def time_active(stream: Stream) -> str:
    spent = stream.time_close - max(0, int((stream.request_began - stream.idle_from) * 1000))
    return f"+{spent}" if stream.frontend.log_asap else str(spent)


@variable("Tt")
def time_total(stream: Stream) -> str:
    spent = stream.time_close + _handshake(stream)
    return f"+{spent}" if stream.frontend.log_asap else str(spent)


@variable("Tu")
def time_user(stream: Stream) -> str:
    return str(time_total(stream))


def accepted_wall(stream: Stream) -> float:
    """Wall clock time of the connection, or of the end of the request before this one."""
    wall: float = stream.process.clock.wall_at(stream.session.accepted)
    return wall


def request_wall(stream: Stream) -> float:
    """Wall clock time of the first byte of the request."""
    wall: float = stream.process.clock.wall_at(stream.request_began)
    return wall


@variable("t")
def date(stream: Stream) -> str:
    return log_date(accepted_wall(stream))


@variable("T")
def date_gmt(stream: Stream) -> str:
    return log_date_gmt(accepted_wall(stream))


@variable("Tl")
def date_local(stream: Stream) -> str:
    return log_date_local(accepted_wall(stream))


@variable("tr", http=True)
def request_date(stream: Stream) -> str:
    text: str = stream.process.clock.log_date(stream.request_began)
    return text


@variable("trg", http=True)
def request_date_gmt(stream: Stream) -> str:
    return log_date_gmt(request_wall(stream))


@variable("trl", http=True)
def request_date_local(stream: Stream) -> str:
    return log_date_local(request_wall(stream))


@variable("Ts", hexadecimal=lambda stream: f"{int(accepted_wall(stream)):04X}")
def timestamp(stream: Stream) -> str:
    return str(int(accepted_wall(stream)))


@variable("ms", hexadecimal=lambda stream: f"{_milliseconds(stream):02X}")
def milliseconds(stream: Stream) -> str:
    return f"{_milliseconds(stream):03d}"


def _milliseconds(stream: Stream) -> int:
    return int(accepted_wall(stream) * 1000) % 1000


# -- HTTP

BAD_REQUEST = "<BADREQ>"


def request_line_of(stream: Stream) -> bytes | None:
    """The request line as received; `<BADREQ>` when there was none."""
    line: bytes | None = getattr(stream, "request_line", None)
    if line is None and getattr(stream, "request", None) is not None:
        line = stream.request.line()[: stream.frontend.longest_line]
    return line


@variable("r", text=True, http=True)
def request_line(stream: Stream) -> str:
    """Method, URI and version, cut to `tune.http.logurilen`."""
    line = request_line_of(stream)
    return log_uri(line.decode("latin-1")) if line is not None else BAD_REQUEST


def _word(stream: Stream, number: int) -> str:
    """A word of the request line; `<BADREQ>` when it is not there."""
    line = request_line_of(stream)
    words = line.decode("latin-1").split(" ") if line else []
    return log_uri(words[number]) if number < len(words) and len(words) > 1 else BAD_REQUEST


@variable("HM", text=True, http=True)
def http_method(stream: Stream) -> str:
    return _word(stream, 0)


@variable("HU", text=True, http=True)
def http_uri(stream: Stream) -> str:
    return _word(stream, 1)


@variable("HV", text=True, http=True)
def http_version(stream: Stream) -> str:
    line = request_line_of(stream)
    return "HTTP/0.9" if line is not None and line.count(b" ") == 1 else _word(stream, 2)  # the line was cut


@variable("HP", text=True, http=True)
def http_uri_without_query(stream: Stream) -> str:
    return _word(stream, 1).partition("?")[0]


@variable("HPO", text=True, http=True)
def http_path(stream: Stream) -> str:
    """The URI's path alone, without scheme, host and query string."""
    path = _word(stream, 1).partition("?")[0]
    if path.startswith("/") or path == BAD_REQUEST:
        return path
    _, scheme, rest = path.partition("://")
    _, slash, rest = (rest if scheme else path).partition("/")
    return slash + rest


@variable("HQ", text=True, http=True)
def http_query(stream: Stream) -> str:
    """The query string with its question mark."""
    uri = _word(stream, 1)
    _, mark, query = uri.partition("?")
    return mark + query if uri != BAD_REQUEST else uri


@variable("CC", text=True, missing=True, http=True)
def request_cookie(stream: Stream) -> str | None:
    """The captured request cookie, as it came."""
    cookie: bytes | None = getattr(stream, "cookie_captured_request", None)
    return cookie.decode("latin-1") if cookie else None


@variable("CS", text=True, missing=True, http=True)
def response_cookie(stream: Stream) -> str | None:
    """The captured response cookie, as it came."""
    cookie: bytes | None = getattr(stream, "cookie_captured_response", None)
    return cookie.decode("latin-1") if cookie else None


def _captured(stream: Stream, slots: int, values: list[bytes | None] | None) -> list[str]:
    """Captured headers as text, a slot each; bytes that never became a stream have none."""
    if stream.streamless:
        return []
    texts = [log_header(value.decode("latin-1")) if value else "" for value in values or ()]
    return texts + [""] * (slots - len(texts))


def _in_braces(stream: Stream, slots: int, values: list[bytes | None] | None) -> str:
    return "{" + "|".join(_captured(stream, slots, values)) + "}" if slots and not stream.streamless else ""


@variable("hr", text=True, optional=True)
def request_headers(stream: Stream) -> str:
    """Captured request headers between braces; nothing when none is to be captured."""
    return _in_braces(stream, len(stream.frontend.request_captures), stream.captures_request)


@variable("hs", text=True, optional=True)
def response_headers(stream: Stream) -> str:
    """Captured response headers between braces."""
    return _in_braces(stream, len(stream.frontend.response_captures), stream.captures_response)


@variable("hrl", text=True, parts=True, optional=True)
def request_header_list(stream: Stream) -> list[str]:
    """Captured request headers, each a field of its own."""
    return _captured(stream, len(stream.frontend.request_captures), stream.captures_request)


@variable("hsl", text=True, parts=True, optional=True)
def response_header_list(stream: Stream) -> list[str]:
    """Captured response headers, each a field of its own."""
    return _captured(stream, len(stream.frontend.response_captures), stream.captures_response)


# -- TLS


@variable("sslc", text=True, missing=True)
def tls_cipher(stream: Stream) -> str | None:
    """Cipher of the client's connection."""
    tls = stream.session.tls
    facts = getattr(tls, "facts", None)
    cipher: str | None = facts.cipher if facts is not None else None
    return cipher


@variable("sslv", text=True, missing=True)
def tls_version(stream: Stream) -> str | None:
    """TLS version of the client's connection."""
    tls = stream.session.tls
    facts = getattr(tls, "facts", None)
    version: str | None = facts.version if facts is not None else None
    return version


# alias -> the same as source text; the names it may use are those of `sample.logformat.LOCALS`
INLINE = {
    "ci": "{source[0] or 'unix'}",
    "cp": "{source[1] if source[0] else session.listener.id}",
    "ft": "{frontend.name if session.listener.tls is None else frontend.name + '~'}",
    "b": "{(backend or frontend).name}",
    "s": "{server.name if server is not None else server_name(s)}",
    "ac": "{s.process.connections}",
    "fc": "{frontend.counters.scur}",
    "bc": "{backend.counters.scur if backend is not None else 0}",
    "sc": "{server.counters.scur if server is not None else 0}",
    "rc": "{'+' if s.redispatched else ''}{s.retried}",
    "sq": "{s.queue_ahead[0]}",
    "bq": "{s.queue_ahead[1]}",
    "B": "{asap}{s.bytes_out}",
    "ST": "{s.status}",
    "ts": "{s.termination}",
    "tsc": "{s.termination}{s.cookie_state}",
    "TR": "{request - idle if request >= 0 else -1}",
    "Tw": "{(queue - request if request >= 0 else queue) if queue >= 0 else -1}",
    "Tc": "{connect - queue if connect >= 0 else -1}",
    "Tr": "{s.time_data - connect if s.time_data >= 0 else -1}",
    "Ta": "{asap}{s.time_close - idle}",
    "hr": "{request_headers(s) if frontend.request_captures else ''}",
    "hs": "{response_headers(s) if frontend.response_captures else ''}",
    "CC": "{request_cookie(s) or '-' if s.cookie_captured_request else '-'}",
    "CS": "{response_cookie(s) or '-' if s.cookie_captured_response else '-'}",
    "r": "{s.request_line.decode('latin-1') if s.request_line is not None and plain(s.request_line) else request_line(s)}",
    "tr": "{s.process.clock.log_date(s.request_began)}",
}
INLINE_NAMES = {
    "plain": LINE_SAFE, "server_name": server_name, "request_headers": request_headers, "response_headers": response_headers,
    "request_cookie": request_cookie, "response_cookie": response_cookie, "request_line": request_line,
}  # fmt: skip
for _name, _source in INLINE.items():
    inline[_name] = (_source, INLINE_NAMES)
