"""`show events`: event sinks and what rings hold (management.txt 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pylb.control.registry import Answer, Level, Refusal, Words, command
from pylb.tasks.sinks import Reader, Ring

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

TITLE = "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n"


@command("show events", usage="show events [<sink>] [-w] [-n]", help="show event sink state", level=Level.USER)
def show_events(cli: Cli, words: Words) -> Answer:
    """All sinks, or the events of one."""
    sinks = cli.process.sinks
    if not words:
        return TITLE + "".join(f"    {sink.name:<10} : type={sink.kind}, {sink.dropped} dropped, {sink.description}\n" for sink in sinks.values())
    sink = sinks.get(words[0])
    if sink is None:
        raise Refusal("No such event sink")
    if not isinstance(sink, Ring):
        raise Refusal("Nothing to report for this sink")
    flags = ""
    for word in words[1:]:
        if word not in ("-w", "-n", "-wn", "-nw"):
            raise Refusal("unknown option")
        flags += word
    return events(cli, sink, wait="w" in flags, newest="n" in flags)


def events(cli: Cli, ring: Ring, *, wait: bool, newest: bool) -> Iterator[str | None]:
    """The events, those to come included when the user waits for them; None: nothing for now."""
    reader = Reader(ring, cli.more, newest=newest)
    try:
        while True:
            for event in reader.events():
                yield event.decode("latin-1") + "\n"
            if not wait:
                return
            yield None
    finally:
        reader.close()
