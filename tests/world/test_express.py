"""The express lane says, counts and logs what the long road does: each story is played on both, and everything that can be seen is compared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from inspect import isawaitable
from typing import Any

import pytest

from pylb.base.net import Endpoint
from pylb.lab.peer import Peer
from pylb.lab.stage import Stage
from pylb.stream.stream import HttpStream

Make = Callable[..., Stage]
FRONT, BACK, OTHER = Endpoint.tcp("10.0.0.1", 80), Endpoint.tcp("10.0.0.2", 80), Endpoint.tcp("10.0.0.3", 80)

CONFIG = """
global
    log 10.9.9.9:514 local0
defaults
    mode http
    log global
    {logs}
    timeout client 10s
    timeout server 6s
    timeout connect 4s
    timeout queue 8s
    timeout http-keep-alive 3s
frontend fe
    bind 10.0.0.1:80
    {front}
    default_backend be
backend be
    {back}
    server s1 10.0.0.2:80 {words}
backend other
    server s1 10.0.0.3:80
"""
ODD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx\x01y: 1\r\n\r\nok"
ALL = "%ci %cp %fi %fp %bi %bp %si %sp %f %b %s %HM %HP %HQ %HU %HV %r %ST %B %U %Ta %Tc %Td %Th %Ti %Tq %TR %Tr %Tt %Tw %ac %fc %bc %sc %rc %sq %bq %tsc %ts %CC %CS %hr %hs %lc %rt"
VARIABLES = """http-request set-var(sess.p) path if { path /a }
    http-request set-var(txn.p) path
    http-request set-var(req.p) path
    http-request set-var(proc.p) path"""
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-from: s\r\n\r\nok"


def get(path: str = "/", method: str = "GET", fields: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode()


UPGRADE = get(fields="Connection: upgrade\r\nUpgrade: x\r\n")

Act = Callable[[Stage, Peer], Awaitable[None]]
Event = Callable[[Stage, Peer], object]


@dataclass(frozen=True)
class Case:
    """What a client does once its connection has served two requests, and how the server answers from the third on."""

    act: Act
    answer: bytes | tuple[bytes, ...] = OK  # several: one after the other, and again
    front: str = ""
    back: str = ""
    words: str = ""
    logs: str = "option httplog"
    numbered: bool = False  # each answer has a field of its own
    after: float = 0.0  # seconds until the server answers
    pieces: int = 0  # the answer comes in pieces of so many bytes; 0: whole
    end: str = ""  # what the server does after its answer: close, reset


def ask(*requests: bytes, wait: float = 1.0) -> Act:
    """Send requests one after the other."""

    async def act(stage: Stage, client: Peer) -> None:
        for request in requests:
            if client.lost:  # an answer ended the connection
                return
            await client.send(request)
            await asyncio.sleep(wait)

    return act


def in_pieces(*requests: bytes) -> Act:
    """Send requests byte by byte."""

    async def act(stage: Stage, client: Peer) -> None:
        for request in requests:
            for at in range(len(request)):
                await client.send(request[at : at + 1])
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)

    return act


def then(*events: str, after: float = 0.5) -> Act:
    """Ask, and let something else happen before the answer comes."""

    async def act(stage: Stage, client: Peer) -> None:
        await client.send(get("/last"))
        for event in events:
            await asyncio.sleep(after)
            result = EVENTS[event](stage, client)
            if isawaitable(result):
                await result
        await asyncio.sleep(12)

    return act


def shut(stage: Stage, client: Peer) -> None:
    """`shutdown session`."""
    for mux in list(stage.process.sessions):
        mux.stream.kill("K")


def break_off(stage: Stage, client: Peer) -> None:
    """The connection begins to close, as when TLS breaks; before anybody hears of it the answer comes."""
    mux = next(iter(stage.process.sessions))
    mux.transport.close()
    mux.stream.back.data_received(OK)


def set_server(word: str) -> Event:
    """A command changes the server's state."""
    return lambda stage, client: stage.process.backends["be"].servers[0].command_state(word, stage.process.clock.now())


EVENTS: dict[str, Event] = {
    "reset": lambda stage, client: client.reset(),
    "finish": lambda stage, client: client.close(),
    "more": lambda stage, client: client.send(get("/piped")),
    "much": lambda stage, client: client.send(get("/piped") * 800),
    "stop": lambda stage, client: setattr(stage.process, "stopping", True),
    "disable": lambda stage, client: setattr(stage.process.frontends["fe"], "stopped", True),
    "maint": set_server("maint"),
    "drain": set_server("drain"),
    "shut": shut,
    "break": break_off,
}


