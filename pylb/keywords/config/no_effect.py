"""Words that are checked and then have nothing to act on here, each with the reason, and the sizes that `tune.*` sets.

Everything of `tune.*` is kept in `Global.tune` as written, for whoever wants to show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pylb.base import units
from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import keyword

GLOBAL = ("global",)
Check = Callable[[str, Args], None]
NOISE = "pollers, threads and processors are uvloop's and the kernel's business"
MEMORY = "memory is Python's to manage"
CPU_RANGE = re.compile(r"\d+(?:-\d*)?(?:,\d+(?:-\d*)?)*")
THREADS = re.compile(r"all|odd|even|\d+(?:-\d*)?")
CPU_MAP = (
    "cpu-map expects a process number  ('all', 'odd', 'even', a number from 1 to 64 or a range),"
    "  followed by a list of CPU ranges with numbers from 0 to 63."
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word without effect: how its argument is checked and why nothing follows from it."""

    check: Check
    reason: str
    most: int = 1


def nothing(text: str, args: Args) -> None:
    """No argument to look at."""


def integer(text: str, args: Args) -> None:
    """Any text will do, but there must be one."""
    if not text:
        raise Alert(f"'{args.words[0]}' expects an integer argument.")


def within(low: int, high: int, complaint: str) -> Check:
    """A number in a range."""

    def check(text: str, args: Args) -> None:
        if not low <= leading_integer(text) <= high:
            raise Alert(f"'{args.words[0]}' {complaint}")

    return check


def on_off(*more: str) -> Check:
    """``on`` or ``off``."""

    def check(text: str, args: Args) -> None:
        if text not in ("on", "off", *more):
            names = "'on', 'auto', or 'off'" if more else "either 'on' or 'off'"
            raise Alert(f"'{args.words[0]}' expects {'either ' if more else ''}{names} but got '{text}'.")

    return check


def size(text: str, args: Args) -> None:
    """A size; a missing one is 0."""
    if text:
        try:
            units.parse_size(text)
        except units.BadNumber:
            raise Alert(f"{args.words[0]}: '{text}' is an invalid size")


def timeout(text: str, args: Args) -> None:
    """A delay."""
    try:
        if not text:
            raise Alert("")
        units.parse_duration(text)
    except Alert:
        raise Alert(f"{args.words[0]}: invalid timeout")


def lua_number(text: str, args: Args) -> None:
    """A number."""
    if not text.isdigit():
        raise Alert(f"{args.words[0]}: invalid number")


def lua_memory(text: str, args: Args) -> None:
    """A number of megabytes."""
    if not text:
        raise Alert(f"'{args.words[0]}' expects an integer argument (Lua memory size in MB).")


def threads(text: str, args: Args) -> None:
    """The number of thread groups."""
    if not text.isdigit():
        raise Alert(f"'{args.words[0]}' passed a missing or unparsable integer value in '{text}'")
    if int(text) != 1:
        raise Alert(f"'{args.words[0]}' value must be between 1 and 1 (was {int(text)})")


def experimental(text: str, args: Args) -> None:
    """A word that needs `expose-experimental-directives`."""
    if not args.reading.experimental:
        raise Alert(f"'{args.words[0]}' directive is experimental, must be allowed via a global 'expose-experimental-directives'")
    args.config.global_.experimental_used = True
    on_off()(text, args)


def cpu_map(text: str, args: Args) -> None:
    """Threads and processors."""
    if not text or not args.at(2):
        raise Alert(CPU_MAP)
    for part in text.removeprefix("auto:").split("/"):
        if not THREADS.fullmatch(part):
            raise Alert(f"cpu-map : '{part}' is not a valid number/range.")
    for cpus in args.words[2:]:
        if not CPU_RANGE.fullmatch(cpus):
            raise Alert(f"cpu-map : '{cpus}' is not a CPU range.")
    if text.startswith("auto:") and _thread_count(text[5:]) != sum(_size(cpus, 63) for cpus in args.words[2:]):
        raise Alert("cpu-map : PROC/THREAD range and CPU sets must have the same size to be automatically bound")


def _thread_count(text: str) -> int:
    """How many threads ``1/1-4`` means."""
    groups, _, members = text.partition("/")
    return _size(members or "1", 64) if _size(groups, 64) == 1 else _size(groups, 64)


def _size(ranges: str, last: int) -> int:
    """How many numbers are in ``all``, ``odd``, ``1-4,7``."""
    if ranges in ("all", "odd", "even"):
        return 64 if ranges == "all" else 32
    count = 0
    for part in ranges.split(","):
        low, dash, high = part.partition("-")
        count += int(high or last) - int(low) + 1 if dash else 1
    return count


