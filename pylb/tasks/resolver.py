"""Name resolution while the process runs (configuration.txt 5.3): one Resolver per `resolvers` section.

A Resolution is one name asked for with one preferred kind of record, shared by all who want it. It rests in `waiting` until `timeout resolve` is
over, then is in `running` until a valid answer comes, or until nothing is left to try: every question goes to all name servers, the first
valid answer counts, errors count once all have answered. After an error the other kind of address is asked for; `timeout retry` later the
preferred one again, `resolve_retries` times. What comes of it is told to the requesters, in the order in which they came.

One timer serves a section. Both dicts are ordered: by the last question, by the last result.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from pylb.proxy.resolution import Known
from pylb.wire import dns
from pylb.wire.dns import AAAA, A, BadAnswer

if TYPE_CHECKING:
    from pylb.base.net import Datagrams
    from pylb.config.resolvers import NameServer as Settings
    from pylb.config.resolvers import Resolvers
    from pylb.proxy.process import Process

OTHER_KIND: Final = {A: AAAA, AAAA: A}
CACHE: Final = "DNS cache"  # who changed an address when another requester was told first
STATUSES: Final = {"nx": "nx", "refused": "refused"}  # of errors; all others are "other"


@dataclass(slots=True)
class Counters:
    """What `show resolvers` counts, in its order, and whose counters these are. HAProxy keeps that in one place and clears it together."""

    id: str
    pid: str
    sent: int = 0
    snd_error: int = 0
    valid: int = 0
    update: int = 0
    cname: int = 0
    cname_error: int = 0
    any_err: int = 0
    nx: int = 0
    timeout: int = 0
    refused: int = 0
    other: int = 0
    invalid: int = 0
    too_big: int = 0
    truncated: int = 0
    outdated: int = 0

    def __str__(self) -> str:
        """Who it was, as log lines say it."""
        return f"{self.pid}/{self.id}"


class Requester(Protocol):
    """Somebody who wants a name's addresses."""

    def resolved(self, resolution: Resolution, server: Counters | None) -> None:
        """There is a valid answer, from the name server with these counters; None: another requester was told first."""

    def unresolved(self, resolution: Resolution) -> bool:
        """There is none. True: what was known before is to be kept."""

    def there(self, known: Known) -> None:
        """A record that is known, before `resolved`."""

    def gone(self, known: Known) -> None:
        """A record that is not any more."""


class NameServer:
    """One server to ask."""

    def __init__(self, resolver: Resolver, settings: Settings) -> None:
        self.name, self.settings = settings.name, settings
        self.counters = Counters(settings.name, resolver.settings.name)
        self.resolver = resolver
        self._socket: Datagrams | None = None

    def send(self, message: bytes) -> bool:
        """Send a question, from a socket that is opened for the first one."""
        try:
            if self._socket is None:
                self._socket = self.resolver.process.net.datagrams(self.settings.address.endpoint(), received=self._received)
            sent = self._socket.send(message)
        except OSError:
            sent = False
        if sent:
            self.counters.sent += 1
        else:
            self.counters.snd_error += 1
            self.close()
        return sent

    def _received(self, message: bytes, peer: Any) -> None:
        self.resolver.received(self, message)

    def clear_counters(self) -> None:
        """`clear counters all`."""
        self.counters = Counters("", "")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(slots=True, eq=False)
class Resolution:
    """One name and what is known of it."""

    name: bytes
    kind: int  # the kind of record preferred
    requesters: list[Requester] = field(default_factory=list)
    status: str = ""  # of the last answer: valid, nx, refused, timeout, other
    asking: int = 0  # the kind of record asked for at present
    identifier: int | None = None  # of the questions of this round; None: it rests
    left: int = 0  # tries
    questions: int = 0  # sent at the last time
    answers: int = 0  # to these
    last_question: float = 0.0
    last_result: float | None = None
    last_valid: float | None = None
    known: list[Known] = field(default_factory=list)


