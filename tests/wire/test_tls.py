"""Tls against itself and against the standard library's ssl, all in memory."""

from __future__ import annotations

import contextlib
import ssl
import sys
from pathlib import Path

import pytest
from OpenSSL import SSL

from pylb.base.errors import Alert, TlsError
from pylb.lab.certificate import issue
from pylb.wire.certs import CertificateStore
from pylb.wire.tls import (
    CLIENT_CA_NOT_TRUSTED,
    CLIENT_NOT_TRUSTED,
    CLOSED_IN_HANDSHAKE,
    HANDSHAKE_FAILURE,
    UNRECOGNIZED_NAME,
    WRONG_SERVER_NAME,
    Tls,
    missing,
)
from pylb.wire.tls_context import TlsContext, TlsSettings, version_range
from pylb.wire.tls_options import TlsBind, TlsServer

sys.path.insert(0, str(Path(__file__).parents[1]))
from certificates import make_bundle, make_ca

VERSIONS = ["TLSv1.2", "TLSv1.3"]


class Pair:
    """A client and a server of ours, joined by carrying bytes."""

    def __init__(self, bind: TlsContext, server: TlsContext, sni: str | None = "a.example", alpn: list[str] | None = None) -> None:
        self.server, self.client = Tls.server(bind), Tls.client(server, sni, alpn)
        self.at_server, self.at_client = b"", b""

    def carry(self, step: int = 1 << 20) -> None:
        """Bytes both ways, at most `step` at a time, until nothing moves; a failing side's alert is still delivered."""
        while True:
            up, down = self.client.pending(), self.server.pending()
            if not up and not down:
                return
            try:
                for at in range(0, len(up), step):
                    self.at_server += self.server.receive(up[at : at + step])
            except TlsError:
                self.at_client += self.client.receive(self.server.pending())
                raise
            for at in range(0, len(down), step):
                self.at_client += self.client.receive(down[at : at + step])


@pytest.fixture
def store() -> CertificateStore:
    return CertificateStore()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    authority = make_ca()
    (path / "ca.pem").write_bytes(authority.certificate_pem)
    (path / "other-ca.pem").write_bytes(make_ca("stranger").certificate_pem)
    make_bundle(path / "a.pem", ["a.example", "*.wild.example"], authority)
    make_bundle(path / "b.pem", ["b.example"], authority, key="rsa")
    make_bundle(path / "client.pem", ["client"], authority)
    make_bundle(path / "self.pem", ["self"])
    make_bundle(path / "old.pem", ["old.example"], authority, days=-2)
    return path


def bind_of(files: Path, store: CertificateStore, *names: str, **options: object) -> TlsContext:
    return TlsContext.for_bind(TlsBind([str(files / name) for name in names or ("a.pem",)], **options), store)  # type: ignore[arg-type]


def server_of(store: CertificateStore, **options: object) -> TlsContext:
    return TlsContext.for_server(TlsServer(**{"verify": "none", **options}), store)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_bytes_travel_however_they_are_cut(files: Path, store: CertificateStore, version: str, step: int) -> None:
    pair = Pair(bind_of(files, store, max_version=version, min_version="TLSv1.2", alpn=["h2", "http/1.1"]), server_of(store), alpn=["h2", "http/1.1"])
    pair.client.send(b"early words, ")
    pair.carry(step)
    pair.client.send(b"request")
    pair.server.send(b"x" * 40000)
    pair.carry(step)
    assert (pair.at_server, pair.at_client) == (b"early words, request", b"x" * 40000)
    facts = pair.server.facts
    assert (facts.sni, facts.version, facts.alpn, facts.session_reused) == ("a.example", version, "http/1.1", False)
    assert facts.use_keysize == facts.alg_keysize == 256
    assert facts.cipher in ("TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384")
    assert pair.server.hello is None
    assert pair.client.facts.peer_certificate is not None
    assert len(facts.client_random) == len(facts.server_random) == 32


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("no_tickets", [False, True])
def test_sessions_are_resumed(files: Path, store: CertificateStore, version: str, no_tickets: bool) -> None:
    bind = bind_of(files, store, min_version=version, max_version=version, no_tls_tickets=no_tickets)
    server = server_of(store)
    resumed = []
    for name in ("a.example", "a.example", "x.wild.example", "x.wild.example"):
        pair = Pair(bind, server, name)
        pair.carry()
        pair.server.send(b"answer")
        pair.carry()
        assert pair.at_client == b"answer"
        resumed.append((pair.client.facts.session_reused, pair.server.facts.session_reused))
        pair.client.shutdown()
        pair.carry()
    assert resumed == [(False, False), (True, True)] * 2
    if version == "TLSv1.2":
        assert len(pair.server.facts.session_id) == 32
    reuse_off = server_of(store, no_ssl_reuse=True)
    for _ in range(2):
        pair = Pair(bind, reuse_off)
        pair.carry()
        assert not pair.client.facts.session_reused


