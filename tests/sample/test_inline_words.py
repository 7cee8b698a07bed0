"""The source texts of fetches, converters, matching methods and log-formats say what their functions say."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from pylb.proxy.ruleset import Generated, look_ups, words_of
from pylb.sample.code import Writer
from pylb.sample.condition import compile_condition, write_condition
from pylb.sample.expression import compile_expression
from pylb.sample.logformat import compile_log_format
from pylb.sample.registry import converter, fetch, matcher
from tests.sample.fake import context, stream


class Value(Generated):
    """A function that gives the value of one text."""

    def write(self, writer: Writer) -> list[str]:
        texts = writer.settle([self.rules[0](writer)])
        return [*look_ups(writer, words_of(writer, texts[0])), f"return {texts[0]}"]


def value(write: Any, of_request: bool = True) -> Any:
    """What a text comes to, for a stream."""
    return Value([write], of_request).run


def request(line: str, *fields: str, **facts: Any) -> Any:
    made = stream("\r\n".join([line, *fields, "", ""]).encode("latin-1"), **facts)
    made.variables = {"txn.a": b"Txn", "txn.n": 7}
    made.request_variables = {"req.b": b"x", "req.ip": IPv4Address("10.0.0.1")}
    return made


LONG = "Host: " + "h" * 300
STREAMS = {
    "plain": request("GET / HTTP/1.1", "Host: h"),
    "rich": request("POST /Dir/a.html?x=1&y=/2 HTTP/1.1", "Host: A.example", "X-A: one, two", "X-A: Three,", "X-B:", "Content-Length: 12", "Cookie: a=b"),
    "absolute": request("GET http://u@host:81/p?q HTTP/1.1", "Host: host:81", "X-A: ,", "X-A: last"),
    "star": request("OPTIONS * HTTP/1.1", "Host: h", "X-A: a\tb", "x-b: \xe9"),
    "twice": request("GET /twice HTTP/1.1", "Host: h", "X-A: first", "X-A: last"),
    "six": request("GET /six HTTP/1.0", LONG, "x-a: 443", source=("::1", 4000), destination=("2001:db8::1", 65535)),
    "unix": request("GET //?? HTTP/1.1", "Host: h", "x-a: 80", source=("", 0), destination=("", 0)),
}
# every word with a text must stand here, with and without arguments that have one
FETCHES = (
    "path", "url", "method", "pathq", "query", "src", "src_port", "dst", "dst_port", "fc_src", "fc_src_port", "fc_dst", "fc_dst_port", "always_true",
    "always_false", "hdr(x-a)", "hdr(X-B)", "hdr(none)", "hdr(x-a,1)", "hdr", "req.hdr(x-a)", "req.hdr(x-b)", "req.hdr(x-a,-1)", "req.fhdr(x-a)",
    "req.fhdr(none)", "req.fhdr(x-a,1)", "var(txn.a)", "var(txn.n)", "var(txn.none)", "var(req.b)", "var(req.ip)", "var(sess.a)", "var(txn.none,or)", "res.hdr(x)",
    "res.fhdr(x)", "shdr(x)",
)  # fmt: skip
CONVERTED = (
    "path,lower", "path,upper", "hdr(x-a),lower", "hdr(x-b),length", "src,lower", "src,length", "dst_port,lower", "var(txn.a),upper", "var(req.ip),lower",
    "path,lower,upper", "method,lower", "path,length", "query,field(1,=),upper", "path,lower,hex,lower", "hdr(none),lower", "var(txn.none),length",
    "src,ipmask(8)", "hdr(x-a),set-var(txn.z),lower", "path,length,add(1)", "dst_port,hex", "always_true,lower",
)  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("text", [*FETCHES, *CONVERTED])
def test_expressions(text: str, name: str) -> None:
    expression, made = compile_expression(text, context()), STREAMS[name]
    expected = expression.call(made)
    for of_request in (True, False):
        found = value(expression.write, of_request)(made)
        assert (type(found), found) == (type(expected), expected)


def test_a_stream_without_variables() -> None:
    made = stream()
    for text in ("var(txn.a)", "var(req.a)", "var(txn.a),lower"):
        assert value(compile_expression(text, context()).write)(made) is None


def test_every_word_with_a_text_is_tried() -> None:
    named = {text.partition("(")[0] for text in FETCHES}
    assert {entry.name for entry in fetch if any(entry.facts[fact] for fact in ("inline", "inline_each", "text", "shared"))} <= named
    tried = {word.partition("(")[0] for text in CONVERTED for word in text.split(",")[1:]}
    assert {entry.name for entry in converter if entry.facts["inline"]} <= tried
    assert {entry.name for entry in matcher if entry.facts["public"]} <= {text.split("-m ")[1].split()[0] for text in MATCHES if "-m " in text}


FORMATS = (
    "", "x", "50%%", "%[src]", "%[dst_port]", "%[src]:%[dst_port]", "a%[hdr(x-a)]b%[path,lower]", "%[src,lower]-%[fc_dst]", "%ci %[var(txn.none)] %HM",
    "100%% {x} '\"\\ %[path]", "%{+Q}[path]", "%{+E}[hdr(x-a)]", "\u00e9%[fc_dst_port]", "%[always_true]", "%[src_port]%[fc_src]%[fc_src_port]%[dst]",
)  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("text", FORMATS)
@pytest.mark.parametrize("log", [True, False])
def test_formats(text: str, name: str, log: bool) -> None:
    made = compile_log_format(text, context(), log=log, merge_spaces=False)
    assert value(made.write)(STREAMS[name]) == made(STREAMS[name])


MANY = " ".join(f"/p{number}" for number in range(40))
MATCHES = (
    "path -m str /", "path -m str /six /Dir/a.html", "path -i -m str /DIR/A.HTML", "path -m str", "path -m str --", f"path -m str {MANY} /", "path -m beg /",
    "path -m beg /Dir/", "path -m beg /a /six //", "path -m beg -i /DIR", f"path -m beg {MANY}", f"path -m beg {MANY} /s", "path -m end .html", "path -m end .HTML -i .html",
    "path -m end -i .HTML x", "path -m sub a.h", "path -m sub -i A.H", "path -m sub x y /six . [", "path -m sub -i X Y SIX", "path -m dir Dir", "path -m dom Dir",
    "path -m reg ^/[a-z]+$", "path -m reg -i ^/dir x", "path -m len 1", "path -m len ge 2", "path -m len 1:3 12", "path -m bin 2F", "path -m bin 2f 2F736978", "path -m found",
    "hdr(x-b) -m found", "hdr(none) -m found", "hdr(x-a) -m str two", "hdr(x-a) first", "req.fhdr(x-a) first 443", "hdr(x-a) -m str -i THREE LAST", "hdr(x-a) -m sub o", "hdr(x-a) -m sub a , b o", "hdr(x-a) -m bool",
    "hdr(x-a) -m int gt 79", "hdr(x-a),lower -m str three", "req.fhdr(x-a) -m str 'one, two'", "req.fhdr(x-a) -m beg one", "req.hdr(x-b) -m len 0", "hdr(host) -m len 300",
    "src -m ip 127.0.0.0/8", "src -m ip ::/0", "src 127.0.0.1 ::1", "dst_port -m int 8000", "dst_port -m int 1 2 8000", "dst_port lt 8001", "dst_port 9000:", "dst_port ge 1 le 9",
    "var(txn.a) -m str Txn", "var(req.ip) -m ip 10.0.0.0/8", "always_true", "always_false", "always_true -m bool", "method GET", "method -m str get -i", "method -m beg P",
    "path_beg /Dir", "hdr_dom(host) example", "hdr_end(x-a) o", "hdr_cnt(x-a) 2", "hdr_val(x-a) gt 100", "url_len 1", "query -m found", "urlp(x) 1", "wait_end", "TRUE",
)  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("acl", MATCHES)
@pytest.mark.parametrize("form", ["if {{ {0} }}", "unless {{ {0} }}", "if !{{ {0} }} {{ path_beg /six }} or {{ {0} }} !{{ {0} }} || {{ method POST }}"])
def test_conditions(acl: str, form: str, name: str) -> None:
    words: Sequence[str] = form.format(acl if acl != "TRUE" else "always_true").replace("'one, two'", "one,_two").split()
    test = compile_condition(["one, two" if word == "one,_two" else word for word in words], {}, context())
    for fixed in (True, False):
        writer = Writer(of_request=True, fixed=fixed)
        assert Writes(writer, test).run(STREAMS[name]) is bool(test(STREAMS[name], True))


class Writes:
    """A condition as a function, made with a writer of its own."""

    def __init__(self, writer: Writer, test: Any) -> None:
        text = writer.settle([write_condition(writer, test)])[0]
        lines = ["def run(s):", *[f"    {line}" for line in look_ups(writer, words_of(writer, text))], f"    return bool({text})"]
        made = dict(writer.names)
        exec("\n".join(lines), made)
        self.run = made["run"]


def test_patterns_of_files(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("/six\n/Dir\n")
    ctx = context()
    test = compile_condition(["if", "{", "path", "-m", "beg", "-f", str(file), "/x", "}"], {}, ctx)
    run = Writes(Writer(of_request=True), test).run
    assert [name for name, made in STREAMS.items() if run(made)] == ["rich", "six"]
    ctx.pattern_store().find(str(file)).add("/")  # type: ignore[union-attr]
    assert [name for name, made in STREAMS.items() if run(made)] == ["plain", "rich", "absolute", "twice", "six", "unix"]
