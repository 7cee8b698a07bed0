"""Pattern lists at run time, conditions with three values, variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pylb.base.errors import Alert
from pylb.sample.condition import compile_condition, define_acl
from pylb.sample.expression import compile_expression, read_expression
from pylb.sample.store import PatternStore
from pylb.sample.types import Phase
from pylb.sample.variables import Variable, may_set, set_variable
from tests.sample import fake


def get(path: bytes) -> Any:
    return fake.stream(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")


def test_changes_to_an_acl_file(tmp_path: Path) -> None:
    file = tmp_path / "a.acl"
    file.write_text("# comment\n/one\n")
    store = PatternStore()
    test = compile_condition(["if", "{", "path", "-f", str(file), "}"], {}, fake.context(patterns=store))
    patterns = store.find(str(file))
    assert patterns is not None and test(get(b"/one"), True) and not test(get(b"/two"), True)
    patterns.add("/two")
    assert test(get(b"/two"), True)
    assert patterns.delete("/one") and not patterns.delete("/one")
    assert not test(get(b"/one"), True)
    generation = patterns.prepare()
    patterns.add("/three", generation=generation)
    assert not test(get(b"/three"), True)
    assert patterns.commit(generation)
    assert test(get(b"/three"), True) and not test(get(b"/two"), True)
    patterns.clear()
    assert not test(get(b"/three"), True) and not patterns.entries


def test_a_map_is_shared_and_follows_changes(tmp_path: Path) -> None:
    file = tmp_path / "m.map"
    file.write_text("/a  1\n/ab 2\n")
    store = PatternStore()
    by_prefix = compile_expression(f"path,map_beg_int({file},9)", fake.context(patterns=store))
    by_name = compile_expression(f"path,map({file})", fake.context(patterns=store))
    assert by_prefix.call(get(b"/abc")) == 2 and by_prefix.call(get(b"/x")) == 9 and by_name.call(get(b"/a")) == b"1"
    patterns = store.find(str(file))
    assert patterns is not None and patterns.set("/ab", "22")
    assert by_prefix.call(get(b"/abc")) == 22
    with pytest.raises(Alert, match="already used as two column file"):
        compile_condition(["if", "{", "path", "-f", str(file), "}"], {}, fake.context(patterns=store))


def test_numbers_of_lists_skip_those_given() -> None:
    store = PatternStore()
    acls: dict[str, Any] = {}
    for line in ("a path /a", "b path -u 0 /b", "c path /c"):
        define_acl(line.split(), acls, fake.context(patterns=store))
    store.number_lists()
    assert [known.number for known in store.lists] == [0, 1, 2]
    found = store.find("#0")
    assert found is not None and [entry.text for entry in found.entries.values()] == ["/b"]


def test_several_definitions_are_alternatives_also_later_ones() -> None:
    acls: dict[str, Any] = {}
    define_acl(["a", "path", "/1"], acls, fake.context())
    test = compile_condition(["unless", "a"], acls, fake.context())
    define_acl(["a", "path", "/2"], acls, fake.context())
    assert [test(get(path), True) for path in (b"/1", b"/2", b"/3")] == [False, False, True]


RDP = b"\x03\x00\x00\x29\x24\xe0\x00\x00\x00\x00\x00Cookie: mstshash=bob\r\n\x01\x00\x08\x00\x03\x00\x00\x00"


def raw(data: bytes, ended: bool = False) -> Any:
    stream = fake.stream()
    stream.request, stream.inbox_request, stream.request_complete = None, [data], ended
    return stream


@pytest.mark.parametrize(
    ("words", "data", "final", "expected"),
    [
        ("{ req.len gt 3 }", b"ab", False, None),
        ("{ req.len gt 3 }", b"ab", True, False),
        ("{ req.len gt 3 }", b"abcd", False, True),
        ("!{ req.len gt 3 }", b"ab", False, None),
        ("{ req.len gt 3 } || TRUE", b"ab", False, True),
        ("{ req.len gt 3 } FALSE", b"ab", False, False),
        ("{ req.payload(0,2) -m bin 6162 }", b"ab", False, True),
        ("{ req.payload(0,3) -m bin 616263 }", b"ab", False, None),
        ("WAIT_END", b"", False, None),
        ("WAIT_END", b"", True, True),
        ("HTTP", b"GET / HT", False, None),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n", False, True),
        ("HTTP", b"\x16\x03\x01", False, False),
        ("METH_POST", b"GET / HTTP/1.1\r\n\r\n", False, False),
        ("{ req.ssl_hello_type 1 }", b"\x16", False, None),
        ("{ req.rdp_cookie(mstshash) bob }", RDP, False, True),
    ],
)
def test_three_values(words: str, data: bytes, final: bool, expected: bool | None) -> None:
    test = compile_condition(["if", *words.split()], {}, fake.context(Phase.CONTENT, "tcp"))
    assert test(raw(data), final) is expected


def test_converters_may_stand_in_words_of_their_own() -> None:
    words = ["req.hdr(host)", "upper", ",lower", "if", "TRUE"]
    expression, end = read_expression(words, 0, fake.context())
    assert end == 3 and expression.converters == ("upper", "lower") and expression.call(fake.stream()) == b"h"


def test_variables_live_where_they_belong() -> None:
    stream = fake.stream()
    for name in ("proc.a", "sess.a", "txn.a", "req.a", "res.a"):
        variable = Variable(name)
        assert variable.set(stream, b"x") and variable.get(stream) == b"x"
    assert stream.process.variables == {"proc.a": b"x"} and stream.session.variables == {"sess.a": b"x"}
    assert stream.variables == {"txn.a": b"x"} and stream.request_variables == {"req.a": b"x"}
    assert Variable("txn.a").get(stream.session) is None and not Variable("txn.b").set(stream.session, 1)
    Variable("txn.a").unset(stream)
    assert Variable("txn.a").get(stream) is None


def test_conditions_of_set_var() -> None:
    variable, conditions = set_variable("txn.a,ifnotexists")
    stream = fake.stream()
    assert may_set(variable, stream, 1, conditions)
    variable.set(stream, 1)
    assert not may_set(variable, stream, 2, conditions)
    with pytest.raises(Alert, match='unknown condition "foo"'):
        set_variable("txn.a,foo")


def test_every_fetch_without_arguments_copes_with_a_session_and_a_tcp_stream() -> None:
    from pylb.sample.arguments import signature
    from pylb.sample.registry import fetch

    session = fake.stream().session
    for name, value in {"unsure": False, "backend": None, "server": None, "transport": None}.items():
        setattr(session, name, value)
    session.transport = fake.SimpleNamespace(get_extra_info=lambda name: None)
    tcp = raw(b"abc")
    del tcp.request
    tcp.session.transport = session.transport
    session.tracked = tcp.tracked = tcp.session.tracked = None
    for entry in fetch:
        if signature(entry.facts["args"]).mandatory == 0 and not entry.name.startswith(("bc_", "ssl_bc", "ssl_s_")):
            expression = compile_expression(entry.name, fake.context(Phase.CONTENT, "tcp"))
            expression.call(tcp)
            if entry.name not in ("dst_conn",):
                expression.call(session)
