"""What was found, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.series import Circumstances, Found, Series


def table(series: Series) -> str:
    """A table in Markdown: values, ratios to HAProxy, goals."""
    names = [name for name in series.programs if name not in series.left_out]
    lines = [row_of(["row", "unit", *names, "pylb / haproxy", "goal", "", "rounds"]), row_of(["---"] * (len(names) + 6))]
    lines += [row_of(cells(found, names)) for found in series.found.values()]
    text = "\n".join(lines) + "\n"
    for name, why in series.left_out.items():
        text += f"\nLeft out: {name} ({why})."
    for found in series.found.values():
        for name, why in found.failed.items():
            if why != "has nothing like it":
                text += f"\nFailed: {found.row.name} of {name}: {why}"
    return text


def cells(found: Found, names: Sequence[str]) -> list[str]:
    """One row of the table; the cells of other programs have their ratio to HAProxy beside."""
    row = found.row
    texts = []
    for name in names:
        value, ratio = found.typical(name), found.ratio(name)
        texts.append("" if value is None else number(value) if ratio is None or name in ("haproxy", "pylb") else f"{number(value)} ({ratio:.1f})")
    ratio = found.ratio("pylb")
    goal = "" if row.goal is None else f"{row.goal:g} {row.unit}" if row.absolute else f"{row.goal:g}"
    verdict = {None: "", True: "met", False: "**missed**"}[found.met()]
    return [row.title, row.unit, *texts, "" if ratio is None else f"{ratio:.2f}", goal, verdict, str(found.rounds)]


def number(value: float) -> str:
    """With three or four digits."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def row_of(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def document(series: Series, seen: Circumstances) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "circumstances": asdict(seen),
        "seconds": series.place.seconds,
        "unfinished": series.unfinished,
        "left_out": series.left_out,
        "rows": {name: of_row(found) for name, found in series.found.items()},
    }


def of_row(found: Found) -> dict[str, Any]:
    """One row with every round of every program."""
    row = found.row
    return {
        "title": row.title, "unit": row.unit, "goal": row.goal, "absolute": row.absolute, "group": row.group, "x": row.x,
        "medians": {name: found.typical(name) for name in found.values}, "ratios": {name: found.ratio(name) for name in found.values},
        "met": found.met(), "rounds": found.rounds, "values": found.values, "failed": found.failed,
    }  # fmt: skip


def write(path: str, told: dict[str, Any]) -> None:
    """Write the JSON."""
    with open(path, "w") as file:
        json.dump(told, file, indent=1)
        file.write("\n")
