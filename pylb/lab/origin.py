"""HttpOrigin: a scripted HTTP server on h11, over any `Net`: the lab's services on real sockets, and servers of stories in a World.

Every answer says who gave it. What it does can change at any time: `script` holds answers to give next, in order; `healthy` decides
what health checks see; `latency` delays everything. `stop` is what `docker stop` does to a service: the listener goes, and so do
the connections that it had accepted; `start` brings it back where it was.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import h11

from pylb.base.net import Endpoint, Listening, ListenOptions, Net

ALONE = ListenOptions(reuse_port=False)  # nobody else shall answer in our place


@dataclass(slots=True)
class Answer:
    """One response; `body` None: the origin tells who it is and what it was asked. `drop`: no response, the connection is reset."""

    status: int = 200
    body: bytes | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    delay: float = 0.0
    drop: bool = False


class HttpOrigin:
    """One server of one service."""

    def __init__(self, net: Net, loop: asyncio.AbstractEventLoop, endpoint: Endpoint, name: str, health_path: str = "", latency: float = 0.0) -> None:
        self.net, self.loop, self.endpoint, self.name = net, loop, endpoint, name
        self.health_path, self.latency = health_path, latency
        self.healthy = True
        self.script: deque[Answer] = deque()
        self.requests = 0  # without health checks
        self.checks = 0
        self.connections: set[Conversation] = set()
        self._listening: Listening | None = None

    def __repr__(self) -> str:
        return f"HttpOrigin({self.name} {self.endpoint} {'running' if self.running else 'stopped'})"

    @property
    def running(self) -> bool:
        return self._listening is not None

    def start(self) -> None:
        """Listen; raises ListenError. Port 0 becomes the one that was found free, for good."""
        if self._listening is None:
            self._listening = self.net.listen(self.endpoint, lambda: Conversation(self), ALONE)
            self.endpoint = self._listening.endpoint

    def stop(self) -> None:
        """Die: refuse connections, and reset those there are."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for conversation in list(self.connections):
            conversation.reset()

    def answer(self, request: h11.Request) -> Answer:
        """What to say to a request."""
        if is_check(request):
            self.checks += 1
            known = self.health_path in ("", request.target.decode("latin-1"))
            return Answer(200 if self.healthy else 503) if known else Answer(404)
        self.requests += 1
        return self.script.popleft() if self.script else Answer()

    def describe(self, request: h11.Request) -> bytes:
        """The body of an ordinary answer."""
        facts = {
            "server": self.name,
            "address": str(self.endpoint),
            "request": f"{request.method.decode('latin-1')} {request.target.decode('latin-1')}",
            "headers": {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers},
        }
        return json.dumps(facts).encode() + b"\n"


def is_check(request: h11.Request) -> bool:
    """Does a load balancer ask, and no client of its? Its checks are HTTP/1.0 and name no host; people's programs say who they are."""
    return request.http_version == b"1.0" and not {name for name, _ in request.headers} & {b"host", b"user-agent"}


def response(status: int, headers: list[tuple[str, str]]) -> h11.Response:
    """The head of a response, with the usual reason."""
    reason = http.client.responses.get(status, "")
    return h11.Response(status_code=status, headers=headers, reason=reason.encode())


class Conversation(asyncio.Protocol):
    """One connection of an origin: requests in, answers out, in order."""

    def __init__(self, origin: HttpOrigin) -> None:
        self.origin = origin
        self.codec = h11.Connection(h11.SERVER)
        self.transport: asyncio.Transport | None = None
        self.request: h11.Request | None = None
        self.timer: asyncio.TimerHandle | None = None

    # -- events of the transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.origin.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.codec.receive_data(data)
        if self.timer is None:
            self.advance()

    def eof_received(self) -> bool:
        self.codec.receive_data(b"")
        if self.timer is None:
            self.advance()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.origin.connections.discard(self)
        self.transport = None
        if self.timer is not None:
            self.timer.cancel()

    def reset(self) -> None:
        if self.transport is not None:
            self.origin.net.abort_with_reset(self.transport)

    # -- from requests to answers
    def advance(self) -> None:
        """Take what has arrived, until a request is complete or nothing is left."""
        while self.transport is not None and not self.transport.is_closing():
            try:
                event = self.codec.next_event()
            except h11.RemoteProtocolError as error:
                self.refuse(error.error_status_hint)
                return
            if isinstance(event, h11.Request):
                self.request = event
                self.write(self.codec.send(h11.InformationalResponse(status_code=100, headers=[])) if self.codec.they_are_waiting_for_100_continue else None)
            elif isinstance(event, h11.EndOfMessage):
                self.reply()
                return
            elif isinstance(event, h11.ConnectionClosed):
                self.transport.close()
            elif not isinstance(event, h11.Data):
                return

    def refuse(self, status: int) -> None:
        """The peer does not speak HTTP."""
        if self.codec.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.write(self.codec.send(response(status, [("content-length", "0"), ("connection", "close")])))
        if self.transport is not None:
            self.transport.close()

    def reply(self) -> None:
        """Answer the request, at once or later."""
        assert self.request is not None
        answer = self.origin.answer(self.request)
        delay = answer.delay + self.origin.latency
        if delay:
            self.timer = self.origin.loop.call_later(delay, self.send, answer)
        else:
            self.send(answer)

    def send(self, answer: Answer) -> None:
        self.timer = None
        if self.transport is None or self.transport.is_closing():
            return
        if answer.drop:
            self.reset()
            return
        assert self.request is not None
        body = self.origin.describe(self.request) if answer.body is None else answer.body
        headers = [("content-length", str(len(body))), ("content-type", "application/json"), ("x-served-by", self.origin.name), *answer.headers]
        pieces = [self.codec.send(response(answer.status, headers))]
        if self.request.method != b"HEAD":
            pieces.append(self.codec.send(h11.Data(data=body)))
        pieces.append(self.codec.send(h11.EndOfMessage()))
        self.write(b"".join(piece for piece in pieces if piece))
        self.next()

    def next(self) -> None:
        """The connection's next request, if there may be one."""
        if (self.codec.our_state, self.codec.their_state) == (h11.DONE, h11.DONE):
            self.codec.start_next_cycle()
            self.origin.loop.call_soon(self.advance)
        elif self.transport is not None:
            self.transport.close()

    def write(self, data: bytes | None) -> None:
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)
