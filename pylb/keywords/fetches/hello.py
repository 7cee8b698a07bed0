"""Fetches of the ClientHello that began a TLS connection, as far as `tune.ssl.capture-buffer-size` keeps it (configuration.txt 7.3.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Type
from pylb.sample.validity import Source
from pylb.sample.xxhash import xxh64
from pylb.wire.hello_capture import HelloCapture, without_grease

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

FILTER = "[integer]"  # 1: leave out the values that are there to keep servers tolerant


def _hello(name: str, type: Type, args: str, read: Callable[[HelloCapture, bool], Any]) -> None:
    """A fetch of what is kept of the ClientHello."""

    def call(stream: Stream, filtered: int | None = None) -> Any:
        """A fact of the ClientHello."""
        captured = getattr(stream.session.tls, "captured", None)
        return None if captured is None else read(captured, bool(filtered))

    fetch(name, type=type, source=Source.CLIENT_CONNECTION, args=args)(call)


def _chosen(numbers: bytes, filtered: bool) -> bytes:
    return without_grease(numbers) if filtered else numbers


def _signed(number: int) -> int:
    """HAProxy's integers have a sign."""
    return number - (1 << 64) if number >> 63 else number


@lru_cache(maxsize=1024)
def names(ciphers: bytes) -> bytes:
    """OpenSSL's names of suites; of clients of one kind the lists are alike."""
    from pylb.wire.tls_facts import cipher_name  # where there is a ClientHello it is loaded

    return ",".join(cipher_name(ciphers[at : at + 2]) or f"UNKNOWN({ciphers[at : at + 2].hex()})" for at in range(0, len(ciphers) - 1, 2)).encode()


_hello("ssl_fc_protocol_hello_id", Type.SINT, "", lambda hello, _: hello.version)
_hello("ssl_fc_cipherlist_bin", Type.STR, FILTER, lambda hello, filtered: Binary(_chosen(hello.ciphers, filtered)))
_hello("ssl_fc_cipherlist_hex", Type.BIN, FILTER, lambda hello, filtered: _chosen(hello.ciphers, filtered).hex().upper().encode())
_hello("ssl_fc_cipherlist_str", Type.STR, FILTER, lambda hello, filtered: names(_chosen(hello.ciphers, filtered)))
_hello("ssl_fc_cipherlist_xxh", Type.SINT, "", lambda hello, _: _signed(xxh64(hello.all_ciphers)))
_hello("ssl_fc_extlist_bin", Type.STR, FILTER, lambda hello, filtered: Binary(_chosen(hello.extensions, filtered)))
_hello("ssl_fc_eclist_bin", Type.STR, FILTER, lambda hello, filtered: Binary(_chosen(hello.groups, filtered)))
_hello("ssl_fc_ecformats_bin", Type.STR, "", lambda hello, _: Binary(hello.point_formats))