def not_supported(text: str, args: Args) -> None:
    """A word of old releases."""
    raise BareAlert(f"{args.where}: option 'tune.chksize' is not supported any more (tune.bufsize is used instead).")


POSITIVE = "expects a positive numeric value"
LIMIT = 2**31 - 1
NO_EFFECT: dict[str, Word] = {
    "noepoll": Word(nothing, NOISE, 0),
    "nopoll": Word(nothing, NOISE, 0),
    "nokqueue": Word(nothing, NOISE, 0),
    "noevports": Word(nothing, NOISE, 0),
    "nosplice": Word(nothing, "nothing is spliced", 0),
    "nogetaddrinfo": Word(nothing, "names are resolved by the system's library only", 0),
    "noreuseport": Word(nothing, "one process binds each address once", 0),
    "set-dumpable": Word(nothing, "core dumps of the interpreter tell nothing about the configuration", 0),
    "numa-cpu-mapping": Word(nothing, NOISE, 0),
    "no-memory-trimming": Word(nothing, MEMORY, 0),
    "pp2-never-send-local": Word(nothing, "health checks send LOCAL as asked by the server line", 0),
    "h1-accept-payload-with-any-method": Word(nothing, "payloads are accepted with every method", 0),
    "ssl-skip-self-issued-ca": Word(nothing, "chains are sent as their files have them", 0),
    "ssl-mode-async": Word(nothing, "no engine is loaded", 0),
    "ssl-propquery": Word(nothing, "no provider is loaded"),
    "cpu-map": Word(cpu_map, NOISE, 64),
    "thread-groups": Word(threads, NOISE),
    "thread-group": Word(nothing, NOISE, 64),
    "httpclient.ssl.ca-file": Word(nothing, "there is no internal HTTP client"),
    "httpclient.resolvers.prefer": Word(nothing, "there is no internal HTTP client"),
    "tune.maxaccept": Word(integer, NOISE),
    "tune.maxpollevents": Word(integer, NOISE),
    "tune.runqueue-depth": Word(integer, NOISE),
    "tune.recv_enough": Word(integer, "reads are as large as the event loop makes them"),
    "tune.pipesize": Word(integer, "nothing is spliced"),
    "tune.rcvbuf.client": Word(integer, "socket buffers are the kernel's choice"),
    "tune.rcvbuf.server": Word(integer, "socket buffers are the kernel's choice"),
    "tune.sndbuf.client": Word(integer, "socket buffers are the kernel's choice"),
    "tune.sndbuf.server": Word(integer, "socket buffers are the kernel's choice"),
    "tune.chksize": Word(not_supported, ""),
    "tune.buffers.limit": Word(integer, MEMORY),
    "tune.buffers.reserve": Word(integer, MEMORY),
    "tune.fail-alloc": Word(nothing, MEMORY),
    "tune.pattern.cache-size": Word(lambda text, args: within(0, LIMIT, POSITIVE)(text or "-1", args), "patterns are indexed, not cached"),
    "tune.fd.edge-triggered": Word(experimental, NOISE),
    "tune.idle-pool.shared": Word(on_off(), "one process has one pool"),
    "tune.listener.multi-queue": Word(on_off(), NOISE),
    "tune.sched.low-latency": Word(on_off(), NOISE),
    "tune.pool-low-fd-ratio": Word(lambda text, args: _ratio(text, args), "idle connections end by age, not by descriptors"),
    "tune.pool-high-fd-ratio": Word(lambda text, args: _ratio(text, args), "idle connections end by age, not by descriptors"),
    "tune.peers.max-updates-at-once": Word(within(1, LIMIT, "expects an integer argument greater than 0."), "there are no peers yet"),
    "tune.lua.forced-yield": Word(lua_number, "there is no Lua"),
    "tune.lua.maxmem": Word(lua_memory, "there is no Lua"),
    "tune.lua.service-timeout": Word(timeout, "there is no Lua"),
    "tune.lua.session-timeout": Word(timeout, "there is no Lua"),
    "tune.lua.task-timeout": Word(timeout, "there is no Lua"),
    "tune.ssl.force-private-cache": Word(nothing, "one process has one cache", 0),
    "tune.ssl.maxrecord": Word(integer, "records are as large as what is written"),
    "tune.ssl.hard-maxrecord": Word(integer, "records are as large as what is written"),
    "tune.ssl.ssl-ctx-cache-size": Word(integer, "certificates are not generated"),
    "tune.h2.header-table-size": Word(within(4096, 65536, "expects a numeric value between 4096 and 65536."), "there is no HTTP/2 yet"),
    "tune.h2.initial-window-size": Word(within(0, LIMIT, f"{POSITIVE}."), "there is no HTTP/2 yet"),
    "tune.h2.max-concurrent-streams": Word(within(0, LIMIT, f"{POSITIVE}."), "there is no HTTP/2 yet"),
    "tune.h2.max-frame-size": Word(within(16384, 16777215, "expects a numeric value between 16384 and 16777215."), "there is no HTTP/2 yet"),
    **{f"tune.vars.{scope}-max-size": Word(size, MEMORY) for scope in ("check", "global", "proc", "reqres", "sess", "txn")},
}


