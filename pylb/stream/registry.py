"""Where actions of rule sets, filters and HTTP services are looked up.

Facts of an action: `rulesets` it may stand in ("http-request", "tcp-request content", ...), `usage` (its arguments),
`prefix=True` when its name goes on in parentheses (``set-var(txn.name)``), `ends=True` when no HTTP rule can follow it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.base.registry import Registry

action: Registry[Callable[..., Any]] = Registry("action")
filter_: Registry[Callable[..., Any]] = Registry("filter")
service: Registry[Callable[..., Any]] = Registry("service")
