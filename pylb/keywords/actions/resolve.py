"""`do-resolve`: look a name up and keep its address in a variable (configuration.txt 4.2 `http-request do-resolve`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.timers import NEVER
from pylb.config.args import Args, BareAlert
from pylb.config.model import Config, Run
from pylb.config.resolvers import Resolve
from pylb.keywords.actions.common import sample
from pylb.keywords.actions.connection import converted
from pylb.sample.types import Expr, Type
from pylb.sample.variables import Variable
from pylb.stream.registry import action

if TYPE_CHECKING:
    from pylb.tasks.lookup import Lookup

EXPECTS: Final = (
    "Can't parse '{}'. Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'. Available options are 'ipv4' and 'ipv6'"
)
FAMILIES: Final = {"": 6, "ipv4": 4, "ipv6": 6}


@action("do-resolve", rulesets=("http-request", "tcp-request content"), prefix=True, usage="(<var>,<resolvers>[,{ ipv4 | ipv6 }]) <expr>")
def do_resolve(args: Args) -> Run:
    """Wait for the address of the host that the expression names; without one the variable stays as it is."""
    word = args.at(args.index - 1)
    inside, closing, _ = word.partition("(")[2].partition(")")
    name, *more = inside.split(",")
    if not closing or not 1 <= len(more) <= 2 or (len(more) == 2 and more[1] not in FAMILIES):
        raise Alert(EXPECTS.format(word))
    section, family = more[0], more[1] if len(more) == 2 else ""
    value = host_name(args)
    args.later(lambda config: require(config, args, section))
    proxy = args.proxy
    patience = (lambda: (proxy.inspect_delay or 0) / 1000) if proxy is not None and args.ruleset == "tcp-request content" else (lambda: NEVER)
    return resolving(variable(name), section, Resolve(FAMILIES[family]), value, patience)


def host_name(args: Args) -> Expr:
    """The expression, as text."""
    text = args.peek() or ""
    try:
        expression = sample(args)
    except NotImplementedYet:
        raise
    except Alert as error:
        raise error if str(error).startswith("fetch method") else Alert(EXPECTS.format(text))
    return converted(expression, Type.STR)


def variable(name: str) -> Variable | None:
    """The variable; None: HAProxy takes any name, and sets nothing where it is none."""
    try:
        return Variable(name)
    except Alert:
        return None


def require(config: Config, args: Args, section: str) -> None:
    """The section must exist once all is read."""
    if section not in config.resolvers:
        assert args.proxy is not None
        raise BareAlert(f"Proxy '{args.proxy.name}': Can't find resolvers section '{section}' for do-resolve action.")


def resolving(variable: Variable | None, section: str, wish: Resolve, value: Expr, patience: Callable[[], float]) -> Run:
    """Look up, and wait as long as that takes or `patience` gives; without any nothing is asked at all."""

    def run(stream: Any) -> Awaitable[None] | None:
        name = value(stream)
        seconds = patience()
        late = getattr(stream, "late", None)
        if late is not None:
            raise late  # the client's time was over while we waited: that ends the stream at once
        if not isinstance(name, bytes) or not seconds:
            return None
        from pylb.tasks.lookup import Lookup  # for running only, not for checking a configuration

        lookup = Lookup(stream.process.resolvers[section], stream, wish)
        return look_up(stream, lookup, name.decode("latin-1"), variable, seconds)

    return run


async def look_up(stream: Any, lookup: Lookup, name: str, variable: Variable | None, seconds: float) -> None:
    """Wait for the address, and set the variable when there is one."""
    clock = stream.process.clock
    ends_at = clock.now() + seconds
    if ends_at != NEVER:
        stream.step_timer(ends_at)
    try:
        lookup.begin(name)
        await stream.wait("R", lambda: lookup.done or clock.now() >= ends_at)
    finally:
        lookup.end()
    if lookup.host is not None and variable is not None:
        variable.set(stream, ip_address(lookup.host))
