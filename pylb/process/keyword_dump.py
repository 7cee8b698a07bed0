"""``-dK``: the registered words by class, in the form of HAProxy's dump, which tools compare between releases."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base.registry import Entry, Registry
from pylb.config import registry as configuration
from pylb.config.plain_options import PLAIN
from pylb.process import builtin_words
from pylb.sample import registry as samples
from pylb.sample.acl_keywords import ACL_KEYWORDS
from pylb.sample.types import Type
from pylb.sample.validity import CHECKPOINT_NAMES, checkpoints_of
from pylb.stream import registry as streams
from pylb.wire import crt_list

HELP = """\
# List of supported keyword classes:
all: list all keywords
acl: ACL keywords
cfg: configuration keywords
cli: CLI keywords
cnv: sample converter keywords
flt: filter names
smp: sample fetch functions
svc: service names
"""
TYPE_NAMES = {
    Type.ANY: "any",
    Type.BOOL: "bool",
    Type.SINT: "sint",
    Type.IPV4: "ipv4",
    Type.IPV6: "ipv6",
    Type.ADDR: "addr",
    Type.STR: "str",
    Type.BIN: "bin",
    Type.METH: "meth",
}
FETCHED = {**TYPE_NAMES, Type.ADDR: "sint"}  # a fetch that may give either kind of address is listed like this
MODES = {None: "", "expert": "[EXPERT] ", "experimental": "[EXPERIM] "}
RULESETS = (
    *("tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content"),
    *("http-request", "http-response", "http-after-response"),
)
BARE_SECTIONS = ("userlist", "peers")  # HAProxy lists these without a word of theirs


def dump(classes: str) -> str:
    """The text for ``-dK<class>[,<class>]...``; names it does not know mean nothing."""
    wanted = classes.split(",")
    if "help" in wanted:
        return HELP
    return "".join(write() for name, write in CLASSES.items() if name in wanted or "all" in wanted)


def _page(title: str, lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in [f"# List of registered {title}:", *lines])


def matches() -> str:
    """Names that are a fetch with a matching method of its own."""
    return _page("ACL keywords", sorted(f"{name} = {fetch} -m {method}" for name, (fetch, method) in ACL_KEYWORDS.items()))


def configuration_keywords() -> str:
    """Sections with their keywords, `listen` for all proxies with the words of its lines; words of `process.builtin_words` are left out."""
    lines = ["global", *_section("global"), "listen", *_section("proxy")]
    lines += [*_bind_words(), *_server_words(), *_options(), *_actions()]
    lines += [name for name in BARE_SECTIONS if _works(configuration.section.get(name))]
    lines += ["crt-list", *(f"\t{name}{' +1' if name in crt_list.VALUES else ''}" for name in sorted({*crt_list.FLAGS, *crt_list.VALUES}))]
    return _page("configuration keywords", lines)


def _section(family: str) -> list[str]:
    builtin = builtin_words.KEYWORDS[family]
    return [f"\t{entry.name}" for entry in by_name(configuration.keyword.family(family)) if entry.name not in builtin]


def _bind_words() -> list[str]:
    """The words of `bind` lines, those of TLS behind the others."""
    plain: list[str] = []
    tls: list[str] = []
    for entry in by_name(configuration.bind_keyword):
        if entry.name != "ssl":
            group, lines = ("ssl ", tls) if entry.function.__module__.endswith("_tls") else ("", plain)
            lines.append(f"\tbind <addr> {group}{entry.name}{_argument(entry)}")
    return plain + tls


def _server_words() -> list[str]:
    return [f"\tserver <name> <addr> {entry.name}{_argument(entry)}" for entry in by_name(configuration.server_keyword)]


def _argument(entry: Entry[Any]) -> str:
    """``+1`` tells of an argument, ``+-1`` of one that more may follow."""
    if not entry.facts.get("usage"):
        return ""
    return " +-1" if entry.facts.get("open_ended") else " +1"


def _options() -> list[str]:
    """Options that are on or off, the faces that have them, and whether they need HTTP."""
    faces = {"frontend": "FE ", "backend": "BE ", "": "FE BE "}
    return [f"\toption {name} [ {faces[fact.face]}{'HTTP ' if fact.http else ''}]" for name, fact in sorted(PLAIN.items())]


def _actions() -> list[str]:
    lines = []
    for ruleset in RULESETS:
        names = sorted(f"{entry.name}{'*' if entry.facts.get('prefix') else ''}" for entry in streams.action if ruleset in entry.facts.get("rulesets", ()))
        lines += [f"\t{ruleset} {name}" for name in names if name not in builtin_words.ACTIONS.get(ruleset, ())]
    return lines


def _works(entry: Entry[Any] | None) -> bool:
    """Is there such a word, and more behind it than the news that it is not implemented yet?"""
    return entry is not None and not entry.facts.get("planned")


def by_name(words: Registry[Any]) -> list[Entry[Any]]:
    """The entries of a registry that work, in the order of their names."""
    return sorted(filter(_works, words), key=lambda entry: entry.name)


def cli_commands() -> str:
    """The commands of the stats sockets and of the master's, and the mode that they want."""
    from pylb.control import registry as control
    from pylb.process.master_cli import commands

    masters, workers = commands(), {entry.name: entry for entry in by_name(control.command)}
    return _page("CLI keywords", [_command(name, name in masters, workers.get(name)) for name in sorted({*masters, *workers})])


def _command(name: str, masters: bool, entry: Entry[Any] | None) -> str:
    mode = entry.facts.get("mode") if entry is not None else None
    return f"{name} {'[MASTER] ' if masters else ''}{'[WORKER] ' if entry is not None else ''}{MODES[mode]}"


def converters() -> str:
    """Converters with the types they take and give."""
    return _page(
        "sample converter functions",
        [
            f"{entry.name}{arguments(entry.facts['args'])}: {TYPE_NAMES[entry.facts['output']]} => {TYPE_NAMES[entry.facts['input']]}"
            for entry in by_name(samples.converter)
        ],
    )


def arguments(text: str) -> str:
    """The arguments' types in parentheses, "" when there are none."""
    inner = re.sub(r"\s", " ", text).strip("()")
    return f"({inner})" if inner else ""


def filters() -> str:
    """Filters and the name they go by in traces."""
    return _page("filter names", [f"{entry.name} [{entry.facts.get('label', entry.name.upper())}]" for entry in by_name(streams.filter_)])


def fetches() -> str:
    """Fetches with the places where they can be used, a column each."""
    count = len(CHECKPOINT_NAMES)
    header = [f"#{' ' * (count + 1 - row)}{'/ ' * row}_.{'-' * (count - row)} {name}".rstrip() for row, name in enumerate(CHECKPOINT_NAMES)]
    lines = [f"{_marks(entry.facts)} {entry.name}{arguments(entry.facts['args'])}: {FETCHED[entry.facts['type']]}" for entry in by_name(samples.fetch)]
    return _page("sample fetch functions", [*header, f"# {'/ ' * count} ", f"# {'| ' * count}", *lines])


def _marks(facts: dict[str, Any]) -> str:
    usable = checkpoints_of(facts["source"])
    return "[ " + "".join("Y " if usable & (1 << column) else ". " for column in range(len(CHECKPOINT_NAMES))) + "]"


def services() -> str:
    """HTTP services."""
    return _page("service names", sorted(entry.name for entry in streams.service))


CLASSES: dict[str, Callable[[], str]] = {
    "acl": matches,
    "cfg": configuration_keywords,
    "cli": cli_commands,
    "cnv": converters,
    "flt": filters,
    "smp": fetches,
    "svc": services,
}
