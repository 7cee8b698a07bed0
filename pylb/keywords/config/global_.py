"""Settings of the process: the `global` section (configuration.txt 3.1 and 3.2), tuning and TLS aside."""

from __future__ import annotations

import grp
import os
import pwd

from pylb.base import units
from pylb.base.errors import Alert
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import keyword
from pylb.keywords.config.proxy import NODE_CHARACTERS

GLOBAL = ("global",)
NODE = "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) or underscode(_)."
NBPROC = "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor machines if available."


def _flag(name: str, slot: str) -> None:
    """Register a word without argument; `no` takes it back where that is allowed."""

    def switch(settings: model.Global, args: Args) -> None:
        """A switch of the process."""
        setattr(settings, slot, args.negated != "no")

    keyword(name, sections=GLOBAL, most=0)(switch)


_flag("daemon", "daemon")
_flag("strict-limits", "strict_limits")
_flag("insecure-fork-wanted", "insecure_fork")
_flag("insecure-setuid-wanted", "insecure_setuid")
_flag("busy-polling", "busy_polling")
_flag("external-check", "external_check")
_flag("zero-warning", "zero_warning")
_flag("quiet", "quiet")


def _number(name: str, slot: str) -> None:
    """Register a limit."""

    def limit(settings: model.Global, args: Args) -> None:
        """A limit of the process."""
        number = leading_integer(args.word(f"'{name}' expects an integer argument."))
        args.at_most(1)
        setattr(settings, slot, number)

    keyword(name, sections=GLOBAL, usage="<number>", suggest=name != "fd-hard-limit")(limit)


for _name, _slot in (
    ("maxconn", "maxconn"),
    ("maxconnrate", "maxconnrate"),
    ("maxsessrate", "maxsessrate"),
    ("maxsslconn", "maxsslconn"),
    ("maxsslrate", "maxsslrate"),
    ("maxpipes", "maxpipes"),
    ("ulimit-n", "ulimit_n"),
    ("fd-hard-limit", "fd_hard_limit"),
):
    _number(_name, _slot)


@keyword("nbproc", sections=GLOBAL)
def nbproc(settings: model.Global, args: Args) -> None:
    """A word of old releases."""
    raise Alert(NBPROC)


@keyword("nbthread", sections=GLOBAL, usage="<number>", most=1)
def nbthread(settings: model.Global, args: Args) -> None:
    """How many threads (for us: processes) share the work."""
    text = args.at(1)
    if not text.lstrip("-").isdigit():
        raise Alert(f"'nbthread' passed a missing or unparsable integer value in '{text}'")
    if not 1 <= int(text) <= 64:
        raise Alert(f"'nbthread' value must be between 1 and 64 (was {int(text)})")
    settings.nbthread = int(text)


@keyword("chroot", sections=GLOBAL, usage="<directory>", most=1)
def chroot(settings: model.Global, args: Args) -> None:
    """The directory to be locked into after the start."""
    settings.chroot = args.word("'chroot' expects a directory as an argument.")


@keyword("pidfile", sections=GLOBAL, usage="<file>", most=1)
def pidfile(settings: model.Global, args: Args) -> None:
    """Where the process's number is written."""
    settings.pidfile = args.word("'pidfile' expects a file name as an argument.")


@keyword("localpeer", sections=GLOBAL, usage="<name>", most=1)
def localpeer(settings: model.Global, args: Args) -> None:
    """The name among peers."""
    settings.localpeer = args.word("'localpeer' expects a name as an argument.")
    args.env["HAPROXY_LOCALPEER"] = settings.setenv["HAPROXY_LOCALPEER"] = settings.localpeer


@keyword("user", sections=GLOBAL, usage="<user>", most=1)
def user(settings: model.Global, args: Args) -> None:
    """Who to become, by name."""
    try:
        settings.uid = pwd.getpwnam(args.at(1)).pw_uid
    except KeyError:
        raise Alert(f"cannot find user id for '{args.at(1)}' (0:Success)")
    settings.user = args.at(1)


@keyword("group", sections=GLOBAL, usage="<group>", most=1)
def group(settings: model.Global, args: Args) -> None:
    """The group to become, by name."""
    try:
        settings.gid = grp.getgrnam(args.at(1)).gr_gid
    except KeyError:
        raise Alert(f"cannot find group id for '{args.at(1)}' (0:Success)")
    settings.group = args.at(1)


