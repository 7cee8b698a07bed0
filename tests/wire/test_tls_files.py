"""Certificate files and SNI choice, compared with the real HAProxy where it is installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from OpenSSL import SSL

from pylb.base.errors import Alert, TlsError
from pylb.lab.certificate import issue, self_signed
from pylb.wire.certs import CertificateStore, name_matches
from pylb.wire.crt_list import offers_of
from pylb.wire.tls import Tls
from pylb.wire.tls_context import TlsContext
from pylb.wire.tls_options import TlsBind, TlsServer

sys.path.insert(0, str(Path(__file__).parents[1]))
from certificates import make_bundle, make_ca

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
needs_haproxy = pytest.mark.skipif(not Path(HAPROXY).exists(), reason="haproxy is not installed")

EMPTY_CONFIGURATION = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend fe\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad certificate files, side files and directories."""
    path = tmp_path_factory.mktemp("certs")
    good, other, ca = issue("good.example"), issue("other.example", key="rsa"), make_ca()
    certificate, key = good.certificate_pem, good.key_pem
    lines = certificate.splitlines(keepends=True)
    broken = b"".join([lines[0], b"AAAA" + lines[1][4:], *lines[2:]])
    texts = {
        "good": certificate + key, "key-first": key + certificate, "certonly": certificate, "keyonly": key, "empty": b"", "garbage": b"garbage\n",
        "mismatch": certificate + other.key_pem, "trunc": certificate[:300], "trunccert": key + b"".join(lines[:3]), "trunckey": certificate + key[:90],
        "badcert": broken + key, "badkey": certificate + key.replace(b"M", b"@"),
        "chainbad": certificate + key + broken, "chaincut": certificate + key + certificate[:200],
        "sep": certificate, "sep.pem.key": key, "sepwrong": certificate, "sepwrong.pem.key": other.key_pem, "sepbad": certificate, "sepbad.pem.key": b"x",
        "extra": certificate + key, "extra.pem.key": other.key_pem, "sctlbad": certificate + key, "sctlbad.pem.sctl": b"foo",
        "ocspless": certificate + key, "ocspless.pem.ocsp": b"", "issuerbad": certificate + key, "issuerbad.pem.issuer": b"foo",
    }  # fmt: skip
    for name, text in texts.items():
        (path / (name if ".pem." in name else f"{name}.pem")).write_bytes(text)
    make_bundle(path / "chained.pem", ["chained.example"], ca)
    directories: dict[str, dict[str, str]] = {
        "baddir": {"1.pem": "good", "2.pem": "garbage"}, "emptydir": {}, "mixdir": {"a.key": "garbage", ".hidden": "garbage", "z": "good"},
    }  # fmt: skip
    for name, content in directories.items():
        (path / name).mkdir()
        for file, source in content.items():
            (path / name / file).write_bytes(texts[source])
    make_bundle(path / "multi.rsa", ["multi.example"], key="rsa")
    make_bundle(path / "multi.ecdsa", ["multi.example"])
    return path


FILES = [
    "good.pem", "key-first.pem", "certonly.pem", "keyonly.pem", "empty.pem", "garbage.pem", "mismatch.pem", "trunc.pem", "trunccert.pem", "trunckey.pem",
    "badcert.pem", "badkey.pem", "chainbad.pem", "chaincut.pem", "sep.pem", "sepwrong.pem", "sepbad.pem", "extra.pem", "sctlbad.pem", "ocspless.pem",
    "issuerbad.pem", "chained.pem", "baddir", "baddir/", "mixdir", "multi", "absent.pem",
]  # fmt: skip

CRT_LISTS = [
    "good.pem\n", "\n# x\ngood.pem a.b\n", "good.pem [\n", "good.pem [alpn\n", "good.pem [foo] x\n", "good.pem [crt good.pem] x\n", "good.pem x ]\n",
    "good.pem [alpn h2 x\n", "good.pem alpn h2] x\n", "good.pem [] x\n", "good.pem [ alpn h2 ] x\n", "absent.pem x\n", "garbage.pem x\n",
    "good.pem [verify foo]\n", "good.pem [ssl-min-ver FOO]\n", "good.pem [alpn h2] [alpn h2]\n", "good.pem", "good.pem\nextra.pem [nope x]\n",
    "good.pem [ca-file absent verify required]\n", "good.pem *.*.x a*.b !c\n",
]  # fmt: skip


