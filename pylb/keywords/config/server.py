"""`server`, `server-template`, `default-server` and their words, checks and TLS aside (configuration.txt 4.2, 5.2)."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

from pylb.base import address, units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword, server_keyword
from pylb.config.spelling import did_you_mean
from pylb.keywords.config.sections import bad_character
from pylb.keywords.config.server_tls import Told, complete
from pylb.wire.dns import to_wire

RANGE = re.compile(r"(\d+)(?:-(\d+))?")
NO_DEFAULT = ("id",)
PROTOCOLS = ("h1", "h2", "fcgi", "none")


class Remark(Alert):
    """An error that HAProxy prints but does not count."""


@keyword("server", sections=PROXY, usage="<name> <address>[:<port>] [<words>]")
def server(proxy: model.Proxy, args: Args) -> None:
    """One server of a backend."""
    _allowed(proxy, args)
    name, text = args.at(1), args.at(2)
    if not name or not text:
        raise BareAlert(f"[{args.place}] : 'server' expects <name> and <addr>[:<port>] as arguments.")
    wrong = bad_character(name)
    if wrong:
        raise BareAlert(f"[{args.place}] : character '{wrong}' is not permitted in server name '{name}'.")
    proxy.servers.append(_read(proxy, args, name, text, 3))


@keyword("server-template", sections=PROXY, usage="<prefix> <number>|<range> <address>[:<port>] [<words>]")
def server_template(proxy: model.Proxy, args: Args) -> None:
    """Several servers that differ in their names' numbers only."""
    _allowed(proxy, args)
    prefix, text, where = args.at(1), args.at(2), args.at(3)
    if not prefix or not text or not where:
        raise BareAlert(f"[{args.place}] : 'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.")
    wrong = bad_character(prefix)
    if wrong:
        raise BareAlert(f"[{args.place}] : character '{wrong}' is not permitted in server-template prefix '{prefix}'.")
    match = RANGE.fullmatch(text)
    low, high = (int(match[1]), int(match[2])) if match and match[2] else (1, int(match[1]) if match else 0)
    if match is None or high < low or high < 1:
        raise BareAlert(f"[{args.place}] : Wrong server-template number or range arg '{text}'.")
    first = _read(proxy, args, f"{prefix}{low}", where, 4)
    first.template = True
    for number in range(low, high + 1):
        one = first if number == low else copy.deepcopy(first)
        one.name = f"{prefix}{number}"
        one.id = first.id + number - low if first.id else None
        proxy.servers.append(one)


@keyword("default-server", sections=PROXY, usage="<words>")
def default_server(proxy: model.Proxy, args: Args) -> None:
    """Settings for the servers that follow."""
    _allowed(proxy, args)
    template = proxy.default_server or model.Server("", NOWHERE, args.place)
    proxy.default_server = _words(copy.deepcopy(template), args, 1, "")


NOWHERE = address.Address("ipv4", "0.0.0.0")


def _allowed(proxy: model.Proxy, args: Args) -> None:
    word = args.words[0]
    if proxy.kind == "defaults" and word != "default-server":
        raise BareAlert(f"[{args.place}] : '{word}' not allowed in 'defaults' section.")
    if args.lacks("backend"):
        raise BareAlert(f"[{args.place}] : {args.where} : '{word}' not allowed because {proxy.label} has no backend capability.")


def _read(proxy: model.Proxy, args: Args, name: str, text: str, at: int) -> model.Server:
    """The server of a line: the defaults, the address, then the words."""
    who = f"'server {proxy.name}/{name}' : "
    try:
        where = address.parse_address(text, address.RING_SERVER if args.section == "ring" else address.SERVER, args.env)
    except Alert as error:
        raise BareAlert(f"[{args.place}] : {who}{error}" + ("" if "range not permitted" in str(error) else "\n"))
    if where.kind == "name" and to_wire(where.host) is None:
        raise BareAlert(f"[{args.place}] : {who}Can't create DNS resolution for server '{name}'")
    one = copy.deepcopy(proxy.default_server) if proxy.default_server else model.Server(name, where, args.place)
    one.name, one.address, one.place, one.text = name, where, args.place, text
    one.host_name = where.host if where.kind == "name" else ""
    _words(one, args, at, who)
    complete(one, args.config.global_)
    _check_agent(one, args, who)
    return one


def _check_agent(one: model.Server, args: Args, who: str) -> None:
    """Checks and agents need somebody to talk to."""
    if one.track and (one.check.enabled or one.agent.enabled):
        raise BareAlert(f"[{args.place}] : {who}unable to enable checks and tracking at the same time!")
    if one.agent.enabled and not one.agent.port:
        raise BareAlert(f"[{args.place}] : {who}server {one.name} does not have agent port. Agent check has been disabled.")


