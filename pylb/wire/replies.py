"""HAProxy's own answers: reasons, error pages byte for byte, and the files that replace them (configuration.txt 4.2 `errorfile`, `http-error`).

A page exists in two spellings. The stream answers with a Response like any other (lower-case names, `connection` by the rules of `h1`): `error_page`,
or `error_reply` for the finished bytes. The multiplexer, which answers when there is no request yet (bad bytes, time-out), sends the page as HAProxy
has it in its tables: `raw_error_reply`; custom error files do not apply there, but an empty one for that status silences it.
"""

from __future__ import annotations

from pylb.base.errors import Alert, BadMessage
from pylb.wire.h1 import Limits, outgoing_response_head, read_response
from pylb.wire.h1_reader import BLOCK_COST, BUFFER_COST, START_LINE_COST
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Response

REASONS: dict[int, bytes] = {
    100: b"Continue", 101: b"Switching Protocols", 102: b"Processing",
    200: b"OK", 201: b"Created", 202: b"Accepted", 203: b"Non-Authoritative Information", 204: b"No Content", 205: b"Reset Content",
    206: b"Partial Content", 207: b"Multi-Status", 210: b"Content Different", 226: b"IM Used",
    300: b"Multiple Choices", 301: b"Moved Permanently", 302: b"Moved Temporarily", 303: b"See Other", 304: b"Not Modified", 305: b"Use Proxy",
    307: b"Temporary Redirect", 308: b"Permanent Redirect", 310: b"Too many Redirects",
    400: b"Bad Request", 401: b"Unauthorized", 402: b"Payment Required", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed",
    406: b"Not Acceptable", 407: b"Proxy Authentication Required", 408: b"Request Time-out", 409: b"Conflict", 410: b"Gone", 411: b"Length Required",
    412: b"Precondition Failed", 413: b"Request Entity Too Large", 414: b"Request-URI Too Long", 415: b"Unsupported Media Type",
    416: b"Requested range unsatisfiable", 417: b"Expectation failed", 418: b"I'm a teapot", 421: b"Misdirected Request",
    422: b"Unprocessable Content", 423: b"Locked", 424: b"Method failure", 425: b"Too Early", 426: b"Upgrade Required",
    428: b"Precondition Required", 429: b"Too Many Requests", 431: b"Request Header Fields Too Large", 449: b"Retry With",
    450: b"Blocked by Windows Parental Controls", 451: b"Unavailable For Legal Reasons", 456: b"Unrecoverable Error",
    499: b"client has closed connection",
    500: b"Internal Server Error", 501: b"Not Implemented", 502: b"Bad Gateway or Proxy Error", 503: b"Service Unavailable",
    504: b"Gateway Time-out", 505: b"HTTP Version not supported", 506: b"Variant also negotiate", 507: b"Insufficient storage", 508: b"Loop detected",
    509: b"Bandwidth Limit Exceeded", 510: b"Not extended", 511: b"Network authentication required",
    520: b"Web server is returning an unknown error",
}  # fmt: skip
CLASS_REASONS = {1: b"Informational", 2: b"Success", 3: b"Redirection", 4: b"Client Error", 5: b"Server Error"}

# status: title (also the reason of the page), text
PAGES: dict[int, tuple[bytes, bytes]] = {
    200: (b"OK", b"Service ready."),
    400: (b"Bad request", b"Your browser sent an invalid request."),
    401: (b"Unauthorized", b"You need a valid user and password to access this content."),
    403: (b"Forbidden", b"Request forbidden by administrative rules."),
    404: (b"Not Found", b"The resource could not be found."),
    405: (b"Method Not Allowed", b"A request was made of a resource using a request method not supported by that resource"),
    407: (b"Unauthorized", b"You need a valid user and password to access this content."),
    408: (b"Request Time-out", b"Your browser didn't send a complete request in time."),
    410: (b"Gone", b"The resource is no longer available and will not be available again."),
    413: (b"Payload Too Large", b"The request entity exceeds the maximum allowed."),
    421: (b"Misdirected Request", b"Request sent to a non-authoritative server."),
    422: (b"Unprocessable Content", b"The server cannot process the contained instructions."),
    425: (b"Too Early", b"Your browser sent early data."),
    429: (b"Too Many Requests", b"You have sent too many requests in a given amount of time."),
    500: (b"Internal Server Error", b"An internal server error occurred."),
    501: (b"Not Implemented", b".The server does not support the functionality required to fulfill the request."),
    502: (b"Bad Gateway", b"The server returned an invalid or incomplete response."),
    503: (b"Service Unavailable", b"No server is available to handle this request."),
    504: (b"Gateway Time-out", b"The server didn't respond in time."),
}
CLOSING = frozenset((400, 408))  # these pages say `connection: close`


