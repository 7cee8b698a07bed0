"""Running a rule set against a stream (configuration.txt 4.2 `http-request`, `tcp-request content`, ...).

Rules run in order; a rule whose condition does not hold is skipped. A rule's function returns None to go on, a Verdict to end or
suspend the rule set, or a coroutine when it must wait itself; denying and answering are exceptions (`Answer`, `Stop`).
The rules of complete messages are one function (`proxy.ruleset`), those that may wait for more bytes are tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from pylb.base.timers import NEVER
from pylb.stream.verdict import Stop, Verdict

if TYPE_CHECKING:
    from pylb.config.model import Rule
    from pylb.proxy.ruleset import RuleSet
    from pylb.stream.driver import Stream

Rules = tuple["Rule", ...]


class Pending:
    """A rule set that cannot go on at once: the rule that must wait, what it said, and the rules behind it."""

    __slots__ = ("after", "rule", "verdict")

    def __init__(self, rule: Rule, verdict: Any, after: RuleSet) -> None:
        self.rule, self.verdict, self.after = rule, verdict, after


def run_now(stream: Any, rules: RuleSet) -> Verdict | Pending | None:
    """Run an HTTP rule set as far as it goes without waiting; nearly always to its end. The message is complete, so conditions
    are definite. Each rule set begins in strict mode (`strict-mode`)."""
    stream.lenient = False
    return go_on(stream, rules)


def go_on(stream: Any, rules: RuleSet) -> Verdict | Pending | None:
    """Run rules in the mode that the rules before them left."""
    ended = rules.run(stream)
    if ended is None:
        return None
    at, verdict = ended
    if verdict is Verdict.STOP or verdict is Verdict.CLOSE:
        stream.last_rule = rules.rules[at]
        return verdict
    return Pending(rules.rules[at], verdict, rules.after(at))


async def finish_rules(stream: Any, result: Verdict | Pending | None, when: str) -> Verdict | None:
    """Go on where `run_now` could not, as often as it takes."""
    while isinstance(result, Pending):
        verdict = await settle(stream, result.rule, result.verdict, when)
        if verdict is not None:
            stream.last_rule = result.rule
            return verdict
        result = go_on(stream, result.after)
    return result


async def run_rules(stream: Any, rules: RuleSet, when: str = "R") -> Verdict | None:
    """Run an HTTP rule set to its end."""
    result = run_now(stream, rules)
    return await finish_rules(stream, result, when) if isinstance(result, Pending) else result


async def settle(stream: Any, rule: Rule, verdict: Any, when: str) -> Verdict | None:
    """Wait as long as the action wants more data, then give its verdict."""
    stream.current_rule = rule
    if isawaitable(verdict):
        verdict = await verdict
    while verdict is Verdict.WAIT:
        await more(stream, when)
        verdict = rule.run(stream)
    stream.current_rule = None
    if verdict is Verdict.REJECT:
        raise Stop("P", when, 0)
    return verdict if isinstance(verdict, Verdict) else None


async def more(stream: Any, when: str) -> None:
    """Wait until more data is there than now, or all of it."""
    seen = stream.progress()
    await stream.wait(when, lambda: stream.progress() != seen)


async def run_content_rules(
    stream: Stream, rules: Rules, delay: float, progress: Callable[[], tuple[int, bool]], when: str = "R"
) -> Verdict | None:
    """Run `tcp-request content` or `tcp-response content`: conditions may be undecided until more bytes come, the inspection delay
    is over, or nothing more can come. `progress` tells how much is there and whether that is all."""
    ends_at = stream.process.clock.now() + delay
    while True:
        seen = progress()
        final = seen[1] or delay == 0.0 or stream.process.clock.now() >= ends_at - 0.0005
        decided, verdict = await one_pass(stream, rules, final)
        if decided:
            stream.step_expire = NEVER
            return verdict
        stream.step_timer(ends_at)
        stream.waits_until = ends_at
        await stream.wait(when, lambda: progress() != seen or stream.process.clock.now() >= ends_at - 0.0005)  # noqa: B023


async def one_pass(stream: Any, rules: Rules, final: bool) -> tuple[bool, Verdict | None]:
    """One try over the whole rule set: (is it decided?, verdict)."""
    for rule in rules:
        if rule.test is not None:
            matched = rule.test(stream, final)
            if matched is None and not final:
                return False, None
            if not matched:
                continue
        verdict: Any = rule.run(stream)
        if isawaitable(verdict):
            verdict = await verdict
        if verdict is Verdict.WAIT and not final:
            return False, None
        if verdict is None or verdict is Verdict.WAIT:
            continue
        stream.last_rule = rule
        return True, verdict
    return True, None
