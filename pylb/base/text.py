"""Text as HAProxy shows it: escaping for logs, CSV, JSON, HTML and dumps, and the spelling suggestions of its alerts.

Bytes that came from the network are held as latin-1 text, one character per byte, so every function here maps text to text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

LOG_UNSAFE = {code: f"#{code:02X}" for code in [*range(32), *range(127, 256)]}
LOG_HEADER_UNSAFE = {**LOG_UNSAFE, **{ord(character): f"#{ord(character):02X}" for character in '"#{|}'}}
LOG_URI_UNSAFE = {**LOG_UNSAFE, **{ord(character): f"#{ord(character):02X}" for character in '"#'}}
STRUCTURED_DATA_UNSAFE = {ord(character): "\\" + character for character in '"\\]'}
CSV_SPECIAL = frozenset('",\r\n')
JSON_UNSAFE = {
    **{code: f"\\u{code:04x}" for code in range(32)},
    **{ord(plain): name for plain, name in zip('"\\/\b\f\n\r\t', ['\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"], strict=True)},
}
DUMP_COLUMNS = 70
DUMP_NAMES = {9: "\\t", 10: "\\n", 13: "\\r", 27: "\\e", 92: "\\\\"}
DUMP_LINES = [DUMP_NAMES.get(code) or (chr(code) if 32 <= code < 127 else f"\\x{code:02X}") for code in range(256)]
DUMP_ONE_LINE = [f"\\{chr(code)}" if chr(code) in " =" else piece for code, piece in enumerate(DUMP_LINES)]


def log_header(text: str) -> str:
    """A captured header in the log: control bytes, bytes above 126, and ``" # { | }`` become ``#XX``.

    >>> log_header('a"b{c}')
    'a#22b#7Bc#7D'
    """
    return text.translate(LOG_HEADER_UNSAFE)


LOG_URI_SAFE = re.compile(r"[ !$-~]*+").fullmatch


def log_uri(text: str) -> str:
    """A request line or URI in the log: control bytes, bytes above 126, ``"`` and ``#`` become ``#XX``."""
    return text if LOG_URI_SAFE(text) else text.translate(LOG_URI_UNSAFE)


def log_safe(text: str) -> str:
    """Free text in the log: only control bytes and bytes above 126 become ``#XX``, so no peer can forge a line."""
    return text.translate(LOG_UNSAFE)


def structured_data(text: str) -> str:
    """The ``+E`` flag of log-format: backslashes before ``" \\ ]`` as in RFC 5424 6.3.3."""
    return text.translate(STRUCTURED_DATA_UNSAFE)


def quoted(text: str) -> str:
    """The ``+Q`` flag of log-format; the quotes inside are left as they are."""
    return f'"{text}"'


def csv(text: str, always: bool = False) -> str:
    """One field of CSV output (RFC 4180): quoted when it holds a comma, a quote or a line end.

    >>> csv('say "hi", you')
    '"say ""hi"", you"'
    """
    if always or not CSV_SPECIAL.isdisjoint(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def json_text(text: str) -> str:
    """A JSON string without its quotes, slashes escaped too; characters above 126 stay (the caller chose the charset)."""
    return text.translate(JSON_UNSAFE)


def html(text: str) -> str:
    """Text for the statistics page."""
    return escape(text, quote=True)


def dump_text(text: str | bytes) -> str:
    """Bytes on one printable line, as the CLI dumps keys and samples: ``\\n``, ``\\\\``, ``\\x00``; blanks are escaped too."""
    codes = text if isinstance(text, bytes) else text.encode("latin-1", "replace")
    return "".join(DUMP_ONE_LINE[code] for code in codes)


def dump_lines(data: bytes, start: int = 0) -> Iterable[str]:
    """The buffer of ``show errors``: one line per LF or 70 columns, each with its offset; ``+`` marks what continues a line."""
    position, continued = start, False
    while position < len(data):
        line, end = _dump_line(data, position)
        yield f"  {position:05d}{'+' if continued else ' '} {line}"
        continued = data[end - 1] != 10
        position = end


def _dump_line(data: bytes, start: int) -> tuple[str, int]:
    """One printable line of at most 70 columns that starts at `start`, and the offset behind it."""
    line, position = "", start
    while position < len(data):
        piece = DUMP_LINES[data[position]]
        if len(line) + len(piece) > DUMP_COLUMNS:
            break
        line += piece
        position += 1
        if data[position - 1] == 10:
            break
    return line, position
