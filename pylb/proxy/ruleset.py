"""A rule set as one generated function: conditions and the usual actions stand in it as text, whatever is rare is called from it.

A false condition then costs no call, and the path or the table of fields are looked up once per request. `source` is the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from pylb.config import model
from pylb.sample.code import Writer, Written
from pylb.sample.condition import Condition, write_condition
from pylb.sample.indexes import FEW, affix_test
from pylb.sample.logformat import LogFormat

Ended = tuple[int, Any] | None  # the rule that did not let the next one follow, and what it said
MOST_RENEWALS = 8  # after so many changes of patterns they are not written out any more
FEWEST_GUARDED = 4  # rules of one kind that are worth a question of their own
ROOMY = 8192  # heads up to this size leave room for any usual rewrite; only larger ones are measured

# what texts may use beside `s` -> how it is looked up; of the message that the rules change
OF_REQUEST = {
    "target": "s.request.target",
    "headers": "s.headers",
    "table": "dict(headers)",  # the last value of each name; statements that change fields keep it true
    "roomy": f"s.request.head_size < {ROOMY}",
}
OF_RESPONSE = {
    "headers": "s.headers",
    "table": "dict(headers)",
    "roomy": f"s.response is None or s.response.head_size < {ROOMY}",
}


class Generated:
    """A function that is written from rules. Patterns that stand in it may change: then it is written anew when it is next needed."""

    title = "run"  # of the function

    def __init__(self, rules: Sequence[Any], of_request: bool) -> None:
        self.rules, self.of_request = tuple(rules), of_request
        self.renewals = 0
        self.source = ""
        self.run: Callable[[Any], Any] = self.run_anew
        self.renew()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.rules)} rules)"

    def run_anew(self, stream: Any) -> Any:
        """`run` after patterns have changed."""
        self.renewals += 1
        self.renew()
        return self.run(stream)

    def outdated(self) -> None:
        """Patterns have changed."""
        self.run = self.run_anew

    def renew(self) -> None:
        """Write the function."""
        writer = Writer(self.of_request, fixed=self.renewals < MOST_RENEWALS)
        self.source = "\n".join([f"def {self.title}(s):", *("    " + line for line in self.write(writer)), "    return None", ""])
        made = dict(writer.names)
        exec(compile(self.source, f"<{self!r}>", "exec"), made)
        self.run = made[self.title]
        for index in writer.watched:
            index.watchers.add(self.outdated)

    def write(self, writer: Writer) -> list[str]:
        """The lines of the function."""
        raise NotImplementedError


class RuleSet(Generated):
    """The rules of one kind of a proxy. `run` gives None when all of them let the next one follow, else an `Ended`."""

    title = "run_rules"
    rules: tuple[model.Rule, ...]

    def __init__(self, rules: Sequence[model.Rule], of_request: bool) -> None:
        super().__init__(rules, of_request)
        self.tails: dict[int, RuleSet] = {}

    def after(self, at: int) -> RuleSet:
        """The rules behind one that had to wait."""
        if at not in self.tails:
            self.tails[at] = RuleSet(self.rules[at + 1 :], self.of_request)
        return self.tails[at]

    def write(self, writer: Writer) -> list[str]:
        """Rule by rule. What is looked up once is so at the head, and anew behind a rule that may have changed anything."""
        blocks = [Block(number, rule, writer) for number, rule in enumerate(self.rules)]
        for block, text in zip(blocks, writer.settle([block.text for block in blocks]), strict=True):
            block.text = text
        needed: set[str] = set()
        for block in reversed(blocks):
            if block.refreshes:
                block.text += "".join(["\n" + "; ".join(look_ups(writer, needed))] if needed else [])
            needed |= words_of(writer, block.text)
        return [*look_ups(writer, needed), *guarded(blocks, writer)]


def guarded(blocks: list[Block], writer: Writer) -> list[str]:
    """The lines of all rules. Neighbours that each look for beginnings (or ends) of one value are asked together first: when none of
    them holds, none of them can change that."""
    out: list[str] = []
    for (value, method), group in groupby(blocks, key=lambda block: block.compares):
        members = list(group)
        if len(members) < FEWEST_GUARDED or not value:
            out += [line for member in members for line in member.complete()]
            continue
        keys = [key for member in members if member.affix is not None for key in member.affix.keys]
        test = f"{value}.{method}({writer.literal(tuple(keys))})" if len(keys) <= FEW else f"{writer.name(affix_test(method, keys), 'any_' + method)}({value})"
        out += [f"if {value} is not None and {test}:", *("    " + line for member in members for line in member.complete())]
    return out


class Block:
    """The text of one rule: its condition on the first line, then what it does."""

    def __init__(self, number: int, rule: model.Rule, writer: Writer) -> None:
        writer.next_rule()
        self.comment = "# " + rule.text.encode("unicode_escape").decode()
        self.affix = rule.test.affix(writer) if isinstance(rule.test, Condition) else None
        self.compares = ("", "") if self.affix is None else (self.affix.value, self.affix.method)
        self.refreshes = False
        if isinstance(rule.run, Written):
            lines = rule.run.statements(writer, f"{writer.name(rule.run.run, rule.action)}(s)")
        else:
            call = f"{writer.name(rule.run, rule.action)}(s)"
            self.refreshes = not rule.ends
            lines = [f"return {number}, {call}"] if rule.ends else [f"verdict = {call}", f"if verdict is not None: return {number}, verdict"]
        self.text = "\n".join(["True" if rule.test is None else write_condition(writer, rule.test), *lines])

    def complete(self) -> list[str]:
        """All its lines."""
        condition, *lines = self.text.split("\n")
        return [self.comment, *lines] if condition == "True" else [self.comment, f"if {condition}:", *("    " + line for line in lines)]


class Switch(Generated):
    """`use_backend` rules. `run` gives the name of a backend, or None when no rule holds."""

    title = "choose_backend"
    rules: tuple[model.SwitchRule, ...]

    def write(self, writer: Writer) -> list[str]:
        """A line for each rule."""
        lines = writer.settle([self.line(rule, writer) for rule in self.rules])
        return [*look_ups(writer, words_of(writer, "\n".join(lines))), *lines]

    @staticmethod
    def line(rule: model.SwitchRule, writer: Writer) -> str:
        writer.next_rule()
        condition = "True" if rule.test is None else write_condition(writer, rule.test)
        target = rule.target.write(writer) if isinstance(rule.target, LogFormat) else writer.literal(rule.target)
        return f"if {condition}: return {target}"


def http_rules(rules: Sequence[model.Rule], *, of_request: bool) -> RuleSet | None:
    """A rule set, unless there are no rules."""
    return RuleSet(rules, of_request) if rules else None


def locals_of(writer: Writer) -> dict[str, str]:
    """All values that are looked up once, with their texts; later ones are made of earlier ones."""
    return {**(OF_REQUEST if writer.of_request else OF_RESPONSE), **writer.shared, **writer.kept}


def words_of(writer: Writer, text: str) -> set[str]:
    """The locals that a text uses, with those that they are made of."""
    found: set[str] = set()
    for name, made_of in reversed(locals_of(writer).items()):
        if re.search(rf"(?<![\w.]){name}\b", text):
            found.add(name)
            text += "\n" + made_of
    return found


def look_ups(writer: Writer, needed: set[str]) -> list[str]:
    """How locals are filled."""
    return [f"{name} = {text}" for name, text in locals_of(writer).items() if name in needed]
