"""What proxies may have against a message beyond their rules: names of header fields (`option http-restrict-req-hdr-names`), cacheable cookies
(`option checkcache`); and the redirection of servers that do not relay (`redir`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pylb.stream import local
from pylb.stream.verdict import Answer
from pylb.wire.headers import Headers
from pylb.wire.message import Request, Response

if TYPE_CHECKING:
    from pylb.proxy.server import Server
    from pylb.stream.stream import HttpStream

ODD_IN_NAME = re.compile(rb"[^a-zA-Z0-9-]")
CACHEABLE_STATUS = frozenset((200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501))
CACHEABLE_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
FORBIDS_CACHING = re.compile(rb"(?:private|no-cache|no-store)(?:=.*)?|(?:max-age|s-maxage)=0", re.IGNORECASE)
ALLOWS_CACHING = re.compile(rb"(?:max-age|s-maxage)", re.IGNORECASE)
VALIDATORS = (b"etag", b"last-modified", b"expires")  # what makes a response worth keeping
PAGES = frozenset((200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504))


def restrict_names(stream: HttpStream, how: str) -> None:
    """Delete, or refuse a request for, fields whose names have other characters than letters, digits and dashes."""
    headers = stream.request.headers
    odd = [name for name, _ in headers if ODD_IN_NAME.search(name)]
    if not odd or how == "preserve":
        return
    if how == "delete":
        for name in odd:
            headers.remove(name)
        return
    stream.count("dreq")
    response, body = local.error_of(stream, 403)
    raise Answer(response, body, who="P", when="R", status=403)


def check_cacheability(stream: HttpStream) -> None:
    """Block a response whose server sets a cookie, when a cache could keep it."""
    response, backend, server = stream.response, stream.backend, stream.server
    assert response is not None and backend is not None and server is not None
    if not is_cacheable(stream.request, response):
        return
    stream.count("dresp")
    text = f"Blocking cacheable cookie in response from instance {backend.name}, server {server.name}."
    stream.process.message(1, text)
    if backend.send_log is not None:
        backend.send_log(1, text)
    page, body = local.error_of(stream, response.status if response.status in PAGES else 500)
    raise Answer(page, body, who="P", when="H", status=response.status)


def sets_cookie(headers: Headers) -> bool:
    """Does the server set any?"""
    return headers.contains(b"set-cookie") or headers.contains(b"set-cookie2")


def is_cacheable(request: Request, response: Response) -> bool:
    """May a cache keep this, and has it a reason to?"""
    if response.status not in CACHEABLE_STATUS or request.method not in CACHEABLE_METHODS:
        return False
    headers = response.headers
    if any(value.lower() == b"no-cache" for value in headers.get_all(b"pragma")):
        return False
    words = [word.strip() for value in headers.get_all(b"cache-control") for word in value.split(b",")]
    if any(FORBIDS_CACHING.fullmatch(word) for word in words):
        return False
    return any(ALLOWS_CACHING.match(word) for word in words) or any(headers.contains(name) for name in VALIDATORS)


def redirect(stream: HttpStream, server: Server) -> None:
    """A server with `redir` serves what can be repeated by itself: the client is sent there."""
    if stream.request.method not in (b"GET", b"HEAD"):
        server.counters.smax = max(server.counters.smax, server.counters.scur)
        return
    target = stream.request.target
    path = target if target.startswith(b"/") else b"/" + target.partition(b"://")[2].partition(b"/")[2]
    location = (server.settings.redir or "").encode("latin-1", "replace") + path
    response, body = local.make(302, [(b"location", location)], first=[(b"cache-control", b"no-cache")])
    response.reason, response.keep_alive = b"Found", False  # which ends the connection
    server.counters.session_started(stream.now)
    raise Answer(response, body, who="L", when="C", status=302)
