"""Log lines: the default formats, flags, and what a missing value looks like."""

from __future__ import annotations

import pytest

from pylb.base.clock import log_date
from pylb.base.errors import Alert
from pylb.config.model import Capture
from pylb.sample import logformat
from pylb.sample.logformat import compile_log_format
from pylb.sample.types import Phase
from tests.sample import fake

REQUEST = b'GET /a?x="1"&y=\\] HTTP/1.1\r\nHost: h\r\n\r\n'


def line(text: str, request: bytes = REQUEST, **changes: object) -> str:
    stream = fake.stream(request)
    for name, value in changes.items():
        setattr(stream, name, value)
    return compile_log_format(text, fake.context(Phase.LOG))(stream)


DATE = log_date(fake.Clock().moment)


def test_http_log() -> None:
    assert line(logformat.HTTP_LOG) == (
        f'127.0.0.1:40000 [{DATE}] f f/<NOSRV> 2/0/1/6/11 200 120 - - ---- 1/1/0/0/0 0/0 "GET /a?x=#221#22&y=\\] HTTP/1.1"'
    )


def test_tcp_log() -> None:
    assert line(logformat.TCP_LOG) == f"127.0.0.1:40000 [{DATE}] f f/<NOSRV> 0/1/12 120 -- 1/1/0/0/0 0/0"


def test_clf_log() -> None:
    assert line(logformat.CLF_LOG).startswith('127.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?x=#221#22&y=\\] HTTP/1.1" 200 120 "" "" 40000 250 "f" "f"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b   %ci   %cp", "a b 127.0.0.1 40000"),
        ("a%%b%%%%c", "a%b%%c"),
        ("%{+Q}o%{-Q}ci %ci%cp-%ci_x.%cp", '127.0.0.1 "127.0.0.1"40000-"127.0.0.1"_x.40000'),
        ("%(foo)ci", "(foo)ci"),
        ("%{+X}o %ci %cp %rt %ms", "7F000001 9C40 0007 FA"),
        ("%[var(txn.no)] %{+Q}[var(txn.no)] %{+E}[var(txn.no)]", '- "" -'),
        ("%{+X}[int(255)] %{+Q}[int(5)]", '255 "5"'),
        ("%{+Q}ci %{+Q}si %{+Q}HQ", '"127.0.0.1" "" "?x=#221#22&y=\\]"'),
        ("%{+E}r", "GET /a?x=#221#22&y=\\\\\\] HTTP/1.1"),
        ("%HM %HP %HPO %HQ %HU %HV", "GET /a /a ?x=#221#22&y=\\] /a?x=#221#22&y=\\] HTTP/1.1"),
        ("a %hr b %hs c %hrl d", "a b c d"),
        ("%Tt %Td %Tu %Ti %Th %Tq", "12 2 12 1 0 3"),
        ("%si %sp %bi %bp %sslc %sslv %CC %CS %ID", "- - - - - - - - -"),
        ("%[bin(0041)]", "-"),
        ("{%[int(1)]}", "{1}"),
    ],
)
def test_lines(text: str, expected: str) -> None:
    assert line(text) == expected


def test_captured_headers() -> None:
    stream = fake.stream(REQUEST)
    stream.frontend.request_captures = (Capture(b"host", 10), Capture(b"no", 10))
    stream.captures_request = [b"h|{", None]
    assert compile_log_format("%hr|%hrl|%{+Q}hrl", fake.context(Phase.LOG))(stream) == '{h#7C#7B|}|h#7C#7B -|"h#7C#7B" ""'


def test_never_reached_times_are_minus_one() -> None:
    times = dict.fromkeys(("time_request", "time_queue", "time_connect", "time_data"), -1)
    assert line("%TR/%Tw/%Tc/%Tr/%Ta", **times) == "-1/-1/-1/-1/11"


def test_redispatched_request() -> None:
    assert line("%rc", retried=2, redispatched=True) == "+2"


def test_http_aliases_are_refused_in_tcp_mode() -> None:
    with pytest.raises(Alert, match="format variable 'HM' is reserved for HTTP mode"):
        compile_log_format("%HM", fake.context(Phase.LOG, mode="tcp"))


def test_rules_get_controls_encoded_and_nothing_for_missing_values() -> None:
    made = compile_log_format('a  b%[str("x\\ny")]%[var(txn.no)]', fake.context())
    assert made(fake.stream()) == "a  bx%0Ay"


def test_constants_are_known() -> None:
    assert compile_log_format("a%%b", fake.context()).constant == "a%b"
    assert compile_log_format("%ci", fake.context()).constant is None
    assert compile_log_format("%HU", fake.context()).wants_request_line
