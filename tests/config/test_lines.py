"""Files, directories, messages: what HAProxy's referee is not needed for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pylb.base.errors import Alert
from pylb.config.lines import Abort, find_files, read_lines
from pylb.config.report import Report


class Reading:
    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self.said: list[str] = []
        self.report, self.env, self.errors = Report(write=self.said.append, executable="/bin/p"), dict(env or {}), 0

    def fail(self, text: str) -> None:
        self.errors += 1
        self.report.alert(text)


def test_directories_stand_for_their_visible_cfg_files_in_byte_order(tmp_path: Path) -> None:
    for name in ("b.cfg", "B.cfg", "a.cfg", ".h.cfg", "x.conf"):
        (tmp_path / name).touch()
    (tmp_path / "d.cfg").mkdir()
    assert [os.path.basename(path) for path in find_files([str(tmp_path)])] == ["B.cfg", "a.cfg", "b.cfg"]
    assert find_files([f"{tmp_path}/x.conf"]) == [f"{tmp_path}/x.conf"]


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(Alert, match="Cannot open configuration file/directory /nonexistent : No such file or directory"):
        find_files(["/nonexistent"])


def test_lines_know_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text('# first\nglobal\n\n .if 0\n  daemon\n .else\n  log-tag "$TAG" # x\n .endif\n')
    lines = list(read_lines(str(path), Reading({"TAG": "é"})))
    assert [(line.number, line.words) for line in lines] == [(2, ("global",)), (7, ("log-tag", "Ã©"))]
    assert {line.file for line in lines} == {str(path)}


def test_section_is_asked_for_as_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text('frontend web\n id "${.SECTION}"\n')
    section = [""]
    for line in read_lines(str(path), Reading(), lambda: section[0]):
        section[0] = line.words[1]
    assert section == ["web"]


def test_a_bad_block_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text("global\n.endif\nnever\n")
    reading = Reading()
    lines = read_lines(str(path), reading)
    assert next(lines).words == ("global",)
    with pytest.raises(Abort):
        next(lines)
    assert reading.said[-1].endswith(f"config : parsing [{path}:2]: lone '.endif' with no matching '.if'.\n")


def test_the_program_is_named_once_before_the_first_complaint() -> None:
    said: list[str] = []
    report = Report(write=said.append, executable="/bin/p")
    report.notice("n")
    report.warning("w", None)
    report.alert("a")
    pid = os.getpid()
    assert said == [
        f"[NOTICE]   ({pid}) : config : n\n",
        f"[NOTICE]   ({pid}) : haproxy version is 2.6.12-1+deb12u4\n",
        f"[NOTICE]   ({pid}) : path to executable is /bin/p\n",
        f"[WARNING]  ({pid}) : config : w\n",
        f"[ALERT]    ({pid}) : config : a\n",
    ]
    assert (report.warnings, report.alerts) == (1, 1)
    assert report.startup_logs() == "".join(said)


def test_quiet_mode_leaves_diagnostics() -> None:
    said: list[str] = []
    report = Report(write=said.append, quiet=True, diagnostics=True, context="")
    report.alert("a")
    report.diag("d")
    assert said == [f"[DIAG]     ({os.getpid()}) : d\n"]
    assert " : a\n" in report.startup_logs()
