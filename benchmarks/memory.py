"""Memory of idle client connections, pylb beside HAProxy: `python -m benchmarks.memory [--plain N] [--tls N] [--json]`.

Each connection is opened, serves one request and then lies idle under keep-alive. What is shown is how much private memory the process
has gained with all of them open, divided by their number; buffers of the kernel are not in it. The budget is for plain connections.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.running import commands, free_ports, processors, resident, running

BUDGET = 8192
WARM_UP = 20  # connections that come and go first, so that what is made once is not counted
RESPONSE_END = b"ok"
CONFIGURATION = """
global
    nbthread 1
    maxconn {most}
defaults
    mode http
    timeout client 600s
    timeout server 600s
    timeout connect 1s
frontend fe
    bind 127.0.0.1:{plain}
    bind 127.0.0.1:{tls} ssl crt {certificate}
    default_backend be
backend be
    server s1 127.0.0.1:{origin}
"""


def certificate(directory: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    key, crt, both = directory / "key.pem", directory / "crt.pem", directory / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", key, "-out", crt],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_bytes(crt.read_bytes() + key.read_bytes())
    return both


def open_one(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connection that has served a request."""
    connection = socket.create_connection(("127.0.0.1", port))
    if context is not None:
        connection = context.wrap_socket(connection)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(RESPONSE_END):
        piece = connection.recv(4096)
        if not piece:
            raise SystemExit(f"no answer: {answer!r}")
        answer += piece
    return connection


def cost(pid: int, port: int, count: int, context: ssl.SSLContext | None) -> float:
    """Bytes per idle connection."""
    for connection in [open_one(port, context) for _ in range(WARM_UP)]:
        connection.close()
    settle(pid)
    before = resident(pid)
    connections = [open_one(port, context) for _ in range(count)]
    settle(pid)
    after = resident(pid)
    for connection in connections:
        connection.close()
    return (after - before) / count


def settle(pid: int) -> None:
    """Return when the process has had half a second with nothing more to do."""
    seen, since, ends_at = resident(pid), time.monotonic(), time.monotonic() + 10
    while time.monotonic() < min(since + 0.5, ends_at):
        time.sleep(0.1)
        if (now := resident(pid)) != seen:
            seen, since = now, time.monotonic()


def measure(plain: int, tls: int) -> dict[str, dict[str, float]]:
    """Bytes per connection of each program and kind."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * max(plain, tls) + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most) if most != resource.RLIM_INFINITY else wanted, most))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tested, others = processors()
    ports = free_ports(3)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "memory.cfg")
        names = {"plain": ports[0], "tls": ports[1], "origin": ports[2], "most": max(plain, tls) + WARM_UP + 100}
        config.write_text(CONFIGURATION.format(certificate=certificate(Path(directory)), **names))
        with running([sys.executable, "-m", "benchmarks.origin", str(ports[2])], ports[2:], others):
            for name, command in sorted(commands(config).items()):
                for kind, port, count in (("plain", ports[0], plain), ("TLS", ports[1], tls)):
                    if count:
                        with running(command, ports[:2], tested) as process:
                            found.setdefault(name, {})[kind] = cost(process.pid, port, count, context if kind == "TLS" else None)
                        print(f"{name:8} {kind:5} {found[name][kind]:8.0f} bytes per idle connection", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure and report; the exit status is 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="memory of idle client connections, pylb beside HAProxy")
    parser.add_argument("--plain", type=int, default=5000, help="how many plain connections")
    parser.add_argument("--tls", type=int, default=1000, help="how many TLS connections; 0: none")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    chosen = parser.parse_args()
    found = measure(chosen.plain, chosen.tls)
    if chosen.json:
        print(json.dumps(found, indent=1))
    else:
        for name, kinds in sorted(found.items()):
            print(f"{name:8}", ", ".join(f"{kind}: {size / 1024:.1f} KiB" for kind, size in kinds.items()))
        print(f"the budget of a plain connection is {BUDGET // 1024} KiB")
    raise SystemExit(1 if found["pylb"].get("plain", 0) > BUDGET else 0)


if __name__ == "__main__":
    main()