def test_close_notify_both_ways(files: Path, store: CertificateStore) -> None:
    pair = Pair(bind_of(files, store), server_of(store))
    pair.carry()
    pair.client.send(b"last")
    pair.client.shutdown()
    pair.carry()
    assert pair.at_server == b"last" and pair.server.eof and not pair.client.eof
    pair.server.send(b"still answering")
    pair.server.shutdown()
    pair.carry()
    assert pair.at_client == b"still answering" and pair.client.eof


def test_stdlib_client(files: Path, store: CertificateStore) -> None:
    client = ssl.create_default_context(cafile=str(files / "ca.pem"))
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    client.set_alpn_protocols(["http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(incoming, outgoing, server_hostname="x.wild.example")
    ours = Tls.server(bind_of(files, store, "b.pem", "a.pem", alpn=["http/1.1"]))
    for _ in range(3):
        try:
            theirs.do_handshake()
            break
        except ssl.SSLWantReadError:
            ours.receive(outgoing.read())
            incoming.write(ours.pending())
    theirs.write(b"hello")
    assert ours.receive(outgoing.read()) == b"hello"
    assert theirs.selected_alpn_protocol() == "http/1.1"
    ours.send(b"back")
    ours.shutdown()
    incoming.write(ours.pending())
    assert theirs.read(100) == b"back"


# Every first message HAProxy was seen to close without a word.
@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.0\r\n\r\n", b"hello world garbage\r\n\r\n", b"CONNECT a:1 HTTP/1.0\r\n\r\n", b"abcdef", b"\x16\x04\x01\x00\x05\x01\0\0\1\0"]
)
def test_what_is_not_tls_is_refused_silently(files: Path, store: CertificateStore, data: bytes) -> None:
    tls = Tls.server(bind_of(files, store))
    with pytest.raises(TlsError, match=HANDSHAKE_FAILURE):
        tls.receive(data)
    assert tls.pending() == b""


@pytest.mark.parametrize(("data", "alert"), [
    ("16030100050200000100", "1503030002020a"), ("15030100020228", "1503010002020a"), ("1703010002000000", "1503010002020a"),
    ("16030100050100000100", "15030300020232"), ("802e0100020015000000100700c0030080010080" + "78" * 60, "15030300020246"),
])  # fmt: skip
def test_broken_tls_gets_the_alert_haproxy_sends(files: Path, store: CertificateStore, data: str, alert: str) -> None:
    tls = Tls.server(bind_of(files, store))
    with pytest.raises(TlsError, match=HANDSHAKE_FAILURE):
        tls.receive(bytes.fromhex(data))
    assert tls.pending().hex() == alert


def test_strict_sni(files: Path, store: CertificateStore) -> None:
    bind = bind_of(files, store, strict_sni=True)
    for sni in ("unknown.example", None):
        server, client = Tls.server(bind), Tls.client(server_of(store), sni)
        with pytest.raises(TlsError, match=HANDSHAKE_FAILURE):
            server.receive(client.pending())
        assert server.pending() == UNRECOGNIZED_NAME
        with pytest.raises(TlsError):
            client.receive(UNRECOGNIZED_NAME)
        assert client.error_text().endswith("unrecognized name")
    Pair(bind, server_of(store)).carry()


@pytest.mark.parametrize(("server", "sni", "why"), [
    ({"ca_file": "ca.pem"}, "a.example", None),
    ({"ca_file": "ca.pem"}, "X.Wild.example", None),
    ({"ca_file": "ca.pem"}, None, None),
    ({"ca_file": "ca.pem", "verifyhost": "a.example"}, None, None),
    ({"ca_file": "ca.pem", "verifyhost": "other"}, "a.example", None),
    ({"ca_file": "ca.pem", "verifyhost": "other"}, None, WRONG_SERVER_NAME),
    ({"ca_file": "ca.pem"}, "x.y.wild.example", WRONG_SERVER_NAME),
    ({"ca_file": "other-ca.pem"}, "a.example", HANDSHAKE_FAILURE),
])  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS)
def test_server_verification(files: Path, store: CertificateStore, server: dict[str, str], sni: str | None, why: str | None, version: str) -> None:
    options = dict(server, ca_file=str(files / server["ca_file"]))
    pair = Pair(bind_of(files, store, max_version=version, min_version="TLSv1.2"), server_of(store, verify="required", **options), sni)
    if why is None:
        pair.carry()
        assert pair.client.handshake_done and pair.server.handshake_done
    else:
        with pytest.raises(TlsError, match=why):
            pair.carry()


