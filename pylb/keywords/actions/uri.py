"""Actions on the request line and the status line (configuration.txt 4.2 `http-request set-path` and relatives)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import bytes_of, pattern
from pylb.keywords.actions.headers import expand
from pylb.stream.registry import action
from pylb.wire.message import Request
from pylb.wire.replies import reason

REQUEST = ("http-request",)


def cut(target: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the path, the path, and the query with its question mark."""
    start = 0
    if not target.startswith(b"/"):
        scheme = target.find(b"://")
        start = target.find(b"/", scheme + 3) if scheme >= 0 else len(target)
        if start < 0:
            start = len(target)
    query = target.find(b"?", start)
    if query < 0:
        query = len(target)
    return target[:start], target[start:query], target[query:]


def setter(name: str, change: Callable[[Request, bytes], None]) -> None:
    """Register one `set-...` action that takes a log-format."""

    def word(args: Args) -> Run:
        value = bytes_of(args, f"'{args.ruleset} {name}' expects exactly 1 argument.")
        return lambda stream: change(stream.request, value(stream))

    word.__doc__ = change.__doc__
    action(name, rulesets=REQUEST, usage="<fmt>")(word)


def set_method(request: Request, value: bytes) -> None:
    """Put another method on the request line."""
    request.method = value


def set_path(request: Request, value: bytes) -> None:
    """Put another path in the URI; the query stays."""
    before, _, query = cut(request.target)
    request.target = before + value + query


def set_pathq(request: Request, value: bytes) -> None:
    """Put another path with its query in the URI."""
    request.target = cut(request.target)[0] + value


def set_query(request: Request, value: bytes) -> None:
    """Put another query string behind the path."""
    before, path, _ = cut(request.target)
    request.target = before + path + (value if value.startswith(b"?") else b"?" + value)


def set_uri(request: Request, value: bytes) -> None:
    """Put another URI on the request line."""
    request.target = value


for _name, _change in (("set-method", set_method), ("set-path", set_path), ("set-pathq", set_pathq), ("set-query", set_query), ("set-uri", set_uri)):
    setter(_name, _change)


@action("replace-path", rulesets=REQUEST, usage="<regex> <fmt>")
def replace_path(args: Args) -> Run:
    """Where <regex> matches the path, put <fmt> in its place; the query stays."""
    return replace(args, lambda target: cut(target))


@action("replace-pathq", rulesets=REQUEST, usage="<regex> <fmt>")
def replace_pathq(args: Args) -> Run:
    """Where <regex> matches the path with its query, put <fmt> in its place."""

    def parts(target: bytes) -> tuple[bytes, bytes, bytes]:
        before, path, query = cut(target)
        return before, path + query, b""

    return replace(args, parts)


@action("replace-uri", rulesets=REQUEST, usage="<regex> <fmt>")
def replace_uri(args: Args) -> Run:
    """Where <regex> matches the whole URI, put <fmt> in its place."""
    return replace(args, lambda target: (b"", target, b""))


def replace(args: Args, parts: Callable[[bytes], tuple[bytes, bytes, bytes]]) -> Run:
    """The common part of the replace-... actions."""
    complaint = f"'{args.ruleset} {args.words[1]}' expects exactly 2 arguments."
    regex = pattern(args.word(complaint))
    value = bytes_of(args, complaint)

    def run(stream: Any) -> None:
        request: Request = stream.request
        before, text, after = parts(request.target)
        found = regex.search(text)
        if found is not None:
            request.target = before + text[: found.start()] + expand(value(stream), found) + text[found.end() :] + after

    return run


@action("set-status", rulesets=("http-response", "http-after-response"), usage="<status> [reason <str>]")
def set_status(args: Args) -> Run:
    """Put another status code, and a reason of one's own, on the response."""
    complaint = "expects <status>"
    status = args.number("expects an integer status code between 100 and 999", 100, 999) if args.peek() else _missing(complaint)
    text = args.word("expects <status> [reason <str>]").encode("latin-1") if args.maybe("reason") else None

    def run(stream: Any) -> None:
        stream.response.status = status
        stream.response.reason = text if text is not None else reason(status)

    return run


def _missing(complaint: str) -> int:
    raise Alert(complaint)
