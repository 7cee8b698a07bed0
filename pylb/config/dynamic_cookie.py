"""Cookies made from servers' addresses (configuration.txt 4.2 `dynamic-cookie-key`): several load balancers with one key make the same ones."""

from __future__ import annotations

from ipaddress import ip_address

from pylb.base.address import Address
from pylb.config import model
from pylb.config.args import Reading
from pylb.sample.xxhash import xxh64

EQUAL = "We generated two equal cookies for two different servers.\nPlease change the secret key for '{}'."


def dynamic_cookie(key: str | None, address: Address) -> bytes | None:
    """The cookie of a server at `address`; None without a key, and for what is no IP address."""
    if key is None or address.kind not in ("ipv4", "ipv6"):
        return None
    place = ip_address(address.host).packed + (address.port & 0xFFFFFFFF).to_bytes(4, "big")
    return b"%016x" % xxh64(key.encode("latin-1", "replace") + place, 0)


def check_equal(proxy: model.Proxy, reading: Reading) -> None:
    """Two servers with one cookie cannot be told apart."""
    if proxy.cookie is None or "dynamic" not in proxy.cookie.flags or not proxy.is_backend:
        return
    seen: list[bytes] = []
    for server in proxy.servers:
        cookie = dynamic_cookie(proxy.dynamic_cookie_key, server.address) if server.cookie is None else server.cookie
        if cookie is None:
            continue
        if server.cookie is None and not server.disabled:
            for _ in range(seen.count(cookie)):
                reading.report.warning(EQUAL.format(proxy.name))
        if not server.disabled:
            seen.append(cookie)
