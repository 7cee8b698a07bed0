"""`log`, log formats and captures (configuration.txt 3.1, 4.2, 8)."""

from __future__ import annotations

import re
from typing import Any

from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import PROXY, keyword

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert", "cron2"),
    *(f"local{number}" for number in range(8)),
)
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FORMATS = ("local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw")
RANGE = re.compile(r"(\d+)(?:-(\d+))?")
CAPTURE = "'capture' expects 'cookie' or 'request header' or 'response header'."


@keyword("log", sections=PROXY, usage="global | <address> [len <n>] [format <f>] [sample <r>] <facility> [<level> [<minlevel>]]")
def log(proxy: model.Proxy, args: Args) -> None:
    """Where and how requests are logged; `global` takes the targets of the global section."""
    if args.negated == "no":
        if args.at(1):
            raise Alert("log : 'no log' does not expect arguments")
        proxy.log, proxy.log_global = [], False
    elif args.at(1) == "global" and not args.at(2):
        if not proxy.log_global:
            proxy.extra["log global at"] = len(proxy.log)
        proxy.log_global = True
        proxy.extra["log global place"] = args.place
    else:
        proxy.log.append(log_target(args, "or global "))


@keyword("log", sections=("global",), usage="<address> [len <n>] [format <f>] [sample <r>] <facility> [<level> [<minlevel>]]")
def global_log(settings: model.Global, args: Args) -> None:
    """A target for the process's own messages and for `log global`."""
    if args.negated:
        if args.at(1):
            raise Alert("log : 'no log' does not expect arguments")
        settings.log = []
    elif args.at(1) == "global" and not args.at(2):
        raise Alert("log : 'global' is not supported for a global syslog server")
    else:
        settings.log.append(log_target(args, ""))


def log_target(args: Args, alternative: str) -> model.LogTarget:
    """The arguments of a `log` line."""
    text = args.at(1)
    missing = f"log : expects <address> and <facility> {alternative}{'' if alternative else ' '}as arguments"
    if not args.at(1) or not args.at(2):
        raise Alert(missing.replace("  ", " ") if alternative else missing)
    args.index = 2
    options = _options(args)
    facility = args.next()
    if facility not in FACILITIES:
        raise Alert(f"log : unknown log facility '{facility}'")
    level, minimum = _level(args, "optional log level"), _level(args, "optional minimum log level")
    if args.peek():
        raise Alert(f"log : cannot handle unexpected argument '{args.peek()}'")
    where = args.log_address(text)
    return model.LogTarget(
        where, facility, 7 if level is None else level, 0 if minimum is None else minimum, place=args.place, **options
    )


def _options(args: Args) -> dict[str, Any]:
    """``len``, ``format`` and ``sample``, in that order."""
    options: dict[str, Any] = {}
    if args.maybe("len"):
        options["length"] = leading_integer(args.next())
        if not 80 <= options["length"] <= 65535:
            raise Alert(f"log : invalid log length '{args.at(args.index - 1)}', must be between 80 and 65535")
    if args.maybe("format"):
        options["format"] = args.next()
        if options["format"] not in FORMATS:
            raise Alert(f"log : unknown log format '{options['format']}'")
    if args.maybe("sample"):
        options["sample"] = _sample(args.next())
    return options


def _sample(text: str) -> tuple[tuple[tuple[int, int], ...], int]:
    """``1,3-5:10``: which of each ten messages this target gets."""
    ranges, separator, size = text.rpartition(":")
    if not separator:
        raise Alert("log : Missing sample size")
    if not size.isdigit() or not int(size):
        raise Alert("log : Missing sample size" if not size else f"log : Invalid sample size '{size}'")
    found = []
    for part in ranges.split(","):
        match = RANGE.fullmatch(part)
        if match is None:
            raise Alert(f"log : Invalid range '{part}'" if part else "log : Missing sample range")
        found.append((int(match[1]), int(match[2] or match[1])))
    return tuple(found), int(size)


def _level(args: Args, what: str) -> int | None:
    text = args.next()
    if not text:
        return None
    if text not in LEVELS:
        raise Alert(f"log : unknown {what} '{text}'")
    return LEVELS.index(text)


