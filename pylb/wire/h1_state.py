"""Where HAProxy's HTTP/1 parser stands when it stops at a byte: its state and flags, as `show errors` names them (management.txt `show errors`).

A message that is refused raises `InvalidMessage`; one that is odd but accepted (`option accept-invalid-http-request`) carries an `Oddity`. Both know
the position, the standing, and what the parser has overwritten in its buffer on the way there: the line ends of folded values become blanks, and a
`connection` field that loses words is written anew over its old beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pylb.base.errors import BadMessage

RQBEFORE: Final = "MSG_RQBEFORE(0)"
RQBEFORE_CR: Final = "MSG_RQBEFORE_CR(1)"
RQMETH: Final = "MSG_RQMETH(2)"
RQMETH_SP: Final = "MSG_RQMETH_SP(3)"
RQURI: Final = "MSG_RQURI(4)"
RQURI_SP: Final = "MSG_RQURI_SP(5)"
RQVER: Final = "MSG_RQVER(6)"
RQLINE_END: Final = "MSG_RQLINE_END(7)"
RPBEFORE: Final = "MSG_RPBEFORE(8)"
RPBEFORE_CR: Final = "MSG_RPBEFORE_CR(9)"
RPVER: Final = "MSG_RPVER(10)"
RPVER_SP: Final = "MSG_RPVER_SP(11)"
RPCODE: Final = "MSG_RPCODE(12)"
RPCODE_SP: Final = "MSG_RPCODE_SP(13)"
RPREASON: Final = "MSG_RPREASON(14)"
RPLINE_END: Final = "MSG_RPLINE_END(15)"
HDR_FIRST: Final = "MSG_HDR_FIRST(16)"
HDR_NAME: Final = "MSG_HDR_NAME(17)"
HDR_L1_SP: Final = "MSG_HDR_L1_SP(19)"
HDR_L1_LF: Final = "MSG_HDR_L1_LF(20)"
HDR_L1_LWS: Final = "MSG_HDR_L1_LWS(21)"
HDR_VAL: Final = "MSG_HDR_VAL(22)"
HDR_L2_LF: Final = "MSG_HDR_L2_LF(23)"
HDR_L2_LWS: Final = "MSG_HDR_L2_LWS(24)"
LAST_LF: Final = "MSG_LAST_LF(25)"
CHUNK_SIZE: Final = "MSG_CHUNK_SIZE(26)"
DATA: Final = "MSG_DATA(27)"
CHUNK_CRLF: Final = "MSG_CHUNK_CRLF(28)"
TRAILERS: Final = "MSG_TRAILERS(29)"
DONE: Final = "MSG_DONE(30)"

HAS_LENGTH, ENDS_CHUNKED, IS_RESPONSE, VERSION_11, SAYS_CLOSE, SAYS_KEEP_ALIVE, SAYS_UPGRADE = 0x1, 0x2, 0x4, 0x10, 0x20, 0x40, 0x80
SIZE_KNOWN, HAS_ENCODING, ALWAYS, TO_CONNECT, TO_HEAD, TO_WEBSOCKET = 0x100, 0x200, 0x1400, 0x2000, 0x4000, 0x8000
CODED_CHUNKED, CODED_OTHERWISE = 0x10000, 0x20000

Edits = tuple[tuple[int, bytes], ...]  # offsets in the message, and what stands there since


@dataclass(frozen=True, slots=True)
class Standing:
    """The parser's own view of a message."""

    state: str
    flags: int
    chunk: int = 0  # bytes left of the current chunk, or of the body
    body: int = 0  # of the whole body, as far as it was announced


@dataclass(frozen=True, slots=True)
class Oddity:
    """What an accepted message was captured for."""

    position: int
    standing: Standing
    edits: Edits = ()


class InvalidMessage(BadMessage):
    """A peer's bytes break HTTP/1."""

    def __init__(self, status: int, position: int, why: str, standing: Standing, edits: Edits = ()) -> None:
        super().__init__(status, position, why)
        self.standing, self.edits = standing, edits
        self.oddity: Oddity | None = None  # refused for another reason, it was odd too
        self.overflow = -1  # where began what filled the buffer before its end came


def edited(data: bytes, edits: Edits, start: int = 0) -> bytes:
    """The buffer as the parser has left it, the message beginning at `start`."""
    if not edits:
        return data
    changed = bytearray(data)
    for at, text in edits:
        changed[start + at : start + at + len(text)] = text
    return bytes(changed)
