"""PROXY protocol headers, read and written (proxy-protocol.txt, sections 2.1 and 2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.base.errors import BadMessage
from pylb.wire.proxy_protocol import AUTHORITY, NOOP, SIGNATURE, crc32c, read_header, value, write_v1, write_v2

A, B = ("192.0.2.1", 4711), ("198.51.100.2", 443)
SIX = ("2001:db8::1", 1)

HEADERS = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n", A, B),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", SIX, ("2001:db8::2", 2)),
    (b"PROXY UNKNOWN\r\n", None, None),
    (b"PROXY UNKNOWN whatever 1 2 3\r\n", None, None),
    (write_v2(A, B), A, B),
    (write_v2(SIX, SIX), SIX, SIX),
    (write_v2(None, None), None, None),
    (write_v2(A, B, [(NOOP, b"abc"), (AUTHORITY, b"a.example")], checksum=True), A, B),
]


@pytest.mark.parametrize(("data", "source", "destination"), HEADERS)
def test_headers_are_read_whole_and_in_pieces(data: bytes, source: object, destination: object) -> None:
    for end in range(1, len(data)):
        assert read_header(data[:end]) is None
    header, size = read_header(data + b"GET /") or (None, 0)
    assert header is not None
    assert (header.source, header.destination, size) == (source, destination, len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n", b"PROXY TCP4 1.2.3.4\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        b"PROXY TCP4 " + b"1" * 100, b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", b"PROXZ", SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\0\x04" + bytes(4), write_v2(A, B, [(AUTHORITY, b"abc")])[:-1].replace(b"\0\x12", b"\0\x11"),
    ],
)  # fmt: skip
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        read_header(data)


@given(st.binary(max_size=64))
def test_garbage_is_refused_or_awaited(data: bytes) -> None:
    try:
        assert read_header(data) is None or data.startswith((b"PROXY", SIGNATURE))
    except BadMessage as bad:
        assert "PROXY protocol header" in bad.why


def test_version_1() -> None:
    assert write_v1(A, B) == HEADERS[0][0]
    assert write_v1(SIX, B) == b"PROXY TCP6 2001:db8::1 ::ffff:198.51.100.2 1 443\r\n"
    assert write_v1(("", 0), B) == b"PROXY UNKNOWN\r\n"


def test_the_checksum_is_over_the_header_with_its_own_field_empty() -> None:
    header = write_v2(A, B, checksum=True)
    assert int.from_bytes(header[-4:], "big") == crc32c(header[:-4] + bytes(4))
    assert crc32c(b"123456789") == 0xE3069283


def test_values_are_kept() -> None:
    header, _ = read_header(write_v2(A, B, [(AUTHORITY, b"a.example"), (0x05, b"id-1")])) or (None, 0)
    assert header is not None
    assert (header.authority, header.unique_id) == (b"a.example", b"id-1")
    assert value(1, b"h2") == b"\x01\0\x02h2"
