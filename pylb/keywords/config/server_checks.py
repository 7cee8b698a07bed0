"""The words of `server` lines about health checks, agents and observed traffic, and `source` (configuration.txt 5.2)."""

from __future__ import annotations

from typing import Any

from pylb.base import address, units
from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import PROXY, keyword, server_keyword
from pylb.keywords.config.bind_tls import argument
from pylb.keywords.config.server import PROTOCOLS, Remark
from pylb.keywords.config.server_tls import Told

SOURCE_WORDS = "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>."


def _switch(name: str, owner: str, slot: str, value: object) -> None:
    """Register a word without argument."""

    def switch(one: model.Server, args: Args) -> None:
        """A switch of checks."""
        setattr(getattr(one, owner), slot, value)

    server_keyword(name)(switch)


for _name, _owner, _slot, _value in (
    ("check", "check", "enabled", True),
    ("no-check", "check", "enabled", False),
    ("check-ssl", "check", "use_ssl", True),
    ("no-check-ssl", "check", "use_ssl", False),
    ("check-send-proxy", "check", "send_proxy", True),
    ("no-check-send-proxy", "check", "send_proxy", False),
    ("check-via-socks4", "check", "via_socks4", True),
    ("agent-check", "agent", "enabled", True),
    ("no-agent-check", "agent", "enabled", False),
):
    _switch(_name, _owner, _slot, _value)


def _delay(name: str, owner: str, slot: str) -> None:
    """Register an interval."""

    def set_delay(one: model.Server, args: Args) -> None:
        """An interval of checks."""
        text = args.word(f"'{name}' expects a delay as argument.")
        try:
            value = units.parse_duration(text)
        except units.TimerOverflow:
            raise Alert(f"timer overflow in argument <{text}> to <{name}> of server {one.name}, maximum value is 2147483647 ms (~24.8 days).")
        except units.TimerUnderflow:
            raise Alert(f"timer underflow in argument <{text}> to <{name}> of server {one.name}, minimum non-null value is 1 ms.")
        except units.BadNumber as error:
            raise Alert(f"unexpected character '{error.character}' in 'agent-inter' argument of server {one.name}.")
        if value <= 0:
            raise Alert(f"invalid value {value} for argument '{name}' of server {one.name}.")
        setattr(getattr(one, owner), slot, value)

    server_keyword(name, usage="<delay>")(set_delay)


_delay("inter", "check", "inter")
_delay("fastinter", "check", "fastinter")
_delay("downinter", "check", "downinter")
_delay("agent-inter", "agent", "inter")


def _count(name: str, complaint: str) -> None:
    """Register `rise` or `fall`."""

    def set_count(one: model.Server, args: Args) -> None:
        """How many results in a row change the state."""
        value = leading_integer(args.word(f"'{name}' expects an integer argument."))
        if value <= 0:
            raise Alert(complaint)
        setattr(one.check, name, value)

    server_keyword(name, usage="<count>")(set_count)


_count("rise", "'rise' has to be > 0.")
_count("fall", "'fall' has to be > 0.")


@server_keyword("error-limit", usage="<count>")
def error_limit(one: model.Server, args: Args) -> None:
    """How many errors of observed traffic count as one failed check."""
    value = leading_integer(args.word("'error-limit' expects an integer argument."))
    if value <= 0:
        raise Alert("error-limit has to be > 0.")
    one.error_limit = value


@server_keyword("observe", usage="<mode>")
def observe(one: model.Server, args: Args) -> None:
    """Watch traffic for errors."""
    mode = args.word("'observe' expects <mode> as argument.")
    if mode not in ("none", "layer4", "layer7"):
        raise Alert(f"'observe' expects one of 'none', 'layer4', 'layer7' but got '{mode}'")
    if mode == "layer7" and args.proxy is not None and args.proxy.mode != "http":
        raise Remark("'layer7' can only be used in http proxies.")
    one.observe = mode  # type: ignore[assignment]


@server_keyword("port", usage="<port>")
def port(one: model.Server, args: Args) -> None:
    """The port that checks go to."""
    one.check.port = leading_integer(args.word("'port' expects a port number as argument.")) & 0xFFFF


@server_keyword("agent-port", usage="<port>")
def agent_port(one: model.Server, args: Args) -> None:
    """The port that the agent listens on."""
    one.agent.port = leading_integer(args.word("'agent-port' expects a port number as argument.")) & 0xFFFF


