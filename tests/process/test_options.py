"""The command line: which argument means what."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.base.errors import Alert
from pylb.config.report import Report
from pylb.main import read
from pylb.process.options import DEBUG_FLAGS, NO_EFFECT, Options, PoolHelp, Usage, Version, parse_options


def options(*arguments: str) -> Options:
    return parse_options(["/opt/haproxy", *arguments])


def test_a_service_start() -> None:
    words = "-D -W -f a.cfg -p /run/x.pid -L me -n 100 -sf 12 34 -x /run/x.sock -S /run/m.sock,mode,600"
    start = options(*words.split())
    assert start.daemon and start.master_worker and not start.notify
    assert (start.files, start.pidfile, start.local_peer, start.maxconn) == (("a.cfg",), "/run/x.pid", "me", 100)
    assert (start.finish, start.terminate, start.old_socket, start.master_cli) == ((12, 34), (), "/run/x.sock", ("/run/m.sock,mode,600",))
    assert start.tag == "haproxy"


def test_files_after_two_dashes_follow_those_before() -> None:
    assert options("-f", "a", "--", "b", "-c").files == ("a", "b", "-c")


def test_first_letters_decide() -> None:
    start = options("-cx", "-dbx", "-Wsx", "-dWx", "-f", "a")
    assert start.check and start.foreground and start.master_worker and start.notify and start.zero_warning
    assert not start.debug


def test_verbose_overrules_quiet_in_any_order() -> None:
    assert options("-q", "-f", "a").quiet
    assert not options("-q", "-V", "-f", "a").quiet
    assert not options("-V", "-q", "-f", "a").quiet


@pytest.mark.parametrize("arguments", [["-z"], ["-"], ["--help"], ["name"], ["-s"], ["-sx"], ["-cc"], ["-f", "a", "b"]])
def test_help_is_shown(arguments: list[str]) -> None:
    with pytest.raises(Usage):
        options(*arguments)


def test_version_comes_at_once() -> None:
    for arguments, details in ((["-v", "-z"], False), (["-vx"], False), (["-c", "-vvv"], True)):
        with pytest.raises(Version) as caught:
            options(*arguments)
        assert caught.value.details is details


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-f"], "failed to copy argv."),
        (["-n5"], "failed to copy argv."),
        (["-sf", "x"], "-sf option: some bytes unconsumed in PID list {x}"),
        (["-st", "1", "2x"], "-st option: some bytes unconsumed in PID list {2x}"),
        (["-dMbogus"], "-dM: unknown pool debugging feature <bogus>"),
        (["-x"], "Unix socket path expected with the -x flag\n"),
    ],
)
def test_complaints(arguments: list[str], complaint: str) -> None:
    with pytest.raises(Alert) as caught:
        options(*arguments)
    assert str(caught.value) == complaint


def test_memory_debugging_is_accepted() -> None:
    assert options("-dM0x50,no-merge,tag", "-dM", "-f", "a").files == ("a",)
    with pytest.raises(PoolHelp):
        options("-dMhelp")


def test_a_condition_is_one_argument() -> None:
    assert options("-cc", "1 && 0").condition == "1 && 0"
    assert options("-dKsmp,cnv", "-f", "a").dump_keywords == "smp,cnv"


def test_flags_without_effect_do_not_mean_debugging() -> None:
    assert set(NO_EFFECT).isdisjoint(DEBUG_FLAGS) and all(NO_EFFECT.values())
    assert options("-de", "-dk", "-dp", "-dS", "-dG", "-f", "a") == Options(
        program="/opt/haproxy", arguments=("-de", "-dk", "-dp", "-dS", "-dG", "-f", "a"), files=("a",)
    )
    assert options("-dx", "-f", "a").debug


def test_frontends_that_do_not_say_take_the_limit_of_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text("frontend own\n bind 127.0.0.1:1\n maxconn 7\nfrontend none\n bind 127.0.0.1:1\nfrontend process\n bind 127.0.0.1:1\n maxconn 0\n")
    config = read(options("-N", "5", "-f", str(file)), Report(quiet=True))
    assert config is not None
    assert {proxy.name: proxy.maxconn for proxy in config.proxies} == {"own": 7, "none": 5, "process": 0}
