"""`get var` and `set var`: variables of the process."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final

from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.control.registry import INFO, Level, Message, Refusal, Words, command
from pylb.sample.context import CompileContext, Unresolved
from pylb.sample.expression import read_expression
from pylb.sample.logformat import compile_log_format
from pylb.sample.types import Binary, Method, Phase, Value
from pylb.sample.validity import Checkpoint, available, needs
from pylb.sample.variables import Variable

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.process import Process

PLACE: Final = model.Place("CLI", 0)


class Subject:
    """What expressions see in place of a stream: nothing but the process."""

    __slots__ = ("process", "session", "unsure", "variables")

    def __init__(self, process: Process) -> None:
        self.process = process
        self.session = self
        self.variables: dict[str, Any] | None = None
        self.unsure = False


def typed(value: Value) -> str:
    """The value with its type, as HAProxy shows samples."""
    if isinstance(value, bool):
        return f"type=bool value=<{int(value)}>"
    if isinstance(value, int):
        return f"type=sint value=<{value}>"
    if isinstance(value, (IPv4Address, IPv6Address)):
        return f"type={'ipv4' if isinstance(value, IPv4Address) else 'ipv6'} value=<{value}>"
    if isinstance(value, Binary):
        text, _, _ = value.partition(b"\0")
        return f"type=bin value=<{''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in text)}>"
    return f"type={'meth' if isinstance(value, Method) else 'str'} value=<{value.decode('latin-1')}>"


@command("get var", usage="get var <name>", help="retrieve contents of a process-wide variable", level=Level.OPERATOR)
def get_var(cli: Cli, words: Words) -> Message:
    """What a variable holds."""
    name = words.at(0)
    if not name:
        raise Refusal("Missing process-wide variable identifier.\n")
    values = cli.process.variables
    if name not in values or not name.startswith("proc."):
        raise Refusal("Variable not found.\n")
    return Message(INFO, f"{name}: {typed(values[name])}")


@command(
    "set var",
    usage="set var <name> [fmt|expr] {<fmt>|<expr>}",
    help="set variable from an expression or a format",
    level=Level.ADMIN,
    mode="experimental",
)
def set_var(cli: Cli, words: Words) -> None:
    """Compute a value and keep it under a name."""
    if not words.at(0) or not words.at(1):
        what = "process-wide variable identifier" if not words.at(0) else "either 'expr', 'fmt' or expression"
        raise Refusal(f"Missing {what}.\n")
    kind, text = ("expr", words[1:]) if len(words) == 2 else (words[1], words[2:])
    if kind not in ("expr", "fmt"):
        raise Refusal(f"'set var': arg type must be either 'expr' or 'fmt' but got '{kind}'.")
    process, name = cli.process, words[0]
    proxy = model.Proxy("CLI", "defaults", PLACE)
    context = CompileContext(PLACE, proxy, process.config, Phase.CONFIG, usage="CLI expression", checkpoints=Checkpoint.CLI)
    try:
        variable = Variable(name)
        if variable.scope != "proc":
            raise Refusal(f"'set var': cannot set variable '{name}', only scope 'proc' is permitted here.")
        call = expression_of(text[0], name, context) if kind == "expr" else format_of(text[0], context)
        for job in context.jobs:
            job.run(process.config)
    except Unresolved as missing:
        raise Refusal(f"parsing [{PLACE}]: {missing}") from None
    except Alert as alert:
        raise Refusal(f"{str(alert)[:-1]})'" if str(alert).startswith("invalid syntax") else str(alert)) from None
    value = call(Subject(process))
    if value is not None:
        process.variables[name] = value


def expression_of(text: str, name: str, context: CompileContext) -> Callable[[Any], Value | None]:
    """One word: a fetch that wants neither a stream nor a connection, and its converters."""
    expression = read_expression([text], 0, context)[0]
    if not available(expression.source, Checkpoint.CLI):
        raise Alert(f"fetch method 'set-var({name})' extracts information from '{needs(expression.source)}', none of which is available here")
    return expression.call


def format_of(text: str, context: CompileContext) -> Callable[[Any], Value | None]:
    """A text with expressions. Variables of streams would have to speak of the conversation, which is none here."""
    written = compile_log_format(text, context, log=False).call

    def call(subject: Any) -> Value:
        try:
            return written(subject).encode("latin-1", "replace")
        except AttributeError:
            raise NotImplementedYet("set var fmt with log variables of streams") from None

    return call
