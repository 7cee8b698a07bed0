"""The predefined checks: what HAProxy asks SMTP, MySQL, PostgreSQL, Redis, LDAP, SSLv3 and SPOE servers (configuration.txt 4.2, `option *-check`).

Each is a rule set like one that could be written with `tcp-check`; where a pattern cannot tell, a function judges the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.proxy.health import Result
from pylb.sample.regexes import compile_regex
from pylb.tasks.check_connection import CheckFailed
from pylb.tasks.check_rules import ConnectRule, CustomExpect, Facts, Rule, SendRule, TcpExpect

if TYPE_CHECKING:
    from pylb.tasks.check_attempt import Attempt

LINGER: Final[Facts] = {"default": True, "linger": True}


def regex(number: int, pattern: str, **facts: Any) -> TcpExpect:
    """An expectation by regular expression; a leading `!` negates it."""
    negated = pattern.startswith("!")
    return TcpExpect({"match": "rstring", "pattern": compile_regex(pattern[negated:]), "negated": negated, **facts}, number)


def payload(offset: int, length: int = 0) -> Callable[[Attempt], bytes]:
    """Bytes of what was received."""
    return lambda attempt: attempt.data[offset : offset + length] if length else attempt.data[offset:]


def line(offset: int) -> Callable[[Attempt], str]:
    """The rest of the first line, from `offset`, without leading blanks."""

    def text(attempt: Attempt) -> str:
        rest = attempt.data[offset:]
        cut = min((at for at in (rest.find(b"\r"), rest.find(b"\n")) if at >= 0), default=len(rest))
        return rest[:cut].lstrip(b" ").decode("latin-1")

    return text


def words(text: str) -> Callable[[Attempt], str]:
    return lambda attempt: text


# -- SMTP (RFC 5321)
def smtp(facts: Facts) -> list[Rule]:
    """Greeting, HELO or EHLO, QUIT; each answer must begin with a 2."""
    answer: Facts = {"error_status": "L7STS", "status_code": payload(0, 3), "on_error": line(4)}
    return [
        ConnectRule(dict(LINGER), 1),
        regex(2, r"^[0-9]{3}[ \r]", min_recv=4, error_status="L7RSP", on_error=line(0)),
        regex(3, r"^2[0-9]{2}[ \r]", min_recv=4, **answer),
        SendRule({"data": facts["greeting"] + b"\r\n"}, 4),
        regex(5, r"^2[0-9]{2}[- \r]", **answer),
        SendRule({"data": b"QUIT\r\n"}, 6),
        regex(7, r"^2[0-9]{2}[- \r]", **answer, on_success=line(4)),
    ]


# -- MySQL: packets of 3 bytes of length, a number, contents
def mysql(facts: Facts) -> list[Rule]:
    """The server's handshake; with a user, a login without password and what comes of it."""
    if "user" not in facts:
        return [ConnectRule(dict(LINGER), 1), CustomExpect(lambda attempt, finished: mysql_packet(attempt, finished, 0, last=True), 2)]
    login = mysql_login_old(facts["user"]) if facts["version"] == "pre-41" else mysql_login(facts["user"])
    send = SendRule({"data": login + b"\x01\x00\x00\x00\x01"}, 3)
    send.keeps = True
    return [
        ConnectRule(dict(LINGER), 1),
        CustomExpect(lambda attempt, finished: mysql_packet(attempt, finished, 0, last=False), 2),
        send,
        CustomExpect(mysql_after_handshake, 4),
    ]


def mysql_login(user: bytes) -> bytes:
    """A HandshakeResponse41: capabilities, largest packet, character set 33, user, no password."""
    contents = b"\x00\x82\x00\x00\x00\x80\x00\x01\x21" + bytes(23) + user + b"\x00\x00"
    return struct.pack("<I", len(contents))[:3] + b"\x01" + contents


def mysql_login_old(user: bytes) -> bytes:
    """A HandshakeResponse320."""
    contents = b"\x00\x80\x00\x00\x01" + user + b"\x00\x00"
    return struct.pack("<I", len(contents))[:3] + b"\x01" + contents


def mysql_after_handshake(attempt: Attempt, finished: bool) -> bool:
    """The packet behind the handshake, which is still there."""
    return mysql_packet(attempt, finished, 4 + int.from_bytes(attempt.data[:3], "little"), last=True)


def mysql_packet(attempt: Attempt, finished: bool, at: int, *, last: bool) -> bool:
    """One packet: an error ends the check; the handshake's version is what a passed check says."""
    data = attempt.data
    length = int.from_bytes(data[at : at + 3], "little")
    if len(data) < at + 5 or len(data) < at + 4 + length:
        if finished:
            raise CheckFailed("L7RSP")
        return False
    if data[at + 4] == 0xFF:
        code = int.from_bytes(data[at + 5 : at + 7], "little")
        raise CheckFailed("L7STS", data[at + 7 : at + 4 + length].decode("latin-1"), code)
    if last:
        attempt.noted = Result("L7OK", 0, 0, data[5:].partition(b"\0")[0].decode("latin-1"))
    return True


