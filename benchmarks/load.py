"""The clients: wrk and h2load for small messages, and `bulk` and `steady` of this package for what those cannot do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.running import ROOT, Broken, python, which

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}
QUANTILE = re.compile(r"^\s+(\d+(?:\.\d+)?)%\s+([\d.]+)(us|ms|s|m)$", re.MULTILINE)


@dataclass(slots=True)
class Loaded:
    """What a client saw."""

    requests: int
    seconds: float
    latency: dict[str, float] = field(default_factory=dict)  # percentile -> microseconds
    worst: float = 0.0  # microseconds
    slow: int = 0  # how many waited more than 20 ms

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def client(command: Sequence[str], cpus: set[int], patience: float) -> str:
    """Run a client to its end; what it printed."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=patience, preexec_fn=lambda: os.sched_setaffinity(0, cpus)
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Broken(f"{command[0]} did not end") from None
    if done.returncode:
        raise Broken(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def wrk(url: str, connections: int, seconds: float, cpus: set[int], headers: Sequence[str] = ()) -> Loaded:
    """Closed loop: each connection sends its next request when it has the answer to the last."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "--latency", "--timeout", "10"]
    for header in headers:
        command += ["-H", header]
    text = client([*command, url], cpus, seconds + 60)
    found = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text)
    wrong = re.search(r"Non-2xx.*|Socket errors: connect [1-9].*|Socket errors.*(write|timeout) [1-9].*", text)
    if found is None or wrong or not int(found[1]):
        raise Broken(f"wrk: {wrong[0] if wrong else text}")
    latency = {share: float(value) * UNITS[unit] for share, value, unit in QUANTILE.findall(text)}
    return Loaded(int(found[1]), float(found[2]) * UNITS[found[3]] / 1e6, latency)


def h2load(url: str, connections: int, requests: int, cpus: set[int]) -> Loaded:
    """Closed loop, a fixed number of requests."""
    text = client(["h2load", "--h1", "-t1", f"-c{connections}", f"-n{requests}", url], cpus, 120)
    found = re.search(r"finished in ([\d.]+)(us|ms|s|m),", text)
    good = re.search(r"(\d+) succeeded", text)
    if found is None or good is None or int(good[1]) != requests:
        raise Broken(f"h2load: {text}")
    return Loaded(requests, float(found[1]) * UNITS[found[2]] / 1e6)


def handshakes(url: str, connections: int, seconds: float, cpus: set[int]) -> Loaded:
    """New connections with one request each, `connections` at once, again and again. h2load never resumes a TLS session, wrk always does."""
    if which("h2load") is None:
        raise Broken("h2load is not installed")
    begun, made = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        made += h2load(url, connections, connections, cpus).requests
    return Loaded(made, time.monotonic() - begun)


def bulk(port: int, connections: int, transfers: int, size: int, tls: bool, cpus: set[int]) -> Loaded:
    """Each connection sends `size` bytes and gets as many back, until all have made so many transfers together."""
    told = json.loads(client(python("benchmarks.bulk", port, connections, transfers, size, int(tls)), cpus, 60))
    return Loaded(told["transfers"], told["seconds"])


def steady(port: int, rate: float, seconds: float, connections: int, cpus: set[int]) -> Loaded:
    """Open loop: requests come at random moments, `rate` a second, whether the last ones were answered or not."""
    told = json.loads(client(python("benchmarks.steady", port, rate, seconds, connections), cpus, seconds + 60))
    return Loaded(told["requests"], told["seconds"], told["latency"], told["overall"]["100"], told["slow"])
