"""Converters of numbers and booleans (configuration.txt 7.3.1). Arithmetic is signed, 64 bits wide, and stops at the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.sample.casts import HALF
from pylb.sample.context import CompileContext
from pylb.sample.registry import converter
from pylb.sample.types import Binary, Type
from pylb.sample.variables import Variable, number_or_variable

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

LARGEST, SMALLEST = HALF - 1, -HALF
Operation = Callable[[int, int], int]


def clamp(number: int) -> int:
    """A result that does not fit becomes the nearest that does."""
    return SMALLEST if number < SMALLEST else LARGEST if number > LARGEST else number


def divide(value: int, divisor: int) -> int:
    """Division that cuts towards zero; by zero it gives the largest number."""
    if divisor == 0:
        return LARGEST
    quotient = abs(value) // abs(divisor)
    return clamp(quotient if (value < 0) == (divisor < 0) else -quotient)


def remainder(value: int, divisor: int) -> int:
    """The rest of such a division, with the sign of the dividend; 0 when dividing by zero."""
    if divisor == 0:
        return 0
    rest = abs(value) % abs(divisor)
    return -rest if value < 0 else rest


OPERATIONS: dict[str, tuple[Operation, str]] = {
    "add": (lambda value, other: clamp(value + other), "Add."),
    "sub": (lambda value, other: clamp(value - other), "Subtract."),
    "mul": (lambda value, other: clamp(value * other), "Multiply."),
    "div": (divide, "Divide."),
    "mod": (remainder, "The rest of a division."),
    "and": (lambda value, other: value & other, "Bits set in both."),
    "or": (lambda value, other: value | other, "Bits set in either."),
    "xor": (lambda value, other: value ^ other, "Bits set in one of the two."),
}


def _operation(name: str, operation: Operation, manual: str) -> None:
    """An arithmetic converter whose argument is a number or a variable."""

    def factory(context: CompileContext, text: str) -> Callable[[Any, int], int | None]:
        other = number_or_variable(text)
        if isinstance(other, int):
            constant = other
            return lambda stream, value: operation(value, constant)
        return lambda stream, value: with_variable(operation, other, stream, value)

    factory.__doc__ = manual
    converter(name, input=Type.SINT, output=Type.SINT, args="string", factory=True, stream=True)(factory)


def with_variable(operation: Operation, variable: Variable, stream: Stream, value: int) -> int | None:
    """The operation with a variable's value; none when the variable is not a number."""
    from pylb.sample.casts import cast_value

    other = variable.get(stream)
    number: Any = None if other is None else cast_value(other, Type.SINT)
    return None if number is None else operation(value, int(number))


for _name, (_function, _manual) in OPERATIONS.items():
    _operation(_name, _function, _manual)


@converter("neg", input=Type.SINT, output=Type.SINT)
def negate(value: int) -> int:
    """The same number with the other sign."""
    return clamp(-value)


@converter("cpl", input=Type.SINT, output=Type.SINT)
def complement(value: int) -> int:
    """All bits flipped."""
    return ~value


@converter("bool", input=Type.SINT, output=Type.BOOL)
def is_not_zero(value: int) -> bool:
    """True for every number but 0."""
    return value != 0


@converter("not", input=Type.SINT, output=Type.BOOL)
def is_zero(value: int) -> bool:
    """True for 0."""
    return value == 0


@converter("odd", input=Type.SINT, output=Type.BOOL)
def is_odd(value: int) -> bool:
    """True for odd numbers."""
    return value & 1 == 1


@converter("even", input=Type.SINT, output=Type.BOOL)
def is_even(value: int) -> bool:
    """True for even numbers."""
    return value & 1 == 0


@converter("htonl", input=Type.SINT, output=Type.BIN)
def network_order(value: int) -> bytes:
    """The low 32 bits as four bytes."""
    return Binary((value & 0xFFFFFFFF).to_bytes(4, "big"))


@converter("iif", input=Type.BOOL, output=Type.STR, args="string,string")
def if_else(value: bool, yes: str, no: str = "") -> bytes:
    """One text for true, another for false."""
    return (yes if value else no or "").encode("latin-1", "surrogateescape")


@converter("ipmask", input=Type.ADDR, output=Type.IPV4, args="IPv4 mask[,IPv6 mask]")
def mask_address(value: Any, four: int, six: int | None = None) -> Any:
    """The network an address belongs to; IPv6 only with a mask for it."""
    if value.version == 4:
        return type(value)(int(value) & four)
    return None if six is None else type(value)(int(value) & six)
