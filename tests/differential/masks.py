"""What is the same in two programs that did the same: nearly all of `show stat`, `show info` and log lines. What is not stands here with its reason."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

AGES = "an age, or the time something took, on a machine that does other things too"
RATES = "events of the last second: when a second begins decides"
# Columns of `show stat` that are not compared.
MASKED = {
    **dict.fromkeys("lastchg downtime check_duration qtime ctime rtime ttime qtime_max ctime_max rtime_max ttime_max".split(), AGES),
    **dict.fromkeys("rate rate_max req_rate req_rate_max conn_rate conn_rate_max".split(), RATES),
    "pid": "each program has its own",
}
# Columns that say how things stand; all others with numbers count events, and a case is told by their difference.
STANDING = frozenset(
    "act bck weight uweight slim qlimit iid sid type rate_lim throttle tracked scur smax qcur qmax srv_icur src_ilim idle_conn_cur safe_conn_cur used_conn_cur need_conn_est"
    " h1_open_connections h1_open_streams h2_open_connections h2_backend_open_streams agg_server_status agg_server_check_status agg_check_status".split()
)
# Lines of `show info` that are not compared.
INFO_MASKED = {
    **dict.fromkeys("Uptime Uptime_sec Start_time_sec Idle_pct".split(), AGES),
    **dict.fromkeys("ConnRate MaxConnRate SessRate MaxSessRate SslRate MaxSslRate SslFrontendKeyRate SslFrontendMaxKeyRate SslBackendKeyRate SslBackendMaxKeyRate".split(), RATES),
    **dict.fromkeys("CompressBpsIn CompressBpsOut BytesOutRate SslFrontendSessionReuse_pct".split(), RATES),
    **dict.fromkeys("PoolAlloc_MB PoolUsed_MB PoolAlloc_bytes PoolUsed_bytes".split(), "memory is managed differently"),
    **dict.fromkeys("Tasks Run_queue PipesFree".split(), "work is scheduled differently"),
    "Pid": "each program has its own",
}
INFO_COUNTERS = re.compile("Cum|Total|Dropped|Failed|PoolFailed|SslCache|Debug")  # all others say how things stand


def masked(line: str) -> str:
    """A log line without what differs from run to run: pid, dates, ports, and how many connections the process has."""
    line = re.sub(r"^<(\d+)>\w+ +\d+ [\d:]+ \S+\[\d+\]: ", r"<\1>", line.rstrip("\n"))
    line = re.sub(r"\[\d+/\w+/\d+:[\d:.]+\]", "[DATE]", line)
    line = re.sub(r"\b(127(?:\.\d+){3}):\d+", r"HOST:PORT", line)
    line = re.sub(r"( [-\w]{2,4}) \d+(/\d+/\d+/\d+/\+?\d+ \d+/\d+)", r"\1 A\2", line, count=1)
    line = re.sub(r"\[\d+/\w+/\d+:[\d:]+ [-+]\d+\]", "[DATE]", line)  # CLF
    line = re.sub(r'(" )(?:-?\d+ )+([-\w]{4} )\d+ ', r"\1TIMERS \2A ", line)
    line = re.sub(r'(HTTP/1\.\d" \d+ \d+ "" "") \d+ \d+', r"\1 PORT MS", line)
    return re.sub(r"^(<\d+>)127\.[\d.]+ ", r"\1HOST ", line)


def rows(text: str) -> dict[str, dict[str, str]]:
    """The rows of a CSV by proxy and server."""
    return {f"{row['# pxname']}/{row['svname']}": row for row in csv.DictReader(io.StringIO(text))}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """A row after a case: what it counted, and how things stand."""
    found = {}
    for name, value in after.items():
        if name in MASKED or not name:
            continue
        if name == "lastsess":
            value = "some" if value not in ("-1", "") else value
        elif name == "addr":
            value = re.sub(r":\d+$", ":PORT", value)
        elif name not in STANDING:
            value = difference(before.get(name, ""), value)
        found[name] = value
    return found


def difference(before: str, after: str) -> str:
    numbers = all(re.fullmatch(r"-?\d+", text or "") for text in (before, after))
    return str(int(after) - int(before)) if numbers else after


def info(text: str) -> dict[str, str]:
    """The lines of `show info`."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def info_changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """`show info` after some cases, as `changes`."""
    kept = {name: value for name, value in after.items() if name not in INFO_MASKED}
    return {name: difference(before.get(name, ""), value) if INFO_COUNTERS.match(name) else value for name, value in kept.items()}
