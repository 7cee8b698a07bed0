"""Commands on ACL files and maps: show, get, add, set, del, clear, and versions prepared beside the current one (management.txt 9.3).

Identifiers of entries stand for the addresses that HAProxy shows: they are unique and stay the same while the entry lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.base.errors import Alert
from pylb.control.registry import INFO, Answer, Message, Refusal, Words, command
from pylb.sample import indexes
from pylb.sample.casts import CASTS
from pylb.sample.types import Type, Value

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.sample.store import PatternList, PatternStore

VERSION: Final = re.compile(r"\d*")
FIRST_ADDRESS: Final = 0x5500_0000_0000  # what entry numbers are added to, so that they look like HAProxy's
STEP: Final = 16
IN_TREES: Final = ("str", "beg", "ip")
KINDS: Final = {"int": Type.SINT, "ip": Type.ADDR, "bool": Type.BOOL}


def noun(kind: str) -> str:
    """How messages call the list."""
    return "ACL" if kind == "acl" else kind


def of_words(text: str) -> str:
    """A word of the conversation as pattern lists hold texts."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """A text of a pattern list for the conversation."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def lists(cli: Cli) -> list[PatternList]:
    """Every list, in the order of their numbers."""
    store = cli.process.config.patterns
    return list(store.lists) if store is not None else []


def find(cli: Cli, kind: str, reference: str, either: bool = False) -> PatternList:
    """The list that #number or a file's name means; raises Refusal."""
    store: PatternStore | None = cli.process.config.patterns
    found = store.find(of_words(reference)) if store is not None and reference else None
    wrong = found is not None and not either and (found.is_map if kind == "acl" else not found.is_map)
    if found is None or wrong:
        raise Refusal(f"Unknown {noun(kind)} identifier. Please use #<id> or <file>.\n")
    return found


def versioned(words: Words) -> tuple[int | None, Words]:
    """An @version before the list, if there is one."""
    if not words.at(0).startswith("@"):
        return None, words
    match = VERSION.match(words[0][1:])
    return int(match[0] or 0) if match is not None else 0, Words(words[1:])


def identifier(number: int) -> str:
    return f"0x{FIRST_ADDRESS + STEP * number:x}"


def entry_number(text: str) -> int | None:
    """The entry that `#0x...` means, None when the text is no such reference; raises Refusal."""
    if not text.startswith("#"):
        return None
    match = re.fullmatch(r"#(?:0x)?([0-9a-fA-F]*)(.*)", text)
    assert match is not None
    if not match[1] and text.startswith("#0x") or match[1] and match[2]:
        raise Refusal("Malformed identifier. Please use #<id> or <file>.\n")
    number, rest = divmod(int(match[1] or "0", 16) - FIRST_ADDRESS, STEP)
    return -1 if rest else number


# -- show


def listing(cli: Cli, kind: str) -> Iterator[str]:
    yield "# id (file) description\n"
    for one in lists(cli):
        if one.is_acl or not one.is_map if kind == "acl" else one.is_map:
            about = f"curr_ver={one.generation} next_ver={one.next_generation} entry_cnt={len(one.entries)}"
            yield f"{one.number} ({one.name or ''}) {one.display}. {about}\n"


def entries(found: PatternList, version: int | None) -> Iterator[str]:
    for entry in found.of_generation(version or None):
        value = f" {shown(entry.sample)}" if entry.sample is not None else ""
        yield f"{identifier(entry.number)} {shown(entry.text)}{value}\n"


def show(cli: Cli, words: Words, kind: str) -> Answer:
    version, words = versioned(words)
    if version is None and not words:
        return listing(cli, kind)
    return entries(find(cli, kind, words.at(0)), version)


@command("show acl", usage="show acl [@<ver>] <acl>]", help="report available acls or dump an acl's contents")
def show_acl(cli: Cli, words: Words) -> Answer:
    """The ACL lists, or what one contains."""
    return show(cli, words, "acl")


