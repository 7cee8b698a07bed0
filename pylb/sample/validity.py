"""Where a sample can be had: HAProxy's table of sources against checkpoints (the header of its `-dKsmp` dump).

A fetch names the sources it reads (`Source`); a rule set stands at one or more checkpoints (`Checkpoint`). A sample is usable
when at least one of its sources can be read there.
"""

from __future__ import annotations

from enum import IntFlag

from pylb.sample.types import Phase


class Checkpoint(IntFlag):
    """The places where an expression may stand, in the order of HAProxy's dump."""

    FRONTEND_CONNECTION = 1 << 0
    FRONTEND_SESSION = 1 << 1
    FRONTEND_REQUEST_CONTENT = 1 << 2
    FRONTEND_REQUEST_HEADERS = 1 << 3
    FRONTEND_REQUEST_BODY = 1 << 4
    FRONTEND_SWITCHING = 1 << 5
    BACKEND_REQUEST_CONTENT = 1 << 6
    BACKEND_REQUEST_HEADERS = 1 << 7
    BACKEND_REQUEST_BODY = 1 << 8
    BACKEND_SERVER_CHOICE = 1 << 9
    SERVER_CONNECT = 1 << 10
    BACKEND_RESPONSE_CONTENT = 1 << 11
    BACKEND_RESPONSE_HEADERS = 1 << 12
    BACKEND_RESPONSE_BODY = 1 << 13
    BACKEND_STORE = 1 << 14
    FRONTEND_RESPONSE_CONTENT = 1 << 15
    FRONTEND_RESPONSE_HEADERS = 1 << 16
    FRONTEND_RESPONSE_BODY = 1 << 17
    LOG = 1 << 18
    CHECK = 1 << 19
    CONFIG = 1 << 20
    CLI = 1 << 21


CHECKPOINT_NAMES = (
    "frontend tcp-request connection rule",
    "frontend tcp-request session rule",
    "frontend tcp-request content rule",
    "frontend http-request header rule",
    "frontend http-request body rule",
    "frontend use-backend rule",
    "backend tcp-request content rule",
    "backend http-request header rule",
    "backend http-request body rule",
    "backend use-server, balance or stick-match rule",
    "server source selection",
    "backend tcp-response content rule",
    "backend http-response header rule",
    "backend http-response body rule",
    "backend stick-store rule",
    "frontend tcp-response content rule",
    "frontend http-response header rule",
    "frontend http-response body rule",
    "logs",
    "backend tcp-check rule",
    "configuration parser",
    "CLI parser",
)


class Source(IntFlag):
    """What a fetch reads. Several sources: any one of them will do."""

    CONSTANT = 1 << 0
    INTERNAL = 1 << 1
    LISTENER = 1 << 2
    FRONTEND = 1 << 3
    CLIENT_ADDRESS = 1 << 4
    CLIENT_CONNECTION = 1 << 5
    TRACKERS = 1 << 6
    REQUEST_BUFFER = 1 << 7
    REQUEST_HEADERS = 1 << 8
    BACKEND = 1 << 9
    SERVER = 1 << 10
    SERVER_ADDRESS = 1 << 11
    SERVER_CONNECTION = 1 << 12
    RESPONSE_BUFFER = 1 << 13
    RESPONSE_HEADERS = 1 << 14
    REQUEST_FINAL = 1 << 15
    RESPONSE_FINAL = 1 << 16
    RESPONSE_CACHE = 1 << 17


def _mask(columns: str) -> Checkpoint:
    """A row of the dump as a set of checkpoints."""
    mask = Checkpoint(0)
    for bit, mark in enumerate(columns):
        if mark == "Y":
            mask |= Checkpoint(1 << bit)
    return mask


ALL_BUT_CONFIG = _mask("YYYYYYYYYYYYYYYYYYYY.Y")
REQUEST_SIDE = _mask("..YYYYYYYYY...........")
RESPONSE_SIDE = _mask("...........YYYYYYY.Y..")
SERVER_SIDE = _mask("...........YYYYYYYYY..")

