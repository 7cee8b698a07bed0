"""The same commands to the stats sockets of HAProxy and of pylb, one configuration for both: answers are compared byte for byte.

Masked: times, process ids, addresses in memory, ports, directories, and what the machine decides (descriptor limits, memory). HAProxy's own
`httpclient` brings pattern lists and @system-ca that pylb does not have; they are left out of the lists.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from oracle import HAPROXY, needs_haproxy
from running import free_ports

import pylb.keywords
from pylb.base.clock import Clock
from pylb.config.report import Report
from pylb.config.sections import read_config
from pylb.control.cli import CliListener
from pylb.lab.certificate import issue
from pylb.process import build
from pylb.process.net import RealNet
from pylb.process.worker import new_loop

pytestmark = needs_haproxy

CONFIG = """
global
    stats socket {dir}/admin mode 600 level admin
    stats socket {dir}/operator level operator
    stats socket {dir}/user level user
    stats timeout 5s
    stats maxconn 200
    maxconn 500
    node node1
    description some words
    nbthread 1

defaults
    mode http
    retries 1
    option redispatch
    timeout connect 2s
    timeout client 10s
    timeout server 10s

frontend fe_main
    bind 127.0.0.1:{port[0]}
    maxconn 400
    http-request deny deny_status 403 if {{ path -f {dir}/blocked.acl }}
    use_backend %[path,map_beg({dir}/routes.map,be_web)]
    default_backend be_web

frontend fe_tcp
    mode tcp
    bind 127.0.0.1:{port[1]}
    default_backend be_tcp

frontend fe_tls
    bind 127.0.0.1:{port[2]} ssl crt {dir}/a.pem
    bind 127.0.0.1:{port[3]} ssl crt {dir}/certs
    bind 127.0.0.1:{port[4]} ssl crt-list {dir}/list ca-file {dir}/ca.pem verify optional
    default_backend be_web

backend be_web
    balance roundrobin
    server web1 127.0.0.1:{port[10]}
    server web2 127.0.0.1:{port[11]} weight 10
    server web3 127.0.0.1:{port[12]} backup

backend be_api
    balance leastconn
    server api1 127.0.0.1:{port[10]} check disabled
    server api2 127.0.0.1:{port[11]} disabled
    server api3 127.0.0.1:{port[12]} maxconn 40

backend be_tcp
    mode tcp
    server t1 127.0.0.1:{port[10]} maxconn 30

backend be_track
    server k1 127.0.0.1:{port[10]} track be_api/api1

backend be_static
    balance static-rr
    server s1 127.0.0.1:{port[10]}
    server s2 127.0.0.1:{port[11]}

listen both
    bind 127.0.0.1:{port[5]}
    balance first
    server b1 127.0.0.1:{port[10]}
    server b2 127.0.0.1:{port[11]} ssl verify none
