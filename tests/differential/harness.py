"""The instrument for streams: a case is a few lines of configuration, scripted clients and scripted servers; it is played before two programs and all that
can be seen of it is compared.

Seen are: the bytes at each client and how and when its connection ended, the bytes on each connection to the server and how it ended, log lines with
their timers, and the differences of all columns of `show stat` that do not measure time. Masked are dates, ports, pids and the number of connections of
the whole process (cases are played side by side); times may differ by `SLACK`.
"""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from stream_peers import PATIENCE, Behaviour, Origin, Played, Script, Seen, play_client
from waiting import readable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Origin: one\r\n\r\nhello"
SLACK = (0.12, 0.3)  # seconds, and of the whole
UNSTEADY = set(
    "pxname # pxname svname status lastchg downtime pid iid sid rate rate_max check_status check_code check_duration req_rate req_rate_max last_chk last_agt qtime ctime"
    " rtime ttime addr cookie mode algo conn_rate conn_rate_max check_desc agent_desc qtime_max ctime_max rtime_max ttime_max srv_icur src_ilim ssl_reused_sess".split()  # sessions with servers are not resumed yet
) | {"# pxname"}
WIDTH = 88
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


@dataclass
class Outcome:
    """All that was seen of one case."""

    played: Played = field(default_factory=Played)
    logs: list[str] = field(default_factory=list)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)


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
        self.arrived = threading.Condition()
        self.log = self.hold(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.log.bind(str(directory / "log"))
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
            f"global\n nbthread 1\n maxconn 3000\n log {self.directory}/log len 8192 local0\n stats socket {self.directory}/stats level admin\n{head}"
            + "".join(f"defaults {name}\n mode http\n log global\n{style} timeout connect 2s\n timeout client 3s\n timeout server 3s\n" for name, style in DEFAULTS)
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
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.command("show info"):
                    return
            except OSError:
                time.sleep(0.02)
        said = self.errors.read_text("latin-1")
        self.stop()
        raise AssertionError(said)

    def command(self, line: str) -> str:
        """What the stats socket answers."""
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(10)
            one.connect(str(self.directory / "stats"))
            one.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(262144), b"")).decode("latin-1")

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
        rows: dict[str, dict[str, str]] = {}
        for proxy in {f"f_{case.name}", f"f_{case.name}" if case.listen else f"b_{case.name}"}:
            for row in csv.DictReader(io.StringIO(self.command(f"show stat {proxy} 7 -1"))):
                rows[f"{row['# pxname']}/{row['svname']}"] = row
        return {name: rows[name] for name in sorted(rows)}

    # -- playing
    def play(self, case: Case, patience: float = 1.0) -> Outcome:
        """One case; `patience` stretches the waits for things to settle."""
        origins = self.origins.get(case.name, [])
        if any(origin.pipes for origin in origins):
            for origin in origins:
                origin.forget()
            time.sleep(0.05)
        with self.arrived:
            self.logs.pop(case.name, None)
        before = self.statistics(case) if case.statistics else {}
        outcome = Outcome()
        scripts = [case.client, *case.others]
        with ThreadPoolExecutor(len(scripts)) as pool:
            outcome.played.clients = list(pool.map(lambda script: self.one_client(case, script, patience), scripts))
        outcome.logs = [masked(line) for line in self._await_logs(case, scripts, patience)]
        time.sleep(case.settle * patience)
        outcome.played.servers = [Seen(pipe.seen.data, pipe.seen.end, pipe.seen.seconds) for origin in origins for pipe in list(origin.pipes)]
        if case.statistics:
            outcome.columns = {name: differences(before[name], row) for name, row in self.statistics(case).items()}
        return outcome

    def one_client(self, case: Case, script: Script, patience: float) -> Seen:
        answers = case.answers if case.answers is not None else heads(script)
        linger = case.linger * patience
        return play_client(self.addresses[case.name], script, answers, case.patience, linger, self.client_tls if case.tls else None, case.window)

    def _await_logs(self, case: Case, scripts: Sequence[Script], patience: float) -> list[str]:
        expected = case.logs if case.logs is not None else max(1, sum(heads(script) for script in scripts))
        deadline = time.monotonic() + 1.5 * patience
        with self.arrived:
            while len(self.logs.get(case.name, [])) < expected and (left := deadline - time.monotonic()) > 0:
                self.arrived.wait(left)
            return list(self.logs.get(case.name, []))

    def play_all(self, cases: Sequence[Case], side_by_side: int, patience: float) -> dict[str, Outcome]:
        with ThreadPoolExecutor(side_by_side) as pool:
            return dict(zip([case.name for case in cases], pool.map(lambda case: self.play(case, patience), cases), strict=True))


