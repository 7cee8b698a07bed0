"""Servers that SRV records name, in haproxy and in pylb: who gets which record, names, ports, weights, and what is logged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from dns_answers import NameServer, addresses, failure, question_of, services
from oracle import needs_haproxy
from resolver_rig import PROGRAMS, Program

pytestmark = needs_haproxy
SRV, NX = 33, 3
Record = tuple[int, int, str]  # port, weight, host
Step = tuple[list[Record], dict[str, str]] | int | None
Result = dict[str, tuple[list[str], list[str]]]


def only(*records: Record) -> Step:
    return list(records), {}


FOUR = " server-template s 4 SERVICE"
SCRIPTS: dict[str, tuple[str, str, list[Step]]] = {
    # name: words of the section, lines of servers, what the questions for SRV records are answered; the last answer stays
    "two": ("", FOUR, [only((8001, 10, "h1.test"), (8002, 0, "h2.test"))]),
    "order": ("", FOUR, [only((8001, 1, "h1.test"), (8002, 1, "h2.test"), (8003, 1, "h3.test"), (8004, 1, "h4.test"))]),
    "many": ("", " server-template s 2 SERVICE", [only((8001, 1, "h1.test"), (8002, 1, "h2.test"), (8003, 1, "h3.test"))]),
    "ports": ("", FOUR, [only((8001, 1, "h1.test"), (8002, 1, "h1.test")), only((8002, 1, "h1.test"), (8003, 1, "h1.test"))]),
    "weights": ("", FOUR, [only((8001, 255, "h1.test"), (8002, 256, "h2.test"), (8003, 257, "h3.test")), only((8001, 65535, "h1.test"), (8002, 0, "h2.test"))]),
    "ignored": ("", " server s1 SERVICE weight 7 resolve-opts ignore-weight", [only((8001, 1000, "h1.test"))]),
    "moves": ("", FOUR, [only((8001, 1, "h1.test"), (8002, 1, "h2.test")), only((8003, 1, "h3.test")), only((8001, 1, "h1.test"), (8003, 1, "h3.test"))]),
    "missing": (" hold nx 0", FOUR, [only((8001, 1, "h1.test"), (8002, 1, "h2.test")), NX, only((8001, 1, "h1.test"))]),
    "patient": (" hold nx 1h", FOUR, [only((8001, 1, "h1.test")), NX, only((8001, 1, "h1.test"))]),
    "silent": (" hold timeout 0", FOUR, [only((8001, 1, "h1.test")), None, only((8001, 1, "h1.test"))]),
    "obsolete": (" hold obsolete 1h", FOUR, [only((8001, 1, "h1.test")), only((8002, 1, "h2.test"))]),
    "along": ("", FOUR, [([(8001, 1, "h1.test"), (8002, 1, "h2.test")], {"h1.test": "10.1.0.1"})]),
    "joins": ("", FOUR, [only((8001, 1, "h1.test")), ([(8001, 1, "h1.test")], {"h1.test": "10.1.0.1"})]),
    "six": ("", FOUR, [([(8001, 1, "h1.test")], {"h1.test": "::1"})]),
    "leaves": (" hold obsolete 1h", FOUR, [([(8001, 1, "h1.test")], {"h1.test": "10.1.0.1"}), only((8001, 1, "h1.test"))]),
    "nobody": ("", FOUR, [only((8001, 1, "nobody.test"))]),
    "checked": ("", " server s1 SERVICE check inter 1h", [only((8001, 1, "h1.test")), only((8002, 1, "h2.test"))]),
    "fixed": ("", " server s1 _http._tcp.fixed.test:99 resolvers fixed init-addr 9.9.9.9 resolve-prefer ipv4", [only((8001, 1, "h1.test"))]),
    "static": ("", " balance static-rr\n server s1 SERVICE\n server s2 SERVICE", [only((8001, 1000, "h1.test"), (8002, 1, "h2.test"))]),
}  # fmt: skip


def sections(address: str) -> str:
    text = ""
    for name, (words, servers, _) in SCRIPTS.items():
        service = f"_http._tcp.{name}.test resolvers {name} init-addr none resolve-prefer ipv4"
        text += f"resolvers {name}\n nameserver d1 {address}\n resolve_retries 1\n timeout resolve 250ms\n timeout retry 200ms\n{words}\n"
        text += f"backend {name}\n{servers.replace('SERVICE', service)}\n"
    return text


class Scripted:
    """A name server that plays all scripts; hosts have the addresses that their numbers say."""

    def __init__(self) -> None:
        self.left = {f"_http._tcp.{name}.test": list(steps) for name, (_, _, steps) in SCRIPTS.items()}
        self.rounds = 0  # of questions after all was played
        self.server = NameServer(self.reply)

    def reply(self, message: bytes) -> bytes | None:
        name, kind, _ = question_of(message)
        if kind != SRV:
            return addresses(message, [f"10.0.0.{name[1]}"]) if name[0] == "h" else failure(message, NX)
        left = self.left[name]
        self.rounds += not any(self.left.values())
        step = left.pop(0) if left else SCRIPTS[name.split(".")[2]][2][-1]
        if step is None:
            return None
        return failure(message, step) if isinstance(step, int) else services(message, *step)


def play(command: tuple[str, ...], directory: Path) -> Result:
    """Of each script: the log's lines, and the servers' states afterwards."""
    scripted = Scripted()
    program = Program(command, directory, sections(scripted.server.address))
    try:
        program.wait(lambda: scripted.rounds > 2 * len(SCRIPTS))
        program.command("show info")
        return {name: ([line for line in tuple(program.lines) if f" {name}/" in line or f" {name} has" in line], program.states(name)) for name in SCRIPTS}
    finally:
        program.close()
        scripted.server.close()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Result, ...]]:
    directory = tmp_path_factory.mktemp("services")
    yield tuple(play(command, directory / name) for name, command in zip(("haproxy", "pylb"), PROGRAMS, strict=True))


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script(name: str, played: tuple[Result, ...]) -> None:
    theirs, ours = (one[name] for one in played)
    assert ours == theirs
