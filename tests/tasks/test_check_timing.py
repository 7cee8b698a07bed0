"""When health checks happen and servers change, to the moment: stories in virtual time (configuration.txt 5.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import pylb.keywords
from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.stage import Stage

HEAD = "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
OK = b"HTTP/1.0 200 OK\r\n\r\n"
FAILED = b"HTTP/1.0 500 No\r\n\r\n"
TOLERANCE = 0.02


class Asked:
    """An origin that notes when it was asked; `answer` may change, None answers never."""

    def __init__(self, stage: Stage, host: str, answer: bytes | None = OK, delay: float = 0.0) -> None:
        self.stage, self.answer, self.delay = stage, answer, delay
        self.moments: list[float] = []
        self.endpoint = Endpoint.tcp(host, 80)
        origin(stage, host, 80, self.serve)

    async def serve(self, peer: Peer) -> None:
        self.moments.append(self.stage.world.time())
        await peer.recv()
        await self.stage.world.settle(self.delay)
        if self.answer is not None:
            await peer.send(self.answer)
        await peer.gone()

    @property
    def gaps(self) -> list[float]:
        return [later - sooner for sooner, later in zip(self.moments, self.moments[1:], strict=False)]


MADE: list[tuple[Stage, list[Any]]] = []


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Every stage of a test is taken down after it."""
    pylb.keywords.load()
    yield
    for one, origins in MADE:
        for stop in one._stops:
            stop()
        for origin in origins:
            origin.close()
        one.world.run(one.world.settle())
        one.world.close()
    MADE.clear()


def stage(text: str, head: str = HEAD) -> Stage:
    MADE.append((Stage(head + text), []))
    return MADE[-1][0]


def origin(one: Stage, host: str, port: int, serve: Callable[[Peer], Any]) -> None:
    """A scripted server of the last stage made."""
    MADE[-1][1].append(one.world.origin(Endpoint.tcp(host, port), serve))


def spent(one: Stage, seconds: float) -> None:
    """Let time pass."""

    async def story(_: Stage) -> None:
        await one.world.settle(seconds)

    one.run(story, settle=0.0)


def near(found: Sequence[float], expected: Sequence[float]) -> bool:
    return len(found) == len(expected) and all(abs(one - other) < TOLERANCE for one, other in zip(found, expected, strict=True))


def server(one: Stage, name: str = "b/s") -> Any:
    backend, _, which = name.partition("/")
    return one.process.backends[backend].servers_by_name[which]


def farm(words: Sequence[str], lines: str = " option httpchk\n") -> str:
    return "backend b\n" + lines + "".join(f" server s{n} 10.0.0.{n}:80 check {word}\n" for n, word in enumerate(words))


@pytest.mark.parametrize(
    ("head", "words", "expected"),
    [
        ("", ["inter 400"] * 4, [0.0, 0.1, 0.2, 0.3]),  # without an interval of a second: each by its own
        ("", ["inter 400", "inter 2s", "inter 400", "inter 1s"], [0.0, 0.5, 0.5, 0.75]),
        ("", ["inter 1s fastinter 100"] * 2, [0.0, 0.05]),  # a starting server is not fully up
        ("global\n max-spread-checks 200\n", ["inter 1s"] * 4, [0.0, 0.05, 0.1, 0.15]),
    ],
)  # fmt: skip
def test_first_checks_are_spread(head: str, words: list[str], expected: list[float]) -> None:
    one = stage(farm(words), head + HEAD)
    asked = [Asked(one, f"10.0.0.{n}") for n in range(len(words))]
    spent(one, 0.9)
    start = asked[0].moments[0]
    assert near([each.moments[0] - start for each in asked], expected)


def test_agents_take_part_in_the_spread() -> None:
    text = (
        "backend b\n option httpchk\n server s0 10.0.0.0:80 check inter 1s agent-check agent-port 99 agent-inter 400\n server s1 10.0.0.1:80 check inter 1s\n"
    )
    one = stage(text)
    asked = [Asked(one, f"10.0.0.{n}") for n in range(2)]
    spent(one, 0.9)
    assert near([asked[1].moments[0] - asked[0].moments[0]], [2 / 3])


