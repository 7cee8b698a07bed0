"""As root: a chroot with nothing in it, another user, other groups. What was needed from files must be there already."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from pathlib import Path

import pytest
from process_rig import DEFAULTS, free_port, get, started, until

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can enter a chroot")


def identity(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split()[1:] for line in lines}


@pytest.mark.parametrize("name", ["haproxy", "pylb"])
def test_empty_chroot(name: str, tmp_path: Path) -> None:
    """It serves, logs to a syslog server, fails a check, and answers an error and commands."""
    empty = tmp_path / "empty"
    empty.mkdir()
    os.chmod(tmp_path, 0o755)
    nobody = pwd.getpwnam("nobody")
    group = grp.getgrgid(nobody.pw_gid).gr_name
    port, dead = free_port(), free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(20)
        config = (
            f"global\n chroot {empty}\n user nobody\n group {group}\n"
                f" log 127.0.0.1:{syslog.getsockname()[1]} local0\n stats socket {tmp_path}/stats level admin\n"
            f"{DEFAULTS} log global\n option httplog\nfrontend fe\n bind 127.0.0.1:{port}\n default_backend be\n"
            f" http-request return status 200 content-type text/plain lf-string \"%[req.hdr(host),lower]|%[date,utime(%Y)]\" if {{ path /direct }}\n"
            f"backend be\n server s1 127.0.0.1:{dead} check inter 100ms fall 1\n"
        )
        with started(name, tmp_path, config, "-db") as program:
            program.serves(port)
            assert b"|20" in get(port, "/direct")
            status = identity(program.pid)
            assert status["Uid"] == [str(nobody.pw_uid)] * 4
            assert status["Gid"] == [str(nobody.pw_gid)] * 4
            assert status["Groups"] in ([], [str(nobody.pw_gid)])
            assert os.readlink(f"/proc/{program.pid}/root") == str(empty)
            assert b" 503 " in get(port)
            lines = []
            until(lambda: lines.append(syslog.recv(4096).decode()) or any("GET /direct" in line for line in lines), "a line of log")
            until(lambda: any("Server be/s1 is DOWN" in line for line in lines) or lines.append(syslog.recv(4096).decode()), "a line about the server")
            assert "Layer4 connection problem" in program.text()


@pytest.mark.parametrize("name", ["haproxy", "pylb"])
def test_chroot_that_is_not_there(name: str, tmp_path: Path) -> None:
    config = f"global\n chroot /nonexistent\n{DEFAULTS}listen fe\n bind 127.0.0.1:{free_port()}\n"
    with started(name, tmp_path, config, "-db") as program:
        assert program.end() == 1
        assert program.masked().endswith("[ALERT]    (PID1) : [haproxy.main()] Cannot chroot(/nonexistent).\n")


@pytest.mark.parametrize("name", ["haproxy", "pylb"])
def test_worker_that_cannot_start(name: str, tmp_path: Path) -> None:
    """The master sees it end and leaves with its status."""
    config = f"global\n chroot /nonexistent\n{DEFAULTS}listen fe\n bind 127.0.0.1:{free_port()}\n"
    with started(name, tmp_path, config, "-W", "-db") as program:
        assert program.end() == 1
        assert "Current worker (PID2) exited with code 1 (Exit)\n" in program.masked()
        assert program.masked().endswith("All workers exited. Exiting... (1)\n")
