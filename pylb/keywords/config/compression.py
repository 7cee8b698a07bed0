"""`compression`, `filter`, and what limits compression in the `global` section (configuration.txt 3.2, 4.2, 9)."""

from __future__ import annotations

from dataclasses import replace

from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import PROXY, keyword
from pylb.keywords.filters.compression import TOKENS
from pylb.keywords.filters.compression import compression as compressor
from pylb.stream.registry import filter_

FILTERS = {"cache": "CACHE", "compression": "COMP", "fcgi-app": "FCGI", "opentracing": "  OT", "spoe": "SPOE", "trace": "TRACE"}  # of HAProxy


@keyword("compression", sections=PROXY, usage="algo <algorithm> ... | type <type> ... | offload")
def compression(proxy: model.Proxy, args: Args) -> None:
    """Compress responses: with which algorithms, of which types, and whether servers are kept from doing it."""
    settings = proxy.compression or model.Compression()
    words = args.words[2:]
    if args.at(1) == "algo":
        settings = replace(settings, algorithms=(*reversed(algorithms(words, args)), *settings.algorithms))
    elif args.at(1) == "type":
        settings = replace(settings, types=(*settings.types, *types(words)))
    elif args.at(1) != "offload":
        raise Alert("'compression' expects 'algo', 'type' or 'offload'")
    elif proxy.kind == "defaults":
        args.warn("'compression' : 'offload' ignored in 'defaults' section.")
    else:
        settings = replace(settings, offload=True)
    proxy.compression = settings
    proxy.implied_filters = (compressor,)


def algorithms(words: list[str], args: Args) -> list[str]:
    """The algorithms of a line; HAProxy tells the place of a missing one twice."""
    if not words:
        raise Alert(f"{args.where} : 'compression' expects <algorithm>.")
    for word in words:
        if word not in TOKENS:
            raise Alert(f"'compression' : '{word}' is not a supported algorithm.")
    return words


def types(words: list[str]) -> list[bytes]:
    """The types of a line."""
    if not words:
        raise Alert("'compression' expects <type>.")
    return [word.lower().encode("latin-1", "replace") for word in words]


@keyword("filter", sections=PROXY, usage="<name> [<arguments>]")
def use_filter(proxy: model.Proxy, args: Args) -> None:
    """A filter by name; those of a proxy work in the order of their lines."""
    if proxy.kind == "defaults":
        raise Alert(f"{args.where} : filter is not allowed in a 'default' section.")
    name = args.at(1)
    if not name:
        raise Alert(f"{args.where} : missing argument for 'filter' in proxy '{proxy.name}'.")
    if name not in FILTERS:
        raise Alert(f"'filter' : unknown keyword '{name}'. Registered keywords :" + "".join(f"\n    [{label}] {word}" for word, label in FILTERS.items()))
    entry = filter_.get(name)
    if entry is None:
        raise NotImplementedYet(f"filter {name}")
    if entry.function in proxy.filters:
        raise Alert(f"'filter' : '{proxy.name}: Proxy supports only one {name} filter\n'")
    if args.at(2):
        raise Alert(f"'filter {name}' : unknown keyword '{args.at(2)}'.")
    proxy.filters.append(entry.function)


@keyword("maxcomprate", sections=("global",), usage="<number>")
def rate(settings: model.Global, args: Args) -> None:
    """Kilobytes per second given to the compressor beyond which no response begins to be compressed."""
    args.at_most(1)
    settings.maxcomprate = leading_integer(args.word("'maxcomprate' expects an integer argument in kb/s."))


@keyword("maxcompcpuusage", sections=("global",), usage="<number>")
def processor_share(settings: model.Global, args: Args) -> None:
    """Percent of the processor's time beyond which no response begins to be compressed."""
    args.at_most(1)
    complaint = "'maxcompcpuusage' expects an integer argument between 0 and 100."
    settings.maxcompcpuusage = leading_integer(args.word(complaint))
    if not 0 <= settings.maxcompcpuusage <= 100:
        raise Alert(complaint)


@keyword("maxzlibmem", sections=("global",), usage="<number>")
def memory(settings: model.Global, args: Args) -> None:
    """Megabytes that compressors may hold."""
    args.at_most(1)
    settings.maxzlibmem = leading_integer(args.word("'maxzlibmem' expects an integer argument."))


@keyword("tune.comp.maxlevel", sections=("global",), usage="<number>")
def level(settings: model.Global, args: Args) -> None:
    """How hard the compressor tries."""
    args.at_most(1)
    settings.compression_level = leading_integer(args.at(1))
    settings.tune["tune.comp.maxlevel"] = args.at(1)
    if not 1 <= settings.compression_level <= 9:
        raise Alert("'tune.comp.maxlevel' expects a numeric value between 1 and 9")
