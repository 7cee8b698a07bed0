"""The statistics page as an HTTP service (`stats enable`, `stats uri`, ...): what a request asks for, who may ask, and the answer.

Options stand behind the page's address after semicolons, in any order: `;up ;no-maint ;norefresh ;csv ;typed ;json ;json-schema ;st=CODE ;scope=TEXT`
(the scope is found behind anything: a form sends it behind a question mark). A POST carries the form of the page and is answered with a redirection
that says what became of it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pylb.control import html, stats
from pylb.control.html_assets import RESULTS
from pylb.control.html_rows import Page
from pylb.control.json_schema import SCHEMA
from pylb.control.stats_actions import process_form
from pylb.proxy.proxy import Backend, Frontend
from pylb.wire.replies import error_body

if TYPE_CHECKING:
    from pylb.config.model import Proxy, Statistics
    from pylb.proxy.process import Process
    from pylb.wire.headers import Headers

METHODS: Final = (b"GET", b"HEAD", b"POST")
SCOPE: Final = re.compile(rb"scope=(?=..)([^;&]*)", re.DOTALL)  # one letter at the very end is too few for HAProxy
SCOPE_TEXT: Final = re.compile(rb"[A-Za-z0-9_.:-]+")
SCOPE_LENGTH: Final = 20
RESULT: Final = re.compile(rb";st=(.{4})")
PIECE: Final = 12_000  # bytes to send at once
MOST: Final = 16  # texts to make before others have their turn: about a millisecond's work
TYPES: Final = {"html": b"text/html", "csv": b"text/plain", "typed": b"text/plain", "json": b"application/json", "json-schema": b"application/json"}

Answer = tuple[int, list[tuple[bytes, bytes]], Iterator[bytes]]


def path_of(target: bytes) -> bytes:
    """The target without scheme and authority."""
    if target.startswith(b"/"):
        return target
    _, found, rest = target.partition(b"://")
    start = rest.find(b"/")
    return rest[start:] if found and start >= 0 else target


def is_for_page(statistics: Statistics, method: bytes, target: bytes) -> bool:
    """Does the page answer this request?"""
    return method in METHODS and path_of(target).startswith(statistics.uri)


@dataclass(slots=True)
class StatsRequest:
    """What the address asks for."""

    format: str = "html"
    up: bool = False
    no_maintenance: bool = False
    no_refresh: bool = False
    scope: str = ""
    result: str = ""

    @classmethod
    def parse(cls, statistics: Statistics, target: bytes) -> StatsRequest:
        """Read the options behind the page's address."""
        options = path_of(target)[len(statistics.uri) :]
        wanted = cls(up=b";up" in options, no_maintenance=b";no-maint" in options, no_refresh=b";norefresh" in options)
        for name in ("csv", "typed", "json", "json-schema"):
            if f";{name}".encode() in options:
                wanted.format = name
        scope = SCOPE.search(options)
        if scope and SCOPE_TEXT.fullmatch(scope[1][:SCOPE_LENGTH]):
            wanted.scope = scope[1][:SCOPE_LENGTH].decode()
        result = RESULT.search(options)
        if result:
            code = result[1].decode("latin-1")
            wanted.result = code if code in RESULTS else "UNKN"
        return wanted


def handle(process: Process, settings: Proxy, method: bytes, uri: bytes, headers: Headers, body: bytes, source: Any) -> Answer:
    """Answer a request that `is_for_page`. `source` is the stream: the conditions of `stats admin` are asked about it."""
    statistics = settings.statistics
    assert statistics is not None
    if not is_authorized(statistics, headers):
        return unauthorized(statistics)
    wanted = StatsRequest.parse(statistics, uri)
    admin = any(test is None or test(source, True) for test in statistics.admin_rules)
    if method == b"POST":
        result = process_form(process, body) if admin else "DENY"
        return redirection(statistics, wanted, result)
    answer_headers = [(b"cache-control", b"no-cache"), (b"content-type", TYPES[wanted.format])]
    if statistics.refresh > 0 and not wanted.no_refresh:
        answer_headers.append((b"refresh", b"%d" % statistics.refresh))
    pieces = iter(()) if method == b"HEAD" else gather(body_of(process, settings, wanted, admin))
    return 200, answer_headers, pieces


