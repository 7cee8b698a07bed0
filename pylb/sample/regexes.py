"""Regular expressions of the configuration (PCRE2) as Python ones over bytes.

Only what people write in load balancer configurations differs: POSIX classes, possessive quantifiers and atomic groups are
either the same or are translated; what Python cannot compile is reported in PCRE2's words where the fault is the same.
"""

from __future__ import annotations

import re
from typing import NoReturn

from pylb.base.errors import Alert

POSIX = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9A-Fa-f",
    "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "print": " -~", "graph": "!-~", "cntrl": r"\x00-\x1f\x7f", "word": r"\w",
}  # fmt: skip
POSIX_CLASS = re.compile(r"\[:(\^?)(\w+):\]")
ESCAPES = {"h": r"[ \t]", "H": r"[^ \t]", "R": r"(?:\r\n|\n|\r|\f|\x0b)", "K": "", "z": r"\Z", "Z": r"(?=\n?\Z)", "e": r"\x1b", "Q": ""}
MESSAGES = {
    "unterminated character set": "missing terminating ] for character class",
    "missing ), unterminated subpattern": "missing closing parenthesis",
    "unbalanced parenthesis": "unmatched closing parenthesis",
    "nothing to repeat": "quantifier does not follow a repeatable item",
    "multiple repeat": "quantifier does not follow a repeatable item",
    "bad escape (end of pattern)": "\\ at end of pattern",
}


def compile_regex(text: str, ignore_case: bool = False) -> re.Pattern[bytes]:
    """Compile a PCRE2 pattern; raises the alert HAProxy would."""
    flags = re.IGNORECASE if ignore_case else 0
    try:
        return re.compile(translate(text).encode("utf-8", "surrogateescape"), flags)
    except re.error as error:
        _refuse(text, error)


def _refuse(text: str, error: re.error) -> NoReturn:
    """The alert for a pattern that does not compile."""
    why = MESSAGES.get(error.msg, error.msg)
    at = error.pos or 0
    if why.startswith("missing"):
        at = len(text)
    elif why.startswith("quantifier"):
        at += 1
    raise Alert(f"regex '{text}' is invalid (error={why}, erroffset={at})") from None


def translate(text: str) -> str:
    """PCRE2's spelling in Python's."""
    out: list[str] = []
    at, in_class = 0, False
    while at < len(text):
        character = text[at]
        if character == "\\" and at + 1 < len(text):
            piece, at = _escape(text, at, in_class)
            out.append(piece)
            continue
        if in_class:
            posix = POSIX_CLASS.match(text, at) if character == "[" else None
            if posix is not None and posix.group(2) in POSIX and not posix.group(1):
                out.append(POSIX[posix.group(2)])
                at = posix.end()
                continue
            in_class = character != "]"
            out.append("\\[" if character == "[" else character)
        else:
            if character == "[":
                in_class, at, opening = True, *_open_class(text, at)
                out.append(opening)
                continue
            piece = {"$": r"(?=\n?\Z)"}.get(character, character)
            out.append("(?P<" if text.startswith("(?<", at) and text[at + 3 : at + 4] not in ("=", "!", "") else piece)
            at += 2 if out[-1] == "(?P<" else 0
        at += 1
    return "".join(out)


def _open_class(text: str, at: int) -> tuple[int, str]:
    """The beginning of a character class: a closing bracket that comes first is an ordinary member."""
    end = at + 2 if text[at + 1 : at + 2] == "^" else at + 1
    opening = text[at:end]
    if text[end : end + 1] == "]":
        return end + 1, opening + "\\]"
    return end, opening


def _escape(text: str, at: int, in_class: bool) -> tuple[str, int]:
    """A backslash and what it governs."""
    following = text[at + 1]
    if following in ESCAPES and not in_class:
        return ESCAPES[following], at + 2
    if following.isalpha() and following not in "abBdDsSwWfnrtvxAZGuUN":
        return following if in_class else re.escape(following), at + 2
    return text[at : at + 2], at + 2
