"""Actions that answer in a server's place: `deny`, `tarpit`, `return`, `auth` (configuration.txt 4.2 `http-request deny` and relatives)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config import model
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import BOTH, REQUEST, require_room
from pylb.keywords.actions.reply import Reply, read_reply
from pylb.stream import local, tracking
from pylb.stream.registry import action
from pylb.stream.verdict import Answer

if TYPE_CHECKING:
    from pylb.stream.driver import Stream


@action("deny", ends=True, rulesets=BOTH, usage="[deny_status <status>] | [status <code>] [content-type <type>] [<payload>] [hdr <name> <fmt>]*")
def deny(args: Args) -> Run:
    """Refuse the request or response: 403 to a request, 502 to a response, or what the words describe."""
    response = args.ruleset == "http-response"
    reply = refusal(args, 502 if response else 403)
    counter, when = ("dresp", "H") if response else ("dreq", "R")

    def run(stream: Stream) -> None:
        stream.count(counter)
        message, body = made(stream, reply, when)
        raise Answer(message, body, who="P", when=when, status=reply.status)

    return run


@action("tarpit", ends=True, rulesets=REQUEST, usage="[deny_status <status>] | [status <code>] [content-type <type>] [<payload>] [hdr <name> <fmt>]*")
def tarpit(args: Args) -> Run:
    """Let the client wait for `timeout tarpit`, then refuse with 500 or what the words describe."""
    reply = refusal(args, 500)

    def run(stream: Stream) -> None:
        stream.count("dreq")
        message, body = made(stream, reply, "R")
        raise Answer(message, body, who="P", when="T", tarpit=True, status=reply.status)

    return run


@action("return", ends=True, rulesets=BOTH, usage="[status <code>] [content-type <type>] [<payload>] [hdr <name> <fmt>]*")
def return_(args: Args) -> Run:
    """Answer with a status, a body from a file, a string or an errorfile, and headers."""
    reply = linked(args, read_reply(args, 200))
    when = "H" if args.ruleset == "http-response" else "R"

    def run(stream: Stream) -> None:
        message, body = made(stream, reply, when)
        raise Answer(message, body, who="L", when=when, status=reply.status)

    return run


@action("auth", rulesets=REQUEST, usage="[realm <realm>]")
def auth(args: Args) -> Run:
    """Ask the client for a user name and a password; a client that takes us for its proxy is asked as proxies do."""
    realm = args.word("missing realm value.\n").encode("latin-1", "replace") if args.maybe("realm") else None

    def run(stream: Stream) -> None:
        if stream.process.tables is not None:
            tracking.count(stream, tracking.ERROR, stream.process.clock.now())
        text = realm if realm is not None else (stream.backend or stream.frontend).name.encode()
        proxied = "http-use-proxy-header" in stream.frontend.settings.options and stream.request.headers.contains(b"proxy-connection")
        status = 407 if proxied else 401
        message, body = local.error_of(stream, status)
        if message is not None:
            message.headers.add(b"proxy-authenticate" if proxied else b"www-authenticate", b'Basic realm="%s"' % text)
        raise Answer(message, body, who="L", when="R", status=status)

    return run


def made(stream: Stream, reply: Reply, when: str) -> local.Made:
    """The answer, if it fits."""
    message, body = reply.make(stream)
    if message is not None and reply.headers:
        require_room(stream, message, body, "P", when)
    return message, body


def refusal(args: Args, status: int) -> Reply:
    """The words of `deny` and `tarpit`. ``deny_status <code>`` alone is the short form for that error page."""
    if args.peek() is None or args.at_condition():
        return Reply(status, "default-errorfiles")
    if args.peek() == "deny_status":
        following = args.at(args.index + 2)
        args.words[args.index] = "status"
        if following in ("", "if", "unless") and args.at(args.index + 1):
            args.words.insert(args.index + 2, "default-errorfiles")
    return linked(args, read_reply(args, status))


def linked(args: Args, reply: Reply) -> Reply:
    """Have the page of an `http-errors` section once all sections are read."""
    if reply.section is not None:
        name, proxy = reply.section, args.proxy
        assert proxy is not None

        def take(config: model.Config) -> None:
            pages = config.http_errors.get(name)
            if pages is None:
                args.reading.fail(f"Proxy '{proxy.name}': unknown http-errors section '{name}' referenced by an http reply .")
                return
            reply.page = pages.get(reply.status)
            if reply.page is None:
                args.report.warning(
                    f"Proxy '{proxy.name}': status '{reply.status}' referenced by an http reply not declared in http-errors section '{name}'."
                )

        args.later(take)
    return reply