@command("show map", usage="show map [@ver] [map]", help="report available maps or dump a map's contents")
def show_map(cli: Cli, words: Words) -> Answer:
    """The maps, or what one contains."""
    return show(cli, words, "map")


# -- get


def typed(text: str, method: str) -> Value | None:
    """The text as the sample that this way of matching wants."""
    value: Value | None = text.encode("latin-1")
    wanted = KINDS.get(method)
    if wanted is None:
        return value
    cast: Any = CASTS.get((Type.STR, wanted))
    return cast(value) if cast is not None else None


def lookup(index: indexes.Index, text: str, kind: str) -> str:
    """One line: what this way of matching finds for the text."""
    method = index.method
    case = "insensitive" if index.ignore_case else "sensitive"
    value = typed(text, method)
    entry = index.find(value) if value is not None else None
    word = "match" if kind == "acl" else "found"
    line = f"type={method}, case={case}, {word}={'yes' if entry is not None else 'no'}"
    if entry is None:
        return f"{line}\n"
    line += f", idx={'tree' if method in IN_TREES and not index.ignore_case else 'list'}"
    if kind == "acl":
        return f'{line}, pattern="{shown(entry.text)}"\n'
    line += f', key="{shown(entry.text)}"'
    return f'{line}, value="{shown(entry.sample)}", type="str"\n' if entry.sample is not None else f"{line}, no value\n"


def get(cli: Cli, words: Words, kind: str) -> Answer:
    if not words.at(0) or not words.at(1):
        raise Refusal(f"Missing {noun(kind)} identifier and/or key.\n")
    found = find(cli, kind, words[0], either=True)
    return "".join(lookup(index, words[1], kind) for index in found.indexes.values())


@command("get acl", usage="get acl <acl> <value>", help="report the patterns matching a sample for an ACL")
def get_acl(cli: Cli, words: Words) -> Answer:
    """Which pattern matches a value."""
    return get(cli, words, "acl")


@command("get map", usage="get map <acl> <value>", help="report the keys and values matching a sample for a map")
def get_map(cli: Cli, words: Words) -> Answer:
    """What a value is mapped to."""
    return get(cli, words, "map")


# -- add, set, del, clear


def checked_version(found: PatternList, version: int | None) -> int | None:
    """The version to add to; None: the current one."""
    if not version:
        return None
    if version > found.next_generation:
        raise Refusal("Version number in the future, please use 'prepare {}' before.\n".format("map" if found.is_map else "acl"))
    return version


def add_one(found: PatternList, key: str, value: str | None, version: int | None) -> None:
    try:
        found.add(of_words(key), of_words(value) if value is not None else None, version)
    except Alert as alert:
        raise Refusal(f"{alert}.\n") from None


@command("add acl", usage="add acl [@<ver>] <acl> <pattern>", help="add an acl entry")
def add_acl(cli: Cli, words: Words) -> None:
    """Add a pattern."""
    version, words = versioned(words)
    if not words.at(0) or not words.at(1):
        raise Refusal("'add acl' expects two parameters: ACL identifier and pattern.\n")
    found = find(cli, "acl", words[0], either=True)
    add_one(found, words[1], None, checked_version(found, version))


@command(
    "add map", usage="add map [@<ver>] <map> <key> <val>", help="add a map entry (payload supported instead of key/val)"
)
def add_map(cli: Cli, words: Words) -> None:
    """Add a key with its value, or the lines of a payload."""
    version, words = versioned(words)
    complete = bool(words.at(0)) and (cli.payload is not None and not words.at(1) or bool(words.at(1)) and bool(words.at(2)))
    if not complete:
        raise Refusal(
            "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload\n"
        )
    found = find(cli, "map", words[0], either=True)
    number = checked_version(found, version)
    if cli.payload is None:
        add_one(found, words[1], words[2], number)
        return
    for line in cli.payload.splitlines():
        key, _, value = line.strip(" \t").partition(" ")
        if not value.strip(" \t"):
            raise Refusal(f"Missing value for key '{key}'.\n")
        add_one(found, key, value.strip(" \t"), number)


