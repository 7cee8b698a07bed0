"""What a process says of its proxies when it stops softly or is asked for their state (management.txt 4)."""

from __future__ import annotations

from collections.abc import Iterator

from pylb.proxy.process import WARNING, Process
from pylb.proxy.proxy import Backend, Frontend


def tell_stopped(process: Process) -> None:
    """One line per proxy: how many connections each of its faces had seen."""
    for name, front, back in faces(process):
        seen = front.counters.conn_tot if front is not None else 0
        served = back.counters.stot if back is not None else 0
        text = f"Proxy {name} stopped (cumulated conns: FE: {seen}, BE: {served})."
        process.message(WARNING, text)
        face = front or back
        if face is not None and face.send_log is not None:
            face.send_log(WARNING, text)


def state_lines(process: Process) -> Iterator[str]:
    """SIGHUP: the state of every server, then of its proxy."""
    for name, front, back in faces(process):
        for server in back.servers if back is not None else ():
            state = "UP" if server.usable else "DOWN"
            counters = server.counters
            yield f"SIGHUP: Server {name}/{server.name} is {state}. Conn: {server.served} act, {len(server.queue)} pend, {counters.stot} tot."
        if back is not None and back.servers:
            state = f"has {back.balancer.active} active servers" if back.balancer.active or back.balancer.backups else "has no server available"
            if back.balancer.active or back.balancer.backups:
                yield f"SIGHUP: Proxy {name} {state} and {back.balancer.backups} backup servers available. {counts(front, back)}"
            else:
                yield f"SIGHUP: Proxy {name} has no server available! {counts(front, back)}"
        else:
            yield f"SIGHUP: Proxy {name} has no servers. {counts(front, back)}"


def counts(front: Frontend | None, back: Backend | None) -> str:
    """The current and total connections of both faces."""
    current, queued = (back.counters.scur, len(back.queue)) if back is not None else (0, 0)
    seen, open_now = (front.counters.conn_tot, front.counters.scur) if front is not None else (0, 0)
    served = back.counters.stot if back is not None else 0
    return f"Conn: act(FE+BE): {open_now}+{current}, {queued} pend (0 unass), tot(FE+BE): {seen}+{served}."


def faces(process: Process) -> Iterator[tuple[str, Frontend | None, Backend | None]]:
    """Each proxy once, with the faces it has."""
    for face in process.proxies:
        if isinstance(face, Frontend):
            yield face.name, face, face.own_backend
        elif face.settings.kind != "listen":
            yield face.name, None, face
