"""`balance`, `hash-type` and what choosing a server needs (configuration.txt 4.2)."""

from __future__ import annotations

import string

from pylb.base import address
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import FACES, PROXY, keyword
from pylb.keywords.config.rules import earlier, enter
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint

SUPPORTED = "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hdr(name)' and 'rdp-cookie(name)' options."
SIMPLE = ("roundrobin", "static-rr", "leastconn", "first", "source")
FUNCTIONS = ("sdbm", "djb2", "wt6", "crc32")


@keyword("balance", sections=PROXY, face="backend", usage="<algorithm> [<arguments>]")
def balance(proxy: model.Proxy, args: Args) -> None:
    """How a server is chosen for a request that nothing ties to one."""
    previous = proxy.balance
    new = model.Balance()
    if previous is not None:
        new.hash_method, new.hash_function = previous.hash_method, previous.hash_function
        new.avalanche, new.balance_factor = previous.avalanche, previous.balance_factor
    name = args.at(1)
    if not name or name in SIMPLE:
        new.algorithm = name or "roundrobin"
    else:
        _with_arguments(new, args, name)
    proxy.balance = new
    proxy.extra["balance set"] = True


def _with_arguments(new: model.Balance, args: Args, name: str) -> None:
    """The algorithms that hash something, and `random`."""
    if name == "uri":
        _uri(new, args)
    elif name == "url_param":
        _url_param(new, args)
    elif name == "hash":
        _hash(new, args)
    elif name.startswith("hdr("):
        _hdr(new, args, name)
    elif name.startswith("random"):
        _random(new, name)
    elif name.startswith("rdp-cookie"):
        _rdp_cookie(new, name)
    else:
        raise Alert(SUPPORTED)
    new.algorithm = name.partition("(")[0]


def _hash(new: model.Balance, args: Args) -> None:
    """``hash <expression>``; HAProxy compiles it when all is read, and complains then."""
    args.index, args.phase, args.checkpoints = 2, Phase.SERVER, Checkpoint.BACKEND_SERVER_CHOICE
    text, proxy = args.at(2), args.proxy
    assert proxy is not None
    try:
        new.arguments["expression"] = args.expression().call
    except NotImplementedYet:
        raise
    except Alert as error:
        complaint = f"{proxy.label} [{proxy.place}]: failed to parse 'balance hash' expression '{text}' in : {error}."
        args.later(lambda config: _raise(complaint))


def _raise(complaint: str) -> None:
    raise BareAlert(complaint)


def _uri(new: model.Balance, args: Args) -> None:
    position = 2
    while word := args.at(position):
        if word in ("len", "depth"):
            text = args.at(position + 1)
            if leading_integer(text) <= 0:
                raise Alert(f"balance uri : '{word}' expects a positive integer (got '{text}').")
            new.arguments[word] = leading_integer(text)
            position += 2
        elif word in ("whole", "path-only"):
            new.arguments[word] = True
            position += 1
        else:
            raise Alert(f"balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{word}').")


def _url_param(new: model.Balance, args: Args) -> None:
    if not args.at(2):
        raise Alert("balance url_param requires an URL parameter name.")
    new.arguments["name"] = args.at(2)
    if args.at(3):
        if args.at(3) != "check_post":
            raise Alert(f"balance url_param only accepts 'check_post' modifier (got '{args.at(3)}').")
        new.arguments["check_post"] = True


def _hdr(new: model.Balance, args: Args, name: str) -> None:
    header = name[4:].rstrip(")")
    if not header:
        raise Alert("balance hdr requires an http header field name.")
    new.arguments["name"] = header
    if args.at(2):
        if args.at(2) != "use_domain_only":
            raise Alert(f"balance {name} only accepts 'use_domain_only' modifier (got '{args.at(2)}').")
        new.arguments["use_domain_only"] = True


def _random(new: model.Balance, name: str) -> None:
    text = name[6:]
    if not text:
        return
    if not text.startswith("("):
        raise Alert(SUPPORTED)
    digits = len(text[1:]) - len(text[1:].lstrip(string.digits))
    if text[1 + digits :] != ")":
        raise Alert(f"balance random : unexpected character '{text[1 + digits : 2 + digits]}' after argument.")
    if not int(text[1:-1] or 0):
        raise Alert("balance random : number of draws must be at least 1.")
    new.arguments["random"] = int(text[1:-1])


