"""Text from the network as HAProxy writes it into its logs, its dumps and its page.

Bytes that came from the network are held as latin-1 text, one character per byte, so most of these functions map text to text.
"""

from __future__ import annotations

import re

LOG_UNSAFE = {code: f"#{code:02X}" for code in [*range(32), *range(127, 256)]}
LOG_HEADER_UNSAFE = {**LOG_UNSAFE, **{ord(character): f"#{ord(character):02X}" for character in '"#{|}'}}
LOG_URI_UNSAFE = {**LOG_UNSAFE, **{ord(character): f"#{ord(character):02X}" for character in '"#'}}


def log_header(text: str) -> str:
    """A captured header in the log: control bytes, bytes above 126, and ``" # { | }`` become ``#XX``.

    >>> log_header('a"b{c}')
    'a#22b#7Bc#7D'
    """
    return text.translate(LOG_HEADER_UNSAFE)


def dump_pieces(backslashed: bytes) -> tuple[str, ...]:
    """How the stats socket shows each byte of dumped data: printable as it is, `backslashed` behind a backslash, others by letter or number.

    >>> dump_pieces(b"=")[0x09], dump_pieces(b"=")[0x3D], dump_pieces(b"=")[0xE9]
    ('\\\\t', '\\\\=', '\\\\xE9')
    """
    named = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x1B: "\\e", **{byte: f"\\{byte:c}" for byte in backslashed}}
    return tuple(named.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02X}") for byte in range(256))


HTML_UNSAFE = {ord(character): f"&#{ord(character)};" for character in "<>\"'&"}
CHECK_UNSAFE = {code: f"<{code & 0xFF:02X}>" for code in [*range(32), *b'"<>', *range(127, 256), *range(0xDC80, 0xDD00)]}  # surrogates stand for bytes


def html(text: str) -> str:
    """Numeric references for what HTML would understand."""
    return text.translate(HTML_UNSAFE)


def check_words(text: str) -> str:
    """What a server answered to a check, in a log line: controls, quotes, angle brackets and what is not ASCII as <XX>."""
    return text.translate(CHECK_UNSAFE)


LOG_URI_SAFE = re.compile(r"[ !$-~]*+").fullmatch
LINE_SAFE = re.compile(rb"[ !$-~]*+").fullmatch  # the same of bytes


def log_uri(text: str) -> str:
    """A request line or URI in the log: control bytes, bytes above 126, ``"`` and ``#`` become ``#XX``."""
    return text if LOG_URI_SAFE(text) else text.translate(LOG_URI_UNSAFE)
