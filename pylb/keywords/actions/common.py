"""What actions share: the rule sets they stand in, log-formats as bytes, regular expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base.errors import Alert
from pylb.config.args import Args

HTTP = ("http-request", "http-response", "http-after-response")
HTTP_REQUEST = ("http-request",)
TCP = ("tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content")

Bytes = Callable[[Any], bytes]


def bytes_of(args: Args, complaint: str = "") -> Bytes:
    """The next word as a log-format that gives bytes; a text without variables is computed once."""
    text = args.log_format(complaint=complaint)
    constant = text.constant
    if constant is not None:
        data = constant.encode("latin-1")
        return lambda stream: data
    call = text.call
    return lambda stream: call(stream).encode("latin-1")


def pattern(text: str) -> re.Pattern[bytes]:
    """A regular expression of the configuration; raises Alert with HAProxy's words."""
    try:
        return re.compile(text.encode("latin-1"))
    except re.error as error:
        raise Alert(f"regex '{text}' is invalid (error={error.msg})") from None
