"""Syslog: messages to the targets of `log` lines (configuration.txt 4.2 `log`, RFC 3164, RFC 5424).

A logger belongs to one proxy (or to `global`) and sends to all its targets. Sending never blocks and never fails: a target that is full
or gone loses the message, which `show info` counts.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.base.address import Address
from pylb.base.clock import rfc3164_date, rfc5424_date
from pylb.base.net import Datagrams
from pylb.config.model import LogTarget

if TYPE_CHECKING:
    from pylb.proxy.process import Process

FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron auth2 ftp ntp audit alert cron2 local0 local1 local2 local3 local4 local5 local6 local7"
).split()

SUBSECOND = frozenset(("rfc5424", "timed", "iso"))  # formats whose header shows parts of a second

Send = Callable[..., None]  # level, text, structured data
Header = Callable[[int, int, float], str]  # facility, level, wall time


class Target:
    """One `log` line, open for sending; calling it sends a message."""

    __slots__ = (
        "_clock", "_counters", "_header", "_heads", "_least", "_limit", "_most", "_now", "_sample", "_seen", "_send", "_structured", "_subsecond",
        "_until", "_wall", "facility",
    )  # fmt: skip

    def __init__(self, process: Process, settings: LogTarget, door: Datagrams, header: Header) -> None:
        self._clock, self._counters, self._now = process.clock, process.counters, process.clock.now
        self._send, self._header = door.send, header
        self.facility = FACILITIES.index(settings.facility)
        self._most, self._least, self._sample = settings.level, settings.minimum_level, settings.sample
        self._subsecond = settings.format in SUBSECOND
        self._structured = settings.format == "rfc5424"
        self._seen = 0
        self._limit = settings.length - 1
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
        if not self._send((head + text)[: self._limit].encode("latin-1", "replace") + b"\n"):
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


class Loggers:
    """Opens targets, each destination once."""

    def __init__(self, process: Process, tag: str) -> None:
        self._process, self._tag = process, tag
        self._doors: dict[Address, Datagrams] = {}

    def logger(self, settings: list[LogTarget], tag: str | None = None) -> Send | None:
        """A function that sends a message to the targets of these `log` lines; None when there are none."""
        targets = [Target(self._process, one, self._door(one.address), self._header(one, tag or self._tag)) for one in settings]
        if len(targets) < 2:
            return targets[0] if targets else None

        def send(level: int, text: str, data: str = "") -> None:
            for target in targets:
                target(level, text, data)

        return send

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

    def _header(self, settings: LogTarget, tag: str) -> Header:
        host = self._process.config.global_.log_send_hostname
        return header(settings.format, host or socket.gethostname(), host is not None, tag, self._process.pid)


def header(form: str, hostname: str, named: bool, tag: str, pid: int) -> Header:
    """What stands before the text in each `format`."""

    def syslog(facility: int, level: int, wall: float) -> str:
        return f"<{facility * 8 + level}>{rfc3164_date(wall)} {host}{tag}[{pid}]: "

    def modern(facility: int, level: int, wall: float) -> str:
        return f"<{facility * 8 + level}>1 {rfc5424_date(wall)} {hostname} {tag} {pid} - - "

    host = hostname + " " if named or form == "rfc3164" else ""
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
