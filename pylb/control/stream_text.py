"""The texts of `show sess`: a line about each stream, or everything HAProxy tells of one.

Addresses stand for objects, so that lines about the same one can be matched; nobody can look behind them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from pylb.base.clock import log_date
from pylb.base.timers import NEVER
from pylb.control import stream_view as view

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.proxy import Face

DATE_LENGTH: Final = 20
BUFFER, HTX = 16384, 16336  # sizes of a buffer, and of what an HTTP message may take of it
EMPTY_HTX: Final = "flags=0x0 size=0 data=0 used=0 wrap=NO extra=0"


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


def proto(host: str, port: int = 0) -> str:
    """HAProxy's name of an address's family."""
    return "unix_stream" if not host else "tcpv6" if ":" in host else "tcpv4"


def place_of(name: tuple[str, int], listener: int = 1) -> str:
    """An address with its port, or the number of a unix socket's listener."""
    return f"{name[0]}:{name[1]}" if name[0] else f"unix:{listener}"


def epoch_of(cli: Cli, number: int) -> str:
    """How many times the streams had been listed when this one began."""
    epoch = bisect_right(cli.process.listings, number)
    return f"0x{epoch:x}" if epoch else "0"


def task_expires(stream: Any, now: float) -> float:
    """When the stream's task is woken at the latest. HAProxy does not move that back when what it waited for came early."""
    expires: float = min(stream.client_expire, stream.server_expire, stream.step_expire, stream.waits_until)
    if stream.back is not None and stream.time_queue >= 0:
        connect: float = stream.idle_from + stream.time_queue / 1000 + stream.backend.timeout_connect
        if connect > now:
            return min(expires, connect)
    return expires


def summary(cli: Cli, stream: Any) -> str:
    """One line about one stream."""
    now, session, backend, server = cli.now, stream.session, stream.backend, stream.server
    request, response = view.request_channel(stream), view.response_channel(stream)
    state = view.STATES.get(view.where(stream), view.ESTABLISHED)[1]
    has_server = server is not None and view.where(stream) != view.QUEUE
    return (
        f"{hex(id(stream))}: proto={proto(*session.source)} src={place_of(session.source, session.listener.id)} fe={stream.frontend.name}"
        f" be={backend.name if backend is not None else '<NONE>'} srv={server.name if has_server else '<none>'}"
        f" ts=00 epoch={epoch_of(cli, stream.number)} age={human(age(session, cli))} calls=1 rate=0 cpu=0 lat=0"
        f" rq[{channel_summary(stream, request, now)}] rp[{channel_summary(stream, response, now)}]"
        f" scf=[8,{view.client_connector(stream).flags:x}h,fd={descriptor(stream.front)}]"
        f" scb=[{state},{view.server_connector(stream).flags:x}h,fd={descriptor(stream.back)}]"
        f" exp={until(task_expires(stream, now), now)} rc={stream.retried} c_exp={until(connect_expires(stream), now)}\n"
    )


def incoming(stream: Any, channel: view.Channel) -> int:
    """What a buffer's input is said to be: HTTP messages leave no more of it than they need to."""
    if not channel.held:
        return 0
    out = channel.held if channel.going_out else 0
    return (BUFFER if stream.request is not None else channel.held) - out


def channel_summary(stream: Any, channel: view.Channel, now: float) -> str:
    deadlines = f"rx={until(channel.read_ends, now)},wx={until(channel.write_ends, now)},ax={until(channel.analysis_ends, now)}"
    return f"f={channel.flags:06x}h,i={incoming(stream, channel)},an={channel.analysers:02x}h,{deadlines}"


def connect_expires(stream: Any) -> float:
    """When an attempt to connect, or the wait for a place, ends."""
    waits = view.where(stream) in (view.QUEUE, view.CONNECT)
    return stream.step_expire if waits else NEVER


def age(session: Any, cli: Cli) -> float:
    """Seconds since the connection came, as calendar seconds."""
    return int(cli.process.clock.wall()) - int(session.accepted_wall)


def descriptor(mux: Any) -> int:
    """The number of a connection's socket; -1 when there is none."""
    transport = getattr(mux, "transport", None)
    socket = transport.get_extra_info("socket") if transport is not None and not transport.is_closing() else None
    return socket.fileno() if socket is not None else -1


def own_summary(cli: Cli, sent: int) -> str:
    """The line about this very conversation, which has said so much already."""
    timeout = human(cli.timeout)
    return (
        f"{hex(id(cli))}: proto=unix_stream src=unix:{cli.number} fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch={epoch_of(cli, cli.stream_number)}"
        " age=0s calls=1 rate=1 cpu=0 lat=0"
        f" rq[f=c08002h,i=0,an=00h,rx={timeout},wx=,ax=] rp[f={own_flags(sent):x}h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=-1] scb=[8,1h,fd=-1]"
        f" exp={timeout} rc=0 c_exp=\n"
    )


