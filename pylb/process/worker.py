"""One worker: a loop, the objects of the configuration on it, background tasks, signals, and the way to stop.

INT and TERM stop at once, USR1 stops softly (no new connections, those open finish), TTOU and TTIN pause and resume listeners,
HUP dumps the state of the servers to the log, QUIT does nothing that pylb has (management.txt 4).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
import signal
from collections.abc import Callable

from pylb.base.clock import Clock
from pylb.config import model
from pylb.config.report import Report
from pylb.control.cli import CliListener
from pylb.process import build, shutdown
from pylb.process.binding import Opened
from pylb.process.daemon import HANDLED
from pylb.process.link import Link
from pylb.process.net import RealNet
from pylb.process.restoring import restore_states

LEVELS = {0: "EMERG", 1: "ALERT", 2: "CRIT", 3: "ALERT", 4: "WARNING", 5: "NOTICE", 6: "NOTICE"}
# New objects to the youngest collection, and of those to each older one. Ended connections leave cycles, which the youngest finds in under a
# millisecond. The oldest walks every open connection, some 10 ms for 3,000 of them, while nobody is served, and finds little: it is to be rare.
GENERATIONS = (2000, 10, 100)
# glibc's mallopt: the heap's end goes back to the system when more than this is free there, and blocks of this size are mapped for themselves. Large
# bodies pass in blocks of some 256 KiB: with the defaults each of them would be given back and asked for again, page by page.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT_FREE = -1, -3, 4 << 20
LAST_WORDS = 0.01  # seconds for the answers to requests that are killed
CONVERSATION_POLL = 0.1  # seconds between looks whether the last command has been answered


class Worker:
    """Runs a configuration until it is told to stop."""

    def __init__(self, config: model.Config, report: Report, opened: Opened | None = None, *, tag: str = "haproxy", version: str = "") -> None:
        self.loop = new_loop()
        asyncio.set_event_loop(self.loop)
        self.report = report
        self.net = RealNet(self.loop, (opened or Opened()).take)
        self.process = build.build(config, self.loop, Clock(self.loop.time), self.net, tag=tag)
        report.context = "config"
        restore_states(self.process, report.warning)
        report.context = ""
        self.process.version = version
        self.process.message = self.message
        self.process.startup_logs = report.startup_logs()
        self.died_of: int | None = None
        self.leaving = False
        self.commands: list[CliListener] = []  # the stats sockets
        self.link: Link | None = None  # to the master
        self.stops: list[Callable[[], None]] = []  # what was started and wants to be stopped

    def message(self, level: int, text: str) -> None:
        """A line on the terminal, as HAProxy prints them while running."""
        self.report.context = ""
        say = {"ALERT": self.report.alert, "WARNING": self.report.warning}.get(LEVELS.get(level, "NOTICE"), self.report.notice)
        say(text)

    def listen(self) -> None:
        """Bind everything; raises build.StartError."""
        build.listen(self.process)

    def attend(self, link: int) -> None:
        """Belong to a master: answer its commands, end when it does."""
        self.link = Link(self.process, link, self.leave)
        self.process.unstoppable_jobs += 1
        self.stops.append(self.link.close)

    def run(self) -> None:
        """Serve until stopped."""
        self.install_signals()
        keep_freed_memory()
        gc.freeze()  # what the configuration made stays: no collection need look at it again
        gc.set_threshold(*GENERATIONS)
        gc.enable()
        self.loop.run_forever()
        self.close()

    def install_signals(self) -> None:
        """Signals arrive as calls on the loop. INT and QUIT may have been inherited as ignored, hence the explicit handlers."""
        for number, action in (
            (signal.SIGINT, lambda: self.stop_now(signal.SIGINT)),
            (signal.SIGTERM, lambda: self.stop_now(signal.SIGTERM)),
            (signal.SIGUSR1, self.stop_softly),
            (signal.SIGTTOU, lambda: shutdown.pause(self.process, self.commands)),
            (signal.SIGTTIN, lambda: shutdown.resume(self.process, self.commands)),
            (signal.SIGHUP, lambda: shutdown.dump(self.process, self.commands)),
            (signal.SIGQUIT, lambda: None),
        ):
            self.loop.add_signal_handler(number, action)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)

    def stop_now(self, number: int) -> None:
        """Leave at once; the exit status tells which signal it was."""
        self.died_of = number
        self.leave()

    def leave(self) -> None:
        """End the loop, once: what happens while everything is given back must not end that."""
        if not self.leaving:
            self.leaving = True
            self.loop.stop()

    def stop_softly(self) -> None:
        """USR1: no new connections, after the time of `grace`."""
        process, grace = self.process, self.process.config.global_.grace
        if process.stopping:
            return
        process.stopping = True
        if grace:
            shutdown.tell_grace(process, grace)
            self.loop.call_later(grace / 1000, self.grace_is_over)
        else:
            self.finish_serving()

    def grace_is_over(self) -> None:
        """Those who looked at `stopping` have had time to send their clients elsewhere."""
        shutdown.tell_grace_over(self.process)
        self.finish_serving()

    def finish_serving(self) -> None:
        """Leave when the last connection has ended, or after `hard-stop-after`."""
        process = self.process
        self.process.on_idle = self.leave_when_idle
        shutdown.stop_listening(process, self.commands, in_worker=self.link is not None)
        window = process.config.global_.close_spread_time
        for mux in list(process.sessions):
            if window:
                self.loop.call_later(random.random() * window / 1000, mux.stop_when_idle)
            else:
                mux.stop_when_idle()
        limit = process.config.global_.hard_stop_after
        if limit:
            self.loop.call_later(limit / 1000, self.stop_hard)
        self.leave_when_idle()

    def stop_hard(self) -> None:
        """`hard-stop-after`: those that are left have had their time."""
        shutdown.tell_hard_stop(self.process)
        shutdown.kill_streams(self.process)
        self.loop.call_later(LAST_WORDS, self.leave)

    def leave_when_idle(self) -> None:
        """End when nothing is served any more, commands included."""
        conversations = sum(len(listener.connections) for listener in self.commands) + (len(self.link.connections) if self.link else 0)
        if not self.process.connections and not conversations:
            self.leave()
        elif conversations:
            self.loop.call_later(CONVERSATION_POLL, self.leave_when_idle)

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


def keep_freed_memory() -> None:
    """Let the C library, if it is glibc, not give back what will be wanted at once."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_FREE)
        mallopt(M_MMAP_THRESHOLD, KEPT_FREE)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's loop; the standard one where uvloop cannot be had."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