# -- PostgreSQL
def pgsql(facts: Facts) -> list[Rule]:
    """A StartupMessage; an answer that asks for authentication, or grants it, is good."""
    contents = b"\x00\x03\x00\x00user\x00" + facts["user"] + b"\x00\x00"
    return [
        ConnectRule(dict(LINGER), 1),
        SendRule({"data": struct.pack(">I", len(contents) + 4) + contents}, 2),
        regex(3, "!^E", min_recv=5, error_status="L7RSP", on_error=lambda attempt: attempt.data[6:].partition(b"\0")[0].decode("latin-1")),
        regex(
            4, r"^R\x00\x00\x00[\x08-\xff]\x00\x00\x00[\x00-\x0c]", min_recv=9, error_status="L7STS",
            on_success=words("PostgreSQL server is ok"), on_error=words("PostgreSQL unknown error"),
        ),
    ]  # fmt: skip


# -- Redis
def redis(facts: Facts) -> list[Rule]:
    """PING, PONG."""
    pong: Facts = {"match": "string", "pattern": b"+PONG\r\n", "negated": False, "error_status": "L7STS"}
    return [
        SendRule({"data": b"*1\r\n$4\r\nPING\r\n"}, 1),
        TcpExpect({**pong, "on_error": line(0), "on_success": words("Redis server is ok")}, 2),
    ]


# -- LDAP (RFC 4511)
BIND: Final = bytes.fromhex("300c020101600702010304008000")
BIND_RESPONSE: Final = b"\x02\x01\x01\x61"
SHORTEST_BIND_RESPONSE: Final = 14


def ldap(facts: Facts) -> list[Rule]:
    """An anonymous simple bind."""
    return [SendRule({"data": BIND}, 1), CustomExpect(ldap_bound, 2)]


def ldap_bound(attempt: Attempt, finished: bool) -> bool:
    """A BindResponse whose result is success."""
    data = attempt.data
    if len(data) < SHORTEST_BIND_RESPONSE:
        if finished:
            raise CheckFailed("L7RSP")
        return False
    at = ber_contents(data, 1)
    if data[0] != 0x30 or data[at : at + 4] != BIND_RESPONSE:
        raise CheckFailed("L7RSP", "Not LDAPv3 protocol")
    at = ber_contents(data, at + 4)
    result = data[at + 2] if len(data) > at + 2 else 0
    if data[at : at + 2] != b"\x0a\x01":
        raise CheckFailed("L7RSP", "Not LDAPv3 protocol")
    if result:
        raise CheckFailed("L7STS", "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9", result)
    attempt.noted = Result("L7OK", 0, 0, "Success")
    return True


def ber_contents(data: bytes, at: int) -> int:
    """Where the contents begin behind a length that is one byte, or 0x84 and four."""
    return at + 5 if data[at : at + 1] == b"\x84" else at + 1


# -- SSLv3 hello
CIPHERS: Final = b"".join(struct.pack(">H", number) for number in (*range(0x01, 0x1C), *range(0x2F, 0x3B)))


def ssl_hello(facts: Facts) -> list[Rule]:
    """A ClientHello of SSLv3; any handshake or alert record is an answer."""
    return [
        SendRule({"data": client_hello}, 1),
        TcpExpect(
            {"match": "rbinary", "pattern": compile_regex("^1[56]"), "negated": False, "min_recv": 5,
             "ok_status": "L6OK", "error_status": "L6RSP", "tout_status": "L6TOUT", "on_error": words("")}, 2,
        ),
    ]  # fmt: skip


def client_hello(attempt: Attempt) -> str:
    """The time of day and 28 bytes that are not random; no session, many ciphers, no compression."""
    moment = struct.pack(">I", int(attempt.process.clock.wall()) & 0xFFFFFFFF)
    contents = b"\x03\x00" + moment + 2 * b"HAPROXYSSLCHK\n" + b"\x00" + struct.pack(">H", len(CIPHERS)) + CIPHERS + b"\x01\x00"
    message = b"\x01" + struct.pack(">I", len(contents))[1:] + contents
    return (b"\x16\x03\x00" + struct.pack(">H", len(message)) + message).decode("latin-1")


# -- SPOE: frames of 4 bytes of length, type, flags, ids, keys and typed values
SPOP_HELLO: Final = bytes.fromhex(
    "0000004e0100000001000012737570706f727465642d76657273696f6e730803322e300e6d61782d6672616d652d73697a6503fcf0060c"
    "6361706162696c697469657308000b6865616c7468636865636b11"
)
AGENT_HELLO: Final = 101
FRAME_HEAD: Final = 11  # length, type, flags, both ids


def spop(facts: Facts) -> list[Rule]:
    """HAPROXY-HELLO as a health check; the agent answers with its own hello."""
    return [SendRule({"data": SPOP_HELLO}, 1), CustomExpect(spop_agreed, 2)]


def spop_agreed(attempt: Attempt, finished: bool) -> bool:
    """An AGENT-HELLO."""
    data = attempt.data
    if len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        if finished:
            raise CheckFailed("L7RSP")
        return False
    frame = data[: 4 + int.from_bytes(data[:4], "big")]
    if len(frame) < FRAME_HEAD or frame[4] != AGENT_HELLO or not all(key in frame for key in (b"\x07version", b"\x0emax-frame-size", b"\x0ccapabilities")):
        raise CheckFailed("L7RSP", "invalid frame received")
    attempt.noted = Result("L7OK", 0, 0, "SPOA server is ok")
    return True


KINDS: Final[dict[str, Callable[[Facts], list[Rule]]]] = {
    "smtpchk": smtp, "mysql-check": mysql, "pgsql-check": pgsql, "redis-check": redis, "ldap-check": ldap, "ssl-hello-chk": ssl_hello,
    "spop-check": spop,
}  # fmt: skip
