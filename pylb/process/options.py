"""The command line of haproxy(1) (management.txt 3): arguments -> Options.

An option is known by its first letters (``-dbx`` is ``-db``), and one that takes a value takes the next argument whatever it
is, as HAProxy reads them. `Usage` asks for the help page, `Version` for the version; both end the reading of arguments.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pylb.base.errors import Alert
from pylb.base.units import leading_integer

POOL_DEBUGGING = ("fail", "merge", "cold-first", "integrity", "no-global", "no-cache", "caller", "tag", "poison")
POOL_OPPOSITES = ("no-fail", "no-merge", "hot-first", "no-integrity", "global", "cache", "no-caller", "no-tag", "no-poison")


class Usage(Exception):
    """The arguments make no sense: show the help page."""


class Version(Exception):
    """``-v`` or, with details, ``-vv``."""

    def __init__(self, details: bool) -> None:
        super().__init__()
        self.details = details


class PoolHelp(Exception):
    """``-dMhelp``"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    program: str = "haproxy"  # argv[0]
    arguments: tuple[str, ...] = ()  # the others, for a master that starts itself again
    files: tuple[str, ...] = ()  # -f, --: files and directories
    check: bool = False  # -c
    condition: str | None = None  # -cc
    debug: bool = False  # -d: stays in the foreground; the traffic is not shown yet
    foreground: bool = False  # -db
    daemon: bool = False  # -D
    master_worker: bool = False  # -W, -Ws
    notify: bool = False  # -Ws
    quiet: bool = False  # -q, unless -V
    verbose: bool = False  # -V
    zero_warning: bool = False  # -dW
    diagnostics: bool = False  # -dD
    ignore_resolution: bool = False  # -dr
    no_server_verify: bool = False  # -dV
    no_reuseport: bool = False  # -dR
    dump_objects: bool = False  # -dL
    dump_keywords: str | None = None  # -dK
    directory: str | None = None  # -C
    local_peer: str | None = None  # -L
    maxconn: int = 0  # -n
    proxy_maxconn: int = 0  # -N
    memory: int = 0  # -m, megabytes: bounds the number of connections; memory itself is Python's to manage
    pidfile: str | None = None  # -p
    finish: tuple[int, ...] = ()  # -sf
    terminate: tuple[int, ...] = ()  # -st
    old_socket: str | None = None  # -x: not implemented yet, and said so at a start
    master_cli: tuple[str, ...] = ()  # -S: address[,bind option]...

    @property
    def tag(self) -> str:
        """The syslog tag: what we were started as."""
        return os.path.basename(self.program)


# the letter behind -d -> field; the rest of such an argument is not looked at, and unknown letters mean -d alone
DEBUG_FLAGS = {
    "b": "foreground",
    "W": "zero_warning",
    "D": "diagnostics",
    "r": "ignore_resolution",
    "V": "no_server_verify",
    "R": "no_reuseport",
    "L": "dump_objects",
}
# the letter behind -d -> why nothing follows from it
NO_EFFECT = {
    "e": "pollers are the event loop's business",
    "k": "pollers are the event loop's business",
    "p": "pollers are the event loop's business",
    "S": "nothing is spliced",
    "G": "names are resolved by the system's library only",
}
# the first letters of an option -> field; order matters
FLAGS = {"Ws": ("master_worker", "notify"), "W": ("master_worker",), "V": ("verbose",), "D": ("daemon",), "q": ("quiet",), "c": ("check",)}
VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "C": ("directory", str),
    "L": ("local_peer", str),
    "n": ("maxconn", leading_integer),
    "N": ("proxy_maxconn", leading_integer),
    "m": ("memory", leading_integer),
    "p": ("pidfile", str),
}


def parse_options(argv: Sequence[str]) -> Options:
    """Read the command line; raises Usage, Version, PoolHelp, or Alert with HAProxy's words."""
    return _Reader(argv).run()


class _Reader:
    def __init__(self, argv: Sequence[str]) -> None:
        self.argv, self.index = list(argv), 1
        self.found: dict[str, Any] = {"program": argv[0], "arguments": tuple(argv[1:])}

    def run(self) -> Options:
        while self.index < len(self.argv):
            argument = self.argv[self.index]
            self.index += 1
            if argument == "--":
                self.add("files", *self.argv[self.index :])
                break
            if not argument.startswith("-") or argument == "-":
                raise Usage
            self.option(argument[1:])
        self.found["quiet"] = self.found.get("quiet", False) and not self.found.get("verbose", False)
        return Options(**{slot.name: self.found[slot.name] for slot in fields(Options) if slot.name in self.found})

    def add(self, name: str, *values: Any) -> None:
        self.found[name] = self.found.get(name, ()) + values

    def value(self) -> str:
        if self.index >= len(self.argv):
            raise Alert("failed to copy argv.")
        self.index += 1
        return self.argv[self.index - 1]

    def option(self, text: str) -> None:
        letter = text[0]
        if letter == "v":
            raise Version(details=text.startswith("vv"))
        if letter == "d":
            self.debug(text)
        elif letter == "s" and text[1:2] in ("f", "t"):
            self.add("finish" if text[1] == "f" else "terminate", *self.process_ids(text[1]))
        elif text.startswith("cc"):
            self.condition()
        elif letter == "f":
            self.add("files", self.value())
        elif letter == "S":
            self.add("master_cli", self.value())
        elif letter == "x":
            self.socket()
        elif letter in VALUES:
            name, convert = VALUES[letter]
            self.found[name] = convert(self.value())
        else:
            self.flag(text)

    def flag(self, text: str) -> None:
        for start, names in FLAGS.items():
            if text.startswith(start):
                self.found.update(dict.fromkeys(names, True))
                return
        raise Usage

    def debug(self, text: str) -> None:
        """``-d`` and everything that begins so."""
        letter = text[1:2]
        if letter == "M":
            check_pool_options(text[2:])
        elif letter == "K":
            self.found["dump_keywords"] = text[2:]
        elif letter not in NO_EFFECT:
            self.found[DEBUG_FLAGS.get(letter, "debug")] = True

    def condition(self) -> None:
        if self.index >= len(self.argv):
            raise Usage
        self.found["condition"] = self.value()

    def socket(self) -> None:
        if self.index >= len(self.argv):
            raise Alert("Unix socket path expected with the -x flag\n")
        self.found["old_socket"] = self.value()

    def process_ids(self, letter: str) -> list[int]:
        """The arguments up to the next option."""
        pids = []
        while self.index < len(self.argv) and not self.argv[self.index].startswith("-"):
            text = self.value()
            if not text.isdecimal():
                raise Alert(f"-s{letter} option: some bytes unconsumed in PID list {{{text}}}")
            pids.append(int(text))
        return pids


def check_pool_options(text: str) -> None:
    """``-dM[<byte>][,<option>]...``: accepted, for programs that pass it; there are no such pools here."""
    words = [word for word in text.split(",") if word]
    if words and words[0][0].isdecimal():
        words.pop(0)
    for word in words:
        if word == "help":
            raise PoolHelp
        if word not in (*POOL_DEBUGGING, *POOL_OPPOSITES):
            raise Alert(f"-dM: unknown pool debugging feature <{word}>")