@keyword("log-tag", sections=("global", *PROXY), usage="<tag>")
def log_tag(owner: model.Global | model.Proxy, args: Args) -> None:
    """The program's name in syslog messages."""
    owner.log_tag = args.word("'log-tag' expects a tag for use in syslog.")


def _format(name: str, slot: str, ignored_in_backends: bool) -> None:
    """Register one of the words that take a log-format; its text is compiled when all is read."""

    def keep(proxy: model.Proxy, args: Args) -> None:
        """A log-format text."""
        if not args.at(1):
            raise Alert(f"{name} expects an argument.")
        if args.at(2):
            raise Alert(f"{name} expects only one argument, don't forget to escape spaces!")
        proxy.extra[slot], proxy.extra[f"{slot} place"] = args.at(1), args.place
        if name == "log-format":
            proxy.log_format_source = args.at(1)
            proxy.options.difference_update(("httplog", "tcplog", "httpslog", "httplog clf"))
        if proxy.kind == "backend" and ignored_in_backends:
            args.warn(f"{proxy.label} : '{name}' directive is ignored in backends.")
            proxy.log_format_source = None
            proxy.extra.pop(slot)

    keyword(name, sections=PROXY, usage="<format>")(keep)


_format("log-format", "log-format", True)
_format("log-format-sd", "log-format-sd", True)
_format("error-log-format", "error-log-format", True)
_format("unique-id-format", "unique-id-format", False)


@keyword("capture", sections=PROXY, face="frontend", usage="{ cookie <name> | request header <name> | response header <name> } len <length>")
def capture(proxy: model.Proxy, args: Args) -> None:
    """Keep a header or a cookie for the log."""
    kind = args.at(1)
    proxy.extra["captures"] = True
    if kind == "cookie":
        _no_defaults(args, "capture cookie")
        if not args.at(4):
            raise Alert("'capture' expects 'cookie' <cookie_name> 'len' <len>.")
        name = args.at(2)
        length = leading_integer(args.at(4))
        proxy.cookie_capture = (name.removesuffix("=").encode(), name.endswith("="), length)
    elif kind in ("request", "response") and args.at(2) == "header":
        _no_defaults(args, f"capture {kind}")
        if not args.at(3) or args.at(4) != "len" or not args.at(5):
            raise Alert(f"'capture {kind}' expects 'header' <header_name> 'len' <len>.")
        if args.at(6):
            raise Alert(f"'capture {kind}' cannot handle unexpected argument '{args.at(6)}'.")
        captures = proxy.request_captures if kind == "request" else proxy.response_captures
        captures.append(model.Capture(args.at(3).lower().encode(), leading_integer(args.at(5))))
    else:
        raise Alert(CAPTURE)


def _no_defaults(args: Args, name: str) -> None:
    if args.in_defaults:
        raise Alert(f"'{name}' not allowed in 'defaults' section.")


@keyword("declare", sections=PROXY, usage="capture { request | response } len <length>")
def declare(proxy: model.Proxy, args: Args) -> None:
    """Reserve a capture slot that rules fill in."""
    if proxy.kind == "defaults":
        raise Alert("'declare' not available in default section")
    if args.lacks("frontend"):
        raise Alert("'declare' only available in frontend or listen section")
    if args.at(1) != "capture":
        raise Alert("'declare' needs a second keyword that specify the type of declaration ('capture')")
    if args.at(2) not in ("request", "response"):
        raise Alert("'declare capture' requires a direction ('request' or 'response')")
    if args.at(3) != "len":
        raise Alert("'declare capture' requires a capture length ('len')")
    if not args.at(4):
        raise Alert("'declare capture': 'len' requires a numeric value that represents the capture length")
    if not args.at(4).lstrip("-").isdigit():
        raise Alert("'declare capture': cannot parse the length 'len'.")
    length = int(args.at(4))
    if length <= 0:
        raise Alert("length must be > 0")
    captures = proxy.request_captures if args.at(2) == "request" else proxy.response_captures
    captures.append(model.Capture(None, length))


