"""DNS messages: questions, and answers as HAProxy reads them (RFC 1035; RFC 2782 for SRV, RFC 6891 for the OPT record).

Names are kept in the form they have on the wire: a length before each label, a zero byte at the end. Questions are in lower case,
and so must be the answers: HAProxy compares names byte by byte.
An answer that is no good raises BadAnswer with HAProxy's class of it; `show resolvers` counts these classes.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

A: Final = 1
CNAME: Final = 5
AAAA: Final = 28
SRV: Final = 33
OPT: Final = 41
INTERNET: Final = 1
HEADER: Final = struct.Struct(">6H")
RECORD: Final = struct.Struct(">HHIH")
LEAST_RECORD: Final = 12  # what a record takes at least: so many fit an answer
LONGEST_NAME: Final = 256
RECURSION_DESIRED, TRUNCATED, CODE = 0x0100, 0x0200, 0x000F
NO_ERROR, NAME_ERROR, REFUSED = 0, 3, 5
POINTERS: Final = 100


class BadAnswer(Exception):
    """An answer without what was asked for; `kind` names the counter."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Record:
    """One record that counts. `data` is what tells it from others; A and AAAA have a host, an address as text, SRV the rest."""

    type: int
    data: bytes
    host: str = ""
    target: bytes = b""
    port: int = 0
    weight: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: records of its answer section, and addresses of the hosts that SRV records name, by their names."""

    records: tuple[Record, ...]
    additional: dict[bytes, Record]


def to_wire(name: str) -> bytes | None:
    """A host name as it stands in messages; None: it cannot be one. Only empty labels are refused: HAProxy asks for all others, in vain.

    >>> to_wire("a.Bc")
    b'\\x01a\\x02bc\\x00'
    """
    labels = [label.encode("latin-1", "replace").lower() for label in name.removesuffix(".").split(".")]
    if not all(labels):
        return None
    return b"".join(bytes((len(label) & 0xFF,)) + label for label in labels) + b"\0"


def to_text(name: bytes) -> str:
    """The usual spelling of a name.

    >>> to_text(b"\\x01a\\x02bc\\x00")
    'a.bc'
    """
    labels, at = [], 0
    while at < len(name) and name[at]:
        labels.append(name[at + 1 : at + 1 + name[at]].decode("latin-1"))
        at += 1 + name[at]
    return ".".join(labels)


def question(identifier: int, name: bytes, kind: int, payload_size: int) -> bytes:
    """The message that asks for a name's records, and says how long an answer may be."""
    head = HEADER.pack(identifier, RECURSION_DESIRED, 1, 0, 0, 1)
    return head + name + struct.pack(">HH", kind, INTERNET) + b"\0" + RECORD.pack(OPT, payload_size, 0, 0)


def identifier(message: bytes) -> int | None:
    """The number that an answer has from its question; None: the message is too short for one."""
    return int.from_bytes(message[:2], "big") if len(message) >= 2 else None