def _rdp_cookie(new: model.Balance, name: str) -> None:
    rest = name[len("rdp-cookie") :]
    if rest and (not rest.startswith("(") or not rest[1:].rstrip(")")):
        raise Alert("balance rdp-cookie : missing cookie name.")
    new.arguments["name"] = rest[1:].rstrip(")") or "mstshash"


@keyword("hash-type", sections=PROXY, face="backend", usage="<method> [<function> [<modifier>]]")
def hash_type(proxy: model.Proxy, args: Args) -> None:
    """How a hash becomes a server."""
    method, function, modifier = args.at(1), args.at(2), args.at(3)
    if method not in ("consistent", "map-based"):
        raise Alert("'hash-type' only supports 'consistent' and 'map-based'.")
    if function and function not in FUNCTIONS:
        raise Alert("'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.")
    if modifier and modifier != "avalanche":
        raise Alert("'hash-type' only supports 'avalanche' as a modifier for hash functions.")
    target = _settings(proxy)
    target.hash_method = method  # type: ignore[assignment]
    target.hash_function = function or "sdbm"  # type: ignore[assignment]
    target.avalanche = bool(modifier) or (method == "consistent" and not function)


def _settings(proxy: model.Proxy) -> model.Balance:
    """The proxy's own Balance."""
    if proxy.balance is None:
        proxy.balance = model.Balance()
    return proxy.balance


@keyword("hash-balance-factor", sections=PROXY, usage="<factor>")
def hash_balance_factor(proxy: model.Proxy, args: Args) -> None:
    """How much more than the average load a server may get when hashing is consistent, in percent."""
    number = args.integer("'hash-balance-factor' expects an integer argument.")
    if number != 0 and number <= 100:
        raise Alert("'hash-balance-factor' must be 0 or greater than 100.")
    _settings(proxy).balance_factor = number


@keyword("use_backend", sections=FACES, face="frontend", usage="<backend> [{if | unless} <condition>]")
def use_backend(proxy: model.Proxy, args: Args) -> None:
    """Send some requests to another backend; the name may be a log-format."""
    name = args.at(1)
    if not name:
        raise Alert("'use_backend' expects a backend name.")
    args.index = 2
    enter(args, "use_backend")
    test = None
    if args.at_condition():
        try:
            test = args.condition()
        except (BareAlert, NotImplementedYet):
            raise
        except Alert as error:
            raise Alert(f"error detected while parsing switching rule : {error}.")
    elif args.at(2):
        raise Alert(f"unexpected keyword '{args.at(2)}' after switching rule, only 'if' and 'unless' are allowed.")
    earlier(proxy, args, "use_backend", "use_backend")
    proxy.switch_rules.append(model.SwitchRule(name, False, test, args.place))


@keyword("use-server", sections=FACES, face="backend", usage="<server> {if | unless} <condition>")
def use_server(proxy: model.Proxy, args: Args) -> None:
    """Choose a server by a condition; the name may be a log-format."""
    name = args.at(1)
    if not name:
        raise Alert("'use-server' expects a server name.")
    args.index = 2
    if not args.at_condition():
        raise Alert("'use-server' requires either 'if' or 'unless' followed by a condition.")
    enter(args, "use-server")
    try:
        test = args.condition()
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(f"error detected while parsing switching rule : {error}.")
    proxy.server_rules.append(model.SwitchRule(name, False, test, args.place))


@keyword("acl", sections=PROXY, usage="<name> <criterion> [<flags>] [<operator>] <value> ...")
def acl(proxy: model.Proxy, args: Args) -> None:
    """Declare or complete a named test."""
    if proxy.kind == "defaults" and not proxy.name:
        raise Alert("'acl' not allowed in anonymous 'defaults' section.")
    args.declare_acl()


@keyword("dispatch", sections=FACES, face="backend", usage="<address>:<port>")
def dispatch(proxy: model.Proxy, args: Args) -> None:
    """Send everything to one address, without servers."""
    try:
        where = args.address(address.DISPATCH, args.at(1))
    except Alert as error:
        raise Alert(f"'dispatch' : {error}" + ("" if "port" in str(error) else "\n"))
    args.at_most(1)
    args.extra()["dispatch"] = where
