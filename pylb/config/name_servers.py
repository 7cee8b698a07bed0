"""Name servers of the system, the implicit section `default`, and what of `resolvers` sections can only be checked in the end."""

from __future__ import annotations

import re
from typing import Final

from pylb.base.address import Address, find_host, read_host
from pylb.config.args import Reading
from pylb.config.model import Place
from pylb.config.resolvers import NameServer, Resolvers

RESOLV_CONF: Final = "/etc/resolv.conf"
IMPLICIT: Final = "default"  # the section that HAProxy makes itself of the system's name servers
PORT: Final = 53
NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def add_system_servers(section: Resolvers, path: str = RESOLV_CONF) -> list[str]:
    """Ask also whom the system's resolver asks; each is named after its address. Returns what is wrong with lines that are left out.

    Raises OSError when the file cannot be read.
    """
    complaints = []
    with open(path, encoding="latin-1") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if line.startswith("nameserver") and words[0] == "nameserver":
                complaints.append(_add(section, words[1] if len(words) > 1 else "", Place(path, number)))
    return list(filter(None, complaints))


def _add(section: Resolvers, text: str, place: Place) -> str:
    if not text:
        return f"parsing [{place}] : nameserver line is missing address."
    host = find_host(text) if NAME.fullmatch(text) else read_host(text)
    if host is None:
        return f"parsing [{place}] : address '{text}' could not be recognized, nameserver will be excluded."
    twin = section.named(text)
    if twin is not None:
        return (
            f"Parsing [{place}] : generated name for {place.file} nameserver '{text}' conflicts with another nameserver"
            f" (declared at {twin.place}), it appears to be a duplicate and will be excluded."
        )
    section.name_servers.append(NameServer(text, Address("ipv6" if ":" in host else "ipv4", host, PORT, PORT, datagram=True), place))
    return ""


def make_implicit(sections: dict[str, Resolvers]) -> None:
    """The section `default`, unless the files have one of their own. Nothing is said where the system names no server."""
    if IMPLICIT in sections:
        return
    section = Resolvers(IMPLICIT, Place("", 0))
    try:
        add_system_servers(section)
    except OSError:
        return
    if section.name_servers:
        sections[IMPLICIT] = section


def check(reading: Reading) -> None:
    """Every section has name servers, and they can be asked."""
    sections = reading.config.resolvers.values()
    for section in sections:
        if not section.name_servers:
            reading.report.warning(f"resolvers '{section.name}' [{section.place}] has no nameservers configured!")
    for section in sections:
        wrong = next((server for server in section.name_servers if server.server is None and not server.address.is_ip), None)
        if wrong is not None:
            reading.fail(f"resolvers '{section.name}': can't create socket for nameserver '{wrong.name}'.")
