"""Where the words of configuration files are looked up: sections, their keywords, and the words of `bind` and `server` lines.

A keyword's facts: `sections` it may stand in; `face` ("frontend" or "backend") when it only makes sense there: elsewhere it
warns; `hint` ends that warning; `skip` says it then has no effect; `most` is how many arguments it takes; `suggest=False`
keeps it out of suggestions, as HAProxy does with some. Each family of
sections has its own table, since `maxconn` of `global` and of a proxy are different words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pylb.base.registry import Entry, Registry

Word = TypeVar("Word", bound=Callable[..., Any])

PROXY = ("defaults", "frontend", "backend", "listen")
FACES = ("frontend", "backend", "listen")
FAMILIES = dict.fromkeys(PROXY, "proxy")


class Keywords:
    """The keywords of every section; a decorator like a registry, ``@keyword("retries", sections=("defaults", ...))``."""

    def __init__(self) -> None:
        self.families: dict[str, Registry[Callable[..., None]]] = {}

    def __call__(self, name: str, *, sections: Iterable[str], **facts: Any) -> Callable[[Word], Word]:
        where = tuple(sections)

        def register(function: Word) -> Word:
            for family in dict.fromkeys(FAMILIES.get(section, section) for section in where):
                self.family(family).add(name, function, {"sections": where, **facts})
            return function

        return register

    def family(self, section: str) -> Registry[Callable[..., None]]:
        """The table of the family that `section` belongs to."""
        return self.families.setdefault(FAMILIES.get(section, section), Registry("keyword"))

    def find(self, section: str, name: str) -> Entry[Callable[..., None]] | None:
        """The entry for `name` in `section`, None when there is none."""
        return self.family(section).get(name)


section: Registry[Callable[..., Any]] = Registry("section")
keyword = Keywords()
bind_keyword: Registry[Callable[..., None]] = Registry("bind keyword")
server_keyword: Registry[Callable[..., None]] = Registry("server keyword")
