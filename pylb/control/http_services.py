"""The bridge from streams to the services that answer HTTP requests: the statistics page and the Prometheus exporter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pylb.control import prometheus, stats_page
from pylb.proxy.proxy import Face
from pylb.stream.applet import Reply, Served, serve
from pylb.stream.response import CONNECTION_CLOSE, size_of
from pylb.stream.response import reply as reply_with
from pylb.stream.verdict import Answer
from pylb.wire.headers import Headers, Pair
from pylb.wire.message import Framing, Response
from pylb.wire.replies import error_page, reason


async def serve_statistics(stream: Any, face: Face) -> None:
    """Answer a request for the statistics page; returns when the request is not for it."""
    settings = face.settings
    request = stream.request
    assert settings.statistics is not None
    if not stats_page.is_for_page(settings.statistics, request.method, request.target):
        return
    if face.statistics_rules:
        try:
            await stream.apply(face.statistics_rules)
        except Answer as refusal:
            await refuse(stream, refusal)
    body = b""
    if request.method == b"POST":
        await stream.wait("R", lambda: stream.request_complete or stream.inbox_full)
        body = b"".join(stream.inbox_request)
    status, headers, pieces = stats_page.handle(stream.process, settings, request.method, request.target, request.headers, body, stream)
    answer = reply(request.version, status, headers, pieces, "<STATS>")
    if request.method == b"HEAD" and answer.response.framing is Framing.CHUNKED:  # the page, unlike the exporter, announces no body to HEAD
        answer.response.framing = Framing.NONE
        answer.response.headers.remove(b"transfer-encoding")
    try:
        await serve(stream, answer)
    finally:
        if status == 401:
            stream.keep_client = False  # closed without a word, as HAProxy does


async def refuse(stream: Any, answer: Answer) -> None:
    """A rule of the page answered. HAProxy's page then also makes an error of its own, which only the log and the counters see."""
    stream.applet_name = "<STATS>"
    stream.time_request = stream.time_queue = stream.time_connect = stream.ms_since(stream.idle_from)
    await reply_with(stream, answer)
    page, body = error_page(400)
    stream.status = 400
    stream.bytes_out += size_of(page) + len(body) + CONNECTION_CLOSE
    stream.keep_client = False
    raise Served


def stick_tables(process: Any) -> list[prometheus.Table]:
    """The stick tables as the exporter shows them, the last declared first."""
    tables = list((process.tables or {}).values())
    for table in tables:
        table.purge(process.clock.now())
    return [prometheus.Table(table.name, table.type, table.size, table.used) for table in reversed(tables)]


async def serve_prometheus(stream: Any) -> None:
    """`http-request use-service prometheus-exporter`."""
    process = stream.process
    status, headers, pieces = prometheus.handle(process, stream.request.method, stream.request.target, stick_tables(process))
    answer = reply(stream.request.version, status, headers, pieces, "<PROMEX>")
    if status == 400:
        answer.response.reason = error_page(status)[0].reason
        stream.keep_client = False
    await serve(stream, answer)


def reply(version: int, status: int, headers: list[Pair], pieces: Iterator[bytes], name: str) -> Reply:
    """The answer as the stream sends it: chunked unless its length is known, even to clients that do not know chunks, as HAProxy does.

    The page leaves it to the codec to tell an old client so; the order of header fields shows the difference.
    """
    fields = Headers(headers)
    length = fields.get(b"content-length")
    framing = Framing.CHUNKED if length is None else Framing.LENGTH if int(length) else Framing.NONE
    if framing is Framing.CHUNKED and (version >= 11 or name != "<STATS>"):
        fields.add(b"transfer-encoding", b"chunked")
    return Reply(Response(status, reason(status), 11, fields, framing, int(length or 0)), pieces, name)
