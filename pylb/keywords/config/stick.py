"""`stick-table` and `stick` (configuration.txt 4.2)."""

from __future__ import annotations

from pylb.base import units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import FACES, PROXY, keyword
from pylb.proxy.table import ARRAYS, KEY_TYPES, KINDS, StickRule, Stored, TableSettings
from pylb.sample.casts import possible
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint, available, needs

DEFAULT_LENGTH = {"string": 31, "binary": 32}
OVERRIDES = (
    ("gpt", ("gpt0",), "gpt0"),
    ("gpc", ("gpc0", "gpc1"), "gpc[0/1]"),
    ("gpc_rate", ("gpc0_rate", "gpc1_rate"), "gpc[0/1]_rate"),
)


@keyword("stick-table", sections=PROXY, usage="type <type> size <size> [expire <expire>] [nopurge] [store <data type>]*")
def stick_table(proxy: model.Proxy, args: Args) -> None:
    """The table of this proxy."""
    if proxy.kind == "defaults":
        raise Alert("'stick-table' is not supported in 'defaults' section.")
    for other in args.config.proxies:
        if other.name == proxy.name and other.stick_table is not None:
            place = other.extra["stick-table place"]
            raise Alert(f"stick-table name '{proxy.name}' conflicts with table declared in {other.label} at {place}.")
    table = TableSettings(proxy.name, "")
    args.index = 1
    while args.peek():
        word = args.next()
        reader = WORDS.get(word)
        if reader is None:
            raise Alert(f"stick-table: unknown argument '{word}'.")
        reader(table, args)
    if not table.size:
        raise Alert("stick-table: missing size.")
    if not table.type:
        raise Alert("stick-table: missing type.")
    for array, parts, shown in OVERRIDES:
        if array in table.data and any(part in table.data for part in parts):
            raise Alert(f"stick-table: simultaneous usage of '{array}' and '{shown}' in a same table is not permitted as '{array}' overrides '{shown}'.")
    proxy.stick_table = table
    proxy.extra["stick-table place"] = args.place


def _type(table: TableSettings, args: Args) -> None:
    name = args.next()
    if name not in KEY_TYPES:
        raise Alert(f"stick-table: unknown type '{name}'.")
    table.type = name
    if name in ("string", "binary"):
        table.length = DEFAULT_LENGTH[name]
        if args.maybe("len"):
            text = args.next()
            table.length = units.leading_integer(text)
            if table.length <= 0:
                raise Alert(f"stick-table: unknown type '{text}'.")


def _argument(args: Args, word: str) -> str:
    text = args.next()
    if not text:
        raise Alert(f"stick-table: missing argument after '{word}'.")
    return text


def _size(table: TableSettings, args: Args) -> None:
    text = _argument(args, "size")
    try:
        table.size = units.parse_size(text)
    except units.BadNumber as error:
        raise Alert(f"stick-table: unexpected character '{error.character}' in argument of 'size'.") from None


def _expire(table: TableSettings, args: Args) -> None:
    text = _argument(args, "expire")
    try:
        table.expire = units.parse_duration(text)
    except units.TimerOverflow:
        raise BareAlert(
            f"{args.where}: stick-table: timer overflow in argument <{text}> to <expire>, maximum value is 2147483647 ms (~24.8 days)."
        ) from None
    except units.TimerUnderflow:
        raise BareAlert(f"{args.where}: stick-table: timer underflow in argument <{text}> to <expire>, minimum non-null value is 1 ms.") from None
    except units.BadNumber as error:
        raise Alert(f"stick-table: unexpected character '{error.character}' in argument of 'expire'.") from None


def _nopurge(table: TableSettings, args: Args) -> None:
    table.nopurge = True


def _peers(table: TableSettings, args: Args) -> None:
    _argument(args, "peers")
    raise NotImplementedYet("stick-table peers")


def _server_key(table: TableSettings, args: Args) -> None:
    text = args.next()
    if text not in ("name", "addr"):
        raise Alert(f"stick-table : unknown server key type '{text}'.")
    table.server_key = text


def _store(table: TableSettings, args: Args) -> None:
    text = args.next()
    while text:
        end = text.find(",")
        opening = text.find("(")
        if 0 <= opening < (end if end >= 0 else len(text)):
            name, rest = text[:opening], text[opening + 1 :]
            inside, closing, text = rest.partition(")")
            text = text.removeprefix(",")
            argument: str | None = inside if closing else None
            _store_one(table, args, name, argument, unclosed=not closing)
        else:
            name, _, text = text.partition(",")
            _store_one(table, args, name, None)


