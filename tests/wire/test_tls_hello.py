"""The ClientHello reader: every cut of the bytes, odd hellos, and what real clients send."""

from __future__ import annotations

import ssl

import pytest

from pylb.base.errors import BadMessage
from pylb.wire.hello import hello_type, is_grease, read_client_hello


def real_hello(name: str | None = "Www.Example", protocols: list[str] | None = None) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(protocols or ["h2", "http/1.1"])
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def records(message: bytes, size: int) -> bytes:
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in (message[at : at + size] for at in range(0, len(message), size)))


def test_a_real_hello() -> None:
    hello = read_client_hello(real_hello())
    assert hello is not None
    assert (hello.server_name, hello.name, hello.alpn) == (b"Www.Example", "www.example", [b"h2", b"http/1.1"])
    assert (hello.record_version, hello.version, hello.best_version) == (0x0301, 0x0303, 0x0304)
    assert 0x1301 in hello.ciphers and 0x0017 in hello.groups and 0x0403 in hello.signature_algorithms and hello.signs_ecdsa
    assert len(hello.random) == 32 and 0 in hello.extensions and hello.point_formats


def test_every_cut_needs_more_until_the_end() -> None:
    data = real_hello()
    assert all(read_client_hello(data[:end]) is None for end in range(len(data)))
    assert read_client_hello(data + b"\x17\x03\x03 whatever follows") == read_client_hello(data)


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100])
def test_spread_over_records(size: int) -> None:
    data = real_hello()
    cut = records(data[5:], size)
    assert read_client_hello(cut) == read_client_hello(data)
    assert all(read_client_hello(cut[:end]) is None for end in range(0, len(cut), 17))


def test_without_extensions() -> None:
    body = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x04\x0a\x0a\x00\x2f" + b"\x01\x00"
    hello = read_client_hello(records(b"\x01" + len(body).to_bytes(3, "big") + body, 1000))
    assert hello is not None
    assert (hello.server_name, hello.name, hello.alpn, hello.versions, hello.best_version) == (None, None, [], [], 0x0301)
    assert hello.ciphers == [0x0A0A, 0x2F] and is_grease(hello.ciphers[0]) and not is_grease(0x2F) and not hello.signs_ecdsa


@pytest.mark.parametrize(("data", "position"), [
    (b"GET / HTTP/1.1\r\n", 0), (b"\x17\x03\x03", 0), (b"\x16\x04", 1), (b"\x16\x03\x01\x00\x00", 3), (b"\x16\x03\x01\xff\xff", 3),
    (b"\x16\x03\x01\x00\x05\x02\x00", 5), (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 6), (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", 2),
])  # fmt: skip
def test_what_can_never_be_a_hello(data: bytes, position: int) -> None:
    with pytest.raises(BadMessage) as caught:
        read_client_hello(data)
    assert caught.value.position == position


@pytest.mark.parametrize("end", range(44, 200, 11))
def test_a_message_that_lies_about_its_length(end: int) -> None:
    body = real_hello()[9:end]
    with pytest.raises(BadMessage):
        read_client_hello(records(b"\x01" + len(body).to_bytes(3, "big") + body, 1000))


@pytest.mark.parametrize(("data", "expected"), [
    (b"", None), (b"\x16", None), (b"\x16\x03\x01\x00\x05", None), (b"\x16\x03\x01\x00\x05\x01", 1), (b"\x16\x03\x03\x00\x05\x02", 2),
    (b"\x16\x03\x03\x00\x05\x0b", 0), (b"G", 0), (b"\x16\x02", 0),
])  # fmt: skip
def test_hello_type(data: bytes, expected: int | None) -> None:
    assert hello_type(data) == expected
