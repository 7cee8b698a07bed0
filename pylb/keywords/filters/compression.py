"""HTTP compression (configuration.txt 4.2 `compression`, 9.2): the filter that compresses what servers have left as it is.

The algorithm is chosen when the request has passed its rules, from what its fields say then; whether the response is compressed, before any rule has
seen it; its head is changed when rules are done. Payload leaves as it comes: after each piece the client can read all that the server has sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pylb.config import model
from pylb.keywords.filters.encoder import COMPRESSOR_SIZE, STORED, WRAPPINGS, Encoder
from pylb.stream.registry import filter_
from pylb.wire.h1 import fields_size
from pylb.wire.headers import split_values
from pylb.wire.message import Framing

if TYPE_CHECKING:
    from pylb.base.freq import FreqCtr
    from pylb.proxy.proxy import Face
    from pylb.stream.stream import HttpStream
    from pylb.wire.message import Response

TOKENS = {"identity": b"identity", "gzip": b"gzip", "deflate": b"deflate", "raw-deflate": b"deflate"}  # what clients and servers call them
STATUSES = range(200, 204)
KB, MB = 1024, 1 << 20


class Compression:
    """The filter of one stream."""

    __slots__ = ("algorithm", "begins_chunks", "chosen", "encoder", "reserved")

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.chosen = False  # a response was found that it compresses
        self.begins_chunks = False  # the server's response was not in chunks
        self.encoder: Encoder | None = None
        self.reserved = False  # memory for the encoder

    def on_response(self, stream: HttpStream, response: Response) -> bool:
        """Shall this response be compressed?"""
        if not (is_wanted(stream, response) and is_compressible(response) and has_type(stream, response) and is_affordable(stream)):
            return False
        self.chosen = True
        self.begins_chunks = response.framing is Framing.LENGTH
        if self.algorithm in WRAPPINGS:
            self.reserved = True
            stream.process.compressors += 1
        return True

    def on_head(self, stream: HttpStream, response: Response) -> None:
        """Tell the client."""
        headers = response.headers
        if self.begins_chunks:
            headers.remove(b"content-length")
            response.framing = Framing.CHUNKED
        weaken_tag(response)
        if self.begins_chunks:
            headers.add(b"transfer-encoding", b"chunked")
        headers.add(b"vary", b"Accept-Encoding")
        if self.algorithm in WRAPPINGS:
            headers.add(b"content-encoding", TOKENS[self.algorithm])
            self.encoder = Encoder(self.algorithm, stream.process.config.global_.compression_level)

    def on_data(self, stream: HttpStream, data: bytes) -> bytes:
        """Compress a piece; unless the response is complete, nothing is held back."""
        encoder = self.encoder
        if encoder is None:
            count_bypassed(stream, len(data))
            return data
        made = encoder.encode(data)
        level = encoder.level
        if not stream.response_complete:
            made += encoder.flush()
            encoder.set_level(next_level(stream, level))  # this piece is not in the rate yet
        if level == STORED:
            count_bypassed(stream, len(data))
        else:
            count(stream, len(data), len(made))
        return made

    def on_end(self, stream: HttpStream) -> bytes:
        """The end of what is compressed; HAProxy counts the end mark of what a server sent in chunks."""
        stream.frontend.counters.comp_rsp += 1
        if stream.backend is not None:
            stream.backend.counters.comp_rsp += 1
        mark = 0 if self.begins_chunks or stream.response_trailers is None else 1 + fields_size(stream.response_trailers)
        if self.encoder is None:
            count_bypassed(stream, mark)
            return b""
        made = self.encoder.finish()
        count(stream, mark, len(made))
        self.release(stream)
        return made

    def release(self, stream: HttpStream) -> None:
        """Give the memory back."""
        self.encoder = None
        if self.reserved:
            self.reserved = False
            stream.process.compressors -= 1


# -- the request
@filter_("compression", label="COMP")
def compression(stream: HttpStream) -> Compression | None:
    """Compress responses for clients that know one of the algorithms."""
    headers = stream.request.headers
    if is_bogus_browser(headers.get(b"user-agent") or b""):
        return None
    algorithms = next((known.algorithms for known in settings_of(stream) if known.algorithms), ())
    algorithm = choose(algorithms, headers.get_all(b"accept-encoding"))
    if algorithm is not None:
        if any(known.offload for known in settings_of(stream)):
            headers.remove(b"accept-encoding")
        return Compression(algorithm)
    return Compression("identity") if "identity" in algorithms else None


def settings_of(stream: HttpStream) -> Iterator[model.Compression]:
    """What `compression` lines say: the backend's come first."""
    faces: tuple[Face | None, ...] = (stream.backend, stream.frontend)
    for face in faces:
        if face is not None and face.settings.compression is not None:
            yield face.settings.compression


