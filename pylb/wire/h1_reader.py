"""HAProxy's HTTP/1 parser as a position in a buffer: what requests, responses and trailers have in common on the slow path.

It goes strictly from left to right, so that the first broken byte decides, a prefix of a message is judged like the whole, and the reported position,
state and flags are those of `show errors`. Bare LF, folded values and any byte but CR and LF in values pass; names must be tokens unless
`option accept-invalid-http-*` says otherwise; the fields that framing depends on are understood as they come (`h1_fields`; RFC 9112 sections 2 to 7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pylb.wire import h1_state
from pylb.wire.h1_fields import Fields
from pylb.wire.h1_state import InvalidMessage, Oddity, Standing
from pylb.wire.headers import BLANKS, Headers

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
LONGEST_NAME = 255  # HAProxy's internal form has one byte for it
ANY_NAME = re.compile(rb"[^:\n]*")
VERSION = re.compile(rb"[A-Z0-9/.]*")
TEXT = re.compile(rb"[^\r\n]*")
SOME_BLANKS = re.compile(rb"[ \t]*")
ANY_VERSION = re.compile(rb"[A-Z0-9/.]{4}/([0-9])\.([0-9])")
CR, LF, COLON, ONE = 0x0D, 0x0A, 0x3A, 0x31

# What a block and a start line cost in HAProxy's internal representation: a head must fit in `bufsize - maxrewrite` with these.
BUFFER_COST, BLOCK_COST, START_LINE_COST = 40, 8, 28
RAW_COST = 64  # a raw head must fit in a buffer less this


@dataclass(slots=True)
class Limits:
    """What a head may measure: `tune.bufsize`, `tune.maxrewrite`, `tune.http.maxhdr`, and `option accept-invalid-http-*`."""

    bufsize: int = 16384
    maxrewrite: int = 1024
    max_headers: int = 101
    accept_invalid: bool = False


class Incomplete(Exception):
    """The bytes so far are a valid beginning."""


class Reader:
    """A position in a buffer that holds the beginning of a message, and where HAProxy's parser would stand there."""

    def __init__(self, buf: bytes, limits: Limits, request: bool) -> None:
        self.buf, self.limits, self.request = buf, limits, request
        self.lax, self.at = limits.accept_invalid, 0
        self.state = h1_state.RQBEFORE if request else h1_state.RPBEFORE
        self.flags = h1_state.ALWAYS if request else h1_state.ALWAYS | h1_state.IS_RESPONSE
        self.seen: Fields | None = None
        self.value_at = -1  # of the last field
        self.has_long_name = False
        self.odd_at = -1  # the first byte that only `lax` lets pass
        self.edits: list[tuple[int, bytes]] = []

    def fail(self, at: int, why: str, status: int = 0) -> InvalidMessage:
        return InvalidMessage(status or (400 if self.request else 502), at, why, self.standing(), tuple(self.edits))

    def fail_where_odd(self, why: str, status: int = 0) -> InvalidMessage:
        """A message that is wrong as a whole: the byte to blame is the first odd one, if there was any."""
        return self.fail(self.odd_at if self.odd_at >= 0 else self.at, why, status)

    def fail_too_big(self) -> InvalidMessage:
        """It was understood, but there is no room for what was understood."""
        if self.state == h1_state.DONE:
            self.state = h1_state.DATA
        if not self.has_long_name:
            self.flags &= ~h1_state.SIZE_KNOWN
        return self.fail(self.at, "head too large")

    def refuse(self, why: str) -> InvalidMessage:
        """The parser has nothing against it, but it is not wanted."""
        bad = self.fail(-1, why)
        bad.oddity = self.oddity()
        return bad

    def standing(self) -> Standing:
        fields = self.seen
        if fields is None:
            return Standing(self.state, self.flags)
        length = fields.length or 0
        length -= (length >> 63) << 64  # HAProxy's numbers have a sign
        return Standing(self.state, self.flags | fields.flags(), length, length)

    def odd(self, at: int) -> None:
        """This byte passes, but is captured."""
        if self.odd_at < 0:
            self.odd_at = at

    def oddity(self) -> Oddity | None:
        return Oddity(self.odd_at, self.standing(), tuple(self.edits)) if self.odd_at >= 0 else None

    def peek(self) -> int:
        """The byte here; Incomplete at the end."""
        if self.at >= len(self.buf):
            raise Incomplete
        return self.buf[self.at]

    def run(self, pattern: re.Pattern[bytes]) -> bytes:
        """The longest run of `pattern` from here, which must have ended."""
        found = pattern.match(self.buf, self.at)
        assert found is not None
        self.at = found.end()
        self.peek()
        return found[0]

    def end_of_line(self, after_cr: str, broken: str = "") -> bool:
        """Step over CR LF or a bare LF, if it is here. The states are those between CR and LF, and when something else follows CR."""
        byte = self.peek()
        if byte == CR:
            self.state = after_cr
            if self.at + 1 >= len(self.buf):
                raise Incomplete
            if self.buf[self.at + 1] != LF:
                self.state = broken or after_cr
                raise self.fail(self.at + 1, "CR without LF")
            self.at += 2
            return True
        self.at += byte == LF
        return byte == LF

    def before(self, after_cr: str) -> None:
        """Step over blank lines before a start line."""
        state = self.state
        while self.end_of_line(after_cr):
            self.state = state

    def first_word(self, pattern: re.Pattern[bytes], why: str, after_cr: str, state: str) -> tuple[int, bytes]:
        """The first word of a start line, and where it begins. `state` is entered with the first byte that a token may have."""
        self.before(after_cr)
        start = self.at
        if TOKEN.match(self.buf, start, start + 1)[0]:  # type: ignore[index]  # it matches everywhere
            self.state = state
        word = self.run(pattern)
        if self.at == start:
            raise self.fail(start, why)
        return start, word

    def blanks(self, why: str, state: str) -> None:
        """Step over the blanks that must separate two words of a start line."""
        if self.peek() not in BLANKS:
            raise self.fail(self.at, why)
        self.state = state
        self.run(SOME_BLANKS)

    def line_must_end(self, why: str, after_cr: str) -> None:
        at = self.at
        if not self.end_of_line(after_cr):
            raise self.fail(at, why)

    def fields(self, trailers: bool = False) -> Fields:
        """All header fields (or trailers) and the empty line."""
        fields = self.seen = Fields(self.request, self.fail, trailers)
        count = 0
        self.state = h1_state.HDR_FIRST
        while not self.end_of_line(h1_state.LAST_LF):
            name = self.name()
            at, value = self.value()
            self.value_at = at
            count += 1
            if count > self.limits.max_headers:
                raise self.fail(self.at, "too many headers")
            before = len(fields.headers)
            fields.add(name, value, at)
            if name == b"connection" and len(fields.headers) > before:
                self.edits.append((at, fields.headers[-1][1]))
        self.state = h1_state.LAST_LF
        if count >= self.limits.max_headers:
            raise self.fail(self.at, "too many headers")
        return fields

    def name(self) -> bytes:
        """A field's name; steps over the colon."""
        self.state = h1_state.HDR_NAME
        start = self.at
        name = self.run(ANY_NAME if self.lax else TOKEN)
        if self.at == start or self.buf[self.at] != COLON:
            raise self.fail(self.at, "invalid header name")
        self.has_long_name = self.has_long_name or len(name) > LONGEST_NAME
        if self.lax:
            token = TOKEN.match(name)
            if token is not None and token.end() < len(name):
                self.odd(start + token.end())
        self.at += 1
        return name.lower()

    def value(self) -> tuple[int, bytes]:
        """A field's value, unfolded, and where it begins. The line is over only when the next one does not continue it."""
        start, folds = -1, list[tuple[int, bytes]]()
        while True:
            if start < 0:
                self.state = h1_state.HDR_L1_SP
                self.run(SOME_BLANKS)
                if self.peek() not in (CR, LF):
                    start = self.at
            empty_at = self.at
            self.state = h1_state.HDR_L1_SP if start < 0 else h1_state.HDR_VAL
            self.run(TEXT)
            end = self.at
            if start >= 0:
                self.edits += folds
                folds.clear()
            self.line_must_end("invalid header value", h1_state.HDR_L1_LF if start < 0 else h1_state.HDR_L2_LF)
            self.state = h1_state.HDR_L1_LWS if start < 0 else h1_state.HDR_L2_LWS
            if self.peek() not in BLANKS:
                break
            folds.append((end, b" " * (self.at - end)))
        self.edits += folds
        self.state = h1_state.HDR_L2_LWS
        if start < 0:
            return empty_at, b""
        text = self.buf[start:end]
        if LF in text:
            text = text.replace(b"\r", b" ").replace(b"\n", b" ")
        return start, text.rstrip(BLANKS)

    def too_big(self, words: tuple[bytes, ...], headers: Headers) -> bool:
        """Would HAProxy's internal form of this head leave no room for rewriting?"""
        if self.has_long_name:
            return True
        cost = START_LINE_COST + BLOCK_COST + sum(map(len, words)) + BLOCK_COST + 1
        cost += sum([len(name) + len(value) + BLOCK_COST for name, value in headers])
        return cost > self.limits.bufsize - self.limits.maxrewrite - BUFFER_COST

    def stand_at_body(self, version: int, fields: Fields) -> None:
        """The parser's view when the fields are read: an encoding rules out a length, and both together a second message."""
        self.state = h1_state.CHUNK_SIZE if fields.ends_chunked else h1_state.DATA
        if fields.encoded:
            if version < 11 or fields.length is not None:
                self.flags |= h1_state.SAYS_CLOSE
            fields.length_counts = False

    def stand_whole(self, chunked: bool, length: int) -> None:
        """The parser's view when it is known where the message ends."""
        self.flags |= h1_state.SIZE_KNOWN
        self.state = h1_state.CHUNK_SIZE if chunked else h1_state.DATA if length else h1_state.DONE


def is_new(version: bytes) -> bool:
    """1.1 or more, as HAProxy sees it: by two bytes of eight."""
    return len(version) == 8 and (version[5] > ONE or (version[5] == ONE and version[7] >= ONE))


def version_number(text: bytes) -> int:
    """A message's version as major * 10 + minor; what is none counts as 1.0."""
    found = ANY_VERSION.fullmatch(text)
    return int(found[1]) * 10 + int(found[2]) if found else 10
