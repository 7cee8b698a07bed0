"""Answers made of parts: the words behind `return`, `deny`, `tarpit` and `http-error` (configuration.txt 4.2 `http-request return`).

A reply is one of four things: nothing but a status (and headers), a payload with a content type, a whole message from an error
file, or "whatever this proxy's error pages say for that status".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config.args import Args
from pylb.keywords.actions.common import Bytes, as_bytes, bytes_of, constant
from pylb.sample.logformat import compile_log_format
from pylb.stream import local
from pylb.wire.h1 import Limits
from pylb.wire.replies import has_page, parse_errorfile

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

PAGES = ("default-errorfiles", "errorfile", "errorfiles")
PAYLOADS = ("file", "lf-file", "string", "lf-string")
HDR = "'hdr' expects <name> and <value> as arguments"


@dataclass(slots=True)
class Reply:
    """What the words said. `kind` is the word that says where the body comes from, "" without one."""

    status: int
    kind: str = ""
    content_type: bytes | None = None
    headers: list[tuple[bytes, Bytes]] = field(default_factory=list)
    body: Bytes | None = None
    page: bytes | None = None  # a whole message
    section: str | None = None  # of `errorfiles`
    raw: bytes | None = None  # a body that never changes

    def make(self, stream: Stream) -> local.Made:
        """The answer to one stream."""
        if self.page is not None:
            return local.from_errorfile(self.page)
        if self.kind == "default-errorfiles":
            return local.error_of(stream, self.status)
        body = self.body(stream) if self.body is not None else b""
        fields = [(b"content-type", self.content_type)] if self.content_type is not None and body else []
        computed = [(name, value(stream)) for name, value in self.headers]
        return local.make(self.status, fields, body, first=[pair for pair in computed if pair[1]])


def read_reply(args: Args, status: int) -> Reply:
    """Read the words of a reply; the first one that is none of them ends it."""
    reply = Reply(status)
    while (word := args.peek()) in WORDS:
        args.index += 1
        WORDS[word](args, reply)
    check(args, reply)
    return reply


def read_status(args: Args, reply: Reply) -> None:
    status = leading_integer(args.word("'status' expects <status_code> as argument"))
    if not 200 <= status <= 599:
        raise Alert(f"Unexpected status code '{status}'")
    reply.status = status


def read_content_type(args: Args, reply: Reply) -> None:
    reply.content_type = args.word("'content-type' expects <ctype> as argument").encode("latin-1", "replace")


def read_header(args: Args, reply: Reply) -> None:
    name = args.word(HDR).lower().encode("latin-1", "replace")
    reply.headers.append((name, bytes_of(args, HDR)))


def choose(reply: Reply, word: str) -> None:
    """The body comes from `word`; only one such word is allowed."""
    if reply.kind:
        raise Alert(f"unexpected '{word}' argument, '{reply.kind}' already defined")
    reply.kind = word


def read_page(word: str, args: Args, reply: Reply) -> None:
    """`default-errorfiles`, `errorfile <file>`, `errorfiles <name>`."""
    choose(reply, word)
    if word == "errorfile":
        reply.page = read_errorfile(args.word("'errorfile' expects <fmt> as argument"))
    elif word == "errorfiles":
        reply.section = args.word("'errorfiles' expects <name> as argument")


def read_payload(word: str, args: Args, reply: Reply) -> None:
    """`string`, `file` and their log-format forms."""
    choose(reply, word)
    if word == "lf-string":
        reply.body = bytes_of(args, "'lf-string' expects <fmt> as argument")
        return
    text = args.word(f"'{word}' expects <{'str' if word == 'string' else 'file'}> as argument")
    data = text.encode("latin-1", "replace") if word == "string" else read_file(text)
    if word == "lf-file":
        reply.body = as_bytes(compile_log_format(data.decode("latin-1"), args.context())) if data else constant(b"")
    else:
        reply.raw, reply.body = data, constant(data)


WORDS: dict[str | None, Callable[[Args, Reply], None]] = {
    "status": read_status,
    "content-type": read_content_type,
    "hdr": read_header,
    **{word: partial(read_page, word) for word in PAGES},
    **{word: partial(read_payload, word) for word in PAYLOADS},
}


# -- what does not go together
def check(args: Args, reply: Reply) -> None:
    """Refuse combinations that cannot work, warn about words that do nothing."""
    kind = reply.content_type.decode("latin-1") if reply.content_type is not None else None
    if not reply.kind:
        if kind is not None:
            args.warn(f"content-type '{kind}' ignored by the http reply because neither errorfile nor payload defined.")
    elif reply.kind in PAGES:
        check_page(args, reply, kind)
    elif reply.raw is None:
        if kind is None:
            raise Alert("a content type must be defined with a log-format payload")
    elif reply.raw and kind is None:
        raise Alert("a content type must be defined when non-empty payload is configured")
    elif not reply.raw and kind is not None:
        args.warn(f"content-type '{kind}' ignored by the http reply when used with an empty payload.")
    if reply.raw is not None:
        check_size(args, len(reply.raw))


def check_page(args: Args, reply: Reply, kind: str | None) -> None:
    """A reply that is a whole message."""
    if reply.kind != "errorfile" and not has_page(reply.status):
        raise Alert(f"status code '{reply.status}' not handled by default with '{reply.kind}' argument.")
    if kind is not None:
        args.warn(f"content-type '{kind}' ignored by the http reply when used with an erorrfile.")
    if reply.headers:
        args.warn("hdr parameters ignored by the http reply when used with an erorrfile.")


def check_size(args: Args, size: int) -> None:
    """A body that leaves no room for rewrites of the head."""
    settings = args.config.global_
    if size > settings.bufsize - settings.maxrewrite:
        args.warn(
            "http reply payload runs over the buffer space reserved to headers rewriting."
            " It may lead to internal errors if strict rewriting mode is enabled."
        )


# -- files
def read_file(path: str, dot: str = "") -> bytes:
    """A file of the configuration."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except IsADirectoryError:
        raise Alert(f"error reading file '{path}'{dot}") from None
    except OSError:
        raise Alert(f"error opening file '{path}'{dot}") from None


def read_errorfile(path: str, limits: Limits | None = None) -> bytes:
    """A file that holds one whole response; an empty one means to close without an answer."""
    page = read_file(path, ".")
    try:
        parse_errorfile(page, limits)
    except Alert as error:
        raise Alert(f"'{path}': {error}") from None
    return page