@pytest.mark.parametrize(("verify", "crt", "why"), [
    ("required", "client.pem", None), ("optional", None, None), ("required", None, HANDSHAKE_FAILURE),
    ("required", "self.pem", CLIENT_NOT_TRUSTED), ("optional", "self.pem", CLIENT_NOT_TRUSTED), ("required", "old.pem", CLIENT_NOT_TRUSTED),
])  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS)
def test_client_certificates(files: Path, store: CertificateStore, verify: str, crt: str | None, why: str | None, version: str) -> None:
    bind = bind_of(files, store, verify=verify, ca_file=str(files / "ca.pem"), min_version=version, max_version=version)
    pair = Pair(bind, server_of(store, crt=str(files / crt) if crt else None))
    if why is None:
        pair.carry()
        assert (pair.server.facts.peer_certificate is not None) == bool(crt) and pair.server.facts.verify_result == 0
        return
    server_error = ""
    try:
        for _ in range(4):
            server_error = _receive(pair.server, pair.client.pending()) or server_error
            pair.client.receive(pair.server.pending())
    except TlsError:
        pass
    assert server_error == why


def test_ignored_verification_errors_are_remembered(files: Path, store: CertificateStore) -> None:
    bind = bind_of(files, store, verify="optional", ca_file=str(files / "ca.pem"), crt_ignore_err="all", ca_ignore_err="all")
    pair = Pair(bind, server_of(store, crt=str(files / "old.pem")))
    pair.carry()
    assert pair.server.facts.peer.certificate_error == 10  # has expired


def _receive(tls: Tls, data: bytes) -> str | None:
    try:
        tls.receive(data)
    except TlsError as error:
        return error.why
    return None


def test_loss_of_the_transport(files: Path, store: CertificateStore) -> None:
    bind = bind_of(files, store)
    tls, hello = Tls.server(bind), Tls.client(server_of(store)).pending()
    assert tls.cut_off() == CLOSED_IN_HANDSHAKE
    tls.receive(hello[:50])
    assert (tls.cut_off(), tls.cut_off(reset=True)) == (CLOSED_IN_HANDSHAKE, HANDSHAKE_FAILURE)
    tls.receive(hello[50:])
    assert tls.cut_off() == HANDSHAKE_FAILURE


def test_no_common_version_or_cipher(files: Path, store: CertificateStore) -> None:
    for bind, server in [
        ({"min_version": "TLSv1.3"}, {"max_version": "TLSv1.2"}),
        ({"max_version": "TLSv1.2"}, {"ciphers": "ECDHE-RSA-AES128-GCM-SHA256", "max_version": "TLSv1.2"}),
    ]:
        pair = Pair(bind_of(files, store, **bind), server_of(store, **server))
        with pytest.raises(TlsError, match=HANDSHAKE_FAILURE):
            pair.server.receive(pair.client.pending())
        assert pair.server.pending()[:1] == b"\x15"
        assert pair.server.error_text().startswith("error:0A")


def test_renegotiation_is_refused(files: Path, store: CertificateStore) -> None:
    server, client = Tls.server(bind_of(files, store, max_version="TLSv1.2")), SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    while not server.handshake_done:
        with contextlib.suppress(SSL.WantReadError):
            client.do_handshake()
        server.receive(client.bio_read(65536))
        client.bio_write(server.pending())
    client.do_handshake()
    client.renegotiate()
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    server.receive(client.bio_read(65536))
    client.bio_write(server.pending())
    with pytest.raises(SSL.Error, match="no renegotiation"):
        client.do_handshake()


def test_garbage_after_the_handshake(files: Path, store: CertificateStore) -> None:
    pair = Pair(bind_of(files, store), server_of(store))
    pair.carry()
    with pytest.raises(TlsError):
        pair.server.receive(b"garbage garbage garbage")


@pytest.mark.parametrize(("options", "messages"), [
    ({"ciphers": "FOO"}, ["unable to set SSL cipher list to 'FOO'"] * 2),
    ({"ciphersuites": "FOO"}, ["unable to set TLS 1.3 cipher suites to 'FOO'"] * 2),
    ({"curves": "X"}, ["unable to set SSL curves list to 'X'"] * 2),
    ({"ecdhe": "X"}, ["unable to set elliptic named curve to 'X'"] * 2),
    ({"ecdhe": "X", "curves": "X25519:P-256"}, None),
    ({"ciphers": "ECDHE-RSA-AES128-GCM-SHA256:NOPE"}, None),
    ({"verify": "required"}, ["verify is enabled but no CA file specified"] * 2),
    ({"min_version": "TLSv1.3", "max_version": "TLSv1.2"}, ["all SSL/TLS versions are disabled"]),
    ({"max_version": "SSLv3"}, ["all SSL/TLS versions are disabled"]),
    ({"disabled_versions": {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}}, ["all SSL/TLS versions are disabled"]),
])  # fmt: skip
def test_settings_that_openssl_refuses(files: Path, store: CertificateStore, options: dict[str, object], messages: list[str] | None) -> None:
    if messages is None:
        bind_of(files, store, **options)
        return
    with pytest.raises(TlsSettings) as caught:
        bind_of(files, store, **options)
    assert caught.value.messages == messages


