"""What `resolvers` sections and the words `resolve-*` say, once read: part of `config.model` (configuration.txt 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pylb.base.address import Address

if TYPE_CHECKING:
    from pylb.config.model import Place, Server


@dataclass(slots=True)
class Resolve:
    """Which of a name's addresses one server takes (`resolve-prefer`, `resolve-net`, `resolve-opts`)."""

    prefer: int = 6  # the family: 4 or 6
    networks: tuple[tuple[int, int, int], ...] = ()  # version, address, mask
    duplicates: bool = False  # the address of another server of the same name will do
    ignore_weight: bool = False  # what SRV records say of weights does not count


@dataclass(frozen=True, slots=True)
class NameServer:
    """One `nameserver` line."""

    name: str
    address: Address
    place: Place
    server: Server | None = None  # how to connect, where it is asked over TCP


@dataclass(slots=True)
class Resolvers:
    """A section; times in milliseconds."""

    name: str
    place: Place
    name_servers: list[NameServer] = field(default_factory=list)
    retries: int = 3
    payload_size: int = 512
    timeouts: dict[str, int] = field(default_factory=lambda: {"resolve": 1000, "retry": 1000})
    holds: dict[str, int] = field(
        default_factory=lambda: {"nx": 30000, "timeout": 30000, "refused": 30000, "other": 30000, "valid": 10000, "obsolete": 0}
    )

    def named(self, name: str) -> NameServer | None:
        """The name server called so."""
        return next((known for known in self.name_servers if known.name == name), None)
