"""Variables: ``proc.x``, ``sess.x``, ``txn.x``, ``req.x``, ``res.x`` and ``check.x`` (configuration.txt 7.3.2, `var`).

A scope is a dictionary on the object that lives as long as the variables do; it is made when the first one is set. Values keep
their sample type. A scope that does not exist where an expression runs (``txn`` before there is a stream) is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pylb.base.errors import Alert
from pylb.sample.types import Value

SCOPES = ("proc", "sess", "txn", "req", "res", "check")
BAD_CHARACTER = re.compile(r"[^A-Za-z0-9._]")
HOLDERS = {
    "sess": "variables", "txn": "variables", "req": "request_variables", "res": "response_variables", "check": "check_variables",
}  # fmt: skip
CONDITIONS = frozenset(("ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt"))


class Variable:
    """A variable's name, resolved to the attribute that holds its scope."""

    __slots__ = ("attribute", "name", "scope")

    def __init__(self, text: str) -> None:
        if not text:
            raise Alert("Empty variable name cannot be accepted")
        scope, dot, name = text.partition(".")
        if not dot or scope not in SCOPES:
            raise Alert(
                f"invalid variable name '{text}'. A variable name must be start by its scope."
                " The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
            )
        bad = BAD_CHARACTER.search(name)
        if bad is not None:
            raise Alert(f"invalid syntax at char '{name[bad.start() :]}'")
        self.scope, self.name = scope, text
        self.attribute = HOLDERS.get(scope, "variables")

    def __repr__(self) -> str:
        return f"Variable({self.name})"

    def holder(self, stream: Any) -> Any:
        """The object whose dictionary this scope is; None when there is none here."""
        if self.scope == "sess":
            return stream.session
        if self.scope == "proc":
            return stream.process
        if stream.session is stream and self.scope != "check":
            return None
        return stream

    def get(self, stream: Any) -> Value | None:
        """The value, None when it is not set."""
        holder = self.holder(stream)
        values = getattr(holder, self.attribute, None)
        return None if values is None else values.get(self.name)

    def set(self, stream: Any, value: Value) -> bool:
        """Set it; False where the scope does not exist."""
        holder = self.holder(stream)
        if holder is None:
            return False
        values = getattr(holder, self.attribute, None)
        if values is None:
            values = {}
            try:
                setattr(holder, self.attribute, values)
            except AttributeError:  # a TCP stream has no request to hang it on
                if holder.variables is None:
                    holder.variables = {}
                values = holder.variables
        values[self.name] = value
        return True

    def unset(self, stream: Any) -> None:
        """Forget it."""
        holder = self.holder(stream)
        values = getattr(holder, self.attribute, None)
        if values is not None:
            values.pop(self.name, None)

    def written_scope(self) -> str | None:
        """The dictionary of an HTTP stream's variables as text; None where it is elsewhere."""
        return f"s.{self.attribute}" if self.scope in ("txn", "req") else None

    def getter(self) -> Callable[[Any], Value | None]:
        """A fast reader for expressions."""
        name = self.name
        if self.scope == "txn":

            def transaction(stream: Any) -> Value | None:
                values = stream.variables if stream.session is not stream else None
                return None if values is None else values.get(name)

            return transaction
        return self.get


def check_conditions(words: Sequence[str]) -> tuple[str, ...]:
    """The conditions of `set-var(name,cond...)`; raises Alert for an unknown one."""
    for word in words:
        if word not in CONDITIONS:
            raise Alert(f'unknown condition "{word}"')
    return tuple(words)


def may_set(variable: Variable, stream: Any, value: Value, conditions: Sequence[str]) -> bool:
    """Do all conditions of a `set-var` hold?"""
    if not conditions:
        return True
    old = variable.get(stream)
    return all(_holds(condition, old, value) for condition in conditions)


def _holds(condition: str, old: Value | None, new: Value) -> bool:
    if condition in ("ifexists", "ifnotexists"):
        return (old is not None) == (condition == "ifexists")
    if condition in ("ifset", "ifnotset"):
        return (old is not None) == (condition == "ifset")
    if condition in ("ifempty", "ifnotempty"):
        return (_length(new) == 0) == (condition == "ifempty")
    if type(old) is not type(new) or not isinstance(new, int) or not isinstance(old, int):
        return True
    return old > new if condition == "ifgt" else old < new


def _length(value: Value) -> int:
    return len(value) if isinstance(value, bytes) else 1


def set_variable(text: str) -> tuple[Variable, tuple[str, ...]]:
    """`name[,condition...]` as it stands between the parentheses of `set-var`."""
    name, *conditions = text.split(",")
    return Variable(name), check_conditions(conditions)


def number_or_variable(text: str) -> int | Variable:
    """The argument of arithmetic converters."""
    stripped = text.strip()
    if re.fullmatch(r"[+-]?\d+", stripped):
        return int(stripped)
    if not text:
        return 0
    try:
        return Variable(text)
    except Alert:
        raise Alert("expects an integer or a variable name") from None
