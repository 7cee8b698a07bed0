"""What the status shows of a `show stat`, wide and narrow, and which changes it tells."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pylb.lab import topology
from pylb.lab.balancer import Row, parse_table
from pylb.lab.live import Display, changes, cut, table_lines
from pylb.lab.settings import load
from pylb.lab.site import Places, Site

TEXT = "controllers:\n  c1: 127.0.10.11\n  c2: 127.0.10.12\nservices:\n  nova: {port: 8774}\n"
HEADER = "# pxname,svname,stot,status,check_status,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "lab.yml").write_text(TEXT)
    return topology.parse_topology(load(tmp_path / "lab.yml"))[0]


def stat(first: str, second: str = "UP") -> dict[tuple[str, str], Row]:
    servers = f"nova_api_back,c1,9,{first},L4CON,0,2,0,0,1,,\nnova_api_back,c2,4,{second},L7OK,,4,,,,,\n"
    return parse_table(HEADER + "nova_api,FRONTEND,7,OPEN,,0,7,0,0,0,0,\n" + servers + "\n")


def test_the_table(site: Site) -> None:
    assert table_lines(site, Places(ports={("127.0.10.10", 8774): 9999}), stat("UP 2/3")) == [
        "service  URL                        c1              c2              requests",
        "nova     https://127.0.10.10:9999/  UP 2/3       3  UP           4  7",
    ]
    assert table_lines(site, Places(), None, room=40)[1].split() == ["nova", "?", "?", "0"]
    assert table_lines(site, Places(), stat("DOWN"), colour=True)[1].count("\x1b[31mDOWN    \x1b[0m") == 1


@pytest.mark.parametrize(("text", "width", "shown"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("\x1b[31mabc\x1b[0m", 3, "\x1b[31mabc\x1b[0m")])
def test_cut(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_changes(site: Site) -> None:
    assert changes(stat("UP"), stat("UP 2/3"), site) == []
    assert changes(stat("UP 1/3"), stat("DOWN"), site) == ["nova_api_back/c1: UP -> DOWN (L4CON)"]
    assert changes(None, stat("DOWN"), site) == []


def test_plain_output_is_the_table_once_then_changes(site: Site) -> None:
    out = io.StringIO()
    display = Display(out, site, Places())
    for table in (None, stat("UP"), stat("UP"), None, stat("DOWN")):
        display.update(table)
    lines = out.getvalue().splitlines()
    assert len(lines) == 3 and lines[2].endswith("nova_api_back/c1: UP -> DOWN (L4CON)")
