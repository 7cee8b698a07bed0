"""`show stat` and `show info` of objects made by hand, and the statistics page as a service."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from stats_objects import Now, build, with_loop

from pylb.config.model import Statistics
from pylb.control import stats
from pylb.control.interpreter import Cli
from pylb.control.registry import Level, Refusal, Words
from pylb.control.stats_page import StatsRequest, handle, is_for_page
from pylb.keywords.cli.statistics import show_stat
from pylb.proxy.health import Result
from pylb.proxy.process import Process
from pylb.wire.headers import Headers


@pytest.fixture
def made() -> Iterator[tuple[Process, Now]]:
    process, now = build()
    with_loop(process)
    yield process, now
    process.loop.close()


def table(process: Process, want: stats.Filter | None = None) -> dict[tuple[str, str], dict[str, str]]:
    text = "".join(stats.csv(stats.rows(process, want or stats.Filter())))
    return {(row["# pxname"], row["svname"]): row for row in csv.DictReader(io.StringIO(text))}


def test_rows_come_in_the_order_of_haproxy(made: tuple[Process, Now]) -> None:
    names = list(table(made[0]))
    assert names == [
        ("web", "FRONTEND"), ("web", "first"), ("web", "sock-77"),
        ("app", "good"), ("app", "kept"), ("app", "plain"), ("app", "follows"), ("app", "observed"), ("app", "BACKEND"),
        ("raw", "one"), ("raw", "BACKEND"), ("stats", "FRONTEND"), ("stats", "BACKEND"),
    ]  # fmt: skip


def test_the_header_and_every_row_have_128_cells_and_a_comma_at_the_end(made: tuple[Process, Now]) -> None:
    lines = "".join(stats.csv(stats.rows(made[0], stats.Filter()))).splitlines()
    assert lines[0].startswith("# pxname,svname,qcur,")
    assert all(len(next(csv.reader([line]))) == 129 and line.endswith(",") for line in lines)


def test_values_come_from_the_objects(made: tuple[Process, Now]) -> None:
    process, now = made
    app = process.backends["app"]
    good = app.servers_by_name["good"]
    good.take()
    good.counters.session_started(now())
    good.counters.lastsess = now()
    good.counters.rate.tick(now())
    good.counters.req_tot += 1
    good.counters.hrsp_2xx += 1
    good.counters.observe_times(1, 2, 3, 9, http=True)
    now.now += 12
    row = table(process)["app", "good"]
    expected = {
        "scur": "1", "smax": "1", "slim": "30", "stot": "1", "qlimit": "12", "status": "UP 1/3", "weight": "5", "act": "1", "bck": "0", "lastchg": "12",
        "lastsess": "12", "rate": "0", "rate_max": "2", "hrsp_2xx": "1", "ttime": "9", "ttime_max": "9", "addr": "127.0.0.1:80", "cookie": "a<b",
        "mode": "http", "type": "2", "iid": "3", "sid": "1", "pid": "1", "-": "-", "check_status": "INI", "check_desc": "Initializing", "check_code": "",
        "check_duration": "", "check_health": "2", "srv_icur": "0", "agg_server_status": "", "h1_bytes_in": "", "hanafail": "", "src_ilim": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_a_check_shows_its_last_result(made: tuple[Process, Now]) -> None:
    process, now = made
    good = process.backends["app"].servers_by_name["good"]
    good.check.report(Result("L7STS", 503, 7, "Fine"), now())
    good.check.running = True
    row = table(process)["app", "good"]
    names = ("status", "check_status", "check_code", "check_duration", "last_chk", "check_desc", "chkfail", "chkdown", "check_health")
    assert [row[name] for name in names] == ["DOWN", "* L7STS", "503", "7", "Fine", "Layer7 wrong status", "1", "1", "0"]
    now.now += 5
    assert table(process)["app", "good"]["downtime"] == "5"
    assert table(process)["app", "follows"]["status"] == "DOWN"


def test_presence_of_cells_follows_the_state(made: tuple[Process, Now]) -> None:
    rows = table(made[0])
    assert rows["app", "kept"]["check_status"] == ""
    assert rows["app", "kept"]["chkfail"] == "0"
    assert rows["app", "plain"]["chkfail"] == rows["app", "plain"]["downtime"] == ""
    assert rows["app", "follows"]["tracked"] == "app/good"
    assert rows["app", "observed"]["hanafail"] == "0"
    assert rows["app", "observed"]["src_ilim"] == "5"
    assert rows["raw", "one"]["hrsp_2xx"] == rows["raw", "one"]["req_tot"] == ""
    assert rows["raw", "BACKEND"]["downtime"] == "0"
    assert rows["stats", "BACKEND"]["downtime"] == ""
    assert rows["web", "sock-77"]["addr"] == "unix"
    assert rows["app", "BACKEND"]["algo"] == "roundrobin"


def test_legends_can_be_hidden(made: tuple[Process, Now]) -> None:
    rows = table(made[0], stats.Filter(legends=False))
    assert rows["app", "good"]["addr"] == rows["app", "good"]["cookie"] == rows["app", "BACKEND"]["algo"] == rows["web", "first"]["addr"] == ""


@pytest.mark.parametrize(
    ("want", "names"),
    [
        (stats.Filter(proxy_id=3, types=stats.SERVERS, server_id=2), ["kept"]),
        (stats.Filter(proxy_id=3, types=stats.BACKENDS), ["BACKEND"]),
        (stats.Filter(proxy_id=3, server_id=2), ["kept", "BACKEND"]),
        (stats.Filter(proxy_id=2, server_id=77), ["FRONTEND", "sock-77"]),
        (stats.Filter(types=stats.FRONTENDS), ["FRONTEND", "FRONTEND"]),
        (stats.Filter(types=stats.LISTENERS), ["first", "sock-77"]),
        (stats.Filter(proxy_id=999), []),
        (stats.Filter(scope="ra"), ["one", "BACKEND"]),
        (stats.Filter(own_scope=("raw",)), ["one", "BACKEND"]),
        (stats.Filter(proxy_id=3, no_maintenance=True), ["good", "plain", "follows", "observed", "BACKEND"]),
    ],
)
def test_filters(made: tuple[Process, Now], want: stats.Filter, names: list[str]) -> None:
    assert [name for _, name in table(made[0], want)] == names


def test_hiding_servers_makes_backends_tell_how_many_are_up(made: tuple[Process, Now]) -> None:
    rows = table(made[0], stats.Filter(up=True))
    assert rows["app", "BACKEND"]["status"] == "UP (4/5)"
    assert ("app", "kept") not in rows


def test_typed_output_numbers_module_columns_without_the_separator(made: tuple[Process, Now]) -> None:
    lines = "".join(stats.typed(stats.rows(made[0], stats.Filter(proxy_id=3, types=stats.BACKENDS)))).splitlines()
    assert lines[0] == "B.3.0.0.pxname.1:KNS:str:app"
    assert "B.3.0.33.rate.1:MGP:u32:0" in lines
    assert lines[-1] == "B.3.0.126.h1_spliced_bytes_out.1:MCP:u64:0"
    described = "".join(stats.typed(stats.rows(made[0], stats.Filter(proxy_id=3, types=stats.BACKENDS)), descriptions=True)).splitlines()
    assert described[0] == 'B.3.0.0.pxname.1:KNS:str:app:"Proxy name"'


def test_json_is_readable(made: tuple[Process, Now]) -> None:
    objects = json.loads("".join(stats.as_json(stats.rows(made[0], stats.Filter()))))
    assert len(objects) == 13
    cell = objects[0][2]
    assert cell["objType"] == "Frontend"
    assert cell["field"] == {"pos": 4, "name": "scur"}
    assert cell["tags"] == {"origin": "Metric", "nature": "Gauge", "scope": "Process"}
    assert cell["value"] == {"type": "u32", "value": 0}


@pytest.mark.parametrize(
    ("words", "first", "lines"),
    [
        ("", "# pxname,", 14),
        ("3 4", "# pxname,", 14),
        ("bogus", "# pxname,", 14),
        ("app 4 1", "# pxname,", 2),
        ("#3 4 -1", "# pxname,", 6),
        ("3abc 6 -1 up", "# pxname,", 6),
        ("999 -1 -1", "# pxname,", 1),
        ("domain proxy 3 x y", "# pxname,", 1),
        ("typed desc up", "No such proxy.", 1),
        ("nosuch 4 -1", "No such proxy.", 1),
        ("0 -1 -1", "No such proxy.", 1),
        ("domain dns", "Invalid statistics domain.", 1),
        ("domain", "Invalid statistics domain.", 1),
        ("desc typed", 'F.2.0.0.pxname.1:KNS:str:web:"Proxy name"', 812),
        ("typed json", "[[{", 1),
    ],
)
def test_the_words_of_show_stat(made: tuple[Process, Now], words: str, first: str, lines: int) -> None:
    try:
        text = "".join(show_stat(Cli(made[0]), Words(words.split())))  # type: ignore[arg-type]
    except Refusal as refusal:
        text = str(refusal)
    assert text.startswith(first)
    assert text.count("\n") == lines


def test_legends_need_the_operator_level(made: tuple[Process, Now]) -> None:
    assert "127.0.0.1:80" not in "".join(show_stat(Cli(made[0], Level.USER), Words()))  # type: ignore[arg-type]
    assert "127.0.0.1:80" in "".join(show_stat(Cli(made[0], Level.OPERATOR), Words()))  # type: ignore[arg-type]


def test_clear_counters(made: tuple[Process, Now]) -> None:
    process, now = made
    counters = process.frontends["web"].counters
    counters.open_connection(now())
    counters.bin = 7
    stats.clear_counters(process)
    assert (counters.smax, counters.conn_tot, counters.bin) == (0, 1, 7)
    stats.clear_counters(process, everything=True)
    assert (counters.scur, counters.conn_tot, counters.bin) == (1, 0, 0)


def test_bytes_sent_by_the_process(made: tuple[Process, Now]) -> None:
    """What all muxes sent, and the rest; `clear counters` leaves it alone."""
    process, now = made
    before = process.bytes_out()
    process.frontends["web"].counters.h1_bytes_out += 6000
    process.counters.bytes_out_total += 403
    assert process.bytes_out() == before + 6403
    process.measure_output(now())
    now.now += 1.5
    assert "BytesOutRate: 3200\n" in "".join(stats.info_plain(process))  # in units of 32 bytes; half of the second before is in sight
    stats.clear_counters(process, everything=True)
    assert process.bytes_out() == before + 6403


# -- show info


def test_info_lines(made: tuple[Process, Now]) -> None:
    process, now = made
    now.now += 90061.4
    process.counters.requests_total = 12
    process.counters.conn_rate.tick(now())
    lines = stats.info_plain(process).splitlines()
    for line in ("Name: HAProxy", "Pid: 4242", "Uptime: 1d 1h01m01s", "Uptime_sec: 90061", "CumReq: 12", "ConnRate: 1", "Maxconn: 1000", "node: spot"):
        assert line in lines
    assert len(lines) == 70
    typed = stats.info_typed(process, floats=True, descriptions=True).splitlines()
    assert '8.Uptime_sec.1:MDP:flt:90061.4:"How long ago this worker process was started (seconds)"' in typed
    assert typed[-1] == '71.Tainted.1:SGP:str:0:"Experimental features used"'
    fields = json.loads(stats.info_json(process))
    assert fields[0]["tags"] == {"origin": "Product", "nature": "Output", "scope": "Service"}
    assert fields[6]["value"] == {"type": "u32", "value": 4242}


def test_sockets_are_planned_as_haproxy_plans_them(made: tuple[Process, Now]) -> None:
    """2 per connection, 10 reserved, 3 for the thread; here 2 listeners and 3 checks, then an agent."""
    assert "Maxsock: 2018\n" in stats.info_plain(made[0])
    made[0].config.proxies[1].servers[0].agent.enabled = True
    process, _ = build(made[0].config)
    with_loop(process)
    assert "Ulimit-n: 2020\n" in stats.info_plain(process)
    process.loop.close()


def test_a_description_that_is_not_set_is_not_a_line(made: tuple[Process, Now]) -> None:
    made[0].description = ""
    assert "description:" not in stats.info_plain(made[0])


# -- the page as a service


Outcome = tuple[int, dict[bytes, bytes], bytes]


def ask(made: tuple[Process, Now], target: bytes, method: bytes = b"GET", body: bytes = b"", headers: Headers | None = None) -> Outcome:
    process = made[0]
    status, fields, pieces = handle(process, process.backends["stats"].settings, method, target, headers or Headers(), body, None)
    return status, dict(fields), b"".join(pieces)


def test_which_requests_are_for_the_page() -> None:
    page = Statistics(uri=b"/stats")
    assert is_for_page(page, b"GET", b"/stats;csv")
    assert is_for_page(page, b"POST", b"http://host/stats")
    assert not is_for_page(page, b"PUT", b"/stats")
    assert not is_for_page(page, b"GET", b"/other")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/stats", StatsRequest()),
        (b"/stats;csv;norefresh", StatsRequest("csv", no_refresh=True)),
        (b"/stats;up;no-maint;json", StatsRequest("json", up=True, no_maintenance=True)),
        (b"/stats;json-schema", StatsRequest("json-schema")),
        (b"/stats?scope=ap", StatsRequest(scope="ap")),
        (b"/stats;scope=abcdefghijklmnopqrstuvwxyz;st=DONE", StatsRequest(scope="abcdefghijklmnopqrst", result="DONE")),
        (b'/stats;scope=a"b', StatsRequest()),
        (b"/stats;st=BOGUS", StatsRequest(result="UNKN")),
        (b"/stats;st=DON", StatsRequest()),
        (b"/stats?scope=a", StatsRequest()),
        (b"/stats?scope=a;up", StatsRequest(up=True, scope="a")),
        (b"/statsxscope=app&x=1", StatsRequest(scope="app")),
    ],
)
def test_the_options_of_an_address(target: bytes, expected: StatsRequest) -> None:
    assert StatsRequest.parse(Statistics(uri=b"/stats"), target) == expected


def test_formats_have_their_types_and_refresh_is_announced(made: tuple[Process, Now]) -> None:
    settings = made[0].backends["stats"].settings
    assert settings.statistics is not None
    settings.statistics.refresh = 7
    assert ask(made, b"/stats")[1] == {b"cache-control": b"no-cache", b"content-type": b"text/html", b"refresh": b"7"}
    assert ask(made, b"/stats;csv;norefresh")[1] == {b"cache-control": b"no-cache", b"content-type": b"text/plain"}
    assert ask(made, b"/stats;json")[1][b"content-type"] == b"application/json"
    assert ask(made, b"/stats;csv")[2].startswith(b"# pxname,")
    assert ask(made, b"/stats;typed")[2].startswith(b"F.2.0.0.pxname.1:KNS:str:web\n")
    assert ask(made, b"/stats", b"HEAD")[2] == b""


def test_passwords(made: tuple[Process, Now]) -> None:
    settings = made[0].backends["stats"].settings
    assert settings.statistics is not None
    settings.statistics.users = [(b"joe", b"doe")]
    settings.statistics.realm = b"some where"
    status, headers, body = ask(made, b"/stats")
    assert (status, headers[b"www-authenticate"]) == (401, b'Basic realm="some where"')
    assert b"401 Unauthorized" in body
    assert ask(made, b"/stats", headers=Headers([(b"authorization", b"Basic am9lOmRvZQ==")]))[0] == 200
    assert ask(made, b"/stats", headers=Headers([(b"authorization", b"Basic !!")]))[0] == 401


def test_a_form_is_denied_without_stats_admin(made: tuple[Process, Now]) -> None:
    status, headers, _ = ask(made, b"/stats;up;norefresh?scope=ab", b"POST", b"b=app&s=good&action=maint")
    assert (status, headers[b"location"]) == (303, b"/stats;st=DENY;up;norefresh?scope=ab")
    assert made[0].backends["app"].servers_by_name["good"].status_text != "MAINT"


FORMS = [
    (b"b=app&s=good&action=maint", "DONE", "MAINT"),
    (b"s=good&action=maint&b=%233", "DONE", "MAINT"),
    (b"b=app&s=good&s=nosuch&action=maint", "PART", "MAINT"),
    (b"b=app&s=nosuch&action=maint", "ERRP", "UP 1/3"),
    (b"b=nosuch&s=good&action=maint", "ERRP", "UP 1/3"),
    (b"b=app&s=good&action=bogus", "ERRP", "UP 1/3"),
    (b"b=app&s=good&action=", "ERRP", "UP 1/3"),
    (b"b=app&s=good", "NONE", "UP 1/3"),
    (b"", "NONE", "UP 1/3"),
    (b"garbage", "NONE", "UP 1/3"),
    (b"b=app&s=g%6fod&action=drain", "DONE", "DRAIN 1/3"),
    (b"b=app&s=go%od&action=maint", "NONE", "UP 1/3"),
    (b"b=app&s=good&action=maint&b=raw", "ERRP", "UP 1/3"),
    (b"b=app&s=good&action=hdown", "DONE", "DOWN"),
    (b"b=app&s=good&action=hnolb", "DONE", "NOLB"),
    (b"b=app&s=good&action=dhlth", "DONE", "no check"),
    (b"b=app&s=plain&action=dhlth", "NONE", "UP 1/3"),
    (b"b=app&s=follows&action=hdown", "NONE", "UP 1/3"),
    (b"b=app&s=good&action=eagent", "NONE", "UP 1/3"),
    (b"b=app&s=good&action=enable", "NONE", "UP 1/3"),
    (b"b=app&s=good&action=disable", "DONE", "MAINT"),
    (b"b=app&s=good&action=stop", "DONE", "DRAIN 1/3"),
    (b"b=app&s=good&action=maint&x=" + b"y" * 14000, "ERRP", "UP 1/3"),
    (b"b=app&s=good&action=maint&x=" + b"y" * 16000, "EXCD", "UP 1/3"),
]


@pytest.mark.parametrize(("body", "result", "state"), FORMS)
def test_forms(made: tuple[Process, Now], body: bytes, result: str, state: str) -> None:
    settings = made[0].backends["stats"].settings
    assert settings.statistics is not None
    settings.statistics.admin_rules = [None]
    assert ask(made, b"/stats", b"POST", body)[1][b"location"] == f"/stats;st={result}".encode()
    assert made[0].backends["app"].servers_by_name["good"].status_text == state
