"""A process to who starts it: exit statuses, signals, messages, pid files, inherited descriptors. Each story with haproxy and with pylb."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest
from process_rig import DEFAULTS, alive, ask, connects, free_port, get, received, started, until

BOTH = pytest.mark.parametrize("name", ["haproxy", "pylb"])
OK = " http-request return status 200 content-type text/plain string ok\n"
STOPPED = "(cumulated conns: FE: {}, BE: {}).\n"


def serving(port: int, more: str = "", section: str = "") -> str:
    return f"global\n stats socket unix@stats level admin\n{section}{DEFAULTS}frontend fe\n bind 127.0.0.1:{port}\n{OK}{more}"


@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dies_of_the_signal(name: str, number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with started(name, tmp_path, serving(port), "-db") as program:
        program.serves(port)
        get(port)
        assert program.end(number) == -number
        assert program.text() == ""


@BOTH
def test_sigint_inherited_as_ignored(name: str, tmp_path: Path) -> None:
    """A shell without job control starts what runs in the background so."""
    port = free_port()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with started(name, tmp_path, serving(port), "-db") as program:
            program.serves(port)
            get(port)
            if name == "pylb":  # haproxy stays deaf; whoever starts it has to send TERM
                assert program.end(signal.SIGINT) == -signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)


@BOTH
def test_soft_stop(name: str, tmp_path: Path) -> None:
    """Everything is told in HAProxy's order, the status is 0."""
    port, other = free_port(), free_port()
    more = f" bind {tmp_path}/fe.sock\nlisten l1\n bind 127.0.0.1:{other}\nbackend be\n server s1 127.0.0.1:1\n"
    with started(name, tmp_path, serving(port, more), "-db") as program:
        program.serves(port)
        get(port)
        ask(tmp_path / "stats", "show version")
        assert program.end(signal.SIGUSR1) == 0
        order = [line.split("Proxy ")[1].split(" ")[0] for line in program.text().splitlines()]
        assert order == ["l1", "GLOBAL", "fe", "be", "<HTTPCLIENT>"]
        assert program.masked().splitlines()[1] == "[WARNING]  (PID1) : Proxy GLOBAL stopped (cumulated conns: FE: 1, BE: 1)."