def is_authorized(statistics: Statistics, headers: Headers) -> bool:
    """Without `stats auth` everybody is; with it those who know a name and its password."""
    if not statistics.users:
        return True
    scheme, _, coded = (headers.get(b"authorization") or b"").strip().partition(b" ")
    if scheme.lower() != b"basic":
        return False
    try:
        name, _, password = base64.b64decode(coded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return False
    return (name, password) in statistics.users


def unauthorized(statistics: Statistics) -> Answer:
    """The 401 page."""
    page = error_body(401)
    realm = statistics.realm or b"HAProxy Statistics"
    headers = [
        (b"content-length", b"%d" % len(page)),
        (b"cache-control", b"no-cache"),
        (b"content-type", b"text/html"),
        (b"www-authenticate", b'Basic realm="%s"' % realm),
    ]
    return 401, headers, iter((page,))


def redirection(statistics: Statistics, wanted: StatsRequest, result: str) -> Answer:
    """Back to the page, which then shows what became of the form."""
    options = f";st={result}" + (";up" if wanted.up else "") + (";norefresh" if wanted.no_refresh else "")
    scope = f"?scope={wanted.scope}" if wanted.scope else ""
    location = statistics.uri + (options + scope).encode()
    headers = [(b"cache-control", b"no-cache"), (b"content-type", b"text/plain"), (b"content-length", b"0"), (b"location", location)]
    return 303, headers, iter(())


def gather(texts: Iterable[str], most: int = MOST) -> Iterator[bytes]:
    """Texts as bytes, small ones together; also empty texts count as work."""
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= PIECE or len(waiting) >= most:
            yield "".join(waiting).encode("latin-1", "replace")
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting).encode("latin-1", "replace")


def body_of(process: Process, settings: Proxy, wanted: StatsRequest, admin: bool) -> Iterator[str]:
    """The answer's body in the format asked for."""
    statistics = settings.statistics
    assert statistics is not None
    if wanted.format == "json-schema":
        return iter((SCHEMA,))
    own = tuple(settings.name if name == "." else name for name in statistics.scope)
    want = stats.Filter(up=wanted.up, no_maintenance=wanted.no_maintenance, scope=wanted.scope, own_scope=own, legends=statistics.show_legends)
    if wanted.format == "html":
        return html.render(page_of(process, statistics, wanted, admin), info_by_name(process), sections(process, want))
    writer = {"csv": stats.csv, "typed": stats.typed, "json": stats.as_json}[wanted.format]
    return writer(stats.rows(process, want))


def page_of(process: Process, statistics: Statistics, wanted: StatsRequest, admin: bool) -> Page:
    """The page's own facts."""
    return Page(
        statistics,
        statistics.uri.decode("latin-1"),
        node="" if statistics.node is None else statistics.node or process.node or os.uname().nodename,
        description="" if statistics.description is None else statistics.description or process.description,
        hide_down=wanted.up,
        no_refresh=wanted.no_refresh,
        scope=wanted.scope,
        admin=admin,
        result=wanted.result,
    )


def info_by_name(process: Process) -> dict[str, str]:
    """The lines of `show info`."""
    return {line.field.name: stats.info_text(line) for line in stats.info_lines(process)}


def sections(process: Process, want: stats.Filter) -> Iterator[html.Section]:
    """One per proxy; the two faces of a `listen` share one."""
    for _, group in groupby(stats.faces(process, want), lambda face: face.id):
        pair = list(group)
        section = section_of(pair[0])
        section.capability = "proxy" if len(pair) > 1 else section.capability
        section.has_servers = any(isinstance(face, Backend) and bool(face.servers) for face in pair)
        section.rows = (row for face in pair for row in stats.rows_of(face, want, process.clock.now()))
        yield section


def section_of(face: Frontend | Backend) -> html.Section:
    """A proxy's title."""
    capability = "frontend" if isinstance(face, Frontend) else "backend"
    return html.Section(face.name, face.id, face.settings.mode, capability, face.settings.description or "", False)
