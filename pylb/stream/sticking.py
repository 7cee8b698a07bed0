"""`stick` rules: find the server that a key of the request was sent to before, and remember where it went (configuration.txt 4.2 `stick on`, `stick match`,
`stick store-request`, `stick store-response`).

What shall be remembered is kept until a server has answered, so that it is the server that did answer; each table remembers one key per stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.proxy.table import Entry, StickRule, Table

if TYPE_CHECKING:
    from pylb.proxy.server import Server

MOST = 8  # keys remembered for one stream


def match(stream: Any) -> Server | None:
    """Run the rules on a request; the server of the first key that is known, unless another is designated already."""
    found: Server | None = None
    for rule in stream.backend.stick_rules:
        if rule.response:
            continue
        key = key_for(stream, rule)
        if key is None:
            continue
        table, text = key
        if rule.match and found is None and not stream.direct:
            found = known(stream, table, text)
        if rule.store:
            stream.stick_stores.append(key)
    return found


def key_for(stream: Any, rule: StickRule) -> tuple[Table, bytes] | None:
    """The table and the key of a rule that applies; None when it does not."""
    table: Table = stream.process.tables[rule.table]
    if stream.stick_stores is None:
        stream.stick_stores = []
    if len(stream.stick_stores) >= MOST or any(other is table for other, _ in stream.stick_stores):
        return None
    if rule.test is not None and not rule.test(stream, True):
        return None
    key = table.key_of(rule.call(stream))
    return None if key is None else (table, key)


def known(stream: Any, table: Table, key: bytes) -> Server | None:
    """The server that an entry names, if it still exists."""
    now = stream.process.clock.now()
    entry = table.lookup(key, now)
    if entry is None:
        return None
    table.touch(entry, now)
    return None if stream.ignored else server_of(stream.backend, table, entry)


def server_of(backend: Any, table: Table, entry: Entry) -> Server | None:
    """By its key (name or address), or else by its number."""
    text, number = entry.data["server_key"], entry.data["server_id"]
    servers: list[Server] = backend.servers
    if text is not None:
        for server in servers:
            if name_for(table, server) == text:
                return server
    return next((server for server in servers if server.id == number), None)


def name_for(table: Table, server: Server) -> str:
    """What identifies a server in the table (`srvkey`)."""
    if table.settings.server_key == "addr":
        if server.address.kind not in ("ipv4", "ipv6"):
            return server.address.host
        return f"{server.address.host}:{server.address.port}"
    return server.name


def store(stream: Any) -> None:
    """A server answered: remember it for the keys of the request and of the response."""
    for rule in stream.backend.stick_rules:
        if rule.response:
            key = key_for(stream, rule)
            if key is not None:
                stream.stick_stores.append(key)
    stores, stream.stick_stores = stream.stick_stores, None
    server: Server = stream.server
    if not stores or server.settings.no_stick:
        return
    now = stream.process.clock.now()
    for table, text in stores:
        entry = table.get(text, now)
        if entry is not None:
            entry.data["server_id"] = server.id
            entry.data["server_key"] = name_for(table, server)
            table.touch(entry, now)
