"""Settings of the process: the `global` section (configuration.txt 3.1 and 3.2), tuning and TLS aside."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable

from pylb.base import address, units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import keyword
from pylb.keywords.config.bind import read_words
from pylb.keywords.config.proxy import NODE_CHARACTERS
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint

GLOBAL = ("global",)
NODE = "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) or underscode(_)."
STATS = "'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout' (got '{}')"
UNIX_BIND = "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options."
NBPROC = "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor machines if available."
DEFAULT_PATH = "default-path mode '{}' for 'default-path', supported modes include 'current', 'config', 'parent', and 'origin'."
EXTRA_FILES = ("none", "all", "bundle", "sctl", "ocsp", "issuer", "key")


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

    keyword(name, sections=GLOBAL, usage="<number>")(limit)


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


def _directory(name: str, slot: str) -> None:
    """Register `ca-base` or `crt-base`."""

    def base(settings: model.Global, args: Args) -> None:
        """The directory of relative names."""
        path = args.word(f"global statement '{name}' expects a directory path as an argument.")
        args.at_most(1)
        setattr(settings, slot, path)

    keyword(name, sections=GLOBAL, usage="<directory>")(base)


_directory("ca-base", "ca_base")
_directory("crt-base", "crt_base")


@keyword("issuers-chain-path", sections=GLOBAL, usage="<directory>")
def issuers_chain_path(settings: model.Global, args: Args) -> None:
    """Where certificates of issuers are found."""
    if not os.path.isdir(args.at(1)):
        raise Alert("global statement 'issuers-chain-path' expects a directory path as an argument.\n")
    settings.issuers_chain_path = args.at(1)


@keyword("ssl-server-verify", sections=GLOBAL, usage="none|required", most=1)
def ssl_server_verify(settings: model.Global, args: Args) -> None:
    """Whether servers' certificates are verified when their line does not say."""
    method = args.word("'ssl-server-verify' expects an integer argument.")
    if method not in ("none", "required"):
        raise Alert("'ssl-server-verify' expects 'none' or 'required' as argument.")
    settings.ssl_server_verify = method


@keyword("ssl-load-extra-files", sections=GLOBAL, usage="<kind> ...")
def ssl_load_extra_files(settings: model.Global, args: Args) -> None:
    """Which side files of certificates are read."""
    kinds = args.rest()
    if not kinds or not set(kinds) <= set(EXTRA_FILES):
        raise Alert("'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer).")
    if "none" in kinds:
        settings.ssl_extra_files = frozenset()
    elif "all" not in kinds:
        settings.ssl_extra_files = frozenset(kinds)


@keyword("ssl-load-extra-del-ext", sections=GLOBAL, most=0)
def ssl_load_extra_del_ext(settings: model.Global, args: Args) -> None:
    """Side files replace the extension instead of following it."""
    settings.ssl_extra_del_ext = True


@keyword("ssl-dh-param-file", sections=GLOBAL, usage="<file>", most=1)
def ssl_dh_param_file(settings: model.Global, args: Args) -> None:
    """Diffie-Hellman parameters for certificates without their own."""
    path = args.word("'ssl-dh-param-file' expects a file path as an argument.")
    try:
        with open(path, "rb") as file:
            readable = b"BEGIN DH PARAMETERS" in file.read()
    except OSError:
        readable = False
    if not readable:
        raise Alert(f"'ssl-dh-param-file': unable to load DH parameters from file <{path}>.")
    settings.ssl_dh_param_file = path


@keyword("server-state-base", sections=GLOBAL, usage="<directory>", most=1)
def server_state_base(settings: model.Global, args: Args) -> None:
    """The directory of server state files."""
    settings.server_state_base = args.word("'server-state-base' expects one argument: a directory path.")


@keyword("server-state-file", sections=GLOBAL, usage="<file>", most=1)
def server_state_file(settings: model.Global, args: Args) -> None:
    """The file with the servers' state of the process before."""
    settings.server_state_file = args.word("'server-state-file' expect one argument: a file path.")


