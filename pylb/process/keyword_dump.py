"""``-dK``: the registered words by class, in the form of HAProxy's dump, which tools compare between releases."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base.registry import Entry, Registry
from pylb.config import registry as configuration
from pylb.sample import registry as samples
from pylb.sample.acl_keywords import ACL_KEYWORDS
from pylb.sample.types import Type
from pylb.sample.validity import CHECKPOINT_NAMES, checkpoints_of
from pylb.stream import registry as streams

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
    """Sections, and under each its keywords; `listen` stands for all proxies."""
    lines: list[str] = []
    families = dict(configuration.keyword.families)
    order = ["global", "proxy", *sorted(name for name in families if name not in ("global", "proxy"))]
    for family in order:
        if family in families:
            lines += ["listen" if family == "proxy" else family, *(f"\t{entry.name}" for entry in by_name(families[family]))]
            if family == "proxy":
                lines += [*_line_words("bind <addr>", configuration.bind_keyword, "ssl "), *_line_words("server <name> <addr>", configuration.server_keyword)]
                lines += _actions()
    return _page("configuration keywords", lines)


def _line_words(head: str, words: Registry[Callable[..., None]], tls: str = "") -> list[str]:
    """The words of `bind` and `server` lines; `tls` is put before those of TLS, and ``+1`` tells of an argument."""
    lines = []
    for entry in by_name(words):
        group = tls if entry.function.__module__.endswith("_tls") else ""
        lines.append(f"\t{head} {group}{entry.name}{' +1' if entry.facts.get('usage') else ''}")
    return [line for line in lines if not line.endswith("ssl ssl")]


def _actions() -> list[str]:
    actions = [(ruleset, entry) for entry in streams.action for ruleset in entry.facts.get("rulesets", ())]
    return sorted(f"\t{ruleset} {entry.name}{'*' if entry.facts.get('prefix') else ''}" for ruleset, entry in actions)


def by_name(words: Registry[Any]) -> list[Entry[Any]]:
    """The entries of a registry in the order of their names."""
    return sorted(words, key=lambda entry: entry.name)


def cli_commands() -> str:
    """The commands of the stats socket."""
    from pylb.control import registry as control

    return _page("CLI keywords", sorted(f"{entry.name} [WORKER] " for entry in control.command))


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
    lines = [f"{_marks(entry.facts)} {entry.name}{arguments(entry.facts['args'])}: {TYPE_NAMES[entry.facts['type']]}" for entry in samples.fetch]
    return _page("sample fetch functions", [*header, f"# {'/ ' * count} ", f"# {'| ' * count}", *sorted(lines, key=lambda line: line.partition("]")[2])])


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
