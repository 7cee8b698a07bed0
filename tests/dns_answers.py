"""Answers of name servers, right and broken: each as a function of the question's section, and what HAProxy makes of it.

A verdict is the counter of `show resolvers` that goes up. Kept in one place for the codec's own test and for the comparison with haproxy.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

Make = Callable[[bytes, bytes], bytes]

NOERROR = 0x8180
IP = bytes((10, 0, 0, 1))
IPV6 = b"\xfe\x80" + b"\0" * 13 + b"\1"
PAYLOAD = 512


def wire_name(name: bytes) -> bytes:
    """A name as it stands in messages."""
    return b"".join(bytes((len(label),)) + label for label in name.split(b".")) + b"\0"


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c", ttl: int = 5, cls: int = 1, size: int | None = None) -> bytes:
    """One record; by default about the name that was asked for."""
    return name + struct.pack(">HHIH", kind, cls, ttl, len(data) if size is None else size) + data


def head(flags: int = NOERROR, q: int = 1, a: int = 1, n: int = 0, r: int = 0) -> bytes:
    """Flags and counts, which stand behind the number of the question."""
    return struct.pack(">5H", flags, q, a, n, r)


# name: verdict, and what stands behind the question's number, made from the question section and the name in it
ANSWERS: dict[str, tuple[str, Make]] = {
    "good": ("valid", lambda q, n: head() + q + record(1, IP)),
    "upper": ("invalid", lambda q, n: head() + q.upper()[:-4] + q[-4:] + record(1, IP, n.upper())),
    "short1": ("invalid", lambda q, n: b""),
    "short2": ("invalid", lambda q, n: b"\x81"),
    "short3": ("invalid", lambda q, n: b"\x81\x80"),
    "short4": ("invalid", lambda q, n: b"\x81\x80\0\1"),
    "short5": ("invalid", lambda q, n: b"\x81\x80\0\1\0\1"),
    "short6": ("invalid", lambda q, n: b"\x81\x80\0\1\0\1\0\0"),
    "short7": ("invalid", lambda q, n: head()),
    "short8": ("invalid", lambda q, n: head() + q[:3]),
    "short9": ("invalid", lambda q, n: head() + q[:-4]),
    "short10": ("invalid", lambda q, n: head() + q[:-1]),
    "short11": ("invalid", lambda q, n: head() + q),
    "short12": ("invalid", lambda q, n: head() + q + b"\xc0"),
    "short13": ("invalid", lambda q, n: head() + q + b"\xc0\x0c"),
    "short14": ("invalid", lambda q, n: head() + q + record(1, IP)[:-1]),
    "short15": ("invalid", lambda q, n: head() + q + record(1, IP)[:-4]),
    "short16": ("invalid", lambda q, n: head() + q + record(1, IP)[:-5]),
    "q0": ("invalid", lambda q, n: head(q=0) + record(1, IP, n)),
    "q2": ("invalid", lambda q, n: head(q=2) + q + q + record(1, IP)),
    "a0": ("any_err", lambda q, n: head(a=0) + q),
    "a0rec": ("any_err", lambda q, n: head(a=0) + q + record(1, IP)),
    "a2missing": ("invalid", lambda q, n: head(a=2) + q + record(1, IP)),
    "a1extra": ("valid", lambda q, n: head(a=1) + q + record(1, IP) + record(1, b"\x0a\0\0\2")),
    "a41": ("too_big", lambda q, n: head(a=41) + q + record(1, IP) * 41),
    "a42": ("too_big", lambda q, n: head(a=42) + q + record(1, IP) * 41),
    "a30": ("valid", lambda q, n: head(a=30) + q + record(1, IP) * 30),
    "rcode1": ("other", lambda q, n: head(0x8181, a=0) + q),
    "rcode2": ("other", lambda q, n: head(0x8182) + q + record(1, IP)),
    "rcode3": ("nx", lambda q, n: head(0x8183) + q + record(1, IP)),
    "rcode5": ("refused", lambda q, n: head(0x8185) + q),
    "rcode15": ("other", lambda q, n: head(0x818F) + q),
    "trunc": ("truncated", lambda q, n: head(0x8380) + q + record(1, IP)),
    "notresp": ("valid", lambda q, n: head(0x0100) + q + record(1, IP)),
    "op5": ("valid", lambda q, n: head(0xA980) + q + record(1, IP)),
    "wrongname": ("invalid", lambda q, n: head() + wire_name(b"other.test") + q[-4:] + record(1, IP)),
    "prefixname": ("invalid", lambda q, n: head() + n[:-1] + b"\1x\0" + q[-4:] + record(1, IP)),
    "wrongtype": ("valid", lambda q, n: head() + q[:-4] + b"\0\x1c\0\1" + record(1, IP)),
    "srvtype": ("valid", lambda q, n: head() + q[:-4] + b"\0\x21\0\1" + record(1, IP)),
    "wrongclass": ("valid", lambda q, n: head() + q[:-2] + b"\0\3" + record(1, IP)),
    "wrongclassrr": ("valid", lambda q, n: head() + q + record(1, IP, cls=3)),
    "rrname": ("invalid", lambda q, n: head() + q + record(1, IP, wire_name(b"zz.test"))),
    "rrname2": ("cname_error", lambda q, n: head(a=2) + q + record(1, IP) + record(1, IP, wire_name(b"zz.test"))),
    "rrnameprefix": ("invalid", lambda q, n: head() + q + record(1, IP, n[:-1] + b"\1x\0")),
    "rrroot": ("invalid", lambda q, n: head() + q + record(1, IP, b"\0")),
    "len3": ("invalid", lambda q, n: head() + q + record(1, IP[:3])),
    "len5": ("invalid", lambda q, n: head() + q + record(1, IP + b"x")),
    "lenbig": ("invalid", lambda q, n: head() + q + record(1, IP, size=400)),
    "aaaalen": ("invalid", lambda q, n: head() + q + record(28, IPV6[:15])),
    "aaaa": ("valid", lambda q, n: head() + q + record(28, IPV6)),
    "aaaa_a": ("valid", lambda q, n: head(a=2) + q + record(28, IPV6) + record(1, IP)),
    "cnameonly": ("cname_error", lambda q, n: head() + q + record(5, wire_name(b"d.test"))),
    "cname": ("valid", lambda q, n: head(a=2) + q + record(5, wire_name(b"d.test")) + record(1, IP, wire_name(b"d.test"))),
    "cname2": (
        "valid",
        lambda q, n: (
            head(a=3) + q + record(5, wire_name(b"d.test")) + record(5, wire_name(b"e.test"), wire_name(b"d.test")) + record(1, IP, wire_name(b"e.test"))
        ),
    ),
    "cnamewrong": ("cname_error", lambda q, n: head(a=2) + q + record(5, wire_name(b"d.test")) + record(1, IP, wire_name(b"x.test"))),
    "cnamelate": ("cname_error", lambda q, n: head(a=2) + q + record(1, IP) + record(5, wire_name(b"d.test"))),
    "cnamelate2": ("valid", lambda q, n: head(a=3) + q + record(1, IP) + record(5, wire_name(b"d.test")) + record(1, b"\x0a\0\0\2", wire_name(b"d.test"))),
    "cnamebad": ("invalid", lambda q, n: head(a=2) + q + record(5, b"\x40abc") + record(1, IP, wire_name(b"d.test"))),
    "cnamesize": ("valid", lambda q, n: head(a=2) + q + record(5, wire_name(b"d.test") + b"zz") + record(1, IP, wire_name(b"d.test"))),
    "cnamecase": ("cname_error", lambda q, n: head(a=2) + q + record(5, wire_name(b"D.test")) + record(1, IP, wire_name(b"d.TEST"))),
    "cnameempty": ("valid", lambda q, n: head(a=2) + q + record(5, b"") + record(1, IP, wire_name(b"d.test"))),
    "cnameroot": ("invalid", lambda q, n: head(a=2) + q + record(5, b"\0") + record(1, IP, b"\0")),
    "txt": ("valid", lambda q, n: head() + q + record(16, b"\3abc")),
    "txt_a": ("valid", lambda q, n: head(a=2) + q + record(16, b"\3abc") + record(1, IP)),
    "txtempty_a": ("valid", lambda q, n: head(a=2) + q + record(16, b"") + record(1, IP)),
    "srv": ("valid", lambda q, n: head() + q + record(33, b"\0\0\0\0\0\x50" + wire_name(b"d.test"))),
    "srv_a": ("valid", lambda q, n: head(a=2) + q + record(33, b"\0\0\0\0\0\x50" + wire_name(b"d.test")) + record(1, IP)),
    "srvshort": ("invalid", lambda q, n: head() + q + record(33, b"\0\0\0\0\0\x50")),
    "ptrself": ("invalid", lambda q, n: head() + q + record(1, IP, b"\xc0" + bytes([12 + len(q)]))),
    "ptrself2": ("invalid", lambda q, n: head() + q + record(1, IP, b"\1a\xc0" + bytes([12 + len(q)]))),
    "ptrforward": ("invalid", lambda q, n: head(a=2) + q + record(1, IP, b"\xc0" + bytes([12 + len(q) + 16])) + record(1, IP, n)),
    "ptrend": ("invalid", lambda q, n: head() + q + record(1, IP, b"\xff\xff")),
    "ptrhead": ("invalid", lambda q, n: head() + q + record(1, IP, b"\xc0\x00")),
    "ptrmid": ("valid", lambda q, n: head(a=2) + q + record(5, b"\1d\xc0" + bytes([12 + n.index(b"\4test")])) + record(1, IP, wire_name(b"d.test"))),
    "label40": ("invalid", lambda q, n: head() + q + record(1, IP, b"\x41" + b"a" * 65 + b"\0")),
    "label80": ("invalid", lambda q, n: head() + q + record(1, IP, b"\x80abc\0")),
    "longname": ("invalid", lambda q, n: head() + q + record(1, IP, (b"\x3f" + b"a" * 63) * 5 + b"\0")),
    "longq": ("invalid", lambda q, n: head() + (b"\x3f" + b"a" * 63) * 5 + b"\0" + q[-4:] + record(1, IP)),
    "qptr": ("invalid", lambda q, n: head() + b"\xc0\x0c" + q[-4:] + record(1, IP)),
    "dup": ("valid", lambda q, n: head(a=2) + q + record(1, IP) + record(1, IP)),
    "ttl0": ("valid", lambda q, n: head() + q + record(1, IP, ttl=0)),
    "zero": ("valid", lambda q, n: head() + q + record(1, b"\0\0\0\0")),
    "mcast": ("valid", lambda q, n: head() + q + record(1, b"\xff\xff\xff\xff")),
    "auth1": ("valid", lambda q, n: head(n=1) + q + record(1, IP) + record(2, wire_name(b"ns.test"))),
    "auth1missing": ("valid", lambda q, n: head(n=1) + q + record(1, IP)),
    "add1missing": ("valid", lambda q, n: head(r=1) + q + record(1, IP)),
    "addopt": ("valid", lambda q, n: head(r=1) + q + record(1, IP) + b"\0" + struct.pack(">HHIH", 41, 512, 0, 0)),
    "addbad": ("valid", lambda q, n: head(r=1) + q + record(1, IP) + b"\xff"),
    "big": ("valid", lambda q, n: head() + q + record(1, IP) + b"x" * (512 - 28 - len(q))),
    "big1": ("too_big", lambda q, n: head() + q + record(1, IP) + b"x" * (513 - 28 - len(q))),
    "big9": ("too_big", lambda q, n: head() + q + record(1, IP) + b"x" * 900),
}


def question_of(message: bytes) -> tuple[str, int, bytes]:
    """Name, kind and whole question section of a message."""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    section = message[12 : at + 5]
    return ".".join(labels), int.from_bytes(section[-4:-2], "big"), section


def answer(message: bytes, behind: bytes) -> bytes:
    """An answer to this question."""
    return message[:2] + behind


def addresses(message: bytes, hosts: list[str], kind: int = 0) -> bytes:
    """The usual answer: these addresses."""
    section = question_of(message)[2]
    records = b"".join(
        record(28, socket.inet_pton(socket.AF_INET6, host)) if ":" in host else record(1, socket.inet_pton(socket.AF_INET, host)) for host in hosts
    )
    return answer(message, head(a=len(hosts)) + section + records)


def services(message: bytes, records: list[tuple[int, int, str]], along: dict[str, str]) -> bytes:
    """SRV records, each a port, a weight and a host, and addresses of hosts that come along."""
    section = question_of(message)[2]
    found = b"".join(record(33, struct.pack(">HHH", 1, weight, port) + wire_name(host.encode())) for port, weight, host in records)
    for host, address in along.items():
        kind, family = (28, socket.AF_INET6) if ":" in address else (1, socket.AF_INET)
        found += record(kind, socket.inet_pton(family, address), wire_name(host.encode()))
    return answer(message, head(a=len(records), r=len(along)) + section + found)


def failure(message: bytes, code: int) -> bytes:
    """An answer that is an error."""
    return answer(message, head(NOERROR | code, a=0) + question_of(message)[2])


class ConnectedNameServer:
    """A name server that is asked over TCP."""

    def __init__(self, reply: Callable[[bytes], bytes | None]) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.asked: list[tuple[str, int]] = []
        self._reply = reply
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        host, port = self.socket.getsockname()
        return f"tcp@{host}:{port}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection.makefile("rb") as file:
            while size := file.read(2):
                message = file.read(int.from_bytes(size, "big"))
                self.asked.append(question_of(message)[:2])
                reply = self._reply(message)
                if reply is not None:
                    connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def close(self) -> None:
        """End: whoever waits is woken first."""
        for one in (self.socket, *self._connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (self.socket, *self._connections):
            one.close()


class NameServer:
    """A name server on a real socket. `reply` gives the answer to a question, None: there is none."""

    def __init__(self, reply: Callable[[bytes], bytes | None]) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked: list[tuple[str, int]] = []
        self._reply = reply
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                message, peer = self.socket.recvfrom(65536)
                if not message:
                    return
                self.asked.append(question_of(message)[:2])
                reply = self._reply(message)
                if reply is not None:
                    self.socket.sendto(reply, peer)

    def close(self) -> None:
        """End: an empty datagram of our own ends the thread."""
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.socket.getsockname())
        self._thread.join()
        self.socket.close()
