"""Actions on ACL and map files at run time: `add-acl`, `del-acl`, `set-map`, `del-map` (configuration.txt 4.2 `http-request set-map`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Config, Run
from pylb.keywords.actions.common import BOTH, bytes_of
from pylb.sample.store import PatternList
from pylb.stream.registry import action

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

Change = Callable[[PatternList, str, str], None]


def changing(args: Args, count: int, change: Change) -> Run:
    """An action that computes a key (and a value) and changes the list of its file."""
    complaint = f"expects exactly {count} arguments"
    word = args.at(args.index - 1)
    _, opening, rest = word.partition("(")
    if not opening or len(rest) < 2 or not rest.endswith(")"):
        raise Alert(complaint)
    if not all(args.at(args.index + number) for number in range(count)):
        raise Alert(complaint)
    key = bytes_of(args, complaint)
    value = bytes_of(args, complaint) if count == 2 else None
    found: list[PatternList] = []

    def resolve(config: Config) -> None:
        store = args.context().pattern_store()
        known = store.find(rest[:-1])
        if known is None:
            known = PatternList(rest[:-1], None, f"pattern loaded from file '{rest[:-1]}' used by action")
            store.files[rest[:-1]] = known
            store.lists.append(known)
        found.append(known)

    args.later(resolve)

    def run(stream: Stream) -> None:
        change(found[0], key(stream).decode("latin-1"), value(stream).decode("latin-1") if value is not None else "")

    return run


def add_once(patterns: PatternList, key: str, value: str) -> None:
    if not patterns.contains(key):
        add(patterns, key, None)


def assign(patterns: PatternList, key: str, value: str) -> None:
    if not patterns.set(key, value):
        add(patterns, key, value)


def add(patterns: PatternList, key: str, value: str | None) -> None:
    """A key that is no pattern of the list's kind is ignored."""
    try:
        patterns.add(key, value)
    except Alert:
        pass


def forget(patterns: PatternList, key: str, value: str) -> None:
    patterns.delete(key)


@action("add-acl", rulesets=BOTH, prefix=True, usage="(<file>) <key fmt>")
def add_acl(args: Args) -> Run:
    """Add a pattern to an ACL file's list, unless it is there."""
    return changing(args, 1, add_once)


@action("del-acl", rulesets=BOTH, prefix=True, usage="(<file>) <key fmt>")
def del_acl(args: Args) -> Run:
    """Remove a pattern from an ACL file's list."""
    return changing(args, 1, forget)


@action("set-map", rulesets=BOTH, prefix=True, usage="(<file>) <key fmt> <value fmt>")
def set_map(args: Args) -> Run:
    """Give a key of a map another value, or add it."""
    return changing(args, 2, assign)


@action("del-map", rulesets=BOTH, prefix=True, usage="(<file>) <key fmt>")
def del_map(args: Args) -> Run:
    """Remove a key from a map."""
    return changing(args, 1, forget)
