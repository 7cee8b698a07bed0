"""The words of the language: every keyword, action, fetch, converter, matcher, command is one entry of one registry.

A registry is declared on the floor that looks its words up; the words themselves are leaf functions under `pylb.keywords`
that register with a decorator at import. Names are unique: registering one twice is a bug and raises at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Entry(Generic[F]):
    """One word: its name, the function behind it, and the facts its registry wants to know."""

    name: str
    function: F
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def manual(self) -> str:
        """The manual entry: the function's docstring."""
        return (self.function.__doc__ or "").strip()


class Registry(Generic[F]):
    """Name -> entry. Use as a decorator: ``@fetch("src", type=IPV4)``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, Entry[F]] = {}

    def __call__(self, name: str, **facts: Any) -> Callable[[F], F]:
        def register(function: F) -> F:
            self.add(name, function, facts)
            return function

        return register

    def add(self, name: str, function: F, facts: dict[str, Any]) -> None:
        """Register `function` under `name`; raises ValueError when the name is taken."""
        if name in self.entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self.entries[name] = Entry(name, function, facts)

    def get(self, name: str) -> Entry[F] | None:
        return self.entries.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[Entry[F]]:
        return iter(self.entries.values())

    def suggest(self, name: str) -> str | None:
        """The registered name that looks most like `name`, if any does."""
        close = get_close_matches(name, self.entries, n=1, cutoff=0.6)
        return close[0] if close else None
