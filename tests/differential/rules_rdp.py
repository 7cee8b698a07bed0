"""Cases of the comparison with haproxy: the cookie of remote desktop clients, in fetches, balancing and persistence."""

from __future__ import annotations

import socket
import struct

from rules_rig import Case, get

INSPECT = "tcp-request inspect-delay 300ms\ntcp-request content accept if RDP_COOKIE"
THREE = "server s2 127.0.0.9:15629\nserver s3 127.0.0.9:15630\n"  # nobody listens there: the log names who was chosen
UNIX = "server a unix@DIR/none\nserver b unix@DIR/none\nserver c unix@DIR/none weight 3\n"
ADDRESS = struct.unpack("<I", socket.inet_aton("127.0.0.9"))[0]
PORT = socket.htons(15630)
TOKEN = f"msts={ADDRESS}.{PORT}.0000"
RULES = "\n".join(
    f"tcp-request content set-var(txn.v{number}) {fetch} if RDP_COOKIE"
    for number, fetch in enumerate(("rdp_cookie", "rdp_cookie(MSTS)", "rdp_cookie_cnt(msts)", "req.rdp_cookie(mstshash)", "req.rdp_cookie_cnt(xx)"))
)


def rdp(cookie: str, tail: bytes = b"\r\n") -> bytes:
    """A connection request with this cookie."""
    body = b"Cookie: " + cookie.encode() + tail
    return b"\x03\x00" + struct.pack(">H", 11 + len(body)) + bytes((6 + len(body), 0xE0, 0, 0, 0, 0, 0)) + body


def case(name: str, message: bytes, back: str, front: str = INSPECT) -> Case:
    """One connection request to a backend with these words."""
    return Case(name, front, back=back, send=[message], tcp=True, logs=1)


def persist(name: str, cookie: str, words: str = "", tail: bytes = b"\r\n") -> Case:
    return case(f"rdp_{name}", rdp(cookie, tail), f"persist rdp-cookie{words}\n" + THREE)


RDP = [
    persist("token", TOKEN),
    persist("other", "msts=1.2.0000"),
    persist("hash", "mstshash=abc"),
    persist("named", TOKEN.replace("msts", "foo"), "(foo)"),
    persist("letters", "msts=abc.def.0000"),
    persist("no_port", f"msts={ADDRESS}"),
    persist("no_end", f"msts={ADDRESS}.{PORT}"),
    persist("no_zeroes", f"msts={ADDRESS}.{PORT}."),
    persist("long_end", TOKEN + "xx"),
    persist("upper", TOKEN.upper()),
    persist("unended", TOKEN, tail=b""),
    persist("more", TOKEN, tail=b"\r\n\x01\x00\x08\x00\x03\x00\x00\x00"),
    persist("port_0", f"msts={ADDRESS}.0.0000"),
    persist("redispatch", TOKEN, "\noption redispatch\nretries 3\ntimeout connect 100ms"),
    persist("use_server", TOKEN, "\nuse-server s2 if TRUE"),
    Case("rdp_http", back="persist rdp-cookie\n", send=[get()]),
    Case("rdp_fetches", f"tcp-request inspect-delay 300ms\n{RULES}\nlog-format %[var(txn.v0)],%[var(txn.v1)],%[var(txn.v2)],%[var(txn.v3)],%[var(txn.v4)]\n"
         "tcp-request content accept if RDP_COOKIE", send=[rdp(TOKEN)], tcp=True, logs=1),
    *[case(f"rdp_balance{number}", rdp(f"mstshash=user{number}"), "balance rdp-cookie(mstshash)\n" + UNIX) for number in range(6)],
    case("rdp_balance_none", rdp("xx=1"), "balance rdp-cookie\n" + UNIX),
    case("rdp_balance_token", rdp(TOKEN), "balance rdp-cookie(msts)\n" + UNIX),
    case("rdp_consistent", rdp("mstshash=q"), "balance rdp-cookie(mstshash)\nhash-type consistent\n" + UNIX),
]  # fmt: skip