def _store_one(table: TableSettings, args: Args, name: str, argument: str | None, unclosed: bool = False) -> None:
    name = "server_key" if name == "server_name" else name
    if unclosed:
        raise Alert(f"stick-table: missing closing parenthesis after store option '{name}'.")
    if name not in KINDS:
        raise Alert(f"stick-table: unknown store option '{name}'.")
    rate, array = KINDS[name] == "rate", name in ARRAYS
    if argument is not None and not (rate or array):
        raise Alert(f"stick-table: unexpected argument to store option '{name}'.")
    if (rate or array) and argument is None:
        raise Alert(f"stick-table: missing argument to store option '{name}'.")
    stored = Stored(name)
    text = argument or ""
    if array:
        size, comma, text = text.partition(",")
        if rate and not comma:
            raise Alert(f"stick-table: missing argument to store option '{name}'.")
        stored.size = units.leading_integer(size)
        if not 1 <= stored.size <= 100:
            raise Alert(f"stick-table: array size is out of allowed range (1-100) for store option '{name}'.")
    if rate:
        stored.period = _period(name, text)
    if name in table.data:
        args.report.warning(f"{args.where}: stick-table: store option '{name}' already enabled, ignored.")
        return
    table.data[name] = stored


def _period(name: str, text: str) -> int:
    """A rate's period in milliseconds."""
    try:
        if not text:
            raise ValueError
        return units.parse_duration(text)
    except (ValueError, Alert):
        raise Alert(f"stick-table: error when processing store option '{name}'.") from None


WORDS = {
    "type": _type,
    "size": _size,
    "expire": _expire,
    "nopurge": _nopurge,
    "peers": _peers,
    "srvkey": _server_key,
    "store": _store,
}


@keyword("stick", sections=FACES, face="backend", usage="{ on | match | store-request | store-response } <pattern> [table <table>] [<condition>]")
def stick(proxy: model.Proxy, args: Args) -> None:
    """Look up, or remember, the server of a key."""
    kind = args.at(1)
    if kind not in ("on", "match", "store", "store-request", "store-response"):
        raise Alert("'stick' expects 'on', 'match', or 'store'.")
    response = kind == "store-response"
    args.index = 2
    args.usage = "stick rule"
    args.phase = Phase.RESPONSE if response else Phase.SERVER
    args.checkpoints = Checkpoint.BACKEND_STORE if response else Checkpoint.BACKEND_SERVER_CHOICE
    if not args.peek():
        raise Alert("'stick' expects a fetch method.")
    try:
        expression = args.expression()
    except NotImplementedYet:
        raise
    except Alert as error:
        raise Alert(f"'stick': {error}") from None
    if not available(expression.source, args.checkpoints):
        when = "response" if response else "request"
        raise Alert(
            f"'stick': fetch method '{expression.keyword}' extracts information from '{needs(expression.source)}', none of which is available during {when}."
        )
    name = proxy.name
    if args.maybe("table"):
        name = args.next()
    test = None
    if args.at_condition():
        try:
            test = args.condition()
        except NotImplementedYet:
            raise
        except Alert as error:
            raise Alert(f"'stick': error detected while parsing sticking condition : {error}.") from None
    elif args.peek():
        raise Alert(f"'stick': unknown keyword '{args.peek()}'.")
    match, store = kind in ("on", "match"), kind != "match"
    proxy.stick_rules.append(StickRule(expression.call, name, test, match, store, response))

    def check(config: model.Config) -> None:
        found = find_table(config, name)
        if found is None:
            raise Alert(f"Proxy '{proxy.name}': unable to find stick-table '{name}'.")
        if not possible(expression.type, KEY_TYPES[found.type]):
            raise Alert(f"Proxy '{proxy.name}': type of fetch not usable with type of stick-table '{name}'.")
        found.add("server_id")
        found.add("server_key")

    args.later(check)


def find_table(config: model.Config, name: str) -> TableSettings | None:
    """The table of that name."""
    table: TableSettings | None = next((proxy.stick_table for proxy in config.proxies if proxy.name == name and proxy.stick_table is not None), None)
    return table
