"""The commands that the master itself understands (management.txt 9.4), and what it says about others.

`prompt`, `quit`, the levels and the modes are the conversation's; they and the prefixes are here for `help`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.registry import Registry
from pylb.base.version import VERSION
from pylb.control import usage
from pylb.control.registry import Level

if TYPE_CHECKING:
    from pylb.control.registry import Command
    from pylb.process.master_cli import Conversation

Own = Callable[["Conversation"], str]
own: Registry[Own] = Registry("master command")


def answer(conversation: Conversation, words: list[str]) -> str:
    """Carry out a command, or tell which ones there are."""
    if words[:1] == ["help"]:
        return usage.VALID + listing(words[1:])
    for length in (3, 2, 1):
        entry = own.get(" ".join(words[:length]))
        if entry is not None:
            return entry.function(conversation)
    return (usage.SIMILAR if words else usage.UNKNOWN) + listing(words)


def listing(words: list[str]) -> str:
    """Those that look most like the words, and those that are always there."""
    known: Registry[Command] = own  # type: ignore[assignment]
    return "".join(usage.lines(usage.similar(words, list(known))))


def not_alone(conversation: Conversation) -> str:
    """A prefix without a command, or a command that the conversation has obeyed already."""
    return ""


for _name, _help in (
    ("@!<pid>", "send a command to the <pid> process"),
    ("@<relative pid>", "send a command to the <relative pid> process"),
    ("@master", "send a command to the master process"),
    ("operator", "lower the level of the current CLI session to operator"),
):
    own(_name, usage=_name, help=_help)(not_alone)


@own("reload", usage="reload", help="reload haproxy", planned=True)
def reload(conversation: Conversation) -> str:
    """Start again with a new configuration: not yet."""
    return "'reload' is not implemented yet.\n" if conversation.level is Level.ADMIN else "Permission denied\n"


@own("show cli level", usage="show cli level", help="display the level of the current CLI session")
def show_cli_level(conversation: Conversation) -> str:
    """Which commands are allowed here."""
    return f"{conversation.level.label}\n"


@own("show cli sockets", usage="show cli sockets", help="dump list of cli sockets")
def show_cli_sockets(conversation: Conversation) -> str:
    """The master has none that could be listed."""
    return ""


@own("show proc", usage="show proc", help="show processes status")
def show_proc(conversation: Conversation) -> str:
    """The master and the worker, and how long they have lived."""
    master = conversation.master
    lines = [process_line("#<PID>", "<type>", "<reloads>", "<uptime>", "<version>      ")]
    lines.append(process_line(str(os.getpid()), "master", "0 [failed: 0]", age(master.started), VERSION))
    lines.append("# workers\n")
    if master.child is not None:
        lines.append(process_line(str(master.child.pid), "worker", "0", age(master.child.started), VERSION))
    return "".join([*lines, "# programs\n"])


@own("show version", usage="show version", help="show version of the current process")
def show_version(conversation: Conversation) -> str:
    """The release whose behaviour this is."""
    return f"{VERSION}\n"


own("user", usage="user", help="lower the level of the current CLI session to user")(not_alone)


def process_line(*columns: str) -> str:
    """One line of `show proc`; the last column is as wide as it is."""
    return "".join(f"{column:<15} " for column in columns[:-1]) + f"{columns[-1]}\n"


def age(since: float) -> str:
    """How long a process has lived: days, hours, minutes, seconds."""
    seconds = int(time.monotonic() - since)
    return f"{seconds // 86400}d{seconds // 3600 % 24:02}h{seconds // 60 % 60:02}m{seconds % 60:02}s"
