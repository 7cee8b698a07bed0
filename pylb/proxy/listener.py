"""One bound address of a frontend: counts its connections and stops accepting while a limit is reached.

Limits are HAProxy's: the listener's own `maxconn`, the frontend's `maxconn`, its `rate-limit sessions`, the process's `maxconn`.
A listener at a limit is paused: new connections wait in the kernel's queue; whoever ends a connection resumes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.base.net import Listening
from pylb.config import model
from pylb.proxy.counters import ListenerCounters

if TYPE_CHECKING:
    from pylb.proxy.proxy import Frontend


FULL_FOR = 0.5  # seconds until a listener that reached `maxsslconn` looks again


class Listener:
    """A `bind` line at run time. `listening` is None until the socket exists."""

    __slots__ = ("bind", "counters", "frontend", "id", "listening", "maxconn", "name", "number", "paused_by_hand", "rests_until", "tls", "waiting")

    def __init__(self, frontend: Frontend, bind: model.Bind, number: int) -> None:
        self.frontend, self.bind, self.number = frontend, bind, number
        self.name = bind.name or f"sock-{bind.id or number}"
        self.id = bind.id or number
        self.maxconn = bind.maxconn or 0
        self.counters = ListenerCounters()
        self.listening: Listening | None = None
        self.tls: object | None = None  # wire.tls.TlsContext
        self.paused_by_hand = False  # `disable frontend`, SIGTTOU
        self.waiting = False
        self.rests_until = -1.0  # when a limit of a rate lets it accept again

    def __repr__(self) -> str:
        return f"Listener({self.frontend.name}/{self.name} {self.counters.scur})"

    def opened(self) -> None:
        """A connection was accepted here: count it, and pause whoever reached a limit."""
        process, frontend, counters = self.frontend.process, self.frontend, self.counters
        now = process.clock.now()
        process.opened(now)
        rate = process.config.global_.maxconnrate
        if rate and not process.counters.conn_rate.remaining(now, rate):
            self.rest(now, process.counters.conn_rate.wait(now, rate))
        counters.scur += 1
        if counters.scur > counters.smax:
            counters.smax = counters.scur
        frontend.counters.open_connection(now)
        if 0 < frontend.maxconn <= frontend.counters.scur:
            for listener in frontend.listeners:
                listener.pause()
        elif self.at_limit():
            self.pause()

    def closed(self) -> None:
        """A connection accepted here has ended."""
        frontend = self.frontend
        self.counters.scur -= 1
        frontend.counters.scur -= 1
        for listener in frontend.listeners:
            if listener.waiting:
                listener.resume_if_allowed()
        frontend.process.closed()

    def limit_sessions(self, now: float) -> None:
        """A session has begun here: `rate-limit sessions` and `maxsessrate` may have to slow down what follows."""
        frontend, process = self.frontend, self.frontend.process
        rate = frontend.rate_limit_sessions
        if rate and not frontend.counters.rate.remaining(now, rate):
            seconds = frontend.counters.rate.wait(now, rate)
            for listener in frontend.listeners:
                listener.rest(now, seconds)
        rate = process.config.global_.maxsessrate
        if rate and not process.counters.sess_rate.remaining(now, rate):
            self.rest(now, process.counters.sess_rate.wait(now, rate))

    def limit_handshakes(self, now: float) -> None:
        """A TLS handshake begins here: `maxsslconn` and `maxsslrate` may have to keep back what follows."""
        process = self.frontend.process
        if 0 < process.config.global_.maxsslconn <= process.counters.ssl_connections:
            self.rest(now, FULL_FOR)
        rate = process.config.global_.maxsslrate
        if rate and not process.counters.ssl_rate.remaining(now, rate):
            self.rest(now, process.counters.ssl_rate.wait(now, rate))

    def at_limit(self) -> bool:
        """Are there as many connections as its own limit, the frontend's or the process's allows?"""
        frontend, process = self.frontend, self.frontend.process
        return 0 < self.maxconn <= self.counters.scur or 0 < frontend.maxconn <= frontend.counters.scur or 0 < process.maxconn <= process.connections

    def rest(self, now: float, seconds: float) -> None:
        """A rate is at its limit: leave new connections in the kernel's queue for a while."""
        if now + seconds > self.rests_until:
            self.rests_until = now + seconds
            self.pause()
            self.frontend.process.loop.call_later(seconds + 0.001, self.resume_if_allowed)

    def pause(self) -> None:
        """A limit is reached: leave new connections in the kernel's queue."""
        if self.listening is not None and not self.waiting:
            self.waiting = True
            self.listening.pause()
            if self.frontend.process.connections >= self.frontend.process.maxconn > 0:
                self.frontend.process.waiting.append(self)

    def set_paused(self, paused: bool) -> None:
        """By command or signal, whatever the limits say."""
        self.paused_by_hand = paused
        if self.listening is None:
            return
        if paused:
            self.listening.suspend()
        elif not self.waiting:
            self.listening.resume()

    def resume_if_allowed(self) -> None:
        """Accept again unless another limit still holds."""
        process, now = self.frontend.process, self.frontend.process.clock.now()
        if not self.waiting or now < self.rests_until or self.at_limit():
            return
        if self.bind.ssl and 0 < process.config.global_.maxsslconn <= process.counters.ssl_connections:
            self.rest(now, FULL_FOR)
            return
        self.waiting = False
        if self.listening is not None and not self.paused_by_hand:
            self.listening.resume()
