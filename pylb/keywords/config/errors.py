"""Error pages: `errorfile`, `errorloc`, `errorfiles`, `http-error` (configuration.txt 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword
from pylb.sample.types import Phase, Text

CODES = (200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504)
HEAD = re.compile(rb"HTTP/\d\.\d \d{3}(?: [^\r\n]*)?\r?\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*\r?\n)*\r?\n")
LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
REDIRECTS = {302: b"Found", 303: b"See Other"}


def status_code(text: str, who: str) -> int:
    """A status that error pages exist for."""
    status = leading_integer(text)
    if status not in CODES:
        raise Alert(f"{who} : status code '{status}' not handled.")
    return status


def read_error_file(status: str, path: str, who: str) -> tuple[int, bytes]:
    """The status and the whole message that the file holds; an empty file means to close without an answer."""
    code = status_code(status, who)
    try:
        with open(path, "rb") as file:
            page = file.read()
    except IsADirectoryError:
        raise Alert(f"{who} : error reading file '{path}'.")
    except OSError:
        raise Alert(f"{who} : error opening file '{path}'.")
    return code, check_page(page, path, who)


def check_page(page: bytes, path: str, who: str) -> bytes:
    """Refuse what is not one whole HTTP response."""
    if not page:
        return page
    head = HEAD.match(page)
    if head is None:
        raise Alert(f"{who} : '{path}': unable to parse headers (error offset: 0)")
    announced, body = LENGTH.search(head[0]), page[head.end() :]
    if announced and int(announced[1]) != len(body):
        raise Alert(
            f"{who} : '{path}': payload size does not match the announced content-length ({len(body)} != {int(announced[1])})"
        )
    return page


@keyword("errorfile", sections=PROXY, usage="<code> <file>")
def errorfile(proxy: model.Proxy, args: Args) -> None:
    """The file with the whole answer for one status."""
    if not args.at(1) or not args.at(2):
        raise Alert("errorfile : expects <status_code> and <file> as arguments.\n")
    status, page = read_error_file(args.at(1), args.at(2), "errorfile")
    proxy.error_files[status] = page
    proxy.http_errors.pop(status, None)


def _location(name: str, status: int) -> None:
    """Register one of the words that answer an error with a redirection."""

    def redirect(proxy: model.Proxy, args: Args) -> None:
        """Send the client elsewhere instead of showing an error."""
        if not args.at(1) or not args.at(2):
            raise Alert(f"{name} : expects <status_code> and <url> as arguments.\n")
        code = status_code(args.at(1), name)
        url = args.at(2).encode("latin-1", "replace")
        proxy.error_files[code] = b"HTTP/1.1 %d %s\r\ncache-control: no-cache\r\ncontent-length: 0\r\nlocation: %s\r\n\r\n" % (
            status,
            REDIRECTS[status],
            url,
        )
        proxy.http_errors.pop(code, None)

    keyword(name, sections=PROXY, usage="<code> <url>")(redirect)


_location("errorloc", 302)
_location("errorloc302", 302)
_location("errorloc303", 303)


@keyword("errorfiles", sections=PROXY, usage="<name> [<code> ...]")
def errorfiles(proxy: model.Proxy, args: Args) -> None:
    """Take pages from an `http-errors` section, all of them or those of the given statuses."""
    name = args.at(1)
    if not name:
        raise Alert("errorfiles : expects <name> as argument.")
    wanted = [status_code(text, "errorfiles") for text in args.words[2:]]
    from_section(proxy, args, name, lambda pages: proxy.error_files.update({code: page for code, page in pages.items() if code in wanted or not wanted}))


def from_section(proxy: model.Proxy, args: Args, name: str, take: Callable[[dict[int, bytes]], None]) -> None:
    """Give the pages of the section `name` to `take` once all sections are known."""
    proxy.extra.setdefault("error sections", []).append((name, args.place, take))


@dataclass(slots=True)
class Reply:
    """An answer made of parts, as `http-error` (and `http-request return`) describe it."""

    status: int
    content_type: bytes | None = None
    headers: list[tuple[bytes, Text]] = field(default_factory=list)
    body: bytes = b""
    text: Text | None = None  # a body computed per request (lf-string, lf-file)
    page: bytes | None = None  # a whole message from a file
    section: str | None = None
    default_page: bool = False


@keyword("http-error", sections=PROXY, usage="status <code> [content-type <type>] [<payload>] [hdr <name> <fmt>]*")
def http_error(proxy: model.Proxy, args: Args) -> None:
    """The answer for one status, described by its parts."""
    if args.at(1) != "status" or not args.at(2):
        raise Alert("http-error : expects at least a <status> as arguments.\n")
    status = leading_integer(args.at(2))
    if status not in CODES:
        raise Alert(f"http-error : Unexpected status code '{args.at(2)}'")
    reply = Reply(status)
    args.index = 3
    try:
        _parts(args, reply)
    except BareAlert:
        raise
    except Alert as error:
        raise Alert(f"http-error : {error}")
    proxy.http_errors[status] = reply
    proxy.error_files.pop(status, None)
    if reply.section is not None:
        from_section(proxy, args, reply.section, lambda pages: setattr(reply, "page", pages.get(status)))


def _parts(args: Args, reply: Reply) -> None:
    """The words behind the status."""
    while word := args.next():
        if word == "content-type":
            reply.content_type = args.word(f"'{word}' expects <ctype> as argument").encode()
        elif word == "hdr":
            name = args.word(f"'{word}' expects <name> and <value> as arguments").encode()
            reply.headers.append((name, args.log_format(Phase.REQUEST, f"'{word}' expects <name> and <value> as arguments").call))
        elif word == "default-errorfiles":
            reply.default_page = True
        elif word == "errorfiles":
            reply.section = args.word(f"'{word}' expects <name> as argument")
        elif word == "errorfile":
            path = args.word(f"'{word}' expects <file> as argument")
            reply.page = _read(path)
        else:
            _payload(args, reply, word)
    if (reply.body or reply.text) and reply.content_type is None:
        raise Alert("a content type must be defined when non-empty payload is configured")


def _payload(args: Args, reply: Reply, word: str) -> None:
    """``string``, ``file`` and their log-format forms."""
    if word not in ("string", "file", "lf-string", "lf-file"):
        raise Alert(f"unknown keyword '{word}'.")
    value = args.word(f"'{word}' expects <{'file' if 'file' in word else 'str' if word == 'string' else 'fmt'}> as argument")
    if word == "string":
        reply.body = value.encode("latin-1", "replace")
    elif word == "file":
        reply.body = _read(value)
    else:
        text = value if word == "lf-string" else _read(value).decode("latin-1")
        args.words[args.index - 1], args.index = text, args.index - 1
        reply.text = args.log_format(Phase.REQUEST).call


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        raise Alert(f"error opening file '{path}'.")
