"""Actions on variables: `set-var`, `set-var-fmt`, `unset-var` (configuration.txt 4.2 `http-request set-var`, 2.8 on scopes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.config.args import Args
from pylb.config.model import Run
from pylb.keywords.actions.common import HTTP, TCP, bytes_of, constant, sample
from pylb.sample.code import Write, Writer, Written
from pylb.sample.types import Value
from pylb.sample.variables import Variable, may_set, set_variable
from pylb.stream.registry import action

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

EXPECTS = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'"


def name_of(args: Args) -> str:
    """What stands between the parentheses of the action's word."""
    word = args.at(args.index - 1)
    _, opening, rest = word.partition("(")
    if not opening:
        raise Alert(f"invalid or incomplete action '{word}'. {EXPECTS}")
    if not rest.endswith(")"):
        raise Alert(f"incomplete argument after action '{word}'. {EXPECTS}")
    return rest[:-1]


def declared(text: str) -> tuple[Variable, tuple[str, ...]]:
    """A variable and the conditions behind it; a complaint about a character shows the word to its end."""
    try:
        return set_variable(text)
    except Alert as error:
        if str(error).startswith("invalid syntax"):
            raise Alert(f"{str(error)[:-1]})'") from None
        raise


def assigning(variable: Variable, conditions: tuple[str, ...], value: Callable[[Any], Value | None], write: Write) -> Run:
    """Set the variable to what `value` gives, which `write` gives as text; nothing leaves it as it is."""

    def run(stream: Stream) -> None:
        found = value(stream)
        if found is not None and (not conditions or may_set(variable, stream, found, conditions)):
            variable.set(stream, found)

    def statements(writer: Writer, call: str) -> list[str]:
        scope = variable.written_scope()
        if conditions or scope is None:
            return [call]
        found = writer.temporary()
        fill = f"    if {scope} is None: {scope} = {{}}"
        return [f"{found} = {write(writer)}", f"if {found} is not None:", fill, f"    {scope}[{variable.name!r}] = {found}"]

    return Written(run, statements)


@action("set-var", rulesets=(*HTTP, *TCP), prefix=True, usage="(<name>[,<condition>...]) <expr>")
def set_var(args: Args) -> Run:
    """Give a variable the value of an expression, with its type."""
    word = args.at(args.index - 1)
    variable, conditions = declared(name_of(args))
    expression = sample(args, word)
    return assigning(variable, conditions, expression.call, expression.write)


@action("set-var-fmt", rulesets=(*HTTP, *TCP), prefix=True, usage="(<name>[,<condition>...]) <fmt>")
def set_var_fmt(args: Args) -> Run:
    """Give a variable the text of a log-format."""
    variable, conditions = declared(name_of(args))
    text = bytes_of(args) if args.peek() else constant(b"")
    return assigning(variable, conditions, text.call, text.write)


@action("unset-var", rulesets=(*HTTP, *TCP), prefix=True, usage="(<name>)")
def unset_var(args: Args) -> Run:
    """Forget a variable."""
    name = name_of(args)
    if "," in name:
        raise Alert('unset-var does not expect parameters after the variable name. Only "set-var" and "set-var-fmt" manage conditions')
    variable = declared(name)[0]
    return lambda stream: variable.unset(stream)