"""

MACHINE = (
    "Pid|Uptime|Uptime_sec|Tasks|PoolAlloc_MB|PoolUsed_MB|Memmax_MB|Start_time_sec|Ulimit-n|Maxsock|Idle_pct|Run_queue|TotalBytesOut|BytesOutRate"
    "|TotalSplicedBytesOut|Tainted|PoolAlloc_bytes|PoolUsed_bytes|CumConns|CumReq|Jobs|Build info|MaxSessRate|SessRate|MaxConnRate|ConnRate"
)
MASKS = [
    (re.compile(rf"(?m)^({MACHINE}): .*$"), r"\1: N"),
    (re.compile(rf"(?m)^(\d+\.(?:{MACHINE})\.1:\w+:\w+):[^:\n]*"), r"\1:N"),
    (re.compile(rf'("name":"(?:{MACHINE}|lastchg|downtime|lastsess)"\}}.*?"type":"\w+","value":)("[^"]*"|-?[\d.]+)'), r"\1N"),
    (re.compile(r"\.(lastchg|downtime|lastsess)\.1:(\w+:\w+):-?\d+"), r".\1.1:\2:N"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0xPOINTER"),
    (re.compile(r"\[\d\d/\w+/\d{4}[^]]*\]"), "[DATE]"),
    (re.compile(r"(?m)^\d+ \(\) acl .*\n|^@system-ca.*\n"), ""),  # of httpclient, and inline patterns
    (re.compile(r"(?m)^\d+ \(@DIR/routes"), "N (@DIR/routes"),  # httpclient's come before
    (re.compile(r"(?m)^(\d+ \w+ \d+ \w+ \S+ \d \d+ \d+ \d+) \d+"), r"\1 N"),  # time since the last change
    (re.compile(r"(0xPOINTER: proto=unix_stream src=unix:\d fe=GLOBAL).*"), r"\1"),
]


def row(line: str) -> str:
    """A CSV row without the times."""
    cells = line.split(",")
    if len(cells) > 90 and not line.startswith("#"):
        cells[23:25] = ["N" if cell else "" for cell in cells[23:25]]
    return ",".join(cells)


@dataclass
class Program:
    """One of the two: where it runs."""

    directory: Path
    ports: list[int] = field(default_factory=lambda: free_ports(16))

    def configure(self) -> Path:
        """Write the configuration and its files."""
        directory = self.directory
        (directory / "certs").mkdir(parents=True)
        (directory / "blocked.acl").write_text("/forbidden\n/secret\n")
        (directory / "routes.map").write_text("/api be_api\n/tcp be_tcp\n")
        for name, content in CERTIFICATES.items():
            (directory / name).write_bytes(content)
        (directory / "certs" / "b.pem").write_bytes(CERTIFICATES["b.pem"])
        (directory / "list").write_text(f"{directory}/a.pem [alpn h2] one.example *.two.example\n{directory}/b.pem !bad.example\n")
        path = directory / "haproxy.cfg"
        path.write_text(CONFIG.format(dir=directory, port=self.ports))
        return path

    def ask(self, text: str, level: str = "admin", wait: float = 5.0) -> str:
        """What the stats socket answers until it closes; `...` when it waits for more."""
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(wait)
            one.connect(str(self.directory / level))
            one.sendall(text.replace("@DIR", str(self.directory)).encode("latin-1"))
            answer = b""
            try:
                while data := one.recv(65536):
                    answer += data
            except TimeoutError:
                answer += b"..."
        return self.masked(answer.decode("latin-1"))

    def masked(self, text: str) -> str:
        text = text.replace(str(self.directory), "@DIR")
        for index, port in enumerate(self.ports):
            text = re.sub(rf"\b{port}\b", f"PORT{index}", text)
        for mask, replacement in MASKS:
            text = mask.sub(replacement, text)
        return "\n".join(row(line) for line in text.split("\n"))


def bundles() -> dict[str, bytes]:
    """The files of the TLS part, the same for both programs."""
    ca = issue("test authority", authority=True)
    with_chain = issue("a.example", ["a.example", "www.a.example"], ca, key="rsa")
    return {
        "a.pem": with_chain.certificate_pem + ca.certificate_pem + with_chain.key_pem,
        "b.pem": issue("b.example", ["b.example"]).bundle,
        "new.pem": issue("new.example", ["new.example"], ca).bundle,
        "ca.pem": ca.certificate_pem,
    }


CERTIFICATES: dict[str, bytes] = {}


@dataclass
class Pair:
    """Both programs, side by side."""

    real: Program
    ours: Program


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    base = tmp_path_factory.mktemp("cli")
    CERTIFICATES.update(bundles())
    both = Pair(Program(base / "real"), Program(base / "ours"))
    ours = Ours(both.ours)
    config = both.real.configure()
    stderr = (base / "stderr").open("wb")
    process = subprocess.Popen([HAPROXY, "-db", "-f", str(config)], stdout=stderr, stderr=stderr)
    try:
        deadline = time.monotonic() + 10
        while not accepts(both.real):
            assert process.poll() is None and time.monotonic() < deadline, (base / "stderr").read_text()
            time.sleep(0.02)
        yield both
    finally:
        ours.close()
        process.send_signal(signal.SIGKILL)
        process.wait()
        stderr.close()


def accepts(program: Program) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(program.directory / "user"))
        return True
    except OSError:
        return False


class Ours:
    """pylb on a loop in a thread of its own."""

    def __init__(self, program: Program) -> None:
        pylb.keywords.load()
        printed: list[str] = []
        config = read_config([str(program.configure())], Report(write=printed.append), dict(os.environ))
        assert config is not None, "".join(printed)
        self.loop = new_loop()
        self.net = RealNet(self.loop)
        self.process = build.build(config, self.loop, Clock(self.loop.time), self.net)
        self.process.startup_logs = ""
        build.listen(self.process)
        self.listeners = [CliListener(self.process, settings, number) for number, settings in enumerate(config.global_.stats_sockets, 1)]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        for listener in self.listeners:
            listener.close()
        for frontend in self.process.frontends.values():
            for one in frontend.listeners:
                if one.listening is not None:
                    one.listening.close()
        self.net.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def lines(text: str) -> list[str]:
    return [line for line in text.strip("\n").split("\n") if line]


COMMANDS = lines(r"""
show version
show info
show info typed
show info json
show info desc
show info float
show info typed desc float
show info bogus
show stat
show stat typed
show stat json
show stat desc
show stat typed desc
show stat up
show stat no-maint
show stat up json
show stat json typed
show stat domain proxy
show stat domain bogus
show stat domain
show stat -1 4 2
show stat 6 6 -1 typed
show stat be_web 4 -1
show stat fe_main 1 0
show stat nosuch 4 -1
show stat 999 1 1
show stat 4
show stat x
show schema json
show schema
show backend
show backend x
show servers
show servers state
show servers state be_api
show servers state #5
show servers state nosuch
show servers conn
show servers conn be_web
show servers conn nosuch
show errors
show errors nosuch
show errors fe_main
show errors fe_main request
show errors fe_main bogus
show errors 2
show errors 99
show errors -1
show sess
show sess 0x12
show sess 1
show sess bogus
show env HOME
show env NOSUCH_VARIABLE
show startup-logs
show cli level
show cli sockets
show cli
show tls-keys
show tls-keys *
show ssl providers
nonsense
shw stat
show
show nosuch
set
set nosuch
get
SHOW INFO
help
help show
help nosuch
help set server
help help
help clear
help ssl
expert-mode on;help
experimental-mode on;help
expert-mode on;debug dev
expert-mode on;help debug
debug dev hex 0
set var proc.x str(1)
reload
@1 show version
x
showinfo
disable serv be/x
set weigth be/s
show ssl
set ssl certt
# show version
show # version
set maxconn
shutdown sessions
prepare fe
zzzzzzz
zz yy xx ww
12345
set server2
clear tabl
a
sh
expert-mode
expert-mode on;expert-mode
experimental-mode bogus;experimental-mode
set severity-output
set severity-output bogus
set severity-output number;enable server nosuch/x;show version;nonsense
set severity-output string;get weight be_web/nosuch;set server be_web/web1 addr x
set severity-output number;prepare acl @DIR/blocked.acl;set weight be_web/web1 abc
set severity-output number;new ssl cert q;del ssl cert q
set severity-output number;show cli level;show backend;show env HOME;expert-mode;get weight be_web/web1
set severity-output number;set server be_web/web1 addr x
set severity-output number;set maxconn global 4000;set maxconn frontend nosuch x;shutdown frontend nosuch
set severity-output number;set server be_web/web1 fqdn x;set server be_web/web1 agent up;set server be_web/web1 check-port 5
set severity-output number;get var proc.x;show schema json;set timeout cli
set severity-output number;show ssl cert nosuch;show ssl crt-list nosuch;show ssl ca-file nosuch
set severity-output number;abort ssl cert x;commit ssl cert x
set severity-output number;get acl @DIR/blocked.acl /secret;get acl @DIR/blocked.acl;add acl;del acl @DIR/blocked.acl nosuch
set severity-output number;clear counters;show sess 0x1;shutdown session 0x1
set severity-output number;experimental-mode on;set var proc.x int(1);get var proc.x
set severity-output number;show servers state x
set severity-output number;show errors x;show startup-logs
set severity-output string;disable frontend both;disable frontend both;enable frontend both;enable frontend both
set timeout
set timeout cli
set timeout cli x
set timeout cli 5m
set timeout cli 0
set timeout cli 99999999999
set timeout foo 1
operator;show cli level;disable server be_web/web1;user;show cli level;operator;show env
get var
get var proc.nosuch
experimental-mode on;set var proc.x int(1);get var proc.x
experimental-mode on;set var proc.x expr str(a b);get var proc.x
experimental-mode on;set var proc.x bool(1);get var proc.x
experimental-mode on;set var proc.x ipv4(1.2.3.4);get var proc.x
experimental-mode on;set var proc.y fmt %[int(5)]z;get var proc.y
experimental-mode on;set var
experimental-mode on;set var proc.x
experimental-mode on;set var proc.x nosuch(1)
experimental-mode on;set var txn.y int(1)
experimental-mode on;set var proc.x int(1) if TRUE
experimental-mode on;set var proc.x src
experimental-mode on;set var proc.x req.hdr(a)
experimental-mode on;set var proc.x ssl_fc
experimental-mode on;set var proc.x fe_id
experimental-mode on;set var proc.x res.hdr(a)
experimental-mode on;set var proc.x method
experimental-mode on;set var proc.x expr int(3) add(2);get var proc.x
experimental-mode on;set var proc.x expr int(3), add(2);get var proc.x
experimental-mode on;set var proc.x expr int(3),add(2);get var proc.x
experimental-mode on;set var proc.x fmt a b;get var proc.x
experimental-mode on;set var proc.x fmt %[src]
experimental-mode on;set var proc.x fmt %[req.hdr(a)]
experimental-mode on;set var proc.x fmt %[
experimental-mode on;set var proc.x fmt %r
experimental-mode on;set var proc.x fmt %[be_conn(be_web)];get var proc.x
experimental-mode on;set var proc.x fmt %[be_conn(nosuch)]
experimental-mode on;set var proc.x be_conn(be_web);get var proc.x
experimental-mode on;set var proc.x be_conn(fe_main)
experimental-mode on;set var proc.x be_conn(nosuch),add(1)
experimental-mode on;set var proc.x nbsrv
experimental-mode on;set var proc.x nbsrv(be_web);get var proc.x
experimental-mode on;set var proc.x fe_conn
experimental-mode on;set var proc.x fe_conn(fe_main);get var proc.x
experimental-mode on;set var proc.x srv_conn(be_web/web1);get var proc.x
experimental-mode on;set var proc.x srv_conn(be_web/nosuch)
experimental-mode on;set var proc.x srv_conn(web1)
experimental-mode on;set var proc.x table_cnt(nosuch)
experimental-mode on;set var proc.x int(1),table_conn_cnt(nosuch)
experimental-mode on;set var proc.x int(1),in_table
experimental-mode on;set var proc.x str(a),map(/etc/hosts)
experimental-mode on;set var proc.x str(a),map_regm(/etc/hosts)
experimental-mode on;set var proc.x http_auth(x)
experimental-mode on;set var proc.x bin(4142004a);get var proc.x
experimental-mode on;set var proc.x bin(01ff41);get var proc.x
experimental-mode on;set var proc.x cpu_calls
experimental-mode on;set var proc.x! int(3)
experimental-mode on;operator;set var proc.x int(1)
expert-mode on;operator;help debug
expert-mode on;user;expert-mode
get weight be_web/web2
get weight be_web
get weight
get weight be_web/nosuch
get weight nosuch/web1
set weight be_web/web1 5
get weight be_web/web1
set weight be_web/web1 abc
set weight be_web/web1 5x
set weight be_web/web1 300
set weight be_web/web1 -1
set weight be_web/web1 -1%
set weight be_web/web1 100%
set weight be_web/web1
set server
set server be_web
set server be_web/web1
set server be_web/ state ready
set server /web1 state ready
set server nosuch/web1 state ready
set server be_web/nosuch state ready
set server be_web/web1/x state ready
set server #5/web1 state ready
set server be_web/#1 state ready
set server be_web/web1 bogus
set server be_web/web1 state
set server be_web/web1 state bogus
set server be_web/web1 state drain
show servers state be_web
show stat be_web 6 -1
set server be_web/web1 state maint
show servers state be_web
show servers state be_track
show stat be_track 6 -1
set server be_web/web1 state ready
show servers state be_web
set server be_web/web1 health
set server be_web/web1 health bogus
set server be_web/web2 health stopping
show stat be_web 6 -1
set server be_web/web2 health down
show servers state be_web
set server be_web/web2 health up
show stat be_web 6 -1
set server be_track/k1 health up
set server be_track/k1 state drain
set server be_track/k1 state ready
set server be_web/web1 weight
set server be_web/web1 weight 257
set server be_web/web1 weight 0
show stat be_web 6 -1
set server be_web/web1 weight 1
set server be_static/s1 weight 5
set server be_static/s1 weight 0
set server be_web/web1 agent up
set server be_web/web1 addr
set server be_web/web1 addr foo
set server be_web/web1 addr 127.0.0.1 foo
set server be_web/web1 addr 127.0.0.1 port
set server be_web/web1 addr 127.0.0.1 port foo
set server be_web/web1 addr 127.0.0.1 port 99999
set server be_web/web1 addr 127.0.0.1 port +5
set server be_web/web1 addr 127.0.0.2
set server be_web/web1 addr ::1 port 80
set server be_web/web1 addr 127.0.0.1:99
set server be_web/web1 addr /tmp/x
set server be_web/web1 addr *
set server be_web/web1 addr 127.0.0.1
show servers state be_web
set server be_web/web1 agent-addr
set server be_web/web1 agent-addr 127.0.0.1
set server be_web/web1 agent-port 5
set server be_web/web1 agent-send x
set server be_web/web1 check-port
set server be_web/web1 check-port 5
set server be_api/api1 check-port
set server be_api/api1 check-port foo
set server be_api/api1 check-port 99999
set server be_api/api1 check-addr
set server be_api/api1 check-addr foo
set server be_api/api1 check-addr 127.0.0.9 port
set server be_api/api1 check-addr 127.0.0.9 port 88
show servers state be_api
set server be_web/web1 fqdn
set server be_web/web1 fqdn foo.bar
set server be_web/web1 ssl on
set server both/b2 ssl
set server both/b2 ssl off
show servers state both
set server both/b2 ssl on
show servers state both
set severity-output number;set server both/b2 ssl on
disable server
disable server be_web
disable server be_web/web3
show stat be_web 4 3
enable server be_web/web3
enable server be_api/api2
show stat be_api 6 -1
disable health be_web/web1
enable health be_web/web1
disable agent be_web/web1
enable agent be_web/web1
enable agent nosuch/x
set maxconn server
set maxconn server be_web/web1
set maxconn server be_web/web1 abc
set maxconn server be_web/web1 5x
set maxconn server be_api/api3 10
show stat be_api 4 3
set maxconn frontend
set maxconn frontend fe_tcp
set maxconn frontend fe_tcp -1
set maxconn frontend fe_tcp 20
set maxconn frontend nosuch 20
set maxconn global
set maxconn global 3000
set maxconn global 400
show info
set rate-limit
set rate-limit connections
set rate-limit connections global
set rate-limit connections foo 1
set rate-limit foo global 1
set rate-limit connections global -1
set rate-limit connections global 10
set rate-limit sessions global 11
set rate-limit ssl-sessions global 12
show info
set rate-limit connections global 0
set rate-limit sessions global 0
set rate-limit ssl-sessions global 0
disable frontend
disable frontend nosuch
enable frontend fe_tcp
disable frontend fe_tcp
disable frontend fe_tcp
show stat fe_tcp 1 -1
enable frontend fe_tcp
show stat fe_tcp 1 -1
disable frontend both
enable frontend both
shutdown frontend
shutdown frontend nosuch
shutdown frontend fe_tcp
shutdown frontend fe_tcp
enable frontend fe_tcp
set severity-output number;shutdown frontend fe_tcp;enable frontend fe_tcp;disable frontend fe_tcp
show stat fe_tcp 1 -1
shutdown session
shutdown session foo
shutdown session 0x12
shutdown sessions server
shutdown sessions server be_web/nosuch
shutdown sessions server be_web/web1
clear counters
clear counters all
clear counters bogus
show stat
show acl
show acl @DIR/blocked.acl
show acl #99
show acl nosuch
show acl @0 @DIR/blocked.acl
show acl @7 @DIR/blocked.acl
show acl @x @DIR/blocked.acl
show acl @1
add acl
add acl @DIR/blocked.acl
add acl @DIR/blocked.acl /new
add acl @DIR/blocked.acl /new more
add acl nosuch x
add acl @9 @DIR/blocked.acl /z
show acl @DIR/blocked.acl
del acl
del acl @DIR/blocked.acl nosuch
del acl @DIR/blocked.acl #0x12
del acl @DIR/blocked.acl #0x
del acl @DIR/blocked.acl /new
show acl @DIR/blocked.acl
get acl
get acl @DIR/blocked.acl
get acl @DIR/blocked.acl /secret
get acl @DIR/blocked.acl /nothing
get acl nosuch x
prepare acl nosuch
prepare acl @DIR/blocked.acl
add acl @1 @DIR/blocked.acl /only
show acl @1 @DIR/blocked.acl
commit acl
commit acl @1
commit acl @DIR/blocked.acl
commit acl @9 @DIR/blocked.acl
commit acl @1 nosuch
commit acl @1 @DIR/blocked.acl
show acl @DIR/blocked.acl
clear acl
clear acl nosuch
clear acl @DIR/blocked.acl
show acl @DIR/blocked.acl
show map
show map @DIR/routes.map
add map
add map @DIR/routes.map /new
add map @DIR/routes.map /new be_web
add map @DIR/routes.map /new be_api
add map nosuch a b
get map @DIR/routes.map /new/x
get map @DIR/routes.map /nothing
get map @DIR/routes.map
set map @DIR/routes.map /new be_tcp
set map @DIR/routes.map /nothing x
set map
show map @DIR/routes.map
del map @DIR/routes.map /new
del map @DIR/routes.map /new
del map nosuch x
prepare map @DIR/routes.map
add map @1 @DIR/routes.map /v1 be_api
show map @1 @DIR/routes.map
show map
commit map @1 @DIR/routes.map
show map @DIR/routes.map
clear map @DIR/routes.map
show map @DIR/routes.map
show ssl cert
show ssl cert @DIR/a.pem
show ssl cert @DIR/b.pem
show ssl cert nosuch
set ssl cert
set ssl cert @DIR/a.pem
commit ssl cert
commit ssl cert @DIR/a.pem
abort ssl cert
abort ssl cert @DIR/a.pem
new ssl cert
new ssl cert @DIR/a.pem
new ssl cert @DIR/n.pem
show ssl cert @DIR/n.pem
del ssl cert @DIR/a.pem
del ssl cert @DIR/n.pem
del ssl cert @DIR/n.pem
del ssl cert
show ssl crt-list
show ssl crt-list @DIR/list
show ssl crt-list -n @DIR/list
show ssl crt-list -n
show ssl crt-list nosuch
show ssl crt-list @DIR/certs
show ssl ca-file
show ssl ca-file @DIR/ca.pem
show ssl ca-file @DIR/ca.pem:1
show ssl ca-file @DIR/ca.pem:2
show ssl ca-file @DIR/ca.pem:x
show ssl ca-file nosuch
""")

DENIED = lines("""
show errors
show sess
show env HOME
show startup-logs
show ssl cert
show ssl ca-file
show ssl crt-list
get var proc.x
set weight be_web/web1 1
set server be_web/web1 state ready
set server
enable server be_web/web1
enable health
enable frontend
disable agent
clear counters
clear counters all
set maxconn frontend
set maxconn global
set maxconn server
set rate-limit
shutdown session
shutdown sessions server
shutdown frontend
set ssl cert x
commit ssl cert x
new ssl cert x
expert-mode on
experimental-mode on
set var proc.x int(1)
operator
operator;show cli level
user;show cli level
show cli level
show info
add map
set timeout cli 10
nonsense
help
""")

FRAMES = [
    "show version\r\n",
    "show version\nshow version\n",
    "show version;show version\n",
    "show version; show version ;show version\n",
    "show version;quit;show version\n",
    "show version;nonsense;show version\n",
    "get weight be_web/web2;get weight be_web/nosuch;get weight be_web/web3\n",
    "show version\\;x\n",
    "\n",
    "\n\n",
    "show version\n\nshow version\n",
    ";show version\n",
    "show version;\n",
    "show version;",
    "show\tversion\n",
    "  show   version  \n",
    "show version\0x\n",
    "quit\n",
    " quit\n",
    "show map nosuch <<\nabc\n\n",
    "show map nosuch<<\nabc\n\n",
    "show map nosuch << \nabc\n\n",
    "show map nosuch <<;show version\nabc\n\n",
    "show map nosuch <<\nabc\r\n\r\nshow version\n",
    "show version;show map nosuch <<\nabc\n\n",
    "<<\nabc\n\n",
    "add map @DIR/routes.map <<\n/p1 be_api\n/p2 be_web\n\nshow map @DIR/routes.map\n",
    "add map @DIR/routes.map <<\n/p3\n\n",
    "prompt\nshow version\nget weight be_web/web2\nquit\n",
    "prompt;show version\nquit\n",
    "show version;prompt\nquit\n",
    "prompt\nnonsense\n\nquit\n",
    "prompt\nadd map @DIR/routes.map <<\n/f1 be_web\n/f2 be_web\n\nquit\n",
    "prompt\nshow map nosuch <<\n\nquit\n",
    "prompt\nprompt\n",
    "prompt\nexpert-mode on\nexpert-mode\noperator\nshow cli level\nexpert-mode off\nquit\n",
    "new ssl cert a\\ b\nnew ssl cert a\\\\b\nnew ssl cert a\\nb\nnew ssl cert a\"b\ndel ssl cert a\\ b\n",
]

UNFINISHED = ["show version", "show version\\\n", "show map nosuch <<\nabc\n", "show version;quit", "prompt\nshow map nosuch <<\na"]


def same(pair: Pair, text: str, level: str = "admin", wait: float = 5.0) -> None:
    assert pair.ours.ask(text, level, wait) == pair.real.ask(text, level, wait)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command)
def test_answers(pair: Pair, command: str) -> None:
    same(pair, command + "\n")


@pytest.mark.parametrize("level", ["user", "operator"])
@pytest.mark.parametrize("command", DENIED, ids=lambda command: command)
def test_levels(pair: Pair, command: str, level: str) -> None:
    same(pair, command + "\n", level)


@pytest.mark.parametrize("text", FRAMES)
def test_framing(pair: Pair, text: str) -> None:
    same(pair, text)


@pytest.mark.parametrize("text", UNFINISHED)
def test_unfinished_commands_wait(pair: Pair, text: str) -> None:
    same(pair, text, wait=0.3)


def test_certificate_transaction(pair: Pair) -> None:
    new = CERTIFICATES["new.pem"].decode()
    without_key = CERTIFICATES["ca.pem"].decode()
    for text in (
        f"set ssl cert @DIR/a.pem <<\n{new}\n",
        "show ssl cert\n",
        "show ssl cert *@DIR/a.pem\n",
        "commit ssl cert nosuch\n",
        "abort ssl cert nosuch\n",
        "commit ssl cert @DIR/a.pem\n",
        "show ssl cert @DIR/a.pem\n",
        "show ssl cert\n",
        f"set ssl cert @DIR/a.pem <<\n{without_key}\n",
        "commit ssl cert @DIR/a.pem\n",
        "abort ssl cert @DIR/a.pem\n",
        "set ssl cert @DIR/a.pem <<\nno certificate\n\n",
        "set ssl cert nosuch <<\nno certificate\n\n",
        "new ssl cert @DIR/n.pem\n",
        f"set ssl cert @DIR/n.pem <<\n{new}\n",
        "commit ssl cert @DIR/n.pem\n",
        "show ssl cert @DIR/n.pem\n",
        "del ssl cert @DIR/n.pem\n",
    ):
        same(pair, text)


BAD_REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
    b"G@T / HTTP/1.1\r\n\r\n",
    b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTPT/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nL: " + b"x" * 150 + b"\r\nB d: e\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n: e\\\t\r\n\r\n",
    b"GET / HTTP/1.1\rX\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", BAD_REQUESTS)
def test_captured_errors(pair: Pair, request_bytes: bytes) -> None:
    for program in (pair.real, pair.ours):
        with socket.create_connection(("127.0.0.1", program.ports[0]), timeout=5) as client:
            client.sendall(request_bytes)
            while client.recv(65536):
                pass
    real, ours = (re.sub(r"src 127\.0\.0\.1:\d+", "src CLIENT", program.ask("show errors fe_main\n")) for program in (pair.real, pair.ours))
    assert ours == real
