"""The instrument for streams: a case is a few lines of configuration, scripted clients and scripted servers; it is played before two programs and all that
can be seen of it is compared.

Seen are: the bytes at each client and how and when its connection ended, the bytes on each connection to the server and how it ended, log lines with
their timers, and what all columns of `show stat` and lines of `show info` say afterwards (masks.py). Masked are dates, ports, pids and the number of
connections of the whole process, since some cases are played side by side; times may differ a little (comparing.py). A new case is one `Case(...)` in a table.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import masks
from stream_peers import PATIENCE, Behaviour, Idle, Origin, Played, Script, Seen, Turns, play_client
from waiting import readable, wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Origin: one\r\n\r\nhello"
POOLS = " default-server pool-purge-delay 1h\n"  # what lies idle in a pool shall not depend on when it is looked at
DEFAULTS = (("named", " option httplog\n"), ("plain", ""))


@dataclass(frozen=True)
class Case:
    """One frontend and one backend, and what is played around them. `answers`: responses each client waits for (None: one per request head it sends)."""

    name: str
    client: Script = ()
    front: str = ""
    back: str = ""
    server: str = ""  # words of server s1
    servers: tuple[str, ...] = ()  # further servers: whole lines; `{origin}`, `{refused}`, `{silent}`, `{origin2}` are addresses
    address: str = "{origin}"  # of s1; empty: no server at all
    origin: Mapping[bytes, Behaviour] | Behaviour = ()
    origin2: Mapping[bytes, Behaviour] | Behaviour = ()
    others: tuple[Script, ...] = ()
    tcp: bool = False
    tls: bool = False
    server_tls: bool = False
    answers: int | None = None
    logs: int | None = None
    patience: float = PATIENCE
    linger: float = 0.12
    settle: float = 0.1
    window: int = 0  # receive buffer of the clients
    server_window: int = 0
    listen: bool = False
    bind: str = ""
    total_only: bool = False  # of bytes: only their number, for races that decide how far a transfer got
    ends: bool = True  # compare how connections to the server end
    bytes_exact: bool = True
    statistics: bool = True
    logs_exact: bool = True
    plain_log: bool = False  # HAProxy's default format
    covers: str = ""  # cells of the grid that it was written for (grid.py): "client FIN/queue, timeout/head"

    @property
    def length(self) -> float:
        """About how many seconds it takes."""
        scripts = [max((seconds(script) for script in part), default=0.0) for part in ((self.client, *self.others), (*scripts_of(self.origin), *scripts_of(self.origin2)))]
        return max(scripts) + (0 if self.patience == PATIENCE else self.patience) + self.linger + self.settle


@dataclass
class Outcome:
    """All that was seen of one case."""

    played: Played = field(default_factory=Played)
    logs: list[str] = field(default_factory=list)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)  # what this case, and those played beside it, did to `show info`


def scripts_of(given: Mapping[bytes, Behaviour] | Behaviour) -> list[Script]:
    """All scripts of an origin."""
    many = given.values() if isinstance(given, Mapping) else [given]
    return [script for one in many for script in (one.scripts if isinstance(one, Turns) else (one,))]


def seconds(script: Script) -> float:
    """The pauses of a script."""
    return sum(step if isinstance(step, float) else step.seconds if isinstance(step, Idle) else 0.0 for step in script)


def behaviours(given: Mapping[bytes, Behaviour] | Behaviour, tcp: bool) -> Mapping[bytes, Behaviour]:
    if isinstance(given, Mapping):
        return given if tcp or b"*" in given else {b"*": ("BODY", OK), **given}
    return {b"*": given or (() if tcp else ("BODY", OK))}


class Rig:
    """One program with all cases behind it."""

    def __init__(self, command: Sequence[str], cases: Sequence[Case], directory: Path, bundle: Path | None = None, head: str = "") -> None:
        directory.mkdir()
        self.cases, self.directory, self.bundle = cases, directory, bundle
        self.host = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.1"
        self.held: list[socket.socket] = []
        self.origins: dict[str, list[Origin]] = {}
        self.listeners = {case.name: self.hold(socket.create_server((self.host, 0), backlog=1024)) for case in cases}
        self.addresses = {name: one.getsockname() for name, one in self.listeners.items()}
        self.client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client_tls.check_hostname, self.client_tls.verify_mode = False, ssl.CERT_NONE
        self.server_tls: ssl.SSLContext | None = None
        if bundle is not None:
            self.server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.server_tls.load_cert_chain(bundle)
        self.logs: dict[str, list[str]] = {}
        self.asked, self.told, self.asking = 0, 0, threading.Lock()
        self.arrived = threading.Condition()
        self.log = self.hold(socket.socket(type=socket.SOCK_DGRAM))  # not a unix socket: of those the system holds ten lines only
        self.log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.log.bind((self.host, 0))
        threading.Thread(target=self._collect, daemon=True).start()
        (directory / "cfg").write_text(self.config(head))
        self.errors = directory / "stderr"
        fds = [one.fileno() for one in self.listeners.values()]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen([*command, "-db", "-f", str(directory / "cfg")], pass_fds=fds, stdout=errors, stderr=errors)
        for one in self.listeners.values():
            one.close()
        self._await_start()

    def hold(self, one: socket.socket) -> socket.socket:
        self.held.append(one)
        return one

    # -- the configuration
    def config(self, head: str) -> str:
        text = (
            f"global\n nbthread 1\n maxconn 3000\n log {'%s:%d' % self.log.getsockname()} len 8192 local0\n stats socket {self.directory}/stats level admin\n{head}"
            + "".join(f"defaults {name}\n mode http\n log global\n{style} timeout connect 2s\n timeout client 3s\n timeout server 3s\n{POOLS}" for name, style in DEFAULTS)
        )
        return text + "".join(self.sections(case) for case in self.cases)

    def sections(self, case: Case) -> str:
        places = self.places(case)
        front, back = indented(case.front), indented(case.back)
        if "{" in case.front + case.back:
            front, back = (text.replace("{bundle}", str(self.bundle)).replace("{dir}", str(self.directory.parent)) for text in (front, back))
        style = (" mode tcp\n" if case.tcp else "") + (" option tcplog\n" if case.tcp and not case.plain_log else "")
        base = "plain" if case.plain_log else "named"
        secure = f" ssl crt {self.bundle}" if case.tls else ""
        secure_server = " ssl verify none" if case.server_tls else ""
        s1 = f" server s1 {case.address} {case.server}{secure_server}\n" if case.address else ""
        servers = s1 + "".join(f" server {line}{secure_server}\n" for line in case.servers)
        for name, value in places.items():
            servers = servers.replace("{" + name + "}", value)
        bind = f" bind fd@{self.listeners[case.name].fileno()}{secure} {case.bind.replace('{bundle}', str(self.bundle))}\n"
        if case.listen:
            return f"listen f_{case.name} from {base}\n{style}{bind}{front}{back}{servers}"
        mode = " mode tcp\n" if case.tcp else ""
        return f"frontend f_{case.name} from {base}\n{style}{bind}{front} default_backend b_{case.name}\nbackend b_{case.name} from {base}\n{mode}{back}{servers}"

    def places(self, case: Case) -> dict[str, str]:
        """Addresses for the servers of a case; what is not mentioned is not made."""
        text = case.address + "".join(case.servers)
        found = {}
        for name, script in (("origin", case.origin), ("origin2", case.origin2)):
            if "{" + name + "}" in text:
                origin = Origin(self.host, behaviours(script, case.tcp), case.tcp, self.server_tls if case.server_tls else None, case.server_window)
                self.origins.setdefault(case.name, []).append(origin)
                found[name] = origin.address
        if "{refused}" in text:
            one = self.hold(socket.socket())
            one.bind((self.host, 0))
            found["refused"] = "%s:%d" % one.getsockname()
        if "{silent}" in text:
            found["silent"] = self._silent()
        return found

    def _silent(self) -> str:
        """A listener whose queue is full: connections to it hang."""
        one = self.hold(socket.socket())
        one.bind((self.host, 0))
        one.listen(0)
        for _ in range(3):
            filler = self.hold(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(one.getsockname())
        return "%s:%d" % one.getsockname()

    # -- the program
    def _await_start(self) -> None:
        wait_until(lambda: self.command("show info"), self.process, self.errors, 20, (OSError, AssertionError))

    def command(self, line: str) -> str:
        """What the stats socket answers; one at a time, since it takes few connections."""
        with self.asking, socket.socket(socket.AF_UNIX) as one:
            one.settimeout(10)
            try:
                one.connect(str(self.directory / "stats"))
            except ConnectionRefusedError:
                raise AssertionError(f"{self.process.args} ended with {self.process.poll()}:\n{self.said()}") from None
            one.sendall(line.encode() + b"\n")
            answer = b"".join(iter(lambda: one.recv(262144), b""))
            self.asked, self.told = self.asked + 1, self.told + len(answer)
        return answer.decode("latin-1")

    def stop(self) -> None:
        if hasattr(self, "process"):
            self.process.kill()
            self.process.wait()
        for many in self.origins.values():
            for origin in many:
                origin.stop()
        for one in self.held:
            one.close()

    def said(self) -> str:
        """What it printed, without what differs from run to run."""
        text = re.sub(r"(?m)^(\[\w+\] +)\(\d+\)", r"\1(PID)", self.errors.read_text("latin-1"))
        return "\n".join(line for line in text.splitlines() if "version is" not in line and "path to executable" not in line)

    def _collect(self) -> None:
        while True:
            try:
                if not readable(self.log, 5):
                    continue
                line = self.log.recv(65536).decode("latin-1")
            except (OSError, ValueError):
                return
            found = re.search(r"(?<![\w.-])[fb]_([a-z0-9_]+)", line)
            with self.arrived:
                self.logs.setdefault(found[1] if found else "", []).append(line)
                self.arrived.notify_all()

    def statistics(self, case: Case) -> dict[str, dict[str, str]]:
        proxies = [f"f_{case.name}"] if case.listen else [f"b_{case.name}", f"f_{case.name}"]
        return {name: row for proxy in proxies for name, row in sorted(masks.rows(self.command(f"show stat {proxy} 7 -1")).items())}

    def answered(self, case: Case, line: str) -> None:
        """A command of a script: `{f}` and `{b}` are the proxies of its case, `{session}` each of its streams."""
        line = line.replace("{f}", f"f_{case.name}").replace("{b}", f"f_{case.name}" if case.listen else f"b_{case.name}")
        names = re.findall(rf"(?m)^(0x\w+): .* fe=f_{case.name} ", self.command("show sess")) if "{session}" in line else [""]
        for name in names:
            self.command(line.replace("{session}", name))

    # -- playing
    def play(self, case: Case, patience: float = 1.0) -> Outcome:
        """One case; `patience` stretches the waits for things to settle."""
        origins = self.origins.get(case.name, [])
        before = self.statistics(case) if case.statistics else {}
        outcome = Outcome()
        scripts = [case.client, *case.others]
        with ThreadPoolExecutor(len(scripts)) as pool:
            outcome.played.clients = list(pool.map(lambda script: self.one_client(case, script, patience), scripts))
        outcome.logs = [masks.masked(line) for line in self._await_logs(case, scripts, patience)]
        time.sleep(case.settle * patience)
        outcome.played.servers = [Seen(pipe.seen.data, pipe.seen.end, pipe.seen.seconds) for origin in origins for pipe in list(origin.pipes)]
        if case.statistics:
            outcome.columns = {name: masks.changes(before[name], row) for name, row in self.statistics(case).items()}
        return outcome

    def one_client(self, case: Case, script: Script, patience: float) -> Seen:
        answers = case.answers if case.answers is not None else heads(script)
        linger = case.linger * patience
        tls = self.client_tls if case.tls else None
        return play_client(self.addresses[case.name], script, answers, case.patience, linger, tls, case.window, lambda line: self.answered(case, line))

    def _await_logs(self, case: Case, scripts: Sequence[Script], patience: float) -> list[str]:
        expected = case.logs if case.logs is not None else max(1, sum(heads(script) for script in scripts))
        deadline = time.monotonic() + 1.5 * patience
        with self.arrived:
            while len(self.logs.get(case.name, [])) < expected and (left := deadline - time.monotonic()) > 0:
                self.arrived.wait(left)
            return list(self.logs.get(case.name, []))

    def play_all(self, cases: Sequence[Case], side_by_side: int, patience: float, apart: Container[str] = ()) -> dict[str, Outcome]:
        """So many cases at a time, of like length: what `show info` counts belongs to all of them. What some cases do to it is known to differ: `apart`."""
        found: dict[str, Outcome] = {}
        with ThreadPoolExecutor(side_by_side) as pool:
            for many in [*together([case for case in cases if case.name not in apart], side_by_side), *together([case for case in cases if case.name in apart], side_by_side)]:
                before = self.information()
                outcomes = list(pool.map(lambda case: self.play(case, patience), many))
                changed = masks.info_changes(before, self.information())
                if any(case.tls or case.server_tls or "ssl" in case.bind + case.server or case.total_only or not case.bytes_exact for case in many):
                    del changed["TotalBytesOut"]  # handshakes are of no certain length, nor are messages that meet a race
                for case, outcome in zip(many, outcomes, strict=True):
                    outcome.info = changed
                    found[case.name] = outcome
        return found

    def information(self) -> dict[str, str]:
        """`show info`, but for what our own commands did to it."""
        own = {"CumConns": self.asked + 1, "CumReq": self.asked + 1, "TotalBytesOut": self.told}
        found = masks.info(self.command("show info"))
        return found | {name: str(int(found[name]) - number) for name, number in own.items()}


def together(cases: Sequence[Case], count: int) -> list[Sequence[Case]]:
    """Groups of cases that take about the same time."""
    ordered = sorted(cases, key=lambda case: case.length)
    return [ordered[at : at + count] for at in range(0, len(ordered), count)]


def heads(script: Script) -> int:
    """How many request heads a script sends."""
    return sum(step.count(b"\r\n\r\n") for step in script if isinstance(step, bytes) and re.match(rb"\S+ \S+ HTTP/", step))


def indented(text: str) -> str:
    return "".join(f" {line.strip()}\n" for line in text.splitlines() if line.strip())
