"""`debug dev`: commands that break the program, or a part of it, on purpose; for developers, in expert mode (management.txt 9.3).

What they tell of the place where it happened is about Python's stack. Those that are about memory layouts of HAProxy are not here.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from pylb.base.units import leading_integer
from pylb.control.registry import Answer, Command, Level, Refusal, Words, command

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

SOON: Final = 0.01  # seconds: what was said before leaves meanwhile
HANDLED: Final = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT)  # whoever handles them ends
DEADLY: Final = {number for number in signal.Signals if number not in (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)}
NUMBER: Final = re.compile(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9]\d*))")
ROW, DUMPED, GROUP, INFO = 16, 128, 64, 6
WARNED: Final = 0x10  # of `Tainted`: a condition that should not be was met


def debug_command(word: str, arguments: str, text: str) -> Callable[[Command], Command]:
    """Register a command, which is counted when it is carried out."""

    def register(function: Command) -> Command:
        def counted(cli: Cli, words: Words) -> Answer:
            answer = function(cli, words)
            cli.process.counters.debug_commands += 1
            return answer

        counted.__doc__ = function.__doc__
        command(f"debug dev {word}", usage=f"debug dev {word:<6} {arguments}".rstrip(), help=text, level=Level.ADMIN, mode="expert")(counted)
        return function

    return register


def number(text: str) -> int:
    """The number that a text begins with, in C's notations; 0 when there is none."""
    match = NUMBER.match(text)
    if match is None:
        return 0
    sign, hexadecimal, octal, decimal = match.groups()
    value = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
    return -value if sign == "-" else value


def at_last(cli: Cli, action: Callable[[], object]) -> Iterator[None]:
    """Do what the program does not survive once the answers before have left; this one never comes."""
    cli.process.loop.call_later(SOON, action)
    yield None


def tell(head: str) -> None:
    """What happened and where, on stderr."""
    stack = traceback.extract_stack()[:-2]
    lines = [f"  | {os.path.relpath(frame.filename, ROOT)}:{frame.lineno}: {frame.name}\n" for frame in reversed(stack)]
    sys.stderr.write(head.replace(DEPTH, str(len(stack))) + "".join(lines))
    sys.stderr.flush()


DEPTH: Final = "{depth}"
TRACE: Final = f"\n  call trace({DEPTH}):\n"
ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def met(kind: str) -> str:
    """The condition that each of the three meets, and where."""
    one, zero = 1, 0
    assert one > zero
    caller = traceback.extract_stack()[-2]
    return f'{kind} condition "one > zero" matched at {os.path.relpath(caller.filename, ROOT)}:{caller.lineno}'


@debug_command("bug", "", "call BUG_ON() and crash")
def bug(cli: Cli, words: Words) -> Answer:
    """Meet a condition that ends the program."""
    tell(f"\nFATAL: {met('bug')}{TRACE}")
    return at_last(cli, lambda: os.kill(os.getpid(), signal.SIGSEGV))


@debug_command("check", "", "call CHECK_IF() and possibly crash")
def check(cli: Cli, words: Words) -> None:
    """Meet a condition that is told of once, and where it was met each time."""
    cli.process.tainted |= WARNED
    tell(TRACE[1:] if cli.process.check_told else f"\nWARNING: {met('check')} (please report to developers){TRACE}")
    cli.process.check_told = True


@debug_command("warn", "", "call WARN_ON() and possibly crash")
def warn(cli: Cli, words: Words) -> None:
    """Meet a condition that is told of each time."""
    cli.process.tainted |= WARNED
    tell(f"\nWARNING: {met('warn')} (please report to developers){TRACE}")


@debug_command("panic", "", "immediately trigger a panic")
def panic(cli: Cli, words: Words) -> Answer:
    """Tell what is being done, and abort."""
    tell(f"Thread 1 is about to kill the process.\n* Thread 1 : id={threading.get_ident():#x}\n")
    return at_last(cli, os.abort)


@debug_command("exit", "[code]", "immediately exit the process")
def leave(cli: Cli, words: Words) -> Answer:
    """End the program without another word."""
    status = leading_integer(words.at(0)) & 0xFF
    return at_last(cli, lambda: os._exit(status))


@debug_command("tkill", "[thr] [sig]", "send signal to thread")
def send_signal(cli: Cli, words: Words) -> Answer:
    """Send a signal, SIGABRT if none is given, to a thread; there is one that serves, whatever their number."""
    if not 0 <= leading_integer(words.at(0)) <= (cli.process.config.global_.nbthread or 1):
        raise Refusal("Thread number out of range (use 0 for current).\n")
    chosen = leading_integer(words.at(1)) if words.at(1) else signal.SIGABRT
    send = partial(signal.pthread_kill, threading.get_ident(), chosen)
    if chosen in HANDLED or chosen in DEADLY and signal.getsignal(chosen) is signal.SIG_DFL:
        return at_last(cli, send)
    if 0 <= chosen < signal.NSIG:
        send()
    return None


@debug_command("delay", "[ms]", "sleep this long")
def delay(cli: Cli, words: Words) -> None:
    """Do nothing, and let nobody else do anything either."""
    time.sleep(max(0, leading_integer(words.at(0))) / 1000)


@debug_command("loop", "[ms]", "loop this long")
def loop(cli: Cli, words: Words) -> None:
    """The same, and keep the processor busy."""
    until = time.monotonic() + max(0, leading_integer(words.at(0))) / 1000
    while time.monotonic() < until:
        pass


@debug_command("log", "[msg] ...", "send this msg to global logs")
def log(cli: Cli, words: Words) -> None:
    """Send a message to the targets of `global`."""
    cli.process.log(INFO, " ".join(words))


@debug_command("write", "[size]", "write that many bytes in return")
def write(cli: Cli, words: Words) -> str:
    """Answer with so many characters."""
    if not words.at(0):
        raise Refusal("Missing output size.\n")
    size = number(words[0])
    if not 0 <= size < cli.process.config.global_.bufsize:
        raise Refusal("Output too large, must be <tune.bufsize.\n")
    return "".join("\n" if place and place % GROUP == 0 else "." for place in range(size))


@debug_command("hex", "<addr> [len]", "dump a memory area")
def dump(cli: Cli, words: Words) -> Answer:
    """Show the process's memory, 128 bytes or as many as are asked for; the place of a byte that cannot be read is marked."""
    if not words.at(0):
        raise Refusal("Missing memory address to dump from.\n")
    start = number(words[0]) % 2**64
    if not start:
        raise Refusal("Will not dump from NULL address.\n")
    length = number(words.at(1))
    end = start + length if length else start - start % ROW + DUMPED
    return "".join(memory_row(row, max(start, row), min(end, row + ROW)) for row in range(start - start % ROW, end, ROW))


def memory_row(row: int, start: int, end: int) -> str:
    """Sixteen bytes, of which those from `start` to `end` are wanted."""
    data = readable(start, end - start)
    known = [f"{byte:02x}" for byte in data] if data is not None else ["**"] * (end - start)
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data) if data is not None else "*" * (end - start)
    before, behind = start - row, row + ROW - end
    cells = ["''"] * before + known + ["''"] * behind
    return f"{row:#18x}: {' '.join(cells[:8])} - {' '.join(cells[8:])}   {chr(39) * before}{text}{chr(39) * behind}\n"


def readable(start: int, size: int) -> bytes | None:
    """Bytes of the process's memory; None when they cannot be read. Sixteen in a row are on one page."""
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        return os.pread(memory, size, start) if start < 2**63 else None
    except OSError:
        return None
    finally:
        os.close(memory)
