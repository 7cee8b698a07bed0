"""The registries of floor 2: fetches, converters, matchers and log-format aliases, with the facts each entry carries.

A fetch is called with the stream (or with the session while no stream exists) and its parsed arguments; a converter with the
value and its arguments. With ``factory=True`` the function is called once, while the configuration is read, with the compile
context and the arguments, and returns what is called at run time.

`inline` is the same as source text (`sample.code`): with ``s`` for the stream, ``{value}`` for a converter's value, and other names in
braces for globals of the function's module. With a factory it is a function of the same arguments that gives the text and its names,
or None when they are not as usual. Tests hold text and function to one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pylb.base.registry import Registry
from pylb.sample.types import Type, Value
from pylb.sample.validity import Source

F = TypeVar("F", bound=Callable[..., Any])
Each = Callable[[Any], Iterable[Value]]


class FetchRegistry(Registry[Callable[..., Any]]):
    """Fetches. `each` is a factory like a fetch with arguments that gives all values, for ACLs, which try one after the other.

    `inline_each` gives three texts with their names: the last value, how to see that this ``{value}`` is the only one, all values.
    `shared`: the request line alone decides on the value. `text`: inline text of what the value looks like in a log-format, a str; it must
    be about the connection alone.
    """

    def __call__(  # type: ignore[override]
        self,
        name: str,
        *,
        type: Type,
        source: Source = Source.INTERNAL,
        args: str = "",
        each: Callable[..., Any] | None = None,
        factory: bool = False,
        volatile: bool = False,
        shared: bool = False,
        inline: str | Callable[..., Any] | None = None,
        inline_each: Callable[..., Any] | None = None,
        text: str | None = None,
    ) -> Callable[[F], F]:
        facts = {
            "type": type, "source": source, "args": args, "each": each, "factory": factory, "volatile": volatile,
            "shared": shared, "inline": inline, "inline_each": inline_each, "text": text,
        }  # fmt: skip

        def register(function: F) -> F:
            self.add(name, function, facts)
            return function

        return register


class ConverterRegistry(Registry[Callable[..., Any]]):
    """Converters. `stream` ones get the stream before the value; `same` ones answer with a value of the type they were given."""

    def __call__(  # type: ignore[override]
        self,
        name: str,
        *,
        input: Type,
        output: Type,
        args: str = "",
        factory: bool = False,
        stream: bool = False,
        inline: str | None = None,
    ) -> Callable[[F], F]:
        facts = {"input": input, "output": output, "args": args, "factory": factory, "stream": stream, "inline": inline}

        def register(function: F) -> F:
            self.add(name, function, facts)
            return function

        return register


fetch = FetchRegistry("fetch method")
converter = ConverterRegistry("converter")
matcher: Registry[Callable[..., Any]] = Registry("matching method")
variable: Registry[Callable[..., Any]] = Registry("format variable")

# log-format alias -> its source text for an f-string over the stream `s`, and the names that text uses
inline: dict[str, tuple[str, dict[str, Any]]] = {}
