"""A running haproxy whose objects are in as many states as possible, and what it says about them on all its surfaces."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from waiting import hang_up

from pylb.proxy.fields import FIELDS, INDEX, Row, empty_values

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"

CONFIG = """
global
    stats socket {socket} mode 600 level admin
    node spot
    description a <b>described</b> process
    maxconn 1000
    nbthread 1
    max-spread-checks 100ms

defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    timeout queue 1s
    retries 1

frontend web
    bind 127.0.0.1:{web} name first
    bind 127.0.0.1:{second} id 77
    bind {socket}.web name pipe
    option socket-stats
    http-request deny if {{ path /denied }}
    http-request return status 200 if {{ path /local }}
    http-response set-header x y
    rate-limit sessions 500
    description the <front> door
    use_backend down if {{ path /down }}
    use_backend flaky if {{ path_beg /f/ }}
    use_backend tcp-less if {{ path /none }}
    default_backend app

frontend relay
    mode tcp
    option socket-stats
    maxconn 17
    bind 127.0.0.1:{relay}
    default_backend raw

frontend closed
    bind 127.0.0.1:{closed}

backend app
    balance leastconn
    cookie SRV insert
    option httpchk GET /
    fullconn 300
    default-server inter 1s fastinter 50ms rise 2 fall 2
    server good 127.0.0.1:{origin} check cookie c1 weight 5 maxconn 30 maxqueue 12
    server spare 127.0.0.1:{origin} check backup
    server dead 127.0.0.1:{dead} check
    server drained 127.0.0.1:{origin} check
    server kept 127.0.0.1:{origin} check disabled
    server plain 127.0.0.1:{origin} cookie "a<b"
    server plainbackup 127.0.0.1:{origin} backup weight 0
    server zero 127.0.0.1:{origin} weight 0
    server follows 127.0.0.1:{dead} track app/dead
    server followsgood 127.0.0.1:{dead} track app/good
    server nolb 127.0.0.1:{origin} check
    server slow 127.0.0.1:{origin} check slowstart 60s
    server agented 127.0.0.1:{origin} check agent-check agent-port {dead} agent-inter 1s
    server followsmaint 127.0.0.1:{dead} track app/kept
    server tcpcheck 127.0.0.1:{origin} disabled

backend raw
    mode tcp
    balance source
    server six [::1]:{origin} check inter 1s
    server unixly unix@{socket}.nobody check inter 1s
    server pooled 127.0.0.1:{origin}

backend down
    server gone 127.0.0.1:{dead} check inter 1s fall 1
    server gonebackup 127.0.0.1:{dead} check inter 1s fall 1 backup

backend flaky
    option httpchk GET /flip
    balance hdr(x-some)
    default-server inter 1s downinter 50ms fastinter 1h rise 3 fall 1
    server rising 127.0.0.1:{origin} check
    server risingbackup 127.0.0.1:{flip} check backup
    server falling 127.0.0.1:{flop} check fall 3
    server fallingbackup 127.0.0.1:{flop2} check fall 3 backup
    server observed 127.0.0.1:{origin} check fastinter 1s observe layer7 error-limit 50 pool-max-conn 5 rise 1
    server agentup 127.0.0.1:{origin} agent-check agent-port {agent} agent-inter 1s
    server agentdown 127.0.0.1:{origin} check agent-check agent-port {agentdown} agent-inter 1s
    server odd-1.name:x 127.0.0.1:{origin}

backend notfound
    option httpchk GET /404
    http-check disable-on-404
    balance uri
    cookie JS prefix
    default-server inter 1s
    server nolb1 127.0.0.1:{origin} check
    server nolb2 127.0.0.1:{origin} check backup
    server drain2 127.0.0.1:{origin} backup weight 7

backend tcp-less

listen stats
    bind 127.0.0.1:{stats}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /stats
    stats refresh 7s
    stats show-legends
    stats show-node
    stats show-desc "the <i>page</i>"
    stats admin if TRUE

listen plain
    bind 127.0.0.1:{plain}
    stats enable
    stats hide-version
    stats uri /

listen modules
    bind 127.0.0.1:{modules}
    stats uri /stats?x=1
    stats show-modules
    stats show-node other
    stats scope app
    stats scope .
    stats realm some\\ where
    stats auth joe:doe

listen readonly
    bind 127.0.0.1:{readonly}
    stats uri /s
    stats show-legends
    option httplog
    compression algo gzip
