"""`show errors`: the last invalid request and response of every proxy, with what was in the buffer and where the parser stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pylb.base.clock import log_date
from pylb.base.text import dump_pieces
from pylb.control.registry import Answer, Level, Refusal, Words, command
from pylb.proxy.proxy import Backend, Frontend

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.errors import ErrorCapture
    from pylb.proxy.proxy import Face

RESERVED: Final = 48  # bytes of a buffer that data never uses
WIDTH: Final = 70
PIECES: Final = dump_pieces(b"\\")


@command(
    "show errors",
    usage="show errors [<px>] [request|response]",
    help="report last request and/or response errors for each proxy",
    level=Level.OPERATOR,
)
def show_errors(cli: Cli, words: Words) -> Answer:
    """What could not be understood."""
    wanted, side = words.at(0), words.at(1)
    faces = cli.process.proxies
    if wanted and not wanted.lstrip("-").isdigit():
        faces = [face for face in faces if face.name == wanted]
        if not faces:
            raise Refusal("No such proxy.\n")
    elif wanted and int(wanted) >= 0:
        faces = [face for face in faces if face.id == int(wanted)]
    return report(cli, list(faces), side)


def report(cli: Cli, faces: list[Frontend | Backend], side: str) -> Iterator[str]:
    yield f"Total events captured on [{log_date(cli.process.clock.wall())}] : {cli.process.captured}\n"
    for face in faces:
        if face.invalid_request is not None and side != "response":
            yield described(cli, face, face.invalid_request, "request")
        if face.invalid_response is not None and side != "request":
            yield described(cli, face, face.invalid_response, "response")


def described(cli: Cli, face: Face, capture: ErrorCapture, side: str) -> str:
    """One invalid message."""
    kind, other = ("frontend", "backend") if side == "request" else ("backend", "frontend")
    size = cli.process.config.global_.bufsize
    host, port = capture.source
    message = capture.message
    data, standing = message.data, message.standing
    return (
        f" \n[{log_date(capture.wall)}] {kind} {face.name} (#{face.id}): invalid {side}\n"
        f"  {other} {capture.other[0]} (#{capture.other[1]}), server {capture.server[0]} (#{capture.server[1]}),"
        f" event #{capture.event}, src {f'{host}:{port}' if host else 'unix:1'}\n"
        f"  buffer starts at 0 (including 0 out), {size - len(data)} free,\n"
        f"  len {len(data)}, wraps at {size - RESERVED - message.consumed}, error at position {message.position}\n"
        f"  H1 connection flags 0x{message.connection:08x}, H1 stream flags 0x{message.stream:08x}\n"
        f"  H1 msg state {standing.state}, H1 msg flags 0x{standing.flags:08x}\n"
        f"  H1 chunk len {standing.chunk} bytes, H1 body len {standing.body} bytes :\n  \n"
        f"{''.join(dump(data))}"
    )


def dump(data: bytes) -> Iterator[str]:
    """Lines of printable text with the offset of their first byte; `+` marks those that continue a line."""
    start, mark, line = 0, " ", ""
    for position, byte in enumerate(data):
        piece = PIECES[byte]
        if len(line) + len(piece) > WIDTH:
            yield f"  {start:05d}{mark} {line}\n"
            start, mark, line = position, "+", ""
        line += piece
        if byte == 0x0A:
            yield f"  {start:05d}{mark} {line}\n"
            start, mark, line = position + 1, " ", ""
    if line:
        yield f"  {start:05d}{mark} {line}\n"
