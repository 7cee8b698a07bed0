"""A rule set as one function does what its rules do one after the other, also after patterns have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Some
from typing import Any

import pytest

from pylb import keywords
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.proxy.ruleset import MOST_RENEWALS, RuleSet, Switch
from pylb.stream.verdict import Answer, Stop
from pylb.wire.h1 import Limits
from pylb.wire.headers import Headers
from pylb.wire.message import Request, Response

keywords.load()

CONFIG = """
defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend fe
    bind 10.0.0.1:80
    acl long path_len gt 20
    acl known hdr(host) -i a.example b.example
    {}
backend be
backend other
"""
FIELDS = [(b"host", b"A.example"), (b"x-a", b"one, two"), (b"x-a", b"three"), (b"x-empty", b""), (b"accept", b"*/*")]
LONG = (b"x-long", b"y" * 600)
HEADS = (
    (FIELDS, 200), ([(b"host", b"h"), (b"x-addr", b"198.51.100.1")], 200), ([LONG], 200), ([LONG, (b"x-more", b"z" * 3300)], 200),
    ([(b"x-more", b"y" * 4060)], 9000),
)  # fmt: skip
TARGETS = (b"/", b"/Section/1?q=1", b"/section/1/x", b"/section/2", b"/deep/er.html", b"*", b"http://h/section/3", b"/a/very/long/path/of/many/bytes")


def read(rules: str, directory: Path) -> Any:
    """The proxy `fe` with these rules."""
    path = directory / "cfg"
    path.write_text(CONFIG.format("\n    ".join(line.strip() for line in rules.strip().splitlines())))
    printed: list[str] = []
    config = read_config([str(path)], Report(write=printed.append), {})
    assert config is not None, "".join(printed)
    return config


def stream(target: bytes = b"/", fields: Any = FIELDS, head_size: int = 200) -> Any:
    request = Request(b"GET", target, headers=Headers(fields), head_size=head_size)
    counted: list[str] = []
    session = Some(source=("192.0.2.7", 4711), destination=("10.0.0.1", 80), variables=None)
    session.session = session
    return Some(
        request=request, headers=request.headers, response=None, session=session, variables=None, request_variables=None, response_variables=None,
        lenient=False, front=Some(limits=Limits(bufsize=4096)), inbox_size=0, count=counted.append, counted=counted, unsure=False, process=Some(variables=None),
        frontend=Some(error_files={}, http_errors={}, name="fe"), backend=None,
    )  # fmt: skip


def outcome(run: Callable[[Any], Any], made: Any) -> Any:
    """All that can be seen of a run."""
    try:
        ended: Any = run(made)
    except (Answer, Stop) as end:
        ended = (type(end).__name__, end.args)
    request, response = made.request, made.response
    message = None if response is None else (response.status, list(response.headers))
    variables = (made.variables, made.request_variables, made.response_variables, made.session.variables)
    return ended, request.method, request.target, list(request.headers), message, variables, made.counted, made.lenient


def one_by_one(rules: RuleSet) -> Callable[[Any], Any]:
    """The rules as they are told."""

    def run(made: Any) -> Any:
        for number, rule in enumerate(rules.rules):
            if rule.test is None or rule.test(made, True):
                verdict = rule.run(made)
                if verdict is not None:
                    return number, verdict
        return None

    return run


RULES = {
    "set, add and remove": """
        http-request set-header x-a new
        http-request add-header X-A more if { hdr(x-a) new }
        http-request set-header x-b %[hdr(x-a)]-%[req.fhdr(accept)]
        http-request del-header x-empty
        http-request del-header x-empty
        http-request set-header x-gone yes unless { req.hdr(x-empty) -m found }
        http-request add-header x-count %[hdr_cnt(x-a)] if { req.hdr_cnt(x-a) 2 }
        http-request del-header x- -m beg if { path_beg /s }
        http-request set-header x-left %[req.hdr_names]
        http-request set-header x-last %[hdr(x-a)]""",
    "paths that change": """
        http-request set-header x-one 1 if { path_beg /section/1 }
        http-request set-header x-two 2 if { path_beg /section/2 }
        http-request set-path /section/4 if { path_beg /section/2 }
        http-request set-header x-three 3 if { path_beg /section/3 }
        http-request set-header x-four 4 if { path_beg /section/4 }
        http-request set-header x-five 5 if { path_beg /section }
        http-request set-var(txn.path) path
        http-request set-uri /new%[path] if { path_end .html }
        http-request set-var(txn.lower) path,lower
        http-request set-var(req.lower) path,lower
        http-request replace-path (.*) /deeper\\1 if { path_beg /new }
        http-request set-var(txn.last) path,lower
        http-request set-method POST if { path / }
        http-request set-header x-method %[method]%[query]%[url] if { method POST }""",
    "ends": """
        http-request set-header x-a 1
        http-request allow if { path_end .html }
        http-request set-header x-b 2
        http-request deny if { path_end .html } or long
        http-request deny deny_status 429 if known { path_beg /section/2 }
        http-request return status 204 if { path_beg /section/1/ }
        http-request set-header x-c 3""",
    "neighbours": "\n".join(f"http-request set-header x-{number} %[src]:%[src_port] if {{ path_end {number} }}" for number in range(30))
    + "\n"
    + "\n".join(f"http-request set-var(req.v{number}) dst if {{ path_beg /sec /d{number} }}" for number in range(20))
    + "\nhttp-request del-header x-1 if { path_beg /Section }\nhttp-request set-header x-end %[dst],%[dst_port]",
    "variables": """
        http-request set-var(txn.a) hdr(x-a)
        http-request set-var(txn.b) hdr(none)
        http-request set-var(sess.c) str(s) if { var(txn.a) -m str three }
        http-request set-var(req.d,ifnotexists) int(4)
        http-request set-var(req.d,ifnotexists) int(5)
        http-request set-var-fmt(txn.e) %[var(sess.c)]/%[var(req.d)]/%[var(txn.b)]
        http-request unset-var(txn.a) if { var(txn.e) -m end / }
        http-request set-header x-e %[var(txn.e)] unless { var(txn.a) -m found }
        http-request set-var(res.f) path""",
    "what does not fit": """
        http-request strict-mode off if { path_beg /s }
        http-request set-header x-big %[path]%[hdr(x-long)]
        http-request add-header x-seen %[hdr_cnt(x-big)]""",
    "odd texts": r"""
        http-request set-header "x'\"{a}" "it's \"{path}\" 100%% \\ %[path] \xe9"
        http-request set-header kept_0 path
        http-request add-header kept_0 %[hdr(kept_0)]-%[path,lower] if { hdr(kept_0) -m str "path" "kept_1" } # '
        http-request set-var(txn.kept_0) path,lower
        http-request set-header x-uni "\u20ac" if { path -m beg "/\"'\\" }
        http-request del-header "x'\"{a}" if { req.hdr(kept_0) -m sub "{path}" kept }""",
    "addresses": """
        http-request set-header x-from %[src]
        http-request set-src hdr(x-addr) if { path_beg /section }
        http-request set-header x-then %[src]
        http-request set-header x-port %[dst_port]""",
}  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", RULES)
def test_the_function_does_what_the_rules_do(name: str, target: bytes, tmp_path: Path) -> None:
    rules = RuleSet(read(RULES[name], tmp_path).proxies[0].http_request, of_request=True)
    for fields, size in HEADS:
        one, other = stream(target, fields, size), stream(target, fields, size)
        for made in (one, other):
            made.private_session = lambda made=made: made.session
        assert outcome(rules.run, one) == outcome(one_by_one(rules), other)


def test_responses(tmp_path: Path) -> None:
    rules = """
        http-response set-header x-a %[res.hdr(server)],%[status]
        http-response add-header x-b 1 if { res.hdr(x-a) -m found } { hdr(server) s }
        http-response del-header server
        http-response set-header x-c %[src] unless { res.hdr(server) -m found }
        http-response set-status 404 if { status 200 }
        http-response deny if { status 404 } { var(txn.deny) -m found }"""
    made = RuleSet(read(rules, tmp_path).proxies[0].http_response, of_request=False)
    for variables in (None, {"txn.deny": 1}):
        one, other = stream(), stream()
        for each in (one, other):
            each.variables = variables
            each.response = Response(200, b"OK", headers=Headers([(b"server", b"s"), (b"x-b", b"0")]))
            each.headers = each.response.headers
        assert outcome(made.run, one) == outcome(one_by_one(made), other)


def test_patterns_that_change(tmp_path: Path) -> None:
    """Also after they have changed so often that they are not written into the function any more."""
    config = read("http-request set-header x-hit 1 if { path_beg /zero } || { hdr(host) -i h }", tmp_path)
    rules = RuleSet(config.proxies[0].http_request, of_request=True)
    prefixes = next(known for known in config.patterns.lists if known.contains("/zero"))
    hosts = next(known for known in config.patterns.lists if known.contains("h"))

    def hit(target: bytes, host: bytes = b"x") -> bool:
        made = stream(target, [(b"host", host)])
        rules.run(made)
        return bool(made.request.headers.contains(b"x-hit"))

    assert (hit(b"/zero"), hit(b"/p1"), hit(b"/", b"H"), hit(b"/", b"h1")) == (True, False, True, False)
    for number in range(MOST_RENEWALS + 3):
        prefixes.add(f"/p{number}")
        hosts.add(f"H{number}")
        assert hit(b"/p%d/x" % number)
        assert hit(b"/", b"h%d" % number)
    assert "startswith" not in rules.source
    assert prefixes.delete("/p1")
    assert (hit(b"/p1"), hit(b"/p2"), hit(b"/zero")) == (False, True, True)
    prefixes.clear()
    assert (hit(b"/p2"), hit(b"/zero"), hit(b"/", b"H2")) == (False, False, True)


def test_many_converters(tmp_path: Path) -> None:
    """Texts cannot be nested without end."""
    rules = RuleSet(read("http-request set-header x-up %[hdr(host)" + ",lower,upper" * 150 + "] if { hdr(host)" + ",upper" * 150 + " H }", tmp_path).proxies[0].http_request, True)
    made = stream(b"/", [(b"host", b"h")])
    assert rules.run(made) is None
    assert made.request.headers.get(b"x-up") == b"H"


def test_the_rules_behind_one_that_waited(tmp_path: Path) -> None:
    rules = RuleSet(read("\n".join(f"http-request add-header x-n {number}" for number in range(4)), tmp_path).proxies[0].http_request, True)
    made = stream()
    assert rules.after(1).run(made) is None
    assert made.request.headers.get_all(b"x-n") == [b"2", b"3"]
    assert rules.after(1) is rules.after(1)
    assert rules.after(3).run(made) is None


def test_switching(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("a.example be\nc.example other\n")
    rules = f"""
        use_backend other if {{ path_beg /section/1 }}
        use_backend %[req.hdr(host),lower,map({hosts})] if {{ path_beg /section }} or {{ path_end .html }}
        use_backend be-%[src]-%[hdr(none)] unless known"""
    config = read(rules, tmp_path)
    run = Switch(config.proxies[0].switch_rules, of_request=True).run
    assert run(stream(b"/section/1")) == "other"
    assert run(stream(b"/section/2")) == "be"
    assert run(stream(b"/x.html", [(b"host", b"c.Example")])) == "other"
    assert run(stream(b"/x.html", [(b"host", b"d.Example")])) == "-"
    assert run(stream(b"/", [(b"host", b"d.Example")])) == "be-192.0.2.7--"
    assert run(stream(b"/")) is None
