"""Text from the network as HAProxy writes it into its logs.

Bytes that came from the network are held as latin-1 text, one character per byte, so these functions map text to text.
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


LOG_URI_SAFE = re.compile(r"[ !$-~]*+").fullmatch
LINE_SAFE = re.compile(rb"[ !$-~]*+").fullmatch  # the same of bytes


def log_uri(text: str) -> str:
    """A request line or URI in the log: control bytes, bytes above 126, ``"`` and ``#`` become ``#XX``."""
    return text if LOG_URI_SAFE(text) else text.translate(LOG_URI_UNSAFE)