"""

PORTS = ("agentdown", "flop", "flop2", "flip", "agent", "web", "second", "relay", "closed", "origin", "dead", "stats", "plain", "modules", "readonly")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    holders = [socket.socket() for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


class Origin:
    """Answers every request with 200 (or the code its path names) and keeps the connection."""

    def __init__(self, port: int, greeting: bytes = b"", flips: tuple[str, ...] = ("503", "200")) -> None:
        self.flips, self.greeting = list(flips), greeting
        self.listener = socket.create_server(("127.0.0.1", port), backlog=50)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection):
            if self.greeting:
                connection.sendall(self.greeting)
                return
            while request := self._head(connection):
                path = request.split()[1].decode().strip("/")
                if path == "flip":
                    path = self.flips.pop(0) if len(self.flips) > 1 else self.flips[0]
                status = path if path.isdigit() else "200"
                if path == "broken":
                    connection.sendall(b"nonsense\r\n\r\n")
                    return
                connection.sendall(f"HTTP/1.1 {status} Fine\r\ncontent-length: 2\r\n\r\nok".encode())

    def _head(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            try:
                more = connection.recv(4096)
            except OSError:
                return b""
            if not more:
                return b""
            data += more
        return data


class Rig:
    """The process, its ports and its voices."""

    def __init__(self, socket_path: str, ports: dict[str, int], pid: int) -> None:
        self.socket_path, self.ports, self.pid = socket_path, ports, pid

    def cli(self, *lines: str) -> str:
        """The answer to commands on the stats socket."""
        with closing(socket.socket(socket.AF_UNIX)) as s:
            s.settimeout(5)
            s.connect(self.socket_path)
            s.sendall((";".join(lines) + "\n").encode())
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def raw(self, where: str, request: bytes) -> bytes:
        """Whatever comes back on a port until it closes."""
        with closing(socket.create_connection(("127.0.0.1", self.ports[where]), timeout=5)) as s:
            s.sendall(request)
            if where == "relay":
                s.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: s.recv(65536), b""))

    def get(self, where: str, path: str, method: str = "GET", headers: str = "", body: str = "") -> bytes:
        """A whole answer, head and framing included."""
        length = f"content-length: {len(body)}\r\n" if body else ""
        return self.raw(where, f"{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{length}{headers}\r\n{body}".encode())

    def page(self, where: str, path: str, headers: str = "") -> str:
        """The body of an answer, chunks joined."""
        return split(self.get(where, path, headers=headers))[1].decode()


def rows_of(typed: str) -> list[Row]:
    """The rows that typed output describes."""
    rows: dict[tuple[str, str, str], Row] = {}
    for line in typed.splitlines():
        if not line:
            continue
        name, _, _, value = line.split(":", 3)
        kind, proxy, number, _, column, _ = name.split(".")
        row = rows.setdefault((kind, proxy, number), Row(kind, int(proxy), int(number), empty_values()))
        position = INDEX[column]
        row.values[position] = value if FIELDS[position].type == "str" else int(value)
    return list(rows.values())


def split(answer: bytes) -> tuple[bytes, bytes]:
    """Head and body of an answer; a chunked body is joined."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return head, rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        if not length:
            break
        body, rest = body + rest[:length], rest[length + 2 :]
    return head, body


def _busy(rig: Rig) -> None:
    for path in ("/", "/a", "/201", "/302", "/404", "/503", "/denied", "/local", "/broken", "/down", "/none", "/f/1", "/f/2", "/f/3", "/f/4", "/f/5"):
        rig.get("web", path)
    rig.raw("web", b"\0bad\r\n\r\n")
    rig.get("second", "/")
    rig.raw("relay", b"GET / HTTP/1.0\r\nconnection: close\r\n\r\nGET /broken HTTP/1.0\r\n\r\n")
    rig.get("stats", "/stats")
    rig.get("readonly", "/s", headers="accept-encoding: gzip\r\n")
    rig.raw("web", b"GET /local HTTP/1.1\r\nhost: h\r\n\r\n" * 1200 + b"GET /local HTTP/1.1\r\nconnection: close\r\nhost: h\r\n\r\n")


def _disturb(rig: Rig) -> None:
    rig.cli("set server app/drained state drain", "disable frontend closed", "set server notfound/drain2 state drain", "set server app/slow health down")
    _wait(lambda: "slow" in rig.cli("show stat"))
    rig.cli("set server app/slow health up")
    rig.cli("set server app/plain addr 127.0.0.2")


STATES = {
    "dead": "DOWN", "good": "UP", "gone": "DOWN", "gonebackup": "DOWN", "rising": "DOWN 1/3", "risingbackup": "DOWN 1/3", "falling": "UP 2/3",
    "fallingbackup": "UP 2/3", "nolb1": "NOLB", "nolb2": "NOLB", "agentdown": "DOWN (agent)", "six": "DOWN", "unixly": "DOWN",
}  # fmt: skip


def _settled(csv: str) -> bool:
    """Has every server reached the state it is made for?"""
    states = {line.split(",")[1]: line.split(",")[17] for line in csv.splitlines()[1:] if line}
    return all(states[name] == state for name, state in STATES.items())


def _wait(until: object, seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise AssertionError("haproxy did not get there in time")
        time.sleep(0.05)


@contextmanager
def running(directory: Path, config: str = CONFIG) -> Iterator[Rig]:
    """haproxy with the configuration, busy and disturbed, then left in peace for its rates to fall to zero."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    path = str(directory / "s")
    (directory / "haproxy.cfg").write_text(config.format(socket=path, **ports))
    flops = [Origin(ports[name], flips=("200", "503")) for name in ("flop", "flop2")]
    refusing = Origin(ports["agentdown"], b"down\n")
    origins = [*flops, refusing, Origin(ports["origin"]), Origin(ports["flip"]), Origin(ports["agent"], b'up 75%, "well" <b>, fine\n')]
    process = subprocess.Popen([HAPROXY, "-db", "-f", str(directory / "haproxy.cfg")], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        rig = Rig(path, ports, process.pid)
        _wait(lambda: Path(path).exists())
        _wait(lambda: _settled(rig.cli("show stat")))
        _busy(rig)
        _disturb(rig)
        yield rig
    finally:
        process.terminate()
        process.wait(5)
        for origin in origins:
            hang_up(origin.listener)
