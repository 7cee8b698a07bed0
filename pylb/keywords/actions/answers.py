"""Actions that answer in a server's place or end the request (configuration.txt 4.2 `http-request deny`, `return`, `redirect`, `auth`)."""

from __future__ import annotations

from base64 import b64decode  # noqa: F401 - re-exported for the authentication fetches
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import Bytes, bytes_of
from pylb.stream import local
from pylb.stream.registry import action
from pylb.stream.verdict import Answer, Stop, Verdict
from pylb.wire.headers import Pair
from pylb.wire.message import Response

Make = Callable[[Any], tuple[Response, bytes]]
RETURNED = ("http-request", "http-response")


@action("deny", rulesets=RETURNED, usage="[deny_status <status>] ...")
def deny(args: Args) -> Run:
    """Refuse the request or response: 403 to a request, 502 to a response, or the status and message given."""
    response = args.ruleset == "http-response"
    make = reply_of(args, 502 if response else 403)

    def run(stream: Any) -> None:
        stream.count("dresp" if response else "dreq")
        message, body = make(stream)
        raise Answer(message, body, who="P", when="H" if response else "R")

    return run


@action("tarpit", rulesets=("http-request",), usage="[deny_status <status>] ...")
def tarpit(args: Args) -> Run:
    """Let the client wait for `timeout tarpit`, then refuse with 500 or the status given."""
    make = reply_of(args, 500)

    def run(stream: Any) -> None:
        stream.count("dreq")
        message, body = make(stream)
        raise Answer(message, body, who="P", when="T", tarpit=True)

    return run


@action("return", rulesets=("http-request", "http-response"), usage="[status <code>] [content-type <type>] ...")
def return_(args: Args) -> Run:
    """Answer with a status, a body from a file, a string or an errorfile, and headers."""
    make = reply_of(args, 200, word="status")
    when = "H" if args.ruleset == "http-response" else "R"

    def run(stream: Any) -> None:
        message, body = make(stream)
        raise Answer(message, body, who="L", when=when)

    return run


@action("reject", rulesets=("http-request", "tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content"))
def reject(args: Args) -> Run:
    """End the connection without an answer."""
    if args.ruleset == "http-request":

        def run(stream: Any) -> None:
            stream.count("dreq")
            raise Stop("P", "R", 0)

        return run
    return lambda stream: Verdict.REJECT


@action("silent-drop", rulesets=("http-request", "http-response", "tcp-request connection", "tcp-request session", "tcp-request content"))
def silent_drop(args: Args) -> Run:
    """Forget the connection without telling the client: no answer, no FIN."""

    def run(stream: Any) -> None:
        session = stream.session
        session.process.net.forget(session.transport)
        raise Stop("P", "R", 0)

    return run


@action("redirect", rulesets=("http-request", "http-response"), usage="location|prefix|scheme <value> [code <code>] ...")
def redirect(args: Args) -> Run:
    """Send the client elsewhere: to a location, to the same path under a prefix, or to another scheme."""
    kind, target, code, drop_query, append_slash, cookies, ignore_empty = redirect_words(args)

    def run(stream: Any) -> None:
        value = target(stream)
        if ignore_empty and not value:
            return
        location = location_of(stream, kind, value, drop_query, append_slash)
        headers: list[Pair] = [(b"location", location)]
        if code in (301, 302, 303):
            headers.append((b"cache-control", b"no-cache"))
        headers += [(b"set-cookie", cookie) for cookie in cookies]
        message, body = local.make(code, headers)
        raise Answer(message, body, who="L", when="R")

    return run


def redirect_words(args: Args) -> Any:
    """The words of a redirect line."""
    kind, target, code = "", None, 302
    drop_query = append_slash = ignore_empty = False
    cookies: list[bytes] = []
    while args.peek() is not None and not args.at_condition():
        word = args.next()
        if word in ("location", "prefix", "scheme"):
            kind = word
            target = bytes_of(args, f"'{word}' : missing argument.")
        elif word == "code":
            text = args.word("'code' : missing argument.")
            if text not in ("301", "302", "303", "307", "308"):
                raise Alert(f"'code' : unsupported HTTP code '{text}' (must be one of 301, 302, 303, 307 or 308)")
            code = int(text)
        elif word == "drop-query":
            drop_query = True
        elif word == "append-slash":
            append_slash = True
        elif word == "ignore-empty":
            ignore_empty = True
        elif word == "set-cookie":
            cookies.append(args.word("'set-cookie' : missing argument.").encode("latin-1") + b"; path=/;")
        elif word == "clear-cookie":
            cookies.append(args.word("'clear-cookie' : missing argument.").encode("latin-1") + b"; path=/; Max-Age=0;")
        else:
            raise Alert(f"expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'ignore-empty' or 'append-slash' (was '{word}')")
    if target is None:
        raise Alert("redirection type expected ('prefix', 'location', or 'scheme')")
    return kind, target, code, drop_query, append_slash, cookies, ignore_empty


