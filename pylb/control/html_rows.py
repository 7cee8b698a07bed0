"""The lines of the stats page's tables: one function per kind of object, cells from left to right, details behind the underlined numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pylb.base.text import html
from pylb.proxy.fields import FIELDS, MODULES, Row

if TYPE_CHECKING:
    from pylb.config.model import Statistics


@dataclass(slots=True)
class Page:
    """What one request asked for: `uri` is the page's, without options."""

    settings: Statistics
    uri: str
    node: str = ""
    description: str = ""
    hide_down: bool = False
    no_refresh: bool = False
    scope: str = ""
    admin: bool = False
    result: str = ""

    def link(self, *options: str) -> str:
        """The page's address with options, the scope last."""
        scope = f"?scope={self.scope}" if self.scope else ""
        return self.uri + "".join(f";{option}" for option in options if option) + scope

    @property
    def down(self) -> str:
        return "up" if self.hide_down else ""

    @property
    def quiet(self) -> str:
        return "norefresh" if self.no_refresh else ""


# -- numbers as people read them


def number(value: int) -> str:
    """Digits in groups of three: the one before each gap is spaced by its style."""
    digits = str(value)
    out: list[str] = []
    for position, digit in enumerate(digits, 1):
        left = len(digits) - position
        out.append(f'<span class="rls">{digit}</span>' if left and left % 3 == 0 else digit)
    return "".join(out)


def limit(value: int, unlimited: str = "-") -> str:
    return number(value) if value else unlimited


def duration(seconds: int) -> str:
    """The two largest units that are not zero: `3d2h`, `5m`, `0s`; `?` for never."""
    if seconds < 0:
        return "?"
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count and len(parts) < 2:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def percent(part: int, whole: int) -> str:
    return f"({part * 100 // whole if whole else 0}%)"


def cell(text: str) -> str:
    return f"<td>{text}</td>"


def centered(text: str) -> str:
    return f"<td class=ac>{text}</td>"


def cells(row: Row, *names: str) -> str:
    """Plain number cells; an empty name makes an empty cell."""
    return "".join(cell(number(row.number(name)) if name else "") for name in names)


# -- the details behind a number


def detail(title: str, value: str, after: str = "") -> str:
    return f"<tr><th>{title}</th><td>{value}</td>{f'<td>{after}</td>' if after else ''}</tr>"


def tip(visible: str, details: str) -> str:
    return f"<td><u>{visible}<div class=tips><table class=det>{details}</table></div></u></td>"


def rate_details(row: Row, which: str, suffix: str) -> str:
    """Connections, sessions and, in HTTP, requests per second."""
    kinds = [("connection", "conn_rate"), ("session", "rate")] + ([("request", "req_rate")] if row.text("mode") == "http" else [])
    return "".join(detail(f"{which} {kind} rate:", number(row.number(name + suffix)) + "/s") for kind, name in kinds)


CODES: Final = (("1xx", "hrsp_1xx"), ("2xx", "hrsp_2xx"), ("3xx", "hrsp_3xx"), ("4xx", "hrsp_4xx"), ("5xx", "hrsp_5xx"))


def response_details(row: Row) -> str:
    """Answers by class; of proxies how many of them were compressed, of servers the share of each."""
    is_server = row.kind == "S"
    whole = sum(row.number(name) for _, name in CODES) + row.number("hrsp_other")
    out = [detail("Cum. HTTP requests:", number(row.number("req_tot")))]
    for code, name in (*CODES, ("other", "hrsp_other")):
        title = "- other responses:" if code == "other" else f"- HTTP {code} responses:"
        out.append(detail(title, number(row.number(name)), percent(row.number(name), whole) if is_server else ""))
        if code == "2xx" and not is_server:
            out.append(detail("&nbsp;&nbsp;Compressed 2xx:", number(row.number("comp_rsp")), percent(row.number("comp_rsp"), row.number("hrsp_2xx"))))
    if row.kind == "F":
        out.append(detail("Intercepted requests:", number(row.number("intercepted"))))
    if not is_server:
        out.append(detail("Cache lookups:", number(row.number("cache_lookups"))))
        out.append(detail("Cache hits:", number(row.number("cache_hits")), percent(row.number("cache_hits"), row.number("cache_lookups"))))
    out.append(detail("Failed hdr rewrites:", number(row.number("wrew"))))
    out.append(detail("Internal error:" if is_server else "Internal errors:", number(row.number("eint"))))
    return "".join(out)


