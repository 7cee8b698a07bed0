"""Converters of binary data: slices, encodings, hashes, ciphers (configuration.txt 7.3.1)."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.base.hashes import avalanche, crc32, djb2, sdbm, wt6
from pylb.keywords.converters.text import registered
from pylb.keywords.fetches.constants import raw
from pylb.sample.casts import to_bytes, wrap
from pylb.sample.context import CompileContext
from pylb.sample.registry import converter
from pylb.sample.types import Binary, Type
from pylb.sample.variables import Variable
from pylb.sample.xxhash import xxh3, xxh32, xxh64

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+\Z")
BIN, STR, SINT = Type.BIN, Type.STR, Type.SINT


@converter("bytes", input=BIN, output=BIN, args="integer[,integer]")
def slice_of(value: bytes, offset: int, length: int | None = None) -> bytes | None:
    """Bytes from an offset on, at most so many."""
    if offset < 0 or len(value) <= offset:
        return Binary(b"") if offset >= 0 else None
    return Binary(value[offset:] if length is None else value[offset : offset + max(0, length)])


@converter("hex", input=BIN, output=STR)
def to_hex(value: bytes) -> bytes:
    """Two hexadecimal digits a byte, in upper case."""
    return binascii.hexlify(value).upper()


@converter("hex2i", input=STR, output=SINT)
def from_hex(value: bytes) -> int | None:
    """A hexadecimal number."""
    return wrap(int(value, 16)) if HEXADECIMAL.match(value) else None


@converter("base64", input=BIN, output=STR)
def to_base64(value: bytes) -> bytes:
    """Base64."""
    return b64encode(value)


@converter("ub64enc", input=BIN, output=STR)
def to_url_base64(value: bytes) -> bytes:
    """Base64 for URLs, without padding."""
    return urlsafe_b64encode(value).rstrip(b"=")


@converter("b64dec", input=STR, output=BIN)
def from_base64(value: bytes) -> bytes | None:
    """The inverse of `base64`."""
    try:
        return Binary(b64decode(value, validate=True)) if len(value) % 4 == 0 else None
    except binascii.Error:
        return None


@converter("ub64dec", input=STR, output=BIN)
def from_url_base64(value: bytes) -> bytes | None:
    """The inverse of `ub64enc`."""
    return from_base64(value.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(value.rstrip(b"=")) % 4))


def _chunks(value: bytes, size: int, truncate: int | None) -> list[bytes]:
    """Pieces of a size; the last may be shorter unless it is to be dropped."""
    pieces = [value[at : at + size] for at in range(0, len(value), size)]
    return [piece for piece in pieces if not truncate or len(piece) == size]


@converter("be2dec", input=BIN, output=STR, args="string[,integer,integer]", factory=True)
def to_decimals(context: CompileContext, separator: str, size: int | None = None, truncate: int | None = None) -> Callable[[bytes], bytes]:
    """Big-endian numbers in decimal."""
    width = 2 if size is None else size
    if not 1 <= width <= 8:
        raise Alert(f"chunk_size out of [1..8] range ({width})")
    _check_truncate(truncate)
    between = raw(separator)
    return lambda value: between.join(b"%d" % int.from_bytes(piece, "big") for piece in _chunks(value, width, truncate))


@converter("be2hex", input=BIN, output=STR, args="string[,integer,integer]", factory=True)
def to_hexadecimals(context: CompileContext, separator: str = "", size: int | None = None, truncate: int | None = None) -> Callable[[bytes], bytes]:
    """Hexadecimal digits with a separator every so many bytes."""
    if not separator and size is None:
        return to_hex
    width = 1 if size is None else size
    if width < 1:
        raise Alert(f"chunk_size must be at least 1 ({width})")
    _check_truncate(truncate)
    between = raw(separator or "")
    return lambda value: between.join(to_hex(piece) for piece in _chunks(value, width, truncate))


def _check_truncate(truncate: int | None) -> None:
    if truncate not in (None, 0, 1):
        raise Alert(f"Unsupported truncate flag ({truncate}), must be 0 or 1")


# -- hashes


@lru_cache(maxsize=1)
def crc32c_table() -> list[int]:
    """The table of the Castagnoli polynomial, reflected (RFC 3720 B.4)."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def crc32c(data: bytes) -> int:
    """The CRC of iSCSI and SCTP."""
    table, value = crc32c_table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _hash(name: str, function: Callable[[bytes], int]) -> None:
    """A hash whose argument asks for a full avalanche."""

    @converter(name, input=BIN, output=SINT, args="[integer]", factory=True)
    def hashed(context: CompileContext, mix: int | None = None) -> Callable[[bytes], int]:
        """A 32-bit hash; with the argument 1 it is mixed once more."""
        return (lambda value: avalanche(function(value))) if mix == 1 else function


