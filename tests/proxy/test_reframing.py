"""Which rules make it necessary to judge anew how a message leaves."""

from __future__ import annotations

import pytest

from pylb.config.model import Place, Rule
from pylb.proxy.reframing import may_reframe

RULES = {
    "set-header content-length 5": True,
    "add-header Transfer-Encoding chunked if { path / }": True,
    "del-header content-length": True,
    "del-header con -m beg": True,
    "replace-header content-length .* 5": True,
    "replace-value transfer-encoding a b": True,
    "set-status 204": True,
    "set-header x-length content-length": False,
    "del-header x": False,
    "deny status 404": False,
    "return": False,
}


@pytest.mark.parametrize("text", RULES)
def test_rule(text: str) -> None:
    rule = Rule(text.split()[0], lambda stream: None, None, Place("test", 1), text=text)
    assert may_reframe([rule]) == RULES[text]
    assert not may_reframe([])
