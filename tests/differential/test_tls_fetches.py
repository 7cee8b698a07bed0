"""What haproxy and pylb tell of TLS connections: lists of the ClientHello, tls-unique, secrets for a key log; also when the handshake fails.

What differs between two connections anyhow is compared to what the other end of the connection knows of it.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from certificates import make_bundle
from harness import Case, Rig
from oracle import HAPROXY, needs_haproxy

pytestmark = needs_haproxy

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
LISTS = ("cipherlist_bin,hex", "cipherlist_hex", "cipherlist_xxh", "extlist_bin,hex", "eclist_bin,hex", "ecformats_bin,hex", "protocol_hello_id")
FILTERED = ("cipherlist_bin(1),hex", "cipherlist_hex(1)", "extlist_bin(1),hex", "eclist_bin(1),hex")
NAMES = ("cipherlist_str", "cipherlist_str(1)")
FOUND = ("extlist_bin", "eclist_bin", "ecformats_bin", "exporter_secret")
OF_SERVERS = (
    *("ssl_bc", "ssl_bc_is_resumed", "ssl_bc_cipher", "ssl_bc_protocol", "ssl_bc_alg_keysize", "ssl_bc_use_keysize", "ssl_bc_alpn", "ssl_bc_err"),
    *("ssl_bc_err_str", "ssl_bc_client_random,hex,length", "ssl_bc_server_random,hex,length", "ssl_bc_session_id,hex,length"),
    *("ssl_bc_session_key,hex,length", "ssl_s_s_dn", "ssl_s_i_dn(cn)", "ssl_s_der,hex,length", "ssl_s_chain_der,hex,length", "ssl_s_key_alg", "ssl_s_sig_alg", "ssl_s_sha1,hex", "ssl_s_version"),
    *("ssl_s_serial,hex", "ssl_s_notafter", "ssl_s_notbefore"),
)
SECRETS = (
    *("client_early_traffic_secret", "client_handshake_traffic_secret", "server_handshake_traffic_secret", "client_traffic_secret_0"),
    *("server_traffic_secret_0", "exporter_secret", "early_exporter_secret"),
)


def told(name: str, fetches: tuple[str, ...], more: str = "") -> Case:
    """A listener that answers with these fetches."""
    return Case(name, front=f'{more}http-request return status 200 content-type text/plain lf-string "{"|".join(f"%[ssl_fc_{one}]" for one in fetches)}"', tls=True)


FINDS = "".join(f"http-request set-header x-f %[req.hdr(x-f)]{number} if {{ ssl_fc_{name} -m found }}\n" for number, name in enumerate(FOUND))
CLIENTS = [
    told("lists", (*LISTS, *FILTERED)),
    told("names", NAMES),
    told("unique", ("unique_id,hex",)),
    told("secrets", SECRETS),
    Case("found", front=FINDS + 'http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-f)]"', tls=True),
    Case("failed", front='error-log-format "%ft|%[ssl_fc]|%[ssl_fc_err]|%[ssl_fc_err_str]|%[ssl_fc_cipherlist_hex(1)]|%[ssl_fc_cipherlist_str,bytes(0,50)]"', tls=True),
]
HEADS = {size: f" tune.ssl.capture-buffer-size {size}\n" for size in (9, 29, 40, 47, 300)}
HEADS |= {0: "", 1: " tune.ssl.keylog on\n", 2: " tune.ssl.capture-cipherlist-size 2\n"}


class Server:
    """A TLS server that answers with the tls-unique of the connection."""

    def __init__(self, bundle: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(bundle)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.listener.getsockname())
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
                with self.context.wrap_socket(plain, server_side=True) as client:
                    client.recv(4096)
                    ours = (client.get_channel_binding("tls-unique") or b"").hex().upper().encode()
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ours), ours))
                    client.recv(1)
            except OSError:
                if self.listener.fileno() < 0:
                    return


def new_context(version: str, keys: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if keys is not None:
        context.keylog_filename = str(keys)
    return context


def ask(rig: Rig, name: str, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> tuple[str, ssl.SSLSocket]:
    """A request over a connection of its own: the answer's body."""
    client = context.wrap_socket(socket.create_connection(rig.addresses[name], timeout=10), session=session)
    client.sendall(GET)
    answer = b""
    while data := client.recv(65536):
        answer += data
    return answer.partition(b"\r\n\r\n")[2].decode(), client