def heads(script: Script) -> int:
    """How many request heads a script sends."""
    return sum(step.count(b"\r\n\r\n") for step in script if isinstance(step, bytes) and re.match(rb"\S+ \S+ HTTP/", step))


def indented(text: str) -> str:
    return "".join(f" {line.strip()}\n" for line in text.splitlines() if line.strip())


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What a case changed, for counters; what is there, for everything else."""
    found = {}
    for name, value in after.items():
        if name in UNSTEADY or not name:
            continue
        if name == "lastsess":
            value = "some" if value not in ("-1", "") else value
        elif re.fullmatch(r"-?\d+", value or "") and re.fullmatch(r"-?\d+", before.get(name, "") or ""):
            value = value if name in ("scur", "qcur") or name.endswith("_cur") or "open" in name else str(int(value) - int(before[name]))
        found[name] = value
    return found


def masked(line: str) -> str:
    """A log line without what differs from run to run: pid, dates, ports, and how many connections the process has."""
    line = re.sub(r"^<(\d+)>\w+ +\d+ [\d:]+ \S+\[\d+\]: ", r"<\1>", line.rstrip("\n"))
    line = re.sub(r"\[\d+/\w+/\d+:[\d:.]+\]", "[DATE]", line)
    line = re.sub(r"\b(127(?:\.\d+){3}):\d+", r"HOST:PORT", line)
    line = re.sub(r"( [-\w]{2,4}) \d+(/\d+/\d+/\d+/\+?\d+ \d+/\d+)", r"\1 A\2", line, count=1)
    line = re.sub(r"\[\d+/\w+/\d+:[\d:]+ [-+]\d+\]", "[DATE]", line)  # CLF
    line = re.sub(r'(" )(?:-?\d+ )+([-\w]{4} )\d+ ', r"\1TIMERS \2A ", line)
    line = re.sub(r'(HTTP/1\.\d" \d+ \d+ "" "") \d+ \d+', r"\1 PORT MS", line)
    return re.sub(r"^(<\d+>)127\.[\d.]+ ", r"\1HOST ", line)


# -- comparing
TIMERS = re.compile(r"(?<= )[-+]?\d+(?:/[-+]?\d+){2,4}(?= )")


def near(one: float, other: float) -> bool:
    """Are two times in seconds the same as far as a busy machine lets us see?"""
    return abs(one - other) <= SLACK[0] + SLACK[1] * max(one, other)


def same_line(theirs: str, ours: str) -> bool:
    """Are two log lines the same, timers apart which may differ a little?"""
    if TIMERS.sub("T", theirs, count=1) != TIMERS.sub("T", ours, count=1):
        return False
    one, other = TIMERS.search(theirs), TIMERS.search(ours)
    if one is None or other is None:
        return one is other
    pairs = [(int(a), int(b)) for a, b in zip(one[0].split("/"), other[0].split("/"), strict=False)]
    return all((a < 0) == (b < 0) and near(a / 1000, b / 1000) for a, b in pairs)


def same_seen(case: Case, theirs: Seen, ours: Seen, server: bool) -> bool:
    if case.bytes_exact and theirs.data != ours.data:
        return False
    if server:
        return not case.ends or theirs.end == ours.end
    return theirs.end == ours.end and near(theirs.seconds, ours.seconds)


def differing(case: Case, theirs: Outcome, ours: Outcome) -> list[str]:
    """What is not the same; nothing when all is."""
    found = []
    for name, one, other in (("clients", theirs.played.clients, ours.played.clients), ("servers", theirs.played.servers, ours.played.servers)):
        if len(one) != len(other) or not all(same_seen(case, a, b, name == "servers") for a, b in zip(one, other, strict=True)):
            found.append(name)
    if len(theirs.logs) != len(ours.logs) or not all(same_line(a, b) for a, b in zip(sorted(theirs.logs, key=no_timers), sorted(ours.logs, key=no_timers), strict=True)):
        found += ["logs"] * case.logs_exact
    if theirs.columns != ours.columns:
        found.append("columns")
    return found


def no_timers(line: str) -> str:
    return TIMERS.sub("T", line, count=1)


def transcript(outcome: Outcome, other: Outcome) -> list[str]:
    """What was seen, line by line; columns only where the programs differ."""
    lines = []
    for number, seen in enumerate(outcome.played.clients):
        lines += [f"client {number}: {seen.end} after {seen.seconds:.1f} s", *quoted(seen.data)]
    for number, seen in enumerate(outcome.played.servers):
        lines += [f"server connection {number}: {seen.end}", *quoted(seen.data)]
    lines += [f"log {line[at : at + WIDTH - 4]}" for line in outcome.logs for at in range(0, len(line), WIDTH - 4)]
    for row, columns in outcome.columns.items():
        others = other.columns.get(row, {})
        wrong = [f"{name}={value}" for name, value in columns.items() if others.get(name) != value]
        lines.append(f"{row}: {' '.join(wrong)}" if wrong else row)
    return lines


def quoted(data: bytes) -> list[str]:
    text = repr(data[:1200])[2:-1].replace("\\n", "\\n\n").split("\n")
    lines = [line[at : at + WIDTH - 4] for line in text for at in range(0, max(1, len(line)), WIDTH - 4)]
    return [f"  {line}" for line in lines if line] + ([f"  ... {len(data)} bytes"] if len(data) > 1200 else [])


def side_by_side(theirs: Outcome, ours: Outcome) -> str:
    """Both transcripts, haproxy's on the left; lines that differ are marked."""
    left, right = transcript(theirs, ours), transcript(ours, theirs)
    rows = [f"   {'haproxy':<{WIDTH}}  pylb"]
    for at in range(max(len(left), len(right))):
        one, other = (side[at] if at < len(side) else "" for side in (left, right))
        rows.append(f"{' ' if one == other else '*'}  {one:<{WIDTH}}  {other}")
    return "\n".join(rows)


