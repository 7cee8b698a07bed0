"""The DNS codec: what it makes of answers, right and broken; what questions look like; cuts and random bytes do no harm."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from dns_answers import ANSWERS, PAYLOAD, answer, question_of

from pylb.wire import dns

NAME = b"\x04some\x04test\0"
QUESTION = dns.question(0x1234, NAME, dns.A, PAYLOAD)


def made(case: str) -> bytes:
    section = question_of(QUESTION)[2]
    return answer(QUESTION, ANSWERS[case][1](section, section[:-4]))


def verdict(message: bytes) -> str:
    """The counter that goes up."""
    try:
        dns.read_answer(message, NAME, PAYLOAD)
    except dns.BadAnswer as error:
        return error.kind
    return "valid"


@pytest.mark.parametrize("case", sorted(case for case in ANSWERS if ANSWERS[case][0] != "too_big"))
def test_verdict(case: str) -> None:
    assert verdict(made(case)) == ANSWERS[case][0]


def test_question_is_haproxys() -> None:
    """Recursion is desired, and an OPT record tells how much may come."""
    assert bytes.fromhex("1234 0100 0001 0000 0000 0001") + NAME + bytes.fromhex("0001 0001  00 0029 0200 00000000 0000") == QUESTION


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("a.Bc", b"\1a\2bc\0"),
        ("a.b.", b"\1a\1b\0"),
        ("a..b", None),
        ("", None),
        ("x" * 63, b"\x3f" + b"x" * 63 + b"\0"),
        ("x" * 64, b"\x40" + b"x" * 64 + b"\0"),
    ],
)
def test_names(text: str, wire: bytes | None) -> None:
    assert dns.to_wire(text) == wire


def test_services_come_with_their_hosts() -> None:
    service = dns.question(1, NAME, dns.SRV, PAYLOAD)
    target = b"\4host\4test\0"
    records = b"\xc0\x0c" + bytes.fromhex("0021 0001 00000005") + (6 + len(target)).to_bytes(2, "big") + bytes.fromhex("0001 0002 1f90") + target
    extra = target + bytes.fromhex("0001 0001 00000005 0004 0a000007")
    message = service[:2] + bytes.fromhex("8180 0001 0001 0000 0001") + question_of(service)[2] + records + extra
    found = dns.read_answer(message, NAME, PAYLOAD)
    (record,) = found.records
    assert (record.type, record.priority, record.weight, record.port, record.target) == (dns.SRV, 1, 2, 8080, target)
    assert dns.to_text(record.target) == "host.test"
    assert found.additional[target].host == "10.0.0.7"


@pytest.mark.parametrize("case", ["good", "cname2", "aaaa_a", "srv_a", "ptrmid"])
def test_cuts_and_noise_are_only_ever_bad_answers(case: str) -> None:
    message, dice = made(case), random.Random(case)
    kinds = {verdict(message[:size]) for size in range(len(message))}
    assert kinds <= {"invalid", "any_err", "cname_error", "valid"}
    for _ in range(2000):
        noisy = bytearray(message)
        for _ in range(dice.randrange(1, 4)):
            noisy[dice.randrange(len(noisy))] = dice.randrange(256)
        assert isinstance(verdict(bytes(noisy)), str)