@keyword("stats", sections=GLOBAL, usage="{ socket <address> [<words>] | timeout <time> | maxconn <number> }")
def stats(settings: model.Global, args: Args) -> None:
    """The command line: where it listens and its limits."""
    reader = STATS_WORDS.get(args.at(1))
    if reader is None:
        raise Alert(STATS.format(args.at(1)))
    reader(settings, args)


def _socket(settings: model.Global, args: Args) -> None:
    text = args.at(2)
    if not text:
        raise Alert("'stats socket' in global section expects an address or a path to a UNIX socket")
    try:
        where = address.parse_address(text, address.BIND, args.env)
    except Alert as error:
        raise Alert(f"'stats socket' : {error}\n")
    listener = model.Bind(where, args.place, text)
    args.index = 3
    try:
        read_words([listener], args, "'stats socket'", "{} : '{}'")
    except BareAlert:
        raise
    settings.stats_sockets.append(model.StatsSocket(listener, listener.level, listener.expose_fd))


def _timeout(settings: model.Global, args: Args) -> None:
    text = args.at(2)
    if not text:
        raise Alert("'stats timeout' : unexpected character '\0'")
    try:
        settings.stats_timeout = units.parse_duration(text)
    except units.TimerOverflow:
        raise Alert(f"timer overflow in argument '{text}' to 'stats timeout' (maximum value is 2147483647 ms or ~24.8 days)")
    except units.BadNumber as error:
        raise Alert(f"'stats timeout' : unexpected character '{error.character}'")


def _maxconn(settings: model.Global, args: Args) -> None:
    number = leading_integer(args.at(2))
    if number <= 0:
        raise Alert("'stats maxconn' expects a positive value")
    settings.stats_maxconn = number


def _bind_process(settings: model.Global, args: Args) -> None:
    """A word of old releases without effect."""


STATS_WORDS: dict[str, Callable[[model.Global, Args], None]] = {
    "socket": _socket,
    "timeout": _timeout,
    "maxconn": _maxconn,
    "bind-process": _bind_process,
}


@keyword("unix-bind", sections=GLOBAL, usage="[prefix <path>] [mode <mode>] [user <user>] [uid <uid>] [group <group>] [gid <gid>]")
def unix_bind(settings: model.Global, args: Args) -> None:
    """Defaults of unix sockets."""
    while word := args.next():
        value = args.next()
        if word == "prefix":
            settings.unix_bind_prefix = value
        elif word == "mode":
            settings.unix_bind_mode = int(value, 8) if value.isdigit() and set(value) <= set("01234567") else 0
        elif word in ("uid", "gid"):
            setattr(settings, f"unix_bind_{word}", leading_integer(value))
        elif word in ("user", "group"):
            _unix_owner(settings, word, value)
        else:
            raise Alert(UNIX_BIND)


def _unix_owner(settings: model.Global, word: str, name: str) -> None:
    try:
        if word == "user":
            settings.unix_bind_uid = pwd.getpwnam(name).pw_uid
        else:
            settings.unix_bind_gid = grp.getgrnam(name).gr_gid
    except KeyError:
        raise Alert(f"'unix-bind' : '{name}' unknown {word}.")


@keyword("setenv", sections=GLOBAL, usage="<name> <value>")
def setenv(settings: model.Global, args: Args) -> None:
    """Set an environment variable for the lines that follow."""
    _set_variable(settings, args, "setenv", True)


@keyword("presetenv", sections=GLOBAL, usage="<name> <value>")
def presetenv(settings: model.Global, args: Args) -> None:
    """Set an environment variable unless it is there."""
    _set_variable(settings, args, "presetenv", False)