class Pair:
    """Both programs with the same cases."""

    def __init__(self, cases: Sequence[Case], directory: Path, commands: tuple[Sequence[str], Sequence[str]], bundle: Path | None = None, head: str = "") -> None:
        self.cases = {case.name: case for case in cases}
        with ThreadPoolExecutor(2) as pool:
            made = [pool.submit(Rig, command, cases, directory / name, bundle, head) for name, command in zip(("theirs", "ours"), commands, strict=True)]
            self.rigs = [one.result() for one in made]
        self.outcomes: list[dict[str, Outcome]] = [{}, {}]

    def play_all(self) -> None:
        """Play everything; what differs is played again with more patience and less company, since loaded machines make differences that nobody made."""
        todo = list(self.cases)
        for side_by_side, patience in ((10, 1.0), (5, 1.5), (2, 2.5)):
            with ThreadPoolExecutor(2) as pool:
                plays = pool.map(lambda rig: rig.play_all([self.cases[name] for name in todo], side_by_side, patience), self.rigs)  # noqa: B023
                for known, fresh in zip(self.outcomes, plays, strict=True):
                    known.update(fresh)
            todo = [name for name in todo if differing(self.cases[name], *(outcomes[name] for outcomes in self.outcomes))]

    def compare(self, name: str) -> str:
        """Empty when the programs agree on a case."""
        theirs, ours = (outcomes[name] for outcomes in self.outcomes)
        wrong = differing(self.cases[name], theirs, ours)
        return f"{name}: {', '.join(wrong)} differ\n{side_by_side(theirs, ours)}" if wrong else ""

    def stop(self) -> None:
        for rig in self.rigs:
            rig.stop()
