"""What is wrong with expressions and conditions, in HAProxy's words."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from pylb.base.errors import Alert
from pylb.config.model import Config, Userlist
from pylb.sample.condition import compile_condition, define_acl
from pylb.sample.logformat import compile_log_format
from tests.sample import fake

HAPROXY = shutil.which("haproxy")
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
CONFIG = """\
defaults
 mode http
 timeout client 1s
 timeout server 1s
 timeout connect 1s
userlist ul
 user a insecure-password b
frontend f
 bind 127.0.0.1:8000
 default_backend b
{}
backend b
 server s1 127.0.0.1:1
"""
FORMATS = r"""
%[nosuch]
%[nosuch]foo%[src]
%[src,nosuch]
%[src(]
%[src(a)]
%[str(a),lower(1)]
%[int(abc)]
%[int(abc]
%[int()]
%[int]
%[int(1,2)]
%[ipv4(1.2.3)]
%[ipv6(zz)]
%[req.hdr(a,b)]
%[req.hdr(a,1,2)]
%[req.hdr(a,1]
%[req.hdr(a,1)x]
%[req.hdr(a,1),]
%[req.hdr(a,-99)]
%[]
%[,lower]
%[res.hdr(a)]
%[status]
%[var(zz)]
%[var(foo.zz)]
%[var(req.z!z)]
%[var()]
%[var]
%[str(a),regsub(a,b,q)]
%[str(a),regsub(a)]
%[str(a),map(/nonexist)]
%[str(a),map]
%[src,ipmask(33)]
%[src,ipmask(24,200)]
%[str(a),bytes(x)]
%[str(a),sha2(7)]
%[str(a),digest(foo)]
%[str(a),json(foo)]
%[str(a),field(0)]
%[str(a),field(1,)]
%[str(a),word(0,.)]
%[str(a),word]
%[date(1,foo)]
%[date(x)]
%[req.body_param(]
%[bool(foo)]
%[bin(0g)]
%[bin(0)]
%[uuid(3)]
%[payload(0)]
%[payload]
%[payload_lv(0,0)]
%[always_true,ipmask(24)]
%[ipv6(::1),add(1)]
%[bin(00),not]
%[meth(GET),add(1)]
%[str(a),concat(,foo,)]
%[str(a),strcmp(foo)]
%[str(a),add(foo)]
%[str(a),add(1a)]
%[str(a),set-var(x)]
%[str(a),set-var(txn.x,foo)]
%[str(a),hmac(sha1,x)]
%[str(a),hmac(foo,aGk=)]
%[str(a),jwt_verify(foo,bar)]
%[str(a),json_query(a,foo)]
%[str(a),aes_gcm_dec(1,a,b,c)]
%[str(a),aes_gcm_dec(128,a,b,c)]
%[str(a),url_enc(foo)]
%[str(a),fix_tag_value(foo)]
%[str(a),mqtt_field_value(foo,bar)]
%[str(a),mqtt_field_value(connect,bar)]
%[str(a),ungrpc(1.2.a)]
%[str(a),ungrpc(1.2.3,foo)]
%[str(a),be2dec(.,9)]
%[str(a),secure_memcmp(foo)]
%[str(a),debug(,foo)]
%[str(a),http_date(1,foo)]
%[str(a),add_item(x)]
%[str(a),add_item(x,y)]
%[str(a),iif(x)]
%[src
%{+Q
%zz
%Ts%
%[src]%
%
%{+Q}
%[src,lower,add(1)]
%[str(a),add]
%{Q}[src]
%[acl(x)]
""".strip().split("\n")
CONDITIONS = r"""
nosuch
!nosuch
{ }
{ nosuch }
{ src 1.2.3.4
{ src 1.2.3.4 } }
{ src nope }
{ src 1.2.3.4/33 }
{ src 1.2.3.4.5 }
{ hdr(host) -m }
{ hdr(host) -m foo }
{ hdr(host) -f /nonexist }
{ hdr(host) -f }
{ hdr(host) -u foo }
{ hdr(host) -x foo }
{ hdr(host) -f /dev/null -m beg }
{ hdr_foo(host) x }
{ hdr(host),nosuch x }
{ hdr(host,x) a }
{ hdr(host),add(x) a }
{ hdr(host),word(1) a }
{ hdr_reg(host) [ }
{ hdr(host),lower -m reg ( }
{ req.payload(0,1) a }
{ req.payload(0,1) -m bin 0 }
{ req.payload(0,1) -m bin 0g }
{ always_true -m ip 1.2.3.4 }
{ path -m len foo }
{ var(txn.x) a }
{ dst_port foo }
{ dst_port 1:x }
{ dst_port gg 1 }
{ dst_port gt x }
{ dst_port 10:5 }
{ dst_port 1.2 }
{ dst_port -5 }
{ hdr_val(x) : }
{ req.ssl_ver 3.x }
{ req.ssl_ver 3.1:3.0 }
{ bool(x) }
{ meth(GET) GET }
{ -f }
{ path -u 5 a } { path -u 5 b }
|| !
TRUE or
! TRUE
""".strip().split("\n")
WARNINGS = [
    "{ res.hdr(x) a }", "{ status 200 }", "{ shdr_beg(x) a }", "{ path }", "{ src }", "{ path / } { status 200 }", "{ hdr(host),lower }", "{ path -i }",
]  # fmt: skip
NAMES = ["a!", "or", "ok"]


def ask(line: str) -> str:
    """HAProxy's complaint about a line, less what the reader of the configuration adds."""
    assert HAPROXY is not None
    result = subprocess.run([HAPROXY, "-c", "-f", "/dev/stdin"], input=CONFIG.format(line), capture_output=True, text=True)
    found = re.search(r"\[(?:ALERT|WARNING)\] +\(\d+\) : config : (.*?)\n(?=\[|Warn|\Z)", result.stderr, re.DOTALL)
    if found is None:
        return ""
    text = found[1].replace("parsing [/dev/stdin:11] : ", "")
    text = re.sub(r"error detected in frontend 'f' while parsing 'http-request set-header' rule : ", "", text)
    return text.replace("error detected while parsing an 'http-request deny' condition : ", "")


def protected(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


@pytest.mark.parametrize("text", FORMATS)
def test_log_formats(text: str) -> None:
    theirs = ask(f' http-request set-header X "{protected(text)}"')
    context = fake.context()
    try:
        compile_log_format(text, context)
        ours = context.report.texts[0] if context.report.texts else ""  # type: ignore[union-attr]
    except Alert as alert:
        ours = f"{alert}."
    assert ours == theirs


@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions(text: str) -> None:
    theirs = ask(f" http-request deny if {text}")
    try:
        compile_condition(["if", *text.split()], {}, fake.context())
        ours = ""
    except Alert as alert:
        ours = f"{alert}."
    assert ours == theirs


@pytest.mark.parametrize("text", WARNINGS)
def test_warnings(text: str) -> None:
    theirs = ask(f" http-request deny if {text}")
    context = fake.context()
    compile_condition(["if", *text.split()], {}, context)
    assert "".join(context.report.texts[:1]) == theirs  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NAMES)
def test_acl_names(name: str) -> None:
    theirs = ask(f" acl {name} src 1.1.1.1")
    try:
        define_acl([name, "src", "1.1.1.1"], {}, fake.context())
        ours = ""
    except Alert as alert:
        ours = str(alert)
    assert ours == theirs


UNRESOLVED = ["nbsrv(zz)", "nbsrv", "fe_conn(zz)", "srv_conn(zz/a)", "srv_conn(a)", "srv_conn(f/a)", "srv_conn", "http_auth(zz)", "http_auth", "queue(f)"]
UNRESOLVED += ["str(a),regsub([,x)"]


@pytest.mark.parametrize("text", ["nbsrv(zz) lt 1", "http_auth(zz)", "path,regsub([,x) -m found", "srv_is_up(zz/a)"])
def test_names_in_acls_that_nothing_declares(text: str) -> None:
    theirs = re.sub(r"^parsing \[.*?\]: ", "", ask(f" http-request deny if {{ {text} }}"))
    context = fake.context()
    compile_condition(["if", "{", *text.split(), "}"], {}, context)
    with pytest.raises(Alert) as caught:
        for job in context.jobs:
            job.run(Config())
    assert str(caught.value) == theirs


@pytest.mark.parametrize("text", UNRESOLVED)
def test_names_that_nothing_declares(text: str) -> None:
    theirs = re.sub(r"^parsing \[.*?\]: ", "", ask(f" http-request set-header X %[{text}]"))
    context = fake.context()
    compile_log_format(f"%[{text}]", context)
    config = Config(proxies=[context.proxy] if context.proxy else [], userlists={"ul": Userlist("ul", None)})  # type: ignore[arg-type]
    with pytest.raises(Alert) as caught:
        for job in context.jobs:
            job.run(config)
    assert str(caught.value) == theirs
