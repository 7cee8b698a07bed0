"""Message bodies on an HTTP/1 wire: where they end, and what they carry.

A reader is fed whatever arrives and gives back the payload, whether the body is finished, and the bytes that belong to the next message. A chunked
body is decoded here and encoded again on the other side, as HAProxy does: chunk boundaries and extensions do not survive, trailers do
(RFC 9112 sections 6 and 7). Laxities of HAProxy: bare LF, blanks after a chunk size, any byte but CR in extensions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from pylb.base.errors import BadMessage
from pylb.wire import h1_state
from pylb.wire.h1_reader import RAW_COST, Incomplete, Limits, Reader
from pylb.wire.h1_state import InvalidMessage, Standing
from pylb.wire.headers import Headers
from pylb.wire.message import Framing, Request, Response

Fed = tuple[bytes, bool, bytes]
Step = Callable[["ChunkedReader", list[bytes]], bool | None]

CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*(?:;[^\r\n]*)?)\r?\n")
HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
MOST_DIGITS = 13  # HAProxy holds chunks below 2^52


class BodyReader(Protocol):
    """Finds the end of a body; `trailers` are those of a chunked one, complete when it is finished."""

    trailers: Headers

    def feed(self, data: bytes) -> Fed:
        """Payload, is the body finished, what is left over for the next message."""


class EmptyReader:
    """No body: everything is left over."""

    __slots__ = ("trailers",)

    def __init__(self) -> None:
        self.trailers = Headers()

    def feed(self, data: bytes) -> Fed:
        return b"", True, data


class LengthReader:
    """A body of a known length."""

    __slots__ = ("left", "trailers")

    def __init__(self, length: int) -> None:
        self.left = length
        self.trailers = Headers()

    def feed(self, data: bytes) -> Fed:
        size = len(data)
        if size < self.left:
            self.left -= size
            return data, False, b""
        left, self.left = self.left, 0
        if size == left:
            return data, True, b""
        return data[:left], True, data[left:]


class CloseReader:
    """A body that ends with its connection (or a tunnel): whoever sees the end knows."""

    __slots__ = ("trailers",)

    def __init__(self) -> None:
        self.trailers = Headers()

    def feed(self, data: bytes) -> Fed:
        return data, False, b""


class ChunkedReader:
    """A chunked body. `status` is what a broken one is answered with: 400 for requests, 502 for responses.

    The error's position counts from the first byte that had not been understood when the last bytes came: `pending` and these.
    """

    __slots__ = ("buf", "left", "limits", "pending", "position", "size", "state", "status", "trailers", "window")

    def __init__(self, status: int = 400, limits: Limits | None = None) -> None:
        self.status = status
        self.limits = limits or Limits()
        self.window = self.limits.bufsize - RAW_COST  # most bytes of a line with a size and extensions, and of all trailers
        self.buf = b""
        self.left = 0
        self.pending = b""  # was here before the last bytes came
        self.position = 0  # of buf in pending and the last bytes
        self.size = 0  # of all chunks so far
        self.state: Step = ChunkedReader._size
        self.trailers = Headers()

    def feed(self, data: bytes) -> Fed:
        """Decode what can be decoded; `finished` once the trailers have been read."""
        self.pending = self.buf
        self.buf = self.buf + data if self.buf else data
        self.position = 0
        parts: list[bytes] = []
        while (more := self.state(self, parts)) is None:
            pass
        payload = parts[0] if len(parts) == 1 else b"".join(parts)
        if not more:
            return payload, False, b""
        rest, self.buf = self.buf, b""
        return payload, True, rest

    # Each state takes what it can from the buffer. None: go on with the next state; False: more bytes are needed; True: the body is finished.

    def _size(self, _parts: list[bytes]) -> bool | None:
        found = CHUNK_SIZE.match(self.buf, 0, self.window)
        if found is None:
            self._judge_size()
            return False
        digits = found[1].lstrip(b"0")
        if len(digits) > MOST_DIGITS:
            raise self._fail(found.start(1) + len(found[1]) - len(digits) + MOST_DIGITS)
        self.left = int(digits or b"0", 16)
        self.size += self.left
        self._take(found.end())
        self.state = ChunkedReader._data if self.left else ChunkedReader._trailers
        return None

    def _judge_size(self) -> None:
        """The line of a chunk's size is broken or not complete: which?"""
        buf, at = self.buf[: self.window], 0
        while at < len(buf) and buf[at] in HEX_DIGITS:
            at += 1
        if at < len(buf) and not at:
            raise self._fail(0)
        if len(buf[:at].lstrip(b"0")) > MOST_DIGITS:
            raise self._fail(at - len(buf[:at].lstrip(b"0")) + MOST_DIGITS)
        while at < len(buf) and buf[at] in b" \t":
            at += 1
        if at < len(buf) and buf[at] == 0x3B:
            cr = buf.find(b"\r", at)
            at = len(buf) if cr < 0 else cr
        if at < len(buf) and buf[at] == 0x0D:
            at += 1
        if at < len(buf):
            raise self._fail(at)
        if len(buf) == self.window:
            raise self._fail_too_long(h1_state.CHUNK_SIZE)

    def _data(self, parts: list[bytes]) -> bool | None:
        size = len(self.buf)
        if size < self.left:
            if size:
                parts.append(self.buf)
                self.left -= size
                self._take(size)
            return False
        parts.append(self.buf[: self.left])
        self._take(self.left)
        self.left = 0
        self.state = ChunkedReader._after_data
        return None

    def _after_data(self, _parts: list[bytes]) -> bool | None:
        """The line end after a chunk's data."""
        if self.buf[:1] == b"\n":
            self._take(1)
        elif self.buf[:2] == b"\r\n":
            self._take(2)
        elif self.buf in (b"", b"\r"):
            return False
        else:
            raise self._fail(1 if self.buf[:1] == b"\r" and self.position else 0, h1_state.CHUNK_CRLF)  # HAProxy's arithmetic
        self.state = ChunkedReader._size
        return None

    def _trailers(self, _parts: list[bytes]) -> bool | None:
        """Trailers and the empty line, as one piece."""
        if self.buf[:2] == b"\r\n":
            self._take(2)
            return True
        reader = Reader(self.buf[: self.window], self.limits, request=True)
        try:
            fields = reader.fields(trailers=True)
        except BadMessage:
            raise self._fail_in_trailers() from None
        except Incomplete:
            if len(self.buf) >= self.window:
                raise self._fail_too_long(h1_state.TRAILERS) from None
            return False
        if fields.other_codings or reader.has_long_name:
            raise self._fail_in_trailers()
        self.trailers = fields.headers
        self._take(reader.at)
        return True

    def _take(self, size: int) -> None:
        self.buf = self.buf[size:]
        self.position += size

    def _fail(self, at: int, state: str = h1_state.CHUNK_SIZE) -> InvalidMessage:
        return InvalidMessage(self.status, self.position + at, "invalid chunk", Standing(state, 0, 0, self.size))

    def _fail_too_long(self, state: str) -> InvalidMessage:
        bad = self._fail(0, state)
        bad.overflow = self.position
        return bad

    def _fail_in_trailers(self) -> InvalidMessage:
        return InvalidMessage(self.status, self.position, "invalid trailers", Standing(h1_state.TRAILERS, 0, 0, self.size))


