"""The stats page: numbers as people read them, and what the page shows on request."""

from __future__ import annotations

import pytest
from stats_objects import build, with_loop

from pylb.control.html_rows import duration, number, percent
from pylb.control.stats_page import handle
from pylb.wire.headers import Headers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, '<span class="rls">1</span>000'),
        (21684, '2<span class="rls">1</span>684'),
        (1234567, '<span class="rls">1</span>23<span class="rls">4</span>567'),
    ],
)
def test_digits_are_grouped_by_style(value: int, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(-1, "?"), (0, "0s"), (59, "59s"), (61, "1m1s"), (3600, "1h"), (3725, "1h2m"), (90061, "1d1h")])
def test_durations_have_two_units(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_percent_of_nothing_is_zero() -> None:
    assert (percent(1, 0), percent(1, 3)) == ("(0%)", "(33%)")


def page(target: bytes = b"/stats", **facts: object) -> str:
    process, _ = build()
    with_loop(process)
    settings = process.backends["stats"].settings
    for name, value in facts.items():
        setattr(settings.statistics, name, value)
    try:
        return b"".join(handle(process, settings, b"GET", target, Headers(), b"", None)[2]).decode("latin-1")
    finally:
        process.loop.close()


def test_the_page_names_the_version_unless_told_not_to() -> None:
    assert "HAProxy version 2.6.12-1+deb12u4, released 2026/10/17</a></h1>" in page()
    assert "version" not in page(hide_version=True).split("<body>")[1].split("</h1>")[0]


def test_the_title_has_node_and_description() -> None:
    text = page(node="", description="the <i>page</i>")
    assert "<title>Statistics Report for HAProxy on spot</title>" in text
    assert "Statistics Report for pid 4242 on spot: the <i>page</i></h2>" in text


def test_legends_show_addresses_and_cookies() -> None:
    assert "<div class=tips>IPv4: 127.0.0.1:80, id: 1, cookie: 'a&#60;b'</div>" in page()
    assert "<div class=tips>unix, id: 77</div>" in page()
    assert "IPv4:" not in page(show_legends=False)


def test_the_two_faces_of_a_listen_share_a_table() -> None:
    assert "cap: proxy, mode: http, id: 5" in page()
    assert "cap: backend, mode: tcp, id: 4" in page()


def test_a_form_is_there_for_administrators_only() -> None:
    assert "<form method=\"post\">" not in page()
    text = page(admin_rules=[None])
    assert "<input class='app-checkbox' type=\"checkbox\" name=\"s\" value=\"good\">" in text
    assert '<input type="hidden" name="b" value="#3">&nbsp;<input type="submit" value="Apply"></form>' in text


def test_scope_limits_the_proxies_and_stays_in_the_links() -> None:
    text = page(b"/stats?scope=ra")
    assert '<a name="raw">' in text
    assert '<a name="app">' not in text
    assert '<a href="/stats;up?scope=ra">' in text


def test_stats_scope_with_a_dot_is_the_page_s_own_proxy() -> None:
    text = page(scope=["."])
    assert '<a name="stats">' in text
    assert '<a name="app">' not in text


def test_results_of_forms() -> None:
    assert "[X]</a> Action processed successfully.</div>" in page(b"/stats;st=DONE")
    assert "[X]</a> Unexpected result.</div>" in page(b"/stats;st=WHAT")
