"""The stats page: the same rows as `show stat`, in tables that people read and scripts scrape.

One table per proxy: FRONTEND, listeners, servers, BACKEND. The page is made of pieces, one per row, so that a large one leaves as it is written.
Everything is as HAProxy 2.6 writes it, byte for byte, including what it forgets to escape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pylb.base import version
from pylb.control.html_assets import ACTIONS, HEAD, LEGEND, RESOURCES, RESULTS, SUBTITLES, TITLES, UNEXPECTED
from pylb.control.html_rows import LINES, Page
from pylb.proxy.fields import MODULES, Row


@dataclass(slots=True)
class Section:
    """One proxy on the page: a frontend, a backend, or both."""

    name: str
    id: int
    mode: str
    capability: str  # frontend, backend, proxy
    description: str
    has_servers: bool
    rows: Iterable[Row] = ()  # read as they are shown


# -- the page


def head(page: Page, info: dict[str, str]) -> str:
    """From the doctype to the table of display options."""
    on = f" on {page.node}" if page.node else ""
    product = "HAProxy" if page.settings.hide_version else f"HAProxy version {version.VERSION}, released {version.DATE}"
    about = f": {page.description}" if page.description else ""
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"\n"http://www.w3.org/TR/html4/loose.dtd">\n'
        f"<html><head><title>Statistics Report for HAProxy{on}</title>\n{HEAD}</style></head>\n"
        f'<body><h1><a href="http://www.haproxy.org/" style="text-decoration: none;">{product}</a></h1>\n'
        f'<h2>Statistics Report for pid {info["Pid"]}{on}{about}</h2>\n<hr width="100%" class="hr">\n'
        f"<h3>&gt; General process information</h3>\n{process_block(info)}{LEGEND}{options(page)}"
        f"{RESOURCES.format(branch=version.BRANCH)}</td></tr></table>\n{result(page)}"
    )


def bit_rate(bits: int) -> str:
    """Bits per second with three decimals of the largest unit that fits."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if bits >= size:
            return f"{bits / size:.3f} {unit}bps"
    return f"{bits:.3f} bps"


def process_block(info: dict[str, str]) -> str:
    """The process in six lines; `info` are the lines of `show info` by name."""
    memory = f"{info['Memmax_MB']} MB" if info["Memmax_MB"] != "0" else "unlimited"
    return (
        '<table border=0><tr><td align="left" nowrap width="1%">\n'
        f"<p><b>pid = </b> {info['Pid']} (process #{info['Process_num']}, nbproc = {info['Nbproc']}, nbthread = {info['Nbthread']})<br>\n"
        f"<b>uptime = </b> {info['Uptime']}<br>\n"
        f"<b>system limits:</b> memmax = {memory}; ulimit-n = {info['Ulimit-n']}<br>\n"
        f"<b>maxsock = </b> {info['Maxsock']}; <b>maxconn = </b> {info['Maxconn']}; <b>maxpipes = </b> {info['Maxpipes']}<br>\n"
        f"current conns = {info['CurrConns']}; current pipes = {info['PipesUsed']}/{info['PipesFree']}; conn rate = {info['ConnRate']}/sec; "
        f"bit rate = {bit_rate(int(info['BytesOutRate']) * 8)}<br>\n"
        f"Running tasks: {info['Run_queue']}/{info['Tasks']}; idle = {info['Idle_pct']} %<br>\n"
        '</td><td align="center" nowrap>\n'
    )


def options(page: Page) -> str:
    """The links that change what is shown."""
    refresh = page.settings.refresh > 0
    quiet = "norefresh" if refresh else ""
    scope = f'<form method="GET">Scope : <input value="{page.scope}" name="scope" size="8" maxlength="20" tabindex="1"/></form>'
    links = [
        (page.link(page.quiet), "Show all servers") if page.hide_down else (page.link("up", page.quiet), "Hide 'DOWN' servers"),
        (page.link(page.down), "Enable refresh") if page.no_refresh else (page.link(page.down, "norefresh"), "Disable refresh"),
        (page.link(page.down, page.quiet), "Refresh now"),
        (page.link("csv", quiet), "CSV export"),
    ]
    if not refresh:
        del links[1]
    lines = "".join(f'<li><a href="{link}">{text}</a><br>\n' for link, text in links)
    json = f'<li><a href="{page.link("json", quiet)}">JSON export</a> (<a href="{page.uri};json-schema">schema</a>)<br>\n'
    return (
        f'<b>Display option:</b><ul style="margin-top: 0.25em;"><li>{scope}\n{lines}{json}</ul></td>'
        '<td align="left" valign="top" nowrap width="1%">'
    )


def result(page: Page) -> str:
    """What became of the form just sent."""
    if not page.result:
        return ""
    kind, text = RESULTS.get(page.result, UNEXPECTED)
    return f'<p><div class={kind}><a class=lfsb href="{page.link(page.down, page.quiet)}" title="Remove this message">[X]</a> {text}</div>\n<p>\n'


def section_head(section: Section, page: Page) -> str:
    """A proxy's title and its columns'."""
    name, with_form = section.name, page.admin and section.has_servers
    link = f"<a class=px href=\"#{name}\">{name}</a>"
    if page.settings.show_legends:
        link = f"<u>{link}<div class=tips>cap: {section.capability}, mode: {section.mode}, id: {section.id}</div></u>"
    about = ("desc", section.description) if section.description else ("empty", "")
    every = f"document.getElementsByClassName('{name}-checkbox')"
    box = f' width=1><input type="checkbox" onclick="for(c in {every}) {every}.item(c).checked = this.checked">'
    column = f"<th rowspan=2{box if with_form else '>'}</th>" if page.admin else ""
    form = '<form method="post">' if with_form else ""
    extra = [module for module, _ in MODULES] if page.settings.show_modules else []
    return (
        f'{form}<table class="tbl" width="100%">\n'
        f'<tr class="titre"><th class="pxname" width="10%"><a name="{name}"></a>{link}</th><th class="{about[0]}" width="90%">{about[1]}</th></tr>\n'
        f'</table>\n<table class="tbl" width="100%">\n<tr class="titre">{column}<th rowspan=2></th>{TITLES}'
        f'{f"<th colspan={len(extra)}>Extra modules</th>" if extra else ""}</tr>\n'
        f'<tr class="titre">{SUBTITLES}\n{"".join(f"<th>{module}</th>" for module in extra)}</tr>'
    )


def section_end(section: Section, page: Page) -> str:
    """The end of a proxy's table; of one with servers, what can be done to them."""
    if not (page.admin and section.has_servers):
        return "</table><p>\n"
    choices = "".join(f'<option value="{value}">{text}</option>' for value, text in ACTIONS)
    return (
        f"</table>Choose the action to perform on the checked servers : <select name=action>{choices}</select>"
        f'<input type="hidden" name="b" value="#{section.id}">&nbsp;<input type="submit" value="Apply"></form><p>\n'
    )


def render(page: Page, info: dict[str, str], sections: Iterator[Section]) -> Iterator[str]:
    """The page, piece by piece."""
    yield head(page, info)
    for section in sections:
        yield section_head(section, page)
        for row in section.rows:
            yield LINES[row.kind](row, page)
        yield section_end(section, page)
    yield "</body></html>\n"
