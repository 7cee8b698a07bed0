"""`show sess` and `shutdown session`: the streams being served.

The lines have HAProxy's form (`control.stream_text`). Identifiers are those of the stream objects in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.control.registry import Answer, Level, Refusal, Words, command
from pylb.control.stream_text import details, own_details, own_summary, summary

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

IDENTIFIER: Final = re.compile(r"0x([0-9a-fA-F]+)")


def streams(cli: Cli) -> list[Any]:
    """Every stream under way, the oldest first."""
    found = [mux.stream for mux in cli.process.sessions if getattr(mux, "stream", None) is not None]
    return sorted(found, key=lambda stream: stream.number)


def number_of(text: str) -> int:
    """An identifier as a number; 0 when it is none."""
    match = IDENTIFIER.match(text)
    return int(match[1], 16) if match is not None else int(text) if text.isdigit() else 0


def find(cli: Cli, text: str) -> Any:
    """The stream with this identifier, None when there is none."""
    wanted = number_of(text)
    return next((stream for stream in streams(cli) if id(stream) == wanted), None)


@command("show sess", usage="show sess [id]", help="report the list of current sessions or dump this exact session", level=Level.OPERATOR)
def show_sessions(cli: Cli, words: Words) -> Answer:
    """The streams, one of them, or everything about all."""
    wanted = words.at(0)
    if wanted == "all":
        return dump(cli, details, own_details)
    if wanted[:1].isdigit() and number_of(wanted):
        stream = find(cli, wanted)
        if stream is None:
            return "Session not found.\n"
        return details(cli, stream)
    return dump(cli, summary, own_summary)


def dump(cli: Cli, of_stream: Callable[[Cli, Any], str], of_own: Callable[[Cli, int], str]) -> Iterator[str]:
    """Every stream, then the command's own, which tells how much was said before. Streams that begin from now on belong to the next epoch."""
    cli.process.listings.append(cli.process.counters.requests_total)
    sent = 0
    for stream in streams(cli):
        text = of_stream(cli, stream)
        sent += len(text)
        yield text
    yield of_own(cli, sent)


@command("shutdown session", usage="shutdown session [id]", help="kill a specific session", level=Level.ADMIN)
def shutdown_session(cli: Cli, words: Words) -> None:
    """End one stream."""
    if not words.at(0)[:1].isdigit():
        raise Refusal("Session pointer expected (use 'show sess').\n")
    stream = find(cli, words[0])
    if stream is None:
        raise Refusal("No such session (use 'show sess').\n")
    stream.kill("K")
