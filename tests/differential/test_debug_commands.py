"""`debug dev` of haproxy and of pylb: the answers, what is told on stderr and in the log, and how the program ends.

The stacks that are told differ: HAProxy's are addresses in a program of C.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import Case, Rig
from oracle import HAPROXY, needs_haproxy

pytestmark = needs_haproxy

COMMANDS = {"theirs": [HAPROXY], "ours": [sys.executable, "-m", "pylb"]}
UNREADABLE = "debug dev hex 0x1000 40|debug dev hex 100 8|debug dev hex 0x1004 14|debug dev hex 0x1fff 3|debug dev hex 0x10 abc|debug dev hex 0x1234|debug dev hex 0x1000 -5"
ASKED = [
    *("debug dev check", "debug dev warn", "debug dev check some words", "debug dev delay 1", "debug dev delay", "debug dev delay x", "debug dev loop 1"),
    *("debug dev loop", "debug dev log hello  wor\\ ld", "debug dev log a;show version", "debug dev write", "debug dev write 0", "debug dev write 5"),
    *("debug dev write 64", "debug dev write 65", "debug dev write 66", "debug dev write 200", "debug dev write x", "debug dev write 0x10", "debug dev write 010"),
    *("debug dev write 12abc", "debug dev write -1", "debug dev write 16383", "debug dev write 16384", "debug dev hex", "debug dev hex 0", "debug dev hex abc"),
    *UNREADABLE.split("|"),
    *("debug dev tkill 2", "debug dev tkill -1 0", "debug dev tkill 0 0", "debug dev tkill 1 0", "debug dev tkill 0 99", "debug dev tkill 0 28", "debug dev tkill 1 x"),
    *("set severity-output number;debug dev write", "set severity-output string;debug dev hex 0", "debug dev", "debug dev nosuch"),
]
WITHOUT_MODE = ["debug dev write 3", "debug dev exit", "expert-mode on;operator;debug dev write 3", "expert-mode on;user;expert-mode", "expert-mode;expert-mode on;expert-mode"]
DEADLY = {
    "bug": -11, "panic": -6, "exit": 0, "exit 7": 7, "exit 300": 44, "exit -1": 255, "exit x": 0, "tkill": -6, "tkill 0 9": -9, "tkill 1 11": -11, "tkill 1 15": -15,
}  # fmt: skip
LOGGED = re.compile(r"<(\d+)>.*?\]: ")


def rigs(directory: Path) -> dict[str, Rig]:
    case = Case("one", front="http-request return status 200")
    return {name: Rig(command, [case], directory / name) for name, command in COMMANDS.items()}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[dict[str, Rig]]:
    made = rigs(tmp_path)
    try:
        yield made
    finally:
        for rig in made.values():
            rig.stop()


def conditions(rig: Rig) -> list[str]:
    """What was met, without where."""
    return re.findall(r"(?m)^(?:WARNING|FATAL): \w+ condition \".*?\" matched at (?=\S+:\d+)|\(please report.*\)$|^  call trace(?=\(\d+\):$)", rig.errors.read_text())


def shown(rig: Rig) -> list[object]:
    found: list[object] = [(line, rig.command(line)) for line in WITHOUT_MODE]
    found += [(line, rig.command(f"expert-mode on;{line}")) for line in ASKED]
    with rig.arrived:
        assert rig.arrived.wait_for(lambda: len(rig.logs.get("", [])) >= 2, 10)
    found.append([LOGGED.sub(r"<\1>", line) for line in rig.logs[""]])
    found.append(conditions(rig))
    found.append(re.findall(r"(?m)^(?:Tainted|DebugCommandsIssued): .*", rig.command("show info")))
    found.append(rig.command("experimental-mode on;set var proc.x int(1)"))
    found.append(re.findall(r"(?m)^Tainted: .*", rig.command("show info")))
    return found


def test_answers(pair: dict[str, Rig]) -> None:
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(shown, (pair["theirs"], pair["ours"]))
    assert ours == theirs


def test_memory_that_can_be_read(pair: dict[str, Rig]) -> None:
    """The beginning of a program in memory is that of its file."""
    for rig in pair.values():
        maps = Path(f"/proc/{rig.process.pid}/maps").read_text().splitlines()
        first = next(line for line in maps if line.split()[2] == "00000000" and line.split()[-1].startswith("/"))
        start = int(first.split("-")[0], 16)
        data = Path(first.split()[-1]).read_bytes()[:24]
        answer = rig.command(f"expert-mode on;debug dev hex {start:#x} 24")
        cells = re.findall(r"(?<= )[0-9a-f]{2}(?= )", answer)
        assert bytes.fromhex("".join(cells)) == data, answer
        assert answer.count(".ELF") == 1


@pytest.mark.parametrize("word", DEADLY)
def test_ends(pair: dict[str, Rig], word: str) -> None:
    ends = {}
    for name, rig in pair.items():
        answer = rig.command(f"expert-mode on;debug dev {word}")
        told = [line for line in rig.errors.read_text().splitlines() if line.startswith("Thread ")]
        ends[name] = answer, rig.process.wait(20), conditions(rig), told
    assert ends["ours"] == ends["theirs"]
    assert ends["ours"][1] == DEADLY[word]


@pytest.mark.parametrize(("head", "front"), [(" tune.fd.edge-triggered on\n", ""), ("", "http-request normalize-uri path-merge-slashes\n")])
def test_what_is_experimental_in_the_configuration_shows(tmp_path: Path, head: str, front: str) -> None:
    told = []
    for name, command in COMMANDS.items():
        rig = Rig(command, [Case("one", front=f"{front}http-request return status 200")], tmp_path / name, head=f" expose-experimental-directives\n{head}")
        try:
            told.append(re.findall(r"(?m)^Tainted: .*", rig.command("show info")))
        finally:
            rig.stop()
    assert told[0] == told[1] == ["Tainted: 0x1"]


LIBRARY = re.compile(r"0x([0-9a-f]{12})-0x([0-9a-f]{12}) \(0x([0-9a-f]{7})\) (/\S+)")


def test_libraries(pair: dict[str, Rig]) -> None:
    """Every file is where the kernel says it is; the program comes first. HAProxy's linker knows where the last byte is, the kernel its page."""
    for rig in pair.values():
        found = [LIBRARY.fullmatch(line) for line in rig.command("show libs").splitlines() if line]
        maps = [line.split() for line in Path(f"/proc/{rig.process.pid}/maps").read_text().splitlines()]
        starts: dict[str, int] = {}
        for line in maps:
            if line[-1].startswith("/"):
                starts.setdefault(str(Path(line[-1]).resolve()), int(line[0].partition("-")[0], 16))
        assert len(found) > 5 and all(found)
        for match in filter(None, found):
            start, end, size = (int(text, 16) for text in match.groups()[:3])
            assert starts[str(Path(match[4]).resolve())] == start, match[0]
            assert end - start + 1 == size
        assert found[0] is not None
        assert str(Path(found[0][4]).resolve()) == str(Path(f"/proc/{rig.process.pid}/exe").resolve())


def test_pools(pair: dict[str, Rig]) -> None:
    """The first line and the last; there are none in between here."""
    theirs, ours = (rig.command("show pools").splitlines() for rig in pair.values())
    numbers = re.compile(r"\d+")
    assert [numbers.sub("N", line) for line in (ours[0], *ours[-2:])] == [numbers.sub("N", line) for line in (theirs[0], *theirs[-2:])]
    assert len(ours) == 3