def _words(one: model.Server, args: Args, at: int, who: str) -> model.Server:
    """The words behind the address."""
    args.index, args.who = at, who
    while word := args.peek():
        entry = server_keyword.get(word)
        if entry is None:
            hint = did_you_mean(word, (known.name for known in server_keyword)) or "."
            last = "" if who else " Hint: no address was expected for this server."
            raise BareAlert(f"[{args.place}] : {who}unknown keyword '{word}'{hint}{last}")
        args.index += 1
        if not who and word in NO_DEFAULT:
            args.report.alert(f"[{args.place}] : '{word}' option is not accepted in default-server sections")
            return one
        try:
            entry.function(one, args)
        except NotImplementedYet:
            raise
        except Remark as error:
            args.report.alert(f"[{args.place}] : {who}{error}.")
            return one
        except Told as error:
            raise BareAlert(str(error))
        except BareAlert as error:
            raise BareAlert(f"[{args.place}] : {who}{error}")
        except Alert as error:
            raise BareAlert(f"[{args.place}] : {who}{error}.")
    return one


# -- words


def _set(name: str, slot: str, value: object) -> None:
    """Register a word without argument."""

    def set_value(one: model.Server, args: Args) -> None:
        """A switch."""
        setattr(one, slot, value)

    server_keyword(name)(set_value)


for _name, _slot, _value in (
    ("backup", "backup", True),
    ("no-backup", "backup", False),
    ("disabled", "disabled", True),
    ("enabled", "disabled", False),
    ("non-stick", "no_stick", True),
    ("stick", "no_stick", False),
    ("tfo", "tfo", True),
    ("no-tfo", "tfo", False),
    ("send-proxy", "send_proxy", "v1"),
    ("send-proxy-v2", "send_proxy", "v2"),
    ("send-proxy-v2-ssl", "send_proxy", "v2-ssl"),
    ("send-proxy-v2-ssl-cn", "send_proxy", "v2-ssl-cn"),
    ("no-send-proxy", "send_proxy", None),
    ("no-send-proxy-v2", "send_proxy", None),
    ("no-send-proxy-v2-ssl", "send_proxy", None),
    ("no-send-proxy-v2-ssl-cn", "send_proxy", None),
):
    _set(_name, _slot, _value)


def _number(name: str, slot: str, complaint: str | None, convert: Callable[[int], int] = lambda value: value) -> None:
    """Register a word with a number; without a complaint a missing number is 0."""

    def set_number(one: model.Server, args: Args) -> None:
        """A number."""
        text = args.next()
        if not text and complaint:
            raise Alert(complaint)
        setattr(one, slot, convert(leading_integer(text)))

    server_keyword(name, usage="<number>")(set_number)


_number("maxconn", "maxconn", None)
_number("minconn", "minconn", None)
_number("maxqueue", "maxqueue", None)
_number("max-reuse", "max_reuse", "'max-reuse' expects <value> as argument.")
_number("pool-low-conn", "pool_low_conn", "'pool-low-conn' expects <value> as argument.")


@server_keyword("id", usage="<id>")
def id_(one: model.Server, args: Args) -> None:
    """A fixed number for the server."""
    text = args.next()
    if not text:
        raise Alert("'id' : expects an integer argument")
    number = leading_integer(text)
    if number <= 0:
        raise Alert("'id' : custom id has to be > 0")
    twin = next((other for other in (args.proxy.servers if args.proxy else ()) if other.id == number), None)
    if twin is not None:
        raise Alert(f"'id' : custom id {number} already used at {twin.place} ('server {twin.name}')")
    one.id = number


@server_keyword("weight", usage="<weight>")
def weight(one: model.Server, args: Args) -> None:
    """The server's share of the load."""
    number = leading_integer(args.next())
    if number > 256:
        raise Alert(f"weight of server {one.name} is not within 0 and 256 ({number}).")
    if number < 0:
        raise Alert(f"weight of server {one.name} is not within 0 and 256 ({number}).")
    one.weight = number


@server_keyword("pool-max-conn", usage="<max>")
def pool_max_conn(one: model.Server, args: Args) -> None:
    """Most idle connections to keep."""
    number = leading_integer(args.word("'pool-max-conn' expects <value> as argument."))
    if number < -1:
        raise Alert("'pool-max-conn' must be >= -1")
    one.pool_max_conn = number


@server_keyword("pool-purge-delay", usage="<delay>")
def pool_purge_delay(one: model.Server, args: Args) -> None:
    """How long an idle connection is kept, roughly."""
    text = args.word("'pool-purge-delay' expects <value> as argument.")
    try:
        one.pool_purge_delay = units.parse_duration(text)
    except units.BadNumber as error:
        raise Alert(f"unexpected character '{error.character}' in argument to <pool-purge-delay>.")


