"""Fetches of what names and what protects one TLS connection: tls-unique, and the secrets for a key log (configuration.txt 7.3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.keywords.fetches.tls import CLIENT, SERVER, Facts, client_facts, server_facts
from pylb.sample.registry import fetch
from pylb.sample.types import Binary, Type

if TYPE_CHECKING:
    from pylb.stream.driver import Stream

SECRETS = {
    "client_early_traffic_secret": b"CLIENT_EARLY_TRAFFIC_SECRET",
    "client_handshake_traffic_secret": b"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "client_traffic_secret_0": b"CLIENT_TRAFFIC_SECRET_0",
    "early_exporter_secret": b"EARLY_EXPORTER_SECRET",
    "exporter_secret": b"EXPORTER_SECRET",
    "server_handshake_traffic_secret": b"SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "server_traffic_secret_0": b"SERVER_TRAFFIC_SECRET_0",
}


def unique_id(facts_of: Facts) -> Callable[[Any], bytes | None]:
    def call(stream: Stream) -> bytes | None:
        """The first Finished message of the handshake (RFC 5929 3)."""
        facts = facts_of(stream)
        data = None if facts is None else facts.unique_id
        return Binary(data) if data else None

    return call


fetch("ssl_fc_unique_id", type=Type.BIN, source=CLIENT)(unique_id(client_facts))
fetch("ssl_bc_unique_id", type=Type.BIN, source=SERVER)(unique_id(server_facts))


def secret(label: bytes) -> Callable[[Any], bytes | None]:
    def call(stream: Stream) -> bytes | None:
        """A secret of TLS 1.3 in hexadecimal digits, with `tune.ssl.keylog`."""
        facts = client_facts(stream)
        return None if facts is None or facts.peer.secrets is None else facts.peer.secrets.get(label)

    return call


for _name, _label in SECRETS.items():
    fetch(f"ssl_fc_{_name}", type=Type.STR, source=CLIENT)(secret(_label))