SOURCES: dict[Source, tuple[str, Checkpoint]] = {
    Source.CONSTANT: ("internal state", _mask("Y" * 22)),
    Source.INTERNAL: ("internal state", ALL_BUT_CONFIG),
    Source.LISTENER: ("listener", _mask("YYYYYYYYYYYYYYYYYYY...")),
    Source.FRONTEND: ("frontend", _mask("YYYYYYYYYYYYYYYYYYY...")),
    Source.CLIENT_ADDRESS: ("client address", _mask("YYYYYYYYYYYYYYYYYYYY..")),
    Source.CLIENT_CONNECTION: ("client-side connection", _mask(".YYYYYYYYYYYYYYYYYY...")),
    Source.TRACKERS: ("track counters", _mask("YYYYYYYYYYYYYYYYYYYY..")),
    Source.REQUEST_BUFFER: ("request buffer", REQUEST_SIDE),
    Source.REQUEST_HEADERS: ("HTTP request headers", REQUEST_SIDE),
    Source.BACKEND: ("backend", _mask("......YYYYYYYYYYYYYY..")),
    Source.SERVER: ("server", _mask("..........YYYYYYYYYY..")),
    Source.SERVER_ADDRESS: ("server address", SERVER_SIDE),
    Source.SERVER_CONNECTION: ("server-side connection", SERVER_SIDE),
    Source.RESPONSE_BUFFER: ("response buffer", RESPONSE_SIDE),
    Source.RESPONSE_HEADERS: ("HTTP response headers", RESPONSE_SIDE),
    Source.REQUEST_FINAL: ("HTTP request", _mask("..YYYYYYYYYYYYYYYYY...")),
    Source.RESPONSE_FINAL: ("HTTP response", SERVER_SIDE),
    Source.RESPONSE_CACHE: ("HTTP response", _mask("..........YYYYYYYYYY..")),
}


def checkpoints_of(source: Source) -> Checkpoint:
    """Every checkpoint where at least one of the sources can be read."""
    mask = Checkpoint(0)
    for single, (_, where) in SOURCES.items():
        if single & source:
            mask |= where
    return mask


def needs(source: Source) -> str:
    """The sources in words, as messages show them."""
    return ",".join(text for single, (text, _) in SOURCES.items() if single & source)


def available(source: Source, where: Checkpoint) -> bool:
    """Can the sample be had at any of these checkpoints? Rules of a `listen` stand at two."""
    return bool(checkpoints_of(source) & where)


def first_conflict(source: Source, where: Checkpoint) -> str | None:
    """The name of the first checkpoint of the place where the sample cannot be had."""
    missing = where & ~checkpoints_of(source)
    return CHECKPOINT_NAMES[(missing & -missing).bit_length() - 1] if missing else None


FRONTEND_PHASES = {
    Phase.SESSION: Checkpoint.FRONTEND_CONNECTION,
    Phase.CONTENT: Checkpoint.FRONTEND_REQUEST_CONTENT,
    Phase.REQUEST: Checkpoint.FRONTEND_REQUEST_HEADERS,
    Phase.SERVER: Checkpoint.FRONTEND_SWITCHING,
    Phase.RESPONSE: Checkpoint.FRONTEND_RESPONSE_HEADERS,
}
BACKEND_PHASES = {
    Phase.SESSION: Checkpoint.FRONTEND_CONNECTION,
    Phase.CONTENT: Checkpoint.BACKEND_REQUEST_CONTENT,
    Phase.REQUEST: Checkpoint.BACKEND_REQUEST_HEADERS,
    Phase.SERVER: Checkpoint.BACKEND_SERVER_CHOICE,
    Phase.RESPONSE: Checkpoint.BACKEND_RESPONSE_HEADERS,
}
OTHER_PHASES = {Phase.LOG: Checkpoint.LOG, Phase.CHECK: Checkpoint.CHECK, Phase.CONFIG: Checkpoint.CONFIG}


def checkpoints_for(phase: Phase, frontend: bool, backend: bool) -> Checkpoint:
    """The checkpoints of a rule set of a proxy with these faces, when all that is known is its phase."""
    mask = OTHER_PHASES.get(phase, Checkpoint(0))
    if frontend:
        mask |= FRONTEND_PHASES.get(phase, Checkpoint(0))
    if backend:
        mask |= BACKEND_PHASES.get(phase, Checkpoint(0))
    return mask


def phase_of(source: Source) -> Phase:
    """The first phase in which the sources can be read."""
    reachable = checkpoints_of(source)
    for phase in (Phase.SESSION, Phase.CONTENT, Phase.REQUEST, Phase.SERVER, Phase.RESPONSE):
        if reachable & (FRONTEND_PHASES[phase] | BACKEND_PHASES[phase]):
            return phase
    return Phase.LOG
