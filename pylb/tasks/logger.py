"""Syslog: messages to the targets of `log` lines (configuration.txt 4.2 `log`, RFC 3164, RFC 5424).

A logger belongs to one proxy (or to `global`) and sends to all its targets. Sending never blocks and never fails: a target that is full
or gone loses the message, which `show info` counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.address import Address
from pylb.base.clock import rfc3164_date, rfc5424_date
from pylb.base.net import Datagrams
from pylb.config.model import LogTarget
from pylb.tasks.sinks import Ring

if TYPE_CHECKING:
    from pylb.proxy.process import Process

FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron auth2 ftp ntp audit alert cron2 local0 local1 local2 local3 local4 local5 local6 local7"
).split()

NOTICE = 5
FILES = ("stdout", "stderr", "fd")  # their messages are so long with what ends them, others without
SUBSECOND = frozenset(("rfc5424", "timed", "iso"))  # formats whose header shows parts of a second

Send = Callable[..., None]  # level, text, structured data
Header = Callable[[int, int, float], str]  # facility, level, wall time


class Target:
    """One `log` line, open for sending; calling it sends a message."""

    __slots__ = (
        "_clock", "_counters", "_end", "_header", "_heads", "_least", "_limit", "_most", "_now", "_sample", "_seen", "_send", "_spares_head", "_structured",
        "_subsecond", "_until", "_wall", "facility",
    )  # fmt: skip

    def __init__(self, process: Process, settings: LogTarget, send: Callable[[bytes], bool], header: Header, form: str) -> None:
        self._clock, self._counters, self._now = process.clock, process.counters, process.clock.now
        self._send, self._header = send, header
        self.facility = FACILITIES.index(settings.facility)
        self._most, self._least, self._sample = settings.level, settings.minimum_level, settings.sample
        self._subsecond = form in SUBSECOND
        self._structured = form == "rfc5424"
        self._seen = 0
        self._limit = settings.length - (settings.address.kind in FILES)
        self._spares_head, self._end = False, b"\n"
        self._wall, self._until = 0.0, float("-inf")  # the time of the headers, and how long it is right
        self._heads: dict[int, str] = {}  # level -> header

    def __call__(self, level: int, text: str, data: str = "") -> None:
        """Send one message unless its level or the sampling rules it out; RFC 5424 has room for structured `data`."""
        if level > self._most or (self._sample is not None and not self._sampled(self._sample)):
            return
        if level < self._least:
            level = self._least
        now = self._now()
        if now >= self._until:
            self._renew(now)
        head = self._heads.get(level)
        if head is None:
            head = self._heads[level] = self._header(self.facility, level, self._wall)
        if data and self._structured:
            head = f"{head[:-2]}{data} "
        limit = self._limit + len(head) if self._spares_head else self._limit
        if not self._send((head + text)[:limit].encode("latin-1", "replace") + self._end):
            self._counters.dropped_logs += 1

    def _renew(self, now: float) -> None:
        """Headers show the second, some of them parts of it."""
        self._heads.clear()
        self._wall = wall = self._clock.wall_at(now)
        self._until = now if self._subsecond else now + 1.0 - wall % 1.0

    def _sampled(self, sample: tuple[tuple[tuple[int, int], ...], int]) -> bool:
        """`sample <ranges>:<size>`: of each `size` messages, those at the positions of the ranges."""
        ranges, size = sample
        position = self._seen % size + 1
        self._seen += 1
        return any(low <= position <= high for low, high in ranges)


class RingTarget(Target):
    """A `log` line whose events a ring keeps. The ring says what stands before the text and how long all may be."""

    __slots__ = ("_ring",)

    def __init__(self, process: Process, settings: LogTarget, ring: Ring, header: Header) -> None:
        super().__init__(process, settings, self.keep, header, ring.format)
        self._ring = ring
        self._limit = settings.length
        self._spares_head, self._end = True, b""

    def keep(self, event: bytes) -> bool:
        """Give an event to the ring, which counts for itself what it loses."""
        notice = self._header(self.facility, NOTICE, self._wall) if self._ring.dropped else ""
        self._ring.write(event, notice.encode("latin-1", "replace"))
        return True


class Loggers:
    """Opens targets, each destination once."""

    def __init__(self, process: Process, tag: str, open_ring: Callable[[LogTarget, str], Ring]) -> None:
        self._process, self._tag = process, tag
        self.open_ring = open_ring  # for `log tcp@...`
        self._implicit: dict[int, Ring] = {}
        self._doors: dict[Address, Datagrams] = {}

    def logger(self, settings: list[LogTarget], tag: str | None = None) -> Send | None:
        """A function that sends a message to the targets of these `log` lines; None when there are none."""
        targets = [self._target(one, tag or self._tag) for one in settings]
        if len(targets) < 2:
            return targets[0] if targets else None

        def send(level: int, text: str, data: str = "") -> None:
            for target in targets:
                target(level, text, data)

        return send

    def _target(self, settings: LogTarget, tag: str) -> Target:
        ring = self._ring(settings)
        if ring is None:
            form = self._form(settings)
            return Target(self._process, settings, self._door(settings.address).send, self._header(form, tag), form)
        return RingTarget(self._process, settings, ring, self._header(ring.format, tag))

    def _ring(self, settings: LogTarget) -> Ring | None:
        """The ring that takes the messages of a target: the one it names, or one of its own with a server behind it."""
        address = settings.address
        if address.kind == "ring":
            ring: Ring = self._process.sinks[address.host]
            return ring
        if address.datagram or address.kind in ("stdout", "stderr", "fd"):
            return None
        ring = self._implicit.get(id(settings))  # type: ignore[assignment]
        if ring is None:
            ring = self._implicit[id(settings)] = self.open_ring(settings, self._form(settings))
        return ring

    def close(self) -> None:
        """Close every door."""
        for door in self._doors.values():
            door.close()

    def _door(self, address: Address) -> Datagrams:
        door = self._doors.get(address)
        if door is None:
            net = self._process.net
            number = {"stdout": 1, "stderr": 2, "fd": address.fd}.get(address.kind)
            door = self._doors[address] = net.datagrams(address.endpoint()) if number is None else net.file(number)
        return door

    def _header(self, form: str, tag: str) -> Header:
        return header(form, self._process.config.global_.log_send_hostname, tag, self._process.pid)

    def _form(self, settings: LogTarget) -> str:
        """The format of a target; who wants the host's name gets a format that has it."""
        return settings.format or ("local" if self._process.config.global_.log_send_hostname is None else "rfc3164")


def header(form: str, host: str | None, tag: str, pid: int) -> Header:
    """What stands before the text in each `format`."""
    hosts = {"rfc3164": f"{host or 'localhost'} "}

    def syslog(facility: int, level: int, wall: float) -> str:
        return f"<{facility * 8 + level}>{rfc3164_date(wall)} {hosts.get(form, '')}{tag}[{pid}]: "

    def modern(facility: int, level: int, wall: float) -> str:
        return f"<{facility * 8 + level}>1 {rfc5424_date(wall)} {host or '-'} {tag} {pid} - - "

    return {
        "local": syslog,
        "rfc3164": syslog,
        "rfc5424": modern,
        "priority": lambda facility, level, wall: f"<{facility * 8 + level}>",
        "short": lambda facility, level, wall: f"<{level}>",
        "timed": lambda facility, level, wall: f"<{level}>{rfc5424_date(wall)} ",
        "iso": lambda facility, level, wall: f"{rfc5424_date(wall)} ",
        "raw": lambda facility, level, wall: "",
    }[form]
