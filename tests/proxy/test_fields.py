"""The field table's shape, and which columns an object has."""

from __future__ import annotations

import pytest

from pylb.proxy.counters import BackendCounters, FrontendCounters, ListenerCounters, ServerCounters
from pylb.proxy.fields import FIELDS, INDEX, MODULE_COLUMNS, POSITIONS
from pylb.proxy.readings import COMMON, PLANS, SPECIAL

COUNTERS = {"F": FrontendCounters, "L": ListenerCounters, "S": ServerCounters, "B": BackendCounters}


def test_there_are_as_many_columns_as_haproxy_has_and_names_are_unique() -> None:
    assert len(FIELDS) == 128
    assert len(INDEX) == 128
    assert FIELDS[MODULE_COLUMNS].name == "-"


def test_scripts_find_columns_by_number() -> None:
    known = {0: "pxname", 17: "status", 26: "pid", 33: "rate", 48: "req_tot", 73: "addr", 99: "uweight", 102: "agg_check_status"}
    assert {position: FIELDS[position].name for position in known} == known
    assert POSITIONS[INDEX["ssl_sess"]] == 103
    assert POSITIONS[-1] == 126


@pytest.mark.parametrize("kind", "FLSB")
def test_every_column_of_a_kind_has_a_reading(kind: str) -> None:
    counters = COUNTERS[kind]()
    for column in FIELDS:
        if kind in column.objects and column.name not in COMMON and column.name not in SPECIAL[kind]:
            assert isinstance(getattr(counters, column.name), int), column.name


def test_tcp_rows_have_no_columns_of_http() -> None:
    def names(kind: str) -> set[str]:
        tcp = {position for position, _ in PLANS[kind, False]}
        return {FIELDS[position].name for position, _ in PLANS[kind, True] if position not in tcp}

    answers = {"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"}
    assert names("F") == answers | {"intercepted", "cache_lookups", "cache_hits"}
    assert names("B") == answers | {"req_tot", "cache_lookups", "cache_hits"}
    assert names("S") == answers | {"req_tot"}
    assert names("L") == set()
