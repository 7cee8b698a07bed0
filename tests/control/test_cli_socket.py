"""The stats socket's connections: framing, limits, time, backpressure, on real sockets with the loop of the test."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

import pylb.keywords
from pylb.base.clock import Clock
from pylb.base.net import ListenError
from pylb.base.registry import Entry
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.control.cli import CliListener
from pylb.control.interpreter import split_words
from pylb.control.registry import Words, command
from pylb.control.stream_text import human
from pylb.control.usage import listed
from pylb.keywords.cli.errors import dump
from pylb.process import build
from pylb.process.net import RealNet
from pylb.process.worker import new_loop
from pylb.proxy.process import Process

pylb.keywords.load()

CONFIG = """
global
    stats socket {dir}/socket mode 620 level admin
    stats socket 127.0.0.1:{port} level user
    stats socket {dir}/narrow level operator maxconn 2
    stats timeout {timeout}
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend fe
    bind {dir}/fe
    default_backend be
backend be
    server s1 127.0.0.1:1
    server s2 127.0.0.1:1 weight 20
{more}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


Story = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A process with its stats sockets, on a loop of its own."""

    def __init__(self, directory: Path, timeout: str = "5s", more: str = "") -> None:
        self.directory = directory
        path = directory / "haproxy.cfg"
        path.write_text(CONFIG.format(dir=directory, timeout=timeout, more=more, port=free_port()))
        printed: list[str] = []
        config = read_config([str(path)], Report(write=printed.append), dict(os.environ))
        assert config is not None, "".join(printed)
        self.loop = new_loop()
        asyncio.set_event_loop(self.loop)
        self.net = RealNet(self.loop)
        self.process: Process = build.build(config, self.loop, Clock(self.loop.time), self.net)
        self.messages: list[str] = []
        self.process.message = lambda level, text: self.messages.append(text)
        self.listeners = [CliListener(self.process, settings, number) for number, settings in enumerate(config.global_.stats_sockets, 1)]

    def play(self, story: Story) -> None:
        try:
            self.loop.run_until_complete(asyncio.wait_for(story(self), 20))
        finally:
            for listener in self.listeners:
                listener.close()
            self.loop.run_until_complete(asyncio.sleep(0.01))
            self.net.close()
            self.loop.close()

    async def connect(self, name: str = "socket") -> Client:
        return Client(*await asyncio.open_unix_connection(str(self.directory / name)))

    async def ask(self, text: str, name: str = "socket") -> str:
        client = await self.connect(name)
        client.send(text)
        return await client.rest()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, text: str) -> None:
        self.writer.write(text.encode())

    async def until(self, end: str) -> str:
        return (await self.reader.readuntil(end.encode())).decode()

    async def rest(self) -> str:
        answer = await self.reader.read()
        self.writer.close()
        return answer.decode()


def test_prompt_and_payload(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        client = await stage.connect()
        client.send("prompt\n")
        assert await client.until("> ") == "\n> "
        client.send("set severity-output number\n")
        assert await client.until("> ") == "\n> "
        client.send("get weight be/nosuch\n")
        assert await client.until("> ") == "[3]: No such server.\n\n> "
        client.send("show map nosuch <<\n")
        assert await client.until("+ ") == "+ "
        client.send("a b\n")
        assert await client.until("+ ") == "+ "
        client.send("\n")
        assert await client.until("\n> ") == "[3]: Unknown map identifier. Please use #<id> or <file>.\n\n> "
        client.send("quit\n")
        assert await client.rest() == ""

    Stage(tmp_path).play(story)


def test_bytes_one_by_one(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        client = await stage.connect()
        for character in "get weight be/s2":
            client.send(character)
            await asyncio.sleep(0)
        client.send("\n")
        assert await client.rest() == "20 (initial 20)\n\n"

    Stage(tmp_path).play(story)


def test_half_closed_peers_are_answered_unfinished_commands_are_not(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        for text, answer in (("show cli level\n", "admin\n\n"), ("show cli level", ""), ("", "")):
            client = await stage.connect()
            client.send(text)
            client.writer.write_eof()
            assert await client.rest() == answer

    Stage(tmp_path).play(story)


def test_permissions_and_level_of_the_socket(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        assert stat.S_IMODE(os.stat(tmp_path / "socket").st_mode) == 0o620
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.listeners[1].listening.endpoint.port)
        writer.write(b"show cli level;disable server be/s1\n")
        assert await reader.read() == b"user\n\nPermission denied\n\n"
        writer.close()

    Stage(tmp_path).play(story)


def test_silence_ends_a_connection(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        client = await stage.connect()
        client.send("prompt\n")
        await client.until("> ")
        began = time.monotonic()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.until("> ")
        assert 0.1 < time.monotonic() - began < 2

    Stage(tmp_path, timeout="200ms").play(story)


def test_a_long_answer_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of silence begins again with everything that is sent."""
    lines = 100

    def slowly(cli: object, words: object) -> Iterator[str]:
        for number in range(lines):
            time.sleep(0.006)  # longer than a turn: each line has one of its own
            yield f"{number}\n"

    monkeypatch.setattr("pylb.control.interpreter.find", lambda words: (Entry("slow", slowly, {}), Words()))

    async def story(stage: Stage) -> None:
        client = await stage.connect()
        client.send("slow\n")
        assert (await client.rest()).split() == [str(number) for number in range(lines)]

    Stage(tmp_path, timeout="200ms").play(story)


