"""What is kept of a ClientHello for logs and rules, in the room that `tune.ssl.capture-buffer-size` gives (configuration.txt 3.2, 7.3.4).

The suites come first, then the types of extensions, the groups and the point formats, each as far as there is room left; extensions that
had to be cut are the last. The sum of all suites is taken before they are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from pylb.wire.hello import ClientHello, is_grease


@dataclass(frozen=True, slots=True)
class HelloCapture:
    """Numbers of two bytes each, as the client sent them."""

    version: int
    all_ciphers: bytes
    ciphers: bytes
    extensions: bytes
    groups: bytes
    point_formats: bytes


def capture(hello: ClientHello, room: int) -> HelloCapture:
    """Keep `room` bytes of lists."""
    suites = _packed(hello.ciphers)
    ciphers = suites[:room]
    room -= len(ciphers)
    extensions = _packed(hello.extensions)
    room -= len(extensions)
    if room < 0:
        return HelloCapture(hello.version, suites, ciphers, extensions[: room & ~1], b"", b"")
    groups = _packed(hello.groups)[:room]
    formats = hello.point_formats[: room - len(groups)]
    return HelloCapture(hello.version, suites, ciphers, extensions, groups, formats)


def _packed(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def without_grease(data: bytes) -> bytes:
    """The numbers that are not there to keep servers tolerant (RFC 8701)."""
    numbers = (data[at : at + 2] for at in range(0, len(data), 2))
    return b"".join(number for number in numbers if len(number) < 2 or not is_grease(number[0] << 8 | number[1]))