def location_of(stream: Any, kind: str, value: bytes, drop_query: bool, append_slash: bool) -> bytes:
    """The `location` of a redirect."""
    if kind == "location":
        return value
    target: bytes = stream.request.target
    path = target if target.startswith(b"/") else b"/" + target.partition(b"://")[2].partition(b"/")[2]
    if drop_query:
        path = path.partition(b"?")[0]
    if kind == "scheme":
        return value + b"://" + (stream.request.headers.get(b"host") or b"") + path
    if append_slash:
        head, mark, query = path.partition(b"?")
        path = (head if head.endswith(b"/") else head + b"/") + mark + query
    return path if value == b"/" else value + path


@action("auth", rulesets=("http-request",), usage="[realm <realm>]")
def auth(args: Args) -> Run:
    """Ask the client for a user name and a password."""
    realm = args.word("'realm' expects an argument").encode("latin-1") if args.maybe("realm") else None

    def run(stream: Any) -> None:
        text = realm if realm is not None else (stream.backend or stream.frontend).name.encode()
        message, body = local.error_of(stream, 401)
        message.headers.add(b"www-authenticate", b'Basic realm="%s"' % text)
        raise Answer(message, body, who="L", when="R")

    return run


# -- the words that describe an answer
def reply_of(args: Args, status: int, word: str = "deny_status") -> Make:
    """`[status|deny_status N] [content-type T] [default-errorfiles|errorfile F|file F|lf-file F|string S|lf-string S] [hdr N V]...`."""
    content_type: bytes | None = None
    payload: Bytes | None = None
    errorfile: bytes | None = None
    headers: list[tuple[bytes, Bytes]] = []
    use_errors = word == "deny_status"
    while args.peek() is not None and not args.at_condition():
        name = args.next()
        if name in ("status", "deny_status"):
            status = args.number(f"'{name}' expects an integer argument", 200, 599)
        elif name == "content-type":
            content_type = args.word("'content-type' expects <ctype> as argument").encode("latin-1")
        elif name == "default-errorfiles":
            use_errors = True
        elif name == "errorfile":
            errorfile = read_file(args.word("'errorfile' expects <file> as argument"))
        elif name in ("file", "string"):
            text = args.word(f"'{name}' expects <{'file' if name == 'file' else 'str'}> as argument")
            payload = constant(read_file(text) if name == "file" else text.encode("latin-1"))
        elif name in ("lf-file", "lf-string"):
            payload = bytes_of(args, f"'{name}' expects <fmt> as argument")
        elif name == "hdr":
            key = args.word("'hdr' expects <name> and <value> as arguments").encode("latin-1").lower()
            headers.append((key, bytes_of(args, "'hdr' expects <name> and <value> as arguments")))
        else:
            args.index -= 1
            break
    if errorfile is not None:
        return lambda stream: local.from_errorfile(errorfile)
    if payload is None and (use_errors and content_type is None and not headers):
        return lambda stream: local.error_of(stream, status)
    return lambda stream: made(stream, status, content_type, payload, headers)


def made(stream: Any, status: int, content_type: bytes | None, payload: Bytes | None, headers: list[tuple[bytes, Bytes]]) -> tuple[Response, bytes]:
    """The answer that the words describe."""
    body = payload(stream) if payload is not None else b""
    fields: list[Pair] = [(b"content-type", content_type)] if content_type is not None and body else []
    return local.make(status, [*fields, *((name, value(stream)) for name, value in headers)], body)


def constant(data: bytes) -> Bytes:
    return lambda stream: data


def read_file(path: str) -> bytes:
    """A file of the configuration; raises Alert."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Alert(f"error opening file '{path}' ({error.strerror})") from None
