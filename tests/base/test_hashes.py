"""Hash functions: known values, and HAProxy's converters where HAProxy is installed."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from pylb.base.hashes import FUNCTIONS, avalanche

sys.path.insert(0, str(Path(__file__).parents[1] / "differential"))
from oracle import needs_haproxy
from running import Client, Running, running

KNOWN = {"sdbm": 807794786, "djb2": 193485963, "crc32": 891568578}


@pytest.mark.parametrize("name", ["sdbm", "djb2", "crc32"])
def test_known_values(name: str) -> None:
    assert FUNCTIONS[name](b"abc") == KNOWN[name]


def test_everything_fits_in_32_bits() -> None:
    data = bytes(range(256))
    for function in FUNCTIONS.values():
        assert 0 <= function(data) < 1 << 32
        assert 0 <= avalanche(function(data)) < 1 << 32


@needs_haproxy
def test_as_the_converters(tmp_path: Path) -> None:
    dice = random.Random(1)
    paths = ["/" + "".join(dice.choice("abcXYZ019-_/.") for _ in range(dice.randint(0, 30))) for _ in range(200)]
    text = " ".join(f"%[path,{name}] %[path,{name}(1)]" for name in FUNCTIONS)

    def sections(theirs: Running) -> str:
        return f'frontend f\n bind 127.0.0.1:{theirs.ports[0]}\n http-request return status 200 content-type text/plain lf-string "{text}"\n'

    with running(tmp_path, 1, sections) as theirs, Client(theirs.ports[0]) as client:
        for path in paths:
            client.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            values = [int(word) for word in client.answer()[1].split()]
            expected = [value for function in FUNCTIONS.values() for value in (function(path.encode()), avalanche(function(path.encode())))]
            assert values == expected, path
