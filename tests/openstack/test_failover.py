"""The failover drill: Nova API of one controller is killed under load and started again, through HAProxy and pylb at the same moment.

Clients over TLS keep sending, on connections they keep and on new ones. Nobody notices but those whose requests the dead service had:
what these get, what checks find and when, and what is logged must be the same.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from page_rig import CONTROLLERS, LIMIT, Pair, Program, missing, side_by_side, until

pytestmark = missing()

INTER = 0.4  # seconds between checks
PAUSE = 0.025  # seconds between two requests of a client
TOLERANCE = 0.15  # seconds by which the programs' checks may differ
IN_BETWEEN = "DOWN 4/2"  # HAProxy's for the moment between a check's last success and what follows from it
VICTIM = CONTROLLERS["controller-1"]
SETTLED = {"http-server-close": 0.0, "http-keep-alive": 0.1}  # seconds after the death in which a request may meet a dying connection

INSECURE = ssl.create_default_context()
INSECURE.check_hostname, INSECURE.verify_mode = False, ssl.CERT_NONE


@dataclass
class Seen:
    """One request of the load."""

    began: float
    ended: float
    status: int  # 0: the connection was closed without an answer
    server: str


@dataclass
class Side:
    """What one program showed."""

    program: Program
    requests: list[Seen] = field(default_factory=list)
    states: list[tuple[float, str]] = field(default_factory=list)
    held: list[asyncio.Task[bytes]] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)  # to the requests that were held

    def state(self) -> str:
        return self.states[-1][1] if self.states else ""

    def served_since(self, moment: float, status: int = 200) -> Counter[str]:
        return Counter(one.server for one in self.requests if one.began > moment and one.status == status)

    def steps(self, since: float) -> list[tuple[str, float]]:
        """Each state after `since`, with the seconds since the first of them."""
        later = [(moment, state) for moment, state in self.states if moment > since]
        return [(state, moment - later[0][0]) for moment, state in later]


class Drill:
    """The course of events; times are of the monotonic clock."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.sides = [Side(program) for program in pair]
        self.going = True
        self.killed = self.down = self.started = self.up = 0.0

    async def run(self) -> None:
        port = self.pair.site.nova
        for side in self.sides:
            await self.hold_requests(side)
        tasks = [asyncio.create_task(work) for side in self.sides for work in (self.watch(side), *self.clients(side))]
        await self.until(lambda: all(len(side.requests) > 50 and side.state() == "UP" for side in self.sides), "load")
        await asyncio.to_thread(self.pair.site.origins.kill, VICTIM, port)
        self.killed = time.monotonic()
        await self.until(lambda: all(side.state() == "DOWN" for side in self.sides), "DOWN")
        self.down = time.monotonic()
        await self.until(lambda: all(sum(side.served_since(self.down).values()) > 30 for side in self.sides), "traffic on the others")
        await asyncio.to_thread(self.pair.site.origins.start, VICTIM, port)
        self.started = time.monotonic()
        await self.until(lambda: all(side.state() == "UP" for side in self.sides), "UP")
        self.up = time.monotonic()
        await self.until(lambda: all(side.served_since(self.up)[VICTIM] > 10 for side in self.sides), "traffic back")
        self.going = False
        await asyncio.wait_for(asyncio.gather(*tasks), LIMIT)
        self.pair.site.origins.release()
        for side in self.sides:
            side.answers = list(await asyncio.wait_for(asyncio.gather(*side.held), LIMIT))

    async def until(self, ready: object, what: str) -> None:
        deadline = time.monotonic() + LIMIT
        while not ready():  # type: ignore[operator]
            assert time.monotonic() < deadline, f"waited too long for {what}"
            await asyncio.sleep(0.01)

    async def hold_requests(self, side: Side) -> None:
        """On every controller a request that gets no answer for now on a new connection, and one on a connection that served others."""
        for before in (0, 0, 0, 3, 3, 3):
            reader, writer = await self.connect(side)
            for _ in range(before):
                assert (await self.request(reader, writer))[0] == 200
            waiting = self.pair.site.origins.waiting
            writer.write(b"GET /wait HTTP/1.1\r\nhost: nova\r\nconnection: close\r\n\r\n" if not before else b"GET /wait HTTP/1.1\r\nhost: nova\r\n\r\n")
            await self.until(lambda waiting=waiting: self.pair.site.origins.waiting > waiting, "a held request")
            side.held.append(asyncio.create_task(self.rest(reader, writer)))

    async def rest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The answer to a held request, or what came before the connection ended."""
        answer = b""
        try:
            while not answer.endswith(tuple(host.encode() for host in CONTROLLERS.values())) and (data := await reader.read(65536)):
                answer += data
        except ConnectionError:
            answer += b" (reset)"
        writer.transport.abort()
        return answer

    # -- the load
    def clients(self, side: Side) -> list[object]:
        return [*(self.client(side, keep=True) for _ in range(4)), *(self.client(side, keep=False) for _ in range(2))]

    async def client(self, side: Side, keep: bool) -> None:
        connection = None
        while self.going:
            began = time.monotonic()
            try:
                connection = connection or await asyncio.wait_for(self.connect(side), LIMIT)
                status, server = await asyncio.wait_for(self.request(*connection), LIMIT)
            except (ConnectionError, asyncio.IncompleteReadError):
                status, server = 0, ""
            side.requests.append(Seen(began, time.monotonic(), status, server))
            if connection is not None and (not keep or status != 200):
                connection[1].transport.abort()
                connection = None
            await asyncio.sleep(PAUSE)

    async def connect(self, side: Side) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", side.program.ports["nova"], ssl=INSECURE)

    async def request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, str]:
        writer.write(b"GET / HTTP/1.1\r\nhost: nova\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        return int(head.split()[1]), (await reader.readexactly(int(length[1]))).decode()

    async def watch(self, side: Side) -> None:
        """The victim's state, whenever it changes."""
        while self.going:
            reader, writer = await asyncio.open_unix_connection(side.program.socket)
            writer.write(b"show stat nova_api_back 4 1\n")
            state = (await reader.read()).decode().splitlines()[1].split(",")[17]
            writer.close()
            if state not in (side.state(), IN_BETWEEN):
                side.states.append((time.monotonic(), state))
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module", params=list(SETTLED))
def drill(request: pytest.FixtureRequest) -> Iterator[tuple[str, Drill]]:
    with side_by_side(f"{INTER * 1000:.0f}ms", request.param) as pair:
        played = Drill(pair)
        asyncio.run(played.run())
        counts = [len(side.requests) + len(side.held) for side in played.sides]
        until(lambda: all(len(side.program.syslog.lines) > count for side, count in zip(played.sides, counts, strict=True)), "log lines")
        yield request.param, played