def lists(rig: Rig, directory: Path) -> Iterator[object]:
    """The same ClientHello gives the same lists."""
    for version in VERSIONS:
        for name in ("lists", "names", "found"):
            answer, client = ask(rig, name, new_context(version))
            client.close()
            yield version, name, answer.split("|")


def secrets(rig: Rig, directory: Path) -> Iterator[object]:
    """Does the client have the same secrets?"""
    for version in VERSIONS:
        keys = directory / f"keys{version}"
        answer, client = ask(rig, "secrets", new_context(version, keys))
        client.close()
        known = {line.split()[0]: line.split()[2] for line in keys.read_text().splitlines() if not line.startswith("#")}
        yield version, [(name, value == known[name.upper()] if value else value) for name, value in zip(SECRETS, answer.split("|"), strict=True)]


def unique_to_clients(rig: Rig, directory: Path) -> Iterator[object]:
    """Is the client's tls-unique the same, in a first handshake and in one that resumes a session?"""
    for version in VERSIONS:
        context, session = new_context(version), None
        for _ in range(2):
            answer, client = ask(rig, "unique", context, session)
            binding = (client.get_channel_binding("tls-unique") or b"").hex().upper()
            yield version, client.session_reused, answer == binding, len(answer)
            session = client.session
            client.close()


def unique_to_servers(rig: Rig, directory: Path) -> Iterator[object]:
    """Is the server's?"""
    for name in ("to_server_1.2", "to_server_1.3"):
        for _ in range(2):
            with socket.create_connection(rig.addresses[name], timeout=10) as client:
                client.sendall(GET)
                answer = b""
                while data := client.recv(65536):
                    answer += data
            ours = re.search(rb"x-id: (\w*)\|(.*)\r\n", answer)
            assert ours is not None
            body = answer.partition(b"\r\n\r\n")[2]
            yield name, ours[2], ours[1] == body, len(ours[1])


def failures(rig: Rig, directory: Path) -> Iterator[object]:
    """A ClientHello with suites that nobody has."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        new_context("1.2").wrap_bio(incoming, outgoing, server_hostname="a.example").do_handshake()
    hello = bytearray(outgoing.read())
    at = 5 + 4 + 2 + 32  # the record's head, the message's, the version, the random number
    at += 1 + hello[at]
    size = int.from_bytes(hello[at : at + 2], "big")
    hello[at + 2 : at + 2 + size] = (b"\x0a\x0a\x12\x34\xda\xda\x0a\x1a" * size)[:size]
    with socket.create_connection(rig.addresses["failed"], timeout=10) as client:
        client.sendall(hello)
        yield client.recv(100)
    with rig.arrived:
        assert rig.arrived.wait_for(lambda: rig.logs.get("failed"), 10)
    yield rig.logs["failed"][0].partition("f_failed~")[2]


PARTS: dict[str, tuple[int, Callable[[Rig, Path], Iterator[object]]]] = {
    **{f"lists in {size}": (size, lists) for size in HEADS},
    "secrets": (1, secrets),
    "no secrets": (0, secrets),
    "unique to clients": (0, unique_to_clients),
    "unique to servers": (0, unique_to_servers),
    "failures": (300, failures),
    "failures without room": (0, failures),
}


def seen(command: list[str], directory: Path, bundle: Path, size: int, part: Callable[[Rig, Path], Iterator[object]], server: Server) -> list[object]:
    """What one program shows."""
    back = f"http-reuse never\nhttp-response set-header x-id %[ssl_bc_unique_id,hex]|{'|'.join(f'%[{one}]' for one in OF_SERVERS)}\n"
    words = "ssl verify none ssl-min-ver TLSv{0} ssl-max-ver TLSv{0}"
    servers = [Case(f"to_server_{version}", back=back, address=server.address, server=words.format(version)) for version in VERSIONS]
    rig = Rig(command, [*CLIENTS, *servers], directory, bundle, HEADS[size])
    try:
        return list(part(rig, directory))
    finally:
        rig.stop()


@pytest.mark.parametrize("name", PARTS)
def test_both_tell_the_same(tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "bundle.pem"
    make_bundle(bundle, ["a.example"])
    server = Server(bundle)
    commands = {"theirs": [HAPROXY], "ours": [sys.executable, "-m", "pylb"]}
    try:
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(seen, command, tmp_path / which, bundle, *PARTS[name], server) for which, command in commands.items()]
            theirs, ours = (one.result() for one in both)
    finally:
        server.listener.close()
    assert ours == theirs
