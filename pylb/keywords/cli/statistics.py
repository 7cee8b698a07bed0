"""Commands that show and clear what is counted: `show stat`, `show info` and relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.base import version
from pylb.control import stats
from pylb.control.json_schema import SCHEMA
from pylb.control.registry import INFO, Answer, Level, Message, Refusal, Words, command
from pylb.keywords.cli import resolvers

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli


@command("show version", usage="show version", help="show version of the current process")
def show_version(cli: Cli, words: Words) -> Message:
    """The release that is spoken here."""
    return Message(INFO, f"{version.VERSION}\n")


@command("show info", usage="show info [desc|json|typed|float]*", help="report information about the running process")
def show_info(cli: Cli, words: Words) -> str:
    """The process in numbers."""
    floats, descriptions = "float" in words, "desc" in words
    form = [word for word in words if word in ("typed", "json")]
    if form and form[-1] == "json":
        return stats.info_json(cli.process, floats)
    return (stats.info_typed if form else stats.info_plain)(cli.process, floats, descriptions)


def number(text: str) -> int:
    """As C's atoi reads it."""
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text)
    length = next((index for index, character in enumerate(digits) if not "0" <= character <= "9"), len(digits))
    return sign * int(digits[:length] or "0")


@command("show stat", usage="show stat [desc|json|no-maint|typed|up]*", help="report counters for each proxy and server")
def show_stat(cli: Cli, words: Words) -> Answer:
    """A row per frontend, listener, server and backend."""
    want = stats.Filter(legends=cli.level >= Level.OPERATOR)
    domain = words.at(1) if words.at(0) == "domain" else ""
    if words.at(0) == "domain":
        if domain not in ("proxy", "resolvers"):
            raise Refusal("Invalid statistics domain.\n")
        words = Words(words[2:])
    if words.at(0) and words.at(1) and words.at(2):
        want.proxy_id, want.types, want.server_id = proxy_number(cli, words[0]), number(words[1]), number(words[2])
        words = Words(words[3:])
    want.up, want.no_maintenance = "up" in words, "no-maint" in words
    form = [word for word in words if word in ("typed", "json")]
    if domain == "resolvers":
        return resolvers.statistics(cli, form[-1] if form else "", "desc" in words)
    rows = stats.rows(cli.process, want)
    if form and form[-1] == "json":
        return stats.as_json(rows)
    return stats.typed(rows, "desc" in words) if form else stats.csv(rows)


def proxy_number(cli: Cli, text: str) -> int:
    """The proxy that `show stat` is asked for: a number, even one that nobody has, or a name, or `#number`."""
    wanted = number(text[1:] if text.startswith("#") else text) or next((face.id for face in cli.process.proxies if face.name == text), 0)
    if not wanted:
        raise Refusal("No such proxy.\n")
    return wanted


@command("show schema json", usage="show schema json", help="report schema used for stats")
def show_schema(cli: Cli, words: Words) -> str:
    """The JSON schema of the JSON outputs."""
    return SCHEMA


@command(
    "clear counters",
    usage="clear counters [all]",
    help="clear max statistics counters (or all counters)",
    level=Level.OPERATOR,
)
def clear_counters(cli: Cli, words: Words) -> None:
    """Forget the greatest values, or everything counted so far."""
    everything = words.at(0) == "all"
    if everything:
        cli.require(Level.ADMIN)
        for resolver in cli.process.resolvers.values():
            for server in resolver.name_servers:
                server.clear_counters()
    stats.clear_counters(cli.process, everything)
