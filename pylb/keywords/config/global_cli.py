"""`global` words about the command line and unix sockets: `stats`, `unix-bind` (configuration.txt 3.1)."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable

from pylb.base import address, units
from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import keyword
from pylb.keywords.config.bind import read_words

GLOBAL = ("global",)
STATS = "'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout' (got '{}')"
UNIX_BIND = "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options."


@keyword("stats", sections=GLOBAL, usage="{ socket <address> [<words>] | timeout <time> | maxconn <number> }")
def stats(settings: model.Global, args: Args) -> None:
    """The command line: where it listens and its limits."""
    reader = STATS_WORDS.get(args.at(1))
    if reader is None:
        raise Alert(STATS.format(args.at(1)))
    reader(settings, args)


def _socket(settings: model.Global, args: Args) -> None:
    text = args.at(2)
    if not text:
        raise Alert("'stats socket' in global section expects an address or a path to a UNIX socket")
    try:
        where = address.parse_address(text, address.BIND, args.env)
    except Alert as error:
        raise Alert(f"{args.where} : 'stats socket' : {error}\n")
    listener = model.Bind(where, args.place, text)
    args.index = 3
    read_words([listener], args, "'stats socket'", "{} : '{}'")
    settings.stats_sockets.append(model.StatsSocket(listener, listener.level, listener.expose_fd))


def _timeout(settings: model.Global, args: Args) -> None:
    text = args.at(2)
    if not text:
        raise Alert("'stats timeout' : unexpected character '\0'")
    try:
        settings.stats_timeout = units.parse_duration(text)
    except units.TimerOverflow:
        raise Alert(f"timer overflow in argument '{text}' to 'stats timeout' (maximum value is 2147483647 ms or ~24.8 days)")
    except units.BadNumber as error:
        raise Alert(f"'stats timeout' : unexpected character '{error.character}'")


def _maxconn(settings: model.Global, args: Args) -> None:
    number = leading_integer(args.at(2))
    if number <= 0:
        raise Alert("'stats maxconn' expects a positive value")
    settings.stats_maxconn = number


def _bind_process(settings: model.Global, args: Args) -> None:
    """A word of old releases without effect."""


STATS_WORDS: dict[str, Callable[[model.Global, Args], None]] = {
    "socket": _socket,
    "timeout": _timeout,
    "maxconn": _maxconn,
    "bind-process": _bind_process,
}


@keyword("unix-bind", sections=GLOBAL, usage="[prefix <path>] [mode <mode>] [user <user>] [uid <uid>] [group <group>] [gid <gid>]")
def unix_bind(settings: model.Global, args: Args) -> None:
    """Defaults of unix sockets."""
    while word := args.next():
        value = args.next()
        if word == "prefix":
            settings.unix_bind_prefix = value
        elif word == "mode":
            settings.unix_bind_mode = int(value, 8) if value.isdigit() and set(value) <= set("01234567") else 0
        elif word in ("uid", "gid"):
            setattr(settings, f"unix_bind_{word}", leading_integer(value))
        elif word in ("user", "group"):
            _unix_owner(settings, word, value)
        else:
            raise Alert(UNIX_BIND)


def _unix_owner(settings: model.Global, word: str, name: str) -> None:
    try:
        if word == "user":
            settings.unix_bind_uid = pwd.getpwnam(name).pw_uid
        else:
            settings.unix_bind_gid = grp.getgrnam(name).gr_gid
    except KeyError:
        raise Alert(f"'unix-bind' : '{name}' unknown {word}.")