@server_keyword("addr", usage="<address>")
def addr(one: model.Server, args: Args) -> None:
    """The address that checks (and agents) go to."""
    text = args.word("'addr' expects <ipv4|ipv6> as argument.")
    try:
        one.check.address = one.agent.address = args.address(address.CHECK, text)
    except Alert as error:
        raise Alert(f"'addr' : {error}")
    if one.check.address.port:
        one.check.port = one.check.address.port


@server_keyword("agent-addr", usage="<address>")
def agent_addr(one: model.Server, args: Args) -> None:
    """The address that the agent listens on."""
    text = args.word("'agent-addr' expects an address as argument.")
    try:
        one.agent.address = args.address(address.CHECK, text)
    except Alert:
        raise Alert(f"parsing agent-addr failed. Check if '{text}' is correct address.")


@server_keyword("agent-send", usage="<string>")
def agent_send(one: model.Server, args: Args) -> None:
    """What to send to the agent first."""
    one.agent.send = args.word("'agent-send' expects a string as argument.").encode("latin-1", "replace")


@server_keyword("check-alpn", usage="<protocols>")
def check_alpn(one: model.Server, args: Args) -> None:
    """The protocols that checks offer."""
    one.check.alpn = tuple(name for name in argument(args, "missing the comma-delimited ALPN protocol suite").split(",") if name)


@server_keyword("check-sni", usage="<name>")
def check_sni(one: model.Server, args: Args) -> None:
    """The name that checks ask for."""
    one.check.sni = argument(args, "missing SNI")


@server_keyword("check-proto", usage="<name>")
def check_proto(one: model.Server, args: Args) -> None:
    """The protocol that checks speak without negotiation."""
    text = argument(args, "missing value")
    if text not in PROTOCOLS:
        raise Alert(f"'check-proto' :  unknown MUX protocol '{text}'")
    one.check.proto = text


@server_keyword("source", usage="<addr>[:<port>[-<port>]] [interface <name>] [usesrc ...]", open_ended=True)
def server_source(one: model.Server, args: Args) -> None:
    """The address to connect from."""
    text = args.word("'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument.")
    try:
        where = args.address(address.SERVER_SOURCE, text)
    except Alert as error:
        raise Alert(f"'source {text}' : {error}")
    one.source = {"address": where}
    _source_options(args, one.source, "server", "'usesrc' expects <addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)' as argument.")


def _source_options(args: Args, source: dict[str, Any], name: str, complaint: str) -> None:
    """``usesrc`` and ``interface``, in any order."""
    while word := args.maybe("usesrc", "interface"):
        if not args.peek():
            text = complaint if word == "usesrc" else f"'{name}' : missing interface name"
            if name != "server":
                raise Alert(text if word == "usesrc" else f"{text}.")
            args.reading.fail(f"[{args.place}] : {args.who}{text.removesuffix('.')}.")
            raise Told(f"error encountered while processing '{word}'.")
        source[word] = args.next()


@keyword("source", sections=PROXY, face="backend", usage="<addr>[:<port>] [usesrc ...] [interface <name>]")
def source(proxy: model.Proxy, args: Args) -> None:
    """The address that connections to servers come from."""
    text = args.at(1)
    if not text:
        raise Alert(SOURCE_WORDS)
    try:
        where = args.address(address.SOURCE, text)
    except Alert as error:
        raise Alert(f"'source {text}' : {error}" + ("" if "range" in str(error) else "\n"))
    proxy.source = {"address": where}
    args.index = 2
    _source_options(args, proxy.source, "source", "'usesrc' expects <addr>[:<port>], 'client', or 'clientip' as argument.")
    if args.peek():
        raise Alert("'source' only supports optional keywords 'interface' and 'usesrc'.")


@keyword("external-check", sections=PROXY, usage="{ command | path } <value>")
def external_check(proxy: model.Proxy, args: Args) -> None:
    """The program of `option external-check`, and its PATH."""
    what = args.at(1)
    if not what:
        raise Alert("missing argument after 'external-check'.\n")
    if what not in ("command", "path"):
        raise Alert(f"'external-check' only supports 'command' and 'path'. but got '{what}'.")
    if args.at(3):
        raise Alert(f"'external-check' cannot handle unexpected argument '{args.at(3)}'.")
    if not args.at(2):
        raise Alert(f"missing argument after '{what}'.")
    proxy.extra[f"external-check {what}"] = args.at(2)
