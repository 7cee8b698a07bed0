"""Actions that steer: ends of rule sets and connections, services, waiting, the strictness of rewrites."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from pylb.base import units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import BOTH, HTTP, REQUEST, TCP, is_stream
from pylb.stream import local
from pylb.stream.registry import action, service
from pylb.stream.verdict import Answer, Stop, Verdict

if TYPE_CHECKING:
    from pylb.stream.driver import Stream
    from pylb.stream.session import Session
    from pylb.stream.stream import HttpStream

MUXES = ("h1", "h2", "fcgi", "none")  # protocols of connections


@action("allow", ends=True, rulesets=HTTP)
def allow(args: Args) -> Run:
    """End this rule set; what follows it goes on."""
    return lambda stream: Verdict.STOP


@action("accept", rulesets=TCP)
def accept(args: Args) -> Run:
    """End this rule set; what follows it goes on."""
    return lambda stream: Verdict.STOP


@action("close", rulesets=("tcp-response content",))
def close(args: Args) -> Run:
    """Close the connection to the server at once."""
    return lambda stream: Verdict.CLOSE


@action("reject", rulesets=("http-request", *TCP))
def reject(args: Args) -> Run:
    """End the connection without an answer."""
    if args.ruleset != "http-request":
        return lambda stream: Verdict.REJECT

    def run(stream: Stream) -> None:
        stream.count("dreq")
        own = stream.frontend.own_backend
        if stream.backend is None and own is not None:
            own.counters.dreq += 1  # both faces of a `listen` count it
        raise Stop("P", "R", 0)

    return run


@action("silent-drop", rulesets=(*BOTH, *TCP))
def silent_drop(args: Args) -> Run:
    """Forget the connection without telling the client: no answer, no FIN."""

    def run(stream: Stream | Session) -> None:
        session = stream.session
        session.process.net.forget(session.transport)
        if is_stream(stream):
            stream.count("dreq")
            stream.time_data = -1
        else:
            session.frontend.count_refused(session.listener, "dreq")
        raise Stop("P", "R", 0)

    return run


@action("use-service", rulesets=("http-request", "tcp-request content"), usage="<service>")
def use_service(args: Args) -> Run:
    """Let a service of the load balancer answer in a server's place."""
    name = args.word("'use-service' expects a service name.")
    entry = service.get(name)
    if entry is None:
        raise Alert(f"'{name if args.ruleset == 'http-request' else 'content'}' unknown service name.")
    if args.ruleset not in entry.facts.get("rulesets", ()):
        raise Alert("Prometheus exporter service only available on 'http-request' rulesets")
    function = entry.function
    return lambda stream: function(stream)


@action("strict-mode", rulesets=HTTP, usage="{ on | off }")
def strict_mode(args: Args) -> Run:
    """Are rewrites that fail an internal error for the rules below?"""
    mode = args.word("expects exactly 1 arguments")
    if mode not in ("on", "off"):
        raise Alert(f"Unexpected value '{mode}'. Only 'on' and 'off' are supported")
    lenient = mode == "off"

    def run(stream: Stream) -> None:
        stream.lenient = lenient

    return run


@action("disable-l7-retry", rulesets=REQUEST)
def disable_l7_retry(args: Args) -> Run:
    """Never send this request twice (`retry-on`)."""

    def run(stream: Stream) -> None:
        stream.no_replay = True

    return run


@action("wait-for-handshake", rulesets=REQUEST)
def wait_for_handshake(args: Args) -> Run:
    """Wait until the TLS handshake is over: it always is, since early data is not accepted."""
    return lambda stream: None


@action("wait-for-body", rulesets=BOTH, usage="time <time> [ at-least <bytes> ]")
def wait_for_body(args: Args) -> Run:
    """Go on when the body is complete, so many bytes of it are there or the buffer is full; too late is an error."""
    if args.peek() != "time":
        raise Alert("expects time <time> [ at-least <bytes> ]")
    args.index += 1
    seconds = duration(args) / 1000
    least = 0
    if args.maybe("at-least"):
        text = args.word("missing argument for 'at-least'")
        try:
            least = units.parse_size(text)
        except units.BadNumber as error:
            raise Alert(f"unexpected character '{error.character}'") from None
    enough = enough_of_response if args.ruleset == "http-response" else enough_of_request
    when = "H" if args.ruleset == "http-response" else "R"

    def run(stream: HttpStream) -> Coroutine[Any, Any, None] | None:
        return None if enough(stream, least) else gather(stream, seconds, when, lambda: enough(stream, least))

    return run


def duration(args: Args) -> int:
    """The time of wait-for-body in milliseconds."""
    text = args.word("missing argument for 'time'")
    try:
        return units.parse_duration(text)
    except units.TimerOverflow:
        raise Alert("time overflow (maximum value is 2147483647 ms or ~24.8 days)") from None
    except units.BadNumber as error:
        raise Alert(f"unexpected character '{error.character}'") from None


def enough_of_request(stream: HttpStream, least: int) -> bool:
    return bool(stream.request_complete or stream.inbox_full or 0 < least <= stream.inbox_size)


def enough_of_response(stream: HttpStream, least: int) -> bool:
    return bool(stream.response_complete or stream.inbox_full or 0 < least <= stream.inbox_size)


async def gather(stream: HttpStream, seconds: float, when: str, enough: Callable[[], bool]) -> None:
    """Let the body come in; who was to send it is too slow after so long."""
    clock = stream.process.clock
    ends_at = stream.waits_until = clock.now() + seconds
    if when == "R":
        stream.ask_for_body()
    handle = stream.process.loop.call_later(seconds, stream.wake)
    try:
        await stream.wait(when, lambda: enough() or clock.now() >= ends_at - 0.001)
    finally:
        handle.cancel()
    if not enough():
        if when == "R":
            stream.frontend.count_refused(stream.session.listener, "ereq")
            raise Stop("c", "R", 408)
        stream.time_data = -1
        message, body = local.error_of(stream, 504)
        raise Answer(message, body, who="s", when="R", status=504)


@action("switch-mode", rulesets=("tcp-request content",), usage="http [ proto <name> ]")
def switch_mode(args: Args) -> Run:
    """Go on in HTTP mode with a connection of a TCP frontend; HTTP streams are there already."""
    if args.lacks("frontend"):
        raise Alert(f"'tcp-request switch-mode' not allowed because {args.proxy.label} has no frontend capability")  # type: ignore[union-attr]
    mode = args.word("'tcp-request switch-mode' expects a mode as argument.")
    if mode != "http":
        raise Alert(f"'tcp-request switch-mode' expects a valid mode (got '{mode}').")
    protocol = args.word("'tcp-request switch-mode': 'proto' expects a protocol as argument.") if args.maybe("proto") else "h1"
    if protocol not in MUXES:
        raise Alert(f"'tcp-request switch-mode': 'proto' expects a valid MUX protocol, if specified (got '{protocol}')")
    assert args.proxy is not None
    if protocol in ("h1", "h2"):
        args.proxy.extra["switches mode"] = True
    else:
        args.proxy.extra["switches to"] = protocol
    if protocol == "h2":
        raise NotImplementedYet("tcp-request content switch-mode http proto h2")
    return lambda stream: Verdict.UPGRADE
