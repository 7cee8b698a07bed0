"""Actions on the request line and the status line (configuration.txt 4.2 `http-request set-path` and relatives, `normalize-uri`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config.args import Args, BareAlert
from pylb.config.model import Run
from pylb.keywords.actions.common import REQUEST, RESPONSE, BadTemplate, bytes_of, fits, only, refuse_rewrite, substitution
from pylb.sample.regexes import compile_regex
from pylb.stream.registry import action
from pylb.stream.verdict import Stop
from pylb.wire import uri
from pylb.wire.message import Request
from pylb.wire.replies import reason

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

ONE = "expects exactly 1 argument <format>"
TWO = "expects exactly 2 arguments <match-regex> and <replace-format>"
OPTIONS = {"path-strip-dotdot": "full", "percent-decode-unreserved": "strict", "percent-to-uppercase": "strict"}
Change = Callable[[Request, bytes], None]


def set_method(request: Request, value: bytes) -> None:
    """Put another method on the request line."""
    request.method = value


def set_path(request: Request, value: bytes) -> None:
    """Put another path in the URI; the query stays."""
    request.target = uri.with_path(request.target, value)


def set_pathq(request: Request, value: bytes) -> None:
    """Put another path with its query in the URI."""
    request.target = uri.with_path_and_query(request.target, value)


def set_query(request: Request, value: bytes) -> None:
    """Put another query string behind the path."""
    request.target = uri.with_query(request.target, value)


def set_uri(request: Request, value: bytes) -> None:
    """Put another URI on the request line; the host header follows its authority."""
    request.target = value
    parts = uri.split(value)
    authority = (parts.prefix.partition(b"://")[2] or parts.prefix) if value != b"*" else b""
    for number, (name, _) in enumerate(request.headers):
        if authority and name == b"host":
            request.headers[number] = (name, authority)
            return


def setter(name: str, change: Change) -> None:
    """Register one `set-...` action that takes a log-format."""

    def word(args: Args) -> Run:
        value = bytes_of(args, ONE)
        only(args, ONE)

        def run(stream: Stream) -> None:
            text = value(stream)
            if len(text) > len(stream.request.target) and not fits(stream, len(text) - len(stream.request.target)):
                refuse_rewrite(stream, "http-request")
            else:
                change(stream.request, text)

        return run

    word.__doc__ = change.__doc__
    action(name, rulesets=REQUEST, usage="<fmt>")(word)


for _name, _change in (("set-method", set_method), ("set-path", set_path), ("set-pathq", set_pathq), ("set-query", set_query), ("set-uri", set_uri)):
    setter(_name, _change)


# -- replacing
@action("replace-path", rulesets=REQUEST, usage="<regex> <fmt>")
def replace_path(args: Args) -> Run:
    """Where <regex> matches the path, put <fmt> in its place; the query stays."""
    return replacing(args, uri.path, set_path)


@action("replace-pathq", rulesets=REQUEST, usage="<regex> <fmt>")
def replace_pathq(args: Args) -> Run:
    """Where <regex> matches the path with its query, put <fmt> in its place."""
    return replacing(args, uri.path_and_query, set_pathq)


@action("replace-uri", rulesets=REQUEST, usage="<regex> <fmt>")
def replace_uri(args: Args) -> Run:
    """Where <regex> matches the whole URI, put <fmt> in its place."""
    return replacing(args, lambda target: target, set_uri)


def replacing(args: Args, part: Callable[[bytes], bytes], change: Change) -> Run:
    """The common part of the replace-... actions."""
    pattern, template = args.at(args.index), args.at(args.index + 1)
    if not pattern or not template or args.at(args.index + 2) not in ("", "if", "unless"):
        raise Alert(TWO)
    try:
        regex = compile_regex(pattern)
    except Alert as error:
        raise Alert(f"failed to parse the regex : {error}") from None
    args.index += 1
    substitute = substitution(regex, bytes_of(args, TWO))

    def run(stream: Stream) -> None:
        request: Request = stream.request
        old = part(request.target)
        try:
            new = substitute(stream, old) if old else None
        except BadTemplate:
            refuse_rewrite(stream, "http-request")
            return
        if new is None:
            return
        if len(new) > len(old) and not fits(stream, len(new) - len(old)):
            refuse_rewrite(stream, "http-request")
        else:
            change(request, new)

    return run


# -- normalizing
@action("normalize-uri", rulesets=REQUEST, usage="<normalizer> [ full | strict ]")
def normalize_uri(args: Args) -> Run:
    """Bring the URI into a canonical form; a strict normalizer answers 400 to what it cannot read."""
    if not args.reading.experimental:
        raise BareAlert(
            f"{args.where} : 'normalize-uri' action is experimental, must be allowed via a global 'expose-experimental-directives'"
        )
    args.config.global_.experimental_used = True
    name = args.word("missing argument <normalizer>")
    known = uri.NORMALIZERS.get(name)
    if known is None:
        raise Alert(f"unknown normalizer '{name}'")
    change: Callable[..., bytes] = known
    if name in OPTIONS and args.peek() is not None and not args.at_condition():
        if args.peek() != OPTIONS[name]:
            raise Alert(f"unknown argument '{args.peek()}' for '{name}' normalizer")
        args.index += 1
        change = partial(change, **{OPTIONS[name]: True})

    def run(stream: Stream) -> None:
        try:
            stream.request.target = change(stream.request.target)
        except uri.InvalidUri:
            stream.count("ereq")
            raise Stop("P", "R", 400) from None

    return run


# -- the status line
@action("set-status", rulesets=RESPONSE, usage="<status> [reason <str>]")
def set_status(args: Args) -> Run:
    """Put another status code, and a reason of one's own, on the response."""
    word = args.word("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>")
    status = leading_integer(word)
    if not 100 <= status <= 999 or not word.isdigit():
        raise Alert("expects an integer status code between 100 and 999")
    text: bytes | None = None
    if args.peek() == "reason" and args.at(args.index + 1):
        args.index += 1
        text = args.next().encode("latin-1", "replace")

    def run(stream: Stream) -> None:
        stream.status = status
        stream.response.set_status(status, text if text is not None else reason(status))

    return run