def is_bogus_browser(agent: bytes) -> bool:
    """Is it a browser of the kind that cannot be trusted to decompress: Mozilla/4, but for MSIE from 7 on, and 6 with the second service pack of XP?"""
    if not agent.startswith(b"Mozilla/4"):
        return False
    version = agent[30:31]
    return agent[25:30] != b"MSIE " or version < b"6" or (version == b"6" and agent[51:54] != b"SV1")


def choose(algorithms: tuple[str, ...], fields: list[bytes]) -> str | None:
    """The algorithm that the client likes best; of equals the one that it names first, and for ``*`` the first of ours."""
    best, most = None, 0
    for value in (value for text in fields for value in split_values(text)):
        token, weight = read_coding(value)
        found = next((name for name in algorithms if token in (b"*", TOKENS[name])), None)
        if found is not None and weight > most:
            best, most = found, weight
    return best


def read_coding(value: bytes) -> tuple[bytes, int]:
    """A coding and its weight, in thousandths; what is no weight below one is one."""
    words = value.split(b";")
    name = (words[0].split(None, 1) or [b""])[0].lower()
    weight = next((word for word in (word.lstrip(b" \t") for word in words[1:]) if word.startswith(b"q=")), b"q=1")[2:]
    if not weight.startswith(b"0"):
        return name, 1000
    digits = weight[2:5] if weight[1:2] == b"." else b""
    return name, int((digits[: len(digits) - len(digits.lstrip(b"0123456789"))] + b"000")[:3])


# -- the response
def is_wanted(stream: HttpStream, response: Response) -> bool:
    """Is it a whole answer in a version that knows chunks on both sides, with a body that has an end?"""
    request = stream.request
    spoken = request.version >= 11 and response.version >= 11 and request.method != b"HEAD"
    return spoken and response.status in STATUSES and response.framing in (Framing.LENGTH, Framing.CHUNKED)


def is_compressible(response: Response) -> bool:
    """Does the response allow it: no coding yet, no `no-transform`, no tag but a single good one?"""
    headers = response.headers
    tags = headers.get_all(b"etag")
    if headers.contains(b"content-encoding") or len(tags) > 1 or (tags and not (is_strong(tags[0]) or is_weak(tags[0]))):
        return False
    return all(word.lower() != b"no-transform" for word in headers.values_split(b"cache-control"))


def has_type(stream: HttpStream, response: Response) -> bool:
    """Is the content of a type that shall be compressed? Without `compression type`, any but multipart."""
    types = next((known.types for known in settings_of(stream) if known.types), ())
    content = next(iter(response.headers.get_all(b"content-type")), b"").lower()
    return not content.startswith(b"multipart") and (not types or content.startswith(types))


def is_affordable(stream: HttpStream) -> bool:
    """May one more response be compressed? Here `maxcomprate` is about what goes into compressors, later about what comes out."""
    process, limits = stream.process, stream.process.config.global_
    fits = not limits.maxzlibmem or (process.compressors + 1) * COMPRESSOR_SIZE <= limits.maxzlibmem * MB
    return fits and not is_strained(stream, process.counters.compress_in)


def is_strained(stream: HttpStream, bytes_rate: FreqCtr) -> bool:
    """Is the process at a limit: `maxcomprate`, `maxcompcpuusage`?"""
    process, limits = stream.process, stream.process.config.global_
    now = process.clock.now()
    if limits.maxcomprate and bytes_rate.value(now) > limits.maxcomprate * KB:
        return True
    return limits.maxcompcpuusage < 100 and process.counters.idle(now) < 100 - limits.maxcompcpuusage


def next_level(stream: HttpStream, level: int) -> int:
    """The level for the next piece: one less at a limit, one more below."""
    process = stream.process
    if is_strained(stream, process.counters.compress_out):
        return max(STORED, level - 1)
    return min(process.config.global_.compression_level, level + 1)


def is_strong(tag: bytes) -> bool:
    return len(tag) >= 2 and tag.startswith(b'"') and tag.endswith(b'"')


def is_weak(tag: bytes) -> bool:
    return tag.startswith(b'W/"') and tag.endswith(b'"')


def weaken_tag(response: Response) -> None:
    """What is compressed is no longer the same byte for byte, so its tag is weak."""
    headers = response.headers
    for position, (name, value) in enumerate(headers):
        if name == b"etag":
            if is_strong(value):
                headers[position] = (name, b"W/" + value)
            return


# -- counting
def count(stream: HttpStream, taken: int, made: int) -> None:
    """Bytes into and out of the compressor, on both proxies and the process."""
    backend = stream.backend or stream.frontend.own_backend
    for face in (stream.frontend, backend):
        if face is not None:
            face.counters.comp_in += taken
            face.counters.comp_out += made
    counters, now = stream.process.counters, stream.process.clock.now()
    counters.compress_in.tick(now, taken)
    counters.compress_out.tick(now, made)


def count_bypassed(stream: HttpStream, size: int) -> None:
    """Bytes that passed as they are."""
    backend = stream.backend or stream.frontend.own_backend
    for face in (stream.frontend, backend):
        if face is not None:
            face.counters.comp_byp += size
