"""Commands about name resolution: `show resolvers`, `show stat domain resolvers`, `set server ... fqdn`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.control.registry import WARNING, Message, Refusal, Words, command
from pylb.control.stats import csv_text, json_tags, json_value

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.server import Server

BY: Final = "by 'stats socket command'"
CONFIGURED, COUNTED = "CGP", "MGP"
# Of each counter: its name in `show resolvers` (and in `tasks.resolver.Counters`), in `show stat`, and its description there.
COUNTERS: Final = (
    ("sent", "sent", "Sent"),
    ("snd_error", "send_error", "Send error"),
    ("valid", "valid", "Valid"),
    ("update", "update", "Update"),
    ("cname", "cname", "CNAME"),
    ("cname_error", "cname_error", "CNAME error"),
    ("any_err", "any_err", "Any errors"),
    ("nx", "nx", "NX"),
    ("timeout", "timeout", "Timeout"),
    ("refused", "refused", "Refused"),
    ("other", "other", "Other"),
    ("invalid", "invalid", "Invalid"),
    ("too_big", "too_big", "Too big"),
    ("truncated", "truncated", "Truncated"),
    ("outdated", "outdated", "Outdated"),
)
FIELDS: Final = (("id", "id", "ID"), ("pid", "pid", "Parent ID"), *COUNTERS)


@command("show resolvers", usage="show resolvers [id]", help="dumps counters from all resolvers section and associated name servers")
def show_resolvers(cli: Cli, words: Words) -> str:
    """What became of the questions to each name server."""
    chosen = cli.process.resolvers
    if words.at(0):
        if words[0] not in chosen:
            raise Refusal("Can't find that resolvers section\n")
        chosen = {words[0]: chosen[words[0]]}
    return "".join(f"Resolvers section {name}\n{''.join(map(server_text, resolver.name_servers))}" for name, resolver in chosen.items())


def server_text(server: Any) -> str:
    lines = [f"  {name + ':':<12} {getattr(server.counters, name)}\n" for name, _, _ in COUNTERS]
    return f" nameserver {server.name}:\n{''.join(lines)}"


# -- show stat domain resolvers


def statistics(cli: Cli, form: str, descriptions: bool) -> Iterator[str]:
    """The counters in one of the forms of `show stat`."""
    counters = [server.counters for resolver in cli.process.resolvers.values() for server in resolver.name_servers]
    if form == "json":
        yield "[" + "".join(f"[{','.join(json_cells(one))}]" for one in counters) + "]\n"
        return
    if not form:
        yield "# " + "".join(f"{title}," for _, title, _ in FIELDS) + "\n"
    for one in counters:
        yield "".join(typed_lines(one, descriptions)) if form else "".join(csv_text(getattr(one, name)) + "," for name, _, _ in FIELDS) + "\n"


def cells(counters: Any) -> Iterable[tuple[int, str, str, str, str, int | str]]:
    """Position, title, description, tags, type and value of each field."""
    for position, (name, title, description) in enumerate(FIELDS):
        value = getattr(counters, name)
        tags, kind = (CONFIGURED, "str") if isinstance(value, str) else (COUNTED, "u64")
        yield position, title, description, tags, kind, value


def typed_lines(counters: Any, descriptions: bool) -> Iterator[str]:
    for position, title, description, tags, kind, value in cells(counters):
        told = f':"{description}"' if descriptions else ""
        yield f"N.{position}.{title}:{tags}:{kind}:{value}{told}\n"


def json_cells(counters: Any) -> Iterator[str]:
    for position, title, _, tags, kind, value in cells(counters):
        yield f'{{"field":{{"pos":{position},"name":"{title}"}},"tags":{json_tags(tags)},"value":{json_value(kind, value)}}}'


# -- set server ... fqdn


def set_name(cli: Cli, server: Server, words: Words) -> Message:
    """The name that the server's address follows."""
    name = words.at(0)
    if not name:
        raise Refusal("set server <b>/<s> fqdn requires a FQDN.\n")
    if server.settings.resolvers is not None and server.record_name:
        raise Refusal("set server <b>/<s> fqdn failed because SRV resolution is configured.\n")
    if server.settings.resolvers is None or server.follow_name is None:
        raise Refusal("set server <b>/<s> fqdn failed because no resolution is configured.\n")
    who, before = f"{server.backend.name}/{server.name}", server.host_name
    if name == before:
        return Message(WARNING, f"no need to change the FDQN {BY}\n")
    if not server.follow_name(name):
        return Message(WARNING, f"could not update {who} FQDN {BY}\n")
    return Message(WARNING, f"{who} changed its FQDN from {before or '(null)'} to {name} {BY}\n")