def verdict(config: str, directory: Path) -> str:
    """What haproxy -c says of the bind line, without what every such alert begins with; empty when it is content."""
    (directory / "x.cfg").write_text(config)
    run = subprocess.run([HAPROXY, "-c", "-f", "x.cfg"], cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    said = [part for part in run.stderr.replace("\n[", "\0[").split("\0") if "in section 'frontend' : " in part and "[ALERT]" in part]
    return said[0].split("in section 'frontend' : ", 1)[1].rstrip("\n") if said else ""


def ours(directory: Path, make: Callable[[], object]) -> str:
    with contextlib.chdir(directory):
        try:
            make()
        except Alert as error:
            return str(error)
    return ""


@needs_haproxy
@pytest.mark.parametrize("name", FILES)
def test_certificate_files_are_judged_as_haproxy_does(files: Path, name: str) -> None:
    theirs = verdict(EMPTY_CONFIGURATION + f" bind 127.0.0.1:7999 ssl crt {name}\n", files)
    assert ours(files, lambda: CertificateStore().crt(name)) == theirs


@needs_haproxy
@pytest.mark.parametrize("text", CRT_LISTS)
def test_crt_lists_are_judged_as_haproxy_does(files: Path, text: str) -> None:
    (files / "list.txt").write_text(text)
    theirs = verdict(EMPTY_CONFIGURATION + " bind 127.0.0.1:7999 ssl crt-list list.txt\n", files)
    said = ours(files, lambda: offers_of(TlsBind(crt_lists=["list.txt"]), CertificateStore()))
    if "Couldn't open" in said:  # printed by HAProxy as an alert of its own, the bind line's says which word it was
        said = "'crt-list' : 'ca-file' : unable to load absent"
    assert said == theirs


@pytest.mark.parametrize(("name", "why"), [
    ("absent", "Couldn't open the ca-file 'absent' (No such file or directory)."),
    ("garbage.pem", "Couldn't open the ca-file 'garbage.pem' (no certificate or crl found)."),
])  # fmt: skip
def test_ca_files(files: Path, name: str, why: str) -> None:
    assert ours(files, lambda: CertificateStore().ca(name)) == why
    store = CertificateStore()
    store.ca(str(files / "emptydir"))
    assert store.warnings == [f"ca-file: 0 CA were loaded from '{files / 'emptydir'}'"]
    assert len(store.ca(str(files / "chained.pem")).certificates) == 2


@pytest.mark.parametrize(("pattern", "host", "expected"), [
    ("a.b", "A.B", True), ("*.b", "a.b", True), ("*.b", "b", False), ("*.b", "x.a.b", False), ("*", "a", False), ("w*.b", "wx.b", False), ("*.b", ".b", False),
])  # fmt: skip
def test_name_matches(pattern: str, host: str, expected: bool) -> None:
    assert name_matches(pattern, host) is expected


def test_facts_for_the_command_line(files: Path) -> None:
    store = CertificateStore()
    (certificate,) = store.crt(str(files / "chained.pem"))
    assert certificate.names == ["chained.example"] and len(certificate.chain) == 1 and certificate.issuer == certificate.chain[0]
    assert int(certificate.serial, 16) == certificate.leaf.serial_number and len(certificate.fingerprint) == 40
    (files / "lab.pem").write_bytes(self_signed(["lab.example", "127.0.0.1"]))
    assert store.crt(str(files / "lab.pem"))[0].names == ["lab.example"]


CERTIFICATES: dict[str, tuple[list[str], str]] = {
    "a": (["a.example", "*.wild.example"], "ec"), "b": (["B.Example"], "rsa"), "c": (["*.c.example", "*.sub.c.example", "exact.wild.example"], "rsa"),
    "d-rsa": (["dual.example", "*.dual.example"], "rsa"), "e-ec": (["dual.example", "*.dual.example"], "ec"), "f": (["UPPER.example", "*.UPPER.Example"], "ec"),
    "g": (["zz", "*.example"], "ec"), "h": (["w*.part.example", ".dot.example"], "ec"), "i": (["*"], "ec"), "j": (["127.0.0.1", "nodots"], "ec"),
}  # fmt: skip

NAMES = [
    None, "a.example", "A.EXAMPLE", "x.wild.example", "x.y.wild.example", "wild.example", "exact.wild.example", "b.example", "foo.c.example", "x.sub.c.example",
    "upper.example", "q.upper.example", "dual.example", "x.dual.example", "w1.part.example", "x.dot.example", "unknown.org", "foo.example", "nodots", "a.b",
    "other.name", "no.wild.example", "f.org", "notf.org", "cn.only",
]  # fmt: skip

BINDS = {
    "directory": "crt {d}/", "strict": "crt {d} strict-sni", "two": "crt {d}/d-rsa crt {d}/e-ec", "two-strict": "crt {d}/e-ec crt {d}/d-rsa strict-sni",
    "list": "crt-list one.txt", "negatives": "crt-list two.txt strict-sni", "file-then-list": "crt {d}/a crt-list three.txt",
}  # fmt: skip

LISTS = {
    "one.txt": "{d}/a !*\n{d}/b *.wild.example !no.wild.example\n"
    "{d}/c [ssl-max-ver TLSv1.2] no.wild.example F.org !notf.org\n{d}/e-ec !*.dual.example\n{d}/j *\n",
    "two.txt": "{d}/a *.wild.example !no.wild.example\n{d}/e-ec *.wild.example\n{d}/f *.dual.example !x.dual.example a.b\n{d}/b !a.b foo.example\n",
    "three.txt": "{d}/b other.name A.example\n{d}/g [alpn http/1.1]\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def haproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    """A running HAProxy with one TLS listener per entry of BINDS."""
    path = tmp_path_factory.mktemp("sni")
    (path / "d").mkdir()
    for name, (names, key) in CERTIFICATES.items():
        make_bundle(path / "d" / name, names, key=key)
    for name, text in LISTS.items():
        (path / name).write_text(text.format(d="d"))
    ports, config = {}, EMPTY_CONFIGURATION
    for name, words in BINDS.items():
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports[name] = free.getsockname()[1]
        config += f" bind 127.0.0.1:{ports[name]} ssl {words.format(d='d')}\n"
    (path / "x.cfg").write_text(config)
    process = subprocess.Popen([HAPROXY, "-db", "-f", "x.cfg"], cwd=path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ports["directory"])):
            break
        time.sleep(0.01)
    yield path, ports
    process.terminate()
    process.wait(10)


CLIENTS: dict[str, Callable[[SSL.Context], object]] = {
    "any": lambda context: None,
    "tls12": lambda context: context.set_max_proto_version(SSL.TLS1_2_VERSION),
    "rsa-only": lambda context: (context.set_max_proto_version(SSL.TLS1_2_VERSION), context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")),
}


def client_of(kind: str, name: str | None) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    CLIENTS[kind](context)
    client = SSL.Connection(context, None)
    if name:
        client.set_tlsext_host_name(name.encode())
    client.set_connect_state()
    return client


def served(client: SSL.Connection, answer: Callable[[bytes], bytes]) -> tuple[str, str | None, bytes]:
    """Certificate serial and version that a server shows, or its alert."""
    while True:
        try:
            client.do_handshake()
        except SSL.WantReadError:
            got = answer(client.bio_read(65536))
            if not got or got.startswith(b"\x15"):
                return "", None, got[5:7]
            client.bio_write(got)
        else:
            certificate = client.get_peer_certificate(as_cryptography=True)
            assert certificate is not None
            return f"{certificate.serial_number:x}", client.get_protocol_version_name(), b""


@needs_haproxy
@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("bind", BINDS)
def test_the_same_certificate_is_served(haproxy: tuple[Path, dict[str, int]], bind: str, kind: str) -> None:
    path, ports = haproxy
    words = BINDS[bind].format(d=f"{path}/d").split()
    options = TlsBind([words[i + 1] for i, word in enumerate(words) if word == "crt"], strict_sni="strict-sni" in words)
    with contextlib.chdir(path):
        options.crt_lists = [words[i + 1] for i, word in enumerate(words) if word == "crt-list"]
        context = TlsContext.for_bind(options, CertificateStore())
    mine, theirs = {}, {}
    for name in NAMES:
        tls = Tls.server(context)

        def answer(data: bytes, tls: Tls = tls) -> bytes:
            with contextlib.suppress(TlsError):
                tls.receive(data)
            return tls.pending()

        mine[name] = served(client_of(kind, name), answer)
        with socket.create_connection(("127.0.0.1", ports[bind])) as wire:
            wire.settimeout(10)

            def ask(data: bytes, wire: socket.socket = wire) -> bytes:
                wire.sendall(data)
                return wire.recv(65536)

            theirs[name] = served(client_of(kind, name), ask)
    assert mine == theirs


def test_openssl_of_the_standard_library_is_spoken_to(files: Path) -> None:
    """A client connection of ours against ssl's server side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "good.pem")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    client = Tls.client(TlsContext.for_server(TlsServer(verify="required", ca_file=str(files / "good.pem")), CertificateStore()), "good.example")
    client.send(b"ping")
    while not client.handshake_done:
        incoming.write(client.pending())
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        client.receive(outgoing.read())
    incoming.write(client.pending())
    assert server.read(10) == b"ping"


@needs_haproxy
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_haproxy_as_the_server_resumes_our_sessions(haproxy: tuple[Path, dict[str, int]], version: str) -> None:
    path, ports = haproxy
    context = TlsContext.for_server(TlsServer(verify="required", ca_file=f"{path}/d/a", max_version=version), CertificateStore())
    reused = []
    for _ in range(2):
        client = Tls.client(context, "a.example")
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        answer = b""
        with socket.create_connection(("127.0.0.1", ports["directory"])) as wire:
            wire.settimeout(10)
            while not client.eof:
                wire.sendall(client.pending())
                if not (data := wire.recv(65536)):
                    break
                answer += client.receive(data)
        assert answer.startswith(b"HTTP/1.1 503 ") and client.facts.version == version
        reused.append(client.facts.session_reused)
    assert reused == [False, True]
