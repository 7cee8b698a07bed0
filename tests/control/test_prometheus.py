"""The exporter: what a query chooses, and the samples' form."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stats_objects import build, with_loop

from pylb.control.prometheus import SCOPES, Table, Wanted, handle
from pylb.proxy.process import Process


@pytest.fixture
def process() -> Iterator[Process]:
    made = with_loop(build()[0])
    yield made
    made.loop.close()


def text(process: Process, query: bytes = b"", tables: tuple[Table, ...] = ()) -> str:
    return b"".join(handle(process, b"GET", b"/metrics" + query, tables)[2]).decode()


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (b"", Wanted()),
        (b"?scope=", Wanted(())),
        (b"?scope=*", Wanted(SCOPES)),
        (b"?scope=server&scope=frontend&no-maint", Wanted(("server", "frontend"), True)),
        (b"?scope=&scope=%73erver", Wanted(("server",))),
        (b"?x=1&no-maint=1", Wanted(SCOPES, True)),
        (b"?scope", None),
        (b"?scope=global&scope=x", None),
    ],
)
def test_queries(query: bytes, wanted: Wanted | None) -> None:
    assert Wanted.parse(b"/metrics" + query) == wanted


def test_a_wrong_query_is_a_bad_request(process: Process) -> None:
    status, headers, body = handle(process, b"GET", b"/metrics?scope=bogus")
    assert (status, dict(headers)[b"content-length"]) == (400, b"90")
    assert b"400 Bad request" in b"".join(body)


def test_nothing_asked_for_is_nothing(process: Process) -> None:
    status, headers, body = handle(process, b"GET", b"/metrics?scope=")
    assert (status, dict(headers)[b"content-type"], b"".join(body)) == (200, b"text/plain; version=0.0.4", b"")


def test_head_has_no_body(process: Process) -> None:
    assert b"".join(handle(process, b"HEAD", b"/metrics")[2]) == b""


def test_process_metrics(process: Process) -> None:
    lines = text(process, b"?scope=global").splitlines()
    assert lines[:3] == [
        "# HELP haproxy_process_nbthread Number of started threads (global.nbthread)",
        "# TYPE haproxy_process_nbthread gauge",
        "haproxy_process_nbthread 1",
    ]
    assert 'haproxy_process_build_info{version="2.6.12-1+deb12u4"} 1' in lines
    assert "haproxy_process_current_zlib_memory NaN" in lines


def test_samples_carry_the_object_s_names_and_states(process: Process) -> None:
    lines = text(process).splitlines()
    assert 'haproxy_frontend_status{proxy="web",state="UP"} 1' in lines
    assert 'haproxy_listener_status{proxy="web",listener="sock-77",state="OPEN"} 1' in lines
    assert 'haproxy_server_status{proxy="app",server="kept",state="MAINT"} 1' in lines
    assert 'haproxy_backend_agg_server_status{proxy="app",state="UP"} 4' in lines
    assert 'haproxy_server_limit_sessions{proxy="app",server="plain"} NaN' in lines
    assert 'haproxy_server_queue_time_average_seconds{proxy="app",server="good"} 0.000000' in lines
    assert not [line for line in lines if line.startswith('haproxy_backend_http_requests_total{proxy="raw"')]
    assert not [line for line in lines if line.startswith('haproxy_server_check_code{proxy="app",server="plain"')]


def test_servers_in_maintenance_can_be_left_out(process: Process) -> None:
    assert 'server="kept"' not in text(process, b"?no-maint")


def test_stick_tables_come_last(process: Process) -> None:
    assert text(process, b"?scope=sticktable", (Table("t", "ip", 10, 2),)) == (
        "# HELP haproxy_sticktable_size Stick table size.\n# TYPE haproxy_sticktable_size gauge\n"
        'haproxy_sticktable_size{name="t",type="ip"} 10\n'
        "# HELP haproxy_sticktable_used Number of entries used in this stick table.\n# TYPE haproxy_sticktable_used gauge\n"
        'haproxy_sticktable_used{name="t",type="ip"} 2\n'
    )
