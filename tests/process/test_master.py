"""Master and worker: messages, signals, exit statuses, pid file, service manager, the command line of `-S`. With haproxy and with pylb."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from process_rig import DEFAULTS, Program, alive, connects, free_port, get, received, started, until

BOTH = pytest.mark.parametrize("name", ["haproxy", "pylb"])
LOADED = "[NOTICE]   (PID1) : New worker (PID2) forked\n[NOTICE]   (PID1) : Loading success.\n"
NAMED = "[NOTICE]   (PID1) : haproxy version is 2.6.12-1+deb12u4\n[NOTICE]   (PID1) : path to executable is /usr/sbin/haproxy\n"
LEAVING = "[WARNING]  (PID1) : Exiting Master process...\n"


def config(port: int) -> str:
    return f"{DEFAULTS}frontend fe\n bind 127.0.0.1:{port}\n http-request return status 200 content-type text/plain string ok\n"


def ended(status: int, name: str) -> str:
    level = "[ALERT]   " if status >= 128 else "[WARNING] "
    return f"{level} (PID1) : Current worker (PID2) exited with code {status} ({name})\n"


def gone(status: int) -> str:
    return f"[WARNING]  (PID1) : All workers exited. Exiting... ({status})\n"


@BOTH
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, ended(130, "Interrupt") + gone(130)),
        (signal.SIGTERM, 0, ended(143, "Terminated") + gone(0)),
        (signal.SIGUSR1, 0, "[WARNING]  (PID2) : Proxy fe stopped (cumulated conns: FE: 1, BE: 0).\n"
         "[WARNING]  (PID2) : Proxy <HTTPCLIENT> stopped (cumulated conns: FE: 0, BE: 0).\n" + ended(0, "Exit") + gone(0)),
    ],
)  # fmt: skip
def test_stopping_the_master(name: str, number: signal.Signals, status: int, said: str, tmp_path: Path) -> None:
    port = free_port()
    with started(name, tmp_path, config(port), "-W", "-db", "-p", "pid") as program:
        worker = program.worker()
        assert get(port).endswith(b"ok")
        assert (tmp_path / "pid").read_text() == f"{program.pid}\n"
        assert program.end(number) == status
        assert program.masked() == LOADED + NAMED + LEAVING + said
        assert not alive(worker)


@BOTH
@pytest.mark.parametrize(("number", "status", "name_of"), [(signal.SIGKILL, 137, "Killed"), (signal.SIGTERM, 0, "Terminated")])
def test_worker_that_dies(name: str, number: signal.Signals, status: int, name_of: str, tmp_path: Path) -> None:
    port = free_port()
    with started(name, tmp_path, config(port), "-W", "-db") as program:
        worker = program.worker()
        get(port)
        os.kill(worker, number)
        assert program.end() == status
        failure = "[ALERT]    (PID1) : exit-on-failure: killing every processes with SIGTERM\n" if status else ""
        assert program.masked() == LOADED + NAMED + ended(128 + number, name_of) + failure + gone(status)


@BOTH
def test_master_that_dies(name: str, tmp_path: Path) -> None:
    """Its worker leaves by itself."""
    port = free_port()
    with started(name, tmp_path, config(port), "-W", "-db") as program:
        worker = program.worker()
        get(port)
        program.end(signal.SIGKILL)
        until(lambda: not alive(worker))
        assert not connects(port)


@BOTH
def test_pause_passes_through(name: str, tmp_path: Path) -> None:
    port = free_port()
    with started(name, tmp_path, config(port), "-W", "-db") as program:
        program.worker()
        get(port)
        program.tell(signal.SIGTTOU)
        program.says("Paused frontend fe.\n")
        program.tell(signal.SIGTTIN)
        program.says("Resumed frontend fe.\n")
        assert get(port).endswith(b"ok")


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGHUP])
def test_reload_is_refused(number: signal.Signals, tmp_path: Path) -> None:
    """It says so and goes on."""
    port = free_port()
    with started("pylb", tmp_path, config(port), "-W", "-db") as program:
        worker = program.worker()
        get(port)
        program.tell(number)
        program.says("[WARNING]  ")
        program.says("pylb: 'reload' is not implemented yet.\n")
        assert get(port).endswith(b"ok") and alive(worker)


@BOTH
def test_daemon(name: str, tmp_path: Path) -> None:
    """The process that was started waits until the worker is there; the master is in the pid file."""
    port = free_port()
    with started(name, tmp_path, config(port), "-W", "-D", "-p", "pid") as program:
        assert program.end() == 0
        assert program.masked() == "[NOTICE]   (PID1) : New worker (PID2) forked\n"
        master = int((tmp_path / "pid").read_text())
        assert master != program.pid
        try:
            assert get(port).endswith(b"ok")
        finally:
            os.kill(master, signal.SIGTERM)
        until(lambda: not alive(master))
        assert not connects(port)


@BOTH
def test_service_manager(name: str, tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with started(name, tmp_path, config(port), "-Ws", env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as program:
            assert manager.recv(999) == b"RELOADING=1"
            assert manager.recv(999) == f"READY=1\nMAINPID={program.pid}".encode()
            program.worker()
            get(port)
            assert program.end(signal.SIGTERM) == 0
            assert manager.recv(999) == b"STOPPING=1"


# -- the command line
class Talk:
    """One connection to the master's command line; what was said so far, with pids and times masked."""

    def __init__(self, program: Program, worker: int) -> None:
        self.program, self.worker = program, worker

    def __call__(self, *writes: str) -> list[str]:
        """Each write's answer, up to its prompt; the peer is done after the last."""
        answers = []
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.program.directory / "master"))
            sock.settimeout(20)
            for text in writes[:-1]:
                sock.sendall(text.replace("WORKER", str(self.worker)).encode())
                data = b""
                while not data.endswith(b"> "):
                    data += sock.recv(65536)
                answers.append(self.mask(data))
            sock.sendall(writes[-1].replace("WORKER", str(self.worker)).encode())
            sock.shutdown(socket.SHUT_WR)
            answers.append(self.mask(received(sock)))
        return answers

    def mask(self, data: bytes) -> str:
        text = data.decode().replace(str(self.worker), "WORKER").replace(str(self.program.pid), "MASTER")
        return re.sub(r"0d00h00m\d\ds", "UPTIME", text)


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Talk]]:
    """Both masters."""
    found: dict[str, Talk] = {}
    opened = []
    for name in ("haproxy", "pylb"):
        directory = tmp_path_factory.mktemp(name)
        text = f"{DEFAULTS}frontend fe\n bind 127.0.0.1:{free_port()}\n default_backend be\nbackend be\n server s1 127.0.0.1:1\n"
        context = started(name, directory, text, "-W", "-db", "-S", str(directory / "master"))
        program = context.__enter__()
        opened.append(context)
        found[name] = Talk(program, program.worker())
        until(lambda path=directory / "master": path.exists())  # type: ignore[misc]
        found[name]("@1 show version\n")
    yield found
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize(
    "line",
    [
        "help", "help show", "show proc", "show version", "show cli sockets", "show cli level", "show info", "nonsense", "", "@1 show version",
        "@1 nonsense", "@master show proc", "@0 show version", "@!WORKER show version", "@2 show version", "@!1 show version", "@! x", "@abc x", "@1",
        "@master", "@1 show version;show version", "show version;@1 show version", "@1 get weight be/s1;quit", "quit", "@1 prompt", "expert-mode on",
        "user;show cli level", "user;@1 show cli level", "@1 user;@1 show cli level", "user;operator;show version", "user;@1 disable server be/s1",
        "operator;@1 show cli level",
        "@1;show version", "@1 quit;show version", "prompt", "set timeout cli 5", "@1  show version", "@1 show map x <<\na\n",
    ],
)  # fmt: skip
def test_commands(line: str, talks: dict[str, Talk]) -> None:
    """The same bytes for the same command."""
    assert talks["pylb"](f"{line}\n") == talks["haproxy"](f"{line}\n")


def test_prompt(talks: dict[str, Talk]) -> None:
    """A conversation with a prompt: who commands are for, and the modes that go with them."""
    lines = ("prompt\n", "show proc\n", "@1\n", "expert-mode on\n", "experimental-mode on\n", "expert-mode off\n", "@master\n", "quit\n")
    assert talks["pylb"](*lines) == talks["haproxy"](*lines)


def test_reload_command(talks: dict[str, Talk]) -> None:
    assert talks["pylb"]("reload\n") == ["'reload' is not implemented yet.\n\n"]


BAD = ["{}/m,bogus", "/nonexistent/m", "127.0.0.1:99999", "xx", "{}/m,level"]


@pytest.mark.parametrize("address", BAD)
def test_addresses_that_make_no_sense(address: str, tmp_path: Path) -> None:
    texts = []
    for name in ("haproxy", "pylb"):
        with started(name, tmp_path, config(free_port()), "-W", "-db", "-S", address.format(tmp_path)) as program:
            assert program.end() == 1
            texts.append(program.masked())
    assert texts[1] == texts[0]
