"""Conditions: `if`/`unless` with named and anonymous ACLs, compiled to one three-valued test (configuration.txt 7.2).

A condition is a disjunction of conjunctions. True, False, None ("not yet known, more data may come"): a conjunction is False
as soon as one term is, a disjunction True as soon as one is; negation keeps None. With `final` set no ACL answers None.
Several definitions of one ACL name are alternatives, and later ones count for conditions written before them.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pylb.base.errors import Alert
from pylb.sample.acl import AclExpression, Affix, compile_acl
from pylb.sample.acl_keywords import PREDEFINED
from pylb.sample.code import Writer
from pylb.sample.context import CompileContext
from pylb.sample.types import Phase, Test
from pylb.sample.validity import Checkpoint, available, checkpoints_of, first_conflict

BAD_NAME = re.compile(r"[^A-Za-z0-9._:-]")
RESPONSES = Checkpoint.BACKEND_RESPONSE_CONTENT | Checkpoint.BACKEND_RESPONSE_HEADERS | Checkpoint.FRONTEND_RESPONSE_HEADERS
Group = list[tuple["Acl", bool]]  # ACL, negated?


@dataclass(slots=True)
class Acl:
    """A named ACL, or an anonymous one (empty name), with all its expressions."""

    name: str
    expressions: list[AclExpression] = field(default_factory=list)
    test: Test = lambda stream, final: False
    on_responses: Acl | None = None  # what is left of it in rules on responses, which no longer see the request

    def __call__(self, stream: Any, final: bool) -> bool | None:
        return self.test(stream, final)

    def add(self, expression: AclExpression) -> None:
        """One more alternative."""
        self.expressions.append(expression)
        tests = [known.test for known in self.expressions]
        self.test = tests[0] if len(tests) == 1 else any_of(tests)
        if self.on_responses is not None:
            self.on_responses.add_visible(expression)

    def write(self, writer: Writer) -> str:
        """The test of a complete message as text: call this when all definitions have been read."""
        return " or ".join([known.write(writer) for known in self.expressions]) or "False"

    def add_visible(self, expression: AclExpression) -> None:
        """One more alternative for responses, if it can be known there."""
        if available(expression.expression.source, RESPONSES):
            self.add(expression)

    def of_response(self) -> Acl:
        """The same ACL for rules on responses."""
        if self.on_responses is None:
            self.on_responses = Acl(self.name)
            for expression in self.expressions:
                self.on_responses.add_visible(expression)
        return self.on_responses


def define_acl(words: Sequence[str], acls: MutableMapping[str, Any], context: CompileContext) -> None:
    """What stands behind the keyword `acl`: a name and one expression. No words, no effect."""
    if not words:
        return
    name = words[0]
    bad = BAD_NAME.search(name)
    if bad is not None:
        raise Alert(f"character '{bad.group()}' is not permitted in acl name '{name}'.")
    if name.lower() == "or":
        raise Alert(f"acl name '{name}' will never match. 'or' is used to express a logical disjunction within a condition.")
    try:
        expression = compile_acl(words[1:], context, name)
    except Alert as alert:
        raise type(alert)(f"error detected while parsing ACL '{name}' : {alert}.") if type(alert) is Alert else alert from None
    acl = acls.get(name)
    if acl is None:
        acl = acls[name] = Acl(name)
    acl.add(expression)


def compile_condition(words: Sequence[str], acls: MutableMapping[str, Any], context: CompileContext) -> Test:
    """`if ...` or `unless ...`: every word belongs to the condition. Warns when it can never match where it stands."""
    groups = _groups(list(words[1:]), acls, context)
    warning = conflict(groups, context)
    if warning:
        context.warn(warning)
    if context.phase == Phase.RESPONSE:
        groups = [[(acl.of_response(), negate) for acl, negate in group] for group in groups]
    test = any_of([all_of(group) for group in groups]) if groups else _always
    negate = words[0] == "unless"
    return Condition(negated(test) if negate else test, groups, negate)


class Condition:
    """A compiled condition. Called, it is the three-valued test; `write` is for messages that are complete."""

    __slots__ = ("groups", "negate", "test")

    def __init__(self, test: Test, groups: list[Group], negate: bool) -> None:
        self.test, self.groups, self.negate = test, groups, negate

    def __call__(self, stream: Any, final: bool) -> bool | None:
        return self.test(stream, final)

    def write(self, writer: Writer) -> str:
        """The test of complete messages as text, made of the ACLs as they are now: call this when all of them have been read."""
        text = " or ".join([" and ".join([f"{'not ' if negate else ''}({acl.write(writer)})" for acl, negate in group]) for group in self.groups]) or "True"
        return f"not ({text})" if self.negate else text


    def affix(self, writer: Writer) -> Affix | None:
        """What it compares, if it is a single comparison of that kind."""
        if self.negate or len(self.groups) != 1 or len(self.groups[0]) != 1:
            return None
        acl, negate = self.groups[0][0]
        return acl.expressions[0].affix(writer) if not negate and len(acl.expressions) == 1 else None


def write_condition(writer: Writer, test: Test) -> str:
    """A test as one of complete messages."""
    return test.write(writer) if isinstance(test, Condition) else f"{writer.name(test)}(s, True)"


def _groups(words: list[str], acls: MutableMapping[str, Any], context: CompileContext) -> list[Group]:
    """The conjunctions between `or`s."""
    groups: list[Group] = []
    current: Group | None = None
    negate = False
    at = 0
    while at < len(words):
        word = words[at]
        while word.startswith("!"):
            negate = not negate
            word = word[1:]
        at += 1
        if not word:
            continue
        if word.lower() == "or" or word == "||":
            current, negate = None, False
            continue
        if word == "{":
            acl, at = _anonymous(words, at, context)
        else:
            acl = _named(word, acls, context)
        if current is None:
            current = []
            groups.append(current)
        current.append((acl, negate))
        negate = False
    return groups


def _anonymous(words: list[str], at: int, context: CompileContext) -> tuple[Acl, int]:
    """The ACL between braces."""
    try:
        end = words.index("}", at)
    except ValueError:
        raise Alert("missing closing '}' in condition") from None
    acl = Acl("")
    acl.add(compile_acl(words[at:end], context))
    return acl, end + 1


def _named(name: str, acls: MutableMapping[str, Any], context: CompileContext) -> Acl:
    """A declared ACL or a predefined one."""
    acl = acls.get(name)
    if acl is None:
        if name not in PREDEFINED:
            raise Alert(f"no such ACL : '{name}'")
        acl = acls[name] = Acl(name)
        acl.add(compile_acl(PREDEFINED[name].split(), context, name))
    found: Acl = acl
    return found


def conflict(groups: list[Group], context: CompileContext) -> str | None:
    """HAProxy's warning about the first ACL that has no sample at this place."""
    where = context.where()
    for group in groups:
        for acl, _ in group:
            text = _conflict_of(acl, where, context)
            if text:
                return text
    return None


