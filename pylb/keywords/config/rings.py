"""`ring` sections: log events kept in memory, shown by `show events`, forwarded to servers (configuration.txt 3.9)."""

from __future__ import annotations

from pylb.base import units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import keyword, section
from pylb.config.sections import Section
from pylb.keywords.config.logs import FORMATS
from pylb.keywords.config.sections import bad_character
from pylb.keywords.config.server import server as proxy_server

UNKNOWN = "{where} : unknown statement '{word}'."
RING = ("ring",)


@section("ring")
def ring(args: Args) -> Section:
    """A ring of log events."""
    name, rings = args.at(1), args.config.rings
    if not name:
        raise Alert("missing ring name.")
    wrong = bad_character(name)
    if wrong:
        raise Alert(f"invalid ring name '{name}' (character '{wrong}' is not permitted).")
    if name in rings or name in model.BUILT_IN_SINKS:
        raise Alert(f"sink named '{name}' already exists.")
    new = rings[name] = model.Ring(name, args.place)
    return Section("ring", new, unknown=UNKNOWN)


@keyword("description", sections=RING, usage="<text>")
def description(ring: model.Ring, args: Args) -> None:
    """What `show events` says about the ring."""
    ring.description = args.word("missing ring description text.")


@keyword("format", sections=RING, usage="<format>")
def format_(ring: model.Ring, args: Args) -> None:
    """What stands before the text of events."""
    if args.at(1) not in FORMATS:
        raise Alert(f"unknown format '{args.at(1)}'.")
    ring.format = args.at(1)


@keyword("maxlen", sections=RING, usage="<length>")
def maxlen(ring: model.Ring, args: Args) -> None:
    """The longest event."""
    ring.maxlen = _size(args)


@keyword("size", sections=RING, usage="<size>")
def size(ring: model.Ring, args: Args) -> None:
    """How many bytes the ring holds; it only grows."""
    new = _size(args)
    if new < ring.size:
        args.report.warning(f"{args.where} : ignoring new size '{new}' that is smaller than current size '{ring.size}' for ring '{ring.name}'.")
        args.reading.errors += 1
        return
    ring.size = new


def _size(args: Args) -> int:
    number = leading_integer(args.at(1))
    if not number:
        raise Alert(f"invalid size '{args.at(1)}' for new sink buffer.")
    return number


@keyword("timeout", sections=RING, usage="{ connect | server } <time>")
def timeout(ring: model.Ring, args: Args) -> None:
    """How long to wait for a server: to connect to it, and until it takes what is for it."""
    name, text = args.at(1), args.at(2)
    if name not in ("connect", "server"):
        return
    if not text:
        raise Alert(f"'timeout {name}' expects <time> as argument.")
    try:
        setattr(ring.proxy.timeouts, name, units.parse_duration(text))
    except units.TimerOverflow:
        raise BareAlert(f"{args.where}: timer overflow in argument <{text}> to <timeout {name}>, maximum value is 2147483647 ms (~24.8 days).")
    except units.TimerUnderflow:
        raise BareAlert(f"{args.where}: timer underflow in argument <{text}> to <timeout {name}>, minimum non-null value is 1 ms.")
    except units.BadNumber as error:
        raise BareAlert(f"{args.where}: unexpected character '{error.character}' in argument to <timeout {name}>.")


@keyword("server", sections=RING, usage="<name> <address> [<words>]")
def server(ring: model.Ring, args: Args) -> None:
    """Who gets a copy of all events, over TCP."""
    args.proxy = ring.proxy
    proxy_server(ring.proxy, args)


@keyword("backing-file", sections=RING, usage="<path>")
def backing_file(ring: model.Ring, args: Args) -> None:
    """Keep the events in a file."""
    raise NotImplementedYet("backing-file")