def _set_variable(settings: model.Global, args: Args, word: str, overwrite: bool) -> None:
    if not args.at(2):
        raise BareAlert(f"{args.where}: '{word}' expects a name and a value.")
    if overwrite or args.at(1) not in args.env:
        args.env[args.at(1)] = settings.setenv[args.at(1)] = args.at(2)


@keyword("unsetenv", sections=GLOBAL, usage="<name> ...")
def unsetenv(settings: model.Global, args: Args) -> None:
    """Forget environment variables."""
    if not args.at(1):
        raise BareAlert(f"{args.where}: 'unsetenv' expects at least one variable name.")
    for name in args.rest():
        args.env.pop(name, None)


@keyword("resetenv", sections=GLOBAL, usage="[<name> ...]")
def resetenv(settings: model.Global, args: Args) -> None:
    """Forget all environment variables but the named ones."""
    kept = set(args.rest())
    for name in [name for name in args.env if name not in kept]:
        del args.env[name]


@keyword("h1-case-adjust", sections=GLOBAL, usage="<from> <to>")
def h1_case_adjust(settings: model.Global, args: Args) -> None:
    """How a header's name is written for clients and servers that mind its case."""
    if not args.at(1) or not args.at(2):
        raise Alert("'h1-case-adjust' expects <from> and <to> as argument.")
    _adjust(settings, args.at(1), args.at(2))


def _adjust(settings: model.Global, before: str, after: str) -> None:
    if before.lower() != after.lower():
        raise Alert("<from> and <to> must not differ execpt the case")
    settings.h1_case_adjust[before.lower().encode()] = after.encode()


@keyword("h1-case-adjust-file", sections=GLOBAL, usage="<file>")
def h1_case_adjust_file(settings: model.Global, args: Args) -> None:
    """A file of header names in their case."""
    path = args.word("'h1-case-adjust-file' expects <file> as argument.")
    try:
        with open(path, encoding="latin-1") as file:
            for line in file:
                words = line.split("#")[0].split()
                if len(words) == 2:
                    _adjust(settings, *words)
    except OSError:
        args.later(lambda config: _cannot_open(path))


def _cannot_open(path: str) -> None:
    raise BareAlert(f"h1-headers-case-adjust-file '{path}': failed to open file.")


@keyword("default-path", sections=GLOBAL, usage="{ current | config | parent | origin <path> }")
def default_path(settings: model.Global, args: Args) -> None:
    """Where relative file names begin."""
    mode = args.at(1)
    if mode not in ("current", "config", "parent", "origin"):
        raise Alert(("missing " if not mode else "unsupported ") + DEFAULT_PATH.format(mode))
    if mode != "current":
        raise NotImplementedYet(f"default-path {mode}")


@keyword("set-var", sections=GLOBAL, usage="<name> <expression>")
def set_var(settings: model.Global, args: Args) -> None:
    """Give a process-wide variable its first value."""
    name = _variable(args, "set-var", "a sample expression")
    args.index, args.phase, args.checkpoints = 2, Phase.CONFIG, Checkpoint.CONFIG
    settings.set_variables.append((name, args.expression().call))


@keyword("set-var-fmt", sections=GLOBAL, usage="<name> <format>")
def set_var_fmt(settings: model.Global, args: Args) -> None:
    """Give a process-wide variable its first value, from a log-format."""
    name = _variable(args, "set-var-fmt", "a format string")
    args.index, args.phase, args.checkpoints = 2, Phase.CONFIG, Checkpoint.CONFIG
    text = args.log_format().call
    settings.set_variables.append((name, lambda stream: text(stream).encode("latin-1", "replace")))


def _variable(args: Args, word: str, what: str) -> str:
    name = args.at(1)
    if not name or not args.at(2):
        raise Alert(f"'{word}' requires a process-wide variable name ('proc.<name>') and {what}.")
    if not name.startswith("proc."):
        raise Alert(f"'{word}': cannot set variable '{name}', only scope 'proc' is permitted in the global section.")
    return name
