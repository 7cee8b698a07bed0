"""Options that are on or off: which faces of a proxy have them, and which make sense in HTTP only (configuration.txt 4.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plain:
    """An option that is on or off: the face it needs ("" when both have it) and whether it needs HTTP."""

    face: str = ""
    http: bool = False


FRONT, BACK, BOTH = Plain("frontend"), Plain("backend"), Plain()
FRONT_HTTP, BACK_HTTP, BOTH_HTTP = Plain("frontend", True), Plain("backend", True), Plain("", True)

PLAIN: dict[str, Plain] = {
    "abortonclose": BACK,
    "allbackups": BACK,
    "checkcache": BACK_HTTP,
    "clitcpka": FRONT,
    "contstats": FRONT,
    "dontlognull": FRONT,
    "http-buffer-request": BOTH_HTTP,
    "http-ignore-probes": FRONT_HTTP,
    "idle-close-on-response": FRONT_HTTP,
    "prefer-last-server": BACK_HTTP,
    "logasap": FRONT,
    "nolinger": BOTH,
    "persist": BACK,
    "srvtcpka": BACK,
    "transparent": BACK,
    "splice-request": BOTH,
    "splice-response": BOTH,
    "splice-auto": BOTH,
    "accept-invalid-http-request": FRONT_HTTP,
    "accept-invalid-http-response": BACK_HTTP,
    "dontlog-normal": FRONT,
    "log-separate-errors": FRONT,
    "log-health-checks": BACK,
    "socket-stats": FRONT,
    "tcp-smart-accept": FRONT,
    "tcp-smart-connect": BACK,
    "independent-streams": BOTH,
    "http-use-proxy-header": FRONT_HTTP,
    "http-pretend-keepalive": BACK_HTTP,
    "http-no-delay": BOTH_HTTP,
    "disable-h2-upgrade": FRONT_HTTP,
    "h1-case-adjust-bogus-client": FRONT,
    "h1-case-adjust-bogus-server": BACK,
}
