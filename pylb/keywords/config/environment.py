"""`global` words about the environment, header case, relative paths and process-wide variables (configuration.txt 3.1, 3.2)."""

from __future__ import annotations

from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import keyword
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint

GLOBAL = ("global",)
DEFAULT_PATH = "default-path mode '{}' for 'default-path', supported modes include 'current', 'config', 'parent', and 'origin'."


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
    args.at_most(3)
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
