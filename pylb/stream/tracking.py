"""Tracked counters (`sc0` to `sc2`): which table entries a session or a stream holds, and what happens to their data.

A session holds what `tcp-request connection` and `session` rules track, until the connection ends; a stream what other rules track, until the
stream ends. Where both track under one number the stream's entry counts. Nothing is done for who tracks nothing: the attribute
`tracked` is then None.
"""

from __future__ import annotations

from typing import Any

from pylb.proxy.table import Entry, Table

COUNTERS = 3  # sc0, sc1, sc2
Held = tuple[Table, Entry] | None


def track(holder: Any, number: int, table: Table, key: bytes | None, now: float) -> bool:
    """Hold the entry of `key` as counter `number`; False: it is taken already, or there is no entry to be had."""
    tracked: list[Held] | None = holder.tracked
    if tracked is not None and tracked[number] is not None:
        return False
    entry = table.get(key, now)
    if entry is None:
        return False
    if tracked is None:
        tracked = holder.tracked = [None] * COUNTERS
    tracked[number] = (table, entry)
    entry.uses += 1
    for name, count in (("conn_cur", 1), ("conn_cnt", 1), ("conn_rate", 1)):
        table.add(entry, name, count, now)
    table.touch(entry, now)
    return True


def held(subject: Any, number: int) -> Held:
    """What a stream (or a session without one) has as counter `number`."""
    if not 0 <= number < COUNTERS:
        return None
    own: list[Held] | None = subject.tracked
    if own is not None and own[number] is not None:
        return own[number]
    shared: list[Held] | None = subject.session.tracked
    return shared[number] if shared is not None else None


def count(subject: Any, names: tuple[str, ...], now: float, amount: int = 1) -> None:
    """Add to these counters of all that a stream and its session track."""
    if subject.tracked is None and subject.session.tracked is None:
        return
    for number in range(COUNTERS):
        found = held(subject, number)
        if found is not None:
            table, entry = found
            if table.names.isdisjoint(names):
                continue
            for name in names:
                table.add(entry, name, amount, now)
            table.touch(entry, now)


REQUEST = ("http_req_cnt", "http_req_rate")
ERROR = ("http_err_cnt", "http_err_rate")
FAILURE = ("http_fail_cnt", "http_fail_rate")
SESSION = ("sess_cnt", "sess_rate")
BAD_REQUEST = (*REQUEST, *ERROR)


def count_one(subject: Any, number: int, names: tuple[str, ...], now: float) -> None:
    """Add one to these counters of what is tracked under one number."""
    found = held(subject, number)
    if found is not None:
        for name in names:
            found[0].add(found[1], name, 1, now)
        found[0].touch(found[1], now)


def names_of_status(status: int) -> tuple[str, ...]:
    """What a server's answer counts as: a 4xx is an error of the client's, a 5xx a failure of the server's."""
    if 400 <= status < 500:
        return ERROR
    return FAILURE if 500 <= status < 600 and status not in (501, 505) else ()


def count_status(subject: Any, status: int, now: float) -> None:
    """A server answered."""
    names = names_of_status(status)
    if names:
        count(subject, names, now)


def increment(table: Table, entry: Entry, index: int, simple: bool, now: float) -> int | None:
    """Add one to a general purpose counter and to its rate, where they are stored; gives the counter's value, or else the rate's."""
    rate = table.place(f"gpc{index}_rate") if simple else table.element("gpc_rate", index)
    counter = table.place(f"gpc{index}") if simple else table.element("gpc", index)
    result = None
    if rate is not None:
        kept = entry.data[rate[0]] if rate[1] < 0 else entry.data[rate[0]][rate[1]]
        kept.add(now, 1)
        result = kept.current
    if counter is not None:
        result = table.read(entry, counter, now) + 1
        table.write(entry, counter, result, now)
    if result is not None:
        table.touch(entry, now)
    return result


def count_bytes(stream: Any, now: float) -> None:
    """The bytes of a stream that ends."""
    if stream.bytes_in:
        count(stream, ("bytes_in_cnt", "bytes_in_rate"), now, stream.bytes_in)
    if stream.bytes_out:
        count(stream, ("bytes_out_cnt", "bytes_out_rate"), now, stream.bytes_out)


def release(holder: Any, now: float) -> None:
    """Let go of everything held."""
    tracked: list[Held] | None = holder.tracked
    if tracked is None:
        return
    holder.tracked = None
    for one in tracked:
        if one is not None:
            table, entry = one
            entry.uses -= 1
            if entry.data.get("conn_cur"):
                entry.data["conn_cur"] -= 1
            table.touch(entry, now)
