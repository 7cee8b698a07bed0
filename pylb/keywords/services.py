"""Services for `http-request use-service` (HAProxy's `-dKsvc`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.stream.registry import service

if TYPE_CHECKING:
    from pylb.stream.driver import Stream


@service("prometheus-exporter", rulesets=("http-request",))
async def prometheus_exporter(stream: Stream) -> None:
    """Statistics of the whole process in Prometheus' text format."""
    from pylb.control.http_services import serve_prometheus  # heavy; loaded when a process that uses it is built

    await serve_prometheus(stream)