def read_answer(message: bytes, asked: bytes, payload_size: int) -> Answer:
    """The records of the answer to a question for `asked`; raises BadAnswer."""
    try:
        return Reader(message).answer(asked, (payload_size - HEADER.size) // LEAST_RECORD)
    except (IndexError, struct.error):
        raise BadAnswer("invalid") from None


class Reader:
    """A position in a message. Reading behind the end raises IndexError or struct.error."""

    def __init__(self, message: bytes) -> None:
        self.message, self.at = message, 0

    def answer(self, asked: bytes, most: int) -> Answer:
        flags, answers, authorities, additional = self.head(most)
        if self.name() != asked:
            raise BadAnswer("invalid")
        (kind,) = self.unpack(">H2x")
        if kind != SRV and flags & TRUNCATED:
            raise BadAnswer("truncated")
        records = self.answers(answers, asked, kind)
        extra: dict[bytes, Record] = {}
        if kind == SRV:
            for _ in range(authorities):
                self.record()
            for _ in range(additional):
                name, record = self.record()
                if record is not None and record.host:
                    extra[name] = record
        return Answer(tuple(records), extra)

    def head(self, most: int) -> tuple[int, int, int, int]:
        """Flags and counts, which must fit a question of ours."""
        (flags,) = self.unpack(">2xH")
        code = flags & CODE
        if code != NO_ERROR:
            raise BadAnswer({NAME_ERROR: "nx", REFUSED: "refused"}.get(code, "other"))
        (questions,) = self.unpack(">H")
        if questions != 1:
            raise BadAnswer("invalid")
        (answers,) = self.unpack(">H")
        if not answers:
            raise BadAnswer("any_err")
        if answers > most:
            raise BadAnswer("invalid")
        authorities, additional = self.unpack(">HH")
        return flags, answers, authorities, additional

    def answers(self, count: int, asked: bytes, kind: int) -> list[Record]:
        """The records of the answer section: each is about the name asked for, or about the one that the CNAME before led to."""
        records: list[Record] = []
        expected = asked
        for number in range(count):
            if self.at >= len(self.message):
                raise BadAnswer("invalid")
            name, record = self.record()
            if kind != SRV and name != expected:
                raise BadAnswer("cname_error" if number else "invalid")
            if record is None:
                continue
            if record.type == CNAME and number + 1 == count:
                raise BadAnswer("cname_error")
            if record.type == CNAME:
                expected = record.target
            else:
                records.append(record)
        return records

    def record(self) -> tuple[bytes, Record | None]:
        """One record and the name it is about; None: one of a kind that does not matter."""
        name = self.name()
        kind, _, _, size = self.unpack(">HHIH")
        end = self.at + size
        if end > len(self.message):
            raise BadAnswer("invalid")
        record = READERS.get(kind, ignore)(self, size)
        if kind != SRV:
            self.at = end
        return name, record

    def unpack(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from(form, self.message, self.at)
        self.at += struct.calcsize(form)
        return values

    def name(self) -> bytes:
        """A name, with all that its pointers stand for."""
        pieces: list[bytes] = []
        at, end, size, pointers = self.at, -1, 0, 0
        while length := self.message[at]:
            if length >= 0xC0:
                pointers += 1
                end = at + 2 if end < 0 else end
                target = (length & 0x3F) << 8 | self.message[at + 1]
                if pointers > POINTERS or target >= at:
                    raise BadAnswer("invalid")
                at = target
                continue
            size += 1 + length
            if size >= LONGEST_NAME or at + 1 + length >= len(self.message):
                raise BadAnswer("invalid")
            pieces.append(self.message[at : at + 1 + length])
            at += 1 + length
        if not pieces:
            raise BadAnswer("invalid")
        self.at = at + 1 if end < 0 else end
        return b"".join(pieces) + b"\0"


def ignore(reader: Reader, size: int) -> None:
    """A record of no interest."""


def read_four(reader: Reader, size: int) -> Record:
    if size != 4:
        raise BadAnswer("invalid")
    data = reader.message[reader.at : reader.at + 4]
    return Record(A, data, socket.inet_ntop(socket.AF_INET, data))


def read_six(reader: Reader, size: int) -> Record:
    if size != 16:
        raise BadAnswer("invalid")
    data = reader.message[reader.at : reader.at + 16]
    return Record(AAAA, data, socket.inet_ntop(socket.AF_INET6, data))


def read_alias(reader: Reader, size: int) -> Record:
    return Record(CNAME, b"", target=Reader.name(reader))


def read_service(reader: Reader, size: int) -> Record:
    if size <= 6:
        raise BadAnswer("invalid")
    priority, weight, port = reader.unpack(">HHH")
    target = reader.name()
    return Record(SRV, target, "", target, port, weight, priority)


READERS: Final = {A: read_four, AAAA: read_six, CNAME: read_alias, SRV: read_service}