@command("set map", usage="set map <map> [<key>|#<ref>] <value>", help="modify a map entry")
def set_map(cli: Cli, words: Words) -> None:
    """Change what a key is mapped to."""
    if not (words.at(0) and words.at(1) and words.at(2)):
        raise Refusal("'set map' expects three parameters: map identifier, key and value.\n")
    found = find(cli, "map", words[0], either=True)
    number = entry_number(words[1])
    value = of_words(words[2])
    if not (found.set(of_words(words[1]), value) if number is None else found.set_number(number, value)):
        raise Refusal("entry not found.\n")


def delete(cli: Cli, words: Words, kind: str) -> None:
    if not words.at(0) or not words.at(1):
        raise Refusal(f"This command expects two parameters: {noun(kind)} identifier and key.\n")
    found = find(cli, kind, words[0])
    number = entry_number(words[1])
    if not (found.delete(of_words(words[1])) if number is None else found.delete_number(number)):
        raise Refusal("Key not found.\n")


@command("del acl", usage="del acl <acl> [<key>|#<ref>]", help="delete acl entries matching <key>")
def del_acl(cli: Cli, words: Words) -> None:
    """Remove patterns."""
    delete(cli, words, "acl")


@command("del map", usage="del map <map> [<key>|#<ref>]", help="delete map entries matching <key>")
def del_map(cli: Cli, words: Words) -> None:
    """Remove keys."""
    delete(cli, words, "map")


def clear(cli: Cli, words: Words, kind: str) -> None:
    version, words = versioned(words)
    if not words.at(0):
        raise Refusal(f"Missing {noun(kind)} identifier.\n")
    find(cli, kind, words[0]).clear(version or None)


@command("clear acl", usage="clear acl [@<ver>] <acl>", help="clear the contents of this acl")
def clear_acl(cli: Cli, words: Words) -> None:
    """Remove every pattern."""
    clear(cli, words, "acl")


@command("clear map", usage="clear map [@<ver>] <map>", help="clear the contents of this map")
def clear_map(cli: Cli, words: Words) -> None:
    """Remove every key."""
    clear(cli, words, "map")


# -- versions


def prepare(cli: Cli, words: Words, kind: str) -> Message:
    return Message(INFO, f"New version created: {find(cli, kind, words.at(0)).prepare()}\n")


@command("prepare acl", usage="prepare acl <acl>", help="prepare a new version for atomic ACL replacement")
def prepare_acl(cli: Cli, words: Words) -> Message:
    """Begin a version that is filled before it is used."""
    return prepare(cli, words, "acl")


@command("prepare map", usage="prepare map <acl>", help="prepare a new version for atomic map replacement")
def prepare_map(cli: Cli, words: Words) -> Message:
    """Begin a version that is filled before it is used."""
    return prepare(cli, words, "map")


def commit(cli: Cli, words: Words, kind: str) -> None:
    version, words = versioned(words)
    if version is None:
        raise Refusal("Missing version number.\n")
    if not words.at(0):
        raise Refusal(f"Missing {noun(kind)} identifier.\n")
    if not find(cli, kind, words[0]).commit(version):
        raise Refusal("Version number out of range.\n")


@command("commit acl", usage="commit acl @<ver> <acl>", help="commit the ACL at this version")
def commit_acl(cli: Cli, words: Words) -> None:
    """Make a prepared version the current one."""
    commit(cli, words, "acl")


@command("commit map", usage="commit map @<ver> <map>", help="commit the map at this version")
def commit_map(cli: Cli, words: Words) -> None:
    """Make a prepared version the current one."""
    commit(cli, words, "map")