def _ratio(text: str, args: Args) -> None:
    if not text or not 0 <= leading_integer(text) <= 100:
        raise Alert(f"'{args.words[0]}' expects an integer argument between 0 and 100.")


def _register(name: str, word: Word) -> None:
    def check(settings: model.Global, args: Args) -> None:
        """A word without effect here; see the table of reasons."""
        args.at_most(word.most)
        word.check(args.at(1), args)
        if name.startswith("tune."):
            settings.tune[name] = args.at(1)

    keyword(name, sections=GLOBAL, no_effect=word.reason, suggest=word.check is not not_supported)(check)


for _name, _word in NO_EFFECT.items():
    _register(_name, _word)


@keyword("expose-experimental-directives", sections=GLOBAL, most=0, suggest=False)
def expose_experimental_directives(settings: model.Global, args: Args) -> None:
    """Allow words that are not finished."""
    args.reading.experimental = True


def _sized(name: str, slot: str, check: Check) -> None:
    """Register a `tune.*` word that does have an effect."""

    def tune(settings: model.Global, args: Args) -> None:
        """A size of the process."""
        args.at_most(1)
        check(args.at(1), args)
        setattr(settings, slot, leading_integer(args.at(1)))
        settings.tune[name] = args.at(1)

    keyword(name, sections=GLOBAL, usage="<number>")(tune)


def _positive(text: str, args: Args) -> None:
    integer(text, args)
    if leading_integer(text) <= 0:
        raise Alert(f"'{args.words[0]}' expects a positive integer argument.")


def _header_count(text: str, args: Args) -> None:
    integer(text, args)
    within(1, 32767, "expects a numeric value between 1 and 32767")(text, args)


def _dh_size(text: str, args: Args) -> None:
    integer(text, args)
    if leading_integer(text) < 1024:
        raise Alert(f"'{args.words[0]}' expects a value >= 1024.")


def _idle_timer(text: str, args: Args) -> None:
    complaint = f"'{args.words[0]}' expects a timer value between 0 and 65535 ms."
    if not text:
        raise Alert(complaint)
    try:
        value = units.parse_duration(text)
    except units.BadNumber as error:
        raise BareAlert(f"{args.where}: unexpected character '{error.character}' in argument to <{args.words[0]}>.")
    if value > 65535:
        raise Alert(complaint)


def _cache_size(text: str, args: Args) -> None:
    integer(text, args)
    if leading_integer(text) < 0:
        raise Alert(f"'{args.words[0]}' expects a positive numeric value.")


@keyword("tune.ssl.lifetime", sections=GLOBAL, usage="<seconds>")
def ssl_lifetime(settings: model.Global, args: Args) -> None:
    """For how long a TLS session may be resumed."""
    args.at_most(1)
    text = args.at(1)
    if not text:
        raise Alert(f"'{args.words[0]}' expects ssl sessions <lifetime> in seconds as argument.")
    try:
        settings.ssl_lifetime = units.parse_duration(text, "s") // 1000
    except units.BadNumber as error:
        raise Alert(f"unexpected character '{error.character}' in argument to <{args.words[0]}>.")
    settings.tune[args.words[0]] = text


_sized("tune.bufsize", "bufsize", _positive)
_sized("tune.maxrewrite", "maxrewrite", integer)
_sized("tune.http.maxhdr", "max_headers", _header_count)
_sized("tune.http.logurilen", "http_logurilen", integer)
_sized("tune.http.cookielen", "cookie_maxlen", integer)
_sized("tune.idletimer", "max_idletimer", _idle_timer)
_sized("tune.ssl.cachesize", "ssl_cachesize", _cache_size)
_sized("tune.ssl.default-dh-param", "default_dh_param", _dh_size)


@keyword("profiling.tasks", sections=GLOBAL, usage="on|auto|off", most=1)
def profiling_tasks(settings: model.Global, args: Args) -> None:
    """Measure what streams cost; `auto` begins when it must, which it never has to here (`stream.profiling`)."""
    on_off("auto")(args.at(1), args)
    settings.profiling = args.at(1)
