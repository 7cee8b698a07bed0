"""Every command of an OpenStack operator's page, typed at HAProxy and at pylb: the same answers, log lines and messages.

The steps are played in order on both programs; each has a test of its own. Masked: times, rates, process ids, the ports of the frontends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from page_rig import CONTROLLERS, Pair, Program, missing, side_by_side, until

pytestmark = missing("socat", "curl", "awk", "column")

SOCKET = "socat {sock} stdio"
STAT = f'echo "show stat" | {SOCKET}'
STATES = f"{STAT} | awk -F, '{{print $1, $2, $18}}' | column -t"
NOVA = "curl -sk https://127.0.0.1:{nova}/"
KEYSTONE = "curl -sk https://127.0.0.1:{keystone}/"
PAGE = "http://127.0.0.1:{stats}/stats"
OUTSIDE = "http://[::1]:{stats}/stats"
SERVER = "nova_api_back/controller-1"

QUESTIONS = [
    f"disable server {SERVER}",
    "show stat nova_api_back 4 -1",
    "show stat 5 2 1",
    "show servers state nova_api_back",
    "show servers conn nova_api_back",
    f"enable server {SERVER}",
    f"set server {SERVER} weight 0",
    f"get weight {SERVER}",
    "show servers state nova_api_back",
    f"set weight {SERVER} 0",
    f"set weight {SERVER} 0%",
    f"get weight {SERVER}",
    f"set weight {SERVER} 100%",
    f"get weight {SERVER}",
    f"set server {SERVER} weight 256",
    f"get weight {SERVER}",
    f"set server {SERVER} weight 257",
    f"set server {SERVER} weight -1",
    f"set server {SERVER} weight abc",
    f"set server {SERVER} weight",
    "set server nova_api_back/controller-9 weight 0",
    "set server nope/controller-1 weight 0",
    "set server nova_api_back weight 0",
    f"set server {SERVER} weight 100%",
    f"set server {SERVER} weight 50%",
    f"get weight {SERVER}",
    f"set server {SERVER} weight 1",
    f"get weight {SERVER}",
    "get weight nova_api_back/controller-9",
    "disable server nova_api_back/controller-9",
    "disable server nope/controller-1",
    "disable server nova_api_back",
    "disable server",
    "enable server nova_api_back/controller-9",
    f"set server {SERVER} state drain",
    "show stat nova_api_back 4 1",
    "show servers state nova_api_back",
    f"set server {SERVER} state maint",
    "show servers state nova_api_back",
    f"set server {SERVER} state ready",
    f"set server {SERVER} state nonsense",
    f"set server {SERVER} health down",
    f"set server {SERVER} health up",
    f"set server {SERVER} agent up",
    f"set server {SERVER}",
    f"set server {SERVER} nonsense 1",
    f"disable health {SERVER}",
    f"enable health {SERVER}",
    f"shutdown sessions server {SERVER}",
    "show backend",
    "show errors",
    "show nonsense",
    "nonsense",
    f"disable server {SERVER}; show servers state nova_api_back; enable server {SERVER}",
]

FORMS = {
    "maintenance": "s=controller-1&action=maint&b=nova_api_back",
    "maintenance again": "s=controller-1&action=maint&b=nova_api_back",
    "ready": "s=controller-1&action=ready&b=nova_api_back",
    "drain": "s=controller-2&action=drain&b=%235",
    "ready after drain": "s=controller-2&action=ready&b=%235",
    "several": "s=controller-1&s=controller-2&action=drain&b=keystone_public_back",
    "several ready": "s=controller-1&s=controller-2&action=ready&b=keystone_public_back",
    "old names": "s=controller-1&action=disable&b=nova_api_back",
    "old names back": "s=controller-1&action=enable&b=nova_api_back",
    "health down": "s=controller-3&action=hdown&b=nova_api_back",
    "health running": "s=controller-3&action=hrunn&b=nova_api_back",
    "shutdown": "s=controller-3&action=shutdown&b=nova_api_back",
    "one unknown": "s=controller-1&s=controller-9&action=ready&b=nova_api_back",
    "server unknown": "s=controller-9&action=ready&b=nova_api_back",
    "backend unknown": "s=controller-1&action=ready&b=nope",
    "action unknown": "s=controller-1&action=nonsense&b=nova_api_back",
    "no server": "action=ready&b=nova_api_back",
    "nothing": "x",
}


def weights(zero: str) -> str:
    return f'echo "set server nova_api_back/{zero} weight 0" | {SOCKET}'


def rows(command: str) -> str:
    """Name, status, weight and what else tells of a drain."""
    return f'{command}; {STAT} | awk -F, \'/^nova_api_back/ {{print $1, $2, $18, "weight=" $19, "act=" $20, "stot=" $8}}\''


STEPS: list[tuple[str, str]] = [
    *((f"keystone {number}", f"{KEYSTONE}v3") for number in range(6)),
    *((f"nova {number}", NOVA) for number in range(4)),
    ("stat", STAT),
    ("stat of the row to be", f"{STAT} | grep nova_api"),
    ("states in columns", STATES),
    ("connections", f'echo "show info" | {SOCKET} | grep -E "(CurrConns|MaxConn|Uptime)"'),
    ("maxconn", f'echo "show info" | {SOCKET} | grep -iE "^(Name|Version|Maxconn|Hard_maxconn|Nbthread|Listeners|Stopping|CumSslConns|CurrSslConns):"'),
    ("error rate", f"{STAT} | awk -F, 'NR>1 {{print $1, $2, \"errors:\", $14}}' | column -t"),
    ("host side pipe", 'echo "show stat" | socat /nowhere/haproxy.sock stdio 2>&1 | sed "s/.* E/E/"'),
    ("page", f"curl -s {PAGE}"),
    ("page with headers", f"curl -si {PAGE} | sed '/^.$/q'"),
    ("csv", f"curl -si {PAGE}\\;csv"),
    ("json", f"curl -s {PAGE}\\;json | head -c 200"),
    ("root", "curl -si http://127.0.0.1:{stats}/"),
    ("servers state", f'echo "show servers state" | {SOCKET}'),
    ("maintenance", f'echo "disable server {SERVER}" | {SOCKET}'),
    ("states in maintenance", STATES),
    *((f"nova in maintenance {number}", NOVA) for number in range(3)),
    ("back", f'echo "enable server {SERVER}" | {SOCKET}'),
    ("states after maintenance", STATES),
    *((f"nova after maintenance {number}", NOVA) for number in range(3)),
    ("weight 0", rows(weights("controller-1"))),
    ("traffic at weight 0", rows(f"for i in 1 2 3 4 5; do {NOVA}; echo; done")),
    ("two at weight 0", rows(weights("controller-2"))),
    ("traffic at two weights 0", rows(f"for i in 1 2 3; do {NOVA}; echo; done")),
    ("all at weight 0", rows(weights("controller-3"))),
    ("traffic at all weights 0", rows(f"curl -ski {NOVA[9:]}")),
    ("state at weight 0", f'echo "show servers state nova_api_back" | {SOCKET}'),
    *((f"weight back {name}", rows(f'echo "set server nova_api_back/{name} weight 100%" | {SOCKET}')) for name in CONTROLLERS),
    *((f"nova after weights {number}", NOVA) for number in range(6)),
    *((f"question {number}: {question}", f'echo "{question}" | {SOCKET}') for number, question in enumerate(QUESTIONS)),
    ("form from here", f"curl -s --interface 127.0.0.1 {PAGE} | grep -c '<form'"),
    ("form from elsewhere", f"curl -gs {OUTSIDE} | grep -c '<form'"),
    ("denied", f"curl -gsi -d 's=controller-1&action=maint&b=nova_api_back' '{OUTSIDE}'"),
    *((f"posted {name}", f"curl -si -d '{form}' {PAGE}; {STATES}") for name, form in FORMS.items()),
    ("denied with no form", f"curl -gsi -X POST '{OUTSIDE}'"),
    ("page after a form", f"curl -s '{PAGE};st=DONE'"),
    ("server sessions", f'echo "show servers conn" | {SOCKET}'),
    ("stat at the end", STAT),
]

CHANGING = {
    "lastchg", "downtime", "rate", "rate_max", "req_rate", "req_rate_max", "conn_rate", "conn_rate_max", "check_duration", "lastsess",
    "qtime", "ctime", "rtime", "ttime", "qtime_max", "ctime_max", "rtime_max", "ttime_max", "pid", "smax", "check_health", "check_code",
}  # fmt: skip
# checks count, at their own moments
CHECKED = {"h1_total_connections", "h1_total_streams", "h1_bytes_in", "h1_bytes_out", "h1_open_connections", "h1_open_streams", "used_conn_cur", "need_conn_est"}


def masked(text: str, program: Program) -> str:
    """A step's output, comparable."""
    for name, port in program.ports.items():
        text = re.sub(rf"\b{port}\b", name.upper(), text)
    text = re.sub(r"(?m)^(Uptime|Uptime_sec|MaxConnRate): .*", r"\1: N", text)
    text = masked_page(text) if "<html" in text else re.sub(r"(?m)^([^# ][^ ,\n]*,.*)$", lambda line: masked_row(line[1]), text)
    text = text.replace(",* L7OK", ",L7OK")  # a check is under way
    text = re.sub(r"(?m)^(\S+/\S+ .* - 5000) \d+ \d+ \d+ ", r"\1 N N N ", text)  # show servers conn: those of checks count
    text = re.sub(r"\[\d\d/\w+/\d{4}[^]]*\]", "[DATE]", text)
    text = re.sub(r"(UP|DRAIN) +[12]/3|(DOWN) +1/2", r"\1\2", text)  # checks come at their own moments
    text = re.sub(r"(?m)[ \t]+$", "", text)
    return re.sub(r"(?m)^(\d+ \S+ \d+ \S+ \S+ \d+ \d+ \d+ \d+) \d+ (\d+ \d+) \d+ \d+ ", r"\1 N \2 N N ", text)  # show servers state: since, health, check


