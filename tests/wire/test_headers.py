"""Header lists, and values split at commas as `req.hdr` splits them."""

from __future__ import annotations

import os
import re

import pytest
from rig import HAPROXY, Rig

from pylb.wire.headers import Headers

VALUES = [
    b"a", b"a,b", b" a , b ", b"a,,b", b",a", b"a,", b",", b'"a,b",c', b'"a\\",b",c', b'a"b,c"d,e', b'"a,b', b"a;b,c", b"Mon, 01 Jan 2024 00:00:00 GMT", b"",
    b"a\tb,\tc", b'\\"a,b"', b"(a,b),c",
]  # fmt: skip


def test_editing() -> None:
    headers = Headers([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    assert headers.get(b"a") == b"1"
    assert headers.get(b"c") is None
    assert headers.get_all(b"a") == [b"1", b"3"]
    assert headers.contains(b"b")
    assert not headers.contains(b"c")
    copy = headers.copy()
    headers.set(b"a", b"4")
    assert headers == [(b"b", b"2"), (b"a", b"4")]
    assert headers.remove(b"a") == 1
    assert headers.remove(b"a") == 0
    assert len(copy) == 3
    assert isinstance(copy, Headers)


@pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")
@pytest.mark.parametrize("name", [b"x-list", b"date", b"cookie", b"set-cookie"])
def test_values_as_haproxy_splits_them(name: bytes) -> None:
    word = name.decode()
    shown = "|".join(f"%[req.hdr({word},{number})]" for number in (1, 2, 3))
    rig = Rig(frontend=f'http-request return status 200 hdr x-seen "[%[req.hdr_cnt({word})]|{shown}]"')
    try:
        for value in VALUES:
            seen = re.search(rb"x-seen: \[(.*)\]\r\n", rig.exchange(b"GET / HTTP/1.1\r\n%s: %s\r\n\r\n" % (name, value)).client)
            assert seen
            mine = list(Headers([(name, value.strip())]).values_split(name))
            assert seen[1] == b"%d|" % len(mine) + b"|".join((mine + [b"", b"", b""])[:3]), value
    finally:
        rig.stop()
