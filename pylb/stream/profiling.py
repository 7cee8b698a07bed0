"""What streams cost: how often each was resumed, and how long it ran then (configuration.txt 3.2 `profiling.tasks`, 7.3.2 `cpu_calls`).

Streams are measured when the configuration asks for their figures, or while profiling is on; the others pay nothing for it. Measured ones
do not take the express lane, which has no steps that could be counted. Nobody stands in line: who wakes a stream runs it, so the time
between the two, HAProxy's latency, is none. For the same reason `auto`, which begins when latencies grow, never does.
"""

from __future__ import annotations

from collections.abc import Coroutine
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.proxy import Frontend
    from pylb.stream.driver import Stream


class Profiler:
    """Of one process: whether it measures, and the sum of all that was measured while profiling was on."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.mode = process.config.global_.profiling
        self.calls = self.cpu_ns = 0
        self.in_lane: list[Frontend] = []  # frontends whose requests would take the express lane
        self.settle()

    def switch(self, mode: str) -> None:
        """`on`, `auto` or `off`; turning it on forgets what was measured before."""
        if mode == "on" and self.mode != "on":
            self.calls = self.cpu_ns = 0
        self.mode = mode
        self.settle()

    def settle(self) -> None:
        """Measure new streams from now on, or no more."""
        process = self.process
        measures = self.mode == "on" or process.config.global_.counts_calls
        if measures == (process.measure is not None):
            return
        process.measure = self.measure if measures else None
        if measures:
            self.in_lane = [frontend for frontend in process.frontends.values() if frontend.in_express]
        for frontend in self.in_lane:
            frontend.in_express = not measures

    def measure(self, stream: Stream, coroutine: Coroutine[Any, Any, None]) -> Measured:
        """What takes the place of a stream's coroutine."""
        return Measured(stream, coroutine, self)


class Measured(Coroutine[Any, Any, None]):
    """A coroutine whose steps are counted and timed."""

    __slots__ = ("coroutine", "profiler", "stream")

    def __init__(self, stream: Stream, coroutine: Coroutine[Any, Any, None], profiler: Profiler) -> None:
        self.stream, self.coroutine, self.profiler = stream, coroutine, profiler

    def send(self, value: Any) -> Any:
        stream, profiler = self.stream, self.profiler
        stream.calls += 1
        if profiler.mode != "on":
            return self.coroutine.send(value)
        profiler.calls += 1
        began = perf_counter_ns()
        try:
            return self.coroutine.send(value)
        finally:
            spent = perf_counter_ns() - began
            stream.cpu_ns += spent
            profiler.cpu_ns += spent

    def throw(self, *error: Any) -> Any:
        return self.coroutine.throw(*error)

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Any:
        return self.coroutine.__await__()
