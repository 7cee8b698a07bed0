"""Where a run takes place: a directory, ports, certificates, a log sink, origins. Everything in it outlives the measured programs."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import origin
from benchmarks.running import free_ports, processors, python, raise_limits, running

LOOK = 0.004  # seconds between two looks of the sink
BULK = 10 << 20  # bytes of a large body
KEYS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("rsa:2048",)}


@dataclass(slots=True)
class Place:
    """What rows and programs are told."""

    directory: Path
    front: int  # where the measured program listens
    origins: list[int]  # for small requests
    bulk: int  # for large bodies
    sink: int  # for log lines
    logged: list[int]  # how many arrived, in its only element
    origin: int  # process of the small origins
    tested: set[int]  # processors
    others: set[int]
    seconds: float = 4.0  # of load in each measurement
    scale: float = 1.0  # of numbers of connections and transfers; less than 1 in smoke tests
    certificates: dict[str, Path] = field(default_factory=dict)
    remembered: dict[str, float] = field(default_factory=dict)  # between measurements: a saturation

    def certificate(self, kind: str) -> Path:
        """A certificate for localhost with its key, in one file."""
        if kind not in self.certificates:
            self.certificates[kind] = certificate(self.directory, kind)
        return self.certificates[kind]

    def scaled(self, number: int) -> int:
        return max(2, round(number * self.scale))


def certificate(directory: Path, kind: str = "ecdsa") -> Path:
    """Make one."""
    key, crt, both = (directory / f"{kind}-{part}.pem" for part in ("key", "crt", "both"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *KEYS[kind], "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", crt],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_bytes(crt.read_bytes() + key.read_bytes())
    return both


@contextmanager
def sink() -> Iterator[tuple[int, list[int]]]:
    """A UDP socket that takes log lines and counts them. It looks now and then: waking a reader for every line would be charged to the sender."""
    counted = [0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.setblocking(False)
        over = threading.Event()

        def take() -> None:
            while not over.wait(LOOK):
                try:
                    while sock.recv(4096):
                        counted[0] += 1
                except BlockingIOError:
                    pass

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield sock.getsockname()[1], counted
        finally:
            over.set()
            thread.join()


@contextmanager
def place(seconds: float = 4.0, scale: float = 1.0) -> Iterator[Place]:
    """Origins and sink run until the end of the block; this process stays off the measured processor."""
    tested, others = processors()
    before = os.sched_getaffinity(0)
    with ExitStack() as stack:
        os.sched_setaffinity(0, others)
        stack.callback(os.sched_setaffinity, 0, before)
        raise_limits()
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, counted = stack.enter_context(sink())
        front, bulk, *origins = free_ports(5)
        small = stack.enter_context(running(origin.command(directory, origins), origins, others))
        stack.enter_context(running(python("benchmarks.origin", "--bulk", BULK, bulk), [bulk], others))
        yield Place(directory, front, origins, bulk, port, counted, small.pid, tested, others, seconds, scale)