def time_details(row: Row) -> str:
    """The four times, greatest and average."""
    times = [("Queue", "qtime"), ("Connect", "ctime")] + ([("Responses", "rtime")] if row.text("mode") == "http" else []) + [("Total", "ttime")]
    lines = (detail(f"- {title} time:", f"{number(row.number(name + '_max'))} / {number(row.number(name))}", "ms") for title, name in times)
    return "<tr><th colspan=3>Max / Avg over last 1024 success. conn.</th></tr>" + "".join(lines)


def total_details(row: Row) -> str:
    """Behind the number of sessions of a server or backend."""
    details = detail("Cum. sessions:", number(row.number("stot")))
    if row.text("mode") == "http":
        new, reused = row.number("connect"), row.number("reuse")
        details += detail("New connections:", number(new)) + detail("Reused connections:", number(reused), percent(reused, new + reused))
        details += response_details(row)
    return details + time_details(row)


def bytes_out(row: Row) -> str:
    """Bytes sent, with what compression did to them; underlined only once it did something."""
    sent, fed, made, bypassed = (row.number(name) for name in ("bout", "comp_in", "comp_out", "comp_byp"))
    details = detail("Response bytes in:", number(sent)) + detail("Compression in:", number(fed))
    details += detail("Compression out:", number(made), percent(made, fed)) + detail("Compression bypass:", number(bypassed))
    details += detail("Total bytes saved:", number(fed - made), percent(fed - made, sent))
    start, end = ("<u>", "</u>") if fed else ("", "")
    return f"<td>{start}{number(sent)}<div class=tips><table class=det>{details}</table></div>{end}</td>"


def resets(row: Row) -> str:
    told = f"Connection resets during transfers: {row.number('cli_abrt')} client, {row.number('srv_abrt')} server"
    return f"<td><u>{number(row.number('eresp'))}<div class=tips>{told}</div></u></td>"


def module_cells(row: Row, page: Page) -> str:
    """What TLS, HTTP/2 and HTTP/1 count, under `stats show-modules`."""
    if not page.settings.show_modules:
        return ""
    out = []
    for module, kinds in MODULES:
        columns = [(column, value) for column, value in zip(FIELDS, row.values, strict=True) if column.name.startswith(module + "_")]
        details = "".join(detail(column.description, number(value)) for column, value in columns if isinstance(value, int))
        out.append(tip(module, details) if row.kind in kinds and details else "<td></td>")
    return "".join(out)


# -- rows


def anchor(row: Row, place: str, shown: str, legend: str = "", inside: bool = False) -> str:
    """The name cell: a link to itself, with a legend when there is one."""
    target = f'<a name="{row.text("pxname")}/{place}"></a>'
    link = f'<a class=lfsb href="#{row.text("pxname")}/{place}">{shown}</a>'
    if not legend:
        return centered(target + link)
    start = "<u>" + target if inside else target + "<u>"
    return centered(f"{start}{link}<div class=tips>{legend}</div></u>")


def where(row: Row) -> str:
    """Address and number of a listener or server."""
    address = row.text("addr")
    kind = "IPv4: " if address[:1].isdigit() else "IPv6: " if address.startswith("[") else ""
    cookie = row["cookie"]
    known = f", cookie: '{html(str(cookie))}'" if cookie is not None else ""
    return f"{kind}{address + ', ' if address else ''}id: {row.id}{known}"


