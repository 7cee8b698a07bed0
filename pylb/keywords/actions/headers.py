"""Actions on header fields (configuration.txt 4.2 `http-request set-header` and relatives)."""

from __future__ import annotations

import re
from typing import Any

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import HTTP, bytes_of, pattern
from pylb.stream.registry import action
from pylb.wire.headers import Headers, split_values


@action("set-header", rulesets=HTTP, usage="<name> <fmt>")
def set_header(args: Args) -> Run:
    """Remove every field called <name>, then add one with the value of <fmt>."""
    name, value = header_and_format(args)

    def run(stream: Any) -> None:
        text = value(stream)
        stream.headers.set(name, text)

    return run


@action("add-header", rulesets=HTTP, usage="<name> <fmt>")
def add_header(args: Args) -> Run:
    """Add a field called <name> with the value of <fmt> behind those that exist."""
    name, value = header_and_format(args)

    def run(stream: Any) -> None:
        stream.headers.add(name, value(stream))

    return run


@action("del-header", rulesets=HTTP, usage="<name> [ -m <meth> ]")
def del_header(args: Args) -> Run:
    """Remove every field whose name matches: the whole name, or what <meth> (str, beg, end, sub, reg) says."""
    name = args.word(f"'{args.ruleset} {args.words[1]}' expects 1 or 3 arguments: <name> [-m <method>].").lower().encode("latin-1")
    method = "str"
    if args.maybe("-m"):
        method = args.word("missing matching method")
    if method == "str":
        return lambda stream: stream.headers.remove(name) and None
    matches = name_matcher(method, name)

    def run(stream: Any) -> None:
        headers: Headers = stream.headers
        headers[:] = [pair for pair in headers if not matches(pair[0])]

    return run


def name_matcher(method: str, name: bytes) -> Any:
    """A test of field names by one of the matching methods."""
    if method == "reg":
        return re.compile(name, re.IGNORECASE).search
    try:
        return {"beg": lambda key: key.startswith(name), "end": lambda key: key.endswith(name), "sub": lambda key: name in key}[method]
    except KeyError:
        raise Alert(f"unknown matching method '{method}'") from None


@action("replace-header", rulesets=("http-request", "http-response", "http-after-response"), usage="<name> <regex> <fmt>")
def replace_header(args: Args) -> Run:
    """Where the whole value of a field <name> matches <regex>, put <fmt> (with \\1 ... \\9) in the match's place."""
    return replace(args, whole=True)


@action("replace-value", rulesets=("http-request", "http-response", "http-after-response"), usage="<name> <regex> <fmt>")
def replace_value(args: Args) -> Run:
    """As replace-header, on each comma-separated value by itself."""
    return replace(args, whole=False)


def replace(args: Args, whole: bool) -> Run:
    """The common part of replace-header and replace-value."""
    complaint = f"'{args.ruleset} {args.words[1]}' expects exactly 3 arguments."
    name = args.word(complaint).lower().encode("latin-1")
    regex = pattern(args.word(complaint))
    value = bytes_of(args, complaint)

    def substitute(stream: Any, text: bytes) -> bytes:
        found = regex.search(text)
        if found is None:
            return text
        return text[: found.start()] + expand(value(stream), found) + text[found.end() :]

    def run(stream: Any) -> None:
        headers: Headers = stream.headers
        for index, (key, text) in enumerate(headers):
            if key == name:
                parts = [text] if whole else list(split_values(text))
                new = b", ".join([substitute(stream, part) for part in parts]) if not whole else substitute(stream, text)
                if new != text and (whole or [substitute(stream, part) for part in parts] != parts):
                    headers[index] = (key, new)

    return run


def expand(template: bytes, found: re.Match[bytes]) -> bytes:
    r"""`template` with \0 ... \9 replaced by the groups of `found`, \\ by a backslash."""

    def one(escape: re.Match[bytes]) -> bytes:
        digit = escape.group(1)
        if not digit.isdigit():
            return digit
        try:
            return found.group(int(digit)) or b""
        except IndexError:
            return b""

    return re.sub(rb"\\(.)", one, template, flags=re.DOTALL)


def header_and_format(args: Args) -> Any:
    """The two arguments of set-header and add-header."""
    complaint = f"'{args.ruleset} {args.words[1]}' expects exactly 2 arguments."
    name = args.word(complaint).lower().encode("latin-1")
    return name, bytes_of(args, complaint)