@server_keyword("slowstart", usage="<time>")
def slowstart(one: model.Server, args: Args) -> None:
    """How long a server takes to come to its full share after it came back."""
    text = args.next()
    try:
        one.slowstart = units.parse_duration(text, "s") if text else _missing_slowstart()
    except units.TimerOverflow:
        raise Alert(f"timer overflow in argument <{text}> to <slowstart> of server {one.name}, maximum value is 2147483647 ms (~24.8 days).")
    except units.BadNumber as error:
        raise Alert(f"unexpected character '{error.character}' in 'slowstart' argument of server {one.name}.")


def _missing_slowstart() -> int:
    raise Alert("unexpected character '\0' in 'slowstart' argument.")


@server_keyword("tcp-ut", usage="<time>")
def tcp_ut(one: model.Server, args: Args) -> None:
    """TCP user timeout."""
    text = args.word("'tcp-ut' : missing TCP User Timeout value")
    try:
        one.tcp_user_timeout = units.parse_duration(text)
    except Alert:
        raise Alert("'tcp-ut' : expects a positive delay in milliseconds")


@server_keyword("cookie", usage="<value>")
def cookie(one: model.Server, args: Args) -> None:
    """The value that ties a client to the server."""
    one.cookie = args.word("'cookie' expects <value> as argument.").encode("latin-1", "replace")


@server_keyword("redir", usage="<prefix>")
def redir(one: model.Server, args: Args) -> None:
    """Redirect clients to the server instead of relaying."""
    one.redir = args.word("'redir' expects <prefix> as argument.")


@server_keyword("namespace", usage="<name>", planned=True)
def namespace(one: model.Server, args: Args) -> None:
    """Connect from a network namespace."""
    args.word("'namespace' : expects <name> as argument")
    raise NotImplementedYet("namespace")


@server_keyword("track", usage="[<proxy>/]<server>")
def track(one: model.Server, args: Args) -> None:
    """Share another server's state."""
    one.track = args.word("'track' expects [<proxy>/]<server> as argument.")


def _choice(name: str, slot: str, values: tuple[str, ...], complaint: str) -> None:
    """Register a word with one of a few values; ``{}`` in the complaint is what was found."""

    def choose(one: model.Server, args: Args) -> None:
        """A choice."""
        text = args.next()
        if text not in values:
            raise Alert(complaint.format(text))
        setattr(one, slot, text)

    server_keyword(name, usage=f"{{{'|'.join(values)}}}")(choose)


_choice("log-proto", "log_proto", ("legacy", "octet-count"), "'log-proto' expects one of 'legacy' or 'octet-count' but got '{}'")
_choice("ws", "ws", ("auto", "h1", "h2"), "'ws' has to be 'auto', 'h1' or 'h2'")
_choice("on-marked-down", "on_marked_down", ("shutdown-sessions",), "'on-marked-down' expects 'shutdown-sessions' but got '{}'")
_choice("on-marked-up", "on_marked_up", ("shutdown-backup-sessions",), "'on-marked-up' expects 'shutdown-backup-sessions' but got '{}'")
_choice(
    "on-error",
    "on_error",
    ("fastinter", "fail-check", "sudden-death", "mark-down"),
    "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got '{}'",
)


@server_keyword("proto", usage="<name>")
def proto(one: model.Server, args: Args) -> None:
    """The protocol to speak without negotiation."""
    text = args.word("'proto' : missing value")
    if text not in PROTOCOLS:
        raise Alert(f"'proto' :  unknown MUX protocol '{text}'")
    one.proto = text


@server_keyword("proxy-v2-options", usage="<option>,...")
def proxy_v2_options(one: model.Server, args: Args) -> None:
    """What to add to the PROXY v2 header."""
    names = args.next().split(",")
    for name in names:
        if name not in ("ssl", "cert-cn", "cert-key", "cert-sig", "ssl-cipher", "authority", "crc32c", "unique-id"):
            raise Alert(f"'{name}' : proxy v2 option not implemented")
    one.proxy_v2_options = tuple(names)
    one.send_proxy = one.send_proxy or "v2"


@server_keyword("socks4", usage="<addr>:<port>")
def socks4(one: model.Server, args: Args) -> None:
    """Go through a SOCKS4 proxy."""
    text = args.word("'socks4' expects <addr>:<port> as argument.")
    try:
        one.socks4 = args.address(address.SOCKS, text)
    except Alert as error:
        raise Alert(f"'socks4 {text}' : {error}")


@server_keyword("usesrc")
def usesrc(one: model.Server, args: Args) -> None:
    """Only known behind `source`."""
    raise Alert("'usesrc' only allowed after a 'source' statement.")


@keyword("use-fcgi-app", sections=PROXY, usage="<name>", planned=True)
def use_fcgi_app(proxy: model.Proxy, args: Args) -> None:
    """Speak FastCGI to the servers."""
    if args.in_defaults or args.lacks("backend"):
        raise Alert("'use-fcgi-app' only available in backend or listen section")
    raise NotImplementedYet("use-fcgi-app")