def test_the_interval_begins_when_a_check_ends() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 300\n")
    asked = Asked(one, "10.0.0.1", delay=0.15)
    spent(one, 2.0)
    assert near(asked.gaps[:3], [0.45] * 3)


def test_fastinter_while_in_between_and_downinter_while_down() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 1s fastinter 200 downinter 3s rise 2 fall 3\n")
    asked = Asked(one, "10.0.0.1")
    seen: list[tuple[str, int]] = []

    async def story(_: Stage) -> None:
        for answer, count in ((OK, 2), (FAILED, 4), (OK, 3)):
            asked.answer = answer
            wanted = len(asked.moments) + count
            while len(asked.moments) < wanted:
                await one.world.settle(0.01)
            await one.world.settle(0.05)
            seen.append((server(one).status_text, server(one).check.health))

    one.run(story, settle=0.0)
    assert seen == [("UP", 4), ("DOWN", 0), ("UP", 4)]
    assert near(asked.gaps, [1.0, 1.0, 0.2, 0.2, 3.0, 3.0, 0.2, 1.0])


def test_a_server_goes_down_and_comes_back_step_by_step() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 2s fall 3 rise 2\n")
    asked = Asked(one, "10.0.0.1")
    changes: list[tuple[float, str]] = []

    async def story(_: Stage) -> None:
        await one.world.settle(3.0)
        one.world.refuse(asked.endpoint)
        start, status = one.world.time(), server(one).status_text
        while one.world.time() < start + 15:
            if one.world.time() > start + 8:
                one.world.heal(asked.endpoint)
            await one.world.settle(0.005)
            if server(one).status_text != status:
                status = server(one).status_text
                changes.append((one.world.time() - start, status))

    one.run(story, settle=0.0)
    assert [status for _, status in changes] == ["UP 2/3", "UP 1/3", "DOWN", "DOWN 1/2", "UP"]
    moments = [moment for moment, _ in changes]
    assert near([later - sooner for sooner, later in zip(moments, moments[1:], strict=False)], [2.0, 2.0, 4.0, 2.0])
    assert [re.sub(r"duration: \d+ms", "duration: 0ms", message) for message in one.messages] == [
        'Server b/s is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms.'
        " 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
        "backend 'b' has no server available!",
        "Server b/s is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 1 active and 0 backup servers online."
        " 0 sessions requeued, 0 total in queue.",
    ]


@pytest.mark.parametrize(
    ("lines", "status", "milliseconds"),
    [
        ("", "L4TOUT", 300),  # the interval, whatever `timeout connect` says
        (" timeout connect 100\n", "L4TOUT", 300),
        (" timeout connect 100\n timeout check 700\n", "L4TOUT", 100),
        (" timeout connect 500\n timeout check 700\n", "L4TOUT", 300),
        (" timeout check 100\n", "L4TOUT", 300),
    ],
)
def test_how_long_connecting_may_take(lines: str, status: str, milliseconds: int) -> None:
    one = stage(f"backend b\n{lines} option httpchk\n server s 10.0.0.1:80 check inter 300\n")
    one.world.black_hole(Endpoint.tcp("10.0.0.1", 80))
    spent(one, 0.9)
    check = server(one).check
    assert (check.status, check.text) == (status, "") and abs(check.duration - milliseconds) < 10


@pytest.mark.parametrize(
    ("lines", "milliseconds"),
    [("", 300), (" timeout check 700\n", 700), (" timeout check 100\n", 300)],  # never less than what connecting may take
)
def test_how_long_an_answer_may_take(lines: str, milliseconds: int) -> None:
    one = stage(f"backend b\n{lines} option httpchk\n server s 10.0.0.1:80 check inter 300\n")
    Asked(one, "10.0.0.1", answer=None)
    spent(one, 1.5)
    check = server(one).check
    assert check.status == "L7TOUT" and abs(check.duration - milliseconds) < 10


def test_each_connection_of_a_check_has_its_own_time() -> None:
    steps = " tcp-check connect\n tcp-check expect string x\n" * 2
    one = stage(f"backend b\n option tcp-check\n{steps} server s 10.0.0.1:80 check inter 300\n")

    async def serve(peer: Peer) -> None:
        await one.world.settle(0.2)
        await peer.send(b"x")
        await peer.gone()

    origin(one, "10.0.0.1", 80, serve)
    spent(one, 0.6)
    check = server(one).check
    assert (check.status, check.text) == ("L7OK", "(tcp-check)") and abs(check.duration - 400) < 10


