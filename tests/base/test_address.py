"""Addresses of the configuration: what is read, what is refused, and in which words."""

from __future__ import annotations

import os
import socket

import pytest

from pylb.base import address
from pylb.base.address import BIND, LISTEN_LOG, LOG, NAMESERVER, SERVER, SOURCE, Accepts, Address, parse_address, parse_addresses
from pylb.base.errors import Alert


@pytest.mark.parametrize(
    ("text", "accepts", "expected"),
    [
        ("*:80", BIND, Address("ipv4", "0.0.0.0", 80, 80)),
        (":80", BIND, Address("ipv4", "0.0.0.0", 80, 80)),
        (":80-90", BIND, Address("ipv4", "0.0.0.0", 80, 90)),
        ("[::1]:80", BIND, Address("ipv6", "::1", 80, 80)),
        ("::1:80", BIND, Address("ipv6", "::1", 80, 80)),
        (":::80", BIND, Address("ipv6", "::", 80, 80)),
        ("::ffff:1.2.3.4:80", BIND, Address("ipv6", "::ffff:1.2.3.4", 80, 80)),
        ("ipv6@:80", BIND, Address("ipv6", "::", 80, 80, family=6)),
        ("ipv4@*:80", BIND, Address("ipv4", "0.0.0.0", 80, 80, family=4)),
        ("[127.0.0.1]:80", BIND, Address("ipv4", "127.0.0.1", 80, 80)),
        ("1.2.3:80", BIND, Address("ipv4", "1.2.0.3", 80, 80)),
        ("127.0.0.1:80x", BIND, Address("ipv4", "127.0.0.1", 80, 80)),
        ("/tmp/x", BIND, Address("unix", "/tmp/x")),
        ("unix@x:80", BIND, Address("unix", "x:80")),
        ("abns@a/b", BIND, Address("abns", "a/b")),
        ("stream+ipv4@1.2.3.4:5", BIND, Address("ipv4", "1.2.3.4", 5, 5, family=4)),
        ("1.2.3.4", SERVER, Address("ipv4", "1.2.3.4", relative=True)),
        ("1.2.3.4:+10", SERVER, Address("ipv4", "1.2.3.4", 10, 10, relative=True)),
        ("1.2.3.4:-10", SERVER, Address("ipv4", "1.2.3.4", -10, -10, relative=True)),
        ("nosuch.invalid:80", SERVER, Address("name", "nosuch.invalid", 80, 80)),
        ("1.2.3.4:514", LOG, Address("ipv4", "1.2.3.4", 514, 514, datagram=True)),
        ("tcp@1.2.3.4:53", NAMESERVER, Address("ipv4", "1.2.3.4", 53, 53)),
        ("stdout", LOG, Address("stdout", datagram=True)),
        ("ring@buffer", LOG, Address("ring", "buffer", datagram=True)),
        ("fd@2", LOG, Address("fd", fd=2, datagram=True)),
        ("1.2.3.4", SOURCE, Address("ipv4", "1.2.3.4")),
    ],
)
def test_reading(text: str, accepts: Accepts, expected: Address) -> None:
    assert parse_address(text, accepts, {}) == expected


@pytest.mark.parametrize(
    ("text", "accepts", "complaint"),
    [
        ("127.0.0.1", BIND, "missing port specification in '127.0.0.1'"),
        ("127.0.0.1:", BIND, "missing port specification in '127.0.0.1:'"),
        ("127.0.0.1:0", BIND, "invalid port '0'"),
        (":65536", BIND, "invalid port '65536'"),
        (":90-80", BIND, "invalid port range '90-80'"),
        (":80-", BIND, "invalid port ''"),
        (":+80", BIND, "port offset not permitted here in ':+80'"),
        (":abc", BIND, "invalid character 'a' in port number 'abc' in ':abc'"),
        ("[*]:80", BIND, "invalid address: '[*]' in '[*]:80'"),
        ("fe80::1%lo:80", BIND, "invalid address: 'fe80::1%lo' in 'fe80::1%lo:80'"),
        ("ipv6@127.0.0.1:80", BIND, "invalid address: '127.0.0.1' in 'ipv6@127.0.0.1:80'"),
        ("udp@127.0.0.1:80", BIND, "dgram-type address not acceptable in 'udp@127.0.0.1:80'"),
        ("tcp@1.2.3.4:5", LISTEN_LOG, "stream-type address not acceptable in 'tcp@1.2.3.4:5'"),
        ("fd@x", BIND, "file descriptor 'x' is not a valid integer in 'fd@x'"),
        ("fd@999999", BIND, "cannot use file descriptor '999999' : Bad file descriptor."),
        ("fd@3", SERVER, "a file descriptor is not acceptable here in 'fd@3'"),
        ("1.2.3.4:80-90", SERVER, "port range not permitted here in '1.2.3.4:80-90'"),
        ("$UNSET", BIND, "'$UNSET' resolves to an empty address (environment variable missing?)"),
        (
            "quic4@:80",
            BIND,
            "unsupported stream protocol for datagram family 2 address 'quic4@:80'; QUIC is not compiled in if this is what you were looking for.",
        ),
        ("/" + "a" * 97, BIND, f"socket path '/{'a' * 97}' too long (max 97)"),
    ],
)
def test_refusals(text: str, accepts: Accepts, complaint: str) -> None:
    with pytest.raises(Alert) as caught:
        parse_address(text, accepts, {})
    assert str(caught.value) == complaint


def test_several_addresses() -> None:
    assert [str(one) for one in parse_addresses("127.0.0.1:80,[::1]:81,/tmp/x,")] == ["127.0.0.1:80", "[::1]:81", "/tmp/x"]


def test_variables_count_outside_quotes() -> None:
    env = {"HOST": "127.0.0.1", "PORT": "81", "COLON": ":"}
    assert str(parse_address("$HOST:${PORT}", BIND, env)) == "127.0.0.1:81"
    assert str(parse_address("127.0.0.1${COLON}80", BIND, env)) == "127.0.0.1:80"
    assert address.expand("${X-1}", env) == "-1}"


def test_inherited_sockets_must_be_of_the_right_kind() -> None:
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        assert parse_address(f"fd@{stream.fileno()}").fd == stream.fileno()
        with pytest.raises(Alert, match="is of the wrong type"):
            parse_address(f"fd@{datagram.fileno()}")
        assert os.fstat(datagram.fileno())  # still open


def test_endpoints() -> None:
    assert parse_address("[::1]:80").endpoint() == address.Endpoint.tcp("::1", 80)
    assert parse_address("abns@x").endpoint() == address.Endpoint.abns("x")
    assert parse_address(":+5", SERVER).with_port(8005).endpoint() == address.Endpoint.tcp("0.0.0.0", 8005)
