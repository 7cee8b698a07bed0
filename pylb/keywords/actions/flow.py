"""Actions that steer: ends of rule sets, services, captures, variables, priorities, log levels."""

from __future__ import annotations

from typing import Any

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Capture, Run
from pylb.stream.registry import action, service
from pylb.stream.verdict import Verdict

EVERY_HTTP = ("http-request", "http-response", "http-after-response")
LEVELS = {name: level for level, name in enumerate(("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"))}


@action("allow", rulesets=EVERY_HTTP)
def allow(args: Args) -> Run:
    """End this rule set; what follows it goes on."""
    return lambda stream: Verdict.STOP


@action("accept", rulesets=("tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content"))
def accept(args: Args) -> Run:
    """End this rule set; what follows it goes on."""
    return lambda stream: Verdict.STOP


@action("close", rulesets=("tcp-response content",))
def close(args: Args) -> Run:
    """Close the connection to the server at once."""
    return lambda stream: Verdict.CLOSE


@action("use-service", rulesets=("http-request", "tcp-request content"), usage="<service>")
def use_service(args: Args) -> Run:
    """Let a service of the load balancer answer in a server's place."""
    name = args.word("missing service name")
    entry = service.get(name)
    if entry is None:
        raise Alert(f"No such service '{name}'")
    return lambda stream: entry.function(stream)


@action("set-log-level", rulesets=EVERY_HTTP[:2], usage="<level>")
def set_log_level(args: Args) -> Run:
    """Log this stream with another level, or not at all (`silent`)."""
    name = args.word("expects exactly 1 argument (log level name or 'silent')")
    if name != "silent" and name not in LEVELS:
        raise Alert("expects exactly 1 argument (log level name or 'silent')")

    def run(stream: Any) -> None:
        if name == "silent":
            stream.dont_log = True
        else:
            stream.log_level = LEVELS[name]

    return run


@action("capture", rulesets=("http-request", "http-response", "tcp-request content"), usage="<sample> [ len <length> | id <id> ]")
def capture(args: Args) -> Run:
    """Keep a value for the log: in a new slot of <length> bytes, or in the slot <id> declared before."""
    expression = args.expression()
    proxy = args.proxy
    assert proxy is not None
    request = args.ruleset != "http-response"
    if args.maybe("len"):
        length = args.number("expects 'len' or 'id'", 1)
        if not proxy.is_frontend and proxy.kind != "defaults":
            raise Alert(f"proxy '{proxy.name}' has no frontend capability")
        slots = proxy.request_captures if request else proxy.response_captures
        index = len(slots)
        slots.append(Capture(None, length))
        return lambda stream: keep(stream, request, index, length, expression.call(stream))
    if args.maybe("id"):
        index = args.number("expects a positive integer after 'id'", 0)
        return lambda stream: keep_declared(stream, request, index, expression.call(stream))
    raise Alert("expects 'len or 'id'")


def keep_declared(stream: Any, request: bool, index: int, value: Any) -> None:
    """Fill a slot of the frontend by its number, if it has so many."""
    slots = stream.frontend.request_captures if request else stream.frontend.response_captures
    if index < len(slots):
        keep(stream, request, index, slots[index].length, value)


def keep(stream: Any, request: bool, index: int, length: int, value: Any) -> None:
    """Fill slot `index` with what is printable of `value`."""
    if value is None:
        return
    data = value if isinstance(value, bytes) else str(int(value) if isinstance(value, bool) else value).encode()
    slots = stream.captures_request if request else stream.captures_response
    if slots is None:
        count = len(stream.frontend.request_captures if request else stream.frontend.response_captures)
        slots = [None] * count
        if request:
            stream.captures_request = slots
        else:
            stream.captures_response = slots
    slots[index] = data[:length]


@action("set-priority-class", rulesets=("http-request", "tcp-request content"), usage="<expr>")
def set_priority_class(args: Args) -> Run:
    """The class decides first who leaves a queue: the lowest value."""
    return _priority(args, "priority_class", 2047)


@action("set-priority-offset", rulesets=("http-request", "tcp-request content"), usage="<expr>")
def set_priority_offset(args: Args) -> Run:
    """Within a class, as if the stream had come so many milliseconds later."""
    return _priority(args, "priority_offset", 524287)


def _priority(args: Args, attribute: str, bound: int) -> Run:
    expression = args.expression()

    def run(stream: Any) -> None:
        value = expression.call(stream)
        if isinstance(value, int):
            setattr(stream, attribute, max(-bound, min(bound, int(value))))

    return run
