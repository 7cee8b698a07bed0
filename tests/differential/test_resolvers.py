"""Servers whose addresses follow names: the same name server is asked by haproxy and by pylb, and answers both by the same script.

Compared are the questions, what is logged, the servers' states, and the counters. A script goes on with each question, not with time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from dns_answers import ANSWERS, ConnectedNameServer, NameServer, addresses, answer, failure, question_of
from oracle import needs_haproxy
from resolver_rig import PROGRAMS, Program, counted

pytestmark = needs_haproxy
KINDS = {1: "A", 28: "AAAA", 33: "SRV"}
NX, REFUSED, FAILED = 3, 5, 2
SILENCE = None
Reply = list[str] | int | None  # addresses, an error's code, nothing at all

# -- answers, right and broken: every one gets a section of its own, and is given to one question and to the one that follows an error


def one_by_one(message: bytes) -> bytes:
    name, _, section = question_of(message)
    return answer(message, ANSWERS[name.removesuffix(".test")][1](section, section[:-4]))


def many_sections(address: str) -> str:
    return "".join(
        f"resolvers {name}\n nameserver d {address}\n resolve_retries 1\n timeout resolve 1h\n timeout retry 1h\n"
        f"backend {name}\n server s {name}.test:80 resolvers {name} init-addr none resolve-prefer ipv4\n"
        for name in ANSWERS
    )


def after_broken_answers(command: tuple[str, ...], directory: Path, kind: type[NameServer] | type[ConnectedNameServer]) -> tuple[str, list[str], list[tuple[str, int]]]:
    server = kind(one_by_one)
    program = Program(command, directory, many_sections(server.address))
    wanted = sum(1 if verdict in ("valid", "too_big") else 2 for verdict, _ in ANSWERS.values())
    try:
        program.wait(lambda: counted(program.command("show resolvers")) >= wanted)
        said = program.command("show resolvers")
        return said, [state for name in ANSWERS for state in program.states(name)], sorted(server.asked)
    finally:
        program.close()
        server.close()


@pytest.mark.parametrize("kind", [NameServer, ConnectedNameServer])
def test_answers_right_and_broken(kind: type[NameServer] | type[ConnectedNameServer], tmp_path: Path) -> None:
    theirs, ours = (after_broken_answers(command, tmp_path / name, kind) for name, command in zip(("haproxy", "pylb"), PROGRAMS, strict=True))
    assert ours[1] == theirs[1]
    assert ours[2] == theirs[2]
    assert ours[0] == theirs[0]


# -- scripts: what one name's questions are answered, one after the other; the last answer stays

SCRIPTS: dict[str, tuple[str, str, list[Reply]]] = {
    # name: words of the section, lines of servers, answers
    "moves": ("", " server s1 moves.test:80 PREFER4", [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.2", "10.0.0.3"], ["10.0.0.3"]]),
    "choice": ("", " server s1 choice.test:80 PREFER4", [[f"10.0.0.{n}" for n in range(1, 9)], ["10.0.0.7", "10.0.0.8"]]),
    "order": ("", " server-template s 1-3 order.test:80 PREFER4", [["10.0.0.1", "10.0.0.2", "10.0.0.3"], ["10.0.0.1"], [f"10.0.0.{n}" for n in range(1, 5)]]),
    "few": ("", " server-template s 3 few.test:80 PREFER4", [["10.0.0.1"], ["10.0.0.2", "10.0.0.1"]]),
    "twice": ("", " server s1 twice.test:80 PREFER4\n server s2 twice.test:80 PREFER4 resolve-opts allow-dup-ip", [["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]]),
    "start": ("", " server s1 start.test:80 resolvers SECTION init-addr 9.9.9.9 resolve-prefer ipv4", [["9.9.9.9"], ["10.0.0.1"]]),
    "six": ("", " server s1 six.test:80 resolvers SECTION init-addr none", [["::1"], ["::1", "::2"], ["::2"], FAILED, ["10.0.0.1"]]),
    "nets": ("", " server s1 nets.test:80 PREFER4 resolve-net 10.9.0.0/16,10.1.0.0/16", [["10.2.0.1", "10.1.0.5", "10.3.0.1"], ["10.9.0.1", "10.1.0.5"]]),
    "nothing": (" hold other 0", " server s1 nothing.test:80 PREFER4", [["10.0.0.1"], [], [], ["10.0.0.1"]]),
    "missing": (" hold nx 0", " server s1 missing.test:80 PREFER4", [["10.0.0.1"], NX, NX, ["10.0.0.2"]]),
    "refused": (" hold refused 0", " server s1 refused.test:80 PREFER4", [["10.0.0.1"], REFUSED, REFUSED, ["10.0.0.1"]]),
    "broken": (" hold other 0", " server s1 broken.test:80 PREFER4", [["10.0.0.1"], FAILED, FAILED, ["10.0.0.1"]]),
    "silent": (" hold timeout 0", " server s1 silent.test:80 PREFER4", [["10.0.0.1"], SILENCE, ["10.0.0.1"]]),
    "patient": (" hold nx 1h\n hold timeout 1h", " server s1 patient.test:80 PREFER4", [["10.0.0.1"], NX, NX, SILENCE, ["10.0.0.2"]]),
    "retries": (" resolve_retries 3\n hold nx 0", " server s1 retries.test:80 PREFER4", [NX, NX, SILENCE, NX, NX, NX, ["10.0.0.1"]]),
    "obsolete": (" hold obsolete 1h", " server s1 obsolete.test:80 PREFER4", [["10.0.0.1"], ["10.0.0.2"], NX, NX, ["10.0.0.2"]]),
    "backup": ("", " server s1 backup.test:80 PREFER4 backup\n server s2 backup.test:80 PREFER4 disabled", [["10.0.0.1", "10.0.0.2"]]),
    "tracked": (" hold nx 0", " server s1 tracked.test:80 PREFER4 check inter 1h\n server s2 10.0.0.9:80 track s1", [NX, NX, ["10.0.0.1"], NX, NX, ["10.0.0.1"]]),
}  # fmt: skip


def script_sections(address: str) -> str:
    text = ""
    for name, (words, servers, _) in SCRIPTS.items():
        text += f"resolvers {name}\n nameserver d1 {address}\n resolve_retries 1\n timeout resolve 60ms\n timeout retry 200ms\n{words}\n"
        text += f"backend {name}\n{servers.replace('PREFER4', 'resolvers SECTION init-addr none resolve-prefer ipv4').replace('SECTION', name)}\n"
    return text


class Scripted:
    """A name server that plays all scripts."""

    def __init__(self) -> None:
        self.left = {f"{name}.test": list(answers) for name, (_, _, answers) in SCRIPTS.items()}
        self.questions: dict[str, list[str]] = {name: [] for name in self.left}
        self.server = NameServer(self.reply)

    def reply(self, message: bytes) -> bytes | None:
        name, kind, _ = question_of(message)
        left = self.left[name]
        if left:
            self.questions[name].append(KINDS[kind])
        reply = left.pop(0) if left else SCRIPTS[name.removesuffix(".test")][2][-1]
        if isinstance(reply, list):
            return addresses(message, reply)
        return None if reply is None else failure(message, reply)


def play(command: tuple[str, ...], directory: Path) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """Of each script: the questions, the log's lines, the servers' states afterwards."""
    scripted = Scripted()
    program = Program(command, directory, script_sections(scripted.server.address))
    try:
        program.wait(lambda: not any(scripted.left.values()))
        asked = len(scripted.server.asked)
        program.wait(lambda: len(scripted.server.asked) > asked + 2 * len(SCRIPTS))  # the last answers have arrived, and been logged
        program.command("show info")
        return {
            name: (scripted.questions[f"{name}.test"], [line for line in tuple(program.lines) if f" {name}/" in line], program.states(name)) for name in SCRIPTS
        }
    finally:
        program.close()
        scripted.server.close()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, tuple[list[str], list[str], list[str]]], ...]]:
    directory = tmp_path_factory.mktemp("scripts")
    yield tuple(play(command, directory / name) for name, command in zip(("haproxy", "pylb"), PROGRAMS, strict=True))


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script(name: str, played: tuple[dict[str, tuple[list[str], list[str], list[str]]], ...]) -> None:
    theirs, ours = (one[name] for one in played)
    assert ours == theirs


# -- commands

COMMANDS = """
resolvers r1
 nameserver d1 {address}
 timeout resolve 1h
 timeout retry 1h
