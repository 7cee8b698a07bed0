"""`set profiling` and `show profiling`: what the steps of streams cost (management.txt 9.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.control.registry import Level, Refusal, Words, command

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.stream.profiling import Profiler

SHOWN: Final = ("all", "status", "tasks", "memory", "byaddr")
STATES: Final = {"on": "on", "auto": "auto-off", "off": "off"}
UNITS: Final = ((3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))


@command("set profiling", usage="set profiling <what> {auto|on|off}", help="enable/disable resource profiling (tasks,memory)", level=Level.ADMIN)
def set_profiling(cli: Cli, words: Words) -> None:
    """Measure streams, or no more."""
    what = words.at(0)
    if what == "memory":
        raise Refusal("Memory profiling not compiled in.\n")
    if what != "tasks":
        raise Refusal("Expects either 'tasks' or 'memory'.\n")
    if words.at(1) not in STATES:
        raise Refusal("Expects 'on', 'auto', or 'off'.\n")
    cli.process.profiler.switch(words[1])


@command("show profiling", usage="show profiling [<what>|<#lines>|byaddr]*", help="show profiling state (all,status,tasks,memory)", level=Level.ADMIN)
def show_profiling(cli: Cli, words: Words) -> str:
    """Whether streams are measured, and the sum of what was measured; there is one kind of step only."""
    wanted = {word for word in words if not word.isdigit()}
    if not wanted <= {*SHOWN}:
        raise Refusal("Expects either 'all', 'status', 'tasks', 'memory', 'byaddr' or a max number of output lines.\n")
    parts, profiler = [], cli.process.profiler
    everything = not wanted - {"byaddr", "all"}
    if everything or "status" in wanted:
        parts.append(
            f"Per-task CPU profiling              : {STATES[profiler.mode]:<14}# set profiling tasks {{on|auto|off}}\n"
            "Memory usage profiling              : off           # set profiling memory {on|off}\n"
        )
    if everything or "tasks" in wanted:
        parts.append("Tasks activity:\n  function                      calls   cpu_tot   cpu_avg   lat_tot   lat_avg\n" + measured(profiler))
    return "".join(parts)


def measured(profiler: Profiler) -> str:
    """The line of the steps of streams, once there were any."""
    if not profiler.calls:
        return ""
    times = (profiler.cpu_ns, profiler.cpu_ns // profiler.calls, 0, 0)
    return f"  {'process_stream':<24} {profiler.calls:>10}{''.join(f'{short(time):>10}' for time in times)}\n"


def short(nanoseconds: int) -> str:
    """A time in four digits."""
    for size, unit in UNITS:
        if nanoseconds >= size:
            number = nanoseconds / size
            return f"{number:.{3 if number < 10 else 2 if number < 100 else 1}f}{unit}"
    return "-"
