"""The words of the language, registered by being imported; only `main` calls for them.

The commands of the stats socket are a language of their own: a program that only checks a file, or has no socket, does without.
"""

from __future__ import annotations

import importlib
import pkgutil

COMMANDS = f"{__name__}.cli"


def load() -> None:
    """Register every word."""
    load_language()
    load_commands()


def load_language() -> None:
    """Register the words of configurations."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if module.name != COMMANDS:
            _import(module.name)


def load_commands() -> None:
    """Register the commands of the stats socket."""
    _import(COMMANDS)


def _import(name: str) -> None:
    """A module, and those in it."""
    module = importlib.import_module(name)
    for inner in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        importlib.import_module(inner.name)
