"""All rows or some, for all programs or some: `python -m benchmarks [--only ROW,...] [--peers NAME,...] [--rounds N] [--minutes M] [--out DIR]`."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

from benchmarks import plots, report, rows
from benchmarks.place import place
from benchmarks.programs import PROGRAMS
from benchmarks.rows import TWO
from benchmarks.running import which
from benchmarks.series import Series, circumstances, say


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="pylb beside HAProxy, nginx and Python proxies")
    parser.add_argument("--only", default="", help="rows, separated by commas; a curve as connections-*; default: all")
    parser.add_argument("--peers", default=",".join(PROGRAMS), help="programs beside haproxy and pylb, separated by commas; '' for none")
    parser.add_argument("--rounds", type=int, default=5, help="alternating runs; the medians count")
    parser.add_argument("--peer-rounds", type=int, default=2, help="the same for programs other than haproxy and pylb")
    parser.add_argument("--seconds", type=float, default=4.0, help="of load in each run")
    parser.add_argument("--minutes", type=float, help="stop after so many; rounds come one after the other, so that every row has something")
    parser.add_argument("--scale", type=float, default=1.0, help="fewer connections and transfers, to try things out")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where results.json and the plots go")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument("--list", action="store_true", help="only name the rows")
    return parser.parse_args()


def programs(names: str) -> list[str]:
    """The programs named, in the usual order."""
    wanted = [name for name in names.split(",") if name]
    unknown = [name for name in wanted if name not in PROGRAMS]
    if unknown:
        raise SystemExit(f"no program {unknown[0]!r}; there are {', '.join(PROGRAMS)}")
    return [name for name in PROGRAMS if name in wanted or name in TWO]


def main() -> None:
    """Measure, print, write, draw."""
    asked = arguments()
    chosen = rows.chosen(asked.only)
    if asked.list:
        for row in chosen:
            print(f"{row.name:18} {row.title}" + (f" (goal {row.goal:g}{' ' + row.unit if row.absolute else ''})" if row.goal is not None else ""))
        return
    if which("wrk") is None:
        raise SystemExit("wrk is not installed")
    with circumstances() as seen, place(asked.seconds, asked.scale) as here:
        series = Series(here, chosen, programs(asked.peers), asked.rounds, asked.minutes, asked.peer_rounds)
        series.run()
    told = report.document(series, seen)
    asked.out.mkdir(parents=True, exist_ok=True)
    report.write(str(asked.out / "results.json"), told)
    print(json.dumps(told, indent=1) if asked.json else report.table(series))
    say(f"load {seen.load_before:.1f} to {seen.load_after:.1f}; others kept {seen.foreign:.1f} processors busy; the host took {seen.steal:.0%}")
    say(f"wrote {asked.out / 'results.json'}")
    if importlib.util.find_spec("matplotlib") is None:
        say("no plots: matplotlib is not installed")
        return
    for path in plots.draw(told, asked.out):
        say(f"drew {path}")


if __name__ == "__main__":
    main()
