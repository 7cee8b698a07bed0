"""Targets taken apart and changed, against the running haproxy where it is installed."""

from __future__ import annotations

import os
import re

import pytest
from rig import HAPROXY, Rig

from pylb.wire import uri

needs_haproxy = pytest.mark.skipif(not os.access(HAPROXY, os.X_OK), reason="haproxy is not installed")

PARAMETERS = (
    b"/ /p?a=1&b=2 /p?b=2&a=1 /p?a=1&a=2 /p?a /p?a= /p?a=&a=2 /p?ab=1&a=2 /p?xa=1 /p?a=1;b=2 /p;a=3?a=1 /p;a=3;b=4 /p;jsession;a=5?x /p? /p??a=1 "
    b"/p?a=1?a=2 /p?a=%20b * http://h/p?q http://h http://h?a=1 //x/y?z /p?&a=1 /p?a&a=7 /p?;a=1 /p?a=x=y /p?A=1 /p?a=1/2?3 http:/x x:80 /? "
    b"/p?=1&b=2 /p?&& /p;a=3&b=4 /p;x&a=4 /p?b?a=3 /p?a&b=3"
).split()
TARGETS = (
    b"/ /a#b /a?b#c /a#b?c // /foo//bar?a//b ///a// /. /./bar/ /a/./a /.well-known/ /a/. /./. /././ /a/./?b/./c /foo/../ /foo/.. /.. /../ /../.. "
    b"/../bar/ /bar/../../ /foo//../ /foo/../../bar /a/b/../../.. /a/b/../../../c /../../a/.. /a/..b/.. /a/.../../b //.. //../a /a//.. /%61dmin "
    b"/foo%3Fbar=baz /%%36%36 /%ZZ /% /%6 /%6f%2d%7e?%61%zz /%2f%c3?%c3=%2f /?c=3&a=1&b=2 /?aaa=3&a=1&aa=2 /?a=3&b=4&a=1&b=5&a=2 /?b&a&c=1&a=2 "
    b"/? /?&&b&a /?aa&b&a /?a=2&a-=1&a /?a.=1&a=2&ab * http://h?x http://h/a/../b//c?%61 http://h http://h//x /?A&a&B /a/%2e%2e/b /?a=1;b=2&a=0"
).split()
FLAGGED = {"path-strip-dotdot full", "percent-decode-unreserved strict", "percent-to-uppercase strict"}


def normalize(name: str, target: bytes) -> bytes | int:
    word, _, flag = name.partition(" ")
    function = uri.NORMALIZERS[word]
    try:
        return function(target, True) if flag else function(target)  # type: ignore[operator]
    except uri.InvalidUri:
        return 400


@needs_haproxy
@pytest.mark.parametrize("name", [*uri.NORMALIZERS, *sorted(FLAGGED)])
def test_normalizers(name: str) -> None:
    rig = Rig(frontend=f"option accept-invalid-http-request\n    http-request normalize-uri {name}", global_="expose-experimental-directives")
    try:
        for target in TARGETS:
            seen = rig.exchange(b"GET %s HTTP/1.1\r\n\r\n" % target)
            assert normalize(name, target) == (seen.server.split(b" ")[1] if seen.server else seen.status), target
    finally:
        rig.stop()


@needs_haproxy
def test_parts_and_parameters() -> None:
    words = {"p": "path", "q": "query", "pq": "pathq", "a": "urlp(a)", "len": "urlp(a),length", "any": "urlp()", "semi": "urlp(a,;)"}
    rig = Rig(frontend="http-request return status 200 " + " ".join(f'hdr x-{key} "[%[{word}]]"' for key, word in words.items()))
    try:
        for target in PARAMETERS:
            seen = dict(re.findall(rb"x-(\w+): \[(.*)\]\r\n", rig.exchange(b"GET %s HTTP/1.1\r\n\r\n" % target).client))
            value = uri.url_parameter(target, b"a")
            assert seen == {
                b"p": uri.path(target),
                b"q": uri.query(target),
                b"pq": uri.path_and_query(target),
                b"a": value or b"",
                b"len": b"" if value is None else b"%d" % len(value),
                b"any": next((each for _, each in uri.url_parameters(target)), b""),
                b"semi": uri.url_parameter(target, b"a", b";") or b"",
            }, target
    finally:
        rig.stop()


@needs_haproxy
def test_rewriting() -> None:
    actions = {"path": "set-path /N", "query": "set-query n=1", "pathq": "set-pathq /N?q", "none": "set-query %[hdr(nothing)]"}
    rules = "\n    ".join(f"http-request {action} if {{ hdr(x-n) -m str {key} }}" for key, action in actions.items())
    rig = Rig(frontend=rules)
    try:
        for target in (b"*", b"/", b"/?", b"/a?b", b"http://h", b"http://h?x", b"http://h//x", b"http://h/a?b"):
            want = {
                b"path": uri.with_path(target, b"/N"),
                b"query": uri.with_query(target, b"n=1"),
                b"pathq": uri.with_path_and_query(target, b"/N?q"),
                b"none": uri.with_query(target, b""),
            }
            for key, mine in want.items():
                assert rig.exchange(b"GET %s HTTP/1.1\r\nx-n: %s\r\n\r\n" % (target, key)).server.split(b" ")[1] == mine, (target, key)
    finally:
        rig.stop()


def test_split_and_join() -> None:
    for target in (*TARGETS, *PARAMETERS):
        assert uri.split(target).join() == target