def reader_for(message: Request | Response, limits: Limits | None = None) -> BodyReader:
    """The reader of `message`'s body."""
    framing = message.framing
    if framing is Framing.NONE:
        return EmptyReader()
    if framing is Framing.LENGTH:
        return LengthReader(message.length)
    if framing is Framing.CHUNKED:
        return ChunkedReader(400 if isinstance(message, Request) else 502, limits)
    return CloseReader()


class BodyWriter(Protocol):
    """Puts a body into the form in which it leaves."""

    def data(self, data: bytes) -> bytes:
        """What leaves for a piece of it."""

    def end(self, trailers: Headers) -> bytes:
        """What leaves at its end."""


class ChunkedWriter:
    """Each piece is a chunk."""

    def data(self, data: bytes) -> bytes:
        return chunk(data)

    def end(self, trailers: Headers) -> bytes:
        return last_chunk(trailers)


class EndlessWriter(ChunkedWriter):
    """Chunks of a body that ends with its connection: nobody can say that it is whole."""

    def end(self, trailers: Headers) -> bytes:
        return b""


class SilentWriter:
    """A message that has no body, whatever its body is."""

    def data(self, data: bytes) -> bytes:
        return b""

    def end(self, trailers: Headers) -> bytes:
        return b""


class WrongLength(Exception):
    """A body does not keep to the length that its head states."""


class MeasuredWriter:
    """A body whose length rules have stated, in another form perhaps."""

    __slots__ = ("form", "left")

    def __init__(self, length: int, form: BodyWriter | None = None) -> None:
        self.left, self.form = length, form

    def data(self, data: bytes) -> bytes:
        if len(data) > self.left:
            raise WrongLength
        self.left -= len(data)
        return data if self.form is None else self.form.data(data)

    def end(self, trailers: Headers) -> bytes:
        if self.form is None:
            return b""
        if not self.left:  # HAProxy takes the body for finished and has no place for the last chunk
            raise WrongLength
        return self.form.end(trailers)


def chunk(data: bytes) -> bytes:
    """`data` as one chunk; no data is no chunk, since an empty one would end the body."""
    return b"%X\r\n%s\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Headers | tuple[()] = ()) -> bytes:
    """The end of a chunked body."""
    if not trailers:
        return b"0\r\n\r\n"
    return b"0\r\n" + b"".join([b"%s: %s\r\n" % pair for pair in trailers]) + b"\r\n"


CHUNKS, ENDLESS_CHUNKS, NOTHING = ChunkedWriter(), EndlessWriter(), SilentWriter()