@BOTH
def test_soft_stop_ends_connections(name: str, tmp_path: Path) -> None:
    """An idle connection that has been used is closed at once; one that is being answered after its answer, which says so."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as origin:
        more = f"backend be\n server s1 127.0.0.1:{origin.getsockname()[1]}\n"
        config = serving(port, more).replace(OK, f"{OK.rstrip()} if {{ path / }}\n default_backend be\n")
        with started(name, tmp_path, config, "-db") as program:
            program.serves(port)
            with socket.create_connection(("127.0.0.1", port)) as idle, socket.create_connection(("127.0.0.1", port)) as busy:
                idle.settimeout(20)
                busy.settimeout(20)
                idle.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                assert idle.recv(4096).endswith(b"ok")
                busy.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
                server, _ = origin.accept()
                with server:
                    server.recv(4096)
                    program.tell(signal.SIGUSR1)
                    assert idle.recv(4096) == b""
                    assert not connects(port)
                    server.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
                    answer = received(busy)
            assert b"connection: close\r\n" in answer and answer.endswith(b"late")
            assert program.end() == 0


@BOTH
def test_hard_stop(name: str, tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as origin:
        more = f"listen relay\n mode tcp\n bind 127.0.0.1:{port}\n server s1 127.0.0.1:{origin.getsockname()[1]}\n"
        with started(name, tmp_path, f"global\n hard-stop-after 200ms\n{DEFAULTS}{more}", "-db") as program:
            program.serves(port)
            until(lambda: origin.accept()[0].close() is None)
            with socket.create_connection(("127.0.0.1", port)):
                server, _ = origin.accept()
                program.tell(signal.SIGUSR1)
                assert program.end() == 0
                server.close()
            lines = program.masked().splitlines()
            assert lines[-2:] == [
                "[WARNING]  (PID1) : soft-stop running for too long, performing a hard-stop.",
                "[WARNING]  (PID1) : Proxy relay hard-stopped (1 remaining conns will be closed).",
            ]


@BOTH
def test_pause_and_resume(name: str, tmp_path: Path) -> None:
    """A paused process lets go of its ports."""
    port = free_port()
    with started(name, tmp_path, serving(port), "-db") as program:
        program.serves(port)
        get(port)
        program.tell(signal.SIGTTOU)
        program.says("Paused frontend GLOBAL.\n")
        assert not connects(port)
        program.tell(signal.SIGTTIN)
        program.says("Resumed frontend GLOBAL.\n")
        assert get(port).endswith(b"ok")
        assert program.masked() == "".join(f"[WARNING]  (PID1) : {what} frontend {which}.\n" for what in ("Paused", "Resumed") for which in ("fe", "GLOBAL"))


def test_state_dump_is_the_same(tmp_path: Path) -> None:
    port = free_port()
    more = "backend be\n server s1 127.0.0.1:1\n server s2 127.0.0.1:1 backup\n server s3 127.0.0.1:1 disabled\nbackend none\n"
    more += "backend down\n server s1 127.0.0.1:1 disabled\n"
    texts = []
    for name in ("haproxy", "pylb"):
        with started(name, tmp_path, serving(port, more), "-db") as program:
            program.serves(port)
            get(port)
            program.tell(signal.SIGHUP)
            program.says("<HTTPCLIENT> has no server available !")
            program.end(signal.SIGTERM)
            texts.append(re.sub(r"act\(FE\+BE\): \d\+", "act(FE+BE): N+", program.masked()))  # the last client may be leaving still
    assert texts[0] == texts[1]


@BOTH
def test_daemon(name: str, tmp_path: Path) -> None:
    """It returns at once, its output is closed, the pid file names it, it serves."""
    port = free_port()
    with started(name, tmp_path, serving(port), "-D", "-p", "pid") as program:
        assert program.end() == 0
        assert connects(port)
        text = (tmp_path / "pid").read_text()
        pid = int(text)
        assert text == f"{pid}\n" and pid != program.pid
        try:
            assert get(port).endswith(b"ok")
            assert os.readlink(f"/proc/{pid}/fd/2") == "/dev/null"
            assert os.getsid(pid) == pid
            assert f"Pid: {pid}\n" in ask(tmp_path / "stats", "show info")
        finally:
            os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid))


@BOTH
def test_pid_file_that_cannot_be(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path, serving(free_port()), "-D", "-p", "/nonexistent/pid") as program:
        assert program.end() == 1
        assert program.masked().endswith("[ALERT]    (PID1) : [haproxy.main()] Cannot create pidfile /nonexistent/pid\n")


def test_failures_to_bind_are_told_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = (
            f"global\n stats socket /nonexistent/stats\n{DEFAULTS}listen l1\n bind 192.0.2.1:80\n bind 127.0.0.1:{port}\n"
            f"frontend fe\n bind /nonexistent/fe\n bind [::1]:{free_port()}\n bind 127.0.0.1:{port} interface nosuch0\n"
        )
        texts = []
        for name in ("haproxy", "pylb"):
            for mode in ("-db", "-D", "-W"):
                with started(name, tmp_path, config, mode) as program:
                    assert program.end() == 1
                    texts.append(program.masked())
        assert set(texts[1:]) == {texts[0]}
        assert texts[0].count("[ALERT]") == 6


@BOTH
def test_check_binds_nothing(name: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, started(name, tmp_path, serving(taken.getsockname()[1]), "-c") as program:
        assert program.end() == 0
        assert program.text() == "Configuration file is valid\n"
        assert not (tmp_path / "stats").exists()


@BOTH
def test_inherited_sockets(name: str, tmp_path: Path) -> None:
    """Listeners and command lines over descriptors that somebody else opened and keeps."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        config = f"global\n stats socket \"fd@${{CLI}}\" level admin\n{DEFAULTS}frontend fe\n bind \"fd@${{FE}}\"\n{OK}"
        env = {"FE": str(first.fileno()), "CLI": str(second.fileno())}
        with started(name, tmp_path, config, "-d", env=env, pass_fds=(first.fileno(), second.fileno())) as program:
            assert get(first.getsockname()[1]).endswith(b"ok")
            with socket.create_connection(second.getsockname()) as commands:
                commands.sendall(b"show version\n")
                commands.shutdown(socket.SHUT_WR)
                assert received(commands).startswith(b"2.6.")
            assert program.end(signal.SIGINT) == -signal.SIGINT
        assert connects(first.getsockname()[1])


