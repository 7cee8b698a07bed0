"""What happens inside the namespaces of `test_kolla_netns`: a controller of a Kolla deployment, small and closed to the outside.

Run as `python kolla_inside.py ETC EXECUTABLE [until-down]` in network, mount and process namespaces of its own: ETC becomes /etc/haproxy, EXECUTABLE
becomes /usr/sbin/haproxy, the VIPs and the controllers' addresses are on the loopback interface, every server that the files name
listens. HAProxy is started by the script that Kolla starts it with, then asked; what it answered is printed as JSON. The namespaces
end with this process, and everything in them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ADDRESSES = ("10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.13", "203.0.113.10")
SOCKET = "/var/lib/kolla/haproxy/haproxy.sock"
ASK = f"socat unix-connect:{SOCKET} stdio"
LIMIT = 30.0
PASSWORD = "openstack:$(sed -n 's/.*stats auth openstack://p' /etc/haproxy/haproxy.cfg)"


def sh(command: str) -> str:
    """What a command prints, and how it ends."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=LIMIT, check=False)
    return (done.stdout + done.stderr).decode("latin-1") + (f"[status {done.returncode}]" if done.returncode else "")


def must(*command: str) -> None:
    subprocess.run(command, check=True)


def until(ready: Callable[[], object], what: str, seen: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + LIMIT
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited too long for {what}: {seen()}")
        time.sleep(0.02)


def furnish(etc: str, executable: str) -> None:
    """The directories, users and addresses that Kolla's container and host give."""
    must("mount", "--bind", executable, "/usr/sbin/haproxy")
    must("mount", "--bind", etc, "/etc/haproxy")
    for directory in ("/run", "/var/lib"):
        must("mount", "-t", "tmpfs", "none", directory)
    os.makedirs("/var/lib/haproxy")
    os.makedirs("/var/lib/kolla/haproxy")
    add_line(Path("/etc/group"), "kolla", "kolla:x:42400:")
    add_line(Path("/etc/group"), "haproxy", "haproxy:x:42454:")
    add_line(Path("/etc/passwd"), "haproxy", "haproxy:x:42454:42454::/var/lib/haproxy:/usr/sbin/nologin")
    must("ip", "link", "set", "lo", "up")
    for address in ADDRESSES:
        must("ip", "address", "add", f"{address}/32", "dev", "lo")


def add_line(path: Path, name: str, line: str) -> None:
    """A user or group that is missing: a changed copy covers the file, here only."""
    text = path.read_text()
    if not re.search(rf"(?m)^{name}:", text):
        copy = Path("/run") / f"{path.name}-{name}"
        copy.write_text(f"{text.rstrip()}\n{line}\n")
        must("mount", "--bind", str(copy), str(path))


class World:
    """The servers and the log receiver."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.servers: dict[tuple[str, int], asyncio.Server] = {}
        self.lines: list[str] = []
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def start(self) -> None:
        text = "".join(path.read_text() for path in Path("/etc/haproxy").rglob("*.cfg"))
        servers = re.findall(r"(?m)^\s*server \S+ ([\d.]+):(\d+)(?:.* check port (\d+))?", text)
        for host, port in sorted({(host, port) for host, *ports in servers for port in ports if port}):
            asyncio.run_coroutine_threadsafe(self.serve(host, int(port)), self.loop).result(LIMIT)
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("10.0.0.11", 5140))
        threading.Thread(target=self.receive, args=(receiver,), daemon=True).start()

    def receive(self, receiver: socket.socket) -> None:
        while True:
            self.lines.append(receiver.recv(65536).decode("latin-1").rstrip("\n"))

    async def serve(self, host: str, port: int) -> None:
        """Answers with what was asked."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    body = f"{host}:{port}\n".encode() + head.replace(b"\r", b"")
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()

        self.servers[host, port] = await asyncio.start_server(answer, host, port)

    def kill(self, host: str, port: int) -> None:
        async def close() -> None:
            self.servers[host, port].close()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(LIMIT)


def checked() -> bool:
    """Has every server been checked?"""
    header, *rows = sh(f'echo "show stat -1 4 -1" | {ASK}').splitlines() or [""]
    if "check_status" not in header:
        return False
    index = header[2:].split(",").index("check_status")
    states = {row.split(",")[index] for row in rows if row.count(",") > index}
    return bool(states) and states <= {"L7OK", "L4OK"}


def faces() -> list[tuple[str, str, str]]:
    """Frontend, scheme and address of every service."""
    found = []
    for path in sorted(Path("/etc/haproxy/services.d").glob("*.cfg")):
        for block in re.split(r"(?m)^(?=\S)", path.read_text()):
            name = re.match(r"(?:frontend|listen) (\S+)", block)
            bind = re.search(r"bind (\S+)( ssl)?", block)
            if name and bind and "mode http" in block:
                found.append((name[1], "https" if bind[2] else "http", bind[1]))
    return found


def steps(pid: int) -> Iterator[tuple[str, str]]:
    """What is asked, in order."""
    yield "check alive", f'echo "show info" | {ASK} > /dev/null; echo $?'
    yield "info", f'echo "show info" | {ASK} | grep -E "^(Name|Version|Nbthread|Nbproc|Process_num|Maxconn|Hard_maxconn|Stopping|Listeners|Unstoppable Jobs):"'
    yield "socket", f"stat -c '%A %U %G' {SOCKET}"
    yield "pid file", f"[ $(cat /run/haproxy.pid) = {pid} ] && wc -l < /run/haproxy.pid"
    yield (
        "processes",
        "for one in $(pgrep -x haproxy; pgrep -f sbin/haproxy); do grep -E '^(Uid|Gid|Groups):' /proc/$one/status; readlink /proc/$one/root; done | sort -u",
    )
    yield "listening", "ss -Hltn | awk '{print $4}' | sort"
    yield "states", f"echo \"show stat\" | {ASK} | awk -F, '{{print $1, $2, $18}}' | column -t"
    yield "servers state", f'echo "show servers state" | {ASK} | cut -d" " -f 1-9,11'
    yield "not allowed", f'echo "disable server keystone_internal_back/controller-1" | {ASK}'
    for name, scheme, address in faces():
        yield f"service {name}", f"for i in 1 2 3; do curl -sk --http1.1 -A test {scheme}://{address}/v3?{name}; done"
    for name, scheme, address in faces():
        if "external" in name:
            yield f"server-status of {name}", f"curl -ski --http1.1 {scheme}://{address}/server-status"
    yield "old TLS", "curl -sk --http1.1 --tls-max 1.2 https://10.0.0.10:5000/v3"
    yield "monitor", "curl -si http://10.0.0.10:61313/; curl -si http://10.0.0.11:61313/anything"
    yield "stats refused", "curl -si http://10.0.0.11:1984/"
    yield "stats", f"curl -si -u {PASSWORD} http://10.0.0.11:1984/ | grep -aE '^(HTTP|[a-z-]+:|<title|<head|<h1)|pxname' | sed 's/<td.*//'"
    yield "csv", f"curl -s -u {PASSWORD} 'http://10.0.0.11:1984/;csv' | cut -d, -f 1,2,18-21 | grep -v ^stats,BACK"
    yield "metrics", "curl -si http://10.0.0.11:9101/metrics | sed -E 's/ [-0-9.e+]+$/ N/; s/haproxy_process_build_info.*/BUILD/'"
    yield "server metrics", "curl -s 'http://10.0.0.11:9101/metrics?scope=server' | grep -E '^haproxy_server_(status|weight|check_status|responses_total|up)'"
    yield "no metrics", "curl -si http://10.0.0.11:9101/"


def play(world: World, until_down: bool) -> dict[str, object]:
    """Start it, ask it, kill a server (and perhaps wait until checks find it), stop it."""
    errors = Path("/run/errors")
    with errors.open("wb") as output:
        process = subprocess.Popen(["bash", "/etc/haproxy/haproxy_run.sh"], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    until(
        lambda: process.poll() is not None or (os.path.exists(SOCKET) and checked()),
        "checks",
        lambda: errors.read_text() + sh(f'echo "show stat -1 4 -1" | {ASK}'),
    )
    if process.poll() is not None:
        raise SystemExit(errors.read_text())
    told: dict[str, object] = {name: sh(command) for name, command in steps(process.pid)}
    world.kill("10.0.0.11", 5000)
    _, scheme, address = next(face for face in faces() if face[0].startswith("keystone"))
    told["one dead"] = sorted(sh(f"for i in 1 2 3 4 5 6; do curl -sk --http1.1 {scheme}://{address}/v3 | head -1; done").splitlines())
    if until_down:
        expected = sh(f'echo "show servers state" | {ASK} | grep -c "10.0.0.11 .* 5000 "')
        until(lambda: sh(f'echo "show servers state" | {ASK} | grep -c "10.0.0.11 0 .* 5000 "') == expected, "DOWN")
    process.send_signal(signal.SIGTERM)
    told["exit status"] = process.wait(LIMIT)
    told["errors"] = errors.read_text().splitlines()
    told["log"] = world.lines
    return told


def main() -> None:
    etc, executable, *more = sys.argv[1:]
    furnish(etc, executable)
    world = World()
    world.start()
    print(json.dumps(play(world, "until-down" in more)))


if __name__ == "__main__":
    assert shutil.which("ip")
    main()
