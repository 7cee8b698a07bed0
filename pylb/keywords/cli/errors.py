"""`show errors`: the last invalid request and response of every proxy, with the bytes around the offending one.

HAProxy shows its parser's state and flags. The state follows from where the offending byte stands; the flags are those HAProxy shows for such
a message of HTTP/1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pylb.base.clock import log_date
from pylb.control.registry import Answer, Level, Refusal, Words, command
from pylb.proxy.proxy import Backend, Frontend

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.errors import ErrorCapture
    from pylb.proxy.proxy import Face

RESERVED: Final = 48  # bytes of a buffer that data never uses
WIDTH: Final = 70
ESCAPES: Final = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x1B: "\\e", 0x5C: "\\\\"}
FLAGS: Final = {"request": (0x100, 0x810), "response": (0x8000_2200, 0x4810)}  # of connection and stream
RESPONSE: Final = 0x4  # of messages: it is one
IN_METHOD, IN_URI, AT_LINE_END = "MSG_RQMETH(2)", "MSG_RQURI(4)", "MSG_RQLINE_END(7)"
IN_STATUS_VERSION, IN_STATUS, IN_REASON = "MSG_RPVER(10)", "MSG_RPCODE(12)", "MSG_RPREASON(14)"
IN_NAME, AFTER_VALUE, IN_SIZE, WHOLE = "MSG_HDR_NAME(17)", "MSG_HDR_L2_LWS(24)", "MSG_CHUNK_SIZE(26)", "MSG_DATA(27)"


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
    state, flags = parser_state(capture, side)
    connection, stream = FLAGS[side]
    return (
        f" \n[{log_date(capture.wall)}] {kind} {face.name} (#{face.id}): invalid {side}\n"
        f"  {other} {capture.backend[0]} (#{capture.backend[1]}), server {capture.server[0]} (#{capture.server[1]}),"
        f" event #{capture.event}, src {f'{host}:{port}' if host else 'unix:1'}\n"
        f"  buffer starts at 0 (including 0 out), {size - len(capture.data)} free,\n"
        f"  len {len(capture.data)}, wraps at {size - RESERVED}, error at position {capture.position}\n"
        f"  H1 connection flags 0x{connection:08x}, H1 stream flags 0x{stream:08x}\n"
        f"  H1 msg state {state}, H1 msg flags 0x{flags | RESPONSE if side == 'response' else flags:08x}\n"
        f"  H1 chunk len 0 bytes, H1 body len 0 bytes :\n  \n"
        f"{''.join(dump(capture.data))}"
    )


def parser_state(capture: ErrorCapture, side: str) -> tuple[str, int]:
    """The state in which HAProxy's parser finds the error, and the flags of the message."""
    data, position = capture.data, capture.position
    end = data.find(b"\n")
    if end < 0 or position <= end:
        return start_line_state(data[: end if end >= 0 else len(data)], position, side)
    body = data.find(b"\r\n\r\n")
    if body >= 0 and position >= body + 4:
        return IN_SIZE, 0x11712
    line = data[data.rfind(b"\n", 0, position) + 1 :]
    colon = line.find(b":")
    start = data.rfind(b"\n", 0, position) + 1
    in_name = colon <= 0 or position - start <= colon
    return (IN_NAME if in_name else AFTER_VALUE), 0x1410


def start_line_state(line: bytes, position: int, side: str) -> tuple[str, int]:
    first = line.find(b" ")
    second = line.find(b" ", first + 1)
    if side == "response":
        return (IN_STATUS_VERSION if position <= first else IN_STATUS if position <= second else IN_REASON), 0x1410
    if first < 0 or position <= first:
        return IN_METHOD, 0x1400
    if second < 0 or position < second:
        return (IN_URI, 0x1400) if not is_version_error(line, position, first) else (WHOLE, 0x1410)
    return (AT_LINE_END if line[position - 1 : position] == b"\r" else WHOLE), 0x1410


def is_version_error(line: bytes, position: int, first: int) -> bool:
    """Is the offending byte the one behind a URI that is followed by something else than HTTP/x.y?"""
    return position > first and line[position : position + 1] == b" "


def dump(data: bytes) -> Iterator[str]:
    """Lines of printable text with the offset of their first byte; `+` marks those that continue a line."""
    start, mark, line = 0, " ", ""
    for position, byte in enumerate(data):
        piece = ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
        if len(line) + len(piece) > WIDTH:
            yield f"  {start:05d}{mark} {line}\n"
            start, mark, line = position, "+", ""
        line += piece
        if byte == 0x0A:
            yield f"  {start:05d}{mark} {line}\n"
            start, mark, line = position + 1, " ", ""
    if line:
        yield f"  {start:05d}{mark} {line}\n"
