"""Actions on stick tables: `track-sc0` to `track-sc2`, `sc-inc-gpc`, `sc-set-gpt` and their short forms (configuration.txt 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base.errors import Alert
from pylb.config.args import Args, source_of
from pylb.config.checks import INSPECT
from pylb.config.model import Config, Run
from pylb.keywords.actions.common import TCP, sample
from pylb.keywords.config.stick import find_table
from pylb.proxy.table import KEY_TYPES, Table
from pylb.sample.casts import cast_value, possible
from pylb.sample.types import Type, Value
from pylb.sample.validity import Checkpoint, available
from pylb.stream import tracking
from pylb.stream.registry import action

TRACKING = ("http-request", "http-response", "tcp-request connection", "tcp-request session", "tcp-request content")
COUNTING = ("http-request", "http-response", *TCP)
EARLIER = (
    "{} : a 'tcp-request content track-sc*' rule not depending on request contents for an HTTP frontend should be executed at the session level,"
    " using a 'tcp-request session' rule (mandatory to track invalid HTTP requests)."
)
HIGHEST = tracking.COUNTERS - 1
INTEGER = re.compile(r"[+-]?\d+\Z")


def counter_number(word: str) -> int:
    """The number in ``track-sc1``."""
    text = word.removeprefix("track-sc")
    if not text.isdigit() and text:
        raise Alert(f"Wrong track-sc number '{text}'")
    if int(text or "0") > HIGHEST:
        raise Alert(f"{int(text)} track-sc number exceeding {HIGHEST} (MAX_SESS_STKCTR-1) value")
    return int(text or "0")


@action("track-sc", rulesets=TRACKING, prefix=True, usage="<key> [table <table>]")
def track(args: Args) -> Run:
    """Track the table's entry of that key as counter 0, 1 or 2 from now on."""
    word = args.at(args.index - 1)
    number = counter_number(word)
    expression = sample(args)
    assert args.proxy is not None
    name, owner = args.proxy.name, args.proxy.name
    if args.maybe("table"):
        name = args.next()
        if not name and args.ruleset.startswith("http"):
            raise Alert("missing table name")

    content = args.ruleset == "tcp-request content"
    content_needed = not available(expression.source, Checkpoint.FRONTEND_SESSION)
    early = condition_is_early(args)

    def check(config: Config) -> None:
        found = find_table(config, name)
        if found is None:
            raise Alert(f"Proxy '{owner}': unable to find table '{name}' referenced by track-sc{number}.")
        if not possible(expression.type, KEY_TYPES[found.type]):
            raise Alert(f"Proxy '{owner}': stick-table '{name}' uses a type incompatible with the 'track-sc{number}' rule.")
        if content:
            warn_of_place(args, content_needed, early)

    args.later(check)
    call = expression.call
    counts = count_response if args.ruleset == "http-response" else count_request if args.ruleset == "http-request" else count_nothing

    def run(subject: Any) -> None:
        if tracking.held(subject, number) is not None:
            return
        table: Table = subject.process.tables[name]
        now = subject.process.clock.now()
        if tracking.track(subject, number, table, table.key_of(call(subject)), now):
            counts(subject, number, now)

    return run


def condition_is_early(args: Args) -> bool:
    """Could the rule's condition be decided before there is a request?"""
    assert args.proxy is not None
    words = args.words[args.index :]
    for position, word in enumerate(words):
        name = word.lstrip("!")
        sources = [source_of(name)] if position and words[position - 1].lstrip("!") == "{" else []
        if name in args.proxy.acls:
            sources = [known.expression.source for known in args.proxy.acls[name].expressions]  # type: ignore[attr-defined]
        if not all(available(source, Checkpoint.FRONTEND_SESSION) for source in sources):
            return False
    return True


def warn_of_place(args: Args, content_needed: bool, early: bool) -> None:
    """Rules that track contents need time; others stand in the wrong rule set of an HTTP frontend."""
    proxy = args.proxy
    assert proxy is not None
    if content_needed:
        if not proxy.inspect_delay:
            args.report.warning(INSPECT.format(proxy.label, "content track-sc*"))
    elif early and proxy.mode == "http" and proxy.is_frontend:
        args.report.warning(EARLIER.format(proxy.label))


def count_nothing(subject: Any, number: int, now: float) -> None:
    """What is tracked before the request is known counts it when it comes."""


def count_request(subject: Any, number: int, now: float) -> None:
    """The request has been counted already, but not here."""
    tracking.count_one(subject, number, tracking.REQUEST, now)


def count_response(subject: Any, number: int, now: float) -> None:
    """And so has its response."""
    tracking.count_one(subject, number, tracking.REQUEST, now)
    tracking.count_one(subject, number, tracking.names_of_status(subject.status), now)


