"""Pausing, resuming, stopping softly, and telling the state of all proxies: what the signals of management.txt 4 ask for.

HAProxy goes through its listeners protocol by protocol (IPv6, IPv4, unix), within each in the order of the configuration, and tells about a
proxy when the last of its listeners is done. Proxies without listeners follow in the order of the configuration. GLOBAL is the proxy of
the stats sockets, <HTTPCLIENT> one that HAProxy has for itself: both are told about, for those who compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pylb.base.net import Listening
from pylb.process.binding import ROUNDS
from pylb.proxy.process import NOTICE, WARNING, Process
from pylb.proxy.proxy import Backend, Face, Frontend
from pylb.stream.verdict import Stop

if TYPE_CHECKING:
    from pylb.control.cli import CliListener

GLOBAL, CLIENT = "GLOBAL", "<HTTPCLIENT>"


# -- soft stop
def stop_listening(process: Process, commands: Sequence[CliListener], *, in_worker: bool) -> None:
    """Close every listener and tell which proxies have stopped; in a worker the master still needs GLOBAL."""
    told = set()
    for owner in listening_proxies(process, commands):
        if owner is None:
            for listener in commands:
                listener.listening.close()
            if not in_worker:
                seen = conversations(process)
                process.message(WARNING, stopped_text(GLOBAL, seen, seen))
        else:
            close_listeners(owner)
            tell_stopped(process, owner, owner.own_backend)
            told.add(owner.name)
    for name, front, back in faces(process):
        if name not in told and not face_of(front, back).settings.disabled:
            tell_stopped(process, front, back)
    text = stopped_text(CLIENT, 0, 0)
    process.message(WARNING, text)
    process.log(WARNING, text)


def conversations(process: Process) -> int:
    """Connections that stats sockets have had: those that no frontend had."""
    return process.counters.connections_total - sum(frontend.counters.conn_tot for frontend in process.frontends.values())


def close_listeners(frontend: Frontend) -> None:
    """Connections that nobody has accepted are refused; the others go on until their next response."""
    for listener in frontend.listeners:
        if listener.listening is not None:
            listener.listening.close()
            listener.listening = None


def tell_stopped(process: Process, front: Frontend | None, back: Backend | None) -> None:
    """One line for a proxy: how many connections each of its faces had seen."""
    face = face_of(front, back)
    face.stopped = True
    seen = front.counters.conn_tot if front is not None else 0
    served = back.counters.stot if back is not None else 0
    tell(process, face, WARNING, stopped_text(face.name, seen, served))


def stopped_text(name: str, seen: int, served: int) -> str:
    return f"Proxy {name} stopped (cumulated conns: FE: {seen}, BE: {served})."


def tell_hard_stop(process: Process) -> None:
    """`hard-stop-after` has run out."""
    text = "soft-stop running for too long, performing a hard-stop."
    process.message(WARNING, text)
    process.log(WARNING, text)
    for name, frontend in process.frontends.items():
        if frontend.counters.scur:
            tell(process, frontend, WARNING, f"Proxy {name} hard-stopped ({frontend.counters.scur} remaining conns will be closed).")


def kill_streams(process: Process) -> None:
    """End every stream; who waits for an answer gets an error."""
    streams = [mux.stream for mux in process.sessions if mux.stream is not None]
    for stream in sorted(streams, key=lambda stream: stream.number):
        stream.stop(Stop("K", "", None))


def tell_grace(process: Process, milliseconds: int) -> None:
    """The soft stop begins later."""
    text = f"Scheduling a soft-stop in {milliseconds} ms."
    process.message(NOTICE, text)
    process.log(WARNING, text)


def tell_grace_over(process: Process) -> None:
    """The soft stop begins now."""
    text = "Grace period expired, proceeding with soft-stop now."
    process.message(NOTICE, text)
    process.log(NOTICE, text)


# -- pause and resume
def pause(process: Process, commands: Sequence[CliListener]) -> None:
    """TTOU: leave the ports to somebody else for a while."""
    change(process, commands, "Paused", lambda listening: listening.suspend(), Frontend.pause)


def resume(process: Process, commands: Sequence[CliListener]) -> None:
    """TTIN: accept again."""
    change(process, commands, "Resumed", lambda listening: listening.resume(), Frontend.resume)


def change(
    process: Process, commands: Sequence[CliListener], what: str, on_socket: Callable[[Listening], None], on_frontend: Callable[[Frontend], None]
) -> None:
    """Pause or resume everything that listens, and tell about each proxy."""
    for owner in listening_proxies(process, commands):
        if owner is None:
            for listener in commands:
                on_socket(listener.listening)
            process.message(WARNING, f"{what} frontend {GLOBAL}.")
        else:
            on_frontend(owner)
            kind = "proxy" if owner.own_backend is not None else "frontend"
            tell(process, owner, WARNING, f"{what} {kind} {owner.name}.")


def listening_proxies(process: Process, commands: Sequence[CliListener]) -> Iterator[Frontend | None]:
    """Frontends that listen, and None for GLOBAL, by their last listener."""
    last: list[tuple[int, int, Frontend | None]] = []
    if commands:
        last.append((max(ROUNDS.index(each.settings.bind.address.endpoint().kind) for each in commands), -1, None))
    for place, frontend in enumerate(process.frontends.values()):
        kinds = [ROUNDS.index(each.bind.address.endpoint().kind) for each in frontend.listeners if each.listening is not None]
        if kinds:
            last.append((max(kinds), place, frontend))
    for _, _, owner in sorted(last, key=lambda each: each[:2]):
        yield owner


# -- state
def dump(process: Process, commands: Sequence[CliListener]) -> None:
    """HUP: one line per server and proxy, to the terminal and the logs."""
    process.message(WARNING, "SIGHUP received, dumping servers states.")
    if commands:
        process.message(WARNING, f"SIGHUP: Proxy {GLOBAL} has no servers. {counts(None, None)}")
    for name, front, back in faces(process):
        face = face_of(front, back)
        if face.send_log is not None:
            face.send_log(NOTICE, f"SIGHUP received, dumping servers states for proxy {name}.")
        for line in state_lines(front, back):
            tell(process, face, NOTICE, line)
    process.log(NOTICE, f"SIGHUP received, dumping servers states for proxy {CLIENT}.")
    for line in ("Server <HTTPCLIENT>/<HTTPCLIENT> is UP. Conn: 0 act, 0 pend, 0 tot.", "Server <HTTPCLIENT>/<HTTPSCLIENT> is UP. Conn: 0 act, 0 pend, 0 tot."):
        process.message(WARNING, f"SIGHUP: {line}")
        process.log(NOTICE, f"SIGHUP: {line}")
    text = f"SIGHUP: Proxy {CLIENT} has no server available ! {counts(None, None)}"
    process.message(WARNING, text)
    process.log(NOTICE, text)


def state_lines(front: Frontend | None, back: Backend | None) -> Iterator[str]:
    """The state of every server of a proxy, then of the proxy."""
    name = face_of(front, back).name
    for server in back.servers if back is not None else ():
        state = "UP" if server.usable else "DOWN"
        yield f"SIGHUP: Server {name}/{server.name} is {state}. Conn: {server.served} act, {len(server.queue)} pend, {server.counters.stot} tot."
    if back is None or not back.servers:
        state = "has no servers."
    elif not back.balancer.active and not back.balancer.backups:
        state = "has no server available !"
    else:
        state = f"has {back.balancer.active} active servers and {back.balancer.backups} backup servers available."
    yield f"SIGHUP: Proxy {name} {state} {counts(front, back)}"


def counts(front: Frontend | None, back: Backend | None) -> str:
    """The current and total connections of both faces."""
    current, queued = (back.counters.scur, len(back.queue)) if back is not None else (0, 0)
    seen, open_now = (front.counters.conn_tot, front.counters.scur) if front is not None else (0, 0)
    served = back.counters.stot if back is not None else 0
    return f"Conn: act(FE+BE): {open_now}+{current}, {queued} pend (0 unass), tot(FE+BE): {seen}+{served}."


# -- common
def tell(process: Process, face: Face, level: int, text: str) -> None:
    """To the terminal as a warning, and to the proxy's logs."""
    process.message(WARNING, text)
    if face.send_log is not None:
        face.send_log(level, text)


def face_of(front: Frontend | None, back: Backend | None) -> Face:
    """The one that a proxy is named and logged by."""
    face = front if front is not None else back
    assert face is not None, "a proxy has at least one face"
    return face


def faces(process: Process) -> Iterator[tuple[str, Frontend | None, Backend | None]]:
    """Each proxy once, with the faces it has."""
    for face in process.proxies:
        if isinstance(face, Frontend):
            yield face.name, face, face.own_backend
        elif isinstance(face, Backend) and face.settings.kind != "listen":
            yield face.name, None, face