def _identity(name: str, instead: str) -> None:
    """Register `uid` or `gid`."""

    def become(settings: model.Global, args: Args) -> None:
        """Who to become, by number."""
        text = args.word(f"'{name}' expects an integer argument.")
        if not text.lstrip("-").isdigit():
            args.warn(
                f" {name}: string '{text}' is not a number.\n   | You might want to use the '{instead}' parameter to use a system {instead} name."
            )
        setattr(settings, name, leading_integer(text))

    keyword(name, sections=GLOBAL, usage="<number>", most=1)(become)


_identity("uid", "user")
_identity("gid", "group")


@keyword("node", sections=GLOBAL, usage="<name>")
def node(settings: model.Global, args: Args) -> None:
    """The machine's name on the statistics page."""
    name = args.at(1)
    if not name or not NODE_CHARACTERS.issuperset(name):
        raise BareAlert(f"{args.where}: {NODE}")
    settings.node = name


@keyword("description", sections=GLOBAL, usage="<text>")
def description(settings: model.Global, args: Args) -> None:
    """A text for the statistics page."""
    if not args.at(1):
        raise BareAlert(f"{args.where}: 'description' expects a string argument.")
    settings.description = " ".join(args.rest())


@keyword("log-send-hostname", sections=GLOBAL, usage="[<name>]")
def log_send_hostname(settings: model.Global, args: Args) -> None:
    """The host name in syslog headers."""
    settings.log_send_hostname = args.at(1) or os.uname().nodename


@keyword("spread-checks", sections=GLOBAL, usage="<0..50>", most=1)
def spread_checks(settings: model.Global, args: Args) -> None:
    """How much check intervals vary, in percent."""
    if not args.at(1):
        raise BareAlert(f"{args.where}: 'spread-checks' expects an integer argument (0..50).")
    value = leading_integer(args.at(1))
    if not 0 <= value <= 50:
        raise BareAlert(f"{args.where}: 'spread-checks' needs a positive value in range 0..50.")
    settings.spread_checks = value


@keyword("max-spread-checks", sections=GLOBAL, usage="<delay>", most=1)
def max_spread_checks(settings: model.Global, args: Args) -> None:
    """The longest time over which the first checks are spread."""
    if not args.at(1):
        raise BareAlert(f"{args.where}: 'max-spread-checks' expects an integer argument (0..50).")
    try:
        settings.max_spread_checks = units.parse_duration(args.at(1))
    except units.BadNumber as error:
        raise BareAlert(f"{args.where}: unsupported character '{error.character}' in 'max-spread-checks' (wants an integer delay).")


def _time(name: str, slot: str) -> None:
    """Register a delay."""

    def delay(settings: model.Global, args: Args) -> None:
        """A delay of the process."""
        text = args.word(f"'{name}' expects <time> as argument.\n")
        try:
            setattr(settings, slot, units.parse_duration(text))
        except units.BadNumber as error:
            raise Alert(f"unexpected character '{error.character}' in argument to <{name}>.\n")
        except units.TimerOverflow:
            raise Alert(f"timer overflow in argument '{text}' to <{name}> (maximum value is 2147483647 ms or ~24.8 days).\n")

    keyword(name, sections=GLOBAL, usage="<time>", most=1)(delay)


_time("hard-stop-after", "hard_stop_after")
_time("grace", "grace")
_time("close-spread-time", "close_spread_time")


@keyword("master-worker", sections=GLOBAL, usage="[no-exit-on-failure]")
def master_worker(settings: model.Global, args: Args) -> None:
    """A master process that watches a worker."""
    if args.at(1) and args.at(1) != "no-exit-on-failure":
        raise Alert("'master-worker' only supports 'no-exit-on-failure' option.")
    settings.master_worker = True
    settings.no_exit_on_failure = bool(args.at(1))


@keyword("mworker-max-reloads", sections=GLOBAL, usage="<number>")
def mworker_max_reloads(settings: model.Global, args: Args) -> None:
    """After how many reloads an old worker is ended."""
    settings.mworker_max_reloads = leading_integer(args.word("'mworker-max-reloads' expects an integer argument."))