def frontend(row: Row, page: Page) -> str:
    """The Frontend line."""
    total = detail("Cum. connections:", number(row.number("conn_tot"))) + detail("Cum. sessions:", number(row.number("stot")))
    if row.text("mode") == "http":
        total += response_details(row)
    parts = [
        '<tr class="frontend">',
        "<td></td>" if page.admin else "",
        anchor(row, "Frontend", "Frontend"),
        "<td colspan=3></td>",
        tip(number(row.number("rate")), rate_details(row, "Current", "")),
        tip(number(row.number("rate_max")), rate_details(row, "Max", "_max")),
        cell(limit(row.number("rate_lim"))),
        cells(row, "scur", "smax", "slim"),
        tip(number(row.number("stot")), total),
        cells(row, "", "", "bin"),
        bytes_out(row),
        cells(row, "dreq", "dresp", "ereq", "", "", "", ""),
        centered(row.text("status")),
        "<td class=ac colspan=8></td>",
        module_cells(row, page),
        "</tr>",
    ]
    return "".join(parts)


def listener(row: Row, page: Page) -> str:
    """The line of one address."""
    name = row.text("svname")
    parts = [
        "<tr class=socket>",
        "<td></td>" if page.admin else "",
        anchor(row, f"+{name}", name, where(row) if page.settings.show_legends else ""),
        "<td colspan=3></td><td colspan=3>&nbsp;</td>",
        cells(row, "scur", "smax", "slim", "stot"),
        "<td>&nbsp;</td><td>&nbsp;</td>",
        cells(row, "bin", "bout", "dreq", "dresp", "ereq", "", "", "", ""),
        centered(row.text("status")),
        "<td class=ac colspan=8></td>",
        module_cells(row, page),
        "</tr>",
    ]
    return "".join(parts)


STYLES: Final = (  # how the status begins, the row's class; the first that fits
    ("MAINT", "maintain"),
    ("DOWN ", "going_up"),
    ("DOWN", "down"),
    ("UP ", "going_down"),
    ("UP", "up"),
    ("NOLB", "nolb"),
    ("DRAIN", "draining"),
    ("no check", "no_check"),
)


def style(row: Row) -> str:
    """The class of a server's line."""
    status = row.text("status")
    state = next((state for start, state in STYLES if status.startswith(start)), "no_check")
    if status.startswith("DOWN ("):
        state = "down"
    return state if state == "maintain" else f"{'backup' if row.number('bck') else 'active'}_{state}"


def server_status(row: Row) -> str:
    """How long it has been in its state, and whether checks are about to change it."""
    status, since = row.text("status"), duration(row.number("lastchg"))
    if status.startswith("MAINT"):
        return centered(f"{since} MAINT")
    if status == "no check":
        return centered("<i>no check</i>")
    health, top = row.number("check_health"), row.number("check_rise") + row.number("check_fall") - 1
    if status.startswith("DOWN"):
        arrow = " &uarr;" if health else ""
    else:
        arrow = " &darr;" if health < top or top < 0 else ""
    return centered(f"{since} {status}{arrow}")


def last_check(row: Row) -> str:
    """The last result of the agent when it holds the server down, else of the health check."""
    agent = row["agent_status"] is not None and not row.number("agent_health")
    kind, text = ("agent", "last_agt") if agent else ("check", "last_chk")
    if row[f"{kind}_status"] is None:
        return "<td></td>"
    code, took = row[f"{kind}_code"], row[f"{kind}_duration"]
    result = row.text(f"{kind}_status") + ("" if code is None else f"/{code}") + ("" if took is None else f" in {took}ms")
    more = f": {html(row.text(text))}" if row.text(text) else ""
    return centered(f"<u> {result}<div class=tips>{row.text(f'{kind}_desc')}{more}</div></u>")


def failures(row: Row) -> str:
    """Failed checks, transitions and down time; or whose state it follows."""
    if row["chkfail"] is not None:
        analyses = row["hanafail"]
        count = row.text("chkfail") + ("" if analyses is None else f"/{analyses}")
        what = "Failed Health Checks" + ("" if analyses is None else "/Health Analyses")
        return f"<td><u>{count}<div class=tips>{what}</div></u></td>{cell(row.text('chkdown'))}{cell(duration(row.number('downtime')))}"
    tracked = row.text("tracked")
    if tracked and row.text("status") != "MAINT":
        return f'<td class=ac colspan=3><a class=lfsb href="#{tracked}">via {tracked}</a></td>'
    return "<td colspan=3></td>"