# -- counters and tags


def one_number(word: str, name: str, gpt: bool) -> int:
    """The counter's number in ``sc-inc-gpc0(1)``; 0 when there are no parentheses."""
    text = word.removeprefix(name)
    if not text:
        return 0
    match = re.fullmatch(r"\((\d*)\)", text)
    quoted = f" '{word}'" if gpt else ""
    if match is None:
        expects = name if gpt else word
        raise Alert(f"invalid stick table track ID{quoted}. Expects {expects}(<Track ID>)")
    number = int(match[1] or "0")
    if number > HIGHEST:
        raise Alert(f"invalid stick table track ID{quoted}. The max allowed ID is {HIGHEST}")
    return number


def two_numbers(word: str, name: str, what: str) -> tuple[int, int]:
    """An array's index and the counter's number in ``sc-inc-gpc(4,1)``."""
    expects = f"Expects {name}(<{what.upper()} ID>,<Track ID>)"
    text = word.removeprefix(name)
    if not text.startswith("("):
        raise Alert(f"invalid {what} ID '{word}'. {expects}")
    match = re.match(r"\((\d*),", text)
    if match is None:
        raise Alert(f"Missing {what} ID '{word}'. {expects}")
    rest = re.fullmatch(r"(\d*)\)", text[match.end() :])
    if rest is None:
        raise Alert(f"invalid stick table track ID '{word}'. {expects}")
    number = int(rest[1] or "0")
    if number > HIGHEST:
        raise Alert(f"invalid stick table track ID '{word}'. The max allowed ID is {HIGHEST}")
    return int(match[1] or "0"), number


def incrementing(number: int, index: int, simple: bool) -> Run:
    """Add one to a counter and its rate, of whatever is tracked under that number."""

    def run(subject: Any) -> None:
        found = tracking.held(subject, number)
        if found is None:
            return
        table, entry = found
        tracking.increment(table, entry, index, simple, subject.process.clock.now())

    return run


@action("sc-inc-gpc0", rulesets=COUNTING, prefix=True, usage="(<sc-id>)")
def increment_first(args: Args) -> Run:
    """Add one to the first general purpose counter."""
    return incrementing(one_number(args.at(args.index - 1), "sc-inc-gpc0", False), 0, True)


@action("sc-inc-gpc1", rulesets=COUNTING, prefix=True, usage="(<sc-id>)")
def increment_second(args: Args) -> Run:
    """Add one to the second general purpose counter."""
    return incrementing(one_number(args.at(args.index - 1), "sc-inc-gpc1", False), 1, True)


@action("sc-inc-gpc", rulesets=COUNTING, prefix=True, usage="(<idx>,<sc-id>)")
def increment_any(args: Args) -> Run:
    """Add one to a general purpose counter of the array."""
    index, number = two_numbers(args.at(args.index - 1), "sc-inc-gpc", "gpc")
    return incrementing(number, index, False)


def value_of(args: Args) -> Callable[[Any], int | None]:
    """The value to set: a number or an expression."""
    text = args.peek() or ""
    if not text or INTEGER.match(text):
        args.next()
        fixed = int(text or "0")
        return lambda subject: fixed
    call = sample(args).call

    def value(subject: Any) -> int | None:
        found: Value | None = call(subject)
        number = None if found is None else cast_value(found, Type.SINT)
        return number if isinstance(number, int) else None

    return value


def setting(args: Args, number: int, index: int, simple: bool) -> Run:
    """Set a tag of whatever is tracked under that number."""
    value = value_of(args)

    def run(subject: Any) -> None:
        found = tracking.held(subject, number)
        if found is None:
            return
        table, entry = found
        place = table.place("gpt0") if simple else table.element("gpt", index)
        wanted = value(subject)
        if place is not None and wanted is not None:
            now = subject.process.clock.now()
            table.write(entry, place, wanted, now)
            table.touch(entry, now)

    return run


@action("sc-set-gpt0", rulesets=COUNTING, prefix=True, usage="(<sc-id>) { <int> | <expr> }")
def set_first(args: Args) -> Run:
    """Set the first general purpose tag."""
    return setting(args, one_number(args.at(args.index - 1), "sc-set-gpt0", True), 0, True)


@action("sc-set-gpt", rulesets=COUNTING, prefix=True, usage="(<idx>,<sc-id>) { <int> | <expr> }")
def set_any(args: Args) -> Run:
    """Set a general purpose tag of the array."""
    index, number = two_numbers(args.at(args.index - 1), "sc-set-gpt", "gpt")
    return setting(args, number, index, False)