def test_maintenance_pauses_checks() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 1s\n")
    asked = Asked(one, "10.0.0.1")
    spent(one, 2.5)
    assert len(asked.moments) == 3
    server(one).command_state("maint", one.process.clock.now())
    spent(one, 5.0)
    assert len(asked.moments) == 3
    server(one).command_state("ready", one.process.clock.now())
    spent(one, 2.2)
    assert len(asked.moments) == 5


def test_disabled_checks_rest_and_come_back() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 1s\n")
    asked = Asked(one, "10.0.0.1")
    spent(one, 1.5)
    server(one).check.enabled = False
    spent(one, 3.0)
    assert len(asked.moments) == 2
    server(one).check.enabled = True
    spent(one, 1.2)
    assert len(asked.moments) == 3


def test_a_tracking_server_is_not_checked() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 500\n server t 10.0.0.2:80 track s\n")
    asked, tracking = Asked(one, "10.0.0.1", FAILED), Asked(one, "10.0.0.2")
    spent(one, 2.0)
    assert len(asked.moments) > 3 and tracking.moments == []
    assert server(one, "b/t").is_stopped


@pytest.mark.parametrize("on_error", ["fastinter", "fail-check", "sudden-death", "mark-down"])
def test_bad_traffic_hastens_the_next_check(on_error: str) -> None:
    words = f"inter 60s fastinter 500 observe layer4 error-limit 2 on-error {on_error}"
    one = stage(f"backend b\n option httpchk\n server s 10.0.0.1:80 check {words}\n")
    asked = Asked(one, "10.0.0.1")
    spent(one, 5.0)
    before = len(asked.moments)
    now = one.world.time()
    server(one).connection_failed()
    server(one).connection_failed()
    spent(one, 1.0)
    assert near([asked.moments[before] - now], [0.5])


def test_traffic_hastens_nothing_without_fastinter() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 60s observe layer4 error-limit 1 on-error mark-down\n")
    asked = Asked(one, "10.0.0.1")
    spent(one, 5.0)
    server(one).connection_failed()
    spent(one, 5.0)
    assert len(asked.moments) == 1 and server(one).is_stopped


def test_spread_checks_varies_intervals() -> None:
    one = stage("backend b\n option httpchk\n server s 10.0.0.1:80 check inter 1s\n", "global\n spread-checks 30\n" + HEAD)
    asked = Asked(one, "10.0.0.1")
    spent(one, 60.0)
    assert all(0.7 - TOLERANCE <= gap <= 1.3 + TOLERANCE for gap in asked.gaps)
    assert max(asked.gaps) - min(asked.gaps) > 0.2


def test_an_agent_keeps_its_own_interval() -> None:
    one = stage("backend b\n server s 10.0.0.1:80 agent-check agent-port 99 agent-inter 700\n")
    moments: list[float] = []

    async def serve(peer: Peer) -> None:
        moments.append(one.world.time())
        await peer.send(b"down # tired\n" if len(moments) == 2 else b"up 50%\n")
        await peer.gone()

    origin(one, "10.0.0.1", 99, serve)
    spent(one, 1.0)
    assert server(one).status_text == "DOWN (agent)" and server(one).agent.text == "via agent : down (tired)"
    spent(one, 1.0)
    assert not server(one).is_stopped
    assert near([later - sooner for sooner, later in zip(moments, moments[1:], strict=False)][:2], [0.7, 0.7])


def test_nothing_is_left_when_checks_end() -> None:
    one = stage(farm(["inter 300"] * 3))
    asked = [Asked(one, f"10.0.0.{n}", answer=None if n == 1 else OK) for n in range(3)]
    spent(one, 1.1)
    for stop in one._stops:
        stop()
    spent(one, 0.1)
    counts: Callable[[], list[int]] = lambda: [len(each.moments) for each in asked]  # noqa: E731
    before = counts()
    spent(one, 3.0)
    assert counts() == before
    assert not [left for left in one.world.nothing_left() if not left.startswith("listener")]
