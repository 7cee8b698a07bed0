"""The words of the language. `load` imports every leaf module, which registers its words; only `main` calls it."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Register every word."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
