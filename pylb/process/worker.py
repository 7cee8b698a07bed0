"""One worker: a loop, the objects of the configuration on it, background tasks, signals, and the way to stop.

INT and TERM stop at once, USR1 stops softly (no new connections, those open finish), TTOU and TTIN pause and resume listeners,
HUP dumps the state of the servers to the log, QUIT does nothing that pylb has (management.txt 4).
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

from pylb.base.clock import Clock
from pylb.base.timers import NEVER
from pylb.config import model
from pylb.config.report import Report
from pylb.process import build, shutdown
from pylb.process.net import RealNet
from pylb.proxy.process import Process

LEVELS = {0: "EMERG", 1: "ALERT", 2: "CRIT", 3: "ALERT", 4: "WARNING", 5: "NOTICE", 6: "NOTICE"}


class Worker:
    """Runs a configuration until it is told to stop."""

    def __init__(self, config: model.Config, report: Report, *, tag: str = "haproxy", version: str = "") -> None:
        self.loop = new_loop()
        asyncio.set_event_loop(self.loop)
        self.report = report
        self.net = RealNet(self.loop)
        self.process = build.build(config, self.loop, Clock(self.loop.time), self.net, tag=tag)
        self.process.version = version
        self.process.message = self.message
        self.process.startup_logs = report.startup_logs()
        self.died_of: int | None = None
        self.stops: list[Callable[[], None]] = []  # what was started and wants to be stopped

    def message(self, level: int, text: str) -> None:
        """A line on the terminal, as HAProxy prints them while running."""
        self.report.context = ""
        say = {"ALERT": self.report.alert, "WARNING": self.report.warning}.get(LEVELS.get(level, "NOTICE"), self.report.notice)
        say(text)

    def listen(self) -> None:
        """Bind everything; raises build.StartError."""
        build.listen(self.process)

    def run(self) -> None:
        """Serve until stopped."""
        self.install_signals()
        self.process.on_idle = self.loop.stop
        gc.collect()
        gc.freeze()
        self.loop.run_forever()
        self.close()

    def install_signals(self) -> None:
        """Signals arrive as calls on the loop. INT and QUIT may have been inherited as ignored, hence the explicit handlers."""
        for number, action in (
            (signal.SIGINT, lambda: self.stop_now(signal.SIGINT)),
            (signal.SIGTERM, lambda: self.stop_now(signal.SIGTERM)),
            (signal.SIGUSR1, self.stop_softly),
            (signal.SIGTTOU, self.pause),
            (signal.SIGTTIN, self.resume),
            (signal.SIGHUP, self.dump),
            (signal.SIGQUIT, lambda: None),
        ):
            self.loop.add_signal_handler(number, action)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def stop_now(self, number: int) -> None:
        """Leave at once; the exit status tells which signal it was."""
        self.died_of = number
        self.loop.stop()

    def stop_softly(self) -> None:
        """No new connections; leave when the last one has ended, or after `hard-stop-after`."""
        process = self.process
        if process.stopping:
            return
        process.stopping = True
        for frontend in process.frontends.values():
            for listener in frontend.listeners:
                if listener.listening is not None:
                    listener.listening.close()
                    listener.listening = None
        shutdown.tell_stopped(process)
        for mux in list(process.sessions):
            mux.stop_when_idle()
        limit = process.config.global_.hard_stop_after
        if limit:
            self.loop.call_later(limit / 1000, self.loop.stop)
        if not process.connections:
            self.loop.stop()

    def pause(self) -> None:
        """TTOU: leave new connections in the kernel's queue."""
        for frontend in self.process.frontends.values():
            frontend.pause()

    def resume(self) -> None:
        """TTIN: accept again."""
        for frontend in self.process.frontends.values():
            frontend.resume()

    def dump(self) -> None:
        """HUP: one line per server and proxy, to the terminal and the logs."""
        for line in shutdown.state_lines(self.process):
            self.process.message(4, line)
            self.process.log(5, line)

    def close(self) -> None:
        """Give everything back."""
        for stop in [*self.stops, *self.process.closers]:
            stop()
        for frontend in self.process.frontends.values():
            for listener in frontend.listeners:
                if listener.listening is not None:
                    listener.listening.close()
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        if pending:
            self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.net.close()


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's loop; the standard one where uvloop cannot be had."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def flush_output() -> None:
    """What was printed leaves before the process does."""
    sys.stdout.flush()
    sys.stderr.flush()


__all__ = ["NEVER", "Process", "Worker", "flush_output", "new_loop"]