HEADER: list[str] = []


def masked_row(line: str) -> str:
    """A CSV row."""
    cells = line.split(",")
    if len(cells) < 90:
        return line
    changing = CHANGING | (CHECKED if cells[1] not in ("FRONTEND", "") else set())
    if cells[0] == "stats":  # the length of the page that was fetched depends on times
        changing = changing | {"bout", "h1_bytes_out"}
    return ",".join("N" if cell and name in changing and cell != "-1" else cell for name, cell in zip(HEADER, cells, strict=True))


PAGE_MASKS = [
    (r"pid \d+|<b>pid = </b> \d+", "pid"),
    (r"<b>uptime = .*\n|current conns = .*\n|Running tasks: .*\n", ""),
    (r" in \d+ms| &darr;", ""),
    ("active_going_down", "active_up"),
    (r"\* L7OK/0", "L7OK/200"),  # a check is under way
    (r"\* L7OK", "L7OK"),
    (r"\b(\d+[dhms])+\b", "T"),
    (r"(?s)<div class=tips>.*?</div>", lambda tip: re.sub(r"\d+", "N", tip[0])),
    (r"<u>\d+(?=<div class=tips><table class=det><tr><th>(Max|Current) connection rate)", "<u>RATE"),
    (r"<td>\d+</td><td>\d+</td><td></td>", "RATES"),
    (r'\d+(<span class="rls">\d+</span>\d+)+', "LENGTH"),  # thousands of bytes: only the page itself has sent so many
]


def masked_page(page: str) -> str:
    """The page of statistics."""
    for pattern, replacement in PAGE_MASKS:
        page = re.sub(pattern, replacement, page)
    return page


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[Pair, dict[str, list[str]]]]:
    """Every step's output, HAProxy's and pylb's."""
    with side_by_side("2s") as pair:
        HEADER[:] = pair.real.ask("show stat").splitlines()[0][2:].split(",")
        transcript = {name: [masked(program.shell(command), program) for program in pair] for name, command in STEPS}
        until(lambda: len(pair.ours.syslog.lines) >= len(pair.real.syslog.lines), "log lines")
        yield pair, transcript


@pytest.mark.parametrize("step", [name for name, _ in STEPS])
def test_step(played: tuple[Pair, dict[str, list[str]]], step: str) -> None:
    theirs, ours = played[1][step]
    assert ours == theirs


@pytest.mark.parametrize("what", [Program.said, Program.logged], ids=["messages", "log"])
def test_what_it_said(played: tuple[Pair, dict[str, list[str]]], what: Callable[[Program], list[str]]) -> None:
    theirs, ours = (what(program) for program in played[0])
    assert ours == theirs
    assert ours
