"""Error pages: `errorfile`, `errorloc`, `errorfiles`, `http-error` (configuration.txt 4.2)."""

from __future__ import annotations

from collections.abc import Callable

from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword
from pylb.keywords.actions.reply import read_errorfile, read_reply
from pylb.sample.types import Phase

CODES = (200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504)
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
        return code, read_errorfile(path)
    except Alert as error:
        raise Alert(f"{who} : {error}") from None


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


@keyword("http-error", sections=PROXY, usage="status <code> [content-type <type>] [<payload>] [hdr <name> <fmt>]*")
def http_error(proxy: model.Proxy, args: Args) -> None:
    """The answer for one status, described by its parts."""
    args.index, args.phase, args.usage, args.checkpoints = 1, Phase.ANYTIME, "http-error", None
    if "status" not in args.words:
        raise Alert("http-error : expects at least a <status> as arguments.\n")
    try:
        reply = read_reply(args, 0)
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(f"http-error : {error}") from None
    if args.peek():
        raise Alert(f"http-error : unknown keyword '{args.peek()}'.")
    status = reply.status
    if status not in CODES:
        raise BareAlert(f"{args.where} : http-error: status code '{status}' not handled.")
    proxy.http_errors[status] = reply
    proxy.error_files.pop(status, None)
    if reply.section is not None:
        from_section(proxy, args, reply.section, lambda pages: setattr(reply, "page", pages.get(status)))
