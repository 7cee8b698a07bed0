"""What the lab shows while it runs: a table of services and servers, redrawn in place on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import deque
from collections.abc import Iterable
from typing import TextIO

from pylb.lab.balancer import Row, Table
from pylb.lab.site import Places, Site

COLOURS = {"UP": "32", "DOWN": "31", "DRAIN": "33", "MAINT": "33", "NOLB": "33"}
EVENTS, REQUESTS = 5, 5  # lines shown of each
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
CLEAR_BELOW = "\x1b[J"


def table_lines(site: Site, places: Places, table: Table | None, colour: bool = False, room: int = 0) -> list[str]:
    """One line per frontend: its URL (unless the lines must fit into less room), its servers with their requests, and the sum."""
    names = list(site.controllers)
    rows = [["service", "URL", *names, "requests"]]
    for service, face in site.faces():
        label = f"{service.name} {face.kind}".rstrip()
        url = f"{face.scheme}://{places.text(face.host, face.port)}/"
        found = [table.get((face.backend, name)) if table else None for name in names]
        total = sum(row.requests for row in found if row)
        rows.append([label, url, *(cell(row, colour) for row in found), str(total)])
    if room and sum(max(len(bare(row[column])) + 2 for row in rows) for column in range(len(rows[0]))) > room:
        rows = [[label, *cells] for label, _, *cells in rows]
    widths = [max(len(bare(row[column])) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text + " " * (width - len(bare(text))) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def bare(text: str) -> str:
    """Without colours."""
    return ESCAPES.sub("", text)


def cell(row: Row | None, colour: bool) -> str:
    """A server: its status and its requests."""
    if row is None:
        return "?"
    text = f"{row.status:<8} {row.requests:>5}"
    code = COLOURS.get(row.settled)
    return f"\x1b[{code}m{text[:8]}\x1b[0m{text[8:]}" if colour and code else text


def cut(text: str, width: int) -> str:
    """At most `width` visible characters; a coloured line that is too long loses its colours."""
    return text if len(bare(text)) <= width else bare(text)[: max(0, width - 1)] + "…"


def changes(before: Table | None, after: Table | None, site: Site) -> list[str]:
    """What servers did between two looks."""
    lines = []
    for _, face in site.faces():
        for name in site.controllers:
            was, now = ((table or {}).get((face.backend, name)) for table in (before, after))
            if was and now and was.settled != now.settled:
                lines.append(f"{face.backend}/{name}: {was.settled} -> {now.settled} ({now.check or 'no check'})")
    return lines


class Display:
    """Where the status goes."""

    def __init__(self, out: TextIO, site: Site, places: Places) -> None:
        self.out, self.site, self.places = out, site, places
        self.terminal = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.colour = self.terminal and "NO_COLOR" not in os.environ
        self.events: deque[str] = deque(maxlen=EVENTS)
        self.requests: deque[str] = deque(maxlen=200)
        self.before: Table | None = None
        self.height = 0  # lines drawn last time

    def event(self, text: str) -> None:
        """Something happened that a person should know."""
        line = f"{time.strftime('%H:%M:%S')}  {text}"
        self.events.append(line)
        if not self.terminal:
            self.say([line])

    def request(self, text: str) -> None:
        """A line of the load balancer's log."""
        self.requests.append(text)

    def say(self, lines: Iterable[str]) -> None:
        """Plain lines."""
        self.out.write("".join(f"{line}\n" for line in lines))
        self.out.flush()

    def update(self, table: Table | None) -> None:
        """Show how things are now."""
        if self.terminal:
            self.draw(table)
        elif table is not None and self.before is None:
            self.say(table_lines(self.site, self.places, table))
        elif table is not None:
            for line in changes(self.before, table, self.site):
                self.event(line)
        self.before = table or self.before

    def draw(self, table: Table | None) -> None:
        """The whole picture over the one drawn before."""
        size = shutil.get_terminal_size()
        lines = ["", *table_lines(self.site, self.places, table, self.colour, size.columns)]
        if table is None:
            lines.append("(the stats socket does not answer)")
        room = size.lines - 1 - len(lines)
        for title, content in (("What happened", list(self.events)), ("Latest requests", list(self.requests)[-REQUESTS:])):
            if content and room > 2:
                shown = content[-(room - 2) :]
                lines += ["", f"{title}:", *(f"  {line}" for line in shown)]
                room -= len(shown) + 2
        lines = [cut(line, size.columns - 1) for line in lines[: size.lines - 1]]
        up = f"\x1b[{self.height}F" if self.height else ""
        self.out.write(up + CLEAR_BELOW + "".join(f"{line}\n" for line in lines))
        self.out.flush()
        self.height = len(lines)