class Resolver:
    """A `resolvers` section at work."""

    def __init__(self, process: Process, settings: Resolvers, connected: Callable[[Resolver, Settings], NameServer]) -> None:
        """`connected` makes the name servers that are asked over connections."""
        self.process, self.settings = process, settings
        self.name_servers = [NameServer(self, one) if one.server is None else connected(self, one) for one in settings.name_servers]
        self.waiting: dict[Resolution, None] = {}
        self.running: dict[Resolution, None] = {}
        self._by_identifier: dict[int, Resolution] = {}
        self._timer: Any = None

    # -- who wants what
    def want(self, name: bytes, kind: int, requester: Requester) -> Resolution:
        """Tell `requester` about that name from now on."""
        every = (*self.running, *self.waiting)
        resolution = next((one for one in every if one.name == name and one.kind == kind), None)
        if resolution is None:
            resolution = Resolution(name, kind)
            self.waiting[resolution] = None
        resolution.requesters.append(requester)
        return resolution

    def release(self, resolution: Resolution, requester: Requester) -> None:
        """Tell it no more. What nobody wants is forgotten."""
        resolution.requesters.remove(requester)
        if not resolution.requesters:
            self._end_round(resolution)
            self.waiting.pop(resolution, None)
            self._rewind()

    def is_fresh(self, resolution: Resolution) -> bool:
        """Does what is known still count (`hold valid`)?"""
        last, hold = resolution.last_result, self.settings.holds["valid"] / 1000
        return resolution.status == "valid" and last is not None and self.process.clock.now() < last + hold

    def holds(self, resolution: Resolution) -> bool:
        """Is the last valid answer so young that an error does not matter (`hold`)?"""
        holds, last = self.settings.holds, resolution.last_valid
        period = holds[resolution.status if resolution.status in holds else "other"] / 1000
        return last is not None and self.process.clock.now() < last + period

    # -- time
    def start(self) -> None:
        """Ask for everything that is wanted."""
        self.turn()

    def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self.name_servers:
            server.close()

    def turn(self) -> None:
        """Ask again where no answer came in time, and where the last one is old."""
        now, timeouts = self.process.clock.now(), self.settings.timeouts
        for resolution in tuple(self.running):
            if resolution not in self.running:  # the end of another one has ended it
                continue
            if now < resolution.last_question + timeouts["retry"] / 1000:
                break
            self._ask_again(resolution)
        for resolution in tuple(self.waiting):
            if resolution.last_result is None or now >= resolution.last_result + timeouts["resolve"] / 1000:
                self._begin(resolution)
        self._rewind()

    def _rewind(self) -> None:
        """Set the timer to what is due next."""
        timeouts = self.settings.timeouts
        due = [one.last_question + timeouts["retry"] / 1000 for one in tuple(self.running)[:1]]
        due += [one.last_result + timeouts["resolve"] / 1000 for one in self.waiting if one.last_result is not None]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.process.loop.call_at(min(due), self.turn) if due else None

    # -- questions
    def _begin(self, resolution: Resolution) -> None:
        """A new round of questions for a name, under a new number."""
        number = resolution.identifier = self._free_identifier()
        self._by_identifier[number] = resolution
        resolution.asking, resolution.left = resolution.kind, self.settings.retries - 1
        self._ask(resolution)

    def _free_identifier(self) -> int:
        while True:
            number = random.randrange(1 << 16)
            if number not in self._by_identifier:
                return number

    def _ask(self, resolution: Resolution) -> None:
        """One question to all name servers."""
        message = dns.question(resolution.identifier or 0, resolution.name, resolution.asking, self.settings.payload_size)
        resolution.answers, resolution.last_question = 0, self.process.clock.now()
        resolution.questions = sum([server.send(message) for server in self.name_servers])
        self.waiting.pop(resolution, None)
        self.running.pop(resolution, None)
        self.running[resolution] = None

    def _ask_again(self, resolution: Resolution) -> None:
        """Nothing of use came within `timeout retry`."""
        if resolution.left <= 0:
            if not resolution.answers:
                resolution.status = "timeout"
            self._fail(resolution)
            return
        if resolution.answers and resolution.asking == resolution.kind and resolution.kind in OTHER_KIND:
            resolution.asking = OTHER_KIND[resolution.kind]
        else:
            resolution.asking = resolution.kind
            resolution.left -= 1
        self._ask(resolution)

    # -- answers
    def received(self, server: NameServer, message: bytes) -> None:
        """A name server says something."""
        counters = server.counters
        number = dns.identifier(message)
        if len(message) > self.settings.payload_size:
            counters.too_big += 1
        elif number is None:
            counters.invalid += 1
        elif (resolution := self._by_identifier.get(number)) is None:
            counters.outdated += 1
        else:
            self._answered(resolution, server, message)
            self.turn()

    def _answered(self, resolution: Resolution, server: NameServer, message: bytes) -> None:
        resolution.answers += 1
        try:
            answer = dns.read_answer(message, resolution.name, self.settings.payload_size)
        except BadAnswer as error:
            setattr(server.counters, error.kind, getattr(server.counters, error.kind) + 1)
            resolution.status = STATUSES.get(error.kind, "other")
            self._went_wrong(resolution)
            return
        resolution.status = "valid"
        resolution.last_valid = self.process.clock.now()
        server.counters.valid += 1
        self._learn(resolution, answer)
        first: Counters | None = server.counters
        for requester in tuple(resolution.requesters):
            requester.resolved(resolution, first)
            first = None
        self._rest(resolution)

    def _went_wrong(self, resolution: Resolution) -> None:
        """Once all have answered and none well: ask for the other kind of address, or wait for the next try, if there is one."""
        if resolution.answers < resolution.questions:
            return
        if resolution.asking != resolution.kind:
            if resolution.left <= 0:
                self._fail(resolution)
        elif resolution.kind in OTHER_KIND:
            resolution.asking = OTHER_KIND[resolution.kind]
            self._ask(resolution)

    def _fail(self, resolution: Resolution) -> None:
        """All that could be tried was."""
        keep = [requester.unresolved(resolution) for requester in tuple(resolution.requesters)]
        if not any(keep):
            resolution.known.clear()
        self._rest(resolution)

    def _rest(self, resolution: Resolution) -> None:
        """The round is over."""
        self._end_round(resolution)
        resolution.last_result = self.process.clock.now()
        if not resolution.requesters:
            return
        self.waiting.pop(resolution, None)
        self.waiting[resolution] = None

    def _end_round(self, resolution: Resolution) -> None:
        if resolution.identifier is not None:
            del self._by_identifier[resolution.identifier]
            resolution.identifier = None
        self.running.pop(resolution, None)

    def _learn(self, resolution: Resolution, answer: dns.Answer) -> None:
        """Records that are there again are fresh, new ones join them, and what was not seen for `hold obsolete` goes."""
        now = self.process.clock.now()
        for record in answer.records:
            same = next((one for one in resolution.known if one.is_about(record)), None)
            if same is None:
                resolution.known.append(Known.of(record, now))
            else:
                same.record, same.seen = record, now
        for name, record in answer.additional.items():
            for one in resolution.known:
                if one.record.target == name:
                    learn_address(one, record, now)
        self._tell(resolution, now - self.settings.holds["obsolete"] / 1000)

    def _tell(self, resolution: Resolution, oldest: float) -> None:
        """Tell the requesters of each record, whether it is still there."""
        resolution.known.sort(key=lambda one: one.key)
        for one in tuple(resolution.known):
            if one.extra is not None and one.extra.seen < oldest:
                one.extra = None
            if one.seen < oldest:
                resolution.known.remove(one)
            for requester in tuple(resolution.requesters):
                if one.seen < oldest:
                    requester.gone(one)
                else:
                    requester.there(one)


def learn_address(service: Known, record: dns.Record, now: float) -> None:
    """The address of a service's host came along. Another one than before only counts once that is obsolete."""
    if service.extra is None:
        service.extra = Known.of(record, now)
    elif service.extra.is_about(record):
        service.extra.seen = now
