"""`show sess` and `shutdown session`: the streams being served.

The lines have HAProxy's form. Identifiers are those of the stream objects in memory; flags of channels and stream connectors, descriptors and analysers
have no counterpart here: they are shown with the values of an established stream in its ordinary state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.base.timers import NEVER
from pylb.control.registry import Answer, Level, Refusal, Words, command
from pylb.stream.verdict import Stop

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

IDENTIFIER: Final = re.compile(r"0x([0-9a-fA-F]+)")
DATE_LENGTH: Final = 20


def streams(cli: Cli) -> list[Any]:
    """Every stream under way, the oldest first."""
    found = [mux.stream for mux in cli.process.sessions if getattr(mux, "stream", None) is not None]
    return sorted(found, key=lambda stream: stream.number)


def human(seconds: float) -> str:
    """A duration in its two greatest units: 5s, 1m5s, 2h3m, 1d4h."""
    whole = max(0, int(seconds))
    for size, unit, small, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size}{unit}{f'{rest}{name}' if rest else ''}"
    return f"{whole}s"


def until(moment: float, now: float) -> str:
    """How long until a deadline; nothing when there is none."""
    return "" if moment == NEVER else human(moment - now)


def summary(cli: Cli, stream: Any) -> str:
    """One line about one stream."""
    now = cli.now
    session, backend, server = stream.session, stream.backend, stream.server
    host, port = session.source
    source = f"proto={'tcpv6' if ':' in host else 'tcpv4'} src={host}:{port}" if host else "proto=unix_stream src=unix:1"
    expires = min(stream.client_expire, stream.server_expire, stream.step_expire)
    has_back = stream.back is not None
    return (
        f"{hex(id(stream))}: {source} fe={stream.frontend.name} be={backend.name if backend is not None else '<NONE>'}"
        f" srv={server.name if server is not None else '<none>'} ts=00 epoch=0 age={human(now - stream.request_began)} calls=1 rate=0 cpu=0 lat=0"
        f" rq[f=848000h,i={stream.inbox_size},an=8000h,rx={until(stream.client_expire, now)},wx=,ax=]"
        f" rp[f=80000000h,i=0,an=00h,rx={until(stream.server_expire, now)},wx=,ax=]"
        f" scf=[8,0h,fd={descriptor(stream.front)}] scb=[{8 if has_back else 0},{'11' if has_back else '1'}h,fd={descriptor(stream.back)}]"
        f" exp={until(expires, now)} rc={stream.retried} c_exp=\n"
    )


def descriptor(mux: Any) -> int:
    """The number of a connection's socket; -1 when there is none."""
    transport = getattr(mux, "transport", None)
    socket = transport.get_extra_info("socket") if transport is not None and not transport.is_closing() else None
    return socket.fileno() if socket is not None else -1


def own_summary(cli: Cli) -> str:
    """The line about this very conversation."""
    timeout = human(cli.timeout)
    return (
        f"{hex(id(cli))}: proto=unix_stream src=unix:{cli.number} fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=1 cpu=0 lat=0"
        f" rq[f=c08002h,i=0,an=00h,rx={timeout},wx=,ax=] rp[f=80008000h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=-1] scb=[8,1h,fd=-1]"
        f" exp={timeout} rc=0 c_exp=\n"
    )


def details(cli: Cli, stream: Any) -> str:
    """Several lines about one stream."""
    session, server, backend = stream.session, stream.server, stream.backend
    host, port = session.source
    source = f"proto=tcpv4 source={host}:{port}" if host else "proto=unix_stream source=unix:1"
    mode = "http" if stream.frontend.is_http else "tcp"
    bound = session.destination
    lines = [
        f"{hex(id(stream))}: [{wall_date(session)}] id={stream.number} {source}",
        f"  flags=0x0, conn_retries={stream.retried}, conn_exp=<NEVER> conn_et=0x000 srv_conn={pointer(stream.back)},"
        f" pend_pos={pointer(stream.place)} waiting=0 epoch=0",
        f"  frontend={stream.frontend.name} (id={stream.frontend.id} mode={mode}),"
        f" listener={session.listener.bind.name or '?'} (id={session.listener.id}) addr={bound[0]}:{bound[1]}",
    ]
    if backend is None:
        lines.append("  backend=<NONE> (id=-1 mode=-)")
    else:
        lines.append(f"  backend={backend.name} (id={backend.id} mode={mode})")
    lines.append(f"  server={server.name} (id={server.id}) addr={server.address}" if server is not None else "  server=<NONE> (id=-1)")
    lines.append(f"  task={hex(id(stream))} (state=0x00 nice=0 calls=1 rate=0 exp={until(stream.client_expire, cli.now) or '<NEVER>'} tmask=0x1 age=0s)")
    return "\n".join(lines) + "\n"


def wall_date(session: Any) -> str:
    """When the connection was accepted, to the microsecond."""
    from pylb.base.clock import log_date

    date = log_date(session.accepted_wall)
    return f"{date[:DATE_LENGTH]}.{int(session.accepted_wall % 1 * 1_000_000):06d}"


def pointer(thing: Any) -> str:
    return "(nil)" if thing is None else hex(id(thing))


def find(cli: Cli, text: str) -> Any:
    """The stream with this identifier, None when there is none."""
    match = IDENTIFIER.match(text)
    wanted = int(match[1], 16) if match is not None else int(text) if text.isdigit() else 0
    return next((stream for stream in streams(cli) if id(stream) == wanted), None)


@command("show sess", usage="show sess [id]", help="report the list of current sessions or dump this exact session", level=Level.OPERATOR)
def show_sessions(cli: Cli, words: Words) -> Answer:
    """The streams, one of them, or everything about all."""
    wanted = words.at(0)
    if wanted == "all":
        return (details(cli, stream) for stream in streams(cli))
    if wanted[:1].isdigit():
        stream = find(cli, wanted)
        if stream is None:
            return "Session not found.\n"
        return details(cli, stream)
    return listing(cli)


def listing(cli: Cli) -> Iterator[str]:
    for stream in streams(cli):
        yield summary(cli, stream)
    yield own_summary(cli)


@command("shutdown session", usage="shutdown session [id]", help="kill a specific session", level=Level.ADMIN)
def shutdown_session(cli: Cli, words: Words) -> None:
    """End one stream."""
    if not words.at(0)[:1].isdigit():
        raise Refusal("Session pointer expected (use 'show sess').\n")
    stream = find(cli, words[0])
    if stream is None:
        raise Refusal("No such session (use 'show sess').\n")
    stream.stop(Stop("K", "", None))
