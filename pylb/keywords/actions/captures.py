"""Actions for the log: `capture`, `set-log-level` (configuration.txt 4.2 `http-request capture`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.model import Capture, Run
from pylb.keywords.actions.common import BOTH, CONTENT, HTTP, SESSION, sample
from pylb.sample.casts import to_bytes
from pylb.sample.expression import Expression
from pylb.stream.registry import action

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

LEVELS = {name: level for level, name in enumerate(("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"))}
REQUEST_WORDS = "expects <expression> [ 'len' <length> | id <idx> ]"
RESPONSE_WORDS = "expects <expression> id <idx>"


@action("set-log-level", rulesets=(*BOTH, *CONTENT), usage="<level>")
def set_log_level(args: Args) -> Run:
    """Log this stream with another level, or not at all (`silent`)."""
    complaint = "expects exactly 1 argument (log level name or 'silent')"
    name = args.word(complaint)
    if name != "silent" and name not in LEVELS:
        raise Alert(complaint)

    def silence(stream: Stream) -> None:
        stream.dont_log = True

    def run(stream: Stream) -> None:
        stream.log_level = LEVELS[name]
        stream.dont_log = False

    return silence if name == "silent" else run


@action("capture", rulesets=(*HTTP, *SESSION, "tcp-request content"), usage="<sample> { len <length> | id <id> }")
def capture(args: Args) -> Run:
    """Keep a value for the log: in a new slot of <length> bytes, or in the slot <id> declared before."""
    if args.ruleset in SESSION:
        assert args.proxy is not None
        raise BareAlert(f"{args.where} : 'capture {args.at(args.index)}' is not allowed in '{args.ruleset}' rules in {args.proxy.label}")
    if args.ruleset == "http-request":
        return capture_request(args)
    return capture_content(args) if args.ruleset == "tcp-request content" else capture_response(args)


def capture_request(args: Args) -> Run:
    """In http-request, both forms."""
    if not any(word in ("len", "id") for word in args.words[args.index :]):
        raise Alert(REQUEST_WORDS)
    expression = sample(args)
    kind = args.next()
    text = args.next()
    if kind not in ("len", "id") or not text:
        raise Alert(REQUEST_WORDS)
    return into_new(args, expression, leading_integer(text)) if kind == "len" else into_declared(args, expression, text, request=True)


def capture_content(args: Args) -> Run:
    """In tcp-request content, a new slot only."""
    expression = sample(args)
    if args.next() != "len":
        raise Alert("a positive 'len' argument is mandatory")
    return into_new(args, expression, leading_integer(args.next()))


def capture_response(args: Args) -> Run:
    """In responses, a declared slot only."""
    if len(args.words) < args.index + 3:
        raise Alert(RESPONSE_WORDS)
    expression = sample(args)
    kind = args.next()
    if kind != "id":
        raise Alert(f"expects 'id', found '{kind}'")
    return into_declared(args, expression, args.word(RESPONSE_WORDS), request=False)


def into_new(args: Args, expression: Expression, length: int) -> Run:
    """Declare a slot of the request and fill it."""
    proxy = args.proxy
    assert proxy is not None
    if args.lacks("frontend"):
        raise Alert(f"proxy '{proxy.name}' has no frontend capability")
    if length <= 0:
        raise Alert("length must be > 0")
    index = len(proxy.request_captures)
    proxy.request_captures.append(Capture(None, length))
    call = expression.call
    return lambda stream: keep(stream, True, index, call(stream))


def into_declared(args: Args, expression: Expression, text: str, request: bool) -> Run:
    """Fill a slot that `declare capture` made, by its number."""
    digits = text[1:] if text[:1] == "-" else text
    if not digits.isdigit():
        raise Alert(f"cannot parse id '{text}'")
    index, proxy = int(text), args.proxy
    assert proxy is not None
    ruleset = "http-request" if request else "http-response"

    def verify(config: model.Config) -> None:
        slots = proxy.request_captures if request else proxy.response_captures
        if proxy.is_frontend and index >= len(slots):
            args.reading.fail(f"Proxy '{proxy.name}': unable to find capture id '{index}' referenced by {ruleset} capture rule.")

    args.later(verify)
    call = expression.call
    return lambda stream: keep(stream, request, index, call(stream))


def keep(stream: Stream, request: bool, index: int, value: Any) -> None:
    """Fill slot `index`, if the frontend has one, with `value` cut to its length."""
    declared = stream.frontend.request_captures if request else stream.frontend.response_captures
    if value is None or not 0 <= index < len(declared):
        return
    slots = stream.captures_request if request else stream.captures_response
    if slots is None:
        slots = [None] * len(declared)
        if request:
            stream.captures_request = slots
        else:
            stream.captures_response = slots
    slots[index] = to_bytes(value)[: declared[index].length]