@BOTH
@pytest.mark.parametrize(("option", "line"), [("-sf", "Proxy fe stopped"), ("-st", "")])
def test_replacing_a_process(name: str, option: str, line: str, tmp_path: Path) -> None:
    """The new process has the port before the old one is told to go."""
    port = free_port()
    for place in ("old", "new"):
        (tmp_path / place).mkdir()
    with started(name, tmp_path / "old", serving(port), "-db") as old:
        old.serves(port)
        get(port)
        with started(name, tmp_path / "new", serving(port).replace("string ok", "string new"), "-db", option, str(old.pid)) as new:
            assert old.end() == (0 if option == "-sf" else -signal.SIGTERM)
            assert line in old.text()
            assert get(port).endswith(b"new")
            new.end(signal.SIGTERM)


@BOTH
def test_replacing_in_vain(name: str, tmp_path: Path) -> None:
    """Whoever holds the port is not the process to replace: that one is told to pause and to resume, and goes on."""
    port, own = free_port(), free_port()
    for place in ("old", "new"):
        (tmp_path / place).mkdir()
    with socket.create_server(("127.0.0.1", port)), started(name, tmp_path / "old", serving(own), "-db") as old:
        old.serves(own)
        get(own)
        with started(name, tmp_path / "new", serving(port), "-db", "-sf", str(old.pid)) as program:
            assert program.end() == 1
            assert "cannot bind socket (Address already in use)" in program.text()
        old.says("Resumed frontend GLOBAL.\n")
        assert get(own).endswith(b"ok")


LIMITS = [
    ("maxconn 100", ""), ("maxconn 100\n nbthread 4", ""), ("maxconn 100\n maxpipes 10", ""), ("maxconn 100\n ulimit-n 700", ""), ("", ""),
    ("fd-hard-limit 500", ""), ("maxconn 90000", ""), ("maxconn 90000\n no strict-limits", ""), ("ulimit-n 60", ""), ("ulimit-n 60\n no strict-limits", ""),
    ("maxconn 100", "-n 300"), ("", "-m 10"), ("maxconn 50", "-m 10"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "arguments"), LIMITS)
def test_limits_are_the_same(words: str, arguments: str, tmp_path: Path) -> None:
    port = free_port()
    threads = "" if "nbthread" in words else " nbthread 1\n"
    seen = []
    for name in ("haproxy", "pylb"):
        config = serving(port, "backend be\n server s1 127.0.0.1:1 check agent-check agent-port 1\n", f" {words}\n{threads}")
        with started(name, tmp_path, config, "-db", *arguments.split(), prefix=("sh", "-c", 'ulimit -Sn 400; ulimit -Hn 2000; exec "$0" "$@"')) as program:
            until(lambda program=program: connects(port) or program.process.poll() is not None)  # type: ignore[misc]
            facts: list[str] = []
            if program.process.poll() is None:
                get(port)
                lines = ask(tmp_path / "stats", "show info").splitlines()
                facts = [line for line in lines if line.startswith(("Ulimit", "Maxsock", "Maxconn", "Hard", "Memmax"))]
                program.tell(signal.SIGTERM)
            seen.append((program.end(), facts, [line for line in program.masked().splitlines() if "limit" in line]))
    assert seen[0] == seen[1]