def test_new_requests_never_fail(drill: tuple[str, Drill]) -> None:
    mode, played = drill
    for side in played.sides:
        assert len(side.requests) > 100
        assert {one.status for one in side.requests if one.began > played.killed + SETTLED[mode]} == {200}
        assert {one.status for one in side.requests if one.ended < played.killed} == {200}


def test_nobody_waits_long(drill: tuple[str, Drill]) -> None:
    """A refused connection sends the request to another server at once."""
    for side in drill[1].sides:
        assert max(one.ended - one.began for one in side.requests) < 1.0


def test_traffic_leaves_and_returns(drill: tuple[str, Drill]) -> None:
    _, played = drill
    others = set(CONTROLLERS.values()) - {VICTIM}
    for side in played.sides:
        assert {one.server for one in side.requests if played.killed < one.began and one.ended < played.started} == others
        assert set(side.served_since(played.up)) == set(CONTROLLERS.values())


def test_requests_that_the_dead_service_had(drill: tuple[str, Drill]) -> None:
    """The same end: an error, or silence where the connection had served others. The requests of the other services were answered."""
    theirs, ours = (side.answers for side in drill[1].sides)
    assert ours == theirs
    assert sorted(answer[:12] for answer in ours if b" 200 " not in answer) == [b"", b"HTTP/1.1 502"]
    assert sum(b" 200 OK" in answer for answer in ours) == 4


def test_states_at_the_same_moments(drill: tuple[str, Drill]) -> None:
    _, played = drill
    theirs, ours = (side.steps(played.killed) for side in played.sides)
    assert [state for state, _ in ours] == [state for state, _ in theirs] == ["UP 2/3", "UP 1/3", "DOWN", "DOWN 1/2", "UP"]
    for first, then in ((0, 1), (1, 2), (3, 4)):
        for steps in (theirs, ours):
            assert abs(steps[then][1] - steps[first][1] - INTER) < TOLERANCE, steps
        assert abs((ours[then][1] - ours[first][1]) - (theirs[then][1] - theirs[first][1])) < TOLERANCE


def test_messages(drill: tuple[str, Drill]) -> None:
    theirs, ours = (at_rest(side.program.said()) for side in drill[1].sides)
    assert ours == theirs
    assert len(ours) == 2


def test_log_of_states(drill: tuple[str, Drill]) -> None:
    theirs, ours = (at_rest([line for line in side.program.logged() if " Server " in line]) for side in drill[1].sides)
    assert ours == theirs
    assert len(ours) == 2


def test_log_of_held_requests(drill: tuple[str, Drill]) -> None:
    """Server, times, status, termination."""
    theirs, ours = (sorted(shown(line) for line in side.program.logged() if "/wait" in line) for side in drill[1].sides)
    assert ours == theirs
    assert len(ours) == 5  # HAProxy keeps quiet about a connection's later request that got nothing: the client will send it again
    assert sum(" 502 209 - - SH-- " in line for line in ours) == 1


def test_log_of_the_load(drill: tuple[str, Drill]) -> None:
    """The ways in which answered requests end: at once, or after being sent elsewhere."""
    lines = ([line for line in side.program.logged() if '"GET / ' in line and " 200 " in line] for side in drill[1].sides)
    theirs, ours = (Counter((found[1], found[2]) for found in (re.search(r" (\S{4}) \S+/(\S+) 0/0 ", line) for line in kinds) if found) for kinds in lines)
    assert ours.keys() == theirs.keys()
    assert ("----", "+1") in ours or ("----", "1") in ours


def test_nothing_is_left_behind(drill: tuple[str, Drill]) -> None:
    """No session is stuck, no request counted twice."""
    for side in drill[1].sides:
        until(lambda side=side: set(side.program.states("scur").values()) == {"0"}, "sessions to end")
        answered = sum(one.status != 0 for one in side.requests)
        assert answered + 9 + 6 >= total(side.program) >= answered + 9


def total(program: Program) -> int:
    """Requests that the frontend counted as answered."""
    header, *rows = program.ask("show stat nova_api 1 -1").splitlines()
    names = header[2:].split(",")
    cells = rows[0].split(",")
    return sum(int(cells[names.index(name)]) for name in ("hrsp_2xx", "hrsp_5xx"))


def at_rest(lines: list[str]) -> list[str]:
    """Without the number of connection attempts that a verdict happens to meet."""
    return [re.sub(r"[0-6] sessions active", "N sessions active", line) for line in lines]


def shown(line: str) -> str:
    """A log line without the numbers of connections at the time."""
    return re.sub(r"\d+/\d+/\d+/\d+/(\S+) 0/0", r"N/N/N/N/\1 0/0", line)