backend b
 server s1 A.Test:80 resolvers r1 init-addr none resolve-prefer ipv4
 server s2 b.test.:80 resolvers r1 init-addr none resolve-prefer ipv4
 server s3 a.test:80 resolvers r1 init-addr none resolve-prefer ipv4
 server s4 c.test:80 resolvers r1 init-addr none
 server s5 localhost:80
 server s6 _http._tcp.b.test resolvers r1 init-addr none
 server s7 _http._tcp.b.test init-addr none
 server s8 10.0.0.8:80 resolvers r1
"""
ZONE: dict[str, Reply] = {"a.test": ["10.0.0.1", "10.0.0.2"], "b.test": ["10.0.0.3"]}
SAID = [
    *("show resolvers", "show resolvers r1", "show resolvers r1 r2", "show resolvers none"),
    *(f"show stat domain resolvers {form}" for form in ("", "typed", "typed desc", "json", "up", "none")),
    *(f"set server b/{words}" for words in ("s1 fqdn x.test", "s4 fqdn A.tEst", "s1 fqdn", "s2 fqdn a..b", "s2 fqdn " + "x" * 64, "s3 fqdn a.test")),
    *("set server b/s3 fqdn A.test", "set server b/s3 addr 1.2.3.4", "set server b/s5 fqdn x.test"),
    *(f"set server b/s{number} fqdn x.test" for number in (6, 7, 8)),
    "show servers state b",
    "clear counters",
    *("show resolvers r1", "clear counters all", "show resolvers r1", "show stat domain resolvers", "show stat domain resolvers json"),
]


def answers_to_commands(command: tuple[str, ...], directory: Path) -> list[tuple[str, str]]:
    server = NameServer(lambda message: addresses(message, found) if isinstance(found := ZONE.get(question_of(message)[0]), list) else None)
    program = Program(command, directory, COMMANDS.format(address=server.address))
    try:
        program.wait(lambda: counted(program.command("show resolvers")) >= 2)
        return [(line, re.sub(r"(?m)^((?:\S+ ){9})\d+", r"\1T", program.command(line))) for line in SAID]
    finally:
        program.close()
        server.close()


def test_commands(tmp_path: Path) -> None:
    theirs, ours = (answers_to_commands(command, tmp_path / name) for name, command in zip(("haproxy", "pylb"), PROGRAMS, strict=True))
    for (line, expected), (_, found) in zip(theirs, ours, strict=True):
        assert found == expected, line
