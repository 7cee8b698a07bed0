"""Which rules may change how a message is framed: those that write the fields which say how long a body is, and those that put another status.

Found out once, from the rules as they are written: how a message leaves is judged anew (`wire.h1_leaving`) only where there is such a rule.
"""

from __future__ import annotations

from collections.abc import Iterable

from pylb.config.model import Rule

WRITERS = frozenset(("set-header", "add-header", "del-header", "replace-header", "replace-value"))
FIELDS = ("content-length", "transfer-encoding")


def may_reframe(rules: Iterable[Rule]) -> bool:
    """Is one of the rules such a rule?"""
    return any(rule.action == "set-status" or (rule.action in WRITERS and writes_framing(rule.text)) for rule in rules)


def writes_framing(text: str) -> bool:
    """Does a rule on a field, as it is written, name one that frames the body, or perhaps, with a pattern?"""
    words = text.lower().split()
    return words[1] in FIELDS or "-m" in words
