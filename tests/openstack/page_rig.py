"""The load balancer of an OpenStack control plane (Keystone, Nova API, a stats page) on loopback addresses, run by HAProxy and by pylb.

Both programs share the origins, so what one of them sees, the other sees: three controllers, 127.0.0.11 to 127.0.0.13. Each program has
its own frontends, stats socket and syslog receiver. pylb is started by a file called `haproxy`, as it is where it stands in for it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from certificates import make_bundle

ROOT = Path(__file__).parents[2]
HAPROXY = "/usr/sbin/haproxy"
LIMIT = 20.0  # seconds that anything may take on a busy machine
CONTROLLERS = {f"controller-{number}": f"127.0.0.1{number}" for number in (1, 2, 3)}

PAGE = """
global
nbthread 1
daemon
maxconn 40000
log {log} local0
stats socket {dir}/haproxy.sock mode 660 level admin
defaults
log global
mode http
option httplog
option dontlognull
option {mode}
option redispatch
retries 3
timeout http-request 10s
timeout queue 1m
timeout connect 10s
timeout client 1m
timeout server 1m
timeout http-keep-alive 10s
timeout check 10s
maxconn 10000
# Frontend Keystone
frontend keystone_public
bind 127.0.0.1:{keystone} ssl crt {pem}
default_backend keystone_public_back
backend keystone_public_back
balance roundrobin
option httpchk GET /healthcheck
http-check expect status 200
server controller-1 127.0.0.11:{keystone_origin} check inter {inter} fall 3 rise 2
server controller-2 127.0.0.12:{keystone_origin} check inter {inter} fall 3 rise 2
server controller-3 127.0.0.13:{keystone_origin} check inter {inter} fall 3 rise 2
# Frontend Nova API
frontend nova_api
bind 127.0.0.1:{nova} ssl crt {pem}
default_backend nova_api_back
backend nova_api_back
balance roundrobin
option httpchk GET /
server controller-1 127.0.0.11:{nova_origin} check inter {inter} fall 3 rise 2
server controller-2 127.0.0.12:{nova_origin} check inter {inter} fall 3 rise 2
server controller-3 127.0.0.13:{nova_origin} check inter {inter} fall 3 rise 2
# Stats
listen stats
bind 127.0.0.1:{stats}
bind [::1]:{stats}
mode http
stats enable
stats uri /stats
stats refresh 10s
stats admin if LOCALHOST
"""


def missing(*programs: str) -> pytest.MarkDecorator:
    """Skip where one of these is not installed."""
    absent = [name for name in (HAPROXY, *programs) if shutil.which(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)}")


def until(ready: Callable[[], object], what: str) -> None:
    """Poll for it."""
    deadline = time.monotonic() + LIMIT
    while not ready():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.01)


def free_ports(count: int, host: str = "127.0.0.1", family: int = socket.AF_INET) -> list[int]:
    """Ports nobody uses, all different."""
    held = [socket.socket(family) for _ in range(count)]
    for one in held:
        one.bind((host, 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Origins:
    """Services on the controllers, in a loop of their own thread; each can be killed and started again."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.servers: dict[tuple[str, int], asyncio.Server] = {}
        self.connections: dict[tuple[str, int], set[asyncio.StreamWriter]] = {}
        self.waiting = 0  # requests that are held
        self.released = asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def start(self, host: str, port: int) -> None:
        """Listen."""
        asyncio.run_coroutine_threadsafe(self._start(host, port), self.loop).result(LIMIT)

    def kill(self, host: str, port: int) -> None:
        """As SIGKILL does: no more listener, and every connection closed."""
        asyncio.run_coroutine_threadsafe(self._kill((host, port)), self.loop).result(LIMIT)

    def close(self) -> None:
        for host, port in list(self.servers):
            self.kill(host, port)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(LIMIT)
        self.loop.close()

    def release(self) -> None:
        """Answer the requests that are held."""
        self.loop.call_soon_threadsafe(self.released.set)

    async def _start(self, host: str, port: int) -> None:
        key = (host, port)
        self.connections[key] = set()
        self.servers[key] = await asyncio.start_server(lambda reader, writer: self._serve(key, reader, writer), host, port, backlog=200)

    async def _kill(self, key: tuple[str, int]) -> None:
        self.servers.pop(key).close()
        for writer in self.connections[key]:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, key: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections[key].add(writer)
        if key not in self.servers:  # killed between the accept and now
            writer.transport.abort()
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET /wait"):
                    self.waiting += 1
                    await self.released.wait()
                answer = key[0].encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections[key].discard(writer)
            writer.close()


