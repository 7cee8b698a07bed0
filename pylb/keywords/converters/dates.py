"""Converters of dates (configuration.txt 7.3.1)."""

from __future__ import annotations

import time
from collections.abc import Callable

from pylb.base.clock import DAYS, MONTHS
from pylb.base.errors import Alert
from pylb.keywords.fetches.constants import UNITS, raw
from pylb.sample.context import CompileContext
from pylb.sample.registry import converter
from pylb.sample.types import Type


@converter("http_date", input=Type.SINT, output=Type.STR, args="[integer,string]", factory=True)
def http_date(context: CompileContext, offset: int | None = None, unit: str | None = None) -> Callable[[int], bytes]:
    """The date form of HTTP headers (RFC 9110 5.6.7)."""
    if (unit or "") not in UNITS:
        raise Alert(f"expects 's', 'ms' or 'us', got '{unit}'")
    divisor, added = UNITS[unit or ""], offset or 0

    digits = len(str(divisor)) - 1

    def write(value: int) -> bytes:
        whole, part = divmod(value + added, divisor)
        moment = time.gmtime(whole)
        fraction = f".{part:0{digits}d}" if digits else ""
        day, month = DAYS[moment.tm_wday], MONTHS[moment.tm_mon - 1]
        return f"{day}, {moment.tm_mday:02d} {month} {moment.tm_year} {time.strftime('%H:%M:%S', moment)}{fraction} GMT".encode()

    return write


def _strftime(split: Callable[[float], time.struct_time]) -> Callable[..., Callable[[int], bytes]]:
    def factory(context: CompileContext, layout: str, offset: int | None = None) -> Callable[[int], bytes]:
        """A date written with strftime(3)."""
        added = offset or 0
        return lambda value: raw(time.strftime(layout, split(value + added)))

    return factory


converter("ltime", input=Type.SINT, output=Type.STR, args="string[,integer]", factory=True)(_strftime(time.localtime))
converter("utime", input=Type.SINT, output=Type.STR, args="string[,integer]", factory=True)(_strftime(time.gmtime))