def _conflict_of(acl: Acl, where: Checkpoint, context: CompileContext) -> str | None:
    unusable = [known for known in acl.expressions if where & ~checkpoints_of(known.expression.source) == where]
    if not unusable or not where:
        return None
    place = first_conflict(unusable[0].expression.source, where)
    keyword = unusable[0].keyword
    inside = f" in '{context.rule}'" if context.rule else ""
    if not acl.name:
        return f"anonymous acl will never match{inside} because it uses keyword '{keyword}' which is incompatible with '{place}'"
    if len(unusable) == len(acl.expressions):
        return f"acl '{acl.name}' will never match{inside} because it only involves keywords that are incompatible with '{place}'"
    return f"acl '{acl.name}' involves keyword{'' if context.rule else 's'} '{keyword}' which is incompatible with '{place}'"


def _always(stream: Any, final: bool) -> bool:
    return True


def negated(test: Test) -> Test:
    """The opposite; "not yet" stays."""

    def opposite(stream: Any, final: bool) -> bool | None:
        result = test(stream, final)
        return result if result is None else not result

    return opposite


def all_of(group: Group) -> Test:
    """A conjunction. One and two terms are the common cases and cost no loop."""
    if len(group) == 1:
        acl, negate = group[0]
        if not acl.name:
            return negated(acl.test) if negate else acl.test
        return negated(acl) if negate else lambda stream, final: acl.test(stream, final)
    terms = tuple(group)

    def conjunction(stream: Any, final: bool) -> bool | None:
        verdict: bool | None = True
        for acl, negate in terms:
            result = acl.test(stream, final)
            if result is None:
                verdict = None
            elif result is negate:
                return False
        return verdict

    return conjunction


def any_of(tests: Sequence[Test]) -> Test:
    """A disjunction."""
    if len(tests) == 1:
        return tests[0]
    alternatives = tuple(tests)

    def disjunction(stream: Any, final: bool) -> bool | None:
        verdict: bool | None = False
        for test in alternatives:
            result = test(stream, final)
            if result:
                return True
            if result is None:
                verdict = None
        return verdict

    return disjunction