def test_too_many_connections_wait(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        holders = [await stage.connect("narrow") for _ in range(2)]
        for holder in holders:
            holder.send("prompt\n")
            await holder.until("> ")
        third = await stage.connect("narrow")
        third.send("show cli level\n")
        waiting = asyncio.ensure_future(third.rest())
        assert not (await asyncio.wait([waiting], timeout=0.1))[0]
        holders[0].writer.close()
        assert await waiting == "operator\n\n"

    Stage(tmp_path).play(story)


def test_connections_are_counted_apart(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        info = dict(line.split(": ", 1) for line in (await stage.ask("show info\n")).strip().split("\n"))
        assert (info["CurrConns"], info["CumConns"], info["CumReq"]) == ("0", "1", "1")
        assert stage.process.counters.cli_connections == 0

    Stage(tmp_path).play(story)


def test_long_answers_leave_as_they_are_read_and_let_others_run(tmp_path: Path) -> None:
    many = "backend many\n" + "".join(f"    server s{number} 127.0.0.1:1\n" for number in range(4000))

    async def story(stage: Stage) -> None:
        client = await stage.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send("show stat\n")
        gaps, last = [], time.monotonic()
        for _ in range(40):
            await asyncio.sleep(0.001)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
        [connection] = stage.listeners[0].connections
        assert connection.paused and connection.pieces is not None  # not read: nothing more is produced
        assert sorted(gaps)[len(gaps) // 2] < 0.02
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        answer = await client.rest()
        assert answer.count("\n") == 4000 + 7  # servers; header, fe, be and its two, many, the empty line
        assert answer.endswith("\n\n")

    Stage(tmp_path, more=many).play(story)


def test_a_client_that_leaves_in_the_middle(tmp_path: Path) -> None:
    many = "backend many\n" + "".join(f"    server s{number} 127.0.0.1:1\n" for number in range(2000))

    async def story(stage: Stage) -> None:
        client = await stage.connect()
        client.send("show stat\n")
        await client.until("svname")
        client.writer.transport.abort()
        deadline = time.monotonic() + 5
        while stage.listeners[0].connections and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert not stage.listeners[0].connections
        assert await stage.ask("show cli level\n") == "admin\n\n"

    Stage(tmp_path, more=many).play(story)


def test_endless_lines_end_the_connection(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        client = await stage.connect()
        client.send("x" * 40000)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, BrokenPipeError)):
            await client.until("> ")

    Stage(tmp_path).play(story)


def test_changes_of_frontends_are_told(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.ask("disable frontend fe;enable frontend fe;shutdown frontend fe\n")
        assert stage.messages == ["Paused frontend fe.", "Resumed frontend fe.", "Proxy fe stopped (cumulated conns: FE: 0, BE: 0)."]

    Stage(tmp_path).play(story)


def test_what_is_not_implemented_says_so(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        assert await stage.ask("show trace\n") == "pylb: 'show trace' is not implemented yet.\n\n"

    Stage(tmp_path).play(story)


def test_a_socket_that_cannot_be_bound(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = stage.process.config.global_.stats_sockets[1]
        settings.bind.address = settings.bind.address.with_port(taken.getsockname()[1])
        with pytest.raises(ListenError):
            CliListener(stage.process, settings, 9)

    async def nothing(stage: Stage) -> None:
        await asyncio.sleep(0)

    stage.play(nothing)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  a  b\tc ", ["a", "b", "c"]),
        (r"a\ b \\ c\;d", ["a b", "\\", "c;d"]),
        ("a\0b", ["a"]),
        ("", []),
        ('"a b"', ['"a', 'b"']),
        (" ".join("x" * 70), ["x"] * 64),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (60, "1m"), (65, "1m5s"), (3600, "1h"), (7500, "2h5m"), (90000, "1d1h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert human(seconds) == text


def test_dumped_bytes() -> None:
    assert list(dump(b"A: " + b"x" * 100 + b"\x00\\\r\nB\n")) == [
        f"  00000  A: {'x' * 67}\n",
        f"  00070+ {'x' * 33}\\x00\\\\\\r\\n\n",
        "  00107  B\\n\n",
    ]


def test_every_command_has_a_manual_entry_or_says_it_is_not_implemented() -> None:
    for entry in command:
        assert entry.manual or entry.function.__name__ == "refuse", entry.name
        assert "help" in entry.facts or "usage" not in entry.facts
    assert len(listed(())) == 100