def connections(row: Row) -> str:
    """Sessions now, with the connections behind them."""
    details = (
        detail("Current active connections:", number(row.number("scur"))),
        detail("Current used connections:", number(row.number("used_conn_cur"))),
        detail("Current idle connections:", number(row.number("srv_icur"))),
        detail("- unsafe:", number(row.number("idle_conn_cur"))),
        detail("- safe:", number(row.number("safe_conn_cur"))),
        detail("Estimated need of connections:", number(row.number("need_conn_est"))),
        detail("Active connections limit:", limit(row.number("slim"))),
        detail("Idle connections limit:", limit(row.number("src_ilim"))),
    )
    return tip(number(row.number("scur")), "".join(details))


def server(row: Row, page: Page) -> str:
    """The line of one server."""
    proxy, name = row.text("pxname"), row.text("svname")
    throttle = row["throttle"]
    parts = [
        f'<tr class="{style(row)}">',
        cell(f"<input class='{proxy}-checkbox' type=\"checkbox\" name=\"s\" value=\"{name}\">") if page.admin else "",
        anchor(row, name, name, where(row) if page.settings.show_legends else ""),
        cells(row, "qcur", "qmax"),
        cell(limit(row.number("qlimit"))),
        cells(row, "rate", "rate_max", ""),
        connections(row),
        cells(row, "smax"),
        cell(limit(row.number("slim"))),
        tip(number(row.number("stot")), total_details(row)),
        cells(row, "lbtot"),
        cell(duration(row.number("lastsess"))),
        cells(row, "bin", "bout", "", "dresp", "", "econ"),
        resets(row),
        cells(row, "wretr", "wredis"),
        server_status(row),
        last_check(row),
        centered(f"{row.text('weight')}/{row.text('uweight')}"),
        centered("Y" if row.number("act") else "-"),
        centered("Y" if row.number("bck") else "-"),
        failures(row),
        centered("-" if throttle is None else f"{throttle} %") + ("" if throttle is None else "\n"),
        module_cells(row, page),
        "</tr>\n",
    ]
    return "".join(parts)


def balancing(row: Row) -> str:
    """The legend of a backend."""
    cookie = row["cookie"]
    return f"balancing: {row.text('algo')}" + (f", cookie: '{html(str(cookie))}'" if cookie is not None else "")


def backend(row: Row, page: Page) -> str:
    """The Backend line."""
    status = row.text("status")
    shown = '<font color="red"><b>DOWN</b></font>' if status == "DOWN" else status
    parts = [
        '<tr class="backend">',
        "<td></td>" if page.admin else "",
        anchor(row, "Backend", "Backend", balancing(row) if page.settings.show_legends else "", inside=True),
        cells(row, "qcur", "qmax", "", "rate", "rate_max", "", "scur", "smax", "slim"),
        tip(number(row.number("stot")), total_details(row)),
        cells(row, "lbtot"),
        cell(duration(row.number("lastsess"))),
        cells(row, "bin"),
        bytes_out(row),
        cells(row, "dreq", "dresp", "", "econ"),
        resets(row),
        cells(row, "wretr", "wredis"),
        centered(f"{duration(row.number('lastchg'))} {shown}"),
        centered("&nbsp;"),
        centered(f"{row.text('weight')}/{row.text('uweight')}"),
        centered(row.text("act")),
        centered(row.text("bck")),
        centered("&nbsp;"),
        cell(row.text("chkdown")),
        cell("&nbsp;" if row["downtime"] is None else duration(row.number("downtime"))),
        "<td></td>",
        module_cells(row, page),
        "</tr>",
    ]
    return "".join(parts)


LINES: Final[dict[str, Callable[[Row, Page], str]]] = {"F": frontend, "L": listener, "S": server, "B": backend}
