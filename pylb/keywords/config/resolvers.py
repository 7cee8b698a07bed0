"""`resolvers` sections: who is asked for the addresses of names, how often and how long answers count (configuration.txt 5.3.2)."""

from __future__ import annotations

from typing import Final

from pylb.base import units
from pylb.base.address import NAMESERVER, parse_address
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.lines import Abort
from pylb.config.name_servers import RESOLV_CONF, add_system_servers
from pylb.config.registry import keyword, section
from pylb.config.resolvers import NameServer, Resolvers
from pylb.config.sections import Section
from pylb.keywords.config.sections import bad_character
from pylb.keywords.config.server import server as proxy_server

UNKNOWN: Final = "{where} : unknown keyword '{word}' in 'resolvers' section"
RESOLVERS: Final = ("resolvers",)
OVERFLOW: Final = "maximum value is 2147483647 ms (~24.8 days)"
LEAST_PAYLOAD, MOST_PAYLOAD = 12, 65535


@section("resolvers")
def resolvers(args: Args) -> Section:
    """Name servers and the manners of asking them."""
    name, known = args.at(1), args.config.resolvers
    if not name:
        raise Abort("missing name for resolvers section.")
    wrong = bad_character(name)
    if wrong:
        raise Abort(f"character '{wrong}' is not permitted in 'resolvers' name '{name}'.")
    if name in known:
        twin = known[name]
        args.fail(BareAlert(f"Parsing [{args.place}]: resolvers '{name}' has same name as another resolvers (declared at {twin.place})."))
        raise Abort("out of memory.")
    new = known[name] = Resolvers(name, args.place)
    return Section("resolvers", new, unknown=UNKNOWN)


@keyword("nameserver", sections=RESOLVERS, usage="<name> <address>:<port> [<words>]")
def nameserver(resolvers: Resolvers, args: Args) -> None:
    """One more server to ask."""
    name, text = args.at(1), args.at(2)
    if not text:
        raise Alert("'nameserver' expects <name> and <addr>[:<port>] as arguments.")
    wrong = bad_character(name)
    if wrong:
        raise Alert(f"character '{wrong}' is not permitted in server name '{name}'.")
    _refuse_twin(resolvers, name, args)
    try:
        address = parse_address(text, NAMESERVER, args.env)
    except Alert as error:
        raise Alert(f"'nameserver {name}' : {error}" + ("\n" if str(error).startswith(("a file", "invalid address")) else ""))
    resolvers.name_servers.append(NameServer(name, address, args.place, None if address.datagram else _connected(resolvers, args)))


def _connected(resolvers: Resolvers, args: Args) -> model.Server:
    """A name server that is asked over connections: the line goes on as that of a `server`. Its mistakes end the reading."""
    proxy = model.Proxy(resolvers.name, "backend", args.place)
    args.proxy = proxy
    try:
        proxy_server(proxy, args)
    except NotImplementedYet:
        raise
    except Alert as error:
        args.fail(error)
        raise Abort("") from None
    server = proxy.servers[0]
    if server.check.enabled or server.agent.enabled:
        raise NotImplementedYet("nameserver check")
    return server


def _refuse_twin(resolvers: Resolvers, name: str, args: Args) -> None:
    twin = resolvers.named(name)
    if twin is not None:
        raise BareAlert(f"Parsing [{args.place}]: nameserver '{name}' has same name as another nameserver (declared at {twin.place}).")


@keyword("parse-resolv-conf", sections=RESOLVERS)
def parse_resolv_conf(resolvers: Resolvers, args: Args) -> None:
    """Ask those whom the system's resolver asks."""
    try:
        complaints = add_system_servers(resolvers)
    except OSError:
        raise BareAlert(f"{args.where}: failed to open {RESOLV_CONF}.") from None
    if complaints:
        lead = "\n        "
        args.report.warning(f"{args.where}: {complaints[0] if len(complaints) == 1 else lead + lead.join(complaints)}")


@keyword("hold", sections=RESOLVERS, usage="<status> <period>")
def hold(resolvers: Resolvers, args: Args) -> None:
    """How long an answer of that kind does not matter, or (valid, obsolete) how long one is believed."""
    event, text = args.at(1), args.at(2)
    if not text:
        args.alert("'hold' expects an <event> and a <time> as arguments.")
        raise BareAlert("<event> can be either 'valid', 'nx', 'refused', 'timeout', or 'other'")
    period = _time(args, text, event, "hold")
    if event not in resolvers.holds:
        raise Alert(f"'hold' unknown <event>: '{event}', expects either 'nx', 'timeout', 'valid', 'obsolete' or 'other'.")
    resolvers.holds[event] = period


def _time(args: Args, text: str, named: str, what: str) -> int:
    """A time; `named` is what the complaint about its size quotes."""
    try:
        return units.parse_duration(text)
    except units.TimerOverflow:
        raise BareAlert(f"{args.where}: timer overflow in argument <{named}> to <{what}>, {OVERFLOW}.")
    except units.TimerUnderflow:
        raise BareAlert(f"{args.where}: timer underflow in argument <{named}> to <{what}>, minimum non-null value is 1 ms.")
    except units.BadNumber as error:
        raise BareAlert(f"{args.where}: unexpected character '{error.character}' in argument to <{what}>.")


@keyword("timeout", sections=RESOLVERS, usage="{ resolve | retry } <time>")
def timeout(resolvers: Resolvers, args: Args) -> None:
    """When a name is asked for again, after an answer or without one."""
    event, text = args.at(1), args.at(2)
    if event not in resolvers.timeouts:
        found = f" got '{event}'" if event else ""
        raise Alert(f"'timeout' expects 'retry' or 'resolve' and <time> as arguments{found}.")
    if not text:
        raise Alert(f"'timeout {event}' expects <time> as argument.")
    resolvers.timeouts[event] = _time(args, text, text, f"timeout {event}")


@keyword("resolve_retries", sections=RESOLVERS, usage="<nb>")
def resolve_retries(resolvers: Resolvers, args: Args) -> None:
    """How often a name is asked for before that counts as a failure."""
    resolvers.retries = leading_integer(args.word("'resolve_retries' expects <nb> as argument."))


@keyword("accepted_payload_size", sections=RESOLVERS, usage="<nb>")
def accepted_payload_size(resolvers: Resolvers, args: Args) -> None:
    """The longest answer that is read; the name servers are told."""
    text = args.word("'accepted_payload_size' expects <nb> as argument.")
    size = leading_integer(text)
    if not LEAST_PAYLOAD <= size <= MOST_PAYLOAD:
        raise Alert(f"'accepted_payload_size' must be between {LEAST_PAYLOAD} and {MOST_PAYLOAD} inclusive (was {text}).")
    resolvers.payload_size = size
