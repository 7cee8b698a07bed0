"""Fetches about HAProxy's own form of messages (`internal.*`, configuration.txt 7.3.7), and distcc's protocol (7.3.5).

HAProxy keeps a message as a row of blocks: the start line, each field, the end of the head, then data. pylb has none, but what they
would be follows from the message: a start line takes a record of 20 bytes, each block a description of 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pylb.base.errors import Alert
from pylb.keywords.fetches.message import answered, received
from pylb.keywords.fetches.payload import Bytes, ended, is_raw
from pylb.sample.context import CompileContext
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Phase, Type
from pylb.sample.validity import Source

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

MESSAGE = Source.REQUEST_HEADERS | Source.RESPONSE_HEADERS
RECORD, DESCRIPTION, OVERHEAD = 20, 8, 48  # bytes: of a start line, of a block, of a message in its buffer
NO_BLOCK = "HTX_BLK_UNUSED"
TOKEN = 4  # characters of distcc's tokens
PLACES = ("head", "tail", "first")
WITHOUT_BODY = (b"ARGC", b"DIST", b"DONE", b"NFIL", b"STAT")  # tokens of distcc whose number is not the length of what follows


class Block(NamedTuple):
    """One block; what it holds depends on its type."""

    type: str
    size: int
    name: bytes = b""
    value: bytes = b""


@fetch("internal.strm.is_htx", type=Type.BOOL, source=Source.INTERNAL)
def stream_is_http(stream: Stream) -> bool:
    """Is it a stream of HTTP?"""
    return getattr(stream, "request", None) is not None


def blocks_of(stream: Stream, phase: Phase) -> list[Block] | None:
    """The blocks of the message that the rule is about; None when there is none."""
    message = getattr(stream, "response" if phase == Phase.RESPONSE else "request", None)
    if message is None:
        return None
    line = message.line()
    kind = "HTX_BLK_RES_SL" if phase == Phase.RESPONSE else "HTX_BLK_REQ_SL"
    fields = [Block("HTX_BLK_HDR", len(name) + len(value), name, value) for name, value in message.headers]
    body = b"".join(stream.inbox_response if phase == Phase.RESPONSE else stream.inbox_request)
    data = [Block("HTX_BLK_DATA", len(body), b"", body)] if body else []
    return [Block(kind, RECORD + len(line) - 2, b"", line), *fields, Block("HTX_BLK_EOH", 1), *data]


def about_message(name: str, kind: Type, value_of: Callable[[Any, Phase, list[Block]], Any]) -> None:
    """Register a fetch about the whole message."""

    def factory(context: CompileContext) -> Callable[[Any], Any]:
        """A number about the message as HAProxy keeps it."""
        phase = context.phase

        def about(stream: Stream) -> Any:
            blocks = blocks_of(stream, phase)
            return None if blocks is None else value_of(stream, phase, blocks)

        return about

    fetch(f"internal.htx.{name}", type=kind, source=MESSAGE, factory=True)(factory)


def data_size(blocks: list[Block]) -> int:
    return sum(block.size for block in blocks)


def room(stream: Stream) -> int:
    size: int = stream.process.config.global_.bufsize
    return size - OVERHEAD


def used(blocks: list[Block]) -> int:
    return data_size(blocks) + DESCRIPTION * len(blocks)


def complete(stream: Stream, phase: Phase) -> bool:
    return bool(stream.response_complete if phase == Phase.RESPONSE else stream.request_complete)


about_message("data", Type.SINT, lambda stream, phase, blocks: data_size(blocks))
about_message("used", Type.SINT, lambda stream, phase, blocks: used(blocks))
about_message("free", Type.SINT, lambda stream, phase, blocks: room(stream) - used(blocks))
about_message("free_data", Type.SINT, lambda stream, phase, blocks: max(0, room(stream) - used(blocks) - DESCRIPTION))
about_message("size", Type.SINT, lambda stream, phase, blocks: room(stream))
about_message("nbblks", Type.SINT, lambda stream, phase, blocks: len(blocks))
about_message("has_eom", Type.BOOL, lambda stream, phase, blocks: complete(stream, phase))


def index_of(text: str) -> int | str:
    """Which block an argument means."""
    if text in PLACES:
        return text
    if not text:
        raise Alert("a block position is expected (> 0) or a special block name (head, tail, first)")
    if not text.isdigit():
        raise Alert("invalid block position")
    return int(text)


def block_at(blocks: list[Block], index: int | str) -> Block | None:
    if isinstance(index, str):
        return blocks[-1] if index == "tail" else blocks[0]
    return blocks[index] if index < len(blocks) else None


def about_block(name: str, kind: Type, value_of: Callable[[Block | None], Any]) -> None:
    """Register a fetch about one block."""

    def factory(context: CompileContext, where: str = "") -> Callable[[Any], Any]:
        """Something of one block of the message as HAProxy keeps it."""
        phase, index = context.phase, index_of(where)

        def about(stream: Stream) -> Any:
            blocks = blocks_of(stream, phase)
            return None if blocks is None else value_of(block_at(blocks, index))

        return about

    fetch(f"internal.htx_blk.{name}", type=kind, source=MESSAGE, args="string", factory=True)(factory)


def of_type(part: str, *types: str) -> Callable[[Block | None], bytes]:
    """A part of a block of these types, nothing for others."""
    return lambda block: getattr(block, part) if block is not None and block.type in types else b""


about_block("size", Type.SINT, lambda block: block.size if block is not None else 0)
about_block("type", Type.STR, lambda block: (block.type if block is not None else NO_BLOCK).encode())
about_block("hdrname", Type.STR, of_type("name", "HTX_BLK_HDR", "HTX_BLK_TLR"))
about_block("hdrval", Type.STR, of_type("value", "HTX_BLK_HDR", "HTX_BLK_TLR"))
about_block("start_line", Type.STR, of_type("value", "HTX_BLK_REQ_SL", "HTX_BLK_RES_SL"))
about_block("data", Type.BIN, lambda block: Binary(of_type("value", "HTX_BLK_DATA")(block)))


# -- distcc
def token_of(stream: Stream, bytes_of: Bytes, name: str, occurrence: int | None) -> tuple[int, bytes] | None:
    """The number behind a token, and what follows it of its body; marks the stream unsure while more bytes could bring it."""
    data, at, wanted, seen = bytes_of(stream), 0, name.encode("latin-1"), 0
    while at + 12 <= len(data):
        token, digits = data[at : at + 4], data[at + 4 : at + 12]
        try:
            number = int(digits, 16)
        except ValueError:
            return None
        at += 12
        if token == wanted:
            seen += 1
            if not occurrence or seen == occurrence:
                return number, data[at : at + number]
        if token not in WITHOUT_BODY:
            at += number
    stream.unsure = not ended(stream, bytes_of)
    return None


def distcc(value_of: Callable[[Any, Bytes, str, tuple[int, bytes]], Any]) -> Callable[..., Callable[[Any], Any]]:
    """A fetch about a token of distcc's protocol."""

    def factory(context: CompileContext, token: str, occurrence: int | None = None) -> Callable[[Any], Any]:
        """The number of a token, or what follows it."""
        if len(token) != TOKEN:
            raise Alert("token name must be exactly 4 characters")
        bytes_of = answered if context.phase == Phase.RESPONSE else received

        def about(stream: Stream) -> Any:
            found = token_of(stream, bytes_of, token, occurrence) if is_raw(stream) else None
            return None if found is None else value_of(stream, bytes_of, token, found)

        return about

    return factory


def body_of(stream: Stream, bytes_of: Bytes, token: str, found: tuple[int, bytes]) -> bytes | None:
    """What follows a token, as far as it is there; marks the stream unsure while the rest could come.

    HAProxy fills it up with what its buffer held before, which cannot be had here.
    """
    size, body = found
    if token.encode("latin-1") in WITHOUT_BODY:
        return None
    if len(body) < size:
        stream.unsure = not ended(stream, bytes_of)
    return Binary(body)


BUFFER, TOKENS = Source.REQUEST_BUFFER | Source.RESPONSE_BUFFER, "string[,integer]"
fetch("distcc_param", type=Type.SINT, source=BUFFER, args=TOKENS, factory=True, volatile=True)(distcc(lambda stream, bytes_of, token, found: found[0]))
fetch("distcc_body", type=Type.BIN, source=BUFFER, args=TOKENS, factory=True, volatile=True)(distcc(body_of))
