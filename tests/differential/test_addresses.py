"""The addresses of `bind`, `server`, `log` and `source` lines: refusals in HAProxy's words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from oracle import by_line, messages, needs_haproxy

from pylb.base.address import BIND, LOG, SERVER, SOURCE, Accepts, find_host, parse_address, parse_addresses
from pylb.base.errors import Alert

pytestmark = needs_haproxy
ENV = {"HOST": "127.0.0.1", "PORT": "81", "COLON": ":"}
HOSTS = [
    "",
    "*",
    "127.0.0.1",
    "127.1",
    "1",
    "0x7f000001",
    "010.0.0.1",
    "300.1.1.1",
    "1.2.3.4.5",
    "::",
    "::1",
    "[::1]",
    "[*]",
    "[]",
    "[::1]8",
    "1::2::3",
    "::ffff:1.2.3.4",
    "localhost",
    "a.invalid",
    "-",
    "$HOST",
    "${HOST}",
    "$NO",
]
PORTS = [
    "",
    ":",
    ":80",
    ":0",
    ":65536",
    ":80-90",
    ":90-80",
    ":80-",
    ":-80",
    ":+80",
    ":abc",
    ":80x",
    ":1-70000",
    ":0-5",
    ":$PORT",
    "${COLON}80",
    ": 80",
    ":00080",
    ":1-2-3",
]
KINDS = ["", "ipv4@", "ipv6@", "tcp@", "udp4@", "tcp6@", "stream+ipv4@", "dgram+ipv4@", "quic4@", "nokind@"]
OTHERS = [
    "/tmp/x",
    "unix@/tmp/x",
    "unix@",
    "abns@x",
    "abns@",
    "fd@",
    "fd@x",
    "fd@9999",
    "fd@3x",
    "sockpair@x",
    "sockpair@9999",
    "uxst@/x",
    "uxdg@/x",
    "dgram+unix@/x",
    "/" + "a" * 97,
    "abns@" + "b" * 108,
]
TEXTS = (
    [host + port for host in HOSTS for port in PORTS[:9]]
    + [kind + host + ":80" for kind in KINDS for host in HOSTS[:14]]
    + ["1.2.3.4" + port for port in PORTS]
    + OTHERS
)


def own(text: str, accepts: Accepts, several: bool) -> str | None:
    try:
        found = (parse_addresses if several else lambda *args: [parse_address(*args)])(text, accepts, ENV)
    except Alert as error:
        return str(error)
    names = [one.host for one in found if one.kind == "name" and find_host(one.host, one.family) is None]
    return f"could not resolve address '{names[0]}'." if names else None


@pytest.mark.parametrize(
    ("section", "line", "accepts", "said"),
    [
        ("frontend f", "bind {}", BIND, r"'bind' : "),
        ("backend b", "server s{} {}", SERVER, r"'server b/s\d+' : "),
        ("global", "log {} local0", LOG, r"log : "),
        ("backend b", "source {}", SOURCE, r"'source .*?' : (?=invalid|missing|port|dgram|socket|a file|unsupp|cannot|file|'\$)"),
    ],
    ids=["bind", "server", "log", "source"],
)
def test_refusals(tmp_path: Path, section: str, line: str, accepts: Accepts, said: str) -> None:
    texts = [text for text in TEXTS if text and not text.startswith("fd@9")]
    for start in range(0, len(texts), 45):
        some = texts[start : start + 45]
        body = "".join(
            " " + (line.format(index, f'"{text}"') if line.count("{}") == 2 else line.format(f'"{text}"')).replace("$", "\\$") + "\n"
            for index, text in enumerate(some)
        )
        theirs = by_line([re.sub(r"config : \[", "config : parsing [", message) for message in messages(tmp_path, f"{section}\n{body}", ENV)])
        if line.startswith("server"):  # names are looked up only when all lines are fine
            some = [text for text in some if not (own(text, accepts, False) or "").startswith("could not resolve")]
            body = "".join(" " + line.format(index, f'"{text}"').replace("$", "\\$") + "\n" for index, text in enumerate(some))
            theirs = by_line([re.sub(r"config : \[", "config : parsing [", message) for message in messages(tmp_path, f"{section}\n{body}", ENV)])
        for number, text in enumerate(some, start=2):
            alert = next((message for message in theirs.get(number, ()) if "ALERT" in message), None)
            complaint = re.split(said, alert, maxsplit=1)[-1] if alert else None
            assert own(text, accepts, line.startswith("bind")) == complaint, text
