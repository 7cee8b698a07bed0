"""`redirect`: send the client elsewhere (configuration.txt 4.2 `redirect`); as a keyword, in http-request and in http-response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import BOTH, Bytes, bytes_of, require_room
from pylb.stream import local
from pylb.stream.registry import action
from pylb.stream.verdict import Answer
from pylb.wire import uri
from pylb.wire.headers import Pair
from pylb.wire.message import Framing

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

CODES = ("301", "302", "303", "307", "308")
REASONS = {302: b"Found"}  # other answers with this status are spelt otherwise
UNCACHED = (302, 303, 307)  # these say `cache-control: no-cache`


@dataclass(slots=True)
class Redirection:
    """The words of one rule."""

    kind: str = ""
    target: Bytes | None = None
    code: int = 302
    flags: set[str] = field(default_factory=set)  # drop-query append-slash ignore-empty
    cookie: bytes | None = None

    def location(self, stream: Stream) -> bytes | None:
        """The `location`; None: nothing to do (`ignore-empty`)."""
        assert self.target is not None
        value = self.target(stream)
        if not value and "ignore-empty" in self.flags:
            return None
        if self.kind == "location":
            return value
        target: bytes = stream.request.target
        path = (uri.path(target) if "drop-query" in self.flags else uri.path_and_query(target)) or b"/"
        if "append-slash" in self.flags and not path.endswith(b"/"):
            path += b"/"
        if self.kind == "scheme":
            return value + b"://" + (stream.request.headers.get(b"host") or b"") + path
        return path if value == b"/" else value + path


@action("redirect", rulesets=BOTH, usage="{ location | prefix | scheme } <to> [code <code>] [<option>]")
def redirect(args: Args) -> Run:
    """Send the client elsewhere: to a location, to the same path under a prefix, or to another scheme."""
    rule = read_redirection(args)
    response = args.ruleset == "http-response"

    def run(stream: Stream) -> None:
        location = rule.location(stream)
        if location is None:
            return
        headers: list[Pair] = [(b"location", location)]
        if rule.code in UNCACHED:
            headers.append((b"cache-control", b"no-cache"))
        if rule.cookie is not None:
            headers.append((b"set-cookie", rule.cookie))
        message, body = local.make(rule.code, headers)
        message.reason = REASONS.get(rule.code, message.reason)
        require_room(stream, message, body, "I", "H" if response else "R")
        message.keep_alive = response or stream.request.framing is Framing.NONE
        raise Answer(message, body, who="L", when="H" if response else "R")

    return run


# -- the words
def read_redirection(args: Args) -> Redirection:
    rule = Redirection()
    while args.peek() is not None and not args.at_condition():
        word = args.next()
        read = WORDS.get(word)
        if read is None:
            raise Alert(
                "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'ignore-empty'"
                f" or 'append-slash' (was '{word}')"
            )
        read(args, rule)
    if rule.target is None:
        raise Alert("redirection type expected ('prefix', 'location', or 'scheme')")
    if args.ruleset == "http-response" and rule.kind != "location":
        raise Alert("response only supports redirect type 'location'")
    return rule


def read_target(kind: str, args: Args, rule: Redirection) -> None:
    rule.kind = kind
    rule.target = bytes_of(args, f"missing argument for '{kind}'")


def read_code(args: Args, rule: Redirection) -> None:
    text = args.word("missing argument for 'code'")
    if text not in CODES:
        raise Alert(f"'code': unsupported HTTP code '{text}' (must be one of 301, 302, 303, 307 or 308)")
    rule.code = int(text)


def read_cookie(kind: str, args: Args, rule: Redirection) -> None:
    """A cookie to set, or one to forget."""
    name = args.word(f"missing argument for '{kind}'").encode("latin-1", "replace")
    rule.cookie = name + (b"; path=/;" if kind == "set-cookie" else b"; path=/; Max-Age=0;")


def read_flag(kind: str, args: Args, rule: Redirection) -> None:
    rule.flags.add(kind)


WORDS: dict[str, Callable[[Args, Redirection], None]] = {
    "code": read_code,
    **{kind: partial(read_target, kind) for kind in ("location", "prefix", "scheme")},
    **{kind: partial(read_cookie, kind) for kind in ("set-cookie", "clear-cookie")},
    **{kind: partial(read_flag, kind) for kind in ("drop-query", "append-slash", "ignore-empty")},
}
