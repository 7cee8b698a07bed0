"""Where the kinds of health check are looked up (`option httpchk`, `option tcp-check`, ...)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.base.registry import Registry

check_kind: Registry[Callable[..., Any]] = Registry("check")
