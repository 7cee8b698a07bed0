"""`bind` and its words, TLS ones aside (configuration.txt 5.1). `stats socket` lines take the same words."""

from __future__ import annotations

import grp
import pwd
import re
from collections.abc import Callable
from dataclasses import replace

from pylb.base import address, units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import FACES, bind_keyword, keyword
from pylb.config.spelling import suggest
from pylb.keywords.config.bind_tls import complete

NEEDED = "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments."
PROTOCOLS = ("h1", "h2", "fcgi", "none")
NUMBER = re.compile(r"(?:all|odd|even|\d+(?:-\d*)?)(?:/(?:all|odd|even|\d+(?:-\d*)?))?")


class Noted(Alert):
    """A remark about a word that is obeyed all the same."""


@keyword("bind", sections=FACES, face="frontend", usage="{<path>|[<addr>]:<port>[-<end>]}{,...} [<words>]")
def bind(proxy: model.Proxy, args: Args) -> None:
    """Listen on one or several addresses."""
    text = args.at(1)
    if not text:
        raise Alert(NEEDED)
    try:
        addresses = address.parse_addresses(text, address.BIND, args.env)
    except Alert as error:
        raise Alert(f"'bind' : {error}")
    new = [model.Bind(prefixed(where, args.config.global_.unix_bind_prefix), args.place, text) for where in addresses]
    proxy.binds += new
    args.index = 2
    read_words(new, args, f"'bind {text}' in section '{'listen' if proxy.kind == 'listen' else proxy.kind}'")
    for listener in new:
        if listener.address.kind == "unix":
            settle_owner(listener, args.config.global_)


def prefixed(where: address.Address, prefix: str) -> address.Address:
    """Where a unix socket is with the prefix of `unix-bind`."""
    return replace(where, host=prefix + where.host) if prefix and where.kind == "unix" else where


def settle_owner(listener: model.Bind, settings: model.Global) -> None:
    """What `unix-bind` says of owner and permissions, where the line does not."""
    for slot in ("mode", "uid", "gid"):
        if getattr(listener, slot) is None:
            setattr(listener, slot, getattr(settings, f"unix_bind_{slot}"))


def read_words(binds: list[model.Bind], args: Args, who: str, form: str = "{} : {}") -> None:
    """The words behind the address, each of which is applied to every address of the line."""
    start = args.index
    for listener in binds:
        args.index = start
        first = listener is binds[0]
        while (word := args.peek()) is not None:
            entry = bind_keyword.get(word)
            if entry is None:
                raise Alert(unknown_word(who, word, form))
            args.index += 1
            try:
                entry.function(listener, args)
            except Noted as remark:
                if first:
                    args.warn(form.format(who, remark))
            except NotImplementedYet:
                raise
            except Alert as error:
                raise Alert(form.format(who, error))
        complete(listener, args.config.global_)


def unknown_word(who: str, word: str, form: str) -> str:
    """The complaint about a word that no address takes."""
    best = suggest(word, (known.name for known in bind_keyword))
    if form == "{} : {}":
        return f"{who}: unknown keyword '{word}'" + (f"; did you mean '{best}' maybe ?" if best else ".")
    return f"{who} : unknown keyword '{word}'." + (f" Did you mean '{best}' maybe ?" if best else "")


def _value(args: Args, complaint: str = "missing value") -> str:
    """The word's argument."""
    name = args.at(args.index - 1)
    return args.word(f"'{name}' : {complaint}")


def _flag(name: str, slot: str) -> None:
    """Register a word without argument."""

    def set_flag(listener: model.Bind, args: Args) -> None:
        """A switch of the listening socket."""
        setattr(listener, slot, True)

    bind_keyword(name)(set_flag)


for _name, _slot in (
    ("accept-proxy", "accept_proxy"),
    ("defer-accept", "defer_accept"),
    ("tfo", "tfo"),
    ("transparent", "transparent"),
    ("v4v6", "v4v6"),
    ("v6only", "v6only"),
):
    _flag(_name, _slot)


def _number(name: str, slot: str, accept: Callable[[int], bool], complaint: str) -> None:
    """Register a word with a number."""

    def set_number(listener: model.Bind, args: Args) -> None:
        """A number of the listening socket."""
        value = leading_integer(_value(args))
        if not accept(value):
            raise Alert(f"'{name}' : invalid value {value}, {complaint}")
        setattr(listener, slot, value)

    bind_keyword(name, usage="<number>")(set_number)


_number("backlog", "backlog", lambda value: value >= 0, "must be > 0")
_number("maxconn", "maxconn", lambda value: value >= 0, "must be >= 0")
_number("nice", "nice", lambda value: -1024 <= value <= 1024, "allowed range is -1024..1024")
_number("uid", "uid", lambda value: True, "")
_number("gid", "gid", lambda value: True, "")


@bind_keyword("name", usage="<name>")
def name(listener: model.Bind, args: Args) -> None:
    """What statistics call the listener."""
    listener.name = _value(args, "missing name")


@bind_keyword("id", usage="<id>")
def id_(listener: model.Bind, args: Args) -> None:
    """A fixed number for the listener."""
    text = args.next()
    if not text:
        raise Alert("'id' : expects an integer argument")
    if not text.lstrip("-").isdigit():
        raise Alert(f"'id' : expects an integer argument, found '{text}'")
    if int(text) <= 0:
        raise Alert("'id' : custom id has to be > 0")
    twin = next((other for other in (args.proxy.binds if args.proxy else ()) if other.id == int(text) and other.text != listener.text), None)
    if twin is not None:
        raise Alert(f"'id' : custom id {int(text)} already used at {twin.place} ('bind {twin.text}')")
    listener.id = int(text)