@pytest.mark.parametrize(("options", "expected"), [
    ({}, ("TLSv1.2", "TLSv1.3")), ({"min_version": "TLSv1.0"}, ("TLSv1.0", "TLSv1.3")), ({"max_version": "TLSv1.1"}, ("TLSv1.1", "TLSv1.1")),
    ({"forced_version": "TLSv1.2"}, ("TLSv1.2", "TLSv1.2")), ({"disabled_versions": {"TLSv1.2"}}, ("TLSv1.3", "TLSv1.3")),
    ({"disabled_versions": {"TLSv1.3"}, "min_version": "TLSv1.2"}, ("TLSv1.2", "TLSv1.3")), ({"min_version": "SSLv3"}, ("TLSv1.0", "TLSv1.3")),
])  # fmt: skip
def test_version_range(options: dict[str, object], expected: tuple[str, str]) -> None:
    assert version_range(TlsBind(**options), "TLSv1.2") == expected  # type: ignore[arg-type]


def test_a_replaced_certificate_is_served_after_rebuild(files: Path, store: CertificateStore) -> None:
    bind = bind_of(files, store)
    before, after = Pair(bind, server_of(store)), make_bundle(files / "new.pem", ["a.example"])
    store.replace(str(files / "a.pem"), (files / "new.pem").read_bytes())
    bind.rebuild()
    later = Pair(bind, server_of(store))
    for pair in (before, later):
        pair.carry()
    assert later.server.facts.served is not None
    assert later.server.facts.served.leaf == after.certificate
    with pytest.raises(Alert, match="inconsistencies between private key and certificate loaded 'x'"):
        store.replace("x", after.certificate_pem + make_ca().key_pem)


# What HAProxy was seen to log for each chain, with an authority that vouches for it and with a stranger.
@pytest.mark.parametrize(("authority", "chain", "why"), [
    ("root", "whole", None), ("root", "leaf", CLIENT_NOT_TRUSTED), ("root", "expired-intermediate", CLIENT_CA_NOT_TRUSTED),
    ("other", "whole", CLIENT_CA_NOT_TRUSTED), ("other", "leaf", CLIENT_NOT_TRUSTED), ("other", "expired-intermediate", CLIENT_CA_NOT_TRUSTED),
])  # fmt: skip
def test_who_is_not_trusted(tmp_path: Path, files: Path, store: CertificateStore, authority: str, chain: str, why: str | None) -> None:
    root = make_ca("root")
    good, old = issue("intermediate", issuer=root, authority=True), issue("old", issuer=root, authority=True, days=-3)
    leaf, old_leaf = issue("leaf", issuer=good), issue("old leaf", issuer=old)
    bundles = {"whole": leaf.bundle + good.certificate_pem, "leaf": leaf.bundle, "expired-intermediate": old_leaf.bundle + old.certificate_pem}
    (tmp_path / "client.pem").write_bytes(bundles[chain])
    (tmp_path / "root").write_bytes(root.certificate_pem)
    (tmp_path / "other").write_bytes(make_ca("other").certificate_pem)
    bind = bind_of(files, store, verify="required", ca_file=str(tmp_path / authority))
    pair, said = Pair(bind, server_of(store, crt=str(tmp_path / "client.pem"))), None
    for _ in range(3):
        said = _receive(pair.server, pair.client.pending()) or said
        if said is None:
            pair.client.receive(pair.server.pending())
    assert said == why


@pytest.mark.parametrize("pieces, wanted", [
    ([b""], 0), ([b"\x17\x03\x03\x00\x02ab"], 0), ([b"\x17\x03\x03\x00\x02a"], 1), ([b"\x17\x03\x03\x00\x02a", b"b"], 0),
    ([b"\x17\x03\x03\x00\x02ab" * 3], 0), ([b"\x17\x03\x03\x00\x02ab\x17"], -1), ([b"\x17\x03", b"\x03\x00\x02ab"], -1),
    ([b"\x17\x03\x03\x01\x00" + bytes(250), bytes(6) + b"\x17\x03\x03\x00\x01"], 1),
])  # fmt: skip
def test_what_a_record_lacks(pieces: list[bytes], wanted: int) -> None:
    lacks = 0
    for piece in pieces:
        lacks = missing(piece, lacks)
    assert lacks == wanted
