"""The same rows, written by haproxy and by pylb: CSV, typed, JSON, page and exporter must be equal byte for byte.

haproxy's typed output says everything a row holds, so rows made from it must give haproxy's other texts. Texts are fetched between two typed dumps and
fetched again until the dumps agree, because checks go on; what the fetching itself changes (the proxy that serves the page) is left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stats_rig import HAPROXY, Rig, rows_of, running, split

from pylb.config.model import Statistics
from pylb.control import html, prometheus, stats
from pylb.control.html_rows import Page
from pylb.control.json_schema import SCHEMA
from pylb.proxy.fields import Row
from pylb.proxy.info import INFO

pytestmark = pytest.mark.skipif(not Path(HAPROXY).exists(), reason="haproxy is not installed")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running(tmp_path_factory.mktemp("h")) as made:
        deadline = time.monotonic() + 8
        while ".req_rate.1:MRP:u32:0" not in made.cli("show stat web 1 -1 typed") and time.monotonic() < deadline:
            time.sleep(0.1)
        yield made


def quiet(rig: Rig, fetch: Callable[[], str], options: str = "", besides: str = "") -> tuple[list[Row], str]:
    """Rows and a text of the same moment."""
    proxy = next((row.proxy_id for row in rows_of(rig.cli("show stat typed")) if row.text("pxname") == besides), 0)
    unstable = re.compile(rf"\w\.\d+\.\d+\.\d+\.(h1_|lastsess|lastchg|downtime|throttle)|[FB]\.{proxy}\.")
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        before = rig.cli(f"show stat typed{options}")
        text = fetch()
        after = rig.cli(f"show stat typed{options}")
        kept = [[line for line in dump.splitlines() if not unstable.match(line)] for dump in (before, after)]
        if kept[0] == kept[1]:
            return rows_of(before), text
        time.sleep(0.03)
    raise AssertionError("the statistics never stood still")


def retried(check: Callable[[], tuple[str, str]]) -> None:
    """A second may turn while a text is fetched, and a check end: try again, and judge the last try."""
    for _ in range(15):
        ours, theirs = check()
        if ours == theirs:
            return
    assert ours == theirs


def test_csv(rig: Rig) -> None:
    def check() -> tuple[str, str]:
        rows, text = quiet(rig, lambda: rig.cli("show stat"))
        return "".join(stats.csv(rows)) + "\n", text

    retried(check)


def test_typed_with_descriptions(rig: Rig) -> None:
    def check() -> tuple[str, str]:
        rows, text = quiet(rig, lambda: rig.cli("show stat typed desc"))
        return "".join(stats.typed(rows, descriptions=True)) + "\n", text

    retried(check)


def test_json(rig: Rig) -> None:
    def check() -> tuple[str, str]:
        rows, text = quiet(rig, lambda: rig.cli("show stat json"))
        return "".join(stats.as_json(rows)) + "\n", text

    retried(check)


def test_schema(rig: Rig) -> None:
    assert rig.cli("show schema json") == SCHEMA + "\n"


# -- the page

PAGES = {
    "legends and forms": ("stats", "/stats", Page(Statistics(refresh=7, show_legends=True), "/stats", "spot", "the <i>page</i>", admin=True), ""),
    "hidden servers": (
        "stats", "/stats;up;norefresh;st=PART",
        Page(Statistics(refresh=7, show_legends=True), "/stats", "spot", "the <i>page</i>", True, True, "", True, "PART"), " up",
    ),
    "without maintenance": (
        "stats", "/stats;no-maint", Page(Statistics(refresh=7, show_legends=True), "/stats", "spot", "the <i>page</i>", admin=True), " no-maint",
    ),
    "plain": ("plain", "/;st=DONE", Page(Statistics(hide_version=True), "/", result="DONE"), ""),
    "modules": ("modules", "/stats?x=1;st=EXCD", Page(Statistics(show_modules=True, scope=["app"]), "/stats?x=1", "other", result="EXCD"), ""),
    "read only": ("readonly", "/s?scope=fl", Page(Statistics(show_legends=True), "/s", scope="fl"), ""),
}  # fmt: skip


def sections(rows: list[Row], everybody: list[Row], but: str, page: Page) -> Iterator[html.Section]:
    """The rows by proxy, as the page groups them."""
    shown = [row for row in rows if row.text("pxname") != but and page.scope in row.text("pxname")]
    if page.settings.scope:
        shown = [row for row in shown if row.text("pxname") in page.settings.scope]
    for proxy in dict.fromkeys(row.proxy_id for row in shown):
        mine = [row for row in shown if row.proxy_id == proxy]
        kinds = {row.kind for row in mine}
        capability = "proxy" if {"F", "B"} <= kinds else "frontend" if "F" in kinds else "backend"
        has_servers = any(row.kind == "S" and row.proxy_id == proxy for row in everybody)
        name = mine[0].text("pxname")
        yield html.Section(name, proxy, mine[0].text("mode"), capability, "the <front> door" if name == "web" else "", has_servers, mine)


def info(rig: Rig) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in rig.cli("show info").splitlines() if line)


def comparable(page: str, but: str) -> str:
    """The page without what changes from one look to the next, and without the proxy that served it."""
    page = re.sub(r"<b>uptime = .*\n|current conns = .*\n|Running tasks: .*\n", "", page)
    page = re.sub(r"(Total number of (?:connections|streams|bytes (?:received|send))</th>)<td>.*?</td>", r"\1", page)
    page = re.sub(r"<th>Count of currently open.*?</tr>", "", page)
    start = rf'<table class="tbl" width="100%">\n<tr class="titre"><th class="pxname" width="10%"><a name="{but}">'
    return re.sub(rf"(?s){start}.*?</table><p>\n", "", page)


@pytest.mark.parametrize("which", PAGES)
def test_pages(rig: Rig, which: str) -> None:
    where, path, page, options = PAGES[which]
    password = "authorization: Basic am9lOmRvZQ==\r\n" if where == "modules" else ""

    def check() -> tuple[str, str]:
        rows, text = quiet(rig, lambda: rig.page(where, path, password), options, where)
        everybody = rows_of(rig.cli("show stat typed"))
        ours = "".join(html.render(page, info(rig), sections(rows, everybody, where, page)))
        return comparable(ours, where), comparable(text, where)

    retried(check)


def test_the_page_answers_as_text_formats_do(rig: Rig) -> None:
    head, body = split(rig.get("stats", "/stats;csv;norefresh"))
    assert head.split(b"\r\n")[1:3] == [b"cache-control: no-cache", b"content-type: text/plain"]
    assert body.decode().splitlines()[0] == stats.CSV_HEADER.rstrip("\n")


# -- the exporter


@pytest.mark.parametrize("query", ["", "?no-maint", "?scope=server&scope=frontend"])
def test_exporter(rig: Rig, query: str) -> None:
    wanted = prometheus.Wanted.parse(f"/metrics{query}".encode())
    assert wanted is not None

    def stable(text: str) -> str:
        left_out = re.compile(r'.*(haproxy_process_|proxy="stats"|_time_average_seconds\{)')  # the averages' sums are not in a row
        return "".join(line for line in text.splitlines(keepends=True) if not left_out.match(line))

    def check() -> tuple[str, str]:
        rows, text = quiet(rig, lambda: rig.page("stats", "/metrics" + query), besides="stats")
        return stable("".join(prometheus.object_metrics(rows, wanted))), stable(text)

    retried(check)


def test_exporter_s_process_metrics(rig: Rig) -> None:
    lines = [line for line in rig.page("stats", "/metrics?scope=global").splitlines() if line.startswith("#")]
    ours = "".join(prometheus.head("process_" + field.prometheus, field.description, field.metric) for field in INFO if field.prometheus)
    assert ours.splitlines() == lines


# -- show info


@pytest.mark.parametrize("float_", ["", " float"])
def test_info_fields(rig: Rig, float_: str) -> None:
    """Position, name, tags, type and description of every line; float says which lines have a fraction."""
    ours = []
    for position, field in enumerate(INFO):
        if field.read is not None:
            as_float = bool(float_ and field.float_tags)
            ours.append((str(position), field.name, field.float_tags if as_float else field.tags, "flt" if as_float else field.type, field.description))
    line = re.compile(r'(\d+)\.([^.]+)\.1:(...):(\w+):.*?:"(.*)"$')
    theirs = [match.groups() for match in map(line.match, rig.cli(f"show info typed desc{float_}").splitlines()) if match]
    assert ours == theirs