class Syslog:
    """Receives what a program logs."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.lines: list[str] = []
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        while data := self.socket.recv(65536):
            self.lines.append(data.decode("latin-1").rstrip("\n"))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.sendto(b"", self.socket.getsockname())
        self.socket.close()


@dataclass
class Site:
    """What both programs share."""

    directory: Path
    origins: Origins = field(default_factory=Origins)
    keystone: int = 0
    nova: int = 0

    def start(self) -> None:
        """Certificate and services."""
        make_bundle(self.directory / "haproxy.pem", ["localhost"], key="rsa")
        self.keystone, self.nova = free_ports(2)
        for host in CONTROLLERS.values():
            self.origins.start(host, self.keystone)
            self.origins.start(host, self.nova)


class Program:
    """One of the two, running."""

    def __init__(self, name: str, executable: str, site: Site, inter: str, mode: str) -> None:
        self.name, self.site = name, site
        self.directory = site.directory / name
        self.directory.mkdir()
        self.socket = str(self.directory / "haproxy.sock")
        self.syslog = Syslog(str(self.directory / "log"))
        self.ports = dict(zip(("keystone", "nova", "stats"), free_ports(3), strict=True))
        origins = {"keystone_origin": site.keystone, "nova_origin": site.nova}
        text = PAGE.format(dir=self.directory, log=self.directory / "log", pem=site.directory / "haproxy.pem", inter=inter, mode=mode, **self.ports, **origins)
        (self.directory / "haproxy.cfg").write_text(text)
        self.errors = self.directory / "stderr"
        with self.errors.open("wb") as errors:
            command = [executable, "-db", "-n", "5000", "-f", str(self.directory / "haproxy.cfg")]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def ask(self, command: str) -> str:
        """What the stats socket answers."""
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(LIMIT)
            one.connect(self.socket)
            one.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(65536), b"")).decode()

    def states(self, column: str = "status") -> dict[str, str]:
        """backend/server -> a column of `show stat`; nothing before the program listens."""
        try:
            header, *lines = self.ask("show stat").splitlines()
        except (OSError, ValueError):
            assert self.process.poll() is None, self.errors.read_text()
            return {}
        index = header[2:].split(",").index(column)
        rows = [line.split(",") for line in lines if line]
        return {f"{row[0]}/{row[1]}": row[index] for row in rows if row[1].startswith("controller")}

    def checked(self) -> bool:
        """Has every server been checked?"""
        states = self.states("check_status")
        return bool(states) and set(states.values()) == {"L7OK"}

    def shell(self, command: str) -> str:
        """What a command of the scripts prints; {sock} and the ports are this program's."""
        text = command.replace("{sock}", self.socket)
        for name, port in self.ports.items():
            text = text.replace(f"{{{name}}}", str(port))
        done = subprocess.run(["bash", "-c", text], capture_output=True, timeout=LIMIT, check=False)
        return (done.stdout + done.stderr).decode("latin-1")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(LIMIT)
        finally:
            self.process.kill()
            self.process.wait()
            self.syslog.close()

    def said(self) -> list[str]:
        """What came out of it, without process numbers and what changes from run to run."""
        return masked_lines(self.errors.read_text().splitlines())

    def logged(self) -> list[str]:
        """Its log lines, masked."""
        return masked_lines(self.syslog.lines)


def masked_lines(lines: list[str]) -> list[str]:
    return [masked_line(line) for line in lines if "path to executable" not in line]


def masked_line(line: str) -> str:
    """Without pids, dates, client ports, timers and durations."""
    line = re.sub(r"^(<\d+>)\w{3} [ \d]\d [\d:]{8} (\w+)\[\d+\]:", r"\1DATE \2[PID]:", line)
    line = re.sub(r"^(\[\w+\] +)\(\d+\)", r"\1(PID)", line)
    line = re.sub(r"(127\.0\.0\.1|::1):\d+ \[[^]]*\]", r"\1:PORT [DATE]", line)
    line = re.sub(r"(?<= )(-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/\+?(-?\d+) (-?\d+) ", lambda found: timers(found), line)
    line = re.sub(r"(<STATS> \S+ 200) \d+", r"\1 LENGTH", line)
    return re.sub(r"check duration: \d+ms", "check duration: Nms", line)


def timers(found: re.Match[str]) -> str:
    """Only whether there is a time; then the status."""
    return "/".join("-1" if value == "-1" else "T" for value in found.groups()[:5]) + f" {found[6]} "


def launcher(directory: Path) -> str:
    """pylb as a program called haproxy."""
    path = directory / "bin" / "haproxy"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom pylb.main import entry\nentry()\n")
    path.chmod(0o755)
    return str(path)


@dataclass
class Pair:
    """Both programs, side by side."""

    site: Site
    real: Program
    ours: Program

    def __iter__(self) -> Iterator[Program]:
        return iter((self.real, self.ours))


@contextmanager
def side_by_side(inter: str, mode: str = "http-server-close") -> Iterator[Pair]:
    """Both, all servers checked. Paths of unix sockets are short, hence not below tmp_path."""
    with tempfile.TemporaryDirectory(prefix="page") as short:
        os.chmod(short, 0o755)
        site = Site(Path(short))
        site.start()
        programs: list[Program] = []
        try:
            for name, executable in (("real", HAPROXY), ("ours", launcher(site.directory))):
                programs.append(Program(name, executable, site, inter, mode))
            pair = Pair(site, *programs)
            until(lambda: not [program for program in pair if not program.checked()], "all servers checked")
            yield pair
        finally:
            for program in programs:
                program.stop()
            site.origins.close()