def reason(status: int) -> bytes:
    """The reason HAProxy writes when it chooses a status itself (`return`, `set-status`)."""
    return REASONS.get(status) or CLASS_REASONS.get(status // 100, b"Other")


def has_page(status: int) -> bool:
    """May this status have an error page (`errorfile <code>`)?"""
    return status in PAGES


def error_body(status: int) -> bytes:
    """The body of the built-in page."""
    title, text = PAGES[status]
    return b"<html><body><h1>%d %s</h1>\n%s\n</body></html>\n" % (status, title, text)


def error_page(status: int) -> tuple[Response, bytes]:
    """The built-in page as a response and its body; `keep_alive` is False where the page closes the client's connection."""
    body = error_body(status)
    headers = Headers([(b"content-length", b"%d" % len(body)), (b"cache-control", b"no-cache"), (b"content-type", b"text/html")])
    return Response(status, PAGES[status][0], 11, headers, Framing.LENGTH, len(body), keep_alive=status not in CLOSING), body


def error_reply(status: int, client_version: int = 11, close: bool = False) -> bytes:
    """The built-in page as a stream sends it to a client."""
    page, body = error_page(status)
    return outgoing_response_head(page, client_version, close or not page.keep_alive) + body


def raw_error_reply(status: int) -> bytes:
    """The built-in page as a multiplexer sends it when it has no request to answer."""
    body = error_body(status)
    close = b"Connection: close\r\n" if status in CLOSING else b""
    head = b"HTTP/1.1 %d %s\r\nContent-length: %d\r\nCache-Control: no-cache\r\n%sContent-Type: text/html\r\n\r\n"
    return head % (status, PAGES[status][0], len(body), close) + body


def parse_errorfile(data: bytes, limits: Limits | None = None) -> tuple[Response, bytes] | None:
    """The response in an error file and its body; None for an empty file, which means: close without a word.

    The Alert's text is what HAProxy prints after the file's name. Whoever reads the file truncates it to `tune.bufsize` with a warning.
    """
    if not data:
        return None
    limits = limits or Limits()
    try:
        got = read_response(data, b"GET", limits)
    except BadMessage as bad:
        raise Alert(f"unable to parse headers (error offset: {bad.position})") from None
    if got is None:
        raise Alert("unable to parse headers (error offset: -2)")
    response, size = got
    body = data[size:]
    _check_page(response, body)
    if _cost(response) + len(body) > limits.bufsize:
        raise Alert("unable to add payload into the HTX message")
    if response.framing is Framing.CLOSE:
        response.keep_alive = False
    return response, body


def _cost(response: Response) -> int:
    """What this head takes of a buffer in HAProxy's internal form, with room for one more block."""
    words = len(b"HTTP/1.1") + 3 + len(response.reason)
    fields = sum([len(name) + len(value) + BLOCK_COST for name, value in response.headers])
    return BUFFER_COST + START_LINE_COST + words + fields + 3 * BLOCK_COST + 1


def _check_page(response: Response, body: bytes) -> None:
    """Is this a response that can be sent as it is?"""
    if response.status < 200:
        raise Alert(f"invalid http status code for an error message ({response.status})")
    if response.framing is Framing.CHUNKED:
        raise Alert("chunk-encoded payload not supported")
    if response.framing is Framing.LENGTH and len(body) != response.length:
        raise Alert(f"payload size does not match the announced content-length ({len(body)} != {response.length})")
    if body and response.framing is Framing.NONE:
        raise Alert("message payload not expected")