def pointer(thing: Any) -> str:
    return "(nil)" if thing is None else hex(id(thing))


# -- everything about a stream
def details(cli: Cli, stream: Any) -> str:
    """All lines about one stream."""
    now, session = cli.now, stream.session
    lines = [
        f"{hex(id(stream))}: [{wall_date(session.accepted_wall)}] id={stream.number} proto={proto(*session.source)}"
        f" source={place_of(session.source, session.listener.id)}",
        f"  flags=0x{view.stream_flags(stream):x}, conn_retries={stream.retried}, conn_exp={expires(connect_expires(stream), now)} conn_et=0x000"
        f" srv_conn={pointer(stream.server if view.where(stream) >= view.CONNECT else None)}, pend_pos={pointer(stream.place)}"
        f" waiting=0 epoch={epoch_of(cli, stream.number)}",
        *owners(stream),
        f"  task={hex(id(stream) + 1)} (state=0x00 nice=0 calls=1 rate=0 exp={expires(task_expires(stream, now), now)} tmask=0x1"
        f" age={human(age(session, cli))})",
        *transaction(stream),
        *client_side(stream),
        *server_side(stream),
        *channel("req", stream, view.request_channel(stream), now),
        *channel("res", stream, view.response_channel(stream), now),
    ]
    rule = stream.current_rule
    if rule is not None:
        lines.append(f'  current_rule="{rule.action}" [{rule.place}]')
    return "\n".join(lines) + "\n"


def wall_date(wall: float) -> str:
    """A moment, to the microsecond."""
    return f"{log_date(wall)[:DATE_LENGTH]}.{int(wall % 1 * 1_000_000):06d}"


def expires(moment: float, now: float) -> str:
    return until(moment, now) or "<NEVER>"


def owners(stream: Any) -> list[str]:
    """The proxies and the server."""
    session, backend, server = stream.session, stream.backend, stream.server
    bound = place_of(session.destination, session.listener.id)
    lines = [
        f"  frontend={stream.frontend.name} (id={stream.frontend.id} mode={mode(stream.frontend)}),"
        f" listener={session.listener.bind.name or '?'} (id={session.listener.id}) addr={bound}"
    ]
    if backend is None:
        return [*lines, "  backend=<NONE> (id=-1 mode=-)", "  server=<NONE> (id=-1)"]
    chosen = server is not None and view.where(stream) >= view.CONNECT
    local = f" addr={place_of(own_address(stream))}" if chosen else ""
    there = f"{server.name} (id={server.id}) addr={server_address(server)}" if chosen else "<none> (id=0)"
    return [*lines, f"  backend={backend.name} (id={backend.id} mode={mode(backend)}){local}", f"  server={there}"]


def mode(face: Face) -> str:
    return "http" if face.is_http else "tcp"


def own_address(stream: Any) -> tuple[str, int]:
    """Our end of the connection to the server."""
    transport = getattr(stream.back, "transport", None)
    name = transport.get_extra_info("sockname") if transport is not None else None
    return (name[0], name[1]) if isinstance(name, tuple) else ("", 0)


def server_address(server: Any) -> str:
    address = server.address
    return f"{address.host}:{address.port}" if address.is_ip else "unix:1"


def transaction(stream: Any) -> list[str]:
    """The HTTP transaction."""
    if stream.request is None:
        return []
    return [
        f"  txn={hex(id(stream) + 2)} flags=0x{view.transaction_flags(stream):x} meth={view.method_number(stream.request.method)}"
        f" status={view.status(stream)} req.st={view.request_state(stream)} rsp.st={view.response_state(stream)}"
        f" req.f=0x{view.message_flags(stream.request, stream.tunnel):02x} rsp.f=0x{view.message_flags(stream.response, stream.tunnel):02x}"
    ]


def client_side(stream: Any) -> list[str]:
    """The connector to the client and its connection."""
    session, front, connector = stream.session, stream.front, view.client_connector(stream)
    return [
        f"  scf={hex(id(front))} flags=0x{connector.flags:08x} state=EST endp=CONN,{hex(id(front) + 1)},0x{connector.end_flags:08x}"
        f" sub={connector.subscribed}",
        *connection(0, front, proto(*session.source), session.tls is not None, stream, f"LISTENER:{hex(id(session.listener))}", connector),
    ]


def server_side(stream: Any) -> list[str]:
    """The connector to the server, and its connection when there is one."""
    at, connector, server = view.where(stream), view.server_connector(stream), stream.server
    state = view.STATES.get(at, view.ESTABLISHED)[0]
    if at < view.CONNECT:
        return [f"  scb={hex(id(stream) + 3)} flags=0x{connector.flags:08x} state={state} endp=NONE,(nil),0x{connector.end_flags:08x} sub=0"]
    back = stream.back if stream.back is not None else stream.connecting
    family = proto(server.address.host if server.address.is_ip else "")
    return [
        f"  scb={hex(id(stream) + 3)} flags=0x{connector.flags:08x} state={state} endp=CONN,{hex(id(back) + 1)},0x{connector.end_flags:08x}"
        f" sub={connector.subscribed}",
        *connection(1, back, family, server.settings.ssl, stream, f"SERVER:{hex(id(server))}", connector),
    ]


