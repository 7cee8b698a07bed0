"""HAProxy's own answers: the pages byte for byte against the running haproxy, and what is said of bad error files."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from rig import HAPROXY, Rig

from pylb.base.errors import Alert
from pylb.wire.message import Framing
from pylb.wire.replies import PAGES, error_page, error_reply, parse_errorfile, raw_error_reply, reason

needs_haproxy = pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")


@needs_haproxy
def test_pages_are_those_of_haproxy() -> None:
    rules = "\n    ".join(f"http-request deny deny_status {status} if {{ path /{status} }}" for status in PAGES)
    rig = Rig(frontend=rules)
    try:
        for status in PAGES:
            assert rig.exchange(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % status).client == error_reply(status)
            assert rig.exchange(b"GET /%d HTTP/1.0\r\n\r\n" % status).client == error_reply(status, 10, close=True)
    finally:
        rig.stop()


@needs_haproxy
@pytest.mark.parametrize(
    "status, request_",
    [
        (400, b"GET /\r\n\r\n"),
        (408, b"GET"),
        (413, b"GET / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"),
        (422, b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    ],
)
def test_pages_without_a_request(status: int, request_: bytes) -> None:
    rig = Rig()
    try:
        assert rig.exchange(request_).client == raw_error_reply(status)
    finally:
        rig.stop()


@needs_haproxy
def test_reasons_are_those_of_haproxy() -> None:
    codes = [*range(100, 104), *range(199, 212), *range(299, 312), *range(399, 458), 499, *range(500, 522), 599, 600, 999]
    rules = "\n    ".join(f"http-response set-status {code} if {{ var(txn.p) -m str /{code} }}" for code in codes)
    rig = Rig(frontend="http-request set-var(txn.p) path\n    " + rules)
    try:
        for code in codes:
            line = rig.exchange(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % code, enough=0.02).client.split(b"\r\n")[0]
            assert line == b"HTTP/1.1 %d %s" % (code, reason(code))
    finally:
        rig.stop()


BAD_FILES = {
    "nohead": b"hello",
    "noend": b"HTTP/1.1 503 X\r\nFoo: Bar\r\n",
    "badheader": b"HTTP/1.1 503 X\r\nFoo Bar\r\n\r\n",
    "toolong": b"HTTP/1.1 503 X\r\nContent-Length: 10\r\n\r\nbody",
    "tooshort": b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nbody",
    "chunked": b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "nostatus": b"HTTP/1.1 abc\r\n\r\n",
    "informational": b"HTTP/1.1 100 X\r\n\r\nbody",
    "badlength": b"HTTP/1.1 503 X\r\nContent-Length: x\r\n\r\nbody",
    "nobody": b"HTTP/1.1 204 X\r\n\r\nbody",
    "notmodified": b"HTTP/1.1 304 X\r\nContent-Length: 4\r\n\r\nbody",
    "big": b"HTTP/1.1 503 X\r\n\r\n" + b"a" * 16280,
}


@needs_haproxy
@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_error_files(name: str, tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(BAD_FILES[name])
    config = tmp_path / "cfg"
    config.write_text(f"defaults\n    errorfile 503 {file}\n")
    said = subprocess.run([HAPROXY, "-c", "-f", config], capture_output=True, text=True, check=False).stderr
    found = re.search(r"errorfile : '[^']*': (.*)", said)
    assert found, said
    with pytest.raises(Alert) as raised:
        parse_errorfile(BAD_FILES[name])
    assert str(raised.value) == found[1].rstrip(".") or str(raised.value) == found[1]


def test_good_error_files() -> None:
    assert parse_errorfile(BAD_FILES["big"][:-1])
    assert parse_errorfile(b"") is None
    got = parse_errorfile(b"HTTP/1.0 503 Gone fishing\nFoo: Bar\nConnection: close\n\nbody")
    assert got is not None
    page, body = got
    assert (page.status, page.reason, page.version, page.keep_alive, body) == (503, b"Gone fishing", 10, False, b"body")
    assert page.headers == [(b"foo", b"Bar")]
    assert page.framing is Framing.CLOSE


def test_page_closes_only_where_it_says_so() -> None:
    assert [status for status in PAGES if not error_page(status)[0].keep_alive] == [400, 408]