for _name, _function in {"crc32": crc32, "crc32c": crc32c, "djb2": djb2, "sdbm": sdbm, "wt6": wt6}.items():
    _hash(_name, _function)


def _xxhash(name: str, function: Callable[[bytes, int], int]) -> None:
    """A hash with a seed."""

    @converter(name, input=BIN, output=SINT, args="[integer]")
    def hashed(value: bytes, seed: int | None = None) -> int:
        """An xxHash with the seed given, 0 by default."""
        return wrap(function(value, seed or 0))


for _name, _seeded in {"xxh3": xxh3, "xxh32": xxh32, "xxh64": xxh64}.items():
    _xxhash(_name, _seeded)


@converter("sha1", input=BIN, output=BIN)
def sha1(value: bytes) -> bytes:
    """SHA-1."""
    return Binary(hashlib.sha1(value).digest())


@converter("sha2", input=BIN, output=BIN, args="[integer]", factory=True)
def sha2(context: CompileContext, bits: int | None = None) -> Callable[[bytes], bytes]:
    """SHA-2 with 224, 256, 384 or 512 bits."""
    width = 256 if bits is None else bits
    if width not in (224, 256, 384, 512):
        raise Alert(f"Unsupported number of bits: '{width}'")
    function = getattr(hashlib, f"sha{width}")
    return lambda value: Binary(function(value).digest())


def check_algorithm(name: str) -> str:
    """A digest OpenSSL knows."""
    if name.lower() not in {known.lower() for known in hashlib.algorithms_available}:
        raise Alert("algorithm must be a valid OpenSSL message digest name.")
    return name


@converter("digest", input=BIN, output=BIN, args="string", factory=True)
def digest(context: CompileContext, algorithm: str) -> Callable[[bytes], bytes]:
    """A message digest by name."""
    name = check_algorithm(algorithm)
    return lambda value: Binary(hashlib.new(name, value).digest())


Secret = Callable[[Any], "bytes | None"]


def secret(text: str, what: str) -> Secret:
    """A key given in base64 or held by a variable."""
    try:
        variable = Variable(text)
    except Alert:
        decoded = from_base64(raw(text)) if text else None
        if decoded is None:
            raise Alert(f"failed to parse {what} : argument needs to be base64 encoded, and can either be a string or a variable") from None
        constant = bytes(decoded)
        return lambda stream: constant

    def from_variable(stream: Stream) -> bytes | None:
        value = variable.get(stream)
        return None if value is None else from_base64(to_bytes(value))

    return from_variable


@converter("hmac", input=BIN, output=BIN, args="string,string", factory=True, stream=True)
def hmac_of(context: CompileContext, algorithm: str, key: str) -> Callable[[Any, bytes], bytes | None]:
    """A message authentication code."""
    name, key_of = check_algorithm(algorithm), secret(key, "key")

    def authenticate(stream: Stream, value: bytes) -> bytes | None:
        found = key_of(stream)
        return None if found is None else Binary(hmac.new(found, value, name).digest())

    return authenticate


@converter("secure_memcmp", input=BIN, output=Type.BOOL, args="string", factory=True, stream=True)
def compare_safely(context: CompileContext, name: str) -> Callable[[Any, bytes], bool | None]:
    """Is the value a variable's? Takes as long whether it is or not."""
    variable = registered(name)

    def same(stream: Stream, value: bytes) -> bool | None:
        other = variable.get(stream)
        return None if other is None else hmac.compare_digest(value, to_bytes(other))

    return same


@converter("aes_gcm_dec", input=BIN, output=BIN, args="integer,string,string,string", factory=True, stream=True)
def decrypt(context: CompileContext, bits: int, nonce: str, key: str, tag: str) -> Callable[[Any, bytes], bytes | None]:
    """Decrypt with AES-GCM; nothing when the tag is wrong."""
    if bits not in (128, 192, 256):
        raise Alert("key size must be 128, 192 or 256 (bits).")
    from cryptography.exceptions import InvalidTag  # heavy, and rarely asked for
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    nonce_of, key_of, tag_of = secret(nonce, "nonce"), secret(key, "key"), secret(tag, "aead_tag")

    def open_box(stream: Stream, value: bytes) -> bytes | None:
        once, cipher_key, seal = nonce_of(stream), key_of(stream), tag_of(stream)
        if once is None or cipher_key is None or seal is None or len(cipher_key) * 8 != bits:
            return None
        try:
            opener = Cipher(algorithms.AES(cipher_key), modes.GCM(once, seal)).decryptor()
            return Binary(opener.update(value) + opener.finalize())
        except (InvalidTag, ValueError):
            return None

    return open_box