def connection(number: int, mux: Any, family: str, tls: bool, stream: Any, target: str, connector: view.Connector) -> list[str]:
    """The two lines about a connection."""
    name = "H1" if stream.request is not None else "PASS"
    return [
        f"      co{number}={hex(id(mux))} ctrl={family} xprt={'SSL' if tls else 'RAW'} mux={name} data=STRM target={target}",
        f"      flags=0x{connector.connection_flags:08x} fd={descriptor(mux)} fd.state={connector.descriptor_state} updt=0 fd.tmask=0x1",
    ]


def channel(name: str, stream: Any, what: view.Channel, now: float) -> list[str]:
    """One direction, what its buffer holds, and the message in it."""
    place, http = id(stream) + (4 if name == "req" else 5), stream.request is not None
    data, out, held = ("(nil)", 0, 0) if not what.held else (hex(place + 2), what.held if what.going_out else 0, what.held)
    size = BUFFER if held else 0
    lines = [
        f"  {name}={hex(place)} (f=0x{what.flags:06x} an=0x{what.analysers:x} pipe=0 tofwd={what.forward} total={what.total})",
        f"      an_exp={expires(what.analysis_ends, now)} rex={expires(what.read_ends, now)} wex={expires(what.write_ends, now)}",
        f"      buf={hex(place + 1)} data={data} o={out} p={out} i={incoming(stream, what)} size={size}",
    ]
    if http:
        lines.append(f"      htx={hex(place + 3)} {message(stream, held, what.going_out)}")
    return lines


def message(stream: Any, held: int, going_out: bool) -> str:
    """What an HTTP buffer holds: start line, fields, their end, and perhaps a piece of the body."""
    if not held:
        return EMPTY_HTX
    request = stream.request
    blocks = len(request.headers) + 2 + bool(stream.inbox_size)
    rest = max(0, (request.length or 0) - stream.inbox_size)
    return f"flags=0x{0x10 if stream.request_complete and going_out else 0:x} size={HTX} data={held} used={blocks} wrap=NO extra={rest}"


def own_flags(sent: int) -> int:
    """The flags of a conversation's answer."""
    return 0x80008002 if sent else 0x80008000


def own_details(cli: Cli, sent: int) -> str:
    """The lines about this very conversation, which has said so much already."""
    timeout, me = human(cli.timeout), id(cli)
    line = len(cli.line) + 1
    return (
        f"{hex(me)}: [{wall_date(cli.since)}] id={cli.stream_number} proto=unix_stream source=unix:{cli.number}\n"
        f"  flags=0x8, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=(nil), pend_pos=(nil) waiting=0 epoch={epoch_of(cli, cli.stream_number)}\n"
        f"  frontend=GLOBAL (id=0 mode=tcp), listener=? (id={cli.number}) addr=unix:{cli.number}\n"
        "  backend=<NONE> (id=-1 mode=-)\n"
        "  server=<NONE> (id=-1)\n"
        f"  task={hex(me + 1)} (state=0x00 nice=-64 calls=1 rate=1 exp={timeout} tmask=0x1 age=0s)\n"
        f"  scf={hex(me + 2)} flags=0x00000000 state=EST endp=CONN,{hex(me + 3)},0x028c0001 sub=1\n"
        f"      co0={hex(me + 4)} ctrl=unix_stream xprt=RAW mux=PASS data=STRM target=LISTENER:{hex(me + 5)}\n"
        "      flags=0x00000300 fd=-1 fd.state=121 updt=1 fd.tmask=0x1\n"
        f"  scb={hex(me + 6)} flags=0x00000001 state=EST endp=APPCTX,{hex(me + 7)},0x02800002 sub=0\n"
        f"      app1={hex(me + 7)} st0=9 st1=0 st2=0 applet=<CLI> tmask=0x1 nice=-64 calls=2 rate=0 cpu=0 lat=0\n"
        f"  req={hex(me + 8)} (f=0xc08002 an=0x0 pipe=0 tofwd=-1 total={line})\n"
        f"      an_exp=<NEVER> rex={timeout} wex=<NEVER>\n"
        f"      buf={hex(me + 9)} data={hex(me + 10)} o=0 p=0 i=0 size={BUFFER}\n"
        f"  res={hex(me + 11)} (f=0x{own_flags(sent):x} an=0x0 pipe=0 tofwd=-1 total={sent})\n"
        "      an_exp=<NEVER> rex=<NEVER> wex=<NEVER>\n"
        f"      buf={hex(me + 12)} data={hex(me + 13)} o={sent} p={sent} i=0 size={BUFFER}\n"
    )
