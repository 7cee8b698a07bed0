"""SVG plots of a result's JSON: `python -m benchmarks.plots RESULT.json DIRECTORY`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLOURS = {"haproxy": "#4c72b0", "pylb": "#dd8452", "nginx": "#55a868", "aiohttp": "#c44e52", "twisted": "#8172b3", "mitmproxy": "#937860"}
CURVES = {"connections": "client connections", "servers": "servers in the backend", "rules": "http-request rules that do not match"}
SHARES = ("50", "75", "90", "95", "99", "99.9")


def figure(width: float, height: float) -> tuple[Any, Any]:
    """An empty plot; matplotlib is imported here so that measuring needs none."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pylb", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height), layout="constrained")


def save(drawn: Any, path: Path) -> Path:
    """Without a date, so that the same numbers make the same file."""
    from matplotlib import pyplot

    drawn.savefig(path, metadata={"Date": None})
    pyplot.close(drawn)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path


def ratios(told: dict[str, Any], directory: Path) -> Path | None:
    """pylb over HAProxy, row by row, with the goals."""
    rows = [row for row in told["rows"].values() if not row["group"] and row["ratios"].get("pylb") is not None]
    if not rows:
        return None
    drawn, axes = figure(7.5, 0.34 * len(rows) + 1)
    axes.barh([row["title"] for row in rows], [row["ratios"]["pylb"] for row in rows], color=COLOURS["pylb"], height=0.6)
    for place, row in enumerate(rows):
        axes.text(row["ratios"]["pylb"], place, f" {row['ratios']['pylb']:.2f}", va="center", fontsize=8)
        if row["goal"] is not None and not row["absolute"]:
            axes.plot([row["goal"]] * 2, [place - 0.4, place + 0.4], color="black", linewidth=1.5)
    axes.axvline(1, color=COLOURS["haproxy"], linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("pylb over HAProxy, less is better (blue: HAProxy, black: goal)")
    axes.invert_yaxis()
    return save(drawn, directory / "ratios.svg")


def peers(told: dict[str, Any], directory: Path) -> Path | None:
    """Everybody's CPU for a small request."""
    row = told["rows"].get("get")
    if row is None or not row["medians"]:
        return None
    names = sorted(row["medians"], key=lambda name: row["medians"][name])
    drawn, axes = figure(7.5, 0.3 * len(names) + 0.9)
    axes.barh(names, [row["medians"][name] for name in names], color=[COLOURS[name] for name in names], height=0.6)
    for place, name in enumerate(names):
        ratio = row["ratios"].get(name)
        axes.text(row["medians"][name], place, f" {row['medians'][name]:.0f}" + (f" ({ratio:.1f})" if ratio else ""), va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel(f"us of CPU, {row['title']} (over HAProxy)")
    axes.invert_yaxis()
    return save(drawn, directory / "peers.svg")


def latencies(told: dict[str, Any], directory: Path) -> Path | None:
    """Percentiles of latency at the same rate."""
    row = told["rows"].get("latency")
    if row is None or not row["values"]:
        return None
    drawn, axes = figure(6, 3.2)
    for name, values in row["values"].items():
        typical = [sorted(one[f"p{share}"] for one in values)[len(values) // 2] / 1000 for share in SHARES]
        axes.plot(range(len(SHARES)), typical, marker="o", markersize=3, label=name, color=COLOURS[name])
    axes.set_xticks(range(len(SHARES)), [f"{share}%" for share in SHARES])
    axes.set_yscale("log")
    axes.set_ylabel("ms")
    rate = next(iter(row["values"].values()))[0]["rate"]
    axes.set_xlabel(f"latency within which this share is answered, {rate:.0f} requests a second")
    axes.legend(frameon=False)
    return save(drawn, directory / "latency.svg")


def curves(told: dict[str, Any], directory: Path) -> list[Path]:
    """CPU per request against connections, servers and rules."""
    paths = []
    for group, label in CURVES.items():
        rows = sorted((row for row in told["rows"].values() if row["group"] == group), key=lambda row: row["x"])
        names = [name for name in COLOURS if any(name in row["medians"] for row in rows)]
        if not names:
            continue
        drawn, axes = figure(4.2, 2.8)
        for name in names:
            points = [(row["x"], row["medians"][name]) for row in rows if name in row["medians"]]
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=3, label=name, color=COLOURS[name])
        axes.set_xscale("symlog" if rows[0]["x"] == 0 else "log", **({"linthresh": 10} if rows[0]["x"] == 0 else {}))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(label)
        axes.set_ylabel("us of CPU per request")
        axes.legend(frameon=False)
        paths.append(save(drawn, directory / f"{group}.svg"))
    return paths


def draw(told: dict[str, Any], directory: Path) -> list[Path]:
    """All plots that the result has something for."""
    directory.mkdir(parents=True, exist_ok=True)
    return [path for path in (ratios(told, directory), peers(told, directory), latencies(told, directory)) if path] + curves(told, directory)


if __name__ == "__main__":
    for drawn_file in draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])):
        print(drawn_file)