@bind_keyword("interface", usage="<interface>")
def interface(listener: model.Bind, args: Args) -> None:
    """Listen on one network interface only."""
    listener.interface = _value(args, "missing interface name")


@bind_keyword("namespace", usage="<name>", planned=True)
def namespace(listener: model.Bind, args: Args) -> None:
    """Listen in a network namespace."""
    name = _value(args, "missing namespace id")
    try:
        with open(f"/var/run/netns/{name}", "rb"):
            pass
    except OSError:
        args.reading.fail(f"Cannot open namespace '{name}'.")
        raise Alert("error encountered while processing 'namespace'.")
    raise NotImplementedYet("namespace")


@bind_keyword("accept-netscaler-cip", usage="<magic number>", planned=True)
def accept_netscaler_cip(listener: model.Bind, args: Args) -> None:
    """Expect the client's address in NetScaler's form."""
    value = leading_integer(_value(args))
    if value <= 0:
        raise Alert(f"'accept-netscaler-cip' : invalid value {value}, must be >= 0")
    raise NotImplementedYet("accept-netscaler-cip")


@bind_keyword("expose-fd", usage="listeners")
def expose_fd(listener: model.Bind, args: Args) -> None:
    """Let a new process fetch the listening sockets from this one."""
    what = _value(args, "missing fd type")
    if what != "listeners":
        raise Alert(f"'expose-fd' only supports 'listeners' (got '{what}')")
    listener.expose_fd = True


@bind_keyword("user", usage="<user>")
def user(listener: model.Bind, args: Args) -> None:
    """The owner of a unix socket."""
    listener.user = _value(args, "missing user name")
    try:
        listener.uid = pwd.getpwnam(listener.user).pw_uid
    except KeyError:
        raise Alert(f"'user' : unknown user name '{listener.user}'")


@bind_keyword("group", usage="<group>")
def group(listener: model.Bind, args: Args) -> None:
    """The group of a unix socket."""
    listener.group = _value(args, "missing group name")
    try:
        listener.gid = grp.getgrnam(listener.group).gr_gid
    except KeyError:
        raise Alert(f"'group' : unknown group name '{listener.group}'")


@bind_keyword("mode", usage="<mode>")
def mode(listener: model.Bind, args: Args) -> None:
    """The permissions of a unix socket, octal."""
    text = args.next()
    try:
        listener.mode = int(text, 8)
    except ValueError:
        raise Alert(f"'mode' : missing or invalid mode '{text}' (octal integer expected)")


@bind_keyword("level", usage="<level>")
def level(listener: model.Bind, args: Args) -> None:
    """What a command-line user may do here."""
    text = _value(args, "missing level")
    if text not in ("user", "operator", "admin"):
        raise Alert(f"'level' only supports 'user', 'operator', and 'admin' (got '{text}')")
    listener.level = text  # type: ignore[assignment]


@bind_keyword("severity-output", usage="<format>")
def severity_output(listener: model.Bind, args: Args) -> None:
    """Whether answers of the command line begin with their severity."""
    text = _value(args, "missing severity format")
    if text not in ("none", "number", "string"):
        raise Alert(f"'severity-output' only supports 'none', 'number', and 'string' (got '{text}')")
    listener.severity_output = text  # type: ignore[assignment]


@bind_keyword("mss", usage="<size>")
def mss(listener: model.Bind, args: Args) -> None:
    """The TCP segment size to announce."""
    value = leading_integer(_value(args, "missing MSS value"))
    if not 0 < abs(value) <= 65535:
        raise Alert("'mss' : expects an MSS with and absolute value between 1 and 65535")
    listener.mss = value


@bind_keyword("tcp-ut", usage="<time>")
def tcp_ut(listener: model.Bind, args: Args) -> None:
    """TCP user timeout."""
    text = _value(args, "missing TCP User Timeout value")
    try:
        listener.tcp_user_timeout = units.parse_duration(text)
    except Alert:
        raise Alert("'tcp-ut' : expects a positive delay in milliseconds")


@bind_keyword("proto", usage="<name>")
def proto(listener: model.Bind, args: Args) -> None:
    """The protocol to speak without negotiation."""
    text = _value(args)
    if text not in PROTOCOLS:
        raise Alert(f"'proto' :  unknown MUX protocol '{text}'")
    listener.proto = text


@bind_keyword("process", usage="<process>")
def process(listener: model.Bind, args: Args) -> None:
    """An old way to choose threads."""
    text = args.next()
    if not text:
        raise Alert("'process' : '' is not a valid number/range. It supports numbers from 1 to 1.")
    if not NUMBER.fullmatch(text):
        raise Alert(f"'process' : '{text.partition('/')[0]}' is not a valid number/range.")
    listener.process = text
    threads = text.partition("/")[2]
    advice = f" Please use 'thread {threads}' instead." if threads else ""
    raise Noted(f"'process {text}' on 'bind' lines is deprecated and will be removed in 2.7.{advice}")


@bind_keyword("thread", usage="<threads>")
def thread(listener: model.Bind, args: Args) -> None:
    """Which threads accept here."""
    text = args.next()
    if not text:
        raise Alert("'' : '' is not a valid number/range. It supports numbers from 1 to 64.")
    if not NUMBER.fullmatch(text):
        raise Alert(f"'{text}' : '{text}' is not a valid number/range.")
    listener.thread = text


@bind_keyword("shards", usage="<number>")
def shards(listener: model.Bind, args: Args) -> None:
    """How many sockets share the address; one is enough here."""
    text = _value(args)
    if text != "by-thread" and not 1 <= leading_integer(text) <= 64:
        raise Alert(f"'shards' : invalid value {leading_integer(text)}, allowed range is 1..64 or 'by-thread'")
