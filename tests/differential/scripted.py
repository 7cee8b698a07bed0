"""Scripted origins for health checks, a program under test before them, and what can be seen of both.

An origin plays its script on every connection: bytes are sent, READ waits for bytes, numbers wait so many seconds, CLOSE and RESET end the
connection; after the script it reads until the checker ends the connection. It keeps what each connection received and how it ended.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import socket
import ssl
import struct
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

READ, CLOSE, RESET = "read", "close", "reset"
Script = Sequence[bytes | float | str]
COLUMNS = ("status", "check_status", "check_code", "last_chk", "check_desc", "check_health", "chkfail", "chkdown", "agent_status", "agent_code", "last_agt",
           "agent_desc", "agent_health", "weight", "act", "bck", "scur", "slim")  # fmt: skip


@dataclass
class Case:
    """One backend with one server: its lines, the server's words, and how the origin behaves. `{port}` is another origin's port."""

    name: str
    lines: str = ""
    server: str = ""
    script: Script = ()
    kind: str = "tcp"  # tcp, tls, refused, unix, silent (a listener that never accepts), nowhere (no unix socket)
    inter: int = 300
    compare_bytes: bool = True  # False: what arrives before a reset is left to chance
    agent: Script | None = None
    then: Sequence[Script] = ()  # for the connections after the first; the last one stays


@dataclass
class Seen:
    """What one origin saw: bytes and end of each connection, and when it began."""

    received: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)


class Origin:
    """A listening socket and its script."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None, path: str | None = None, then: Sequence[Script] = ()) -> None:
        self.scripts, self.context = [script, *then], context
        self.seen = Seen()
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(path or ("127.0.0.1", 0))
        self.socket.listen(64)
        self.socket.setblocking(False)
        self.port = 0 if path else self.socket.getsockname()[1]
        self.server: asyncio.Server | None = None

    async def start(self) -> None:
        self.server = await asyncio.start_server(self.serve, sock=self.socket, ssl=self.context)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen, number = self.seen, len(self.seen.received)
        seen.received.append(b"")
        seen.ends.append("open")
        seen.moments.append(time.monotonic())
        try:
            await self.play(reader, writer, number)
            while data := await reader.read(65536):
                seen.received[number] += data
            seen.ends[number] = "FIN"
        except (ConnectionError, ssl.SSLError, OSError) as error:
            seen.ends[number] = "RST" if isinstance(error, ConnectionError) else "TLS"
        except EOFError:
            seen.ends[number] = "ours"
        except asyncio.CancelledError:
            pass  # the story is over
        finally:
            writer.close()

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        for step in self.scripts[min(number, len(self.scripts) - 1)]:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif step == READ:
                self.seen.received[number] += await reader.read(65536)
            elif step == CLOSE:
                raise EOFError
            elif step == RESET:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                raise EOFError
            else:
                await asyncio.sleep(float(step))


def refused_port() -> tuple[int, socket.socket]:
    """A port that is bound and does not listen."""
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    return one.getsockname()[1], one


def silent_port() -> tuple[int, list[socket.socket]]:
    """A port whose queue is full: connections to it hang."""
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen(0)
    held = [one]
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(one.getsockname())
        held.append(filler)
    return one.getsockname()[1], held


@dataclass
class Outcome:
    """What a program did with one case."""

    columns: dict[str, str]
    received: list[bytes]
    ends: list[str]
    lines: list[str]
    logged: list[str]
    moments: list[float]
    agent_received: list[bytes]