async def unread(stage: Stage, client: Peer) -> None:
    """Ask again and again, and read nothing for a while."""
    client.stop_reading()
    for number in range(40):
        await client.send(get(f"/{number}"))
        await asyncio.sleep(0.1)
    client.start_reading()
    await asyncio.sleep(2)
    await client.send(get("/last"))
    await asyncio.sleep(9)


async def crowd(stage: Stage, client: Peer) -> None:
    """Other clients come, two requests each."""
    others = [await stage.world.client(FRONT) for _ in range(4)]
    for path in ("/a", "/b"):
        for other in (client, *others):
            await other.send(get(path))
            await asyncio.sleep(0.01)
        await asyncio.sleep(3)
    for other in others:
        client.buffer += b"|" + other.buffer
        other.close()


CASES = {
    "plain": Case(ask(get(), get("/2"), get("/3?a=b"))),
    "changing-requests": Case(ask(*(get(f"/{number}", fields=f"X-Number: {number}\r\n") for number in range(4)))),
    "changing-odd-requests": Case(ask(*(get(f"/{number}", fields=f"X-Number: {number}\r\n folded\r\n") for number in range(3)))),
    "changing-answers": Case(ask(get(), get(), get(method="HEAD"), get()), numbered=True),
    "changing-empty": Case(ask(get(), get()), answer=OK.replace(b" 2", b" 0")[:-2], numbered=True),
    "changing-errors": Case(ask(get(), get()), answer=b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", numbered=True),
    "changing-challenge": Case(ask(get(), get()), answer=b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", numbered=True),
    "changing-close": Case(ask(get(), get()), answer=OK.replace(b"x-from", b"connection: close\r\nx-from"), numbered=True, end="close"),
    "changing-interim": Case(ask(get(), get()), answer=b"HTTP/1.1 100 Go\r\n\r\n" + OK, numbered=True),
    "changing-garbage": Case(ask(get(), get()), answer=b"HTTP/1.1 200 OK\r\n: nothing\r\n\r\n", numbered=True),
    "changing-pieces": Case(ask(get(), get()), numbered=True, pieces=30),
    "slow": Case(ask(get(), get("/2"), wait=3), after=1.5),
    "idle": Case(ask(get(), wait=9)),
    "pieces": Case(ask(get(), get("/2")), pieces=20),
    "head": Case(ask(get(method="HEAD"), get()), answer=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"),
    "empty": Case(ask(get(), get()), answer=b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    "no-content": Case(ask(get(), get()), answer=b"HTTP/1.1 204 No\r\n\r\n"),
    "not-modified": Case(ask(get(), get()), answer=b"HTTP/1.1 304 No\r\ncontent-length: 5\r\n\r\n"),
    "chunked": Case(ask(get(), get()), answer=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    "closing": Case(ask(get(), get()), answer=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", end="close"),
    "old": Case(ask(get(), get()), answer=b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    "until-close": Case(ask(get(), get()), answer=b"HTTP/1.1 200 OK\r\n\r\nok", end="close"),
    "error": Case(ask(get(), get()), answer=b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nok"),
    "challenge": Case(ask(get(), get(), get()), answer=b"HTTP/1.1 401 No\r\ncontent-length: 2\r\nwww-authenticate: NTLM\r\n\r\nok"),
    "too-much": Case(ask(get(), get()), answer=OK + b"extra"),
    "two-answers": Case(ask(get(), get()), answer=OK + OK),
    "interim": Case(ask(get(), get()), answer=b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK),
    "garbage": Case(ask(get(), get()), answer=b"who are you?\r\n\r\n"),
    "large": Case(ask(get(), get()), answer=b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100000),
    "early-close": Case(ask(get(), get()), answer=b"", end="close"),
    "early-reset": Case(ask(get(), get()), answer=b"", end="reset"),
    "half": Case(ask(get(), get()), answer=OK[:-1], end="close"),
    "silent": Case(ask(get(), wait=9), after=30),
    "post": Case(ask(get(method="POST", fields="Content-Length: 0\r\n"), get(method="POST", fields="Content-Length: 2\r\n") + b"ab", get())),
    "client-closes": Case(ask(get(fields="Connection: close\r\n"))),
    "old-client": Case(ask(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", get())),
    "pipelined": Case(ask(get("/1") + get("/2") + get("/3"))),
    "piped-later": Case(then("more"), after=1),
    "client-resets": Case(then("reset"), after=2),
    "client-finishes": Case(then("finish"), after=2),
    "client-finishes-noticed": Case(then("finish"), after=2, front="option abortonclose", back="option abortonclose"),
    "stopping": Case(then("stop"), after=1),
    "shut": Case(then("shut"), after=5),
    "breaking": Case(then("break"), after=5),
    "set-header": Case(ask(get(), get("/admin")), front="http-request set-header x-admin 1 if { path_beg /admin }"),
    "del-header": Case(ask(get(fields="X-Secret: 1\r\n")), front="http-request del-header x-secret"),
    "set-path": Case(ask(get("/a")), front="http-request set-path /b%[path]"),
    "set-method": Case(ask(get("/a")), front="http-request set-method POST"),
    "set-var": Case(ask(get("/a")), front="http-request set-var(req.p) path", logs='log-format "%ci %[var(req.p)] %ST"'),
    "deny": Case(ask(get("/no"), get("/yes")), front="http-request deny if { path /no }"),
    "redirect": Case(ask(get("/no"), get("/yes")), front="http-request redirect location /yes if { path /no }"),
    "return": Case(ask(get("/no"), get("/yes")), front="http-request return status 200 content-type text/plain string hi if { path /no }"),
    "tarpit": Case(ask(get("/no"), wait=6), front="http-request tarpit if { path /no }"),
    "silent-drop": Case(ask(get("/no")), front="http-request silent-drop if { path /no }"),
    "timeout": Case(ask(get(), wait=3), back="http-request set-timeout server 1s", after=2),
    "use-backend": Case(ask(get("/o"), get("/"), get("/o")), front="use_backend other if { path /o }"),
    "no-backend": Case(ask(get("/o")), front="use_backend %[path,field(2,/)] if { path /nowhere }"),
    "no-server": Case(ask(get()), words="disabled"),
    "maxconn": Case(ask(get(), get()), words="maxconn 1"),
    "forwardfor": Case(ask(get(), get()), front="option forwardfor"),
    "unique-id": Case(ask(get(), get()), front="unique-id-format %{+X}o%ci:%rt\n    unique-id-header x-id"),
    "hash": Case(ask(get("/a"), get("/b")), back="balance uri"),
    "own-log": Case(ask(get()), logs='log-format "%ST %[var(txn.x)] %B %U %Tr %Ta %HP"', front="http-request set-var(txn.x) method"),
    "log-request-only": Case(ask(get(), wait=3), logs='log-format "%ci %HP"', after=2),
    "log-at-once": Case(ask(get(), wait=3), logs='log-format "%ci %ST"', after=2),
    "capture": Case(ask(get()), front="capture response header x-from len 5"),
    "dontlog": Case(ask(get()), logs="option httplog\n    option dontlog-normal"),
    "separate": Case(ask(get()), logs="option httplog\n    option log-separate-errors", answer=OK.replace(b"200", b"502")),
    "early-hint": Case(ask(get()), front="http-request early-hint link x"),
    "continue": Case(ask(get(fields="Expect: 100-continue\r\n"))),
    "head-in-pieces": Case(in_pieces(get(), get("/2", fields="X-Other: 1\r\n"))),
    "empty-lines-first": Case(ask(b"\r\n" + get(), b"\r\n\r\n" + get())),
    "bare-line-ends": Case(ask(get().replace(b"\r\n", b"\n"), get())),
    "absolute": Case(ask(get("http://a.example/x"), get("http://b.example/x"))),
    "connect": Case(ask(get(method="CONNECT"), get())),
    "options": Case(ask(get("*", method="OPTIONS"), get(method="OPTIONS"))),
    "keep-alive-said": Case(ask(*[get(fields="Connection: keep-alive\r\n")] * 3), answer=OK.replace(b"x-from", b"connection: keep-alive\r\nx-from")),
    "trailers-taken": Case(ask(*[get(fields="TE: trailers\r\n")] * 3)),
    "two-hosts": Case(ask(*[get(fields="Host: b\r\n")] * 3)),
    "upgrade": Case(ask(*[UPGRADE] * 2, b"raw"), answer=b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhi"),
    "upgrade-refused": Case(ask(*[UPGRADE] * 3)),
    "upgrade-unasked": Case(ask(get(), get()), answer=b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhi"),
    "close-unsaid": Case(ask(get(), get(), get()), end="close"),
    "reset-behind": Case(ask(get(), get(), get()), end="reset"),
    "more-then-finish": Case(then("more", "finish"), after=1),
    "much-more": Case(then("much"), after=2),
    "disabled": Case(then("disable"), after=2),
    "stopping-late": Case(then("stop"), after=1, front="option idle-close-on-response"),
    "server-down": Case(then("maint"), after=2, words="check inter 60s on-marked-down shutdown-sessions"),
    "drained": Case(then("drain"), after=2),
    "unread": Case(unread, answer=b"HTTP/1.1 200 OK\r\ncontent-length: 12000\r\n\r\n" + b"x" * 12000),
    "interim-then-odd": Case(ask(*[get()] * 4), answer=(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK, OK, ODD), back="option accept-invalid-http-response"),
    "set-src": Case(ask(get("/a"), get("/b")), front="http-request set-src str(1.2.3.4) if { path /a }"),
    "set-connection": Case(ask(get(), get()), front="http-request set-header connection close"),
    "set-length": Case(ask(get(), get()), front="http-request set-header content-length 0"),
    "set-coding": Case(ask(get(), get()), front="http-request set-header transfer-encoding chunked"),
    "set-head": Case(ask(get(), get()), front="http-request set-method HEAD"),
    "set-variables": Case(ask(get("/a"), get()), front=VARIABLES, logs='log-format "%[var(sess.p)] %[var(txn.p)] %[var(req.p)] %[var(proc.p)]"'),
    "captures": Case(ask(get(), get()), front="http-request capture path len 9\n    http-request capture hdr(host) len 3"),
    "silent-log": Case(ask(get("/a"), get()), front="http-request set-log-level silent if { path /a }"),
    "id-in-header": Case(ask(get(), get()), front="unique-id-format %{+X}o%rt-%rc\n    http-request set-header x-id %[unique-id]", logs='log-format "%ID"'),
    "all-logged": Case(ask(get(), get("/a?b"), wait=3), after=1.2, logs=f'log-format "{ALL}"'),
    "answer-logged": Case(ask(get(), get()), logs='log-format "%[capture.res.ver] %[capture.req.uri] %[be_id] %[srv_id] %[method] %[bc_http_major]"'),
    "reject": Case(ask(get("/no")), front="http-request reject if { path /no }"),
    "auth": Case(ask(get("/no"), get()), front="http-request auth if { path /no }"),
    "own-pages": Case(ask(get(), get()), words="disabled", back="http-error status 503 content-type text/plain string gone"),
    "never-reused": Case(crowd, back="http-reuse never"),
    "aggressively-reused": Case(crowd, back="http-reuse aggressive", after=0.3),
    "always-reused": Case(crowd, back="http-reuse always", after=0.3),
    "crowd": Case(crowd, after=0.3),
    "crowd-queued": Case(crowd, after=0.3, words="maxconn 1"),
    "crowd-in-turn": Case(crowd, after=0.3, back="server s0 10.0.0.3:80"),
    "crowd-least": Case(crowd, after=0.3, back="balance leastconn\n    server s0 10.0.0.3:80 maxconn 2"),
    "crowd-full": Case(crowd, after=0.3, words="maxconn 1 maxqueue 1", back="timeout queue 100ms"),
    "pool-of-none": Case(crowd, words="pool-max-conn 0"),
    "pool-of-one": Case(crowd, words="pool-max-conn 1", after=0.3),
    "deny-piped": Case(ask(get("/no") + get("/yes") + get("/no"), get()), front="http-request deny if { path /no }"),
    "deny-then-piped": Case(ask(get("/no"), get("/yes") + get("/no")[:9], get("/no")[9:]), front="http-request deny if { path /no }"),
    "told-of-clients": Case(crowd, words="send-proxy", after=0.3),
    "told-of-clients-always": Case(crowd, words="send-proxy", back="http-reuse always"),
    "long-heads": Case(ask(*[get(fields=f"X-Long: {'x' * size}\r\n") for size in (8000, 8000, 8000, 15000, 15000, 15000)])),
    "long-answers": Case(ask(*[get()] * 4), answer=b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: " + b"x" * 15280 + b"\r\n\r\n"),
    "dispatched": Case(ask(get(), get("/2")), back="dispatch 10.0.0.2:80"),
    "dispatched-crowd": Case(crowd, back="dispatch 10.0.0.2:80\n    http-reuse always"),
    "redispatched": Case(ask(get(), get()), back="option redispatch\n    server s0 10.0.0.4:80"),
    "retried": Case(ask(get(), get(), get()), back="retry-on all-retryable-errors", answer=b"", end="close"),
    "pool-purged": Case(crowd, words="pool-purge-delay 0"),
}  # fmt: skip


def origin(case: Case) -> Callable[[Peer], Awaitable[None]]:
    """A server that answers two requests at once, and the others as the case says; it notes what it was asked."""

    async def serve(peer: Peer) -> None:
        while not peer.ended and not peer.lost:
            heard = bytes(await peer.expect(b"\r\n\r\n"))
            HEARD.append(heard)
            if b"/warm" in heard:
                await peer.send(OK)
                continue
            await asyncio.sleep(case.after)
            answer = case.answer if isinstance(case.answer, bytes) else case.answer[(len(HEARD) - 3) % len(case.answer)]
            if case.numbered:
                answer = answer.replace(b"\r\n", b"\r\nx-number: %d\r\n" % len(HEARD), 1)
            size = case.pieces or len(answer) or 1
            for at in range(0, len(answer), size):
                await peer.send(answer[at : at + size])
                await asyncio.sleep(0.01)
            if case.end == "reset":
                peer.reset()
            if case.end:
                peer.close()

    return serve


HEARD: list[bytes] = []


def play(make: Make, case: Case, express: bool, cold: bool = False) -> dict[str, Any]:
    """Everything that can be seen of a story."""
    HEARD.clear()
    scene = make(CONFIG.format(front=case.front, back=case.back, words=case.words, logs=case.logs))
    scene.origin(BACK, origin(case))
    scene.origin(OTHER, origin(case))
    frontend = scene.process.frontends["fe"]
    if not express:
        frontend.in_express = False

    async def story(scene: Stage) -> tuple[bytes, bool, bool]:
        client = await scene.world.client(FRONT)
        scene.world.hasty = cold  # a server's connection is there at once
        for _ in range(0 if cold else 2):  # the first opens the server's connection, after the second it counts as safe
            await client.send(get("/warm"))
            await asyncio.sleep(0.1)
        try:
            await case.act(scene, client)
        except ConnectionError:
            pass  # it was closed before the client had said everything
        seen = bytes(client.buffer), client.ended, client.lost
        client.close()
        return seen

    seen = scene.run(story, settle=40)
    holders: dict[str, Any] = {"frontend": frontend, "listener": frontend.listeners[0]}
    for backend in scene.process.backends.values():
        backend.fold_times()
        holders[backend.name] = backend
        for server in backend.servers:
            server.fold_times()
            holders[f"{backend.name}/{server.name}"] = server
    counted = {f"{name}.{cell.name}": getattr(holder.counters, cell.name) for name, holder in holders.items() for cell in fields(holder.counters)}
    process = scene.process
    return {"client": seen, "servers": list(HEARD), "logs": list(scene.logs), "counters": counted, "all": process.counters.requests_total}


@pytest.mark.parametrize("name", CASES)
def test_both_roads_are_one(stage: Make, name: str) -> None:
    short, long = play(stage, CASES[name], express=True), play(stage, CASES[name], express=False)
    for what, value in long.items():
        assert short[what] == value, what


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mode", ["http-keep-alive", "http-server-close", "httpclose"])
def test_both_roads_are_one_with_new_connections(stage: Make, name: str, mode: str) -> None:
    case = replace(CASES[name], front=f"{CASES[name].front}\n    option {mode}")
    short, long = play(stage, case, express=True, cold=True), play(stage, case, express=False, cold=True)
    for what, value in long.items():
        assert short[what] == value, what


def test_the_lane_is_taken_by_a_single_request(stage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing needs the coroutine where the server's connection is there at once, though both connections end with the answer."""
    monkeypatch.setattr(HttpStream, "run", None)
    seen = play(stage, replace(CASES["client-closes"], front="option httpclose"), express=True, cold=True)
    assert seen["all"] == 1
    assert seen["counters"]["be.hrsp_2xx"] == 1


def test_the_lane_is_taken(stage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first request, which opens the connection to the server, needs the coroutine."""
    begun: list[int] = []
    run = HttpStream.run

    def running(stream: HttpStream, *step: Any) -> Any:
        begun.append(stream.number)
        return run(stream, *step)

    monkeypatch.setattr(HttpStream, "run", running)
    seen = play(stage, CASES["plain"], express=True)
    assert seen["all"] == 5
    assert begun == [0]
    begun.clear()
    assert play(stage, CASES["changing-requests"], express=True)["all"] == 6
    assert begun == [0]
    begun.clear()
    assert play(stage, CASES["changing-answers"], express=True)["all"] == 6
    assert begun == [0, 4, 5]  # HEAD, and the one after: a body that HEAD must not have ended the connection
