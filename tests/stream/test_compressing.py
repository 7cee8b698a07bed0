"""The parts of compression by themselves: encoding in pieces, what requests ask for, which tags are good."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from pylb.keywords.filters.compression import choose, is_bogus_browser, is_strong, is_weak, read_coding
from pylb.keywords.filters.encoder import WRAPPINGS, Encoder

WINDOWS = {"gzip": 31, "deflate": 15, "raw-deflate": -15}


@pytest.mark.parametrize("algorithm", WRAPPINGS)
@pytest.mark.parametrize("seed", range(12))
def test_what_was_encoded_in_pieces_at_any_level_is_decoded(algorithm: str, seed: int) -> None:
    dice = random.Random(seed)
    pieces = [dice.choice((dice.randbytes, lambda size: b"again and again " * (size // 16)))(dice.choice((1, 100, 9_000, 70_000))) for _ in range(dice.randrange(8))]
    encoder, reader = Encoder(algorithm, dice.randrange(10)), zlib.decompressobj(WINDOWS[algorithm])
    read = b""
    for number, piece in enumerate(pieces, 1):
        encoded = encoder.encode(piece)
        if dice.random() < 0.7:
            encoded += encoder.flush()
            encoder.set_level(dice.randrange(10))
            read += reader.decompress(encoded)
            assert read == b"".join(pieces[:number])
        else:
            read += reader.decompress(encoded)
    read += reader.decompress(encoder.finish())
    assert (read, reader.eof, reader.unused_data) == (b"".join(pieces), True, b"")


def test_gzip_says_how_much_it_holds() -> None:
    encoder = Encoder("gzip", 1)
    whole = encoder.encode(b"hello") + encoder.finish()
    assert gzip.decompress(whole) == b"hello"
    assert whole[-8:] == zlib.crc32(b"hello").to_bytes(4, "little") + (5).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("value", "weight"),
    [(b"gzip", 1000), (b"gzip;q=0", 0), (b"gzip;q=0.5", 500), (b"gzip;q=0.05", 50), (b"gzip;q=0.1239", 123), (b"gzip;q=00.5", 0), (b"gzip;q=.5", 1000), (b"gzip;a=b; q=0.2", 200)]
    + [(b"GZIP\t;q=0.", 0), (b"gzip;Q=0", 1000), (b"gzip;q=0.1;x=2", 100), (b"gzip x;q=0.0x", 0)],
)
def test_weights(value: bytes, weight: int) -> None:
    assert read_coding(value) == (b"gzip", weight)


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [([], None), ([b""], None), ([b"br"], None), ([b"deflate, gzip"], "deflate"), ([b"deflate;q=0.9, gzip"], "gzip"), ([b"br", b"*"], "gzip"), ([b"*;q=0"], None)],
)
def test_choice(fields: list[bytes], chosen: str | None) -> None:
    assert choose(("gzip", "deflate"), fields) == chosen


def test_of_two_algorithms_of_one_name_the_first_is_taken() -> None:
    assert [choose(names, [b"deflate"]) for names in (("deflate", "raw-deflate"), ("raw-deflate", "deflate"))] == ["deflate", "raw-deflate"]


@pytest.mark.parametrize(
    ("agent", "bogus"),
    [(b"", False), (b"curl/7", False), (b"Mozilla/5.0", False), (b"Mozilla/4.0", True), (b"Mozilla/4.0 (compatible; MSIE 5.5)", True), (b"Mozilla/4.0 (compatible; MSIE 7.0)", False)]
    + [(b"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", True), (b"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", False)],
)
def test_browsers(agent: bytes, bogus: bool) -> None:
    assert is_bogus_browser(agent) is bogus


@pytest.mark.parametrize(
    ("tag", "strong", "weak"), [(b'"a"', True, False), (b'""', True, False), (b'"', False, False), (b'W/"a"', False, True), (b'w/"a"', False, False), (b"a", False, False)]
)
def test_tags(tag: bytes, strong: bool, weak: bool) -> None:
    assert (is_strong(tag), is_weak(tag)) == (strong, weak)