class Scene:
    """All cases at once before one program."""

    def __init__(self, cases: Sequence[Case], directory: Path, head: str = "", certificate: str = "") -> None:
        self.cases, self.directory, self.head, self.certificate = cases, directory, head, certificate
        self.origins: dict[str, Origin] = {}
        self.agents: dict[str, Origin] = {}
        self.held: list[socket.socket] = []
        self.logged: list[str] = []

    def config(self, page: int, log: int) -> str:
        text = (
            f"global\n nbthread 1\n log 127.0.0.1:{log} local0\n{self.head}"
            "defaults\n mode http\n log global\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n option log-health-checks\n"
            f"listen page\n bind 127.0.0.1:{page}\n stats enable\n stats uri /s\n no option log-health-checks\n"
        )
        for case in self.cases:
            address, other = self.place(case), 0
            if case.agent is not None:
                self.agents[case.name] = Origin(case.agent)
                other = self.agents[case.name].port
            places = {
                "{port}": address.rpartition(":")[2], "{agent}": str(other), "{program}": str(self.directory / "program"),
                "{crt}": self.certificate, "{ca}": f"{self.certificate}.ca",
            }  # fmt: skip
            lines, words = "".join(f" {line.strip()}\n" for line in case.lines.splitlines() if line.strip()), case.server
            for mark, place in places.items():
                lines, words = lines.replace(mark, place), words.replace(mark, place)
            check = "" if "no-check" in words.split() else "check"
            text += f"backend {case.name}\n{lines} server s {address} {check} inter {case.inter} {words}\n"
        return text

    def place(self, case: Case) -> str:
        """Make the origin of a case; returns the server's address."""
        if case.kind == "refused":
            port, one = refused_port()
            self.held.append(one)
            return f"127.0.0.1:{port}"
        if case.kind == "silent":
            port, many = silent_port()
            self.held += many
            return f"127.0.0.1:{port}"
        if case.kind == "nowhere":
            return f"unix@{self.directory / 'nobody.sock'}"
        if case.kind == "unix":
            path = str(self.directory / f"{case.name}.sock")
            self.origins[case.name] = Origin(case.script, path=path, then=case.then)
            return f"unix@{path}"
        context = None
        if case.kind == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            context.set_alpn_protocols(["http/1.1"])
        origin = self.origins[case.name] = Origin(case.script, context, then=case.then)
        return f"127.0.0.1:{origin.port}"

    async def watch(self, command: Sequence[str], seconds: float) -> tuple[dict[str, dict[str, str]], str]:
        """Run the program so long; its statistics and messages. What to make of them must not keep the origins of another scene waiting."""
        loop = asyncio.get_running_loop()
        log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        log.bind(("127.0.0.1", 0))
        log.setblocking(False)
        loop.add_reader(log, lambda: self.logged.append(log.recv(65536).decode("latin-1")))
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        page = free.getsockname()[1]
        path = self.directory / "checks.cfg"
        path.write_text(self.config(page, log.getsockname()[1]))
        for origin in [*self.origins.values(), *self.agents.values()]:
            await origin.start()
        free.close()
        errors = self.directory / "stderr"
        with errors.open("wb") as stderr:
            process = subprocess.Popen([*command, "-db", "-f", str(path)], stderr=stderr, stdout=stderr)
        try:
            await self.up(process, page, errors)
            await asyncio.sleep(seconds)
            rows = await self.statistics(page)
        finally:
            process.kill()
            process.wait()
            loop.remove_reader(log)
        for one in [log, *self.held]:
            one.close()
        for origin in [*self.origins.values(), *self.agents.values()]:
            if origin.server is not None:
                origin.server.close()
        return rows, errors.read_text("latin-1")

    async def up(self, process: subprocess.Popen[bytes], page: int, errors: Path) -> None:
        """Wait until the program accepts connections."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and process.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", page)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
        raise AssertionError(errors.read_text("latin-1"))

    async def statistics(self, page: int) -> dict[str, dict[str, str]]:
        """A row of each server, taken while none of its checks was running."""
        rows: dict[str, dict[str, str]] = {}
        deadline = time.monotonic() + 5
        while True:
            for name, row in (await self.fetch(page)).items():
                if "*" not in row["check_status"] + row["agent_status"]:
                    rows.setdefault(name, row)
            if len(rows) == len(self.cases):
                return rows
            if time.monotonic() > deadline:
                return {**await self.fetch(page), **rows}
            await asyncio.sleep(0.03)

    async def fetch(self, page: int) -> dict[str, dict[str, str]]:
        """The statistics of all servers."""

        def load() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{page}/s;csv", timeout=5) as answer:
                return str(answer.read().decode("latin-1"))

        text = await asyncio.to_thread(load)
        return {row["# pxname"]: row for row in csv.DictReader(io.StringIO(text)) if row["svname"] == "s"}

    def outcomes(self, rows: dict[str, dict[str, str]], stderr: str) -> dict[str, Outcome]:
        """Sort by case what was seen."""
        found = {}
        for case in self.cases:
            seen = self.origins[case.name].seen if case.name in self.origins else Seen()
            agent = self.agents[case.name].seen if case.name in self.agents else Seen()
            columns = {name: without_cause(rows[case.name].get(name, "")) for name in COLUMNS}
            mine = re.compile(rf"(?:(?<!\w){case.name}/s|[' ]{case.name}[' ])")
            lines = [mask(line) for line in stderr.splitlines() if mine.search(line)]
            logged = [mask(line) for line in self.logged if mine.search(line)]
            found[case.name] = Outcome(columns, seen.received, seen.ends, lines, logged, seen.moments, agent.received)
        return found


def mask(line: str) -> str:
    """A line without pid, date and measured time."""
    line = without_cause(re.sub(r"\(\d+\)", "(PID)", line, count=1))
    line = re.sub(r"^<(\d+)>\w+ +\d+ [\d:]+ [^\[]*\[\d+\]", r"<\1>DATE TAG", line)
    return re.sub(r"duration: \d+ms", "duration: Nms", line)


def without_cause(text: str) -> str:
    """Handshakes that fail are explained by whatever errno some other call left."""
    return re.sub(r"(SSL handshake failure|SOCKS4 Proxy [a-z ]+) \([^)]*\)", r"\1", text)


def play(cases: Sequence[Case], stages: Sequence[tuple[Path, Sequence[str]]], seconds: float, head: str = "") -> list[dict[str, Outcome]]:
    """Run programs at the same time, each in its directory (which holds `server.pem` and `program`) and before its own origins."""

    scenes = [(Scene(cases, directory, head, str(directory / "server.pem")), command) for directory, command in stages]

    async def together() -> list[tuple[dict[str, dict[str, str]], str]]:
        return list(await asyncio.gather(*(scene.watch(command, seconds) for scene, command in scenes)))

    return [scene.outcomes(*seen) for (scene, _), seen in zip(scenes, asyncio.run(together()), strict=True)]
