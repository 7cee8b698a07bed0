"""What the cases of streams cover, as a grid with its holes: which terminations HAProxy logged while they were played, and what may befall a stream in
each of its phases. A case says in `covers` which cells it was written for; terminations need no saying."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness import Case, Outcome

EVENTS = ("client FIN", "client RST", "server FIN", "server RST", "timeout", "oversize", "garbage")
PHASES = ("head", "queue", "connect", "upload", "waiting", "response", "idle")
TRANSPORTS = ("plain", "TLS")
CAUSES, STATES = "CSPLRIDUKcs-", "RQCHDLT-"  # the letters of a termination, as configuration.txt 8.5 lists them
GIVEN, DONE = "NIDVEOU-", "NIUPRD-"  # those of the persistence cookie
LETTERS = re.compile(r" (?:\d+|-1)?(?: - -)? ?([CSPLRIDUKcs-][RQCHDLT-])([NIDVEOU-][NIUPRD-])? A/")

Cell = tuple[str, ...]


@dataclass
class Table:
    """Cells with the cases that are in them, or the reason why there can be none."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cases: dict[Cell, list[str]] = field(default_factory=dict)
    reasons: Mapping[Cell, str] = field(default_factory=dict)

    def add(self, cell: Cell, name: str) -> None:
        known = self.cases.setdefault(cell, [])
        if name not in known:
            known.append(name)

    def cells(self) -> Iterator[Cell]:
        return itertools.product(self.rows, self.columns)

    def holes(self) -> list[Cell]:
        """Cells with neither a case nor a reason."""
        return [cell for cell in self.cells() if cell not in self.cases and cell not in self.reasons]

    def refuted(self) -> list[Cell]:
        """Cells that cannot be, and are."""
        return [cell for cell in self.cells() if cell in self.reasons and cell in self.cases]

    def lines(self) -> list[str]:
        """The number of cases in each cell (`.`: cannot be, `HOLE`: is missing), then their names."""
        width = max(6, *(len(name) + 1 for name in self.columns))
        first = max(len(name) for name in self.rows) + 1
        lines = [f"{self.title}", " " * first + "".join(f"{name:>{width}}" for name in self.columns)]
        for row in self.rows:
            lines.append(f"{row:<{first}}" + "".join(f"{self.mark((row, column)):>{width}}" for column in self.columns))
        lines += [f"  {' / '.join(cell)}: {some(self.cases[cell])}" for cell in self.cells() if cell in self.cases]
        for reason in dict.fromkeys(self.reasons.values()):
            lines.append(f"  none in {', '.join('/'.join(cell) for cell in self.cells() if self.reasons.get(cell) == reason)}: {reason}")
        return lines

    def mark(self, cell: Cell) -> str:
        found = self.cases.get(cell)
        return str(len(found)) if found else "." if cell in self.reasons else "HOLE"


def some(names: Sequence[str], most: int = 4) -> str:
    """The first few of many names."""
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")


def cells_of(case: Case) -> Iterator[Cell]:
    """The cells that a case says it covers. TLS is meant on the side where it happens: a server's events and silence, else the client's; in a connect on either."""
    client, server = case.tls or "ssl" in case.bind, case.server_tls or "ssl" in case.server
    for text in case.covers.split(", ") if case.covers else ():
        event, _, phase = text.partition("/")
        assert event in EVENTS and phase in PHASES, f"{case.name} covers {text!r}, which is no cell"
        of_server = event.startswith("server") or (phase in ("waiting", "response") and not event.startswith("client"))
        secure = server if of_server else client or (server and phase == "connect")
        yield event, f"{phase} {TRANSPORTS[secure]}"


def letters(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Terminations in the log lines of a case, and what they say of the cookie."""
    for line in outcome.logs:
        if found := LETTERS.search(line):
            yield found[1], found[2] or "--"


def expand(reasons: Mapping[str, str]) -> dict[Cell, str]:
    """Reasons by patterns of two letters; `*` stands for all that are not named."""
    found: dict[Cell, str] = {}
    for pattern, reason in reasons.items():
        for text in pattern.split():
            for cell in itertools.product(CAUSES if text[0] == "*" else text[0], sorted(set(STATES + DONE)) if text[1] == "*" else text[1]):
                found.setdefault(cell, reason)
    return found


def fill(tables: tuple[Table, Table, Table], cases: Iterable[Case], outcomes: Mapping[str, tuple[Outcome, Outcome]]) -> None:
    """Enter cases, with what HAProxy logged, into the tables of events, terminations and cookies."""
    events, ends, cookies = tables
    for case in cases:
        for cell in cells_of(case):
            events.add(cell, case.name)
        for end, cookie in letters(outcomes[case.name][0]):
            ends.add(tuple(end), case.name)
            cookies.add(tuple(cookie), case.name)
